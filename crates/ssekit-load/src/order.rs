//! From a scenario and its plan to a run.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use ssekit_http::{Ask, HttpChoice, TlsIdentity, TlsTrust, request_bytes, tls_config_as};
use ssekit_proto::Backoff;
use ssekit_record::{ScenarioSummary, Shard};
use ssekit_scenario::load::{
    self, Break as PlannedBreak, Clock, Deed, Filling, Http, Jitter, LoadPlan, LoadScenario,
    OnBreach, OnEof, PhaseAction, PopulationKind, SeqScope, StampKind, StampUnit, StormMode,
    StreamEnd, Template,
};
use url::Url;

use crate::dial::{Dialer, Sharing, Tls};
use crate::error::LoadError;
use crate::expectation::{End, Expectation, Published, Sequence};
use crate::job::{Job, JobPhase, Population, Search, Storm, Validity};
use crate::publisher::{Publication, Publisher};
use crate::quick::addresses;
use crate::reconnect::ReconnectPolicy;
use crate::request::{RequestBytes, Requests};
use crate::seat::Break;
use crate::shift::Act;
use crate::stamp::Place;
use crate::subscriber::Pace;
use crate::worker::{Lifetimes, Role};

/// Wait for a connection and for a head where the scenario names none.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Source addresses taken of one block at most.
const MAX_BLOCK: u32 = 4096;

/// What a scenario is run with.
#[derive(Debug, Clone)]
pub struct Order {
    /// The scenario.
    pub scenario: LoadScenario,
    /// The same as TOML, secrets left out.
    pub toml: String,
    /// Folder that its files are relative to.
    pub folder: PathBuf,
    /// Part of the plan.
    pub shard: Shard,
    /// Threads; chosen by the number of streams where none are given.
    pub workers: Option<usize>,
}

fn refuse<T>(what: impl Into<String>) -> Result<T, LoadError> {
    Err(LoadError::Scenario(what.into()))
}

impl Order {
    /// The run that this asks for. Reads the files that the scenario names, and looks host names up.
    ///
    /// # Errors
    /// When a file cannot be read, a name has no address, or something is asked for that this
    /// version cannot do.
    pub fn job(&self) -> Result<Job, LoadError> {
        let scenario = &self.scenario;
        self.supported()?;
        let plan = Arc::new(LoadPlan::new(scenario).map_err(LoadError::Scenario)?);
        let planned = plan.planned(self.shard);
        let connections = plan.demand(scenario, Shard::default()).peak_connections;
        let all = plan.populations().iter().enumerate();
        let populations: Result<Vec<_>, LoadError> = all
            .map(|(index, population)| {
                Ok(Population {
                    name: population.name.clone(),
                    role: self.role(&plan, index, connections)?,
                })
            })
            .collect();
        Ok(Job {
            target: scenario.target_shown(),
            scenario: self.summary(),
            shard: self.shard,
            populations: populations?,
            plan: acts(&plan, self.shard),
            planned,
            demand: plan.demand(scenario, self.shard),
            phases: phases(&plan),
            thresholds: scenario.thresholds(),
            validity: validity(scenario),
            digits: scenario.histogram.digits,
            workers: self
                .workers
                .unwrap_or_else(|| Job::workers_for(plan.peak())),
            storms: storms(&plan),
            search: search(&plan),
            publishers: self.publishers(&plan)?,
            start_at: scenario
                .shard
                .start_at
                .map(|ms| UNIX_EPOCH + Duration::from_millis(ms)),
        })
    }

