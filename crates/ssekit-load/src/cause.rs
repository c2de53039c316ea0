//! Why a connection failed or a stream ended: few kinds, so that they can be counted.

use std::fmt;
use std::io;

/// A kind of failure or end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The host name has no address.
    Unresolved,
    /// The server refused the connection.
    Refused,
    /// No connection, for another reason than a refusal.
    Unreachable,
    /// No connection in time.
    ConnectTimeout,
    /// This machine has no file descriptor left for it.
    NoDescriptor,
    /// This machine has no port left for it.
    NoPort,
    /// The source address cannot be used.
    NoSource,
    /// The TLS handshake failed.
    Tls,
    /// No complete head in time.
    HeadTimeout,
    /// Closed without an answer.
    Unanswered,
    /// A status other than the expected one.
    Status(u16),
    /// Another media type than the expected one.
    ContentType,
    /// A content coding that was not asked for.
    ContentCoding,
    /// The content cannot be decoded as its coding says.
    Undecodable,
    /// What came cannot be read as HTTP.
    Malformed,
    /// The stream passed a limit of the parser.
    Limit,
    /// No event in time.
    FirstEventTimeout,
    /// No byte for too long.
    SilenceTimeout,
    /// The response ended cleanly.
    Eof,
    /// The connection ended in the middle of the response.
    Truncated,
    /// The connection was reset.
    Reset,
    /// The connection failed in another way.
    Io,
    /// The server told to go away (HTTP/2).
    Goaway,
    /// The server reset the stream (HTTP/2).
    RstStream,
    /// The server did not begin the stream (HTTP/2): it has too many, or is about to go.
    RefusedStream,
    /// The end marker came.
    End,
    /// Closed by the generator, as the plan said.
    Client,
}

impl Cause {
    /// The kind of an error before there is a connection.
    pub fn of_connect(error: &io::Error) -> Self {
        match (error.kind(), error.raw_os_error()) {
            (io::ErrorKind::ConnectionRefused, _) => Self::Refused,
            (io::ErrorKind::TimedOut, _) => Self::ConnectTimeout,
            (io::ErrorKind::ConnectionReset, _) => Self::Reset,
            // EMFILE, ENFILE
            (_, Some(23 | 24)) => Self::NoDescriptor,
            (io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse, _) => Self::NoPort,
            _ => Self::Unreachable,
        }
    }

    /// The kind of an error on a connection.
    pub fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::UnexpectedEof => Self::Truncated,
            _ => Self::Io,
        }
    }

    /// Whether this machine, not the target, is at fault.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::NoDescriptor | Self::NoPort | Self::NoSource)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unresolved => "unresolved",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::ConnectTimeout => "connect_timeout",
            Self::NoDescriptor => "no_descriptor",
            Self::NoPort => "no_port",
            Self::NoSource => "no_source",
            Self::Tls => "tls",
            Self::HeadTimeout => "head_timeout",
            Self::Unanswered => "unanswered",
            Self::Status(status) => return write!(f, "status_{status}"),
            Self::ContentType => "content_type",
            Self::ContentCoding => "content_coding",
            Self::Undecodable => "undecodable",
            Self::Malformed => "malformed",
            Self::Limit => "limit",
            Self::FirstEventTimeout => "first_event_timeout",
            Self::SilenceTimeout => "silence_timeout",
            Self::Eof => "eof",
            Self::Truncated => "truncated",
            Self::Reset => "reset",
            Self::Io => "io",
            Self::Goaway => "goaway",
            Self::RstStream => "rst_stream",
            Self::RefusedStream => "refused_stream",
            Self::End => "end",
            Self::Client => "client",
        })
    }
}
