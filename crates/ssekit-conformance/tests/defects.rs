//! Every check, proved both ways on the reference server: it passes the server as it is, and its
//! defect trips it and nothing unrelated.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ssekit_conformance::{CheckOptions, EchoTarget, Needs, Stopper, check, registry, rule};
use ssekit_http::HttpChoice;
use ssekit_record::{CheckRecord, Verdict};
use ssekit_server::{Config, Defect, DefectEntry, Server};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Runs at a time.
const AT_ONCE: usize = 20;
/// Runs at a time of those made again.
const AGAIN_AT_ONCE: [usize; 2] = [3, 1];

/// Where the server as it is gets no `pass` from a check even at the path of its defect, and why.
const NEVER_PASSED: &[(&str, &str)] = &[
    (
        "response.retry-after",
        "the reference server turns nobody away",
    ),
    ("line.crlf-split", "the reference server ends lines with LF"),
];

/// What is judged of a stream that floods: its own check, and all that needs one exchange.
const FLOODED: [&str; 7] = [
    "lifecycle.half-open",
    "framing",
    "encoding",
    "line",
    "data",
    "event",
    "id",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Transport {
    Http11,
    Http2,
    TlsHttp11,
    TlsHttp2,
}

impl Transport {
    fn tls(self) -> bool {
        matches!(self, Self::TlsHttp11 | Self::TlsHttp2)
    }

    fn http(self) -> HttpChoice {
        match self {
            Self::Http11 | Self::TlsHttp11 => HttpChoice::Http11,
            Self::Http2 => HttpChoice::Http2,
            // As most people ask, and the server chooses HTTP/2 where it can.
            Self::TlsHttp2 => HttpChoice::Auto,
        }
    }

    /// Whether a defect shows over this transport.
    fn shows(self, entry: &DefectEntry) -> bool {
        let barred = match self {
            Self::Http2 | Self::TlsHttp2 => entry.needs_h1,
            Self::Http11 | Self::TlsHttp11 => entry.needs_h2,
        };
        (self.tls() || !entry.needs_tls) && !barred
    }
}

/// How a target is checked: what makes two runs comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Look {
    transport: Transport,
    path: &'static str,
    long: bool,
    window_ms: u64,
    credentials: bool,
    echo: bool,
    stop: bool,
}

impl Look {
    /// Enough to see what this check is about.
    fn for_check(id: &str, check: &str, path: &'static str, transport: Transport) -> Self {
        let (long, window_ms) = match check {
            "lifecycle.min-duration" => (true, 32_000),
            "heartbeat.interval" => (true, 21_000),
            "heartbeat.idle-start" => (true, 19_000),
            "lifecycle.half-open" => (true, 2_500),
            _ if id.ends_with("/long") => (true, 2_000),
            _ => (false, 2_000),
        };
        let echo =
            id.ends_with("/echo") || rule(check).is_some_and(|rule| rule.needs == Needs::Echo);
        Self {
            transport,
            path,
            long,
            window_ms,
            credentials: path.starts_with("/private"),
            echo,
            stop: rule(check).is_some_and(|rule| rule.needs == Needs::Stop),
        }
    }

    /// Whether the stream is more than a dozen runs at a time can take beside it.
    fn floods(self) -> bool {
        self.path.contains("size=65536")
    }

    async fn at(self, defect: Option<Defect>) -> CheckRecord {
        let config = Config {
            tls: self.transport.tls(),
            defect,
            ..Config::default()
        };
        let server = Server::start(config).await.unwrap();
        let mut options = CheckOptions::new(server.url(self.path).parse().unwrap());
        options.http = self.transport.http();
        options.trust.ca_pem = server.certificate_pem().map(|pem| pem.as_bytes().to_vec());
        options.long = self.long;
        options.stopper = self.stop.then(|| Stopper::new(server.stopper()));
        options.echo = self.echo.then_some(EchoTarget::Beside);
        if self.floods() {
            options.selection.only = FLOODED.map(Into::into).to_vec();
        }
        options.observe = Some(Duration::from_millis(self.window_ms));
        if self.credentials {
            let field = ("Authorization".into(), b"Bearer of-the-test".to_vec());
            options.fields.push(field);
        }
        let checked = check(&options, &mut |_| {}).await.unwrap();
        checked.record
    }
}