    /// Refuses what would silently be something else.
    fn supported(&self) -> Result<(), LoadError> {
        let (target, output) = (&self.scenario.target, &self.scenario.output);
        let own = self
            .scenario
            .populations
            .iter()
            .flat_map(|population| &population.phases);
        let all = self.scenario.phases.iter().chain(own);
        let is_search = |action: &PhaseAction| {
            matches!(
                action,
                PhaseAction::Steps {
                    stop_on: Some(_),
                    ..
                }
            )
        };
        let is_split = self.shard.count > 1;
        let searches_apart = is_split && all.clone().any(|phase| is_search(&phase.action));
        let pending = all.into_iter().any(|phase| {
            matches!(
                phase.action,
                PhaseAction::Arrive {
                    max_pending: Some(_),
                    ..
                }
            )
        });
        let (shard, validity) = (&self.scenario.shard, &self.scenario.validity);
        let unsupported = [
            (target.compression, "target.compression"),
            (target.source_ports.is_some(), "target.source_ports"),
            (
                target.resolve == load::Resolve::Each,
                "target.resolve = \"each\"",
            ),
            (output.trace_sample.is_some(), "output.trace_sample"),
            (
                output.prometheus.as_ref().is_some_and(|asked| asked.native),
                "output.prometheus.native",
            ),
            (
                searches_apart,
                "stop_on of a search for capacity that several processes make",
            ),
            (pending, "max_pending of arrivals"),
            (self.scenario.llm.is_some(), "the profile llm"),
            (!shard.unit_ips.is_empty(), "shard.unit_ips"),
            (shard.late_tolerance.is_some(), "shard.late_tolerance"),
            (
                validity.max_clock_offset.is_some(),
                "validity.max_clock_offset",
            ),
        ];
        match unsupported.iter().find(|(is_asked, _)| *is_asked) {
            Some((_, what)) => refuse(format!(
                "{what} is understood, and not done by this version"
            )),
            None => Ok(()),
        }
    }

    fn summary(&self) -> ScenarioSummary {
        ScenarioSummary {
            name: self.scenario.name.clone(),
            digest: digest(&load::essence(&self.toml)),
            seed: self.scenario.seed,
            meta: self.scenario.meta.clone(),
            toml: self.toml.clone(),
        }
    }

    fn timeout(&self) -> Duration {
        self.scenario.target.timeout.map_or(TIMEOUT, |time| time.0)
    }

    /// What the streams of a population have in common; `connections` at once are those of all
    /// populations and shards.
    fn role(
        &self,
        plan: &Arc<LoadPlan>,
        index: usize,
        connections: u64,
    ) -> Result<Role, LoadError> {
        let planned = &plan.populations()[index];
        let population = planned.index.map(|index| &self.scenario.populations[index]);
        let (requests, url) = self.requests(planned.index)?;
        let lifetimes = plan.clone();
        let read = population.and_then(|population| population.read);
        let is_publisher = planned.kind == PopulationKind::Publisher;
        Ok(Role {
            expect: if is_publisher {
                Expectation::default()
            } else {
                expectation(&self.scenario.expect)
            },
            dialer: self
                .dialer(&url, self.sharing(planned.kind))?
                .with_ports(connections, self.shard),
            requests,
            reconnect: reconnect(&self.scenario.reconnect),
            head_timeout: self.timeout(),
            pace: read.map(|read| Pace {
                bytes_per_s: read.rate.map(|rate| rate.0 as u64),
                pause: read
                    .pause
                    .zip(read.every)
                    .map(|(pause, every)| (pause.0, every.0)),
            }),
            lifetime: Some(Lifetimes(Arc::new(move |stream, generation| {
                lifetimes.lifetime_us(index, stream, generation)
            }))),
            topics: population.map_or(1, |population| population.topics.len().max(1)),
        })
    }

    /// The requests of a population, and the URL of one of them.
    fn requests(&self, index: Option<usize>) -> Result<(Requests, Url), LoadError> {
        let form = Form::new(self, index)?;
        let (first, url) = form.bytes(&Filling {
            shard: self.shard.index,
            topic: &form.topic(0),
            row: form.row(0),
            seed: self.scenario.seed,
            ..Filling::default()
        })?;
        if form.is_constant() {
            return Ok((Requests::Alike(RequestBytes::new(&first)), url));
        }
        let (shard, seed) = (self.shard.index, self.scenario.seed);
        let each = move |number: u64| {
            let stream = LoadPlan::ordinal(number);
            let topic = form.topic(stream);
            let filling = Filling {
                stream,
                shard,
                topic: &topic,
                row: form.row(stream),
                seed: seed ^ stream,
                ..Filling::default()
            };
            // What cannot be sent for one stream is asked as the first one was.
            let bytes = form
                .bytes(&filling)
                .map_or_else(|_| first.clone(), |(bytes, _)| bytes);
            RequestBytes::new(&bytes)
        };
        Ok((Requests::Each(Arc::new(each)), url))
    }

