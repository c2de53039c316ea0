//! The built-in hop: a reverse proxy that passes a stream on as it comes, with one switch per way
//! of harming it.
mod client;
mod exchange;
mod mode;
mod relay;
mod upstream;
mod valve;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

pub use mode::{HopEntry, HopMode};

use crate::{ServerError, certificate::Certificate};
use exchange::Route;

/// How to start a [`Hop`].
#[derive(Debug, Clone)]
pub struct HopConfig {
    /// Address to listen on; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Host and port that requests are forwarded to, over HTTP/1.
    pub origin: String,
    /// Serve TLS, offering HTTP/2, with a certificate made at start. Default off.
    pub tls: bool,
    /// What it does to streams. Default [`HopMode::Immediate`].
    pub mode: HopMode,
}

impl HopConfig {
    /// A transparent hop in front of this origin.
    #[must_use]
    pub fn new(origin: impl Into<String>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            origin: origin.into(),
            tls: false,
            mode: HopMode::Immediate,
        }
    }
}

/// A running hop; dropping it stops it at once and ends every connection.
#[derive(Debug)]
pub struct Hop {
    addr: SocketAddr,
    pem: Option<String>,
    task: JoinHandle<()>,
}

impl Hop {
    /// Starts a hop in the current tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be listened on or no certificate can be made.
    pub async fn start(config: HopConfig) -> Result<Self, ServerError> {
        let address = config.listen;
        let listen = |source| ServerError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let certificate = match config.tls {
            true => Some(Certificate::make(addr.ip())?),
            false => None,
        };
        let protocols = ["h2", "http/1.1"];
        let tls = certificate.as_ref().map(|made| made.acceptor(&protocols));
        let tls = tls.transpose()?;
        let route = Arc::new(Route::new(config.origin, config.mode));
        Ok(Self {
            addr,
            pem: certificate.map(|made| made.pem),
            task: tokio::spawn(accept(listener, tls, route)),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// URL of a path, which begins with `/`.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.addr)
    }

    /// The certificate to trust, in PEM, when TLS is on.
    #[must_use]
    pub fn certificate_pem(&self) -> Option<&str> {
        self.pem.as_deref()
    }
}

impl Drop for Hop {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, route: Arc<Route>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(client::serve(socket, tls.clone(), route.clone()));
                }
                // Out of file descriptors, or a connection that is gone already.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
}
