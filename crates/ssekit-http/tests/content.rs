//! Content codings: each event is decoded as soon as its bytes are there.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use compression_codecs::brotli::params::EncoderParams;
use compression_codecs::core::Level;
use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::flate::params::FlateEncoderParams;
use compression_codecs::{
    BrotliEncoder, DeflateEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder,
};
use peer::*;
use ssekit_http::{ContentDecoder, Limits};
use ssekit_record::{EndKind, FaultKind, Observation, Transcript};

fn level() -> FlateEncoderParams {
    Level::Default.into()
}

fn gzip() -> GzipEncoder {
    GzipEncoder::new(level())
}

type Codec = Box<dyn EncodeV2>;

fn codecs() -> Vec<(&'static str, Codec)> {
    vec![
        ("gzip", Box::new(gzip()) as Codec),
        ("X-GZip", Box::new(gzip())),
        ("deflate", Box::new(ZlibEncoder::new(level()))),
        ("deflate", Box::new(DeflateEncoder::new(level()))),
        ("br", Box::new(BrotliEncoder::new(EncoderParams::default()))),
        ("zstd", Box::new(ZstdEncoder::new(3))),
    ]
}

/// Writes, and flushes so that the other side can read all of it.
fn flushed(codec: &mut dyn EncodeV2, plain: &[u8]) -> Vec<u8> {
    let mut input = PartialBuffer::new(plain);
    let mut out = Vec::new();
    let mut piece = vec![0; 1 << 16];
    while !input.unwritten().is_empty() {
        let mut buffer = WriteBuffer::new_initialized(&mut piece);
        codec.encode(&mut input, &mut buffer).unwrap();
        out.extend_from_slice(buffer.written());
    }
    loop {
        let mut buffer = WriteBuffer::new_initialized(&mut piece);
        let done = codec.flush(&mut buffer).unwrap();
        out.extend_from_slice(buffer.written());
        if done {
            return out;
        }
    }
}

fn finished(codec: &mut dyn EncodeV2) -> Vec<u8> {
    let mut out = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let mut buffer = WriteBuffer::new_initialized(&mut piece);
        let done = codec.finish(&mut buffer).unwrap();
        out.extend_from_slice(buffer.written());
        if done {
            return out;
        }
    }
}

fn whole(codec: &mut dyn EncodeV2, plain: &[u8]) -> Vec<u8> {
    let mut out = flushed(codec, plain);
    out.extend(finished(codec));
    out
}

fn coded_head(coding: &str) -> Step {
    send(head(&format!("Content-Encoding: {coding}\r\n")))
}

fn content(seen: &Transcript) -> String {
    String::from_utf8_lossy(&seen.content.as_ref().unwrap().bytes).into_owned()
}

const EVENTS: [&str; 3] = ["data: one\n\n", "data: two\n\n", "data: three\n\n"];

/// What a decoder gives of these slices, in all, and the first error.
fn decoded(listed: &[&str], slices: &[Vec<u8>]) -> (Vec<u8>, Option<String>) {
    let listed: Vec<_> = listed
        .iter()
        .map(|coding| coding.to_ascii_lowercase())
        .collect();
    let mut decoder = ContentDecoder::new(&listed).unwrap().unwrap();
    let (mut all, mut fault) = (Vec::new(), None);
    for slice in slices {
        let result = decoder.decode_each(slice, &mut |piece| all.extend_from_slice(piece));
        fault = fault.or(result.err());
    }
    (all, fault)
}

#[test]
fn pieces_are_handed_on_as_they_come_of_one_coding_and_of_two() {
    let events = EVENTS.map(|event| event.repeat(5000));
    for (coding, mut codec) in codecs() {
        let slices: Vec<_> = events
            .iter()
            .map(|e| flushed(&mut *codec, e.as_bytes()))
            .collect();
        let (all, fault) = decoded(&[coding], &slices);
        assert_eq!(
            (all == events.concat().as_bytes(), fault),
            (true, None),
            "{coding}"
        );
        let mut outer = gzip();
        let twice: Vec<_> = slices
            .iter()
            .map(|slice| flushed(&mut outer, slice))
            .collect();
        let (all, fault) = decoded(&[coding, "gzip"], &twice);
        assert_eq!(
            (all == events.concat().as_bytes(), fault),
            (true, None),
            "{coding}, gzip"
        );
    }
}

