//! Keeps secrets out of everything that is stored or shown.

use url::Url;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

const SECRET_WORDS: [&str; 13] = [
    "token",
    "secret",
    "password",
    "passwd",
    "apikey",
    "api-key",
    "api_key",
    "auth",
    "session",
    "signature",
    "credential",
    "cookie",
    "jwt",
];

/// Whether the value of a field with this name is a secret: credentials and cookies, and any name
/// that says so.
pub fn is_secret_field(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    // CORS fields name credentials and never carry one.
    !name.starts_with("access-control-") && (holds_secret_word(&name) || name.ends_with("-key"))
}

/// Whether the value of a URL query parameter with this name is a secret.
pub fn is_secret_parameter(name: &str) -> bool {
    holds_secret_word(name)
        || matches!(
            name.to_ascii_lowercase().as_str(),
            "key" | "sig" | "pass" | "pwd" | "code" | "sid" | "access_key" | "ticket"
        )
}

fn holds_secret_word(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The URL without user information, fragment, or the values of secret parameters.
pub fn redact_url(url: &Url) -> String {
    let mut url = url.clone();
    // A URL that cannot carry user information has none to remove.
    if !url.username().is_empty() || url.password().is_some() {
        let _ = url.set_username("");
        let _ = url.set_password(None);
    }
    url.set_fragment(None);
    let Some(query) = url.query() else {
        return url.into();
    };
    let kept: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret_parameter(name) => format!("{name}={REDACTED}"),
            _ => pair.to_owned(),
        })
        .collect();
    let kept = kept.join("&");
    url.set_query(None);
    format!("{url}?{kept}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_user_information_and_secret_values_only() {
        let url = Url::parse("https://ann:pw@h.example/e?topic=a&access_token=abc&key=1#frag");
        assert_eq!(
            redact_url(&url.unwrap_or_else(|e| panic!("{e}"))),
            "https://h.example/e?topic=a&access_token=[redacted]&key=[redacted]"
        );
    }

    #[test]
    fn credential_fields_are_secret_and_ordinary_ones_are_not() {
        for name in [
            "Authorization",
            "Cookie",
            "set-cookie",
            "X-Api-Key",
            "X-Auth-Token",
        ] {
            assert!(is_secret_field(name), "{name}");
        }
        for name in [
            "Accept",
            "Access-Control-Allow-Credentials",
            "Last-Event-ID",
            "Content-Type",
            "X-Accel-Buffering",
            "Keep-Alive",
        ] {
            assert!(!is_secret_field(name), "{name}");
        }
    }
}
