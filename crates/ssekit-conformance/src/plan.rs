//! Which exchanges a run makes, and with which request.

use std::time::Duration;

use ssekit_http::{Ask, HttpChoice};
use ssekit_record::{EndKind, HttpVersion, Skipped, Transcript, is_secret_field};
use url::Url;

use crate::probe::Until;
use crate::{
    CheckOptions, ConformanceError, EchoScene, Moment, Needs, Probe, Reading, Rule, endpoint,
    session, stopping,
};

/// One line of `--dry-run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedProbe {
    /// The probe.
    pub probe: Probe,
    /// Method and URL, secrets redacted.
    pub request: String,
    /// What is special about it.
    pub about: &'static str,
    /// When it is made at all.
    pub condition: &'static str,
    /// Longest time it takes once the head has come.
    pub at_most: Duration,
}

/// What a run would ask, in order.
///
/// # Errors
/// When the selection is in error.
pub fn plan(options: &CheckOptions) -> Result<Vec<PlannedProbe>, ConformanceError> {
    let rules = options.selection.rules()?;
    let planned = probes(options, &rules).into_iter().map(|probe| {
        let until = until(probe, options);
        PlannedProbe {
            probe,
            request: format!("{} {}", method(probe, options), shown_url(probe, options)),
            about: probe.about(),
            condition: condition(probe),
            at_most: until.longest(),
        }
    });
    Ok(planned.collect())
}

/// The probes that the rules need, main first, in the order they are made.
pub(crate) fn probes(options: &CheckOptions, rules: &[&'static Rule]) -> Vec<Probe> {
    let mut probes: Vec<Probe> = rules
        .iter()
        .flat_map(|rule| rule.probes.iter().map(move |probe| (rule, *probe)))
        // The echo endpoint shows soon what else takes long.
        .filter(|(rule, probe)| options.long || rule.needs != Needs::Long || probe.is_echo())
        .map(|(_, probe)| probe)
        .filter(|probe| *probe != Probe::Main && unasked(*probe, options).is_none())
        .collect();
    probes.push(Probe::Main);
    probes.sort_unstable();
    probes.dedup();
    probes
}

/// Why a probe is not made with these options, whatever the target answers.
pub(crate) fn unasked(probe: Probe, options: &CheckOptions) -> Option<Skipped> {
    if probe == Probe::Main {
        return None;
    }
    let skip = |reason: &str, not_applicable| {
        Some(Skipped {
            probe: probe.name().into(),
            reason: reason.into(),
            not_applicable,
        })
    };
    if options.passive {
        return skip("needs further requests; --passive makes one only", false);
    }
    if probe.is_echo() {
        return match probe {
            _ if options.echo.is_none() => {
                skip("needs the echo contract; --echo says where", false)
            }
            Probe::Bulk(value) if value.is_long() && !options.long => skip("needs --long", false),
            _ => None,
        };
    }
    if options.method != "GET" {
        return skip(
            "the stream is not asked for with GET, and ssekit repeats no other method unasked",
            false,
        );
    }
    match probe {
        Probe::ResumeAnonymous | Probe::Anonymous if !has_credentials(options) => {
            skip("no credentials were given with --header", true)
        }
        Probe::Http10 if options.http == HttpChoice::Http2 => skip("HTTP/2 was asked for", true),
        Probe::OverHttp11 | Probe::Session
            if matches!(options.http, HttpChoice::Http10 | HttpChoice::Http11) =>
        {
            skip("HTTP/1.1 was asked for", true)
        }
        Probe::Stalled if !options.long => skip("needs --long", false),
        Probe::Stop if options.stopper.is_none() => skip(
            "needs a server that ssekit may stop, because it started it: --start or --subject",
            false,
        ),
        _ => None,
    }
}

/// Whether a probe can still show something after this main answer.
pub(crate) fn is_worth(probe: Probe, main: &Transcript) -> bool {
    let Some(head) = main.head.as_ref().filter(|_| !main.is_event_stream()) else {
        return main.is_event_stream();
    };
    // Perhaps another Accept would have got the stream.
    let perhaps = match head.status {
        401 | 403 | 407 | 429 => false,
        status => status == 200 || (400..500).contains(&status),
    };
    probe == Probe::AcceptAny && perhaps
}

fn has_credentials(options: &CheckOptions) -> bool {
    options.fields.iter().any(|(name, _)| is_credential(name))
}

fn is_credential(name: &str) -> bool {
    is_secret_field(name)
}

fn condition(probe: Probe) -> &'static str {
    match probe {
        Probe::Resume | Probe::ResumeAnonymous | Probe::Anonymous => {
            "if an event with an id is seen"
        }
        Probe::ResumeFinished => "if the stream ends by itself",
        Probe::Chain(_) => "if events with an id come often enough",
        Probe::Parting(..) => "if an echo endpoint is found that counts its streams",
        Probe::Stop => "if the main answer is an event stream, last",
        Probe::Main => "always",
        Probe::AcceptAny => {
            "if the main answer is an event stream, or perhaps none because of its Accept"
        }
        Probe::OverHttp11 | Probe::Session => "if the main answer is an event stream over HTTP/2",
        Probe::Capabilities => "with --echo",
        Probe::Echo(_) | Probe::Scene(_) => "if an echo endpoint is found",
        Probe::Bulk(value) if value.is_long() => "if 8 MiB arrived whole",
        Probe::Bulk(_) => "if an echo endpoint is found that takes POST",
        _ => "if the main answer is an event stream",
    }
}

