//! `ssekit demo`: the main jobs on embedded parts: a server, once clean and once broken, and a hop.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anstyle::Style;
use clap::Args;
use ssekit_conformance::{CheckOptions, Progress, check};
use ssekit_proxycheck::{ProxyOptions, Stand};
use ssekit_record::{CheckOutcome, CheckRecord, ExitCode, Release, Verdict};
use ssekit_report::terminal;
use ssekit_server::{Config, Defect, Hop, HopConfig, HopMode, Server};

use crate::command::serve::defect;
use crate::failure::Failure;
use crate::interrupt::interrupted;
use crate::progress::Display;
use crate::request::url;
use crate::{output, runtime};

/// The defect shown: common in the wild, a MUST, and plain to see in the bytes.
const SHOWN: &str = "encoding.valid-utf8/latin1";
/// How long each stream is watched.
const WINDOW: Duration = Duration::from_secs(2);

/// See the main jobs done on embedded parts: a server, once healthy and once broken, and a hop
#[derive(Debug, Args)]
pub struct Arguments {
    /// Break the second server in this way; `ssekit serve --list-defects` shows which there are
    #[arg(long, value_name = "ID", default_value = SHOWN)]
    defect: String,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let broken = defect(&arguments.defect)?;
    runtime::block_on(async {
        tokio::select! {
            done = both(broken) => done,
            stop = interrupted() => {
                stop?;
                Err(Failure::Interrupted("the demonstration is not over".into()))
            }
        }
    })
}

async fn both(broken: Defect) -> Result<ExitCode, Failure> {
    let entry = broken.entry();
    heading("1. A server that keeps the standard", "ssekit check URL")?;
    let healthy = judged(None, "/events").await?;
    let title = format!("2. The same server, broken in one way: {}", entry.about);
    heading(&title, &format!("ssekit serve --defect {}", entry.id))?;
    let ill = judged(Some(broken), entry.path).await?;
    let caught = |finding: &&ssekit_record::Finding| {
        finding.id == entry.check && matches!(finding.verdict, Verdict::Fail | Verdict::Warn)
    };
    let is_caught = ill.checks.iter().any(|finding| caught(&finding));
    if healthy.outcome != CheckOutcome::Conformant || !is_caught {
        return Err(Failure::Internal(format!(
            "the healthy server was found {}, and {} was {}caught",
            healthy.outcome.as_str(),
            entry.check,
            if is_caught { "" } else { "not " }
        )));
    }
    heading(
        "3. A hop that holds everything back until the origin closes",
        "ssekit proxy --via URL --listen ADDRESS --quick",
    )?;
    through_hop().await?;
    output::print(&next(entry.check))?;
    Ok(ExitCode::AsExpected)
}

/// Puts a buffering hop between an origin and a client, looks at it and shows the answer.
async fn through_hop() -> Result<(), Failure> {
    let stand = Stand::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
    let mut config = HopConfig::new(stand.addr().to_string());
    config.mode = HopMode::UntilClose;
    let hop = Hop::start(config).await?;
    let mut options = ProxyOptions::new(url(&hop.url("/"))?);
    options.quick = true;
    let record = stand.check(&options, &mut |_| {}).await?;
    let text = terminal::proxy(&record, output::layout(false, false));
    output::print(&(text + "\n"))?;
    match record.measurements.release {
        Some(Release::UntilClose) => Ok(()),
        other => Err(Failure::Internal(format!(
            "the hop holds everything until the close, and was found {}",
            other.map_or("unknown", Release::as_str)
        ))),
    }
}

fn heading(title: &str, command: &str) -> Result<(), Failure> {
    let bold = Style::new().bold().underline();
    let dim = Style::new().dimmed();
    let text = format!("{bold}{title}{bold:#}\n{dim}$ {command}{dim:#}\n\n");
    Ok(output::print(&text)?)
}

/// Starts the server, checks it, stops it and shows the answer.
async fn judged(defect: Option<Defect>, path: &str) -> Result<CheckRecord, Failure> {
    let config = Config {
        defect,
        ..Config::default()
    };
    let server = Server::start(config).await?;
    let mut options = CheckOptions::new(url(&server.url(path))?);
    options.observe = Some(WINDOW);
    let mut display = Display::new(false);
    let mut sink = |step: Progress<'_>| display.show(&step);
    let checked = check(&options, &mut sink).await;
    drop(display);
    server.shutdown().await;
    let record = checked?.record;
    let text = terminal::render(&record, output::layout(false, false));
    output::print(&(text + "\n"))?;
    Ok(record)
}

fn next(check: &str) -> String {
    let bold = Style::new().bold();
    let mut text = format!("{bold}Next{bold:#}\n");
    for (command, about) in [
        ("ssekit check URL".to_owned(), "judge your own server"),
        (
            format!("ssekit explain {check}"),
            "read the rule that was broken",
        ),
        (
            "ssekit proxy --help".to_owned(),
            "look at your own proxy or CDN",
        ),
        (
            "ssekit serve".to_owned(),
            "keep this server to try a client on",
        ),
        ("ssekit --help".to_owned(), "see everything else"),
    ] {
        let _ = writeln!(text, "  {command:34}  {about}");
    }
    text
}
