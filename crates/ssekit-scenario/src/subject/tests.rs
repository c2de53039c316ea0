//! Manifests that work, and every way in which one is refused.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use super::*;
use proptest::prelude::*;

const GOOD: &str = r#"name = "demo"
about = "A server"
install = ["make"]
needs = ["sh", "bin/demo"]
version = "demo --version"
start = "exec demo --port {port} --data {dir}"
ready = "http://127.0.0.1:{port}/"
url = "https://localhost:{port}/events?n={port}"
echo = "http://127.0.0.1:{port}/echo"
ready_within_s = 5

[env]
PORT = "{port}"
HOME = "{dir}"

[expect]
outcome = "conformant"

[expect.warn]
"cache.no-store" = "it sets no Cache-Control"

[expect.sometimes]
"resume.no-loss" = "a race"
"#;

fn parse(text: &str) -> Result<Subject, SubjectError> {
    Subject::parse(text, Path::new("subject.toml"))
}

/// The message of a manifest that differs from the good one in one place.
fn refusal(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old), "{old}");
    parse(&GOOD.replacen(old, new, 1)).unwrap_err().to_string()
}

#[test]
fn every_field_is_read() {
    let subject = parse(GOOD).unwrap();
    assert_eq!(subject.name, "demo");
    assert_eq!(subject.install, ["make"]);
    assert_eq!(subject.needs, ["sh", "bin/demo"]);
    assert_eq!(subject.version.as_deref(), Some("demo --version"));
    assert_eq!(
        subject.echo.as_deref(),
        Some("http://127.0.0.1:{port}/echo")
    );
    assert_eq!(subject.ready_within_s, 5);
    let expect = subject.expect.unwrap();
    assert_eq!(expect.outcome, CheckOutcome::Conformant);
    assert_eq!(expect.warn["cache.no-store"], "it sets no Cache-Control");
    assert!(expect.fail.is_empty());
    assert_eq!(expect.sometimes["resume.no-loss"], "a race");
}

#[test]
fn optional_fields_have_defaults() {
    let subject = parse(
        "name='a'\nabout='b'\nstart='c {port}'\nready='http://[::1]:{port}'\nurl='http://[::1]:{port}/'\n",
    )
    .unwrap();
    assert_eq!(subject.ready_within_s, 30);
    assert!(subject.install.is_empty() && subject.needs.is_empty() && subject.env.is_empty());
    assert_eq!((subject.version, subject.expect), (None, None));
    assert_eq!(subject.echo, None);
}

