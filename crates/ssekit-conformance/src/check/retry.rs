//! Rules of the group `retry`.

use ssekit_record::Level;

use super::sighting::{Sightings, quoted, seconds, shortened};
use super::source::{HTML_INTERPRETING, HTML_PROCESSING};
use crate::reading::DiagnosticKind;
use crate::{Applies, Case, Judgement, Needs, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "retry.digits",
        title: "retry is ASCII digits",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "ASCII digits only: no sign, fraction, unit or white space",
        impact: "Clients ignore any other value and keep the time they had.",
        remedy: "Write whole milliseconds, such as `retry: 3000`.",
        good: "retry: 3000\\n\\n",
        bad: "retry: 3s\\n\\n",
        judge: digits,
    },
    Rule {
        id: "retry.unit",
        title: "retry is in milliseconds",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_INTERPRETING],
        expected: "between 100 ms and one hour",
        impact: "A few milliseconds, most likely meant as seconds, make clients reconnect in a \
                 tight loop; more than an hour means that a lost connection stays lost.",
        remedy: "The value is in milliseconds: write 3000 for three seconds.",
        good: "retry: 3000\\n\\n",
        bad: "retry: 3\\n\\n",
        judge: unit,
    },
    Rule {
        id: "retry.zero",
        title: "retry is not 0",
        level: Level::Practice,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PROCESSING],
        expected: "a reconnection time above 0",
        impact: "Every client reconnects at once when the server closes or restarts: a storm of \
                 connections at the worst moment.",
        remedy: "Send some seconds, best a little different for each client.",
        good: "retry: 3000\\n\\n",
        bad: "retry: 0\\n\\n",
        judge: zero,
    },
    Rule {
        id: "retry.present",
        title: "Whether the server sets the reconnection time",
        level: Level::Info,
        needs: Needs::Passive,
        applies: Applies::Stream,
        probes: &[],
        sources: &[HTML_PROCESSING],
        expected: "either; without it each client uses its own default, some seconds",
        impact: "Without it the server has no say in how soon its clients come back.",
        remedy: "Send `retry: 3000` or so at the start of the stream.",
        good: "retry: 3000\\n\\n",
        bad: "data: a\\n\\n",
        judge: present,
    },
];

/// Milliseconds below which a value looks like seconds.
const SHORT_MS: u64 = 100;
/// An hour, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

fn no_retry(case: &Case<'_>) -> Option<Judgement> {
    let none = case
        .streams()
        .all(|(_, r)| r.fields("retry").next().is_none());
    none.then(|| Judgement::not_applicable("the stream has no retry field"))
}

fn digits(case: &Case<'_>) -> Judgement {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for bad in reading.all(DiagnosticKind::RetryNotDigits) {
            seen.add(
                transcript,
                bad.offset,
                1,
                "not a digit: the field is ignored",
            );
        }
    }
    if seen.is_empty() {
        return no_retry(case).unwrap_or_else(|| Judgement::pass("digits only"));
    }
    let values = case.streams().flat_map(|(_, r)| r.fields("retry"));
    let mut bad = values
        .map(|(_, value)| value)
        .filter(|v| milliseconds(v).is_none());
    let actual = format!(
        "retry is {} ({})",
        quoted(bad.next().unwrap_or_default()),
        seen.tally()
    );
    seen.attach(Judgement::warn(actual))
}

/// The reconnection time a client takes from a value, saturated.
fn milliseconds(value: &str) -> Option<u64> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

/// The retry lines that set a time which `odd` describes.
fn odd_times<'a>(case: &'a Case<'_>, odd: fn(u64) -> Option<&'static str>) -> Sightings<'a> {
    let mut seen = Sightings::default();
    for (transcript, reading) in case.streams() {
        for (line, value) in reading.fields("retry") {
            let Some(ms) = milliseconds(value) else {
                continue;
            };
            if let Some(what) = odd(ms) {
                // As written: a value beyond 64 bits is saturated here.
                let written = match value.trim_start_matches('0') {
                    "" => "0",
                    digits => digits,
                };
                let note = format_args!("{} ms: {what}", shortened(written));
                seen.add(transcript, line.offset, line.len, note);
            }
        }
    }
    seen
}

