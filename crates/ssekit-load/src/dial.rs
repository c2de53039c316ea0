//! Connections: from which address to which, with which socket options.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use url::Url;

use ssekit_http::tls_handshake;

use crate::cause::Cause;
use crate::subscriber::Wire;

/// Where the streams of a population connect to, and how.
#[derive(Debug, Clone)]
pub struct Dialer {
    /// Addresses of the target; streams take turns.
    pub targets: Vec<SocketAddr>,
    /// Source addresses; streams take turns. Empty: the system chooses.
    pub sources: Vec<IpAddr>,
    /// Receive buffer of the socket in bytes, where it is not the system's choice.
    pub recv_buffer: Option<usize>,
    /// TLS, with the URL whose host is asked for.
    pub tls: Option<(Arc<ClientConfig>, Url)>,
    /// Streams on one connection at most, over HTTP/2; `None` where each has its own, over
    /// HTTP/1.1.
    pub streams_per_connection: Option<u64>,
    /// Longest wait for a connection, and for the handshake.
    pub connect_timeout: Duration,
}

impl Dialer {
    /// Opens a TCP connection for the stream of this number.
    ///
    /// # Errors
    /// The kind of failure.
    pub async fn connect(&self, number: u64) -> Result<TcpStream, Cause> {
        let turn = |len: usize| (number % len.max(1) as u64) as usize;
        let target = *self
            .targets
            .get(turn(self.targets.len()))
            .ok_or(Cause::Unresolved)?;
        // Streams of one target address take turns over all sources.
        let number = number / self.targets.len() as u64;
        let sources: Vec<_> = self
            .sources
            .iter()
            .filter(|ip| ip.is_ipv4() == target.is_ipv4())
            .collect();
        let source = match sources.len() {
            0 => None,
            len => Some(*sources[(number % len as u64) as usize]),
        };
        let socket = self.socket(target, source)?;
        match timeout(self.connect_timeout, socket.connect(target)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Cause::of_connect(&error)),
            Err(_) => Err(Cause::ConnectTimeout),
        }
    }

    /// Makes the TLS handshake, where there is to be one.
    ///
    /// # Errors
    /// The kind of failure.
    pub async fn secure(&self, stream: TcpStream) -> Result<Wire, Cause> {
        let Some((config, url)) = &self.tls else {
            return Ok(Wire::Plain(stream));
        };
        let handshake = tls_handshake(stream, url, config.clone());
        match timeout(self.connect_timeout, handshake).await {
            Ok(Ok((stream, _))) => Ok(Wire::Tls(Box::new(stream))),
            Ok(Err(_)) | Err(_) => Err(Cause::Tls),
        }
    }

    fn socket(&self, target: SocketAddr, source: Option<IpAddr>) -> Result<TcpSocket, Cause> {
        let of_connect = |error: io::Error| Cause::of_connect(&error);
        let socket = Socket::new(
            Domain::for_address(target),
            Type::STREAM,
            Some(Protocol::TCP),
        );
        let socket = socket.map_err(of_connect)?;
        socket.set_nonblocking(true).map_err(of_connect)?;
        if let Some(bytes) = self.recv_buffer {
            socket.set_recv_buffer_size(bytes).map_err(of_connect)?;
        }
        if let Some(source) = source {
            defer_port(&socket);
            let bound = socket.bind(&SocketAddr::new(source, 0).into());
            bound.map_err(|error| match Cause::of_connect(&error) {
                Cause::NoDescriptor => Cause::NoDescriptor,
                _ => Cause::NoSource,
            })?;
        }
        Ok(TcpSocket::from_std_stream(socket.into()))
    }
}

/// Lets the system choose the port at connect(2), by the whole pair of addresses, so that a source
/// address has as many ports as there are for each target. Where that is not to be had, the port is
/// chosen at bind(2) and there are fewer.
fn defer_port(socket: &Socket) {
    #[cfg(target_os = "linux")]
    {
        use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
        let _ = setsockopt(socket, IpBindAddressNoPort, &true);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}
