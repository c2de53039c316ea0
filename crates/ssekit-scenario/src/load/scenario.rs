//! What a load run is to do, as its file says it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use ssekit_record::{Part, Series, Severity};

use super::phase::PhaseSpec;
use super::value::{Lifetime, Rate, Share, Size, Throughput, Time};

/// A scenario, read and checked: see `scenarios/README.md` for every key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadScenario {
    /// Version of the format: 1.
    #[serde(default = "version")]
    pub schema: u32,
    /// Name in reports.
    #[serde(default = "unnamed")]
    pub name: String,
    /// Seed of everything random.
    #[serde(default)]
    pub seed: u64,
    /// Labels, copied into the record.
    #[serde(default)]
    pub meta: BTreeMap<String, String>,
    /// Where streams are asked for, and how.
    pub target: Target,
    /// What streams are expected to bring.
    #[serde(default)]
    pub expect: Expect,
    /// What happens when one ends.
    #[serde(default)]
    pub reconnect: Reconnect,
    /// Who takes part. One population of subscribers where there is none.
    #[serde(default, rename = "population")]
    pub populations: Vec<Population>,
    /// What happens, in order.
    #[serde(default, rename = "phase")]
    pub phases: Vec<PhaseSpec>,
    /// What must hold.
    #[serde(default, rename = "threshold")]
    pub thresholds: Vec<ThresholdSpec>,
    /// When the run itself is not to be believed.
    #[serde(default)]
    pub validity: Validity,
    /// Histograms and the series.
    #[serde(default)]
    pub histogram: HistogramSpec,
    /// Reports.
    #[serde(default)]
    pub output: Output,
    /// An earlier record to compare with.
    pub baseline: Option<Baseline>,
    /// Which part of the plan this process runs.
    #[serde(default)]
    pub shard: ShardSpec,
    /// Token streams of language models.
    pub llm: Option<Llm>,
}

fn version() -> u32 {
    1
}

fn unnamed() -> String {
    "load".into()
}

/// `[target]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// URL, a template.
    pub url: String,
    /// Method; `GET`, or `POST` where there is a body.
    pub method: Option<String>,
    /// Field lines; values are templates.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Content, a template.
    pub body: Option<String>,
    /// File with the content, a template.
    pub body_file: Option<PathBuf>,
    /// Protocol.
    #[serde(default)]
    pub http: Http,
    /// Streams on one HTTP/2 connection; 100 by default.
    pub streams_per_connection: Option<u64>,
    /// TLS.
    #[serde(default)]
    pub tls: Tls,
    /// Addresses to connect to instead of that of the URL: `host:port` or `host`.
    #[serde(default)]
    pub connect_to: Vec<String>,
    /// When names are resolved.
    #[serde(default)]
    pub resolve: Resolve,
    /// Source addresses: IP, CIDR block or interface.
    #[serde(default)]
    pub source_ips: Vec<String>,
    /// Source ports, such as `"20000-60000"`.
    pub source_ports: Option<String>,
    /// Receive buffer of each socket.
    pub recv_buffer: Option<Size>,
    /// Whether content codings are offered.
    #[serde(default)]
    pub compression: bool,
    /// Longest wait for a connection and for a head; 30 s by default.
    pub timeout: Option<Time>,
}

/// Protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub enum Http {
    /// HTTP/1.1.
    Http11,
    /// HTTP/2; without TLS by prior knowledge.
    Http2,
    /// By ALPN over TLS, HTTP/1.1 without.
    #[default]
    Auto,
}

impl TryFrom<NumberOrText> for Http {
    type Error = &'static str;

    /// A number will do as well: `--set target.http=2`.
    fn try_from(written: NumberOrText) -> Result<Self, &'static str> {
        match written.to_string().as_str() {
            "1.1" => Ok(Self::Http11),
            "2" => Ok(Self::Http2),
            "auto" => Ok(Self::Auto),
            _ => Err("use \"1.1\", \"2\" or \"auto\""),
        }
    }
}

