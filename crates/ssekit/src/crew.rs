//! The processes of this machine that make one run together, as their parent sees them.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use ssekit_record::{LoadRecord, RunEnd, Shard, Snapshot};
use ssekit_report::load;

use crate::failure::Failure;
use crate::input::cause;
use crate::local_shard::{MARK, TASK, Task};

/// Between two looks at the children.
const POLL: Duration = Duration::from_millis(50);
/// A child tells something each second. One that is silent for so long is believed to be stuck.
const PATIENCE: Duration = Duration::from_secs(15);
/// As much of the time between two looks counts as silence: this process may have been stopped itself.
const MOST_AT_ONCE: Duration = Duration::from_secs(1);
/// What a process said before it ended is here by then.
const LAST_WORD: Duration = Duration::from_secs(2);

/// What a process tells, by its number; nothing when it is over.
type Told = (usize, Option<Snapshot>);

/// What is done with what a process tells: it is added up, and may end the run.
pub type Sink<'a> = &'a mut dyn FnMut(usize, Option<Snapshot>) -> Option<RunEnd>;

/// Makes a shard of the plan with so many processes, and gives what each of them saw. They begin at this
/// instant; `port` is that of a server that was started for the run. When `sink` says that the
/// run is over, they end too.
///
/// # Errors
/// When a process cannot be started, gives no record or is silent: with what it said. Then the others are
/// ended, for what they measure is of no use.
pub fn run(
    processes: u32,
    shard: Shard,
    (start_at, port): (SystemTime, Option<u16>),
    stop: &AtomicBool,
    sink: Sink<'_>,
) -> Result<Vec<LoadRecord>, Failure> {
    let mut crew = Crew(Vec::new());
    let (out, told) = channel();
    for one in 0..processes {
        let task = Task {
            shard: Shard {
                index: shard.index + shard.count * one,
                count: shard.count * processes,
                ..Shard::default()
            },
            start_at,
            port,
        };
        crew.0
            .push(Worker::start(&task, one as usize, out.clone())?);
    }
    drop(out);
    crew.wait(start_at, stop, &told, sink)?;
    Ok(crew
        .0
        .iter_mut()
        .filter_map(|one| one.record.take())
        .collect())
}

/// One child and what it prints.
struct Worker {
    child: Child,
    /// Where it is told that the run is over. Its end tells that this process is gone.
    orders: Option<ChildStdin>,
    out: Option<JoinHandle<String>>,
    said: Option<Said>,
    record: Option<LoadRecord>,
}

