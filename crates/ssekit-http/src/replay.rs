//! Replays bytes through the readers without a socket, for property tests and fuzzing.

use std::sync::Arc;

use ssekit_record::{HttpVersion, Transcript};
use url::Url;

use crate::client::Seen;
use crate::content::ContentDecoder;
use crate::http1::ResponseReader;
use crate::recorder::Recorder;
use crate::redirect::Trail;
use crate::request::Outgoing;
use crate::stream_reader::StreamReader;
use crate::{Ask, HttpChoice, Limits};

const LIMITS: Limits = Limits {
    forgotten: 0,
    head: 4096,
    body: 16 * 1024,
    slices: 4096,
};

fn replay(read: impl FnOnce(&mut Recorder<'_>)) -> Transcript {
    #[expect(clippy::expect_used, reason = "a constant URL")]
    let url = Url::parse("http://h.example/").expect("a URL");
    let ask = Ask {
        probe: "replay".into(),
        method: "GET".into(),
        url,
        fields: Vec::new(),
        secret_fields: Vec::new(),
        body: None,
        http: HttpChoice::Auto,
    };
    let trail = Arc::new(Trail::new(&ask, 0));
    let request = Outgoing::new(&ask).record(HttpVersion::Http11);
    let mut observer = |_: crate::Glimpse<'_>| Seen::More;
    let mut rec = Recorder::new("replay", request, LIMITS, &trail, Some(&mut observer));
    read(&mut rec);
    rec.finish().0
}

/// What an HTTP/1 client makes of these bytes in slices of this size, and the close after them.
pub fn http1(bytes: &[u8], size: usize) -> Transcript {
    replay(|rec| {
        let mut reader = ResponseReader::new("GET", HttpVersion::Http11, LIMITS.head);
        for (slice, at_us) in bytes.chunks(size.max(1)).zip(1..) {
            if !rec.is_over() {
                reader.read(slice, at_us, rec);
            }
        }
        if !rec.is_over() {
            reader.close(None, u64::MAX, rec);
        }
    })
}

/// What the reader of an HTTP/2 stream makes of these bytes in slices of this size.
pub fn http2(bytes: &[u8], size: usize) -> Transcript {
    replay(|rec| {
        let mut reader = StreamReader::new("GET", LIMITS.head);
        for (slice, at_us) in bytes.chunks(size.max(1)).zip(1..) {
            if !rec.is_over() {
                reader.read(slice, at_us, rec);
            }
        }
    })
}

/// These bytes with this content coding undone, in slices of this size.
pub fn content(coding: &str, bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    if let Ok(Some(mut decoder)) = ContentDecoder::new(&[coding.to_owned()]) {
        for slice in bytes.chunks(size.max(1)) {
            let decoded = decoder.decode(slice, LIMITS.body - out.len());
            out.extend(decoded.bytes);
        }
        decoder.finish();
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;
    use ssekit_record::FaultKind;

    use super::*;

    /// Pieces that answers are made of, good and bad.
    const PIECES: [&str; 36] = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 200\n",
        "HTTP/1.1 103 X\r\n\r\n",
        "HTTP/1.1 204 \r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 5\r\n",
        "Content-Length: x\r\n",
        "Content-Encoding: gzip\r\n",
        "Content-Encoding: zstd, deflate\r\n",
        "Set-Cookie: a\r\n",
        " folded\r\n",
        "no colon\r\n",
        "A : b\r\n",
        "\r\n",
        "\r\n",
        "\n",
        "\r",
        "5\r\nab\ncd\r\n",
        "5\r\nab\ncd\r\n",
        "2\r\n:\n\r\n",
        "2;ext=\"a\"\r\n:\n\r\n",
        "2 ; ext\r\n:\n\r\n",
        "2  \r\n:\n\r\n",
        "2\n:\n\n",
        "fffffffffffffffff\r\n",
        "ff\r\n",
        "0\r\n",
        "0\r\n\r\n",
        "0\r\nT: v\r\n\r\n",
        "T: v\r\n",
        "T v\r\n",
        "data: x\n\n",
        "\0",
        ";",
        "\u{fffd}",
        "H",
    ];

    fn answers() -> impl Strategy<Value = Vec<u8>> {
        let pieces = vec(select(&PIECES[..]), 0..12).prop_map(|p| p.concat());
        let with_head = (
            vec(select(&PIECES[4..13]), 0..3),
            vec(select(&PIECES[13..]), 0..12),
        );
        let with_head = with_head
            .prop_map(|(h, b)| format!("HTTP/1.1 200 OK\r\n{}\r\n{}", h.concat(), b.concat()));
        prop_oneof![
            1 => pieces.prop_map(String::into_bytes),
            3 => with_head.prop_map(String::into_bytes),
            1 => vec(any::<u8>(), 0..200),
        ]
    }

    /// What must not depend on how the bytes were sliced.
    fn sliceless(mut seen: Transcript) -> impl PartialEq + std::fmt::Debug {
        // These are told by what has come so far, at the moment they are seen.
        let by_moment = [
            FaultKind::BytesAfterEnd,
            FaultKind::ContentForbidden,
            FaultKind::NotHttp,
        ];
        seen.faults.retain(|f| !by_moment.contains(&f.kind));
        // Content is decoded a slice at a time, so its faults come after those of the chunks in it.
        seen.faults
            .sort_by_key(|f| f.kind == FaultKind::ContentCodingInvalid);
        let faults: Vec<_> = seen
            .faults
            .into_iter()
            .map(|f| (f.kind, f.offset, f.detail))
            .collect();
        let head = seen.head.map(|h| (h.status, h.fields, h.interim));
        let content = seen.content.map(|c| c.bytes);
        (
            head,
            seen.chunks,
            seen.trailers,
            seen.body.bytes,
            content,
            faults,
            seen.end.kind,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn slices_do_not_change_what_http1_says(answer in answers(), size in 1_usize..20) {
            let whole = sliceless(http1(&answer, usize::MAX));
            prop_assert_eq!(sliceless(http1(&answer, size)), whole);
        }

        #[test]
        fn any_bytes_are_a_transcript(bytes in vec(any::<u8>(), 0..400), size in 1_usize..99) {
            http1(&bytes, size);
            http2(&bytes, size);
            for coding in ["gzip", "deflate", "br", "zstd"] {
                content(coding, &bytes, size);
            }
        }

        #[test]
        fn any_frames_are_a_transcript(
            frames in vec((0_u8..11, any::<u8>(), 0_u8..3, vec(any::<u8>(), 0..40)), 0..9),
            size in 1_usize..99,
        ) {
            let mut bytes = vec![0, 0, 0, 4, 0, 0, 0, 0, 0];
            for (kind, flags, stream, payload) in frames {
                let len = u8::try_from(payload.len()).unwrap();
                bytes.extend([0, 0, len, kind, flags, 0, 0, 0, stream]);
                bytes.extend(payload);
            }
            http2(&bytes, size);
        }
    }
}
