//! A part of a load run that is made by several processes of this machine, as the child sees it.
//!
//! A process has a limit of open files; several have several. Each child is told its shard and the
//! instant to begin in its environment, makes its part with the same arguments, prints a line for each
//! interval and then its record; the records are merged as those of shards on several machines are. On its
//! input it learns that the run is over before its plan is, and by the end of that, that its parent is gone.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssekit_load::Ruling;
use ssekit_record::{Shard, Snapshot};

use crate::failure::Failure;
use crate::input::cause;

/// Names the task for a child, as [`Task`] is written.
pub const TASK: &str = "SSEKIT_LOAD_SHARD";
/// Begins the line of an interval: the record separator of RFC 7464, which no record contains.
pub const MARK: char = '\u{1e}';
/// Time for a child to get ready, and for each one more.
const LEAD: Duration = Duration::from_millis(1000);
const LEAD_EACH: Duration = Duration::from_millis(100);

/// What a child is to do. In words `INDEX/COUNT@MILLISECONDS`, and `:PORT` where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Its part.
    pub shard: Shard,
    /// When the run begins.
    pub start_at: SystemTime,
    /// Where the server listens that was started for the run.
    pub port: Option<u16>,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.start_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let Shard { index, count, .. } = self.shard;
        write!(f, "{index}/{count}@{}", at.as_millis())?;
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The first instant at which so many processes can be ready.
pub fn soon(processes: u32) -> SystemTime {
    SystemTime::now() + LEAD + LEAD_EACH * processes
}

/// The task of this process, if it is such a child.
pub fn task() -> Option<Task> {
    read(&std::env::var(TASK).ok()?)
}

fn read(text: &str) -> Option<Task> {
    let (shard, at) = text.split_once('@')?;
    let (at, port) = match at.split_once(':') {
        Some((at, port)) => (at, Some(port.parse().ok()?)),
        None => (at, None),
    };
    let (index, count) = shard.split_once('/')?;
    let shard = Shard {
        index: index.parse().ok()?,
        count: count.parse().ok()?,
        ..Shard::default()
    };
    let start_at = UNIX_EPOCH + Duration::from_millis(at.parse().ok()?);
    (shard.index < shard.count).then_some(Task {
        shard,
        start_at,
        port,
    })
}

/// Tells whoever started this process of an interval.
///
/// # Errors
/// When nobody listens any more.
pub fn tell(snapshot: &Snapshot) -> std::io::Result<()> {
    let line = serde_json::to_string(snapshot)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{line}")?;
    out.flush()
}

/// Does from now on as whoever started this process says: ends the run when it is over, and when
/// there is nobody any more to say anything.
///
/// # Errors
/// When there can be no thread.
pub fn obey(ruling: Ruling, stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let obey = move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if let Ok(end) = serde_json::from_str(&line) {
                ruling.give(end);
            }
        }
        stop.store(true, Ordering::Relaxed);
    };
    std::thread::Builder::new()
        .name("orders".into())
        .spawn(obey)
        .map(drop)
        .map_err(|error| Failure::Environment(format!("cannot start: {}", cause(&error))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_from_its_words() {
        let task = read("2/4@1700000000000").map(|task| (task.shard.index, task.shard.count));
        assert_eq!(task, Some((2, 4)));
        assert_eq!(read("0/1@1:8080").and_then(|task| task.port), Some(8080));
        for text in ["2/4@1700000000000", "0/1@1:8080"] {
            assert_eq!(
                read(text).map(|task| task.to_string()).as_deref(),
                Some(text)
            );
        }
        for text in ["", "4/4@1", "1/4", "x/4@1", "1/4@x", "0/1@1:x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
