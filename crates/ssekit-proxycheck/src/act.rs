//! What the origin does when a probe's request arrives.

use std::time::Duration;

/// How the origin ends its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Chunked; by the end of the connection where it was asked in HTTP/1.0.
    Chunked,
    /// By the end of the connection.
    Close,
    /// By `Content-Length`, which is that of all the pieces.
    Length,
}

/// One step of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Writes this content, in one piece.
    Piece(Vec<u8>),
    /// Writes an event that names the visit, so that two answers can be told apart.
    Stamp,
    /// Writes each byte as a chunk of its own.
    PerByte(Vec<u8>),
    /// Nothing for this long.
    Wait(Duration),
    /// Writes as much as is taken, up to this many bytes, for at most this long.
    Flood(u64, Duration),
    /// Ends the connection without ending the content.
    Fin,
    /// Resets the connection.
    Reset,
}

/// An answer, or its absence.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A response.
    Answer(Answer),
    /// Closes the connection without a byte.
    Close,
    /// Resets the connection without a byte.
    Reset,
}

/// A response. Unless a step ends the connection, the content ends as its framing has it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub status: u16,
    pub fields: Vec<(&'static str, String)>,
    pub framing: Framing,
    /// Silence before the head.
    pub before_head: Duration,
    pub steps: Vec<Step>,
    /// Whether the head goes out in one write with the first piece.
    pub joined: bool,
}

impl Answer {
    /// An event stream without content, marked as one that no cache may keep.
    pub(crate) fn stream() -> Self {
        Self {
            status: 200,
            fields: vec![
                ("Content-Type", "text/event-stream".into()),
                ("Cache-Control", "no-cache".into()),
            ],
            framing: Framing::Chunked,
            before_head: Duration::ZERO,
            steps: Vec::new(),
            joined: false,
        }
    }

    /// A response of this status without content.
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            fields: vec![("Cache-Control", "no-store".into())],
            framing: Framing::Length,
            before_head: Duration::ZERO,
            steps: Vec::new(),
            joined: false,
        }
    }

    pub(crate) fn framed(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    pub(crate) fn after(mut self, silence: Duration) -> Self {
        self.before_head = silence;
        self
    }

    /// Sends the head in one write with the first piece.
    pub(crate) fn with_first_piece(mut self) -> Self {
        self.joined = true;
        self
    }

    /// Sets a field, in place of one of the same name.
    pub(crate) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.retain(|(n, _)| *n != name);
        self.fields.push((name, value.into()));
        self
    }

    /// Leaves a field out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(n, _)| *n != name);
        self
    }

    pub(crate) fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    pub(crate) fn piece(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Piece(bytes.into()))
    }

    pub(crate) fn wait(self, ms: u64) -> Self {
        self.step(Step::Wait(Duration::from_millis(ms)))
    }

    /// `count` events of `size` bytes or a little more, one every `every` ms, numbered from `first`.
    pub(crate) fn events(mut self, first: usize, count: usize, size: usize, every: u64) -> Self {
        for number in first..first + count {
            self = self.piece(event(number, size)).wait(every);
        }
        self
    }

    /// Bytes of all pieces.
    pub(crate) fn length(&self) -> usize {
        let of = |step: &Step| match step {
            Step::Piece(bytes) | Step::PerByte(bytes) => bytes.len(),
            _ => 0,
        };
        self.steps.iter().map(of).sum()
    }
}

/// The event with this number: `size` bytes, unless its frame alone takes more. The number makes
/// its bytes unlike those of any other.
pub(crate) fn event(number: usize, size: usize) -> Vec<u8> {
    let begin = format!("id: {number}\ndata: event {number} ");
    let padding = size.saturating_sub(begin.len() + 2);
    // Words rather than one letter, so that a compressor has something to do and to hold.
    let words = "the quick brown fox jumps over the lazy dog "
        .bytes()
        .cycle();
    let mut bytes = begin.into_bytes();
    bytes.extend(words.take(padding));
    bytes.extend_from_slice(b"\n\n");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_their_size_and_differ() {
        assert_eq!(event(1, 4096).len(), 4096);
        assert_eq!(event(1, 40).len(), 40);
        assert_eq!(event(7, 0), b"id: 7\ndata: event 7 \n\n");
        assert_ne!(event(1, 64), event(2, 64));
        assert_eq!(Answer::stream().events(1, 3, 40, 5).length(), 120);
    }
}
