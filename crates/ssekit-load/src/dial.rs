//! Connections: from which address to which, with which socket options.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use socket2::{Domain, Protocol, Socket, Type};
use ssekit_record::Shard;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use url::Url;

use ssekit_http::tls_handshake;

use crate::address::Names;
use crate::cause::Cause;
use crate::port::Ports;
use crate::subscriber::Wire;

/// Ports that a connection tries in one turn.
const TRIES_PER_TURN: usize = 16;

/// Whether streams share connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Each has its own, over HTTP/1.1.
    Never,
    /// So many at most are on one, over HTTP/2.
    Always(u64),
    /// The server chooses by ALPN (RFC 7301): HTTP/2 with so many at most on one, or HTTP/1.1.
    AsAgreed(u64),
}

/// How TLS is spoken.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Its host is asked for.
    pub url: Url,
    /// For a connection that streams may share.
    pub shared: Arc<ClientConfig>,
    /// For a connection of one stream.
    pub own: Arc<ClientConfig>,
}

/// Where the streams of a population connect to, and how.
#[derive(Debug, Clone)]
pub struct Dialer {
    /// Addresses of the target; streams take turns.
    pub targets: Vec<SocketAddr>,
    /// Names that are looked up for each connection, where that is asked for.
    pub names: Option<Names>,
    /// Source addresses; streams take turns. Empty: the system chooses.
    pub sources: Vec<IpAddr>,
    /// Local ports; `None`: the system chooses.
    pub ports: Option<Ports>,
    /// Receive buffer of the socket in bytes, where it is not the system's choice.
    pub recv_buffer: Option<usize>,
    /// TLS, where it is spoken.
    pub tls: Option<Tls>,
    /// Whether streams share connections.
    pub sharing: Sharing,
    /// Longest wait for a connection, and for the handshake.
    pub connect_timeout: Duration,
}

impl Dialer {
    /// Addresses of the target, and for each at least so many source addresses: every pair of them has
    /// all ports.
    pub fn pairs(&self) -> (u64, u64) {
        let sources = |target: &SocketAddr| {
            let usable = |ip: &&IpAddr| ip.is_ipv4() == target.is_ipv4();
            self.sources.iter().filter(usable).count().max(1)
        };
        let fewest = self.targets.iter().map(sources).min().unwrap_or(1);
        (self.targets.len().max(1) as u64, fewest as u64)
    }

    /// With ports of our own choice where so many connections at once would have the system search
    /// for long.
    pub fn with_ports(self, connections: u64, shard: Shard) -> Self {
        if self.ports.is_some() {
            return self;
        }
        let (targets, sources) = self.pairs();
        let ports = Ports::new(connections / (targets * sources), shard);
        Self { ports, ..self }
    }

    /// Where the stream of this number connects to. Looks a name up where that is done for each
    /// connection.
    ///
    /// # Errors
    /// `Cause::Unresolved`.
    pub async fn target(&self, number: u64) -> Result<SocketAddr, Cause> {
        if let Some(names) = &self.names {
            return names.address(number, self.connect_timeout).await;
        }
        let turn = number % self.targets.len().max(1) as u64;
        let target = self.targets.get(turn as usize);
        target.copied().ok_or(Cause::Unresolved)
    }

    /// Opens a TCP connection to this address for the stream of this number.
    ///
    /// # Errors
    /// The kind of failure.
    pub async fn connect(&self, number: u64, target: SocketAddr) -> Result<TcpStream, Cause> {
        // Streams of one target address take turns over all sources.
        let number = number / self.targets.len().max(1) as u64;
        let sources: Vec<_> = self
            .sources
            .iter()
            .filter(|ip| ip.is_ipv4() == target.is_ipv4())
            .collect();
        let source = match sources.len() {
            0 => None,
            len => Some(*sources[(number % len as u64) as usize]),
        };
        let candidates = self.ports.iter().flat_map(Ports::candidates);
        for (port, tried) in candidates.zip(1_usize..) {
            match self.reach(target, source, Some(port)).await {
                // Taken by somebody else.
                Err(Cause::NoPort) => {}
                reached => return reached,
            }
            // A long search must not keep the other streams from their turn.
            if tried.is_multiple_of(TRIES_PER_TURN) {
                tokio::task::yield_now().await;
            }
        }
        match &self.ports {
            Some(ports) if ports.is_only() => Err(Cause::NoPort),
            _ => self.reach(target, source, None).await,
        }
    }

    async fn reach(
        &self,
        target: SocketAddr,
        source: Option<IpAddr>,
        port: Option<u16>,
    ) -> Result<TcpStream, Cause> {
        let socket = self.socket(target, source, port)?;
        match timeout(self.connect_timeout, socket.connect(target)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(Cause::of_connect(&error)),
            Err(_) => Err(Cause::ConnectTimeout),
        }
    }

    /// Makes the TLS handshake, where there is to be one, for a connection that streams may share.
    ///
    /// # Errors
    /// The kind of failure.
    pub async fn secure_shared(&self, stream: TcpStream) -> Result<Wire, Cause> {
        self.secure(stream, |tls| &tls.shared).await
    }

    /// The same for a connection of one stream.
    ///
    /// # Errors
    /// The kind of failure.
    pub async fn secure_own(&self, stream: TcpStream) -> Result<Wire, Cause> {
        self.secure(stream, |tls| &tls.own).await
    }

    async fn secure(
        &self,
        stream: TcpStream,
        config: impl Fn(&Tls) -> &Arc<ClientConfig>,
    ) -> Result<Wire, Cause> {
        let Some(tls) = &self.tls else {
            return Ok(Wire::Plain(stream));
        };
        // Most connections have no TLS, and this is most of what making one takes.
        let handshake = Box::pin(tls_handshake(stream, &tls.url, config(tls).clone()));
        match timeout(self.connect_timeout, handshake).await {
            Ok(Ok((stream, _))) => Ok(Wire::Tls(Box::new(stream))),
            Ok(Err(_)) | Err(_) => Err(Cause::Tls),
        }
    }

    fn socket(
        &self,
        target: SocketAddr,
        source: Option<IpAddr>,
        port: Option<u16>,
    ) -> Result<TcpSocket, Cause> {
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
        match port {
            // Other connections to other addresses may have the same one.
            Some(_) => socket.set_reuse_address(true).map_err(of_connect)?,
            None => defer_port(&socket),
        }
        if source.is_some() || port.is_some() {
            let any = match target {
                SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            let local = SocketAddr::new(source.unwrap_or(any), port.unwrap_or(0));
            let bound = socket.bind(&local.into());
            bound.map_err(|error| match (Cause::of_connect(&error), port) {
                (Cause::NoDescriptor, _) => Cause::NoDescriptor,
                (_, Some(_)) if error.kind() == io::ErrorKind::AddrInUse => Cause::NoPort,
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