/// Passes when a time was set, and says why not otherwise.
fn set_and_fine(case: &Case<'_>, fine: &str) -> Judgement {
    if let Some(missing) = no_retry(case) {
        return missing;
    }
    if case.streams().all(|(_, r)| r.retries.is_empty()) {
        return Judgement::not_applicable("no retry field has a value that clients take");
    }
    Judgement::pass(fine)
}

fn unit(case: &Case<'_>) -> Judgement {
    let seen = odd_times(case, |ms| match ms {
        1..SHORT_MS => Some("looks like seconds"),
        0..=HOUR_MS => None,
        _ => Some("more than an hour"),
    });
    if seen.is_empty() {
        return set_and_fine(case, "between 100 ms and one hour");
    }
    let actual = format!("retry is {} ({})", seen.first_note(), seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn zero(case: &Case<'_>) -> Judgement {
    let seen = odd_times(case, |ms| (ms == 0).then_some("reconnect at once"));
    if seen.is_empty() {
        return set_and_fine(case, "above 0");
    }
    let actual = format!("retry is 0 ({})", seen.tally());
    seen.attach(Judgement::warn(actual))
}

fn present(case: &Case<'_>) -> Judgement {
    let set = case.streams().find_map(|(_, r)| r.retries.first());
    match set {
        Some(ms) => Judgement::pass(format!("the reconnection time is {ms} ms")),
        None => Judgement::info(format!(
            "no reconnection time was set in {}",
            seconds(case.observed_us())
        )),
    }
}

#[cfg(test)]
mod tests {
    use ssekit_record::Verdict::{Info, NotApplicable, Pass, Warn};

    use crate::check::sample::{Sample, finding, place, verdict};

    fn with(value: &str) -> Sample {
        Sample::stream(format!("data: a\n\nretry: {value}\n\n"))
    }

    #[test]
    fn anything_but_digits_warns_at_the_first_other_byte() {
        let id = "retry.digits";
        assert_eq!(place(id, with("3s")), (Warn, Some(17)));
        assert_eq!(place(id, with("1.5")), (Warn, Some(17)));
        assert_eq!(place(id, with("-1")), (Warn, Some(16)));
        assert_eq!(place(id, with(" 5")), (Warn, Some(16)));
        assert_eq!(verdict(id, with("")), Warn);
        assert_eq!(verdict(id, with("3000")), Pass);
        assert_eq!(verdict(id, with("0003000")), Pass);
        assert_eq!(verdict(id, Sample::stream("data: a\n\n")), NotApplicable);
    }

    #[test]
    fn odd_times_warn() {
        let id = "retry.unit";
        assert_eq!(place(id, with("5")), (Warn, Some(9)));
        assert_eq!(verdict(id, with("99")), Warn);
        assert_eq!(verdict(id, with("100")), Pass);
        assert_eq!(verdict(id, with("3600000")), Pass);
        assert_eq!(verdict(id, with("3600001")), Warn);
        // As written, not what 64 bits hold of it.
        let huge = finding(id, [with("99999999999999999999999")]);
        assert_eq!(huge.verdict, Warn);
        assert!(
            huge.actual.contains("99999999999999999999999 ms"),
            "{}",
            huge.actual
        );
        // Zero and what is ignored have rules of their own.
        assert_eq!(verdict(id, with("0")), Pass);
        assert_eq!(verdict(id, with("5s")), NotApplicable);
    }

    #[test]
    fn zero_warns() {
        let id = "retry.zero";
        assert_eq!(place(id, with("0")), (Warn, Some(9)));
        assert_eq!(verdict(id, with("000")), Warn);
        assert_eq!(verdict(id, with("10")), Pass);
        assert_eq!(verdict(id, Sample::stream("data: 0\n\n")), NotApplicable);
    }

    #[test]
    fn an_absent_time_is_noted() {
        let id = "retry.present";
        assert_eq!(verdict(id, with("10")), Pass);
        assert_eq!(verdict(id, with("x")), Info);
        assert_eq!(verdict(id, Sample::stream("data: a\n\n")), Info);
    }
}
