//! A server on hyper that keeps every request it reads, and an echo endpoint made from the contract.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

/// A request as hyper read it.
#[derive(Debug, Clone)]
pub struct Received {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub is_http2: bool,
    /// `:authority`; empty over HTTP/1.
    pub authority: String,
    pub fields: Vec<(String, String)>,
    pub content: Vec<u8>,
}

impl Received {
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The text of the script, if the request has one.
    pub fn text(&self) -> Option<String> {
        if self.method == "POST" {
            return Some(String::from_utf8(self.content.clone()).unwrap());
        }
        let url = Url::parse("http://h.example")
            .unwrap()
            .join(&self.target)
            .unwrap();
        let script = url.query_pairs().find(|(name, _)| name == "script")?;
        Some(script.1.into_owned())
    }

    /// Whether the script asks for half a surrogate pair: JSON can write it, and a strict reader
    /// refuses it, as the contract allows.
    pub fn asks_for_half_a_pair(&self) -> bool {
        self.text().is_some_and(|text| text.contains("\\ud"))
    }

    /// The script, if the request has one that is for strict readers.
    pub fn script(&self) -> Option<Value> {
        let text = self.text().filter(|_| !self.asks_for_half_a_pair())?;
        Some(serde_json::from_str(&text).unwrap())
    }
}

#[derive(Default)]
struct Journal {
    requests: Mutex<Vec<Received>>,
    capabilities: Vec<String>,
}

/// The server; ends with the test.
pub struct Reader {
    address: SocketAddr,
    journal: Arc<Journal>,
    task: AbortHandle,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    /// Starts it; scripts may be sent by these methods.
    pub async fn start(methods: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let can = [
            "event", "data", "type", "id", "retry", "comment", "time", "wait", "close", "status",
        ];
        let journal = Arc::new(Journal {
            capabilities: methods
                .iter()
                .chain(&can)
                .map(ToString::to_string)
                .collect(),
            ..Journal::default()
        });
        let shared = Arc::clone(&journal);
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let journal = Arc::clone(&shared);
                connections.spawn(async move {
                    let service = service_fn(|request| answer(request, Arc::clone(&journal)));
                    let mut builder = auto::Builder::new(TokioExecutor::new());
                    builder.http1().pipeline_flush(true);
                    // A client that has seen enough leaves in the middle, which is an error here.
                    let _ = builder
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            journal,
            task: task.abort_handle(),
        }
    }

    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn received(&self) -> Vec<Received> {
        self.journal.requests.lock().unwrap().clone()
    }
}

type Content =
    Either<Full<Bytes>, StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>>;

async fn answer(
    request: Request<Incoming>,
    journal: Arc<Journal>,
) -> Result<Response<Content>, hyper::Error> {
    let received = read(request).await?;
    journal.requests.lock().unwrap().push(received.clone());
    let path = received.target.split('?').next().unwrap_or_default();
    Ok(match (received.method.as_str(), path) {
        ("GET", "/events") => ticks(received.field("last-event-id")),
        ("HEAD", "/events") => streamed(Vec::new()),
        (_, "/events") => plain(405, "")
            .map(|mut response| {
                response
                    .headers_mut()
                    .insert("allow", "GET, HEAD".parse().unwrap());
                response
            })
            .unwrap(),
        ("GET" | "POST", "/echo") => match received.script() {
            Some(script) => performed(&script),
            None if received.asks_for_half_a_pair() => plain(400, "no").unwrap(),
            None => capabilities(&journal.capabilities),
        },
        _ => plain(404, "").unwrap(),
    })
}

async fn read(request: Request<Incoming>) -> Result<Received, hyper::Error> {
    let (head, body) = request.into_parts();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let fields = head.headers.iter();
    Ok(Received {
        method: head.method.to_string(),
        target: head.uri.path_and_query().unwrap().to_string(),
        is_http2: head.version == hyper::Version::HTTP_2,
        authority: head
            .uri
            .authority()
            .map(ToString::to_string)
            .unwrap_or_default(),
        fields: fields
            .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
            .collect(),
        content: body.collect().await?.to_bytes().to_vec(),
    })
}

fn plain(status: u16, text: &str) -> Result<Response<Content>, hyper::http::Error> {
    let content = Full::new(Bytes::from(text.to_owned()));
    Response::builder()
        .status(status)
        .body(Either::Left(content))
}

fn capabilities(of: &[String]) -> Response<Content> {
    let document = json!({"echo": 1, "server": "reader", "capabilities": of});
    let content = Full::new(Bytes::from(document.to_string()));
    let response = Response::builder().header("content-type", "application/json");
    response.body(Either::Left(content)).unwrap()
}

/// Stands for the time at which it is written.
const CLOCK: &str = "\0";

fn now_us() -> u128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_micros()
}

