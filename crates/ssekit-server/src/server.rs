//! A running server.
use crate::{Config, ServerError};
use std::net::SocketAddr;

/// A running server; dropping it stops it at once.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    certificate: Option<String>,
}

impl Server {
    /// Starts a server in the current tokio runtime.
    /// # Errors
    /// When the address cannot be listened on or no certificate can be made.
    #[expect(clippy::unused_async, reason = "filled in next")]
    pub async fn start(config: Config) -> Result<Self, ServerError> {
        Ok(Self {
            addr: config.listen,
            certificate: None,
        })
    }
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
    /// URL of a path, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.addr)
    }
    /// The certificate to trust, in PEM, when TLS is on.
    pub fn certificate_pem(&self) -> Option<&str> {
        self.certificate.as_deref()
    }
    /// Ends every stream cleanly, then stops; takes a bounded time.
    #[expect(clippy::unused_async, reason = "filled in next")]
    pub async fn shutdown(self) {}
}
