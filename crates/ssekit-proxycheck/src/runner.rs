//! Runs the probes between origin and client, and judges what both saw.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ssekit_http::{Ask, HttpChoice, Limits, Options};
use ssekit_record::{ProxyRecord, is_secret_field};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::sleep;
use url::Url;

use crate::case::{Case, Seen};
use crate::client::{Leave, Sight, exchange, exchange_apart};
use crate::clock::Clock;
use crate::journal::{Journal, Visit};
use crate::origin::{Origin, Programme};
use crate::plan::{self, Probe, Wave};
use crate::reach::{self, reach};
use crate::shape::significant;
use crate::{ProxyError, ProxyOptions, judge, steadiness};

/// Between the beginnings of two exchanges, so that they do not delay each other's first events.
const STAGGER: Duration = Duration::from_millis(12);
/// Bytes of content kept of one exchange.
const BODY: usize = 1 << 20;
/// How long the origin may still be busy after its client has left.
const AFTERMATH: Duration = Duration::from_secs(10);
/// Between two looks at a condition that nothing announces.
const POLL: Duration = Duration::from_millis(10);

/// What a run reports while it goes on.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Progress {
    /// The hop is asked whether it forwards.
    Reaching,
    /// So many probes will be made.
    Planned(usize),
    /// A probe begins: its name and what it is.
    Started(&'static str, &'static str),
    /// A probe ended: its name.
    Finished(&'static str),
}

/// The origin of a run, listening: a hop can be started now that forwards to it.
#[derive(Debug)]
pub struct Stand {
    origin: Origin,
    programme: Programme,
    journal: Journal,
}

impl Stand {
    /// Listens, in the current tokio runtime. Dropping it ends every connection.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn listen(address: SocketAddr) -> Result<Self, ProxyError> {
        let listen = |source| ProxyError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let (programme, journal) = (Programme::default(), Journal::new(Clock::start()));
        let origin = Origin::start(listener, programme.clone(), journal.clone()).map_err(listen)?;
        Ok(Self {
            origin,
            programme,
            journal,
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.origin.addr()
    }

    /// Looks at a hop that forwards here.
    ///
    /// # Errors
    /// When the hop cannot be reached or does not forward to this origin, and for faults of the
    /// caller. What the hop does to a stream is in the record.
    pub async fn check(
        &self,
        options: &ProxyOptions,
        sink: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<ProxyRecord, ProxyError> {
        let began = Instant::now();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        let run = Run {
            options,
            stand: self,
            token: token(),
        };
        sink(Progress::Reaching);
        let canary = run.reach("canary").await?;
        let mut seen = BTreeMap::from([("canary", canary)]);
        let probes = plan::probes(options);
        sink(Progress::Planned(probes.len()));
        let of = |wave: Wave| probes.iter().filter(move |p| p.wave == wave).cloned();
        let mut long = run.begin(of(Wave::Long).collect(), sink);
        // In a hurry the others run beside those whose times matter, and doubts are looked at again.
        let mut beside = JoinSet::new();
        if options.quick {
            beside = run.begin(of(Wave::Other).collect(), sink);
        }
        run.several(of(Wave::Timed).collect(), &mut seen, sink)
            .await?;
        run.again(of(Wave::Timed).collect(), &mut seen, sink)
            .await?;
        if !options.quick {
            beside = run.begin(of(Wave::Other).collect(), sink);
        }
        run.end(&mut beside, &mut seen, sink).await?;
        run.several(of(Wave::Alone).collect(), &mut seen, sink)
            .await?;
        run.end(&mut long, &mut seen, sink).await?;
        if !options.stopped() {
            steadiness::steady(&options.via, &seen)?;
            steadiness::there(run.reach("after").await)?;
        }
        let case = Case::new(options, seen);
        let mut record = judge::judge(&case);
        record.run.started_unix_ms = unix.map_or(0, |d| d.as_millis() as u64);
        record.run.elapsed_ms = began.elapsed().as_millis() as u64;
        Ok(record)
    }
}

/// A word that no other run uses, so that no cache and no leftover request is taken for ours.
fn token() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    format!("ssekit={random:016x}")
}

struct Run<'a> {
    options: &'a ProxyOptions,
    stand: &'a Stand,
    token: String,
}