#[test]
fn port_and_scratch_folder_are_put_in() {
    let resolved = parse(GOOD).unwrap().resolved(8123, "/tmp/it's here");
    assert_eq!(
        resolved.start,
        r"exec demo --port 8123 --data '/tmp/it'\''s here'"
    );
    assert_eq!(resolved.ready, "http://127.0.0.1:8123/");
    assert_eq!(resolved.url, "https://localhost:8123/events?n=8123");
    assert_eq!(resolved.echo.as_deref(), Some("http://127.0.0.1:8123/echo"));
    assert_eq!(resolved.env["PORT"], "8123");
    assert_eq!(resolved.env["HOME"], "/tmp/it's here");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_likely_one() {
    assert_eq!(
        refusal("install", "instal"),
        "subject.toml:3:1: unknown key `instal`; did you mean `install`?"
    );
    assert_eq!(
        refusal("[expect.warn]", "[expect.warm]"),
        "subject.toml:19:9: unknown key `warm`; did you mean `warn`?"
    );
    assert!(refusal("needs", "zzz").contains("unknown key `zzz`; the keys are name, about,"));
}

#[test]
fn a_fault_of_shape_has_line_and_column() {
    assert!(refusal("name = \"demo\"", "name = 3").starts_with("subject.toml:1:8: "));
    assert!(refusal("name = \"demo\"\n", "").contains("missing field `name`"));
    assert!(refusal("= \"A server\"", "\"A server\"").starts_with("subject.toml:2:"));
    assert!(
        refusal("ready_within_s = 5", "ready_within_s = -1").starts_with("subject.toml:10:18: ")
    );
    assert!(refusal("\"conformant\"", "\"fine\"").starts_with("subject.toml:17:11: "));
    assert!(refusal("needs =", "name = \"twice\"\nneeds =").starts_with("subject.toml:4:1: "));
}

#[test]
fn columns_count_characters() {
    let message = refusal("env]", "env]\nA = \"é\" B");
    assert!(message.starts_with("subject.toml:13:9: "), "{message}");
    assert_eq!(position("é\nüx", "é\nü".len()), (2, 2));
}

#[test]
fn values_that_cannot_work_are_refused() {
    let url = "url = \"https://localhost:{port}/events?n={port}\"";
    for wrong in [
        "http://127.0.0.1:8080/events",
        "http://127.0.0.1/{port}",
        "http://example.org:{port}/",
        "http://127.0.0.1:{port}0/",
        "http://127.0.0.1:{port}@example.org/",
        "ftp://127.0.0.1:{port}/",
        "http://127.0.0.1:{port}/a b",
    ] {
        let message = refusal(url, &format!("url = \"{wrong}\""));
        assert!(
            message.starts_with("subject.toml:8:7: must be"),
            "{wrong}: {message}"
        );
    }
    for (old, new, place) in [
        ("http://127.0.0.1", "https://127.0.0.1", "7:9: readiness"),
        ("--port {port} ", "", ""),
        ("\"demo\"", "\"De mo\"", "1:8: a name has"),
        ("\"A server\"", "\" \"", "2:9: must not be empty"),
        ("\"A server\"", "\"a\\nb\"", "2:9: must be one line"),
        ("\"make\"", "\"\"", "3:12: must not be empty"),
        (
            "[\"sh\", \"bin/demo\"]",
            "[]",
            "3:12: something is installed",
        ),
        (":{port}/echo", ":80/echo", "9:8: must be `http"),
        ("= 5", "= 0", "10:18: must be from 1"),
        ("= 5", "= 3601", "10:18: must be from 1"),
        ("HOME", "\"A=B\"", "14:1: not a name"),
        ("\"{dir}\"", "\"\\u0000\"", "14:8: U+0000"),
        ("exec demo", "exec\\u0000", "6:9: U+0000"),
        ("it sets no Cache-Control", "", "20:20: must not be empty"),
    ] {
        let result = parse(&GOOD.replacen(old, new, 1));
        if place.is_empty() {
            assert!(result.is_ok(), "env names the port");
        } else {
            let message = result.unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("subject.toml:{place}")),
                "{message}"
            );
        }
    }
    let untold = GOOD
        .replace("--port {port} ", "")
        .replace("PORT = \"{port}\"", "");
    let message = parse(&untold).unwrap_err().to_string();
    assert!(
        message.starts_with("subject.toml:6:9: the server must be told"),
        "{message}"
    );
}

#[test]
fn a_folder_or_its_file_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("subject.toml");
    let missing = Subject::load(dir.path()).unwrap_err().to_string();
    assert!(
        missing.starts_with("cannot read ") && missing.contains("subject.toml: "),
        "{missing}"
    );

    std::fs::write(&file, GOOD).unwrap();
    let subject = Subject::load(dir.path()).unwrap();
    assert_eq!(subject, Subject::load(&file).unwrap());
    assert_eq!(subject.dir, dir.path());
    assert_eq!(subject.missing(), ["bin/demo"]);
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::fs::write(dir.path().join("bin/demo"), "").unwrap();
    assert!(subject.missing().is_empty());

    std::fs::write(&file, "#".repeat(64 * 1024 + 1)).unwrap();
    let large = Subject::load(&file).unwrap_err().to_string();
    assert!(
        large.ends_with("a manifest has at most 65536 bytes"),
        "{large}"
    );
}

#[test]
fn every_committed_subject_is_read() {
    let servers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/servers");
    let folders: Vec<_> = std::fs::read_dir(&servers).unwrap().collect();
    assert!(folders.len() >= 5, "{servers:?}");
    for folder in folders {
        let folder = folder.unwrap();
        let subject = Subject::load(&folder.path()).unwrap();
        assert_eq!(subject.name, folder.file_name().to_str().unwrap());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn a_cut_or_changed_manifest_never_panics_and_points_inside(
        at in 0..GOOD.len(), len in 0..8usize, with in "[\\PC\n]{0,3}"
    ) {
        let mut text = GOOD.to_owned();
        text.replace_range(at..(at + len).min(GOOD.len()), &with);
        if let Err(SubjectError::Malformed { line, column, .. }) = parse(&text) {
            let found = text.split('\n').nth(line - 1);
            prop_assert!(found.is_some_and(|found| column <= found.chars().count() + 1));
        }
    }

    #[test]
    fn a_quoted_word_is_read_back_by_the_shell(word in "[\\PC\n\t]{0,40}") {
        let script = format!("printf %s {}", quoted(&word));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        prop_assert_eq!(output.stdout, word.into_bytes());
    }
}