/// `target.tls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file of certificates to trust as well.
    pub ca: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub cert: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// Server name to ask for instead of the host of the URL.
    pub sni: Option<String>,
    /// Trust any certificate.
    pub insecure: bool,
    /// Whether sessions are resumed; they are by default.
    pub resume: Option<bool>,
}

/// When names are resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolve {
    /// Once, before the run.
    #[default]
    Once,
    /// For each connection.
    Each,
}

/// `[expect]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Status of the answer.
    pub status: u16,
    /// Media type of the answer.
    pub content_type: String,
    /// Declared interval of events; makes the tick metrics.
    pub interval: Option<Time>,
    /// Declared interval of heartbeats.
    pub heartbeat: Option<Heartbeat>,
    /// Where the sequence number stands.
    pub seq: Option<Seq>,
    /// Where the time of publishing stands.
    pub published_at: Option<PublishedAt>,
    /// A stream without an event for so long has failed.
    pub first_event_timeout: Option<Time>,
    /// A stream without a byte for so long is broken off.
    pub silence_timeout: Option<Time>,
    /// How streams end by themselves.
    pub end: StreamEnd,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            status: 200,
            content_type: "text/event-stream".into(),
            interval: None,
            heartbeat: None,
            seq: None,
            published_at: None,
            first_event_timeout: None,
            silence_timeout: None,
            end: StreamEnd::Never,
        }
    }
}

/// `expect.heartbeat`: a time, or a table with the type of the event that is the heartbeat.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "WrittenHeartbeat")]
pub struct Heartbeat {
    /// How often.
    pub every: Time,
    /// Type of the event; a comment where there is none.
    pub event: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a time such as \"15s\", or a table such as { every = \"15s\", event = \"ping\" }"
)]
enum WrittenHeartbeat {
    Every(Time),
    Named { every: Time, event: String },
}

impl From<WrittenHeartbeat> for Heartbeat {
    fn from(written: WrittenHeartbeat) -> Self {
        match written {
            WrittenHeartbeat::Every(every) => Self { every, event: None },
            WrittenHeartbeat::Named { every, event } => Self {
                every,
                event: Some(event),
            },
        }
    }
}

/// Where in an event something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The id.
    Id,
    /// The data.
    Data,
}

/// `expect.seq`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seq {
    /// Where it stands.
    pub from: Place,
    /// JSON pointer into the data; empty for all of it.
    #[serde(default)]
    pub path: String,
    /// Whose numbers they are.
    #[serde(default)]
    pub scope: SeqScope,
}

/// Whose sequence it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeqScope {
    /// Each stream has its own.
    #[default]
    Stream,
    /// All streams of a topic see the same.
    Topic,
}

/// `expect.published_at`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedAt {
    /// Where it stands.
    pub from: Place,
    /// JSON pointer into the data; empty for all of it.
    #[serde(default)]
    pub path: String,
    /// Its unit since 1970-01-01T00:00:00Z.
    #[serde(default)]
    pub unit: StampUnit,
    /// Which instant it is.
    #[serde(default)]
    pub kind: StampKind,
    /// How the clocks relate.
    #[serde(default)]
    pub clock: Clock,
}

/// Unit of a stamp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StampUnit {
    /// Seconds, a fraction allowed.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    #[default]
    Us,
    /// Nanoseconds.
    Ns,
}

/// Which instant a stamp is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StampKind {
    /// When it was to be published.
    Intended,
    /// When it was sent.
    #[default]
    Sent,
}

