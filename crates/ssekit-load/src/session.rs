//! One HTTP/2 connection with the streams on it.
//!
//! The connection has a task of its own, which reads it into the buffer of the worker and gives
//! each stream what is its own, in the same turn. The task of a stream only waits for its end. What
//! one read brings of a stream is one read to it, in however many frames it came.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use ssekit_http::{ClientSession, SessionPart, SessionRequest};
use tokio::io::ReadBuf;
use tokio::time::timeout;

use crate::cause::Cause;
use crate::dial::Sharing;
use crate::metric::Metric;
use crate::seat::Seat;
use crate::subscriber::{READS_PER_TURN, Wire};
use crate::worker::Worker;

/// The error code of a stream that was not begun, such as one too many (RFC 9113 section 7).
const REFUSED_STREAM: u32 = 7;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connecting,
    Open,
    /// The server chose HTTP/1.1, where a connection has one stream.
    Unshared,
    /// Nobody needs it any more.
    Leaving,
    Over(Cause),
}

/// What a connection turned out to be good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ready {
    /// Requests of many streams.
    Shared,
    /// Those of one stream.
    Unshared,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    role: usize,
    stage: Cell<Stage>,
    /// Places kept for streams that have not asked yet.
    reserved: Cell<u64>,
    /// Whether the pool offers it.
    pub is_listed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// The connection itself, where it turned out to be for one stream, until one takes it.
    unshared: RefCell<Option<Wire>>,
    inside: RefCell<Inside>,
}

#[derive(Debug)]
struct Inside {
    http2: ClientSession,
    /// Who is on which stream, by rising number of the stream.
    tenants: Vec<(u32, Rc<Seat>)>,
    waiting: Vec<Rc<Seat>>,
    /// Whom the read going on brought content.
    touched: Vec<(u32, Rc<Seat>)>,
}

impl Inside {
    fn tenant(&self, stream: u32) -> Option<&Rc<Seat>> {
        let at = self
            .tenants
            .binary_search_by_key(&stream, |tenant| tenant.0);
        Some(&self.tenants[at.ok()?].1)
    }

    fn evict(&mut self, stream: u32) -> Option<Rc<Seat>> {
        let at = self
            .tenants
            .binary_search_by_key(&stream, |tenant| tenant.0);
        Some(self.tenants.remove(at.ok()?).1)
    }
}

impl Session {
    /// Before it is connected.
    pub fn new(role: usize) -> Self {
        Self {
            role,
            stage: Cell::new(Stage::Connecting),
            reserved: Cell::new(0),
            is_listed: Cell::new(false),
            waker: RefCell::new(None),
            unshared: RefCell::new(None),
            inside: RefCell::new(Inside {
                http2: ClientSession::new(),
                tenants: Vec::new(),
                waiting: Vec::new(),
                touched: Vec::new(),
            }),
        }
    }

    /// Keeps a place for a stream where fewer than `most` are taken; whether it did.
    pub fn reserve(&self, most: u64) -> bool {
        let inside = self.inside.borrow();
        let taken = self.reserved.get() + inside.http2.streams() as u64;
        let is_usable = match self.stage.get() {
            Stage::Connecting => true,
            Stage::Open => {
                let most = u64::from(inside.http2.most_streams());
                inside.http2.has_room() && taken < most
            }
            Stage::Unshared | Stage::Leaving | Stage::Over(_) => false,
        };
        let fits = is_usable && taken < most;
        self.reserved.set(self.reserved.get() + u64::from(fits));
        fits
    }

    /// A place that was kept is not needed, or is taken now.
    pub fn release(&self) {
        self.reserved.set(self.reserved.get().saturating_sub(1));
    }