#[test]
fn what_fills_the_pieces_of_the_decoder_exactly_is_no_fault() {
    for (coding, mut codec) in codecs() {
        let mut sent = Vec::new();
        let mut slices = Vec::new();
        for size in [1, 2, 3, 8, 1].map(|pieces| pieces << 14) {
            let content = vec![b'\n'; size];
            slices.push(flushed(&mut *codec, &content));
            sent.extend(content);
        }
        let bytes: Vec<_> = slices.concat().chunks(1).map(<[u8]>::to_vec).collect();
        for slices in [&slices, &bytes] {
            let (all, fault) = decoded(&[coding], slices);
            assert_eq!((all.len(), fault), (sent.len(), None), "{coding}");
        }
    }
}

#[test]
fn a_decoder_tells_how_much_it_keeps() {
    let kept = |listed: &[&str], coded: &[u8]| {
        let listed: Vec<_> = listed.iter().map(|coding| (*coding).to_owned()).collect();
        let mut decoder = ContentDecoder::new(&listed).unwrap().unwrap();
        let mut tells = vec![decoder.held()];
        for half in coded.chunks(coded.len().div_ceil(2)) {
            decoder.decode_each(half, &mut |_| {}).unwrap();
            tells.push(decoder.held());
        }
        assert!(tells.is_sorted(), "{tells:?}");
        (tells[0], tells[2])
    };
    for (coding, mut codec) in codecs() {
        let (begin, small) = kept(
            &[&coding.to_ascii_lowercase()],
            &flushed(&mut *codec, &[10; 600]),
        );
        assert_eq!((begin, small), (0, 600), "{coding}");
    }
    let frame = |window: u8, blocks: usize| {
        let begin = [0x28, 0xb5, 0x2f, 0xfd, 0, window];
        [&begin[..], &[2, 0, 0x10, b'\n'].repeat(blocks)].concat()
    };
    assert_eq!(kept(&["zstd"], &frame(10 << 3, 4)).1, 512 << 10);
    assert_eq!(kept(&["zstd"], &frame(10 << 3, 12)).1, 1 << 20);
    assert_eq!(kept(&["zstd"], &frame(10 << 3 | 4, 24)).1, 3 << 19);
    assert_eq!(kept(&["zstd"], &frame(13 << 3, 80)).1, 8 << 20);
    let twice = flushed(&mut gzip(), &frame(10 << 3, 12));
    assert_eq!(kept(&["zstd", "gzip"], &twice).1, (1 << 20) + 6 + 12 * 4);
    let mut brotli = BrotliEncoder::new(EncoderParams::default());
    assert_eq!(
        kept(&["br"], &flushed(&mut brotli, &vec![10; 5 << 20])).1,
        4 << 20
    );
    assert_eq!(
        kept(&["gzip"], &flushed(&mut gzip(), &vec![10; 5 << 20])).1,
        32 << 10
    );
}

#[test]
fn the_end_of_the_data_is_known_however_much_comes_of_the_last_bytes() {
    for size in [
        0,
        1,
        (1 << 14) - 1,
        1 << 14,
        (1 << 14) + 1,
        1 << 17,
        100_000,
    ] {
        for (coding, mut codec) in codecs() {
            let coded = [
                flushed(&mut *codec, &vec![b'\n'; size]),
                finished(&mut *codec),
            ]
            .concat();
            for step in [coded.len(), 1, 7] {
                let listed = [coding.to_ascii_lowercase()];
                let mut decoder = ContentDecoder::new(&listed).unwrap().unwrap();
                let mut all = 0;
                for slice in coded.chunks(step) {
                    let decoded = decoder.decode_each(slice, &mut |piece| all += piece.len());
                    assert_eq!(decoded, Ok(()), "{coding} {size} {step}");
                }
                assert_eq!(
                    (all, decoder.finish()),
                    (size, None),
                    "{coding} {size} {step}"
                );
            }
        }
    }
}

