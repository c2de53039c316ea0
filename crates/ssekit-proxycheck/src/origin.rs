//! The origin of a run: a server on raw sockets, so that every byte and its moment are ours.
//!
//! It answers one request a connection and says so, which keeps a hop from asking twice over a
//! connection that is just being closed.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use ssekit_record::escape;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use crate::act::{Act, Answer, Framing, Step};
use crate::journal::{Journal, Line, Visit};

/// Longest request head read.
const HEAD: usize = 256 * 1024;
/// Longest wait for a request head.
const OPENING: Duration = Duration::from_secs(30);
/// Longest wait for a peer to take bytes it does not read, and to close after us.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes written at once in a flood.
const SURGE: usize = 64 * 1024;

/// What probes are expected, by the token in their URLs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Programme {
    acts: Arc<Mutex<HashMap<String, (String, Act)>>>,
}

impl Programme {
    /// From now on, requests whose target holds `token` belong to `probe`.
    pub(crate) fn expect(&self, token: String, probe: &str, act: Act) {
        let mut acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        acts.insert(token, (probe.to_owned(), act));
    }

    fn find(&self, target: &str) -> Option<(String, Act)> {
        let acts = self.acts.lock().unwrap_or_else(PoisonError::into_inner);
        // A token ends where no further letter, digit or dash follows.
        let whole = |token: &str| {
            let at = target.find(token)?;
            let rest = target[at + token.len()..].chars().next();
            rest.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-')
                .then_some(())
        };
        let found = acts.iter().find(|(token, _)| whole(token).is_some());
        found.map(|(_, entry)| entry.clone())
    }
}

/// A listening origin; dropping it ends every connection.
#[derive(Debug)]
pub(crate) struct Origin {
    addr: SocketAddr,
    task: JoinHandle<()>,
}

impl Origin {
    pub(crate) fn start(
        listener: TcpListener,
        programme: Programme,
        journal: Journal,
    ) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, programme, journal));
        Ok(Self { addr, task })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, programme: Programme, journal: Journal) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    let (programme, journal) = (programme.clone(), journal.clone());
                    connections.spawn(async move {
                        // What a peer does to its connection is in the journal.
                        let _ = serve(socket, &programme, &journal).await;
                    });
                }
                // Out of file descriptors, or a connection that is gone already.
                Err(_) => sleep(Duration::from_millis(20)).await,
            },
        }
    }
}

async fn serve(mut socket: TcpStream, programme: &Programme, journal: &Journal) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let Ok(read) = timeout(OPENING, read_head(&mut socket)).await else {
        return Ok(());
    };
    let Some(mut visit) = read? else {
        return Ok(());
    };
    if visit.version.is_empty() {
        journal.open(visit);
        return Ok(());
    }
    let (probe, act) = programme
        .find(&visit.target)
        .map_or((None, Act::Answer(bystander())), |(probe, act)| {
            (Some(probe), act)
        });
    visit.probe = probe;
    let asked = Asked {
        old: visit.version == "HTTP/1.0",
        head_only: visit.method == "HEAD",
    };
    let Some(line) = journal.open(visit) else {
        return Ok(());
    };
    match act {
        Act::Close => {
            line.ended();
            socket.shutdown().await
        }
        Act::Reset => {
            line.ended();
            socket.set_zero_linger()
        }
        Act::Answer(answer) => {
            let performed = perform(socket, &answer, asked, &line).await;
            line.ended();
            performed
        }
    }
}

/// What a hop's own health check gets.
fn bystander() -> Answer {
    let text = "the origin of a run of ssekit proxy\n";
    Answer::status(200)
        .field("Content-Type", "text/plain")
        .piece(text)
}

