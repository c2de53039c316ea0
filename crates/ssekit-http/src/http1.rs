//! One exchange over HTTP/1: the request is written and the response read at the same time.
//!
//! Both are done here rather than by hyper, because a checker must choose every byte it sends
//! (case and order of field lines, an HTTP/1.0 request) and must read on where a strict client
//! library stops.

use std::io;
use std::time::{Duration, Instant};

use ssekit_record::{EndKind, FaultKind, HttpVersion};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::timeout;

use crate::body_reader::BodyReader;
use crate::deadline::Deadlines;
use crate::head_reader::{HeadReader, HeadStep};
use crate::recorder::Recorder;
use crate::request::Outgoing;

/// Most bytes taken in one read.
const READ: usize = 64 * 1024;
/// How long forbidden content is waited for after a head that allows none.
const FORBIDDEN_GRACE: Duration = Duration::from_millis(200);
/// How long bytes after the end of a message are waited for.
const EXCESS_GRACE: Duration = Duration::from_millis(20);
/// The same for an event stream of a declared length, whose next event may take its time.
const STREAM_EXCESS_GRACE: Duration = Duration::from_millis(400);

/// Makes the exchange on an established connection.
pub(crate) async fn exchange<S>(
    io: S,
    request: &Outgoing,
    version: HttpVersion,
    deadlines: &mut Deadlines,
    rec: &mut Recorder<'_>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (mut source, mut sink) = tokio::io::split(io);
    let mut reader = ResponseReader::new(&request.method, version, rec.limits().head);
    rec.connection().request_us = Some(rec.now_us());
    deadlines.begin_head(Instant::now());
    let sending = send(request, version, &mut sink);
    tokio::pin!(sending);
    let mut sent = false;
    let mut buf = vec![0; READ];
    while !rec.is_over() {
        tokio::select! {
            biased;
            () = deadlines.tick() => deadlines.check(rec),
            // A write that fails is told by what is read: an answer, or the end.
            _ = &mut sending, if !sent => sent = true,
            (read, at) = read_slice(&mut source, &mut buf) => {
                let at_us = rec.us(at);
                match read {
                    Ok(0) => reader.close(None, at_us, rec),
                    Ok(n) => reader.read(&buf[..n], at_us, rec),
                    Err(error) => reader.fail(&error, at_us, rec),
                }
            }
        }
        if rec.has_head() {
            deadlines.begin_body(Instant::now());
        } else {
            deadlines.head_goes_on(reader.head.bytes.len());
        }
    }
    reader.after_end(&mut source, &mut buf, rec).await;
}

/// Writes the request; short content in one write with the head, since some servers take a segment
/// for a message.
async fn send<S: AsyncWrite>(
    request: &Outgoing,
    version: HttpVersion,
    sink: &mut WriteHalf<S>,
) -> io::Result<()> {
    let mut first = request.head_bytes(version);
    let short = request.body.whole().filter(|whole| whole.len() <= READ);
    let mut sent = short.map_or(0, |whole| whole.len() as u64);
    first.extend_from_slice(short.map_or(&[], |whole| whole));
    sink.write_all(&first).await?;
    while let Some(piece) = request.body.piece(sent) {
        sink.write_all(&piece).await?;
        sent += piece.len() as u64;
    }
    sink.flush().await
}

/// One read, with the time right after it.
async fn read_slice<S: AsyncRead>(
    source: &mut ReadHalf<S>,
    buf: &mut [u8],
) -> (io::Result<usize>, Instant) {
    let read = source.read(buf).await;
    (read, Instant::now())
}

/// The readers of one response, in turn.
pub(crate) struct ResponseReader {
    method: String,
    asked: HttpVersion,
    head: HeadReader,
    body: Option<BodyReader>,
    /// How long to look for bytes after the end, once it came.
    grace: Option<Duration>,
}

impl ResponseReader {
    pub fn new(method: &str, asked: HttpVersion, limit: usize) -> Self {
        Self {
            method: method.into(),
            asked,
            head: HeadReader::new(limit),
            body: None,
            grace: None,
        }
    }

    pub fn read(&mut self, slice: &[u8], at_us: u64, rec: &mut Recorder<'_>) {
        let mut rest = slice;
        if self.body.is_none() && !self.read_head(&mut rest, at_us, rec) {
            return;
        }
        let Some(body) = &mut self.body else { return };
        if !rest.is_empty() && !rec.is_over() {
            body.read(rest, at_us, rec);
        }
        if body.is_empty() {
            self.grace = Some(if body.is_none() {
                FORBIDDEN_GRACE
            } else {
                excess_grace(rec)
            });
            rec.end(EndKind::Clean, at_us, "");
        } else if rec.is_clean() {
            self.grace = Some(excess_grace(rec));
        }
    }

