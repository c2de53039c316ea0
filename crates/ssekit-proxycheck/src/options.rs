//! How to look at a hop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ssekit_http::{HttpChoice, TlsTrust};
use ssekit_record::Level;
use ssekit_scenario::HopExpectation;
use url::Url;

use crate::Family;

/// How to look at a hop.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    /// URL through the hop, of any path that it forwards to the origin.
    pub via: Url,
    /// Request fields to add to every request.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Names among them whose values are secrets.
    pub secret_fields: Vec<String>,
    /// Version spoken to the hop. `Auto` is HTTP/1.1, and HTTP/2 besides where TLS offers it.
    pub http: HttpChoice,
    /// Certificates to trust.
    pub trust: TlsTrust,
    /// Longest wait for a connection, and for the hop to find the origin.
    pub timeout: Duration,
    /// Later than this after it was sent, an event is late. Default 50 ms.
    pub max_added_latency: Duration,
    /// Silence the stream should survive. Default 10 s.
    pub idle: Duration,
    /// Age a busy stream should reach; not looked at when `None`.
    pub lifetime: Option<Duration>,
    /// Leaves out what takes longer than five seconds.
    pub quick: bool,
    /// Level from which a warning turns the exit code red.
    pub gate: Level,
    /// Name of the hop, where it is known: a product in it makes remedies exact.
    pub subject: Option<String>,
    /// The product, where it is known and may not give itself away: HAProxy and Traefik do not.
    pub family: Option<Family>,
    /// What is known of the hop: those findings turn nothing red.
    pub known: HopExpectation,
    /// Set to end the run early.
    pub stop: Arc<AtomicBool>,
}

impl ProxyOptions {
    /// The defaults for this URL.
    pub fn new(via: Url) -> Self {
        Self {
            via,
            fields: Vec::new(),
            secret_fields: Vec::new(),
            http: HttpChoice::Auto,
            trust: TlsTrust::default(),
            timeout: Duration::from_secs(10),
            max_added_latency: Duration::from_millis(50),
            idle: Duration::from_secs(10),
            lifetime: None,
            quick: false,
            gate: Level::Practice,
            subject: None,
            family: None,
            known: HopExpectation::default(),
            stop: Arc::default(),
        }
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn bar_us(&self) -> u64 {
        u64::try_from(self.max_added_latency.as_micros()).unwrap_or(u64::MAX)
    }
}
