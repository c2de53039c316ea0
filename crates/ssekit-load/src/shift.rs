//! What a worker does from the start of a run to its end: it starts streams when they are due, rolls
//! its books every second, and watches itself.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;
use tokio::time::{sleep, sleep_until};

use crate::account::Account;
use crate::error::LoadError;
use crate::fanout::Fanout;
use crate::halt::Halt;
use crate::metric::Metric;
use crate::poller::read_all;
use crate::publisher::{Publisher, publish};
use crate::seat::{Break, Command, Seat};
use crate::subscriber::subscribe;
use crate::tally::Tally;
use crate::worker::{Gauge, Worker};

/// Something a worker does at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Start the stream of this number.
    Start {
        /// Number in the whole plan.
        number: u64,
        /// Index of its population.
        role: usize,
        /// Whether the next stream begins in its place when it has ended as it should.
        renews: bool,
        /// It is left out while so many streams of this process are connecting.
        most_pending: Option<u64>,
    },
    /// End a stream for good.
    Leave {
        /// Its number.
        number: u64,
    },
    /// Break streams off.
    Drop {
        /// The stream of this number.
        number: u64,
        /// How.
        how: Break,
        /// Whether it is to stay away.
        leaves: bool,
    },
}

/// Acts with their times in microseconds, in order of time.
pub type Script = Box<dyn Iterator<Item = (u64, Act)> + Send>;

/// Whether to tell at this time what streams wait for.
pub type Peeks = Arc<dyn Fn(u64) -> bool + Send + Sync>;

/// What a worker counted in one interval.
#[derive(Debug)]
pub struct Interval {
    /// Which worker.
    pub worker: usize,
    /// Its place in the run.
    pub index: usize,
    /// Its beginning and end.
    pub span_us: (u64, u64),
    /// By population.
    pub tallies: Vec<Tally>,
    /// What the last interval of the run would count besides if this were it: how long streams have
    /// waited so far. By population, where it was asked for.
    pub waiting: Vec<Tally>,
    /// Where streams stood at its end.
    pub gauge: Gauge,
    /// Streams that the plan wanted open at its end.
    pub planned: u64,
    /// CPU time of the worker's thread so far, in microseconds.
    pub cpu_us: u64,
    /// The samples of events by population; with the last interval only.
    pub fanouts: Vec<Fanout>,
}

/// What a worker is given.
pub struct Shift {
    /// Index of the worker.
    pub worker: usize,
    /// What it does.
    pub script: Script,
    /// What it publishes.
    pub publishers: Vec<Publisher>,
    /// Ends of intervals, rising; the last one is the end of the run.
    pub cuts: Vec<u64>,
    /// Whether the run is to end early.
    pub halt: Halt,
    /// Whether to tell at the end of an interval what streams wait for.
    pub peeks: Peeks,
    /// Where intervals go.
    pub out: Sender<Interval>,
}

/// How often loops look at the time.
const BEAT: Duration = Duration::from_millis(10);
/// Streams whose newest event's age is looked at in each beat.
const STALENESS_SAMPLES: usize = 20;
/// Names looked up at one time at most: each look-up takes a thread and descriptors.
const LOOKUPS: usize = 16;
/// Tasks polled between two looks at the sockets.
const EVENT_INTERVAL: u32 = 256;

impl Shift {
    /// Does it all.
    ///
    /// # Errors
    /// When this machine gives no runtime.
    pub fn work(self, worker: Worker) -> Result<(), LoadError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .event_interval(EVENT_INTERVAL)
            .max_blocking_threads(LOOKUPS)
            .build_local(LocalOptions::default())
            .map_err(LoadError::Runtime)?;
        let worker = Rc::new(worker);
        let result = runtime.block_on(self.run(worker));
        runtime.shutdown_background();
        result.map_err(LoadError::Runtime)
    }

    async fn run(self, worker: Rc<Worker>) -> io::Result<()> {
        let mut reading = spawn_local(read_all(worker.clone(), worker.poller.queue()?));
        wait_for_start(&worker, &self.halt).await;
        let starts = spawn_local(act(worker.clone(), self.script));
        let beat = spawn_local(beat(worker.clone()));
        for publisher in self.publishers {
            spawn_local(publish(worker.clone(), publisher));
        }
        let mut begin = 0;
        for (index, cut) in self.cuts.iter().enumerate() {
            let is_last = index + 1 == self.cuts.len();
            let end = wait_until(&worker, *cut, &self.halt).await;
            let stopped = end < *cut;
            if is_last || stopped {
                starts.abort();
                beat.abort();
                worker.settle(end);
            }
            let mut interval = roll(
                &worker,
                (self.worker, index),
                (begin, end),
                is_last || stopped,
            );
            if !(is_last || stopped) && (self.peeks)(end) {
                interval.waiting = worker.waiting(end);
            }
            // Nobody listens only when the run was given up.
            if self.out.send(interval).is_err() || stopped {
                break;
            }
            if reading.is_finished() {
                (&mut reading).await.map_err(io::Error::other)??;
            }
            begin = end;
        }
        Ok(())
    }
}

