//! What a run found besides its numbers: bursts, its own limits, and the one word.

mod generator;
mod silence;

use ssekit_record::{Aborted, LoadFinding, LoadRecord, ThresholdResult, Verdict};

use ssekit_record::quantity::{show_number, show_us};

use self::generator::generator;
pub(crate) use self::generator::lateness;
use crate::dial::Sharing;
use crate::expectation::BURST_WINDOW_US;
use crate::job::Job;
use crate::metric::Metric;
use crate::tally::Tally;

/// How a run ended.
pub(crate) struct Ending {
    /// Share of the time that the busiest worker ran.
    pub busy: f64,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// Whether it ended before its plan did, whoever ended it.
    pub cut_short: bool,
    /// Whether its search went on to the limits of the generator, and says so itself.
    pub saturated: bool,
    /// The threshold that ended it, and how it was judged then.
    pub aborted: Option<(Aborted, ThresholdResult)>,
}

/// Judges thresholds and the generator, and says the outcome.
pub(crate) fn judge(record: &mut LoadRecord, job: &Job, run: &Tally, ending: Ending) {
    record.findings.extend(burst(job, run));
    record.findings.extend(shared(job, run));
    if !job.is_part_of_search() {
        record.findings.extend(lateness(record, job));
    }
    record.findings.extend(generator(record, job, run, &ending));
    record.findings.extend(search(record, job));
    record.findings.extend(beyond(job, run));
    record.findings.extend(silence::findings(record, job));
    record.findings.extend(record.away());
    record.findings.extend(record.overlapped());
    let thresholds = job.thresholds.iter();
    record.thresholds = thresholds
        .map(|threshold| threshold.evaluate(record))
        .collect();
    if let Some((aborted, result)) = ending.aborted {
        record.abort(aborted, result);
    }
    record.findings.extend(record.unjudged());
    if record.has_no_data() {
        record.findings.push(LoadFinding {
            id: "no-data".into(),
            verdict: Verdict::Fail,
            detail: no_data(record),
        });
    }
    record.outcome = record.judged(ending.interrupted);
    record.summary = summary(record);
}

/// Samples were longer than histograms tell apart.
fn beyond(job: &Job, run: &Tally) -> Option<LoadFinding> {
    let count = run.count.beyond;
    let most = show_us(job.precision.max_us as f64);
    (count > 0).then(|| LoadFinding {
        id: "samples.beyond".into(),
        verdict: Verdict::Warn,
        detail: format!(
            "{count} samples were longer than {most} (histogram.max) and count as that time: where a percentile \
             is as long, it was longer."
        ),
    })
}

/// What is wrong with a search for capacity, if anything is.
pub(crate) fn search(record: &LoadRecord, job: &Job) -> Option<LoadFinding> {
    let capacity = record.capacity.as_ref()?;
    let stop_on = capacity.stop_on.as_deref()?;
    let last = capacity.steps.last()?;
    let (id, verdict, detail) = match &last.saturated {
        Some(resource) => {
            let asked_for = stop_on == "saturation" && capacity.knee.is_some();
            let detail = format!(
                "With {} streams the generator was at its limit: {resource}. Of the target this says \
                 nothing.",
                last.streams
            );
            let verdict = match (asked_for, job.validity.strict) {
                (true, _) => Verdict::Info,
                (false, true) => Verdict::Error,
                (false, false) => Verdict::Warn,
            };
            ("generator.saturated", verdict, detail)
        }
        None if capacity.knee.is_none() => {
            ("capacity.none", Verdict::Fail, capacity.detail.clone())
        }
        None => return None,
    };
    Some(LoadFinding {
        id: id.into(),
        verdict,
        detail,
    })
}

/// Bursts: events that arrive together although they were not made together.
fn burst(job: &Job, run: &Tally) -> Option<LoadFinding> {
    let held = run.groups_held;
    let groups = held + run.groups_sent;
    let finding = |verdict, detail| {
        let id = "delivery.burst".into();
        Some(LoadFinding {
            id,
            verdict,
            detail,
        })
    };
    if groups > 0 {
        // Stamps tell: what was published apart and arrives together was held back.
        if held < 3 || held * 2 < groups {
            return None;
        }
        return finding(
            Verdict::Warn,
            format!(
                "This stream is being buffered: {held} of {groups} groups of events arrived at once \
                 though their stamps lie apart. Look for a proxy or a compressor that collects, or a \
                 server that does not flush."
            ),
        );
    }
    let interval = job
        .populations
        .iter()
        .find_map(|population| population.role.expect.interval_us);
    let count = &run.count;
    let gaps = count.gaps_short + count.gaps_long;
    let batches = count.gaps_long.max(1);
    let together = count.gaps_short as f64 / gaps.max(1) as f64;
    // A server that is faster than the burst window cannot be told from a hop that collects.
    let slow = run.quantile(Metric::Gap, 1.0 - 0.5 * (1.0 - together)) >= 20 * BURST_WINDOW_US;
    if gaps < 20 || together < 0.5 || count.gaps_long < 3 || !slow {
        return None;
    }
    let each = (gaps as f64 / batches as f64).round();
    match interval {
        Some(interval) if interval >= 2 * BURST_WINDOW_US => finding(
            Verdict::Warn,
            format!(
                "This stream is being buffered: {:.0} % of the events came right after another, \
                 about {each} at a time, though one each {} ms was declared. Look for a proxy or a \
                 compressor that collects, or a server that does not flush; whether the server \
                 makes them in batches, only stamps in the events can tell (expect.published_at).",
                together * 100.0,
                interval / 1000
            ),
        ),
        _ => finding(
            Verdict::Info,
            format!(
                "Events come about {each} at a time. Either something on the way collects them, or \
                 the server makes them in batches: only a declared interval (expect.interval) or \
                 stamps in the events (expect.published_at) can tell."
            ),
        ),
    }
}

