//! One exchange: its two ends and its time.

use std::time::Duration;

use ssekit_http::HttpChoice;

use crate::act::{Act, Answer};
use crate::client::Leave;

/// One exchange to make.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Unique; the name in transcripts and evidence.
    pub name: &'static str,
    /// Which URL: those of one name share it.
    pub url: String,
    pub about: &'static str,
    pub act: Act,
    pub method: &'static str,
    /// Request fields besides those of an EventSource.
    pub fields: Vec<(&'static str, Vec<u8>)>,
    /// Version, where the probe needs one.
    pub http: Option<HttpChoice>,
    /// How long after the others it begins.
    pub begin: Duration,
    pub leave: Leave,
    /// Longest time it takes.
    pub most: Duration,
    /// Asks the origin without the hop.
    pub direct: bool,
    pub wave: Wave,
}

/// When a probe runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wave {
    /// From the beginning to the end: it hardly does anything.
    Long,
    /// First, since its times must not be disturbed.
    Timed,
    /// After those.
    Other,
    /// Last, since it disturbs everything.
    Alone,
}

impl Probe {
    pub(super) fn new(name: &'static str, about: &'static str, answer: Answer) -> Self {
        Self {
            name,
            url: name.into(),
            about,
            act: Act::Answer(answer),
            method: "GET",
            fields: Vec::new(),
            http: None,
            begin: Duration::ZERO,
            leave: Leave::AtEnd,
            most: Duration::from_secs(8),
            direct: false,
            wave: Wave::Other,
        }
    }

    pub(super) fn act(mut self, act: Act) -> Self {
        self.act = act;
        self
    }

    pub(super) fn at(mut self, url: &'static str, begin_ms: u64) -> Self {
        self.url = url.into();
        self.begin = Duration::from_millis(begin_ms);
        self
    }

    pub(super) fn field(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    pub(super) fn over(mut self, http: HttpChoice) -> Self {
        self.http = Some(http);
        self
    }

    pub(super) fn in_wave(mut self, wave: Wave) -> Self {
        self.wave = wave;
        self
    }

    pub(super) fn leaving(mut self, leave: Leave) -> Self {
        self.leave = leave;
        self
    }

    pub(super) fn within(mut self, most: Duration) -> Self {
        self.most = most;
        self
    }
}
