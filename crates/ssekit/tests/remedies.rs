//! What a remedy says is pasted into the configuration of the hop it is for: the product takes it,
//! the finding is gone, and nothing else is found in its place. One that is not installed shows as
//! ignored, with what is missing; with `SSEKIT_REQUIRE_PEERS=1` it fails.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hop;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;

/// A hop with a defect, and where its remedy belongs.
#[derive(Clone, Copy)]
struct Case {
    /// Folder of the scenario, and its configuration.
    hop: &'static str,
    file: &'static str,
    /// Lines that make the defect.
    defect: Edit,
    /// The check that finds it.
    finds: &'static str,
    /// Which lines of the remedy: those of some products give several.
    block: usize,
    /// Where they go.
    paste: Place,
    arguments: &'static [&'static str],
}

#[derive(Clone, Copy)]
enum Edit {
    None,
    Put(&'static str, Place),
    /// Of each text, another.
    Swap(&'static [(&'static str, &'static str)]),
}

/// Beside or in place of the first line that holds a text.
#[derive(Clone, Copy)]
enum Place {
    After(&'static str),
    Before(&'static str),
    /// After it, where lines that begin so are replaced.
    Over(&'static str, &'static str),
    Instead(&'static str),
    End,
}
use Edit::{None as Whole, Put, Swap};
use Place::{After, Before, End, Instead, Over};

const QUICK: &[&str] = &["--quick"];
const IDLE: &[&str] = &["--idle", "3s"];
const LIFETIME: &[&str] = &["--idle", "1s", "--lifetime", "4s"];

const fn case(
    (hop, file): (&'static str, &'static str),
    defect: Edit,
    finds: &'static str,
    paste: Place,
    arguments: &'static [&'static str],
) -> Case {
    Case {
        hop,
        file,
        defect,
        finds,
        block: 0,
        paste,
        arguments,
    }
}

const fn second(case: Case) -> Case {
    Case { block: 1, ..case }
}

const LOCATION: Place = After("proxy_pass");
const NGINX: &str = "nginx.conf";
const UNBUFFERED: (&str, &str) = ("nginx-unbuffered", NGINX);
const HAPROXY: (&str, &str) = ("haproxy-no-delay", "haproxy.cfg");
const BACKEND: Place = Before("server origin");
const HTTPD: (&str, &str) = ("httpd", "httpd.conf");
const DEFLATE: (&str, &str) = ("httpd-deflate", "httpd.conf");
const SETENVIF: &str = "LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so";
const FILTER: &str = "LoadModule ext_filter_module /usr/lib/apache2/modules/mod_ext_filter.so
ExtFilterDefine cat mode=output cmd=/bin/cat
SetOutputFilter cat";
const CADDY: (&str, &str) = ("caddy-current", "Caddyfile");
const ENVOY: (&str, &str) = ("envoy", "envoy.yaml");
const FULL: &str = r#"- name: envoy.filters.http.file_system_buffer
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.file_system_buffer.v3.FileSystemBufferFilterConfig
    manager_config: { thread_pool: { thread_count: 1 } }
    response: { behavior: { fully_buffer: {} }, memory_buffer_bytes_limit: 67108864 }"#;
const NODE: (&str, &str) = ("node-http-proxy", "hop.js");
const MIDDLEWARE: (&str, &str) = ("node-http-proxy-middleware", "hop.js");

const CASES: &[Case] = &[
    case(("nginx", NGINX), Whole, "proxy.release", LOCATION, QUICK),
    case(
        ("nginx", NGINX),
        Whole,
        "proxy.origin-abort",
        LOCATION,
        QUICK,
    ),
    case(
        ("nginx-http11", NGINX),
        Whole,
        "proxy.large-release",
        Over("proxy_pass", "proxy_http_version"),
        QUICK,
    ),
    case(
        ("nginx-http11", NGINX),
        Whole,
        "proxy.slow-reader",
        Over("proxy_pass", "proxy_http_version"),
        IDLE,
    ),
    case(
        ("nginx-gzip", NGINX),
        Whole,
        "proxy.compression",
        LOCATION,
        QUICK,
    ),
    case(
        ("nginx-gzip", NGINX),
        Whole,
        "proxy.no-transform",
        LOCATION,
        QUICK,
    ),
    case(
        UNBUFFERED,
        Swap(&[("proxy_read_timeout 1h", "proxy_read_timeout 2s")]),
        "proxy.idle-cut",
        Over("proxy_pass", "proxy_read_timeout"),
        IDLE,
    ),
    case(
        UNBUFFERED,
        Put("proxy_ignore_client_abort on;", LOCATION),
        "proxy.client-abort",
        Over("proxy_pass", "proxy_ignore_client_abort"),
        QUICK,
    ),
    case(
        ("nginx-cache", NGINX),
        Whole,
        "proxy.client-abort",
        Over("proxy_pass", "proxy_cache cache"),
        QUICK,
    ),
    case(
        ("nginx-cache", NGINX),
        Whole,
        "proxy.shared-replay",
        Over("proxy_pass", "proxy_cache cache"),
        QUICK,
    ),
    case(
        UNBUFFERED,
        Swap(&[
            (
                "    server {",
                "    upstream two { server @ORIGIN@ max_fails=0; server @ORIGIN@ max_fails=0; }\n    server {",
            ),
            (
                "proxy_pass http://@ORIGIN@;",
                "proxy_pass http://two;\nproxy_next_upstream error timeout http_503;",
            ),
        ]),
        "proxy.retries",
        Over("proxy_pass", "proxy_next_upstream"),
        QUICK,
    ),
    case(
        UNBUFFERED,
        Put(
            "proxy_intercept_errors on;\nerror_page 404 503 =200 @page;\n}\n\
             location @page { return 200 sorry;",
            LOCATION,
        ),
        "proxy.status",
        Over("proxy_pass", "proxy_intercept_errors"),
        QUICK,
    ),
    case(
        ("haproxy", "haproxy.cfg"),
        Whole,
        "proxy.release",
        BACKEND,
        QUICK,
    ),
    case(
        ("haproxy", "haproxy.cfg"),
        Whole,
        "proxy.client-abort",
        After("defaults"),
        QUICK,
    ),
    case(
        HAPROXY,
        Swap(&[("timeout server 1h", "timeout server 2s")]),
        "proxy.idle-cut",
        BACKEND,
        IDLE,
    ),
    case(
        HAPROXY,
        Put("retries 3\nretry-on all-retryable-errors", BACKEND),
        "proxy.retries",
        Over("server origin", "retry-on"),
        QUICK,
    ),
    case(
        DEFLATE,
        Put(SETENVIF, After("LoadModule")),
        "proxy.no-transform",
        End,
        QUICK,
    ),
    case(HTTPD, Put(FILTER, End), "proxy.release", End, QUICK),
    case(
        HTTPD,
        Put("ProxyTimeout 2", End),
        "proxy.idle-cut",
        Before("ProxyPass \"/\""),
        IDLE,
    ),
    case(
        ("varnish-gzip", "hop.vcl"),
        Whole,
        "proxy.release",
        End,
        QUICK,
    ),
    case(
        ("varnish-gzip", "hop.vcl"),
        Whole,
        "proxy.no-transform",
        End,
        QUICK,
    ),
    case(
        ("varnish", "hop.vcl"),
        Whole,
        "proxy.client-abort",
        End,
        QUICK,
    ),
    case(
        ("varnish", "hop.vcl"),
        Whole,
        "proxy.shared-replay",
        End,
        QUICK,
    ),
    case(
        ("varnish", "hop.vcl"),
        Whole,
        "proxy.slow-reader",
        End,
        IDLE,
    ),
    case(
        ("varnish", "hop.vcl"),
        Put(".between_bytes_timeout = 2s;", After("backend origin")),
        "proxy.idle-cut",
        Over("backend origin", ".between_bytes_timeout"),
        IDLE,
    ),
    case(
        CADDY,
        Swap(&[(
            "reverse_proxy @ORIGIN@",
            "reverse_proxy @ORIGIN@ { \ntransport http { \nread_timeout 2s\n}\n}",
        )]),
        "proxy.idle-cut",
        Place::Instead("reverse_proxy"),
        IDLE,
    ),
    case(
        CADDY,
        Put("servers {\ntimeouts {\nwrite 2s\n}\n}", After("admin off")),
        "proxy.lifetime-cut",
        Instead("servers {"),
        LIFETIME,
    ),
    case(
        ENVOY,
        Put("idle_timeout: 2s", After("cluster: origin")),
        "proxy.idle-cut",
        Over("cluster: origin", "idle_timeout"),
        IDLE,
    ),
    case(
        ENVOY,
        Put("timeout: 2s", After("cluster: origin")),
        "proxy.lifetime-cut",
        Over("cluster: origin", "timeout"),
        LIFETIME,
    ),
    case(
        ENVOY,
        Put(
            "common_http_protocol_options: { max_stream_duration: 2s }",
            After("stat_prefix"),
        ),
        "proxy.lifetime-cut",
        After("cluster: origin"),
        LIFETIME,
    ),
    case(
        ENVOY,
        Put(FULL, Before("- name: envoy.filters.http.router")),
        "proxy.release",
        Before("route:"),
        QUICK,
    ),
    case(
        NODE,
        Whole,
        "proxy.client-abort",
        Before("proxy.listen"),
        QUICK,
    ),
    case(
        NODE,
        Whole,
        "proxy.origin-abort",
        Before("proxy.listen"),
        QUICK,
    ),
    second(case(
        MIDDLEWARE,
        Whole,
        "proxy.client-abort",
        After("target:"),
        QUICK,
    )),
    second(case(
        MIDDLEWARE,
        Whole,
        "proxy.origin-abort",
        After("target:"),
        QUICK,
    )),
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A few at a time: a run mostly waits, but what is judged is when things arrive.
    arguments.test_threads = Some(2);
    let trials = CASES.iter().map(|case| trial(*case)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(case: Case) -> Trial {
    let Case { hop, finds, .. } = case;
    let absence = hop::absence(&hop::proxies().join(hop));
    let kind = absence.clone().unwrap_or_default();
    let ignored = absence.is_some() && !hop::is_required();
    Trial::test(format!("{hop} {finds}"), move || match absence {
        Some(absence) => Err(Failed::from(absence)),
        // What is wrong twice in a row is wrong: times on a busy machine.
        None => mended(&case).or_else(|_| mended(&case)),
    })
    .with_kind(kind)
    .with_ignored_flag(ignored)
}

fn mended(case: &Case) -> Result<(), Failed> {
    let folder = Folder::of(case);
    let broken = match case.defect {
        Edit::None => folder.text(),
        Edit::Put(lines, place) => put(&folder.text(), lines, place),
        Edit::Swap(all) => all
            .iter()
            .fold(folder.text(), |text, (from, to)| text.replace(from, to)),
    };
    folder.write(&broken);
    let before = folder.findings(case)?;
    let Some(remedy) = before.get(case.finds) else {
        return Err(format!("{} finds nothing to mend", case.finds).into());
    };
    let lines = blocks(remedy);
    let lines = lines.get(case.block).ok_or("the remedy has no lines")?;
    let lines = lines.replace("http://origin/", "http://@ORIGIN@/");
    let lines = lines.replace("reverse_proxy origin", "reverse_proxy @ORIGIN@");
    folder.write(&put(&broken, &lines, case.paste));
    let after = folder.findings(case)?;
    let known: BTreeSet<_> = before.keys().filter(|id| *id != case.finds).collect();
    let worse: Vec<_> = after.keys().filter(|id| !known.contains(id)).collect();
    if worse.is_empty() {
        return Ok(());
    }
    Err(format!("with\n{lines}\nthere is {worse:?}").into())
}

/// The lines to paste, by block.
fn blocks(remedy: &str) -> Vec<String> {
    let mut blocks: Vec<Vec<&str>> = vec![Vec::new()];
    for line in remedy.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(line), Some(block)) => block.push(line),
            _ => blocks.push(Vec::new()),
        }
    }
    let full = blocks.iter().filter(|block| !block.is_empty());
    full.map(|block| block.join("\n")).collect()
}

/// The text with these lines in their place, indented as the line they are put beside.
fn put(text: &str, lines: &str, place: Place) -> String {
    let (Place::After(anchor)
    | Place::Before(anchor)
    | Place::Over(anchor, _)
    | Place::Instead(anchor)) = place
    else {
        return format!("{text}\n{lines}\n");
    };
    let at = text.lines().position(|line| line.contains(anchor));
    let at = at.unwrap_or_else(|| panic!("no {anchor} in\n{text}"));
    let mut all: Vec<String> = text.lines().map(str::to_owned).collect();
    let indent = all[at].len() - all[at].trim_start().len();
    let lines = lines.lines().map(|line| format!("{:indent$}{line}", ""));
    let range = match place {
        Place::Before(_) => at..at,
        Place::Instead(_) => at..end(&all, at),
        _ => at + 1..at + 1,
    };
    let new: Vec<String> = lines.collect();
    let (from, count) = (range.start, new.len());
    all.splice(range, new);
    if let Place::Over(_, old) = place {
        let mut at = 0;
        all.retain(|line| {
            let own = (from..from + count).contains(&at);
            at += 1;
            own || !line.trim_start().starts_with(old)
        });
    }
    all.join("\n") + "\n"
}

/// Where the block ends that begins at this line: behind the brace that closes it.
fn end(lines: &[String], at: usize) -> usize {
    let mut depth = 0_i32;
    for (n, line) in lines.iter().enumerate().skip(at) {
        let braces = |brace| i32::try_from(line.matches(brace).count()).unwrap();
        depth += braces('{') - braces('}');
        if depth <= 0 {
            return n + 1;
        }
    }
    lines.len()
}

/// A copy of a scenario whose configuration can be changed.
struct Folder {
    _root: TempDir,
    hop: std::path::PathBuf,
    file: &'static str,
}

impl Folder {
    fn of(case: &Case) -> Self {
        let root = tempfile::tempdir().unwrap();
        // Some products run as another user.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(root.path(), open).unwrap();
        let hop = root.path().join(case.hop);
        fs::create_dir(&hop).unwrap();
        fs::copy(hop::proxies().join("fill.sh"), root.path().join("fill.sh")).unwrap();
        let from = fs::canonicalize(hop::proxies().join(case.hop)).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let to = hop.join(path.file_name().unwrap());
            if path.is_dir() {
                symlink(&path, &to).unwrap();
            } else {
                fs::copy(&path, &to).unwrap();
            }
        }
        if case.hop.starts_with("httpd") {
            on_events(&hop.join("proxy.toml"));
        }
        Self {
            _root: root,
            hop,
            file: case.file,
        }
    }

    fn text(&self) -> String {
        fs::read_to_string(self.hop.join(self.file)).unwrap()
    }

    fn write(&self, text: &str) {
        fs::write(self.hop.join(self.file), text).unwrap();
    }

    /// What is found, each with its remedy.
    fn findings(&self, case: &Case) -> Result<BTreeMap<String, String>, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ssekit"));
        command.args(["proxy", "--format", "json"]).arg(&self.hop);
        let output = command.args(case.arguments).output()?;
        let record: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
            let errors = String::from_utf8_lossy(&output.stderr);
            format!("{error}: no record; {errors}; with\n{}", self.text())
        })?;
        let checks = record["checks"].as_array().ok_or("no checks")?;
        let found = |check: &&Value| {
            ["warn", "fail", "error"]
                .iter()
                .any(|v| check["verdict"] == *v)
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let found = checks.iter().filter(found);
        Ok(found
            .map(|c| (text(&c["id"]), text(&c["remedy"])))
            .collect())
    }
}

/// The remedies of httpd are for the path of a stream.
fn on_events(scenario: &Path) {
    let text = fs::read_to_string(scenario).unwrap();
    let via = "via = \"http://{listen}/events\"\nstart = ";
    fs::write(scenario, text.replace("start = ", via)).unwrap();
}