    /// Whether the streams of such a population share connections. A slow reader would hold up others
    /// on its connection, so where the version is left to the server it has its own.
    fn sharing(&self, kind: PopulationKind) -> Sharing {
        let target = &self.scenario.target;
        let is_tls = target.url.starts_with("https:");
        match (kind, target.http) {
            (PopulationKind::Publisher, _) | (_, Http::Http11) => Sharing::Never,
            (_, Http::Http2) => Sharing::Always(self.scenario.per_connection()),
            (PopulationKind::Slow, Http::Auto) => Sharing::Never,
            (_, Http::Auto) if is_tls => Sharing::AsAgreed(self.scenario.per_connection()),
            (_, Http::Auto) => Sharing::Never,
        }
    }

    fn dialer(&self, url: &Url, sharing: Sharing) -> Result<Dialer, LoadError> {
        let target = &self.scenario.target;
        let mut sources = Vec::new();
        for text in &target.source_ips {
            sources.extend(source_addresses(text)?);
        }
        Ok(Dialer {
            targets: self.targets(url)?,
            sources,
            ports: None,
            recv_buffer: target.recv_buffer.map(|size| size.0 as usize),
            tls: self.tls(url, sharing)?,
            sharing,
            connect_timeout: self.timeout(),
        })
    }

    fn targets(&self, url: &Url) -> Result<Vec<SocketAddr>, LoadError> {
        let places = &self.scenario.target.connect_to;
        if places.is_empty() {
            return addresses(url, self.timeout());
        }
        let mut targets = Vec::new();
        for place in places {
            let scheme = url.scheme();
            let Ok(mut place_url) = Url::parse(&format!("{scheme}://{place}")) else {
                return refuse(format!("target.connect_to: {place:?} is not host:port"));
            };
            if place_url.port().is_none() {
                // The host was read from a URL of the same scheme, so it can carry a port.
                let _ = place_url.set_port(url.port());
            }
            targets.extend(addresses(&place_url, self.timeout())?);
        }
        Ok(targets)
    }

    fn tls(&self, url: &Url, sharing: Sharing) -> Result<Option<Tls>, LoadError> {
        if url.scheme() != "https" {
            return Ok(None);
        }
        let tls = &self.scenario.target.tls;
        let ca_pem = tls
            .ca
            .as_ref()
            .map(|path| read(&self.folder, path))
            .transpose()?;
        let trust = TlsTrust {
            ca_pem,
            insecure: tls.insecure,
        };
        let identity = self.identity()?;
        let config = |choice| -> Result<Arc<rustls::ClientConfig>, LoadError> {
            let mut config = tls_config_as(identity.as_ref(), &trust, choice)?;
            if tls.resume == Some(false) {
                Arc::make_mut(&mut config).resumption = rustls::client::Resumption::disabled();
            }
            Ok(config)
        };
        let own = config(HttpChoice::Http11)?;
        let shared = match sharing {
            Sharing::Never => own.clone(),
            Sharing::Always(_) => config(HttpChoice::Http2)?,
            Sharing::AsAgreed(_) => config(HttpChoice::Auto)?,
        };
        let mut url = url.clone();
        if let Some(name) = &tls.sni
            && url.set_host(Some(name)).is_err()
        {
            return refuse(format!("target.tls.sni: {name:?} is not a host name"));
        }
        Ok(Some(Tls { url, shared, own }))
    }

