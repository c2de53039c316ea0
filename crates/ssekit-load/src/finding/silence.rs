//! Streams that were silent for longer than was declared, or than what stands between a server and its
//! clients lets pass.

use ssekit_record::quantity::show_us;
use ssekit_record::{LoadFinding, LoadRecord, MetricValue, Verdict};

use crate::job::Job;

/// After how many seconds without a byte a stream is cut by those that are configured as delivered.
const IDLE_TIMEOUTS: [(u64, &str); 5] = [
    (30, "CloudFront (response timeout of the origin, 30 s)"),
    (50, "HAProxy as Debian configures it (timeout server, 50 s)"),
    (
        60,
        "nginx (proxy_read_timeout), Varnish (between_bytes_timeout) and the load balancers of AWS (idle \
         timeout), 60 s each",
    ),
    (100, "Cloudflare (proxy read timeout, 100 s)"),
    (300, "Envoy (stream_idle_timeout, 5 min)"),
];
/// What a heartbeat may be later than it was declared: a tenth, and this many microseconds.
const LATE_US: u64 = 100_000;

/// What the longest silence of the streams says, those of slow readers left out: they are silent because
/// nobody reads.
pub(super) fn findings(record: &LoadRecord, job: &Job) -> Vec<LoadFinding> {
    let is_slow = |name: &str| {
        let mut populations = job.populations.iter();
        populations.any(|one| one.name == name && one.role.pace.is_some())
    };
    let longest = match record.populations.as_slice() {
        [] if job.populations.iter().all(|one| one.role.pace.is_some()) => None,
        [] => longest(&[&record.metrics]),
        several => {
            let others = several.iter().filter(|one| !is_slow(&one.population));
            longest(&others.map(|one| &one.scope.metrics).collect::<Vec<_>>())
        }
    };
    let mut declared = job.populations.iter();
    let declared = declared.find_map(|one| one.role.expect.heartbeat_us);
    let Some(longest) = longest else {
        return Vec::new();
    };
    let late = declared.and_then(|every| late(longest, every, record.generator.loop_lag_max_us));
    late.into_iter().chain(cut(longest)).collect()
}

fn longest(scopes: &[&std::collections::BTreeMap<String, MetricValue>]) -> Option<u64> {
    let named = |name: &'static str| scopes.iter().filter_map(move |metrics| metrics.get(name));
    let silences = named("silence").chain(named("silence_censored"));
    silences
        .filter_map(MetricValue::samples)
        .map(|samples| samples.max())
        .max()
}

/// More than was declared, and than this process may have been late itself.
fn late(longest_us: u64, every_us: u64, lag_us: u64) -> Option<LoadFinding> {
    let most = every_us
        .saturating_add(every_us / 10)
        .saturating_add(LATE_US)
        .saturating_add(lag_us);
    (longest_us > most).then(|| LoadFinding {
        id: "heartbeat.late".into(),
        verdict: Verdict::Warn,
        detail: format!(
            "A heartbeat was declared every {} (expect.heartbeat), and a stream brought no byte for {}.",
            show_us(every_us as f64),
            show_us(longest_us as f64)
        ),
    })
}

fn cut(longest_us: u64) -> Option<LoadFinding> {
    let cutting = IDLE_TIMEOUTS
        .iter()
        .filter(|(timeout, _)| longest_us > timeout * 1_000_000)
        .map(|(_, who)| *who)
        .collect::<Vec<_>>();
    if cutting.is_empty() {
        return None;
    }
    Some(LoadFinding {
        id: "silence.idle-timeout".into(),
        verdict: Verdict::Warn,
        detail: format!(
            "A stream brought no byte for {}. As delivered, these would cut it: {}. A comment \
             every 15 s keeps it alive.",
            show_us(longest_us as f64),
            cutting.join("; ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000;

    #[test]
    fn a_silence_is_held_against_every_timeout_that_it_outlasts() {
        assert_eq!(cut(30 * S), None);
        let told = |us| cut(us).map(|finding| finding.detail).unwrap_or_default();
        assert!(told(31 * S).contains("CloudFront") && !told(31 * S).contains("HAProxy"));
        let minute = told(60 * S + 1);
        assert!(
            minute.contains("nginx") && minute.contains("HAProxy"),
            "{minute}"
        );
        assert!(!minute.contains("Cloudflare"), "{minute}");
        assert!(told(301 * S).contains("Envoy"));
    }

    #[test]
    fn a_heartbeat_is_late_beyond_a_tenth_and_the_lag_of_this_process() {
        assert_eq!(late(2_300_000, 2 * S, 0), None);
        assert!(late(2_300_001, 2 * S, 0).is_some());
        assert_eq!(late(2_400_000, 2 * S, 100_000), None);
    }
}
