//! Where streams are asked for, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::super::value::{Size, Time};
use super::NumberOrText;

/// `[target]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// URL, a template.
    pub url: String,
    /// Method; `GET`, or `POST` where there is a body.
    pub method: Option<String>,
    /// Field lines; values are templates.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Content, a template.
    pub body: Option<String>,
    /// File with the content, a template.
    pub body_file: Option<PathBuf>,
    /// Protocol.
    #[serde(default)]
    pub http: Http,
    /// Streams on one HTTP/2 connection; 100 by default.
    pub streams_per_connection: Option<u64>,
    /// TLS.
    #[serde(default)]
    pub tls: Tls,
    /// Addresses to connect to instead of that of the URL: `host:port` or `host`.
    #[serde(default)]
    pub connect_to: Vec<String>,
    /// When names are resolved.
    #[serde(default)]
    pub resolve: Resolve,
    /// Source addresses: IP or CIDR block.
    #[serde(default)]
    pub source_ips: Vec<String>,
    /// Source ports, such as `"20000-60000"`.
    pub source_ports: Option<String>,
    /// Receive buffer of each socket.
    pub recv_buffer: Option<Size>,
    /// Content codings to offer; none by default.
    #[serde(default)]
    pub compression: Compression,
    /// Longest wait for a connection and for a head; 30 s by default.
    pub timeout: Option<Time>,
}

impl Target {
    /// First and last of the source ports; `None` where the system chooses, or they are no range.
    pub fn port_range(&self) -> Option<(u16, u16)> {
        let (first, last) = self.source_ports.as_ref()?.split_once('-')?;
        let port = |text: &str| text.trim().parse::<u16>().ok();
        let (first, last) = (port(first)?, port(last)?);
        (first > 0 && first <= last).then_some((first, last))
    }
}

/// Protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub enum Http {
    /// HTTP/1.1.
    Http11,
    /// HTTP/2; without TLS by prior knowledge.
    Http2,
    /// By ALPN over TLS, HTTP/1.1 without.
    #[default]
    Auto,
}

impl TryFrom<NumberOrText> for Http {
    type Error = &'static str;

    /// A number will do as well: `--set target.http=2`.
    fn try_from(written: NumberOrText) -> Result<Self, &'static str> {
        match written.to_string().as_str() {
            "1.1" => Ok(Self::Http11),
            "2" => Ok(Self::Http2),
            "auto" => Ok(Self::Auto),
            _ => Err("use \"1.1\", \"2\" or \"auto\""),
        }
    }
}

/// `target.tls`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// PEM file of certificates to trust as well.
    pub ca: Option<PathBuf>,
    /// PEM file of the client's certificate.
    pub cert: Option<PathBuf>,
    /// PEM file of its key.
    pub key: Option<PathBuf>,
    /// Server name to ask for instead of the host of the URL.
    pub sni: Option<String>,
    /// Trust any certificate.
    pub insecure: bool,
    /// Whether sessions are resumed; they are by default.
    pub resume: Option<bool>,
}

/// `target.compression`: `true` for every coding that can be undone, one coding, or a list in the order
/// of preference; `false` and `"none"` for none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WrittenCompression")]
pub struct Compression(pub Vec<String>);

impl Compression {
    /// Codings that can be undone (RFC 9110 section 8.4.1, RFC 7932, RFC 8878).
    pub const KNOWN: [&'static str; 4] = ["gzip", "deflate", "br", "zstd"];
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected true, a content coding such as \"gzip\", or a list of them"
)]
enum WrittenCompression {
    All(bool),
    One(String),
    Some(Vec<String>),
}

impl TryFrom<WrittenCompression> for Compression {
    type Error = String;

    fn try_from(written: WrittenCompression) -> Result<Self, String> {
        let listed = match written {
            WrittenCompression::All(true) => Self::KNOWN.map(str::to_owned).to_vec(),
            WrittenCompression::All(false) => Vec::new(),
            WrittenCompression::One(one) if one == "none" => Vec::new(),
            WrittenCompression::One(one) => one.split(',').map(|s| s.trim().to_owned()).collect(),
            WrittenCompression::Some(list) => list,
        };
        match listed
            .iter()
            .find(|name| !Self::KNOWN.contains(&name.as_str()))
        {
            Some(other) => Err(format!(
                "{other:?} is no content coding that can be undone; there is gzip, deflate, br and zstd"
            )),
            None => Ok(Self(listed)),
        }
    }
}

/// When names are resolved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resolve {
    /// Once, before the run.
    #[default]
    Once,
    /// For each connection.
    Each,
}
