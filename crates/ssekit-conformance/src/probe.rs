//! Probes: which exchange is made for what, and when it has shown enough.

use std::time::{Duration, Instant};

use ssekit_http::{Glimpse, Seen};
use ssekit_proto::{EventRef, Parser, Sink};

use crate::coding::codings;
use crate::{EchoBulk, EchoCase, EchoScene, Link, Moment, Offer, Parting};

/// One kind of exchange. Twelve or so serve every check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Probe {
    /// The request of an EventSource, observed for the whole window.
    Main,
    /// As main, with the id of an event seen in main that was not the last.
    Resume,
    /// As `Resume`, without the credentials the user gave.
    ResumeAnonymous,
    /// As main, without the credentials the user gave.
    Anonymous,
    /// After a stream that ended: asks again with its last id.
    ResumeFinished,
    /// `Last-Event-ID` of a value no server issued.
    ResumeUnknown,
    /// `Last-Event-ID` of 4 KiB.
    ResumeLong,
    /// `Last-Event-ID` empty.
    ResumeEmpty,
    /// `Last-Event-ID` holding non-ASCII UTF-8.
    ResumeNonAscii,
    /// `Last-Event-ID` holding percent-encoded line ends and a marker.
    ResumeMarker,
    /// No `Accept` field.
    AcceptAbsent,
    /// `Accept: */*`.
    AcceptAny,
    /// `Accept: application/json`.
    AcceptJson,
    /// `HEAD`.
    Head,
    /// A safe, unlikely method.
    Method,
    /// An HTTP/1.0 request.
    Http10,
    /// A path that should not exist.
    Missing,
    /// A conditional request.
    Conditional,
    /// Two streams opened while others run.
    Parallel1,
    /// See [`Probe::Parallel1`].
    Parallel2,
    /// A stream that ssekit stops reading (long runs only).
    Stalled,
    /// With an `Origin`.
    CorsOrigin,
    /// With another `Origin`.
    CorsOther,
    /// A CORS preflight for `Last-Event-ID`.
    Preflight,
    /// A path that should not exist, with an `Origin`.
    CorsMissing,
    /// `Accept-Encoding: identity`.
    Identity,
    /// Content codings offered in `Accept-Encoding`.
    Coded(Offer),
    /// As main over HTTP/1.1, where main came over HTTP/2.
    OverHttp11,
    /// Several streams on one HTTP/2 connection.
    Session,
    /// One of several connections in a row, or the one beside them.
    Chain(Link),
    /// The capabilities document of the echo endpoint.
    Capabilities,
    /// One value sent through the echo endpoint.
    Echo(EchoCase),
    /// A script about when and how the echo endpoint answers.
    Scene(EchoScene),
    /// A value of many megabytes sent through the echo endpoint.
    Bulk(EchoBulk),
    /// A stream that is left, or the count of streams before, while and after.
    Parting(Parting, Moment),
    /// Several streams that are open when the server is asked to stop.
    Stop,
}

/// When a probe has seen enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The time after the head ran out (or the stream ended).
    Window(Duration),
    /// The head arrived; for a head that is no event stream, the given time later.
    Head(Duration),
    /// For a head that names a content coding, the time after it ran out; for any other, the first
    /// content.
    Coded(Duration),
    /// The exchange ended, or the time after the head ran out.
    End(Duration),
    /// So many events were dispatched, or the time after the head ran out.
    Events(usize, Duration),
}

/// Events after which a window closes early: a flood shows nothing new.
const PLENTY: usize = 20_000;
/// Lines after which main is left whatever the time: more are not read (see `Reading`).
const MOST_LINES: usize = 60_000;
/// The same for every other probe that asks for the stream: there are dozens, and all are held at once.
const FOLLOW_UP_LINES: usize = 8_000;

