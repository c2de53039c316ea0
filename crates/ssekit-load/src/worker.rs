//! One thread with a runtime of its own, its streams, and what it counts of them.
//!
//! Nothing here is shared with other workers but the number of open streams. Once a second a worker
//! hands over what it counted, and begins anew.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fmt;
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use crate::cause::Cause;
use crate::clock::Clock;
use crate::dial::Dialer;
use crate::expectation::{End, Expectation};
use crate::fanout::Fanout;
use crate::metric::Metric;
use crate::over::{Ended, Over, Rest};
use crate::poller::Poller;
use crate::pool::Pool;
use crate::precision::Precision;
use crate::reconnect::ReconnectPolicy;
use crate::request::Requests;
use crate::room::Room;
use crate::seat::{Command, Held, Seat, State};
use crate::subscriber::{Pace, go_on};
use crate::tally::Tally;
use crate::tenant::give_up;

/// Bytes read at once at most. All streams of a worker share one buffer of this size.
const BUFFER: usize = 64 * 1024;

/// What all streams of a population have in common.
#[derive(Debug, Clone)]
pub struct Role {
    /// What they are expected to bring.
    pub expect: Expectation,
    /// How they connect.
    pub dialer: Dialer,
    /// What they ask.
    pub requests: Requests,
    /// Whether and when they come back.
    pub reconnect: ReconnectPolicy,
    /// Longest wait for a head.
    pub head_timeout: Duration,
    /// How slowly they read, if slowly.
    pub pace: Option<Pace>,
    /// How long the stream of a number and generation stays, in microseconds.
    pub lifetime: Option<Lifetimes>,
    /// Topics, over which streams take turns; at least 1.
    pub topics: u64,
}

/// How long streams stay, by number and generation.
#[derive(Clone)]
pub struct Lifetimes(pub Arc<dyn Fn(u64, u64) -> Option<u64> + Send + Sync>);

impl fmt::Debug for Lifetimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lifetimes")
    }
}

/// How many streams stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauge {
    /// By [`State`].
    pub streams: [u64; 7],
}

impl Gauge {
    /// How many stand there.
    pub fn of(&self, state: State) -> u64 {
        self.streams[state as usize]
    }
}

/// The open streams of all workers, the most there were at once, and those that connect.
#[derive(Debug, Default)]
pub struct Census {
    open: AtomicI64,
    peak: AtomicI64,
    /// Streams that are about to connect, or do.
    pending: AtomicI64,
}

impl Census {
    fn change(&self, by: i64) {
        let open = self.open.fetch_add(by, Ordering::Relaxed) + by;
        if by > 0 {
            self.peak.fetch_max(open, Ordering::Relaxed);
        }
    }

    /// One more stream is about to connect, unless so many are already; whether it is.
    fn begin(&self, most: Option<u64>) -> bool {
        let most = most.map_or(i64::MAX, |most| i64::try_from(most).unwrap_or(i64::MAX));
        let next = |pending: i64| (pending < most).then_some(pending + 1);
        let begun = self
            .pending
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        begun.is_ok()
    }

    fn pend(&self, by: i64) {
        self.pending.fetch_add(by, Ordering::Relaxed);
    }

    /// The most open streams at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed).max(0) as u64
    }
}

/// What a worker counts, by population.
#[derive(Debug)]
pub struct Books {
    /// Tallies.
    pub tallies: Vec<Tally>,
    /// Samples of events.
    pub fanouts: Vec<Fanout>,
}

impl Books {
    /// Those of a population.
    #[inline]
    pub fn of(&mut self, role: usize) -> (&mut Tally, &mut Fanout) {
        (&mut self.tallies[role], &mut self.fanouts[role])
    }
}

/// The state of a worker, shared by its tasks.
#[derive(Debug)]
pub struct Worker {
    /// The clock of the run.
    pub clock: Clock,
    /// Populations.
    pub roles: Vec<Role>,
    /// What is counted.
    pub books: RefCell<Books>,
    /// What the streams of all workers together may hold.
    pub room: Arc<Room>,
    /// The read buffer of all streams.
    pub buffer: RefCell<Vec<u8>>,
    seats: RefCell<Vec<Rc<Seat>>>,
    numbered: RefCell<HashMap<u64, Weak<Seat>>>,
    watched: RefCell<BinaryHeap<Reverse<Watch>>>,
    gauge: Cell<Gauge>,
    planned: Cell<u64>,
    census: Arc<Census>,
    half_open: RefCell<Vec<Rest>>,
    /// Reads the streams that have a connection of their own.
    pub poller: Poller,
    /// Connections that streams share, by population.
    pub pools: Vec<Pool>,
    /// Beginnings and ends of storms that something else makes.
    storms: Vec<(u64, u64)>,
    random: Cell<u64>,
    precision: Precision,
}

