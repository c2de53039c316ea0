//! Undoes content codings as the bytes arrive (RFC 9110 section 8.4).

use std::fmt;

use compression_codecs::core::util::{PartialBuffer, WriteBuffer};
use compression_codecs::zstd::params::DParameter;
use compression_codecs::{
    BrotliDecoder, DecodeV2, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};

/// Codings accepted one over another.
const MOST_CODINGS: usize = 4;
/// Output taken from a codec at a time.
const PIECE: usize = 16 * 1024;
/// Longest body decoded again to find the place of a fault.
const MOST_REPEATED: usize = 1 << 20;
/// Most that comes of one slice between two codings.
const MOST_BETWEEN: usize = 1 << 24;
/// Largest zstd window, as a power of two: 8 MiB (RFC 9659).
const MOST_ZSTD: u8 = 23;

/// What became of one slice.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub bytes: Vec<u8>,
    /// Why nothing more can be decoded, and at which offset of the slice.
    pub fault: Option<(usize, String)>,
    /// There was more than `room` allows.
    pub full: bool,
}

/// The content codings of one message, undone as its bytes arrive.
pub struct ContentDecoder {
    codings: Vec<String>,
    stages: Vec<Stage>,
    begun: bool,
    broken: bool,
}

impl fmt::Debug for ContentDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ContentDecoder")
            .field(&self.codings)
            .finish()
    }
}

impl ContentDecoder {
    /// A decoder for the codings of a `Content-Encoding`, in the order listed (so the last one is
    /// undone first). `None` when there is nothing to undo.
    ///
    /// # Errors
    /// In words, when one of them is not known.
    pub fn new(listed: &[String]) -> Result<Option<Self>, String> {
        // `none` is no coding; servers send it to keep compressors away, and clients pass over it.
        let idle = |coding: &&String| matches!(coding.as_str(), "identity" | "none");
        let codings: Vec<_> = listed.iter().filter(|coding| !idle(coding)).collect();
        if codings.len() > MOST_CODINGS {
            return Err(format!("more than {MOST_CODINGS} content codings"));
        }
        let stages: Result<Vec<_>, _> = codings.iter().rev().map(|c| Stage::new(c)).collect();
        let stages = stages?;
        Ok((!stages.is_empty()).then(|| Self {
            codings: listed.to_vec(),
            stages,
            begun: false,
            broken: false,
        }))
    }

    /// Decodes one slice, and hands on piece by piece what comes of it. After an error nothing more comes.
    ///
    /// # Errors
    /// In words, why the data cannot be decoded.
    pub fn decode_each(&mut self, slice: &[u8], emit: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        if self.broken {
            return Ok(());
        }
        self.begun |= !slice.is_empty();
        let Some((last, outer)) = self.stages.split_last_mut() else {
            emit(slice);
            return Ok(());
        };
        let mut between: Option<Vec<u8>> = None;
        let mut result = Ok(());
        for stage in outer {
            let input = between.as_deref().unwrap_or(slice);
            let mut output = Vec::new();
            let stopped = stage.decode(input, &mut output, MOST_BETWEEN);
            result = result.and(stopped.map_err(|stop| stop.told(stage.name)));
            between = Some(output);
        }
        let input = between.as_deref().unwrap_or(slice);
        let stopped = last.decode_each(input, &mut |piece| {
            emit(piece);
            Ok(())
        });
        result = result.and(stopped.map_err(|stop| stop.told(last.name)));
        self.broken = result.is_err();
        result
    }

    /// Bytes of content that it keeps at most, since later content may refer to them: what came so far, up to
    /// the windows of the codings. Codecs keep some 50 KiB besides.
    pub fn held(&self) -> usize {
        self.stages.iter().map(Stage::held).sum()
    }

    /// Decodes one slice into at most `room` bytes. After a fault or too much, nothing more comes.
    pub(crate) fn decode(&mut self, slice: &[u8], room: usize) -> Decoded {
        let mut decoded = Decoded::default();
        if self.broken {
            return decoded;
        }
        self.begun |= !slice.is_empty();
        let mut input = slice.to_vec();
        for (depth, stage) in self.stages.iter_mut().enumerate() {
            let mut output = Vec::new();
            match stage.decode(&input, &mut output, room) {
                Ok(()) => {}
                Err(Stop::Full) => decoded.full = true,
                Err(Stop::Invalid(at, why)) => {
                    let at = if depth == 0 { at } else { 0 };
                    decoded
                        .fault
                        .get_or_insert((at, format!("{}: {why}", stage.name)));
                }
            }
            input = output;
        }
        self.broken = decoded.full || decoded.fault.is_some();
        decoded.bytes = input;
        decoded
    }

