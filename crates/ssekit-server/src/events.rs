//! `/events` and `/private/events`: from a request to a stream or a refusal.
use std::{
    future::pending,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header};
use http_body::{Body, Frame};
use http_body_util::BodyExt;

use crate::{
    answer::{self, Broken, Content, Source},
    coding::{Coded, Coding},
    flaw::{CodingFlaw, Flaw, FlowFlaw, HeadFlaw, ResumeFlaw, RouteFlaw},
    lean::Common,
    negotiation::accepts_event_stream,
    piece::Write,
    plan::Plan,
    position::Position,
    service::Service,
    subscription::{Order, Subscription, garbles_ids},
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
const ETAG: &str = "\"stream-1\"";

impl Source for Subscription {
    async fn next(&mut self) -> Option<Write> {
        self.next().await
    }
}

/// A stream that ends as it begins.
pub(crate) struct NoEvents;

impl Source for NoEvents {
    async fn next(&mut self) -> Option<Write> {
        None
    }
}

/// A stream that takes little room until its first write is asked for, which a crowd never does.
struct Unbegun {
    order: Option<Box<Order>>,
    begun: Option<Content>,
}

impl Unbegun {
    fn content(order: Order) -> Content {
        let unbegun = Self {
            order: Some(Box::new(order)),
            begun: None,
        };
        unbegun.boxed_unsync()
    }
}

impl Body for Unbegun {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(order) = self.order.take() {
            self.begun = Some(answer::streamed(Subscription::new(*order)));
        }
        match &mut self.begun {
            Some(content) => Pin::new(content).poll_frame(context),
            None => Poll::Ready(None),
        }
    }
}

impl Service {
    /// Answers GET and HEAD of a stream.
    pub(crate) async fn events(
        &self,
        method: &Method,
        query: &str,
        fields: &HeaderMap,
        private: bool,
    ) -> Response<Content> {
        let plan = match Plan::read(query, self.config.heartbeat) {
            Ok(plan) => Plan { private, ..plan },
            Err(reason) => return answer::refusal(StatusCode::BAD_REQUEST, &reason),
        };
        let id = fields.get(LAST_EVENT_ID).map(|value| value.as_bytes());
        let position = self.position(id, &plan);
        if private && !self.may_read(fields, position) {
            return unauthorized();
        }
        if let Some(refusal) = self.negotiate(method, fields).await {
            return refusal;
        }
        if let Some(refusal) = self.refuse_id(id, position).await {
            return refusal;
        }
        if position == Position::Finished && !self.resumes(ResumeFlaw::FinishedAgain) {
            return answer::no_content();
        }
        self.stream(method, plan, position, fields).await
    }

    async fn stream(
        &self,
        method: &Method,
        plan: Plan,
        position: Position,
        fields: &HeaderMap,
    ) -> Response<Content> {
        let is_head = method == Method::HEAD;
        if self.has(RouteFlaw::HeadLate) && !is_head {
            tokio::time::sleep(Duration::from_millis(1600)).await;
        }
        let compress = plan.compress;
        let coding = self.coding(compress, fields);
        let common = self
            .is_common(&plan, position)
            .then(|| Common(plan.clone()));
        let content = if is_head {
            answer::nothing()
        } else if self.has(RouteFlaw::NoEvents) {
            answer::streamed(NoEvents)
        } else {
            let mut order = self.order(plan, position, fields);
            if self.flaw == Some(Flaw::Flow(FlowFlaw::OneAtATime)) && !order.resumed {
                order.turn = self.turn.clone().acquire_owned().await.ok();
            }
            match coding {
                Some(coding) => {
                    let subscription = Subscription::new(order);
                    answer::streamed(Coded::new(subscription, coding, self.coding_flaw()))
                }
                None => Unbegun::content(order),
            }
        };
        let mut answer = answer::event_stream(content, self.head_flaw());
        let head = answer.headers_mut();
        match self.flaw {
            Some(Flaw::Route(RouteFlaw::HeadType)) if is_head => {
                answer::put(head, "content-type", "application/octet-stream");
            }
            Some(Flaw::Route(RouteFlaw::Mislabelled)) if !accepts_event_stream(fields) => {
                answer::put(head, "content-type", "application/json");
            }
            Some(Flaw::Route(RouteFlaw::Validators)) => answer::put(head, "etag", ETAG),
            Some(Flaw::Flow(FlowFlaw::Trailers)) => answer::put(head, "trailer", "x-stream-end"),
            _ => {}
        }
        if compress {
            self.tell_coding(head, coding);
        }
        if let Some(common) = common.filter(|_| !is_head) {
            answer.extensions_mut().insert(common);
        }
        answer
    }

