//! What the built-in hop does to streams.
use std::{fmt, str::FromStr, time::Duration};

/// One way of passing streams on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HopMode {
    /// As they come.
    Immediate,
    /// Each piece this much later.
    Delay(Duration),
    /// Pieces of this long together.
    Coalesce(Duration),
    /// In blocks of this many bytes.
    Block(usize),
    /// When the origin closes.
    UntilClose,
    /// Pieces of 4 KiB or more wait for the next one.
    LargeHeld,
    /// Responses without chunked coding or length wait for their end.
    CloseHeld,
    /// The head waits for the first content.
    HeadHeld,
    /// Compressed for clients that accept it, flushed for each piece.
    Gzip,
    /// The same, not flushed before the end.
    GzipHeld,
    /// Flushed, and compressed even if marked no-transform.
    GzipForced,
    /// Takes `X-Accel-Buffering` away and holds everything until the close all the same.
    AccelEaten,
    /// Replaces what is not UTF-8.
    Recode,
    /// Answers HTTP/1.0 with the chunked coding.
    ChunkedHttp10,
    /// Takes the CORS fields away.
    FieldsDropped,
    /// Does not forward `Last-Event-ID`.
    IdLost,
    /// Ends a stream that is silent for this long.
    IdleCut(Duration),
    /// Ends a stream of this age.
    LifetimeCut(Duration),
    /// Goes on reading from the origin when the client has left.
    AbortIgnored,
    /// Notices that the client has left only when it has something to write.
    AbortAtWrite,
    /// Ends the response in order when the origin breaks off.
    CleanEnd,
    /// Says nothing when the origin breaks off.
    SilentEnd,
    /// Gives later clients of a URL what the first one got, unless marked no-store or no-cache.
    Replay,
    /// Asks the origin up to four times when it answers with an error or not at all.
    Retry,
    /// Makes every error of the origin a 500.
    StatusMasked,
    /// Takes everything from the origin, however slow the client.
    Swallow,
    /// Over HTTP/2, holds everything until the close.
    Http2Held,
}

/// What is known of a mode.
#[derive(Debug)]
#[non_exhaustive]
pub struct HopEntry {
    /// How it is written, with the values of its parameters that a walk over all of them uses.
    pub id: &'static str,
    /// How it is written in help.
    pub form: &'static str,
    /// The check of `ssekit proxy` it trips; none for the ways that are right.
    pub check: Option<&'static str>,
    /// What it does, in one line.
    pub about: &'static str,
    /// Checks that trip too, because this implies what they look for.
    pub also: &'static [&'static str],
}

const fn entry(
    id: &'static str,
    form: &'static str,
    check: Option<&'static str>,
    about: &'static str,
    also: &'static [&'static str],
) -> HopEntry {
    HopEntry {
        id,
        form,
        check,
        about,
        also,
    }
}

/// What holding small events back implies.
const HOLDING: &[&str] = &[
    "proxy.large-release",
    "proxy.close-delimited",
    "proxy.accel-buffering",
    "proxy.slow-reader",
];
const RELEASE: Option<&str> = Some("proxy.release");

/// A long table: every mode.
#[rustfmt::skip]
static TABLE: [HopEntry; 28] = [
    entry("immediate", "immediate", None, "passes everything on as it comes", &[]),
    entry("delay:300ms", "delay:TIME", RELEASE, "passes each piece on this much later", HOLDING),
    entry("coalesce:250ms", "coalesce:TIME", RELEASE, "gathers what comes within this time", HOLDING),
    entry("block:256", "block:BYTES", RELEASE, "passes on blocks of this size only", HOLDING),
    entry("block:4096", "block:BYTES", RELEASE, "passes on blocks of this size only", HOLDING),
    entry("until-close", "until-close", RELEASE, "passes everything on when the origin closes", HOLDING),
    entry("large-held", "large-held", Some("proxy.large-release"), "holds pieces of 4 KiB or more until the next one", &["proxy.close-delimited", "proxy.accel-buffering"]),
    entry("close-held", "close-held", Some("proxy.close-delimited"), "holds what has neither chunks nor a length", &[]),
    entry("head-held", "head-held", Some("proxy.head-prompt"), "holds the head until the first content", &["proxy.accel-buffering"]),
    entry("gzip", "gzip", None, "compresses, with a flush for each piece", &[]),
    entry("gzip-held", "gzip-held", Some("proxy.compression"), "compresses without a flush", &[]),
    entry("gzip-forced", "gzip-forced", Some("proxy.no-transform"), "compresses in spite of no-transform", &[]),
    entry("accel-eaten", "accel-eaten", Some("proxy.accel-buffering"), "takes X-Accel-Buffering away and holds everything all the same", &["proxy.release", "proxy.large-release", "proxy.close-delimited", "proxy.slow-reader"]),
    entry("recode", "recode", Some("proxy.bytes-identical"), "replaces what is not UTF-8", &[]),
    entry("chunked-http10", "chunked-http10", Some("proxy.framing"), "answers HTTP/1.0 with the chunked coding", &[]),
    entry("fields-dropped", "fields-dropped", Some("proxy.head-fields"), "takes the CORS fields away", &[]),
    entry("id-lost", "id-lost", Some("proxy.last-event-id"), "does not forward Last-Event-ID", &[]),
    entry("idle-cut:600ms", "idle-cut:TIME", Some("proxy.idle-cut"), "ends a stream that is silent for this long", &[]),
    entry("lifetime-cut:4s", "lifetime-cut:TIME", Some("proxy.lifetime-cut"), "ends a stream of this age", &[]),
    entry("abort-ignored", "abort-ignored", Some("proxy.client-abort"), "reads on from the origin when the client has left", &["proxy.slow-reader"]),
    entry("abort-at-write", "abort-at-write", Some("proxy.client-abort"), "notices only at a write that the client has left", &[]),
    entry("clean-end", "clean-end", Some("proxy.origin-abort"), "ends in order when the origin breaks off", &[]),
    entry("silent-end", "silent-end", Some("proxy.origin-abort"), "says nothing when the origin breaks off", &[]),
    entry("replay", "replay", Some("proxy.shared-replay"), "gives later clients what the first one got", &[]),
    entry("retry", "retry", Some("proxy.retries"), "asks up to four times", &[]),
    entry("status-masked", "status-masked", Some("proxy.status"), "makes every error a 500", &[]),
    entry("swallow", "swallow", Some("proxy.slow-reader"), "takes everything from the origin, however slow the client", &[]),
    entry("http2-held", "http2-held", Some("proxy.http2"), "holds everything until the close over HTTP/2", &[]),
];

