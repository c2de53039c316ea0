//! The reader of load scenarios, over texts that nobody wrote: what is read is printed so that it reads
//! the same, an unknown key is always found where it stands, and no text is answered by a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use ssekit_scenario::load::{LoadPlan, LoadScenario, LoadedScenario, ScenarioError};

fn read(text: &str) -> Result<LoadedScenario, ScenarioError> {
    LoadScenario::parse(text, Path::new("s.toml"), &[], |name| {
        (name == "TOKEN").then(|| "s3cret".to_owned())
    })
}

/// Some lines of a table after its head: each is there or not.
fn table(
    head: &'static [&'static str],
    all: &'static [&'static str],
) -> impl Strategy<Value = Vec<String>> {
    let each: Vec<_> = all.iter().map(|line| option::of(Just(*line))).collect();
    each.prop_map(move |lines| {
        let lines = lines.into_iter().flatten();
        head.iter()
            .copied()
            .chain(lines)
            .map(str::to_owned)
            .collect()
    })
}

/// A phase that may follow a ramp.
fn phase() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![
        table(
            &[
                "[[phase]]",
                "kind = \"ramp\"",
                "to = 100",
                "over = \"1500ms\""
            ],
            &["shape = \"exp\"", "record = false"],
        ),
        table(
            &[
                "[[phase]]",
                "kind = \"arrive\"",
                "rate = \"5/s\"",
                "over = \"2s\""
            ],
            &["dist = \"poisson\"", "max_pending = 4"],
        ),
        table(
            &["[[phase]]", "kind = \"hold\"", "for = \"10s\""],
            &["churn = \"2/s\""],
        ),
        table(
            &["[[phase]]", "kind = \"storm\"", "settle = \"3s\""],
            &["drop = \"50%\"", "mode = \"rst\"", "label = \"x\""],
        ),
        table(
            &["[[phase]]", "kind = \"spike\"", "add = 3", "for = \"1m\""],
            &[],
        ),
    ]
}

/// Lines of a scenario that is sound.
fn sound() -> impl Strategy<Value = Vec<String>> {
    let target = table(
        &["[target]", "url = \"http://h.test/{stream}\""],
        &[
            "http = \"1.1\"",
            "headers = { X-A = \"{stream}-{rand:4}\" }",
            "method = \"POST\"",
            "resolve = \"each\"",
            "connect_to = [\"127.0.0.1:81\", \"[::1]\"]",
            "source_ips = [\"127.0.1.0/28\"]",
            "source_ports = \"20000-60000\"",
            "recv_buffer = \"64KiB\"",
            "timeout = \"5500ms\"",
        ],
    );
    let expect = table(
        &["[expect]"],
        &[
            "status = 201",
            "interval = \"250ms\"",
            "heartbeat = { every = \"15s\", event = \"ping\" }",
            "seq = { from = \"data\", path = \"/n\", scope = \"topic\" }",
            "published_at = { from = \"data\", path = \"/t\", unit = \"ms\", clock = \"offset:-12ms\" }",
            "first_event_timeout = \"3s\"",
        ],
    );
    let reconnect = table(
        &["[reconnect]", "policy = \"custom\""],
        &[
            "base = \"1s\"",
            "factor = 1.5",
            "honour_retry = false",
            "max_attempts = 3",
        ],
    );
    let output = table(
        &["[output]"],
        &[
            "dir = \"out\"",
            "formats = [\"json\", \"md\"]",
            "live = \"line\"",
        ],
    );
    let threshold = table(
        &[
            "[[threshold]]",
            "metric = \"gap\"",
            "expr = \"p99 < 250ms\"",
        ],
        &[
            "window = \"10s\"",
            "min_samples = 5",
            "severity = \"warn\"",
            "abort = true",
        ],
    );
    let top = table(&[], &["schema = 1", "name = \"a b\"", "seed = 7"]);
    let first = table(
        &["[[phase]]", "kind = \"ramp\"", "to = 10", "over = \"1s\""],
        &["max_pending = 1"],
    );
    let single = (top, target, expect, reconnect, output, first);
    (single, vec(phase(), 0..3), vec(threshold, 0..3)).prop_map(|(single, phases, thresholds)| {
        let (top, target, expect, reconnect, output, first) = single;
        let parts = [top, target, expect, reconnect, output, first];
        let parts = parts.into_iter().chain(phases).chain(thresholds);
        parts.flatten().collect()
    })
}

