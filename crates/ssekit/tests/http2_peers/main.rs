//! `check` over HTTP/2 with TLS against servers others wrote: they conform, and every rule about
//! HTTP/2 that can be judged from outside is judged. One that is not installed shows as ignored, with
//! what is missing; with `SSEKIT_REQUIRE_PEERS=1` it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "../needs/mod.rs"]
mod needs;
#[path = "../peer/mod.rs"]
mod peer;

use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use peer::Served;
use serde_json::Value;

/// How long to wait for a server to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Rules that a conforming server passes when it is asked like this.
const PASSED: [&str; 9] = [
    "framing.well-formed",
    "http2.available",
    "http2.no-conn-headers",
    "http2.lowercase",
    "http2.flow-control",
    "http2.rst-cancel",
    "http2.concurrency",
    "http2.ping",
    "http2.same-events",
];

/// A server: what it needs, and how it is started in a folder with its certificate, on a port, before
/// an origin where it is none itself.
struct Server {
    name: &'static str,
    needs: &'static str,
    install: &'static str,
    start: fn(&Path, u16, u16) -> Command,
}

const SERVERS: [Server; 3] = [
    Server {
        name: "nginx",
        needs: "/usr/sbin/nginx",
        install: "apt-get install nginx-light",
        start: nginx,
    },
    Server {
        name: "nghttpx",
        needs: "nghttpx",
        install: "apt-get install nghttp2-proxy",
        start: nghttpx,
    },
    Server {
        name: "node",
        needs: "node",
        install: "Node.js 20 or newer",
        start: node,
    },
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // One at a time: what is judged is also when things arrive.
    arguments.test_threads = Some(1);
    libtest_mimic::run(&arguments, SERVERS.map(trial).into()).exit_code()
}

fn trial(server: Server) -> Trial {
    let absence = if !is_there(server.needs, "-v") {
        Some(format!(
            "needs {}; install: {}",
            server.needs, server.install
        ))
    } else if !is_there("openssl", "version") {
        Some("needs openssl; install: apt-get install openssl".to_owned())
    } else {
        None
    };
    // What is wrong twice in a row is wrong: times on a busy machine.
    needs::trial(server.name, absence, move || {
        judge(&server).or_else(|_| judge(&server))
    })
}

fn is_there(program: &str, version: &str) -> bool {
    Command::new(program).arg(version).output().is_ok()
}

fn nginx(dir: &Path, port: u16, origin: u16) -> Command {
    let conf = include_str!("nginx.conf")
        .replace("@DIR@", &dir.to_string_lossy())
        .replace("@PORT@", &port.to_string())
        .replace("@ORIGIN@", &origin.to_string());
    let file = dir.join("nginx.conf");
    std::fs::write(&file, conf).unwrap();
    let mut command = Command::new("/usr/sbin/nginx");
    command
        .arg("-p")
        .arg(dir)
        .arg("-c")
        .arg(file)
        .args(["-e", "stderr"]);
    command
}

fn nghttpx(dir: &Path, port: u16, origin: u16) -> Command {
    let mut command = Command::new("nghttpx");
    command
        .args(["--conf=/dev/null", "--no-ocsp", "--workers=1"])
        .arg(format!("--frontend=127.0.0.1,{port}"))
        .arg(format!("--backend=127.0.0.1,{origin}"))
        .args([dir.join("key.pem"), dir.join("cert.pem")]);
    command
}

fn node(dir: &Path, port: u16, _origin: u16) -> Command {
    let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http2_peers/node.js");
    let mut command = Command::new("node");
    command.arg(app).arg(dir).arg(port.to_string());
    command
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    /// With a key and a certificate for 127.0.0.1.
    fn with_certificate(name: &str) -> Result<Self, Failed> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("http2-{name}"));
        std::fs::create_dir_all(&dir)?;
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args([
                "-subj",
                "/CN=localhost",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(&dir)
            .output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
        Ok(Self(dir))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A process that ends with the test; politely, so that its own processes do.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

fn started(server: &Server, dir: &Path, origin: u16) -> Result<(Running, u16), Failed> {
    let port = free_port();
    let mut command = (server.start)(dir, port, origin);
    let log = std::fs::File::create(dir.join("log"))?;
    command.stdout(Stdio::null()).stderr(log);
    let mut running = Running(command.spawn()?);
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        let ended = running.0.try_wait()?.is_some();
        if ended || began.elapsed() > PATIENCE {
            let log = std::fs::read_to_string(dir.join("log"))?;
            return Err(format!("{} does not listen: {log}", server.name).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((running, port))
}

fn judge(server: &Server) -> Result<(), Failed> {
    let folder = Folder::with_certificate(server.name)?;
    let origin = Served::start(&[]);
    let origin_port = origin.url.trim_end_matches('/').rsplit(':').next();
    let origin_port = origin_port
        .and_then(|port| port.parse().ok())
        .expect(&origin.url);
    let (_running, port) = started(server, &folder.0, origin_port)?;
    let output = Command::new(env!("CARGO_BIN_EXE_ssekit"))
        .args(["check", "--format", "json", "--http", "2", "--insecure"])
        .arg(format!("https://127.0.0.1:{port}/events"))
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let record: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: no record; {errors}"))?;
    let checks = record["checks"].as_array().map_or(&[][..], Vec::as_slice);
    let mut wrong = String::new();
    if output.status.code() != Some(0) {
        writeln!(wrong, "{}: {}", output.status, record["summary"])?;
    }
    for check in checks {
        if ["fail", "warn", "error"]
            .iter()
            .any(|verdict| check["verdict"] == *verdict)
        {
            writeln!(
                wrong,
                "{} {}: {}",
                check["verdict"], check["id"], check["actual"]
            )?;
        }
    }
    for id in PASSED {
        let found = checks.iter().find(|check| check["id"] == id);
        let found = found.unwrap_or(&Value::Null);
        if found["verdict"] != "pass" {
            writeln!(wrong, "{id} is {}: {}", found["verdict"], found["actual"])?;
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.into())
    }
}
