//! The addresses of a host.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::timeout;
use url::Url;

use crate::cause::Cause;
use crate::error::LoadError;

/// A host and a port.
pub(crate) type Host = (String, u16);

type Lookup = dyn Fn(&Host) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// What a URL says of where to connect.
pub(crate) fn host(url: &Url) -> Host {
    let host = url.host_str().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    (name.to_owned(), url.port_or_known_default().unwrap_or(80))
}

/// The addresses of a host. Where it has some of both families, those of the first one that answers:
/// a server that listens on one of them only should not have half of the streams refused.
pub(crate) fn addresses(url: &Url, limit: Duration) -> Result<Vec<SocketAddr>, LoadError> {
    let unresolved = |why: String| LoadError::Unresolved {
        host: url.host_str().unwrap_or_default().to_owned(),
        why,
    };
    let mut found = look_up(&host(url)).map_err(|error| unresolved(error.to_string()))?;
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

fn look_up((name, port): &Host) -> io::Result<Vec<SocketAddr>> {
    let mut found: Vec<_> = (name.as_str(), *port).to_socket_addrs()?.collect();
    found.dedup();
    Ok(found)
}

/// Hosts that are looked up anew for each connection.
#[derive(Clone)]
pub struct Names {
    /// At least one; connections take turns.
    hosts: Arc<[Host]>,
    /// The family that is connected to, which was chosen before the run.
    is_ipv4: bool,
    lookup: Arc<Lookup>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Names").field(&self.hosts).finish()
    }
}

impl Names {
    pub(crate) fn new(hosts: Vec<Host>, is_ipv4: bool) -> Self {
        Self {
            hosts: hosts.into(),
            is_ipv4,
            lookup: Arc::new(look_up),
        }
    }

    /// An address for the connection of this number, as the system finds it now.
    ///
    /// # Errors
    /// [`Cause::Unresolved`] where there is none of the family in that time.
    pub(crate) async fn address(&self, number: u64, limit: Duration) -> Result<SocketAddr, Cause> {
        let len = self.hosts.len().max(1) as u64;
        let host = self.hosts.get((number % len) as usize);
        let host = host.ok_or(Cause::Unresolved)?.clone();
        let lookup = self.lookup.clone();
        let found = timeout(limit, spawn_blocking(move || lookup(&host))).await;
        let Ok(Ok(Ok(mut found))) = found else {
            return Err(Cause::Unresolved);
        };
        found.retain(|address| address.is_ipv4() == self.is_ipv4);
        let turn = number / len % found.len().max(1) as u64;
        found.get(turn as usize).copied().ok_or(Cause::Unresolved)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Mutex;

    use super::*;

    fn names(answers: Vec<io::Result<Vec<&str>>>) -> Names {
        let parsed = answers.into_iter().rev().map(|answer| {
            answer.map(|all| all.into_iter().map(|text| text.parse().unwrap()).collect())
        });
        let answers = Mutex::new(parsed.collect::<Vec<_>>());
        Names {
            lookup: Arc::new(move |_| answers.lock().unwrap().pop().unwrap()),
            ..Names::new(vec![("h.test".into(), 1)], true)
        }
    }

    #[tokio::test]
    async fn each_connection_goes_where_the_name_points_then() {
        let limit = Duration::from_secs(60);
        let names = names(vec![
            Ok(vec!["10.0.0.1:1"]),
            Ok(vec!["[::1]:1", "10.0.0.2:1"]),
            Ok(vec!["10.0.0.3:1", "10.0.0.4:1", "10.0.0.5:1"]),
            Ok(vec!["[::1]:1"]),
            Ok(Vec::new()),
            Err(io::Error::other("no such host")),
        ]);
        let mut told = Vec::new();
        for number in 0..6 {
            let address = names.address(number, limit).await;
            told.push(address.map(|address| address.to_string()));
        }
        let at = |text: &str| Ok(text.to_owned());
        let none = || Err(Cause::Unresolved);
        assert_eq!(
            told,
            [
                at("10.0.0.1:1"),
                at("10.0.0.2:1"),
                at("10.0.0.5:1"),
                none(),
                none(),
                none()
            ]
        );
    }

    #[test]
    fn hosts_of_urls_have_the_port_of_their_scheme() {
        let of = |url: &str| host(&Url::parse(url).unwrap());
        assert_eq!(of("https://h.test/x"), ("h.test".into(), 443));
        assert_eq!(of("http://[::1]:81/"), ("::1".into(), 81));
    }
}
