//! Reads an event stream that holds one value of many megabytes, and compares the value as it comes.
//!
//! The parser of `ssekit-proto` gives whole events, so it holds them whole; this reads the same lines
//! (HTML, Interpreting an event stream) and holds none. Of each event it knows the data: its beginning,
//! its length, and how far it is the value.

use memchr::memchr2;
use ssekit_record::{Bulk, Difference, Transcript};

use crate::echo::{AFTER, BEFORE};
use crate::text::Text;

/// Data kept of each event, enough to know the short ones.
const BEGINNING: usize = 32;
/// Bytes kept of a field name: one more than the only one that matters has.
const NAME: usize = 5;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where in a line the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the field name.
    Name,
    /// Right after the colon of a data line, where one space is no data.
    Space,
    /// In the data.
    Data,
    /// In what is no data.
    Other,
}

/// The data of one event.
#[derive(Debug, Default)]
struct Event {
    /// Whether a data line began: without one, nothing is dispatched.
    has_data: bool,
    beginning: Vec<u8>,
    len: u64,
    same: u64,
    difference: Option<Difference>,
}

/// The value as the library writes it.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    text: Text,
    /// As a JSON text, between quotation marks.
    json: bool,
}

/// What has arrived so far.
#[derive(Debug)]
pub(crate) struct Arrival {
    value: Text,
    wanted: Wanted,
    /// Bytes read.
    len: u64,
    place: Place,
    name: Vec<u8>,
    /// Whether the last byte was a CR, so that an LF belongs to it.
    after_cr: bool,
    event: Event,
    before: bool,
    after: bool,
    events: u64,
    /// The first event after the one before.
    first: Option<Event>,
}

impl Arrival {
    /// For this value.
    pub(crate) fn new(value: Text) -> Self {
        Self {
            value,
            wanted: Wanted {
                text: value,
                json: false,
            },
            len: 0,
            place: Place::Name,
            name: Vec::new(),
            after_cr: false,
            event: Event::default(),
            before: false,
            after: false,
            events: 0,
            first: None,
        }
    }

    /// Reads the next bytes of the stream.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(byte) = rest.first().copied() {
            if std::mem::take(&mut self.after_cr) && byte == b'\n' {
                self.skip(1, &mut rest);
                continue;
            }
            match self.place {
                Place::Name => self.name_byte(byte, &mut rest),
                Place::Space => {
                    self.place = Place::Data;
                    if byte == b' ' {
                        self.skip(1, &mut rest);
                    }
                }
                Place::Data | Place::Other => self.line(&mut rest),
            }
        }
    }

    fn skip(&mut self, count: usize, rest: &mut &[u8]) {
        self.len += count as u64;
        *rest = &rest[count..];
    }

    fn name_byte(&mut self, byte: u8, rest: &mut &[u8]) {
        match byte {
            b'\r' | b'\n' => return self.line_end(byte, rest),
            b':' if self.name == b"data" => {
                self.place = Place::Space;
                self.begin_data();
            }
            b':' => self.place = Place::Other,
            _ if self.name.len() < NAME => self.name.push(byte),
            _ => {}
        }
        self.skip(1, rest);
        if self.len == BOM.len() as u64 && self.name == BOM {
            self.name.clear();
        }
    }

    /// What is left of the line, as far as it came.
    fn line(&mut self, rest: &mut &[u8]) {
        let end = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (now, next) = rest.split_at(end);
        if self.place == Place::Data {
            self.event.push(now, self.len, self.wanted);
        }
        self.len += now.len() as u64;
        *rest = next;
        if let Some(byte) = next.first().copied() {
            self.line_end(byte, rest);
        }
    }

    fn line_end(&mut self, byte: u8, rest: &mut &[u8]) {
        if self.place == Place::Name && self.name.is_empty() {
            self.dispatch();
        } else if self.place == Place::Name && self.name == b"data" {
            self.begin_data();
        }
        self.name.clear();
        self.place = Place::Name;
        self.after_cr = byte == b'\r';
        self.skip(1, rest);
    }

    /// A data line begins: what went before it in the same event ends with LF.
    fn begin_data(&mut self) {
        if self.event.has_data {
            self.event.push(b"\n", self.len, self.wanted);
        }
        self.event.has_data = true;
    }

    fn dispatch(&mut self) {
        let event = std::mem::take(&mut self.event);
        if !event.has_data {
            return;
        }
        if !self.before {
            self.before = event.is(BEFORE);
            if self.before && event.is_json() {
                self.wanted = Wanted {
                    text: self.value.escaped(),
                    json: true,
                };
            }
        } else if event.is(AFTER) {
            self.after = true;
        } else if !self.after {
            self.events += 1;
            self.first.get_or_insert(event);
        }
    }

    /// What came of the value.
    pub(crate) fn finish(self, transcript: Transcript, sent_len: u64, quiet_us: u64) -> Bulk {
        let is_open = self.before && !self.after && self.event.has_data;
        let event = self.first.or(is_open.then_some(self.event));
        let event = event.unwrap_or_default();
        Bulk {
            transcript,
            value_len: self.value.len(),
            sent_len,
            body_len: self.len,
            quiet_us,
            before: self.before,
            events: self.events,
            data_len: event.len,
            same_len: self.wanted.value_len(event.same),
            difference: event.difference,
            after: self.after,
        }
    }
}

