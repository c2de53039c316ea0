//! Header fields a user adds, and which of their values are secrets.

use crate::failure::Failure;

/// Fields whose values are never secrets. Every other value a user adds stays out of what is
/// stored and shown.
const HARMLESS: [&str; 18] = [
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-encoding",
    "content-type",
    "dnt",
    "host",
    "last-event-id",
    "origin",
    "pragma",
    "prefer",
    "referer",
    "user-agent",
    "x-forwarded-proto",
    "x-requested-with",
];

/// Reads `Name: value`. A message never repeats the value.
///
/// # Errors
/// When it is no header field (RFC 9110 5.1 and 5.5).
pub fn parse(text: &str) -> Result<(String, Vec<u8>), Failure> {
    let Some((name, value)) = text.split_once(':') else {
        return Err(Failure::Usage(
            "--header needs 'Name: value', and one of them has no colon".into(),
        ));
    };
    let name = name.trim();
    if !is_token(name) {
        return Err(Failure::Usage(format!(
            "--header {name:?}: not a header name; write 'Name: value'"
        )));
    }
    let value = value.trim_matches([' ', '\t']);
    if value.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return Err(Failure::Usage(format!(
            "--header {name}: the value holds a line break or another control character"
        )));
    }
    Ok((name.into(), value.as_bytes().into()))
}

/// Whether the value of a field with this name stays out of what is stored and shown.
pub fn is_secret(name: &str) -> bool {
    !HARMLESS.contains(&name.to_ascii_lowercase().as_str())
}

/// `token` of RFC 9110 5.6.2: a field name or a method.
pub fn is_token(text: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(tchar)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn fields_have_a_name_and_any_text_as_value() {
        assert_eq!(
            parse("X-A:  b: c ").unwrap(),
            ("X-A".into(), b"b: c".to_vec())
        );
        assert_eq!(parse("X-A:").unwrap().1, b"");
        assert_eq!(parse("X: é").unwrap().1, "é".as_bytes());
    }

    #[test]
    fn what_is_no_field_is_refused_without_its_value() {
        for text in [
            "s3cret",
            ": s3cret",
            "a b: s3cret",
            "A: s3cret\r\nB: c",
            "A: s3cret\0",
        ] {
            let message = parse(text).unwrap_err().to_string();
            assert!(!message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn unknown_names_hold_secrets() {
        assert!(is_secret("Authorization") && is_secret("X-Tenant") && is_secret("Cookie"));
        assert!(!is_secret("Accept") && !is_secret("LAST-EVENT-ID"));
    }
}
