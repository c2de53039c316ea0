//! A timeline as SVG: sent above, received below, a line for each event between the two.

use ssekit_record::Timeline;

use crate::text::{bounded, duration};

/// Width of the drawing between its margins.
const WIDTH: u64 = 800;
/// Room at the left and right of it.
const MARGIN: u64 = 6;
/// How late an event may be and its line still count as upright, in microseconds.
const UPRIGHT_US: u64 = 50_000;
/// Steps on the scale, in microseconds; the first that gives at most ten is taken.
const STEPS: [u64; 8] = [
    50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000,
];

/// A timeline as the page shows it.
pub(super) struct FigureView {
    pub about: String,
    /// What a reader who sees no drawing is told.
    pub says: String,
    pub events: Vec<EventView>,
    pub ticks: Vec<Tick>,
    /// Where the origin ended the response.
    pub closed: Option<u64>,
}

/// One event: where it was sent and where it arrived.
pub(super) struct EventView {
    pub sent: u64,
    pub got: Option<u64>,
    pub class: &'static str,
    pub says: String,
}

/// A mark on the scale.
pub(super) struct Tick {
    pub at: u64,
    pub label: String,
}

impl FigureView {
    pub fn of(timeline: &Timeline) -> Self {
        let span = timeline.span_us.max(1);
        let at = |us: u64| {
            let x = u128::from(us.min(span)) * u128::from(WIDTH) / u128::from(span);
            MARGIN + u64::try_from(x).unwrap_or(0)
        };
        let pieces = timeline.pieces.iter();
        let events = pieces.map(|piece| {
            let late = piece.got_us.map(|got| got.saturating_sub(piece.sent_us));
            EventView {
                sent: at(piece.sent_us),
                got: piece.got_us.map(at),
                class: match late {
                    Some(late) if late <= UPRIGHT_US => "prompt",
                    _ => "late",
                },
                says: match late {
                    Some(late) => format!(
                        "{} bytes, sent at {}, {} later received",
                        piece.bytes,
                        duration(piece.sent_us),
                        duration(late)
                    ),
                    None => format!("{} bytes, never received", piece.bytes),
                },
            }
        });
        let events: Vec<_> = events.collect();
        let late = events.iter().filter(|e| e.class == "late").count();
        let step = STEPS.into_iter().find(|step| span / step <= 10);
        let step = step.unwrap_or(span).max(1);
        Self {
            about: bounded(&timeline.about),
            says: format!("{} events sent, {late} of them received late", events.len()),
            events,
            ticks: (0..=(span / step).min(10))
                .map(|n| Tick {
                    at: at(n * step),
                    label: if n == 0 {
                        "0".into()
                    } else {
                        duration(n * step)
                    },
                })
                .collect(),
            closed: timeline.closed_us.map(at),
        }
    }
}
