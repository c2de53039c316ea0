//! A run as Prometheus itself reads it: its linter, and the server scraping over loopback. Where
//! they are not installed the tests show as ignored; with `SSEKIT_REQUIRE_PEERS=1` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod needs;
mod peer;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use peer::Served;
use serde_json::Value;

/// How long to wait for a condition.
const PATIENCE: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = vec![
        trial("the_linter_has_nothing_to_say", "promtool", lint),
        trial("prometheus_scrapes_a_run", "prometheus", scrape),
        trial("prometheus_reads_native_histograms", "prometheus", native),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, program: &'static str, test: fn() -> Result<(), Failed>) -> Trial {
    let found = Command::new(program).arg("--version").output().is_ok();
    let absence = format!("needs {program}; install: apt-get install prometheus");
    needs::trial(name, (!found).then_some(absence), test)
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A run on a reference server, with an address and a path for its metrics.
fn run(served: &Served) -> (Running, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_ssekit"))
        .args(["load", &served.at("events"), "-c", "3", "--ramp", "100ms"])
        .args(["-d", "150s", "--prometheus", "0"])
        .args([
            "--threshold",
            "gap p99 < 1h",
            "--threshold",
            "delivery p99 < 1s",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let address = metrics_at(&mut child);
    (Running(child), address)
}

/// Where a run that has just been started says that its metrics are.
fn metrics_at(child: &mut Child) -> String {
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut told = String::new();
    let address = loop {
        let from = told.len();
        // Warnings about the scenario come first.
        assert!(said.read_line(&mut told).unwrap() > 0, "{told}");
        let url = told[from..].trim().strip_prefix("metrics at http://");
        if let Some(address) = url.and_then(|url| url.strip_suffix("/metrics")) {
            break address.to_owned();
        }
    };
    // What it says later has to go somewhere.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    address
}

/// Body of the answer, or nothing where nobody listens so far.
fn get(address: &str, path: &str) -> Option<String> {
    let mut socket = TcpStream::connect(address).ok()?;
    write!(socket, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

fn until<T>(what: &str, mut seen: impl FnMut() -> Option<T>) -> Result<T, Failed> {
    let begun = Instant::now();
    loop {
        if let Some(seen) = seen() {
            return Ok(seen);
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("no {what} in {PATIENCE:?}").into());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn lint() -> Result<(), Failed> {
    let served = Served::start(&[]);
    let (_run, address) = run(&served);
    let text = until("event", || {
        let text = get(&address, "/metrics")?;
        let has_gaps = !text.contains("ssekit_load_gap_seconds_count 0\n");
        has_gaps.then_some(text)
    })?;
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    promtool.stdin.take().unwrap().write_all(text.as_bytes())?;
    let output = promtool.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() && said.is_empty() {
        return Ok(());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&said)).into())
}

/// Prometheus, reading a run.
struct Prometheus {
    address: String,
    _process: Running,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(target: &str, options: &[&str]) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("prometheus.yml");
        std::fs::write(
            &config,
            format!(
                "scrape_configs:\n- job_name: load\n  scrape_interval: 250ms\n  scrape_timeout: 250ms\n  static_configs:\n  - targets: ['{target}']\n"
            ),
        )?;
        // It does not say which port it got, so it is given one that was free a moment ago.
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = std::fs::File::create(folder.path().join("log"))?;
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={free}"))
            .args(options)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        Ok(Self {
            address: free,
            _process: Running(process),
            _folder: folder,
        })
    }

    fn ask(&self, path: &str) -> Option<Value> {
        let answer: Value = serde_json::from_str(&get(&self.address, path)?).ok()?;
        Some(answer["data"].clone())
    }

    fn value(&self, query: &str) -> Option<f64> {
        let data = self.ask(&format!("/api/v1/query?query={query}"))?;
        data["result"][0]["value"][1].as_str()?.parse().ok()
    }
}

fn scrape() -> Result<(), Failed> {
    let served = Served::start(&[]);
    let (_run, address) = run(&served);
    let prometheus = Prometheus::start(&address, &[])?;
    let value = |query: &str| prometheus.value(query);
    let above =
        |query: &str, bound: f64| until(query, || value(query).filter(|value| *value > bound));
    above("ssekit_load_events_total", 10.0)?;
    above("rate(ssekit_load_events_total%5B10s%5D)", 0.0)?;
    above("ssekit_load_streams%7Bstate=%22live%22%7D", 2.0)?;
    let p99 = above(
        "histogram_quantile(0.99,ssekit_load_gap_seconds_bucket)",
        0.0,
    )?;
    assert!(p99 <= 300.0, "{p99}");
    for (number, state) in [(0, "pass"), (1, "no_data")] {
        let labels = format!("number=%22{number}%22,state=%22{state}%22");
        above(&format!("ssekit_load_threshold_state%7B{labels}%7D"), 0.5)?;
    }
    let metadata = until("metadata", || {
        let data = prometheus.ask("/api/v1/metadata?metric=ssekit_load_gap_seconds")?;
        data["ssekit_load_gap_seconds"][0]["type"]
            .as_str()
            .map(str::to_owned)
    })?;
    assert_eq!(metadata, "histogram");
    let targets = prometheus.ask("/api/v1/targets").unwrap();
    assert_eq!(targets["activeTargets"][0]["lastError"], "", "{targets}");
    Ok(())
}

/// Each of three streams has these gaps, and then nothing more comes: from 3 ms to 250 ms, each fourth
/// close to nothing.
const EVENTS: u64 = 80;

fn gap(number: u64) -> Duration {
    match number % 4 {
        0 => Duration::ZERO,
        _ => Duration::from_millis(3 + number * number % 250),
    }
}

fn native() -> Result<(), Failed> {
    let url = peer::raw(|_, peer, _| {
        peer::send(peer, peer::HEAD);
        for number in 0..EVENTS {
            std::thread::sleep(gap(number));
            peer::send(peer, "data: x\n\n");
        }
        peer::until_left(peer);
    });
    let folder = tempfile::tempdir()?;
    let scenario = folder.path().join("s.toml");
    std::fs::write(
        &scenario,
        format!(
            "[target]\nurl = \"{url}\"\n[output]\nprometheus = {{ listen = \"0\", native = true }}\n\
             [[phase]]\nkind = \"ramp\"\nto = 3\nover = \"100ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"300s\"\n\
             [validity]\non_breach = \"warn\"\n"
        ),
    )?;
    let mut run = Command::new(env!("CARGO_BIN_EXE_ssekit"))
        .arg("load")
        .arg(&scenario)
        .args(["--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let address = metrics_at(&mut run);
    let mut out = run.stdout.take().unwrap();
    let mut run = Running(run);
    let record = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let prometheus = Prometheus::start(&address, &["--enable-feature=native-histograms"])?;
    // Once all events have come nothing changes any more but the record is made.
    let gaps = 3 * (EVENTS - 1);
    let name = "ssekit_load_gap_seconds";
    until("all gaps", || {
        let count = prometheus.value(&format!("histogram_count({name})"))?;
        (count == gaps as f64).then_some(())
    })?;
    let seen = |query: &str| prometheus.value(query).ok_or_else(|| query.to_owned());
    let quantiles: Vec<(f64, f64)> = [0.5, 0.9, 0.99]
        .into_iter()
        .map(|share| Ok((share, seen(&format!("histogram_quantile({share},{name})"))?)))
        .collect::<Result<_, String>>()?;
    let sum = seen(&format!("histogram_sum({name})"))?;
    let events = seen("ssekit_load_events_total")?;
    // It took the native form, in which there are no such series.
    assert_eq!(prometheus.value(&format!("{name}_bucket")), None);
    let targets = prometheus.ask("/api/v1/targets").unwrap();
    assert_eq!(targets["activeTargets"][0]["lastError"], "", "{targets}");
    peer::signal(&run.0, "INT");
    assert_eq!(peer::code(&mut run.0), 130);
    let record: Value = serde_json::from_str(&record.join().unwrap()?)?;
    assert_eq!(record["events"]["received"].as_f64(), Some(events));
    let own = &record["metrics"]["gap"];
    assert_eq!(own["count"], gaps);
    let own_sum = own["mean_us"].as_f64().unwrap() / 1e6 * gaps as f64;
    assert!((sum / own_sum - 1.0).abs() < 0.001, "{sum} {own_sum}");
    for (share, seen) in quantiles {
        let own = own[format!("p{}_us", share * 100.0)].as_f64().unwrap() / 1e6;
        // Both lie in one bucket, whose end is 2^(1/16) times its begin; values are told apart to 0.1 %.
        let apart = (seen / own).log2().abs();
        assert!(apart <= 1.0 / 16.0 + 0.002, "{share}: {seen} and {own}");
    }
    Ok(())
}
