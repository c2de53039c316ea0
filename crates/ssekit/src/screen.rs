//! The lines of `ssekit watch`: what came, when, and what was odd about it.

use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde::Serialize;
use ssekit_proto::{Diagnostic, EventRef, Parser, Sink};
use ssekit_record::{EndKind, Head, Transcript};
use ssekit_report::json::inert;
use ssekit_report::text::{columns, duration, harmless, truncated};

use crate::diagnostic::told;
use crate::output;

const DIM: Style = Style::new().dimmed();
const NAME: Style = AnsiColor::Green.on_default().bold();
const ODD: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Columns before the text of a line: two times and the space around them.
const MARGIN: usize = 24;

/// Gathers lines, for a person or as JSON.
#[derive(Debug)]
pub struct Screen {
    json: bool,
    full: bool,
    gap_us: u64,
    width: usize,
    now_us: u64,
    last_us: Option<u64>,
    stream: bool,
    events: u64,
    text: String,
}

/// One line of JSON. Times are microseconds since the first request.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Head {
        at_us: u64,
        status: u16,
        content_type: Option<&'a str>,
    },
    Event {
        at_us: u64,
        gap_us: Option<u64>,
        event: &'a str,
        data: &'a str,
        id: &'a str,
    },
    Comment {
        at_us: u64,
        gap_us: Option<u64>,
        text: &'a str,
    },
    Retry {
        at_us: u64,
        ms: u64,
    },
    Diagnostic {
        at_us: u64,
        kind: &'a str,
        offset: u64,
    },
    End {
        at_us: u64,
        end: EndKind,
        detail: &'a str,
        events: u64,
        last_event_id: &'a str,
    },
    Reconnect {
        at_us: u64,
        wait_ms: u64,
    },
}

impl Screen {
    /// An empty screen.
    pub fn new(json: bool, full: bool, gap: Duration) -> Self {
        Self {
            json,
            full,
            gap_us: u64::try_from(gap.as_micros()).unwrap_or(u64::MAX),
            width: output::width().max(40),
            now_us: 0,
            last_us: None,
            stream: false,
            events: 0,
            text: String::new(),
        }
    }

    /// Sets the time of what comes next.
    pub fn now(&mut self, at_us: u64) {
        self.now_us = at_us;
    }