impl Probe {
    /// Name in transcripts and evidence, permanent.
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Resume => "resume",
            Self::ResumeAnonymous => "resume-anonymous",
            Self::Anonymous => "anonymous",
            Self::ResumeFinished => "resume-finished",
            Self::ResumeUnknown => "resume-unknown",
            Self::ResumeLong => "resume-long",
            Self::ResumeEmpty => "resume-empty",
            Self::ResumeNonAscii => "resume-non-ascii",
            Self::ResumeMarker => "resume-marker",
            Self::AcceptAbsent => "accept-absent",
            Self::AcceptAny => "accept-any",
            Self::AcceptJson => "accept-json",
            Self::Head => "head",
            Self::Method => "method",
            Self::Http10 => "http10",
            Self::Missing => "missing",
            Self::Conditional => "conditional",
            Self::Parallel1 => "parallel-1",
            Self::Parallel2 => "parallel-2",
            Self::Stalled => "stalled",
            Self::CorsOrigin => "cors-origin",
            Self::CorsOther => "cors-other",
            Self::Preflight => "preflight",
            Self::CorsMissing => "cors-missing",
            Self::Identity => "identity",
            Self::Coded(Offer::All) => "coded",
            Self::Coded(Offer::Gzip) => "coded-gzip",
            Self::Coded(Offer::Deflate) => "coded-deflate",
            Self::Coded(Offer::Br) => "coded-br",
            Self::Coded(Offer::Zstd) => "coded-zstd",
            Self::OverHttp11 => "over-http11",
            Self::Session => "http2",
            Self::Capabilities => "capabilities",
            Self::Echo(case) => case.name(),
            Self::Scene(scene) => scene.name(),
            Self::Bulk(value) => value.name(),
            Self::Chain(link) => link.name(),
            Self::Parting(parting, moment) => parting.name(moment),
            Self::Stop => "stop",
        }
    }

    /// Whether it asks the echo endpoint.
    pub(crate) fn is_echo(self) -> bool {
        matches!(
            self,
            Self::Capabilities | Self::Echo(_) | Self::Scene(_) | Self::Bulk(_) | Self::Parting(..)
        )
    }

    /// Whether it is made after all others, with nothing beside it.
    pub(crate) fn is_apart(self) -> bool {
        matches!(
            self,
            Self::Chain(_) | Self::Parting(..) | Self::Bulk(_) | Self::Stop
        )
    }

    /// How long it takes, about: by its script, or until a stream of no great pace has shown enough.
    pub(crate) fn waits(self) -> Duration {
        match self {
            Self::Scene(scene) => scene.script().waits(),
            Self::Identity => Duration::from_millis(800),
            Self::ResumeMarker => Duration::from_millis(400),
            Self::ResumeUnknown | Self::ResumeLong | Self::ResumeEmpty | Self::ResumeNonAscii => {
                Duration::from_millis(200)
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether it must run at the same time as its like, and is not asked again alone.
    pub(crate) fn is_beside_others(self) -> bool {
        matches!(self, Self::Parallel1 | Self::Parallel2 | Self::OverHttp11)
    }

    /// What the probe asks, in words for plans and reports.
    pub fn about(self) -> &'static str {
        match self {
            Self::Main => "the request of an EventSource, observed",
            Self::Resume => "comes back with an id seen before the last event",
            Self::ResumeAnonymous => "comes back with that id and no credentials",
            Self::Anonymous => "no credentials",
            Self::ResumeFinished => "comes back with the last id of a stream that ended",
            Self::ResumeUnknown => "Last-Event-ID that no server issued",
            Self::ResumeLong => "Last-Event-ID of 4 KiB",
            Self::ResumeEmpty => "empty Last-Event-ID",
            Self::ResumeNonAscii => "Last-Event-ID with non-ASCII UTF-8",
            Self::ResumeMarker => "Last-Event-ID with encoded line ends and a marker",
            Self::AcceptAbsent => "no Accept",
            Self::AcceptAny => "Accept: */*",
            Self::AcceptJson => "Accept: application/json",
            Self::Head => "HEAD",
            Self::Method => "a safe method few servers implement",
            Self::Http10 => "an HTTP/1.0 request",
            Self::Missing => "a path that should not exist",
            Self::Conditional => "a conditional request",
            Self::Parallel1 | Self::Parallel2 => "one of two further streams at the same time",
            Self::Stalled => "a stream that is not read",
            Self::CorsOrigin => "with an Origin",
            Self::CorsOther => "with another Origin",
            Self::Preflight => "a CORS preflight for Last-Event-ID",
            Self::CorsMissing => "a path that should not exist, with an Origin",
            Self::Identity => "accepts no content coding",
            Self::Coded(Offer::All) => "accepts every content coding browsers do",
            Self::Coded(Offer::Gzip) => "accepts gzip only",
            Self::Coded(Offer::Deflate) => "accepts deflate only",
            Self::Coded(Offer::Br) => "accepts br only",
            Self::Coded(Offer::Zstd) => "accepts zstd only",
            Self::OverHttp11 => "the same over HTTP/1.1, beside others",
            Self::Session => "up to 8 streams on one HTTP/2 connection: windows, PING, cancel",
            Self::Capabilities => "what the echo endpoint can do",
            Self::Echo(case) => case.about(),
            Self::Scene(scene) => scene.about(),
            Self::Bulk(value) => value.about(),
            Self::Chain(link) => link.about(),
            Self::Parting(parting, Moment::Stream) => parting.about(),
            Self::Parting(..) => "how many streams the server counts",
            Self::Stop => "streams that are open when the server is asked to stop",
        }
    }
}

/// How long the stalled probe does not read.
const STALL: Duration = Duration::from_secs(15);

/// Keeps the thread, and with it the runtime on it, from reading for a while: what arrives stays
/// in the kernel. Only for a thread of its own.
pub(crate) struct Stall {
    done: bool,
}

impl Stall {
    pub(crate) fn new() -> Self {
        Self { done: false }
    }

    /// Stalls at the first content, once; ends early when `stopped` says so.
    pub(crate) fn see(&mut self, glimpse: &Glimpse<'_>, stopped: impl Fn() -> bool) {
        if self.done || !matches!(glimpse, Glimpse::Content { .. }) {
            return;
        }
        self.done = true;
        let began = Instant::now();
        while began.elapsed() < STALL && !stopped() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Watches one exchange and says when to leave.
pub(crate) struct Watch {
    until: Until,
    most_lines: usize,
    parser: Parser,
    events: usize,
    lines: usize,
    head: Option<(u64, bool)>,
    coded: bool,
    content: bool,
    spoilt: bool,
}

struct Count<'a>(&'a mut usize);

impl Sink for Count<'_> {
    fn event(&mut self, _: EventRef<'_>) {
        *self.0 += 1;
    }
}

impl Watch {
    /// For a probe after main. What the echo endpoint sends is ours to choose: nothing is spared there.
    pub(crate) fn new(until: Until) -> Self {
        let most_lines = match until {
            Until::End(_) | Until::Coded(_) => MOST_LINES,
            _ => FOLLOW_UP_LINES,
        };
        Self {
            until,
            most_lines,
            parser: Parser::new(),
            events: 0,
            lines: 0,
            head: None,
            coded: false,
            content: false,
            spoilt: false,
        }
    }

    /// For main.
    pub(crate) fn long(until: Until) -> Self {
        Self {
            most_lines: MOST_LINES,
            ..Self::new(until)
        }
    }

    /// For a stream whose length is what matters.
    pub(crate) fn whole(until: Until) -> Self {
        Self {
            most_lines: usize::MAX,
            ..Self::new(until)
        }
    }

    /// Events dispatched so far.
    pub(crate) fn events(&self) -> usize {
        self.events
    }

    pub(crate) fn see(&mut self, glimpse: &Glimpse<'_>) -> Seen {
        let now = match glimpse {
            Glimpse::Head(head) => {
                let stream = head.status == 200
                    && head.content_type_essence().as_deref() == Some("text/event-stream");
                self.head = Some((head.at_us, stream));
                self.coded = !codings(head).is_empty();
                head.at_us
            }
            Glimpse::Content { bytes, at_us } => {
                self.content = true;
                let ends = |byte: &&u8| matches!(byte, b'\n' | b'\r');
                self.lines += bytes.iter().filter(ends).count();
                // A limit passed is judged later, from the transcript.
                self.spoilt |= self
                    .parser
                    .feed(bytes, &mut Count(&mut self.events))
                    .is_err();
                *at_us
            }
            Glimpse::Idle { at_us } => *at_us,
            _ => return Seen::More,
        };
        if self.enough(now) {
            Seen::Enough
        } else {
            Seen::More
        }
    }

    fn enough(&self, now_us: u64) -> bool {
        let Some((head_us, stream)) = self.head else {
            return false;
        };
        let since = Duration::from_micros(now_us.saturating_sub(head_us));
        if self.spoilt || self.lines >= self.most_lines {
            return true;
        }
        match self.until {
            Until::Window(window) => {
                since >= window
                    || (self.events >= PLENTY && since >= Duration::from_secs(1))
                    || (!stream && since >= Duration::from_secs(1))
            }
            Until::Coded(window) if self.coded && stream => since >= window,
            Until::Coded(_) => self.content || since >= Duration::from_millis(300),
            Until::Head(grace) => stream || since >= grace,
            Until::End(longest) => since >= longest,
            Until::Events(count, longest) => {
                self.events >= count
                    || since >= longest
                    || (!stream && since >= Duration::from_millis(300))
            }
        }
    }
}
