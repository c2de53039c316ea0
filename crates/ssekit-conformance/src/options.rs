//! What to check and how.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ssekit_http::{HttpChoice, Limits, TlsTrust};
use ssekit_record::Level;
use url::Url;

use crate::endpoint::Endpoint;
use crate::{EchoTarget, Selection, Stopper};

/// Bytes of content stored of the main exchange, at most.
const MAIN_BODY: usize = 10 * 1024 * 1024;

/// Options of a run against a live target.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// The stream.
    pub target: Url,
    /// Method of the stream's request.
    pub method: String,
    /// Content of the stream's request.
    pub body: Option<Vec<u8>>,
    /// Field lines the user adds to every request.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Names among them whose values never reach a transcript.
    pub secret_fields: Vec<String>,
    /// Version to speak.
    pub http: HttpChoice,
    /// Certificates to trust.
    pub trust: TlsTrust,
    /// Longest wait for a connection and for a head.
    pub timeout: Duration,
    /// How long the main observation lasts; `None`: 3 s, or 45 s in a long run.
    pub observe: Option<Duration>,
    /// One request only.
    pub passive: bool,
    /// Also the checks that need a long observation.
    pub long: bool,
    /// Which checks.
    pub selection: Selection,
    /// The level from which a finding turns the exit code red.
    pub gate: Level,
    /// Bounds on what is stored of an exchange.
    pub limits: Limits,
    /// Name and version of a subject that was started for this run.
    pub subject: Option<String>,
    /// Where the echo endpoint is, for the checks that send chosen values through the server.
    pub echo: Option<EchoTarget>,
    /// Stops the server under test, where this run may: then its streams are watched as it stops,
    /// after everything else. The server is not started again.
    pub stopper: Option<Stopper>,
    /// The echo endpoint, once found.
    pub(crate) endpoint: Option<Endpoint>,
    /// Set from elsewhere, it ends a run early: open exchanges are left, no other is made, and the
    /// record judges what was seen until then.
    pub stop: Arc<AtomicBool>,
}

impl CheckOptions {
    /// The defaults for a target: `GET`, every check that is not long, must-findings red.
    pub fn new(target: Url) -> Self {
        Self {
            target,
            method: "GET".into(),
            body: None,
            fields: Vec::new(),
            secret_fields: Vec::new(),
            http: HttpChoice::Auto,
            trust: TlsTrust::default(),
            timeout: Duration::from_secs(10),
            observe: None,
            passive: false,
            long: false,
            selection: Selection::default(),
            gate: Level::Must,
            limits: Limits {
                body: MAIN_BODY,
                ..Limits::default()
            },
            subject: None,
            echo: None,
            stopper: None,
            endpoint: None,
            stop: Arc::default(),
        }
    }

    /// Whether the run was asked to end.
    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// How long the main observation lasts.
    pub fn window(&self) -> Duration {
        self.observe.unwrap_or(if self.long {
            Duration::from_secs(45)
        } else {
            Duration::from_secs(3)
        })
    }
}
