//! One planned stream in its worker: its state, and how to reach its task.

mod closing;
mod taking;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use ssekit_http::{ContentDecoder, ResponseCursor};
use ssekit_proto::Parser;

use crate::account::Account;
use crate::cause::Cause;
use crate::over::{Ended, Over};
use crate::session::Session;
use crate::subscriber::go_on;
use crate::worker::Worker;

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Its start has not come.
    Planned,
    /// Connecting, or waiting for the head.
    Connecting,
    /// Open, without an event yet.
    Open,
    /// Open, and events come.
    Live,
    /// Waiting before the next attempt.
    Backoff,
    /// Ended for good before it should.
    Failed,
    /// Ended as it should.
    Done,
}

/// What a stream is told from outside its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Close, and do not come back.
    Leave,
    /// Break the connection off in this way at this time, and do as after any disconnect.
    Drop {
        /// How.
        how: Break,
        /// When the storm began.
        storm_us: u64,
        /// Whether it is to stay away.
        leaves: bool,
    },
    /// Its lifetime is over.
    Expire,
    /// Something took too long.
    TimedOut(Cause),
}

/// How a connection is broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Closed in order.
    Fin,
    /// Reset.
    Rst,
    /// Forgotten: the server is told nothing.
    HalfOpen,
}

/// Who waits for what comes of a stream.
#[derive(Debug, Default)]
pub enum Held {
    /// Its own task.
    #[default]
    Task,
    /// The poller, at this place.
    Polled(u32),
    /// The connection that it shares, where it has this number.
    Tenant(Weak<Session>, u32),
}

/// One planned stream.
pub struct Seat {
    /// Number in the whole plan.
    pub number: u64,
    /// Index of its population.
    pub role: usize,
    /// Whether the next stream begins in its place when it has ended as it should.
    pub renews: bool,
    /// How many streams were here before.
    pub generation: Cell<u64>,
    /// When its lifetime is over.
    pub leaves_us: Cell<Option<u64>>,
    state: Cell<State>,
    command: Cell<Option<Command>>,
    /// Why the response ended, where the connection is read by another task.
    over: Cell<Option<Cause>>,
    waker: Cell<Option<Waker>>,
    held: Cell<Held>,
    inside: RefCell<Inside>,
    /// Whether the worker will look at it again.
    pub is_watched: Cell<bool>,
    is_settled: Cell<bool>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({})", self.number)
    }
}

/// What the task works on.
#[derive(Debug)]
pub struct Inside {
    /// Accounts.
    pub account: Account,
    /// Parser of the event stream.
    pub parser: Parser,
    /// What undoes the content coding of the response going on, where it has one.
    pub decoder: Option<Box<ContentDecoder>>,
    /// Reader of the response going on.
    pub cursor: ResponseCursor,
    /// What the read going on has brought so far.
    pub fresh: Fresh,
}

/// What a read of a shared connection has brought one stream so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fresh {
    /// Events.
    pub events: u32,
    /// Bytes of content.
    pub bytes: u32,
}

impl Seat {
    /// A stream that is to start then.
    pub fn new(number: u64, role: usize, renews: bool, account: Account) -> Self {
        Self {
            number,
            role,
            renews,
            generation: Cell::new(0),
            leaves_us: Cell::new(None),
            state: Cell::new(State::Planned),
            command: Cell::new(None),
            over: Cell::new(None),
            waker: Cell::new(None),
            held: Cell::default(),
            is_watched: Cell::new(false),
            is_settled: Cell::new(false),
            inside: RefCell::new(Inside {
                account,
                parser: Parser::new(),
                decoder: None,
                cursor: ResponseCursor::new(),
                fresh: Fresh::default(),
            }),
        }
    }

    /// Its topic, a number within its population.
    pub fn topic(&self, worker: &Worker) -> u64 {
        self.number % worker.roles[self.role].topics.max(1)
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// Whether its stream ended as it should and no other follows in its place.
    pub fn is_over(&self) -> bool {
        self.state.get() == State::Done && self.is_settled.get()
    }

    /// Moves on.
    pub fn enter(&self, state: State, worker: &Worker) {
        let before = self.state.replace(state);
        worker.moved(before, state);
    }

    /// Tells the task something; only the last word counts.
    pub fn tell(&self, command: Command) {
        self.command.set(Some(command));
        self.wake();
    }

    /// Lets the task look again.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake_by_ref();
            self.waker.set(Some(waker));
        }
    }

    /// Its task is about to end, and somebody else waits for what comes.
    pub fn settle_in(&self, held: Held) {
        self.held.set(held);
        self.forget_task();
    }

    /// Who waits for what comes; from now on a task of its own.
    pub fn move_out(&self) -> Held {
        self.held.take()
    }

    /// Lets go of what holds the memory of its task.
    pub fn forget_task(&self) {
        self.waker.set(None);
    }

    /// Tells that the response is over, which another task has read. The last word counts.
    pub fn end(self: &Rc<Self>, cause: Cause, worker: &Rc<Worker>) {
        self.over.set(Some(cause));
        match self.move_out() {
            Held::Task | Held::Polled(_) => self.wake(),
            Held::Tenant(..) => go_on(worker, self, Over::without(Ended::Of(cause))),
        }
    }

    /// Waits for the end of the response.
    pub fn poll_end(&self) -> Poll<Cause> {
        self.last_end().map_or(Poll::Pending, Poll::Ready)
    }

    /// Why the response is over, once it is; once.
    pub fn last_end(&self) -> Option<Cause> {
        self.over.take()
    }

    /// A new attempt begins: the end of the response before is no end of this one.
    pub fn forget_end(&self) {
        self.over.set(None);
    }

    /// Looks at the accounts, or changes them, from outside.
    pub fn with<T>(&self, look: impl FnOnce(&mut Inside) -> T) -> T {
        look(&mut self.inside.borrow_mut())
    }

    /// Goes on with a step of the task until it is done or the stream is told something. The step is
    /// pinned where it is, for what is handed over has its room twice in the task of every stream.
    ///
    /// # Errors
    /// What it was told.
    pub async fn obey<T>(&self, mut step: Pin<&mut impl Future<Output = T>>) -> Result<T, Command> {
        poll_fn(|context| {
            if let Some(command) = self.command.take() {
                return Poll::Ready(Err(command));
            }
            let known = self.waker.take();
            let known = known.filter(|known| known.will_wake(context.waker()));
            let waker = known.unwrap_or_else(|| context.waker().clone());
            self.waker.set(Some(waker));
            step.as_mut().poll(context).map(Ok)
        })
        .await
    }
}