    /// Whether every subscriber of this stream gets the same bytes at the same time.
    fn is_common(&self, plan: &Plan, position: Position) -> bool {
        let endless = plan.count.is_none() && !plan.silent;
        let plain = !plan.compress;
        let busy = u128::from(plan.interval_ms) <= plan.heartbeat.as_millis();
        let faultless = self.flaw.is_none() && self.faults.is_empty();
        faultless && plain && endless && busy && position == Position::Start
    }

    /// A stream that goes on after an event it was sent.
    pub(crate) fn order_after(&self, plan: Plan, number: u64) -> Order {
        self.order(plan, Position::After(number), &HeaderMap::new())
    }

    /// The coding of a stream that is asked to be coded.
    fn coding(&self, compress: bool, fields: &HeaderMap) -> Option<Coding> {
        let accepted = Coding::accepted(fields);
        match self.coding_flaw() {
            Some(CodingFlaw::Unasked) => accepted.or(Some(Coding::Gzip)),
            _ => accepted,
        }
        .filter(|_| compress)
    }

    fn coding_flaw(&self) -> Option<CodingFlaw> {
        match self.flaw {
            Some(Flaw::Coding(flaw)) => Some(flaw),
            _ => None,
        }
    }

    /// The fields about the coding, also where there is none this time.
    fn tell_coding(&self, head: &mut HeaderMap, coding: Option<Coding>) {
        let flaw = self.coding_flaw();
        if let Some(coding) = coding.filter(|_| flaw != Some(CodingFlaw::Unnamed)) {
            answer::put(head, "content-encoding", coding.name());
        }
        if flaw == Some(CodingFlaw::NoVary) {
            answer::put(head, "cache-control", "no-cache, no-transform");
        } else {
            answer::put(head, "vary", "Accept, Accept-Encoding");
        }
    }

    fn order(&self, plan: Plan, position: Position, fields: &HeaderMap) -> Order {
        let id = fields.get(LAST_EVENT_ID).map(|value| value.as_bytes());
        Order {
            reflection: id.and_then(|id| self.reflection(id, position)),
            resumed: id.is_some_and(|id| !id.is_empty()),
            plan,
            position,
            clock: self.clock,
            history: self.config.history as u64,
            flaw: self.flaw,
            faults: self.faults.clone(),
            stop: self.ending(),
            turn: None,
        }
    }

    fn head_flaw(&self) -> Option<HeadFlaw> {
        match self.flaw {
            Some(Flaw::Head(flaw)) => Some(flaw),
            _ => None,
        }
    }

    fn resumes(&self, flaw: ResumeFlaw) -> bool {
        self.flaw == Some(Flaw::Resume(flaw))
    }

    fn position(&self, id: Option<&[u8]>, plan: &Plan) -> Position {
        let id = match id {
            // Such a server knows its own ids again.
            Some(id) if garbles_ids(self.flaw) => Some(leading_digits(id)),
            id => id,
        };
        let history = self.config.history as u64;
        Position::of(id, plan, self.clock.now_ms(), history)
    }

    /// Any credential will do; without one the private stream is closed.
    fn may_read(&self, fields: &HeaderMap, position: Position) -> bool {
        let known = matches!(position, Position::After(_) | Position::Finished);
        let given = |name| fields.get(name).is_some_and(|value| !value.is_empty());
        let credential = given(header::AUTHORIZATION) || given(header::COOKIE);
        credential || (known && self.has(RouteFlaw::PrivateResume))
    }

