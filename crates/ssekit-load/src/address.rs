//! The addresses of a host.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use url::Url;

use crate::error::LoadError;

/// The addresses of a host. Where it has some of both families, those of the first one that answers:
/// a server that listens on one of them only should not have half of the streams refused.
pub(crate) fn addresses(url: &Url, limit: Duration) -> Result<Vec<SocketAddr>, LoadError> {
    let host = url.host_str().unwrap_or_default();
    let unresolved = |why: String| LoadError::Unresolved {
        host: host.to_owned(),
        why,
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = (name, port)
        .to_socket_addrs()
        .map_err(|error| unresolved(error.to_string()))?;
    let mut found: Vec<SocketAddr> = found.collect();
    found.dedup();
    let Some(first) = found.first().copied() else {
        return Err(unresolved("it has no address".into()));
    };
    if found.iter().all(|other| other.is_ipv4() == first.is_ipv4()) {
        return Ok(found);
    }
    let answers = |address: &&SocketAddr| TcpStream::connect_timeout(address, limit).is_ok();
    let chosen = found.iter().find(answers).copied().unwrap_or(first);
    found.retain(|other| other.is_ipv4() == chosen.is_ipv4());
    Ok(found)
}