    /// Whether the last head was one that an EventSource reads on.
    pub fn is_stream(&self) -> bool {
        self.stream
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The text gathered since the last call.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// A response head.
    pub fn head(&mut self, head: &Head) {
        let essence = head.content_type_essence();
        self.stream = head.status == 200 && essence.as_deref() == Some("text/event-stream");
        let content_type = head.first("content-type");
        let line = Line::Head {
            at_us: self.now_us,
            status: head.status,
            content_type,
        };
        let shown = content_type.unwrap_or("no Content-Type");
        let verdict = match head.status {
            _ if self.stream => String::new(),
            204 => "; the server tells clients to stop".into(),
            _ => format!("; {BAD}no client reads this as an event stream{BAD:#}"),
        };
        let status = head.status;
        let said = format!("{} {status}, {}{verdict}", head.version, harmless(shown));
        self.put(&line, "head", DIM, &said);
    }

    /// Something worth pointing out.
    pub fn oddity(&mut self, kind: &str, said: &str, offset: u64) {
        let line = Line::Diagnostic {
            at_us: self.now_us,
            kind,
            offset,
        };
        self.put(&line, "odd", ODD, &format!("{said} (byte {offset})"));
    }

    /// The end of a connection.
    pub fn end(&mut self, seen: &Transcript, last_event_id: &str) {
        let line = Line::End {
            at_us: self.now_us,
            end: seen.end.kind,
            detail: &seen.end.detail,
            events: self.events,
            last_event_id,
        };
        let (style, how) = match seen.end.kind {
            EndKind::Clean => (DIM, "the server ended the stream"),
            EndKind::Truncated => (BAD, "the connection closed before the message was complete"),
            EndKind::Reset => (BAD, "the connection was reset"),
            EndKind::Left => (DIM, "left"),
            EndKind::Limit => (ODD, "left: a limit was reached"),
            EndKind::Malformed => (BAD, "not HTTP any more"),
            _ => (BAD, "the exchange failed"),
        };
        let detail = harmless(&seen.end.detail);
        let colon = if detail.is_empty() { "" } else { ": " };
        let said = format!("{how}{colon}{detail}{}", self.total(last_event_id));
        self.put(&line, "end", style, &said);
    }

    /// The user left.
    pub fn left(&mut self, parser: &Parser) {
        let line = Line::End {
            at_us: self.now_us,
            end: EndKind::Left,
            detail: "interrupted",
            events: self.events,
            last_event_id: parser.last_event_id(),
        };
        let said = format!("left{}", self.total(parser.last_event_id()));
        self.put(&line, "end", DIM, &said);
    }

    /// The wait before another connection.
    pub fn again(&mut self, wait: Duration) {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let line = Line::Reconnect {
            at_us: self.now_us,
            wait_ms,
        };
        let said = format!("coming back in {}", duration(wait_ms.saturating_mul(1_000)));
        self.put(&line, "again", DIM, &said);
    }

    fn total(&self, last_event_id: &str) -> String {
        let id = if last_event_id.is_empty() {
            String::new()
        } else {
            let id = harmless(last_event_id);
            format!(", last event id {}", truncated(&id, 60))
        };
        let events =
            ssekit_report::text::counted(usize::try_from(self.events).unwrap_or(0), "event");
        format!(" · {events}{id}")
    }

    fn gap(&mut self) -> Option<u64> {
        let gap = self.last_us.map(|last| self.now_us.saturating_sub(last));
        self.last_us = Some(self.now_us);
        if let Some(us) = gap.filter(|us| *us > self.gap_us && !self.json) {
            let silence = duration(us);
            let _ = writeln!(self.text, "{:MARGIN$}{ODD}{silence} of silence{ODD:#}", "");
        }
        gap
    }

    fn put(&mut self, line: &Line<'_>, name: &str, style: Style, said: &str) {
        self.put_after(line, None, name, style, said);
    }

    fn put_after(
        &mut self,
        line: &Line<'_>,
        gap: Option<u64>,
        name: &str,
        style: Style,
        said: &str,
    ) {
        if self.json {
            // A line that cannot be written as JSON does not exist: these hold text and numbers.
            let json = serde_json::to_string(line).unwrap_or_default();
            let _ = writeln!(self.text, "{}", inert(json));
            return;
        }
        let at = duration(self.now_us);
        let gap = gap.map_or_else(String::new, |us| format!("+{}", duration(us)));
        let _ = writeln!(
            self.text,
            "{DIM}{at:>10} {gap:>11}{DIM:#}  {style}{name}{style:#} {said}"
        );
    }
}

impl Sink for Screen {
    const OBSERVE: bool = true;

    fn event(&mut self, event: EventRef<'_>) {
        self.events += 1;
        let gap = self.gap();
        let line = Line::Event {
            at_us: self.now_us,
            gap_us: gap,
            event: event.event,
            data: event.data,
            id: event.last_event_id,
        };
        let name = harmless(event.event);
        let name = truncated(&name, 40);
        let id = harmless(event.last_event_id);
        let id = match truncated(&id, 40) {
            id if id.is_empty() => String::new(),
            id => format!("{DIM}#{id}{DIM:#} "),
        };
        let plain = event.last_event_id.len().min(41) + columns(&name) + MARGIN + 4;
        let data = self.shown(event.data, plain);
        self.put_after(&line, gap, &name, NAME, &format!("{id}{data}"));
    }

    fn comment(&mut self, text: &str, _: u64) {
        let gap = self.gap();
        let line = Line::Comment {
            at_us: self.now_us,
            gap_us: gap,
            text,
        };
        let said = self.shown(text, MARGIN + 2);
        self.put_after(&line, gap, ":", DIM, &format!("{DIM}{said}{DIM:#}"));
    }

    fn retry(&mut self, ms: u64) {
        let line = Line::Retry {
            at_us: self.now_us,
            ms,
        };
        self.put(&line, "retry", DIM, &format!("{ms} ms"));
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        let (kind, said) = told(diagnostic.kind);
        self.oddity(kind, said, diagnostic.offset);
    }
}

impl Screen {
    /// Text from the stream: harmless, and cut to what is left of the line unless asked in full.
    fn shown(&self, text: &str, used: usize) -> String {
        if self.full {
            return harmless(text).into_owned();
        }
        let room = self.width.saturating_sub(used).max(20);
        // Only what can be seen is looked at, however long the text.
        let seen: String = text.chars().take(room + 1).collect();
        truncated(&harmless(&seen), room).into_owned()
    }
}