/// How the publisher's clock relates to ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Clock {
    /// The same.
    #[default]
    SameHost,
    /// Both are kept by NTP or PTP.
    Ntp,
    /// Add so many microseconds to a stamp to get to our clock.
    Offset(i64),
}

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let offset = |text: &str| {
            let (sign, time) = match text.strip_prefix('-') {
                Some(time) => (-1, time),
                None => (1, text.strip_prefix('+').unwrap_or(text)),
            };
            let us = ssekit_record::quantity::time(time).ok()?.as_micros();
            Some(sign * i64::try_from(us).ok()?)
        };
        match text.as_str() {
            "same-host" => Ok(Self::SameHost),
            "ntp" => Ok(Self::Ntp),
            text => text
                .strip_prefix("offset:")
                .and_then(offset)
                .map(Self::Offset)
                .ok_or_else(|| "a clock is \"same-host\", \"ntp\" or \"offset:-12ms\"".into()),
        }
    }
}

/// How streams end by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StreamEnd {
    /// They do not.
    #[default]
    Never,
    /// With an event of this type.
    Event(String),
    /// With an event of this data.
    Data(String),
    /// With the end of the response.
    Eof,
}

impl TryFrom<String> for StreamEnd {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.split_once(':')) {
            ("never", _) => Ok(Self::Never),
            ("eof", _) => Ok(Self::Eof),
            (_, Some(("event", name))) if !name.is_empty() => Ok(Self::Event(name.into())),
            (_, Some(("data", data))) if !data.is_empty() => Ok(Self::Data(data.into())),
            _ => Err("an end is \"never\", \"eof\", \"event:NAME\" or \"data:TEXT\"".into()),
        }
    }
}

/// `[reconnect]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reconnect {
    /// Which policy.
    pub policy: ReconnectPolicy,
    /// Wait before the server has set a reconnection time.
    pub base: Option<Time>,
    /// Longest wait.
    pub max: Option<Time>,
    /// Growth of the wait with each failed attempt.
    pub factor: Option<f64>,
    /// What chance adds.
    pub jitter: Option<Jitter>,
    /// Whether the server's reconnection time holds.
    pub honour_retry: bool,
    /// Whether the last event ID is sent.
    pub last_event_id: bool,
    /// What the clean end of a response means.
    pub on_eof: OnEof,
    /// Attempts in one outage at most.
    pub max_attempts: Option<u64>,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            policy: ReconnectPolicy::Spec,
            base: None,
            max: None,
            factor: None,
            jitter: None,
            honour_retry: true,
            last_event_id: true,
            on_eof: OnEof::Reconnect,
            max_attempts: None,
        }
    }
}

/// `reconnect.policy`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReconnectPolicy {
    /// As `EventSource` does.
    #[default]
    Spec,
    /// Not at all.
    None,
    /// With `max`, `factor` and `jitter`.
    Custom,
}

/// `reconnect.jitter`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Jitter {
    /// The wait as it is.
    #[default]
    None,
    /// Evenly from nothing to the wait.
    Full,
    /// Evenly from half of the wait to the wait.
    Equal,
}

/// `reconnect.on_eof`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnEof {
    /// The stream comes back, as an event source does.
    #[default]
    Reconnect,
    /// The stream is over.
    Finish,
}

/// `[[population]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// Unique name.
    pub name: String,
    /// What its members do.
    #[serde(default)]
    pub kind: PopulationKind,
    /// Share of the streams of the common phases, relative to the other populations.
    pub weight: Option<f64>,
    /// Phases of its own, beside the common ones.
    #[serde(default, rename = "phase")]
    pub phases: Vec<PhaseSpec>,
    /// How long each stream stays.
    #[serde(default)]
    pub lifetime: Lifetime,
    /// How slowly it reads: kind `slow`.
    pub read: Option<SlowRead>,
    /// File of rows for templates: CSV with a head line, or JSON lines.
    pub data: Option<PathBuf>,
    /// URL instead of that of the target; publishers need it. A template.
    pub url: Option<String>,
    /// Method; publishers use `POST` by default.
    pub method: Option<String>,
    /// Field lines besides those of the target; for publishers instead of them.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Publications a second: kind `publisher`.
    pub rate: Option<Rate>,
    /// How they are spread.
    #[serde(default)]
    pub arrival: Arrival,
    /// Content of a publication, a template.
    pub payload: Option<String>,
    /// Topics; publications take them as `topic_dist` says, streams in turn.
    #[serde(default)]
    pub topics: Topics,
    /// How publications are spread over topics.
    #[serde(default)]
    pub topic_dist: TopicDist,
}

