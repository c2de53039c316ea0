//! Servers that never come to an end, or break off anywhere: a check ends, with what it saw.

use std::sync::Arc;
use std::time::Duration;

use crate::origin::{Origin, Play, Step};
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{EncodeV2, GzipEncoder};
use ssekit_conformance::{CheckOptions, check};
use ssekit_record::{CheckOutcome, CheckRecord, EndKind, Observation, Verdict};
use tokio::time::timeout;

const HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";
/// Longest wait for a head.
const TIMEOUT: Duration = Duration::from_secs(3);
/// No check takes longer, whatever the server does: far above what any needs.
const AT_MOST: Duration = Duration::from_secs(120);

/// The same answer to whatever is asked.
fn always(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Play {
    Arc::new(move |_| steps())
}

fn sends(text: &str) -> Step {
    Step::Send(text.as_bytes().to_vec())
}

/// Answers a GET over HTTP/1.1 so, and turns all else away as it should.
fn to_get(steps: impl Fn() -> Vec<Step> + Send + Sync + 'static) -> Play {
    Arc::new(move |asked| match asked.method.as_str() {
        "GET" if asked.http10 => {
            vec![sends(
                "HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n",
            )]
        }
        "GET" => steps(),
        _ => vec![sends(
            "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n",
        )],
    })
}

/// A head, these field lines, and then this for ever.
fn flood(fields: &'static str, first: &'static str, piece: &str) -> Play {
    let piece = piece.repeat(1 + 32 * 1024 / piece.len()).into_bytes();
    to_get(move || {
        let head = sends(&format!("{HEAD}{fields}\r\n{first}"));
        vec![head, Step::Flood(piece.clone())]
    })
}

async fn checked(play: Play) -> (CheckRecord, Observation) {
    let origin = Origin::start(play).await;
    let mut options = CheckOptions::new(origin.url().parse().unwrap());
    options.observe = Some(Duration::from_millis(500));
    options.timeout = TIMEOUT;
    let done = timeout(AT_MOST, check(&options, &mut |_| {})).await;
    let done = done.expect("the check ends").unwrap();
    (done.record, done.observation)
}

fn main_end(observation: &Observation) -> (EndKind, &str) {
    let main = observation.transcripts.iter().find(|t| t.probe == "main");
    let end = &main.unwrap().end;
    (end.kind, &end.detail)
}

fn failed(record: &CheckRecord) -> Vec<&str> {
    let is_failed = |verdict| matches!(verdict, Verdict::Fail | Verdict::Error);
    let failed = record.checks.iter().filter(|f| is_failed(f.verdict));
    failed.map(|f| f.id.as_str()).collect()
}

struct Case {
    name: &'static str,
    play: Play,
    /// How main may end.
    ends: &'static [EndKind],
    /// What fails, and nothing else does.
    fails: &'static [&'static str],
}