    /// Whether the head is complete.
    fn read_head(&mut self, rest: &mut &[u8], at_us: u64, rec: &mut Recorder<'_>) -> bool {
        let step = self.head.read(rest);
        for (kind, offset, detail) in self.head.faults.drain(..) {
            rec.fault(kind, offset, at_us, detail);
        }
        match step {
            HeadStep::More => false,
            HeadStep::Head(raw) => {
                rec.head(&raw, std::mem::take(&mut self.head.interim), at_us);
                self.body = Some(BodyReader::new(&self.method, self.asked, &raw, rec));
                true
            }
            HeadStep::Unreadable((kind @ FaultKind::HeadTooLarge, offset, detail)) => {
                rec.end(EndKind::Limit, at_us, &detail);
                rec.fault(kind, offset, at_us, detail);
                false
            }
            HeadStep::Unreadable((kind, offset, detail)) => {
                // Nothing of this is a head, so it is kept as what came.
                let mut came = std::mem::take(&mut self.head.bytes);
                came.extend_from_slice(rest);
                let words = unreadable(kind, &came, &detail);
                rec.fault(kind, offset, at_us, detail);
                rec.wire(&came, at_us);
                rec.end(EndKind::Malformed, at_us, &words);
                false
            }
        }
    }

    pub fn close(&mut self, reset: Option<&str>, at_us: u64, rec: &mut Recorder<'_>) {
        if let Some(body) = &mut self.body {
            return body.close(reset, at_us, rec);
        }
        let came = self.head.bytes.len();
        let how = match (reset, came) {
            (None, 0) => "closed without an answer".to_owned(),
            (Some(_), 0) => "reset without an answer".to_owned(),
            (None, _) => format!("closed inside the head, after {came} bytes"),
            (Some(_), _) => format!("reset inside the head, after {came} bytes"),
        };
        let kind = if reset.is_some() {
            EndKind::Reset
        } else {
            EndKind::Truncated
        };
        rec.end(kind, at_us, &format!("the connection was {how}"));
    }

    fn fail(&mut self, error: &io::Error, at_us: u64, rec: &mut Recorder<'_>) {
        match error.kind() {
            // rustls: the connection ended without close_notify.
            io::ErrorKind::UnexpectedEof => {
                let detail = "the connection ended without close_notify";
                rec.fault(FaultKind::TlsUnclean, rec.wire_len(), at_us, detail);
                self.close(None, at_us, rec);
            }
            io::ErrorKind::InvalidData => {
                rec.end(EndKind::Malformed, at_us, &format!("TLS: {error}"));
            }
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => {
                self.close(Some("the connection was reset"), at_us, rec);
            }
            _ => self.close(Some(&format!("the connection failed: {error}")), at_us, rec),
        }
    }

    /// Looks for bytes that come after the end of the message.
    async fn after_end<S: AsyncRead>(
        &mut self,
        source: &mut ReadHalf<S>,
        buf: &mut [u8],
        rec: &mut Recorder<'_>,
    ) {
        let (Some(grace), Some(body), true) = (self.grace, &mut self.body, rec.is_clean()) else {
            return;
        };
        if let Ok((Ok(n), at)) = timeout(grace, read_slice(source, buf)).await
            && n > 0
        {
            body.read_excess(&buf[..n], rec.us(at), rec);
        }
    }
}

fn excess_grace(rec: &Recorder<'_>) -> Duration {
    if rec.is_measured_stream() {
        STREAM_EXCESS_GRACE
    } else {
        EXCESS_GRACE
    }
}

/// What a reader should know about bytes that are no response.
fn unreadable(kind: FaultKind, came: &[u8], detail: &str) -> String {
    if kind != FaultKind::NotHttp {
        return detail.to_owned();
    }
    match came {
        // A TLS alert or handshake record.
        [0x15 | 0x16, 0x03, ..] => {
            "the server answered with TLS on this port: use https://".to_owned()
        }
        // An HTTP/2 SETTINGS frame on stream 0.
        [0, 0, _, 4, _, 0, 0, 0, 0, ..] => {
            "the server speaks HTTP/2 on this port: ask with HTTP/2".to_owned()
        }
        _ => format!("the answer is not HTTP: it begins \"{detail}\""),
    }
}
