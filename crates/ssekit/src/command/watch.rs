//! `ssekit watch`: a readable live view of any stream.

use std::io::Write as _;
use std::time::Duration;

use clap::Args;
use ssekit_http::{Ask, Glimpse, Limits, Options, Seen, observe};
use ssekit_proto::Parser;
use ssekit_record::{EndKind, ExitCode, Transcript};
use url::Url;

use crate::duration;
use crate::failure::Failure;
use crate::format::Format;
use crate::interrupt::interrupted;
use crate::request::{Request, RequestArguments, url};
use crate::runtime;
use crate::screen::Screen;

/// Bytes of one connection, at most: they are kept until it ends.
const LARGEST: usize = 256 * 1024 * 1024;
/// Wait before coming back where the stream sets no reconnection time (HTML, Processing model: "a
/// few seconds").
const RECONNECTION: Duration = Duration::from_secs(3);
/// Longest wait before coming back, whatever the stream asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// Read a stream as it arrives
///
/// One line for each event, comment and oddity: time since the request, time since the line
/// before, type, id and data. Ends when the stream does, with Ctrl-C, or by --count or --duration.
#[derive(Debug, Args)]
pub struct Arguments {
    /// URL of the event stream
    url: String,
    /// Form of the output; JSON is one object a line
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Show data in full
    #[arg(long)]
    full: bool,
    /// Leave after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Leave after this time, 100ms to 1h
    #[arg(long, value_name = "TIME", value_parser = duration::observation)]
    duration: Option<Duration>,
    /// Point out silences longer than this
    #[arg(long, value_name = "TIME", default_value = "15s", value_parser = duration::observation)]
    gap: Duration,
    /// Come back when the stream ends, as an EventSource does
    #[arg(long)]
    reconnect: bool,
    #[command(flatten)]
    request: RequestArguments,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let target = url(&arguments.url)?;
    let request = arguments.request.load()?;
    runtime::block_on(async {
        let mut view = View::new(arguments);
        let watched = {
            let mut watch = std::pin::pin!(view.watch(target, request));
            tokio::select! {
                done = &mut watch => Some(done?),
                stop = interrupted() => { stop?; None }
            }
        };
        match watched {
            Some(code) => Ok(code),
            None => {
                view.screen.left(&view.parser);
                view.flush()?;
                Ok(ExitCode::Interrupted)
            }
        }
    })
}

/// The state of a view over all its connections.
struct View<'a> {
    arguments: &'a Arguments,
    parser: Parser,
    screen: Screen,
    /// Since the first request, of the connections that are over.
    before_us: u64,
    /// The first error of writing.
    failed: Option<std::io::Error>,
}

/// What to do after a connection.
enum Next {
    /// Come back after this time.
    Again(Duration),
    /// That was all.
    Done(ExitCode),
}

impl<'a> View<'a> {
    fn new(arguments: &'a Arguments) -> Self {
        let json = arguments.format == Format::Json;
        Self {
            arguments,
            parser: Parser::new(),
            screen: Screen::new(json, arguments.full, arguments.gap),
            before_us: 0,
            failed: None,
        }
    }

    async fn watch(&mut self, target: Url, request: Request) -> Result<ExitCode, Failure> {
        let options = Options {
            connect_timeout: request.timeout,
            head_timeout: request.timeout,
            trust: request.trust.clone(),
            limits: Limits {
                body: LARGEST,
                slices: 4_000_000,
                ..Limits::default()
            },
            ..Options::default()
        };
        loop {
            let ask = self.ask(&target, &request);
            let seen = observe(&ask, &options, &mut |glimpse| self.see(&glimpse)).await?;
            self.flush()?;
            match self.after(&seen)? {
                Next::Again(wait) => {
                    let wait_us = u64::try_from(wait.as_micros()).unwrap_or(u64::MAX);
                    self.before_us += seen.end.at_us.saturating_add(wait_us);
                    tokio::time::sleep(wait).await;
                }
                Next::Done(code) => return Ok(code),
            }
        }
    }

    /// The request of an EventSource, with what the user adds.
    fn ask(&self, target: &Url, request: &Request) -> Ask {
        let mut fields = request.fields.clone();
        let mut default = |name: &str, value: &str| {
            let named = request
                .fields
                .iter()
                .any(|(n, _)| n.eq_ignore_ascii_case(name));
            if !named && !value.is_empty() {
                fields.push((name.into(), value.into()));
            }
        };
        default("Accept", "text/event-stream");
        default("Cache-Control", "no-store");
        default("Last-Event-ID", self.parser.last_event_id());
        Ask {
            probe: "watch".into(),
            method: request.method.clone(),
            url: target.clone(),
            fields,
            secret_fields: request.secret_fields.clone(),
            body: request.body.clone().map(Into::into),
            http: request.http,
        }
    }

    fn see(&mut self, glimpse: &Glimpse<'_>) -> Seen {
        let at_us = match glimpse {
            Glimpse::Head(head) => {
                self.screen.now(self.before_us + head.at_us);
                self.screen.head(head);
                if !self.screen.is_stream() {
                    return Seen::Enough;
                }
                head.at_us
            }
            Glimpse::Content { bytes, at_us } => {
                self.screen.now(self.before_us + at_us);
                if let Err(limit) = self.parser.feed(bytes, &mut self.screen) {
                    self.screen
                        .oddity("limit", &limit.to_string(), limit.offset);
                    return Seen::Enough;
                }
                *at_us
            }
            Glimpse::Idle { at_us } => *at_us,
            _ => return Seen::More,
        };
        let enough = self
            .arguments
            .count
            .is_some_and(|n| self.screen.events() >= n);
        let longest = self.arguments.duration;
        let since = Duration::from_micros(self.before_us + at_us);
        if enough || longest.is_some_and(|longest| since >= longest) {
            return Seen::Enough;
        }
        // Shown before the next bytes are waited for.
        match self.flush() {
            Ok(()) => Seen::More,
            Err(Failure::Output(error)) => {
                self.failed = Some(error);
                Seen::Enough
            }
            Err(_) => Seen::Enough,
        }
    }

    /// Writes what has come up.
    fn flush(&mut self) -> Result<(), Failure> {
        if let Some(error) = self.failed.take() {
            return Err(error.into());
        }
        let text = self.screen.take();
        if text.is_empty() {
            return Ok(());
        }
        let mut out = anstream::stdout();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    fn after(&mut self, seen: &Transcript) -> Result<Next, Failure> {
        if seen.end.kind == EndKind::Unreachable || seen.head.is_none() {
            let target = &seen.request.url;
            let why = &seen.end.detail;
            return Err(Failure::Unreachable(format!("{target}: {why}")));
        }
        self.screen.now(self.before_us + seen.end.at_us);
        let end = self.parser.finish(&mut self.screen);
        self.screen.end(seen, &end.last_event_id);
        self.flush()?;
        if !self.screen.is_stream() {
            // HTML, Introduction: 204 tells a client that comes back to stop.
            let status = seen.head.as_ref().map(|head| head.status);
            let is_farewell = status == Some(204) && self.before_us > 0;
            return Ok(Next::Done(if is_farewell {
                ExitCode::AsExpected
            } else {
                ExitCode::Findings
            }));
        }
        if seen.end.kind == EndKind::Left || !self.arguments.reconnect {
            return Ok(Next::Done(ExitCode::AsExpected));
        }
        let asked = self.parser.retry_ms().map(Duration::from_millis);
        let wait = asked.unwrap_or(RECONNECTION).min(LONGEST_WAIT);
        self.parser.reset();
        self.screen.again(wait);
        self.flush()?;
        Ok(Next::Again(wait))
    }
}