impl Event {
    /// More data; `offset` is where it stands in the stream.
    fn push(&mut self, bytes: &[u8], offset: u64, wanted: Wanted) {
        let room = BEGINNING.saturating_sub(self.beginning.len());
        self.beginning
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        let mut due = [0; 4096];
        let mut rest = bytes;
        while !rest.is_empty() && self.difference.is_none() {
            let count = wanted.fill(self.same, &mut due[..rest.len().min(4096)]);
            let (now, due) = (&rest[..count], &due[..count]);
            let pairs = || now.iter().zip(due);
            let same = if now == due {
                count
            } else {
                pairs().take_while(|(a, b)| a == b).count()
            };
            self.same += same as u64;
            if same < count || count == 0 {
                self.difference = Some(Difference {
                    offset: offset + (bytes.len() - rest.len() + same) as u64,
                    due: (same < count).then(|| due[same]),
                    came: rest[same],
                });
            }
            rest = &rest[same..];
        }
        self.len += bytes.len() as u64;
    }

    /// Whether the data is this text, as it is or as a JSON text.
    fn is(&self, text: &str) -> bool {
        let beginning = match self.is_json() {
            true => &self.beginning[1..self.beginning.len() - 1],
            false => &self.beginning[..],
        };
        self.len == self.beginning.len() as u64 && beginning == text.as_bytes()
    }

    /// Whether the data, if it is short, is a JSON string.
    fn is_json(&self) -> bool {
        matches!(&self.beginning[..], [b'"', .., b'"'])
    }
}

impl Wanted {
    fn len(self) -> u64 {
        self.text.len() + if self.json { 2 } else { 0 }
    }

    fn fill(self, at: u64, out: &mut [u8]) -> usize {
        if !self.json {
            return self.text.fill(at, out);
        }
        let mut count = 0;
        while count < out.len() && at + (count as u64) < self.len() {
            let at = at + count as u64;
            if at == 0 || at + 1 == self.len() {
                out[count] = b'"';
                count += 1;
            } else {
                count += self.text.fill(at - 1, &mut out[count..]);
            }
        }
        count
    }

