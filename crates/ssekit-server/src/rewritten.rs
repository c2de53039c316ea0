//! A socket below hyper whose bytes are changed on their way.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at a time.
const SLICE: usize = 16 * 1024;

/// What becomes of the bytes of a connection.
pub(crate) trait Rewrite {
    /// Adds to `hyper` what it gets of these bytes of the client.
    fn read(&mut self, bytes: &[u8], hyper: &mut Vec<u8>) {
        hyper.extend_from_slice(bytes);
    }

    /// Adds to `client` what it gets of these bytes of hyper.
    fn write(&mut self, bytes: &[u8], client: &mut Vec<u8>);

    /// Adds to `client` what was held back and no longer is.
    fn release(&mut self, _client: &mut Vec<u8>) {}

    /// Whether nothing more is read: hyper gets the end.
    fn is_deaf(&self) -> bool {
        false
    }
}

/// A socket with what changes its bytes.
pub(crate) struct Rewritten<S, R> {
    socket: S,
    rewrite: R,
    /// Bytes for hyper.
    inward: Vec<u8>,
    /// Bytes for the client.
    outward: Vec<u8>,
}

impl<S, R> Rewritten<S, R> {
    pub(crate) fn new(socket: S, rewrite: R) -> Self {
        Self {
            socket,
            rewrite,
            inward: Vec::new(),
            outward: Vec::new(),
        }
    }
}

impl<S: AsyncWrite + Unpin, R: Rewrite> Rewritten<S, R> {
    fn poll_drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.rewrite.release(&mut self.outward);
        while !self.outward.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.outward))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outward.drain(..written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin, R: Rewrite + Unpin> AsyncRead for Rewritten<S, R> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.inward.is_empty() && !this.rewrite.is_deaf() {
            let mut slice = [0; SLICE];
            let mut read = ReadBuf::new(&mut slice);
            ready!(Pin::new(&mut this.socket).poll_read(context, &mut read))?;
            if read.filled().is_empty() {
                break;
            }
            this.rewrite.read(read.filled(), &mut this.inward);
        }
        let count = this.inward.len().min(into.remaining());
        into.put_slice(&this.inward[..count]);
        this.inward.drain(..count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin, R: Rewrite + Unpin> AsyncWrite for Rewritten<S, R> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_drain(context))?;
        this.rewrite.write(bytes, &mut this.outward);
        if let Poll::Ready(Err(error)) = this.poll_drain(context) {
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
