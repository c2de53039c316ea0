//! Servers that conform in unusual ways are not accused; servers broken in one way are, of that.

use std::sync::Arc;

use crate::origin::{Asked, Origin, Play, Step};
use crate::site::{Ends, Framing, Site, lines, simple, ticks};
use ssekit_conformance::{CheckOptions, check};
use ssekit_record::{CheckRecord, Verdict};

async fn judged(origin: &Origin) -> CheckRecord {
    let mut options = CheckOptions::new(origin.url().parse().unwrap());
    options.observe = Some(std::time::Duration::from_millis(1500));
    check(&options, &mut |_| {}).await.unwrap().record
}

fn ids(record: &CheckRecord, verdict: Verdict) -> Vec<&str> {
    let of = record.checks.iter().filter(|f| f.verdict == verdict);
    of.map(|f| f.id.as_str()).collect()
}

/// Runs every case at once and tells all that differ.
async fn expect_fails(cases: Vec<(&'static str, Play, &'static [&'static str])>) {
    let mut running = tokio::task::JoinSet::new();
    for (name, play, expected) in cases {
        running.spawn(async move {
            let origin = Origin::start(play).await;
            (name, judged(&origin).await, expected)
        });
    }
    let mut wrong = Vec::new();
    while let Some(done) = running.join_next().await {
        let (name, record, expected) = done.unwrap();
        let fails = ids(&record, Verdict::Fail);
        let errors = ids(&record, Verdict::Error);
        if fails != expected || !errors.is_empty() {
            let told: Vec<_> = record
                .checks
                .iter()
                .filter(|f| matches!(f.verdict, Verdict::Fail | Verdict::Error))
                .map(|f| format!("    {}: {}", f.id, f.actual))
                .collect();
            wrong.push(format!(
                "{name}: expected {expected:?}, got {fails:?} ({})\n{}",
                record.summary,
                told.join("\n")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn site(change: impl FnOnce(&mut Site)) -> Play {
    Site::with(change).play()
}

/// A default site whose answer to one kind of request is other bytes.
fn answering(method: &'static str, bytes: &'static [u8]) -> Play {
    let site = Site::default();
    Arc::new(move |asked| {
        if asked.method == method && asked.path == "/events" {
            vec![Step::Send(bytes.to_vec())]
        } else {
            site.answer(asked)
        }
    })
}

/// The bytes after the head of a GET, as they are; then closed.
fn raw_body(fields: &'static str, body: &'static [u8]) -> Play {
    let site = Site::with(|s| s.ends = Ends::Cleanly);
    Arc::new(move |asked| {
        if asked.method != "GET" || asked.path != "/events" || asked.http10 {
            return site.answer(asked);
        }
        let mut bytes = String::from_utf8(site.head(Framing::UntilClose)).unwrap();
        bytes = bytes.replace("Connection: close\r\n", fields);
        vec![Step::Send(bytes.into_bytes()), Step::Send(body.to_vec())]
    })
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conforming_in_unusual_ways() {
    let crlf = |text: &str| lines(&text.replace('\n', "\r\n"));
    let cr = |text: &str| lines(&text.replace('\n', "\r"));
    let text = "id: 1\ndata: a\ndata: b\n\nevent: x\ndata: c\n\n";
    expect_fails(vec![
        ("plain", site(|_| {}), &[]),
        ("until close", site(|s| s.framing = Framing::UntilClose), &[]),
        ("http/1.0 answer", site(|s| {
            s.status = "HTTP/1.0 200 OK".into();
            s.framing = Framing::UntilClose;
        }), &[]),
        ("crlf", site(|s| s.events = crlf(text)), &[]),
        ("cr", site(|s| s.events = cr(text)), &[]),
        ("mixed ends", site(|s| s.events = lines("data: a\r\n\ndata: b\r\rdata: c\n\r\n")), &[]),
        ("bom", site(|s| s.events = lines("\u{feff}data: a\n\n")), &[]),
        ("one byte a chunk", site(|s| {
            s.events = text.bytes().map(|b| vec![b]).collect();
            s.pause = 2;
        }), &[]),
        ("split characters", site(|s| {
            s.events = "data: \u{1f600}\u{e9}\n\n".bytes().map(|b| vec![b]).collect();
            s.pause = 2;
        }), &[]),
        ("chunk extensions, trailers, odd sizes", raw_body(CHUNKED,
            b"00A;ext=\"q;\\\"\";b\r\ndata: abc\n\r\n1 ; x\r\n\n\r\n0;last\r\nX-Trailer: 1\r\n\r\n"), &[]),
        ("quoted upper-case charset", site(|s| s.set("Content-Type", "Text/Event-Stream;Charset=\"UTF-8\"")), &[]),
        ("unknown parameter", site(|s| s.set("Content-Type", "text/event-stream; version=1")), &[]),
        ("comments only", site(|s| s.events = lines(":\n\n: ping\n\n:ping\n")), &[]),
        ("silent", site(|s| s.events = vec![]), &[]),
        ("retry only", site(|s| s.events = lines("retry: 2500\n\n")), &[]),
        ("field lines of every kind", site(|s| s.events =
            lines("data\n\ndata:\n\nid\n\nfoo: bar\n\nid: 7\n\nretry: abc\ndata: x\n\nevent:\ndata:  two\n\n")), &[]),
        ("large event", site(|s| s.events = lines(&format!("data: {}\n\n", "x".repeat(1 << 20)))), &[]),
        ("finite, length", site(|s| {
            s.framing = Framing::Length;
            s.finite(b"data: a\n\n");
        }), &[]),
        ("finite, chunked", site(|s| s.finite(b"data: a\n\ndata: [DONE]\n\n")), &[]),
        ("finite, until close", site(|s| {
            s.framing = Framing::UntilClose;
            s.finite(b"data: a\n\n");
        }), &[]),
        ("finite, ends in a comment", site(|s| s.finite(b"data: a\n\n: bye\n")), &[]),
        ("finite, ends in cr", site(|s| s.finite(b"data: a\r\r")), &[]),
        ("empty", site(|s| s.finite(b"")), &[]),
        ("no reason phrase", site(|s| s.status = "HTTP/1.1 200 ".into()), &[]),
        ("many fields", site(|s| {
            for i in 0..150 {
                s.set(&format!("X-Field-{i}"), "v");
            }
        }), &[]),
        ("large field", site(|s| s.set("X-Large", &"v".repeat(30_000))), &[]),
        ("odd case", site(|s| {
            s.remove("content-type");
            s.fields.insert(0, ("cOnTeNt-tYpE".into(), "TEXT/event-STREAM".into()));
        }), &[]),
        ("early hints", {
            let site = Site::default();
            Arc::new(move |asked| {
                let mut steps = site.answer(asked);
                if asked.method == "GET" && !asked.http10 {
                    steps.insert(0, Step::Send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".to_vec()));
                }
                steps
            })
        }, &[]),
        ("head refused", answering("HEAD", b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 0\r\n\r\n"), &[]),
        ("head with a length", answering("HEAD", b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nContent-Length: 40\r\n\r\n"), &[]),
        ("unknown method not implemented", answering("PROPFIND", b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n"), &[]),
        ("unknown method closed", answering("PROPFIND", b""), &[]),
        ("redirect", {
            let site = Site::default();
            Arc::new(move |asked| {
                if asked.path == "/events" {
                    return simple("307 Temporary Redirect", "Location: /stream\r\nContent-Length: 0\r\n");
                }
                let mut asked = Asked { path: asked.path.replace("/stream", "/events"), method: asked.method.clone(), http10: asked.http10, head: asked.head.clone() };
                if asked.path != "/events" { asked.path = "/none".into(); }
                site.answer(&asked)
            })
        }, &[]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_in_one_way() {
    expect_fails(vec![
        (
            "201",
            site(|s| s.status = "HTTP/1.1 201 Created".into()),
            &["response.status-200"],
        ),
        (
            "206",
            site(|s| s.status = "HTTP/1.1 206 Partial Content".into()),
            &["response.status-200"],
        ),
        (
            "404",
            Arc::new(|_| {
                simple(
                    "404 Not Found",
                    "Content-Type: text/html\r\nContent-Length: 0\r\n",
                )
            }),
            &["response.status-200"],
        ),
        (
            "500",
            Arc::new(|_| simple("500 Internal Server Error", "Content-Length: 0\r\n")),
            &["response.status-200"],
        ),
        (
            "204",
            Arc::new(|_| simple("204 No Content", "")),
            &["response.status-200"],
        ),
        (
            "not http",
            Arc::new(|_| vec![Step::Send(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]),
            &["response.status-200"],
        ),
        (
            "html",
            site(|s| {
                s.set("Content-Type", "text/html");
                s.finite(b"<!doctype html><html><body>Sign in</body></html>");
            }),
            &["response.content-type"],
        ),
        (
            "text/plain",
            site(|s| s.set("Content-Type", "text/plain")),
            &["response.content-type"],
        ),
        (
            "no type",
            site(|s| s.remove("Content-Type")),
            &["response.content-type"],
        ),
        (
            "latin-1",
            site(|s| s.set("Content-Type", "text/event-stream; charset=iso-8859-1")),
            &["response.charset-utf8"],
        ),
        (
            "two types",
            site(|s| {
                s.fields
                    .push(("Content-Type".into(), "text/event-stream".into()))
            }),
            &["response.content-type-single"],
        ),
        (
            "two types that differ",
            site(|s| {
                s.fields
                    .insert(0, ("Content-Type".into(), "text/html".into()))
            }),
            &["response.content-type-single"],
        ),
        (
            "a list of types",
            site(|s| s.set("Content-Type", "text/event-stream, text/event-stream")),
            &["response.content-type-single"],
        ),
        (
            "chunked in name only",
            raw_body(CHUNKED, b"data: a\n\ndata: b\n\n"),
            &["framing.well-formed"],
        ),
        (
            "405 without allow",
            answering(
                "PROPFIND",
                b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n",
            ),
            &["response.method-405-allow"],
        ),
        (
            "content after head",
            answering(
                "HEAD",
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: a\n\n",
            ),
            &["response.head"],
        ),
        (
            "length and coding",
            site(|s| s.set("Content-Length", "100000")),
            &["framing.no-cl-and-te"],
        ),
        (
            "bad chunk size",
            raw_body(
                CHUNKED,
                b"9\r\ndata: a\n\n\r\nzz\r\ndata: b\n\n\r\n0\r\n\r\n",
            ),
            &["framing.well-formed"],
        ),
        (
            "chunk too long",
            raw_body(CHUNKED, b"9\r\ndata: a\n\nXX\r\n0\r\n\r\n"),
            &["framing.well-formed"],
        ),
        (
            "bare lf after size",
            raw_body(CHUNKED, b"9\ndata: a\n\n\r\n0\r\n\r\n"),
            &["framing.well-formed"],
        ),
        (
            "no last chunk",
            site(|s| {
                s.events = ticks(5);
                s.ends = Ends::Abruptly;
            }),
            &["framing.clean-end"],
        ),
        (
            "reset",
            site(|s| {
                s.events = ticks(5);
                s.ends = Ends::Reset;
            }),
            &["framing.clean-end"],
        ),
        (
            "length of less than came",
            site(|s| {
                s.framing = Framing::UntilClose;
                s.set("Content-Length", "25");
            }),
            &["framing.no-content-length"],
        ),
        (
            "length of nothing",
            site(|s| {
                s.framing = Framing::UntilClose;
                s.set("Content-Length", "0");
            }),
            &["framing.no-content-length"],
        ),
        (
            "length too long",
            raw_body("Content-Length: 500\r\n", b"data: a\n\n"),
            &["framing.no-content-length"],
        ),
        (
            "coding to http/1.0",
            {
                let site = Site::default();
                Arc::new(move |asked| {
                    let asked = Asked {
                        path: asked.path.clone(),
                        method: asked.method.clone(),
                        http10: false,
                        head: asked.head.clone(),
                    };
                    site.answer(&asked)
                })
            },
            &["framing.http10"],
        ),
        (
            "invalid utf-8",
            site(|s| s.events = vec![b"data: \xff\xfe\n\n".to_vec()]),
            &["encoding.valid-utf8"],
        ),
        (
            "latin-1 text",
            site(|s| s.events = vec![b"data: caf\xe9 au lait\n\n".to_vec()]),
            &["encoding.valid-utf8"],
        ),
        (
            "surrogates",
            site(|s| s.events = vec![b"data: \xed\xa0\xbd\xed\xb8\x80\n\n".to_vec()]),
            &["encoding.valid-utf8", "encoding.no-surrogates"],
        ),
        (
            "last event open",
            site(|s| s.finite(b"data: a\n\ndata: b\n")),
            &["data.final-terminated"],
        ),
        (
            "last line open",
            site(|s| s.finite(b"data: a\n\ndata: b")),
            &["data.final-terminated"],
        ),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_from_a_fault_is_no_further_finding() {
    let broken = Origin::start(raw_body(CHUNKED, b"data: a\n\n")).await;
    let record = judged(&broken).await;
    assert_eq!(ids(&record, Verdict::Fail), ["framing.well-formed"]);
    assert_eq!(ids(&record, Verdict::Warn), Vec::<&str>::new());
    // The last LF of each event comes with the next one, and never where we leave.
    let mut events = vec![b"data: a\r\n\r".to_vec()];
    events.extend((0..40).map(|_| b"\ndata: a\r\n\r".to_vec()));
    let held = Origin::start(site(|s| {
        s.events = events;
        s.pause = 200;
    }))
    .await;
    assert_eq!(
        ids(&judged(&held).await, Verdict::Warn),
        ["line.crlf-split"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_at_a_time_is_slow_not_wrong() {
    let origin = Origin::one_at_a_time(Site::default().play()).await;
    let record = judged(&origin).await;
    assert_eq!(
        ids(&record, Verdict::Fail),
        Vec::<&str>::new(),
        "{}",
        record.summary
    );
    assert_eq!(ids(&record, Verdict::Error), Vec::<&str>::new());
}
