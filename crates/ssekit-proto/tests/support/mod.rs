//! A sink that keeps everything, and a second, naive implementation of the standard.
#![allow(dead_code, reason = "each test file uses its own part")]

use ssekit_proto::{
    Diagnostic, DiagnosticKind, End, Event, EventRef, LimitError, Limits, Line, LineEnding, Parser,
    Sink,
};

/// What a parser delivers to every sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Event {
        event: Event,
        has_id: bool,
        start: u64,
        end: u64,
    },
    Comment(String, u64),
    Retry(u64),
}

/// Keeps items only.
#[derive(Debug, Default)]
pub struct Items(pub Vec<Item>);

impl Sink for Items {
    fn event(&mut self, event: EventRef<'_>) {
        self.0.push(Item::Event {
            has_id: event.has_id,
            start: event.start,
            end: event.end,
            event: event.into(),
        });
    }
    fn comment(&mut self, text: &str, offset: u64) {
        self.0.push(Item::Comment(text.into(), offset));
    }
    fn retry(&mut self, ms: u64) {
        self.0.push(Item::Retry(ms));
    }
}

/// Keeps items, lines and diagnostics.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub items: Vec<Item>,
    pub lines: Vec<(u64, Vec<u8>, LineEnding)>,
    pub crlf: Vec<u64>,
    pub diagnostics: Vec<(DiagnosticKind, u64)>,
    /// Everything in the order of the calls, told apart by a letter.
    pub order: String,
}

impl Observed {
    fn item(&mut self, letter: char, put: impl FnOnce(&mut Items)) {
        let mut items = Items(std::mem::take(&mut self.items));
        put(&mut items);
        self.items = items.0;
        self.order.push(letter);
    }
}

impl Sink for Observed {
    const OBSERVE: bool = true;
    fn event(&mut self, event: EventRef<'_>) {
        self.item('e', |items| items.event(event));
    }
    fn comment(&mut self, text: &str, offset: u64) {
        self.item('c', |items| items.comment(text, offset));
    }
    fn retry(&mut self, ms: u64) {
        self.item('r', |items| items.retry(ms));
    }
    fn line(&mut self, line: Line<'_>) {
        self.lines
            .push((line.offset, line.bytes.to_vec(), line.ending));
        self.order.push('l');
    }
    fn crlf(&mut self, offset: u64) {
        self.crlf.push(offset);
        self.order.push('+');
    }
    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push((diagnostic.kind, diagnostic.offset));
        self.order.push('d');
    }
}

/// What a whole stream came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<T> {
    pub found: T,
    pub result: Result<(), LimitError>,
    pub end: End,
    pub retry_ms: Option<u64>,
    pub offset: u64,
}

/// Feeds the slices to a fresh parser.
pub fn run<'a, S: Sink + Default>(
    slices: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> Outcome<S> {
    let mut sink = S::default();
    let mut parser = Parser::with_limits(limits);
    let mut result = Ok(());
    for slice in slices {
        result = parser.feed(slice, &mut sink);
    }
    let end = parser.finish(&mut sink);
    Outcome {
        found: sink,
        result,
        end,
        retry_ms: parser.retry_ms(),
        offset: parser.offset(),
    }
}

/// The events of a stream, after checking that no slicing changes what is found.
pub fn events(stream: &[u8]) -> Vec<Event> {
    observe(stream)
        .found
        .items
        .into_iter()
        .filter_map(|item| match item {
            Item::Event { event, .. } => Some(event),
            _ => None,
        })
        .collect()
}

/// Everything found in a stream, after checking that no slicing changes it.
pub fn observe(stream: &[u8]) -> Outcome<Observed> {
    let whole = run::<Observed>([stream], Limits::default());
    for size in 1..=stream.len().min(9) {
        let sliced = run::<Observed>(stream.chunks(size), Limits::default());
        assert_eq!(sliced, whole, "slices of {size} bytes");
    }
    for cut in 0..=stream.len() {
        let (head, tail) = stream.split_at(cut);
        let sliced = run::<Observed>([head, &[], tail], Limits::default());
        assert_eq!(sliced, whole, "cut at {cut}");
    }
    whole
}

/// What the naive implementation finds: events, last event ID, reconnection time, rest discarded.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Naive {
    pub events: Vec<Event>,
    pub comments: Vec<String>,
    pub last_event_id: String,
    pub retry_ms: Option<u64>,
}

/// HTML, 9.2.6 Interpreting an event stream, word for word: decode the whole stream, remove one
/// BOM, split it into lines, keep the three buffers (the data buffer with its final LF).
pub fn naive(stream: &[u8]) -> Naive {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    // Every line must have an ending, so what follows the last one is no line.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let Some(last_end) = text.rfind('\n') else {
        return Naive::default();
    };
    let mut found = Naive::default();
    let (mut data, mut event_type, mut id) = (String::new(), String::new(), String::new());
    for line in text[..last_end].split('\n') {
        if line.is_empty() {
            found.last_event_id = id.clone();
            if data.is_empty() {
                event_type.clear();
                continue;
            }
            assert_eq!(data.pop(), Some('\n'));
            let event = match event_type.as_str() {
                "" => "message".to_owned(),
                name => name.to_owned(),
            };
            found.events.push(Event {
                event,
                data: std::mem::take(&mut data),
                last_event_id: id.clone(),
            });
            event_type.clear();
            continue;
        }
        if let Some(comment) = line.strip_prefix(':') {
            found.comments.push(comment.to_owned());
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut event_type),
            "data" => {
                data.push_str(value);
                data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut id),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                found.retry_ms = Some(value.parse().unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }
    found
}
