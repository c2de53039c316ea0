//! A request on an HTTP/2 connection, made from the bytes of one on HTTP/1.1.

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    pub(super) fields: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl SessionRequest {
    /// The request that these bytes are on HTTP/1.1, as this crate writes them; `None` when they are
    /// not such.
    pub fn from_http1(bytes: &[u8], scheme: &str) -> Option<Self> {
        let end = memchr::memmem::find(bytes, b"\r\n\r\n")?;
        let line_end = memchr::memmem::find(bytes, b"\r\n")?;
        let first = std::str::from_utf8(&bytes[..line_end]).ok()?;
        let mut words = first.split(' ');
        let (method, path) = (words.next()?, words.next()?);
        let mut fields = vec![
            (":method".to_owned(), method.as_bytes().to_vec()),
            (":scheme".to_owned(), scheme.as_bytes().to_vec()),
            (":path".to_owned(), path.as_bytes().to_vec()),
        ];
        let mut rest = bytes.get(line_end + 2..end).unwrap_or_default();
        while !rest.is_empty() {
            let at = memchr::memmem::find(rest, b"\r\n").unwrap_or(rest.len());
            let (line, after) = rest.split_at(at);
            rest = after.get(2..).unwrap_or_default();
            let colon = memchr::memchr(b':', line)?;
            let name = std::str::from_utf8(&line[..colon])
                .ok()?
                .to_ascii_lowercase();
            let value = line[colon + 1..].trim_ascii().to_vec();
            match name.as_str() {
                "host" => fields.insert(2, (":authority".to_owned(), value)),
                name if crate::request::CONNECTION_SPECIFIC.contains(&name) => {}
                "te" if !value.eq_ignore_ascii_case(b"trailers") => {}
                _ => fields.push((name, value)),
            }
        }
        Some(Self {
            fields,
            body: bytes[end + 4..].to_vec(),
        })
    }
}