    /// What [`Self::decode`] gives of a whole body with a fault in it, byte by byte: a codec that
    /// fails keeps back what it had decoded in the same call, and does not say where it failed.
    /// `None` when the body is too long for that.
    pub(crate) fn decode_to_fault(&self, body: &[u8], room: usize) -> Option<Decoded> {
        if body.len() > MOST_REPEATED {
            return None;
        }
        let mut again = Self::new(&self.codings).ok()??;
        let mut all = Vec::new();
        for (at, byte) in body.iter().enumerate() {
            let step = again.decode(std::slice::from_ref(byte), room - all.len());
            all.extend(step.bytes);
            if step.full || step.fault.is_some() {
                return Some(Decoded {
                    bytes: all,
                    fault: step.fault.map(|(_, why)| (at, why)),
                    full: step.full,
                });
            }
        }
        None
    }

    /// Why the end of the message here is not the end of its compressed data, if it is not.
    pub fn finish(&self) -> Option<String> {
        let open = self.stages.iter().find(|s| !s.ended)?;
        (self.begun && !self.broken)
            .then(|| format!("the content ends before the end of its {} data", open.name))
    }
}

enum Stop {
    /// At this offset of the input, and why.
    Invalid(usize, String),
    Full,
}

impl Stop {
    fn told(&self, coding: &str) -> String {
        match self {
            Self::Invalid(_, why) => format!("{coding}: {why}"),
            Self::Full => format!("{coding}: too much comes of one slice"),
        }
    }
}

/// Takes a piece of output, or stops.
type Emit<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Stop>;

/// One coding.
struct Stage {
    name: &'static str,
    /// `None`: `deflate`, before the bytes have told which kind it is.
    codec: Option<Box<dyn DecodeV2 + Send>>,
    /// Bytes that came before `codec` was known.
    held: Vec<u8>,
    /// At the end of the compressed data; gzip and zstd may begin anew from there.
    ended: bool,
    /// The largest window so far; not known before the first byte.
    window: usize,
    /// Bytes that came of it.
    output: u64,
}

impl Stage {
    fn new(coding: &str) -> Result<Self, String> {
        let (name, codec): (_, Option<Box<dyn DecodeV2 + Send>>) = match coding {
            "gzip" | "x-gzip" => ("gzip", Some(Box::new(GzipDecoder::new()))),
            "br" => ("br", Some(Box::new(BrotliDecoder::new()))),
            "zstd" => {
                let window = [DParameter::window_log_max(MOST_ZSTD.into())];
                let codec = ZstdDecoder::new_with_params(&window);
                ("zstd", Some(Box::new(codec)))
            }
            "deflate" => ("deflate", None),
            other => return Err(format!("Content-Encoding: {other}")),
        };
        Ok(Self {
            name,
            codec,
            held: Vec::new(),
            ended: false,
            window: 0,
            output: 0,
        })
    }

    fn held(&self) -> usize {
        usize::try_from(self.output).map_or(self.window, |output| output.min(self.window))
    }

    fn decode(&mut self, input: &[u8], output: &mut Vec<u8>, room: usize) -> Result<(), Stop> {
        self.decode_each(input, &mut |piece| {
            let fits = piece.len().min(room.saturating_sub(output.len()));
            output.extend_from_slice(&piece[..fits]);
            if fits < piece.len() {
                return Err(Stop::Full);
            }
            Ok(())
        })
    }

    fn decode_each(&mut self, input: &[u8], emit: Emit<'_>) -> Result<(), Stop> {
        if self.codec.is_some() {
            return self.run(input, emit);
        }
        // `deflate` means the zlib format, but some send the bare data; two bytes tell them apart
        // (RFC 9110 section 8.4.1.2, RFC 1950 section 2.2).
        let before = self.held.len();
        self.held.extend_from_slice(input);
        let &[cmf, flg, ..] = self.held.as_slice() else {
            return Ok(());
        };
        let is_zlib = cmf & 0x0f == 8 && (u16::from(cmf) << 8 | u16::from(flg)) % 31 == 0;
        self.codec = Some(if is_zlib {
            Box::new(ZlibDecoder::new())
        } else {
            Box::new(DeflateDecoder::new())
        });
        let held = std::mem::take(&mut self.held);
        self.run(&held, emit).map_err(|stop| match stop {
            Stop::Invalid(at, why) => Stop::Invalid(at.saturating_sub(before), why),
            Stop::Full => Stop::Full,
        })
    }

