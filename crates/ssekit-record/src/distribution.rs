//! Many samples in bounded memory.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{
    Deserializer, Serializer as _, V2DeflateSerializer, V2Serializer,
};

/// Samples as an HdrHistogram: whole numbers, told apart to a number of significant decimal
/// digits. Adding two gives what recording all samples into one would have given, so percentiles of
/// many workers or machines are exact to the same digits and never averaged.
#[derive(Debug, Clone)]
pub struct Distribution(Form);

#[derive(Debug, Clone)]
enum Form {
    /// A count for each value. Boxed, since where many are kept they are packed.
    Open(Box<Histogram<u64>>),
    /// HdrHistogram's V2 form, which leaves out what no sample has.
    Packed(Box<[u8]>),
}

impl PartialEq for Distribution {
    fn eq(&self, other: &Self) -> bool {
        self.histogram() == other.histogram()
    }
}

/// Largest sample kept; larger ones count as this one. As microseconds about 12 days.
const LARGEST: u64 = 1 << 40;
/// Longest encoded histogram read, in bytes.
const MAX_ENCODED: usize = 16 * 1024 * 1024;

/// Why an encoded histogram cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an HdrHistogram V2 payload in base64: {0}")]
pub struct DistributionError(String);

impl Distribution {
    /// An empty one that keeps so many significant decimal digits, from 1 to 5.
    pub fn new(digits: u8) -> Self {
        #[expect(clippy::expect_used, reason = "1 to 5 digits are valid")]
        let mut histogram = Histogram::new(digits.clamp(1, 5)).expect("valid digits");
        histogram.auto(true);
        Self(Form::Open(Box::new(histogram)))
    }

    /// Keeps the samples in as little memory as they need; whatever looks at them then takes longer.
    pub fn pack(&mut self) {
        let Form::Open(histogram) = &self.0 else {
            return;
        };
        let mut bytes = Vec::new();
        // Writing to memory cannot fail; a count beyond an i64 could not be written, and stays as it is.
        if V2Serializer::new()
            .serialize(histogram.as_ref(), &mut bytes)
            .is_ok()
        {
            self.0 = Form::Packed(bytes.into_boxed_slice());
        }
    }

    fn open(&mut self) -> &mut Histogram<u64> {
        if let Form::Packed(bytes) = &self.0 {
            self.0 = Form::Open(Box::new(unpacked(bytes)));
        }
        match &mut self.0 {
            Form::Open(histogram) => histogram,
            Form::Packed(_) => unreachable!("it was opened"),
        }
    }

    /// Takes a sample.
    pub fn record(&mut self, value: u64) {
        self.record_n(value, 1);
    }

    /// Takes the same sample so many times.
    pub fn record_n(&mut self, value: u64, count: u64) {
        // It resizes itself up to the largest, which only memory could refuse.
        let recorded = self.open().record_n(value.min(LARGEST), count);
        debug_assert!(recorded.is_ok(), "{recorded:?}");
    }

    /// Adds the samples of another.
    pub fn add(&mut self, other: &Self) {
        // It resizes itself, so no value of the other is out of its range.
        let added = self.open().add(other.histogram().as_ref());
        debug_assert!(added.is_ok(), "{added:?}");
    }

    /// How many samples.
    pub fn count(&self) -> u64 {
        self.histogram().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.histogram().is_empty()
    }

    /// The smallest sample; 0 where there is none.
    pub fn min(&self) -> u64 {
        let histogram = self.histogram();
        if histogram.is_empty() {
            0
        } else {
            histogram.min()
        }
    }

    /// The largest sample; 0 where there is none.
    pub fn max(&self) -> u64 {
        self.histogram().max()
    }

    /// The mean; 0 where there is no sample.
    pub fn mean(&self) -> f64 {
        self.histogram().mean()
    }

    /// The value that this share of the samples, from 0 to 1, does not exceed; 0 where there is no
    /// sample.
    pub fn quantile(&self, share: f64) -> u64 {
        // 99.9 / 100 is a little more than 0.999, and must not be the sample after the right one.
        self.histogram()
            .value_at_quantile(share * (1.0 - 4.0 * f64::EPSILON))
    }

    /// How many samples are larger than this, to the digits kept.
    pub fn count_above(&self, value: u64) -> u64 {
        let histogram = self.histogram();
        let bound = histogram.highest_equivalent(value);
        let above = histogram.iter_recorded().map(|step| {
            let is_above = step.value_iterated_to() > bound;
            u64::from(is_above) * step.count_at_value()
        });
        above.sum()
    }

    /// Values in rising order, each the largest of those not told apart, with their counts.
    pub fn steps(&self) -> impl Iterator<Item = (u64, u64)> + use<> {
        let histogram = self.histogram();
        let steps = histogram.iter_recorded();
        let steps = steps.map(|step| (step.value_iterated_to(), step.count_at_value()));
        steps.collect::<Vec<_>>().into_iter()
    }

