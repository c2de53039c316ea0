//! The endpoint that Prometheus reads while a run goes on.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue, VARY};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};

use crate::error::LoadError;
use crate::exposition::Exposition;
use crate::job::Job;
use crate::negotiation::{PROTOBUF, likes_protobuf};
use crate::run::Progress;

/// Connections served at one time; more wait.
const CONNECTIONS: usize = 16;
/// How long a client may take for the head of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The text format of Prometheus, as a media type.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves `GET /metrics` in the text format of Prometheus, or with native histograms in its protobuf format
/// to those who ask for that, from a thread of its own, from its start until it is dropped. What it serves is as old as the newest interval it was shown, and made then:
/// a scrape neither waits for the run nor holds it up.
#[derive(Debug)]
pub struct Exporter {
    address: SocketAddr,
    exposition: Exposition,
    is_native: bool,
    scrape: Arc<Mutex<Scrape>>,
    end: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What a scrape gets.
#[derive(Debug, Clone)]
struct Scrape {
    text: Bytes,
    /// Where there are native histograms.
    protobuf: Option<Bytes>,
}

impl Scrape {
    fn of(exposition: &Exposition, is_native: bool) -> Self {
        Self {
            text: exposition.text().into(),
            protobuf: is_native.then(|| exposition.protobuf().into()),
        }
    }
}

impl Exporter {
    /// Listens; port 0 takes any that is free. `is_native` says whether there are native histograms, in the
    /// protobuf format.
    ///
    /// # Errors
    /// When it cannot listen there, or there can be no thread.
    pub fn start(listen: SocketAddr, job: &Job, is_native: bool) -> Result<Self, LoadError> {
        let failed = |cause| LoadError::Listen {
            address: listen,
            cause,
        };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let exposition = Exposition::new(job);
        let scrape = Scrape::of(&exposition, is_native);
        let scrape = Arc::new(Mutex::new(scrape));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(LoadError::Runtime)?;
        let (end, ended) = oneshot::channel();
        let shown = scrape.clone();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, shown) => {}
                    _ = ended => {}
                }
            });
        };
        let thread = Builder::new()
            .name("prometheus".into())
            .spawn(serve)
            .map_err(LoadError::Runtime)?;
        Ok(Self {
            address,
            exposition,
            is_native,
            scrape,
            end: Some((end, thread)),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes the newest interval.
    pub fn take(&mut self, progress: &mut Progress<'_>) {
        self.exposition.take(progress);
        let scrape = Scrape::of(&self.exposition, self.is_native);
        *self.scrape.lock().unwrap_or_else(PoisonError::into_inner) = scrape;
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.end.take() {
            let _ = end.send(());
            let _ = thread.join();
        }
    }
}

async fn accept(listener: TcpListener, scrape: Arc<Mutex<Scrape>>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let seats = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(seat) = seats.clone().acquire_owned().await else {
            return;
        };
        let Ok((socket, _)) = listener.accept().await else {
            // Out of descriptors, most likely: the run has them all.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let scrape = scrape.clone();
        let respond = move |request: Request<Incoming>| {
            let scrape = scrape.lock().unwrap_or_else(PoisonError::into_inner);
            let scrape = scrape.clone();
            async move { Ok::<_, Infallible>(answer(&request, scrape)) }
        };
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(socket), service_fn(respond));
            // A client that leaves is its own affair.
            let _ = connection.await;
            drop(seat);
        });
    }
}

fn answer<B>(request: &Request<B>, scrape: Scrape) -> Response<Full<Bytes>> {
    let is_negotiated = scrape.protobuf.is_some();
    let (path, method) = (request.uri().path(), request.method());
    let (status, content_type, body) = match () {
        () if path != "/metrics" => (
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            Bytes::from_static(b"The metrics of this run are at /metrics.\n"),
        ),
        () if method != Method::GET && method != Method::HEAD => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            Bytes::from_static(b"Use GET.\n"),
        ),
        () => match scrape.protobuf {
            Some(protobuf) if likes_protobuf(request.headers()) => {
                (StatusCode::OK, PROTOBUF, protobuf)
            }
            _ => (StatusCode::OK, TEXT, scrape.text),
        },
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if status == StatusCode::OK && is_negotiated {
        fields.insert(VARY, HeaderValue::from(ACCEPT));
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 section 15.5.6.
        fields.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}