/// Connections that the server let carry fewer streams than were asked for.
fn shared(job: &Job, run: &Tally) -> Option<LoadFinding> {
    let allowed = run.allowed?;
    let mut roles = job.populations.iter().map(|population| &population.role);
    let asked = roles.find_map(|role| match role.dialer.sharing {
        Sharing::Always(asked) | Sharing::AsAgreed(asked) => Some(asked),
        Sharing::Never => None,
    })?;
    let detail = match allowed {
        0 => {
            "The server allows no stream on a connection (SETTINGS_MAX_CONCURRENT_STREAMS).".into()
        }
        _ => format!(
            "The server allows {allowed} streams on a connection \
             (SETTINGS_MAX_CONCURRENT_STREAMS) and {asked} were asked for, so more connections \
             were opened."
        ),
    };
    Some(LoadFinding {
        id: "connection.streams".into(),
        verdict: Verdict::Info,
        detail,
    })
}

fn no_data(record: &LoadRecord) -> String {
    let most = record.errors.iter().max_by_key(|(_, count)| **count);
    match (record.streams.opened, most) {
        (0, Some((cause, count))) => {
            let attempts = record.streams.attempts;
            format!(
                "No stream opened; of {attempts} attempts {count} failed: {}.",
                in_words(cause)
            )
        }
        (0, None) => "No stream opened.".into(),
        (opened, _) => format!("{opened} streams opened, and not one event came."),
    }
}

/// What a cause means, by its name.
fn in_words(cause: &str) -> String {
    let words = match cause {
        "unresolved" => "the host name has no address",
        "refused" => "the connection was refused: nothing listens there",
        "unreachable" => "the address cannot be reached",
        "connect_timeout" => "no connection came about in time",
        "no_descriptor" => "this machine had no file descriptor left",
        "no_port" => "this machine had no port left",
        "no_source" => "the source address cannot be used",
        "tls" => "the TLS handshake failed",
        "head_timeout" => "no answer came in time (target.timeout, --timeout)",
        "unanswered" => "the server closed the connection without an answer",
        "content_type" => {
            "the answer had another Content-Type than was expected (expect.content_type)"
        }
        "malformed" => "what came cannot be read as HTTP",
        "reset" => "the server reset the connection",
        "status_204" => "the server answered 204, which tells clients not to come back",
        _ => "",
    };
    match (words, cause.strip_prefix("status_")) {
        ("", Some(status)) if status.starts_with('3') => {
            format!(
                "the server answered {status}, and redirects are not followed: load where it leads to"
            )
        }
        ("", Some(status)) => format!("the server answered {status}"),
        ("", None) => cause.to_owned(),
        (words, _) => words.to_owned(),
    }
}

/// The one sentence.
fn summary(record: &LoadRecord) -> String {
    let (streams, events) = (&record.streams, &record.events);
    let first = |verdict| {
        record
            .findings
            .iter()
            .find(|finding| finding.verdict == verdict)
    };
    let failed = record
        .thresholds
        .iter()
        .filter(|threshold| threshold.fails())
        .count();
    let what = format!(
        "{}, {} events in {:.1} s",
        streams.opening(),
        show_number(events.received as f64),
        record.elapsed_us as f64 / 1e6
    );
    let what = match &record.capacity {
        Some(capacity) if capacity.knee.is_some() => {
            format!("{what}. {}", capacity.detail.trim_end_matches('.'))
        }
        _ => what,
    };
    match (
        first(Verdict::Error).or_else(|| first(Verdict::Fail)),
        failed,
    ) {
        (Some(finding), _) => format!("{what}. {}", finding.detail),
        (None, 0) => format!("{what}."),
        (None, failed) => format!(
            "{what}; {failed} of {} thresholds did not hold.",
            record.thresholds.len()
        ),
    }
}
