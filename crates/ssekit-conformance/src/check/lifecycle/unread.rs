//! A client that stops reading, and what the server keeps for it.

use ssekit_record::{EndKind, Transcript};

use crate::check::answer::told;
use crate::check::sighting::seconds;
use crate::{Case, Judgement, Probe};

/// Bytes that may wait for a client that does not read, with no queue in the server: its kernel's send
/// buffer (4 MiB at most with Linux's `tcp_wmem`, others less), ssekit's receive buffer (half a MiB, asked
/// for) and one write in the server's hands; the sum is doubled for systems tuned to more.
const KERNEL: u64 = 10 * 1024 * 1024;
/// What must have been written while nothing was read, for a bound to show.
const TELLING: u64 = KERNEL * 3 / 2;
/// Shortest pause that counts as not reading, in microseconds.
const STALL_US: u64 = 5_000_000;

pub(super) fn half_open(case: &Case<'_>) -> Judgement {
    let (Some(main), Some(stalled)) = (case.main(), case.transcript(Probe::Stalled)) else {
        return Judgement::unverified("no stream was left unread");
    };
    if !stalled.is_event_stream() {
        return Judgement::unverified(format!("the stream to leave unread got {}", told(stalled)));
    }
    let dropped = matches!(
        stalled.end.kind,
        EndKind::Clean | EndKind::Truncated | EndKind::Reset
    );
    let Some((from, to)) = pause(stalled) else {
        return if dropped {
            Judgement::pass("the server ended the stream that was not read")
        } else {
            Judgement::unverified("nothing arrived around the time in which nothing was read")
        };
    };
    let rate = main.body.len() as f64 / case.observed_us().max(1) as f64;
    let written = (rate * (to - from) as f64) as u64;
    let backlog = backlog(stalled, to, rate);
    let unread = seconds(to - from);
    if backlog > KERNEL && !is_burst(case, stalled, to, rate) {
        return Judgement::unverified(format!(
            "after {unread} unread the stream came about as fast as before: a queue cannot be told from a \
             server that writes as fast as it is read"
        ));
    }
    if backlog > KERNEL {
        return Judgement::warn(format!(
            "after {unread} unread, {} more came than the stream writes meanwhile: kernels hold \
             no more than {}, so the server kept it, or it reads on from a log",
            mib(backlog),
            mib(KERNEL)
        ))
        .noted(stalled, Some(to), "reading went on");
    }
    if dropped {
        return Judgement::pass(format!("after {unread} unread the server ended the stream"));
    }
    if written < TELLING {
        return Judgement::unverified(format!(
            "the stream writes about {} in {unread}, which kernels hold; a bound shows from {} on",
            mib(written),
            mib(TELLING)
        ));
    }
    Judgement::pass(format!(
        "after {unread} unread, {} of about {} written were waiting",
        mib(backlog),
        mib(written)
    ))
}

/// By how much what arrived after the pause was ahead of the pace of the stream, at most. The
/// rate is in bytes per microsecond.
fn backlog(stalled: &Transcript, since_us: u64, rate: f64) -> u64 {
    let after = stalled
        .body
        .slices
        .iter()
        .filter(|slice| slice.at_us >= since_us);
    let mut arrived = 0_u64;
    let ahead = after.map(|slice| {
        arrived += slice.len;
        arrived.saturating_sub((rate * (slice.at_us - since_us) as f64) as u64)
    });
    ahead.max().unwrap_or(0)
}

/// Observed this long, a stream has a pace of its own, in microseconds: one written as fast as it is
/// read fills what is kept of it in less.
const PACED_US: u64 = 2_000_000;
/// How much faster than that pace a backlog comes, at least: a busy machine alone changes the pace too.
const BURST: f64 = 4.0;

/// Whether what came first after the pause came so much faster than the stream's own pace that it
/// must have been waiting. The rate is in bytes per microsecond.
fn is_burst(case: &Case<'_>, stalled: &Transcript, since_us: u64, rate: f64) -> bool {
    let mut arrived = 0;
    let slices = stalled.body.slices.iter();
    let mut after = slices.filter(|slice| slice.at_us >= since_us);
    let beyond = after.find(|slice| {
        arrived += slice.len;
        arrived > KERNEL
    });
    let took = beyond.map(|slice| slice.at_us.saturating_sub(since_us).max(1));
    let is_paced = case.observed_us() >= PACED_US;
    is_paced && took.is_some_and(|took| KERNEL as f64 / took as f64 >= rate * BURST)
}

/// The longest time in which nothing was read, if it was long.
fn pause(stalled: &Transcript) -> Option<(u64, u64)> {
    let pairs = stalled.body.slices.windows(2);
    let pauses = pairs.map(|pair| (pair[0].at_us, pair[1].at_us));
    let longest = pauses.max_by_key(|(from, to)| to.saturating_sub(*from))?;
    (longest.1.saturating_sub(longest.0) >= STALL_US).then_some(longest)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::sample::{Sample, finding};
    use ssekit_record::Verdict;

    fn unread(rate_mib: u64, backlog: usize) -> Verdict {
        unread_after(3_000, rate_mib, backlog)
    }

    fn unread_after(observed_ms: u64, rate_mib: u64, backlog: usize) -> Verdict {
        let bytes = |n: usize| vec![b'x'; n];
        let total = ((observed_ms * rate_mib) << 20) / 1_000;
        let main = Sample::slices([(20, bytes(total as usize))]).end(EndKind::Left, observed_ms);
        let stalled = Sample::slices([
            (20, bytes(100)),
            (15_020, bytes(backlog)),
            (18_000, bytes(9)),
        ]);
        let stalled = stalled.end(EndKind::Left, 20_000).by(Probe::Stalled);
        finding("lifecycle.half-open", [main, stalled]).verdict
    }

    #[test]
    fn a_backlog_beyond_the_kernel_is_the_servers() {
        assert_eq!(unread(1, 12 << 20), Verdict::Warn);
        assert_eq!(unread(1, 3 << 20), Verdict::Pass);
        assert_eq!(unread(0, 3 << 10), Verdict::Unverified);
        // Written as fast as it is read: its pace is ours, and nothing was seen waiting.
        assert_eq!(unread_after(500, 20, 12 << 20), Verdict::Unverified);
        let main = Sample::stream("data: a\n\n");
        let dropped = Sample::stream("data: a\n\n").end(EndKind::Reset, 15_000);
        let judged = finding("lifecycle.half-open", [main, dropped.by(Probe::Stalled)]);
        assert_eq!(judged.verdict, Verdict::Pass);
    }

    #[test]
    fn a_stream_that_became_faster_is_no_backlog() {
        let mib = |n: usize| vec![b'x'; n << 20];
        let main = Sample::slices([(20, mib(3))]).end(EndKind::Left, 3_000);
        let faster = (0..20).map(|n| (15_020 + n * 400, mib(1)));
        let stalled = [(20, mib(1))].into_iter().chain(faster);
        let stalled = Sample::slices(stalled).end(EndKind::Left, 23_000);
        let judged = finding("lifecycle.half-open", [main, stalled.by(Probe::Stalled)]);
        assert_eq!(judged.verdict, Verdict::Unverified);
    }
}
