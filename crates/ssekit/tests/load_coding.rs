//! `ssekit load` with content codings: what comes is the same, and what cannot be decoded is no event.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use assert_cmd::cargo::cargo_bin_cmd;
use peer::Served;
use serde_json::Value;

/// Ten streams for a second; the record, and the exit code.
fn measured(url: &str, http: &str, target: &str) -> (Value, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coding.toml");
    let text = format!(
        "[target]\nurl = \"{url}\"\nhttp = \"{http}\"\n{target}\n[expect]\nseq = {{ from = \"id\" }}\n\
         [reconnect]\npolicy = \"none\"\n[validity]\non_breach = \"warn\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 10\nover = \"200ms\"\n[[phase]]\nkind = \"hold\"\nfor = \"1s\"\n"
    );
    std::fs::write(&file, text).unwrap();
    let mut command = cargo_bin_cmd!("ssekit");
    let output = command
        .arg("load")
        .arg(&file)
        .args(["-q", "--format", "json"])
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    (record, output.status.code().unwrap())
}

#[test]
fn each_coding_brings_every_event_over_both_versions() {
    let served = Served::start(&[]);
    let url = served.at("events?compress&interval=20");
    for http in ["1.1", "2"] {
        for coding in ["\"gzip\"", "[\"deflate\"]", "\"br\"", "\"zstd\"", "true"] {
            let (record, left) = measured(&url, http, &format!("compression = {coding}"));
            let case = format!("{http} {coding} {record:#}");
            assert_eq!(
                (left, &record["streams"]["opened"]),
                (0, &10.into()),
                "{case}"
            );
            let received = record["events"]["received"].as_u64().unwrap();
            assert!(received >= 10, "{case}");
            assert_eq!(record["events"]["numbered"], received, "{case}");
            assert_eq!(
                (&record["events"]["lost"], &record["events"]["faults"]),
                (&0.into(), &0.into())
            );
            let ratio = &record["metrics"]["compression_ratio"];
            assert!(ratio["value"].as_f64().unwrap() > 0.0, "{case}");
            assert_eq!(
                record["counts"]["decoded_bytes"], record["events"]["bytes"],
                "{case}"
            );
        }
    }
    let (record, _) = measured(&url, "1.1", "");
    assert!(
        record["metrics"].get("compression_ratio").is_none(),
        "{record:#}"
    );
}

#[test]
fn a_coding_that_was_not_offered_and_one_that_is_none_open_no_stream() {
    let served = Served::start(&["--defect", "compression.identity"]);
    for http in ["1.1", "2"] {
        let (record, _) = measured(&served.at("events?compress&interval=20"), http, "");
        assert_eq!(record["errors"]["content_coding"], 10, "{http} {record:#}");
        assert_eq!(record["events"]["received"], 0, "{http}");
    }
    let served = Served::start(&["--defect", "compression.valid"]);
    for http in ["1.1", "2"] {
        let (record, left) = measured(
            &served.at("events?compress&interval=20"),
            http,
            "compression = \"gzip\"",
        );
        assert_ne!(left, 0, "{http} {record:#}");
        assert_eq!(
            record["disconnects"]["undecodable"], 10,
            "{http} {record:#}"
        );
        assert_eq!(record["events"]["received"], 0, "{http}");
    }
}

#[test]
fn a_coding_that_cannot_be_undone_is_refused_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("coding.toml");
    std::fs::write(
        &file,
        "[target]\nurl = \"http://127.0.0.1:9/\"\ncompression = \"lzma\"\n\
         [[phase]]\nkind = \"ramp\"\nto = 1\nover = \"1s\"\n",
    )
    .unwrap();
    let output = cargo_bin_cmd!("ssekit")
        .arg("load")
        .arg(&file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code().unwrap(), 2, "{said}");
    assert!(
        said.contains("coding.toml:3:15") && said.contains("lzma"),
        "{said}"
    );
}