/// When a probe has seen enough.
pub(crate) fn until(probe: Probe, options: &CheckOptions) -> Until {
    let short = Duration::from_millis(800);
    match probe {
        Probe::Main => Until::Window(options.window()),
        Probe::Resume => Until::Events(6, Duration::from_secs(2)),
        Probe::ResumeAnonymous | Probe::ResumeFinished => {
            Until::Events(3, Duration::from_millis(1500))
        }
        Probe::ResumeMarker => Until::Events(4, short),
        Probe::Chain(_) => Until::Window(short),
        Probe::Parting(..) => Until::Window(Duration::from_secs(1)),
        Probe::Identity => Until::Events(8, Duration::from_millis(1500)),
        Probe::Coded(_) => Until::Coded(Duration::from_secs(if options.long { 10 } else { 2 })),
        Probe::Scene(EchoScene::Coded(_)) => Until::Coded(Duration::from_secs(4)),
        Probe::Session => Until::Window(session::LONGEST),
        Probe::Stop => Until::Window(stopping::PATIENCE),
        Probe::Parallel1 | Probe::Parallel2 | Probe::OverHttp11 => {
            Until::Window(Duration::from_secs(1))
        }
        Probe::Http10 => Until::Events(2, short),
        Probe::Stalled => Until::Window(Duration::from_secs(20)),
        Probe::AcceptJson
        | Probe::AcceptAny
        | Probe::AcceptAbsent
        | Probe::Anonymous
        | Probe::CorsOrigin
        | Probe::CorsOther
        | Probe::Conditional => Until::Head(Duration::from_millis(300)),
        Probe::Capabilities | Probe::Echo(_) => Until::End(Duration::from_secs(2)),
        Probe::Scene(_) => Until::End(Duration::from_secs(4)),
        Probe::Bulk(value) => Until::End(value.longest()),
        Probe::Head => Until::End(Duration::from_millis(300)),
        Probe::Method | Probe::Missing | Probe::CorsMissing | Probe::Preflight => {
            Until::Head(Duration::from_millis(300))
        }
        Probe::ResumeUnknown | Probe::ResumeLong | Probe::ResumeEmpty | Probe::ResumeNonAscii => {
            Until::Events(2, short)
        }
    }
}

impl Until {
    fn longest(self) -> Duration {
        match self {
            Self::Window(time)
            | Self::Coded(time)
            | Self::Head(time)
            | Self::End(time)
            | Self::Events(_, time) => time,
        }
    }
}

fn method(probe: Probe, options: &CheckOptions) -> String {
    match probe {
        Probe::Head => "HEAD".into(),
        // Safe (RFC 4918 9.1) and implemented by few.
        Probe::Method => "PROPFIND".into(),
        Probe::Preflight => "OPTIONS".into(),
        Probe::Capabilities => "GET".into(),
        Probe::Bulk(_) => "POST".into(),
        Probe::Echo(_) | Probe::Scene(_) | Probe::Parting(_, Moment::Stream) => {
            endpoint::method(options).into()
        }
        Probe::Parting(..) => "GET".into(),
        _ => options.method.clone(),
    }
}

fn url(probe: Probe, options: &CheckOptions) -> Url {
    if probe.is_echo() {
        return endpoint::url(options);
    }
    let mut url = options.target.clone();
    if matches!(probe, Probe::Missing | Probe::CorsMissing) {
        url.set_query(None);
        // A sibling of the stream, so that the same application answers.
        let path = url.path().to_owned();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        url.set_path(&format!("{folder}/ssekit-no-such-path"));
    }
    url
}

