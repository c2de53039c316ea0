//! What the server was asked, for tests and for people.
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;

use crate::{
    answer::{Broken, Content},
    clock::Clock,
};

/// Requests that are remembered.
const REMEMBERED: usize = 1024;

/// One request, as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalEntry {
    /// Its number, from 1.
    pub number: u64,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Protocol version.
    pub version: Version,
    /// Fields in order; names in lower case, values as received.
    pub fields: Vec<(String, Vec<u8>)>,
    /// Status of the answer; `None` while there is none.
    pub status: Option<u16>,
    /// When it came, since the server started.
    pub opened: Duration,
    /// When its answer ended, or the client was seen to have gone; `None` while it goes on.
    pub closed: Option<Duration>,
}

impl JournalEntry {
    /// The value of the first field of this name, which is given in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(known, _)| known == name)?;
        Some(value)
    }
}

/// The last [`REMEMBERED`] requests.
#[derive(Debug)]
pub(crate) struct Journal {
    clock: Clock,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    kept: VecDeque<JournalEntry>,
    written: u64,
    streams: usize,
}

impl Journal {
    pub(crate) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            entries: Mutex::default(),
        })
    }

    /// Writes a request down; the line is closed when it is dropped.
    pub(crate) fn open<B>(self: &Arc<Self>, request: &Request<B>) -> Line {
        let target = request.uri().path_and_query();
        let fields = request.headers().iter();
        let mut entries = self.lock();
        entries.written += 1;
        let number = entries.written;
        if entries.kept.len() == REMEMBERED {
            entries.kept.pop_front();
        }
        entries.kept.push_back(JournalEntry {
            number,
            method: request.method().to_string(),
            target: target.map_or_else(|| request.uri().to_string(), ToString::to_string),
            version: request.version(),
            fields: fields
                .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                .collect(),
            status: None,
            opened: self.clock.elapsed(),
            closed: None,
        });
        Line {
            journal: self.clone(),
            number,
            stream: false,
        }
    }

    pub(crate) fn entries(&self) -> Vec<JournalEntry> {
        self.lock().kept.iter().cloned().collect()
    }

    /// Event streams being sent now.
    pub(crate) fn streams(&self) -> usize {
        self.lock().streams
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut JournalEntry)) {
        let mut entries = self.lock();
        let known = entries.kept.iter_mut().rev();
        if let Some(entry) = known.into_iter().find(|entry| entry.number == number) {
            change(entry);
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub(crate) struct Line {
    journal: Arc<Journal>,
    number: u64,
    stream: bool,
}

impl Line {
    /// Notes the status, and keeps the line open as long as the content; `lingers`: for a while longer
    /// where the client has gone before its end, as a server does that does not notice.
    pub(crate) fn attach(
        mut self,
        answer: http::Response<Content>,
        lingers: bool,
    ) -> http::Response<Content> {
        let status = answer.status().as_u16();
        self.journal
            .change(self.number, |entry| entry.status = Some(status));
        // Content of unknown length that has not ended is a stream.
        if answer.body().size_hint().exact().is_none() && !answer.body().is_end_stream() {
            self.stream = true;
            self.journal.lock().streams += 1;
        }
        answer.map(|content| {
            Tracked {
                content,
                line: Some(self),
                lingers,
            }
            .boxed_unsync()
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let now = self.journal.clock.elapsed();
        self.journal
            .change(self.number, |entry| entry.closed = Some(now));
        if self.stream {
            self.journal.lock().streams -= 1;
        }
    }
}

/// Content with the line that is open as long as it is.
struct Tracked {
    content: Content,
    line: Option<Line>,
    lingers: bool,
}

/// How long a stream that was left is counted by a server that does not notice.
const LINGER: Duration = Duration::from_secs(60);

impl Drop for Tracked {
    fn drop(&mut self) {
        let (line, runtime) = (self.line.take(), tokio::runtime::Handle::try_current());
        if let (Some(line), Ok(runtime), true) = (line, runtime, self.lingers) {
            runtime.spawn(async move {
                tokio::time::sleep(LINGER).await;
                drop(line);
            });
        }
    }
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = Pin::new(&mut self.content).poll_frame(context);
        if !matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            self.lingers = false;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;
    use crate::answer;

    #[tokio::test]
    async fn a_line_is_open_as_long_as_its_content() {
        let journal = Journal::new(Clock::start());
        let request = Request::get("/events?a=1").header("X-A", "b").body(());
        let line = journal.open(&request.unwrap());
        let answer = line.attach(answer::no_content(), false);
        let entry = journal.entries().remove(0);
        assert_eq!(entry.target, "/events?a=1");
        assert_eq!(entry.field("x-a"), Some(&b"b"[..]));
        assert_eq!((entry.status, entry.closed), (Some(204), None));
        drop(answer);
        assert!(journal.entries()[0].closed.is_some());
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded() {
        let journal = Journal::new(Clock::start());
        for _ in 0..REMEMBERED + 3 {
            drop(journal.open(&Request::new(())));
        }
        let entries = journal.entries();
        assert_eq!((entries.len(), entries[0].number), (REMEMBERED, 4));
    }
}
