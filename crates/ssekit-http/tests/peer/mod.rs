//! A raw loopback server that plays a script, and what is needed to observe it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::time::Duration;

use ssekit_http::{Ask, Glimpse, HttpChoice, Options, Seen, observe};
use ssekit_record::{EndKind, FaultKind, Transcript};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// One step of a raw server.
#[derive(Debug, Clone)]
pub enum Step {
    /// Writes.
    Send(Vec<u8>),
    /// Waits this many milliseconds, so that what follows is another slice.
    Wait(u64),
    /// Closes with a reset. Without it, the script ends with an orderly close.
    Reset,
    /// Keeps the connection open until the client leaves.
    Hold,
}

pub fn send(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

/// Head of an event stream with this field line, `\r\n` included, or none.
pub fn head(field: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{field}\r\n")
}

pub const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

/// Reads a request head, and as much content as it announces.
pub async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) == 1 {
        request.push(byte[0]);
    }
    let text = String::from_utf8(request).unwrap();
    let length = text
        .lines()
        .find_map(|l| l.strip_prefix("Content-Length: "))
        .map_or(0, |l| l.parse().unwrap());
    let mut content = vec![0; length];
    stream.read_exact(&mut content).await.unwrap();
    text + &String::from_utf8(content).unwrap()
}

pub async fn play(mut stream: TcpStream, steps: &[Step]) {
    for step in steps {
        match step {
            Step::Send(bytes) => {
                let _ = stream.write_all(bytes).await;
            }
            Step::Wait(ms) => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Step::Reset => {
                let socket = socket2::SockRef::from(&stream);
                socket.set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
            Step::Hold => drain(&mut stream).await,
        }
    }
    let _ = stream.shutdown().await;
    // Closing with bytes unread would reset the connection.
    drain(&mut stream).await;
}

async fn drain(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    while matches!(stream.read(&mut rest).await, Ok(n) if n > 0) {}
}

/// Serves each script once, in order, giving back the requests seen.
pub async fn serve(scripts: Vec<Vec<Step>>) -> (Url, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let served = tokio::spawn(async move {
        let mut requests = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            play(stream, &script).await;
        }
        requests
    });
    (Url::parse(&url).unwrap(), served)
}

pub fn ask(url: &Url) -> Ask {
    Ask {
        probe: "test".into(),
        method: "GET".into(),
        url: url.clone(),
        fields: vec![("Accept".into(), b"text/event-stream".to_vec())],
        secret_fields: Vec::new(),
        body: None,
        http: HttpChoice::Http11,
    }
}

/// Short limits, so that nothing hangs.
pub fn options() -> Options {
    Options {
        head_timeout: Duration::from_secs(5),
        body_timeout: Some(Duration::from_secs(5)),
        ..Options::default()
    }
}

/// Observes to the end.
pub async fn watch(ask: &Ask, options: &Options) -> Transcript {
    observe(ask, options, &mut |_| Seen::More).await.unwrap()
}

/// Observes until this many bytes of content have come.
pub async fn watch_until(ask: &Ask, options: &Options, enough: usize) -> Transcript {
    let mut seen = 0;
    let mut observer = |glimpse: Glimpse<'_>| {
        if let Glimpse::Content { bytes, .. } = glimpse {
            seen += bytes.len();
        }
        if seen >= enough {
            Seen::Enough
        } else {
            Seen::More
        }
    };
    observe(ask, options, &mut observer).await.unwrap()
}

/// The transcript of one GET answered by this script.
pub async fn get(steps: Vec<Step>) -> Transcript {
    let (url, _served) = serve(vec![steps]).await;
    watch(&ask(&url), &options()).await
}

pub fn kinds(transcript: &Transcript) -> Vec<FaultKind> {
    transcript.faults.iter().map(|f| f.kind).collect()
}

/// Asserts how it ended, with which faults, and the content.
#[track_caller]
pub fn assert_seen(transcript: &Transcript, end: EndKind, faults: &[FaultKind], body: &str) {
    assert_eq!(transcript.end.kind, end, "{transcript:#?}");
    assert_eq!(kinds(transcript), faults, "{transcript:#?}");
    let seen = String::from_utf8_lossy(&transcript.body.bytes);
    assert_eq!(seen, body, "{transcript:#?}");
}
