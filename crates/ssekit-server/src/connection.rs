//! One connection: TLS, the protocol spoken on it, and its end.
use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    flaw::{Flaw, FrameFlaw, HeadFlaw},
    graft::Graft,
    lean,
    patience::Patient,
    raw,
    rewritten::Rewritten,
    service::Service,
    subscription::stopped,
    tamper::Tamper,
};

/// Longest wait for a TLS handshake, and for the head of a request.
pub(crate) const OPENING: Duration = Duration::from_secs(15);
/// How long a connection is kept for its streams to end, by the defect that says no GOAWAY.
const NO_GOAWAY: Duration = Duration::from_millis(500);
/// Bytes of a request head, or of answers not yet taken by the socket.
const BUFFER: usize = 64 * 1024;
/// The first bytes of the HTTP/2 connection preface (RFC 9113 3.4).
const PREFACE: &[u8; 4] = b"PRI ";

/// Serves one connection until it ends. Faults of the peer end it and are not reported: the
/// journal shows what was asked.
pub(crate) async fn serve(socket: TcpStream, tls: Option<TlsAcceptor>, service: Arc<Service>) {
    // An event must not wait for the next one to fill a segment.
    let _ = socket.set_nodelay(true);
    let is_raw = service.flaw.is_some_and(Flaw::is_raw);
    match tls {
        None => {
            if service.flaw.is_none() {
                let mut stop = service.stop.clone();
                let asked = tokio::select! {
                    () = stopped(&mut stop) => return,
                    asked = timeout(OPENING, lean::is_asked_for(&socket)) => asked,
                };
                match asked {
                    Ok(true) => {
                        let _ = Box::pin(lean::serve(socket, &service)).await;
                        return;
                    }
                    Ok(false) => {}
                    Err(_) => return,
                }
            }
            let is_raw = is_raw && !speaks_h2(&socket).await;
            Box::pin(exchange(Patient::new(socket), is_raw, &service)).await;
        }
        Some(tls) => {
            let handshake = timeout(OPENING, tls.accept(socket));
            if let Ok(Ok(socket)) = handshake.await {
                let is_raw = is_raw && socket.get_ref().1.alpn_protocol() != Some(b"h2");
                Box::pin(exchange(Patient::new(socket), is_raw, &service)).await;
            }
        }
    }
}

/// Whether the client begins with the HTTP/2 connection preface.
async fn speaks_h2(socket: &TcpStream) -> bool {
    let mut seen = [0; PREFACE.len()];
    while let Ok(count) = socket.peek(&mut seen).await {
        if count == 0 || count == PREFACE.len() || seen[..count] != PREFACE[..count] {
            return seen == *PREFACE;
        }
        sleep(Duration::from_millis(5)).await;
    }
    false
}

async fn exchange<S>(socket: S, is_raw: bool, service: &Arc<Service>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    if is_raw {
        let _ = raw::serve(socket, service).await;
        return;
    }
    match service.flaw {
        Some(Flaw::Frame(FrameFlaw::Field(name, value))) => {
            let graft = Graft::new(name, value);
            converse(Rewritten::new(socket, graft), service).await;
        }
        Some(Flaw::Frame(FrameFlaw::Tamper(flaw))) => {
            let tamper = Tamper::new(flaw);
            converse(Rewritten::new(socket, tamper), service).await;
        }
        _ => converse(socket, service).await,
    }
}

/// Lets hyper speak HTTP until the connection ends, or the server stops.
async fn converse<S>(socket: S, service: &Arc<Service>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = builder(service.flaw);
    let answering = service.clone();
    let respond = service_fn(move |request| {
        let service = answering.clone();
        async move { Ok::<_, Infallible>(service.respond(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(socket), respond);
    let mut connection = std::pin::pin!(connection);
    let mut stop = service.stop.clone();
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stopped(&mut stop) => {}
    }
    if service.flaw == Some(Flaw::Frame(FrameFlaw::NoGoaway)) {
        // Time for its streams to end.
        let _ = timeout(NO_GOAWAY, connection).await;
        return;
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

fn builder(flaw: Option<Flaw>) -> auto::Builder<TokioExecutor> {
    let date = flaw != Some(Flaw::Head(HeadFlaw::NoDate));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(OPENING)
        .max_buf_size(BUFFER)
        .auto_date_header(date);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_send_buf_size(BUFFER)
        .auto_date_header(date);
    if let Some(Flaw::Frame(FrameFlaw::FewStreams(most))) = flaw {
        builder.http2().max_concurrent_streams(most);
    }
    builder
}
