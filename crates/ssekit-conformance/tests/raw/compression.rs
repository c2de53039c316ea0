//! Servers that compress in unusual ways are not accused; those that hold events back are.

use std::sync::Arc;

use crate::origin::{Origin, Play, Step};
use crate::site::{Framing, Site, ticks};
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::{DeflateEncoder, EncodeV2, GzipEncoder};
use ssekit_conformance::{CheckOptions, Selection, check};
use ssekit_record::Verdict;

/// Writes as one codec gives them; `whole`: each is complete in itself.
fn coded(events: &[Vec<u8>], codec: fn() -> Box<dyn EncodeV2>, whole: bool) -> Vec<Vec<u8>> {
    let mut encoder = codec();
    let mut writes = Vec::new();
    for event in events {
        let mut space = vec![0; 4096];
        let mut output = WriteBuffer::new_initialized(&mut space);
        let mut input = PartialBuffer::new(&event[..]);
        encoder.encode(&mut input, &mut output).unwrap();
        if whole {
            assert!(encoder.finish(&mut output).unwrap());
            encoder = codec();
        } else {
            assert!(encoder.flush(&mut output).unwrap());
        }
        let written = output.written_len();
        writes.push(space[..written].to_vec());
    }
    writes
}

fn gzip() -> Box<dyn EncodeV2> {
    Box::new(GzipEncoder::new(Level::Default.into()))
}

fn bare() -> Box<dyn EncodeV2> {
    Box::new(DeflateEncoder::new(Level::Default.into()))
}

/// A site that answers with these writes where the coding of this name is accepted.
fn offering(name: &'static str, writes: Vec<Vec<u8>>) -> Play {
    let plain = Site::default();
    let coded = Site::with(|site| {
        site.set("Content-Encoding", name);
        site.set("Vary", "Accept-Encoding");
        site.events = writes;
    });
    Arc::new(move |asked| {
        let accepted = asked.field("accept-encoding");
        let is_offered = accepted.is_some_and(|value| value.contains(name));
        if is_offered && asked.method == "GET" && asked.path == "/events" {
            coded.answer(asked)
        } else {
            plain.answer(asked)
        }
    })
}

async fn verdicts(play: Play) -> Vec<(String, Verdict)> {
    let origin = Origin::start(play).await;
    let mut options = CheckOptions::new(origin.url().parse().unwrap());
    options.selection = Selection {
        only: vec!["compression".into()],
        skip: Vec::new(),
    };
    let record = check(&options, &mut |_| {}).await.unwrap().record;
    let findings = record.checks.into_iter();
    let verdicts = findings.map(|finding| (finding.id, finding.verdict));
    verdicts.collect()
}

async fn expect(play: Play, [flush, identity, valid, vary]: [Verdict; 4]) {
    let mut seen = verdicts(play).await;
    seen.sort_by(|one, other| one.0.cmp(&other.0));
    let expected = [
        ("compression.flush", flush),
        ("compression.identity", identity),
        ("compression.valid", valid),
        ("compression.vary", vary),
    ];
    let expected = expected.map(|(id, verdict)| (id.to_owned(), verdict));
    assert_eq!(seen, expected);
}

use Verdict::{Info, NotApplicable, Pass, Warn};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_ignores_the_offer_is_not_accused() {
    let silent = Site::default().play();
    expect(silent, [NotApplicable, Pass, NotApplicable, NotApplicable]).await;
    let named = Site::with(|site| site.set("Content-Encoding", "identity")).play();
    expect(named, [NotApplicable, Pass, Info, NotApplicable]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_bare_data_decode_as_they_come() {
    let members = coded(&ticks(200), gzip, true);
    expect(offering("gzip", members), [Pass, Pass, Pass, Pass]).await;
    let flushed = coded(&ticks(200), gzip, false);
    expect(offering("gzip", flushed), [Pass, Pass, Pass, Pass]).await;
    let bare = coded(&ticks(200), bare, false);
    expect(offering("deflate", bare), [Pass, Pass, Warn, Pass]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_compressor_without_flush_is_seen() {
    let play: Play = Arc::new(|asked| {
        let plain = Site::default();
        let gzip = asked
            .field("accept-encoding")
            .is_some_and(|value| value.contains("gzip"));
        if !gzip || asked.method != "GET" || asked.path != "/events" {
            return plain.answer(asked);
        }
        // The header of the format, and then nothing.
        let mut site = Site::with(|site| site.set("Content-Encoding", "gzip"));
        site.framing = Framing::UntilClose;
        let mut steps = vec![Step::Send(site.head(Framing::UntilClose))];
        steps.push(Step::Send(b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec()));
        steps.push(Step::Hold);
        steps
    });
    expect(play, [Warn, Pass, Pass, Pass]).await;
}
