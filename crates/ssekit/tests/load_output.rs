//! `[output]` and `[baseline]` of a load scenario: what is written, and what an earlier record decides.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::cargo::cargo_bin_cmd;
use peer::Served;
use serde_json::Value;
use tempfile::TempDir;

/// A scenario of ten streams in a folder of its own. Its exit codes are about reports and baselines, not about how
/// busy the machine is.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new(url: &str, more: &str) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        bench.write(url, more);
        bench
    }

    fn write(&self, url: &str, more: &str) {
        let text = format!(
            "name = \"bench\"\n[target]\nurl = \"{url}\"\n[[phase]]\nkind = \"ramp\"\nto = 10\nover = \"100ms\"\n\
             [[phase]]\nkind = \"hold\"\nfor = \"2s\"\n[validity]\non_breach = \"warn\"\n{more}"
        );
        fs::write(self.at("s.toml"), text).unwrap();
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs it there; standard output, standard error and the exit code.
    fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        let output = cargo_bin_cmd!("ssekit")
            .current_dir(self.folder.path())
            .args(["load", "s.toml", "-q"])
            .args(arguments)
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap();
        (text(output.stdout), text(output.stderr), code)
    }

    fn record(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).unwrap()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

fn finding<'a>(record: &'a Value, id: &str) -> &'a Value {
    let mut findings = record["findings"].as_array().unwrap().iter();
    findings
        .find(|finding| finding["id"] == id)
        .unwrap_or_else(|| panic!("no {id}: {:#}", record["findings"]))
}

const ALL: &str = "[output]\ndir = \"out/deep\"\nformats = [\"json\", \"html\", \"junit\", \"csv\", \"hlog\", \"hgrm\", \"md\"]\n";

