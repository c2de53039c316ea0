//! A response head as it was received.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Protocol version of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name, in the case received.
    pub name: String,
    /// Value, without surrounding white space; redacted where it is a secret.
    pub value: String,
}

/// The final response head: fields in the order, number and case received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

    /// The media type essence of the only or first `Content-Type`, in lower case (RFC 9110 8.3.1).
    pub fn content_type_essence(&self) -> Option<String> {
        let value = self.first("content-type")?;
        let essence = value.split(';').next().unwrap_or_default().trim();
        Some(essence.to_ascii_lowercase())
    }
}
