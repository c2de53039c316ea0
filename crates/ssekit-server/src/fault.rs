//! Faults of delivery: what a load test must notice.
//!
//! A defect breaks a rule of the standard; a fault keeps every rule and loses, delays or repeats
//! events all the same. Each is exact, so that a test can say which figure it must give.
use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::time::Instant;

use crate::piece::{PieceKind, Write};

/// One fault of delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `stall:AT:LENGTH`: at this age a stream falls silent for this long, then sends at once what
    /// was due meanwhile.
    Stall {
        /// Age of the stream.
        at: Duration,
        /// Length of the silence.
        length: Duration,
    },
    /// `drop:N`: events whose number N divides are not sent.
    Drop(u64),
    /// `duplicate:N`: events whose number N divides are sent twice.
    Duplicate(u64),
    /// `reorder:N`: events whose number N divides are sent right after the next one.
    Reorder(u64),
    /// `burst:N`: N events are gathered, then written at once.
    Burst(u64),
    /// `buffer:BYTES`: bytes leave in blocks of this size only.
    Buffer(usize),
    /// `late-stamps`: the time in the data is that of sending, not that at which the event was due.
    LateStamps,
    /// `reset:N`: after N events the connection is reset, the stream without an end.
    Reset(u64),
    /// `slow-accept:TIME`: this long between two connections that are taken.
    SlowAccept(Duration),
}

/// How faults are written, for messages and help.
const FORMS: &str = "stall:AT:LENGTH, drop:N, duplicate:N, reorder:N, burst:N, buffer:BYTES, \
                     late-stamps, reset:N or slow-accept:TIME";
const LONGEST: Duration = Duration::from_secs(3600);

impl FromStr for Fault {
    type Err = String;

    /// # Errors
    /// With a line that says how faults are written.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let kind = parts.next().unwrap_or_default();
        let arguments: Vec<&str> = parts.collect();
        let fault = match (kind, &arguments[..]) {
            ("stall", [at, length]) => duration(at)
                .zip(duration(length))
                .map(|(at, length)| Self::Stall { at, length }),
            ("drop", [n]) => count(n).map(Self::Drop),
            ("duplicate", [n]) => count(n).map(Self::Duplicate),
            ("reorder", [n]) => count(n).filter(|n| *n > 1).map(Self::Reorder),
            ("burst", [n]) => count(n).map(Self::Burst),
            ("buffer", [n]) => count(n)
                .and_then(|n| usize::try_from(n).ok())
                .map(Self::Buffer),
            ("late-stamps", []) => Some(Self::LateStamps),
            ("reset", [n]) => count(n).map(Self::Reset),
            ("slow-accept", [time]) => duration(time).map(Self::SlowAccept),
            _ => None,
        };
        fault.ok_or_else(|| {
            format!("{text:?} is no fault: use {FORMS}, with N from 1 to 1000000000 and times such as 700ms or 2s, at most 1h")
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stall { at, length } => {
                write!(f, "stall:{}ms:{}ms", at.as_millis(), length.as_millis())
            }
            Self::Drop(n) => write!(f, "drop:{n}"),
            Self::Duplicate(n) => write!(f, "duplicate:{n}"),
            Self::Reorder(n) => write!(f, "reorder:{n}"),
            Self::Burst(n) => write!(f, "burst:{n}"),
            Self::Buffer(n) => write!(f, "buffer:{n}"),
            Self::LateStamps => f.write_str("late-stamps"),
            Self::Reset(n) => write!(f, "reset:{n}"),
            Self::SlowAccept(time) => write!(f, "slow-accept:{}ms", time.as_millis()),
        }
    }
}

fn count(text: &str) -> Option<u64> {
    text.parse()
        .ok()
        .filter(|n| (1..=1_000_000_000).contains(n))
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let number: u64 = number.parse().ok()?;
    let time = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.checked_mul(60)?),
        _ => return None,
    };
    (time <= LONGEST).then_some(time)
}

/// The numbers of the events that leave when event `number` is due.
pub(crate) fn numbers(faults: &[Fault], number: u64) -> Vec<u64> {
    let mut out = vec![number];
    for fault in faults {
        match *fault {
            Fault::Drop(n) => out.retain(|number| !number.is_multiple_of(n)),
            Fault::Duplicate(n) => {
                out = out
                    .into_iter()
                    .flat_map(|number| {
                        [number].repeat(if number.is_multiple_of(n) { 2 } else { 1 })
                    })
                    .collect();
            }
            Fault::Reorder(n) if number.is_multiple_of(n) => out.clear(),
            Fault::Reorder(n) if number > 1 && (number - 1).is_multiple_of(n) => {
                out.push(number - 1)
            }
            _ => {}
        }
    }
    out
}

