//! A server of a few lines that does exactly what a test tells it, one thread a connection.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ssekit_load::{Job, Order, run};
use ssekit_record::{LoadRecord, MetricValue, Shard, Statistics};
use ssekit_scenario::load::LoadScenario;

/// These tests are about the target; a machine that is busy with other tests is not.
pub const PATIENT: &str = "[validity]\nmax_loop_lag_p999 = \"60s\"\nmax_schedule_lag_p99 = \"60s\"\n\
                           max_cpu = \"100%\"\n";

/// Where it listens, and what it saw.
pub struct Origin {
    pub address: SocketAddr,
    /// Heads of the requests.
    pub requests: Arc<Mutex<Vec<String>>>,
    /// Events written, as the script counts them.
    pub sent: Arc<AtomicU64>,
}

/// One connection.
pub struct Visit {
    pub stream: TcpStream,
    /// How many came before.
    pub number: u64,
    pub request: String,
    pub body: String,
    pub sent: Arc<AtomicU64>,
}

impl Visit {
    /// Writes the head of an endless stream.
    pub fn open(&mut self) {
        self.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    }

    /// Writes; whether anybody is there.
    pub fn write(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).is_ok()
    }

    /// Writes an event with this id and the time as data.
    pub fn event(&mut self, id: u64) -> bool {
        let sent = self.write(&format!("id: {id}\ndata: {{\"ts\":{}}}\n\n", wall_us()));
        self.sent.fetch_add(u64::from(sent), Ordering::SeqCst);
        sent
    }

    /// Waits until the client has gone.
    pub fn linger(&mut self) {
        let mut rest = BufReader::new(&self.stream);
        while rest.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
            let read = rest.buffer().len();
            rest.consume(read);
        }
    }

    /// The last event ID asked for.
    pub fn last_event_id(&self) -> Option<u64> {
        let line = self
            .request
            .lines()
            .find_map(|line| line.strip_prefix("Last-Event-ID: "));
        line.and_then(|id| id.trim().parse().ok())
    }
}

pub fn wall_us() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_micros() as u64
}

/// Sleeps until a time, so that a schedule does not drift.
pub fn until(begin: Instant, after: Duration) {
    thread::sleep((begin + after).saturating_duration_since(Instant::now()));
}

/// Ticks each 20 ms until the client goes.
pub fn tick(visit: &mut Visit) {
    visit.open();
    visit.write("retry: 200\n\n");
    let mut id = visit.last_event_id().unwrap_or(0) + 1;
    while visit.event(id) {
        id += 1;
        thread::sleep(Duration::from_millis(20));
    }
}

impl Origin {
    pub fn start(script: impl Fn(&mut Visit) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, sent) = (
            Arc::new(Mutex::new(Vec::new())),
            Arc::new(AtomicU64::new(0)),
        );
        let script = Arc::new(script);
        let (seen, counted) = (requests.clone(), sent.clone());
        thread::spawn(move || {
            for (stream, number) in listener.incoming().zip(0..) {
                let (script, seen, sent) = (script.clone(), seen.clone(), counted.clone());
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    let _ = stream.set_nodelay(true);
                    let mut request = String::new();
                    let mut lines = BufReader::new(&stream);
                    while lines.read_line(&mut request).is_ok_and(|read| read > 2) {}
                    let length = request
                        .lines()
                        .find_map(|line| line.strip_prefix("Content-Length: "));
                    let mut body = vec![0; length.map_or(0, |text| text.trim().parse().unwrap())];
                    lines.read_exact(&mut body).unwrap();
                    let body = String::from_utf8(body).unwrap();
                    seen.lock().unwrap().push(request.clone());
                    script(&mut Visit {
                        stream,
                        number,
                        request,
                        body,
                        sent,
                    });
                });
            }
        });
        Self {
            address,
            requests,
            sent,
        }
    }

    /// A run of so many streams, opened at once, for so long.
    pub fn quick(&self, connections: u64, hold: Duration) -> Quick {
        quick(self.address, connections, hold)
    }
}

/// A scenario of so many streams that are opened at once and held.
#[derive(Clone)]
pub struct Quick {
    toml: String,
    pub shard: Shard,
    pub workers: Option<usize>,
}

impl Quick {
    /// With more tables.
    pub fn with(mut self, toml: &str) -> Self {
        self.toml += toml;
        self.toml += "\n";
        self
    }

    pub fn job(&self) -> Job {
        let order = Order {
            shard: self.shard,
            workers: self.workers,
            ..order(&self.toml)
        };
        order.job().unwrap()
    }
}

pub fn quick(address: SocketAddr, connections: u64, hold: Duration) -> Quick {
    Quick {
        toml: format!(
            "[target]\nurl = \"http://{address}/events\"\ntimeout = \"5s\"\n\
             [[phase]]\nkind = \"ramp\"\nfrom = {connections}\nto = {connections}\nover = \"{}us\"\n{PATIENT}",
            hold.as_micros()
        ),
        shard: Shard::default(),
        workers: None,
    }
}

/// What this scenario asks for.
pub fn order(text: &str) -> Order {
    let loaded = LoadScenario::parse(text, Path::new("s.toml"), &[], |_| None);
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{text}"));
    Order {
        scenario: loaded.scenario,
        toml: loaded.toml,
        folder: PathBuf::new(),
        shard: Shard::default(),
        workers: None,
        processes: 1,
        ruling: None,
    }
}

pub fn measured(quick: &Quick) -> LoadRecord {
    made(&quick.job())
}

/// Makes a run to its end.
pub fn made(job: &Job) -> LoadRecord {
    run(job, &Arc::new(AtomicBool::new(false)), &mut |_| {}).unwrap()
}

/// Statistics of a metric.
pub fn stats(record: &LoadRecord, name: &str) -> Statistics {
    let value = record
        .metrics
        .get(name)
        .unwrap_or_else(|| panic!("no {name}: {:?}", record.metrics.keys()));
    Statistics::from(value.samples().unwrap())
}

/// Samples of a metric that are larger than this.
pub fn above(record: &LoadRecord, name: &str, us: u64) -> u64 {
    record
        .metrics
        .get(name)
        .and_then(MetricValue::samples)
        .map_or(0, |samples| samples.count_above(us))
}
