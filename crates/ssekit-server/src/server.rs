//! A running server: its socket, its connections and its end.
use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    Config, JournalEntry, ServerError,
    certificate::Certificate,
    connection, fault,
    flaw::{Flaw, FrameFlaw, RouteFlaw},
    service::Service,
    subscription::stopped,
};

/// Longest time streams are given to end when the server stops.
const GRACE: Duration = Duration::from_secs(5);

/// The same, by the defect that does not end streams: longer than anybody waits for it.
const NO_GRACE: Duration = Duration::from_secs(60);

/// A running server; dropping it stops it at once.
pub struct Server {
    addr: SocketAddr,
    certificate: Option<Certificate>,
    service: Arc<Service>,
    stop: watch::Sender<bool>,
    listeners: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts a server in the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on, no certificate can be made, or a value of the
    /// configuration is out of bounds.
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        config.validate()?;
        let listener = listen(config.listen, config.shared_port)?;
        let addr = listener.local_addr().unwrap_or(config.listen);
        let certificate = match config.tls {
            true => Some(Certificate::make(addr.ip())?),
            false => None,
        };
        let tls = certificate
            .as_ref()
            .map(|certificate| certificate.acceptor(offered(&config)))
            .transpose()?;
        let (stop, stopping) = watch::channel(false);
        let service = Arc::new(Service::new(config, stopping));
        let mut listeners = Vec::new();
        if tls.is_some() && service.has(RouteFlaw::RedirectDowngrade) {
            let plain = listen(SocketAddr::new(addr.ip(), 0), false)?;
            let _ = plain.local_addr().map(|addr| service.plain.set(addr));
            listeners.push(tokio::spawn(accept(plain, None, service.clone())));
        }
        listeners.push(tokio::spawn(accept(listener, tls, service.clone())));
        Ok(Self {
            addr,
            certificate,
            service,
            stop,
            listeners,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// URL of a path, which begins with `/`. An unspecified address is shown as that of loopback.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = match self.certificate {
            Some(_) => "https",
            None => "http",
        };
        let mut addr = self.addr;
        if addr.ip().is_unspecified() {
            addr.set_ip(match addr {
                SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        }
        format!("{scheme}://{addr}{path}")
    }

    /// The certificate to trust, in PEM, when TLS is on.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<&str> {
        self.certificate.as_ref().map(|made| made.pem.as_str())
    }

    /// The last 1024 requests, oldest first.
    #[must_use]
    pub fn journal(&self) -> Vec<JournalEntry> {
        self.service.journal.entries()
    }

    /// Number of event streams being sent now.
    #[must_use]
    pub fn active_streams(&self) -> usize {
        self.service.journal.streams()
    }

    /// Something that makes the server stop as [`shutdown`](Self::shutdown) does, and does not wait.
    /// The server has to be kept until it has stopped.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let stop = self.stop.clone();
        move || {
            let _ = stop.send(true);
        }
    }

    /// Ends every stream cleanly, with its last event whole, then stops. What has not ended after
    /// 5 s is cut.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        for listener in self.listeners.drain(..) {
            let _ = listener.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url("/"))
            .field("defect", &self.service.config.defect)
            .finish_non_exhaustive()
    }
}

/// The protocols offered by ALPN.
fn offered(config: &Config) -> &'static [&'static str] {
    match config.defect.map(|defect| defect.entry().flaw) {
        Some(Flaw::Frame(FrameFlaw::NotOffered)) => &["http/1.1"],
        _ => &["h2", "http/1.1"],
    }
}

/// Connections that may wait to be taken: a ramp of thousands a second fills a short queue.
const BACKLOG: u32 = 4096;

fn listen(address: SocketAddr, shared: bool) -> Result<TcpListener, ServerError> {
    let listening = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }?;
        // As listeners of the standard library do, so that a port is free again at once.
        socket.set_reuseaddr(true)?;
        #[cfg(unix)]
        socket.set_reuseport(shared)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listening().map_err(|source| ServerError::Listen { address, source })
}

/// Takes connections until the server stops; then waits for them, within bounds.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, service: Arc<Service>) {
    let mut connections = JoinSet::new();
    let mut stop = service.stop.clone();
    let pause = fault::between_accepts(&service.faults);
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(connection::serve(socket, tls.clone(), service.clone()));
                    if let Some(pause) = pause {
                        sleep(pause).await;
                    }
                }
                // Out of file descriptors, or a connection that is gone already.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let grace = if service.outlives_stop() {
        NO_GRACE
    } else {
        GRACE
    };
    let _ = timeout(grace, ended).await;
}
