//! Contradictions in what is asked for, and where.

use std::collections::BTreeMap;

use url::Url;

use super::{ensure, fault, key};
use crate::load::port::PLACE;
use crate::load::reader::{Fault, Step};
use crate::load::scenario::{Http, LoadScenario};
use crate::load::template::Template;

pub(super) fn target(scenario: &LoadScenario) -> Result<(), Fault> {
    let target = &scenario.target;
    let at = |name: &str| vec![key("target"), key(name)];
    let url = template(&target.url, at("url"))?;
    let is_tls = url_of(&url, at("url"))?.scheme() == "https";
    let both = target.body.is_some() && target.body_file.is_some();
    ensure(
        !both,
        at("body_file"),
        "`body` and `body_file` exclude each other",
    )?;
    for text in target.body.iter() {
        template(text, at("body"))?;
    }
    headers(&target.headers, &at("headers"))?;
    if let Some(method) = &target.method {
        ensure(
            is_token(method),
            at("method"),
            "not a method; use GET, POST or another token",
        )?;
    }
    let per_connection = target.streams_per_connection;
    let at_per_connection = at("streams_per_connection");
    ensure(
        per_connection.is_none() || target.http != Http::Http11,
        at_per_connection.clone(),
        "over HTTP/1.1 a connection has one stream: set `http` to \"2\", or leave this out",
    )?;
    ensure(
        per_connection.is_none() || target.http != Http::Auto || is_tls,
        at_per_connection.clone(),
        "over http:// a server cannot be asked for HTTP/2: set `http` to \"2\" if it speaks that",
    )?;
    ensure(
        per_connection != Some(0),
        at_per_connection,
        "must be at least 1",
    )?;
    let tls = &target.tls;
    let at_tls = |name: &str| vec![key("target"), key("tls"), key(name)];
    ensure(
        is_tls || *tls == Default::default(),
        at("tls"),
        "the URL is http://, so there is no TLS to set up",
    )?;
    ensure(
        tls.cert.is_none() || tls.key.is_some(),
        at_tls("cert"),
        "`key` is missing beside it",
    )?;
    ensure(
        tls.key.is_none() || tls.cert.is_some(),
        at_tls("key"),
        "`cert` is missing beside it",
    )?;
    ensure(
        target.source_ports.is_none() || target.port_range().is_some(),
        at("source_ports"),
        "expected a range such as \"20000-60000\"",
    )
}

/// Field lines that are names and values.
pub(super) fn headers(headers: &BTreeMap<String, String>, at: &[Step]) -> Result<(), Fault> {
    for (name, value) in headers {
        let mut path = at.to_vec();
        path.push(key(name));
        ensure(is_token(name), path.clone(), "not a name of a field")?;
        ensure(
            !value.contains(['\r', '\n', '\0']),
            path.clone(),
            "a field value has no line breaks",
        )?;
        template(value, path)?;
    }
    Ok(())
}

/// Whether a text is a token of RFC 9110 section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// A template that can be read.
pub(super) fn template(text: &str, path: Vec<Step>) -> Result<Template, Fault> {
    Template::parse(text).or_else(|message| fault(path, message))
}

/// The URL of one stream.
pub(super) fn url_of(template: &Template, path: Vec<Step>) -> Result<Url, Fault> {
    let sample = template.sample().replace(PLACE, "1");
    let shown = "expected a URL such as \"http://127.0.0.1:8080/events\"";
    let Ok(url) = Url::parse(&sample) else {
        return fault(path, shown);
    };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return fault(path, shown);
    }
    Ok(url)
}
