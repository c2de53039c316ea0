//! Reads HTTP/1.x requests for the connections served without hyper.
use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use http_body_util::Full;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::raw::WholeRequest;

/// Longest head.
const HEAD: usize = 64 * 1024;
/// Longest content.
const CONTENT: u64 = 96 * 1024 * 1024;
const FIELDS: usize = 128;

/// What came.
pub(crate) enum Asked {
    /// A request, and whether the connection may go on after it.
    Request {
        request: Box<WholeRequest>,
        keep_alive: bool,
    },
    /// Something else, to be answered with this status.
    Bad(&'static str),
}

/// Reads the next request; `None` where the connection ended before one.
pub(crate) async fn read_request<R, W>(
    reader: &mut R,
    writer: &mut W,
    ahead: &mut BytesMut,
) -> io::Result<Option<Asked>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let (head, size) = loop {
        match parse(ahead) {
            Ok(Some(parsed)) => break parsed,
            Ok(None) if ahead.len() > HEAD => {
                return Ok(Some(Asked::Bad("431 Request Header Fields Too Large")));
            }
            Ok(None) => {}
            Err(()) => return Ok(Some(Asked::Bad("400 Bad Request"))),
        }
        if reader.read_buf(ahead).await? == 0 {
            return Ok(None);
        }
    };
    let _ = ahead.split_to(size);
    let fields = head.headers();
    if fields.contains_key(header::TRANSFER_ENCODING) {
        return Ok(Some(Asked::Bad("411 Length Required")));
    }
    let length = match fields.get(header::CONTENT_LENGTH) {
        None => 0,
        Some(value) => match value.to_str().ok().and_then(|text| text.parse().ok()) {
            Some(length) if length <= CONTENT => length,
            Some(_) => return Ok(Some(Asked::Bad("413 Content Too Large"))),
            None => return Ok(Some(Asked::Bad("400 Bad Request"))),
        },
    };
    if length > 0 && fields.contains_key(header::EXPECT) {
        writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        writer.flush().await?;
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    while ahead.len() < length {
        if reader.read_buf(ahead).await? == 0 {
            return Ok(None);
        }
    }
    let content = ahead.split_to(length).freeze();
    Ok(Some(Asked::Request {
        keep_alive: keeps_alive(&head),
        request: Box::new(head.map(|()| Full::<Bytes>::from(content))),
    }))
}

fn keeps_alive(head: &Request<()>) -> bool {
    let close = head.headers().get_all(header::CONNECTION).iter().any(|v| {
        let tokens = v.to_str().unwrap_or_default().split(',');
        tokens
            .map(str::trim)
            .any(|t| t.eq_ignore_ascii_case("close"))
    });
    head.version() == Version::HTTP_11 && !close
}

/// The head at the start of these bytes and its size, if all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<(Request<()>, usize)>, ()> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let size = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(size)) => size,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(()),
    };
    let mut request = Request::new(());
    let method = parsed.method.unwrap_or_default();
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(drop)?;
    *request.uri_mut() = parsed
        .path
        .unwrap_or_default()
        .parse::<Uri>()
        .map_err(drop)?;
    *request.version_mut() = match parsed.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    *request.headers_mut() = read_fields(parsed.headers)?;
    Ok(Some((request, size)))
}

fn read_fields(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, ()> {
    let mut fields = HeaderMap::new();
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(drop)?;
        fields.append(name, HeaderValue::from_bytes(field.value).map_err(drop)?);
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    async fn read(text: &str) -> Vec<String> {
        let mut reader = text.as_bytes();
        let mut writer = Vec::new();
        let mut ahead = BytesMut::new();
        let mut seen = Vec::new();
        while let Some(asked) = read_request(&mut reader, &mut writer, &mut ahead)
            .await
            .unwrap()
        {
            match asked {
                Asked::Request {
                    request,
                    keep_alive,
                } => seen.push(format!(
                    "{} {} {keep_alive}",
                    request.method(),
                    request.uri()
                )),
                Asked::Bad(status) => {
                    seen.push(status.into());
                    break;
                }
            }
        }
        seen
    }

    #[tokio::test]
    async fn requests_are_read_one_after_the_other() {
        let seen = read(
            "GET /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}\
             HEAD /b HTTP/1.1\r\nConnection: close\r\n\r\nGET /c HTTP/1.0\r\n\r\n",
        )
        .await;
        assert_eq!(
            seen,
            [
                "GET /a true",
                "POST /echo true",
                "HEAD /b false",
                "GET /c false"
            ]
        );
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused() {
        assert_eq!(read("\x00\x01\r\n\r\n").await, ["400 Bad Request"]);
        let long = format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(HEAD));
        assert_eq!(read(&long).await, ["431 Request Header Fields Too Large"]);
        let huge = "POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n";
        assert_eq!(read(huge).await, ["413 Content Too Large"]);
        let coded = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(read(coded).await, ["411 Length Required"]);
        assert!(read("GET / HTTP/1.1\r\n").await.is_empty());
    }
}
