//! One HTTP/2 connection with several requests, whose windows, PINGs and cancels the caller
//! decides. Every frame of both sides is recorded.

mod intake;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ssekit_record::{Connection, End, EndKind, FrameSeen, HttpVersion, Session, SessionStream};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{timeout, timeout_at};

use crate::connect::connect;
use crate::connection_reader::ConnectionReader;
use crate::deadline::in_seconds;
use crate::message_reader::MessageReader;
use crate::outbox::Outbox;
use crate::recorder::Recorder;
use crate::redirect::Trail;
use crate::request::{Outgoing, authority, target, validate};
use crate::{Ask, HttpChoice, HttpError, Options, tls};

/// Flow control window of the connection, so that no stream waits for another.
const CONNECTION_WINDOW: u32 = 16 << 20;
/// What every connection starts with (RFC 9113 section 6.9.2).
const FIRST_WINDOW: u32 = 65_535;
/// Flow control window of an open stream.
const STREAM_WINDOW: u32 = 1 << 20;
/// Longest time between two looks at a condition.
const TICK: Duration = Duration::from_millis(10);
/// Longest wait for the last frames to leave.
const FAREWELL: Duration = Duration::from_millis(500);

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Io for S {}

/// How much a stream may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// No content, until [`Multiplex::widen`].
    Closed,
    /// As much as it likes, within 1 MiB at a time.
    Open,
}

/// One connection. What the peer does never fails: it is in the session.
pub struct Multiplex {
    io: Option<Box<dyn Io>>,
    began: Instant,
    reader: ConnectionReader,
    outbox: Outbox,
    unflushed: bool,
    buffer: Vec<u8>,
    trail: Arc<Trail>,
    request: Outgoing,
    options: Options,
    streams: BTreeMap<u32, Stream>,
    consumed: u32,
    session: Session,
    end: Option<End>,
    settings: PeerSettings,
}

/// What the peer said of itself.
#[derive(Debug, Default)]
struct PeerSettings {
    came: bool,
    acknowledged: bool,
    most_streams: Option<u32>,
    leaves: bool,
}

/// One request.
struct Stream {
    rec: Recorder<'static>,
    message: MessageReader,
    window: Window,
    consumed: u32,
    cancelled: bool,
}

/// What one turn of the connection brought.
enum Turn {
    Read(usize),
    Wrote,
    Ended(EndKind, &'static str),
}

impl Multiplex {
    /// Connects, and says hello: streams begin without a window. Over TLS, HTTP/2 is agreed on by
    /// ALPN; without, it is spoken by prior knowledge.
    ///
    /// # Errors
    /// Only for faults of the caller or environment. A connection that does not come about is over
    /// at once.
    pub async fn connect(ask: &Ask, options: &Options) -> Result<Self, HttpError> {
        validate(ask)?;
        let secure = ask.url.scheme() == "https";
        let tls = match secure {
            true => Some(tls::config(&options.trust, HttpChoice::Http2)?),
            false => None,
        };
        let mut this = Self::new(ask, options);
        match this.reach(ask, tls).await {
            Ok(io) => this.io = Some(io),
            Err(detail) => {
                this.finish(EndKind::Unreachable, &detail);
                return Ok(this);
            }
        }
        let head_limit = u32::try_from(options.limits.head).unwrap_or(u32::MAX);
        let at_us = this.now_us();
        let hello = this.outbox.settings(0, head_limit, at_us);
        let wide = CONNECTION_WINDOW - FIRST_WINDOW;
        let update = this.outbox.window_update(0, wide, at_us);
        this.session.frames.extend([hello, update]);
        Ok(this)
    }

