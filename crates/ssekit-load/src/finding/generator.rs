//! What the generator says of itself.

use ssekit_record::quantity::show_us;
use ssekit_record::{Generator, LoadFinding, LoadRecord, Verdict};

use super::Ending;
use crate::cause::Cause;
use crate::job::Job;
use crate::room::{BOUND, FREE};
use crate::tally::Tally;

/// That the generator was late, if it was, and a search did not stop there.
pub(crate) fn lateness(record: &LoadRecord, job: &Job) -> Vec<LoadFinding> {
    let mut findings = Vec::new();
    let mut add = |id: &str, detail| findings.push(finding(job, id, detail));
    let (own, limits) = (&record.generator, &job.validity);
    let told = |us: u64| show_us(us as f64);
    if own.loop_lag_p999_us > limits.max_loop_lag_p999_us {
        add(
            "loop-lag",
            format!(
                "The generator's own loop was up to {} late (99.9 % of samples; {} allowed), so \
                 arrivals may be stamped that much too late. Give it more processor time, more workers or another machine.",
                told(own.loop_lag_p999_us),
                told(limits.max_loop_lag_p999_us)
            ),
        );
    }
    if own.schedule_lag_p99_us > limits.max_schedule_lag_p99_us {
        add(
            "schedule-lag",
            format!(
                "Connections began up to {} after their planned start (99 % of samples; {} allowed). A longer ramp, more workers or more target or source addresses help.",
                told(own.schedule_lag_p99_us),
                told(limits.max_schedule_lag_p99_us)
            ),
        );
    }
    findings
}

fn finding(job: &Job, what: &str, detail: String) -> LoadFinding {
    LoadFinding {
        id: format!("generator.{what}"),
        verdict: if job.validity.strict {
            Verdict::Error
        } else {
            Verdict::Warn
        },
        detail,
    }
}

/// What else it says of itself.
pub(super) fn generator(
    record: &LoadRecord,
    job: &Job,
    run: &Tally,
    ending: &Ending,
) -> Vec<LoadFinding> {
    let mut findings = Vec::new();
    let mut add = |id: &str, detail| findings.push(finding(job, id, detail));
    let (own, limits) = (&record.generator, &job.validity);
    if let Some(most) = limits.max_clock_offset_us
        && let Some(detail) = clocks(own, most)
    {
        add("clock", detail);
    }
    if limits.max_cpu.is_some_and(|most| ending.busy > most) && !ending.saturated {
        let busy = ending.busy * 100.0;
        add(
            "cpu",
            format!("A worker ran {busy:.0} % of the time: it may not keep up. Use more workers."),
        );
    }
    if own.started_ratio < limits.min_started_ratio && !ending.cut_short {
        let share = own.started_ratio * 100.0;
        add(
            "not-started",
            format!("Only {share:.1} % of the planned streams were begun."),
        );
    }
    if run.crowded > 0 {
        add("memory", crowded(run.crowded));
    }
    if run.crowded_decoded > 0 {
        add(
            "memory",
            crowded_decoded(run.crowded_decoded, job.decoded_bytes),
        );
    }
    for (cause, id, detail) in [
        (
            Cause::NoDescriptor,
            "descriptors",
            "this machine had no file descriptor left; raise `ulimit -n` or use --processes",
        ),
        (
            Cause::NoPort,
            "ports",
            "this machine had no port left; use more target addresses or target.source_ips, or widen net.ipv4.ip_local_port_range",
        ),
        (
            Cause::NoSource,
            "source",
            "a source address of target.source_ips cannot be used on this machine",
        ),
    ] {
        if let Some(count) = run.errors.get(&cause).filter(|_| !ending.saturated) {
            add(id, format!("{count} connections failed because {detail}."));
        }
    }
    findings
}

/// That streams ended since all together held too much.
fn crowded(streams: u64) -> String {
    format!(
        "{streams} streams ended as `limit` though none of them had passed 16 MiB: the lines and events that \
         had begun and not ended took {} MiB over all streams, which is as much as ssekit holds besides {} KiB \
         for each. If events are that large, use fewer streams or more --processes; if they never end, one \
         stream shows it.",
        BOUND >> 20,
        FREE >> 10
    )
}

fn crowded_decoded(streams: u64, bound: u64) -> String {
    format!(
        "{streams} streams ended as `limit` because the decoders of all streams kept {} MiB of what came before, \
         which is half of the memory that was free, over all processes: a server may have each keep 8 MiB with \
         zstd and 16 MiB with brotli. Use fewer streams, offer gzip alone (target.compression), or have the \
         server use a smaller window.",
        bound >> 20
    )
}

/// That clocks were seen further apart than this, if they were.
fn clocks(own: &Generator, most_us: u64) -> Option<String> {
    let ms = |us: u64| us as f64 / 1000.0;
    let (what, seen) = if own.ahead_us >= own.clock_step_us {
        (
            "Events arrived up to {} ms before the instant of their stamps",
            own.ahead_us,
        )
    } else {
        (
            "The clock of this machine was set by {} ms while the run went on",
            own.clock_step_us,
        )
    };
    (seen > most_us).then(|| {
        format!(
            "{}, so times of delivery are wrong by at least as much ({:.3} ms are allowed). Keep the \
             clocks together (NTP, PTP), or declare how far they are apart in expect.published_at.clock.",
            what.replace("{}", &format!("{:.3}", ms(seen))),
            ms(most_us)
        )
    })
}
