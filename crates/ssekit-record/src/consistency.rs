//! What cannot be, whatever a peer did: a transcript that says so was not made by observing.

use crate::{Capture, Transcript};

impl Transcript {
    /// In what the transcript contradicts itself, if it does. No peer can bring that about, only a
    /// defect of ssekit or a hand in the file, so nothing may be concluded from it about the target.
    pub fn contradiction(&self) -> Option<String> {
        let content = self.content.as_ref();
        let captures = [
            ("wire", Some(&self.wire)),
            ("body", Some(&self.body)),
            ("content", content),
        ];
        let fault = captures
            .into_iter()
            .find_map(|(name, capture)| Some(format!("{name}: {}", gap(capture?)?)));
        fault
            .or_else(|| self.times().map(Into::into))
            .or_else(|| self.chunking().map(Into::into))
    }

    fn times(&self) -> Option<&'static str> {
        let end = self.end.at_us;
        let first = self.body.slices.first();
        match &self.head {
            None if !self.body.is_empty() => Some("there is a body and no head"),
            Some(head) if head.at_us > end => Some("the head came after the end"),
            Some(head) if first.is_some_and(|slice| slice.at_us < head.at_us) => {
                Some("the body began before the head was there")
            }
            _ if self
                .body
                .slices
                .last()
                .is_some_and(|slice| slice.at_us > end) =>
            {
                Some("the body went on after the end")
            }
            _ => None,
        }
    }

    fn chunking(&self) -> Option<&'static str> {
        let (wire, body) = (self.wire.len(), self.body.len());
        let beyond = |chunk: &crate::Chunk| chunk.wire_offset > wire || chunk.body_offset > body;
        if self.chunks.iter().any(beyond) {
            return Some("a chunk lies beyond the bytes");
        }
        let places = |chunk: &crate::Chunk| (chunk.wire_offset, chunk.body_offset);
        (!self.chunks.is_sorted_by_key(places)).then_some("the chunks are out of order")
    }
}

/// What is wrong with the slices of a capture.
fn gap(capture: &Capture) -> Option<&'static str> {
    let mut covered = 0_u64;
    for slice in &capture.slices {
        if slice.offset != covered || slice.len == 0 {
            return Some("the slices do not follow each other");
        }
        covered = covered.saturating_add(slice.len);
    }
    if covered != capture.len() {
        return Some("the slices do not cover the bytes");
    }
    let in_order = capture.slices.is_sorted_by_key(|slice| slice.at_us);
    (!in_order).then_some("a slice came before the one it follows")
}
