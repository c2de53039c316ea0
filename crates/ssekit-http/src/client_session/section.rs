//! Field sections: heads of responses, and trailers (RFC 9113 sections 4.3 and 8.1).

use ssekit_record::FaultKind;

use super::{ClientSession, SessionPart};
use crate::field_line::FieldLine;
use crate::frame::{self, Frame};
use crate::message_reader::field_faults;
use crate::response_cursor::ResponseHead;

/// Longest field section in bytes, coded or decoded.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// A field section whose fragments are still coming.
pub(super) struct Block {
    pub stream: u32,
    pub end_stream: bool,
    pub fragments: Vec<u8>,
}

impl ClientSession {
    pub(super) fn fragment(
        &mut self,
        frame: &Frame,
    ) -> Result<Option<SessionPart<'static>>, FaultKind> {
        let content = frame.content().ok_or(FaultKind::Http2)?;
        let mut block = self.block.take().unwrap_or(Block {
            stream: frame.stream,
            end_stream: frame.has(frame::END_STREAM),
            fragments: Vec::new(),
        });
        block.fragments.extend_from_slice(content);
        if block.fragments.len() > MAX_HEAD {
            return Err(FaultKind::HeadTooLarge);
        }
        if !frame.has(frame::END_HEADERS) {
            self.block = Some(block);
            return Ok(None);
        }
        let fields = self.decode(&block.fragments)?;
        Ok(self.section(&block, fields))
    }

    fn decode(&mut self, block: &[u8]) -> Result<Vec<FieldLine>, FaultKind> {
        let (mut fields, mut size) = (Vec::new(), 0);
        let decoded = self.hpack.decode_with_cb(block, |name, value| {
            size += name.len() + value.len();
            if size <= MAX_HEAD {
                fields.push(FieldLine {
                    name: String::from_utf8_lossy(&name).into_owned(),
                    value: value.to_vec(),
                    offset: 0,
                });
            }
        });
        decoded.map_err(|_| FaultKind::Http2)?;
        if size > MAX_HEAD {
            return Err(FaultKind::HeadTooLarge);
        }
        Ok(fields)
    }

    /// A field section: an interim or final head, or trailers (RFC 9113 section 8.1).
    fn section(
        &mut self,
        block: &Block,
        mut fields: Vec<FieldLine>,
    ) -> Option<SessionPart<'static>> {
        let (number, ends) = (block.stream, block.end_stream);
        let has_head = self.find(number)?.has_head;
        let status = fields.iter().find(|field| field.name == ":status");
        let status =
            status.and_then(|field| std::str::from_utf8(&field.value).ok()?.parse::<u16>().ok());
        let status = status.filter(|status| (100..1000).contains(status));
        let is_malformed = match (has_head, status) {
            (true, _) => !ends,
            (false, None) => true,
            (false, Some(status)) => status < 200 && ends,
        };
        if is_malformed {
            self.cancel(number);
            return Some(SessionPart::Malformed(number));
        }
        let status = status.filter(|status| !has_head && *status >= 200);
        self.ending = ends.then_some(number);
        let status = status?;
        self.find(number)?.has_head = true;
        let faults = field_faults(&fields);
        fields.retain(|field| !field.name.starts_with(':'));
        let head = ResponseHead {
            status,
            fields,
            faults: faults.iter().map(|_| FaultKind::Http2).collect(),
        };
        Some(SessionPart::Head(number, head))
    }
}