    /// The client certificate.
    fn identity(&self) -> Result<Option<TlsIdentity>, LoadError> {
        let tls = &self.scenario.target.tls;
        let files = tls.cert.as_ref().zip(tls.key.as_ref());
        let identity = files.map(|(cert, key)| {
            Ok(TlsIdentity {
                cert_pem: read(&self.folder, cert)?,
                key_pem: read(&self.folder, key)?,
            })
        });
        identity.transpose()
    }

    fn publishers(&self, plan: &Arc<LoadPlan>) -> Result<Vec<Publisher>, LoadError> {
        let all = plan.populations().iter().enumerate();
        let publishing = all.filter(|(_, population)| population.kind == PopulationKind::Publisher);
        let publishers = publishing.map(|(index, population)| {
            let form = Arc::new(Form::new(self, population.index)?);
            let topic = form.topic(0);
            let sample = Filling {
                topic: &topic,
                row: form.row(0),
                ..Filling::default()
            };
            let (_, url) = form.bytes(&sample)?;
            Ok(Publisher {
                role: index,
                dialer: self.dialer(&url, Sharing::Never)?,
                publications: publications(plan, &form, index, self.shard, self.scenario.seed),
                timeout: self.timeout(),
            })
        });
        publishers.collect()
    }
}

/// The form of a population's requests.
#[derive(Debug)]
struct Form {
    method: String,
    url: Template,
    fields: Vec<(String, Template)>,
    body: Option<Template>,
    topics: load::Topics,
    rows: Vec<Vec<(String, String)>>,
}

impl Form {
    fn new(order: &Order, index: Option<usize>) -> Result<Self, LoadError> {
        let target = &order.scenario.target;
        let population = index.map(|index| &order.scenario.populations[index]);
        let is_publisher = population.is_some_and(|p| p.kind == PopulationKind::Publisher);
        let body = match (&target.body, &target.body_file) {
            (Some(body), _) => Some(body.clone()),
            (None, Some(path)) => Some(text(&order.folder, path)?),
            (None, None) => None,
        };
        let body = match population {
            Some(population) if is_publisher => population.payload.clone(),
            _ => body,
        };
        let own = population.and_then(|population| population.method.clone());
        let method = own.or_else(|| target.method.clone().filter(|_| !is_publisher));
        let default = if body.is_some() { "POST" } else { "GET" };
        let mut fields: Vec<(String, String)> = Vec::new();
        if !is_publisher {
            fields.extend([
                ("Accept".to_owned(), "text/event-stream".to_owned()),
                ("Cache-Control".to_owned(), "no-store".to_owned()),
            ]);
            target
                .headers
                .iter()
                .for_each(|field| put(&mut fields, field));
        }
        let headers = population.iter().flat_map(|population| &population.headers);
        headers.for_each(|field| put(&mut fields, field));
        let template = |text: &str| Template::parse(text).map_err(LoadError::Scenario);
        let url = population
            .and_then(|population| population.url.as_ref())
            .unwrap_or(&target.url);
        let data = population.and_then(|population| population.data.as_ref());
        Ok(Self {
            method: method.unwrap_or_else(|| default.to_owned()),
            url: template(url)?,
            fields: fields
                .into_iter()
                .map(|(name, value)| Ok((name, template(&value)?)))
                .collect::<Result<_, LoadError>>()?,
            body: body.as_deref().map(template).transpose()?,
            topics: population
                .map(|population| population.topics.clone())
                .unwrap_or_default(),
            rows: data
                .map(|path| rows(&order.folder, path))
                .transpose()?
                .unwrap_or_default(),
        })
    }

    fn is_constant(&self) -> bool {
        let fields = self.fields.iter().map(|(_, value)| value);
        let mut all = fields.chain(&self.body).chain([&self.url]);
        all.all(Template::is_constant)
    }

    fn topic(&self, number: u64) -> String {
        self.topics.name(number)
    }

    fn row(&self, number: u64) -> &[(String, String)] {
        match self.rows.len() as u64 {
            0 => &[],
            len => &self.rows[(number % len) as usize],
        }
    }

