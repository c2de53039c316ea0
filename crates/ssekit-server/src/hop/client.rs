//! The hop's side towards clients: HTTP/1 on raw sockets, HTTP/2 by hyper.
use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::stream::unfold;
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    HopMode,
    exchange::{Reply, Route},
    upstream::{Part, field},
};
use crate::raw_request::{Asked, read_request};

/// Longest wait for a TLS handshake and for a request.
const OPENING: Duration = Duration::from_secs(15);

/// Serves one connection until it ends.
pub(super) async fn serve(socket: TcpStream, tls: Option<TlsAcceptor>, route: Arc<Route>) {
    let _ = socket.set_nodelay(true);
    let Some(tls) = tls else {
        // What a client does to its connection ends it and is not reported.
        let _ = http1(socket, &route).await;
        return;
    };
    let Ok(Ok(socket)) = timeout(OPENING, tls.accept(socket)).await else {
        return;
    };
    if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2(socket, route).await;
    } else {
        let _ = http1(socket, &route).await;
    }
}

/// One request and its answer.
async fn http1<S>(socket: S, route: &Route) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut reader, mut writer) = tokio::io::split(socket);
    let mut ahead = BytesMut::new();
    let asked = read_request(&mut reader, &mut writer, &mut ahead);
    let Ok(asked) = timeout(OPENING, asked).await else {
        return Ok(());
    };
    let request = match asked? {
        Some(Asked::Request { request, .. }) => *request,
        Some(Asked::Bad(status)) => {
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            writer.write_all(head.as_bytes()).await?;
            return writer.shutdown().await;
        }
        None => return Ok(()),
    };
    let scene = Scene {
        mode: route.mode,
        old: request.version() == Version::HTTP_10,
        bodiless: request.method() == Method::HEAD,
    };
    let mut peer = Peer {
        reader,
        writer,
        watched: !matches!(route.mode, HopMode::AbortAtWrite | HopMode::AbortIgnored),
    };
    let reply = tokio::select! {
        reply = route.reply(request) => reply,
        gone = peer.gone() => return Err(gone),
    };
    peer.answer(reply, scene).await
}

#[derive(Debug, Clone, Copy)]
struct Scene {
    mode: HopMode,
    /// Asked in HTTP/1.0.
    old: bool,
    bodiless: bool,
}

struct Peer<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    /// Whether its leaving is noticed.
    watched: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// Waits until the client has left.
    async fn gone(&mut self) -> io::Error {
        if !self.watched {
            std::future::pending::<()>().await;
        }
        let mut scrap = [0; 1024];
        loop {
            match self.reader.read(&mut scrap).await {
                Ok(0) => return io::ErrorKind::ConnectionAborted.into(),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    }

    async fn answer(&mut self, mut reply: Reply, scene: Scene) -> io::Result<()> {
        let none = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        let empty = scene.bodiless || none.contains(&reply.status);
        let chunks = !scene.old || scene.mode == HopMode::ChunkedHttp10;
        let chunked = !empty && reply.length.is_none() && chunks;
        let mut head = head(&reply, chunked, empty);
        if scene.mode != HopMode::HeadHeld {
            self.writer.write_all(&head).await?;
            self.writer.flush().await?;
            head.clear();
        }
        if empty {
            self.writer.write_all(&head).await?;
            return self.writer.shutdown().await;
        }
        loop {
            let part = tokio::select! {
                part = reply.content.recv() => part,
                gone = self.gone() => return Err(gone),
            };
            match part {
                Some(Part::Data(data)) => {
                    let mut bytes = std::mem::take(&mut head);
                    bytes.extend(framed(&data, chunked));
                    self.writer.write_all(&bytes).await?;
                    self.writer.flush().await?;
                }
                Some(Part::End) => {
                    head.extend_from_slice(if chunked { b"0\r\n\r\n" } else { b"" });
                    self.writer.write_all(&head).await?;
                    return self.writer.shutdown().await;
                }
                // The client sees the content end too early.
                Some(Part::Broken) | None => return Ok(()),
            }
        }
    }
}

fn framed(data: &[u8], chunked: bool) -> Vec<u8> {
    if !chunked {
        return data.to_vec();
    }
    let mut framed = format!("{:x}\r\n", data.len()).into_bytes();
    framed.extend_from_slice(data);
    framed.extend_from_slice(b"\r\n");
    framed
}

fn head(reply: &Reply, chunked: bool, empty: bool) -> Vec<u8> {
    let reason = reply.status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", reply.status.as_u16()).into_bytes();
    for (name, value) in &reply.fields {
        field(&mut head, name, value);
    }
    if chunked {
        head.extend_from_slice(b"transfer-encoding: chunked\r\n");
    } else if let (Some(length), false) = (reply.length, empty) {
        head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    head.extend_from_slice(b"connection: close\r\n\r\n");
    head
}

async fn http2<S>(socket: S, route: Arc<Route>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let respond = service_fn(move |request: Request<Incoming>| {
        let route = route.clone();
        async move {
            let (parts, content) = request.into_parts();
            let content = content.collect().await;
            let content = content.map(|c| c.to_bytes()).unwrap_or_default();
            let reply = route
                .reply(Request::from_parts(parts, Full::new(content)))
                .await;
            Ok::<_, Infallible>(response(reply))
        }
    });
    let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new());
    let _ = builder
        .serve_connection(TokioIo::new(socket), respond)
        .await;
}

type Content = http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error>;

fn response(reply: Reply) -> Response<Content> {
    let Reply {
        status,
        fields,
        content,
        ..
    } = reply;
    let parts = unfold(Some(content), |content| async {
        let mut content = content?;
        match content.recv().await {
            Some(Part::Data(data)) => Some((Ok(Frame::data(data)), Some(content))),
            Some(Part::End) => None,
            Some(Part::Broken) | None => Some((Err(io::ErrorKind::ConnectionAborted.into()), None)),
        }
    });
    let mut response = Response::new(StreamBody::new(parts).boxed_unsync());
    *response.status_mut() = status;
    *response.headers_mut() = fields as HeaderMap;
    response
}