    /// The HdrHistogram itself.
    pub fn histogram(&self) -> Cow<'_, Histogram<u64>> {
        match &self.0 {
            Form::Open(histogram) => Cow::Borrowed(histogram),
            Form::Packed(bytes) => Cow::Owned(unpacked(bytes)),
        }
    }

    /// HdrHistogram's V2 compressed form in base64, as its own tools read it.
    pub fn encode(&self) -> String {
        let mut bytes = Vec::new();
        let written = V2DeflateSerializer::new().serialize(self.histogram().as_ref(), &mut bytes);
        // Writing to memory cannot fail, and counts fit by construction.
        debug_assert!(written.is_ok(), "{written:?}");
        STANDARD.encode(bytes)
    }

    /// Reads what [`Self::encode`] wrote, or another HdrHistogram library.
    ///
    /// # Errors
    /// When it is not that form, or larger than 16 MiB.
    pub fn decode(text: &str) -> Result<Self, DistributionError> {
        if text.len() > MAX_ENCODED {
            return Err(DistributionError("too long".into()));
        }
        let bytes = STANDARD
            .decode(text)
            .map_err(|error| DistributionError(error.to_string()))?;
        let mut histogram: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|error| DistributionError(format!("{error:?}")))?;
        histogram.auto(true);
        Ok(Self(Form::Open(Box::new(histogram))))
    }
}

impl From<Histogram<u64>> for Distribution {
    fn from(mut histogram: Histogram<u64>) -> Self {
        histogram.auto(true);
        Self(Form::Open(Box::new(histogram)))
    }
}

/// The samples that were packed.
fn unpacked(mut bytes: &[u8]) -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bytes are those of `pack`")]
    let mut histogram: Histogram<u64> = Deserializer::new()
        .deserialize(&mut bytes)
        .expect("what was packed");
    histogram.auto(true);
    histogram
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut all = Distribution::new(3);
        for value in [0, 1, 999, 250_000, 3_600_000_000] {
            all.record_n(value, value % 7 + 1);
        }
        let read = Distribution::decode(&all.encode()).unwrap();
        assert_eq!(read, all);
        assert_eq!((read.count(), read.max()), (all.count(), all.max()));
    }

    #[test]
    fn a_share_that_is_a_whole_number_of_samples_is_that_sample() {
        for count in [1000_u64, 10_000, 100_000] {
            let mut samples = Distribution::new(5);
            (1..=count).for_each(|value| samples.record(value));
            for percent in [99.9, 7.0, 50.0, 99.0, 100.0, 0.1] {
                let rank = (percent * count as f64 / 100.0).round() as u64;
                assert_eq!(
                    samples.quantile(percent / 100.0),
                    rank,
                    "p{percent} of {count}"
                );
            }
        }
    }

    #[test]
    fn a_value_takes_little_beside_its_samples() {
        // A map of them has room for eleven at a time, and a long run keeps hundreds of maps.
        assert!(size_of::<crate::MetricValue>() <= 48);
    }

    #[test]
    fn packed_samples_are_the_same_and_take_less() {
        let mut open = Distribution::new(3);
        for value in [0, 5, 5, 999, 250_000, 3_600_000_000] {
            open.record(value);
        }
        let mut packed = open.clone();
        packed.pack();
        let Form::Packed(bytes) = &packed.0 else {
            panic!("{packed:?}");
        };
        assert!(bytes.len() < 100, "{}", bytes.len());
        assert_eq!(packed, open);
        assert_eq!(
            (packed.min(), packed.max(), packed.count()),
            (0, open.max(), 6)
        );
        assert_eq!(packed.quantile(0.5), open.quantile(0.5));
        assert_eq!(packed.count_above(5), 3);
        assert!(packed.steps().eq(open.steps()));
        assert_eq!(packed.encode(), open.encode());
        // Both ways round, and beyond the range it was packed with.
        let mut more = Distribution::new(3);
        more.record(1 << 39);
        let mut sum = more.clone();
        sum.add(&packed);
        packed.add(&more);
        assert_eq!(packed.count(), 7);
        assert_eq!(sum, packed);
    }

    #[test]
    fn adding_is_recording_into_one() {
        let (mut all, mut left, mut right) = (
            Distribution::new(3),
            Distribution::new(3),
            Distribution::new(3),
        );
        for value in 1..5_000_u64 {
            all.record(value * 31);
            let half = if value % 3 == 0 {
                &mut left
            } else {
                &mut right
            };
            half.record(value * 31);
        }
        left.add(&right);
        assert_eq!(left, all);
    }

    #[test]
    fn shares_above_a_value_are_counted() {
        let mut some = Distribution::new(3);
        for value in [10, 100, 250, 251, 1_000] {
            some.record(value);
        }
        assert_eq!(some.count_above(250), 2);
        assert_eq!(some.count_above(0), 5);
        assert_eq!(some.count_above(u64::MAX / 4), 0);
    }

    #[test]
    fn what_is_no_histogram_is_refused() {
        for text in ["", "!", "AAAA", "HISTFAAAAAA="] {
            assert!(Distribution::decode(text).is_err(), "{text}");
        }
    }
}