fn shown_url(probe: Probe, options: &CheckOptions) -> String {
    ssekit_record::redact_url(&url(probe, options))
}

/// What the main exchange taught, for the probes that build on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Learnt<'a> {
    pub(crate) transcript: &'a Transcript,
    pub(crate) reading: &'a Reading,
}

/// The request of a probe, or why it is not made after what main has shown.
pub(crate) fn ask(
    probe: Probe,
    options: &CheckOptions,
    learnt: Option<Learnt<'_>>,
) -> Result<Ask, Skipped> {
    let skip = |reason: String, not_applicable| Skipped {
        probe: probe.name().into(),
        reason,
        not_applicable,
    };
    let mut fields = base_fields(options);
    let mut http = options.http;
    match probe {
        Probe::Resume | Probe::ResumeAnonymous | Probe::Anonymous => {
            let id = learnt
                .and_then(|learnt| resume_id(learnt.reading))
                .ok_or_else(|| skip("no event with an id was seen".into(), true))?;
            require_field_value(&id).map_err(|why| skip(why, false))?;
            if probe != Probe::Resume {
                fields.retain(|(name, _)| !is_credential(name));
            }
            if probe != Probe::Anonymous {
                set(&mut fields, "Last-Event-ID", id);
            }
        }
        Probe::ResumeFinished => {
            let learnt = learnt
                .filter(|learnt| learnt.transcript.end.kind == EndKind::Clean)
                .ok_or_else(|| skip("the stream did not end by itself".into(), true))?;
            let id = learnt.reading.last_event_id.clone();
            require_field_value(&id).map_err(|why| skip(why, false))?;
            if !id.is_empty() {
                set(&mut fields, "Last-Event-ID", id);
            }
        }
        Probe::ResumeUnknown => set(&mut fields, "Last-Event-ID", "ssekit-9f3c1a77-unknown"),
        Probe::ResumeLong => set(&mut fields, "Last-Event-ID", "9".repeat(4096)),
        Probe::ResumeEmpty => set(&mut fields, "Last-Event-ID", ""),
        Probe::ResumeNonAscii => set(&mut fields, "Last-Event-ID", "ssekit-\u{e9}\u{4e16}"),
        Probe::ResumeMarker => set(&mut fields, "Last-Event-ID", MARKER),
        Probe::AcceptAbsent => fields.retain(|(name, _)| !name.eq_ignore_ascii_case("accept")),
        Probe::AcceptAny => set(&mut fields, "Accept", "*/*"),
        Probe::AcceptJson => set(&mut fields, "Accept", "application/json"),
        Probe::Method => set(&mut fields, "Depth", "0"),
        Probe::CorsOrigin | Probe::CorsMissing => set(&mut fields, "Origin", ORIGIN),
        Probe::CorsOther => set(&mut fields, "Origin", OTHER_ORIGIN),
        Probe::Preflight => {
            // A preflight never carries credentials (Fetch, CORS-preflight fetch).
            fields.retain(|(name, _)| !is_credential(name));
            set(&mut fields, "Accept", "*/*");
            set(&mut fields, "Origin", ORIGIN);
            set(&mut fields, "Access-Control-Request-Method", "GET");
            set(
                &mut fields,
                "Access-Control-Request-Headers",
                "last-event-id",
            );
        }
        Probe::Identity => set(&mut fields, "Accept-Encoding", "identity"),
        Probe::Coded(offer) | Probe::Scene(EchoScene::Coded(offer)) => {
            set(&mut fields, "Accept-Encoding", offer.value());
        }
        Probe::Http10 => http = HttpChoice::Http10,
        Probe::Conditional => condition_on(&mut fields, learnt),
        Probe::OverHttp11 | Probe::Session if !came_over_http2(learnt) => {
            return Err(skip("the stream came over HTTP/1.1".into(), true));
        }
        Probe::OverHttp11 => http = HttpChoice::Http11,
        _ => {}
    }
    let is_large = match probe {
        Probe::Echo(case) => case.is_large(),
        Probe::Scene(scene) => scene.is_large(),
        Probe::Bulk(_) => true,
        _ => false,
    };
    if is_large && endpoint::method(options) != "POST" {
        return Err(Skipped {
            probe: probe.name().into(),
            reason: "too long for a URL, and the echo endpoint takes no POST".into(),
            not_applicable: false,
        });
    }
    let script = match probe {
        Probe::Echo(case) => Some(case.json()),
        Probe::Scene(scene) => Some(scene.script().to_json()),
        Probe::Parting(parting, Moment::Stream) => Some(parting.script(options).to_json()),
        // Its script is made while it is sent.
        Probe::Bulk(_) => Some(String::new()),
        _ => None,
    };
    if let Some(script) = script {
        return Ok(endpoint::ask(
            probe,
            script,
            options,
            fields,
            same_protocol(http, learnt),
        ));
    }
    let keeps_body = !matches!(
        probe,
        Probe::Head | Probe::Method | Probe::Missing | Probe::CorsMissing | Probe::Preflight
    );
    Ok(Ask {
        probe: probe.name().into(),
        method: method(probe, options),
        url: url(probe, options),
        fields,
        secret_fields: options.secret_fields.clone(),
        body: options.body.clone().filter(|_| keeps_body).map(Into::into),
        http: same_protocol(http, learnt),
    })
}

