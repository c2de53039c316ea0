//! The end of a connection, and of a stream, in its books; and when either is due.

use ssekit_http::ResponseCursor;
use ssekit_proto::Parser;

use super::{Command, Seat};
use crate::account::Account;
use crate::cause::Cause;
use crate::expectation::{End, Expectation};
use crate::metric::Metric;
use crate::tally::Tally;
use crate::worker::Worker;

impl Seat {
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
        let mut intake = self.intake(account, (tally, fanout), at_us, worker);
        if inside.parser.finish(&mut intake).discarded {
            intake.tally.count.discarded_tails += 1;
        }
        inside.parser.reset();
        inside.decoder = None;
        let account = &mut inside.account;
        worker.room.hold(&mut account.counted, inside.parser.held());
        worker.room.hold_decoded(&mut account.counted_decoded, 0);
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
