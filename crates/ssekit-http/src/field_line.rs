//! One field line, of a head or a trailer section (RFC 9112 section 5).

use ssekit_record::{Field, REDACTED, escape, is_secret_field};

/// A field line as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldLine {
    /// Name, in the case received.
    pub name: String,
    /// Value without the white space around it.
    pub value: Vec<u8>,
    /// Offset of the line in the head or the body.
    pub offset: u64,
}

impl FieldLine {
    /// Whether this is the name, compared without case.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The line to record: a secret is redacted, broken UTF-8 becomes U+FFFD.
    pub fn record(&self) -> Field {
        let value = if is_secret_field(&self.name) {
            REDACTED.into()
        } else {
            String::from_utf8_lossy(&self.value).into_owned()
        };
        Field {
            name: self.name.clone(),
            value,
        }
    }
}

/// Whether this byte may stand in a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads a line without its line end. What can be read although the grammar forbids it comes with
/// a word on what is wrong.
///
/// # Errors
/// In words, when the line holds no name and value at all.
pub(crate) fn parse_field_line(
    line: &[u8],
    offset: u64,
) -> Result<(FieldLine, Option<String>), String> {
    let shown = || escape(&line[..line.len().min(60)]);
    let Some(colon) = memchr::memchr(b':', line) else {
        return Err(format!("no colon in \"{}\"", shown()));
    };
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let trimmed = name.trim_ascii();
    if trimmed.is_empty() {
        return Err(format!("no name in \"{}\"", shown()));
    }
    let wrong = if trimmed.len() != name.len() {
        Some(format!("white space around the name in \"{}\"", shown()))
    } else if !name.iter().all(|&b| is_token_byte(b)) {
        Some(format!("a name that is no token in \"{}\"", shown()))
    } else if value.iter().any(|&b| b != b'\t' && b.is_ascii_control()) {
        Some(format!(
            "a control character in the value of {}",
            escape(name)
        ))
    } else {
        None
    };
    let field = FieldLine {
        name: String::from_utf8_lossy(trimmed).into_owned(),
        value: value.to_vec(),
        offset,
    };
    Ok((field, wrong))
}
