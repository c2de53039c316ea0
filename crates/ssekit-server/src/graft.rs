//! A socket that adds a field to every HTTP/2 field block written through it, which hyper would
//! refuse to send.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Length of a frame header (RFC 9113 4.1).
const HEADER: usize = 9;
/// The type of HEADERS (RFC 9113 6.2).
const HEADERS: u8 = 1;
/// The flags END_HEADERS and PADDED of HEADERS.
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
/// HTTP/1.1 answers begin with it; no frame of ours is that long.
const HTTP1: u8 = b'H';

/// Adds the field to whole, unpadded HEADERS frames; HTTP/1.1 passes as it is.
pub(crate) struct Graft<S> {
    socket: S,
    field: Vec<u8>,
    plain: Option<bool>,
    held: Vec<u8>,
    ready: Vec<u8>,
}

impl<S> Graft<S> {
    /// Adds a field of this name and value, each shorter than 127 bytes.
    pub(crate) fn new(socket: S, name: &str, value: &str) -> Self {
        Self {
            socket,
            field: literal(name, value),
            plain: None,
            held: Vec::new(),
            ready: Vec::new(),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        let plain = *self
            .plain
            .get_or_insert(bytes.first().is_some_and(|byte| *byte == HTTP1));
        if plain {
            self.ready.extend_from_slice(bytes);
            return;
        }
        self.held.extend_from_slice(bytes);
        while let Some(&[a, b, c, kind, flags, ..]) = self.held.get(..HEADER) {
            let len = u32::from_be_bytes([0, a, b, c]);
            let end = HEADER + len as usize;
            if self.held.len() < end {
                break;
            }
            let whole = kind == HEADERS && flags & END_HEADERS != 0 && flags & PADDED == 0;
            let grown = len as usize + if whole { self.field.len() } else { 0 };
            let [_, a, b, c] = u32::try_from(grown).unwrap_or(len).to_be_bytes();
            self.ready.extend_from_slice(&[a, b, c]);
            self.ready.extend(self.held.drain(..end).skip(3));
            if whole {
                self.ready.extend_from_slice(&self.field);
            }
        }
    }
}

/// A literal field line without indexing, its name new and neither string compressed (RFC 7541
/// 6.2.2).
fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        field.push(u8::try_from(text.len()).unwrap_or(0) & 0x7f);
        field.extend_from_slice(text.as_bytes());
    }
    field
}

impl<S: AsyncWrite + Unpin> Graft<S> {
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.ready.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.ready))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.ready.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Graft<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Graft<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_drain(context))?;
        self.take(bytes);
        if let Poll::Ready(Err(error)) = self.poll_drain(context) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written when these bytes come in slices of this size.
    fn written(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut graft = Graft::new((), "A", "b");
        for slice in bytes.chunks(size) {
            graft.take(slice);
        }
        assert!(graft.held.is_empty());
        graft.ready
    }

    #[test]
    fn only_whole_field_blocks_grow_whatever_the_slices() {
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let headers = [0, 0, 1, HEADERS, END_HEADERS, 0, 0, 0, 1, 0x88];
        let begun = [0, 0, 1, HEADERS, 0, 0, 0, 0, 3, 0x88];
        let grown = [
            0,
            0,
            6,
            HEADERS,
            END_HEADERS,
            0,
            0,
            0,
            1,
            0x88,
            0,
            1,
            b'A',
            1,
            b'b',
        ];
        let bytes = [&settings[..], &headers, &begun].concat();
        let expected = [&settings[..], &grown, &begun].concat();
        for size in 1..=bytes.len() {
            assert_eq!(written(&bytes, size), expected, "{size}");
        }
    }

    #[test]
    fn http1_is_left_alone() {
        let bytes = b"HTTP/1.1 200 OK\r\n\r\ndata: a\n\n";
        assert_eq!(written(bytes, 4), bytes);
    }
}
