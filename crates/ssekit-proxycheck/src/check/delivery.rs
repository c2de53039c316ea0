//! Whether events and heads are passed on as they come.

use ssekit_record::Release;

use crate::case::{Case, Seen};
use crate::delivery::{Delivery, delay};
use crate::judgement::Judgement;
use crate::plan::{FLOOD, SIZES};
use crate::product::Family;
use crate::remedy::Fault;
use crate::shape::{Shape, grouped, significant, span};

/// A flood of which more than this was taken was not slowed down by its reader: kernels and
/// well-behaved hops hold far less.
const SWALLOWED: u64 = 24 << 20;

/// What makes every judgement about times void.
pub(super) fn too_noisy(case: &Case<'_>) -> Option<Judgement> {
    let error = || {
        Judgement::error(format!(
            "events came up to {} late without the hop: this machine is too busy to measure {}",
            span(case.noise_us()),
            span(case.options.bar_us())
        ))
    };
    case.is_noisy().then(error)
}

pub(super) fn release(case: &Case<'_>) -> Judgement {
    let seen = match case.stream("release") {
        Ok(seen) => seen,
        Err(judgement) => return failed(case).unwrap_or(judgement),
    };
    let Some(shape) = case.release() else {
        return Judgement::unverified("no event was sent");
    };
    if shape.delivery.pieces.iter().all(|p| p.got_us.is_none()) {
        return Judgement::warn(format!(
            "none of {} events arrived, {}",
            shape.delivery.pieces.len(),
            ending(seen)
        ));
    }
    let told = shape.told();
    if shape.is_immediate() {
        return Judgement::pass(told);
    }
    too_noisy(case).unwrap_or_else(|| {
        let judgement =
            Judgement::warn(told).seen("release", first_late(&shape, seen), "held back");
        mend(case, judgement, Fault::Held)
    })
}

/// A hop that took the events and answered with an error of its own.
fn failed(case: &Case<'_>) -> Option<Judgement> {
    let seen = case.seen("release")?;
    let status = seen.sight.status().filter(|status| *status >= 500)?;
    let sent = seen.visit().filter(|visit| !visit.writes.is_empty())?;
    let judgement = Judgement::warn(format!(
        "none of {} events arrived: the client got {status} in place of the stream",
        sent.writes.len()
    ));
    let judgement = judgement.seen("release", None, "the answer");
    Some(mend(case, judgement, Fault::Held))
}

fn ending(seen: &Seen) -> String {
    let end = &seen.sight.transcript.end;
    if end.detail.is_empty() {
        format!("and the exchange ended after {}", span(end.at_us))
    } else {
        end.detail.clone()
    }
}

/// When the first late event arrived, since the exchange began.
fn first_late(shape: &Shape, seen: &Seen) -> Option<u64> {
    let mut late = shape.delivery.pieces.iter().filter_map(|p| p.got_us);
    late.next().map(|us| us.saturating_sub(seen.sight.began_us))
}

/// With the lines for the product, where there are any.
pub(super) fn mend(case: &Case<'_>, judgement: Judgement, fault: Fault) -> Judgement {
    let lines = case.family.and_then(|f| crate::remedy::lines(f, fault));
    let kernel = (fault == Fault::Held && waits_for_kernel(case)).then_some(KERNEL);
    let said: Vec<&str> = lines.into_iter().chain(kernel).collect();
    if said.is_empty() {
        return judgement;
    }
    judgement.remedy(said.join("\n"))
}

/// A wait that another hop than the one that names itself is known for.
const KERNEL: &str = "A wait of up to about 200 ms is the way of HAProxy without `option http-no-delay`: \
                      it may be one of several hops here.";
/// The longest such wait, in microseconds, with some for a busy machine.
const KERNEL_WAIT_US: u64 = 260_000;

/// Whether small events wait no longer than a kernel waits for more to send, behind a hop that is not
/// known to let it.
fn waits_for_kernel(case: &Case<'_>) -> bool {
    let known = case.family == Some(Family::HaProxy);
    let shape = case.release().filter(|_| !known);
    shape.is_some_and(|shape| {
        let worst = shape.delivery.delays().into_iter().max();
        worst.is_some_and(|worst| is_kernels(shape.kind, worst))
    })
}

fn is_kernels(kind: Release, worst_us: u64) -> bool {
    let some = matches!(kind, Release::Coalesced | Release::Delayed);
    some && (100_000..=KERNEL_WAIT_US).contains(&worst_us)
}

pub(super) fn large(case: &Case<'_>) -> Judgement {
    large_of(case, "large")
}

