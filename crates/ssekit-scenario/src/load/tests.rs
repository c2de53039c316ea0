//! Scenario files: what is read, how faults are told, and what settings replace.

use std::path::Path;

use super::*;

const SMALL: &str = r#"
[target]
url = "http://127.0.0.1:8080/events/{stream}"

[[phase]]
kind = "ramp"
to = 10
over = "1s"
"#;

fn read(text: &str, settings: &[&str]) -> Result<LoadedScenario, ScenarioError> {
    let settings: Vec<_> = settings.iter().map(|text| (*text).to_owned()).collect();
    LoadScenario::parse(text, Path::new("s.toml"), &settings, |name| {
        (name == "TOKEN").then(|| "s3cret".to_owned())
    })
}

#[test]
fn the_example_of_a_release_gate_is_read() {
    let loaded = read(
        r#"
schema = 1
name = "prices-release-gate"
[target]
url = "https://sut.example/stream/{stream}"
http = "auto"
headers = { Authorization = "env:TOKEN", X-Api-Key = "k3y" }
[expect]
interval = "1s"
heartbeat = "15s"
seq = { from = "id", scope = "topic" }
published_at = { from = "data", path = "/ts", unit = "us", kind = "intended" }
[[phase]]
name = "up"
kind = "ramp"
to = 50000
over = "2m"
record = false
[[phase]]
name = "steady"
kind = "hold"
for = "10m"
churn = "100/s"
[[phase]]
name = "restart"
kind = "storm"
drop = "100%"
settle = "2m"
[[threshold]]
metric = "e2e"
expr = "p99 < 250ms"
where = { phase = "steady" }
min_samples = 100000
[[threshold]]
metric = "lost"
expr = "rate == 0"
[[threshold]]
metric = "storm_recovery"
expr = "p99 < 30s"
"#,
        &[],
    )
    .unwrap();
    let scenario = &loaded.scenario;
    assert_eq!(scenario.target.headers["Authorization"], "s3cret");
    assert!(loaded.toml.contains("env:TOKEN"), "{}", loaded.toml);
    assert!(
        !loaded.toml.contains("s3cret") && !loaded.toml.contains("k3y"),
        "{}",
        loaded.toml
    );
    let thresholds = scenario.thresholds();
    assert_eq!(thresholds.len(), 3);
    assert_eq!(
        thresholds[0].to_string(),
        "delivery{phase=steady} p99 < 250ms"
    );
    let plan = LoadPlan::new(scenario).unwrap();
    assert_eq!(plan.end_us(), 840_000_000);
    assert_eq!(plan.peak(), 50_000);
}

