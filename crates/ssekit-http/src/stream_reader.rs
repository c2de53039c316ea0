//! Reads the response on the only stream of an HTTP/2 connection out of tapped bytes (RFC 9113
//! sections 6 and 8).

use ssekit_record::{EndKind, FaultKind, Goaway, escape};

use crate::connection_reader::{ConnectionReader, Item};
use crate::frame::{self, Frame};
use crate::message_reader::MessageReader;
use crate::recorder::Recorder;

/// The stream of the first request on a connection.
const STREAM: u32 = 1;

/// Incremental reader of everything the server sends; tells the recorder what it finds.
pub(crate) struct StreamReader {
    connection: ConnectionReader,
    message: MessageReader,
}

impl StreamReader {
    /// Refuses heads beyond `head_limit` bytes.
    pub fn new(method: &str, head_limit: usize) -> Self {
        Self {
            connection: ConnectionReader::new(head_limit),
            message: MessageReader::new(method),
        }
    }

    /// Whether the head that came allows no content.
    pub fn awaits_no_content(&self) -> bool {
        self.message.awaits_no_content()
    }

    pub fn read(&mut self, slice: &[u8], at_us: u64, rec: &mut Recorder<'_>) {
        let mut items = Vec::new();
        let read = self.connection.read(slice, &mut items);
        for item in items {
            if rec.is_over() {
                return;
            }
            match item {
                Item::Frame(frame) => self.frame(&frame, at_us, rec),
                Item::Fields {
                    stream: STREAM,
                    end_stream,
                    fields,
                } => self.message.fields(fields, end_stream, at_us, rec),
                Item::Fields { .. } => {}
            }
        }
        if let Err(why) = read
            && !rec.is_over()
        {
            let kind = why.end();
            let (fault, detail, words) = why.told();
            rec.fault(fault, rec.body_len(), at_us, detail);
            rec.end(kind, at_us, &words);
        }
    }

    fn frame(&mut self, frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
        match frame.kind {
            frame::DATA if frame.stream == STREAM => self.message.data(frame, at_us, rec),
            frame::RST_STREAM if frame.stream == STREAM => self.message.reset(frame, at_us, rec),
            frame::GOAWAY => goaway(frame, at_us, rec),
            _ => {}
        }
    }
}

fn goaway(frame: &Frame, at_us: u64, rec: &mut Recorder<'_>) {
    let last_stream = frame.number(0) & 0x7fff_ffff;
    let debug = frame.payload.get(8..).unwrap_or_default();
    let debug = escape(&debug[..debug.len().min(60)]);
    rec.goaway(Goaway {
        at_us,
        last_stream,
        error: frame.number(4),
        debug: debug.clone(),
    });
    let code = frame.error_code();
    if code == "NO_ERROR" && last_stream >= STREAM {
        // The server goes, but finishes this stream first (RFC 9113 section 6.8).
        return;
    }
    let mut detail = format!("GOAWAY {code}");
    if !debug.is_empty() {
        detail += &format!(" \"{debug}\"");
    }
    rec.fault(FaultKind::Http2, rec.body_len(), at_us, detail.as_str());
    rec.end(EndKind::Reset, at_us, &format!("the server sent {detail}"));
}