#[test]
fn a_trace_is_written_by_each_process_and_told_by_the_plan() {
    let served = Served::start(&[]);
    let url = served.at("events?interval=50");
    let bench = Bench::new(&url, "[output]\ndir = \"out\"\ntrace_sample = 4\n");
    let streams = |name: &str| {
        let events = bench.text(name);
        let events = events
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let streams = events.map(|event| event["stream"].as_u64().unwrap());
        streams.collect::<std::collections::BTreeSet<_>>()
    };
    let (_, said, code) = bench.run(&[]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(streams("out/load.trace.jsonl"), [0, 4, 8].into());
    if cfg!(unix) {
        let (_, said, code) = bench.run(&["--processes", "3"]);
        assert_eq!(code, 0, "{said}");
        for (index, of_it) in [(0, 0), (1, 4), (2, 8)] {
            let name = format!("out/load-{index}-of-3.trace.jsonl");
            assert_eq!(streams(&name), [of_it].into());
        }
    }
    let (plan, _, _) = bench.run(&["--plan"]);
    assert!(
        plan.contains("trace      each event of one in 4 streams"),
        "{plan}"
    );
}

#[test]
fn a_plan_tells_how_many_streams_each_population_has() {
    let text = "schema = 1\n[target]\nurl = \"http://127.0.0.1:1/\"\n\
         [[population]]\nname = \"readers\"\nweight = 3\n\
         [[population]]\nname = \"lazy\"\nkind = \"slow\"\nread = { rate = \"1KiB/s\" }\n\
         [[phase]]\nkind = \"ramp\"\nto = 1000\nover = \"1s\"\n";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plan.toml");
    fs::write(&file, text).unwrap();
    let output = assert_cmd::cargo::cargo_bin_cmd!("ssekit")
        .args(["load", "--plan"])
        .arg(&file)
        .output()
        .unwrap();
    let plan = String::from_utf8(output.stdout).unwrap();
    let streams = |name: &str| {
        let line = plan.lines().find(|line| line.contains(name)).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let (readers, lazy) = (streams(" subscriber"), streams(" slow"));
    assert_eq!(readers + lazy, 1000, "{plan}");
    assert!((745..=755).contains(&readers), "{plan}");
}

#[test]
fn every_format_is_written_under_the_folder_and_reports_of_the_command_line_as_well() {
    let served = Served::start(&[]);
    let bench = Bench::new(&served.at("events?interval=20"), ALL);
    let (_, said, code) = bench.run(&["--report", "json=own.json"]);
    assert_eq!(code, 0, "{said}");
    for (ending, begin) in [
        ("json", "{"),
        ("html", "<!doctype html>"),
        ("xml", "<?xml"),
        ("csv", "start_s"),
        ("hlog", "#["),
        ("hgrm", "# "),
        ("md", "## "),
    ] {
        let text = bench.text(&format!("out/deep/load.{ending}"));
        let head = text.get(..40).unwrap_or(&text).to_lowercase();
        assert!(head.starts_with(begin), "{ending}: {head:?}");
    }
    assert_eq!(bench.record("out/deep/load.json"), bench.record("own.json"));
    assert_eq!(fs::read_dir(bench.at("out/deep")).unwrap().count(), 7);
}

#[test]
fn a_shard_names_its_files_by_its_number() {
    let served = Served::start(&[]);
    let bench = Bench::new(
        &served.at("events?interval=20"),
        "[output]\ndir = \"out\"\n",
    );
    let (_, said, code) = bench.run(&["--shard", "1/2"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(bench.record("out/load-1-of-2.json")["shard"]["index"], 1);
}

#[test]
fn a_folder_that_cannot_be_is_refused_before_the_run() {
    // Nothing listens there, and nothing has to.
    let bench = Bench::new("http://127.0.0.1:1/", "[output]\ndir = \"s.toml/out\"\n");
    let (out, said, code) = bench.run(&[]);
    assert_eq!((code, out.as_str()), (6, ""), "{said}");
    let expected = "ssekit: cannot write reports to s.toml/out: ";
    assert!(
        said.starts_with(expected) && said.lines().count() == 1,
        "{said}"
    );
}

#[test]
fn a_report_that_cannot_be_written_costs_no_other() {
    let served = Served::start(&[]);
    let bench = Bench::new(&served.at("events?interval=20"), ALL);
    fs::create_dir_all(bench.at("out/deep/load.html")).unwrap();
    let (out, said, code) = bench.run(&[]);
    assert_eq!(code, 6, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("ssekit: cannot write out/deep/load.html: "),
        "{said}"
    );
    assert!(!out.is_empty(), "the summary is shown all the same");
    for ending in ["json", "xml", "csv", "hlog", "hgrm", "md"] {
        assert!(!bench.text(&format!("out/deep/load.{ending}")).is_empty());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_one_line_and_costs_no_other_report() {
    let served = Served::start(&[]);
    let bench = Bench::new(&served.at("events?interval=20"), "");
    let full = ["--report", "html=/dev/full", "--report", "csv=run.csv"];
    let (_, said, code) = bench.run(&[&full, ["--report", "json=/dev/full"].as_slice()].concat());
    assert_eq!(code, 6, "{said}");
    assert_eq!(said.matches("No space left on device").count(), 2, "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(!bench.text("run.csv").is_empty());
    assert!(Path::new("/dev/full").exists());
}

const BASELINE: &str = "[output]\ndir = \"out\"\nformats = [\"json\", \"html\", \"junit\", \"md\"]\n\
    [baseline]\nfile = \"before.json\"\nnoise = \"60%\"\nmetrics = [\"gap\", \"disconnects\"]\n";

#[test]
fn a_regression_against_the_baseline_fails_the_run_in_every_format() {
    let served = Served::start(&[]);
    let bench = Bench::new(&served.at("events?interval=20"), "");
    let (_, said, code) = bench.run(&["--report", "json=before.json"]);
    assert_eq!(code, 0, "{said}");

    // What does not depend on the machine is the same again.
    bench.write(
        &served.at("events?interval=20"),
        &BASELINE.replace("\"gap\", ", ""),
    );
    let (_, said, code) = bench.run(&[]);
    let record = bench.record("out/load.json");
    assert_eq!((code, &record["outcome"]), (0, &"pass".into()), "{said}");
    let detail = finding(&record, "baseline.held")["detail"]
        .as_str()
        .unwrap();
    assert!(!detail.contains("scenarios differ"), "{detail}");

    bench.write(&served.at("events?interval=400"), BASELINE);
    let (out, said, code) = bench.run(&[]);
    let record = bench.record("out/load.json");
    assert_eq!((code, &record["outcome"]), (1, &"fail".into()), "{said}");
    let worse = finding(&record, "baseline.regression");
    assert_eq!(worse["verdict"], "fail");
    let detail = worse["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("Worse than in before.json: gap p50 "),
        "{detail}"
    );
    assert!(detail.contains("the scenarios differ"), "{detail}");
    assert!(!detail.contains("disconnects"), "{detail}");
    let shown = [
        out,
        bench.text("out/load.html"),
        bench.text("out/load.md"),
        bench.text("out/load.xml"),
    ];
    for text in shown {
        assert!(text.contains("Worse than in before"), "{text}");
    }

    // Only said.
    let said_only = format!("{BASELINE}fail_on = \"none\"\n");
    bench.write(&served.at("events?interval=400"), &said_only);
    let (_, said, code) = bench.run(&[]);
    assert_eq!(code, 0, "{said}");
    let record = bench.record("out/load.json");
    assert_eq!(finding(&record, "baseline.regression")["verdict"], "warn");
}

#[test]
fn what_cannot_be_compared_is_no_pass() {
    let served = Served::start(&[]);
    let bench = Bench::new(&served.at("events?interval=20"), "");
    let (_, said, code) = bench.run(&["--report", "json=before.json"]);
    assert_eq!(code, 0, "{said}");
    let never = BASELINE.replace("\"gap\"", "\"delivery\"");
    bench.write(&served.at("events?interval=20"), &never);
    let (_, said, code) = bench.run(&[]);
    assert_eq!(code, 1, "{said}");
    let record = bench.record("out/load.json");
    let detail = finding(&record, "baseline.no-data")["detail"]
        .as_str()
        .unwrap();
    assert!(
        detail.starts_with("Not in both this record and before.json: delivery."),
        "{detail}"
    );
}

#[test]
fn a_baseline_that_is_not_there_or_means_nothing_is_refused_before_the_run() {
    let bench = Bench::new("http://127.0.0.1:1/", BASELINE);
    let (_, said, code) = bench.run(&[]);
    assert_eq!((code, said.lines().count()), (2, 1), "{said}");
    assert!(said.contains("before.json"), "{said}");
    for (metric, expected) in [
        ("dellivery", "did you mean \"delivery\"?"),
        (
            "received",
            "\"received\" is neither better nor worse by itself",
        ),
    ] {
        bench.write("http://127.0.0.1:1/", &BASELINE.replace("gap", metric));
        let (_, said, code) = bench.run(&[]);
        assert_eq!(code, 2, "{said}");
        assert!(
            said.contains(expected) && said.contains("s.toml:19:"),
            "{said}"
        );
    }
}
