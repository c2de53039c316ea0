//! The echo endpoint: finding it, and the requests made to it.

use std::time::Duration;

use serde::Deserialize;
use ssekit_http::{Ask, HttpChoice, Options};
use ssekit_record::{Skipped, Transcript};
use ssekit_scenario::{ECHO_VERSION, Script, Step};
use url::Url;

use crate::plan::{base_fields, set};
use crate::probe::Until;
use crate::round::one;
use crate::{CheckOptions, ConformanceError, EchoTarget, Probe};

/// Shortest pause between the events of a stream that the endpoint is asked for.
const PAUSE: Duration = Duration::from_millis(200);
/// Events of such a stream within the observation: few enough for the script to stand in a URL.
const MOST_EVENTS: u32 = 30;

/// An echo endpoint that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) capabilities: Vec<String>,
    /// Whether its document tells how many streams there are.
    pub(crate) counts: bool,
    /// Bytes of a script, at most, where its document tells.
    pub(crate) most: Option<u64>,
}

/// What the capabilities document must say (echo contract, version 1).
#[derive(Debug, Deserialize)]
struct Document {
    echo: u32,
    capabilities: Vec<String>,
    active_streams: Option<u64>,
    limits: Option<serde_json::Value>,
}

impl Endpoint {
    fn offers(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    fn method(&self) -> &'static str {
        if self.offers("post") { "POST" } else { "GET" }
    }
}

/// The capabilities a transcript's content lists, if it is a capabilities document.
pub(crate) fn capabilities(transcript: &Transcript) -> Option<Vec<String>> {
    read(transcript).map(|document| document.capabilities)
}

/// The number of streams a transcript's content tells, if it is a capabilities document that does.
pub(crate) fn active_streams(transcript: &Transcript) -> Option<u64> {
    read(transcript)?.active_streams
}

fn read(transcript: &Transcript) -> Option<Document> {
    let head = transcript.head.as_ref().filter(|head| head.status == 200)?;
    if head.content_type_essence().as_deref() == Some("text/event-stream") {
        return None;
    }
    let content = transcript.content.as_ref().unwrap_or(&transcript.body);
    let document: Document = serde_json::from_slice(&content.bytes).ok()?;
    (document.echo == ECHO_VERSION).then_some(document)
}

/// Looks for the endpoint; `Err` says where it was looked for in vain.
pub(crate) async fn find(
    options: &CheckOptions,
    exchange: &Options,
) -> Result<Result<(Endpoint, Transcript), String>, ConformanceError> {
    let mut looked = Vec::new();
    for url in places(options) {
        if options.stopped() {
            break;
        }
        let ask = Ask {
            url: url.clone(),
            ..document(Probe::Capabilities.name(), options)
        };
        let until = Until::Head(Duration::from_secs(1));
        let transcript = one(&ask, &options.stop, exchange, until).await?;
        if let Some(document) = read(&transcript) {
            let endpoint = Endpoint {
                url,
                capabilities: document.capabilities,
                counts: document.active_streams.is_some(),
                most: document.limits.and_then(|limits| limits["bytes"].as_u64()),
            };
            return Ok(Ok((endpoint, transcript)));
        }
        looked.push(ssekit_record::redact_url(&url));
    }
    Ok(Err(format!(
        "no echo endpoint: no capabilities document at {}",
        looked.join(", ")
    )))
}

/// The request for the document, by this name.
pub(crate) fn document(name: &str, options: &CheckOptions) -> Ask {
    Ask {
        probe: name.into(),
        method: "GET".into(),
        url: url(options),
        fields: json_fields(options),
        secret_fields: options.secret_fields.clone(),
        body: None,
        http: options.http,
    }
}

fn places(options: &CheckOptions) -> Vec<Url> {
    if let Some(EchoTarget::At(url)) = &options.echo {
        return vec![url.clone()];
    }
    let mut places = vec![options.target.clone()];
    // Both are valid references, so joining them cannot fail.
    for path in ["echo", "/echo"] {
        places.extend(options.target.join(path).ok());
    }
    places.dedup();
    places
}

fn json_fields(options: &CheckOptions) -> Vec<(String, Vec<u8>)> {
    let mut fields = base_fields(options);
    set(&mut fields, "Accept", "application/json");
    fields
}

/// Every echo probe that cannot be made, and why.
pub(crate) fn skipped(probes: &[Probe], reason: &str) -> Vec<Skipped> {
    let echo = probes.iter().filter(|probe| probe.is_echo());
    echo.map(|probe| Skipped {
        probe: probe.name().into(),
        reason: reason.into(),
        not_applicable: false,
    })
    .collect()
}

/// Method of a script's request.
pub(crate) fn method(options: &CheckOptions) -> &'static str {
    options.endpoint.as_ref().map_or("POST", Endpoint::method)
}

/// URL of a probe's request; the script itself is not part of it.
pub(crate) fn url(options: &CheckOptions) -> Url {
    match (&options.endpoint, &options.echo) {
        (Some(endpoint), _) => endpoint.url.clone(),
        (None, Some(EchoTarget::At(url))) => url.clone(),
        (None, _) => options.target.clone(),
    }
}

/// The request that sends a value.
pub(crate) fn ask(
    probe: Probe,
    script: String,
    options: &CheckOptions,
    fields: Vec<(String, Vec<u8>)>,
    http: HttpChoice,
) -> Ask {
    let mut ask = Ask {
        probe: probe.name().into(),
        method: method(options).into(),
        url: url(options),
        fields,
        secret_fields: options.secret_fields.clone(),
        body: None,
        http,
    };
    give(
        script,
        &mut ask.method,
        &mut ask.url,
        &mut ask.fields,
        &mut ask.body,
    );
    ask
}

fn give(
    json: String,
    method: &mut String,
    url: &mut Url,
    fields: &mut Vec<(String, Vec<u8>)>,
    body: &mut Option<impl From<Vec<u8>>>,
) {
    if method == "POST" {
        set(fields, "Content-Type", "application/json");
        *body = Some(json.into_bytes().into());
    } else {
        url.query_pairs_mut().append_pair("script", &json);
    }
}

/// Makes the echo endpoint itself the stream to observe, where it is the target: one event each
/// [`PAUSE`], or less often in a long observation, for longer than the observation lasts. Without ids: nothing can be resumed.
pub(crate) fn as_target(options: &mut CheckOptions) {
    let Some(endpoint) = options.endpoint.clone().filter(|e| e.url == options.target) else {
        return;
    };
    let pause = PAUSE.max(options.window() / MOST_EVENTS);
    let ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
    let count = options.window().as_millis() / pause.as_millis() + 5;
    let steps = (0..count).flat_map(|n| {
        let event = Step::Event {
            data: Some(format!("tick {n}")),
            event: None,
            id: None,
            retry: None,
        };
        [event, Step::Wait { ms }]
    });
    let script = Script::new(steps.collect());
    endpoint.method().clone_into(&mut options.method);
    // A GET keeps the probes that only repeat GET requests.
    if endpoint.offers("get") {
        options.method = "GET".into();
    }
    give(
        script.to_json(),
        &mut options.method,
        &mut options.target,
        &mut options.fields,
        &mut options.body,
    );
}
