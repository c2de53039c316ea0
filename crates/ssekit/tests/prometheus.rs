//! A run as Prometheus itself reads it: its linter, and the server scraping over loopback. Where
//! they are not installed the tests show as ignored; with `SSEKIT_REQUIRE_PEERS=1` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

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
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, program: &'static str, test: fn() -> Result<(), Failed>) -> Trial {
    let required = std::env::var_os("SSEKIT_REQUIRE_PEERS").is_some_and(|value| value == "1");
    let found = Command::new(program).arg("--version").output().is_ok();
    let absence = format!("needs {program}; install: apt-get install prometheus");
    let kind = if found {
        String::new()
    } else {
        absence.clone()
    };
    Trial::test(
        name,
        move || if found { test() } else { Err(absence.into()) },
    )
    .with_kind(kind)
    .with_ignored_flag(!found && !required)
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
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    // What it says later has to go somewhere.
    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let url = line.trim().strip_prefix("metrics at http://");
    let address = url.and_then(|url| url.strip_suffix("/metrics"));
    (Running(child), address.expect(&line).to_owned())
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

fn scrape() -> Result<(), Failed> {
    let served = Served::start(&[]);
    let (_run, address) = run(&served);
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("prometheus.yml");
    std::fs::write(
        &config,
        format!(
            "scrape_configs:\n- job_name: load\n  scrape_interval: 250ms\n  scrape_timeout: 250ms\n  static_configs:\n  - targets: ['{address}']\n"
        ),
    )?;
    // It does not say which port it got, so it is given one that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let log = std::fs::File::create(folder.path().join("log"))?;
    let _prometheus = Running(
        Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={free}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?,
    );
    let ask = |path: &str| -> Option<Value> {
        let answer: Value = serde_json::from_str(&get(&free, path)?).ok()?;
        Some(answer["data"].clone())
    };
    let value = |query: &str| -> Option<f64> {
        let data = ask(&format!("/api/v1/query?query={query}"))?;
        data["result"][0]["value"][1].as_str()?.parse().ok()
    };
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
        let data = ask("/api/v1/metadata?metric=ssekit_load_gap_seconds")?;
        data["ssekit_load_gap_seconds"][0]["type"]
            .as_str()
            .map(str::to_owned)
    })?;
    assert_eq!(metadata, "histogram");
    let targets = ask("/api/v1/targets").unwrap();
    assert_eq!(targets["activeTargets"][0]["lastError"], "", "{targets}");
    Ok(())
}
