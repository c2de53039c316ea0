//! Which redirects are followed, and with what (RFC 9110 section 15.4).

use http::StatusCode;
use ssekit_record::{Field, REDACTED, Redirect, Transcript, is_secret_field, redact_url};
use url::Url;

use crate::Ask;
use crate::field_line::FieldLine;
use crate::head_reader::RawHead;

/// What to do about a head.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// It is the answer.
    Final,
    /// Ask there.
    Follow(Url),
    /// A redirect that is not followed, and why.
    Stop(String),
}

/// The way taken so far, and the next step of it.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    ask: Ask,
    visited: Vec<(String, Url)>,
    redirects: Vec<Redirect>,
    most: usize,
}

impl Trail {
    pub fn new(ask: &Ask, most: usize) -> Self {
        Self {
            visited: vec![(ask.method.clone(), ask.url.clone())],
            ask: ask.clone(),
            redirects: Vec::new(),
            most,
        }
    }

    /// What to ask next.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    pub fn redirects(&self) -> &[Redirect] {
        &self.redirects
    }

    pub fn judge(&self, head: &RawHead) -> Judgement {
        let Some(location) = redirect_location(head).filter(|_| self.most > 0) else {
            return Judgement::Final;
        };
        let text = String::from_utf8_lossy(&location.value);
        let Ok(mut url) = self.ask.url.join(&text) else {
            return Judgement::Stop("the Location of this redirect is not a URL".into());
        };
        if url.fragment().is_none() {
            url.set_fragment(self.ask.url.fragment());
        }
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Judgement::Stop(format!("redirect to {} not followed", redact_url(&url)));
        }
        if self.redirects.len() >= self.most {
            return Judgement::Stop(format!("more than {} redirects", self.most));
        }
        let method = method_after(head.status, &self.ask.method);
        if self
            .visited
            .iter()
            .any(|(m, u)| *m == method && same_resource(u, &url))
        {
            return Judgement::Stop(format!("redirect loop: {} again", redact_url(&url)));
        }
        Judgement::Follow(url)
    }

    /// Goes on to `url` after the redirect that `transcript` ended with. Secrets stay with the
    /// origin they were meant for; a method changed to GET loses its content.
    pub fn follow(&mut self, url: Url, transcript: &Transcript) {
        let head = transcript.head.as_ref();
        let status = head.map_or(0, |h| h.status);
        self.redirects.push(Redirect {
            url: redact_url(&self.ask.url),
            status,
            location: head
                .and_then(|h| h.first("location"))
                .unwrap_or_default()
                .into(),
        });
        if url.origin() != self.ask.url.origin() {
            let secret = std::mem::take(&mut self.ask.secret_fields);
            self.ask.fields.retain(|(name, _)| {
                !is_secret_field(name) && !secret.iter().any(|s| s.eq_ignore_ascii_case(name))
            });
        }
        let method = method_after(status, &self.ask.method);
        if method != self.ask.method {
            self.ask.method = method;
            self.ask.body = None;
            self.ask
                .fields
                .retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
        }
        self.ask.url = url;
        self.visited
            .push((self.ask.method.clone(), self.ask.url.clone()));
    }

    /// The field as it may be recorded: secrets of a Location redacted as well.
    pub fn record(&self, field: &FieldLine) -> Field {
        let mut recorded = field.record();
        if (field.is("location") || field.is("content-location")) && recorded.value != REDACTED {
            recorded.value = self.redact_reference(&recorded.value);
        }
        recorded
    }

    fn redact_reference(&self, reference: &str) -> String {
        match self.ask.url.join(reference) {
            Ok(url) if url.password().is_some() || !url.username().is_empty() => redact_url(&url),
            Ok(url) if redact_url(&url).contains(REDACTED) => redact_url(&url),
            _ => reference.to_owned(),
        }
    }
}

fn redirect_location(head: &RawHead) -> Option<&FieldLine> {
    matches!(head.status, 301 | 302 | 303 | 307 | 308)
        .then(|| head.all("location").next())
        .flatten()
}

fn same_resource(a: &Url, b: &Url) -> bool {
    let (mut a, mut b) = (a.clone(), b.clone());
    a.set_fragment(None);
    b.set_fragment(None);
    a == b
}

/// 303 asks for GET; 301 and 302 turn POST into GET, as the Fetch standard has it.
fn method_after(status: u16, method: &str) -> String {
    let to_get = match StatusCode::from_u16(status) {
        Ok(StatusCode::SEE_OTHER) => !matches!(method, "GET" | "HEAD"),
        Ok(StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND) => method == "POST",
        _ => false,
    };
    if to_get { "GET".into() } else { method.into() }
}