    fn new(ask: &Ask, options: &Options) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            io: None,
            began: Instant::now(),
            reader: ConnectionReader::new(options.limits.head),
            outbox: Outbox::new(),
            unflushed: false,
            buffer: vec![0; 64 * 1024],
            trail: Arc::new(Trail::new(ask, 0)),
            request: Outgoing::new(ask).for_http2(),
            options: options.clone(),
            streams: BTreeMap::new(),
            consumed: 0,
            session: Session {
                probe: ask.probe.clone(),
                started_unix_ms: unix.map_or(0, |d| d.as_millis() as u64),
                connection: Connection::default(),
                streams: Vec::new(),
                frames: Vec::new(),
                end: End {
                    kind: EndKind::Left,
                    at_us: 0,
                    detail: String::new(),
                },
            },
            end: None,
            settings: PeerSettings::default(),
        }
    }

    async fn reach(
        &mut self,
        ask: &Ask,
        tls: Option<Arc<rustls::ClientConfig>>,
    ) -> Result<Box<dyn Io>, String> {
        let limit = self.options.connect_timeout;
        let (stream, peer) = connect(&ask.url, limit, self.options.receive_buffer).await?;
        self.session.connection.peer = Some(peer.to_string());
        self.session.connection.connected_us = Some(self.now_us());
        let Some(config) = tls else {
            return Ok(Box::new(stream));
        };
        let handshake = timeout(limit, tls::handshake(stream, &ask.url, config)).await;
        let handshake =
            handshake.map_err(|_| format!("no TLS handshake within {}", in_seconds(limit)))?;
        let (stream, session) = handshake?;
        let agreed = session.alpn.as_deref() == Some("h2");
        self.session.connection.tls_us = Some(self.now_us());
        self.session.connection.tls = Some(session);
        if !agreed {
            return Err("the server did not agree to HTTP/2 by ALPN".into());
        }
        Ok(Box::new(stream))
    }

    /// Microseconds since the session began.
    pub fn now_us(&self) -> u64 {
        self.began.elapsed().as_micros() as u64
    }

    /// Whether nothing more can come.
    pub fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Whether both sides know each other's settings.
    pub fn has_settled(&self) -> bool {
        self.settings.came && self.settings.acknowledged
    }

    /// Whether the server said that it goes: no stream may be opened any more.
    pub fn leaves(&self) -> bool {
        self.settings.leaves
    }

    /// Streams the server allows at once; `None`: without bound.
    pub fn most_streams(&self) -> Option<u32> {
        self.settings.most_streams
    }

    /// The frames of both sides until now.
    pub fn frames(&self) -> &[FrameSeen] {
        &self.session.frames
    }

    /// Whether the head on this stream came, and says that an event stream follows.
    pub fn is_event_stream(&self, stream: u32) -> bool {
        self.rec(stream).is_some_and(Recorder::is_event_stream)
    }

    /// Whether the head on this stream came.
    pub fn has_head(&self, stream: u32) -> bool {
        self.rec(stream).is_some_and(Recorder::has_head)
    }

    /// Whether this stream ended.
    pub fn has_ended(&self, stream: u32) -> bool {
        self.rec(stream).is_some_and(Recorder::is_over)
    }

    fn rec(&self, stream: u32) -> Option<&Recorder<'static>> {
        self.streams.get(&stream).map(|stream| &stream.rec)
    }

    /// Asks once more; gives the number of the stream. The caller keeps to what the server allows.
    pub fn open(&mut self, window: Window) -> u32 {
        let opened = u32::try_from(self.streams.len()).unwrap_or(0);
        let id = 2 * opened + 1;
        let at_us = self.now_us();
        let url = &self.request.url;
        let (authority, path) = (authority(url), target(url));
        let mut fields: Vec<(&str, &[u8])> = vec![
            (":method", self.request.method.as_bytes()),
            (":scheme", url.scheme().as_bytes()),
            (":authority", authority.as_bytes()),
            (":path", path.as_bytes()),
        ];
        let given = self.request.fields.iter();
        fields.extend(given.map(|(name, value)| (name.as_str(), value.trim_ascii())));
        self.session
            .frames
            .extend(self.outbox.request(id, &fields, at_us));
        let probe = format!("{}-{id}", self.session.probe);
        let record = self.request.record(HttpVersion::Http2);
        let mut rec = Recorder::new(&probe, record, self.options.limits, &self.trail, None)
            .since(self.began, self.session.started_unix_ms);
        *rec.connection() = self.session.connection.clone();
        rec.connection().request_us = Some(at_us);
        let stream = Stream {
            rec,
            message: MessageReader::new(&self.request.method),
            window: Window::Closed,
            consumed: 0,
            cancelled: false,
        };
        self.streams.insert(id, stream);
        if window == Window::Open {
            self.widen(id);
        }
        id
    }

    /// Opens the window of a stream.
    pub fn widen(&mut self, stream: u32) {
        let at_us = self.now_us();
        if let Some(known) = self.streams.get_mut(&stream)
            && !known.rec.is_over()
        {
            known.window = Window::Open;
            let sent = self.outbox.window_update(stream, STREAM_WINDOW, at_us);
            self.session.frames.push(sent);
        }
    }

    /// Asks whether the server is there, with these eight bytes.
    pub fn ping(&mut self, payload: u64) {
        let at_us = self.now_us();
        let sent = self.outbox.ping(&payload.to_be_bytes(), 0, at_us);
        self.session.frames.push(sent);
    }

    /// Ends a stream that is still open with RST_STREAM(CANCEL).
    pub fn cancel(&mut self, stream: u32) {
        let at_us = self.now_us();
        if let Some(known) = self.streams.get_mut(&stream)
            && !known.rec.is_over()
        {
            known.cancelled = true;
            known.rec.end(EndKind::Left, at_us, "cancelled");
            self.session.frames.push(self.outbox.cancel(stream, at_us));
        }
    }

    /// Lets the connection go on until `enough` or the time is over; whether it was enough.
    pub async fn wait(
        &mut self,
        limit: Duration,
        enough: &mut (dyn FnMut(&Self) -> bool + Send),
    ) -> bool {
        let until = tokio::time::Instant::now() + limit;
        loop {
            if enough(self) {
                return true;
            }
            let now = tokio::time::Instant::now();
            if self.is_over() || now >= until {
                return false;
            }
            if let Ok(turn) = timeout_at(until.min(now + TICK), self.turn()).await {
                self.take(turn);
            }
        }
    }

    /// Waits until something was read or written. May be dropped and called again.
    async fn turn(&mut self) -> Turn {
        let Some(io) = &mut self.io else {
            return Turn::Ended(EndKind::Unreachable, "no connection");
        };
        let (outbox, unflushed, buffer) = (&mut self.outbox, &mut self.unflushed, &mut self.buffer);
        poll_fn(|cx| {
            let mut io = Pin::new(&mut **io);
            if let Poll::Ready(wrote) = poll_out(io.as_mut(), outbox, unflushed, cx) {
                return Poll::Ready(wrote);
            }
            let mut read = ReadBuf::new(buffer);
            let done = ready!(io.poll_read(cx, &mut read));
            Poll::Ready(match done {
                Ok(()) if read.filled().is_empty() => {
                    Turn::Ended(EndKind::Truncated, "the server closed the connection")
                }
                Ok(()) => Turn::Read(read.filled().len()),
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Turn::Ended(
                    EndKind::Truncated,
                    "the connection ended without close_notify",
                ),
                Err(_) => Turn::Ended(EndKind::Reset, "the connection was reset"),
            })
        })
        .await
    }

    /// Cancels every stream that is open, says goodbye and closes.
    pub async fn close(mut self) -> Session {
        let open: Vec<u32> = self.streams.keys().copied().collect();
        if !self.is_over() {
            for stream in open {
                self.cancel(stream);
            }
            let at_us = self.now_us();
            self.session.frames.push(self.outbox.goaway(at_us));
            self.finish(EndKind::Left, "");
        }
        if let Some(mut io) = self.io.take() {
            let farewell = async {
                let _ = io.write_all(self.outbox.bytes()).await;
                let _ = io.shutdown().await;
            };
            let _ = timeout(FAREWELL, farewell).await;
        }
        let streams = std::mem::take(&mut self.streams).into_iter();
        self.session.streams = streams
            .map(|(id, stream)| SessionStream {
                id,
                transcript: stream.rec.finish().0,
            })
            .collect();
        if let Some(end) = self.end {
            self.session.end = end;
        }
        self.session
    }
}

/// Writes what waits, then flushes it. A peer that takes nothing any more may still have sent
/// something, so that is found out by reading.
fn poll_out(
    mut io: Pin<&mut dyn Io>,
    outbox: &mut Outbox,
    unflushed: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Turn> {
    if !outbox.bytes().is_empty() {
        match ready!(io.as_mut().poll_write(cx, outbox.bytes())) {
            Ok(count) if count > 0 => {
                outbox.written(count);
                *unflushed = true;
            }
            _ => outbox.clear(),
        }
        return Poll::Ready(Turn::Wrote);
    }
    if *unflushed && io.poll_flush(cx).is_ready() {
        *unflushed = false;
    }
    Poll::Pending
}

impl std::fmt::Debug for Multiplex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multiplex")
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
