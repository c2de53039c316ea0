//! `subject-actix-web PORT`: a stream per connection, continued after its Last-Event-ID.
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, Responder,
    http::StatusCode,
    web::{self, Json},
};
use actix_web_lab::sse::{Data, Event, Sse};
use futures_util::{Stream, StreamExt as _, stream};
use serde_json::{Value, json};
use std::{
    convert::Infallible,
    io,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, SystemTime},
};

fn ticks(last: u64) -> impl Stream<Item = Result<Event, Infallible>> {
    let clock = tokio::time::interval(Duration::from_millis(200));
    stream::unfold((last, clock), |(last, mut clock)| async move {
        clock.tick().await;
        let tick = last.wrapping_add(1);
        let event = Data::new(json!({ "tick": tick }).to_string()).id(tick.to_string());
        Some((Ok(event.into()), (tick, clock)))
    })
}

async fn events(request: HttpRequest) -> impl Responder {
    let last = request.headers().get("last-event-id");
    let last = last.and_then(|id| id.to_str().ok()?.parse().ok());
    Sse::from_stream(ticks(last.unwrap_or(0))).with_keep_alive(Duration::from_secs(15))
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

async fn capabilities() -> impl Responder {
    let all = [
        "post", "event", "data", "type", "id", "comment", "time", "wait", "close", "status",
    ];
    let active = ACTIVE.load(Relaxed);
    Json(
        json!({ "echo": 1, "server": "actix-web-lab", "capabilities": all, "active_streams": active }),
    )
}

/// Microseconds since 1970.
fn now() -> String {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    since.as_micros().to_string()
}

/// The echo contract: every step is an event of the library, whose events have data and no retry.
async fn echo(request: HttpRequest, Json(mut script): Json<Value>) -> HttpResponse {
    let Value::Array(steps) = script["steps"].take() else {
        return HttpResponse::BadRequest().finish();
    };
    if let Some(code) = steps.first().and_then(|step| step["code"].as_u64()) {
        let code = u16::try_from(code)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok());
        return HttpResponse::new(code.unwrap_or(StatusCode::BAD_REQUEST));
    }
    let lacking = |step: &Value| step["do"] == "event" && step["data"].is_null();
    if steps
        .iter()
        .any(|step| lacking(step) || !step["retry"].is_null())
    {
        return HttpResponse::UnprocessableEntity().finish();
    }
    let performed = stream::iter(steps).filter_map(|step| async move {
        let text = |name: &str| step[name].as_str().map(str::to_owned);
        match step["do"].as_str()? {
            "wait" => tokio::time::sleep(Duration::from_millis(step["ms"].as_u64()?)).await,
            "time" => return Some(Ok(Data::new(now()).into())),
            "comment" => return Some(Ok::<_, Infallible>(Event::Comment(text("text")?.into()))),
            "event" => {
                let mut data = Data::new(text("data")?);
                if let Some(id) = text("id") {
                    data.set_id(id);
                }
                if let Some(event) = text("event") {
                    data.set_event(event);
                }
                return Some(Ok(data.into()));
            }
            _ => {}
        }
        None
    });
    let counted = Counted::new();
    let performed = performed.inspect(move |_| {
        let _ = &counted;
    });
    Sse::from_stream(performed).respond_to(&request)
}

#[actix_web::main]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok());
    let port: u16 = port.ok_or_else(|| io::Error::other("usage: subject-actix-web PORT"))?;
    let app = || {
        App::new()
            .app_data(web::JsonConfig::default().limit(4 << 20))
            .route("/", web::get().to(|| async { "ticks are at /events\n" }))
            .route("/events", web::get().to(events))
            .route("/echo", web::get().to(capabilities))
            .route("/echo", web::post().to(echo))
    };
    let server = HttpServer::new(app).workers(2).shutdown_timeout(1);
    server.bind(("127.0.0.1", port))?.run().await
}
