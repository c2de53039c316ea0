//! The probes of a run: what the origin does, what the client asks, and when it leaves.

use std::time::Duration;

use ssekit_http::HttpChoice;

use crate::ProxyOptions;
use crate::act::{Act, Answer, Framing, Step, event};
use crate::client::Leave;

/// One exchange to make.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Unique; the name in transcripts and evidence.
    pub name: &'static str,
    /// Which URL: those of one name share it.
    pub url: String,
    pub about: &'static str,
    pub act: Act,
    pub method: &'static str,
    /// Request fields besides those of an EventSource.
    pub fields: Vec<(&'static str, Vec<u8>)>,
    /// Version, where the probe needs one.
    pub http: Option<HttpChoice>,
    /// How long after the others it begins.
    pub begin: Duration,
    pub leave: Leave,
    /// Longest time it takes.
    pub most: Duration,
    /// Asks the origin without the hop.
    pub direct: bool,
    pub wave: Wave,
}

/// When a probe runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wave {
    /// From the beginning to the end: it hardly does anything.
    Long,
    /// First, since its times must not be disturbed.
    Timed,
    /// After those.
    Other,
    /// Last, since it disturbs everything.
    Alone,
}

/// Ids sent as `Last-Event-ID`: name of the probe, what it is, the value.
pub(crate) fn ids() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let long = |kib: usize| "0123456789abcdef".repeat(kib * 64).into_bytes();
    vec![
        ("id-ascii", "an ASCII id", b"42-abc".to_vec()),
        ("id-utf8", "an id of raw UTF-8", "é☃".into()),
        ("id-empty", "an empty id", Vec::new()),
        ("id-1k", "an id of 1 KiB", long(1)),
        ("id-4k", "an id of 4 KiB", long(4)),
        ("id-8k", "an id of 8 KiB", long(8)),
        ("id-16k", "an id of 16 KiB", long(16)),
    ]
}

/// Sizes of single events that a hop may hold, in bytes.
pub(crate) const SIZES: [usize; 6] = [512, 4080, 4096, 5120, 8192, 65_536];
/// Bytes of a flood, at most.
pub(crate) const FLOOD: u64 = 48 << 20;
/// How long nothing is sent to a client that leaves, until the origin writes again.
pub(crate) fn quiet(options: &ProxyOptions) -> u64 {
    if options.quick { 700 } else { 3_000 }
}
/// How long the head waits alone for the first event, in milliseconds.
pub(crate) fn head_alone(options: &ProxyOptions) -> u64 {
    let bar = options.max_added_latency.as_millis() as u64;
    if options.quick { 800 } else { 1_500 }.max(3 * bar)
}
/// What no hop may change: a byte order mark, NUL, every line end, bytes that are not UTF-8.
pub(crate) const ODD: &[u8] = b"\xef\xbb\xbfdata: a\0b\rdata: c\r\ndata: \x7f\x01\t \n\n\
    data: \xff\xfe\xc3\x28\xe2\x98\n\r\n\xef\xbb\xbf: \xe2\x98\x83\r\r: end\n\n";

impl Probe {
    fn new(name: &'static str, about: &'static str, answer: Answer) -> Self {
        Self {
            name,
            url: name.into(),
            about,
            act: Act::Answer(answer),
            method: "GET",
            fields: Vec::new(),
            http: None,
            begin: Duration::ZERO,
            leave: Leave::AtEnd,
            most: Duration::from_secs(8),
            direct: false,
            wave: Wave::Other,
        }
    }

    fn act(mut self, act: Act) -> Self {
        self.act = act;
        self
    }

    fn at(mut self, url: &'static str, begin_ms: u64) -> Self {
        self.url = url.into();
        self.begin = Duration::from_millis(begin_ms);
        self
    }

