//! Content codings (RFC 9110 8.4): chosen by `Accept-Encoding`, flushed after each write, so that
//! every event can be decoded when it arrives.
use std::io;

use compression_codecs::{
    BrotliEncoder, EncodeV2, GzipEncoder, ZlibEncoder, ZstdEncoder,
    brotli::params::EncoderParams,
    core::{
        Level,
        util::{PartialBuffer, WriteBuffer},
    },
};
use http::{HeaderMap, header};

use crate::{answer::Source, flaw::CodingFlaw, negotiation::is_zero_weight, piece::Write};

/// Output taken from a codec at a time.
const PIECE: usize = 16 * 1024;
/// Good writes before the corrupt one, so that a check has seen events.
const GOOD_WRITES: usize = 6;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Zstd,
    Br,
    Gzip,
    Deflate,
}

impl Coding {
    /// The one the server likes best of those that are accepted by name (RFC 9110 12.5.3).
    pub(crate) fn accepted(fields: &HeaderMap) -> Option<Self> {
        let values = fields.get_all(header::ACCEPT_ENCODING);
        let values: Vec<_> = values.iter().filter_map(|v| v.to_str().ok()).collect();
        let names = |coding: &Self| {
            let mut items = values.iter().flat_map(|value| value.split(','));
            items.any(|item| {
                let mut parts = item.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default();
                name.eq_ignore_ascii_case(coding.name()) && !parts.any(is_zero_weight)
            })
        };
        [Self::Zstd, Self::Br, Self::Gzip, Self::Deflate]
            .into_iter()
            .find(names)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Br => "br",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    fn codec(self) -> Box<dyn EncodeV2 + Send> {
        match self {
            Self::Zstd => Box::new(ZstdEncoder::new(3)),
            Self::Br => {
                let params = EncoderParams::default().quality(Level::Precise(4));
                Box::new(BrotliEncoder::new(params))
            }
            Self::Gzip => Box::new(GzipEncoder::new(Level::Default.into())),
            // The coding of that name is the zlib format (RFC 9110 8.4.1.2).
            Self::Deflate => Box::new(ZlibEncoder::new(Level::Default.into())),
        }
    }
}

/// A source whose bytes are coded.
pub(crate) struct Coded<S> {
    source: S,
    codec: Box<dyn EncodeV2 + Send>,
    flaw: Option<CodingFlaw>,
    /// What waits to be coded, with the flaws that make it wait.
    held: Vec<u8>,
    writes: usize,
    ended: bool,
}

impl<S: Source> Source for Coded<S> {
    async fn next(&mut self) -> Option<Write> {
        while !self.ended {
            let coded = match self.source.next().await {
                Some(Write::Bytes(bytes)) => self.write(&bytes),
                Some(other) => return Some(other),
                None => self.end(),
            };
            // Without an allocation failure no codec refuses to encode.
            let Ok(coded) = coded else {
                return Some(Write::Break);
            };
            if !coded.is_empty() {
                return Some(coded.into());
            }
        }
        None
    }
}

impl<S> Coded<S> {
    pub(crate) fn new(source: S, coding: Coding, flaw: Option<CodingFlaw>) -> Self {
        Self {
            source,
            codec: coding.codec(),
            flaw,
            held: Vec::new(),
            writes: 0,
            ended: false,
        }
    }

    /// What leaves when these bytes are written.
    fn write(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.writes += 1;
        match self.flaw {
            Some(CodingFlaw::Plain) => Ok(bytes.to_vec()),
            Some(CodingFlaw::Corrupt) if self.writes > GOOD_WRITES => Ok(vec![0xff; bytes.len()]),
            Some(CodingFlaw::ToEnd) => {
                self.held.extend_from_slice(bytes);
                Ok(Vec::new())
            }
            Some(CodingFlaw::ToNext) => {
                let held = std::mem::replace(&mut self.held, bytes.to_vec());
                self.flushed(&held)
            }
            Some(CodingFlaw::Blocks(size)) => {
                self.held.extend_from_slice(bytes);
                let whole = self.held.len() / size * size;
                let rest = self.held.split_off(whole);
                let blocks = std::mem::replace(&mut self.held, rest);
                self.flushed(&blocks)
            }
            _ => self.flushed(bytes),
        }
    }

    fn flushed(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut coded = Vec::new();
        if bytes.is_empty() {
            return Ok(coded);
        }
        let mut input = PartialBuffer::new(bytes);
        while !input.unwritten().is_empty() {
            drain(&mut coded, |output| {
                self.codec.encode(&mut input, output).map(|()| true)
            })?;
        }
        while !drain(&mut coded, |output| self.codec.flush(output))? {}
        Ok(coded)
    }

    /// What leaves at the end.
    fn end(&mut self) -> io::Result<Vec<u8>> {
        self.ended = true;
        if self.flaw == Some(CodingFlaw::Plain) {
            return Ok(Vec::new());
        }
        let held = std::mem::take(&mut self.held);
        let mut coded = self.flushed(&held)?;
        if self.flaw != Some(CodingFlaw::Unfinished) {
            while !drain(&mut coded, |output| self.codec.finish(output))? {}
        }
        Ok(coded)
    }
}

/// One step of a codec, its output added to what there is.
fn drain(
    coded: &mut Vec<u8>,
    step: impl FnOnce(&mut WriteBuffer<'_>) -> io::Result<bool>,
) -> io::Result<bool> {
    let mut piece = [0; PIECE];
    let mut output = WriteBuffer::new_initialized(&mut piece);
    let done = step(&mut output)?;
    let written = output.written_len();
    coded.extend_from_slice(&piece[..written]);
    Ok(done)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use http::HeaderValue;

    use super::*;

    fn accepted(value: &'static str) -> Option<Coding> {
        let mut fields = HeaderMap::new();
        fields.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
        Coding::accepted(&fields)
    }

    #[test]
    fn a_coding_is_used_only_where_it_is_accepted_by_name() {
        assert_eq!(accepted("gzip, deflate, br, zstd"), Some(Coding::Zstd));
        assert_eq!(accepted("GZIP;q=0.5"), Some(Coding::Gzip));
        assert_eq!(accepted("br;q=0, deflate"), Some(Coding::Deflate));
        for none in ["", "identity", "*", "gzip;q=0.0", "x-gzip"] {
            assert_eq!(accepted(none), None, "{none}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    /// Writes, each of which leaves the source alone.
    struct Writes(Vec<&'static str>);

    impl Source for Writes {
        async fn next(&mut self) -> Option<Write> {
            (!self.0.is_empty()).then(|| Write::Bytes(self.0.remove(0).into()))
        }
    }

    async fn coded(flaw: Option<CodingFlaw>) -> usize {
        let mut source = Coded::new(Writes(vec!["data: a\n\n"; 3]), Coding::Gzip, flaw);
        let mut writes = 0;
        while source.next().await.is_some() {
            writes += 1;
        }
        writes
    }

    #[tokio::test]
    async fn each_write_leaves_at_once_unless_a_flaw_holds_it() {
        assert_eq!(coded(None).await, 4);
        assert_eq!(coded(Some(CodingFlaw::ToNext)).await, 3);
        assert_eq!(coded(Some(CodingFlaw::ToEnd)).await, 1);
        assert_eq!(coded(Some(CodingFlaw::Blocks(18))).await, 2);
        assert_eq!(coded(Some(CodingFlaw::Unfinished)).await, 3);
    }
}
