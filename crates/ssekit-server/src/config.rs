//! What a server is started with.
use std::{net::SocketAddr, time::Duration};

use crate::{Defect, Fault, ServerError};

/// How to start a [`crate::Server`].
#[derive(Debug, Clone)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one. Default `127.0.0.1:0`.
    pub listen: SocketAddr,
    /// Serve TLS with a certificate made at start. Default off.
    pub tls: bool,
    /// The one way in which the server is broken. Default none.
    pub defect: Option<Defect>,
    /// Ways in which delivery is at fault. Default none.
    pub faults: Vec<Fault>,
    /// Let other processes listen on the same port, which shares its connections among them
    /// (`SO_REUSEPORT`). Default off.
    pub shared_port: bool,
    /// Longest silence on a stream before a comment is sent. Default 10 s, within the 15 s
    /// advised by WHATWG HTML, "Server-sent events", authoring notes. From 10 ms to one hour.
    pub heartbeat: Duration,
    /// How many past events a resumed stream can be given, 1 to 1,000,000. Default 1024.
    pub history: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: false,
            defect: None,
            faults: Vec::new(),
            shared_port: false,
            heartbeat: Duration::from_secs(10),
            history: 1024,
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), ServerError> {
        let heartbeat = Duration::from_millis(10)..=Duration::from_secs(3600);
        if !heartbeat.contains(&self.heartbeat) {
            let reason = "the heartbeat is from 10 ms to one hour";
            return Err(ServerError::Config(reason.into()));
        }
        if !(1..=1_000_000).contains(&self.history) {
            let reason = "the history is from 1 to 1000000 events";
            return Err(ServerError::Config(reason.into()));
        }
        Ok(())
    }
}
