//! What the echo endpoint made of one value.

use ssekit_record::Transcript;

use crate::echo::{AFTER, BEFORE, FORGED, FORGED_RETRY, Member, PLAIN};
use crate::reading::{CommentSeen, EventSeen};
use crate::{Case, EchoCase, Probe};

/// What came of a script.
pub(super) enum Outcome<'a> {
    /// A 4xx before the stream began.
    Refused(u16),
    /// Neither a refusal nor a whole stream: what instead.
    Broken(String),
    /// The stream came with both framing events.
    Sent(Sent<'a>),
}

/// What came between the framing events.
pub(super) struct Sent<'a> {
    pub(super) case: EchoCase,
    pub(super) transcript: &'a Transcript,
    pub(super) events: Vec<&'a EventSeen>,
    inside: std::ops::Range<u64>,
    comments: Vec<&'a CommentSeen>,
    retries: &'a [u64],
    /// The type of the framing events, for which none was asked.
    usual: &'a str,
    /// The library writes data as JSON texts.
    json: bool,
}

impl<'a> Outcome<'a> {
    /// Of one value; nothing when it was not sent.
    pub(super) fn of(case: &'a Case<'a>, value: EchoCase) -> Option<Self> {
        let probe = Probe::Echo(value);
        let transcript = case.transcript(probe)?;
        let Some(head) = &transcript.head else {
            return Some(Self::Broken("no answer came".into()));
        };
        if (400..500).contains(&head.status) {
            return Some(Self::Refused(head.status));
        }
        if !transcript.is_event_stream() {
            return Some(Self::Broken(format!("the answer was {}", head.status)));
        }
        let reading = case.reading_of(probe)?;
        let is = |event: &EventSeen, text: &str| event.data == text || event.data == quoted(text);
        let before = reading.events.iter().position(|event| is(event, BEFORE));
        let after = reading.events.iter().rposition(|event| is(event, AFTER));
        let (Some(before), Some(after)) = (before, after.filter(|after| Some(*after) > before))
        else {
            return Some(Self::Broken(
                "the stream ended before the event that follows the value".into(),
            ));
        };
        let (first, last) = (&reading.events[before], &reading.events[after]);
        let inside = first.end..last.start;
        Some(Self::Sent(Sent {
            case: value,
            transcript,
            events: reading.events[before + 1..after].iter().collect(),
            comments: reading
                .comments
                .iter()
                .filter(|comment| {
                    inside.contains(&comment.offset) || value.member() == Member::Comment
                })
                .collect(),
            inside,
            retries: &reading.retries,
            usual: &first.event,
            json: first.data != BEFORE,
        }))
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Sent<'_> {
    /// The data of an event as it was given to the library.
    fn text(&self, event: &EventSeen) -> String {
        let text = self.json.then(|| serde_json::from_str(&event.data).ok());
        text.flatten().unwrap_or_else(|| event.data.clone())
    }

    /// The value as a client must see it. CR and CRLF in data cannot be represented: they arrive as
    /// LF, as data is split into lines and joined again (HTML, Interpreting an event stream).
    fn wanted(&self) -> String {
        let value = self.case.value();
        if self.case.member() == Member::Data && !self.json {
            value.replace("\r\n", "\n").replace('\r', "\n")
        } else {
            value
        }
    }

    /// Where the value stands in the stream: offset and length.
    pub(super) fn place(&self) -> (u64, u64) {
        (self.inside.start, self.inside.end - self.inside.start)
    }

    /// What arrived instead of the value; nothing where it arrived exactly.
    pub(super) fn wrong(&self) -> Option<String> {
        let wanted = self.wanted();
        match self.case.member() {
            Member::Data => self.wrong_data(&wanted),
            // An empty type is none (HTML, dispatch the event).
            Member::Type if wanted.is_empty() => {
                self.wrong_member("event type", self.usual, |event| &event.event)
            }
            Member::Type => self.wrong_member("event type", &wanted, |event| &event.event),
            Member::Id => self.wrong_member("id", &wanted, |event| &event.last_event_id),
            Member::Retry => self.wrong_retry(&wanted),
            Member::Comment => {
                let is = |comment: &&&CommentSeen| comment.text.trim() == wanted;
                (self.comments.iter().find(is).is_none()).then(|| "no such comment arrived".into())
            }
        }
    }

    fn wrong_data(&self, wanted: &str) -> Option<String> {
        let [event] = self.events[..] else {
            return Some(match self.events.len() {
                0 => "no event arrived".into(),
                n => format!("{n} events arrived"),
            });
        };
        let text = self.text(event);
        if text != wanted {
            return Some(format!("it arrived as {}", shown(&text)));
        }
        (event.event != self.usual)
            .then(|| format!("it arrived with the event type {}", shown(&event.event)))
    }

    fn wrong_member(
        &self,
        what: &str,
        wanted: &str,
        read: fn(&EventSeen) -> &str,
    ) -> Option<String> {
        let Some(event) = self.events.last() else {
            return Some("no event arrived".into());
        };
        if self.text(event) != PLAIN {
            return Some(format!("its data arrived as {}", shown(&event.data)));
        }
        let value = read(event);
        (value != wanted).then(|| format!("the {what} arrived as {}", shown(value)))
    }

    fn wrong_retry(&self, wanted: &str) -> Option<String> {
        let arrived = wanted
            .parse()
            .is_ok_and(|ms: u64| self.retries.contains(&ms));
        (!arrived).then(|| match self.retries {
            [] => "no reconnection time arrived".into(),
            [ms, ..] => format!("{ms} ms arrived"),
        })
    }

    /// A field or event that nobody asked for.
    pub(super) fn forged(&self) -> Option<String> {
        if self.retries.contains(&FORGED_RETRY) {
            return Some(format!("it set the reconnection time to {FORGED_RETRY} ms"));
        }
        let is_data = self.case.member() == Member::Data;
        for event in &self.events {
            if event.event == FORGED {
                return Some("it became the event type".into());
            }
            if *event.last_event_id == *FORGED {
                return Some("it became the id".into());
            }
            if event.data == FORGED {
                return Some("it made an event of its own".into());
            }
            // Asked for as data, the text may stand in the data.
            // What ends a line elsewhere may go on behind it.
            if !is_data && event.data.split('\n').any(|line| line.starts_with(FORGED)) {
                return Some("it made a data line".into());
            }
        }
        None
    }
}

/// A value for people: quoted, control characters escaped, cut.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut out = String::from("\"");
    for c in text.chars().take(LONGEST) {
        out.extend(c.escape_debug());
    }
    out.push('"');
    let count = text.chars().count();
    if count > LONGEST {
        out += &format!(" ({count} characters)");
    }
    out
}
