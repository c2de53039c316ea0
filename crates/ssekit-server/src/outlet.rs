//! Defects in when bytes leave: writes held back, gathered or torn.
use bytes::Bytes;

use crate::{
    flaw::FlowFlaw,
    piece::{PieceKind, Write},
};

/// Passes writes on, as one flow defect does.
#[derive(Debug)]
pub(crate) struct Outlet {
    flaw: Option<FlowFlaw>,
    held: Vec<Write>,
    block: Vec<u8>,
}

impl Outlet {
    pub(crate) fn new(flaw: Option<FlowFlaw>) -> Self {
        Self {
            flaw,
            held: Vec::new(),
            block: Vec::new(),
        }
    }

    /// The writes that leave now that these have come.
    pub(crate) fn pass(&mut self, kind: PieceKind, writes: Vec<Write>) -> Vec<Write> {
        let is_event = matches!(kind, PieceKind::Event { .. });
        match self.flaw {
            Some(FlowFlaw::HoldEvent) if is_event => std::mem::replace(&mut self.held, writes),
            Some(FlowFlaw::HoldTail) => self.hold_tail(is_event, writes),
            Some(FlowFlaw::Block(size)) => self.gather(size, &writes),
            Some(FlowFlaw::PerByte) => tear(&writes),
            Some(FlowFlaw::Gather(count)) if is_event => self.collect(count, writes),
            _ => writes,
        }
    }

    /// The writes that leave at the end of the stream.
    pub(crate) fn finish(&mut self) -> Vec<Write> {
        let mut writes = std::mem::take(&mut self.held);
        if !self.block.is_empty() {
            writes.push(std::mem::take(&mut self.block).into());
        }
        writes
    }

    fn hold_tail(&mut self, is_event: bool, writes: Vec<Write>) -> Vec<Write> {
        let mut bytes = joined(&std::mem::take(&mut self.held));
        bytes.extend(joined(&writes));
        if is_event && bytes.ends_with(b"\n") {
            self.held = vec![bytes.split_off(bytes.len() - 1).into()];
        }
        vec![bytes.into()]
    }

    fn collect(&mut self, count: usize, writes: Vec<Write>) -> Vec<Write> {
        self.held.extend(writes);
        if self.held.len() < count {
            return Vec::new();
        }
        vec![joined(&std::mem::take(&mut self.held)).into()]
    }

    fn gather(&mut self, size: usize, writes: &[Write]) -> Vec<Write> {
        self.block.extend(joined(writes));
        let mut blocks = Vec::new();
        while self.block.len() >= size {
            let rest = self.block.split_off(size);
            blocks.push(std::mem::replace(&mut self.block, rest).into());
        }
        blocks
    }
}

fn joined(writes: &[Write]) -> Vec<u8> {
    let bytes = writes.iter().filter_map(|write| match write {
        Write::Bytes(bytes) => Some(&bytes[..]),
        _ => None,
    });
    bytes.collect::<Vec<_>>().concat()
}

fn tear(writes: &[Write]) -> Vec<Write> {
    let bytes = joined(writes);
    bytes
        .into_iter()
        .map(|byte| Write::Bytes(Bytes::from(vec![byte])))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const EVENT: PieceKind = PieceKind::Event {
        number: 1,
        last: false,
    };

    fn bytes(text: &'static str) -> Vec<Write> {
        vec![Write::Bytes(text.into())]
    }

    #[test]
    fn an_event_waits_for_the_next_and_comments_do_not() {
        let mut outlet = Outlet::new(Some(FlowFlaw::HoldEvent));
        assert_eq!(outlet.pass(PieceKind::Preamble, bytes(":\n")), bytes(":\n"));
        assert_eq!(outlet.pass(EVENT, bytes("a")), []);
        assert_eq!(outlet.pass(EVENT, bytes("b")), bytes("a"));
        assert_eq!(outlet.finish(), bytes("b"));
    }

    #[test]
    fn the_empty_line_waits_for_whatever_comes_next() {
        let mut outlet = Outlet::new(Some(FlowFlaw::HoldTail));
        assert_eq!(outlet.pass(EVENT, bytes("data:a\n\n")), bytes("data:a\n"));
        assert_eq!(
            outlet.pass(PieceKind::Heartbeat, bytes(":\n")),
            bytes("\n:\n")
        );
        assert_eq!(outlet.pass(EVENT, bytes("data:b\n\n")), bytes("data:b\n"));
        assert_eq!(outlet.finish(), bytes("\n"));
    }

    #[test]
    fn events_leave_together() {
        let mut outlet = Outlet::new(Some(FlowFlaw::Gather(2)));
        assert_eq!(outlet.pass(EVENT, bytes("a")), []);
        assert_eq!(
            outlet.pass(PieceKind::Heartbeat, bytes(":\n")),
            bytes(":\n")
        );
        assert_eq!(outlet.pass(EVENT, bytes("b")), bytes("ab"));
        assert_eq!(outlet.pass(EVENT, bytes("c")), []);
        assert_eq!(outlet.finish(), bytes("c"));
    }

    #[test]
    fn blocks_have_one_size_until_the_end() {
        let mut outlet = Outlet::new(Some(FlowFlaw::Block(4)));
        assert_eq!(outlet.pass(EVENT, bytes("abc")), []);
        let two = [bytes("abcd"), bytes("efgh")].concat();
        assert_eq!(outlet.pass(EVENT, bytes("defghi")), two);
        assert_eq!(outlet.finish(), bytes("i"));
        let mut torn = Outlet::new(Some(FlowFlaw::PerByte));
        assert_eq!(
            torn.pass(EVENT, bytes("ab")),
            [bytes("a"), bytes("b")].concat()
        );
    }
}
