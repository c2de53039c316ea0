//! Name look-up and TCP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::{Host, Url};

use crate::deadline::in_seconds;

/// How long one address has before the next is tried beside it (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// Addresses tried at most.
const ADDRESSES: usize = 8;

/// Connects to the host of the URL, trying its addresses in turn. With a `buffer`, its size is asked for
/// before the handshake, which announces the window.
///
/// # Errors
/// In words, one line: which step failed, for whom, and why.
pub(crate) async fn connect(
    url: &Url,
    limit: Duration,
    buffer: Option<u32>,
) -> Result<(TcpStream, SocketAddr), String> {
    let addresses = resolve(url, limit).await?;
    let mut attempts = JoinSet::new();
    let mut waiting = addresses.iter().copied();
    let mut failures = Vec::new();
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(attempt(address, limit, buffer));
        }
        let pause = if waiting.len() == 0 {
            limit.saturating_mul(2)
        } else {
            STAGGER
        };
        match timeout(pause, attempts.join_next()).await {
            Ok(Some(Ok(Ok(connected)))) => return Ok(connected),
            Ok(Some(Ok(Err(failure)))) => failures.push(failure),
            Ok(Some(Err(panic))) => failures.push(panic.to_string()),
            Ok(None) if waiting.len() == 0 => return Err(in_one_line(&failures)),
            Ok(None) | Err(_) => {}
        }
    }
}

async fn resolve(url: &Url, limit: Duration) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().unwrap_or(80);
    let name = match url.host() {
        Some(Host::Domain(name)) => name,
        Some(Host::Ipv4(ip)) => return Ok(vec![SocketAddr::new(IpAddr::V4(ip), port)]),
        Some(Host::Ipv6(ip)) => return Ok(vec![SocketAddr::new(IpAddr::V6(ip), port)]),
        None => return Err("the URL has no host".into()),
    };
    let found = timeout(limit, lookup_host((name, port))).await;
    let addresses: Vec<_> = match found {
        Err(_) => {
            let limit = in_seconds(limit);
            return Err(format!("cannot resolve {name}: no answer within {limit}"));
        }
        Ok(Err(error)) => return Err(format!("cannot resolve {name}: {}", resolver_words(&error))),
        Ok(Ok(found)) => found.take(ADDRESSES).collect(),
    };
    if addresses.is_empty() {
        return Err(format!("cannot resolve {name}: it has no address"));
    }
    Ok(addresses)
}

/// The system's message without the preamble that std puts before it.
fn resolver_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ")
        .unwrap_or(&text)
        .to_owned()
}

async fn attempt(
    address: SocketAddr,
    limit: Duration,
    buffer: Option<u32>,
) -> Result<(TcpStream, SocketAddr), String> {
    let connected = timeout(limit, dial(address, buffer)).await;
    match connected {
        Ok(Ok(stream)) => {
            // Small requests should not wait for acknowledgements; it works without, too.
            let _ = stream.set_nodelay(true);
            Ok((stream, address))
        }
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Err(format!("connection refused by {address}"))
        }
        Ok(Err(error)) => Err(format!("no connection to {address}: {error}")),
        Err(_) => Err(format!(
            "no connection to {address} within {}",
            in_seconds(limit)
        )),
    }
}

async fn dial(address: SocketAddr, buffer: Option<u32>) -> io::Result<TcpStream> {
    let Some(size) = buffer else {
        return TcpStream::connect(address).await;
    };
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.set_recv_buffer_size(size)?;
    socket.connect(address).await
}

/// Failures of several addresses; the same refusal is said once.
fn in_one_line(failures: &[String]) -> String {
    const REFUSED: &str = "connection refused by ";
    if failures.len() > 1 && failures.iter().all(|f| f.starts_with(REFUSED)) {
        let by: Vec<_> = failures.iter().map(|f| &f[REFUSED.len()..]).collect();
        return format!("{REFUSED}{}", by.join(" and "));
    }
    failures.join("; ")
}
