//! A conforming server, part by part, so that a test changes one thing only.

use std::sync::Arc;

use super::origin::{Asked, Play, Step};

/// Answers everything a checker asks. Every public part may be replaced.
#[derive(Clone)]
pub struct Site {
    pub status: String,
    pub fields: Vec<(String, String)>,
    /// Bytes of the stream, one entry per write.
    pub events: Vec<Vec<u8>>,
    /// Pause between two writes, in milliseconds.
    pub pause: u64,
    pub framing: Framing,
    pub ends: Ends,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Chunked,
    UntilClose,
    Length,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Stays open and silent after the last write.
    Never,
    Cleanly,
    /// FIN without the last chunk.
    Abruptly,
    Reset,
}

pub fn ticks(n: usize) -> Vec<Vec<u8>> {
    let mut events = vec![b"retry: 3000\n\n".to_vec()];
    events.extend((1..=n).map(|i| format!("id: {i}\ndata: {{\"n\":{i}}}\n\n").into_bytes()));
    events
}

pub fn lines(text: &str) -> Vec<Vec<u8>> {
    vec![text.as_bytes().to_vec()]
}

impl Default for Site {
    fn default() -> Self {
        let fields = [
            ("Content-Type", "text/event-stream"),
            ("Cache-Control", "no-store, no-transform"),
            ("X-Accel-Buffering", "no"),
            ("X-Content-Type-Options", "nosniff"),
            ("Date", "Sun, 01 Nov 2026 10:00:00 GMT"),
        ];
        Self {
            status: "HTTP/1.1 200 OK".into(),
            fields: fields.map(|(n, v)| (n.into(), v.into())).to_vec(),
            events: ticks(200),
            pause: 100,
            framing: Framing::Chunked,
            ends: Ends::Never,
        }
    }
}

impl Site {
    pub fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut site = Self::default();
        change(&mut site);
        site
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.fields.push((name.into(), value.into()));
    }

    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    /// One stream of this text, sent in one write, then ended cleanly.
    pub fn finite(&mut self, text: &[u8]) {
        self.events = vec![text.to_vec()];
        self.ends = Ends::Cleanly;
    }

    pub fn head(&self, framing: Framing) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.status);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match framing {
            Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose => head.push_str("Connection: close\r\n"),
            Framing::Length => {
                let length: usize = self.events.iter().map(Vec::len).sum();
                head.push_str(&format!("Content-Length: {length}\r\n"));
            }
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    pub fn play(self) -> Play {
        Arc::new(move |asked| self.answer(asked))
    }

    pub fn answer(&self, asked: &Asked) -> Vec<Step> {
        if asked.path != "/events" {
            return simple("404 Not Found", "Content-Length: 0\r\n");
        }
        match asked.method.as_str() {
            "GET" => self.stream(asked),
            "HEAD" => vec![Step::Send(self.head(Framing::UntilClose))],
            _ => simple(
                "405 Method Not Allowed",
                "Allow: GET, HEAD\r\nContent-Length: 0\r\n",
            ),
        }
    }

    fn stream(&self, asked: &Asked) -> Vec<Step> {
        let framing = match self.framing {
            Framing::Chunked if asked.http10 => Framing::UntilClose,
            framing => framing,
        };
        let mut steps = vec![Step::Send(self.head(framing))];
        for event in self.after(asked.field("last-event-id")) {
            steps.push(Step::Send(framed(&event, framing)));
            if self.pause > 0 {
                steps.push(Step::Wait(self.pause));
            }
        }
        match self.ends {
            Ends::Never => steps.push(Step::Hold),
            Ends::Cleanly if framing == Framing::Chunked => {
                steps.push(Step::Send(b"0\r\n\r\n".to_vec()));
            }
            Ends::Cleanly | Ends::Abruptly => {}
            Ends::Reset => steps.push(Step::Reset),
        }
        steps
    }

    /// Ticks replay from the id on; any other stream is sent as it is.
    fn after(&self, id: Option<String>) -> Vec<Vec<u8>> {
        let known = id.and_then(|id| {
            let line = format!("id: {id}\n");
            self.events
                .iter()
                .position(|e| e.starts_with(line.as_bytes()))
        });
        let from = known.map_or(0, |at| at + 1);
        self.events[from..].to_vec()
    }
}

pub fn framed(bytes: &[u8], framing: Framing) -> Vec<u8> {
    if framing != Framing::Chunked || bytes.is_empty() {
        return bytes.to_vec();
    }
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

pub fn simple(status: &str, fields: &str) -> Vec<Step> {
    let date = "Date: Sun, 01 Nov 2026 10:00:00 GMT\r\n";
    vec![Step::Send(
        format!("HTTP/1.1 {status}\r\n{date}{fields}\r\n").into_bytes(),
    )]
}
