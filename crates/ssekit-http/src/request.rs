//! The request: validation, its bytes on HTTP/1, and what the transcript keeps of it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::percent_decode_str;
use ssekit_record::{Field, HttpVersion, REDACTED, Request, is_secret_field, redact_url};
use url::{Host, Url};

use crate::{Ask, HttpChoice, HttpError, Upload};

/// Refuses what HTTP cannot carry.
///
/// # Errors
/// When the URL is not http(s) with a host, or the method or a field cannot be sent.
pub(crate) fn validate(ask: &Ask) -> Result<(), HttpError> {
    if !matches!(ask.url.scheme(), "http" | "https") {
        return Err(HttpError::Url(format!(
            "{}: only http and https URLs can be asked",
            redact_url(&ask.url)
        )));
    }
    if ask.url.host().is_none_or(|h| h == Host::Domain("")) {
        return Err(HttpError::Url(format!("{}: no host", redact_url(&ask.url))));
    }
    match Method::from_bytes(ask.method.as_bytes()) {
        Ok(method) if method != Method::CONNECT => {}
        _ => {
            return Err(HttpError::Request(format!(
                "{:?} is not a method that can be asked with",
                ask.method
            )));
        }
    }
    for (name, value) in &ask.fields {
        validate_field(name, value, ask.body.as_ref().map_or(0, Upload::len))?;
    }
    Ok(())
}

fn validate_field(name: &str, value: &[u8], body_len: u64) -> Result<(), HttpError> {
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        return Err(HttpError::Request(format!("{name:?} is not a field name")));
    }
    if HeaderValue::from_bytes(value).is_err() {
        return Err(HttpError::Request(format!(
            "the value of field {name} holds a byte that no field value may hold"
        )));
    }
    if name.eq_ignore_ascii_case("transfer-encoding") {
        return Err(HttpError::Request(
            "Transfer-Encoding cannot be set: the content is sent with its length".into(),
        ));
    }
    let says_length = name.eq_ignore_ascii_case("content-length");
    if says_length && value.trim_ascii() != body_len.to_string().as_bytes() {
        return Err(HttpError::Request(format!(
            "Content-Length is {body_len} for this content"
        )));
    }
    Ok(())
}

/// A request ready to be sent: every field line with its secrets.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub method: String,
    pub url: Url,
    pub fields: Vec<(String, Vec<u8>)>,
    pub body: Upload,
    secret_fields: Vec<String>,
}

impl Outgoing {
    /// Host first (unless the fields name another), the fields as they are, the credentials of the
    /// URL (unless the fields hold others), then Content-Length where there is content or the method promises some. Nothing else is added: HTTP/1.0
    /// closes by default, HTTP/1.1 keeps the connection, neither needs to be said.
    pub fn new(ask: &Ask) -> Self {
        let named = |name: &str| ask.fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let mut fields = Vec::new();
        if !named("host") {
            fields.push(("Host".to_owned(), authority(&ask.url).into_bytes()));
        }
        fields.extend(ask.fields.iter().cloned());
        if !named("authorization") {
            fields.extend(credentials(&ask.url).map(|c| ("Authorization".to_owned(), c)));
        }
        let promised = matches!(ask.method.as_str(), "POST" | "PUT" | "PATCH");
        let body = ask.body.clone().unwrap_or_else(|| Vec::new().into());
        if (ask.body.is_some() || promised) && !named("content-length") {
            let length = body.len().to_string().into_bytes();
            fields.push(("Content-Length".to_owned(), length));
        }
        Self {
            method: ask.method.clone(),
            url: ask.url.clone(),
            fields,
            body,
            secret_fields: ask.secret_fields.clone(),
        }
    }

    /// The same without what belongs to an HTTP/1 connection (RFC 9113 section 8.2.2); the
    /// authority takes the place of Host.
    pub fn for_http2(&self) -> Self {
        let mut request = self.clone();
        request.fields.retain(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let te_ok = name != "te" || value.eq_ignore_ascii_case(b"trailers");
            te_ok && !CONNECTION_SPECIFIC.contains(&name.as_str()) && name != "host"
        });
        for (name, _) in &mut request.fields {
            name.make_ascii_lowercase();
        }
        request
    }

    /// The bytes of the request on HTTP/1 before its content.
    pub fn head_bytes(&self, version: HttpVersion) -> Vec<u8> {
        let mut out = format!("{} {} {version}\r\n", self.method, target(&self.url)).into_bytes();
        for (name, value) in &self.fields {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.trim_ascii());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    /// What the transcript keeps.
    pub fn record(&self, version: HttpVersion) -> Request {
        Request {
            method: self.method.clone(),
            url: redact_url(&self.url),
            version,
            fields: self.fields.iter().map(|f| self.record_field(f)).collect(),
            body_len: self.body.len(),
        }
    }

    fn record_field(&self, (name, value): &(String, Vec<u8>)) -> Field {
        let named = |s: &String| s.eq_ignore_ascii_case(name);
        let secret = is_secret_field(name) || self.secret_fields.iter().any(named);
        Field {
            name: name.clone(),
            value: if secret {
                REDACTED.into()
            } else {
                String::from_utf8_lossy(value.trim_ascii()).into_owned()
            },
        }
    }
}

/// The user information of the URL as Basic credentials (RFC 7617 section 2).
fn credentials(url: &Url) -> Option<Vec<u8>> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    Some(format!("Basic {}", STANDARD.encode(pair)).into_bytes())
}

/// The bytes of a request on HTTP/1.1.
///
/// # Errors
/// When HTTP cannot carry it.
pub fn request_bytes(ask: &Ask) -> Result<Vec<u8>, HttpError> {
    validate(ask)?;
    let request = Outgoing::new(ask);
    let mut bytes = request.head_bytes(HttpVersion::Http11);
    bytes.extend_from_slice(&request.body.to_vec());
    Ok(bytes)
}

/// Fields that HTTP/2 does not carry (RFC 9113 section 8.2.2).
pub(crate) const CONNECTION_SPECIFIC: [&str; 5] = [
    "connection",
    "proxy-connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
];

/// Host, and the port where it is not the scheme's own.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Path and query: the origin form of the target (RFC 9112 section 3.2.1).
pub(crate) fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// The version a choice asks with, before ALPN has its say.
pub(crate) fn version_asked(choice: HttpChoice) -> HttpVersion {
    match choice {
        HttpChoice::Http10 => HttpVersion::Http10,
        HttpChoice::Http11 | HttpChoice::Auto => HttpVersion::Http11,
        HttpChoice::Http2 => HttpVersion::Http2,
    }
}