#[test]
fn a_block_that_fills_the_pieces_of_the_decoder_exactly_is_no_fault() {
    // A zstd frame with a window of 1 MiB (RFC 8878 section 3.1.1), and a block of 128 KiB that repeats a byte.
    let (frame, block) = ([0x28, 0xb5, 0x2f, 0xfd, 0, 10 << 3], [2, 0, 0x10, b'\n']);
    let slices = [[&frame[..], &block].concat(), block.repeat(3)];
    let (all, fault) = decoded(&["zstd"], &slices);
    assert_eq!((all.len(), fault), (4 << 17, None));
}

#[test]
fn what_cannot_be_decoded_is_told_once_and_nothing_comes_after_it() {
    let good = flushed(&mut gzip(), b"data: x\n\n");
    let (all, fault) = decoded(
        &["gzip"],
        &[good, b"not gzip at all".to_vec(), b"more".to_vec()],
    );
    assert!(all.starts_with(b"data: x\n\n"), "{all:?}");
    assert!(fault.unwrap().starts_with("gzip: "));
    let (all, fault) = decoded(&["br"], &[b"\xff\xff\xff\xff".to_vec()]);
    assert!(all.is_empty() && fault.is_some());
}

#[tokio::test]
async fn each_event_is_decoded_when_it_arrives() {
    for (coding, mut codec) in codecs() {
        let mut steps = vec![coded_head(coding)];
        for event in EVENTS {
            steps.extend([Step::Wait(25), send(flushed(&mut *codec, event.as_bytes()))]);
        }
        steps.extend([Step::Wait(25), send(finished(&mut *codec))]);
        let seen = get(steps).await;
        assert_eq!(seen.end.kind, EndKind::Clean, "{coding}");
        assert_eq!(kinds(&seen), [], "{coding} {:?}", seen.faults);
        assert_eq!(content(&seen), EVENTS.concat(), "{coding}");
        let decoded = &seen.content.as_ref().unwrap().slices;
        let lens: Vec<_> = decoded.iter().map(|s| s.len as usize).collect();
        assert_eq!(lens, EVENTS.map(str::len), "{coding}");
        let ends = &seen.body.slices;
        for (decoded, body) in decoded.iter().zip(ends) {
            assert_eq!(decoded.at_us, body.at_us, "{coding}");
        }
        assert_eq!(seen.stream().bytes, EVENTS.concat().as_bytes());
    }
}

#[tokio::test]
async fn an_event_held_by_the_compressor_arrives_late() {
    let mut codec = gzip();
    let first = flushed(&mut codec, b"data: one\n\n");
    let (half, rest) = first.split_at(first.len() - 8);
    let steps = vec![
        coded_head("gzip"),
        send(half),
        Step::Wait(60),
        send([rest, &finished(&mut codec)].concat()),
    ];
    let seen = get(steps).await;
    assert_eq!(content(&seen), "data: one\n\n");
    let last = seen.content.unwrap().slices.last().unwrap().at_us;
    assert_eq!(last, seen.body.slices.last().unwrap().at_us);
    assert!(last - seen.body.slices[0].at_us >= 55_000);
}

#[tokio::test]
async fn codings_over_one_another_and_members_in_a_row() {
    let inner = whole(&mut ZstdEncoder::new(3), b"data: x\n\n");
    let outer = whole(&mut gzip(), &inner);
    let seen = get(vec![coded_head("identity, zstd, gzip"), send(outer)]).await;
    assert_eq!(
        (content(&seen), seen.faults),
        ("data: x\n\n".into(), vec![])
    );

    for (coding, a, b) in [
        ("gzip", whole(&mut gzip(), b"a"), whole(&mut gzip(), b"b")),
        (
            "zstd",
            whole(&mut ZstdEncoder::new(3), b"a"),
            whole(&mut ZstdEncoder::new(3), b"b"),
        ),
    ] {
        let seen = get(vec![coded_head(coding), send([a, b].concat())]).await;
        assert_eq!((content(&seen), seen.faults), ("ab".into(), vec![]));
    }
}