    /// The bytes of a request, and its URL.
    fn bytes(&self, filling: &Filling<'_>) -> Result<(Vec<u8>, Url), LoadError> {
        let filled = |template: &Template| {
            let mut out = String::new();
            template.fill(filling, &mut out);
            out
        };
        let url = filled(&self.url);
        let url = Url::parse(&url)
            .map_err(|error| LoadError::Scenario(format!("target.url: {error}")))?;
        let fields = self.fields.iter();
        let ask = Ask {
            probe: "load".into(),
            method: self.method.clone(),
            url: url.clone(),
            fields: fields
                .map(|(name, value)| (name.clone(), filled(value).into_bytes()))
                .collect(),
            secret_fields: Vec::new(),
            body: self
                .body
                .as_ref()
                .map(|body| filled(body).into_bytes().into()),
            http: HttpChoice::Http11,
        };
        Ok((request_bytes(&ask)?, url))
    }
}

/// Sets a field line, in the place of one of the same name.
fn put(fields: &mut Vec<(String, String)>, (name, value): (&String, &String)) {
    fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    fields.push((name.clone(), value.clone()));
}

fn publications(
    plan: &Arc<LoadPlan>,
    form: &Arc<Form>,
    index: usize,
    shard: Shard,
    seed: u64,
) -> Arc<dyn Fn() -> crate::publisher::Publications + Send + Sync> {
    let (plan, form) = (plan.clone(), form.clone());
    Arc::new(move || {
        let form = form.clone();
        let all = plan.publications(index, shard);
        Box::new(all.zip(0_u64..).map(move |(due, number)| {
            let form = form.clone();
            let request = move |intended_us: u64, sent_us: u64| {
                let topic = form.topic(due.topic);
                let filling = Filling {
                    stream: number,
                    shard: shard.index,
                    topic: &topic,
                    seq: due.seq,
                    intended_us,
                    sent_us,
                    row: form.row(number),
                    seed: seed ^ number,
                };
                form.bytes(&filling)
                    .map(|(bytes, _)| bytes)
                    .unwrap_or_default()
            };
            Publication {
                at_us: due.at_us,
                request: Box::new(request),
            }
        }))
    })
}

/// The acts of a plan, shared out over workers.
fn acts(plan: &Arc<LoadPlan>, shard: Shard) -> crate::job::Plan {
    let plan = plan.clone();
    let count = u64::from(shard.count.max(1));
    Arc::new(move |worker, workers| {
        let acts = plan.acts(shard);
        let mine =
            acts.filter(move |act| LoadPlan::ordinal(act.stream) / count % workers == worker);
        Box::new(mine.map(|act| {
            let number = act.stream;
            let deed = match act.deed {
                Deed::Start { renews } => Act::Start {
                    number,
                    role: act.population,
                    renews,
                },
                Deed::Leave => Act::Leave { number },
                Deed::Drop { how, leaves } => Act::Drop {
                    number,
                    how: match how {
                        PlannedBreak::Fin => Break::Fin,
                        PlannedBreak::Rst => Break::Rst,
                        PlannedBreak::HalfOpen => Break::HalfOpen,
                    },
                    leaves,
                },
            };
            (act.at_us, deed)
        }))
    })
}

fn phases(plan: &LoadPlan) -> Vec<JobPhase> {
    let mut phases: Vec<_> = plan
        .timeline()
        .iter()
        .map(|phase| JobPhase {
            name: phase.name.clone(),
            kind: phase.action.kind().to_owned(),
            label: phase.label.clone(),
            end_us: phase.end_us,
            record: phase.record,
        })
        .collect();
    // Where another list of phases lasts longer, its last phase goes on.
    if let Some(last) = phases.last_mut() {
        last.end_us = last.end_us.max(plan.end_us());
    }
    phases
}

fn storms(plan: &LoadPlan) -> Vec<Storm> {
    let storms = plan.phases().filter_map(|phase| match &phase.action {
        PhaseAction::Storm { mode, command, .. } => Some(Storm {
            phase: phase.name.clone(),
            mode: mode.as_str().to_owned(),
            begin_us: phase.start_us,
            end_us: phase.end_us,
            external: *mode == StormMode::External,
            command: command.clone(),
        }),
        _ => None,
    });
    storms.collect()
}

