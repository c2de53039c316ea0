//! `ssekit decode`: the standard's interpretation of bytes, as JSON lines.

use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use ssekit_proto::{Diagnostic, EventRef, LimitError, LimitKind, Limits, Parser, Sink};
use ssekit_record::ExitCode;

use crate::diagnostic::told;
use crate::failure::Failure;
use crate::input::{open, unreadable};
use crate::output;

/// Bytes asked of the input at once.
const READ: usize = 64 * 1024;

/// Show what the standard makes of bytes, as JSON lines
///
/// One line for each dispatched event, in order, then one `end` line. With --all also a line for
/// each comment (`text` is everything after the colon, a leading space included) and for each
/// thing a server's author should know. Output is written as the input arrives.
///
/// Any input that was read to its end is exit 0. Beyond a limit, what came before it is written,
/// there is no `end` line, and the exit code is 1.
#[derive(Debug, Args)]
pub struct Arguments {
    /// File to read; - or nothing for standard input
    #[arg(default_value = "-", hide_default_value = true)]
    file: PathBuf,
    /// Also comments and diagnostics
    #[arg(long)]
    all: bool,
    /// Feed the parser so many bytes at a time; the output never depends on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    slice: Option<u32>,
    /// Last event ID of the connection that this stream resumes
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    last_event_id: String,
    /// Longest line, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().line, value_parser = bound)]
    max_line: usize,
    /// Largest data of one event, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().data, value_parser = bound)]
    max_data: usize,
    /// Largest block of lines, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().event, value_parser = bound)]
    max_event: usize,
}

/// Reads a limit: 1 byte to 1 GiB.
fn bound(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=1 << 30).contains(n))
        .ok_or_else(|| "expected bytes from 1 to 1073741824".into())
}

/// One line of output. The order of keys is a public contract.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line<'a> {
    Event {
        event: &'a str,
        data: &'a str,
        id: &'a str,
    },
    Comment {
        text: &'a str,
    },
    Diagnostic {
        kind: &'a str,
        offset: u64,
    },
    End {
        events: u64,
        last_event_id: &'a str,
        retry_ms: Option<u64>,
        discarded: bool,
    },
}

/// Writes lines; keeps the first error, because a sink cannot return one.
struct Lines<W> {
    out: W,
    events: u64,
    watched: bool,
    error: Option<io::Error>,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, line: &Line<'_>) {
        if self.error.is_none() {
            self.error = self.try_write(line).err();
        }
    }

    fn try_write(&mut self, line: &Line<'_>) -> io::Result<()> {
        if self.watched {
            // A person looks: text that acts on a terminal stays text.
            let text = ssekit_report::json::inert(serde_json::to_string(line)?);
            self.out.write_all(text.as_bytes())?;
        } else {
            serde_json::to_writer(&mut self.out, line)?;
        }
        self.out.write_all(b"\n")
    }

    /// Passes on what was written, or tells why it was not.
    fn flush(&mut self) -> Result<(), Failure> {
        if let Some(error) = self.error.take() {
            return Err(error.into());
        }
        Ok(self.out.flush()?)
    }
}

/// Events only: the parser's fast path.
struct Events<W>(Lines<W>);

impl<W: Write> Sink for Events<W> {
    fn event(&mut self, event: EventRef<'_>) {
        self.0.events += 1;
        self.0.write(&Line::Event {
            event: event.event,
            data: event.data,
            id: event.last_event_id,
        });
    }
}

/// Events, comments and diagnostics.
struct Everything<W>(Events<W>);

impl<W: Write> Sink for Everything<W> {
    const OBSERVE: bool = true;

    fn event(&mut self, event: EventRef<'_>) {
        self.0.event(event);
    }

    fn comment(&mut self, text: &str, _: u64) {
        self.0.0.write(&Line::Comment { text });
    }

    fn diagnostic(&mut self, diagnostic: Diagnostic) {
        let (kind, _) = told(diagnostic.kind);
        let offset = diagnostic.offset;
        self.0.0.write(&Line::Diagnostic { kind, offset });
    }
}

trait Decoded: Sink {
    type Out: Write;
    fn lines(&mut self) -> &mut Lines<Self::Out>;
}

impl<W: Write> Decoded for Events<W> {
    type Out = W;
    fn lines(&mut self) -> &mut Lines<W> {
        &mut self.0
    }
}

impl<W: Write> Decoded for Everything<W> {
    type Out = W;
    fn lines(&mut self) -> &mut Lines<W> {
        &mut self.0.0
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let lines = Lines {
        out: io::BufWriter::with_capacity(READ, io::stdout().lock()),
        events: 0,
        watched: output::is_watched(),
        error: None,
    };
    if arguments.all {
        decode(arguments, Everything(Events(lines)))
    } else {
        decode(arguments, Events(lines))
    }
}

fn decode(arguments: &Arguments, mut sink: impl Decoded) -> Result<ExitCode, Failure> {
    let mut input = open(&arguments.file)?;
    let mut parser = Parser::with_limits(Limits {
        line: arguments.max_line,
        data: arguments.max_data,
        event: arguments.max_event,
    });
    parser.set_last_event_id(&arguments.last_event_id);
    let mut buffer = vec![0; READ];
    loop {
        let read = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(&arguments.file, &error)),
        };
        let slice = arguments.slice.map_or(read, |n| n as usize);
        for part in buffer[..read].chunks(slice) {
            if let Err(limit) = parser.feed(part, &mut sink) {
                sink.lines().flush()?;
                return Err(beyond(&limit));
            }
        }
        // The next read may wait: what is known is told before it.
        sink.lines().flush()?;
    }
    let end = parser.finish(&mut sink);
    let lines = sink.lines();
    let events = lines.events;
    lines.write(&Line::End {
        events,
        last_event_id: &end.last_event_id,
        retry_ms: parser.retry_ms(),
        discarded: end.discarded,
    });
    lines.flush()?;
    Ok(ExitCode::AsExpected)
}

fn beyond(limit: &LimitError) -> Failure {
    let option = match limit.kind {
        LimitKind::Line => "--max-line",
        LimitKind::Data => "--max-data",
        LimitKind::Event => "--max-event",
    };
    Failure::Beyond(format!("{limit}; {option} allows more"))
}