#[test]
fn faults_are_told_with_line_column_and_what_was_meant() {
    let with = |extra: &str| format!("{SMALL}\n{extra}");
    let cases: &[(&str, &str)] = &[
        (
            "[target]\nurl = \"http://a/\"\nhtpt = \"2\"\n",
            "s.toml:3:1: unknown key `htpt`; did you mean `http`?",
        ),
        (
            "[target]\nurl = \"http://a/\"\nhttp = \"3\"\n",
            "s.toml:3:8: use \"1.1\", \"2\" or \"auto\"",
        ),
        (
            "[target]\nurl = \"http://a/\"\nstreams_per_connection = 9\n",
            "s.toml:3:26: over http:// a server cannot be asked for HTTP/2",
        ),
        ("[target]\nurl = 5\n", "s.toml:2:7: invalid type"),
        (
            "[targte]\nurl = \"http://a/\"\n",
            "s.toml:1:2: unknown key `targte`; did you mean `target`?",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[output]\notlp = { endpoint = \"http://b/\" }\n",
            "s.toml:4:1: unknown key `otlp`: metrics are read at output.prometheus.listen",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[output]\nprometheus = { remote_write = \"http://b/\" }\n",
            "s.toml:4:16: unknown key `remote_write`: metrics are read at `listen`",
        ),
        (
            "[target]\nmethod = \"GET\"\n",
            "s.toml:1:2: the key `url` is missing",
        ),
        (
            "[target]\nurl = \"ftp://a/\"\n",
            "s.toml:2:7: expected a URL",
        ),
        (
            "[target]\nurl = \"http://a/{strem}\"\n",
            "s.toml:2:7: `{strem}` is nothing to fill in; did you mean `{stream}`?",
        ),
        ("[target]\nurl = \"http://a/\"\n", "add a [[phase]]"),
        ("x = \n", "s.toml:1:5: "),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"ramp\"\nto = 5\nover = \"5\"\n",
            "s.toml:6:8: `5` is not a time such as",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"ramp\"\nto = 5\nover = 5\n",
            "s.toml:6:8: invalid value: integer `5`, expected a time",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"ramp\"\nto = 5\nover = \"5s\"\nrate = \"5/s\"\n",
            "s.toml:7:1: `rate` is not for a phase of the kind ramp",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"steps\"\nstart = 5\nadd = 5\nevery = \"5s\"\nstop_on = \"threshold\"\n",
            "s.toml:8:11: no [[threshold]] judges this phase",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"arrive\"\nrate = \"5/s\"\nover = \"5s\"\nmax_pending = 0\n",
            "s.toml:7:1: `max_pending` must be at least 1",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"ramp\"\nto = 5\nover = \"5s\"\n[[phase]]\nkind = \"ramp\"\nto = 2\nover = \"5s\"\nmax_pending = 3\n",
            "s.toml:11:1: `max_pending` is for a ramp that opens streams; this one closes some",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"hold\"\nfor = \"5s\"\nmax_pending = 3\n",
            "s.toml:6:1: `max_pending` is not for a phase of the kind hold",
        ),
        (
            "[target]\nurl = \"http://a/\"\nsource_ports = \"6-5\"\n",
            "s.toml:3:16: expected a range such as \"20000-60000\"",
        ),
        (
            "[target]\nurl = \"http://a/\"\nresolve = \"eech\"\n",
            "s.toml:3:11: \"eech\" cannot stand here; did you mean \"each\"?",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[shard]\nlate_tolerance = \"1s\"\n",
            "s.toml:4:18: without `start_at` nothing can be late",
        ),
        (
            "[target]\nurl = \"http://a/\"\nsource_ips = [\"127.0.0.1\"]\n[shard]\nunit_ips = [\"127.0.0.2\"]\n",
            "s.toml:5:12: `unit_ips` and target.source_ips exclude each other",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[validity]\nmax_clock_offset = \"5ms\"\n",
            "s.toml:4:20: without expect.published_at no clock is read",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"ramp\"\nto = 5\n",
            "s.toml:3:1: a phase of the kind ramp needs `over`",
        ),
        (
            "[target]\nurl = \"http://a/\"\n[[phase]]\nkind = \"hold\"\nfor = \"5s\"\n",
            "s.toml:3:1: no stream is open",
        ),
        (
            "[target]\nurl = \"http://a/\"\nheaders = { A = \"env:NONE\" }\n",
            "s.toml:3:17: the environment has no variable \"NONE\"",
        ),
    ];
    for (text, says) in cases {
        let error = read(text, &[]).unwrap_err().to_string();
        assert!(error.contains(says), "{text}\n{error}");
    }
    for (extra, says) in [
        (
            "[[threshold]]\nmetric = \"delivry\"\nexpr = \"p99 < 1s\"",
            "s.toml:11:10: no metric `delivry`; did you mean `delivery`?",
        ),
        (
            "[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1\"",
            "s.toml:12:8: `1` is not a time",
        ),
        (
            "[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1s\"\nwhere = { phase = \"rmap\" }",
            "s.toml:13:19: no phase is named \"rmap\"; did you mean \"ramp\"?",
        ),
        (
            "[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1s\"\nmin_samples = 0",
            "s.toml:13:15: must be at least 1",
        ),
        (
            "[[threshold]]\nmetric = \"tcp_connect\"\nexpr = \"p99 < 1s\"\nseries = \"censored\"",
            "s.toml:13:10: `tcp_connect` has no such series",
        ),
        (
            "[histogram]\nmin = \"2ms\"\nmax = \"3ms\"",
            "s.toml:12:7: must be at least twice `min`",
        ),
        (
            "[histogram]\nmax = \"1s\"\n[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 2s\"",
            "s.toml:13:10: its bound is longer than histogram.max",
        ),
        (
            "[histogram]\ninterval = \"5s\"\n[[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1s\"\nwindow = \"2s\"",
            "s.toml:13:10: its window is shorter than histogram.interval",
        ),
        (
            "[[threshold]]\nmetric = \"tokens\"\nexpr = \"p50 > 5\"",
            "s.toml:11:10: `tokens` would have no data: llm.usage must say",
        ),
        (
            "[llm]\ncontent = \"/c\"\n[[threshold]]\nmetric = \"tpot_excl_first\"\nexpr = \"p50 < 1s\"",
            "s.toml:13:10: `tpot_excl_first` would have no data: llm.usage must say",
        ),
        (
            "[[population]]\nname = \"all\"\n[[population]]\nname = \"own\"\n[[population.phase]]\nname = \"mine\"\n\
             kind = \"ramp\"\nto = 2\nover = \"1s\"\n\
             [[threshold]]\nmetric = \"gap\"\nexpr = \"p99 < 1s\"\nwhere = { phase = \"mine\" }",
            "s.toml:22:19: \"mine\" is of one population alone, and the run is judged by ramp",
        ),
        (
            "[[population]]\nname = \"all\"\nin_order = true",
            "s.toml:12:12: `in_order` is for kind = \"publisher\"",
        ),
        (
            "[llm]\nusage = \"usage.tokens\"",
            "s.toml:11:9: expected a JSON pointer",
        ),
        (
            "[reconnect]\nfactor = 2.0",
            "s.toml:11:10: only with policy = \"custom\"",
        ),
        (
            "[[population]]\nname = \"p\"\nkind = \"publisher\"",
            "a publisher needs `url`",
        ),
        (
            "[[population]]\nname = \"p\"\nrate = \"5/s\"",
            "s.toml:12:8: `rate` is for kind = \"publisher\"",
        ),
        (
            "[[phase]]\nkind = \"ramp\"\nfrom = 3\nto = 20\nover = \"1s\"",
            "s.toml:12:1: `from` is 3, but 10 streams are open",
        ),
        (
            "[[phase]]\nkind = \"storm\"\ndrop = 11\nsettle = \"1s\"",
            "s.toml:12:1: `drop` is 11, and 10 streams are open",
        ),
        (
            "[[phase]]\nname = \"ramp\"\nkind = \"hold\"\nfor = \"1s\"",
            "s.toml:11:1: `name`: another phase is named \"ramp\"",
        ),
    ] {
        let error = read(&with(extra), &[]).unwrap_err().to_string();
        assert!(error.contains(says), "{extra}\n{error}");
    }
}

#[test]
fn settings_replace_what_the_file_says_and_are_named_in_faults() {
    let scenario = read(
        SMALL,
        &[
            "target.http=2",
            "phase.0.to=20",
            "seed=7",
            "name=quick look",
        ],
    );
    let scenario = scenario.unwrap().scenario;
    assert_eq!((scenario.target.http, scenario.seed), (Http::Http2, 7));
    assert_eq!(scenario.name, "quick look");
    assert_eq!(LoadPlan::new(&scenario).unwrap().peak(), 20);
    for (setting, says) in [
        ("target.http=3", "--set target.http=3: use \"1.1\""),
        ("target.htpt=2", "--set target.htpt=2: unknown key `htpt`"),
        (
            "phase.steady.for=10s",
            "there is no `phase` with the name or index \"steady\"",
        ),
        ("nonsense", "use KEY.PATH=VALUE"),
        ("=", "use KEY.PATH=VALUE"),
        ("target.url.x=1", "`url` has no keys"),
    ] {
        let error = read(SMALL, &[setting]).unwrap_err().to_string();
        assert!(error.contains(says), "{setting}: {error}");
    }
}

#[test]
fn lifetimes_and_heartbeats_are_read_in_both_forms() {
    let lifetime = |text: &str| {
        let text = format!("{SMALL}\n[[population]]\nname = \"p\"\nlifetime = {text}\n");
        read(&text, &[]).map(|loaded| loaded.scenario.populations[0].lifetime)
    };
    let drawn = |spread| Lifetime::Drawn(spread);
    assert_eq!(lifetime("\"forever\"").unwrap(), Lifetime::Forever);
    assert_eq!(
        lifetime("\"fixed:30s\"").unwrap(),
        drawn(Spread::Fixed(30_000_000))
    );
    assert_eq!(
        lifetime("{ exp = \"2s\" }").unwrap(),
        drawn(Spread::Exp(2_000_000))
    );
    assert_eq!(
        lifetime("{ uniform = [\"1s\", \"2s\"] }").unwrap(),
        drawn(Spread::Uniform(1_000_000, 2_000_000))
    );
    assert!(
        lifetime("\"30s\"")
            .unwrap_err()
            .to_string()
            .contains("s.toml:12:12: expected \"forever\"")
    );
    let heartbeat = |text: &str| {
        let text = format!("{SMALL}\n[expect]\nheartbeat = {text}\n");
        read(&text, &[]).map(|loaded| loaded.scenario.expect.heartbeat)
    };
    assert_eq!(heartbeat("\"15s\"").unwrap().unwrap().event, None);
    let named = heartbeat("{ every = \"15s\", event = \"ping\" }")
        .unwrap()
        .unwrap();
    assert_eq!(named.event.as_deref(), Some("ping"));
    assert!(heartbeat("15").is_err());
}

#[test]
fn the_examples_are_read_and_planned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/load");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    assert!(files.len() >= 3);
    for file in files {
        let loaded = LoadScenario::load(&file, &[]).unwrap_or_else(|error| panic!("{error}"));
        let plan = LoadPlan::new(&loaded.scenario).unwrap();
        assert!(
            plan.peak() > 0 && !loaded.scenario.thresholds().is_empty(),
            "{}",
            file.display()
        );
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert_eq!(loaded.scenario.name, name);
    }
}
