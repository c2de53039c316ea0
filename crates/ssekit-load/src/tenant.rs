//! A stream that shares its connection with others: where it goes, and what it is brought.

use std::future::poll_fn;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::Poll;

use ssekit_http::{ResponseHead, SessionRequest};
use tokio::time::timeout;

use crate::cause::Cause;
use crate::content::{decoder_of, feed};
use crate::over::{Ended, Over};
use crate::seat::{Break, Command, Held, Seat, State};
use crate::session::{Ready, Session};
use crate::subscriber::{Wire, alone, attempt};
use crate::worker::Worker;

/// Opens a stream on a connection it may share, whose task reads it from then on. Where it has one of
/// its own after all, see [`alone`].
pub async fn share(worker: &Rc<Worker>, seat: &Rc<Seat>, per_connection: u64) -> Option<Over> {
    let request = attempt(worker, seat);
    // What opening needs is not kept while the stream is read.
    match Box::pin(open(worker, seat, per_connection, &request)).await {
        Ok(Place::Shared(session, stream)) => {
            worker.watch(seat);
            seat.settle_in(Held::Tenant(Rc::downgrade(&session), stream));
            None
        }
        Ok(Place::Own(wire)) => Box::pin(alone(worker, seat, request, wire)).await,
        Err(ended) => Some(Over::without(ended)),
    }
}

/// Where a stream is.
enum Place {
    /// On this connection with others, with this number.
    Shared(Rc<Session>, u32),
    /// The server chose HTTP/1.1: it has a connection of its own, this one or one that is to be made.
    Own(Option<Wire>),
}

/// Asks for the stream, and waits for the head, if connections are shared.
async fn open(
    worker: &Rc<Worker>,
    seat: &Rc<Seat>,
    per_connection: u64,
    bytes: &[u8],
) -> Result<Place, Ended> {
    let role = &worker.roles[seat.role];
    if worker.pools[seat.role].is_unshared() {
        return Ok(Place::Own(None));
    }
    let scheme = if role.dialer.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let request = SessionRequest::from_http1(bytes, scheme).ok_or(Ended::Of(Cause::Malformed))?;
    seat.forget_end();
    let (session, stream) = loop {
        let session = worker.pools[seat.role].place(worker, seat.role, per_connection);
        let ready = seat.obey(pin!(session.ready(seat))).await;
        session.release();
        let ready = ready.map_err(Ended::Told)?.map_err(Ended::Of)?;
        if ready == Ready::Unshared {
            return Ok(Place::Own(session.take_wire()));
        }
        if let Some(stream) = session.ask(seat, request.clone()) {
            break (session, stream);
        }
        if let Some(cause) = session.refusal() {
            return Err(Ended::Of(cause));
        }
    };
    let head = poll_fn(|_| match seat.poll_end() {
        Poll::Ready(cause) => Poll::Ready(Some(cause)),
        Poll::Pending if seat.state() == State::Connecting => Poll::Pending,
        Poll::Pending => Poll::Ready(None),
    });
    match seat.obey(pin!(timeout(role.head_timeout, head))).await {
        Ok(Ok(None)) => Ok(Place::Shared(session, stream)),
        Ok(Ok(Some(cause))) => Err(Ended::Of(cause)),
        Ok(Err(_)) => {
            let told = Command::TimedOut(Cause::HeadTimeout);
            Err(give_up(&Rc::downgrade(&session), stream, told, worker))
        }
        Err(told) => Err(give_up(&Rc::downgrade(&session), stream, told, worker)),
    }
}

/// Ends a stream on a connection that it shares because it was told so.
pub fn give_up(session: &Weak<Session>, stream: u32, told: Command, worker: &Worker) -> Ended {
    let is_half_open = matches!(
        told,
        Command::Drop {
            how: Break::HalfOpen,
            ..
        }
    );
    if let Some(session) = session.upgrade() {
        session.give_up(stream, is_half_open, worker);
    }
    Ended::Told(told)
}

/// What became of a piece of content.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    /// Whether it is the first one of its read.
    pub is_first: bool,
    /// Why the stream cannot be read any further, if it cannot.
    pub fault: Option<Cause>,
}

impl Seat {
    /// The head of the response came.
    ///
    /// # Errors
    /// Why it is not the expected one.
    pub fn head_came(&self, head: &ResponseHead, at_us: u64, worker: &Worker) -> Result<(), Cause> {
        let mut books = worker.books.borrow_mut();
        let (tally, fanout) = books.of(self.role);
        tally.heads[1] += 1;
        self.with(|inside| {
            self.open(&mut inside.account, head, at_us, (tally, fanout), worker)?;
            inside.decoder = decoder_of(head)?;
            Ok(())
        })
    }

    /// Content came, perhaps not the only piece of its read.
    pub fn content_came(&self, data: &[u8], at_us: u64, worker: &Worker) -> Taken {
        let mut books = worker.books.borrow_mut();
        let (tally, fanout) = books.of(self.role);
        self.with(|inside| {
            let mut intake = self.intake(&mut inside.account, (tally, fanout), at_us, worker);
            intake.events = inside.fresh.events.into();
            let (decoder, parser) = (&mut inside.decoder, &mut inside.parser);
            let fault = feed(decoder, parser, data, &mut intake).err();
            // One read brings no more than the read buffer holds.
            inside.fresh.events = u32::try_from(intake.events).unwrap_or(u32::MAX);
            let is_first = inside.fresh.bytes == 0;
            inside.fresh.bytes += u32::try_from(data.len()).unwrap_or(u32::MAX);
            Taken { is_first, fault }
        })
    }

    /// Counts what a read brought as a whole.
    ///
    /// # Errors
    /// When it brought the end marker.
    pub fn sum_up(&self, at_us: u64, worker: &Worker) -> Result<(), Cause> {
        let mut books = worker.books.borrow_mut();
        let (tally, fanout) = books.of(self.role);
        let (has_event, is_ended) = self.with(|inside| {
            let fresh = std::mem::take(&mut inside.fresh);
            let mut intake = self.intake(&mut inside.account, (tally, fanout), at_us, worker);
            intake.events = fresh.events.into();
            intake.finish(fresh.bytes as usize);
            (fresh.events > 0, inside.account.is_ended)
        });
        if has_event && self.state() == State::Open {
            self.enter(State::Live, worker);
        }
        if is_ended { Err(Cause::End) } else { Ok(()) }
    }
}
