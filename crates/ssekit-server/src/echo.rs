//! `/echo`: performs a script, every value through the encoder of `ssekit-proto`.
use std::{
    collections::VecDeque,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{Response, StatusCode};
use serde_json::json;
use ssekit_proto::{EncodeError, EventId, EventType, encode_comment, encode_event, encode_retry};
use ssekit_scenario::{ECHO_VERSION, Retry, Script, ScriptError, ScriptLimits, Step};
use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::{
    answer::{self, Content, Source},
    coding::{Coded, Coding},
    echo_flaw,
    flaw::EchoFlaw,
    piece::Write,
    subscription::stopped,
};

/// What the server can do of the contract.
const CAPABILITIES: &[&str] = &[
    "get", "post", "event", "data", "type", "id", "retry", "comment", "time", "wait", "close",
    "abort", "status",
];

/// The capabilities document.
pub(crate) fn capabilities(limits: &ScriptLimits, active_streams: usize) -> Response<Content> {
    let document = json!({
        "echo": ECHO_VERSION,
        "server": concat!("ssekit/", env!("CARGO_PKG_VERSION")),
        "capabilities": CAPABILITIES,
        "limits": {
            "steps": limits.steps,
            "bytes": limits.bytes,
            "wait_ms": limits.wait_ms,
        },
        "active_streams": active_streams,
    });
    answer::text(StatusCode::OK, "application/json", format!("{document}\n"))
}

/// Answers a script; `room` is given back when the performance ends.
pub(crate) async fn perform(
    json: &[u8],
    limits: &ScriptLimits,
    flaw: Option<EchoFlaw>,
    accepted: Option<Coding>,
    stop: watch::Receiver<bool>,
    room: OwnedSemaphorePermit,
) -> Response<Content> {
    let halved = (flaw == Some(EchoFlaw::Surrogates)).then(|| echo_flaw::with_halves(json));
    let script = match Script::parse(halved.as_deref().unwrap_or(json), limits) {
        Ok(script) => script,
        Err(error) => return answer::refusal(status_of(&error), &error.to_string()),
    };
    if let [Step::Status { code }] = script.steps[..] {
        let mut answer = with_status(code);
        if code == 204 && flaw == Some(EchoFlaw::Length204) {
            answer::put(answer.headers_mut(), "content-length", "0");
        }
        return answer;
    }
    for (index, step) in script.steps.iter().enumerate() {
        let checked = flaw.map_or_else(|| step.clone(), |flaw| echo_flaw::checked(flaw, step));
        if let Err(reason) = representable(&checked) {
            let reason = format!("step {}: {reason}", index + 1);
            return answer::refusal(StatusCode::UNPROCESSABLE_ENTITY, &reason);
        }
    }
    let mut performance = Performance {
        steps: script.steps.into(),
        flaw,
        held: None,
        block: Vec::new(),
        first: None,
        stop,
        _room: room,
    };
    if flaw == Some(EchoFlaw::HeadLate) {
        performance.first = performance.next().await;
    }
    if let (Some(EchoFlaw::Coded(flaw)), Some(coding)) = (flaw, accepted) {
        let content = answer::streamed(Coded::new(performance, coding, Some(flaw)));
        let mut answer = answer::event_stream(content, None);
        answer::put(answer.headers_mut(), "content-encoding", coding.name());
        return answer;
    }
    answer::event_stream(answer::streamed(performance), None)
}

fn status_of(error: &ScriptError) -> StatusCode {
    match error {
        ScriptError::Malformed(_) => StatusCode::BAD_REQUEST,
        ScriptError::TooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// A script being performed.
struct Performance {
    steps: VecDeque<Step>,
    flaw: Option<EchoFlaw>,
    /// The event that waits for the next, with the flaw that makes it wait.
    held: Option<Write>,
    /// What waits for a block to fill, with the flaw that gathers.
    block: Vec<u8>,
    /// What the head has waited for, with the flaw that makes it wait.
    first: Option<Write>,
    stop: watch::Receiver<bool>,
    _room: OwnedSemaphorePermit,
}

impl Source for Performance {
    async fn next(&mut self) -> Option<Write> {
        if let Some(write) = self.first.take() {
            return Some(write);
        }
        loop {
            if *self.stop.borrow() {
                return None;
            }
            let Some(step) = self.steps.pop_front() else {
                return self.rest();
            };
            match step {
                Step::Wait { ms } => tokio::select! {
                    () = stopped(&mut self.stop) => return None,
                    () = tokio::time::sleep(Duration::from_millis(ms)) => {}
                },
                Step::Close {} | Step::Status { .. } => {
                    self.steps.clear();
                    return self.rest();
                }
                Step::Abort {} => {
                    // What went before must be on its way when the connection breaks.
                    self.steps.push_front(Step::Abort {});
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    return Some(Write::Break);
                }
                step => {
                    let spoilt = self.flaw.and_then(|flaw| echo_flaw::spoilt(flaw, &step));
                    let bytes = spoilt.unwrap_or_else(|| encode(&step));
                    if let Some(EchoFlaw::Linger(ms)) = self.flaw {
                        tokio::time::sleep(Duration::from_millis(ms)).await;
                    }
                    if let Some(write) = self.pass(bytes) {
                        return Some(write);
                    }
                }
            }
        }
    }
}

impl Performance {
    /// What leaves now that these bytes have come.
    fn pass(&mut self, bytes: Vec<u8>) -> Option<Write> {
        match self.flaw {
            Some(EchoFlaw::HoldEvent) => self.held.replace(bytes.into()),
            Some(EchoFlaw::Surrogates) => Some(echo_flaw::halved(&bytes).into()),
            Some(EchoFlaw::Gather(size)) => {
                self.block.extend(bytes);
                let rest = self.block.split_off(self.block.len() / size * size);
                let whole = std::mem::replace(&mut self.block, rest);
                (!whole.is_empty()).then(|| whole.into())
            }
            _ => Some(bytes.into()),
        }
    }

    /// What leaves at the end.
    fn rest(&mut self) -> Option<Write> {
        let block = std::mem::take(&mut self.block);
        let block = (!block.is_empty()).then(|| block.into());
        self.held.take().or(block)
    }
}

fn encode(step: &Step) -> Vec<u8> {
    let mut bytes = Vec::new();
    match step {
        Step::Event {
            data,
            event,
            id,
            retry,
        } => {
            if let Some(ms) = retry.as_ref().and_then(milliseconds) {
                encode_retry(ms, &mut bytes);
            }
            if let Some(data) = data {
                // Checked before the stream began.
                let event = event.as_deref().and_then(|name| EventType::new(name).ok());
                let id = id.as_deref().and_then(|id| EventId::new(id).ok());
                encode_event(event, id, data, &mut bytes);
            }
        }
        Step::Comment { text } => encode_comment(text, &mut bytes),
        Step::Time {} => {
            let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = since_epoch.unwrap_or_default().as_micros().to_string();
            encode_event(None, None, &now, &mut bytes);
        }
        Step::Wait { .. } | Step::Close {} | Step::Abort {} | Step::Status { .. } => {}
    }
    bytes
}

/// Whether the encoder can represent the values of a step.
fn representable(step: &Step) -> Result<(), String> {
    let Step::Event {
        data,
        event,
        id,
        retry,
    } = step
    else {
        return Ok(());
    };
    let said = |what: &'static str| move |error: EncodeError| format!("{what}: {error}");
    if let Some(event) = event {
        EventType::new(event).map_err(said("event"))?;
    }
    if let Some(id) = id {
        EventId::new(id).map_err(said("id"))?;
    }
    if retry
        .as_ref()
        .is_some_and(|retry| milliseconds(retry).is_none())
    {
        return Err("retry: a whole number of milliseconds is needed".into());
    }
    if data.is_none() && (event.is_some() || id.is_some()) {
        return Err("event: without data it would not be dispatched".into());
    }
    Ok(())
}

fn milliseconds(retry: &Retry) -> Option<u64> {
    match retry {
        Retry::Ms(ms) => Some(*ms),
        Retry::Text(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Retry::Text(_) => None,
    }
}

/// An answer with a status, and the field that status requires.
fn with_status(code: u16) -> Response<Content> {
    let Ok(status) = StatusCode::from_u16(code) else {
        return answer::refusal(StatusCode::UNPROCESSABLE_ENTITY, "step 1: no such status");
    };
    let mut answer = match code {
        204 => return answer::no_content(),
        206 | 407 | 416 | 426 => {
            let reason = format!("step 1: {code} makes no sense in answer to this request");
            return answer::refusal(StatusCode::UNPROCESSABLE_ENTITY, &reason);
        }
        205 | 304 => {
            let mut answer = answer::no_content();
            *answer.status_mut() = status;
            return answer;
        }
        _ => answer::refusal(status, status.canonical_reason().unwrap_or("as asked for")),
    };
    let fields = answer.headers_mut();
    match code {
        401 => answer::put(fields, "www-authenticate", "Bearer realm=\"ssekit\""),
        405 => answer::put(fields, "allow", "GET, HEAD, POST, OPTIONS"),
        429 | 503 => answer::put(fields, "retry-after", "1"),
        _ => {}
    }
    answer
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use std::sync::Arc;

    use http_body_util::BodyExt;
    use tokio::sync::Semaphore;

    use super::*;

    async fn perform(json: &str) -> (u16, Result<String, Vec<u8>>) {
        let (_keep, stop) = watch::channel(false);
        let room = Arc::new(Semaphore::new(1)).try_acquire_owned().unwrap();
        let answer = super::perform(
            json.as_bytes(),
            &ScriptLimits::default(),
            None,
            None,
            stop,
            room,
        )
        .await;
        let (head, mut content) = answer.into_parts();
        let mut bytes = Vec::new();
        while let Some(frame) = content.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap()),
                Err(Broken) => return (head.status.as_u16(), Err(bytes)),
            }
        }
        (head.status.as_u16(), Ok(String::from_utf8(bytes).unwrap()))
    }

    use crate::answer::Broken;

    fn steps(steps: &str) -> String {
        format!(r#"{{"version":1,"steps":[{steps}]}}"#)
    }

    #[tokio::test]
    async fn a_script_is_performed_in_order() {
        let json = steps(
            r#"{"do":"event","data":"a\nb","event":"t","id":"1","retry":"30"},
            {"do":"comment","text":"c"},{"do":"wait","ms":1},{"do":"event","data":""},{"do":"close"}"#,
        );
        let text = "retry: 30\n\nevent: t\nid: 1\ndata: a\ndata: b\n\n:c\ndata: \n\n";
        assert_eq!(perform(&json).await, (200, Ok(text.into())));
    }

    #[tokio::test]
    async fn an_abort_breaks_off() {
        let json = steps(r#"{"do":"event","data":"a"},{"do":"abort"}"#);
        assert_eq!(perform(&json).await, (200, Err(b"data: a\n\n".to_vec())));
    }

    #[tokio::test]
    async fn what_cannot_be_represented_is_refused() {
        for step in [
            r#"{"do":"event","data":"","event":"a\nb"}"#,
            r#"{"do":"event","data":"","event":""}"#,
            r#"{"do":"event","data":"","id":"a\u0000"}"#,
            r#"{"do":"event","data":"","id":"a\rb"}"#,
            r#"{"do":"event","data":"","retry":"3s"}"#,
            r#"{"do":"event","data":"","retry":""}"#,
            r#"{"do":"event","id":"1"}"#,
            r#"{"do":"wait","ms":120001}"#,
        ] {
            let (status, reason) = perform(&steps(step)).await;
            assert_eq!(status, 422, "{step}: {reason:?}");
        }
        assert_eq!(perform("{").await.0, 400);
    }

    #[tokio::test]
    async fn a_status_is_answered_with_what_it_requires() {
        for (code, content) in [(204, false), (304, false), (503, true), (404, true)] {
            let json = steps(&format!(r#"{{"do":"status","code":{code}}}"#));
            let (status, text) = perform(&json).await;
            assert_eq!((status, text.unwrap().is_empty()), (code, !content));
        }
    }
}
