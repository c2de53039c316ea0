//! The EventSource state machine.
use alloc::string::{String, ToString};
use core::fmt;

use crate::{Backoff, LimitError, Limits, Parser, Sink};

/// Whether and how an [`EventSource`] is connected (HTML, the `readyState` attribute).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// A connection is being made, or waited for.
    Connecting,
    /// Bytes of the stream are expected.
    Open,
    /// No connection, and none will be made.
    Closed,
}

/// What the driver is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Send the request: `GET`, `Accept: text/event-stream`, `Cache-Control: no-store`, redirects
    /// followed. Then call [`EventSource::handle_response`] or
    /// [`EventSource::handle_connect_error`].
    Connect {
        /// Value of the `Last-Event-ID` field, as UTF-8; none if the last event ID string is
        /// empty.
        last_event_id: Option<String>,
    },
    /// Wait so long, then call [`EventSource::handle_timeout`].
    Wait {
        /// Milliseconds.
        ms: u64,
    },
    /// Drop the connection, if there is one, and stop.
    Stop,
}

/// Why an [`EventSource`] is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// The response had this status, which is not 200. 204 is how a server tells a client to stop.
    Status(u16),
    /// The response was not `text/event-stream`.
    ContentType,
    /// The stream passed a limit of the parser.
    Limit(LimitError),
    /// [`EventSource::close`] was called.
    Caller,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(204) => f.write_str("the server answered 204: do not reconnect"),
            Self::Status(status) => write!(f, "the server answered {status} instead of 200"),
            Self::ContentType => f.write_str("the response is not text/event-stream"),
            Self::Limit(error) => error.fmt(f),
            Self::Caller => f.write_str("closed by the caller"),
        }
    }
}

/// An event source without socket and clock (HTML, 9.2.3 Processing model).
///
/// The driver asks [`EventSource::poll_action`] until it returns nothing, does what it is told,
/// and reports what happened:
///
/// 1. on [`Action::Connect`], [`EventSource::handle_response`] or
///    [`EventSource::handle_connect_error`];
/// 2. while [`State::Open`]: [`EventSource::handle_bytes`] for each slice, then
///    [`EventSource::handle_end`], however the stream ended;
/// 3. on [`Action::Wait`], [`EventSource::handle_timeout`];
/// 4. on [`Action::Stop`], nothing more.
///
/// What does not fit is ignored: no timeout during a request makes a second connection, and no
/// late report of an old connection does harm.
/// The last event ID and the reconnection time outlive connections; everything else of the parser
/// is cleared between them.
///
/// Methods are getters, `handle_*` (what happened), `poll_*` (what to do), and commands.
#[derive(Debug, Clone)]
pub struct EventSource {
    phase: Phase,
    parser: Parser,
    backoff: Option<Backoff>,
    failed_attempts: u32,
    closed: Option<Closed>,
}

/// Where it stands: a `To…` goes on to the phase after it when its action is polled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    ToConnect,
    Requesting,
    ToWait,
    Waiting,
    Open,
    ToStop,
    Stopped,
}

/// The reconnection time until the stream sets one. The standard leaves it to the client,
/// "probably in the region of a few seconds".
pub const DEFAULT_RECONNECTION_MS: u64 = 3_000;

impl Default for EventSource {
    fn default() -> Self {
        Self::new(Limits::default(), None)
    }
}

impl EventSource {
    /// In [`State::Connecting`], about to connect. Without a backoff every wait is the
    /// reconnection time.
    #[must_use]
    pub fn new(limits: Limits, backoff: Option<Backoff>) -> Self {
        Self {
            phase: Phase::ToConnect,
            parser: Parser::with_limits(limits),
            backoff,
            failed_attempts: 0,
            closed: None,
        }
    }

    /// To resume where an earlier run ended: call it before the first connection.
    pub fn set_last_event_id(&mut self, id: &str) {
        self.parser.set_last_event_id(id);
    }

    /// See [`State`].
    #[must_use]
    pub fn state(&self) -> State {
        match self.phase {
            Phase::ToConnect | Phase::Requesting | Phase::ToWait | Phase::Waiting => {
                State::Connecting
            }
            Phase::Open => State::Open,
            Phase::ToStop | Phase::Stopped => State::Closed,
        }
    }

    /// Why it is closed, if it is.
    #[must_use]
    pub fn closed(&self) -> Option<Closed> {
        self.closed
    }

