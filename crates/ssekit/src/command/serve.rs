//! `ssekit serve`: the reference server.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use ssekit_record::ExitCode;
use ssekit_server::{
    Config, Defect, DefectEntry, Fault, Hop, HopConfig, HopEntry, HopMode, Server, ServerError,
};

use crate::failure::Failure;
use crate::input::cause;
use crate::interrupt::interrupted;
use crate::request::url;
use crate::sibling::{Siblings, released};
use crate::suggestion::did_you_mean;
use crate::{duration, limit, output, runtime};

/// Run the reference server
///
/// Conforms in every point of the catalogue, or breaks exactly one with --defect. Speaks HTTP/1.1
/// and HTTP/2. Prints one line on standard output once it listens, `listening on URL`, so that a
/// script can read the URL; ends cleanly on Ctrl-C or the termination signal, with exit 0.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Address and port, or a port of this machine alone; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: SocketAddr,
    /// Speak TLS, with a certificate made at start
    #[arg(long)]
    tls: bool,
    /// Write that certificate to a file, for clients to trust
    #[arg(long, value_name = "FILE", requires = "tls")]
    cert_out: Option<PathBuf>,
    /// Break the server in exactly this way
    #[arg(long, value_name = "ID")]
    defect: Option<String>,
    /// List the ways in which it can be broken
    #[arg(long)]
    list_defects: bool,
    /// Be a hop in front of --origin instead: immediate, block:BYTES, delay:TIME, coalesce:TIME,
    /// until-close, gzip-held and more; --list-hops tells them all
    #[arg(long, value_name = "MODE", requires = "origin", conflicts_with_all = ["defect", "fault", "processes"])]
    hop: Option<HopMode>,
    /// Where the hop forwards to
    #[arg(long, value_name = "URL", requires = "hop")]
    origin: Option<String>,
    /// List what the hop can do to streams
    #[arg(long)]
    list_hops: bool,
    /// Deliver at fault, without breaking a rule: stall:AT:LENGTH, drop:N, duplicate:N, reorder:N,
    /// burst:N, buffer:BYTES, late-stamps, reset:N, slow-accept:TIME; repeatable
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
    /// Serve the port with this many processes, each with a limit of open files of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64), conflicts_with = "tls")]
    processes: u16,
    /// Share the port with processes beside this one, and end with the input
    #[arg(long, hide = true)]
    shared_port: bool,
    /// Longest silence before a comment is sent, 100ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::observation)]
    heartbeat: Duration,
    /// Past events kept for clients that come back
    #[arg(long, value_name = "N", default_value_t = Config::default().history)]
    history: usize,
}

/// Reads an address and port, or a port of this machine alone.
///
/// # Errors
/// Says what was expected.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse()
        .map_err(|_| "expected an address and port such as 127.0.0.1:8080, or a port".into())
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    if arguments.list_defects {
        output::print(&defects(Defect::all()))?;
        return Ok(ExitCode::AsExpected);
    }
    if arguments.list_hops {
        output::print(&hops(HopMode::all()))?;
        return Ok(ExitCode::AsExpected);
    }
    if let (Some(mode), Some(origin)) = (arguments.hop, &arguments.origin) {
        let config = HopConfig {
            listen: arguments.listen,
            origin: authority(origin)?,
            tls: arguments.tls,
            mode,
        };
        return runtime::block_on(forward(config, arguments));
    }
    let config = Config {
        listen: arguments.listen,
        tls: arguments.tls,
        faults: arguments.fault.clone(),
        shared_port: arguments.shared_port,
        defect: arguments.defect.as_deref().map(defect).transpose()?,
        heartbeat: arguments.heartbeat,
        history: arguments.history,
    };
    limit::raise_open_files();
    if arguments.processes > 1 {
        return runtime::block_on(serve_together(&config, arguments));
    }
    runtime::block_on(serve(config, arguments))
}

/// The defect with this id.
///
/// # Errors
/// When there is none; names the nearest.
pub fn defect(id: &str) -> Result<Defect, Failure> {
    Defect::find(id).ok_or_else(|| {
        let ids = Defect::all().iter().map(|entry| entry.id);
        let hint = did_you_mean(id, ids, "`ssekit serve --list-defects` shows them all");
        Failure::Usage(format!("no defect {id:?}{hint}"))
    })
}

async fn serve(config: Config, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let broken = config.defect;
    let server = Server::start(config).await?;
    if let (Some(path), Some(pem)) = (&arguments.cert_out, server.certificate_pem()) {
        write_certificate(path, pem)?;
    }
    output::say(&notes(&server, broken, arguments));
    announce(&server.url("/"))?;
    tokio::select! {
        interrupted = interrupted() => interrupted?,
        () = released(), if arguments.shared_port => {}
    }
    output::say("ssekit: closing the streams");
    server.shutdown().await;
    Ok(ExitCode::AsExpected)
}