/// `population.kind`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PopulationKind {
    /// Reads a stream.
    #[default]
    Subscriber,
    /// Publishes.
    Publisher,
    /// Reads a stream slowly.
    Slow,
    /// Reads a stream, and is told apart from those that make the load.
    Probe,
}

/// `population.read`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowRead {
    /// Bytes a second at most.
    pub rate: Option<Throughput>,
    /// How long it does not read at all.
    pub pause: Option<Time>,
    /// How often it pauses.
    pub every: Option<Time>,
}

/// How arrivals are spread over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// Evenly.
    #[default]
    Constant,
    /// At random, independently of each other.
    Poisson,
}

/// `population.topics`: names, or how many.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected names such as [\"a\", \"b\"], or how many topics"
)]
pub enum Topics {
    /// Names.
    Names(Vec<String>),
    /// So many, named `0`, `1` and so on.
    Count(u64),
}

impl Default for Topics {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl Topics {
    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Names(names) => names.len() as u64,
            Self::Count(count) => *count,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of one; empty where there are none.
    pub fn name(&self, index: u64) -> String {
        match self {
            _ if self.is_empty() => String::new(),
            Self::Names(names) => names[(index % names.len() as u64) as usize].clone(),
            Self::Count(count) => (index % count).to_string(),
        }
    }
}

/// How publications are spread over topics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopicDist {
    /// In turn.
    #[default]
    Uniform,
    /// Topic `n` in proportion to `1 / n`.
    Zipf,
}

/// `[[threshold]]`, as it is written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdSpec {
    /// Metric.
    pub metric: String,
    /// Statistic, with `op` and `value`.
    pub stat: Option<String>,
    /// Operator.
    pub op: Option<String>,
    /// Value.
    pub value: Option<NumberOrText>,
    /// All three in one text, instead.
    pub expr: Option<String>,
    /// Which series.
    #[serde(default)]
    pub series: Series,
    /// Which part of the run.
    #[serde(default, rename = "where")]
    pub part: Part,
    /// `"run"`, `"phase"` or a time.
    pub window: Option<String>,
    /// How long it may be violated.
    #[serde(rename = "for")]
    pub lasting: Option<Time>,
    /// Fewer samples are no data.
    pub min_samples: Option<u64>,
    /// What a violation means.
    #[serde(default)]
    pub severity: Severity,
    /// Whether a violation ends the run.
    #[serde(default)]
    pub abort: bool,
    /// Not before this much of the run is over.
    pub abort_after: Option<Time>,
}

/// A number, or a text such as `"250ms"`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, or a text with a unit such as \"250ms\""
)]
pub enum NumberOrText {
    /// Whole.
    Integer(i64),
    /// With a fraction.
    Float(f64),
    /// With a unit.
    Text(String),
}

impl std::fmt::Display for NumberOrText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// `[validity]`: beyond these limits of the generator a run says nothing of the target.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Validity {
    /// How late a worker's loop may be, 99.9 % of samples.
    pub max_loop_lag_p999: Time,
    /// How late connections may begin, 99 % of them.
    pub max_schedule_lag_p99: Time,
    /// Share of the time that the busiest worker's thread may run, on average.
    pub max_cpu: Share,
    /// How far clocks may be apart.
    pub max_clock_offset: Option<Time>,
    /// Share of the planned starts that must have begun.
    pub min_started_ratio: Share,
    /// What a breach means.
    pub on_breach: OnBreach,
}

impl Default for Validity {
    fn default() -> Self {
        use std::time::Duration;
        Self {
            max_loop_lag_p999: Time(Duration::from_millis(100)),
            max_schedule_lag_p99: Time(Duration::from_millis(500)),
            max_cpu: Share(0.95),
            max_clock_offset: None,
            min_started_ratio: Share(0.99),
            on_breach: OnBreach::Invalid,
        }
    }
}

