//! What a phase moves after what went before.

use super::lane::{Break, Lane};
use super::segment::Segment;
use super::timing::Timing;
use super::{MAX_STEPS, MAX_STREAMS};
use crate::load::phase::{PhaseAction, PhaseSpec, Then};
use crate::load::value::Amount;

/// What moves.
#[derive(Debug, Clone)]
pub(super) enum Course {
    /// Streams come.
    Open {
        first: u64,
        count: u64,
        timing: Timing,
        renews: bool,
        most_pending: Option<u64>,
    },
    /// The oldest leave, evenly.
    Close { count: u64, over_us: u64 },
    /// The oldest leaves and another comes, again and again.
    Churn { first: u64, count: u64, rate: f64 },
    /// Some are broken off at once; those that are to stay away are the oldest.
    Storm {
        count: u64,
        how: Break,
        leaves: bool,
    },
    /// Some come at once, and leave at the end.
    Spike { first: u64, count: u64 },
    /// Nothing moves.
    Rest,
}

impl Course {
    pub(super) fn started(&self) -> u64 {
        match self {
            Self::Open { count, .. } | Self::Churn { count, .. } | Self::Spike { count, .. } => {
                *count
            }
            Self::Close { .. } | Self::Storm { .. } | Self::Rest => 0,
        }
    }
}

/// What a phase comes to after what went before.
pub(super) fn segment(
    lane: &Lane,
    index: usize,
    spec: &PhaseSpec,
    is_publisher: bool,
) -> Result<Segment, String> {
    let (start_us, open) = (lane.end_us(), lane.open().clone());
    let level = open.len();
    let first = lane.total();
    let needs_streams = || match level {
        0 => Err("no stream is open when this phase begins".to_owned()),
        _ => Ok(()),
    };
    let plays = matches!(
        spec.action,
        PhaseAction::Hold { churn: None, .. } | PhaseAction::Wait { .. }
    );
    if is_publisher && !plays {
        return Err(
            "`kind`: a publisher has phases of the kinds \"hold\" (it publishes) and \"wait\" only"
                .into(),
        );
    }
    let (lasts_us, course) = match &spec.action {
        PhaseAction::Ramp {
            from,
            to,
            over,
            shape,
            max_pending,
        } => {
            let timing = Timing::of_ramp(*shape, over.us());
            let course = ramp(first, level, index, (*from, *to), timing, *max_pending)?;
            (over.us(), course)
        }
        PhaseAction::Arrive {
            rate,
            over,
            dist,
            max_pending,
        } => {
            let timing = Timing::of_rate(rate.0, *dist, (lane.seed(), index as u64));
            let count = timing.count_within(over.us(), MAX_STREAMS + 1);
            (
                over.us(),
                Course::Open {
                    first,
                    count,
                    timing,
                    renews: false,
                    most_pending: *max_pending,
                },
            )
        }
        PhaseAction::Hold { time, churn } => {
            if !is_publisher {
                needs_streams()?;
            }
            let course = match churn {
                Some(rate) => Course::Churn {
                    first,
                    count: (rate.0 * time.us() as f64 / 1e6) as u64,
                    rate: rate.0,
                },
                None => Course::Rest,
            };
            (time.us(), course)
        }
        PhaseAction::Steps {
            start,
            add,
            every,
            until,
            ..
        } => {
            if level > *start {
                return Err(format!(
                    "`start` is less than the {level} streams that are open"
                ));
            }
            let last =
                until.unwrap_or_else(|| start.saturating_add(add.saturating_mul(MAX_STEPS - 1)));
            let steps = (last - start) / add + 1;
            let lasts = every
                .us()
                .checked_mul(steps)
                .filter(|us| *us <= 31 * 86_400 * 1_000_000);
            let lasts = lasts.ok_or("all steps together take more than 31 days")?;
            let count = start + add * (steps - 1) - level;
            let timing = Timing::Steps {
                first: start - level,
                add: *add,
                every_us: every.us(),
            };
            (
                lasts,
                Course::Open {
                    first,
                    count,
                    timing,
                    renews: true,
                    most_pending: None,
                },
            )
        }
        PhaseAction::Storm {
            drop,
            mode,
            then,
            settle,
            ..
        } => {
            needs_streams()?;
            if let Amount::Count(count) = drop
                && (*count > level || *count == 0)
            {
                return Err(format!("`drop` is {count}, and {level} streams are open"));
            }
            let course = match Break::of(*mode) {
                None => Course::Rest,
                Some(how) => Course::Storm {
                    count: drop.of(level),
                    how,
                    leaves: *then == Then::Leave,
                },
            };
            (settle.us(), course)
        }
        PhaseAction::Spike { add, time } => (time.us(), Course::Spike { first, count: *add }),
        PhaseAction::Drain { over } => {
            needs_streams()?;
            (
                over.us(),
                Course::Close {
                    count: level,
                    over_us: over.us(),
                },
            )
        }
        PhaseAction::Wait { time } => (time.us(), Course::Rest),
    };
    Ok(Segment::new(
        start_us,
        start_us + lasts_us,
        open,
        course,
        (lane.seed(), index as u64),
    ))
}

fn ramp(
    first: u64,
    level: u64,
    index: usize,
    (from, to): (Option<u64>, u64),
    timing: Timing,
    most_pending: Option<u64>,
) -> Result<Course, String> {
    let at_once = match from {
        Some(from) if index == 0 => from,
        Some(from) if from != level => {
            return Err(format!(
                "`from` is {from}, but {level} streams are open when this phase begins; leave it out"
            ));
        }
        _ => 0,
    };
    let begin = level + at_once;
    match to.cmp(&begin) {
        std::cmp::Ordering::Less if at_once > 0 => {
            Err("`to` is less than `from` in the first phase".into())
        }
        std::cmp::Ordering::Less if most_pending.is_some() => {
            Err("`max_pending` is for a ramp that opens streams; this one closes some".into())
        }
        std::cmp::Ordering::Less => Ok(Course::Close {
            count: begin - to,
            over_us: timing.over_us(),
        }),
        std::cmp::Ordering::Equal if to == 0 => Err("`to` is 0, and no stream is open".into()),
        _ => Ok(Course::Open {
            first,
            count: to - level,
            timing: timing.after(at_once),
            renews: true,
            most_pending,
        }),
    }
}
