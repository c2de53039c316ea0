//! The short form of a run: so many streams of one URL, opened evenly over a ramp and held.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use ssekit_http::{Ask, HttpChoice, TlsTrust, request_bytes, tls_config};
use ssekit_record::{ScenarioSummary, Shard, Threshold, redact_url};
use ssekit_scenario::load::Demand;
use url::Url;

use crate::dial::{Dialer, Sharing, Tls};
use crate::error::LoadError;
use crate::expectation::Expectation;
use crate::job::{Job, JobPhase, Plan, Population, Validity};
use crate::reconnect::ReconnectPolicy;
use crate::request::{RequestBytes, Requests};
use crate::shift::Act;
use crate::worker::Role;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Quick {
    /// URL of the streams.
    pub url: Url,
    /// Method.
    pub method: String,
    /// Field lines to add.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Content.
    pub body: Option<Vec<u8>>,
    /// Certificates to trust.
    pub trust: TlsTrust,
    /// Longest wait for a connection, and for a head.
    pub timeout: Duration,
    /// Streams.
    pub connections: u64,
    /// Streams on one connection at most, over HTTP/2; `None`: one each, over HTTP/1.1.
    pub streams_per_connection: Option<u64>,
    /// Over how long they are opened, evenly.
    pub ramp: Duration,
    /// How long they are held after the ramp.
    pub hold: Duration,
    /// Source addresses to take turns over.
    pub sources: Vec<IpAddr>,
    /// What is expected of the streams.
    pub expect: Expectation,
    /// What they do when they end.
    pub reconnect: ReconnectPolicy,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// Part of the plan.
    pub shard: Shard,
    /// Threads; chosen by the number of streams where none are given.
    pub workers: Option<usize>,
    /// Seed of chance.
    pub seed: u64,
}

impl Quick {
    /// The run that this asks for. Looks the host name up.
    ///
    /// # Errors
    /// When the request cannot be sent, the trust not be used, or the name has no address.
    pub fn job(&self) -> Result<Job, LoadError> {
        let role = Role {
            expect: self.expect.clone(),
            dialer: self.dialer()?,
            requests: Requests::Alike(RequestBytes::new(&self.request()?)),
            reconnect: self.reconnect.clone(),
            head_timeout: self.timeout,
            pace: None,
            lifetime: None,
            topics: 1,
        };
        let (ramp, end) = (micros(self.ramp), micros(self.ramp + self.hold));
        let phase = |name: &str, end_us| JobPhase {
            name: name.to_owned(),
            kind: name.to_owned(),
            label: None,
            end_us,
            record: true,
        };
        let mut phases = vec![phase("hold", end)];
        if ramp > 0 {
            phases.insert(0, phase("ramp", ramp));
        }
        let mine = share(self.connections, self.shard);
        Ok(Job {
            target: redact_url(&self.url),
            scenario: self.summary(),
            shard: self.shard,
            populations: vec![Population {
                name: "subscribers".into(),
                role,
            }],
            plan: plan(self.connections, ramp, self.shard),
            planned: mine,
            demand: Demand::of_streams(
                mine,
                self.streams_per_connection.unwrap_or(1),
                self.url.scheme() == "https",
            ),
            phases,
            thresholds: self.thresholds.clone(),
            validity: Validity::default(),
            digits: 3,
            workers: self.workers.unwrap_or_else(|| Job::workers_for(mine)),
            start_at: None,
            storms: Vec::new(),
            search: None,
            publishers: Vec::new(),
        })
    }

    fn request(&self) -> Result<Vec<u8>, LoadError> {
        let named = |name: &str| {
            self.fields
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name))
        };
        let mut fields = self.fields.clone();
        if !named("accept") {
            fields.push(("Accept".into(), b"text/event-stream".to_vec()));
        }
        if !named("cache-control") {
            fields.push(("Cache-Control".into(), b"no-store".to_vec()));
        }
        let ask = Ask {
            probe: "load".into(),
            method: self.method.clone(),
            url: self.url.clone(),
            fields,
            secret_fields: Vec::new(),
            body: self.body.clone().map(Into::into),
            http: HttpChoice::Http11,
        };
        Ok(request_bytes(&ask)?)
    }

    fn dialer(&self) -> Result<Dialer, LoadError> {
        let (choice, sharing) = match self.streams_per_connection {
            Some(streams) => (HttpChoice::Http2, Sharing::Always(streams)),
            None => (HttpChoice::Http11, Sharing::Never),
        };
        let tls = match self.url.scheme() {
            "https" => {
                let config = tls_config(&self.trust, choice)?;
                Some(Tls {
                    url: self.url.clone(),
                    shared: config.clone(),
                    own: config,
                })
            }
            _ => None,
        };
        let dialer = Dialer {
            targets: addresses(&self.url, self.timeout)?,
            sources: self.sources.clone(),
            ports: None,
            recv_buffer: None,
            tls,
            sharing,
            connect_timeout: self.timeout,
        };
        let connections = self
            .connections
            .div_ceil(self.streams_per_connection.unwrap_or(1).max(1));
        Ok(dialer.with_ports(connections, self.shard))
    }

    fn summary(&self) -> ScenarioSummary {
        let mut hasher = DefaultHasher::new();
        let shown = redact_url(&self.url);
        (&shown, self.connections, self.ramp, self.hold, self.seed).hash(&mut hasher);
        ScenarioSummary {
            name: "quick".into(),
            digest: format!("{:016x}", hasher.finish()),
            seed: self.seed,
            meta: BTreeMap::new(),
            toml: String::new(),
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// How many of so many streams a shard has.
fn share(streams: u64, shard: Shard) -> u64 {
    let (index, count) = (u64::from(shard.index), u64::from(shard.count.max(1)));
    streams.saturating_sub(index).div_ceil(count)
}

/// Stream `k` starts at `k / streams` of the ramp, in shard `k mod count`.
fn plan(streams: u64, ramp_us: u64, shard: Shard) -> Plan {
    let (index, count) = (u64::from(shard.index), u64::from(shard.count.max(1)));
    Arc::new(move |worker, workers| {
        let mine = (index..streams).step_by(count as usize);
        let mine = mine.skip(worker as usize).step_by(workers as usize);
        Box::new(mine.map(move |number| {
            let due = u128::from(number) * u128::from(ramp_us) / u128::from(streams.max(1));
            let start = Act::Start {
                number,
                role: 0,
                renews: false,
            };
            (due as u64, start)
        }))
    })
}

/// The addresses of a host. Where it has some of both families, those of the first one that answers:
/// a server that listens on one of them only should not have half of the streams refused.
pub(crate) fn addresses(url: &Url, limit: Duration) -> Result<Vec<SocketAddr>, LoadError> {
    let host = url.host_str().unwrap_or_default();
    let unresolved = |why: String| LoadError::Unresolved {
        host: host.to_owned(),
        why,
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = (name, port)
        .to_socket_addrs()
        .map_err(|error| unresolved(error.to_string()))?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.dedup();
    let Some(first) = found.first().copied() else {
        return Err(unresolved("it has no address".into()));
    };
    if found.iter().all(|other| other.is_ipv4() == first.is_ipv4()) {
        return Ok(found);
    }
    let answers = |address: &&SocketAddr| TcpStream::connect_timeout(address, limit).is_ok();
    let chosen = found.iter().find(answers).copied().unwrap_or(first);
    found.retain(|other| other.is_ipv4() == chosen.is_ipv4());
    Ok(found)
}
