//! What is printed of a plan, and refused of one that its parts could not make.

use assert_cmd::cargo::cargo_bin_cmd;
use serde_json::Value;

use crate::load;

#[test]
fn a_plan_is_printed_without_any_network() {
    // Nothing listens there, and nothing has to.
    let plan = [
        "http://127.0.0.1:1/",
        "-c",
        "1000",
        "-d",
        "60s",
        "--ramp",
        "10s",
        "--interval",
        "1s",
        "--plan",
    ];
    let output = cargo_bin_cmd!("ssekit")
        .arg("load")
        .args(plan)
        .args(["--threshold", "lost == 0"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    for part in [
        "ramp to 1,000 streams",
        "about 65,",
        "1,064 (ulimit -n)",
        "will have no data",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let (json, _, left) = load(&plan);
    assert_eq!((left, &json["kind"]), (0, &Value::from("load-plan")));
    assert_eq!(json["needs"]["peak_streams"], 1000);
}

#[test]
fn a_plan_tells_what_its_parts_must_agree_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let text = "[target]\nurl = \"http://127.0.0.1:1/\"\nsource_ports = \"20000-20099\"\nresolve = \"each\"\n\
                [expect]\npublished_at = { from = \"data\" }\n[validity]\nmax_clock_offset = \"5ms\"\n\
                [shard]\nstart_at = 1700000000000\nlate_tolerance = \"2s\"\n\
                [[phase]]\nkind = \"arrive\"\nrate = \"50/s\"\nover = \"2s\"\nmax_pending = 9\n";
    std::fs::write(&path, text).unwrap();
    let output = cargo_bin_cmd!("ssekit")
        .args(["load", path.to_str().unwrap(), "--plan"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in [
        "start      1700000000000 ms after 1970-01-01T00:00:00Z, at most 2 s late",
        "names      looked up for each connection",
        "clocks     may be seen 5 ms apart",
        "starts left out while 9 connect",
        "target.source_ports has 100",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let (json, _, _) = load(&[path.to_str().unwrap(), "--plan"]);
    assert_eq!(json["phases"][0]["max_pending"], 9);
}

#[test]
fn what_cannot_be_divided_or_is_too_late_is_refused_before_anything_is_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    let target = format!(
        "[target]\nurl = \"http://{}/\"\n",
        listener.local_addr().unwrap()
    );
    let steps = "[[phase]]\nkind = \"steps\"\nstart = 4\nadd = 4\nevery = \"1s\"\nstop_on = \"saturation\"\n";
    let arrive = "[[phase]]\nkind = \"arrive\"\nrate = \"9/s\"\nover = \"1s\"\n";
    let past = "[shard]\nstart_at = 1700000000000\n";
    for (rest, arguments, wanted, part) in [
        (
            steps.to_owned(),
            ["--shard", "0/2"],
            2,
            "a search for capacity (stop_on)",
        ),
        (
            format!("{arrive}max_pending = 3\n"),
            ["--processes", "4"],
            2,
            "max_pending is 3, and the run has 4 parts",
        ),
        (
            format!("{arrive}[shard]\nunit_ips = [\"127.0.0.2\"]\n"),
            ["--processes", "2"],
            2,
            "unit_ips has 1 entries",
        ),
        (
            format!("{arrive}{past}"),
            ["--processes", "1"],
            6,
            "too late: ",
        ),
        (
            format!("{arrive}{past}"),
            ["--processes", "2"],
            6,
            "too late: ",
        ),
    ] {
        std::fs::write(&path, format!("{target}{rest}")).unwrap();
        let (_, said, left) = load(&[[path.to_str().unwrap()].as_slice(), &arguments].concat());
        assert_eq!(
            (left, said.lines().count()),
            (wanted, 1),
            "{arguments:?}: {said}"
        );
        assert!(said.contains(part), "{said}");
    }
    let nobody = listener.accept().unwrap_err();
    assert_eq!(nobody.kind(), std::io::ErrorKind::WouldBlock);
}
