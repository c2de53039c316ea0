//! A client that shows what is on the wire.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, missing_docs)]
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use ssekit_proto::{EventRef, Parser, Sink};
use ssekit_server::{Config, Defect, Server};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// No test waits longer for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn start() -> Server {
    Server::start(Config::default()).await.unwrap()
}

pub async fn start_with(defect: &str) -> Server {
    let defect = Some(Defect::find(defect).unwrap_or_else(|| panic!("no defect {defect}")));
    let config = Config {
        defect,
        ..Config::default()
    };
    Server::start(config).await.unwrap()
}

pub async fn start_tls(defect: Option<&str>) -> Server {
    let config = Config {
        tls: true,
        defect: defect.and_then(Defect::find),
        ..Config::default()
    };
    Server::start(config).await.unwrap()
}

/// A connection and the bytes read from it so far.
pub struct Wire<S = TcpStream> {
    pub socket: S,
    pub bytes: Vec<u8>,
}

pub async fn connect(server: &Server) -> Wire {
    let socket = TcpStream::connect(server.addr()).await.unwrap();
    Wire {
        socket,
        bytes: Vec::new(),
    }
}

/// Sends a request and keeps the connection.
pub async fn ask(server: &Server, request: &str) -> Wire {
    let mut wire = connect(server).await;
    wire.send(request).await;
    wire
}

