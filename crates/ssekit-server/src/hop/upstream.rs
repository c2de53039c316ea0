//! The hop's side towards the origin: one request a connection.
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use ssekit_http::{ChunkDecoder, ChunkPart};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Longest head of the origin.
const HEAD: usize = 256 * 1024;
/// Most bytes taken in one read.
const READ: usize = 64 * 1024;

/// Fields that belong to one connection (RFC 9110 section 7.6.1).
const OF_CONNECTION: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
];

/// Takes out what belongs to one connection.
pub(super) fn end_to_end(fields: &mut HeaderMap) {
    for name in OF_CONNECTION {
        fields.remove(name);
    }
}

/// How the origin ends its content.
#[derive(Debug)]
pub(super) enum Framing {
    Chunked(Box<ChunkDecoder>),
    Length(u64),
    Close,
}

/// What came next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Data(Bytes),
    /// The content is complete.
    End,
    /// The origin broke off.
    Broken,
}

/// An answer of the origin whose content is still to come.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) framing: Framing,
    socket: TcpStream,
    ahead: BytesMut,
}

/// Asks the origin and waits for its head.
///
/// # Errors
/// When it cannot be reached or gives no answer.
pub(super) async fn ask(origin: &str, request: &Request<Full<Bytes>>) -> io::Result<Upstream> {
    let mut socket = TcpStream::connect(origin).await?;
    socket.set_nodelay(true)?;
    let content = request.body().clone().collect().await;
    let content = content.map(|c| c.to_bytes()).unwrap_or_default();
    socket.write_all(&head(request, &content)).await?;
    socket.write_all(&content).await?;
    let mut ahead = BytesMut::new();
    loop {
        if let Some((status, fields)) = parse(&mut ahead)? {
            let framing = framing(&fields);
            return Ok(Upstream {
                status,
                fields,
                framing,
                socket,
                ahead,
            });
        }
        if ahead.len() > HEAD || socket.read_buf(&mut ahead).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn head(request: &Request<Full<Bytes>>, content: &Bytes) -> Vec<u8> {
    let version = match request.version() {
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    };
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} {version}\r\n", request.method()).into_bytes();
    let mut fields = request.headers().clone();
    end_to_end(&mut fields);
    fields.remove(header::CONTENT_LENGTH);
    if !fields.contains_key(header::HOST)
        && let Some(authority) = request.uri().authority()
        && let Ok(value) = HeaderValue::from_str(authority.as_str())
    {
        fields.insert(header::HOST, value);
    }
    if !content.is_empty() {
        fields.insert(header::CONTENT_LENGTH, content.len().into());
    }
    fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &fields {
        field(&mut head, name, value);
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Writes one field line.
pub(super) fn field(head: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    head.extend_from_slice(name.as_str().as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value.as_bytes());
    head.extend_from_slice(b"\r\n");
}

/// The head at the start of these bytes, if all of it is there; it is taken off.
fn parse(bytes: &mut BytesMut) -> io::Result<Option<(StatusCode, HeaderMap)>> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidData);
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut fields);
    let size = match response.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(invalid()),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or(0)).map_err(|_| invalid())?;
    let mut map = HeaderMap::new();
    for line in response.headers.iter() {
        let name = HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| invalid())?;
        let value = HeaderValue::from_bytes(line.value).map_err(|_| invalid())?;
        map.append(name, value);
    }
    bytes.advance(size);
    Ok(Some((status, map)))
}

fn framing(fields: &HeaderMap) -> Framing {
    if fields.contains_key(header::TRANSFER_ENCODING) {
        return Framing::Chunked(Box::default());
    }
    let length = fields.get(header::CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
    length.map_or(Framing::Close, Framing::Length)
}

impl Upstream {
    /// The next content. May be dropped and called again.
    pub(super) async fn next(&mut self) -> Part {
        loop {
            if let Some(part) = self.ready() {
                return part;
            }
            self.ahead.reserve(READ);
            match self.socket.read_buf(&mut self.ahead).await {
                Ok(0) => return self.closed(),
                Ok(_) => {}
                Err(_) => return Part::Broken,
            }
        }
    }

    fn ready(&mut self) -> Option<Part> {
        match &mut self.framing {
            Framing::Length(0) => Some(Part::End),
            _ if self.ahead.is_empty() => None,
            Framing::Close => Some(Part::Data(self.ahead.split().freeze())),
            Framing::Length(left) => {
                let here =
                    usize::try_from(*left).map_or(self.ahead.len(), |l| l.min(self.ahead.len()));
                *left -= here as u64;
                Some(Part::Data(self.ahead.split_to(here).freeze()))
            }
            Framing::Chunked(chunks) => {
                let taken = self.ahead.split();
                let mut input = &taken[..];
                let mut data = Vec::new();
                let mut ended = None;
                while let Some(part) = chunks.next(&mut input) {
                    match part {
                        ChunkPart::Data(bytes) => data.extend_from_slice(bytes),
                        ChunkPart::End => ended = Some(Part::End),
                        ChunkPart::Fault { .. } if ended.is_none() => ended = Some(Part::Broken),
                        _ => {}
                    }
                }
                if !data.is_empty() {
                    // The end is told when it is asked for again.
                    if ended == Some(Part::End) {
                        self.framing = Framing::Length(0);
                    }
                    return Some(Part::Data(data.into()));
                }
                ended
            }
        }
    }

    fn closed(&self) -> Part {
        match self.framing {
            Framing::Close => Part::End,
            _ => Part::Broken,
        }
    }
}
