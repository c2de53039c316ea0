//! Sessions made by hand, to test rules without a network.

use ssekit_record::{
    Connection, End, EndKind, Finding, FrameKind, FrameSeen, HttpVersion, Level, Observation,
    Session, SessionStream, Verdict,
};

use crate::check::sample::Sample;
use crate::session::{PING_CANCELLED, PING_LAST, PING_SETTLED, PING_STREAMING};
use crate::{Probe, Selection, judge};

/// The stream that runs throughout, and the one that is held and cancelled.
pub(super) const STEADY: u32 = 1;
pub(super) const HELD: u32 = 3;
/// One more.
const OTHER: u32 = 5;
/// Length of every DATA frame.
const LEN: u32 = 50;

/// A session under construction: the steps of a real one, content every 100 ms on the steady
/// stream and one more, with a server that keeps every rule. Tests change it.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) session: Session,
}

impl Script {
    /// What a conforming server makes of it.
    pub(super) fn fair() -> Self {
        let mut script = Self::settled();
        script.sent(5, FrameKind::Headers, STEADY, None);
        script.sent(5, FrameKind::WindowUpdate, STEADY, Some(1 << 20));
        script.came(10, FrameKind::Headers, STEADY, None);
        script.content(STEADY, (100..4000).step_by(100));
        script.sent(450, FrameKind::Headers, HELD, None);
        script.sent(450, FrameKind::Headers, OTHER, None);
        script.sent(450, FrameKind::WindowUpdate, OTHER, Some(1 << 20));
        script.sent(450, FrameKind::Ping, 0, Some(PING_STREAMING));
        script.pong(451, PING_STREAMING);
        for stream in [HELD, OTHER] {
            script.came(455, FrameKind::Headers, stream, None);
        }
        script.content(OTHER, (501..4000).step_by(100));
        script.sent(1450, FrameKind::WindowUpdate, HELD, Some(1 << 20));
        script.content(HELD, [1452, 1502]);
        script.sent(1550, FrameKind::RstStream, HELD, Some(8));
        script.sent(1550, FrameKind::Ping, 0, Some(PING_CANCELLED));
        script.pong(1555, PING_CANCELLED);
        script.sent(1556, FrameKind::Ping, 0, Some(PING_SETTLED));
        script.pong(1560, PING_SETTLED);
        script.sent(3900, FrameKind::Ping, 0, Some(PING_LAST));
        script.pong(3905, PING_LAST);
        script.sent(4000, FrameKind::Goaway, 0, Some(0));
        script.stream(HELD).transcript.end.at_us = 1_550_000;
        script
    }

    /// Connection and settings only, with three event streams.
    fn settled() -> Self {
        let streams = [STEADY, HELD, OTHER].map(|id| {
            let sample = Sample::stream("").version(HttpVersion::Http2);
            let mut transcript = sample.end(EndKind::Left, 4000).0;
            transcript.probe = format!("http2-{id}");
            SessionStream { id, transcript }
        });
        let mut script = Self {
            session: Session {
                probe: Probe::Session.name().into(),
                started_unix_ms: 1_700_000_000_000,
                connection: Connection::default(),
                streams: streams.into(),
                frames: Vec::new(),
                end: End {
                    kind: EndKind::Left,
                    at_us: 4_000_000,
                    detail: String::new(),
                },
            },
        };
        script.sent(1, FrameKind::WindowUpdate, 0, Some(16 << 20));
        script
    }

    fn push(&mut self, at_ms: u64, sent: bool, kind: FrameKind, stream: u32, value: Option<u64>) {
        let len = if kind == FrameKind::Data { LEN } else { 8 };
        self.session.frames.push(FrameSeen {
            at_us: at_ms * 1000,
            sent,
            kind,
            flags: 0,
            stream,
            len,
            value,
            settings: Vec::new(),
        });
        self.session.frames.sort_by_key(|frame| frame.at_us);
    }

    /// ssekit sent this frame.
    pub(super) fn sent(&mut self, at_ms: u64, kind: FrameKind, stream: u32, value: Option<u64>) {
        self.push(at_ms, true, kind, stream, value);
    }

    /// The server sent this frame.
    pub(super) fn came(&mut self, at_ms: u64, kind: FrameKind, stream: u32, value: Option<u64>) {
        self.push(at_ms, false, kind, stream, value);
    }

    /// The server sent DATA at these times.
    pub(super) fn content(&mut self, stream: u32, times: impl IntoIterator<Item = u64>) {
        for at_ms in times {
            self.came(at_ms, FrameKind::Data, stream, None);
        }
    }

    fn pong(&mut self, at_ms: u64, payload: u64) {
        self.came(at_ms, FrameKind::Ping, 0, Some(payload));
        let frames = self.session.frames.iter_mut();
        let answers = frames.filter(|f| !f.sent && f.value == Some(payload));
        answers.for_each(|frame| frame.flags = FrameSeen::ACK);
    }

    /// The server said this of the streams it allows.
    pub(super) fn allows(&mut self, most: u32) {
        self.came(2, FrameKind::Settings, 0, None);
        let frames = self.session.frames.iter_mut();
        let settings = frames.filter(|frame| frame.kind == FrameKind::Settings);
        settings.for_each(|frame| frame.settings = vec![(3, most)]);
    }

    /// Without the frames of the server for which this holds.
    pub(super) fn without(mut self, lost: impl Fn(&FrameSeen) -> bool) -> Self {
        self.session
            .frames
            .retain(|frame| frame.sent || !lost(frame));
        self
    }

    /// One of its streams.
    pub(super) fn stream(&mut self, id: u32) -> &mut SessionStream {
        let mut streams = self.session.streams.iter_mut();
        streams.find(|stream| stream.id == id).unwrap()
    }

    /// Without streams but the first one.
    pub(super) fn alone(mut self) -> Self {
        self.session.streams.truncate(1);
        self.session.frames.retain(|frame| frame.stream <= STEADY);
        self
    }

    /// The server closed the connection then.
    pub(super) fn lost(mut self, at_ms: u64) -> Self {
        self.session
            .frames
            .retain(|frame| frame.at_us < at_ms * 1000);
        self.session.end = End {
            kind: EndKind::Truncated,
            at_us: at_ms * 1000,
            detail: "the server closed the connection".into(),
        };
        self
    }

    /// What a rule finds.
    pub(super) fn finding(self, id: &str) -> Finding {
        let mut observation = Observation::new("https://h.example/events");
        let main = Sample::stream("data: a\n\n").version(HttpVersion::Http2);
        observation.transcripts.push(main.0);
        observation.sessions.push(self.session);
        let selection = Selection {
            only: vec![id.into()],
            skip: Vec::new(),
        };
        judge(&observation, &selection, Level::Must)
            .unwrap()
            .checks
            .remove(0)
    }

    /// Its verdict.
    pub(super) fn verdict(self, id: &str) -> Verdict {
        self.finding(id).verdict
    }
}