/// `validity.on_breach`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnBreach {
    /// The run is invalid.
    #[default]
    Invalid,
    /// It is only said.
    Warn,
}

/// `[histogram]`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HistogramSpec {
    /// Smallest value told apart.
    pub min: Time,
    /// Largest value told apart.
    pub max: Time,
    /// Significant decimal digits, 1 to 5.
    pub digits: u8,
    /// Length of a row of the series.
    pub interval: Time,
}

impl Default for HistogramSpec {
    fn default() -> Self {
        use std::time::Duration;
        Self {
            min: Time(Duration::from_micros(1)),
            max: Time(Duration::from_secs(3600)),
            digits: 3,
            interval: Time(Duration::from_secs(1)),
        }
    }
}

/// `[output]`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    /// Folder of the reports.
    pub dir: Option<PathBuf>,
    /// Which reports.
    pub formats: Vec<OutputFormat>,
    /// What is shown while it runs; by default a dashboard on a terminal, lines otherwise.
    pub live: Option<LiveView>,
    /// An endpoint for Prometheus.
    pub prometheus: Option<Prometheus>,
    /// One in so many streams has each of its events logged.
    pub trace_sample: Option<u64>,
}

/// One of `output.formats`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputFormat {
    /// The record.
    Json,
    /// One self-contained page.
    Html,
    /// Thresholds as test cases.
    Junit,
    /// The series as a table.
    Csv,
    /// HdrHistogram's interval log.
    Hlog,
    /// Percentile distributions.
    Hgrm,
    /// Markdown.
    Md,
}

/// `output.live`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LiveView {
    /// A dashboard.
    Tui,
    /// A line now and then.
    Line,
    /// Nothing.
    None,
}

/// `output.prometheus`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prometheus {
    /// Address to listen on.
    pub listen: String,
    /// Native histograms.
    #[serde(default)]
    pub native: bool,
}

/// `[baseline]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Record to compare with.
    pub file: PathBuf,
    /// Differences up to this share are noise.
    pub noise: Option<Share>,
    /// Metrics to compare; all where there are none.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// What turns the exit code red.
    #[serde(default)]
    pub fail_on: FailOn,
}

/// `baseline.fail_on`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FailOn {
    /// A regression.
    #[default]
    Regression,
    /// Nothing.
    None,
}

/// `[shard]`, normally set on the command line.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShardSpec {
    /// From 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
    /// When the plan begins: milliseconds since 1970-01-01T00:00:00Z.
    pub start_at: Option<u64>,
    /// A shard that is ready later than this after the start does not run.
    pub late_tolerance: Option<Time>,
    /// Source addresses of each shard, by its index.
    pub unit_ips: Vec<String>,
}

impl Default for ShardSpec {
    fn default() -> Self {
        Self {
            index: 0,
            count: 1,
            start_at: None,
            late_tolerance: None,
            unit_ips: Vec::new(),
        }
    }
}

/// `[llm]`: what a token stream brings besides events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Llm {
    /// JSON pointer to the text of a chunk in the data.
    pub content: Option<String>,
    /// JSON pointer to the number of tokens in the data, where the server tells.
    pub usage: Option<String>,
}

impl LoadScenario {
    /// Whether streams end by themselves, so that a user of the closed model begins the next one.
    pub fn is_finite(&self) -> bool {
        self.expect.end != StreamEnd::Never
    }

    /// URL of the streams without secrets, as records name it.
    pub fn target_shown(&self) -> String {
        super::redaction::without_secrets(&self.target.url)
    }

    /// Streams on one connection.
    pub fn per_connection(&self) -> u64 {
        match (self.target.http, self.target.streams_per_connection) {
            (Http::Http11, _) => 1,
            (_, Some(streams)) => streams.max(1),
            (Http::Http2, None) => 100,
            (Http::Auto, None) => 1,
        }
    }
}
