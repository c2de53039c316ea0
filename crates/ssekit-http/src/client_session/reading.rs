//! Frames as they come in slices, DATA without being gathered (RFC 9113 sections 4.1 and 6.1).

use ssekit_record::FaultKind;

use super::{CONNECTION_WINDOW, ClientSession, STREAM_WINDOW, SessionPart};
use crate::frame::{self, MAX_FRAME};

pub(super) const HEADER: usize = 9;

/// The frame whose payload is coming.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub len: usize,
    pub left: usize,
    /// Padding at the end; `None` while its length has not come.
    pub padding: Option<usize>,
}

/// What reading DATA came to.
pub(super) enum Step<'a> {
    Part(SessionPart<'a>),
    On,
    More,
}

impl ClientSession {
    /// Reads the header of a frame; whether it is complete.
    pub(super) fn begin(&mut self, input: &mut &[u8]) -> Result<bool, FaultKind> {
        let here = (HEADER - self.have).min(input.len());
        let (bytes, rest) = input.split_at(here);
        *input = rest;
        self.header[self.have..self.have + here].copy_from_slice(bytes);
        self.have += here;
        if self.have < HEADER {
            return Ok(false);
        }
        self.have = 0;
        let [a, b, c, kind, flags, s1, s2, s3, s4] = self.header;
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        let stream = u32::from_be_bytes([s1, s2, s3, s4]) & 0x7fff_ffff;
        if !self.peer.has_settings && kind != frame::SETTINGS {
            return Err(FaultKind::NotHttp2);
        }
        let goes_on = kind == frame::CONTINUATION;
        let interrupted = match &self.block {
            Some(block) => !goes_on || block.stream != stream,
            None => goes_on,
        };
        if len > MAX_FRAME || interrupted || kind == frame::DATA && stream == 0 {
            return Err(FaultKind::Http2);
        }
        let is_padded = kind == frame::DATA && flags & frame::PADDED != 0;
        self.reading = Some(Reading {
            kind,
            flags,
            stream,
            len,
            left: len,
            padding: (!is_padded).then_some(0),
        });
        Ok(true)
    }

    pub(super) fn data<'a>(
        &mut self,
        mut reading: Reading,
        input: &mut &'a [u8],
    ) -> Result<Step<'a>, FaultKind> {
        let Some(padding) = reading.padding else {
            if reading.left == 0 {
                return Err(FaultKind::Http2);
            }
            let Some((&padding, rest)) = input.split_first() else {
                return Ok(Step::More);
            };
            *input = rest;
            reading.left -= 1;
            if usize::from(padding) > reading.left {
                return Err(FaultKind::Http2);
            }
            reading.padding = Some(padding.into());
            self.reading = Some(reading);
            return Ok(Step::On);
        };
        if reading.left == 0 {
            self.reading = None;
            self.give_back(reading.stream, reading.len as u32);
            if reading.flags & frame::END_STREAM != 0 {
                self.ending = Some(reading.stream);
            }
            return Ok(Step::On);
        }
        if input.is_empty() {
            return Ok(Step::More);
        }
        let content = reading.left - padding;
        let most = if content > 0 { content } else { padding };
        let (bytes, rest) = input.split_at(most.min(input.len()));
        *input = rest;
        reading.left -= bytes.len();
        if content == 0 {
            reading.padding = Some(reading.left);
        }
        self.reading = Some(reading);
        let Some(stream) = self.find(reading.stream).filter(|_| content > 0) else {
            return Ok(Step::On);
        };
        if !stream.has_head {
            self.cancel(reading.stream);
            return Ok(Step::Part(SessionPart::Malformed(reading.stream)));
        }
        Ok(Step::Part(SessionPart::Data(reading.stream, bytes)))
    }

    /// Gives windows back once half of them is used (RFC 9113 section 6.9).
    pub(super) fn give_back(&mut self, stream: u32, count: u32) {
        self.consumed += count;
        if self.consumed >= CONNECTION_WINDOW / 2 {
            self.outbox.window_update(0, self.consumed, 0);
            self.consumed = 0;
        }
        let Some(found) = self.find(stream) else {
            return;
        };
        found.consumed += count;
        if found.consumed >= STREAM_WINDOW / 2 {
            let by = std::mem::take(&mut found.consumed);
            self.outbox.window_update(stream, by, 0);
        }
    }
}