    /// Waits until requests can be sent.
    ///
    /// # Errors
    /// Why there is no connection.
    pub async fn ready(&self, seat: &Rc<Seat>) -> Result<Ready, Cause> {
        if self.stage.get() == Stage::Connecting {
            self.inside.borrow_mut().waiting.push(seat.clone());
        }
        poll_fn(|_| match self.stage.get() {
            Stage::Connecting => Poll::Pending,
            Stage::Open | Stage::Leaving => Poll::Ready(Ok(Ready::Shared)),
            Stage::Unshared => Poll::Ready(Ok(Ready::Unshared)),
            Stage::Over(cause) => Poll::Ready(Err(cause)),
        })
        .await
    }

    /// The connection that is for one stream, for the first that asks.
    pub fn take_wire(&self) -> Option<Wire> {
        self.unshared.borrow_mut().take()
    }

    /// Sends the request of a stream; its number, or `None` where there is no room for it.
    pub fn ask(&self, seat: &Rc<Seat>, request: SessionRequest) -> Option<u32> {
        if self.stage.get() != Stage::Open {
            return None;
        }
        let inside = &mut *self.inside.borrow_mut();
        let stream = inside.http2.request(request)?;
        inside.tenants.push((stream, seat.clone()));
        self.wake();
        Some(stream)
    }

    /// Why the server takes no request on a connection that is open: then a new one is no better.
    pub fn refusal(&self) -> Option<Cause> {
        let http2 = &self.inside.borrow().http2;
        if http2.leaves() {
            Some(Cause::Goaway)
        } else {
            (http2.most_streams() == 0).then_some(Cause::Refused)
        }
    }

    /// A stream is given up, and the server told so unless it is to think of it as alive. A
    /// connection that nobody needs any more is closed.
    pub fn give_up(self: &Rc<Self>, stream: u32, silently: bool, worker: &Worker) {
        let mut inside = self.inside.borrow_mut();
        inside.evict(stream);
        if !silently {
            inside.http2.cancel(stream);
        }
        let is_empty = inside.http2.streams() == 0 && self.reserved.get() == 0;
        drop(inside);
        if is_empty && self.stage.get() == Stage::Open {
            self.stage.set(Stage::Leaving);
        }
        self.wake();
        worker.pools[self.role].offer(self);
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// The task of the connection, from connect(2) to its end. `number` chooses the addresses.
    pub async fn drive(self: Rc<Self>, worker: Rc<Worker>, number: u64) {
        let cause = match self.connect(&worker, number).await {
            Ok(wire) if !self.is_shared(&wire) && self.may_be_unshared(&worker) => {
                return self.hand_over(wire, &worker);
            }
            Ok(wire) if !self.is_shared(&wire) => Cause::Tls,
            Ok(mut wire) => {
                let limit = worker.roles[self.role].head_timeout;
                let greeting = poll_fn(|context| self.turn(&worker, &mut wire, true, context));
                match timeout(limit, greeting).await {
                    Ok(Some(cause)) => cause,
                    Ok(None) => {
                        let reading = |context: &mut Context<'_>| {
                            self.turn(&worker, &mut wire, false, context)
                        };
                        poll_fn(reading).await.unwrap_or(Cause::Client)
                    }
                    Err(_) => Cause::HeadTimeout,
                }
            }
            Err(cause) => cause,
        };
        self.end(cause, &worker);
    }

    async fn connect(&self, worker: &Worker, number: u64) -> Result<Wire, Cause> {
        let dialer = &worker.roles[self.role].dialer;
        let record = |metric, since| {
            let took = worker.clock.now_us() - since;
            worker
                .books
                .borrow_mut()
                .of(self.role)
                .0
                .record(metric, took);
        };
        let asked = worker.clock.now_us();
        let target = dialer.target(number).await?;
        if dialer.names.is_some() {
            record(Metric::Dns, asked);
        }
        let begun = worker.clock.now_us();
        let stream = dialer.connect(number, target).await?;
        record(Metric::TcpConnect, begun);
        let connected = worker.clock.now_us();
        let wire = dialer.secure_shared(stream).await?;
        if matches!(wire, Wire::Tls(_)) {
            record(Metric::TlsHandshake, connected);
            wire.count_handshake(&mut worker.books.borrow_mut().of(self.role).0.count);
        }
        Ok(wire)
    }

