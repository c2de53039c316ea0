//! Proxy scenarios: what is read, which addresses are filled in, and where a fault is pointed at.
#![allow(clippy::unwrap_used)]
use super::*;

const WHOLE: &str = r#"
kind = "proxy"
name = "edge"
about = "the gateway of the team"
start = "exec hop --listen {listen} --origin {origin}"
needs = ["hop"]

[demand]
max_added_latency = "80ms"
idle = "1m"

[expect]
release = "coalesced"

[expect.warn]
"proxy.client-abort" = "heartbeats reveal it"
"#;

fn read(text: &str) -> Result<HopScenario, String> {
    HopScenario::parse(text, Path::new("proxy.toml")).map_err(|error| error.to_string())
}

#[test]
fn a_scenario_says_what_is_demanded_and_what_is_known() {
    let scenario = read(WHOLE).unwrap();
    assert_eq!(scenario.via, "http://{listen}/");
    assert_eq!(scenario.demand.idle, Some(Duration::from_secs(60)));
    assert_eq!(scenario.expect.release, Some(Release::Coalesced));
    let subject = scenario.subject(([127, 0, 0, 1], 9000).into()).unwrap();
    assert_eq!(
        subject.start,
        "exec hop --listen 127.0.0.1:{port} --origin 127.0.0.1:9000"
    );
    assert_eq!(subject.url, "http://127.0.0.1:{port}/");
}

#[test]
fn what_cannot_work_is_told_with_its_place() {
    for (from, to, says) in [
        (
            "kind = \"proxy\"",
            "kind = \"load\"",
            "proxy.toml:2:8: this file is read as",
        ),
        ("name = \"edge\"", "name = \"Edge\"", "3:8: a name has"),
        (
            "{origin}",
            "127.0.0.1:1",
            "5:9: the hop must be told where to forward",
        ),
        (
            "{listen}",
            "8080",
            "5:9: the hop must be told where to listen",
        ),
        ("\"80ms\"", "\"80\"", "9:21: expected a time"),
        (
            "idle =",
            "idel =",
            "unknown key `idel`; did you mean `idle`?",
        ),
        ("\"coalesced\"", "\"late\"", "13:11:"),
        (
            "proxy.client-abort",
            "data.large",
            "16:1: a check of `ssekit proxy`",
        ),
        ("heartbeats reveal it", " ", "say why"),
    ] {
        let said = read(&WHOLE.replace(from, to)).unwrap_err();
        assert!(said.contains(says), "{from} → {to}: {said}");
    }
}

#[test]
fn a_hop_that_runs_already_needs_its_addresses() {
    let text = "kind = \"proxy\"\nname = \"cdn\"\nabout = \"a\"\nvia = \"https://h.example/e\"\n";
    assert!(read(text).unwrap_err().contains("needs `via` and `listen`"));
    let scenario = read(&format!("{text}listen = \"127.0.0.1:9000\"\n")).unwrap();
    assert_eq!(scenario.subject(([127, 0, 0, 1], 9000).into()), None);
}