/// Makes the checks one after the other, so that what one takes says nothing of another.
async fn expect(cases: Vec<Case>) {
    let mut wrong = Vec::new();
    for case in cases {
        let (record, observation) = checked(case.play).await;
        let (end, detail) = main_end(&observation);
        let fails = failed(&record);
        if !case.ends.contains(&end) || fails != case.fails {
            wrong.push(format!(
                "{}: main ended {end:?} ({detail}), fails {fails:?}; {}",
                case.name, record.summary
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn case(
    name: &'static str,
    ends: &'static [EndKind],
    fails: &'static [&'static str],
    play: Play,
) -> Case {
    Case {
        name,
        play,
        ends,
        fails,
    }
}

const NO_ANSWER: &[&str] = &["response.status-200"];
const NOTHING: &[&str] = &[];
/// After as much as is read, or after the time it is read for, whichever comes first.
const ENOUGH: &[EndKind] = &[EndKind::Limit, EndKind::Left];
const MALFORMED: &[EndKind] = &[EndKind::Malformed];
const LIMIT: &[EndKind] = &[EndKind::Limit];
const RESET: &[EndKind] = &[EndKind::Reset];

/// Zeros, packed: a thousand times what comes.
fn bomb() -> Vec<u8> {
    let mut encoder = GzipEncoder::new(Level::Default.into());
    let zeros = vec![b'0'; 1 << 20];
    let mut space = vec![0; 1 << 20];
    let mut packed = Vec::new();
    for _ in 0..64 {
        let mut input = PartialBuffer::new(&zeros[..]);
        while !input.unwritten().is_empty() {
            let mut output = WriteBuffer::new_initialized(&mut space);
            encoder.encode(&mut input, &mut output).unwrap();
            let written = output.written_len();
            packed.extend_from_slice(&space[..written]);
        }
    }
    packed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_without_an_end() {
    expect(vec![
        case(
            "fields",
            LIMIT,
            NO_ANSWER,
            always(|| vec![sends(HEAD), Step::Flood(b"X-Field: value\r\n".repeat(100))]),
        ),
        case(
            "one field",
            LIMIT,
            NO_ANSWER,
            always(|| {
                vec![
                    sends(HEAD),
                    sends("X: "),
                    Step::Flood(vec![b'x'; 32 * 1024]),
                ]
            }),
        ),
        case(
            "interim heads",
            LIMIT,
            NO_ANSWER,
            always(|| vec![Step::Flood(b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100))]),
        ),
        case(
            "reason",
            LIMIT,
            NO_ANSWER,
            always(|| vec![sends("HTTP/1.1 200 "), Step::Flood(vec![b'O'; 32 * 1024])]),
        ),
        case(
            "empty lines",
            LIMIT,
            NO_ANSWER,
            always(|| vec![Step::Flood(b"\r\n".repeat(10_000))]),
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contents_without_an_end() {
    let chunk = format!("{:x}\r\n{}\r\n", 8192, "x".repeat(8192));
    expect(vec![
        case("line", ENOUGH, NOTHING, flood("", "data: ", "x")),
        case("comment", ENOUGH, NOTHING, flood("", ":", "x")),
        case("blank lines", ENOUGH, NOTHING, flood("", "", "\n")),
        case(
            "one chunked line",
            ENOUGH,
            NOTHING,
            flood("Transfer-Encoding: chunked\r\n", "6\r\ndata: \r\n", &chunk),
        ),
        case(
            "chunk extension",
            MALFORMED,
            &["framing.well-formed"],
            flood("Transfer-Encoding: chunked\r\n", "9;x=", "x"),
        ),
        case(
            "chunk size",
            MALFORMED,
            &["framing.well-formed"],
            flood("Transfer-Encoding: chunked\r\n", "", "0"),
        ),
        case(
            "trailers",
            MALFORMED,
            &["framing.well-formed"],
            flood(
                "Transfer-Encoding: chunked\r\n",
                "9\r\ndata: a\n\n\r\n0\r\n",
                "X-Field: value\r\n",
            ),
        ),
        case("events", ENOUGH, NOTHING, flood("", "", "data: a\n\n")),
        case(
            "garbage",
            ENOUGH,
            &["encoding.valid-utf8"],
            to_get(|| {
                let noise: Vec<u8> = (0..32_768u32)
                    .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
                    .collect();
                vec![sends(&format!("{HEAD}\r\n")), Step::Flood(noise)]
            }),
        ),
        case("gzip bomb", ENOUGH, NOTHING, {
            let packed = bomb();
            to_get(move || {
                let head = sends(&format!(
                    "{HEAD}Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n\r\n"
                ));
                vec![head, Step::Send(packed.clone()), Step::Hold]
            })
        }),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_reset_at_each_stage() {
    let reset = |sent: &'static str| to_get(move || vec![sends(sent), Step::Wait(50), Step::Reset]);
    expect(vec![
        case("at once", RESET, NOTHING, reset("")),
        case("in the status line", RESET, NOTHING, reset("HTTP/1.1 2")),
        case("in a field", RESET, NOTHING, reset("HTTP/1.1 200 OK\r\nContent-T")),
        case(
            "in a chunk size",
            RESET,
            &["framing.clean-end"],
            reset("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n1"),
        ),
        case(
            "in a chunk",
            RESET,
            &["framing.clean-end"],
            reset("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata"),
        ),
        case(
            "in the trailers",
            RESET,
            &["framing.clean-end"],
            reset("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX"),
        ),
        case(
            "in content that ends with the connection",
            RESET,
            NOTHING,
            reset("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata"),
        ),
    ])
    .await;
}

/// A head that comes byte by byte is waited for as long as one may take, and it is told what came.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_that_drips_is_bounded() {
    let play = always(|| vec![Step::Drip(format!("{HEAD}\r\n").into_bytes(), 400)]);
    let (record, observation) = checked(play).await;
    assert_eq!(
        record.outcome,
        CheckOutcome::Incomplete,
        "{}",
        record.summary
    );
    let (end, detail) = main_end(&observation);
    assert_eq!(end, EndKind::TimedOut);
    assert!(
        detail.starts_with("no complete head within 3 s, "),
        "{detail}"
    );
    assert!(detail.ends_with(" bytes of one"), "{detail}");
    let status = record
        .checks
        .iter()
        .find(|f| f.id == "response.status-200")
        .unwrap();
    assert_eq!(status.verdict, Verdict::Unverified);
    assert!(status.actual.contains(detail), "{}", status.actual);
    assert_eq!(observation.transcripts.len(), 1);
}

/// A stream whose heads are slow, but come, is not asked everything: what is left is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_heads_are_not_asked_for_without_end() {
    let play = to_get(|| {
        let slow = Step::Wait(2_200);
        vec![slow, sends(&format!("{HEAD}\r\ndata: a\n\n")), Step::Hold]
    });
    let (record, observation) = checked(play).await;
    assert_eq!(failed(&record), NOTHING);
    let left: Vec<_> = observation
        .skipped
        .iter()
        .filter(|skipped| skipped.reason.contains("heads take up to 2."))
        .collect();
    assert!(!left.is_empty(), "{:?}", observation.skipped);
    assert!(left.iter().all(|skipped| !skipped.not_applicable));
    assert!(
        observation.transcripts.len() > 8,
        "{}",
        observation.transcripts.len()
    );
}