    fn run(&mut self, input: &[u8], emit: Emit<'_>) -> Result<(), Stop> {
        let Some(codec) = &mut self.codec else {
            return Ok(());
        };
        if self.window == 0 {
            self.window = window(self.name, input);
        }
        let mut input = PartialBuffer::new(input);
        let mut piece = [0; PIECE];
        let mut more_held = false;
        while !input.unwritten().is_empty() || more_held {
            let at = input.written_len();
            let invalid = |e: std::io::Error| Stop::Invalid(at, e.to_string());
            if self.ended {
                if !begins_anew(self.name, input.unwritten()[0]) {
                    let why = "bytes after the end of the compressed data";
                    return Err(Stop::Invalid(at, why.into()));
                }
                codec.reinit().map_err(invalid)?;
                self.ended = false;
                self.window = self.window.max(window(self.name, input.unwritten()));
            }
            let mut buffer = WriteBuffer::new_initialized(&mut piece);
            let ended = match input.unwritten() {
                [] => drain(codec.as_mut(), self.name, &mut buffer),
                _ => codec.decode(&mut input, &mut buffer),
            };
            self.ended = ended.map_err(invalid)?;
            // Only a full piece can leave something inside the codec. It need not: then nothing more comes,
            // and that is no fault.
            let was_held =
                std::mem::replace(&mut more_held, buffer.has_no_spare_space() && !self.ended);
            let stuck = !was_held && buffer.written_len() == 0 && input.written_len() == at;
            let written = buffer.written_len();
            self.output += written as u64;
            emit(&piece[..written])?;
            if stuck && !self.ended {
                return Err(Stop::Invalid(at, "the data makes no sense".into()));
            }
        }
        Ok(())
    }
}

/// Most bytes that content of this coding which begins so may refer back to; the most that the coding knows
/// where the beginning does not tell. Nothing before the first byte.
fn window(coding: &str, begin: &[u8]) -> usize {
    match (coding, begin) {
        (_, []) => 0,
        // RFC 7932 section 9.1.
        ("br", [first, ..]) => match (first & 1, first >> 1 & 7, first >> 4 & 7) {
            (0, ..) => 1 << 16,
            (_, 0, 0) => 1 << 17,
            (_, 0, bits) => 1 << (8 + bits),
            (_, bits, _) => 1 << (17 + bits),
        },
        // A frame that is not a single segment (RFC 8878 section 3.1.1.1).
        ("zstd", [0x28, 0xb5, 0x2f, 0xfd, descriptor, window, ..]) if descriptor & 0x20 == 0 => {
            let base = 1_usize << (10 + (window >> 3)).min(MOST_ZSTD);
            base + base / 8 * usize::from(window & 7)
        }
        ("zstd", _) => 1 << MOST_ZSTD,
        // RFC 1951.
        _ => 1 << 15,
    }
}

/// Takes what a full piece has left inside the codec, if it has; whether that is the end of the data.
fn drain(
    codec: &mut dyn DecodeV2,
    name: &str,
    buffer: &mut WriteBuffer<'_>,
) -> std::io::Result<bool> {
    let mut nothing = PartialBuffer::new(&[][..]);
    if matches!(name, "br" | "zstd") {
        return codec.decode(&mut nothing, buffer);
    }
    // These call it an error when they are given nothing and have nothing; but flushed, they do not tell
    // of the end.
    codec.flush(buffer)?;
    let is_all = !buffer.has_no_spare_space();
    Ok(is_all && codec.decode(&mut nothing, buffer).unwrap_or(false))
}

/// Whether compressed data of this coding may follow other, and begin with this byte: gzip members
/// (RFC 1952 section 2.2), zstd frames and skippable frames (RFC 8878 section 3.1).
fn begins_anew(name: &str, first: u8) -> bool {
    match name {
        "gzip" => first == 0x1f,
        "zstd" => first == 0x28 || first & 0xf0 == 0x50,
        _ => false,
    }
}
