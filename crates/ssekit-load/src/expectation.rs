//! What the streams of a population are expected to bring: how their events are read.

use ssekit_http::ResponseHead;

use crate::cause::Cause;
use crate::stamp::Place;
use crate::tokens::TokenPlaces;

/// Gaps shorter than this make a burst, in microseconds.
pub const BURST_WINDOW_US: u64 = 1_000;

/// What is expected of each stream.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    /// Status of the answer; 200 where none is given.
    pub status: Option<u16>,
    /// Essence of the media type, in lower case; any where none is given.
    pub content_type: Option<String>,
    /// Content codings that were offered, in lower case.
    pub codings: Vec<String>,
    /// Declared interval of the events in microseconds.
    pub interval_us: Option<u64>,
    /// Where the sequence number stands.
    pub sequence: Option<Sequence>,
    /// Where the time of publishing stands.
    pub published: Option<Published>,
    /// One in so many streams has each of its events noted; none where there is no number.
    pub trace_every: Option<u64>,
    /// Longest wait for the first event, in microseconds.
    pub first_event_timeout_us: Option<u64>,
    /// Longest silence, in microseconds.
    pub silence_timeout_us: Option<u64>,
    /// Longest time between two heartbeats that is declared, in microseconds.
    pub heartbeat_us: Option<u64>,
    /// Type of the events that are heartbeats; comments are where there is none.
    pub heartbeat_event: Option<String>,
    /// Where the tokens are told of, if the streams carry tokens.
    pub tokens: Option<TokenPlaces>,
    /// What the last event of a finite stream looks like.
    pub end: End,
}

/// A sequence number.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// Where.
    pub place: Place,
    /// Whether all streams of a topic see the same numbers.
    pub shared: bool,
}

/// A time of publishing.
#[derive(Debug, Clone)]
pub struct Published {
    /// Where.
    pub place: Place,
    /// Nanoseconds in one unit.
    pub nanos_per_unit: u64,
    /// Whether it is the intended instant, rather than that of sending.
    pub intended: bool,
    /// What to add to the stamp to get to the wall clock of this machine, in microseconds.
    pub offset_us: i64,
    /// Whether the clocks are two that NTP or PTP keeps together.
    pub is_kept: bool,
}

/// How a stream ends by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum End {
    /// It does not: an end is a disconnect.
    #[default]
    Never,
    /// With an event of this type.
    Event(String),
    /// With an event of this data.
    Data(String),
    /// With the end of the response.
    Eof,
}

impl Expectation {
    /// Whether events are numbered over all streams of a topic, so that arrivals can be compared.
    pub fn shares_events(&self) -> bool {
        self.sequence
            .as_ref()
            .is_some_and(|sequence| sequence.shared)
    }

    /// Whether a head is the expected one.
    ///
    /// # Errors
    /// What is not.
    pub fn judge(&self, head: &ResponseHead) -> Result<(), Cause> {
        if head.status != self.status.unwrap_or(200) {
            return Err(Cause::Status(head.status));
        }
        let media_type = head.field("content-type").unwrap_or_default();
        let essence = media_type
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default();
        let is_other =
            |wanted: &String| !essence.trim_ascii().eq_ignore_ascii_case(wanted.as_bytes());
        if self.content_type.as_ref().is_some_and(is_other) {
            return Err(Cause::ContentType);
        }
        let offered = |coding: &String| self.codings.contains(coding);
        if codings(head).iter().all(offered) {
            Ok(())
        } else {
            Err(Cause::ContentCoding)
        }
    }
}

/// The content codings of a response in the order they were applied, in lower case. `identity`
/// is no coding, and neither is the `none` that keeps some compressors away.
pub fn codings(head: &ResponseHead) -> Vec<String> {
    let fields = head.fields.iter();
    let values = fields.filter(|field| field.is("content-encoding"));
    let items = values.flat_map(|field| field.value.split(|byte| *byte == b','));
    let named = items.map(|item| String::from_utf8_lossy(item.trim_ascii()).to_ascii_lowercase());
    named
        .filter(|coding| !matches!(coding.as_str(), "" | "identity" | "none"))
        .map(|coding| match coding.as_str() {
            // RFC 9110 section 8.4.1.3.
            "x-gzip" => "gzip".to_owned(),
            _ => coding,
        })
        .collect()
}
