//! How small events are released.

use ssekit_record::Release;

use crate::delivery::Delivery;

/// The way events came, and by how much they were late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub kind: Release,
    /// Size of a block, where they come in blocks.
    pub block: Option<u64>,
    /// Bytes that have to be there before a stream flows, where only the first are held.
    pub first: Option<u64>,
    pub delivery: Delivery,
    pub late: usize,
}

impl Shape {
    /// Reads the deliveries of events sent slowly and, where known, of events sent fast: a block of
    /// bytes has one size at either pace, a wait has one length.
    pub(crate) fn of(slow: Delivery, fast: Option<&Delivery>, bar_us: u64) -> Self {
        let late = significant(&slow, bar_us);
        let (kind, block) = if late == 0 {
            (Release::Immediate, None)
        } else {
            held(&slow, fast, bar_us)
        };
        let is_held = kind == Release::UntilClose;
        Self {
            kind,
            block,
            first: fast.filter(|_| is_held).and_then(first),
            delivery: slow,
            late,
        }
    }

    pub(crate) fn is_immediate(&self) -> bool {
        self.kind == Release::Immediate
    }

    /// What was seen, in one sentence.
    pub(crate) fn told(&self) -> String {
        let total = self.delivery.pieces.len();
        let lost = self.delivery.pieces.iter().filter(|p| p.got_us.is_none());
        let lost = match lost.count() {
            0 => String::new(),
            n => format!("; {n} never arrived"),
        };
        let latency = self.delivery.latency().unwrap_or_default();
        let (median, worst) = (span(latency.p50_us), span(latency.max_us));
        let late = format!("{} of {total} events", self.late);
        let group = self.delivery.largest_group();
        let together = group.filter(|group| group.count > 1);
        let text = match self.kind {
            Release::Immediate => {
                format!(
                    "{total} of {total} events arrived at once (median {median}, worst {worst})"
                )
            }
            Release::Delayed => {
                format!("{late} arrived late, each on its own (median {median}, worst {worst})")
            }
            Release::UntilClose => {
                let first = self.first.map_or(String::new(), |first| {
                    let first = grouped(first);
                    format!("; a stream flows once {first} bytes are there")
                });
                format!(
                    "{late} arrived together when the origin closed, the first {worst} late{first}"
                )
            }
            Release::Block => format!(
                "{late} arrived late, {} bytes at a time (median {median}, worst {worst}); what \
                 fills no block waits for the close",
                grouped(self.block.unwrap_or_default())
            ),
            Release::Coalesced => match together {
                Some(group) => format!(
                    "{late} arrived late, up to {} together (median {median}, worst {worst})",
                    group.count
                ),
                None => format!("{late} waited for the next one ({worst} late)"),
            },
        };
        text + &lost
    }
}

/// How many events are late by more than chance: a single one counts only where it waited for the
/// next event or for the end.
pub(crate) fn significant(delivery: &Delivery, bar_us: u64) -> usize {
    let late: Vec<_> = delivery.late(bar_us).collect();
    match late.as_slice() {
        [(at, piece)] if delivery.waited_for_next(*at) || delivery.waited_for_close(piece) => 1,
        [_] | [] => 0,
        several => several.len(),
    }
}

fn held(slow: &Delivery, fast: Option<&Delivery>, bar_us: u64) -> (Release, Option<u64>) {
    let all_at_close = slow
        .late(bar_us)
        .all(|(_, piece)| slow.waited_for_close(piece));
    let in_blocks = fast.filter(|fast| first(fast).is_none());
    let fast_burst = in_blocks.and_then(|fast| median(fast.burst_sizes()));
    if all_at_close {
        return match fast_burst {
            Some(size) => (Release::Block, Some(size)),
            None => (Release::UntilClose, None),
        };
    }
    if let Some(size) = block(slow, fast_burst) {
        return (Release::Block, Some(size));
    }
    let delays = slow.delays();
    let least = delays.iter().min().copied().unwrap_or(0);
    let all = slow.late(bar_us).count() == slow.pieces.len();
    let steady = median(delays).is_some_and(|median| 2 * least >= median);
    let apart = 10 * slow.groups(bar_us) >= 7 * slow.pieces.len();
    if all && steady && apart {
        return (Release::Delayed, None);
    }
    let came = slow.late(bar_us).filter(|(_, p)| p.got_us.is_some());
    let together = slow.groups(bar_us) < came.count();
    let for_next = slow.late(bar_us).all(|(at, _)| slow.waited_for_next(at));
    if together || for_next {
        (Release::Coalesced, None)
    } else {
        (Release::Delayed, None)
    }
}

/// What a hop gathers of a stream before it lets it flow: a first burst of many pieces, and then each
/// piece on its own.
fn first(fast: &Delivery) -> Option<u64> {
    let sizes = fast.burst_sizes();
    let (first, rest) = sizes.split_first()?;
    let piece = fast.pieces.iter().map(|piece| piece.bytes).max()?;
    let flows = median(rest.to_vec()) == Some(piece);
    (flows && *first >= 4 * piece).then_some(*first)
}