/// Reads a request head; `None` where the connection ends before one. What is no HTTP/1 request
/// becomes a visit without a version, its target being the first bytes.
async fn read_head(socket: &mut TcpStream) -> io::Result<Option<Visit>> {
    let mut bytes = Vec::with_capacity(1024);
    let end = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end;
        }
        // A TLS handshake record.
        let is_tls = bytes.starts_with(&[0x16, 0x03]);
        if is_tls || bytes.len() > HEAD || socket.read_buf(&mut bytes).await? == 0 {
            return Ok((!bytes.is_empty()).then(|| unreadable(&bytes)));
        }
    };
    Ok(Some(
        parse(&bytes[..end]).unwrap_or_else(|| unreadable(&bytes)),
    ))
}

fn unreadable(bytes: &[u8]) -> Visit {
    Visit {
        target: escape(&bytes[..bytes.len().min(40)]),
        ..Visit::default()
    }
}

fn parse(head: &[u8]) -> Option<Visit> {
    let mut lines = head
        .split(|b| *b == b'\n')
        .map(|line| line.trim_ascii_end());
    let first = String::from_utf8_lossy(lines.next()?).into_owned();
    let mut words = first.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let field = |line: &[u8]| {
        let colon = line.iter().position(|b| *b == b':')?;
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        Some((name, line[colon + 1..].trim_ascii().to_vec()))
    };
    Some(Visit {
        method: method.into(),
        target: target.into(),
        version: version.into(),
        fields: lines.filter_map(field).collect(),
        ..Visit::default()
    })
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    /// In HTTP/1.0, which knows no chunked coding.
    old: bool,
    head_only: bool,
}

async fn perform(socket: TcpStream, answer: &Answer, asked: Asked, line: &Line) -> io::Result<()> {
    let (reader, writer) = socket.into_split();
    let framing = match answer.framing {
        Framing::Chunked if asked.old => Framing::Close,
        framing => framing,
    };
    let mut stage = Stage {
        reader,
        writer,
        line,
        chunked: framing == Framing::Chunked,
        closed: false,
        ahead: Vec::new(),
    };
    stage.pause(answer.before_head).await?;
    let head = head(answer, framing);
    stage.line.head();
    if answer.joined {
        stage.ahead = head;
    } else {
        stage.send(&head).await?;
    }
    if asked.head_only || matches!(answer.status, 204 | 304) {
        stage.line.ended();
        return stage.leave().await;
    }
    for step in &answer.steps {
        match step {
            Step::Piece(bytes) => stage.piece(bytes).await?,
            Step::Stamp => {
                let stamp = format!("data: visit {}\n\n", line.number);
                stage.piece(stamp.as_bytes()).await?;
            }
            Step::PerByte(bytes) => {
                for byte in bytes {
                    stage.piece(&[*byte]).await?;
                }
            }
            Step::Wait(time) => stage.pause(*time).await?,
            Step::Flood(bytes, time) => stage.flood(*bytes, *time).await?,
            Step::Fin => {
                stage.line.ended();
                return stage.leave().await;
            }
            Step::Reset => {
                stage.line.ended();
                return stage.reset();
            }
        }
    }
    stage.line.ended();
    if stage.chunked {
        stage.send(b"0\r\n\r\n").await?;
    }
    stage.leave().await
}

fn head(answer: &Answer, framing: Framing) -> Vec<u8> {
    let reason = match answer.status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        307 => "Temporary Redirect",
        404 => "Not Found",
        503 => "Service Unavailable",
        _ => "Status",
    };
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", answer.status);
    let date = httpdate::fmt_http_date(SystemTime::now());
    head += &format!("Date: {date}\r\nConnection: close\r\n");
    for (name, value) in &answer.fields {
        head += &format!("{name}: {value}\r\n");
    }
    match framing {
        _ if answer.status == 204 => {}
        Framing::Chunked => head += "Transfer-Encoding: chunked\r\n",
        Framing::Length => head += &format!("Content-Length: {}\r\n", answer.length()),
        Framing::Close => {}
    }
    head += "\r\n";
    head.into_bytes()
}

