//! One plain HTTP/1.1 request, of which only the status matters; of a port that speaks TLS, whether it
//! takes connections.
use std::{
    io::{Error, ErrorKind, Result},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use url::Url;

/// Longest wait for one answer: a server that is still starting may accept and stay silent.
const PATIENCE: Duration = Duration::from_secs(2);
/// Longest status line read, in bytes.
const MAX_STATUS_LINE: usize = 1024;

/// Asks `url` once: it is ready where it answers within 2 s with a status below 500. An `https://` one
/// is ready where it takes connections: what it answers to plain text, if anything, says nothing.
///
/// # Errors
/// Why it is not ready.
pub(crate) async fn ask(url: &str) -> Result<()> {
    match tokio::time::timeout(PATIENCE, exchange(url)).await {
        Ok(ready) => ready,
        Err(_) => Err(Error::new(ErrorKind::TimedOut, "it does not answer")),
    }
}

/// Whether anything listens where `url` is asked.
pub(crate) async fn is_taken(url: &str) -> bool {
    let addresses = Url::parse(url).ok();
    let addresses = addresses.and_then(|url| url.socket_addrs(|| None).ok());
    let Some(addresses) = addresses else {
        return false;
    };
    let connecting = TcpStream::connect(&addresses[..]);
    matches!(tokio::time::timeout(PATIENCE, connecting).await, Ok(Ok(_)))
}

async fn exchange(url: &str) -> Result<()> {
    let url = Url::parse(url).map_err(Error::other)?;
    let addresses = url.socket_addrs(|| None)?;
    let mut stream = TcpStream::connect(&addresses[..]).await?;
    if url.scheme() == "https" {
        return Ok(());
    }
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: ssekit\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        target = &url[url::Position::BeforePath..url::Position::AfterQuery],
        host = &url[url::Position::BeforeHost..url::Position::AfterPort],
    );
    stream.write_all(request.as_bytes()).await?;
    let mut line = Vec::new();
    while !line.contains(&b'\n') && line.len() < MAX_STATUS_LINE {
        if stream.read_buf(&mut line).await? == 0 {
            break;
        }
    }
    match status_of(&line) {
        Some(..500) => Ok(()),
        Some(status) => {
            let last = format!("the last answer was status {status}");
            Err(Error::other(last))
        }
        None => Err(Error::other("the answer is not HTTP/1")),
    }
}

/// The status of `HTTP/1.x NNN …` (RFC 9112 section 4).
fn status_of(line: &[u8]) -> Option<u16> {
    let rest = line
        .strip_prefix(b"HTTP/1.")?
        .get(1..)?
        .strip_prefix(b" ")?;
    std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::status_of;

    #[test]
    fn a_status_is_read_from_a_status_line_only() {
        assert_eq!(status_of(b"HTTP/1.1 204 No Content\r\n"), Some(204));
        assert_eq!(status_of(b"HTTP/1.0 503\r\n"), Some(503));
        for wrong in [
            &b""[..],
            b"HTTP/1.1",
            b"HTTP/1.1 2",
            b"SSH-2.0-x",
            b"HTTP/2 200",
            b"HTTP/1.1 abc ",
        ] {
            assert_eq!(status_of(wrong), None);
        }
    }
}