#[tokio::test]
async fn corrupt_and_cut_content_is_a_fault_at_its_offset() {
    for (coding, mut codec) in codecs() {
        let mut bytes = flushed(&mut *codec, EVENTS[0].as_bytes());
        let good = bytes.len() as u64;
        let cut = get(vec![coded_head(coding), send(&bytes)]).await;
        assert_eq!(cut.end.kind, EndKind::Clean, "{coding}");
        assert_eq!(kinds(&cut), [FaultKind::ContentCodingInvalid], "{coding}");
        assert_eq!(cut.faults[0].offset, good);
        assert_eq!(content(&cut), EVENTS[0]);

        bytes.extend([0xff; 64]);
        let seen = get(vec![coded_head(coding), send(&bytes)]).await;
        assert_eq!(kinds(&seen), [FaultKind::ContentCodingInvalid], "{coding}");
        assert_eq!(seen.body.len(), good + 64);
        assert_eq!(content(&seen), EVENTS[0], "{coding}");
        assert!(
            (good..good + 16).contains(&seen.faults[0].offset),
            "{coding} {seen:?}"
        );
        let plain = get(vec![coded_head(coding), send("data: plain\n\n")]).await;
        assert_eq!(kinds(&plain), [FaultKind::ContentCodingInvalid], "{coding}");
    }
    // An unfinished message says nothing of its compressed data.
    let bytes = flushed(&mut gzip(), EVENTS[0].as_bytes());
    let head = head("Content-Encoding: gzip\r\nContent-Length: 99\r\n");
    let seen = get(vec![send(head), send(bytes)]).await;
    assert_eq!(kinds(&seen), [FaultKind::LengthShort]);
    // No content is no corrupt content.
    assert_eq!(kinds(&get(vec![coded_head("gzip")]).await), []);
}

#[tokio::test]
async fn unknown_codings_leave_nothing_to_read() {
    for coding in ["snappy", "gzip, foo"] {
        let seen = get(vec![coded_head(coding), send("data: x\n\n")]).await;
        assert_eq!(seen.end.kind, EndKind::Clean);
        assert_eq!(kinds(&seen), [FaultKind::ContentCodingUnknown]);
        assert_eq!(seen.body.bytes, b"data: x\n\n");
        assert!(seen.content.is_none());
        assert!(seen.stream().is_empty());
    }
}

#[tokio::test]
async fn words_for_no_coding_change_nothing() {
    for word in ["identity", "none"] {
        let seen = get(vec![coded_head(word), send("data: x\n\n")]).await;
        assert_seen(&seen, EndKind::Clean, &[], "data: x\n\n");
        assert!(seen.content.is_none());
    }
}

#[tokio::test]
async fn a_bomb_is_bounded() {
    let mut options = options();
    options.limits = Limits {
        body: 100_000,
        ..Limits::default()
    };
    for (coding, mut codec) in codecs() {
        let bomb = whole(&mut *codec, &vec![b'a'; 3_000_000]);
        let (url, _served) = serve(vec![vec![coded_head(coding), send(bomb)]]).await;
        let seen = watch(&ask(&url), &options).await;
        assert_eq!(seen.end.kind, EndKind::Limit, "{coding}");
        assert_eq!(content(&seen).len(), 100_000, "{coding}");
    }
}

#[tokio::test]
async fn a_transcript_survives_saving() {
    let bytes = whole(&mut gzip(), b"data: x\n\n");
    let seen = get(vec![coded_head("gzip"), send(bytes)]).await;
    let mut observation = Observation::new("http://h.example/");
    observation.transcripts.push(seen);
    let loaded = Observation::from_json(&observation.to_json().unwrap()).unwrap();
    assert_eq!(loaded, observation);
}
