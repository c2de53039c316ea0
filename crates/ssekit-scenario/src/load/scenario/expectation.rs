//! What streams are expected to bring.

use serde::Deserialize;

use super::super::value::Time;

/// `[expect]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Status of the answer.
    pub status: u16,
    /// Media type of the answer.
    pub content_type: String,
    /// Declared interval of events; makes the tick metrics.
    pub interval: Option<Time>,
    /// Declared interval of heartbeats.
    pub heartbeat: Option<Heartbeat>,
    /// Where the sequence number stands.
    pub seq: Option<Seq>,
    /// Where the time of publishing stands.
    pub published_at: Option<PublishedAt>,
    /// A stream without an event for so long has failed.
    pub first_event_timeout: Option<Time>,
    /// A stream without a byte for so long is broken off.
    pub silence_timeout: Option<Time>,
    /// How streams end by themselves.
    pub end: StreamEnd,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            status: 200,
            content_type: "text/event-stream".into(),
            interval: None,
            heartbeat: None,
            seq: None,
            published_at: None,
            first_event_timeout: None,
            silence_timeout: None,
            end: StreamEnd::Never,
        }
    }
}

/// `expect.heartbeat`: a time, or a table with the type of the event that is the heartbeat.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "WrittenHeartbeat")]
pub struct Heartbeat {
    /// How often.
    pub every: Time,
    /// Type of the event; a comment where there is none.
    pub event: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a time such as \"15s\", or a table such as { every = \"15s\", event = \"ping\" }"
)]
enum WrittenHeartbeat {
    Every(Time),
    Named { every: Time, event: String },
}

impl From<WrittenHeartbeat> for Heartbeat {
    fn from(written: WrittenHeartbeat) -> Self {
        match written {
            WrittenHeartbeat::Every(every) => Self { every, event: None },
            WrittenHeartbeat::Named { every, event } => Self {
                every,
                event: Some(event),
            },
        }
    }
}

/// Where in an event something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The id.
    Id,
    /// The data.
    Data,
}

/// `expect.seq`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seq {
    /// Where it stands.
    pub from: Place,
    /// JSON pointer into the data; empty for all of it.
    #[serde(default)]
    pub path: String,
    /// Whose numbers they are.
    #[serde(default)]
    pub scope: SeqScope,
}

/// Whose sequence it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeqScope {
    /// Each stream has its own.
    #[default]
    Stream,
    /// All streams of a topic see the same.
    Topic,
}

/// `expect.published_at`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedAt {
    /// Where it stands.
    pub from: Place,
    /// JSON pointer into the data; empty for all of it.
    #[serde(default)]
    pub path: String,
    /// Its unit since 1970-01-01T00:00:00Z.
    #[serde(default)]
    pub unit: StampUnit,
    /// Which instant it is.
    #[serde(default)]
    pub kind: StampKind,
    /// How the clocks relate.
    #[serde(default)]
    pub clock: Clock,
}

/// Unit of a stamp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StampUnit {
    /// Seconds, a fraction allowed.
    S,
    /// Milliseconds.
    Ms,
    /// Microseconds.
    #[default]
    Us,
    /// Nanoseconds.
    Ns,
}

/// Which instant a stamp is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StampKind {
    /// When it was to be published.
    Intended,
    /// When it was sent.
    #[default]
    Sent,
}

/// How the publisher's clock relates to ours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Clock {
    /// The same.
    #[default]
    SameHost,
    /// Both are kept by NTP or PTP.
    Ntp,
    /// Add so many microseconds to a stamp to get to our clock.
    Offset(i64),
}

impl TryFrom<String> for Clock {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let offset = |text: &str| {
            let (sign, time) = match text.strip_prefix('-') {
                Some(time) => (-1, time),
                None => (1, text.strip_prefix('+').unwrap_or(text)),
            };
            let us = ssekit_record::quantity::time(time).ok()?.as_micros();
            Some(sign * i64::try_from(us).ok()?)
        };
        match text.as_str() {
            "same-host" => Ok(Self::SameHost),
            "ntp" => Ok(Self::Ntp),
            text => text
                .strip_prefix("offset:")
                .and_then(offset)
                .map(Self::Offset)
                .ok_or_else(|| "a clock is \"same-host\", \"ntp\" or \"offset:-12ms\"".into()),
        }
    }
}

/// How streams end by themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum StreamEnd {
    /// They do not.
    #[default]
    Never,
    /// With an event of this type.
    Event(String),
    /// With an event of this data.
    Data(String),
    /// With the end of the response.
    Eof,
}

impl TryFrom<String> for StreamEnd {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.split_once(':')) {
            ("never", _) => Ok(Self::Never),
            ("eof", _) => Ok(Self::Eof),
            (_, Some(("event", name))) if !name.is_empty() => Ok(Self::Event(name.into())),
            (_, Some(("data", data))) if !data.is_empty() => Ok(Self::Data(data.into())),
            _ => Err("an end is \"never\", \"eof\", \"event:NAME\" or \"data:TEXT\"".into()),
        }
    }
}