    fn field(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    fn over(mut self, http: HttpChoice) -> Self {
        self.http = Some(http);
        self
    }

    fn in_wave(mut self, wave: Wave) -> Self {
        self.wave = wave;
        self
    }

    fn leaving(mut self, leave: Leave) -> Self {
        self.leave = leave;
        self
    }

    fn within(mut self, most: Duration) -> Self {
        self.most = most;
        self
    }
}

/// Every probe of a run with these options.
pub(crate) fn probes(options: &ProxyOptions) -> Vec<Probe> {
    let mut probes = delivery(options);
    for probe in &mut probes {
        probe.wave = Wave::Timed;
    }
    probes.extend(heads());
    probes.extend(endings(options));
    probes.extend(sharing(options));
    probes.extend(statuses());
    probes.extend(idleness(options));
    if options.via.scheme() == "https" && options.http == HttpChoice::Auto {
        probes.extend(over_http2(options));
    }
    probes
}

/// The first exchange: short, and whole even through a hop that holds everything to the end.
pub(crate) fn canary() -> Probe {
    let answer = Answer::stream().step(Step::Stamp);
    Probe::new("canary", "whether the hop forwards to this origin", answer)
}

fn tail(options: &ProxyOptions) -> u64 {
    let bar = options.max_added_latency.as_millis() as u64;
    600.max(3 * bar)
}

fn small(options: &ProxyOptions) -> Answer {
    let count = if options.quick { 10 } else { 20 };
    Answer::stream()
        .events(1, count, 40, 100)
        .wait(tail(options))
}

fn large(options: &ProxyOptions) -> Answer {
    let gap = 300.max(3 * options.max_added_latency.as_millis() as u64);
    let mut answer = Answer::stream().events(1, 1, 40, gap);
    for (i, size) in SIZES.into_iter().enumerate() {
        answer = answer.events(i + 2, 1, size, gap);
    }
    answer.wait(100)
}

fn delivery(options: &ProxyOptions) -> Vec<Probe> {
    let tail = tail(options);
    let gap = 300.max(3 * options.max_added_latency.as_millis() as u64);
    let compressible = || Answer::stream().events(1, 10, 120, 100).wait(tail);
    let alone = head_alone(options);
    let pieces = if options.quick { 70 } else { 140 };
    let codings = "gzip, deflate, br";
    let mut direct = Probe::new("direct", "small events without the hop", small(options));
    direct.direct = true;
    vec![
        direct,
        Probe::new("release", "small events, one every 100 ms", small(options)),
        Probe::new(
            "burst",
            "events of 1 KiB, one every 12 ms",
            Answer::stream().events(1, pieces, 1024, 12).wait(tail),
        ),
        Probe::new(
            "large",
            "single events of 512 bytes to 64 KiB",
            large(options),
        ),
        Probe::new(
            "close-delimited",
            "events without chunked coding or length",
            // Head and first event in one write, as many servers have it: hops differ on that.
            Answer::stream()
                .framed(Framing::Close)
                .with_first_piece()
                .events(1, 10, 40, 100)
                .events(11, 1, 5120, gap)
                .wait(tail),
        ),
        Probe::new(
            "head",
            "a head long before its first event",
            Answer::stream().wait(alone).events(1, 2, 40, 200),
        ),
        Probe::new(
            "head-comment",
            "a head and a comment long before the first event",
            Answer::stream()
                .piece(":\n\n")
                .wait(alone)
                .events(1, 2, 40, 200),
        ),
        Probe::new(
            "gzip",
            "events to a client that accepts compression",
            compressible(),
        )
        .field("Accept-Encoding", codings),
        Probe::new(
            "no-transform",
            "the same, marked no-transform",
            compressible().field("Cache-Control", "no-cache, no-transform"),
        )
        .field("Accept-Encoding", codings),
        Probe::new(
            "accel",
            "events with X-Accel-Buffering: no",
            Answer::stream()
                .field("X-Accel-Buffering", "no")
                .wait(gap + 100)
                .events(1, 5, 40, 100)
                .events(6, 1, 5120, gap)
                .wait(tail),
        ),
    ]
}

fn heads() -> Vec<Probe> {
    let few = || Answer::stream().events(1, 3, 40, 50);
    let fields = few()
        .field("Content-Type", "text/event-stream; charset=utf-8")
        .field("Access-Control-Allow-Origin", "https://app.example")
        .field("Access-Control-Allow-Credentials", "true")
        .field("Access-Control-Expose-Headers", "X-Ssekit")
        .field("Vary", "Origin")
        .field("X-Ssekit", "answered");
    let mut odd = few().field("Cache-Control", "no-cache, no-transform");
    odd.steps = vec![Step::PerByte(ODD.to_vec())];
    let mut probes = vec![
        Probe::new("fields", "a head with the fields of a CORS answer", fields)
            .field("Origin", "https://app.example")
            .field("X-Ssekit", "asked"),
        Probe::new("bytes", "bytes that are easily changed, one a chunk", odd),
        Probe::new("http10", "an HTTP/1.0 request", few()).over(HttpChoice::Http10),
        Probe::new(
            "length",
            "a stream with a Content-Length",
            few().framed(Framing::Length),
        ),
    ];
    for (name, about, id) in ids() {
        let answer = Answer::stream().step(Step::Stamp);
        probes.push(Probe::new(name, about, answer).field("Last-Event-ID", id));
    }
    probes
}

/// How long the client reads on after the origin died. Envoy waits for one second before it closes.
pub(crate) fn mourning(options: &ProxyOptions) -> Duration {
    Duration::from_millis(if options.quick { 2_200 } else { 3_000 })
}

fn endings(options: &ProxyOptions) -> Vec<Probe> {
    let quiet = quiet(options);
    let count = if options.quick { 20 } else { 60 };
    let dying = |step: Step| Answer::stream().events(1, 3, 40, 100).wait(200).step(step);
    let most = Duration::from_millis(500) + mourning(options);
    let mut probes = vec![
        Probe::new(
            "abort-active",
            "a client that leaves a busy stream",
            Answer::stream().events(1, count, 40, 100),
        )
        .leaving(Leave::AfterContent(Duration::from_millis(500))),
        Probe::new(
            "abort-idle",
            "a client that leaves a silent stream",
            Answer::stream()
                .events(1, 1, 40, 0)
                .wait(400 + quiet)
                .events(2, count / 4, 40, 250),
        )
        .leaving(Leave::AfterContent(Duration::from_millis(400)))
        .within(Duration::from_secs(4)),
        Probe::new(
            "abort-early",
            "a client that leaves before the head",
            Answer::stream()
                .after(Duration::from_millis(400 + quiet))
                .events(1, count / 4, 40, 250),
        )
        .leaving(Leave::After(Duration::from_millis(400))),
        Probe::new(
            "origin-fin",
            "an origin that closes within the content",
            dying(Step::Fin),
        )
        .within(most),
        Probe::new("origin-reset", "an origin that resets", dying(Step::Reset)).within(most),
    ];
    if !options.quick {
        let flood = Answer::stream()
            .events(1, 1, 40, 0)
            .step(Step::Flood(FLOOD, Duration::from_secs(3)));
        let flood = Probe::new("flood", "a client that does not read", flood)
            .leaving(Leave::Unread(Duration::from_millis(2_500)));
        probes.push(flood.in_wave(Wave::Alone));
    }
    probes
}

fn sharing(options: &ProxyOptions) -> Vec<Probe> {
    let every = if options.quick { 150 } else { 250 };
    let (second, third) = (every * 2, every * 6);
    let stamped = || {
        let mut answer = Answer::stream();
        for _ in 0..4 {
            answer = answer.step(Step::Stamp).wait(every);
        }
        answer
    };
    let open = || stamped().without("Cache-Control");
    let kept = || stamped().field("Cache-Control", "no-store");
    vec![
        Probe::new(
            "shared-1",
            "a first client of a URL without Cache-Control",
            open(),
        )
        .at("shared", 0),
        Probe::new("shared-2", "a second one beside it", open()).at("shared", second),
        Probe::new("shared-3", "a third one after it", open()).at("shared", third),
        Probe::new(
            "private-1",
            "a first client of a URL marked no-store",
            kept(),
        )
        .at("private", 0),
        Probe::new("private-2", "a second one beside it", kept()).at("private", second),
        Probe::new("private-3", "a third one after it", kept()).at("private", third),
    ]
}

/// What the answers of status probes carry.
pub(crate) const RETRY_AFTER: &str = "7";
/// Where the redirects lead.
pub(crate) const MOVED: &str = "/ssekit-moved";

fn statuses() -> Vec<Probe> {
    let moved = |status| Answer::status(status).field("Location", MOVED);
    let bodied = |status| {
        Answer::status(status)
            .field("Content-Type", "text/plain")
            .piece("an answer of the origin\n")
    };
    let unanswered = || Answer::status(200);
    vec![
        Probe::new("status-204", "204 No Content", Answer::status(204)),
        Probe::new("status-301", "301 with a Location", moved(301)),
        Probe::new("status-307", "307 with a Location", moved(307)),
        Probe::new("status-404", "404 Not Found", bodied(404)),
        Probe::new(
            "status-503",
            "503 with Retry-After",
            bodied(503).field("Retry-After", RETRY_AFTER),
        ),
        Probe {
            method: "HEAD",
            ..Probe::new("head-method", "a HEAD request", Answer::stream())
        }
        .within(Duration::from_secs(3)),
        Probe::new(
            "unanswered-close",
            "an origin that closes without an answer",
            unanswered(),
        )
        .act(Act::Close),
        Probe::new(
            "unanswered-reset",
            "an origin that resets without an answer",
            unanswered(),
        )
        .act(Act::Reset),
    ]
}

/// Interval of the comments that should keep a stream alive.
pub(crate) fn beat(options: &ProxyOptions) -> u64 {
    let idle = options.idle.as_millis() as u64;
    (idle / 4).clamp(50, 1_000)
}

fn idleness(options: &ProxyOptions) -> Vec<Probe> {
    let mut probes = Vec::new();
    let idle = options.idle.as_millis() as u64;
    if !options.quick {
        let most = options.idle + Duration::from_secs(3);
        let silent = Answer::stream()
            .events(1, 1, 40, idle)
            .events(2, 1, 40, 500);
        probes.push(
            Probe::new("idle", "a stream that is silent", silent)
                .within(most)
                .in_wave(Wave::Long),
        );
        let mut beating = Answer::stream().events(1, 1, 40, 0);
        for _ in 0..idle / beat(options) {
            beating = beating.wait(beat(options)).piece(":\n\n");
        }
        let beating = beating.events(2, 1, 40, 500);
        probes.push(
            Probe::new("idle-comments", "the same with comments", beating)
                .within(most)
                .in_wave(Wave::Long),
        );
    }
    if let Some(lifetime) = options.lifetime {
        let seconds = lifetime.as_millis().div_ceil(500) as usize;
        let mut busy = Answer::stream();
        for number in 1..=seconds {
            busy = busy.piece(event(number, 40)).wait(500);
        }
        let most = lifetime + Duration::from_secs(3);
        probes.push(
            Probe::new("lifetime", "a busy stream, for long", busy)
                .within(most)
                .in_wave(Wave::Long),
        );
    }
    probes
}

fn over_http2(options: &ProxyOptions) -> Vec<Probe> {
    let dying = Answer::stream()
        .events(1, 3, 40, 100)
        .wait(200)
        .step(Step::Fin);
    let most = Duration::from_millis(500) + mourning(options);
    [
        Probe::new("h2-release", "small events over HTTP/2", small(options)),
        Probe::new(
            "h2-large",
            "single large events over HTTP/2",
            large(options),
        ),
        Probe::new("h2-fin", "an origin that dies, over HTTP/2", dying).within(most),
    ]
    .map(|probe| probe.over(HttpChoice::Http2).in_wave(Wave::Timed))
    .into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_quick_runs_are_short() {
        let mut options = ProxyOptions::new(
            url::Url::parse("https://h.example/").unwrap_or_else(|e| panic!("{e}")),
        );
        options.lifetime = Some(Duration::from_secs(30));
        let all = probes(&options);
        let names: BTreeSet<_> = all.iter().map(|probe| probe.name).collect();
        assert_eq!(names.len(), all.len());
        options.lifetime = None;
        options.quick = true;
        for probe in probes(&options) {
            assert_ne!(probe.wave, Wave::Alone, "{}", probe.name);
            let begun = probe.begin + script(&probe);
            let most = match probe.wave {
                Wave::Timed => 2_300,
                _ => 2_600,
            };
            assert!(
                begun < Duration::from_millis(most),
                "{}: {begun:?}",
                probe.name
            );
        }
    }

    /// How long the origin takes, or the client stays.
    fn script(probe: &Probe) -> Duration {
        let waits = match &probe.act {
            Act::Answer(answer) => answer.steps.iter().map(|step| match step {
                Step::Wait(time) => *time,
                _ => Duration::ZERO,
            }),
            _ => return Duration::ZERO,
        };
        match probe.leave {
            Leave::AtEnd => waits.sum(),
            _ => Duration::from_secs(1),
        }
    }
}
