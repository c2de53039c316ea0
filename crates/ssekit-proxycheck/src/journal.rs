//! What the origin saw and did.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;

/// Bytes kept of the content of one visit; a flood shows nothing by its bytes.
const KEPT: usize = 1 << 20;
/// Visits remembered.
const VISITS: usize = 4096;

/// One request that reached the origin. Times are microseconds on the clock of the run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Visit {
    /// Name of the probe whose URL was asked for; `None` for a request of somebody else.
    pub probe: Option<String>,
    /// Which visit of this probe, from 1.
    pub number: usize,
    pub method: String,
    pub target: String,
    /// Version in the request line, such as `HTTP/1.1`.
    pub version: String,
    pub fields: Vec<(String, Vec<u8>)>,
    pub asked_us: u64,
    /// When the head was written.
    pub head_us: Option<u64>,
    pub writes: Vec<Write>,
    /// The content written.
    pub content: Vec<u8>,
    /// Bytes of content the connection took, also those not kept.
    pub taken: u64,
    /// When the content or the connection was ended by us.
    pub ended_us: Option<u64>,
    /// When the peer closed its side.
    pub closed_us: Option<u64>,
    /// When the connection failed: a reset, or a write that nobody takes.
    pub failed_us: Option<u64>,
}

/// One piece of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Write {
    /// Right before it was written.
    pub at_us: u64,
    /// Where it begins in the content.
    pub offset: usize,
    pub len: usize,
}

impl Visit {
    /// The bytes of a piece.
    pub(crate) fn piece(&self, write: &Write) -> &[u8] {
        let end = (write.offset + write.len).min(self.content.len());
        self.content.get(write.offset..end).unwrap_or_default()
    }

    /// The first value of a request field.
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields.iter();
        let mut found = found.filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.as_slice())
    }
}

/// The visits of a run, shared by every connection of the origin.
#[derive(Debug, Clone)]
pub(crate) struct Journal {
    pub(crate) clock: Clock,
    visits: Arc<Mutex<Vec<Visit>>>,
}

impl Journal {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            visits: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Visit>> {
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request; `None` when too many were noted already.
    pub(crate) fn open(&self, mut visit: Visit) -> Option<Line> {
        let mut visits = self.lock();
        if visits.len() >= VISITS {
            return None;
        }
        visit.asked_us = self.clock.now_us();
        visit.number = 1 + visits.iter().filter(|v| v.probe == visit.probe).count();
        let number = visit.number;
        visits.push(visit);
        Some(Line {
            at: visits.len() - 1,
            number,
            journal: self.clone(),
        })
    }

    /// What is known of the visits of a probe now.
    pub(crate) fn of(&self, probe: &str) -> Vec<Visit> {
        let visits = self.lock();
        let of = visits.iter().filter(|v| v.probe.as_deref() == Some(probe));
        of.cloned().collect()
    }

    /// What is known of requests that belong to no probe.
    pub(crate) fn strange(&self) -> Vec<Visit> {
        let visits = self.lock();
        visits
            .iter()
            .filter(|v| v.probe.is_none())
            .cloned()
            .collect()
    }
}

/// The line of one visit.
#[derive(Debug)]
pub(crate) struct Line {
    at: usize,
    /// Which visit of its probe.
    pub(crate) number: usize,
    journal: Journal,
}

impl Line {
    fn note(&self, change: impl FnOnce(&mut Visit, u64)) {
        let now = self.journal.clock.now_us();
        let mut visits = self.journal.lock();
        if let Some(visit) = visits.get_mut(self.at) {
            change(visit, now);
        }
    }

    pub(crate) fn head(&self) {
        self.note(|visit, now| visit.head_us = Some(now));
    }

    /// A piece is about to be written.
    pub(crate) fn write(&self, bytes: &[u8]) {
        self.note(|visit, now| {
            if visit.content.len() + bytes.len() <= KEPT {
                visit.writes.push(Write {
                    at_us: now,
                    offset: visit.content.len(),
                    len: bytes.len(),
                });
                visit.content.extend_from_slice(bytes);
            }
        });
    }

    pub(crate) fn taken(&self, bytes: usize) {
        self.note(|visit, _| visit.taken += bytes as u64);
    }

    pub(crate) fn ended(&self) {
        self.note(|visit, now| visit.ended_us = visit.ended_us.or(Some(now)));
    }

    pub(crate) fn closed(&self) {
        self.note(|visit, now| visit.closed_us = visit.closed_us.or(Some(now)));
    }

    pub(crate) fn failed(&self) {
        self.note(|visit, now| visit.failed_us = visit.failed_us.or(Some(now)));
    }
}
