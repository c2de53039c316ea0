//! Checking a stream from a test.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ssekit_record::{CheckOutcome, CheckRecord, Level, Verdict};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use crate::complaint::Complaint;
use crate::{CheckOptions, Checked, ConformanceError, EchoTarget, HttpChoice, check};

/// Checks a stream in a test, by the same rules as `ssekit check`.
///
/// ```no_run
/// # async fn test() {
/// use ssekit_conformance::Checker;
///
/// Checker::new("http://127.0.0.1:8080/events")
///     .skip("response.nosniff")
///     .assert()
///     .await;
/// # }
/// ```
///
/// [`serving`](Self::serving) also starts the server. What has no method here is set with
/// [`options`](Self::options).
#[must_use = "nothing is asked before `assert` or `run` is awaited"]
#[derive(Debug)]
pub struct Checker {
    target: Result<CheckOptions, ConformanceError>,
    server: Option<Started>,
}

/// A server that runs as long as its check.
#[derive(Debug)]
struct Started(JoinHandle<()>);

impl Drop for Started {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Ends the run when nobody waits for it any more.
struct StopWhenDropped(Arc<AtomicBool>);

impl Drop for StopWhenDropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Checker {
    /// A stream that is served already. A URL that cannot be asked is an error of [`run`](Self::run).
    pub fn new(url: impl AsRef<str>) -> Self {
        let url = url.as_ref();
        let target = Url::parse(url).map_err(|reason| ConformanceError::Target {
            url: url.into(),
            reason: reason.to_string(),
        });
        Self {
            target: target.map(CheckOptions::new),
            server: None,
        }
    }

    /// A stream that is served for this check alone, on a free port of the loopback interface.
    ///
    /// `serve` gets the listener and gives what serves it; that runs on the current tokio runtime
    /// until the check is over. `path` is the stream's, with its query if it has one.
    ///
    /// ```no_run
    /// # fn routes() -> axum::Router { axum::Router::new() }
    /// # async fn test() {
    /// use ssekit_conformance::Checker;
    ///
    /// Checker::serving("/events", |listener| axum::serve(listener, routes()))
    ///     .only("framing")
    ///     .only("encoding")
    ///     .assert()
    ///     .await;
    /// # }
    /// ```
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn serving<S>(path: &str, serve: impl FnOnce(TcpListener) -> S) -> Self
    where
        S: IntoFuture,
        S::IntoFuture: Send + 'static,
    {
        let (listener, address) = match listen() {
            Ok(listening) => listening,
            Err(error) => {
                return Self {
                    target: Err(ConformanceError::Listen(error)),
                    server: None,
                };
            }
        };
        let served = serve(listener).into_future();
        let server = tokio::spawn(async move {
            served.await;
        });
        let slash = if path.starts_with('/') { "" } else { "/" };
        Self {
            server: Some(Started(server)),
            ..Self::new(format!("http://{address}{slash}{path}"))
        }
    }

    /// Sets any option of the run.
    pub fn options(mut self, set: impl FnOnce(&mut CheckOptions)) -> Self {
        if let Ok(options) = &mut self.target {
            set(options);
        }
        self
    }

    /// Only these checks: an id, a group (`framing`) or a glob (`*.injection`). Called again, those
    /// too. Without it, every check.
    pub fn only(self, checks: impl Into<String>) -> Self {
        self.options(|options| options.selection.only.push(checks.into()))
    }

    /// Not these checks: an id, a group or a glob. Called again, those neither.
    pub fn skip(self, checks: impl Into<String>) -> Self {
        self.options(|options| options.selection.skip.push(checks.into()))
    }

    /// The level from which a finding fails the check; [`Level::Must`] by default. With
    /// [`Level::Should`] or [`Level::Practice`], warnings of that level fail it too.
    pub fn gate(self, level: Level) -> Self {
        self.options(|options| options.gate = level)
    }

    /// How long the stream is observed; 3 s by default, 45 s in a long run.
    pub fn observe(self, window: Duration) -> Self {
        self.options(|options| options.observe = Some(window))
    }

    /// Makes one request only; checks that need others are `unverified`.
    pub fn passive(self) -> Self {
        self.options(|options| options.passive = true)
    }