    /// How much of the value the first `at` bytes are.
    fn value_len(self, at: u64) -> u64 {
        let at = if self.json { at.saturating_sub(1) } else { at };
        self.text.unescaped(at.min(self.text.len()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ssekit_proto::{EventRef, Parser, Sink};

    use super::*;
    use crate::check::sample::Sample;

    const VALUE: u64 = 1_000;

    fn arrived(value: Text, stream: &[u8], slice: usize) -> Bulk {
        let mut arrival = Arrival::new(value);
        for slice in stream.chunks(slice) {
            arrival.read(slice);
        }
        arrival.finish(Sample::stream("").0, 0, 0)
    }

    fn written(value: Text) -> String {
        let mut text = vec![0; value.len() as usize];
        value.fill(0, &mut text);
        String::from_utf8(text).unwrap()
    }

    #[derive(Default)]
    struct Data(Vec<String>);

    impl Sink for Data {
        fn event(&mut self, event: EventRef<'_>) {
            self.0.push(event.data.into());
        }
    }

    /// What a library may write, with what the value is between.
    fn streams(data: &str) -> Vec<String> {
        let frame = |value: String| format!("data: {BEFORE}\n\n{value}data: {AFTER}\n\n");
        let lines = |name: &str| {
            data.split('\n')
                .map(|line| format!("{name}{line}\n"))
                .collect::<String>()
        };
        vec![
            frame(lines("data: ") + "\n"),
            frame(lines("data:") + "\n"),
            frame(
                "id: data: 1\nevent: x\n".to_owned()
                    + &lines("data: ")
                    + "retry: 5\n:data: no\ndatax: 1\n\n",
            ),
            frame("data: first\n\n".to_owned() + &lines("data: ") + "\n"),
            frame(lines("data: ").replacen("data: ", "Data: ", 1) + "\n"),
            frame(lines("data: ").replacen('4', "5", 1) + "\n"),
            frame(lines("data: ") + "data\n\n"),
            frame(String::new()),
            "\u{feff}data: greeting\n\n".to_owned() + &frame(lines("data: ") + "\n"),
            format!("data: {BEFORE}\n\n") + &lines("data: "),
        ]
    }

    /// The parser of this project says what arrived, for every way to end lines and to slice.
    #[test]
    fn it_reads_what_the_parser_reads() {
        for value in [Text::flat(VALUE), Text::lines(VALUE)] {
            let text = written(value);
            for stream in streams(&text) {
                for line_end in ["\n", "\r", "\r\n"] {
                    let stream = stream.replace('\n', line_end);
                    let mut data = Data::default();
                    let mut parser = Parser::new();
                    parser.feed(stream.as_bytes(), &mut data).unwrap();
                    let events = data.0;
                    let at = events.iter().position(|event| event == BEFORE).unwrap();
                    let after = events.iter().position(|event| event == AFTER);
                    let between = &events[at + 1..after.unwrap_or(events.len())];
                    for slice in [1, 3, 64, 10_000] {
                        let bulk = arrived(value, stream.as_bytes(), slice);
                        assert!(bulk.before);
                        assert_eq!(bulk.after, after.is_some());
                        assert_eq!(bulk.events, between.len() as u64);
                        assert_eq!(
                            bulk.is_whole(),
                            between == [text.clone()] && after.is_some(),
                            "{stream}"
                        );
                        let Some(first) = between.first() else {
                            continue;
                        };
                        assert_eq!(bulk.data_len, first.len() as u64);
                        let same = first.bytes().zip(text.bytes()).take_while(|(a, b)| a == b);
                        assert_eq!(bulk.same_len, same.count() as u64, "{stream}");
                    }
                }
            }
        }
    }

    #[test]
    fn data_may_be_json() {
        for value in [Text::flat(VALUE), Text::lines(VALUE)] {
            let stream = |text: &str| {
                format!(
                    "data:\"{BEFORE}\"\n\ndata:{}\n\ndata:\"{AFTER}\"\n\n",
                    serde_json::Value::from(text)
                )
            };
            let text = written(value);
            for slice in [1, 64, 10_000] {
                assert!(arrived(value, stream(&text).as_bytes(), slice).is_whole());
                let bulk = arrived(value, stream(&text[..500]).as_bytes(), slice);
                assert_eq!((bulk.same_len, bulk.is_whole()), (500, false));
            }
        }
    }
}
