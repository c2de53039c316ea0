//! What all connections share, and the answer to each request.
use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use ssekit_scenario::ScriptLimits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use url::form_urlencoded;

use crate::{
    Config,
    answer::{self, Content},
    clock::Clock,
    coding::Coding,
    crowd::Crowds,
    echo,
    fault::Fault,
    flaw::{CorsFlaw, Flaw, FlowFlaw, FrameFlaw, RouteFlaw},
    journal::Journal,
    page,
    tick::EVENT_TYPE,
};

/// Event streams at once; beyond them 503 is answered.
const STREAMS: usize = 2 << 20;
/// Script bytes held at once, in MiB; beyond them 503 is answered.
const ECHO_MIB: u32 = 384;
const MIB: usize = 1024 * 1024;

/// What all connections share.
pub(crate) struct Service {
    pub(crate) config: Config,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) clock: Clock,
    pub(crate) journal: Arc<Journal>,
    pub(crate) faults: Arc<[Fault]>,
    pub(crate) crowds: Arc<Crowds>,
    pub(crate) stop: watch::Receiver<bool>,
    /// What streams wait for that are not ended, where a defect ignores that the server stops.
    never: watch::Sender<bool>,
    pub(crate) turn: Arc<Semaphore>,
    /// Where the same is served without TLS, for the defect that redirects there.
    pub(crate) plain: OnceLock<SocketAddr>,
    limits: ScriptLimits,
    room: Arc<Semaphore>,
}

/// The paths there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Page,
    Events,
    Private,
    Echo,
    Capabilities,
    Redirect,
    RedirectForEver,
}

impl Place {
    fn of(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Page,
            "/events" => Self::Events,
            "/private/events" => Self::Private,
            "/echo" => Self::Echo,
            "/echo/capabilities" => Self::Capabilities,
            "/redirect" => Self::Redirect,
            "/redirect/permanent" => Self::RedirectForEver,
            _ => return None,
        })
    }

    fn allow(self) -> &'static str {
        match self {
            Self::Echo => "GET, HEAD, POST, OPTIONS",
            _ => "GET, HEAD, OPTIONS",
        }
    }
}

impl Service {
    pub(crate) fn new(config: Config, stop: watch::Receiver<bool>) -> Self {
        let clock = Clock::start();
        Self {
            flaw: config.defect.map(|defect| defect.entry().flaw),
            faults: config.faults.clone().into(),
            crowds: Crowds::new(clock, stop.clone()),
            config,
            clock,
            journal: Journal::new(clock),
            stop,
            never: watch::Sender::new(false),
            turn: Arc::new(Semaphore::new(1)),
            plain: OnceLock::new(),
            limits: ScriptLimits::default(),
            room: Arc::new(Semaphore::new(ECHO_MIB as usize)),
        }
    }

    /// Whether this is the way requests are answered wrongly.
    pub(crate) fn has(&self, flaw: RouteFlaw) -> bool {
        self.flaw == Some(Flaw::Route(flaw))
    }

    /// Whether streams go on when the server is asked to stop.
    pub(crate) fn outlives_stop(&self) -> bool {
        self.flaw == Some(Flaw::Flow(FlowFlaw::OutlivesStop))
    }

    /// What tells a stream that it has to end.
    pub(crate) fn ending(&self) -> watch::Receiver<bool> {
        if self.outlives_stop() {
            return self.never.subscribe();
        }
        self.stop.clone()
    }

