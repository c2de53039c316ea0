//! Any bytes as coded content are decoded within bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssekit_http::replay;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (coding, size, bytes) = input;
    let codings = ["gzip", "deflate", "br", "zstd"];
    replay::content(codings[usize::from(coding) % 4], bytes, size.into());
});