/// When a stream is to be looked at for what takes too long.
#[derive(Debug)]
struct Watch {
    due_us: u64,
    seat: Weak<Seat>,
}

impl PartialEq for Watch {
    fn eq(&self, other: &Self) -> bool {
        self.due_us == other.due_us
    }
}

impl Eq for Watch {}

impl PartialOrd for Watch {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Watch {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due_us.cmp(&other.due_us)
    }
}

impl Worker {
    /// Without streams. `precision` is that of histograms, `seed` that of chance.
    ///
    /// # Errors
    /// When the system has no descriptor for what reads them.
    pub fn new(
        clock: Clock,
        roles: Vec<Role>,
        storms: Vec<(u64, u64)>,
        precision: Precision,
        (census, room): (Arc<Census>, Arc<Room>),
        seed: u64,
    ) -> io::Result<Self> {
        let books = Books {
            tallies: roles.iter().map(|_| Tally::new(precision)).collect(),
            fanouts: roles.iter().map(|_| Fanout::default()).collect(),
        };
        let pools = roles.iter().map(|_| Pool::default()).collect();
        Ok(Self {
            clock,
            roles,
            books: RefCell::new(books),
            room,
            buffer: RefCell::new(vec![0; BUFFER]),
            seats: RefCell::default(),
            numbered: RefCell::default(),
            watched: RefCell::default(),
            gauge: Cell::default(),
            planned: Cell::default(),
            census,
            half_open: RefCell::default(),
            poller: Poller::new()?,
            pools,
            storms,
            random: Cell::new(seed | 1),
            precision,
        })
    }

    /// Takes a seat in; whether its task is to run. It is not where so many streams connect already
    /// that this start is left out: the stream counts as one that never opened.
    pub fn admit(&self, seat: &Rc<Seat>, most_pending: Option<u64>) -> bool {
        self.seats.borrow_mut().push(seat.clone());
        self.planned.set(self.planned.get() + 1);
        let mut gauge = self.gauge.get();
        gauge.streams[State::Planned as usize] += 1;
        self.gauge.set(gauge);
        if self.census.begin(most_pending) {
            let mut numbered = self.numbered.borrow_mut();
            numbered.insert(seat.number, Rc::downgrade(seat));
            return true;
        }
        let mut books = self.books.borrow_mut();
        let count = &mut books.tallies[seat.role].count;
        count.started += 1;
        count.dropped_starts += 1;
        count.failed += 1;
        drop(books);
        self.census.pend(1);
        seat.enter(State::Failed, self);
        false
    }

    /// Streams that the plan wants open now.
    pub fn planned(&self) -> u64 {
        self.planned.get()
    }

    /// The plan does not want a stream open any more.
    pub fn unplan(&self) {
        self.planned.set(self.planned.get().saturating_sub(1));
    }

    /// How many streams stand where.
    pub fn gauge(&self) -> Gauge {
        self.gauge.get()
    }

    /// A stream moved from one state to another.
    pub fn moved(&self, from: State, to: State) {
        let mut gauge = self.gauge.get();
        gauge.streams[from as usize] -= 1;
        gauge.streams[to as usize] += 1;
        self.gauge.set(gauge);
        let is_open = |state| matches!(state, State::Open | State::Live);
        match (is_open(from), is_open(to)) {
            (false, true) => self.census.change(1),
            (true, false) => self.census.change(-1),
            _ => {}
        }
        let is_pending = |state| matches!(state, State::Planned | State::Connecting);
        match (is_pending(from), is_pending(to)) {
            (false, true) => self.census.pend(1),
            (true, false) => self.census.pend(-1),
            _ => {}
        }
    }

    /// Takes a sample of a stream.
    pub fn record(&self, seat: &Seat, metric: Metric, value: u64) {
        self.books.borrow_mut().tallies[seat.role].record(metric, value);
    }

    /// 64 bits of chance (xorshift64*).
    pub fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// What became of a stream that ended for good like this.
    pub fn verdict(&self, seat: &Seat, cause: Cause) -> State {
        let expect = &self.roles[seat.role].expect;
        let planned = match cause {
            Cause::Client | Cause::End | Cause::Status(204) => true,
            Cause::Eof => expect.end == End::Eof || self.roles[seat.role].reconnect.eof_finishes,
            _ => false,
        };
        let mut books = self.books.borrow_mut();
        let count = &mut books.tallies[seat.role].count;
        if planned {
            count.finished += 1;
            State::Done
        } else {
            count.failed += 1;
            State::Failed
        }
    }