/// The search of the plan: its first phase of steps.
fn search(plan: &LoadPlan) -> Option<Search> {
    let mut phases = plan.timeline().iter().enumerate();
    phases.find_map(|(index, phase)| match &phase.action {
        PhaseAction::Steps {
            start,
            add,
            every,
            stop_on,
            ..
        } => Some(Search {
            phase: index,
            span_us: (phase.start_us, phase.end_us),
            every_us: every.us(),
            streams: (*start, *add),
            stop_on: stop_on.map(|stop_on| stop_on.as_str().to_owned()),
        }),
        _ => None,
    })
}

fn expectation(expect: &load::Expect) -> Expectation {
    Expectation {
        status: Some(expect.status),
        content_type: Some(expect.content_type.to_ascii_lowercase())
            .filter(|text| !text.is_empty()),
        interval_us: expect.interval.map(load::Time::us),
        sequence: expect.seq.as_ref().map(|seq| Sequence {
            place: place(seq.from, &seq.path),
            shared: seq.scope == SeqScope::Topic,
        }),
        published: expect.published_at.as_ref().map(|stamp| Published {
            place: place(stamp.from, &stamp.path),
            nanos_per_unit: match stamp.unit {
                StampUnit::S => 1_000_000_000,
                StampUnit::Ms => 1_000_000,
                StampUnit::Us => 1_000,
                StampUnit::Ns => 1,
            },
            intended: stamp.kind == StampKind::Intended,
            offset_us: match stamp.clock {
                Clock::Offset(us) => us,
                Clock::SameHost | Clock::Ntp => 0,
            },
        }),
        first_event_timeout_us: expect.first_event_timeout.map(load::Time::us),
        silence_timeout_us: expect.silence_timeout.map(load::Time::us),
        heartbeat_event: expect
            .heartbeat
            .as_ref()
            .and_then(|heartbeat| heartbeat.event.clone()),
        end: match &expect.end {
            StreamEnd::Never => End::Never,
            StreamEnd::Event(name) => End::Event(name.clone()),
            StreamEnd::Data(data) => End::Data(data.clone()),
            StreamEnd::Eof => End::Eof,
        },
    }
}

fn place(from: load::Place, pointer: &str) -> Place {
    match from {
        load::Place::Id => Place::Id,
        load::Place::Data => Place::in_data(pointer),
    }
}

fn reconnect(given: &load::Reconnect) -> ReconnectPolicy {
    let ms = |time: load::Time| time.us() / 1000;
    let standard = ReconnectPolicy::default();
    let base_ms = given.base.map_or(standard.base_ms, ms);
    let is_custom = given.policy == load::ReconnectPolicy::Custom;
    ReconnectPolicy {
        enabled: given.policy != load::ReconnectPolicy::None,
        refusals_final: !is_custom,
        backoff: is_custom.then(|| Backoff {
            base_ms,
            factor: given
                .factor
                .map_or(2, |factor| factor.round().max(1.0) as u32),
            cap_ms: given.max.map_or(60_000, ms),
            jitter_percent: 0,
        }),
        jitter: match given.jitter.unwrap_or_default() {
            Jitter::None => (1.0, 1.0),
            Jitter::Full => (0.0, 1.0),
            Jitter::Equal => (0.5, 1.0),
        },
        base_ms,
        honour_retry: given.honour_retry,
        last_event_id: given.last_event_id,
        eof_finishes: given.on_eof == OnEof::Finish,
        max_attempts: given.max_attempts,
    }
}

fn validity(scenario: &LoadScenario) -> Validity {
    let given = &scenario.validity;
    Validity {
        max_loop_lag_p999_us: given.max_loop_lag_p999.us(),
        max_schedule_lag_p99_us: given.max_schedule_lag_p99.us(),
        max_cpu: Some(given.max_cpu.0),
        min_started_ratio: given.min_started_ratio.0,
        strict: given.on_breach == OnBreach::Invalid,
    }
}

