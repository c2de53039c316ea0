//! HTTP/1.1 without hyper, for the defects that hyper would mend or refuse.
//!
//! It serves the same answers as hyper does, so that a defect differs in nothing else.
use std::{io, time::SystemTime};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use crate::{
    answer::Content,
    flaw::{Flaw, WireFlaw},
    lean::Common,
    plan::Plan,
    raw_request::{Asked, read_request},
    service::Service,
    subscription::stopped,
};

/// Good chunks before the one at fault, so that a check has seen events.
const GOOD_CHUNKS: usize = 6;
/// Bytes of further requests read while one is being answered.
const AHEAD: usize = 64 * 1024;

/// How the end of an answer is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// There is no content; for HEAD, the length it would have, where that is known.
    None(Option<u64>),
    Length(u64),
    Chunked,
    /// By the end of the connection.
    Close,
}

/// Serves one connection until it ends.
pub(crate) async fn serve<S>(socket: S, service: &Service) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let flaw = match service.flaw {
        Some(Flaw::Wire(flaw)) => Some(flaw),
        _ => None,
    };
    let mut connection = Connection::new(socket, flaw);
    while let Some(asked) = connection.next_request(service).await? {
        match connection.answer(asked, service).await? {
            Turn::Next => {}
            Turn::Last | Turn::Broken | Turn::Common(..) => break,
        }
    }
    connection.shutdown().await
}

/// How a connection goes on after an answer.
pub(crate) enum Turn {
    /// With the next request.
    Next,
    /// It ends.
    Last,
    /// It ends, since the content was broken off.
    Broken,
    /// The head has been written; the stream is one of many. The content stands for its line in
    /// the journal.
    Common(Plan, Content),
}

