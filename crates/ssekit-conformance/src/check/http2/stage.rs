//! The session as rules see it: its streams by their parts, its frames by its steps.

use ssekit_record::{EndKind, FrameKind, FrameSeen, Session, SessionStream, Transcript};

use crate::session::beats_of;
use crate::{Case, Judgement};

/// A session in which at least one event stream came.
pub(super) struct Stage<'a> {
    pub(super) session: &'a Session,
    /// The stream that runs throughout.
    pub(super) steady: &'a SessionStream,
    /// The stream that is held back, then cancelled.
    pub(super) held: Option<&'a SessionStream>,
}

impl<'a> Stage<'a> {
    /// # Errors
    /// The judgement when nothing can be told from the session.
    pub(super) fn of(case: &Case<'a>) -> Result<Self, Judgement> {
        let missing = Judgement::unverified;
        let session = case
            .session()
            .ok_or_else(|| missing("no connection with several streams was made"))?;
        let Some(steady) = session.streams.first() else {
            let why = match session.end.detail.as_str() {
                "" => "it did not settle, or allows no stream",
                detail => detail,
            };
            let why = format!("no stream on a second HTTP/2 connection: {why}");
            return Err(missing(&why));
        };
        if !steady.transcript.is_event_stream() {
            let why = format!(
                "asked again on another HTTP/2 connection, the server gave {}",
                crate::check::answer::told(&steady.transcript)
            );
            return Err(missing(&why));
        }
        Ok(Self {
            session,
            steady,
            held: session.streams.get(1),
        })
    }

    /// The frames of one direction and kind on a stream, with their places.
    pub(super) fn frames(
        &self,
        sent: bool,
        kind: FrameKind,
        stream: u32,
    ) -> impl Iterator<Item = (usize, &'a FrameSeen)> + use<'a> {
        let frames = self.session.frames.iter().enumerate();
        frames.filter(move |(_, frame)| {
            frame.sent == sent && frame.kind == kind && frame.stream == stream
        })
    }

    /// When content came on a stream, with the places of the frames.
    pub(super) fn content(&self, stream: u32) -> impl Iterator<Item = (usize, u64)> + use<'a> {
        let frames = self.frames(false, FrameKind::Data, stream);
        let with_content = frames.filter(|(_, frame)| frame.len > 0);
        with_content.map(|(at, frame)| (at, frame.at_us))
    }

    /// The streams beside the one that is held.
    pub(super) fn others(&self) -> impl Iterator<Item = &'a SessionStream> + use<'a> {
        let held = self.held.map(|held| held.id);
        let streams = self.session.streams.iter();
        streams.filter(move |stream| Some(stream.id) != held)
    }

    /// Content frames on the others in this part of the session.
    pub(super) fn content_beside(&self, part: std::ops::Range<usize>) -> usize {
        let frames = self.others().flat_map(|other| self.content(other.id));
        frames.filter(|(at, _)| part.contains(at)).count()
    }

    /// Whether the steady stream had shown a pace before `before_us` by which content was overdue
    /// many times over in a silence of this length.
    pub(super) fn is_overdue(&self, before_us: u64, silence_us: u64) -> bool {
        let times = self.content(self.steady.id).map(|(_, at_us)| at_us);
        let beats = beats_of(times.filter(|at_us| *at_us < before_us));
        let gaps = beats.windows(2).map(|pair| pair[1] - pair[0]);
        let widest = gaps.max().unwrap_or(u64::MAX / 8);
        beats.len() >= 4 && silence_us >= 5 * widest && silence_us >= 1_000_000
    }

    /// The answer to a PING.
    pub(super) fn pong(&self, payload: u64) -> Option<(usize, &'a FrameSeen)> {
        let mut answers = self.frames(false, FrameKind::Ping, 0);
        answers.find(|(_, frame)| frame.is_ack() && frame.value == Some(payload))
    }

    /// Why there was no stream to hold back and to cancel.
    pub(super) fn no_second(&self) -> String {
        let end = &self.transcript().end;
        match (self.lost(), end.kind) {
            (Some(how), _) => format!("the connection was lost before a second stream: {how}"),
            (None, EndKind::Clean | EndKind::Reset) => {
                "the first stream ended before a second was opened beside it".into()
            }
            _ => "the server allows no second stream beside the first".into(),
        }
    }

    /// When the held stream was cancelled.
    pub(super) fn cancelled(&self) -> Option<(usize, &'a FrameSeen)> {
        self.frames(true, FrameKind::RstStream, self.held?.id)
            .next()
    }

    /// The end of the steps: the goodbye, or the end of the connection.
    pub(super) fn end(&self) -> usize {
        let goodbye = self.frames(true, FrameKind::Goaway, 0).next();
        goodbye.map_or(self.session.frames.len(), |(at, _)| at)
    }

    /// How the server ended the connection, if it did.
    pub(super) fn lost(&self) -> Option<String> {
        let end = &self.session.end;
        match end.kind {
            EndKind::Left | EndKind::Limit => None,
            _ => Some(end.detail.clone()),
        }
    }

    /// What came on the steady stream.
    pub(super) fn transcript(&self) -> &'a Transcript {
        &self.steady.transcript
    }
}
