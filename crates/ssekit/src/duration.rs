//! Spans of time on the command line.

use std::time::Duration;

/// Reads `3`, `0.5`, `500ms`, `10s`, `2m` or `1h`; a bare number is seconds.
///
/// # Errors
/// Says what was expected.
pub fn parse(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    let (number, unit) = text.split_at(split.unwrap_or(text.len()));
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err(expected()),
    };
    let number: f64 = number.parse().map_err(|_| expected())?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| expected())
}

fn expected() -> String {
    "expected a time such as 500ms, 10s or 2m".into()
}

/// Reads a time from 10 ms to 10 minutes, for waiting.
///
/// # Errors
/// Outside these bounds.
pub fn timeout(text: &str) -> Result<Duration, String> {
    let bounds = (Duration::from_millis(10), Duration::from_secs(600));
    between(parse(text)?, bounds, "10ms to 10m")
}

/// Reads a time from 100 ms to one hour, for observing.
///
/// # Errors
/// Outside these bounds.
pub fn observation(text: &str) -> Result<Duration, String> {
    let bounds = (Duration::from_millis(100), Duration::from_secs(3600));
    between(parse(text)?, bounds, "100ms to 1h")
}

fn between(
    time: Duration,
    (least, most): (Duration, Duration),
    says: &str,
) -> Result<Duration, String> {
    if time < least || time > most {
        return Err(format!("out of bounds: use {says}"));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units_or_are_seconds() {
        let ms = |text| parse(text).map(|t| t.as_millis());
        for (text, expected) in [
            ("3", 3_000),
            ("0.5", 500),
            ("500ms", 500),
            ("10s", 10_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
        ] {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
        for text in [
            "",
            "s",
            "-1",
            "1d",
            "1e3",
            "1.2.3",
            "3 s",
            "9".repeat(400).as_str(),
        ] {
            assert!(ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn absurd_limits_are_refused() {
        for text in ["0", "9ms", "11m", "10h"] {
            assert!(timeout(text).is_err(), "{text}");
        }
        for text in ["0", "99ms", "61m", "10h"] {
            assert!(observation(text).is_err(), "{text}");
        }
        assert!(observation("1h").is_ok() && timeout("10ms").is_ok());
    }
}