    /// The last event ID string.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        self.parser.last_event_id()
    }

    /// The reconnection time in milliseconds: as last set by the server, or else
    /// [`DEFAULT_RECONNECTION_MS`].
    #[must_use]
    pub fn reconnection_ms(&self) -> u64 {
        self.parser.retry_ms().unwrap_or(DEFAULT_RECONNECTION_MS)
    }

    /// Attempts to connect that failed since the last stream was open.
    #[must_use]
    pub fn failed_attempts(&self) -> u32 {
        self.failed_attempts
    }

    /// The head of the response, after redirects. `content_type` is the value of its
    /// `Content-Type` field. Returns the new state: [`State::Open`] or, for good,
    /// [`State::Closed`].
    ///
    /// Status 200 and the essence `text/event-stream`, whatever its case and parameters, open it;
    /// anything else fails the connection.
    pub fn handle_response(&mut self, status: u16, content_type: Option<&[u8]>) -> State {
        if self.phase != Phase::Requesting {
            return self.state();
        }
        if status != 200 {
            self.shut(Closed::Status(status));
        } else if !content_type.is_some_and(is_event_stream) {
            self.shut(Closed::ContentType);
        } else {
            self.phase = Phase::Open;
            self.failed_attempts = 0;
        }
        self.state()
    }

    /// The request failed before a response: it will be tried again. Where that would be futile,
    /// call [`EventSource::close`] instead.
    pub fn handle_connect_error(&mut self) {
        if self.phase == Phase::Requesting {
            self.failed_attempts = self.failed_attempts.saturating_add(1);
            self.phase = Phase::ToWait;
        }
    }

    /// The next slice of the body.
    ///
    /// # Errors
    /// When the stream passes a limit. It is then closed: the next connection would most likely
    /// bring the same.
    pub fn handle_bytes<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), LimitError> {
        if self.phase != Phase::Open {
            return Ok(());
        }
        let result = self.parser.feed(bytes, sink);
        if let Err(error) = result {
            self.shut(Closed::Limit(error));
        }
        result
    }

    /// The body ended, cleanly or not: the block that was begun is discarded and the connection
    /// reestablished.
    pub fn handle_end<S: Sink>(&mut self, sink: &mut S) {
        if self.phase == Phase::Open {
            self.parser.finish(sink);
            self.parser.reset();
            self.phase = Phase::ToWait;
        }
    }

    /// The wait is over.
    pub fn handle_timeout(&mut self) {
        if self.phase == Phase::Waiting {
            self.phase = Phase::ToConnect;
        }
    }

    /// What to do next, once; nothing while the driver has something to report first. `random` is
    /// any 64 bits, used for the jitter of the [`Backoff`] only.
    pub fn poll_action(&mut self, random: u64) -> Option<Action> {
        match self.phase {
            Phase::ToConnect => {
                self.phase = Phase::Requesting;
                let id = self.last_event_id();
                Some(Action::Connect {
                    last_event_id: (!id.is_empty()).then(|| id.to_string()),
                })
            }
            Phase::ToWait => {
                self.phase = Phase::Waiting;
                let ms = self.wait_ms(random);
                Some(Action::Wait { ms })
            }
            Phase::ToStop => {
                self.phase = Phase::Stopped;
                Some(Action::Stop)
            }
            Phase::Requesting | Phase::Waiting | Phase::Open | Phase::Stopped => None,
        }
    }

    /// Closes it for good.
    pub fn close(&mut self) {
        if self.state() != State::Closed {
            self.shut(Closed::Caller);
        }
    }

    fn wait_ms(&self, random: u64) -> u64 {
        let reconnection_ms = self.reconnection_ms();
        self.backoff.map_or(reconnection_ms, |backoff| {
            backoff.delay_ms(self.failed_attempts, reconnection_ms, random)
        })
    }

    fn shut(&mut self, reason: Closed) {
        self.phase = Phase::ToStop;
        self.closed = Some(reason);
    }
}

/// Whether the essence of this media type is `text/event-stream` (MIME Sniffing, parse a MIME
/// type: parameters do not count, ASCII case neither).
fn is_event_stream(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next();
    essence.is_some_and(|essence| {
        essence
            .trim_ascii()
            .eq_ignore_ascii_case(b"text/event-stream")
    })
}
