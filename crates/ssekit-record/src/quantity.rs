//! Numbers with units, as people write them.

use std::time::Duration;

/// Why a text is no such number: what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuantityError(String);

fn error<T>(text: &str, expected: &str) -> Result<T, QuantityError> {
    let shown = crate::escape(text.as_bytes());
    Err(QuantityError(format!("`{shown}` is not {expected}")))
}

/// Number and unit; the number has digits and at most one point.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    if !number.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number: f64 = number.replace('_', "").parse().ok()?;
    number.is_finite().then(|| (number, unit.trim()))
}

/// A time such as `250ms`, `1.5s`, `2m`: units `ns`, `us`, `ms`, `s`, `m`, `h`. At most a year. A
/// unit is needed, but for 0.
///
/// # Errors
/// Says what was expected.
pub fn time(text: &str) -> Result<Duration, QuantityError> {
    const EXPECTED: &str = "a time such as \"250ms\", \"10s\" or \"2m\"";
    let Some((number, unit)) = split(text) else {
        return error(text, EXPECTED);
    };
    let scale = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3_600.0,
        "" if number == 0.0 => 1.0,
        _ => return error(text, EXPECTED),
    };
    let seconds = number * scale;
    if seconds > 366.0 * 86_400.0 {
        return error(text, "a time of at most a year");
    }
    // Through nanoseconds, so that 0.1ms is 100 µs and not a hair less.
    Ok(Duration::from_nanos((seconds * 1e9).round() as u64))
}

/// A size in bytes such as `512`, `64KiB`, `1.5MB`: units `B`, `kB`, `KB`, `KiB`, `MB`, `MiB`, `GB`,
/// `GiB`. At most 2^50.
///
/// # Errors
/// Says what was expected.
pub fn size(text: &str) -> Result<u64, QuantityError> {
    const EXPECTED: &str = "a size such as \"512\", \"64KiB\" or \"1MB\"";
    let Some((number, unit)) = split(text) else {
        return error(text, EXPECTED);
    };
    let scale = match unit {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "KiB" => 1024.0,
        "MB" => 1e6,
        "MiB" => 1_048_576.0,
        "GB" => 1e9,
        "GiB" => 1_073_741_824.0,
        _ => return error(text, EXPECTED),
    };
    let bytes = (number * scale).round();
    if bytes > (1_u64 << 50) as f64 {
        return error(text, "a size of at most 2^50 bytes");
    }
    Ok(bytes as u64)
}

/// A number of things such as `100`, `50k`, `1.5M`.
///
/// # Errors
/// Says what was expected.
pub fn number(text: &str) -> Result<f64, QuantityError> {
    const EXPECTED: &str = "a number such as \"100\", \"0.5\" or \"50k\"";
    match split(text) {
        Some((number, "")) => Ok(number),
        Some((number, "k")) => Ok(number * 1e3),
        Some((number, "M")) => Ok(number * 1e6),
        _ => error(text, EXPECTED),
    }
}

/// How many a second: `200/s`, `30/m`, `5/h`; a bare number is a second.
///
/// # Errors
/// Says what was expected.
pub fn rate(text: &str) -> Result<f64, QuantityError> {
    const EXPECTED: &str = "a rate such as \"200/s\" or \"30/m\"";
    let (count, per) = text.split_once('/').unwrap_or((text, "s"));
    let Ok(count) = number(count) else {
        return error(text, EXPECTED);
    };
    match per.trim() {
        "s" => Ok(count),
        "m" | "min" => Ok(count / 60.0),
        "h" => Ok(count / 3_600.0),
        _ => error(text, EXPECTED),
    }
}

/// A share from 0 to 1: `0.25` or `25%`.
///
/// # Errors
/// Says what was expected.
pub fn share(text: &str) -> Result<f64, QuantityError> {
    const EXPECTED: &str = "a share such as \"25%\" or \"0.25\"";
    let share = match split(text) {
        Some((number, "")) => number,
        Some((number, "%")) => number / 100.0,
        _ => return error(text, EXPECTED),
    };
    if (0.0..=1.0).contains(&share) {
        Ok(share)
    } else {
        error(text, "from 0 to 1, or 0% to 100%")
    }
}

/// Microseconds as people read them: `250 ms`, `1.5 s`; three significant digits.
pub fn show_us(us: f64) -> String {
    match us {
        us if us < 1_000.0 => format!("{} µs", significant(us)),
        us if us < 1e6 => format!("{} ms", significant(us / 1e3)),
        us if us < 120e6 => format!("{} s", significant(us / 1e6)),
        us if us < 7_200e6 => format!("{} min", significant(us / 60e6)),
        us => format!("{} h", significant(us / 3_600e6)),
    }
}

/// Bytes as people read them, in powers of 1024.
pub fn show_bytes(bytes: f64) -> String {
    let steps = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut step) = (bytes, 0);
    while value >= 1024.0 && step + 1 < steps.len() {
        value /= 1024.0;
        step += 1;
    }
    format!("{} {}", significant(value), steps[step])
}

/// Whole numbers with a thin grouping of thousands, others with three significant digits.
pub fn show_number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        grouped(value as i64)
    } else if value.abs() >= 1000.0 {
        grouped(value.round() as i64)
    } else {
        significant(value)
    }
}

fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// At most three significant digits, without trailing zeros.
fn significant(value: f64) -> String {
    let places = match value.abs() {
        v if v >= 100.0 || v == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        v => (2 - v.log10().floor() as i32).clamp(2, 9) as usize,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_need_a_unit() {
        for (text, us) in [
            ("250ms", 250_000),
            ("0.1ms", 100),
            ("1.5s", 1_500_000),
            ("2m", 120_000_000),
            ("1h", 3_600_000_000),
            ("1us", 1),
            ("0", 0),
        ] {
            assert_eq!(time(text).unwrap().as_micros(), us, "{text}");
        }
        for text in ["", "5", "s", "-1s", "1d", "1e3s", "1.2.3s", "999999h"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_rates_shares_and_numbers_are_read() {
        assert_eq!(size("2KiB").unwrap(), 2048);
        assert_eq!(size("512").unwrap(), 512);
        assert_eq!(size("1.5MB").unwrap(), 1_500_000);
        assert!(size("1TBs").is_err() && size("-1").is_err());
        assert!((rate("30/m").unwrap() - 0.5).abs() < 1e-9);
        assert!((rate("2k/s").unwrap() - 2000.0).abs() < 1e-9);
        assert!(rate("5/d").is_err());
        assert!((share("25%").unwrap() - 0.25).abs() < 1e-9);
        assert!(share("2").is_err() && share("101%").is_err());
        assert!((number("1_000").unwrap() - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn numbers_are_shown_with_three_digits() {
        assert_eq!(show_us(0.0), "0 µs");
        assert_eq!(show_us(250_000.0), "250 ms");
        assert_eq!(show_us(1_234.0), "1.23 ms");
        assert_eq!(show_us(90e6), "90 s");
        assert_eq!(show_bytes(2048.0), "2 KiB");
        assert_eq!(show_number(1_234_567.0), "1,234,567");
        assert_eq!(show_number(0.0123), "0.0123");
        assert_eq!(show_number(1234.5), "1,235");
    }
}
