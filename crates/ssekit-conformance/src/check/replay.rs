//! What a resumed stream did with the events after the id it was asked to resume from.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::EventSeen;

/// The events of a resumed stream, compared with those the first stream sent after the id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Replay<'r> {
    /// The id cannot be placed: it is not in the first stream, or ids repeat there.
    Ambiguous,
    /// No event with an id came. So many were due.
    Silent { due: usize },
    /// The event right after the id came first, then the next ones in order. So many of them carry
    /// other data than the first stream sent under the same id.
    InOrder { count: usize, changed: usize },
    /// The id was the last seen, and newer events came; whether the first of them has the next
    /// number.
    Newer { event: &'r EventSeen, next: bool },
    /// The event of the id itself came again; whether it is the first of the stream, so that all may
    /// have begun anew.
    Repeats { event: &'r EventSeen, first: bool },
    /// It went back to an event before the id; whether to the first one, and whether that is the
    /// same event.
    Back {
        event: &'r EventSeen,
        to_start: bool,
        same: bool,
    },
    /// Events are left out in front of this one.
    Lost { count: usize, event: &'r EventSeen },
    /// This one came too late, or twice.
    OutOfOrder(&'r EventSeen),
    /// None of so many due events came; this one did.
    Unrelated { due: usize, event: &'r EventSeen },
}

impl<'r> Replay<'r> {
    /// Compares; `asked` is the id that was sent in `Last-Event-ID`.
    pub(super) fn of(first: &'r [EventSeen], resumed: &'r [EventSeen], asked: &str) -> Self {
        let known = distinct(first);
        let places: HashMap<&str, usize> = known.iter().zip(0..).map(|(e, i)| (id(e), i)).collect();
        let Some(&asked_at) = places.get(asked).filter(|_| places.len() == known.len()) else {
            return Self::Ambiguous;
        };
        let due = known.len() - 1 - asked_at;
        let came = distinct(resumed);
        let Some(&opening) = came.first() else {
            return Self::Silent { due };
        };
        let placed: Vec<(usize, &EventSeen)> = came
            .iter()
            .filter_map(|event| Some((*places.get(id(event))?, *event)))
            .collect();
        let Some(&(start, event)) = after_greeting(&placed, asked_at).first() else {
            return Self::not_placed(opening, asked, due);
        };
        if start == asked_at {
            return Self::Repeats {
                event,
                first: start == 0,
            };
        }
        if start < asked_at {
            return Self::Back {
                event,
                to_start: start == 0,
                same: same_content(event, known[start]),
            };
        }
        let replay = in_sequence(&known, after_greeting(&placed, asked_at), asked_at);
        match steps_back(&known, &came) {
            Some(event) if matches!(replay, Self::InOrder { .. }) => Self::OutOfOrder(event),
            _ => replay,
        }
    }

    /// No event of the first stream came, but this one.
    fn not_placed(event: &'r EventSeen, asked: &str, due: usize) -> Self {
        if due > 0 {
            return Self::Unrelated { due, event };
        }
        let next = asked.parse::<u64>().ok().and_then(|n| n.checked_add(1));
        Self::Newer {
            event,
            next: next.is_some() && number(event) == next,
        }
    }
}

fn id(event: &EventSeen) -> &str {
    &event.last_event_id
}

/// The first event of each run with one id. Events without an id of their own are no positions.
fn distinct(events: &[EventSeen]) -> Vec<&EventSeen> {
    let mut runs: Vec<&EventSeen> = Vec::new();
    for event in events.iter().filter(|e| e.has_id && !id(e).is_empty()) {
        if runs.last().is_none_or(|last| id(last) != id(event)) {
            runs.push(event);
        }
    }
    runs
}

/// The type is left out: a damaged type line has rules of its own.
fn same_content(a: &EventSeen, b: &EventSeen) -> bool {
    a.data == b.data
}

/// Some servers greet every connection with one event of a fixed id: not a step back.
fn after_greeting<'p, 'r>(
    placed: &'p [(usize, &'r EventSeen)],
    asked_at: usize,
) -> &'p [(usize, &'r EventSeen)] {
    match placed {
        [(greeting, _), (next, _), ..] if *greeting < asked_at && *next == asked_at + 1 => {
            &placed[1..]
        }
        _ => placed,
    }
}

fn number(event: &EventSeen) -> Option<u64> {
    id(event).parse().ok()
}

/// Where ids count up, the first event whose number is not beyond all before it.
fn steps_back<'r>(known: &[&EventSeen], came: &[&'r EventSeen]) -> Option<&'r EventSeen> {
    let rises =
        |pair: &[&EventSeen]| number(pair[0]).is_some() && number(pair[0]) < number(pair[1]);
    if !known.windows(2).all(rises) {
        return None;
    }
    let numbered = came.iter().copied().filter(|event| number(event).is_some());
    let mut highest = None;
    for event in numbered {
        if number(event) <= highest {
            return Some(event);
        }
        highest = number(event);
    }
    None
}

