//! A response head as it was received.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Protocol version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.0.
    #[serde(rename = "HTTP/1.0")]
    Http10,
    /// HTTP/1.1.
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2.
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl fmt::Display for HttpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http10 => "HTTP/1.0",
            Self::Http11 => "HTTP/1.1",
            Self::Http2 => "HTTP/2",
        })
    }
}

/// One field line. Bytes that are not UTF-8 are shown as U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// Name, in the case received.
    pub name: String,
    /// Value, without surrounding white space; redacted where it is a secret.
    pub value: String,
}

/// The final response head: fields in the order, number and case received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// Version in the status line, or HTTP/2.
    pub version: HttpVersion,
    /// Status code.
    pub status: u16,
    /// Reason phrase; empty in HTTP/2.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Field lines.
    pub fields: Vec<Field>,
    /// When the last byte of the head arrived, in microseconds since the exchange began.
    pub at_us: u64,
    /// Status codes of the interim (1xx) responses before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interim: Vec<u16>,
}

const EVENT_STREAM: &str = "text/event-stream";

impl Head {
    /// Values of every field line with this name, compared without case.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.fields
            .iter()
            .filter(move |f| f.name.eq_ignore_ascii_case(name))
            .map(|f| f.value.as_str())
    }

    /// Value of the first field line with this name.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|f| f.name.eq_ignore_ascii_case(name))
            .map(|f| f.value.as_str())
    }

    /// Whether a comma-separated field holds this token, compared without case and parameters.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|v| v.split(',')).any(|item| {
            let item = item.split([';', '=']).next().unwrap_or_default();
            item.trim().eq_ignore_ascii_case(token)
        })
    }

    /// The media type essence of `Content-Type`, in lower case (RFC 9110 8.3.1). Of several, in
    /// lines or wrongly in a list, clients choose differently: here, the one that is an event
    /// stream, else the first.
    pub fn content_type_essence(&self) -> Option<String> {
        let values = self.all("content-type").flat_map(|line| line.split(','));
        let mut essences = values.map(|value| {
            let essence = value.split(';').next().unwrap_or_default().trim();
            essence.to_ascii_lowercase()
        });
        let first = essences.next()?;
        if first == EVENT_STREAM {
            return Some(first);
        }
        Some(
            essences
                .find(|other| other == EVENT_STREAM)
                .unwrap_or(first),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_several_media_types_an_event_stream_is_one() {
        let essence = |values: &[&str]| {
            let fields = values
                .iter()
                .map(|value| Field {
                    name: "content-type".into(),
                    value: (*value).into(),
                })
                .collect();
            let head = Head {
                version: HttpVersion::Http11,
                status: 200,
                reason: String::new(),
                fields,
                at_us: 0,
                interim: Vec::new(),
            };
            head.content_type_essence()
        };
        let stream = Some("text/event-stream".to_owned());
        assert_eq!(essence(&["Text/Event-Stream; a=b"]), stream);
        assert_eq!(essence(&["text/html", "text/event-stream"]), stream);
        assert_eq!(essence(&["text/event-stream", "text/html"]), stream);
        assert_eq!(essence(&["text/event-stream, text/event-stream"]), stream);
        assert_eq!(
            essence(&["text/html", "text/plain"]),
            Some("text/html".into())
        );
        assert_eq!(essence(&[]), None);
    }
}