type Run = (Look, Option<&'static str>);

/// Makes every run, several at a time.
async fn all(runs: BTreeSet<Run>, at_once: usize) -> BTreeMap<Run, CheckRecord> {
    let places = Arc::new(Semaphore::new(at_once));
    let mut running = JoinSet::new();
    // The longest first, so that the others fit beside them.
    let mut runs: Vec<Run> = runs.into_iter().collect();
    runs.sort_by_key(|(look, _)| std::cmp::Reverse(look.window_ms));
    for run in runs {
        let places = Arc::clone(&places);
        running.spawn(async move {
            // Those that mostly wait take no place.
            let _place = if run.0.long && !run.0.floods() {
                None
            } else {
                Some(places.acquire_owned().await.unwrap())
            };
            let defect = run.1.map(|id| Defect::find(id).unwrap());
            (run, run.0.at(defect).await)
        });
    }
    let mut records = BTreeMap::new();
    while let Some(done) = running.join_next().await {
        let (run, record) = done.unwrap();
        records.insert(run, record);
    }
    records
}

fn told(record: &CheckRecord, ids: &[&str]) -> String {
    let findings = record
        .checks
        .iter()
        .filter(|f| ids.contains(&f.id.as_str()));
    let lines = findings.map(|f| format!("\n      {} {}: {}", f.id, f.verdict, f.actual));
    lines.collect()
}

fn tripped(record: &CheckRecord) -> BTreeSet<&str> {
    let is_tripped = |verdict| {
        matches!(
            verdict,
            Verdict::Fail | Verdict::Warn | Verdict::Info | Verdict::Error
        )
    };
    let findings = record.checks.iter().filter(|f| is_tripped(f.verdict));
    findings.map(|f| f.id.as_str()).collect()
}

/// What is wrong with one run of a defect, beside the run of the server as it is.
fn wrong_with_defect(
    entry: &DefectEntry,
    base: &CheckRecord,
    broken: &CheckRecord,
) -> Option<String> {
    let (was, is) = (tripped(base), tripped(broken));
    let mut wrong = String::new();
    if !is.contains(entry.check) {
        wrong += &format!(
            "\n    does not trip {}{}",
            entry.check,
            told(broken, &[entry.check])
        );
    } else if was.contains(entry.check) {
        wrong += &format!("\n    trips without it too{}", told(base, &[entry.check]));
    }
    let unrelated: Vec<&str> = is
        .difference(&was)
        .copied()
        .filter(|id| *id != entry.check && !entry.also.contains(id))
        .collect();
    if !unrelated.is_empty() {
        wrong += &format!("\n    trips also{}", told(broken, &unrelated));
    }
    (!wrong.is_empty()).then_some(wrong)
}

#[test]
fn every_rule_has_a_defect() {
    let broken: BTreeSet<&str> = Defect::all().iter().map(|entry| entry.check).collect();
    let without: Vec<&str> = registry()
        .iter()
        .map(|rule| rule.id)
        .filter(|id| !broken.contains(id))
        .collect();
    assert!(without.is_empty(), "no defect for {without:?}");
    let known: BTreeSet<&str> = registry().iter().map(|rule| rule.id).collect();
    let strange: Vec<_> = broken.difference(&known).collect();
    assert!(strange.is_empty(), "no rule for {strange:?}");
}

/// The looks at the server by which every check can be judged.
fn looks(transport: Transport) -> Vec<(&'static DefectEntry, Look)> {
    // To look at a few while they are written.
    let wanted = std::env::var("SSEKIT_DEFECTS").unwrap_or_default();
    let shown = |entry: &&DefectEntry| transport.shows(entry) && entry.id.contains(&wanted);
    let entries = Defect::all().iter().filter(shown);
    entries
        .map(|entry| {
            (
                entry,
                Look::for_check(entry.id, entry.check, entry.path, transport),
            )
        })
        .collect()
}

/// Everything wrong with one check by one look.
fn wrongs(
    (entry, look): &(&DefectEntry, Look),
    records: &BTreeMap<Run, CheckRecord>,
) -> Vec<String> {
    let base = &records[&(*look, None)];
    let mut wrong = Vec::new();
    let found: Vec<&str> = tripped(base).into_iter().collect();
    if look.path == "/events" && !found.is_empty() {
        wrong.push(format!("{look:?} finds{}", told(base, &found)));
    }
    let excused = NEVER_PASSED.iter().any(|(id, _)| *id == entry.check);
    let passed = |f: &ssekit_record::Finding| f.id == entry.check && f.verdict == Verdict::Pass;
    if !excused && !base.checks.iter().any(passed) {
        wrong.push(format!(
            "{look:?} does not pass{}",
            told(base, &[entry.check])
        ));
    }
    let broken = records.get(&(*look, Some(entry.id)));
    let what = broken.and_then(|broken| wrong_with_defect(entry, base, broken));
    wrong.extend(what.map(|what| format!("{} over {:?}: {what}", entry.id, look.transport)));
    wrong
}

/// Over every transport the server as it is passes every check at the path of its defect, and the
/// plain stream gets no finding at all. Over HTTP/1.1 and HTTP/2, and over TLS what only that
/// shows, each defect trips its check and no unrelated one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_passes_and_each_defect_trips_its_check_alone() {
    let transports = [
        Transport::Http11,
        Transport::Http2,
        Transport::TlsHttp11,
        Transport::TlsHttp2,
    ];
    let looks: Vec<_> = transports.into_iter().flat_map(looks).collect();
    let broken = |(entry, look): &(&'static DefectEntry, Look)| {
        (!look.transport.tls() || entry.needs_tls).then_some((*look, Some(entry.id)))
    };
    let mut runs: BTreeSet<Run> = looks.iter().map(|(_, look)| (*look, None)).collect();
    runs.extend(looks.iter().filter_map(broken));
    let mut records = all(runs, AT_ONCE).await;
    // Times on a busy machine: what is wrong once more, beside few others and then alone, is wrong.
    for at_once in AGAIN_AT_ONCE {
        let doubted = looks
            .iter()
            .filter(|look| !wrongs(look, &records).is_empty());
        let again = doubted.flat_map(|look| {
            let defect = broken(look);
            [Some((look.1, None)), defect].into_iter().flatten()
        });
        let again = all(again.collect(), at_once).await;
        records.extend(again);
    }
    let wrong: BTreeSet<String> = looks
        .iter()
        .flat_map(|look| wrongs(look, &records))
        .collect();
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
