//! One request through the hop: what is forwarded, what comes back, what is done to it.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version, header};
use http_body_util::Full;
use tokio::sync::{
    mpsc::{Receiver, channel},
    watch,
};

use super::{
    HopMode, relay,
    upstream::{self, Framing, Part, Upstream},
    valve::{Hold, Valve},
};

/// Requests made of one, at most, by [`HopMode::Retry`].
const ATTEMPTS: usize = 4;

/// An answer for the client.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    /// Length of the content, where the origin told it and nothing was done to it.
    pub(super) length: Option<u64>,
    pub(super) content: Receiver<Part>,
}

/// What one URL gave, once it is complete.
#[derive(Debug, Clone)]
struct Recording {
    status: StatusCode,
    fields: HeaderMap,
    content: Vec<u8>,
}

type Recorded = watch::Receiver<Option<Arc<Recording>>>;

/// Where requests go, and what is done to the answers.
#[derive(Debug)]
pub(super) struct Route {
    origin: String,
    pub(super) mode: HopMode,
    recordings: Mutex<HashMap<String, Recorded>>,
}

impl Route {
    pub(super) fn new(origin: String, mode: HopMode) -> Self {
        Self {
            origin,
            mode,
            recordings: Mutex::default(),
        }
    }

    /// Answers a request.
    pub(super) async fn reply(&self, mut request: Request<Full<Bytes>>) -> Reply {
        let fields = request.headers_mut();
        fields.insert(header::VIA, HeaderValue::from_static("1.1 ssekit"));
        if self.mode == HopMode::IdLost {
            fields.remove("last-event-id");
        }
        if self.mode == HopMode::Replay && request.method() == Method::GET {
            return self.recorded(request).await;
        }
        self.fetched(&request).await
    }

    async fn fetched(&self, request: &Request<Full<Bytes>>) -> Reply {
        match self.asked(request).await {
            Some(upstream) => self.passed(request, upstream),
            None => Reply::empty(StatusCode::BAD_GATEWAY),
        }
    }

    async fn asked(&self, request: &Request<Full<Bytes>>) -> Option<Upstream> {
        let attempts = match self.mode {
            HopMode::Retry => ATTEMPTS,
            _ => 1,
        };
        let mut last = None;
        for _ in 0..attempts {
            last = upstream::ask(&self.origin, request).await.ok();
            if last.as_ref().is_some_and(|up| !up.status.is_server_error()) {
                break;
            }
        }
        last
    }

    fn passed(&self, request: &Request<Full<Bytes>>, upstream: Upstream) -> Reply {
        let mut status = upstream.status;
        let mut fields = upstream.fields.clone();
        upstream::end_to_end(&mut fields);
        fields.append(header::VIA, HeaderValue::from_static("1.1 ssekit"));
        match self.mode {
            HopMode::AccelEaten => drop(fields.remove("x-accel-buffering")),
            HopMode::FieldsDropped => {
                let cors = fields
                    .keys()
                    .filter(|n| n.as_str().starts_with("access-control-"));
                for name in cors.cloned().collect::<Vec<_>>() {
                    fields.remove(name);
                }
            }
            HopMode::StatusMasked if status.is_client_error() || status.is_server_error() => {
                status = StatusCode::INTERNAL_SERVER_ERROR;
                fields.remove(header::RETRY_AFTER);
            }
            _ => {}
        }
        let mut valve = Valve::new(self.hold(request.version(), &upstream.framing));
        if self.compresses(request, &fields) {
            fields.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            fields.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
            fields.remove(header::CONTENT_LENGTH);
            valve = valve.compressing(self.mode != HopMode::GzipHeld);
        }
        let length = fields.remove(header::CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        Reply {
            status,
            fields,
            length: length.filter(|_| self.mode != HopMode::Recode),
            content: relay::start(upstream, valve, self.mode),
        }
    }

    fn hold(&self, version: Version, framing: &Framing) -> Hold {
        match self.mode {
            HopMode::Delay(time) => Hold::Delay(time),
            HopMode::Coalesce(time) => Hold::Coalesce(time),
            HopMode::Block(size) => Hold::Block(size),
            HopMode::UntilClose | HopMode::AccelEaten => Hold::All,
            HopMode::LargeHeld => Hold::Large,
            HopMode::CloseHeld if matches!(framing, Framing::Close) => Hold::All,
            HopMode::Http2Held if version == Version::HTTP_2 => Hold::All,
            _ => Hold::Nothing,
        }
    }

    fn compresses(&self, request: &Request<Full<Bytes>>, fields: &HeaderMap) -> bool {
        let has = |fields: &HeaderMap, name, word: &str| {
            let mut values = fields.get_all(name).iter();
            values.any(|value: &HeaderValue| value.to_str().is_ok_and(|v| v.contains(word)))
        };
        let forced = self.mode == HopMode::GzipForced;
        let marked = has(fields, header::CACHE_CONTROL, "no-transform");
        let accepts = has(request.headers(), header::ACCEPT_ENCODING, "gzip");
        let able = matches!(
            self.mode,
            HopMode::Gzip | HopMode::GzipHeld | HopMode::GzipForced
        );
        able && accepts && (forced || !marked)
    }

    /// What the first client of this URL got, or, for the first one, the origin's answer, recorded.
    async fn recorded(&self, request: Request<Full<Bytes>>) -> Reply {
        let target = request.uri().to_string();
        let (recorder, known) = {
            let mut recordings = self.lock();
            match recordings.get(&target) {
                Some(known) => (None, Some(known.clone())),
                None => {
                    let (recorder, recorded) = watch::channel(None);
                    recordings.insert(target, recorded);
                    (Some(recorder), None)
                }
            }
        };
        if let Some(mut known) = known {
            // An error says that there is no recording after all.
            if let Ok(recording) = known.wait_for(Option::is_some).await
                && let Some(recording) = recording.as_ref()
            {
                return Reply::replayed(recording);
            }
        }
        let reply = self.fetched(&request).await;
        match recorder {
            Some(recorder) if reply.is_storable() => recording(reply, recorder),
            _ => reply,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Recorded>> {
        self.recordings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The reply with its content copied on the way.
fn recording(mut reply: Reply, recorder: watch::Sender<Option<Arc<Recording>>>) -> Reply {
    let (sender, content) = channel(1);
    let mut from = std::mem::replace(&mut reply.content, content);
    let (status, fields) = (reply.status, reply.fields.clone());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Some(part) = from.recv().await {
            match &part {
                Part::Data(bytes) => kept.extend_from_slice(bytes),
                Part::End => {
                    let recording = Recording {
                        status,
                        fields: fields.clone(),
                        content: kept.clone(),
                    };
                    recorder.send_replace(Some(Arc::new(recording)));
                }
                Part::Broken => {}
            }
            if sender.send(part).await.is_err() {
                break;
            }
        }
    });
    reply
}

impl Reply {
    fn empty(status: StatusCode) -> Self {
        let (sender, content) = channel(1);
        // There is room for one.
        let _ = sender.try_send(Part::End);
        Self {
            status,
            fields: HeaderMap::new(),
            length: Some(0),
            content,
        }
    }

    fn replayed(recording: &Recording) -> Self {
        let (sender, content) = channel(2);
        // There is room for both.
        let _ = sender.try_send(Part::Data(recording.content.clone().into()));
        let _ = sender.try_send(Part::End);
        Self {
            status: recording.status,
            fields: recording.fields.clone(),
            length: None,
            content,
        }
    }

    fn is_storable(&self) -> bool {
        self.status == StatusCode::OK && !self.fields.contains_key(header::CACHE_CONTROL)
    }
}