    /// Whether the server is being stopped.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Answers a request, and notes it in the journal.
    pub(crate) async fn respond<B>(&self, request: Request<B>) -> Response<Content>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let line = self.journal.open(&request);
        let origin = request.headers().get(header::ORIGIN).cloned();
        let is_preflight = request.method() == Method::OPTIONS;
        let over_http2 = request.version() == Version::HTTP_2;
        let mut answer = self.route(request).await;
        if over_http2 && self.flaw == Some(Flaw::Frame(FrameFlaw::Typeless)) {
            answer = answer.map(without_types);
        }
        if let (Some(Flaw::Cors(flaw)), Some(origin)) = (self.flaw, origin) {
            spoil_cors(flaw, origin, is_preflight, &mut answer);
        }
        if answer.status().is_client_error() || answer.status().is_server_error() {
            answer = self.spoil_error(answer);
        }
        line.attach(answer, self.flaw == Some(Flaw::Flow(FlowFlaw::Unnoticed)))
    }

    async fn route<B>(&self, request: Request<B>) -> Response<Content>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = request.uri().path();
        if path == "*" && request.method() == Method::OPTIONS {
            return options("GET, HEAD, POST, OPTIONS");
        }
        let Some(place) = Place::of(path) else {
            return self.not_found();
        };
        let method = request.method();
        match *method {
            Method::OPTIONS => return options(place.allow()),
            Method::GET | Method::HEAD => {}
            Method::POST if place == Place::Echo => return self.echo_post(request).await,
            _ => return self.not_allowed(method, place),
        }
        let query = request.uri().query().unwrap_or_default();
        match place {
            Place::Page => page::page(),
            Place::Events | Place::Private => {
                if self.journal.streams() >= STREAMS {
                    return unavailable("too many streams at once");
                }
                let private = place == Place::Private;
                self.events(method, query, request.headers(), private).await
            }
            Place::Echo => {
                let accepted = Coding::accepted(request.headers());
                self.echo_get(query, accepted).await
            }
            Place::Capabilities => echo::capabilities(&self.limits, self.journal.streams()),
            Place::Redirect => self.redirect(StatusCode::TEMPORARY_REDIRECT, query),
            Place::RedirectForEver => self.redirect(StatusCode::MOVED_PERMANENTLY, query),
        }
    }

    fn not_found(&self) -> Response<Content> {
        if self.has(RouteFlaw::NoRetryAfter) {
            return answer::refusal(StatusCode::SERVICE_UNAVAILABLE, "not now");
        }
        let reason = "nothing here; / lists what there is";
        answer::refusal(StatusCode::NOT_FOUND, reason)
    }

    fn not_allowed(&self, method: &Method, place: Place) -> Response<Content> {
        let allow = place.allow();
        let reason = format!("{method} is not supported here; {allow} are");
        let mut answer = answer::refusal(StatusCode::METHOD_NOT_ALLOWED, &reason);
        if !self.has(RouteFlaw::NoAllow) {
            answer::put(answer.headers_mut(), "allow", allow);
        }
        answer
    }

    fn redirect(&self, status: StatusCode, query: &str) -> Response<Content> {
        let location = match self.plain.get() {
            Some(plain) => format!("http://{plain}/events"),
            None if query.is_empty() => "/events".into(),
            None => format!("/events?{query}"),
        };
        answer::redirect(status, &location)
    }

    /// The defect that labels errors as event streams.
    fn spoil_error(&self, answer: Response<Content>) -> Response<Content> {
        if !self.has(RouteFlaw::ErrorStream) {
            return answer;
        }
        let event = format!("event: error\ndata: {}\n\n", answer.status());
        let spoilt = answer::text(answer.status(), "text/event-stream", event);
        let (mut parts, _) = answer.into_parts();
        answer::put(&mut parts.headers, "content-type", "text/event-stream");
        Response::from_parts(parts, spoilt.into_body())
    }

    async fn echo_get(&self, query: &str, accepted: Option<Coding>) -> Response<Content> {
        let script = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "script");
        let Some((_, json)) = script else {
            return echo::capabilities(&self.limits, self.journal.streams());
        };
        match self.make_room(Some(json.len() as u64)) {
            Some(room) => self.perform(json.as_bytes(), accepted, room).await,
            None => unavailable("too many scripts at once"),
        }
    }

    async fn echo_post<B>(&self, request: Request<B>) -> Response<Content>
    where
        B: Body<Data = Bytes> + Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let length = content_length(request.headers());
        let accepted = Coding::accepted(request.headers());
        if length.is_some_and(|length| length > self.limits.bytes as u64) {
            return self.too_large();
        }
        let Some(room) = self.make_room(length) else {
            return unavailable("too many scripts at once");
        };
        let body = Limited::new(request.into_body(), self.limits.bytes);
        match body.collect().await {
            Ok(json) => {
                let json = json.to_bytes();
                self.perform(&json, accepted, room).await
            }
            Err(error) if error.is::<LengthLimitError>() => self.too_large(),
            Err(_) => answer::refusal(StatusCode::BAD_REQUEST, "the script cannot be read"),
        }
    }

    async fn perform(
        &self,
        json: &[u8],
        accepted: Option<Coding>,
        room: OwnedSemaphorePermit,
    ) -> Response<Content> {
        let flaw = match self.flaw {
            Some(Flaw::Echo(flaw)) => Some(flaw),
            _ => None,
        };
        echo::perform(json, &self.limits, flaw, accepted, self.stop.clone(), room).await
    }

    fn too_large(&self) -> Response<Content> {
        let reason = format!("a script has at most {} bytes", self.limits.bytes);
        answer::refusal(StatusCode::PAYLOAD_TOO_LARGE, &reason)
    }

    /// Room for a script of this length; for the longest where none is told.
    fn make_room(&self, length: Option<u64>) -> Option<OwnedSemaphorePermit> {
        let length = length.map_or(self.limits.bytes, |length| {
            usize::try_from(length).unwrap_or(usize::MAX)
        });
        let mib = u32::try_from(length / MIB + 1).ok()?;
        self.room.clone().try_acquire_many_owned(mib).ok()
    }
}

fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The defects in the CORS fields.
fn spoil_cors(
    flaw: CorsFlaw,
    origin: HeaderValue,
    is_preflight: bool,
    answer: &mut Response<Content>,
) {
    let is_error = answer.status().is_client_error();
    let fields = answer.headers_mut();
    match flaw {
        CorsFlaw::NoVary => {
            fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            answer::put(fields, "cache-control", "max-age=60, no-transform");
        }
        CorsFlaw::ReflectsAny => {
            fields.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            fields.append(header::VARY, HeaderValue::from_static("Origin"));
            answer::put(fields, "access-control-allow-credentials", "true");
        }
        CorsFlaw::NoPreflight if is_preflight => {
            fields.remove(header::ACCESS_CONTROL_ALLOW_HEADERS);
        }
        CorsFlaw::NotOnErrors if is_error => {
            fields.remove(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        }
        CorsFlaw::NoPreflight | CorsFlaw::NotOnErrors => {}
    }
}

/// The answer to OPTIONS, which is that to a CORS preflight too (Fetch, CORS-preflight fetch).
/// A stream whose writes, each a whole event, have lost their types.
fn without_types(stream: Content) -> Content {
    let line = format!("event: {EVENT_TYPE}\n");
    let stripped = stream.map_frame(move |frame| {
        frame.map_data(|bytes| match bytes.strip_prefix(line.as_bytes()) {
            Some(rest) => bytes.slice_ref(rest),
            None => bytes,
        })
    });
    stripped.boxed_unsync()
}

fn options(allow: &'static str) -> Response<Content> {
    let mut answer = answer::no_content();
    let fields = answer.headers_mut();
    answer::put(fields, "allow", allow);
    answer::put(fields, "access-control-allow-methods", allow);
    answer::put(
        fields,
        "access-control-allow-headers",
        "Accept, Authorization, Cache-Control, Content-Type, Last-Event-ID",
    );
    answer::put(fields, "access-control-max-age", "600");
    answer
}

fn unavailable(reason: &str) -> Response<Content> {
    let mut answer = answer::refusal(StatusCode::SERVICE_UNAVAILABLE, reason);
    answer::put(answer.headers_mut(), "retry-after", "1");
    answer
}