/// A GET of a path with further field lines.
pub async fn get(server: &Server, path: &str, fields: &str) -> Wire {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    ask(server, &request).await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub async fn send(&mut self, request: &str) {
        self.socket.write_all(request.as_bytes()).await.unwrap();
    }

    /// Reads once; false at the end of the connection.
    pub async fn more(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let read = timeout(PATIENCE, self.socket.read(&mut buffer)).await;
        let count = read.expect("the server sends something").unwrap_or(0);
        self.bytes.extend_from_slice(&buffer[..count]);
        count > 0
    }

    /// Reads until the condition holds or the connection ends; whether it held.
    pub async fn until(&mut self, holds: impl Fn(&Answer) -> bool) -> bool {
        loop {
            if self.head_is_whole() && holds(&self.answer()) {
                return true;
            }
            if !self.more().await {
                return self.head_is_whole() && holds(&self.answer());
            }
        }
    }

    pub async fn head(&mut self) -> Answer {
        assert!(self.until(|_| true).await, "no head: {:?}", self.text());
        self.answer()
    }

    /// Reads so many events, then leaves the connection as it is.
    pub async fn events(&mut self, count: usize) -> Vec<Event> {
        assert!(
            self.until(|answer| answer.events().len() >= count).await,
            "{}",
            self.text()
        );
        self.answer().events()
    }

    /// Reads until the end of the connection.
    pub async fn rest(&mut self) -> Answer {
        while self.more().await {}
        self.answer()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn head_is_whole(&self) -> bool {
        self.bytes.windows(4).any(|w| w == b"\r\n\r\n")
    }

    pub fn answer(&self) -> Answer {
        let at = self
            .bytes
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .unwrap();
        let head = String::from_utf8(self.bytes[..at].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap().to_owned();
        let fields = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Answer {
            status: status_line.split(' ').nth(1).unwrap().parse().unwrap(),
            status_line,
            fields: fields.collect(),
            content: self.bytes[at + 4..].to_vec(),
        }
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status_line: String,
    pub status: u16,
    pub fields: Vec<(String, String)>,
    /// As sent, with its framing.
    pub content: Vec<u8>,
}

impl Answer {
    pub fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.fields.iter().filter(|(known, _)| known == name);
        fields.map(|(_, value)| value.as_str()).collect()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub fn is_chunked(&self) -> bool {
        self.field("transfer-encoding") == Some("chunked")
    }

    /// The content without its framing, and whether it ended cleanly; `Err` where it is broken.
    pub fn decoded(&self) -> Result<(Vec<u8>, bool), String> {
        if !self.is_chunked() {
            return Ok((self.content.clone(), true));
        }
        let mut out = Vec::new();
        let mut rest = &self.content[..];
        loop {
            let Some(end) = rest.windows(2).position(|w| w == b"\r\n") else {
                return Ok((out, false));
            };
            let line = String::from_utf8_lossy(&rest[..end]).into_owned();
            let size = usize::from_str_radix(&line, 16).map_err(|_| line)?;
            rest = &rest[end + 2..];
            if size == 0 {
                return Ok((out, rest.ends_with(b"\r\n")));
            }
            if rest.len() < size + 2 {
                out.extend_from_slice(&rest[..rest.len().min(size)]);
                return Ok((out, false));
            }
            out.extend_from_slice(&rest[..size]);
            if &rest[size..size + 2] != b"\r\n" {
                return Err("no CRLF after a chunk".into());
            }
            rest = &rest[size + 2..];
        }
    }

    pub fn stream(&self) -> Vec<u8> {
        self.decoded().unwrap_or_else(|why| panic!("{why}")).0
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stream()).into_owned()
    }

    pub fn ended_cleanly(&self) -> bool {
        self.decoded().is_ok_and(|(_, clean)| clean)
    }

    pub fn events(&self) -> Vec<Event> {
        events_of(
            &self
                .decoded()
                .map_or_else(|_| Vec::new(), |(bytes, _)| bytes),
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub kind: String,
    pub id: String,
    pub data: String,
}

impl Event {
    pub fn number(&self) -> u64 {
        self.id.parse().unwrap_or_else(|_| panic!("id {}", self.id))
    }
}

pub fn events_of(bytes: &[u8]) -> Vec<Event> {
    struct Events(Vec<Event>);
    impl Sink for Events {
        fn event(&mut self, event: EventRef<'_>) {
            self.0.push(Event {
                kind: event.event.into(),
                id: event.last_event_id.into(),
                data: event.data.into(),
            });
        }
    }
    let mut events = Events(Vec::new());
    Parser::new().feed(bytes, &mut events).unwrap();
    events.0
}

/// Whether each number follows the one before it.
pub fn is_consecutive(numbers: &[u64]) -> bool {
    numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// A TLS connection offering these protocols.
pub async fn connect_tls(server: &Server, alpn: &[&str]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    let pem = server.certificate_pem().unwrap();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let socket = TcpStream::connect(server.addr()).await.unwrap();
    let name = ServerName::from(server.addr().ip());
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, socket).await.unwrap()
}

/// What came over HTTP/2: head, data frames, and whether the end was clean.
pub struct H2 {
    pub head: http::response::Parts,
    pub content: hyper::body::Incoming,
}

/// One request over HTTP/2 on this socket.
pub async fn h2<S>(socket: S, request: http::Request<()>) -> H2
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = request.map(|()| Full::<Bytes>::default());
    let answer = timeout(PATIENCE, sender.send_request(request)).await;
    let (head, content) = answer.unwrap().unwrap().into_parts();
    H2 { head, content }
}

/// One GET over HTTP/2 with prior knowledge.
pub async fn h2_get(server: &Server, path: &str) -> H2 {
    let socket = TcpStream::connect(server.addr()).await.unwrap();
    let request = http::Request::get(server.url(path)).body(()).unwrap();
    h2(socket, request).await
}

impl H2 {
    /// Reads so many data frames, or to the end; `Err` where the stream was reset.
    pub async fn frames(&mut self, most: usize) -> Result<Vec<Bytes>, hyper::Error> {
        let mut frames = Vec::new();
        while frames.len() < most {
            let frame = timeout(PATIENCE, self.content.frame()).await.unwrap();
            let Some(frame) = frame.transpose()? else {
                break;
            };
            frames.extend(frame.into_data().ok().filter(|data| !data.is_empty()));
        }
        Ok(frames)
    }
}
