//! A load run made by several processes of this machine, each a shard of the plan.
//!
//! A process has a limit of open files; several have several. Each child is told its shard and the
//! instant to begin in its environment, makes its part with the same arguments, prints a line for each
//! interval and then its record; the records are merged as those of shards on several machines are.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ssekit_record::{LoadRecord, Shard, Snapshot};
use ssekit_report::load;

use crate::failure::Failure;
use crate::input::cause;

/// Names the shard and the beginning for a child, and the port of a server that was started for the
/// run: `INDEX/COUNT@MILLISECONDS` or `INDEX/COUNT@MILLISECONDS:PORT`.
const TASK: &str = "SSEKIT_LOAD_SHARD";
/// Begins the line of an interval: the record separator of RFC 7464, which no record contains.
const MARK: char = '\u{1e}';
/// Time for a child to get ready, and for each one more.
const LEAD: Duration = Duration::from_millis(1000);
const LEAD_EACH: Duration = Duration::from_millis(100);
/// Between two looks at the children.
const POLL: Duration = Duration::from_millis(50);

/// What a child is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// Its part.
    pub shard: Shard,
    /// When the run begins.
    pub start_at: SystemTime,
    /// Where the server listens that was started for the run.
    pub port: Option<u16>,
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

/// Makes a shard of the plan with so many processes, and merges what they saw. They begin at the given
/// instant, or as soon as all can be ready; `port` is that of a server that was started for the run.
/// `show` is called with what a process tells, by its number, and with nothing when it is over.
///
/// # Errors
/// When a process cannot be started, or gives no record: with what it said.
pub fn run(
    processes: u32,
    shard: Shard,
    (start_at, port): (Option<SystemTime>, Option<u16>),
    stop: &Arc<AtomicBool>,
    show: &mut dyn FnMut(usize, Option<Snapshot>),
) -> Result<LoadRecord, Failure> {
    let soon = SystemTime::now() + LEAD + LEAD_EACH * processes;
    let start_at = start_at.unwrap_or(soon);
    let at = start_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let port = port.map_or(String::new(), |port| format!(":{port}"));
    let mut crew = Crew(Vec::new());
    let (out, told) = channel();
    for one in 0..processes {
        let (index, count) = (shard.index + shard.count * one, shard.count * processes);
        let task = format!("{index}/{count}@{}{port}", at.as_millis());
        crew.0
            .push(Worker::start(&task, one as usize, out.clone())?);
    }
    drop(out);
    crew.wait(stop, &told, show);
    let mut records = Vec::new();
    for worker in std::mem::take(&mut crew.0) {
        records.push(worker.record()?);
    }
    // Of a plan shared with other machines, their shards are missing here.
    let elsewhere = (shard.count - 1) * processes;
    let merged = load::merge::merge(records, elsewhere as usize);
    let mut whole = merged.map_err(|error| Failure::Internal(error.to_string()))?;
    whole.shard = Shard {
        index: shard.index,
        count: shard.count,
        ..Shard::default()
    };
    Ok(whole)
}

/// One child and what it prints.
struct Worker {
    child: Child,
    out: Option<JoinHandle<String>>,
    said: Option<JoinHandle<String>>,
}

impl Worker {
    fn start(task: &str, number: usize, told: Sender<Told>) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::Environment(format!("cannot start a process: {}", cause(&error)))
        };
        let program = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(TASK, task)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let (out, said) = (child.stdout.take(), child.stderr.take());
        Ok(Self {
            out: out.map(|out| follow(out, number, told)),
            said: said.map(listen),
            child,
        })
    }

    fn record(mut self) -> Result<LoadRecord, Failure> {
        let text = |listener: Option<JoinHandle<String>>| {
            listener
                .and_then(|thread| thread.join().ok())
                .unwrap_or_default()
        };
        let (out, said) = (text(self.out.take()), text(self.said.take()));
        load::json::parse(&out).map_err(|_| {
            let last = said.lines().last().unwrap_or("it said nothing");
            let last = last.strip_prefix("ssekit: ").unwrap_or(last);
            Failure::Environment(format!("a process of the run gave no record: {last}"))
        })
    }

    fn is_over(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    fn interrupt(&self) {
        #[cfg(unix)]
        if let Some(pid) = i32::try_from(self.child.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
        {
            // One that has ended by itself has nothing to be told.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }
}

/// What a process tells, by its number; nothing when it is over.
type Told = (usize, Option<Snapshot>);

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

/// Hands on what a process tells, and keeps the rest of what it prints.
fn follow(
    from: impl Read + Send + 'static,
    number: usize,
    told: Sender<Told>,
) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut rest = String::new();
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let snapshot = line.strip_prefix(MARK).map(serde_json::from_str);
            match snapshot {
                // Nobody is shown anything only when the run is given up.
                Some(Ok(snapshot)) => drop(told.send((number, Some(snapshot)))),
                Some(Err(_)) => {}
                None => {
                    rest.push_str(&line);
                    rest.push('\n');
                }
            }
        }
        let _ = told.send((number, None));
        rest
    })
}

fn listen(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = from.read_to_string(&mut text);
        text
    })
}

/// The children. None outlives it.
struct Crew(Vec<Worker>);

impl Crew {
    /// Waits until all have ended; asks them to when the run is to stop.
    fn wait(
        &mut self,
        stop: &AtomicBool,
        told: &Receiver<Told>,
        show: &mut dyn FnMut(usize, Option<Snapshot>),
    ) {
        let mut asked = false;
        loop {
            if stop.load(Ordering::Relaxed) && !asked {
                asked = true;
                self.0.iter().for_each(Worker::interrupt);
            }
            match told.recv_timeout(POLL) {
                Ok((number, told)) => show(number, told),
                Err(RecvTimeoutError::Timeout) => {}
                // Every output has ended.
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        while !self.0.iter_mut().all(Worker::is_over) {
            std::thread::sleep(POLL);
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_from_its_words() {
        let task = read("2/4@1700000000000").map(|task| (task.shard.index, task.shard.count));
        assert_eq!(task, Some((2, 4)));
        assert_eq!(read("0/1@1:8080").and_then(|task| task.port), Some(8080));
        for text in ["", "4/4@1", "1/4", "x/4@1", "1/4@x", "0/1@1:x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