/// When an event that is due then leaves at the earliest.
pub(crate) fn released(faults: &[Fault], opened: Instant, due: Instant) -> Instant {
    let stalls = faults.iter().filter_map(|fault| match *fault {
        Fault::Stall { at, length } => Some((opened + at, opened + at + length)),
        _ => None,
    });
    let mut due = due;
    for (from, to) in stalls {
        if (from..to).contains(&due) {
            due = to;
        }
    }
    due
}

/// The stamp of an event that is due at `due_ms`.
pub(crate) fn stamp_ms(faults: &[Fault], due_ms: u64) -> u64 {
    if !faults.contains(&Fault::LateStamps) {
        return due_ms;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(due_ms, |now| {
        u64::try_from(now.as_millis()).unwrap_or(due_ms)
    })
}

/// After how many events the connection is reset.
pub(crate) fn reset_after(faults: &[Fault]) -> Option<u64> {
    faults.iter().find_map(|fault| match *fault {
        Fault::Reset(n) => Some(n),
        _ => None,
    })
}

/// Time between two connections that are taken.
pub(crate) fn between_accepts(faults: &[Fault]) -> Option<Duration> {
    faults.iter().find_map(|fault| match *fault {
        Fault::SlowAccept(time) => Some(time),
        _ => None,
    })
}

/// Gathers events until a batch is full.
#[derive(Debug)]
pub(crate) struct Batch {
    size: u64,
    held: Vec<u8>,
    events: u64,
}

impl Batch {
    pub(crate) fn of(faults: &[Fault]) -> Option<Self> {
        faults.iter().find_map(|fault| match *fault {
            Fault::Burst(size) => Some(Self {
                size,
                held: Vec::new(),
                events: 0,
            }),
            _ => None,
        })
    }

    /// The writes that leave now that these have come; comments leave at once when nothing waits.
    pub(crate) fn pass(&mut self, kind: PieceKind, writes: Vec<Write>) -> Vec<Write> {
        for write in writes {
            if let Write::Bytes(bytes) = write {
                self.held.extend_from_slice(&bytes);
            }
        }
        self.events += u64::from(matches!(kind, PieceKind::Event { .. }));
        if self.events == 0 || self.events >= self.size {
            self.finish()
        } else {
            Vec::new()
        }
    }

    pub(crate) fn finish(&mut self) -> Vec<Write> {
        self.events = 0;
        if self.held.is_empty() {
            return Vec::new();
        }
        vec![std::mem::take(&mut self.held).into()]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "stall:2000ms:700ms",
            "drop:100",
            "duplicate:7",
            "reorder:2",
            "burst:10",
            "buffer:4096",
            "late-stamps",
            "reset:5",
            "slow-accept:20ms",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        assert_eq!(
            "stall:2s:1m".parse(),
            Ok(Fault::Stall {
                at: Duration::from_secs(2),
                length: Duration::from_secs(60)
            })
        );
        for text in [
            "",
            "drop",
            "drop:0",
            "drop:x",
            "stall:1s",
            "reorder:1",
            "burst:",
            "stall:2h:1s",
            "slow-accept:5",
            "late-stamps:1",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_dropped_repeated_and_swapped() {
        let sent = |fault: &str| -> Vec<u64> {
            let faults = [fault.parse().unwrap()];
            (1..=7).flat_map(|n| numbers(&faults, n)).collect()
        };
        assert_eq!(sent("drop:3"), [1, 2, 4, 5, 7]);
        assert_eq!(sent("duplicate:3"), [1, 2, 3, 3, 4, 5, 6, 6, 7]);
        assert_eq!(sent("reorder:3"), [1, 2, 4, 3, 5, 7, 6]);
        assert_eq!(sent("burst:3"), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn a_stall_holds_what_is_due_in_it() {
        let faults = ["stall:2s:700ms".parse().unwrap()];
        let opened = Instant::now();
        let after = |ms| released(&faults, opened, opened + Duration::from_millis(ms)) - opened;
        assert_eq!(after(1999), Duration::from_millis(1999));
        assert_eq!(after(2000), Duration::from_millis(2700));
        assert_eq!(after(2699), Duration::from_millis(2700));
        assert_eq!(after(2700), Duration::from_millis(2700));
    }
}
