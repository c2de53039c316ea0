//! A timeline as two rows of text: sent above the hop, received below it.

use ssekit_record::Timeline;

use crate::text::{columns, duration};

/// Marks by how many events fall into one column: none, one, a few, many.
const MARKS: [char; 4] = [' ', '·', '•', '█'];
/// Where the origin ended the response.
const CLOSED: char = '|';
/// From this many events in one column it is full.
const MANY: usize = 4;

/// The rows `sent`, `received` and the scale, each of `width` columns.
pub(crate) fn rows(timeline: &Timeline, width: usize) -> [(&'static str, String); 3] {
    let width = width.max(20);
    let span = timeline.span_us.max(1);
    let at = |us: u64| {
        let column = u128::from(us.min(span)) * (width as u128 - 1) / u128::from(span);
        usize::try_from(column).unwrap_or(0)
    };
    let row = |times: &mut dyn Iterator<Item = u64>| {
        let mut counts = vec![0_usize; width];
        for us in times {
            counts[at(us)] += 1;
        }
        let marks = counts.iter().map(|count| match *count {
            0 => MARKS[0],
            1 => MARKS[1],
            count if count < MANY => MARKS[2],
            _ => MARKS[3],
        });
        marks.collect::<Vec<char>>()
    };
    let mut sent = row(&mut timeline.pieces.iter().map(|p| p.sent_us));
    if let Some(closed) = timeline.closed_us {
        sent[at(closed)] = CLOSED;
    }
    let received = row(&mut timeline.pieces.iter().filter_map(|p| p.got_us));
    [
        ("sent", text(&sent)),
        ("received", text(&received)),
        ("", scale(timeline.span_us, width)),
    ]
}

fn text(marks: &[char]) -> String {
    let line: String = marks.iter().collect();
    line.trim_end().to_owned()
}

/// `0` at the left end and the span at the right one.
fn scale(span_us: u64, width: usize) -> String {
    let end = duration(span_us);
    let room = width.saturating_sub(columns(&end) + 1);
    format!("0{:room$}{end}", "")
}

#[cfg(test)]
mod tests {
    use ssekit_record::Piece;

    use super::*;

    #[test]
    fn what_is_held_back_shows_as_one_mark() {
        let timeline = Timeline {
            probe: "release".into(),
            about: "small events".into(),
            check: "proxy.release".into(),
            span_us: 1_900_000,
            pieces: (0..10)
                .map(|at| Piece {
                    sent_us: at * 100_000,
                    got_us: Some(1_500_000),
                    bytes: 40,
                })
                .collect(),
            closed_us: Some(1_500_000),
        };
        let [sent, received, scale] = rows(&timeline, 20).map(|(_, row)| row);
        assert_eq!(sent, "··········     |");
        assert_eq!(received, "               █");
        assert_eq!(scale, "0             1.90 s");
    }
}
