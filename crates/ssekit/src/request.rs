//! The arguments that say how to ask a server.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use ssekit_http::{HttpChoice, TlsTrust};
use url::Url;

use crate::failure::Failure;
use crate::{body, duration, field, input};

/// Bytes of a certificate bundle, at most.
const LARGEST_BUNDLE: u64 = 16 * 1024 * 1024;

/// How to ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub struct RequestArguments {
    /// Header field to add; repeatable. Values stay out of reports unless the name is harmless
    #[arg(long = "header", short = 'H', value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Method; GET, or POST where there is a body
    #[arg(long, short = 'X')]
    method: Option<String>,
    /// Content to send, or @FILE, or @- for standard input. JSON is sent as application/json
    /// unless a Content-Type is given
    #[arg(long, value_name = "TEXT|@FILE")]
    body: Option<String>,
    /// Protocol version; 2 is by prior knowledge without TLS
    #[arg(long, value_enum, default_value = "auto")]
    http: Version,
    /// PEM file of certificates to trust as well
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Trust any certificate
    #[arg(long, short = 'k')]
    insecure: bool,
    /// Longest wait for a connection and for a head, 10ms to 10m; a bare number is seconds
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::timeout)]
    timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Version {
    /// By ALPN over TLS, HTTP/1.1 without
    Auto,
    /// HTTP/1.1
    #[value(name = "1.1")]
    Http11,
    /// HTTP/2
    #[value(name = "2")]
    Http2,
}

/// What the arguments come to.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method.
    pub method: String,
    /// Content.
    pub body: Option<Vec<u8>>,
    /// Field lines.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Names among them whose values are secrets.
    pub secret_fields: Vec<String>,
    /// Version.
    pub http: HttpChoice,
    /// Certificates.
    pub trust: TlsTrust,
    /// Longest wait.
    pub timeout: Duration,
}

impl RequestArguments {
    /// Reads files and checks values.
    ///
    /// # Errors
    /// When a value cannot be sent or a file not be read.
    pub fn load(&self) -> Result<Request, Failure> {
        let fields = self.headers.iter().map(|text| field::parse(text));
        let mut fields: Vec<(String, Vec<u8>)> = fields.collect::<Result<_, _>>()?;
        let body = self.body.as_deref().map(body::load).transpose()?;
        let named = |name: &str| fields.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
        let media_type = body.as_deref().and_then(body::media_type);
        if let (Some(media_type), false) = (media_type, named("content-type")) {
            fields.push(("Content-Type".into(), media_type.into()));
        }
        let names = fields.iter().map(|(name, _)| name.clone());
        let ca_pem = self.cacert.as_deref();
        let ca_pem = ca_pem.map(|path| input::bytes(path, LARGEST_BUNDLE));
        Ok(Request {
            method: self.method(body.is_some())?,
            secret_fields: names.filter(|name| field::is_secret(name)).collect(),
            body,
            fields,
            http: match self.http {
                Version::Auto => HttpChoice::Auto,
                Version::Http11 => HttpChoice::Http11,
                Version::Http2 => HttpChoice::Http2,
            },
            trust: TlsTrust {
                ca_pem: ca_pem.transpose()?,
                insecure: self.insecure,
            },
            timeout: self.timeout,
        })
    }

    /// Whether a part of it comes from standard input, which can be read once.
    pub fn reads_input(&self) -> bool {
        let bundle = self.cacert.as_deref();
        self.body.as_deref() == Some("@-") || bundle.is_some_and(|path| path.as_os_str() == "-")
    }

    /// Path of the file of certificates to trust as well.
    ///
    /// # Errors
    /// When it is no UTF-8.
    pub fn cacert(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.cacert else {
            return Ok(None);
        };
        let path = std::path::absolute(path).unwrap_or(path.clone());
        match path.to_str() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(Failure::Usage("the path of --cacert must be UTF-8".into())),
        }
    }

    fn method(&self, has_body: bool) -> Result<String, Failure> {
        match &self.method {
            Some(method) if field::is_token(method) => Ok(method.clone()),
            Some(method) => Err(Failure::Usage(format!(
                "--method {method:?}: not a method; use GET, POST or another token"
            ))),
            None if has_body => Ok("POST".into()),
            None => Ok("GET".into()),
        }
    }
}

/// Reads an http(s) URL.
///
/// # Errors
/// Says what is wrong with it and what was probably meant.
pub fn url(text: &str) -> Result<Url, Failure> {
    let usage = |why: String| Err(Failure::Usage(why));
    if !text.contains("://") {
        let meant = text.trim_start_matches('/');
        let sound = Url::parse(&format!("http://{meant}")).is_ok_and(|url| url.has_host());
        let meant = if sound { meant } else { "HOST/PATH" };
        return usage(format!(
            "{text:?} is not a URL: write http://{meant} or https://{meant}"
        ));
    }
    let shown = text.split(['?', '#']).next().unwrap_or(text);
    let shown = match shown.rsplit_once('@') {
        Some((_, host)) => host,
        None => shown,
    };
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return usage(format!("{shown:?} is not a URL: {error}")),
    };
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return usage(format!(
            "{scheme}:// cannot be asked: only http:// and https:// URLs can"
        ));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_url_is_told_what_was_meant() {
        let said = |text: &str| url(text).unwrap_err().to_string();
        assert!(said("example.com/a").contains("http://example.com/a or https://example.com/a"));
        assert!(said("localhost:8080").contains("http://localhost:8080 or"));
        assert!(said("").contains("http://HOST/PATH"));
        assert!(said("ftp://example.com").contains("only http:// and https://"));
        assert!(said("http://").contains("empty host"));
        assert!(said("http://h:99999/").contains("port"));
        assert!(!said("http://u:s3cret@h:99999/?k=s3cret").contains("s3cret"));
        assert!(url("https://example.com").is_ok());
    }
}
