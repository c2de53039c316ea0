//! Any bytes as an answer over HTTP/1 give a transcript.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssekit_http::replay;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    replay::http1(bytes, size.into());
});