impl Worker {
    fn start(task: &Task, number: usize, told: Sender<Told>) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::Environment(format!("cannot start a process: {}", cause(&error)))
        };
        let program = std::env::current_exe().map_err(cannot)?;
        let mut child = Command::new(program)
            .args(std::env::args_os().skip(1))
            .env(TASK, task.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(cannot)?;
        let (out, said) = (child.stdout.take(), child.stderr.take());
        Ok(Self {
            orders: child.stdin.take(),
            out: out.map(|out| follow(out, number, told)),
            said: said.map(Said::listen),
            record: None,
            child,
        })
    }

    /// Takes the record of a process that has closed its output.
    fn finish(&mut self) -> Result<(), String> {
        let out = self.out.take().and_then(|thread| thread.join().ok());
        self.record = load::json::parse(&out.unwrap_or_default()).ok();
        if self.record.is_some() {
            return Ok(());
        }
        let status = self.child.wait();
        let last = self.said.take().and_then(Said::last);
        Err(match (last, status) {
            (Some(last), _) => last.strip_prefix("ssekit: ").unwrap_or(&last).to_owned(),
            (None, Ok(status)) => format!("it ended with {status}"),
            (None, Err(error)) => cause(&error),
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

    /// Tells it that the run is over.
    fn end(&mut self, end: RunEnd) {
        if let (Some(orders), Ok(line)) = (&mut self.orders, serde_json::to_string(&end)) {
            // One that is gone needs no orders.
            let _ = writeln!(orders, "{line}").and_then(|()| orders.flush());
        }
    }
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

/// What a process says.
struct Said {
    listener: JoinHandle<()>,
    last: Arc<Mutex<Option<String>>>,
}

impl Said {
    fn listen(from: impl Read + Send + 'static) -> Self {
        let last = Arc::<Mutex<Option<String>>>::default();
        let known = last.clone();
        let listen = move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
            }
        };
        let listener = std::thread::spawn(listen);
        Self { listener, last }
    }

    /// The last line of a process that has ended. What the command of a storm has started may keep the
    /// output open for hours, so its end is not waited for.
    fn last(self) -> Option<String> {
        let begun = Instant::now();
        while !self.listener.is_finished() && begun.elapsed() < LAST_WORD {
            std::thread::sleep(POLL);
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.take()
    }
}

/// The children. None outlives it.
struct Crew(Vec<Worker>);

impl Crew {
    /// Waits until all have ended; asks them to when the run is to stop.
    fn wait(
        &mut self,
        start_at: SystemTime,
        stop: &AtomicBool,
        told: &Receiver<Told>,
        sink: Sink<'_>,
    ) -> Result<(), Failure> {
        let mut silence = Silence(vec![Some(Duration::ZERO); self.0.len()]);
        let (mut asked, mut ended, mut looked) = (false, false, Instant::now());
        loop {
            if stop.load(Ordering::Relaxed) && !asked {
                asked = true;
                self.0.iter().for_each(Worker::interrupt);
            }
            match told.recv_timeout(POLL) {
                Ok((number, told)) => {
                    silence.hear(number, told.is_none());
                    if told.is_none() {
                        let finished = self.0[number].finish();
                        finished.map_err(|why| self.lost(number, &why))?;
                    }
                    if let Some(end) = sink(number, told).filter(|_| !ended) {
                        ended = true;
                        self.0.iter_mut().for_each(|worker| worker.end(end));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Every output has ended.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let passed = std::mem::replace(&mut looked, Instant::now()).elapsed();
            if (asked || SystemTime::now() >= start_at)
                && let Some(number) = silence.pass(passed)
            {
                let why = format!("it has told nothing for {} s", PATIENCE.as_secs());
                return Err(self.lost(number, &why));
            }
        }
        while !self.0.iter_mut().all(Worker::is_over) {
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// What a run comes to that a process is missing from.
    fn lost(&self, number: usize, why: &str) -> Failure {
        let (number, all) = (number + 1, self.0.len());
        Failure::Environment(format!(
            "the run is invalid: process {number} of {all} gave no record: {why}"
        ))
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

/// For how long each process has told nothing; nothing of those that are over.
struct Silence(Vec<Option<Duration>>);

impl Silence {
    fn hear(&mut self, number: usize, is_over: bool) {
        if let Some(known) = self.0.get_mut(number) {
            *known = (!is_over).then_some(Duration::ZERO);
        }
    }

    /// Time passes; the process, if any, that has been silent for too long.
    fn pass(&mut self, time: Duration) -> Option<usize> {
        let time = time.min(MOST_AT_ONCE);
        self.0.iter_mut().flatten().for_each(|known| *known += time);
        let is_long = |known: &Option<Duration>| known.is_some_and(|known| known > PATIENCE);
        self.0.iter().position(is_long)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_process_that_tells_nothing_is_noticed_and_one_that_is_over_is_not() {
        let second = Duration::from_secs(1);
        let mut silence = Silence(vec![Some(Duration::ZERO); 3]);
        silence.hear(2, true);
        for _ in 0..PATIENCE.as_secs() {
            silence.hear(0, false);
            assert_eq!(silence.pass(second), None);
        }
        assert_eq!(silence.pass(second), Some(1));
    }

    #[test]
    fn the_last_word_is_known_while_others_keep_the_output_open() {
        let (from, mut to) = std::io::pipe().unwrap();
        let said = Said::listen(from);
        to.write_all(b"first\nssekit: why\n").unwrap();
        assert_eq!(said.last().as_deref(), Some("ssekit: why"));
        drop(to);
    }

    #[test]
    fn time_in_which_nobody_looked_is_no_silence_of_others() {
        let mut silence = Silence(vec![Some(Duration::ZERO)]);
        assert_eq!(silence.pass(Duration::from_secs(3600)), None);
    }
}
