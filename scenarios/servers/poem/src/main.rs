//! `subject-poem PORT`: a stream per connection, continued after its Last-Event-ID.
use futures_util::{Stream, StreamExt as _, stream};
use poem::{
    EndpointExt as _, IntoResponse, Response, Route, Server, get, handler,
    http::{HeaderMap, StatusCode},
    listener::TcpListener,
    middleware::SizeLimit,
    web::{
        Json,
        sse::{Event, SSE},
    },
};
use serde_json::{Value, json};
use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

fn ticks(last: u64) -> impl Stream<Item = Event> {
    let clock = tokio::time::interval(Duration::from_millis(200));
    stream::unfold((last, clock), |(last, mut clock)| async move {
        clock.tick().await;
        let tick = last.wrapping_add(1);
        let event = Event::message(json!({ "tick": tick }).to_string()).id(tick.to_string());
        Some((event, (tick, clock)))
    })
}

#[handler]
fn events(headers: &HeaderMap) -> SSE {
    let last = headers.get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
    SSE::new(ticks(last.unwrap_or(0))).keep_alive(Duration::from_secs(15))
}

/// Event streams of the echo endpoint that are being sent.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

/// Counts a stream until it is dropped.
struct Counted;

impl Counted {
    fn new() -> Self {
        ACTIVE.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ACTIVE.fetch_sub(1, Relaxed);
    }
}

#[handler]
fn capabilities() -> Json<Value> {
    let all = [
        "post", "event", "data", "type", "id", "retry", "time", "wait", "close", "status",
    ];
    let active = ACTIVE.load(Relaxed);
    Json(json!({ "echo": 1, "server": "poem", "capabilities": all, "active_streams": active }))
}

/// Microseconds since 1970.
fn now() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_micros().to_string()
}

/// An event of the library is a message, or a reconnection time alone.
fn performed(step: &Value) -> Vec<Event> {
    if step["do"] == "time" {
        return vec![Event::message(now())];
    }
    let text = |name: &str| step[name].as_str();
    let retry = step["retry"].as_u64().map(Event::retry);
    let message = text("data").map(|data| {
        let event = Event::message(data);
        let event = text("id").into_iter().fold(event, Event::id);
        text("event").into_iter().fold(event, Event::event_type)
    });
    retry.into_iter().chain(message).collect()
}

/// The echo contract.
#[handler]
fn echo(Json(mut script): Json<Value>) -> Response {
    let Value::Array(steps) = script["steps"].take() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    if let Some(code) = steps.first().and_then(|step| step["code"].as_u64()) {
        let code = u16::try_from(code)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok());
        return code.unwrap_or(StatusCode::BAD_REQUEST).into_response();
    }
    if steps.iter().any(|step| step["retry"].is_string()) {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    let performed = stream::iter(steps).then(|step| async move {
        if let Some(ms) = step["ms"].as_u64() {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        stream::iter(performed(&step))
    });
    let counted = Counted::new();
    let performed = performed.flatten().inspect(move |_| {
        let _ = &counted;
    });
    SSE::new(performed).into_response()
}

#[handler]
fn index() -> &'static str {
    "ticks are at /events\n"
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args()
        .nth(1)
        .ok_or("usage: subject-poem PORT")?
        .parse()?;
    let app = Route::new()
        .at("/", get(index))
        .at("/events", get(events))
        .at(
            "/echo",
            get(capabilities).post(echo.with(SizeLimit::new(4 << 20))),
        );
    Ok(Server::new(TcpListener::bind(("127.0.0.1", port)))
        .run(app)
        .await?)
}
