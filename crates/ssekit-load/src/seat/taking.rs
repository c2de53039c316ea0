//! What a read brings a stream: the head, then its events.

use ssekit_http::{Cutoff, ResponseHead, ResponsePart};

use super::{Inside, Seat, State};
use crate::account::Account;
use crate::cause::Cause;
use crate::content::{decoder_of, feed};
use crate::fanout::Fanout;
use crate::intake::Intake;
use crate::metric::Metric;
use crate::tally::Tally;
use crate::worker::Worker;

impl Seat {
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
        let mut intake = self.intake(&mut inside.account, (tally, fanout), at_us, worker);
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

    /// What takes the events of a read that came then.
    pub fn intake<'a>(
        &self,
        account: &'a mut Account,
        (tally, fanout): (&'a mut Tally, &'a mut Fanout),
        at_us: u64,
        worker: &'a Worker,
    ) -> Intake<'a> {
        Intake {
            clock: worker.clock,
            room: &worker.room,
            expect: &worker.roles[self.role].expect,
            account,
            tally,
            fanout,
            topic: self.topic(worker),
            stream: self.number,
            at_us,
            events: 0,
        }
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
}
