//! The HTML page in a real browser: it renders, nothing of it runs, and nothing is loaded. Where
//! Chromium is missing the tests show as ignored; with `SSEKIT_REQUIRE_PEERS=1` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod fixture;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};

use libtest_mimic::{Arguments, Failed, Trial};
use ssekit_record::CheckRecord;
use ssekit_report::{html, json};

const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const MISSING: &str = "chromium is not installed: apt-get install chromium";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let required = std::env::var_os("SSEKIT_REQUIRE_PEERS").is_some_and(|value| value == "1");
    let browser = browser();
    let trials = pages().into_iter().map(|(name, record)| {
        let is_ignored = browser.is_none() && !required;
        let name = match is_ignored {
            true => format!("{name} ({MISSING})"),
            false => name,
        };
        let browser = browser.clone();
        Trial::test(name, move || match browser {
            Some(browser) => opens(&browser, &record),
            None => Err(MISSING.into()),
        })
        .with_ignored_flag(is_ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let named = NAMES
        .iter()
        .flat_map(|name| places.iter().map(move |p| p.join(name)));
    named.into_iter().find(|place| place.is_file())
}

/// The record with hostile text, and those of real servers.
fn pages() -> Vec<(String, CheckRecord)> {
    let mut pages = vec![
        ("hostile".to_owned(), fixture::record()),
        ("healthy".to_owned(), fixture::healthy()),
    ];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports/servers");
    for name in ["axum", "nchan"] {
        let text = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        pages.push((name.to_owned(), json::parse(&text).unwrap()));
    }
    pages
}

fn run(browser: &Path, folder: &Path, arguments: &[&str]) -> Output {
    let page = format!("file://{}", folder.join("page.html").display());
    Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
        ])
        .args([
            "--no-first-run",
            "--disable-component-update",
            "--disable-background-networking",
        ])
        .args([
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--enable-logging=stderr",
            "--v=0",
        ])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .args(arguments)
        .arg(page)
        .output()
        .unwrap()
}

fn opens(browser: &Path, record: &CheckRecord) -> Result<(), Failed> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.html"), html::render(record)).unwrap();
    let net = folder.path().join("net.json");
    let log = format!("--log-net-log={}", net.display());
    let shown = run(browser, folder.path(), &["--dump-dom", &log]);
    let (dom, said) = (text(&shown.stdout), text(&shown.stderr));
    if !shown.status.success() || !dom.contains("</html>") {
        return Err(format!("nothing was shown: {said}").into());
    }
    if let Some(line) = said.lines().find(|line| line.contains("CONSOLE")) {
        return Err(format!("the console says {line}").into());
    }
    shows_all(&dom, record)?;
    loads_nothing(&fs::read_to_string(net).unwrap_or_default())?;
    let pdf = folder.path().join("page.pdf");
    run(
        browser,
        folder.path(),
        &[&format!("--print-to-pdf={}", pdf.display())],
    );
    match fs::read(pdf) {
        Ok(bytes) if bytes.starts_with(b"%PDF-") && bytes.len() > 10_000 => Ok(()),
        _ => Err("it cannot be printed".into()),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every check is in the document that the browser made, and nothing that runs or loads.
fn shows_all(dom: &str, record: &CheckRecord) -> Result<(), Failed> {
    for check in &record.checks {
        if !dom.contains(&check.id) {
            return Err(format!("{} is not shown", check.id).into());
        }
    }
    for element in ["<script", "<img", "<iframe", "<object", "<link", "<form"] {
        if dom.contains(element) {
            return Err(format!("the page has become {element}").into());
        }
    }
    Ok(())
}

/// Nothing in the browser's own log was asked of the web for the page's sake.
fn loads_nothing(log: &str) -> Result<(), Failed> {
    if !log.contains("\"constants\"") {
        return Err("the browser kept no log of its network".into());
    }
    let pages = [
        "rfc-editor.org",
        "whatwg.org",
        "127.0.0.1:8080",
        "nginx.org",
        "http://e/",
    ];
    match pages.iter().find(|host| log.contains(*host)) {
        Some(host) => Err(format!("the page asked for {host}").into()),
        None => Ok(()),
    }
}
