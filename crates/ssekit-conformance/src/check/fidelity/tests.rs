//! What the rules of fidelity and injection accuse, and what they must not.

use ssekit_record::Verdict;

use crate::check::sample::{Sample, finding};
use crate::{EchoCase as C, Probe};

fn document(capabilities: &str) -> Sample {
    let body = format!(r#"{{"echo":1,"server":"x","capabilities":[{capabilities}]}}"#);
    Sample::answer(200, "application/json", &body).by(Probe::Capabilities)
}

fn sent(case: C, between: &str) -> Sample {
    let body = format!("data: ssekit-before\n\n{between}data: ssekit-after\n\n");
    Sample::stream(body).ended(20).by(Probe::Echo(case))
}

fn main() -> Sample {
    Sample::stream("data: a\n\n")
}

const ALL: &str = r#""data","type","id","retry","comment""#;
const DATA: &str = "data: ssekit-canary\n\n";
const TYPE: &str = "event: ssekit-type\ndata: ssekit-case\n\n";

fn data(id: &str, case: C, between: &str) -> (Verdict, String) {
    let samples = [
        main(),
        document(ALL),
        sent(C::CanaryData, DATA),
        sent(case, between),
    ];
    let finding = finding(id, samples);
    (finding.verdict, finding.actual)
}

#[test]
fn a_value_arrives_exactly_or_the_rule_fails() {
    let lines = "data: first\ndata: second\ndata:  third\n\n";
    assert_eq!(data("data.multiline", C::DataLines, lines).0, Verdict::Pass);
    for between in [
        "data: first\nsecond\n third\n\n",
        "",
        "data: first\n\ndata: second\n\n",
    ] {
        let (verdict, actual) = data("data.multiline", C::DataLines, between);
        assert_eq!(verdict, Verdict::Fail, "{between:?}: {actual}");
    }
}

#[test]
fn a_library_that_adds_an_id_or_writes_json_is_not_accused() {
    let with_id = "id: 9\ndata: first\ndata: second\ndata:  third\n\n";
    assert_eq!(
        data("data.multiline", C::DataLines, with_id).0,
        Verdict::Pass
    );
    let json = |text: &str| format!("data:{}\n\n", serde_json::Value::from(text));
    let stream = |case: C, text: &str| {
        let body = json("ssekit-before") + &json(text) + &json("ssekit-after");
        Sample::stream(body).ended(20).by(Probe::Echo(case))
    };
    let samples = [
        main(),
        document(ALL),
        stream(C::CanaryData, "ssekit-canary"),
        stream(C::DataCr, "before\rafter"),
        stream(C::DataCrLf, "before\r\nafter"),
    ];
    let finding = finding("data.crlf-normalised", samples);
    assert_eq!(finding.verdict, Verdict::Pass, "{}", finding.actual);
}

#[test]
fn cr_and_crlf_may_arrive_as_lf() {
    let lines = "data: before\ndata: after\n\n";
    assert_eq!(
        data("data.crlf-normalised", C::DataCr, lines).0,
        Verdict::Pass
    );
    let raw = "data: before\rafter\n\n";
    assert_eq!(
        data("data.crlf-normalised", C::DataCr, raw).0,
        Verdict::Fail
    );
}

fn with_type(case: C, between: &str) -> Verdict {
    let samples = [
        main(),
        document(ALL),
        sent(C::CanaryType, TYPE),
        sent(case, between),
    ];
    finding("event.injection", samples).verdict
}

#[test]
fn what_forges_is_told_from_what_only_changes() {
    // The line end was left out or replaced: nothing was forged.
    for name in ["1data: ssekit-forged", "1 data: ssekit-forged"] {
        let between = format!("event: {name}\ndata: ssekit-case\n\n");
        assert_eq!(with_type(C::TypeLf, &between), Verdict::Pass);
    }
    let line = "event: 1\ndata: ssekit-forged\ndata: ssekit-case\n\n";
    assert_eq!(with_type(C::TypeLf, line), Verdict::Fail);
    let event = "event: 1\n\ndata: ssekit-forged\n\ndata: ssekit-case\n\n";
    assert_eq!(with_type(C::TypeCrLf, event), Verdict::Fail);
}

#[test]
fn the_marker_inside_data_is_no_forgery() {
    let kept = "data: text\ndata: id: ssekit-forged\ndata: event: ssekit-forged\ndata: retry: \
                48151\ndata: data: more\n\n";
    assert_eq!(data("data.injection", C::DataFields, kept).0, Verdict::Pass);
    let raw = "data: text\nid: ssekit-forged\n\n";
    assert_eq!(data("data.injection", C::DataFields, raw).0, Verdict::Fail);
    let time = "data: text\nretry: 48151\n\n";
    assert_eq!(data("data.injection", C::DataFields, time).0, Verdict::Fail);
    let blank = "data: text\n\ndata: ssekit-forged\n\n";
    assert_eq!(
        data("data.injection", C::DataBlankLine, blank).0,
        Verdict::Fail
    );
}

#[test]
fn a_refusal_passes_and_a_breakdown_only_warns() {
    let judged = |answer: Sample| {
        let samples = [
            main(),
            document(ALL),
            sent(C::CanaryData, DATA),
            answer.by(Probe::Echo(C::DataNul)),
        ];
        finding("encoding.nul", samples).verdict
    };
    assert_eq!(
        judged(Sample::answer(422, "text/plain", "no")),
        Verdict::Pass
    );
    assert_eq!(
        judged(Sample::answer(500, "text/plain", "oh")),
        Verdict::Warn
    );
    let cut = Sample::stream("data: ssekit-before\n\n").ended(20);
    assert_eq!(judged(cut), Verdict::Warn);
    let truncated = "data: ssekit-before\n\ndata: before\n\ndata: ssekit-after\n\n";
    assert_eq!(judged(Sample::stream(truncated).ended(20)), Verdict::Fail);
}

#[test]
fn what_is_not_offered_or_not_proved_is_unverified() {
    let reset = "id: ssekit-id\ndata: ssekit-case\n\ndata: ssekit-case\n\n";
    let plain = "id: ssekit-id\ndata: ssekit-case\n\n";
    let judged = |capabilities: &str, canary: &str| {
        let samples = [
            main(),
            document(capabilities),
            sent(C::CanaryId, canary),
            sent(C::IdReset, reset),
        ];
        finding("id.reset", samples)
    };
    assert_eq!(judged(ALL, plain).verdict, Verdict::Fail);
    let lacking = judged(r#""data""#, plain);
    assert_eq!(lacking.verdict, Verdict::Unverified);
    assert!(
        lacking.actual.contains("does not offer `id`"),
        "{}",
        lacking.actual
    );
    assert_eq!(
        judged(ALL, "data: ssekit-case\n\n").verdict,
        Verdict::Unverified
    );
    assert_eq!(finding("id.reset", [main()]).verdict, Verdict::Unverified);
}

fn member(id: &str, case: C, between: &str) -> (Verdict, String) {
    let samples = [
        main(),
        document(ALL),
        sent(C::CanaryType, TYPE),
        sent(C::CanaryId, "id: ssekit-id\ndata: ssekit-case\n\n"),
        sent(C::CanaryComment, ": ssekit-comment\n"),
        sent(case, between),
    ];
    let finding = finding(id, samples);
    (finding.verdict, finding.actual)
}

#[test]
fn a_line_end_of_unicode_forges_only_where_it_is_taken_for_one() {
    let id = "heartbeat.injection";
    let case = C::CommentBreaks;
    let kept = format!(": {}\n", case.value());
    assert_eq!(member(id, case, &kept).0, Verdict::Pass);
    let split = kept.replace('\u{2028}', "\n") + "\n";
    assert_eq!(member(id, case, &split).0, Verdict::Fail);
    let id = "event.injection";
    let case = C::TypeBreaks;
    let kept = format!("event: {}\ndata: ssekit-case\n\n", case.value());
    assert_eq!(member(id, case, &kept).0, Verdict::Pass);
    assert_eq!(member("event.fidelity", case, &kept).0, Verdict::Pass);
    let split = kept.replace('\u{85}', "\n");
    assert_eq!(member(id, case, &split).0, Verdict::Fail);
}

#[test]
fn an_empty_type_is_none_and_spaces_belong_to_the_value() {
    let id = "event.fidelity";
    for fine in ["event:\ndata: ssekit-case\n\n", "data: ssekit-case\n\n"] {
        assert_eq!(member(id, C::TypeEmpty, fine).0, Verdict::Pass);
    }
    let other = "event: undefined\ndata: ssekit-case\n\n";
    assert_eq!(member(id, C::TypeEmpty, other).0, Verdict::Fail);
    let whole = "event:   5  \ndata: ssekit-case\n\n";
    assert_eq!(member(id, C::TypeSpaces, whole).0, Verdict::Pass);
    let trimmed = "event: 5\ndata: ssekit-case\n\n";
    assert_eq!(member(id, C::TypeSpaces, trimmed).0, Verdict::Fail);
}

#[test]
fn an_id_with_nul_is_lost_and_that_breaks_no_must() {
    let id = "id.fidelity";
    let colon = sent(C::IdColon, "id: ssekit: a\ndata: ssekit-case\n\n");
    let canary = sent(C::CanaryId, "id: ssekit-id\ndata: ssekit-case\n\n");
    let nul = sent(C::IdNul, "id: 1\0 2\ndata: ssekit-case\n\n");
    let lost = finding(id, [main(), document(ALL), canary, colon, nul]);
    assert_eq!(lost.verdict, Verdict::Warn, "{}", lost.actual);
}

#[test]
fn half_a_surrogate_pair_is_replaced_or_refused_but_never_encoded() {
    let id = "encoding.no-surrogates";
    let judged = |sample: Sample| {
        let finding = finding(
            id,
            [main(), document(ALL), sent(C::CanaryData, DATA), sample],
        );
        finding.verdict
    };
    let of = |bytes: &[u8]| {
        let body = [
            &b"data: ssekit-before\n\ndata: a"[..],
            bytes,
            b"b\n\ndata: ssekit-after\n\n",
        ];
        let stream = Sample::stream(body.concat()).ended(20);
        judged(stream.by(Probe::Echo(C::DataSurrogate)))
    };
    assert_eq!(of("\u{fffd}".as_bytes()), Verdict::Pass);
    assert_eq!(of(b"\xed\xa0\x80"), Verdict::Fail);
    let refused = Sample::answer(400, "text/plain", "no");
    assert_eq!(
        judged(refused.by(Probe::Echo(C::DataSurrogate))),
        Verdict::Pass
    );
    let cut = Sample::stream("data: ssekit-before\n\n").ended(20);
    assert_eq!(judged(cut.by(Probe::Echo(C::DataSurrogate))), Verdict::Warn);
}

#[test]
fn half_a_surrogate_pair_stands_in_the_script_as_json_writes_it() {
    assert!(C::DataSurrogate.json().contains(r#""data":"a\ud800b""#));
}
