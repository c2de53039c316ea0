//! The log of every event of a few streams, for a look at what percentiles leave out.
//!
//! A worker notes the events of traced streams beside its counts, and hands them over with these; they
//! are written by the thread that adds up what workers counted.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::PathBuf;

use serde_json::json;
use ssekit_record::{LoadFinding, Verdict};

use crate::error::LoadError;
use crate::job::Job;
use crate::shift::Interval;

/// Events that a worker notes of a population in one interval at most.
const MOST: usize = 1 << 16;

/// An event of a traced stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traced {
    /// Number of the stream, as `{stream}` has it.
    pub stream: u64,
    /// Arrival, since the run began.
    pub at_us: u64,
    /// The declared sequence number.
    pub seq: Option<u64>,
    /// Arrival less the declared stamp.
    pub delivery_us: Option<i64>,
    /// Bytes of its data.
    pub size: u64,
}

/// The events that one worker noted of one population in one interval.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    events: Vec<Traced>,
    left_out: u64,
}

impl Notes {
    /// Notes an event, as long as there are few.
    pub fn note(&mut self, event: Traced) {
        if self.events.len() < MOST {
            self.events.push(event);
        } else {
            self.left_out += 1;
        }
    }
}

/// The file being written.
pub(crate) struct Tracer {
    path: PathBuf,
    out: BufWriter<File>,
    left_out: u64,
    error: Option<io::Error>,
}

impl Tracer {
    /// The file of a run, where it asks for one.
    ///
    /// # Errors
    /// [`LoadError::Trace`] when it cannot be made.
    pub fn open(job: &Job) -> Result<Option<Self>, LoadError> {
        let Some(path) = &job.trace else {
            return Ok(None);
        };
        let file = File::create(path).map_err(|cause| LoadError::Trace {
            path: path.clone(),
            cause,
        })?;
        Ok(Some(Self {
            path: path.clone(),
            out: BufWriter::new(file),
            left_out: 0,
            error: None,
        }))
    }

    /// Writes what workers noted in an interval, in order of arrival.
    pub fn write(&mut self, job: &Job, parts: &mut [Interval]) {
        let mut events: Vec<(usize, Traced)> = Vec::new();
        for part in parts {
            for (role, tally) in part.tallies.iter_mut().enumerate() {
                let notes = std::mem::take(&mut tally.notes);
                self.left_out += notes.left_out;
                events.extend(notes.events.into_iter().map(|event| (role, event)));
            }
        }
        events.sort_by_key(|(_, event)| event.at_us);
        for (role, event) in events {
            let population = job.populations.get(role).map(|one| one.name.as_str());
            let mut line = json!({
                "at_us": event.at_us, "population": population, "stream": event.stream, "size": event.size,
            });
            if let Some(seq) = event.seq {
                line["seq"] = seq.into();
            }
            if let Some(us) = event.delivery_us {
                line["delivery_us"] = us.into();
            }
            if self.error.is_none() {
                self.error = writeln!(self.out, "{line}").err();
            }
        }
    }

    /// Ends the file; says what is missing in it.
    pub fn end(mut self) -> Option<LoadFinding> {
        let error = self.error.take().or_else(|| self.out.flush().err());
        let path = self.path.display();
        let detail = match (error, self.left_out) {
            (Some(error), _) => format!("The trace {path} is not whole: {error}."),
            (None, 0) => return None,
            (None, left_out) => format!(
                "The trace {path} is not whole: {left_out} events are left out, for a worker notes {MOST} of a \
                 population in one interval. Trace fewer streams: raise output.trace_sample."
            ),
        };
        Some(LoadFinding {
            id: "trace.incomplete".into(),
            verdict: Verdict::Warn,
            detail,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_bounded_and_what_is_left_out_is_counted() {
        let mut notes = Notes::default();
        let event = Traced {
            stream: 0,
            at_us: 1,
            seq: None,
            delivery_us: None,
            size: 2,
        };
        (0..MOST + 3).for_each(|_| notes.note(event));
        assert_eq!((notes.events.len(), notes.left_out), (MOST, 3));
    }
}
