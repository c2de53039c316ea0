//! Where in its events a stream begins: what a `Last-Event-ID` means.
//!
//! Events of an endless stream are numbered by the clock: event n of an interval of i milliseconds
//! is due n·i milliseconds (and a constant few) after the Unix epoch. So every subscriber sees the same events under the
//! same ids, a replay needs no store to be exact, and an id of an earlier run of the server stays
//! what it was. The history bound says how far back the server answers for them.

use crate::plan::Plan;

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// With the next event; no `Last-Event-ID` came.
    Start,
    /// As `Start`, since the `Last-Event-ID` that came is not known here.
    Reset,
    /// With the event after this one.
    After(u64),
    /// Nothing is left: the stream had ended with this id.
    Finished,
}

impl Position {
    /// The position that a `Last-Event-ID` names; an empty one is as good as none.
    pub(crate) fn of(id: Option<&[u8]>, plan: &Plan, now_ms: u64, history: u64) -> Self {
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            return Self::Start;
        };
        let Some(number) = number_of(id) else {
            return Self::Reset;
        };
        match plan.count {
            _ if plan.silent => Self::Reset,
            Some(count) if number == count => Self::Finished,
            Some(count) if (1..count).contains(&number) => Self::After(number),
            Some(_) => Self::Reset,
            None => {
                let latest = plan.latest(now_ms);
                let oldest = latest.saturating_sub(history);
                if (oldest..=latest).contains(&number) {
                    Self::After(number)
                } else {
                    Self::Reset
                }
            }
        }
    }
}

/// The number of the event with this id, for ids as the server writes them.
fn number_of(id: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(id).ok()?;
    let number = text.parse().ok()?;
    // Not `+5` or `05`: one event has one id.
    (u64::to_string(&number) == text).then_some(number)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn of(id: &str, query: &str) -> Position {
        let plan = Plan::read(query, Duration::from_secs(10)).unwrap();
        Position::of(Some(id.as_bytes()), &plan, 1_000_007, 50)
    }

    #[test]
    fn endless_streams_know_their_history() {
        assert_eq!(of("10000", "interval=100"), Position::After(10_000));
        assert_eq!(of("9950", "interval=100"), Position::After(9950));
        assert_eq!(of("9949", "interval=100"), Position::Reset);
        assert_eq!(of("10001", "interval=100"), Position::Reset);
        assert_eq!(of("", "interval=100"), Position::Start);
    }

    #[test]
    fn finite_streams_know_their_end() {
        assert_eq!(of("1", "count=3"), Position::After(1));
        assert_eq!(of("3", "count=3"), Position::Finished);
        assert_eq!(of("4", "count=3"), Position::Reset);
        assert_eq!(of("0", "count=3"), Position::Reset);
    }

    #[test]
    fn what_was_never_issued_is_unknown() {
        for id in ["x", "+1", "01", "1 ", "-1", "99999999999999999999", "é"] {
            assert_eq!(of(id, "count=3"), Position::Reset, "{id}");
        }
        assert_eq!(of("1", "silent"), Position::Reset);
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_position(id in proptest::collection::vec(any::<u8>(), 0..40)) {
            let plan = Plan::read("", Duration::from_secs(10)).unwrap();
            Position::of(Some(&id), &plan, 1_000_000, 50);
        }
    }
}