/// An address, or those of a CIDR block.
fn source_addresses(text: &str) -> Result<Vec<IpAddr>, LoadError> {
    if let Ok(ip) = text.parse() {
        return Ok(vec![ip]);
    }
    let parts = text
        .split_once('/')
        .and_then(|(ip, bits)| Some((ip.parse().ok()?, bits.parse().ok()?)));
    let Some((ip, bits)) = parts else {
        return refuse(format!(
            "target.source_ips: {text:?} is not an address or a block such as 127.0.1.0/28"
        ));
    };
    block(ip, bits).map_or_else(
        || refuse(format!("target.source_ips: {text:?} is not a block")),
        Ok,
    )
}

/// The addresses of a block, without those that name the block itself and all of it in IPv4.
fn block(ip: IpAddr, bits: u32) -> Option<Vec<IpAddr>> {
    match ip {
        IpAddr::V4(ip) => {
            let host_bits = 32_u32.checked_sub(bits)?;
            let size = 1_u64 << host_bits;
            let first = u64::from(u32::from(ip)) & !(size - 1);
            let ends = if size > 2 { 1 } else { 0 };
            let inner = (ends..size - ends).take(MAX_BLOCK as usize);
            Some(
                inner
                    .map(|n| IpAddr::V4(((first + n) as u32).into()))
                    .collect(),
            )
        }
        IpAddr::V6(ip) => {
            let host_bits = 128_u32.checked_sub(bits)?;
            let size = if host_bits >= 32 {
                u128::from(MAX_BLOCK)
            } else {
                1_u128 << host_bits
            };
            let mask = if host_bits == 128 {
                0
            } else {
                u128::MAX << host_bits
            };
            let first = u128::from(ip) & mask;
            let inner = 0..size.min(u128::from(MAX_BLOCK));
            Some(inner.map(|n| IpAddr::V6((first + n).into())).collect())
        }
    }
}

fn read(folder: &Path, path: &Path) -> Result<Vec<u8>, LoadError> {
    let path = folder.join(path);
    std::fs::read(&path)
        .map_err(|error| LoadError::Scenario(format!("cannot read {}: {error}", path.display())))
}

fn text(folder: &Path, path: &Path) -> Result<String, LoadError> {
    let bytes = read(folder, path)?;
    String::from_utf8(bytes)
        .map_err(|_| LoadError::Scenario(format!("{} is not UTF-8", path.display())))
}

/// Rows of a data file: JSON objects, one a line, or CSV with a head line and without quotes.
fn rows(folder: &Path, path: &Path) -> Result<Vec<Vec<(String, String)>>, LoadError> {
    let text = text(folder, path)?;
    let wrong = |line: usize, why: &str| {
        LoadError::Scenario(format!("{}:{}: {why}", path.display(), line + 1))
    };
    let lines = || {
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
    };
    if text.trim_start().starts_with('{') {
        let rows = lines().map(|(at, line)| {
            let row: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(line).map_err(|_| wrong(at, "not a JSON object"))?;
            let cells = row.into_iter().map(|(name, value)| match value {
                serde_json::Value::String(text) => (name, text),
                other => (name, other.to_string()),
            });
            Ok(cells.collect())
        });
        return rows.collect();
    }
    let mut all = lines();
    let Some((_, head)) = all.next() else {
        return Err(wrong(0, "no rows"));
    };
    let names: Vec<&str> = head.split(',').map(str::trim).collect();
    let rows = all.map(|(at, line)| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if line.contains('"') {
            return Err(wrong(at, "quotes are not read in CSV; use JSON lines"));
        }
        if cells.len() != names.len() {
            return Err(wrong(at, "another number of cells than the head line has"));
        }
        let pairs = names.iter().zip(cells);
        Ok(pairs
            .map(|(name, cell)| ((*name).to_owned(), cell.to_owned()))
            .collect())
    });
    rows.collect()
}

/// FNV-1a, 64 bits: the same everywhere.
fn digest(text: &str) -> String {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, step))
}
