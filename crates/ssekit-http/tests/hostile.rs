//! A peer that writes anything, in any slices, and leaves in any way: a transcript, in time.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod peer;

use std::time::{Duration, Instant};

use peer::*;
use proptest::collection::vec;
use proptest::prelude::*;
use ssekit_http::HttpChoice;
use ssekit_record::EndKind;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..80),
        Just(head("").into_bytes()),
        Just(head(CHUNKED).into_bytes()),
        Just(head("Content-Encoding: br\r\n").into_bytes()),
        Just(b"5\r\n:abc\n\r\n".to_vec()),
        Just(b"0\r\n\r\n".to_vec()),
        Just(vec![0, 0, 0, 4, 0, 0, 0, 0, 0]),
        Just(vec![0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88]),
        Just(vec![0, 0, 2, 0, 0, 0, 0, 0, 1, b':', b'\n']),
    ];
    let step = prop_oneof![
        6 => piece.prop_map(Step::Send),
        2 => Just(Step::Wait(1)),
        1 => Just(Step::Reset),
    ];
    vec(step, 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn anything_is_a_transcript(steps in steps(), http2 in any::<bool>(), hold in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let began = Instant::now();
        let seen = runtime.block_on(async {
            let mut steps = steps;
            if hold {
                steps.push(Step::Hold);
            }
            let (url, _served) = serve(vec![steps]).await;
            let mut ask = ask(&url);
            if http2 {
                ask.http = HttpChoice::Http2;
            }
            let mut options = options();
            options.head_timeout = Duration::from_millis(40);
            options.body_timeout = Some(Duration::from_millis(40));
            watch(&ask, &options).await
        });
        prop_assert!(began.elapsed() < Duration::from_secs(5));
        prop_assert!(seen.end.kind != EndKind::Unreachable);
        prop_assert!(seen.end.kind != EndKind::Clean || seen.head.is_some());
        for capture in [&seen.wire, &seen.body] {
            let times: Vec<_> = capture.slices.iter().map(|s| s.at_us).collect();
            prop_assert!(times.is_sorted());
            prop_assert!(times.last().is_none_or(|t| seen.head.is_none() || *t <= seen.end.at_us
                || seen.end.kind == EndKind::Clean));
        }
    }
}