impl Run<'_> {
    /// Asks for little until the hop forwards, under URLs that begin with this name.
    async fn reach(&self, called: &str) -> Result<Seen, ProxyError> {
        let mut attempt = 0;
        let mut last = None;
        let sight = reach(
            self.options.timeout,
            || self.options.stopped(),
            || {
                attempt += 1;
                let mut probe = plan::canary();
                probe.most = self.options.timeout;
                // A new URL each time: a hop may keep its 502.
                let url = format!("{called}{attempt}");
                let (ask, name) = self.prepare(&probe, &url);
                last = Some(name.clone());
                async move {
                    let sight = self.make(&probe, ask).await?;
                    let journal = &self.stand.journal;
                    let visits = journal.of(&name);
                    let origin = self.stand.addr();
                    let via = &self.options.via;
                    Ok((reach::judge(via, origin, &sight, journal, &visits), sight))
                }
            },
        )
        .await?;
        let name = last.unwrap_or_default();
        Ok(Seen {
            visits: self.stand.journal.of(&name),
            sight,
            about: "whether the hop forwards to this origin",
            delivered: None,
        })
    }

    /// Tells the origin what to do and says what to ask.
    fn prepare(&self, probe: &Probe, url: &str) -> (Ask, String) {
        let token = format!("{}-{url}", self.token);
        self.stand
            .programme
            .expect(token.clone(), url, probe.act.clone());
        (self.ask(probe, &token), url.to_owned())
    }

    fn ask(&self, probe: &Probe, token: &str) -> Ask {
        let mut url = if probe.direct {
            self.own_url()
        } else {
            self.options.via.clone()
        };
        let query = match url.query() {
            Some(query) if !query.is_empty() => format!("{query}&{token}"),
            _ => token.to_owned(),
        };
        url.set_query(Some(&query));
        let mut fields = vec![
            ("Accept".to_owned(), b"text/event-stream".to_vec()),
            ("Cache-Control".to_owned(), b"no-cache".to_vec()),
        ];
        let own = probe.fields.iter();
        fields.extend(own.map(|(name, value)| ((*name).to_owned(), value.clone())));
        for (name, value) in &self.options.fields {
            fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
            fields.push((name.clone(), value.clone()));
        }
        let main = match self.options.http {
            _ if probe.direct => HttpChoice::Http11,
            HttpChoice::Auto => HttpChoice::Http11,
            http => http,
        };
        Ask {
            probe: probe.name.into(),
            method: probe.method.into(),
            url,
            secret_fields: secrets(&self.options.secret_fields, &fields),
            fields,
            body: None,
            http: probe.http.unwrap_or(main),
        }
    }

    /// Where the origin is reached without the hop.
    fn own_url(&self) -> Url {
        let mut addr = self.stand.addr();
        if addr.ip().is_unspecified() {
            addr.set_ip(match addr {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            });
        }
        let mut url = self.options.via.clone();
        // An address is always a host, and http may take any port.
        let _ = url.set_scheme("http");
        let _ = url.set_ip_host(addr.ip());
        let _ = url.set_port(Some(addr.port()));
        url
    }

    async fn make(&self, probe: &Probe, ask: Ask) -> Result<Sight, ProxyError> {
        made(
            probe,
            ask,
            exchange_options(self.options),
            self.stand.journal.clock,
            Arc::clone(&self.options.stop),
        )
        .await
    }

    /// Makes these probes side by side.
    async fn several(
        &self,
        probes: Vec<Probe>,
        seen: &mut BTreeMap<&'static str, Seen>,
        sink: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ProxyError> {
        if self.options.stopped() {
            return Ok(());
        }
        let mut running = self.begin(probes, sink);
        self.end(&mut running, seen, sink).await
    }

    /// Repeats what chance may have done: a hop that stalled once is slow, one that holds events
    /// back does so again.
    async fn again(
        &self,
        probes: Vec<Probe>,
        seen: &mut BTreeMap<&'static str, Seen>,
        sink: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ProxyError> {
        let bar_us = self.options.bar_us();
        let late = |seen: &Seen| {
            let delivery = seen.delivery()?;
            let late = significant(&delivery, bar_us);
            Some((late, delivery.pieces.len()))
        };
        let doubtful = |probe: &Probe| {
            // Large events are held back by their size, so that some are late proves something.
            let counts = !(self.options.quick && probe.name.ends_with("large"));
            let late = seen.get(probe.name).and_then(late);
            counts && late.is_some_and(|(late, all)| late > 0 && late * 10 < all * 6)
        };
        let doubtful: Vec<Probe> = probes.into_iter().filter(doubtful).collect();
        if doubtful.is_empty() {
            return Ok(());
        }
        let mut second = BTreeMap::new();
        let fresh = doubtful.into_iter().map(|mut probe| {
            probe.url += "-again";
            probe
        });
        self.several(fresh.collect(), &mut second, sink).await?;
        for (name, two) in second {
            let first = seen.get(name).and_then(late);
            if late(&two) < first {
                seen.insert(name, two);
            }
        }
        Ok(())
    }

    fn begin(&self, probes: Vec<Probe>, sink: &mut (dyn FnMut(Progress) + Send)) -> Running {
        let mut running = JoinSet::new();
        for (turn, probe) in (0..).zip(probes) {
            let (ask, url) = self.prepare(&probe, &probe.url);
            let options = exchange_options(self.options);
            let journal = self.stand.journal.clone();
            let stop = Arc::clone(&self.options.stop);
            sink(Progress::Started(probe.name, probe.about));
            running.spawn(async move {
                sleep(probe.begin + STAGGER * turn).await;
                let clock = journal.clock;
                let sight = made(&probe, ask, options, clock, Arc::clone(&stop)).await?;
                let visits = settled(&probe, &url, &journal, &stop).await;
                Ok((probe, sight, visits))
            });
        }
        running
    }

    async fn end(
        &self,
        running: &mut Running,
        seen: &mut BTreeMap<&'static str, Seen>,
        sink: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<(), ProxyError> {
        while let Some(done) = running.join_next().await {
            let (probe, sight, visits) = match done {
                Ok(done) => done?,
                // A panic in a probe is ours: let it surface as one.
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_) => continue,
            };
            sink(Progress::Finished(probe.name));
            if self.options.stopped() {
                // Cut short, it would show less than the hop has to show.
                continue;
            }
            let about = probe.about;
            let one = Seen {
                sight,
                visits,
                about,
                delivered: None,
            };
            seen.insert(probe.name, one);
        }
        Ok(())
    }
}

/// Exchanges that go on.
type Running = JoinSet<Result<(Probe, Sight, Vec<Visit>), ProxyError>>;

pub(crate) fn exchange_options(options: &ProxyOptions) -> Options {
    Options {
        connect_timeout: options.timeout,
        trust: options.trust.clone(),
        limits: Limits {
            body: BODY,
            ..Limits::default()
        },
        ..Options::default()
    }
}

async fn made(
    probe: &Probe,
    ask: Ask,
    options: Options,
    clock: Clock,
    stop: Arc<AtomicBool>,
) -> Result<Sight, ProxyError> {
    let (leave, most) = (probe.leave, probe.most);
    let sight = if matches!(leave, Leave::Unread(_)) {
        exchange_apart(ask, options, leave, most, clock, stop).await
    } else {
        exchange(&ask, &options, leave, most, clock, &stop).await
    };
    Ok(sight?)
}

/// The visits of a probe once the origin is done with them: after a client that left, that may be
/// later than the client's end.
async fn settled(probe: &Probe, url: &str, journal: &Journal, stop: &AtomicBool) -> Vec<Visit> {
    let until = Instant::now() + AFTERMATH;
    loop {
        let visits = journal.of(url);
        let left = probe.leave != Leave::AtEnd;
        let over = |v: &Visit| v.ended_us.is_some() || v.failed_us.is_some();
        let stopped = stop.load(Ordering::Relaxed);
        if !left || stopped || visits.iter().all(over) || Instant::now() >= until {
            return visits;
        }
        sleep(POLL).await;
    }
}

/// The user's secrets, but never a field of ours by an unlucky name.
pub(crate) fn secrets(told: &[String], fields: &[(String, Vec<u8>)]) -> Vec<String> {
    let named = fields.iter().map(|(name, _)| name);
    let secret = named.filter(|name| {
        let own = told.iter().any(|t| t.eq_ignore_ascii_case(name));
        own || is_secret_field(name)
    });
    secret.cloned().collect()
}