/// A connection that is served without hyper.
pub(crate) struct Connection<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    ahead: BytesMut,
    flaw: Option<WireFlaw>,
    joins: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(socket: S, flaw: Option<WireFlaw>) -> Self {
        let (reader, writer) = tokio::io::split(socket);
        Self {
            reader,
            writer,
            ahead: BytesMut::new(),
            flaw,
            joins: false,
        }
    }

    /// Its streams may join a crowd.
    pub(crate) fn joining(self) -> Self {
        Self {
            joins: true,
            ..self
        }
    }

    pub(crate) fn into_inner(self) -> S {
        self.reader.unsplit(self.writer)
    }

    pub(crate) async fn shutdown(mut self) -> io::Result<()> {
        self.writer.shutdown().await
    }

    /// Writes the rest of what has been begun.
    pub(crate) async fn write(&mut self, rest: &[u8]) -> io::Result<()> {
        tokio::select! {
            written = self.writer.write_all(rest) => written,
            gone = watch(&mut self.reader, &mut self.ahead) => Err(gone),
        }
    }

    /// Goes on with a chunked answer; whether it came to its end.
    pub(crate) async fn go_on(&mut self, content: Content) -> io::Result<bool> {
        self.content(content, Framing::Chunked).await
    }

    pub(crate) async fn next_request(&mut self, service: &Service) -> io::Result<Option<Asked>> {
        let mut stop = service.stop.clone();
        let asked = tokio::select! {
            () = stopped(&mut stop) => return Ok(None),
            asked = read_request(&mut self.reader, &mut self.writer, &mut self.ahead) => asked?,
        };
        if let Some(Asked::Bad(status)) = asked {
            let line =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            self.writer.write_all(line.as_bytes()).await?;
            return Ok(None);
        }
        Ok(asked)
    }

    /// Answers a request.
    pub(crate) async fn answer(&mut self, asked: Asked, service: &Service) -> io::Result<Turn> {
        let Asked::Request {
            mut request,
            keep_alive,
        } = asked
        else {
            return Ok(Turn::Last);
        };
        let (method, version) = (request.method().clone(), request.version());
        let with_content = self.flaw == Some(WireFlaw::HeadContent) && method == Method::HEAD;
        if with_content {
            *request.method_mut() = Method::GET;
        }
        let mut answer = tokio::select! {
            answer = service.respond(*request) => answer,
            gone = watch(&mut self.reader, &mut self.ahead) => return Err(gone),
        };
        let shown = if with_content { Method::GET } else { method };
        let framing = self.framing(&answer, &shown, version);
        let keep_alive = keep_alive && framing != Framing::Close && !service.is_stopping();
        let head = self.head(&answer, framing, keep_alive);
        self.writer.write_all(&head).await?;
        self.writer.flush().await?;
        let next = if keep_alive { Turn::Next } else { Turn::Last };
        if matches!(framing, Framing::None(_)) {
            return Ok(next);
        }
        let common = answer.extensions_mut().remove::<Common>();
        if let Some(Common(plan)) = common.filter(|_| self.joins && framing == Framing::Chunked) {
            return Ok(Turn::Common(plan, answer.into_body()));
        }
        Ok(match self.content(answer.into_body(), framing).await? {
            false => Turn::Broken,
            true if service.is_stopping() => Turn::Last,
            true => next,
        })
    }

    fn framing(&self, answer: &Response<Content>, method: &Method, version: Version) -> Framing {
        let length = answer.body().size_hint().exact();
        let no_content = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED];
        if no_content.contains(&answer.status()) {
            return Framing::None(None);
        }
        if *method == Method::HEAD {
            return Framing::None(length);
        }
        let coding_anyway = self.flaw == Some(WireFlaw::Http10Coding);
        match length {
            Some(length) => Framing::Length(length),
            None if version == Version::HTTP_10 && !coding_anyway => Framing::Close,
            None => Framing::Chunked,
        }
    }

    fn head(&self, answer: &Response<Content>, framing: Framing, keep_alive: bool) -> Vec<u8> {
        let status = answer.status();
        let reason = status.canonical_reason().unwrap_or_default();
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
        for (name, value) in answer.headers() {
            push_field(&mut head, name.as_str(), value.as_bytes());
        }
        match framing {
            Framing::Length(length) | Framing::None(Some(length)) => {
                push_field(&mut head, "content-length", length.to_string().as_bytes());
            }
            Framing::Chunked => push_field(&mut head, "transfer-encoding", b"chunked"),
            Framing::None(None) | Framing::Close => {}
        }
        if framing == Framing::Chunked && self.flaw == Some(WireFlaw::LengthAndCoding) {
            push_field(&mut head, "content-length", b"1000000000");
        }
        if !keep_alive {
            push_field(&mut head, "connection", b"close");
        }
        let date = httpdate::fmt_http_date(SystemTime::now());
        push_field(&mut head, header::DATE.as_str(), date.as_bytes());
        head.extend_from_slice(b"\r\n");
        head
    }

    /// Writes content; whether it came to its end.
    async fn content(&mut self, mut content: Content, framing: Framing) -> io::Result<bool> {
        let mut chunks = 0;
        let mut trailers = HeaderMap::new();
        loop {
            let frame = tokio::select! {
                frame = content.frame() => frame,
                gone = watch(&mut self.reader, &mut self.ahead) => return Err(gone),
            };
            match frame {
                None => break,
                Some(Err(_)) => return Ok(false),
                Some(Ok(frame)) if frame.is_trailers() => {
                    trailers = frame.into_trailers().unwrap_or_default();
                }
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    chunks += 1;
                    let written = self.framed(&data, framing, chunks);
                    self.writer.write_all(&written).await?;
                    self.writer.flush().await?;
                }
            }
        }
        if framing == Framing::Chunked {
            self.writer.write_all(&last_chunk(&trailers)).await?;
            self.writer.flush().await?;
        }
        Ok(true)
    }

    /// The bytes of the n-th piece of data (RFC 9112 7.1), with the fault where it is due.
    fn framed(&self, data: &Bytes, framing: Framing, chunks: usize) -> Vec<u8> {
        if framing != Framing::Chunked {
            return data.to_vec();
        }
        let flaw = self.flaw.filter(|_| chunks == GOOD_CHUNKS);
        let size = match flaw {
            Some(WireFlaw::ChunkSize) => "xyz".into(),
            _ => format!("{:x}", data.len()),
        };
        let size_end: &[u8] = match flaw {
            Some(WireFlaw::ChunkSizeLf) => b"\n",
            _ => b"\r\n",
        };
        let data_end: &[u8] = match flaw {
            Some(WireFlaw::ChunkDataEnd) => b"",
            _ => b"\r\n",
        };
        [size.as_bytes(), size_end, data, data_end].concat()
    }
}

/// Reads ahead until the client has gone.
async fn watch<R: AsyncRead + Unpin>(reader: &mut R, ahead: &mut BytesMut) -> io::Error {
    loop {
        if ahead.len() >= AHEAD {
            return io::Error::other("too much asked for while an answer goes on");
        }
        match reader.read_buf(ahead).await {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}

fn last_chunk(trailers: &HeaderMap) -> Vec<u8> {
    let mut end = b"0\r\n".to_vec();
    for (name, value) in trailers {
        push_field(&mut end, name.as_str(), value.as_bytes());
    }
    end.extend_from_slice(b"\r\n");
    end
}

fn push_field(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// A request read whole.
pub(crate) type WholeRequest = Request<Full<Bytes>>;
