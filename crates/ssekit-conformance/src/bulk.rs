//! Values of many megabytes for the echo endpoint: made while they are sent, compared while they
//! arrive, never held.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use ssekit_http::{Ask, Glimpse, Options, Seen, Upload, observe};
use ssekit_record::{Bulk, Skipped};
use ssekit_scenario::{Script, Step};

use crate::arrival::Arrival;
use crate::echo::{AFTER, BEFORE};
use crate::text::Text;
use crate::{CheckOptions, ConformanceError, Probe};

/// A value whose size is what matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum EchoBulk {
    /// 8 MiB in one line.
    Line8,
    /// 8 MiB in lines of 64 characters.
    Lines8,
    /// 64 MiB in one line.
    Line64,
    /// 64 MiB in lines of 64 characters.
    Lines64,
}

/// Bytes of content kept of such an exchange.
const KEPT: usize = 4 * 1024;
/// Bytes of content that may come in answer, for each byte of the value: a space, a name and a line end
/// more a line, and as much again for what a library adds.
const ANSWER: u64 = 4;
/// Bytes made at a time.
const PIECE: usize = 64 * 1024;
/// A silence after which nothing more is waited for.
pub(crate) const QUIET: Duration = Duration::from_secs(5);
/// Stands for the value in the script.
const VALUE: &str = "ssekit-value";

impl EchoBulk {
    /// In the order they are sent.
    pub(crate) const EACH: [Self; 4] = [Self::Line8, Self::Lines8, Self::Line64, Self::Lines64];

    /// Name of the probe that sends it, permanent.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Line8 => "echo-bulk-8",
            Self::Lines8 => "echo-bulk-8-lines",
            Self::Line64 => "echo-bulk-64",
            Self::Lines64 => "echo-bulk-64-lines",
        }
    }

    /// What is sent, in words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Line8 => "8 MiB of data in one line",
            Self::Lines8 => "8 MiB of data in lines",
            Self::Line64 => "64 MiB of data in one line",
            Self::Lines64 => "64 MiB of data in lines",
        }
    }

    /// Whether only a long run sends it.
    pub(crate) fn is_long(self) -> bool {
        matches!(self, Self::Line64 | Self::Lines64)
    }

    /// The smaller value of the same form, without which this one is not sent.
    fn smaller(self) -> Option<Self> {
        match self {
            Self::Line8 | Self::Lines8 => None,
            Self::Line64 => Some(Self::Line8),
            Self::Lines64 => Some(Self::Lines8),
        }
    }

    /// Length of the value in bytes.
    pub(crate) fn len(self) -> u64 {
        match self {
            Self::Line8 | Self::Lines8 => 8 << 20,
            Self::Line64 | Self::Lines64 => 64 << 20,
        }
    }

    /// The value.
    pub(crate) fn text(self) -> Text {
        match self {
            Self::Line8 | Self::Line64 => Text::flat(self.len()),
            Self::Lines8 | Self::Lines64 => Text::lines(self.len()),
        }
    }

    /// How long one takes at most, from the request to its end.
    pub(crate) fn longest(self) -> Duration {
        Duration::from_secs(if self.is_long() { 30 } else { 10 })
    }

    /// The script, without and with the length of its value.
    fn frame(self) -> (String, String, u64) {
        let event = |text: &str| Step::Event {
            data: Some(text.into()),
            event: None,
            id: None,
            retry: None,
        };
        let steps = [BEFORE, VALUE, AFTER].map(event);
        let json = Script::new([steps.to_vec(), vec![Step::Close {}]].concat()).to_json();
        let (before, after) = json.split_once(VALUE).unwrap_or_default();
        let len = before.len() as u64 + self.text().escaped().len() + after.len() as u64;
        (before.into(), after.into(), len)
    }

    /// The content of the request; `sent` is told how much of it was taken.
    fn upload(self, sent: Arc<AtomicU64>) -> Upload {
        let (before, after, len) = self.frame();
        let value = self.text().escaped();
        Upload::made(len, move |at| {
            let (begin, end) = (before.len() as u64, before.len() as u64 + value.len());
            let piece = if at < begin {
                Bytes::copy_from_slice(&before.as_bytes()[at as usize..])
            } else if at >= end {
                Bytes::copy_from_slice(&after.as_bytes()[(at - end) as usize..])
            } else {
                let mut piece = vec![0; PIECE];
                let made = value.fill(at - begin, &mut piece);
                piece.truncate(made);
                piece.into()
            };
            sent.store(at + piece.len() as u64, Ordering::Relaxed);
            piece
        })
    }
}