pub(super) fn large_of(case: &Case<'_>, probe: &'static str) -> Judgement {
    let delivery = match case.stream(probe).map(Seen::delivery) {
        Ok(Some(delivery)) => delivery,
        Ok(None) => return Judgement::unverified("no event was sent"),
        Err(judgement) => return judgement,
    };
    let late = late_sizes(&delivery, case.bar_us());
    if late.is_empty() {
        if let Some(unsent) = unsent(&delivery) {
            return Judgement::unverified(unsent);
        }
        let worst = delivery.delays().into_iter().max().unwrap_or(0);
        return Judgement::pass(format!(
            "single events of {} to {} bytes arrived at once (worst {})",
            grouped(SIZES[0] as u64),
            grouped(SIZES[SIZES.len() - 1] as u64),
            span(worst)
        ));
    }
    if let Some(error) = too_noisy(case) {
        return error;
    }
    let all = late.len() == SIZES.len();
    let which = if all {
        "single events of every size".to_owned()
    } else {
        format!(
            "single events of {} bytes",
            listed(late.iter().map(|(size, _)| *size))
        )
    };
    let also = if all && case.holds_small() {
        ", as small ones do"
    } else {
        ""
    };
    let until = if delivery
        .late(case.bar_us())
        .all(|(at, piece)| delivery.waited_for_next(at) || delivery.waited_for_close(piece))
    {
        "waited for the next event or the close"
    } else {
        "were late"
    };
    let judgement = Judgement::warn(format!("{which} {until}{also}{}", worst(&late)));
    mend(case, judgement.seen(probe, None, "held back"), Fault::Held)
}

/// Sizes of the single events that were late, and by how much; `None` for those that never came. The
/// first, small one only brings the head. One by chance does not count.
fn late_sizes(delivery: &Delivery, bar_us: u64) -> Vec<(u64, Option<u64>)> {
    if significant(delivery, bar_us) == 0 {
        return Vec::new();
    }
    let late = delivery.late(bar_us).filter(|(at, _)| *at > 0);
    late.map(|(_, piece)| (piece.bytes, delay(piece))).collect()
}

/// What a hop that ended the stream early kept from being sent.
fn unsent(delivery: &Delivery) -> Option<String> {
    let sent = delivery.pieces.len().saturating_sub(1);
    let unsent = SIZES.get(sent..).filter(|sizes| !sizes.is_empty())?;
    let sizes = listed(unsent.iter().map(|size| *size as u64));
    Some(format!(
        "the stream was over before events of {sizes} bytes could be sent"
    ))
}

/// How late the latest of them came, and which never did.
fn worst(late: &[(u64, Option<u64>)]) -> String {
    let worst = late.iter().filter_map(|(_, delay)| *delay).max();
    let worst = worst.map(|delay| format!("up to {}", span(delay)));
    let lost = late.iter().filter(|(_, delay)| delay.is_none());
    let lost = listed(lost.map(|(size, _)| *size));
    let lost = (!lost.is_empty()).then(|| format!("{lost} bytes did not arrive in time"));
    let said: Vec<String> = worst.into_iter().chain(lost).collect();
    format!(" ({})", said.join("; "))
}

fn listed(sizes: impl Iterator<Item = u64>) -> String {
    let sizes: Vec<String> = sizes.map(grouped).collect();
    sizes.join(", ")
}

pub(super) fn close_delimited(case: &Case<'_>) -> Judgement {
    let seen = match case.stream("close-delimited") {
        Ok(seen) => seen,
        Err(judgement) => return judgement,
    };
    let Some(delivery) = seen.delivery() else {
        return Judgement::unverified("no event was sent");
    };
    let shape = Shape::of(delivery, None, case.bar_us());
    if shape.is_immediate() {
        return Judgement::pass(shape.told());
    }
    too_noisy(case).unwrap_or_else(|| {
        let also = if case.holds_small() {
            ", as with chunked coding"
        } else {
            ""
        };
        let text = shape.told();
        let judgement = Judgement::warn(format!("{text}{also}"));
        let at = first_late(&shape, seen);
        mend(
            case,
            judgement.seen("close-delimited", at, "held back"),
            Fault::Held,
        )
    })
}

/// How late the head came, and whether it came no earlier than the first content.
pub(super) fn head_late(seen: &Seen) -> Option<(u64, bool)> {
    let visit = seen.visit()?;
    let got = seen.sight.us(seen.head()?.at_us);
    let sent = visit.head_us?;
    let with_event = visit.writes.first().is_some_and(|write| got >= write.at_us);
    Some((got.saturating_sub(sent), with_event))
}

pub(super) fn head_prompt(case: &Case<'_>) -> Judgement {
    let late = match case.stream("head").map(head_late) {
        Ok(Some(late)) => late,
        Ok(None) => return Judgement::unverified("no head came"),
        Err(judgement) => return judgement,
    };
    let (delay, with_event) = late;
    if delay <= case.bar_us() {
        return Judgement::pass(format!(
            "the head arrived {} after it was sent",
            span(delay)
        ));
    }
    if let Some(error) = too_noisy(case) {
        return error;
    }
    let with = if with_event {
        ", with the first event"
    } else {
        ""
    };
    let cure = match case.stream("head-comment").ok().and_then(head_late) {
        Some((delay, _)) if delay <= case.bar_us() => "; a comment sent first brings it at once",
        Some(_) => "; a comment sent first does not help",
        None => "",
    };
    let judgement = Judgement::warn(format!(
        "the head arrived {} after it was sent{with}{cure}",
        span(delay)
    ));
    let judgement = judgement.seen("head", None, "the head came late");
    if cure.contains("at once") {
        return judgement;
    }
    mend(case, judgement, Fault::Held)
}