/// Writes, with the pause before each.
fn streamed(writes: Vec<(u64, String)>) -> Response<Content> {
    type Writes = BoxStream<'static, Result<Frame<Bytes>, Infallible>>;
    let writes: Writes = Box::pin(stream::unfold(writes.into_iter(), |mut writes| async {
        let (ms, text) = writes.next()?;
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        let text = match text.as_str() {
            CLOCK => format!("data: {}\n\n", now_us()),
            _ => text,
        };
        Some((Ok(Frame::data(Bytes::from(text))), writes))
    }));
    Response::builder()
        .header("content-type", "text/event-stream")
        .header("cache-control", "no-store, no-transform")
        .body(Either::Right(StreamBody::new(writes)))
        .unwrap()
}

fn ticks(after: Option<&str>) -> Response<Content> {
    let from = after.and_then(|id| id.parse().ok()).unwrap_or(0_u64) + 1;
    let ticks = (from..from + 200).map(|n| (100, format!("id: {n}\ndata: {n}\n\n")));
    streamed(
        std::iter::once((0, "retry: 3000\n\n".into()))
            .chain(ticks)
            .collect(),
    )
}

/// Does as the script says, or refuses it.
fn performed(script: &Value) -> Response<Content> {
    let steps = script["steps"].as_array().unwrap();
    if let Some(code) = steps[0]["code"].as_u64() {
        return plain(u16::try_from(code).unwrap(), "").unwrap();
    }
    let (mut writes, mut pause) = (Vec::new(), 0);
    for step in steps {
        match step["do"].as_str().unwrap() {
            "wait" => pause += step["ms"].as_u64().unwrap(),
            "close" => break,
            "comment" => match written("", &step["text"]) {
                Some(text) => writes.push((std::mem::take(&mut pause), text + "\n")),
                None => return plain(400, "no").unwrap(),
            },
            "event" => match event(step) {
                Some(text) => writes.push((std::mem::take(&mut pause), text)),
                None => return plain(400, "no").unwrap(),
            },
            "time" => writes.push((std::mem::take(&mut pause), CLOCK.into())),
            // What an endpoint does not know it refuses.
            _ => return plain(400, "no").unwrap(),
        }
    }
    writes.push((pause, String::new()));
    streamed(writes)
}

/// One event, or nothing for what no event can hold.
fn event(step: &Value) -> Option<String> {
    let mut text = String::new();
    for name in ["event", "id"] {
        if step.get(name).is_some() {
            text += &written(name, &step[name])?;
        }
    }
    match step.get("retry") {
        Some(Value::Number(ms)) => text += &format!("retry: {ms}\n"),
        Some(_) => return None,
        None => {}
    }
    if let Some(data) = step.get("data") {
        let data = data
            .as_str()
            .unwrap()
            .replace("\r\n", "\n")
            .replace('\r', "\n");
        for line in data.split('\n') {
            text += &format!("data: {line}\n");
        }
    }
    Some(text + "\n")
}

fn written(name: &str, value: &Value) -> Option<String> {
    let value = value.as_str().unwrap();
    (!value.contains(['\r', '\n', '\0'])).then(|| format!("{name}: {value}\n"))
}