    /// What a request asks for beside the stream: its type, its method, its conditions.
    async fn negotiate(&self, method: &Method, fields: &HeaderMap) -> Option<Response<Content>> {
        let accept = fields.get(header::ACCEPT).map(|value| value.as_bytes());
        let acceptable = match self.flaw {
            Some(Flaw::Route(RouteFlaw::AcceptExact)) => accept != Some(b"text/event-stream"),
            Some(Flaw::Route(RouteFlaw::AcceptAbsent)) => accept.is_some(),
            Some(Flaw::Route(RouteFlaw::AcceptAny)) => accept != Some(b"*/*"),
            Some(Flaw::Route(RouteFlaw::Mislabelled)) => true,
            _ => accepts_event_stream(fields),
        };
        if !acceptable && self.has(RouteFlaw::RefusedBroken) {
            let reason = "no writer for application/json";
            return Some(answer::refusal(StatusCode::INTERNAL_SERVER_ERROR, reason));
        }
        if !acceptable {
            let reason = "only text/event-stream is served here";
            let mut refusal = answer::refusal(StatusCode::NOT_ACCEPTABLE, reason);
            answer::put(refusal.headers_mut(), "vary", "Accept");
            return Some(refusal);
        }
        if method == Method::HEAD && self.has(RouteFlaw::HeadHangs) {
            pending::<()>().await;
        }
        let held = fields.get(header::IF_NONE_MATCH);
        if self.has(RouteFlaw::Validators) && held.is_some_and(|tag| tag == ETAG) {
            let mut unchanged = answer::no_content();
            *unchanged.status_mut() = StatusCode::NOT_MODIFIED;
            answer::put(unchanged.headers_mut(), "etag", ETAG);
            return Some(unchanged);
        }
        None
    }

    /// The defects that refuse a `Last-Event-ID`.
    async fn refuse_id(&self, id: Option<&[u8]>, position: Position) -> Option<Response<Content>> {
        let Some(Flaw::Resume(flaw)) = self.flaw else {
            return None;
        };
        let id = id?;
        let unknown = position == Position::Reset && id.is_ascii();
        let refusal = |code, reason| Some(answer::refusal(code, reason));
        match flaw {
            ResumeFlaw::Refused if matches!(position, Position::After(_)) => {
                refusal(StatusCode::CONFLICT, "this stream is not resumed")
            }
            ResumeFlaw::UnknownFails if unknown => {
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "cannot find the event")
            }
            ResumeFlaw::UnknownHangs if unknown => pending().await,
            ResumeFlaw::EmptyFails if id.is_empty() => {
                refusal(StatusCode::BAD_REQUEST, "an id is needed")
            }
            ResumeFlaw::NonAsciiFails if !id.is_ascii() => {
                refusal(StatusCode::BAD_REQUEST, "an id is ASCII")
            }
            _ => None,
        }
    }

    /// The defects that copy an unknown id into the stream.
    fn reflection(&self, id: &[u8], position: Position) -> Option<Vec<u8>> {
        if position != Position::Reset || !id.is_ascii() {
            return None;
        }
        match self.flaw {
            Some(Flaw::Resume(ResumeFlaw::Reflects)) => Some(id.to_vec()),
            Some(Flaw::Resume(ResumeFlaw::ReflectsDecoded)) => Some(percent_decoded(id)),
            _ => None,
        }
    }
}

fn unauthorized() -> Response<Content> {
    let reason = "credentials are needed here; any will do";
    let mut refusal = answer::refusal(StatusCode::UNAUTHORIZED, reason);
    let fields = refusal.headers_mut();
    answer::put(fields, "www-authenticate", "Bearer realm=\"ssekit\"");
    refusal
}

/// The digits an id begins with; the whole of it where there are none.
fn leading_digits(id: &[u8]) -> &[u8] {
    match id.iter().position(|byte| !byte.is_ascii_digit()) {
        None | Some(0) => id,
        Some(end) => &id[..end],
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &after[2..];
            }
            _ => {
                out.push(*first);
                rest = after;
            }
        }
    }
    out
}