/// Serves one port with several processes.
async fn serve_together(config: &Config, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let mut passed = vec![
        format!("--heartbeat={}ms", arguments.heartbeat.as_millis()),
        format!("--history={}", arguments.history),
    ];
    passed.extend(config.defect.map(|defect| format!("--defect={defect}")));
    passed.extend(config.faults.iter().map(|fault| format!("--fault={fault}")));
    let count = usize::from(arguments.processes);
    let mut siblings = Siblings::start(count, config.listen, &passed).await?;
    let url = format!("http://{}/", siblings.address);
    output::say(&format!(
        "  page    {url}\n  stream  {url}events\n  {count} processes\nCtrl-C ends them"
    ));
    announce(&url)?;
    tokio::select! {
        interrupted = interrupted() => interrupted?,
        failure = siblings.failed() => return Err(failure),
    }
    output::say("ssekit: closing the streams");
    siblings.stop().await;
    Ok(ExitCode::AsExpected)
}

/// Host and port of an http URL.
fn authority(text: &str) -> Result<String, Failure> {
    let url = url(text)?;
    match (url.scheme(), url.host_str(), url.port_or_known_default()) {
        ("http", Some(host), Some(port)) => Ok(format!("{host}:{port}")),
        _ => Err(Failure::Usage(
            "--origin: the hop forwards to http:// only".into(),
        )),
    }
}

/// Runs the built-in hop.
async fn forward(config: HopConfig, arguments: &Arguments) -> Result<ExitCode, Failure> {
    let origin = config.origin.clone();
    let mode = config.mode;
    let hop = Hop::start(config).await?;
    if let (Some(path), Some(pem)) = (&arguments.cert_out, hop.certificate_pem()) {
        write_certificate(path, pem)?;
    }
    output::say(&format!(
        "  hop     {}\n  origin  http://{origin}/\n  mode    {mode}\nCtrl-C ends it",
        hop.url("/")
    ));
    announce(&hop.url("/"))?;
    interrupted().await?;
    Ok(ExitCode::AsExpected)
}

fn write_certificate(path: &Path, pem: &str) -> Result<(), Failure> {
    std::fs::write(path, pem).map_err(|error| {
        let cause = cause(&error);
        Failure::Usage(format!("cannot write {}: {cause}", path.display()))
    })
}

/// The line a script reads. A server whose output nobody reads serves all the same.
fn announce(url: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let told = writeln!(out, "listening on {url}").and_then(|()| out.flush());
    match told {
        Err(error) if !crate::failure::is_departure(&error) => Err(error.into()),
        _ => Ok(()),
    }
}

/// What a person wants to know, on standard error.
fn notes(server: &Server, broken: Option<Defect>, arguments: &Arguments) -> String {
    let mut text = String::new();
    let path = broken.map_or("/events", |defect| defect.entry().path);
    let _ = writeln!(text, "  page    {}", server.url("/"));
    let _ = writeln!(text, "  stream  {}", server.url(path));
    if let Some(defect) = broken {
        let entry = defect.entry();
        let _ = writeln!(text, "  broken  {}: {}", entry.id, entry.about);
    }
    if arguments.tls {
        let trust = arguments.cert_out.as_ref().map_or_else(
            || "clients need --insecure, or --cert-out FILE here".into(),
            |path| format!("clients trust it with --cacert {}", path.display()),
        );
        let _ = writeln!(text, "  TLS     {trust}");
    }
    if !server.addr().ip().is_loopback() {
        let _ = writeln!(text, "  note    other machines can reach this address");
    }
    text + "Ctrl-C ends it"
}

fn defects(entries: &[DefectEntry]) -> String {
    let widest = entries.iter().map(|entry| entry.id.len()).max();
    let widest = widest.unwrap_or(0);
    let mut out = String::new();
    for entry in entries {
        let only = if entry.needs_h1 {
            " (HTTP/1.1 only)"
        } else if entry.needs_h2 {
            " (HTTP/2 only)"
        } else {
            ""
        };
        let _ = writeln!(out, "{:widest$}  {}{only}", entry.id, entry.about);
    }
    let _ = writeln!(out, "\n{} defects", entries.len());
    out
}

fn hops(entries: &[HopEntry]) -> String {
    let widest = entries.iter().map(|entry| entry.form.len()).max();
    let widest = widest.unwrap_or(0);
    let mut out = String::new();
    let mut last = "";
    for entry in entries.iter().filter(|entry| !entry.form.is_empty()) {
        if entry.form == last {
            continue;
        }
        last = entry.form;
        let check = entry.check.unwrap_or("nothing");
        let _ = writeln!(
            out,
            "{:widest$}  {} (trips {check})",
            entry.form, entry.about
        );
    }
    out
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        match &error {
            ServerError::Listen { address, source } => Self::Usage(format!(
                "cannot listen on {address}: {}; --listen takes another address or port",
                cause(source)
            )),
            ServerError::Config(_) => Self::Usage(error.to_string()),
            _ => Self::Environment(error.to_string()),
        }
    }
}
