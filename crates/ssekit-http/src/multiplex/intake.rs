//! What a connection does with what comes: answers that are due, windows, ends.

use ssekit_record::{End, EndKind, Goaway, escape};

use super::{CONNECTION_WINDOW, Multiplex, STREAM_WINDOW, Stream, Turn, Window};
use crate::connection_reader::Item;
use crate::frame::{self, Frame};
use crate::outbox::{HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS};

/// Frames recorded.
const FRAMES: usize = 20_000;
/// Bytes that wait for a peer which does not read.
const UNWRITTEN: usize = 256 * 1024;

impl Multiplex {
    pub(super) fn take(&mut self, turn: Turn) {
        let at_us = self.now_us();
        match turn {
            Turn::Wrote => {}
            Turn::Ended(kind, detail) => self.finish(kind, detail),
            Turn::Read(count) => {
                let mut items = Vec::new();
                let slice = &self.buffer[..count];
                let read = self.reader.read(slice, &mut items);
                for item in items {
                    if self.is_over() {
                        return;
                    }
                    self.item(item, at_us);
                }
                if let Err(why) = read {
                    self.finish(why.end(), &why.told().2);
                }
            }
        }
        if self.outbox.bytes().len() > UNWRITTEN {
            self.finish(EndKind::Limit, "the server asks but does not read");
        }
    }

    fn item(&mut self, item: Item, at_us: u64) {
        match item {
            Item::Frame(frame) => self.frame(&frame, at_us),
            Item::Fields {
                stream,
                end_stream,
                fields,
            } => {
                if let Some(Stream { rec, message, .. }) = self.streams.get_mut(&stream)
                    && !rec.is_over()
                {
                    message.fields(fields, end_stream, at_us, rec);
                }
            }
        }
    }

    fn frame(&mut self, frame: &Frame, at_us: u64) {
        if self.session.frames.len() >= FRAMES {
            let detail = format!("stopped after {FRAMES} frames");
            return self.finish(EndKind::Limit, &detail);
        }
        self.session.frames.push(frame.seen(at_us, false));
        if let Some(detail) = frame.malformed().or_else(|| self.misplaced(frame)) {
            return self.finish(EndKind::Malformed, &detail);
        }
        match frame.kind {
            frame::DATA => self.data(frame, at_us),
            frame::RST_STREAM => {
                if let Some(Stream { rec, message, .. }) = self.streams.get_mut(&frame.stream)
                    && !rec.is_over()
                {
                    message.reset(frame, at_us, rec);
                }
            }
            frame::SETTINGS => self.settings(frame, at_us),
            frame::PING if !frame.has(frame::ACK) => {
                let sent = self.outbox.ping(&frame.payload, frame::ACK, at_us);
                self.session.frames.push(sent);
            }
            frame::GOAWAY => self.goaway(frame, at_us),
            _ => {}
        }
    }

    /// What is wrong with a frame at this place.
    fn misplaced(&self, frame: &Frame) -> Option<String> {
        if frame.kind == frame::PUSH_PROMISE {
            return Some("PUSH_PROMISE, though SETTINGS_ENABLE_PUSH is 0".into());
        }
        let on_stream = matches!(frame.kind, frame::DATA | frame::HEADERS | frame::RST_STREAM);
        let idle = on_stream && !self.streams.contains_key(&frame.stream);
        idle.then(|| format!("a frame on stream {}, which was never opened", frame.stream))
    }

    fn data(&mut self, frame: &Frame, at_us: u64) {
        let len = u32::try_from(frame.payload.len()).unwrap_or(u32::MAX);
        self.consumed += len;
        if self.consumed > CONNECTION_WINDOW / 2 {
            let sent = self.outbox.window_update(0, self.consumed, at_us);
            self.session.frames.push(sent);
            self.consumed = 0;
        }
        let Some(stream) = self.streams.get_mut(&frame.stream) else {
            return;
        };
        if !stream.rec.is_over() {
            stream.message.data(frame, at_us, &mut stream.rec);
        }
        stream.consumed = stream.consumed.saturating_add(len);
        let wants = stream.window == Window::Open && !stream.cancelled;
        if wants && stream.consumed > STREAM_WINDOW / 2 && !frame.has(frame::END_STREAM) {
            let by = std::mem::take(&mut stream.consumed);
            let sent = self.outbox.window_update(frame.stream, by, at_us);
            self.session.frames.push(sent);
        }
    }

    fn settings(&mut self, frame: &Frame, at_us: u64) {
        if frame.has(frame::ACK) {
            self.settings.acknowledged = true;
            return;
        }
        self.settings.came = true;
        for (id, value) in frame.settings() {
            match id {
                HEADER_TABLE_SIZE => self.outbox.table_size(value),
                MAX_CONCURRENT_STREAMS => self.settings.most_streams = Some(value),
                _ => {}
            }
        }
        self.session.frames.push(self.outbox.settings_ack(at_us));
    }

    fn goaway(&mut self, frame: &Frame, at_us: u64) {
        self.settings.leaves = true;
        let last_stream = frame.number(0) & 0x7fff_ffff;
        let debug = frame.payload.get(8..).unwrap_or_default();
        let goaway = Goaway {
            at_us,
            last_stream,
            error: frame.number(4),
            debug: escape(&debug[..debug.len().min(60)]),
        };
        for (id, stream) in &mut self.streams {
            if stream.rec.is_over() {
                continue;
            }
            stream.rec.goaway(goaway.clone());
            if *id > last_stream {
                let detail = format!("GOAWAY {}", frame.error_code());
                stream.rec.end(EndKind::Reset, at_us, &detail);
            }
        }
    }

    pub(super) fn finish(&mut self, kind: EndKind, detail: &str) {
        let at_us = self.now_us();
        for stream in self.streams.values_mut() {
            stream.rec.end(kind, at_us, detail);
        }
        self.end.get_or_insert(End {
            kind,
            at_us,
            detail: detail.into(),
        });
    }
}