/// The size of the blocks that slow events come in. A wait ends between two events, whatever their
/// bytes; a block ends inside of one, or has its size, or a multiple of it, at the fast pace too.
fn block(slow: &Delivery, fast_burst: Option<u64>) -> Option<u64> {
    let sizes = slow.burst_sizes();
    let (least, most) = (*sizes.iter().min()?, *sizes.iter().max()?);
    let holds_several = slow.pieces.iter().map(|p| p.bytes).max() < Some(least);
    if sizes.len() < 2 || least != most || !holds_several {
        return None;
    }
    let mut end = 0;
    let ends: Vec<u64> = slow
        .pieces
        .iter()
        .map(|piece| {
            end += piece.bytes;
            end
        })
        .collect();
    let cuts = (1..=sizes.len() as u64).map(|n| n * least);
    let inside = cuts.filter(|cut| !ends.contains(cut)).count() > 0;
    let alike = fast_burst.is_some_and(|burst| burst.is_multiple_of(least));
    (inside || alike).then_some(least)
}

fn median(mut sizes: Vec<u64>) -> Option<u64> {
    sizes.sort_unstable();
    sizes.get(sizes.len() / 2).copied()
}

/// `830 µs`, `12.4 ms`, `1.06 s`.
pub(crate) fn span(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
    }
}

/// `4,096`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use ssekit_record::Piece;

    use super::*;

    /// Pieces of 40 bytes sent every 100 ms, each got at this time in ms; the origin closes at 2 s.
    fn delivery(got: &[u64]) -> Delivery {
        let pieces = got.iter().zip(0..).map(|(got, at)| Piece {
            sent_us: at * 100_000,
            got_us: Some(got * 1_000),
            bytes: 40,
        });
        let mut bursts: Vec<(u64, u64)> = Vec::new();
        for got in got {
            match bursts.last_mut() {
                Some((bytes, at)) if *at == got * 1_000 => *bytes += 40,
                _ => bursts.push((40, got * 1_000)),
            }
        }
        Delivery {
            pieces: pieces.collect(),
            closed_us: Some(2_000_000),
            bursts,
        }
    }

    fn kind(got: &[u64]) -> Release {
        Shape::of(delivery(got), None, 50_000).kind
    }

    #[test]
    fn each_way_of_holding_back_has_its_name() {
        assert_eq!(kind(&[0, 100, 201, 349, 400]), Release::Immediate);
        assert_eq!(
            kind(&[0, 180, 200, 300, 400]),
            Release::Immediate,
            "one by chance"
        );
        assert_eq!(
            kind(&[100, 100, 200, 300, 400]),
            Release::Coalesced,
            "held for the next"
        );
        assert_eq!(
            kind(&[0, 100, 200, 300, 2000]),
            Release::UntilClose,
            "the tail"
        );
        assert_eq!(kind(&[300, 400, 500, 600, 700]), Release::Delayed);
        assert_eq!(kind(&[200, 200, 200, 500, 500]), Release::Coalesced);
        assert_eq!(kind(&[2001, 2001, 2001, 2001, 2001]), Release::UntilClose);
    }

    #[test]
    fn a_block_has_one_size_at_either_pace() {
        let slow = delivery(&[2000; 5]);
        let mut fast = delivery(&[300, 300, 300, 300, 2000]);
        fast.bursts = vec![(4096, 300_000), (4096, 600_000), (100, 2_000_000)];
        let shape = Shape::of(slow, Some(&fast), 50_000);
        assert_eq!((shape.kind, shape.block), (Release::Block, Some(4096)));
        assert!(
            shape.told().contains("4,096 bytes at a time"),
            "{}",
            shape.told()
        );
    }

    #[test]
    fn what_flows_once_it_began_comes_in_no_blocks() {
        let slow = delivery(&[2000; 5]);
        let mut fast = delivery(&[800, 800, 800, 900, 1000]);
        fast.bursts = vec![(65_536, 800_000), (40, 900_000), (40, 1_000_000)];
        let shape = Shape::of(slow, Some(&fast), 50_000);
        assert_eq!((shape.kind, shape.block), (Release::UntilClose, None));
        let told = shape.told();
        assert!(
            told.ends_with("flows once 65,536 bytes are there"),
            "{told}"
        );
    }

    #[test]
    fn a_small_block_ends_inside_of_an_event() {
        let got = [200, 200, 500, 500, 500, 800, 800, 2000];
        let mut slow = delivery(&got);
        slow.bursts = vec![
            (100, 200_000),
            (100, 500_000),
            (100, 800_000),
            (20, 2_000_000),
        ];
        let shape = Shape::of(slow, None, 50_000);
        assert_eq!((shape.kind, shape.block), (Release::Block, Some(100)));
        // The same pieces, gathered for a while, end where events end.
        let mut slow = delivery(&got);
        slow.bursts = vec![
            (80, 200_000),
            (120, 500_000),
            (80, 800_000),
            (40, 2_000_000),
        ];
        assert_eq!(Shape::of(slow, None, 50_000).kind, Release::Coalesced);
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(4096), "4,096");
        assert_eq!(grouped(50_331_648), "50,331,648");
    }
}
