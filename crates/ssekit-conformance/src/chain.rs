//! Several reconnections in a row, each with the last id of the one before, beside one stream that
//! stays and sees everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ssekit_http::{Ask, Options};
use ssekit_record::{Skipped, Transcript};

use crate::plan::set;
use crate::probe::Until;
use crate::round::one;
use crate::{CheckOptions, ConformanceError, Reading};

/// One of the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Link {
    /// The one that stays.
    Witness,
    /// The first that is left.
    First,
    /// Comes back with the last id of the first.
    Second,
    /// Comes back with the last id of the second.
    Third,
    /// Comes back with the last id of the third.
    Fourth,
}

impl Link {
    /// Those that follow each other.
    pub(crate) const IN_TURN: [Self; 4] = [Self::First, Self::Second, Self::Third, Self::Fourth];

    /// Name of the probe, permanent.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Witness => "chain-witness",
            Self::First => "chain-1",
            Self::Second => "chain-2",
            Self::Third => "chain-3",
            Self::Fourth => "chain-4",
        }
    }

    /// What it is for, in words.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Witness => "a stream that stays while others come back",
            Self::First => "the first of four connections in a row",
            _ => "comes back with the last id of the connection before",
        }
    }
}

/// How long the client is away between two connections.
const AWAY: Duration = Duration::from_millis(150);
/// How long each connection lasts at least, and at most.
const SHORTEST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(4);
/// Longest mean time between two events for which the chain is made in a short run.
const SLOWEST: Duration = Duration::from_millis(500);

/// How long each connection lasts; `Err` says why none is made. Longer than the client is away, so
/// that what was missed and what is new meet in it.
pub(crate) fn stay(reading: &Reading, options: &CheckOptions) -> Result<Duration, Skipped> {
    let skip = |reason: &str, not_applicable| Skipped {
        probe: Link::Witness.name().into(),
        reason: reason.into(),
        not_applicable,
    };
    let with_id: Vec<_> = reading.events.iter().filter(|event| event.has_id).collect();
    let ([first, .., last], true) = (&with_id[..], with_id.len() >= 4) else {
        return Err(skip("fewer than four events with an id were seen", false));
    };
    let steps = with_id.len() as u64 - 1;
    let mean = Duration::from_micros(last.at_us.saturating_sub(first.at_us) / steps);
    if mean > SLOWEST && !options.long {
        return Err(skip(
            "events come too rarely for a short run; needs --long",
            false,
        ));
    }
    Ok((mean * 3).clamp(SHORTEST, LONGEST))
}

/// Makes the witness and the connections; ends early where one is no stream or has no id.
pub(crate) async fn chain(
    ask: Ask,
    options: &CheckOptions,
    exchange: &Options,
    stay: Duration,
) -> Result<Vec<Transcript>, ConformanceError> {
    let leave = Arc::new(AtomicBool::new(false));
    let witness = tokio::spawn({
        let (leave, exchange) = (Arc::clone(&leave), exchange.clone());
        let ask = named(&ask, Link::Witness);
        async move { one(&ask, &leave, &exchange, Until::Window(LONGEST * 8)).await }
    });
    let mut seen = Vec::new();
    let mut id = String::new();
    for link in Link::IN_TURN {
        if options.stopped() {
            break;
        }
        // The witness must have begun before what it bears witness of, too.
        tokio::time::sleep(AWAY).await;
        let mut ask = named(&ask, link);
        if !id.is_empty() {
            set(&mut ask.fields, "Last-Event-ID", id.clone());
        }
        let transcript = one(&ask, &options.stop, exchange, Until::Window(stay)).await?;
        id = Reading::of(&transcript).last_event_id;
        let goes_on = transcript.is_event_stream() && is_field_value(&id);
        seen.push(transcript);
        if !goes_on {
            break;
        }
    }
    leave.store(true, Ordering::Relaxed);
    match witness.await {
        Ok(transcript) => seen.insert(0, transcript?),
        // A panic in a probe is ours: let it surface as one.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => seen.clear(),
    }
    Ok(seen)
}

fn named(ask: &Ask, link: Link) -> Ask {
    Ask {
        probe: link.name().into(),
        ..ask.clone()
    }
}

fn is_field_value(id: &str) -> bool {
    !id.is_empty() && id == id.trim() && !id.chars().any(char::is_control)
}
