//! `axum PORT`: an event stream as an axum application writes it, for `scenarios/servers/axum`.
use axum::{
    Router,
    http::HeaderMap,
    response::sse::{Event, KeepAlive, Sse},
    routing::get,
};
use futures_util::stream::{self, Stream};
use std::{error::Error, time::Duration};

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
            .json_data(serde_json::json!({ "tick": tick }));
        Some((event, (tick, clock)))
    });
    Sse::new(ticks).keep_alive(KeepAlive::default())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("usage: axum PORT")?.parse()?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let app = Router::new()
        .route("/", get(|| async { "ticks are at /events\n" }))
        .route("/events", get(events));
    Ok(axum::serve(listener, app).await?)
}