    /// Whether HTTP/2 is spoken: by prior knowledge, or as the server chose.
    fn is_shared(&self, wire: &Wire) -> bool {
        match wire {
            Wire::Plain(_) => true,
            Wire::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    fn may_be_unshared(&self, worker: &Worker) -> bool {
        matches!(worker.roles[self.role].dialer.sharing, Sharing::AsAgreed(_))
    }

    /// Lets the streams that wait have connections of their own, one of them this one.
    fn hand_over(&self, wire: Wire, worker: &Worker) {
        self.stage.set(Stage::Unshared);
        *self.unshared.borrow_mut() = Some(wire);
        worker.pools[self.role].dissolve();
        let waiting = std::mem::take(&mut self.inside.borrow_mut().waiting);
        waiting.iter().for_each(|seat| seat.wake());
    }

    /// Writes what waits and reads what came, but not for too long. Ends with the cause, or, in the
    /// greeting, with `None` when requests can be sent.
    fn turn(
        self: &Rc<Self>,
        worker: &Rc<Worker>,
        wire: &mut Wire,
        greets: bool,
        context: &mut Context<'_>,
    ) -> Poll<Option<Cause>> {
        *self.waker.borrow_mut() = Some(context.waker().clone());
        for _ in 0..READS_PER_TURN {
            if let Err(error) = self.write(wire, context) {
                return Poll::Ready(Some(Cause::of_io(&error)));
            }
            if self.stage.get() == Stage::Leaving {
                return Poll::Ready(Some(Cause::Client));
            }
            let mut buffer = worker.buffer.borrow_mut();
            let mut buf = ReadBuf::new(&mut buffer);
            let Poll::Ready(read) = wire.poll_read(context, &mut buf) else {
                return Poll::Pending;
            };
            let at_us = worker.clock.us(Instant::now());
            let taken = match read {
                Ok(()) if buf.filled().is_empty() => Err(Cause::Eof),
                Ok(()) => self.take(buf.filled(), at_us, worker),
                Err(error) => Err(Cause::of_io(&error)),
            };
            if let Err(cause) = taken {
                return Poll::Ready(Some(cause));
            }
            if greets && self.stage.get() == Stage::Open {
                return Poll::Ready(None);
            }
        }
        worker.books.borrow_mut().of(self.role).0.count.backlog += 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn write(&self, wire: &mut Wire, context: &mut Context<'_>) -> std::io::Result<()> {
        let http2 = &mut self.inside.borrow_mut().http2;
        while !http2.output().is_empty() {
            match wire.poll_write(context, http2.output()) {
                Poll::Ready(count) => http2.written(count?),
                Poll::Pending => return Ok(()),
            }
        }
        match wire.poll_flush(context) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }

    /// Takes what one read brought.
    fn take(self: &Rc<Self>, bytes: &[u8], at_us: u64, worker: &Rc<Worker>) -> Result<(), Cause> {
        {
            let mut books = worker.books.borrow_mut();
            let count = &mut books.of(self.role).0.count;
            count.reads += 1;
            count.wire_bytes += bytes.len() as u64;
        }
        let inside = &mut *self.inside.borrow_mut();
        let (mut input, mut result) = (bytes, Ok(()));
        loop {
            match inside.http2.next(&mut input) {
                Ok(Some(part)) => self.part(inside, part, at_us, worker),
                Ok(None) => break,
                Err(kind) => {
                    worker.books.borrow_mut().of(self.role).0.fault(kind);
                    result = Err(Cause::Malformed);
                    break;
                }
            }
        }
        let mut touched = std::mem::take(&mut inside.touched);
        for (stream, seat) in touched.drain(..) {
            if let Err(cause) = seat.sum_up(at_us, worker) {
                inside.http2.cancel(stream);
                self.dismiss(inside, stream, cause, worker);
                // The marker says more than an end that the same read brought.
                seat.end(cause, worker);
            }
        }
        inside.touched = touched;
        result
    }

    fn part(
        self: &Rc<Self>,
        inside: &mut Inside,
        part: SessionPart<'_>,
        at_us: u64,
        worker: &Rc<Worker>,
    ) {
        let (stream, cause) = match part {
            SessionPart::Settings => {
                self.allow(u64::from(inside.http2.most_streams()), worker);
                if self.stage.get() == Stage::Connecting {
                    self.stage.set(Stage::Open);
                }
                inside.waiting.drain(..).for_each(|seat| seat.wake());
                return;
            }
            SessionPart::Head(stream, head) => {
                let Some(seat) = inside.tenant(stream) else {
                    return;
                };
                let Err(cause) = seat.head_came(&head, at_us, worker) else {
                    seat.wake();
                    return;
                };
                inside.http2.cancel(stream);
                (stream, cause)
            }
            SessionPart::Data(stream, data) => {
                let Some(seat) = inside.tenant(stream).cloned() else {
                    return;
                };
                let taken = seat.content_came(data, at_us, worker);
                if taken.is_first {
                    inside.touched.push((stream, seat));
                }
                let Some(cause) = taken.fault else {
                    return;
                };
                inside.http2.cancel(stream);
                (stream, cause)
            }
            SessionPart::End(stream) => (stream, Cause::Eof),
            SessionPart::Reset(stream, REFUSED_STREAM) => (stream, Cause::RefusedStream),
            SessionPart::Reset(stream, _) => (stream, Cause::RstStream),
            SessionPart::Malformed(stream) => (stream, Cause::Malformed),
            SessionPart::Goaway(last) => {
                let at = inside.tenants.partition_point(|tenant| tenant.0 <= last);
                for (stream, seat) in inside.tenants.split_off(at) {
                    inside.http2.cancel(stream);
                    seat.end(Cause::Goaway, worker);
                }
                return;
            }
        };
        self.dismiss(inside, stream, cause, worker);
    }

    /// The server allows so many streams; fewer than asked for is worth a word in the report.
    fn allow(&self, most: u64, worker: &Worker) {
        worker.pools[self.role].allow(most);
        let asked = match worker.roles[self.role].dialer.sharing {
            Sharing::Always(asked) | Sharing::AsAgreed(asked) => asked,
            Sharing::Never => 1,
        };
        if most < asked {
            let mut books = worker.books.borrow_mut();
            let allowed = &mut books.of(self.role).0.allowed;
            *allowed = allowed.iter().copied().chain([most]).min();
        }
    }

    /// A stream is over.
    fn dismiss(
        self: &Rc<Self>,
        inside: &mut Inside,
        stream: u32,
        cause: Cause,
        worker: &Rc<Worker>,
    ) {
        if let Some(seat) = inside.evict(stream) {
            seat.end(cause, worker);
            worker.pools[self.role].offer(self);
        }
    }

    /// The connection is over, and with it all its streams.
    fn end(&self, cause: Cause, worker: &Rc<Worker>) {
        self.stage.set(Stage::Over(match cause {
            Cause::Eof => Cause::Unanswered,
            other => other,
        }));
        let inside = &mut *self.inside.borrow_mut();
        let leaves = inside.http2.leaves();
        inside.waiting.drain(..).for_each(|seat| seat.wake());
        for (_, seat) in inside.tenants.drain(..) {
            let is_open = seat.with(|inside| inside.account.open_us.is_some());
            let cause = match cause {
                Cause::Eof if leaves => Cause::Goaway,
                Cause::Eof if is_open => Cause::Truncated,
                Cause::Eof => Cause::Unanswered,
                other => other,
            };
            seat.end(cause, worker);
        }
    }
}
