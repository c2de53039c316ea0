//! One planned stream in its worker: its state, and how to reach its task.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use ssekit_http::{ContentDecoder, Cutoff, ResponseCursor, ResponseHead, ResponsePart};
use ssekit_proto::Parser;

use crate::account::Account;
use crate::cause::Cause;
use crate::content::{decoder_of, feed};
use crate::expectation::{End, Expectation};
use crate::fanout::Fanout;
use crate::intake::Intake;
use crate::metric::Metric;
use crate::over::{Ended, Over};
use crate::session::Session;
use crate::subscriber::go_on;
use crate::tally::Tally;
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

    /// Goes on with a step of the task until it is done or the stream is told something.
    ///
    /// # Errors
    /// What it was told.
    pub async fn obey<T>(&self, step: impl Future<Output = T>) -> Result<T, Command> {
        let mut step = pin!(step);
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

    /// Takes what one read brought.
    ///
    /// # Errors
    /// Why nothing more is read of this response.
    pub fn receive(&self, bytes: &[u8], at_us: u64, worker: &Worker) -> Result<(), Cause> {
        let mut books = worker.books.borrow_mut();
        let (tally, fanout) = books.of(self.role);
        tally.count.reads += 1;
        tally.count.wire_bytes += bytes.len() as u64;
        let inside = &mut *self.inside.borrow_mut();
        let mut input = bytes;
        if inside.account.open_us.is_none() {
            self.head(inside, &mut input, at_us, (tally, fanout), worker)?;
            if inside.account.open_us.is_none() {
                return Ok(());
            }
        }
        let mut intake = Intake {
            clock: worker.clock,
            room: &worker.room,
            expect: &worker.roles[self.role].expect,
            account: &mut inside.account,
            tally,
            fanout,
            topic: self.topic(worker),
            stream: self.number,
            at_us,
            events: 0,
        };
        let (mut content, mut result) = (0, Ok(()));
        while let Some(part) = inside.cursor.next(&mut input) {
            match part {
                ResponsePart::Data(data) => {
                    content += data.len();
                    let (decoder, parser) = (&mut inside.decoder, &mut inside.parser);
                    result = feed(decoder, parser, data, &mut intake);
                    if result.is_err() {
                        break;
                    }
                }
                ResponsePart::Fault(kind) => intake.tally.fault(kind),
                ResponsePart::End => result = Err(Cause::Eof),
                ResponsePart::Head(_) => {}
            }
        }
        intake.finish(content);
        let has_event = intake.events > 0;
        if has_event && self.state.get() == State::Open {
            self.enter(State::Live, worker);
        }
        if inside.account.is_ended {
            return Err(Cause::End);
        }
        if inside.cursor.cutoff() == Cutoff::Broken {
            return Err(Cause::Malformed);
        }
        result
    }

    fn head(
        &self,
        inside: &mut Inside,
        input: &mut &[u8],
        at_us: u64,
        (tally, fanout): (&mut Tally, &mut Fanout),
        worker: &Worker,
    ) -> Result<(), Cause> {
        match inside.cursor.next(input) {
            None => Ok(()),
            Some(ResponsePart::Head(head)) => {
                tally.heads[0] += 1;
                self.open(&mut inside.account, &head, at_us, (tally, fanout), worker)?;
                inside.decoder = decoder_of(&head)?;
                Ok(())
            }
            Some(ResponsePart::Fault(kind)) => {
                tally.fault(kind);
                Err(Cause::Malformed)
            }
            Some(ResponsePart::Data(_) | ResponsePart::End) => Err(Cause::Malformed),
        }
    }

    /// Judges the head; the stream is open when it is the expected one.
    pub fn open(
        &self,
        account: &mut Account,
        head: &ResponseHead,
        at_us: u64,
        (tally, fanout): (&mut Tally, &mut Fanout),
        worker: &Worker,
    ) -> Result<(), Cause> {
        for kind in &head.faults {
            tally.fault(*kind);
        }
        worker.roles[self.role].expect.judge(head)?;
        let since = |us: u64| at_us - us.min(at_us);
        if !account.has_opened {
            account.has_opened = true;
            tally.count.opened += 1;
            tally.record(Metric::Headers, since(account.planned_us));
            tally.record(Metric::HeadersRaw, since(account.connect_us));
        } else {
            tally.count.reconnects += 1;
            account.ledger.resume();
            if let Some(outage) = &account.outage {
                tally.record(Metric::ReconnectHeaders, since(outage.since_us));
            }
        }
        account.open_us = Some(at_us);
        if worker.roles[self.role].expect.shares_events() {
            fanout.join_topic(self.topic(worker), at_us);
        }
        account.last_byte_us = at_us;
        self.enter(State::Open, worker);
        Ok(())
    }

    /// The connection ended by itself: what that means for the response.
    pub fn cut(&self, cause: Cause) -> Cause {
        let inside = self.inside.borrow();
        match (cause, inside.cursor.cutoff()) {
            (Cause::Eof, Cutoff::Unanswered) => Cause::Unanswered,
            (Cause::Eof, Cutoff::Truncated) => Cause::Truncated,
            (Cause::Eof, Cutoff::Broken) => Cause::Malformed,
            _ => cause,
        }
    }

    /// Closes the books of a connection that ended: open gaps are kept apart, and the next
    /// connection begins with a clean parser.
    pub fn close(&self, cause: Cause, at_us: u64, worker: &Worker) {
        let mut books = worker.books.borrow_mut();
        let (tally, fanout) = books.of(self.role);
        let inside = &mut *self.inside.borrow_mut();
        let expect = &worker.roles[self.role].expect;
        let account = &mut inside.account;
        let opened = account.open_us.take();
        if let Some(open) = opened {
            if expect.shares_events() {
                fanout.leave_topic(self.topic(worker), at_us);
            }
            tally.disconnect(cause);
            let life = match cause {
                Cause::Client => Metric::StreamLifeCensored,
                _ => Metric::StreamLife,
            };
            tally.record(life, at_us - open.min(at_us));
            let ended = cause == Cause::End || cause == Cause::Eof && expect.end == End::Eof;
            if let (Some(last), false) = (account.last_event_us, ended) {
                tally.record(Metric::GapCensored, at_us - last.min(at_us));
                tally.record(
                    Metric::SilenceCensored,
                    at_us - account.last_byte_us.min(at_us),
                );
            }
            if let Some(spread) = account.spread_permille(expect.interval_us) {
                tally.record(Metric::SpreadRatio, spread);
            }
            if ended {
                tally.record(Metric::EventsPerStream, account.events.into());
                if expect.tokens.is_some() {
                    let tokens = account.tokens.clone().unwrap_or_default();
                    tokens.finish(account.asked(), tally);
                }
                tally.record(Metric::StreamTime, at_us - account.planned_us.min(at_us));
            }
        } else if cause != Cause::Client {
            tally.error(cause);
        }
        let mut intake = Intake {
            clock: worker.clock,
            room: &worker.room,
            expect,
            account,
            tally,
            fanout,
            topic: self.topic(worker),
            stream: self.number,
            at_us,
            events: 0,
        };
        if inside.parser.finish(&mut intake).discarded {
            intake.tally.count.discarded_tails += 1;
        }
        inside.parser.reset();
        inside.decoder = None;
        let account = &mut inside.account;
        worker.room.hold(&mut account.counted, inside.parser.held());
        account.last_event_us = None;
        account.last_comment_us = None;
        if let Some(tokens) = &mut account.tokens {
            tokens.restart();
        }
        account.burst = None;
        inside.cursor = ResponseCursor::new();
    }

    /// Nothing is read any more: the memory for what was begun is given back.
    pub fn give_back(&self, worker: &Worker) {
        let inside = &mut *self.inside.borrow_mut();
        inside.parser = Parser::new();
        worker.room.hold(&mut inside.account.counted, 0);
    }

    /// The next stream begins in this place: with a clean account and parser.
    pub fn renew(&self, at_us: u64, worker: &Worker) {
        self.settle(at_us, worker);
        self.give_back(worker);
        self.is_settled.set(false);
        self.generation.set(self.generation.get() + 1);
        let mut inside = self.inside.borrow_mut();
        let interval_us = worker.roles[self.role].expect.interval_us;
        inside.account = Account::planned_at(at_us, interval_us);
        self.leaves_us.set(worker.lifetime_end(self, at_us));
    }

    /// When something may have taken too long; `None` while it is not open, or may take for ever.
    pub fn next_deadline(&self, expect: &Expectation) -> Option<u64> {
        let inside = self.inside.borrow();
        let account = &inside.account;
        let open = account.open_us?;
        let first = expect
            .first_event_timeout_us
            .filter(|_| account.last_event_us.is_none());
        let first = first.map(|limit| open + limit);
        let silence = expect.silence_timeout_us;
        let silence = silence.map(|limit| account.last_byte_us + limit);
        let leaves = self.leaves_us.get();
        first.into_iter().chain(silence).chain(leaves).min()
    }

    /// What a stream is told that has taken too long by now, or whose lifetime is over.
    pub fn overdue(&self, expect: &Expectation, now_us: u64) -> Option<Command> {
        let due = self.next_deadline(expect)?;
        if due > now_us {
            return None;
        }
        if self.leaves_us.get().is_some_and(|at| at <= now_us) {
            return Some(Command::Expire);
        }
        let account = &self.inside.borrow().account;
        let silent = expect.silence_timeout_us;
        let silent = silent.is_some_and(|limit| account.last_byte_us + limit <= now_us);
        Some(Command::TimedOut(if silent {
            Cause::SilenceTimeout
        } else {
            Cause::FirstEventTimeout
        }))
    }

    /// Closes the books for good, once: what is still open or due is kept apart.
    pub fn settle(&self, at_us: u64, worker: &Worker) {
        if self.is_settled.replace(true) {
            return;
        }
        let mut books = worker.books.borrow_mut();
        let expect = &worker.roles[self.role].expect;
        self.wait(at_us, expect, books.of(self.role).0);
    }

    /// What the stream has waited for so far, unless that has been counted already.
    pub fn peek(&self, at_us: u64, expect: &Expectation, tally: &mut Tally) {
        if !self.is_settled.get() {
            self.wait(at_us, expect, tally);
        }
    }

    fn wait(&self, at_us: u64, expect: &Expectation, tally: &mut Tally) {
        let account = &self.inside.borrow().account;
        if let Some(open) = account.open_us {
            tally.record(Metric::StreamLifeCensored, at_us - open.min(at_us));
            tally.record(
                Metric::SilenceCensored,
                at_us - account.last_byte_us.min(at_us),
            );
            if let Some(last) = account.last_event_us {
                tally.record(Metric::GapCensored, at_us - last.min(at_us));
            }
            if let Some(spread) = account.spread_permille(expect.interval_us) {
                tally.record(Metric::SpreadRatio, spread);
            }
        }
        if !account.has_event {
            let waited = at_us - account.planned_us.min(at_us);
            tally.record(Metric::FirstEventCensored, waited);
        }
        let tokens = account.tokens.as_ref();
        if expect.tokens.is_some() && !tokens.is_some_and(|tokens| tokens.has_begun()) {
            let waited = at_us - account.planned_us.min(at_us);
            tally.record(Metric::TtftCensored, waited);
        }
        if let Some(storm) = account.outage.as_ref().and_then(|outage| outage.storm_us) {
            tally.record(Metric::StormRecoveryCensored, at_us - storm.min(at_us));
        }
        tally.count.eventless += u64::from(!account.has_event);
        if account.is_ended {
            return;
        }
        if let Some(schedule) = &account.schedule {
            schedule.stop(at_us, |late, count| {
                tally.record_n(Metric::TickLatenessCensored, late, count);
                tally.count.ticks_due += count;
            });
        }
    }
}