fn came_over_http2(learnt: Option<Learnt<'_>>) -> bool {
    let head = learnt.and_then(|learnt| learnt.transcript.head.as_ref());
    head.is_some_and(|head| head.version == HttpVersion::Http2)
}

/// The origin that asks.
pub(crate) const ORIGIN: &str = "https://ssekit.example";
/// Another that asks.
pub(crate) const OTHER_ORIGIN: &str = "https://other.ssekit.example";

/// The value of the marker probe: percent-encoded line ends, for servers that decode what they copy.
pub(crate) const MARKER: &str =
    "ssekit-marker%0Adata:%20ssekit-marker%0D%0A%0D%0Adata:ssekit-marker";

/// What an EventSource sends: HTML, "The EventSource interface" (Accept may be set, the cache mode
/// is no-store, for which Fetch adds Pragma and Cache-Control).
pub(crate) fn base_fields(options: &CheckOptions) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<(String, Vec<u8>)> = vec![
        ("Accept".into(), b"text/event-stream".to_vec()),
        ("Cache-Control".into(), b"no-cache".to_vec()),
        (
            "User-Agent".into(),
            concat!("ssekit/", env!("CARGO_PKG_VERSION")).into(),
        ),
    ];
    for (name, _) in &options.fields {
        fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
    fields.extend(options.fields.iter().cloned());
    fields
}

pub(crate) fn set(fields: &mut Vec<(String, Vec<u8>)>, name: &str, value: impl Into<String>) {
    fields.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    fields.push((name.into(), value.into().into_bytes()));
}

/// Once main has settled on HTTP/1.1 or 2, the probes stay with it.
fn same_protocol(http: HttpChoice, learnt: Option<Learnt<'_>>) -> HttpChoice {
    let version = learnt
        .and_then(|learnt| learnt.transcript.head.as_ref())
        .map(|head| head.version);
    match (http, version) {
        (HttpChoice::Auto, Some(HttpVersion::Http2)) => HttpChoice::Http2,
        (HttpChoice::Auto, Some(_)) => HttpChoice::Http11,
        (http, _) => http,
    }
}

/// The id to come back with: two distinct ids before the last where there are so many, so that a
/// replay has something to show.
fn resume_id(reading: &Reading) -> Option<String> {
    let mut ids: Vec<&str> = Vec::new();
    for event in reading.events.iter().filter(|event| event.has_id) {
        let id = &*event.last_event_id;
        if !id.is_empty() && ids.last() != Some(&id) {
            ids.push(id);
        }
    }
    // Of three, the second: coming back with the first, a repetition looks like a start from the
    // beginning.
    let at = match ids.len() {
        3 => 1,
        len => len.saturating_sub(3),
    };
    ids.get(at).map(|id| (*id).to_owned())
}

fn require_field_value(id: &str) -> Result<(), String> {
    let padded = id.starts_with([' ', '\t']) || id.ends_with([' ', '\t']);
    if padded || id.chars().any(|c| c.is_control() && c != '\t') {
        return Err("the id cannot be sent back as a field value".into());
    }
    Ok(())
}

/// The validators of the main answer, or a date no older than it.
fn condition_on(fields: &mut Vec<(String, Vec<u8>)>, learnt: Option<Learnt<'_>>) {
    let head = learnt.and_then(|learnt| learnt.transcript.head.as_ref());
    if let Some(etag) = head.and_then(|head| head.first("etag")) {
        set(fields, "If-None-Match", etag);
        return;
    }
    let since = head
        .and_then(|head| head.first("last-modified").or_else(|| head.first("date")))
        .unwrap_or("Fri, 31 Dec 2100 23:59:59 GMT");
    set(fields, "If-Modified-Since", since);
}
