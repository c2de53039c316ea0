//! The chunk decoder says the same of the same bytes, however they are sliced.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ssekit_http::{ChunkDecoder, ChunkPart};

fn decode(bytes: &[u8], size: usize) -> (Vec<ChunkPart<'static>>, Vec<u8>) {
    let mut decoder = ChunkDecoder::new();
    let (mut parts, mut data) = (Vec::new(), Vec::new());
    for mut slice in bytes.chunks(size) {
        while let Some(part) = decoder.next(&mut slice) {
            match part {
                ChunkPart::Data(piece) => data.extend_from_slice(piece),
                ChunkPart::Chunk { offset, size, extension } => {
                    parts.push(ChunkPart::Chunk { offset, size, extension });
                }
                ChunkPart::Trailer(field) => parts.push(ChunkPart::Trailer(field)),
                ChunkPart::Fault { kind, offset, detail } => {
                    parts.push(ChunkPart::Fault { kind, offset, detail });
                }
                ChunkPart::End => parts.push(ChunkPart::End),
            }
        }
    }
    (parts, data)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = decode(bytes, usize::MAX);
    assert_eq!(decode(bytes, usize::from(size).max(1)), whole);
});
