//! Streams that ssekit leaves while it watches the server's own count of streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssekit_http::{Ask, Options};
use ssekit_record::Transcript;
use ssekit_scenario::{Script, Step};

use crate::probe::Until;
use crate::round::one;
use crate::{CheckOptions, ConformanceError, endpoint};

/// What the stream does while it is left, and how it is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Parting {
    /// Events are sent; the connection is closed.
    BusyClosed,
    /// Events are sent; the connection is reset.
    BusyReset,
    /// Nothing is sent; the connection is closed.
    IdleClosed,
    /// Nothing is sent; the connection is reset.
    IdleReset,
}

/// What an exchange about a parting is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Moment {
    /// The count before the stream.
    Before,
    /// The stream itself.
    Stream,
    /// The count while it is open.
    During,
    /// The last count after it was left.
    After,
}

impl Parting {
    /// In the order in which they are made.
    pub(crate) const EACH: [Self; 4] = [
        Self::BusyClosed,
        Self::BusyReset,
        Self::IdleClosed,
        Self::IdleReset,
    ];

    /// In words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::BusyClosed => "a busy stream, closed",
            Self::BusyReset => "a busy stream, reset",
            Self::IdleClosed => "a silent stream, closed",
            Self::IdleReset => "a silent stream, reset",
        }
    }

    /// Name of the probe, permanent.
    pub(crate) fn name(self, moment: Moment) -> &'static str {
        use Moment::{After, Before, During, Stream};
        match (self, moment) {
            (Self::BusyClosed, Before) => "echo-busy-closed-before",
            (Self::BusyClosed, Stream) => "echo-busy-closed",
            (Self::BusyClosed, During) => "echo-busy-closed-during",
            (Self::BusyClosed, After) => "echo-busy-closed-after",
            (Self::BusyReset, Before) => "echo-busy-reset-before",
            (Self::BusyReset, Stream) => "echo-busy-reset",
            (Self::BusyReset, During) => "echo-busy-reset-during",
            (Self::BusyReset, After) => "echo-busy-reset-after",
            (Self::IdleClosed, Before) => "echo-idle-closed-before",
            (Self::IdleClosed, Stream) => "echo-idle-closed",
            (Self::IdleClosed, During) => "echo-idle-closed-during",
            (Self::IdleClosed, After) => "echo-idle-closed-after",
            (Self::IdleReset, Before) => "echo-idle-reset-before",
            (Self::IdleReset, Stream) => "echo-idle-reset",
            (Self::IdleReset, During) => "echo-idle-reset-during",
            (Self::IdleReset, After) => "echo-idle-reset-after",
        }
    }

    pub(crate) fn is_busy(self) -> bool {
        matches!(self, Self::BusyClosed | Self::BusyReset)
    }

    fn is_reset(self) -> bool {
        matches!(self, Self::BusyReset | Self::IdleReset)
    }

    /// How long the count is watched after the stream was left.
    fn patience(self, options: &CheckOptions) -> Duration {
        if options.long && !self.is_busy() {
            return LONG_PATIENCE;
        }
        PATIENCE
    }

    /// A stream that lasts longer than it is watched for.
    pub(crate) fn script(self, options: &CheckOptions) -> Script {
        let event = || Step::Event {
            data: Some("ssekit-parting".into()),
            event: None,
            id: None,
            retry: None,
        };
        if self.is_busy() {
            let each = (0..40).flat_map(|_| [event(), Step::Wait { ms: 150 }]);
            return Script::new(each.collect());
        }
        let patience = self.patience(options).as_millis();
        let ms = u64::try_from(patience).unwrap_or(u64::MAX) * 2;
        Script::new(vec![event(), Step::Wait { ms }])
    }
}

const PATIENCE: Duration = Duration::from_millis(2_500);
const LONG_PATIENCE: Duration = Duration::from_secs(20);
/// Time between two looks at the count.
const LOOK: Duration = Duration::from_millis(40);
/// How long a stream is kept open once it is counted.
const OPEN: Duration = Duration::from_millis(80);
/// Time given to the streams of other probes to be noticed as left.
const SETTLE: Duration = Duration::from_secs(3);
/// Looks in a row that agree before the count is taken to stand still.
const STEADY: usize = 3;

/// Makes the partings one after the other, with nothing beside them. Ends where one is not noticed:
/// the count says nothing any more.
pub(crate) async fn partings(
    stream: impl Fn(Parting) -> Option<Ask>,
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Vec<Transcript>, ConformanceError> {
    let mut seen = Vec::new();
    for parting in Parting::EACH {
        if options.stopped() {
            break;
        }
        let Some(ask) = stream(parting) else {
            break;
        };
        // Once the count stood still, it has come back to the same after each parting.
        let steady = if seen.is_empty() { STEADY } else { 1 };
        let made = part(parting, ask, steady, options, exchange).await?;
        let count = |name: Moment| {
            let named = |t: &&Transcript| t.probe == parting.name(name);
            made.iter().find(named).and_then(endpoint::active_streams)
        };
        let noticed = match (count(Moment::Before), count(Moment::After)) {
            (Some(before), Some(after)) => after <= before,
            _ => false,
        };
        seen.extend(made);
        if !noticed {
            break;
        }
    }
    Ok(seen)
}

async fn part(
    parting: Parting,
    ask: Ask,
    looks: usize,
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Vec<Transcript>, ConformanceError> {
    let count = |moment| count(parting.name(moment), options, exchange);
    let settling = Instant::now();
    let mut before = count(Moment::Before).await?;
    let mut steady = 0;
    while steady < looks && settling.elapsed() < SETTLE {
        tokio::time::sleep(LOOK).await;
        let again = count(Moment::Before).await?;
        let same = endpoint::active_streams(&again) == endpoint::active_streams(&before);
        steady = if same { steady + 1 } else { 0 };
        before = again;
    }
    let Some(base) = endpoint::active_streams(&before) else {
        return Ok(vec![before]);
    };
    let leave = Arc::new(AtomicBool::new(false));
    let streaming = tokio::spawn({
        let (leave, mut exchange) = (Arc::clone(&leave), exchange.clone());
        exchange.reset = parting.is_reset();
        async move { one(&ask, &leave, &exchange, Until::Window(LONG_PATIENCE * 2)).await }
    });
    let opening = Instant::now();
    let mut during = count(Moment::During).await?;
    while endpoint::active_streams(&during).is_none_or(|streams| streams <= base)
        && opening.elapsed() < PATIENCE
    {
        tokio::time::sleep(LOOK).await;
        during = count(Moment::During).await?;
    }
    // Long enough for its first event, so that what is left is a stream.
    tokio::time::sleep(OPEN).await;
    leave.store(true, Ordering::Relaxed);
    let stream = match streaming.await {
        Ok(transcript) => transcript?,
        // A panic in a probe is ours: let it surface as one.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => return Ok(vec![before, during]),
    };
    let left = Instant::now();
    let mut after = count(Moment::After).await?;
    while endpoint::active_streams(&after).is_none_or(|streams| streams > base)
        && left.elapsed() < parting.patience(options)
        && !options.stopped()
    {
        tokio::time::sleep(LOOK).await;
        after = count(Moment::After).await?;
    }
    Ok(vec![before, stream, during, after])
}

async fn count(
    name: &str,
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Transcript, ConformanceError> {
    let ask = endpoint::document(name, options);
    let until = Until::Head(Duration::from_secs(1));
    one(&ask, &options.stop, exchange, until).await
}