impl HopMode {
    /// Every mode, with the values that a walk over all of them uses.
    #[must_use]
    pub fn all() -> &'static [HopEntry] {
        &TABLE
    }
}

impl FromStr for HopMode {
    type Err = String;

    /// # Errors
    /// With a line that says how modes are written.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let mode = match (name, value) {
            ("delay", Some(value)) => Self::Delay(time(value)?),
            ("coalesce", Some(value)) => Self::Coalesce(time(value)?),
            ("idle-cut", Some(value)) => Self::IdleCut(time(value)?),
            ("lifetime-cut", Some(value)) => Self::LifetimeCut(time(value)?),
            ("block", Some(value)) => match value.parse() {
                Ok(size) if (1..=64 << 20).contains(&size) => Self::Block(size),
                _ => return Err("a block has from 1 to 67108864 bytes".to_owned()),
            },
            (name, None) => simple(name).ok_or_else(forms)?,
            _ => return Err(forms()),
        };
        Ok(mode)
    }
}

fn simple(name: &str) -> Option<HopMode> {
    Some(match name {
        "immediate" => HopMode::Immediate,
        "until-close" => HopMode::UntilClose,
        "large-held" => HopMode::LargeHeld,
        "close-held" => HopMode::CloseHeld,
        "head-held" => HopMode::HeadHeld,
        "gzip" => HopMode::Gzip,
        "gzip-held" => HopMode::GzipHeld,
        "gzip-forced" => HopMode::GzipForced,
        "accel-eaten" => HopMode::AccelEaten,
        "recode" => HopMode::Recode,
        "chunked-http10" => HopMode::ChunkedHttp10,
        "fields-dropped" => HopMode::FieldsDropped,
        "id-lost" => HopMode::IdLost,
        "abort-ignored" => HopMode::AbortIgnored,
        "abort-at-write" => HopMode::AbortAtWrite,
        "clean-end" => HopMode::CleanEnd,
        "silent-end" => HopMode::SilentEnd,
        "replay" => HopMode::Replay,
        "retry" => HopMode::Retry,
        "status-masked" => HopMode::StatusMasked,
        "swallow" => HopMode::Swallow,
        "http2-held" => HopMode::Http2Held,
        _ => return None,
    })
}

fn forms() -> String {
    let mut forms: Vec<&str> = TABLE.iter().map(|entry| entry.form).collect();
    forms.dedup();
    format!("expected one of {}", forms.join(", "))
}

/// `300ms` or `2s`, from 1 ms to one hour.
fn time(text: &str) -> Result<Duration, String> {
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1_000),
        (None, None) => ("", 1),
    };
    let ms = number.parse::<u64>().ok();
    let ms = ms.and_then(|number| number.checked_mul(scale));
    match ms.filter(|ms| (1..=3_600_000).contains(ms)) {
        Some(ms) => Ok(Duration::from_millis(ms)),
        None => Err("expected a time such as 300ms or 2s, up to 3600s".to_owned()),
    }
}

impl fmt::Display for HopMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: &Duration| time.as_millis();
        match self {
            Self::Delay(time) => write!(f, "delay:{}ms", ms(time)),
            Self::Coalesce(time) => write!(f, "coalesce:{}ms", ms(time)),
            Self::IdleCut(time) => write!(f, "idle-cut:{}ms", ms(time)),
            Self::LifetimeCut(time) => write!(f, "lifetime-cut:{}ms", ms(time)),
            Self::Block(size) => write!(f, "block:{size}"),
            other => {
                let named = TABLE.iter().find(|e| simple(e.id) == Some(*other));
                f.write_str(named.map_or("immediate", |entry| entry.id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_mode_is_read_and_written() {
        for entry in HopMode::all() {
            let mode: HopMode = entry.id.parse().unwrap();
            assert_eq!(
                mode.to_string().parse::<HopMode>(),
                Ok(mode),
                "{}",
                entry.id
            );
        }
        for text in [
            "",
            "delay",
            "delay:0s",
            "block:0",
            "block:x",
            "immediate:1",
            "gzp",
        ] {
            assert!(text.parse::<HopMode>().is_err(), "{text}");
        }
    }
}