/// How often who waits looks whether the run is to end.
const LOOK: Duration = Duration::from_millis(50);

/// Waits for the start of the run, before which its clock stands still, or until it is to end: the start
/// may be hours away.
async fn wait_for_start(worker: &Worker, halt: &Halt) {
    let start = worker.clock.instant(0);
    while !halt.is_asked() {
        let look = Instant::now() + LOOK;
        sleep_until(start.min(look).into()).await;
        if start <= look {
            break;
        }
    }
}

/// Waits for a time of the run, or until the run is to end; tells when that was.
async fn wait_until(worker: &Worker, due_us: u64, halt: &Halt) -> u64 {
    loop {
        let now = worker.clock.now_us();
        if now >= due_us {
            return due_us;
        }
        if halt.is_asked() {
            return now;
        }
        let step = Duration::from_micros(due_us - now).min(LOOK);
        sleep(step).await;
    }
}

/// Hands over what was counted.
fn roll(
    worker: &Worker,
    (number, index): (usize, usize),
    span_us: (u64, u64),
    is_last: bool,
) -> Interval {
    let mut books = worker.books.borrow_mut();
    Interval {
        worker: number,
        index,
        span_us,
        planned: worker.planned(),
        tallies: books.tallies.iter_mut().map(Tally::take).collect(),
        waiting: Vec::new(),
        gauge: worker.gauge(),
        cpu_us: crate::health::thread_cpu_us(),
        fanouts: if is_last {
            std::mem::take(&mut books.fanouts)
        } else {
            Vec::new()
        },
    }
}

/// Does each act when it is due.
async fn act(worker: Rc<Worker>, script: Script) {
    for (due_us, act) in script {
        if worker.clock.now_us() < due_us {
            sleep_until(worker.clock.instant(due_us).into()).await;
        }
        match act {
            Act::Start {
                number,
                role,
                renews,
                most_pending,
            } => start(&worker, (number, role, renews), most_pending, due_us),
            Act::Leave { number } => {
                worker.unplan();
                worker.tell(number, Command::Leave);
            }
            Act::Drop {
                number,
                how,
                leaves,
            } => {
                if leaves {
                    worker.unplan();
                }
                let storm_us = due_us;
                let drop = Command::Drop {
                    how,
                    storm_us,
                    leaves,
                };
                worker.tell(number, drop);
            }
        }
    }
}

fn start(
    worker: &Rc<Worker>,
    (number, role, renews): (u64, usize, bool),
    most_pending: Option<u64>,
    due_us: u64,
) {
    let account = Account::planned_at(due_us, worker.roles[role].expect.interval_us);
    let seat = Rc::new(Seat::new(number, role, renews, account));
    if !worker.admit(&seat, most_pending) {
        return;
    }
    seat.leaves_us.set(worker.lifetime_end(&seat, due_us));
    spawn_local(subscribe(worker.clone(), seat, None));
}

/// Regular work, which shows at the same time how late the loop is.
async fn beat(worker: Rc<Worker>) {
    let mut due = worker.clock.instant(worker.clock.now_us());
    loop {
        due += BEAT;
        sleep_until(due.into()).await;
        let (now, due_us) = (worker.clock.now_us(), worker.clock.us(due));
        worker.books.borrow_mut().tallies[0].record(Metric::LoopLag, now.saturating_sub(due_us));
        worker.look_after(now);
        worker.sample_staleness(STALENESS_SAMPLES, now);
        // After a stall the next beat is a beat from now: one stall is one sample of its length.
        due = due.max(
            worker
                .clock
                .instant(now.saturating_sub(BEAT.as_micros() as u64)),
        );
    }
}