    /// Also judges what needs a long observation: heartbeats, idle cuts, slow readers.
    pub fn long(self) -> Self {
        self.options(|options| options.long = true)
    }

    /// The version of HTTP to speak; by default HTTP/1.1, or what a TLS server chooses.
    pub fn http(self, version: HttpChoice) -> Self {
        self.options(|options| options.http = version)
    }

    /// Trusts the certificates in this PEM text too, such as one made for the test.
    pub fn trust(self, pem: impl Into<Vec<u8>>) -> Self {
        self.options(|options| options.trust.ca_pem = Some(pem.into()))
    }

    /// Adds a field to every request. The values of `Authorization`, `Cookie` and their like never
    /// reach a record.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options(|options| {
            let field = (name.into(), value.into().into_bytes());
            options.fields.push(field);
        })
    }

    /// Asks for the stream with `POST` and this content. Checks that would repeat the request are
    /// `unverified`: a `POST` is not repeated unasked.
    pub fn post(self, content: impl Into<Vec<u8>>) -> Self {
        self.options(|options| {
            options.method = "POST".into();
            options.body = Some(content.into());
        })
    }

    /// The server implements the echo contract beside the stream: at the target itself, at `echo`
    /// in its folder, or at `/echo`.
    pub fn echo(self) -> Self {
        self.options(|options| options.echo = Some(EchoTarget::Beside))
    }

    /// The server implements the echo contract at this path of its origin (`/sse/echo`), or at
    /// this URL.
    pub fn echo_at(mut self, place: &str) -> Self {
        let joined = self.target.as_ref().ok().map(|o| o.target.join(place));
        match joined {
            Some(Ok(url)) => self.options(|options| options.echo = Some(EchoTarget::At(url))),
            Some(Err(reason)) => {
                self.target = Err(ConformanceError::Target {
                    url: place.into(),
                    reason: reason.to_string(),
                });
                self
            }
            None => self,
        }
    }

    /// Checks, and gives what was found and seen, whatever it is.
    ///
    /// The exchanges are made on a thread of their own, so that a handler which blocks the
    /// runtime of the test delays itself and no measurement.
    ///
    /// # Errors
    /// For faults of the caller or the environment. Whatever the server does is in the record.
    ///
    /// # Panics
    /// Outside a tokio runtime, and when ssekit itself is at fault.
    pub async fn run(self) -> Result<Checked, ConformanceError> {
        let options = self.target?;
        let _stop = StopWhenDropped(Arc::clone(&options.stop));
        let checking = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(check(&options, &mut |_| {}))
        });
        let checked = match checking.await {
            Ok(checked) => checked?,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(error) => return Err(ConformanceError::Thread(io::Error::other(error))),
        };
        if checked.record.unanswered() && self.server.is_some_and(|server| server.0.is_finished()) {
            return Err(ConformanceError::ServerEnded);
        }
        Ok(checked)
    }

    /// Checks, and panics unless the stream conforms.
    ///
    /// # Panics
    /// With what was expected, what was seen, where, and what to change, when a rule at or above
    /// the [gate](Self::gate) is broken; when the server gave no answer; when not one of the checks
    /// could be judged, since a test that saw nothing has shown nothing; and when the run could not
    /// be made.
    #[track_caller]
    pub fn assert(self) -> impl Future<Output = CheckRecord> {
        let place = Location::caller();
        async move {
            match self.run().await {
                Err(error) => refuse(place, &format_args!("the stream was not checked: {error}")),
                Ok(checked) if proves(&checked.record) => checked.record,
                Ok(checked) => refuse(place, &Complaint(&checked.record)),
            }
        }
    }
}

/// A free port of the loopback interface.
fn listen() -> io::Result<(TcpListener, SocketAddr)> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((TcpListener::from_std(listener)?, address))
}

/// Whether the record shows a conforming stream.
fn proves(record: &CheckRecord) -> bool {
    let judged = |verdict| !matches!(verdict, Verdict::NotApplicable | Verdict::Unverified);
    record.outcome == CheckOutcome::Conformant && record.checks.iter().any(|f| judged(f.verdict))
}

#[expect(clippy::panic, reason = "what an assertion is for")]
fn refuse(place: &Location<'_>, why: &dyn Display) -> ! {
    panic!("{place}: {why}")
}