/// Sends the values one after the other. Each one only where the smaller of its form arrived.
pub(crate) async fn bulks(
    probes: &[Probe],
    ask: impl Fn(Probe) -> Result<Ask, Skipped>,
    options: &CheckOptions,
    exchange: &Options,
    mut each: impl FnMut(Probe, Option<&Bulk>),
) -> Result<(Vec<Bulk>, Vec<Skipped>), ConformanceError> {
    let (mut made, mut skipped): (Vec<Bulk>, _) = (Vec::new(), Vec::new());
    for value in EchoBulk::EACH {
        let probe = Probe::Bulk(value);
        if options.stopped() || !probes.contains(&probe) {
            continue;
        }
        let ready = spared(value, &made, options).map_or_else(|| ask(probe), Err);
        let ask = match ready {
            Ok(ask) => ask,
            Err(reason) => {
                skipped.push(reason);
                continue;
            }
        };
        each(probe, None);
        let bulk = send(value, ask, options, exchange).await?;
        if options.stopped() {
            // Cut short, it would show less than the target has to show.
            break;
        }
        each(probe, Some(&bulk));
        made.push(bulk);
    }
    Ok((made, skipped))
}

/// Why a value is not sent after what came before it.
fn spared(value: EchoBulk, made: &[Bulk], options: &CheckOptions) -> Option<Skipped> {
    let skip = |reason: String| {
        Some(Skipped {
            probe: value.name().into(),
            reason,
            not_applicable: false,
        })
    };
    let most = options.endpoint.as_ref().and_then(|found| found.most);
    if let Some(most) = most.filter(|most| *most < value.frame().2) {
        return skip(format!(
            "the echo endpoint takes scripts of {most} bytes at most"
        ));
    }
    let smaller = value.smaller()?;
    let found = made.iter().find(|b| b.transcript.probe == smaller.name());
    match found {
        Some(bulk) if bulk.is_whole() => None,
        _ => skip(format!("{} did not arrive whole", smaller.about())),
    }
}

async fn send(
    value: EchoBulk,
    mut ask: Ask,
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Bulk, ConformanceError> {
    let sent = Arc::new(AtomicU64::new(0));
    ask.body = Some(value.upload(Arc::clone(&sent)));
    let mut exchange = exchange.clone();
    exchange.limits.body = KEPT;
    exchange.limits.forgotten = value.len() * ANSWER;
    exchange.head_timeout = value.longest();
    let mut arrival = Arrival::new(value.text());
    let (mut last_us, mut long) = (0, false);
    let mut observer = |glimpse: Glimpse<'_>| {
        let now = match glimpse {
            Glimpse::Head(head) => {
                last_us = head.at_us;
                head.at_us
            }
            Glimpse::Content { bytes, at_us } => {
                arrival.read(bytes);
                last_us = at_us;
                at_us
            }
            Glimpse::Idle { at_us } => at_us,
            _ => return Seen::More,
        };
        let us = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let is_quiet = last_us > 0 && now.saturating_sub(last_us) >= us(QUIET);
        long = now >= us(value.longest());
        if is_quiet || long || options.stopped() {
            Seen::Enough
        } else {
            Seen::More
        }
    };
    let transcript = observe(&ask, &exchange, &mut observer).await?;
    let quiet_us = transcript.end.at_us.saturating_sub(last_us);
    let sent_len = sent.load(Ordering::Relaxed);
    Ok(arrival.finish(transcript, sent_len, quiet_us))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_content_is_the_script_as_its_json_would_be() {
        for value in [EchoBulk::Line8, EchoBulk::Lines8] {
            let sent = Arc::new(AtomicU64::new(0));
            let content = value.upload(Arc::clone(&sent)).to_vec();
            assert_eq!(content.len() as u64, value.frame().2);
            let script = Script::parse(&content, &Default::default()).unwrap();
            let mut wanted = vec![0; value.len() as usize];
            assert_eq!(value.text().fill(0, &mut wanted), wanted.len());
            let [
                _,
                Step::Event {
                    data: Some(data), ..
                },
                _,
                Step::Close {},
            ] = &script.steps[..]
            else {
                panic!("{} steps", script.steps.len());
            };
            assert!(data.as_bytes() == wanted);
            assert_eq!(sent.load(Ordering::Relaxed), value.frame().2);
        }
    }
}