const TABLES: &[&str] = &[
    "[target]",
    "[expect]",
    "[reconnect]",
    "[[population]]",
    "[[phase]]",
    "[[threshold]]",
    "[validity]",
    "[histogram]",
    "[output]",
    "[baseline]",
    "[shard]",
    "[llm]",
    "[meta]",
    "[target.tls]",
    "[[population.phase]]",
];
const KEYS: &[&str] = &[
    "url",
    "http",
    "name",
    "kind",
    "to",
    "over",
    "rate",
    "for",
    "every",
    "start",
    "add",
    "until",
    "drop",
    "settle",
    "metric",
    "expr",
    "window",
    "interval",
    "seq",
    "published_at",
    "digits",
    "index",
    "count",
    "weight",
    "topics",
    "lifetime",
    "read",
    "source_ports",
    "unit_ips",
    "max_pending",
    "data",
    "payload",
    "seed",
    "\"\"",
    "\"\\u00e9\\u0000\"",
];
const VALUES: &[&str] = &[
    "0",
    "1",
    "-1",
    "9223372036854775807",
    "1e308",
    "-0.0",
    "nan",
    "inf",
    "true",
    "\"\"",
    "\"http://a/{stream}\"",
    "\"http://[::1\"",
    "\"ramp\"",
    "\"hold\"",
    "\"steps\"",
    "\"arrive\"",
    "\"publisher\"",
    "\"1s\"",
    "\"31d\"",
    "\"99999999999999999999h\"",
    "\"10000000/s\"",
    "\"50%\"",
    "\"env:TOKEN\"",
    "\"env:NONE\"",
    "\"{rand:9..1}\"",
    "\"{\"",
    "\"\\u202e\\u001b\"",
    "[]",
    "[1, \"a\"]",
    "{}",
    "{ from = \"id\" }",
    "{ exp = \"1s\" }",
    "1979-05-27T07:32:00Z",
    "\"gap\"",
    "\"p99 < 1s\"",
    "\"5-1\"",
    "\"uniform:9s..1s\"",
];

/// Text that is TOML more often than chance would have it: names the reader knows, and values of all
/// kinds.
fn wild() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        2 => select(TABLES).prop_map(str::to_owned),
        8 => (select(KEYS), select(VALUES)).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => "\\PC{0,12}",
    ];
    vec(line, 0..24).prop_map(|lines| lines.join("\n"))
}

/// A refusal names a place of the text, in one line.
fn placed(text: &str, answer: &Result<LoadedScenario, ScenarioError>) -> Result<(), TestCaseError> {
    if let Err(ScenarioError::Malformed {
        line,
        column,
        message,
        ..
    }) = answer
    {
        let lines = text.lines().count() + 1;
        prop_assert!((1..=lines).contains(line), "{line}: {message}");
        prop_assert!(*column >= 1 && !message.is_empty(), "{message}");
        prop_assert!(!message.contains('\n'), "{message}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_printed_reads_the_same(lines in sound()) {
        let loaded = read(&lines.join("\n"));
        prop_assert!(loaded.is_ok(), "{}", loaded.unwrap_err());
        let loaded = loaded.unwrap();
        let again = read(&loaded.toml).unwrap();
        prop_assert_eq!(&again.scenario, &loaded.scenario);
        prop_assert_eq!(&again.toml, &loaded.toml);
        let plans = [&loaded, &again].map(|one| LoadPlan::new(&one.scenario).unwrap());
        prop_assert_eq!(plans[0].end_us(), plans[1].end_us());
        prop_assert_eq!(plans[0].peak(), plans[1].peak());
    }

    #[test]
    fn an_unknown_key_is_found_where_it_stands(mut lines in sound(), at in any::<Index>()) {
        // Before the first table, or right after any line.
        let at = at.index(lines.len() + 1);
        lines.insert(at, "  unheard_of = 1".to_owned());
        match read(&lines.join("\n")) {
            Err(ScenarioError::Malformed { line, column, message, .. }) => {
                prop_assert!(message.contains("unknown key `unheard_of`"), "{message}");
                prop_assert_eq!((line, column), (at + 1, 3), "{}", message);
            }
            other => prop_assert!(false, "{other:?}"),
        }
    }

    #[test]
    fn no_text_is_answered_by_a_panic(text in prop_oneof![3 => wild(), 1 => "\\PC{0,200}"]) {
        placed(&text, &read(&text))?;
    }

    #[test]
    fn no_setting_is_answered_by_a_panic(
        lines in sound(),
        path in "[a-z_.0-9]{0,24}|target\\.[a-z_]{1,9}|phase\\.[0-9]\\.[a-z]{1,6}",
        value in "\\PC{0,12}",
    ) {
        let text = lines.join("\n");
        let setting = format!("{path}={value}");
        let answer = LoadScenario::parse(&text, Path::new("s.toml"), &[setting], |_| None);
        placed(&text, &answer)?;
    }
}
