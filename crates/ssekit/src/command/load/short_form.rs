//! The scenario of a run: that of a file, or the one that the arguments stand for.

use std::net::IpAddr;

use ssekit_http::HttpChoice;
use ssekit_scenario::Subject;
use ssekit_scenario::load::{LoadScenario, LoadedScenario, Quick, ScenarioError};

use super::Arguments;
use crate::failure::Failure;
use crate::request::url;

impl Arguments {
    /// The scenario of the file, or the one that the arguments stand for; and the server to start.
    pub(super) fn scenario(&self) -> Result<(LoadedScenario, Option<Subject>), Failure> {
        let wrong = |error: ScenarioError| Failure::Usage(error.to_string());
        if let Some(file) = self.file() {
            self.refuse_short_form()?;
            let loaded = LoadScenario::load(file, &self.set).map_err(wrong)?;
            let subject = self.start.subject(Some(&loaded.scenario.target.url))?;
            return Ok((loaded, subject));
        }
        let subject = self.start.subject(self.target.as_deref())?;
        let own = subject.as_ref().map(|subject| subject.url.as_str());
        let target = self.target.as_deref().or(own).unwrap_or_default();
        let quick = self.quick(target, subject.is_some())?;
        Ok((quick.scenario(&self.set).map_err(wrong)?, subject))
    }

    /// A file says what these arguments would say: two places that disagree help nobody.
    fn refuse_short_form(&self) -> Result<(), Failure> {
        let request = self.request.load()?;
        let given = request.body.is_some()
            || !request.fields.is_empty()
            || request.method != "GET"
            || request.http != HttpChoice::Auto
            || request.trust.insecure
            || request.trust.ca_pem.is_some()
            || !self.threshold.is_empty()
            || self.interval.is_some()
            || self.seq.is_some()
            || self.published_at.is_some()
            || self.no_reconnect
            || !self.source_ip.is_empty()
            || self.streams_per_connection.is_some();
        if given {
            return Err(Failure::Usage(
                "a scenario file says this itself: change the file, or use --set KEY=VALUE, such as --set target.http=2"
                    .into(),
            ));
        }
        Ok(())
    }

    /// The short form, of streams at `target`; that of a server that is started may have `{port}`.
    fn quick(&self, target: &str, is_started: bool) -> Result<Quick, Failure> {
        let sample = if is_started {
            target.replace("{port}", "1")
        } else {
            target.into()
        };
        url(&sample)?;
        if self.processes > 1 && self.request.reads_input() {
            let why =
                "standard input cannot be shared by --processes; use a file, such as --body @FILE";
            return Err(Failure::Usage(why.into()));
        }
        let request = self.request.load()?;
        let text = |bytes: Vec<u8>, what: &str| {
            String::from_utf8(bytes).map_err(|_| Failure::Usage(format!("{what} must be UTF-8")))
        };
        let http = match request.http {
            HttpChoice::Auto => "auto",
            HttpChoice::Http11 => "1.1",
            HttpChoice::Http2 => "2",
            HttpChoice::Http10 => {
                let why = "HTTP/1.0 is for `ssekit check`; a load run uses 1.1 or 2";
                return Err(Failure::Usage(why.into()));
            }
        };
        if self.streams_per_connection.is_some()
            && request.http == HttpChoice::Auto
            && !target.starts_with("https:")
        {
            let why = "--streams-per-connection is for HTTP/2, which a server cannot be asked for over http://: add --http 2";
            return Err(Failure::Usage(why.into()));
        }
        let headers = request.fields.into_iter().map(|(name, value)| {
            let value = text(value, &format!("the value of {name}"))?;
            Ok((name, value))
        });
        Ok(Quick {
            url: target.to_owned(),
            streams: self.connections,
            hold: self.duration,
            ramp: self.ramp,
            http: http.into(),
            streams_per_connection: self.streams_per_connection,
            method: request.method,
            headers: headers.collect::<Result<_, Failure>>()?,
            body: request
                .body
                .map(|body| text(body, "the body"))
                .transpose()?,
            ca: self.request.cacert()?,
            insecure: request.trust.insecure,
            timeout: request.timeout,
            sources: self.source_ip.iter().map(IpAddr::to_string).collect(),
            interval: self.interval,
            seq: self.seq.clone(),
            published_at: self.published_at.clone(),
            reconnects: !self.no_reconnect,
            thresholds: self.threshold.clone(),
        })
    }
}
