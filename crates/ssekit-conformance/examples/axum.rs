//! `axum PORT`: an event stream as an axum application writes it, for `scenarios/servers/axum`.
use axum::{
    Json, Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse as _, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    error::Error,
    panic::catch_unwind,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

/// Ticks five times a second; a client that comes back is continued after its `Last-Event-ID`.
async fn events(headers: HeaderMap) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    let last = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .unwrap_or(0);
    let clock = tokio::time::interval(Duration::from_millis(200));
    let ticks = stream::unfold((last, clock), |(last, mut clock)| async move {
        clock.tick().await;
        let tick = last.wrapping_add(1);
        let event = Event::default()
            .id(tick.to_string())
            .json_data(json!({ "tick": tick }));
        Some((event, (tick, clock)))
    });
    Sse::new(ticks).keep_alive(KeepAlive::default())
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

async fn capabilities() -> Json<Value> {
    let capabilities = [
        "post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close",
        "status",
    ];
    let active = ACTIVE.load(Relaxed);
    Json(json!({
        "echo": 1, "server": "axum", "capabilities": capabilities, "active_streams": active,
    }))
}

/// Microseconds since 1970.
fn now() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_micros().to_string()
}

/// axum's event for a step, or nothing; axum panics on what it cannot represent.
fn event(step: &Value) -> Option<Event> {
    let text = |name: &str| step[name].as_str();
    match step["do"].as_str()? {
        "time" => Some(Event::default().data(now())),
        "comment" => Some(Event::default().comment(text("text")?)),
        "event" => {
            let event = text("data").into_iter().fold(Event::default(), Event::data);
            let event = text("event").into_iter().fold(event, Event::event);
            let event = text("id").into_iter().fold(event, Event::id);
            let retry = step["retry"].as_u64().map(Duration::from_millis);
            Some(retry.into_iter().fold(event, Event::retry))
        }
        _ => None,
    }
}

/// The echo contract: every step is an event of axum.
async fn echo(Json(script): Json<Value>) -> Response {
    let steps = script["steps"].as_array().cloned().unwrap_or_default();
    if let Some(code) = steps.first().and_then(|step| step["code"].as_u64()) {
        let code = u16::try_from(code)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok());
        return code.unwrap_or(StatusCode::BAD_REQUEST).into_response();
    }
    let refused = |step: &Value| step["retry"].is_string() || catch_unwind(|| event(step)).is_err();
    if steps.iter().any(refused) {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    let performed = stream::iter(steps).filter_map(|step| async move {
        if let Some(ms) = step["ms"].as_u64() {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        event(&step).map(Ok::<_, Infallible>)
    });
    let counted = Counted::new();
    let performed = performed.inspect(move |_| {
        let _ = &counted;
    });
    Sse::new(performed).into_response()
}

fn app() -> Router {
    Router::new()
        .route("/", get(|| async { "ticks are at /events\n" }))
        .route("/events", get(events))
        .route("/echo", get(capabilities).post(echo))
        .layer(DefaultBodyLimit::max(4 << 20))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: axum PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, app()).await?)
}

#[cfg(test)]
mod tests {
    use ssekit_conformance::Checker;

    #[tokio::test]
    async fn the_stream_keeps_the_standard() {
        Checker::serving("/events", |listener| axum::serve(listener, super::app()))
            .echo()
            // axum writes no line for empty data, and two line ends for CRLF.
            .skip("data.empty")
            .skip("data.crlf-normalised")
            .assert()
            .await;
    }
}