pub(super) fn accel(case: &Case<'_>) -> Judgement {
    let seen = match case.stream("accel") {
        Ok(seen) => seen,
        Err(judgement) => return judgement,
    };
    let (Some(delivery), Some((head, _))) = (seen.delivery(), head_late(seen)) else {
        return Judgement::unverified("no answer to judge");
    };
    let bar = case.bar_us();
    let consumed = seen
        .head()
        .is_some_and(|head| head.first("x-accel-buffering").is_none());
    let held_with = significant(&delivery, bar) > 0 || head > bar;
    let held_without = case.holds_small()
        || matches!(
            large(case).verdict,
            ssekit_record::Verdict::Warn | ssekit_record::Verdict::Fail
        )
        || case
            .stream("head")
            .ok()
            .and_then(head_late)
            .is_some_and(|(late, _)| late > bar);
    let fate = if consumed {
        "consumed"
    } else {
        "forwarded to the client unchanged"
    };
    let what = if significant(&delivery, bar) > 0 {
        "events are"
    } else {
        "the head is"
    };
    match (held_without, held_with) {
        (false, false) => Judgement::pass(format!(
            "nothing is held back with it or without it; the field is {fate}"
        )),
        (true, false) => Judgement::info(format!(
            "it switches the hop's buffering off; the field is {fate}"
        )),
        (_, true) if consumed => Judgement::warn(format!(
            "the field is consumed and {what} held back all the same: the hop that heeds it is not \
             the one that holds back"
        )),
        (_, true) => Judgement::info(format!(
            "it changes nothing: {what} held back all the same, and the field is {fate}"
        )),
    }
}

pub(super) fn slow_reader(case: &Case<'_>) -> Judgement {
    // One that took it all and then gave up has taken it all the same.
    let taken = case.seen("flood").and_then(Seen::visit);
    let taken = taken.map_or(0, |visit| visit.taken);
    if let (Err(judgement), ..SWALLOWED) = (case.stream("flood"), taken) {
        return judgement;
    }
    let mib = format!("{:.1} MiB", taken as f64 / f64::from(1 << 20));
    if taken < SWALLOWED {
        return Judgement::pass(format!(
            "the origin could write {mib} to a client that does not read, then had to wait"
        ));
    }
    let all = if taken >= FLOOD { "all of " } else { "" };
    let judgement = Judgement::warn(format!(
        "the hop took {all}{mib} from the origin although the client does not read"
    ));
    mend(
        case,
        judgement.seen("flood", None, "not read"),
        Fault::Reader,
    )
}

/// The word of a kind of release, for sentences.
pub(super) fn word(release: Release) -> &'static str {
    match release {
        Release::Immediate => "at once",
        Release::Delayed => "late, one by one",
        Release::Coalesced => "late, several together",
        Release::Block => "in blocks of bytes",
        Release::UntilClose => "at the close only",
    }
}

#[cfg(test)]
mod tests {
    use ssekit_record::Piece;

    use super::*;

    const PIECE: Piece = Piece {
        sent_us: 0,
        got_us: Some(0),
        bytes: 0,
    };

    #[test]
    fn a_short_wait_points_at_a_hop_behind() {
        assert!(is_kernels(Release::Coalesced, 208_000));
        assert!(!is_kernels(Release::Coalesced, 600_000));
        assert!(!is_kernels(Release::UntilClose, 208_000));
    }

    #[test]
    fn one_size_is_held_only_if_it_waited_for_something() {
        let sizes = |got: [u64; 4]| {
            let pieces = (0..).zip(got).map(|(n, got)| Piece {
                sent_us: n * 300_000,
                got_us: Some(got * 1_000),
                bytes: 40 << n,
            });
            let delivery = Delivery {
                pieces: pieces.collect(),
                ..Delivery::default()
            };
            let late = late_sizes(&delivery, 50_000);
            late.iter().map(|(size, _)| *size).collect::<Vec<_>>()
        };
        assert_eq!(sizes([0, 300, 694, 900]), [0; 0], "a busy machine");
        assert_eq!(sizes([0, 300, 900, 900]), [160], "held for the next");
        assert_eq!(sizes([0, 394, 694, 900]), [80, 160]);
    }

    #[test]
    fn what_was_not_sent_is_not_called_prompt() {
        let pieces = |count: usize| Delivery {
            pieces: vec![PIECE; count],
            ..Delivery::default()
        };
        assert_eq!(unsent(&pieces(1 + SIZES.len())), None);
        let said = unsent(&pieces(SIZES.len() - 1));
        let end = "events of 8,192, 65,536 bytes could be sent";
        assert!(said.is_some_and(|said| said.ends_with(end)));
    }

    #[test]
    fn what_never_came_has_no_time() {
        let late = [(512, Some(300_000)), (8192, None), (65_536, None)];
        let said = " (up to 300.0 ms; 8,192, 65,536 bytes did not arrive in time)";
        assert_eq!(worst(&late), said);
        assert_eq!(worst(&late[..1]), " (up to 300.0 ms)");
        assert_eq!(worst(&late[1..2]), " (8,192 bytes did not arrive in time)");
    }
}
