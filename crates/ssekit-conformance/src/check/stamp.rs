//! Wall-clock times inside events, by which a checker learns when an event was written.

/// Microseconds since 1970 of every time in `text` within a day of `around_us`: Unix times in
/// seconds (with or without a fraction), milli-, micro- or nanoseconds, and ISO 8601 date-times.
pub(super) fn stamps(text: &str, around_us: u64) -> Vec<u64> {
    const DAY_US: u64 = 86_400_000_000;
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        if let Some((us, len)) = iso_8601(&bytes[at..]) {
            found.push(us);
            at += len;
            continue;
        }
        let len = digits(&bytes[at..]);
        let (us, used) = unix(&bytes[at..], len);
        found.extend(us);
        at += used;
    }
    found.retain(|us| us.abs_diff(around_us) <= DAY_US);
    found
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| b.is_ascii_digit()).count()
}

fn number(bytes: &[u8]) -> Option<u64> {
    let all = bytes.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(bytes).ok().filter(|_| all)?;
    text.parse().ok()
}

/// A run of `len` digits as a Unix time, told by its length; how many bytes belong to it.
fn unix(bytes: &[u8], len: usize) -> (Option<u64>, usize) {
    let value = number(&bytes[..len]);
    match len {
        10 => {
            let (fraction, more) = fraction_us(&bytes[len..]);
            (value.map(|s| s * 1_000_000 + fraction), len + more)
        }
        13 => (value.map(|ms| ms * 1000), len),
        16 => (value, len),
        19 => (value.map(|ns| ns / 1000), len),
        _ => (None, len),
    }
}

/// `.123456` in microseconds, and its length.
fn fraction_us(bytes: &[u8]) -> (u64, usize) {
    let Some(rest) = bytes.strip_prefix(b".") else {
        return (0, 0);
    };
    let len = digits(rest);
    let us = (0..6).fold(0, |us, i| {
        let digit = rest[..len].get(i).map_or(0, |b| u64::from(b - b'0'));
        us * 10 + digit
    });
    if len == 0 { (0, 0) } else { (us, len + 1) }
}

/// `YYYY-MM-DDThh:mm:ss[.fraction][Z|±hh[:]mm]`, UTC where it names no zone.
fn iso_8601(bytes: &[u8]) -> Option<(u64, usize)> {
    let head = bytes.get(..19)?;
    let punctuation = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if punctuation.iter().any(|(at, mark)| head[*at] != *mark)
        || !matches!(head[10], b'T' | b't' | b' ')
    {
        return None;
    }
    let part = |from: usize, to: usize| number(&head[from..to]);
    let days = days_since_1970(part(0, 4)?, part(5, 7)?, part(8, 10)?)?;
    let seconds = part(11, 13)? * 3600 + part(14, 16)? * 60 + part(17, 19)?;
    let (fraction, more) = fraction_us(&bytes[19..]);
    let local_us = (days * 86_400 + seconds) * 1_000_000 + fraction;
    let (offset_s, zone) = zone(&bytes[19 + more..]);
    let us = local_us.checked_add_signed(-offset_s * 1_000_000)?;
    Some((us, 19 + more + zone))
}

/// Seconds east of UTC, and the length of the zone.
fn zone(bytes: &[u8]) -> (i64, usize) {
    let sign = match bytes.first() {
        Some(b'Z' | b'z') => return (0, 1),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return (0, 0),
    };
    let hours = bytes.get(1..3).and_then(number);
    let colon = usize::from(bytes.get(3) == Some(&b':'));
    let minutes = bytes.get(3 + colon..5 + colon).and_then(number);
    match (hours, minutes) {
        (Some(h), Some(m)) => (sign * (h * 3600 + m * 60) as i64, 5 + colon),
        _ => (0, 0),
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, from 1970 on.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap = year / 4 - year / 100 + year / 400;
    let days = 365 * year + leap + (153 * month + 2) / 5 + day - 1;
    // Days from 0000-03-01 to 1970-01-01.
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000_000;

    #[test]
    fn times_are_read_in_every_form() {
        for text in [
            "1700000000",
            "{\"at\":1700000000000}",
            "t=1700000000.0",
            "1700000000000000000",
            "1700000000000000",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20",
            "2023-11-14 22:13:20.000+00:00",
            "2023-11-15T00:13:20+0200",
            "2023-11-14T16:43:20-05:30",
        ] {
            assert_eq!(stamps(text, NOW), [NOW], "{text}");
        }
        assert_eq!(
            stamps("1700000000.25 2023-11-14T22:13:20.5Z", NOW),
            [NOW + 250_000, NOW + 500_000]
        );
        assert_eq!(
            stamps("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            [1_709_164_800_000_000]
        );
    }

    #[test]
    fn other_numbers_are_no_times() {
        for text in [
            "",
            "17",
            "1500000000",
            "99999999999999999999",
            "4111111111111111",
            "2023-11-14",
            "2023-99-14T22:13:20Z",
        ] {
            assert_eq!(stamps(text, NOW), [] as [u64; 0], "{text}");
        }
    }
}
