//! A stream that keeps a copy of every slice read through it, with its time.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;

/// What one read gave.
#[derive(Debug)]
pub(crate) enum Read {
    Slice(Vec<u8>),
    End,
    Failed(io::ErrorKind, String),
}

/// Everything read since the last look, in order.
#[derive(Debug, Default)]
pub(crate) struct TapLog {
    reads: Mutex<VecDeque<(Read, Instant)>>,
    news: Notify,
}

impl TapLog {
    pub fn take(&self) -> Option<(Read, Instant)> {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.pop_front()
    }

    /// Waits until there is something to take. May be dropped and called again.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    fn push(&self, read: Read, at: Instant) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        reads.push_back((read, at));
        self.news.notify_one();
    }
}

/// Wraps the stream under an HTTP library: above TLS, below the protocol.
#[derive(Debug)]
pub(crate) struct Tap<S> {
    io: S,
    log: Arc<TapLog>,
}

impl<S> Tap<S> {
    pub fn new(io: S) -> (Self, Arc<TapLog>) {
        let log = Arc::new(TapLog::default());
        let tap = Self {
            io,
            log: log.clone(),
        };
        (tap, log)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let done = Pin::new(&mut self.io).poll_read(cx, buf);
        let at = Instant::now();
        match &done {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                let slice = &buf.filled()[before..];
                if !slice.is_empty() {
                    self.log.push(Read::Slice(slice.to_vec()), at);
                } else if buf.remaining() > 0 {
                    self.log.push(Read::End, at);
                }
            }
            Poll::Ready(Err(e)) => self.log.push(Read::Failed(e.kind(), e.to_string()), at),
        }
        done
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.io).poll_write(cx, buf);
        // Then nobody will read any more, so this is how the peer's leaving is learned.
        if let Poll::Ready(Err(e)) = &done {
            let failed = Read::Failed(e.kind(), e.to_string());
            self.log.push(failed, Instant::now());
        }
        done
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