/// One connection on which an answer is being performed.
struct Stage<'a> {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    line: &'a Line,
    chunked: bool,
    /// Whether the peer closed its side; it may still read.
    closed: bool,
    /// What goes out with the next write.
    ahead: Vec<u8>,
}

impl Stage<'_> {
    /// Waits, and notes when the peer leaves meanwhile. A reset ends the answer.
    async fn pause(&mut self, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        let mut scrap = [0; 1024];
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(()),
                read = self.reader.read(&mut scrap), if !self.closed => match read {
                    Ok(0) => {
                        self.closed = true;
                        self.line.closed();
                    }
                    Ok(_) => {}
                    Err(error) => {
                        self.line.failed();
                        return Err(error);
                    }
                },
            }
        }
    }

    async fn piece(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.write(bytes);
        let mut framed = std::mem::take(&mut self.ahead);
        framed.extend(self.framed(bytes));
        self.send(&framed).await?;
        self.line.taken(bytes.len());
        Ok(())
    }

    fn framed(&self, bytes: &[u8]) -> Vec<u8> {
        if !self.chunked {
            return bytes.to_vec();
        }
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        framed
    }

    /// Writes, within bounds: a peer that takes nothing is left.
    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = timeout(PATIENCE, self.writer.write_all(bytes)).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.line.failed();
                Err(error)
            }
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    async fn flood(&mut self, most: u64, time: Duration) -> io::Result<()> {
        let until = Instant::now() + time;
        let line = format!("data: {}\n\n", "f".repeat(1014));
        let surge = line.repeat(SURGE / line.len());
        let framed = self.framed(surge.as_bytes());
        let mut taken = 0;
        while taken < most {
            let written = tokio::time::timeout_at(until, self.writer.write_all(&framed)).await;
            match written {
                Ok(Ok(())) => {
                    taken += surge.len() as u64;
                    self.line.taken(surge.len());
                }
                Ok(Err(error)) => {
                    self.line.failed();
                    return Err(error);
                }
                // Half a chunk may be out: nothing can follow.
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        Ok(())
    }

    /// Resets the connection. The halves are put together first: a write half that is dropped alone
    /// closes its side in order.
    fn reset(self) -> io::Result<()> {
        let whole = self.reader.reunite(self.writer);
        whole.map_err(io::Error::other)?.set_zero_linger()
    }

    /// Ends our side, then waits for the peer's end, so that nothing on its way is cut off.
    async fn leave(mut self) -> io::Result<()> {
        self.writer.shutdown().await?;
        let mut scrap = [0; 1024];
        let end = async { while !matches!(self.reader.read(&mut scrap).await, Ok(0) | Err(_)) {} };
        let _ = timeout(PATIENCE, end).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_token_is_whole_and_may_stand_anywhere() {
        let programme = Programme::default();
        programme.expect("ssekit=7-release".into(), "release", Act::Close);
        programme.expect("ssekit=7-release-2".into(), "second", Act::Close);
        let found = |target: &str| programme.find(target).map(|(probe, _)| probe);
        assert_eq!(found("/a?ssekit=7-release").as_deref(), Some("release"));
        assert_eq!(
            found("http://h/a?x=1&ssekit=7-release-2&y").as_deref(),
            Some("second")
        );
        assert_eq!(found("/a?ssekit=7-released"), None);
        assert_eq!(found("/health"), None);
    }

    #[test]
    fn heads_are_read_whatever_bytes_they_hold() {
        let visit = parse(b"GET /a HTTP/1.0\r\nHost: x\r\nLast-Event-ID: \xe2\x98\x83\r\nE:");
        let visit = visit.unwrap();
        assert_eq!(
            (visit.method.as_str(), visit.version.as_str()),
            ("GET", "HTTP/1.0")
        );
        assert_eq!(visit.field("last-event-id"), Some("☃".as_bytes()));
        assert_eq!(visit.field("e"), Some(&b""[..]));
        assert_eq!(parse(b"PRI * HTTP/2.0"), None);
    }
}