    /// The task of a seat is over. What ended as it should is not looked at any more.
    pub fn leave(&self, seat: &Seat) {
        seat.forget_task();
        seat.give_back(self);
        self.numbered.borrow_mut().remove(&seat.number);
        if seat.state() == State::Done {
            seat.settle(self.clock.now_us(), self);
        }
    }

    /// When a stream that is to start then has been there long enough.
    pub fn lifetime_end(&self, seat: &Seat, planned_us: u64) -> Option<u64> {
        let lifetimes = self.roles[seat.role].lifetime.as_ref()?;
        let lifetime = (lifetimes.0)(seat.number, seat.generation.get())?;
        Some(planned_us.saturating_add(lifetime))
    }

    /// The storm from outside that is going on then, by its beginning.
    pub fn storm_at(&self, at_us: u64) -> Option<u64> {
        let mut storms = self.storms.iter();
        let storm = storms.find(|(begin, end)| (*begin..*end).contains(&at_us));
        storm.map(|(begin, _)| *begin)
    }

    /// Keeps a connection that the server is to think of as alive.
    pub fn forget(&self, half_open: Rest) {
        self.half_open.borrow_mut().push(half_open);
    }

    /// Tells the stream of this number something, if it is there.
    pub fn tell(self: &Rc<Self>, number: u64, command: Command) {
        let seat = self.numbered.borrow().get(&number).and_then(Weak::upgrade);
        if let Some(seat) = seat {
            self.order(&seat, command);
        }
    }

    fn order(self: &Rc<Self>, seat: &Rc<Seat>, command: Command) {
        let (ended, rest) = match seat.move_out() {
            Held::Task => return seat.tell(command),
            Held::Polled(place) => (Ended::Told(command), self.poller.release(place)),
            Held::Tenant(session, stream) => (give_up(&session, stream, command, self), None),
        };
        go_on(self, seat, Over { ended, rest });
    }

    /// Looks at a stream again when it may have taken too long; called when it opens.
    pub fn watch(&self, seat: &Rc<Seat>) {
        if seat.is_watched.get() {
            return;
        }
        if let Some(due_us) = seat.next_deadline(&self.roles[seat.role].expect) {
            seat.is_watched.set(true);
            let seat = Rc::downgrade(seat);
            self.watched
                .borrow_mut()
                .push(Reverse(Watch { due_us, seat }));
        }
    }

    /// Ends the streams that have taken too long by now.
    pub fn look_after(self: &Rc<Self>, now_us: u64) {
        loop {
            let mut watched = self.watched.borrow_mut();
            if watched
                .peek()
                .is_none_or(|Reverse(watch)| watch.due_us > now_us)
            {
                return;
            }
            let watch = watched.pop();
            drop(watched);
            let Some(seat) = watch.and_then(|Reverse(watch)| watch.seat.upgrade()) else {
                continue;
            };
            seat.is_watched.set(false);
            match seat.overdue(&self.roles[seat.role].expect, now_us) {
                Some(command) => self.order(&seat, command),
                None => self.watch(&seat),
            }
        }
    }

    /// Samples the age of the newest event of so many streams, chosen by chance.
    pub fn sample_staleness(&self, samples: usize, now_us: u64) {
        for _ in 0..samples {
            let mut seats = self.seats.borrow_mut();
            let len = seats.len();
            if len == 0 {
                return;
            }
            let at = (self.random() % len as u64) as usize;
            let seat = seats[at].clone();
            if seat.is_over() {
                seats.swap_remove(at);
                continue;
            }
            drop(seats);
            // Its answer is complete, and the next stream in its place has not begun.
            if seat.state() == State::Done {
                continue;
            }
            let newest = seat.with(|inside| inside.account.newest_us);
            self.record(&seat, Metric::Staleness, now_us - newest.min(now_us));
        }
    }

    /// The seats, those of streams that ended as they should perhaps left out.
    pub fn seats(&self) -> Vec<Rc<Seat>> {
        self.seats.borrow().clone()
    }

    /// What streams have waited for so far, by population.
    pub fn waiting(&self, at_us: u64) -> Vec<Tally> {
        let precision = self.precision;
        let mut tallies: Vec<_> = self.roles.iter().map(|_| Tally::new(precision)).collect();
        for seat in self.seats.borrow().iter() {
            let expect = &self.roles[seat.role].expect;
            seat.peek(at_us, expect, &mut tallies[seat.role]);
        }
        tallies
    }

    /// Closes all books when observation stops.
    pub fn settle(&self, at_us: u64) {
        for seat in self.seats() {
            seat.settle(at_us, self);
        }
    }
}