fn in_sequence<'r>(
    known: &[&EventSeen],
    placed: &[(usize, &'r EventSeen)],
    asked_at: usize,
) -> Replay<'r> {
    let mut changed = 0;
    for (expected, (at, event)) in (asked_at + 1..).zip(placed) {
        let missing = || placed.iter().all(|(place, _)| *place != expected);
        match at.cmp(&expected) {
            Ordering::Greater if missing() => {
                return Replay::Lost {
                    count: at - expected,
                    event,
                };
            }
            Ordering::Equal => changed += usize::from(!same_content(event, known[*at])),
            _ => return Replay::OutOfOrder(event),
        }
    }
    Replay::InOrder {
        count: placed.len(),
        changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(spec: &[(&str, &str)]) -> Vec<EventSeen> {
        let numbered = spec.iter().zip(0..);
        numbered
            .map(|((id, data), at)| EventSeen {
                event: "message".into(),
                data: (*data).into(),
                last_event_id: (*id).into(),
                has_id: !id.is_empty(),
                start: at * 10,
                end: at * 10 + 10,
                first_us: 0,
                at_us: 0,
            })
            .collect()
    }

    fn ids(ids: &str) -> Vec<EventSeen> {
        let spec: Vec<_> = ids
            .split(' ')
            .filter(|i| !i.is_empty())
            .map(|i| (i, i))
            .collect();
        events(&spec)
    }

    /// Main sent 1 to 5, and 3 was asked for.
    fn after_three(resumed: &str) -> String {
        let (first, resumed) = (ids("1 2 3 4 5"), ids(resumed));
        match Replay::of(&first, &resumed, "3") {
            Replay::InOrder { count, changed } => format!("in order {count} {changed}"),
            Replay::Back {
                event, to_start, ..
            } => format!("back to {} {to_start}", id(event)),
            Replay::Lost { count, event } => format!("lost {count} before {}", id(event)),
            Replay::OutOfOrder(event) => format!("order {}", id(event)),
            Replay::Unrelated { due, event } => format!("unrelated {due} {}", id(event)),
            Replay::Repeats { .. } => "repeats".into(),
            Replay::Newer { next, .. } => format!("newer {next}"),
            Replay::Silent { due } => format!("silent {due}"),
            Replay::Ambiguous => "ambiguous".into(),
        }
    }

    #[test]
    fn a_replay_is_told_from_every_wrong_one() {
        assert_eq!(after_three("4 5 6 7"), "in order 2 0");
        assert_eq!(after_three("4"), "in order 1 0");
        assert_eq!(after_three("hello 4 5"), "in order 2 0");
        assert_eq!(after_three("1 4 5"), "in order 2 0");
        assert_eq!(after_three("3 4 5"), "repeats");
        assert_eq!(after_three("1 2 3 4"), "back to 1 true");
        assert_eq!(after_three("2 3 4"), "back to 2 false");
        assert_eq!(after_three("5 6"), "lost 1 before 5");
        assert_eq!(after_three("5 4 6"), "order 5");
        assert_eq!(after_three("4 5 4"), "order 4");
        assert_eq!(after_three("6 4 5"), "order 4");
        assert_eq!(after_three("4 6 5"), "order 5");
        assert_eq!(after_three("hi 5 6"), "lost 1 before 5");
        assert_eq!(after_three("9 10"), "unrelated 2 9");
        assert_eq!(after_three(""), "silent 2");
    }

    #[test]
    fn ids_that_repeat_or_are_missing_place_nothing() {
        let resumed = ids("4");
        assert_eq!(
            Replay::of(&ids("1 2 1 3"), &resumed, "1"),
            Replay::Ambiguous
        );
        assert_eq!(Replay::of(&ids("1 2"), &resumed, "9"), Replay::Ambiguous);
        let first = ids("1 2 3");
        let next = |asked| match Replay::of(&first, &resumed, asked) {
            Replay::Newer { next, .. } => Some(next),
            _ => None,
        };
        assert_eq!((next("3"), next("2")), (Some(true), None));
    }

    #[test]
    fn several_events_of_one_id_are_one_step() {
        let first = events(&[("1", "a"), ("1", "b"), ("2", "a"), ("2", "b")]);
        let resumed = events(&[("2", "a"), ("2", "b"), ("3", "c")]);
        let replay = Replay::of(&first, &resumed, "1");
        assert_eq!(
            replay,
            Replay::InOrder {
                count: 1,
                changed: 0
            }
        );
    }

    #[test]
    fn other_data_under_the_same_id_is_counted() {
        let first = events(&[("1", "a"), ("2", "b")]);
        let resumed = events(&[("2", "x")]);
        assert_eq!(
            Replay::of(&first, &resumed, "1"),
            Replay::InOrder {
                count: 1,
                changed: 1
            }
        );
    }
}
