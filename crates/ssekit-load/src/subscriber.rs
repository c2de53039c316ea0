//! The task of one stream: connect, read, and come back.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustls::HandshakeKind;
use ssekit_record::LoadCounts;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_rustls::client::TlsStream;

use crate::account::Outage;
use crate::cause::Cause;
use crate::dial::Sharing;
use crate::metric::Metric;
use crate::over::{Ended, Over, Rest};
use crate::seat::{Command, Seat, State};
use crate::tenant::share;
use crate::worker::Worker;

/// Reads of one stream in one turn at most: a busy stream must not starve the others.
pub const READS_PER_TURN: usize = 4;

/// A connection that carries one stream.
#[derive(Debug)]
pub enum Wire {
    /// TCP alone.
    Plain(TcpStream),
    /// TLS on it.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Wire {
    /// Reads what there is.
    pub fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buf),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, buf),
        }
    }

    /// Writes what there is room for.
    pub fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_write(context, bytes),
        }
    }

    /// Hands on what TLS has not written yet.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    /// Reads something, or nothing at the end.
    pub async fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut buf = ReadBuf::new(buffer);
        poll_fn(|context| self.poll_read(context, &mut buf)).await?;
        Ok(buf.filled().len())
    }

    /// Writes all of it.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(bytes).await,
            Self::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await
            }
        }
    }

    /// Counts its handshake, where there was one.
    pub fn count_handshake(&self, count: &mut LoadCounts) {
        if let Self::Tls(stream) = self {
            let kind = stream.get_ref().1.handshake_kind();
            count.tls_handshakes += 1;
            count.tls_resumed += u64::from(kind == Some(HandshakeKind::Resumed));
        }
    }

    /// The connection below TLS.
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// Begins a stream, or goes on with one whose connection is over, to its end for good or until somebody
/// else waits for what comes of it.
pub async fn subscribe(worker: Rc<Worker>, seat: Rc<Seat>, mut over: Option<Over>) {
    loop {
        if let Some(mut over) = over.take() {
            over.ended = seat.last_end().map_or(over.ended, Ended::Of);
            if !Box::pin(again(&worker, &seat, over)).await {
                break;
            }
        }
        seat.enter(State::Connecting, &worker);
        over = match worker.roles[seat.role].dialer.sharing {
            Sharing::Always(streams) | Sharing::AsAgreed(streams) => {
                share(&worker, &seat, streams).await
            }
            Sharing::Never => {
                let request = attempt(&worker, &seat);
                alone(&worker, &seat, request, None).await
            }
        };
        if over.is_none() {
            return;
        }
    }
    worker.leave(&seat);
}

/// Gives a stream whose connection is over a task again.
pub fn go_on(worker: &Rc<Worker>, seat: &Rc<Seat>, over: Over) {
    spawn_local(subscribe(worker.clone(), seat.clone(), Some(over)));
}

/// Opens a stream that has a connection of its own: this one where there is one already. Where the
/// connection is over it was read to its end; otherwise it is read from now on.
pub async fn alone(
    worker: &Worker,
    seat: &Rc<Seat>,
    request: Vec<u8>,
    wire: Option<Wire>,
) -> Option<Over> {
    // What opening needs is not kept while the stream is read.
    match Box::pin(open(worker, seat, request, wire)).await {
        Ok(wire) => {
            worker.watch(seat);
            read(worker, seat, wire).await
        }
        Err(ended) => Some(Over::without(ended)),
    }
}

/// Begins an attempt in the books; the bytes of its request on HTTP/1.1.
pub fn attempt(worker: &Worker, seat: &Seat) -> Vec<u8> {
    let role = &worker.roles[seat.role];
    let begun = worker.clock.now_us();
    seat.with(|inside| {
        let account = &mut inside.account;
        account.connect_us = begun;
        let mut books = worker.books.borrow_mut();
        let (tally, _) = books.of(seat.role);
        tally.count.attempts += 1;
        match &mut account.outage {
            Some(outage) => {
                outage.attempts += 1;
                if let Some(storm) = outage.storm_us {
                    tally.storm(storm).attempt(begun - storm.min(begun));
                }
            }
            None => {
                tally.count.started += 1;
                tally.record(Metric::ScheduleLag, begun - account.planned_us.min(begun));
            }
        }
        let id = inside.parser.last_event_id();
        let id = if role.reconnect.last_event_id { id } else { "" };
        role.requests.of(seat.number).resuming(id)
    })
}

/// Connects, where there is no connection yet.
async fn connect(worker: &Worker, seat: &Seat) -> Result<Wire, Cause> {
    let dialer = &worker.roles[seat.role].dialer;
    let asked = worker.clock.now_us();
    let target = dialer.target(seat.number).await?;
    let begun = worker.clock.now_us();
    if dialer.names.is_some() {
        worker.record(seat, Metric::Dns, begun - asked);
        seat.with(|inside| inside.account.connect_us = begun);
    }
    let stream = dialer.connect(seat.number, target).await?;
    let connected = worker.clock.now_us();
    worker.record(seat, Metric::TcpConnect, connected - begun);
    let wire = dialer.secure_own(stream).await?;
    if matches!(wire, Wire::Tls(_)) {
        let took = worker.clock.now_us() - connected;
        worker.record(seat, Metric::TlsHandshake, took);
        wire.count_handshake(&mut worker.books.borrow_mut().of(seat.role).0.count);
    }
    Ok(wire)
}

/// Connects, asks, and reads as far as the head.
async fn open(
    worker: &Worker,
    seat: &Seat,
    request: Vec<u8>,
    wire: Option<Wire>,
) -> Result<Wire, Ended> {
    let role = &worker.roles[seat.role];
    let connecting = pin!(async {
        let mut wire = match wire {
            Some(wire) => wire,
            None => connect(worker, seat).await?,
        };
        wire.write(&request)
            .await
            .map_err(|error| Cause::of_io(&error))?;
        Ok(wire)
    });
    let mut wire = seat
        .obey(connecting)
        .await
        .map_err(Ended::Told)?
        .map_err(Ended::Of)?;
    let head = poll_fn(|context| {
        loop {
            match take(worker, seat, &mut wire, context) {
                Poll::Ready(Ok(_)) if seat.state() == State::Connecting => {}
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
                Poll::Pending => return Poll::Pending,
            }
        }
    });
    let head = seat.obey(pin!(timeout(role.head_timeout, head))).await;
    match head.map_err(Ended::Told)? {
        Ok(Ok(())) => Ok(wire),
        Ok(Err(cause)) => Err(Ended::Of(cause)),
        Err(_) => Err(Ended::Of(Cause::HeadTimeout)),
    }
}

/// Reads until the stream is over, or lets it be read.
async fn read(worker: &Worker, seat: &Rc<Seat>, wire: Wire) -> Option<Over> {
    let (ended, wire) = match (&worker.roles[seat.role].pace, wire) {
        (None, Wire::Plain(stream)) => return worker.poller.hold(seat, stream).err(),
        (None, mut wire) => (read_here(worker, seat, &mut wire).await, wire),
        (Some(pace), mut wire) => {
            let reading = Box::pin(read_slowly(worker, seat, &mut wire, pace));
            (reading.await, wire)
        }
    };
    Some(Over {
        ended,
        rest: Some(Rest::Wire(wire)),
    })
}

/// Reads until the stream is over.
async fn read_here(worker: &Worker, seat: &Seat, wire: &mut Wire) -> Ended {
    let reading = poll_fn(|context| {
        for _ in 0..READS_PER_TURN {
            match take(worker, seat, wire, context) {
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(cause)) => return Poll::Ready(cause),
                Poll::Pending => return Poll::Pending,
            }
        }
        worker.books.borrow_mut().of(seat.role).0.count.backlog += 1;
        context.waker().wake_by_ref();
        Poll::Pending
    });
    seat.obey(pin!(reading))
        .await
        .map_or_else(Ended::Told, Ended::Of)
}

/// One read, stamped right after it.
fn take(
    worker: &Worker,
    seat: &Seat,
    wire: &mut Wire,
    context: &mut Context<'_>,
) -> Poll<Result<usize, Cause>> {
    take_at_most(usize::MAX, worker, seat, wire, context)
}

fn take_at_most(
    most: usize,
    worker: &Worker,
    seat: &Seat,
    wire: &mut Wire,
    context: &mut Context<'_>,
) -> Poll<Result<usize, Cause>> {
    let mut buffer = worker.buffer.borrow_mut();
    let most = most.min(buffer.len());
    let mut buf = ReadBuf::new(&mut buffer[..most]);
    let read = match wire.poll_read(context, &mut buf) {
        Poll::Pending => return Poll::Pending,
        Poll::Ready(read) => read,
    };
    let at_us = worker.clock.us(Instant::now());
    Poll::Ready(match read {
        Ok(()) if buf.filled().is_empty() => Err(seat.cut(Cause::Eof)),
        Ok(()) => {
            let count = buf.filled().len();
            seat.receive(buf.filled(), at_us, worker).map(|()| count)
        }
        Err(error) => Err(seat.cut(Cause::of_io(&error))),
    })
}

/// How slowly a stream is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    /// Bytes a second.
    pub bytes_per_s: Option<u64>,
    /// Pauses: how long, and how often one begins.
    pub pause: Option<(Duration, Duration)>,
}

/// Bytes taken at once by a stream that reads at a rate.
const SIP: usize = 4096;

async fn read_slowly(worker: &Worker, seat: &Seat, wire: &mut Wire, pace: &Pace) -> Ended {
    let mut next_pause = pace.pause.map(|(_, every)| Instant::now() + every);
    loop {
        if let (Some(at), Some((pause, every))) = (next_pause, pace.pause)
            && Instant::now() >= at
        {
            if let Err(command) = seat.obey(pin!(sleep(pause))).await {
                return Ended::Told(command);
            }
            next_pause = Some(at + every.max(pause));
        }
        let most = match pace.bytes_per_s {
            Some(rate) => SIP.min(rate.max(1) as usize),
            None => usize::MAX,
        };
        let begun = Instant::now();
        let sip = poll_fn(|context| take_at_most(most, worker, seat, wire, context));
        let sip = match next_pause {
            Some(at) => match seat.obey(pin!(timeout(at - begun.min(at), sip))).await {
                Ok(Err(_)) => continue,
                Ok(Ok(sip)) => Ok(sip),
                Err(command) => Err(command),
            },
            None => seat.obey(pin!(sip)).await,
        };
        let taken = match sip {
            Ok(Ok(taken)) => taken,
            Ok(Err(cause)) => return Ended::Of(cause),
            Err(command) => return Ended::Told(command),
        };
        if let Some(rate) = pace.bytes_per_s {
            let due = begun + Duration::from_secs_f64(taken as f64 / rate.max(1) as f64);
            if let Err(command) = seat.obey(pin!(sleep_until(due.into()))).await {
                return Ended::Told(command);
            }
        }
    }
}

/// Counts what a storm does to a stream whose connection is over; the storm that breaks it off now, by
/// its beginning. A stream that has never been open has nothing to come back to.
fn hit(worker: &Worker, seat: &Seat, ended: Ended, was_open: bool, at_us: u64) -> Option<u64> {
    let cause = ended.cause();
    let known = seat.with(|inside| inside.account.outage.as_ref()?.storm_us);
    let mut books = worker.books.borrow_mut();
    let (tally, _) = books.of(seat.role);
    if let (Some(storm), false, false) = (known, was_open, cause == Cause::Client) {
        tally.storm(storm).error(at_us - storm.min(at_us), cause);
    }
    let has_opened = seat.with(|inside| inside.account.has_opened);
    let (storm, leaves) = match ended {
        Ended::Told(Command::Drop {
            storm_us, leaves, ..
        }) if has_opened => (storm_us, leaves),
        _ if was_open && !matches!(cause, Cause::Client | Cause::End) => {
            (worker.storm_at(at_us)?, false)
        }
        _ => return None,
    };
    if known.is_none() {
        let counted = tally.storm(storm);
        counted.dropped += 1;
        counted.left += u64::from(leaves);
    }
    Some(storm)
}

/// Closes the books of a connection, and waits for the next attempt if there is to be one.
async fn again(worker: &Worker, seat: &Seat, over: Over) -> bool {
    let Over { ended, rest } = over;
    let at_us = worker.clock.now_us();
    let cause = ended.cause();
    let was_open = seat.with(|inside| inside.account.open_us.is_some());
    seat.close(cause, at_us, worker);
    if let (Ended::Told(Command::Drop { how, .. }), Some(rest)) = (ended, rest)
        && let Some(half_open) = rest.break_off(how)
    {
        worker.forget(half_open);
    }
    let role = &worker.roles[seat.role];
    let dropped = matches!(ended, Ended::Told(Command::Drop { .. }));
    let storm_us = hit(worker, seat, ended, was_open, at_us);
    let attempts = seat.with(|inside| {
        inside
            .account
            .outage
            .as_ref()
            .map_or(0, |outage| outage.attempts)
    });
    let attempts = if was_open { 0 } else { attempts };
    let stays = matches!(ended, Ended::Told(Command::Drop { leaves: true, .. }));
    let comes_back =
        role.reconnect.enabled && dropped || role.reconnect.reconnects(cause, attempts);
    if !comes_back || stays {
        let verdict = worker.verdict(seat, cause);
        seat.enter(verdict, worker);
        let told_to_leave = matches!(ended, Ended::Told(Command::Leave | Command::Drop { .. }));
        if verdict != State::Done || !seat.renews || told_to_leave {
            return false;
        }
        // Streams that end at once must not keep the others from their turn.
        tokio::task::yield_now().await;
        seat.renew(at_us, worker);
        return true;
    }
    let (retry_ms, wait_ms) = seat.with(|inside| {
        let account = &mut inside.account;
        let is_initial = !account.has_opened;
        let outage = account.outage.get_or_insert_with(|| {
            Box::new(Outage {
                since_us: at_us,
                attempts: u64::from(is_initial),
                is_initial,
                ..Outage::default()
            })
        });
        outage.storm_us = outage.storm_us.or(storm_us);
        let failed = if was_open { 0 } else { outage.attempts };
        let failed = u32::try_from(failed).unwrap_or(u32::MAX);
        role.reconnect
            .wait_ms(inside.parser.retry_ms(), failed, worker.random())
    });
    seat.enter(State::Backoff, worker);
    let due = at_us + wait_ms * 1000;
    let due_at = worker.clock.instant(due);
    while let Err(told) = seat.obey(pin!(sleep_until(due_at.into()))).await {
        match told {
            Command::Leave | Command::Drop { leaves: true, .. } | Command::Expire => {
                seat.enter(worker.verdict(seat, Cause::Client), worker);
                return false;
            }
            // It is not connected: there is nothing to drop or to wait for.
            Command::Drop { .. } | Command::TimedOut(_) => {}
        }
    }
    let now = worker.clock.now_us();
    worker.record(
        seat,
        Metric::RetryDelay,
        (now - at_us).saturating_sub(retry_ms * 1000),
    );
    seat.with(|inside| {
        if let Some(outage) = &mut inside.account.outage {
            outage.waited_us += wait_ms * 1000;
        }
    });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of what a call gives; it is not made.
    fn size<A, B, C, D, F>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_stream_that_opens_takes_little_memory() {
        // Thousands open at the same time where the server is slow to answer.
        let opening = size(
            |worker: &'static Worker, seat: &'static Seat, request, wire| {
                open(worker, seat, request, wire)
            },
        );
        let task = size(|worker, seat, over, ()| subscribe(worker, seat, over));
        assert!(opening <= 1200, "{opening}");
        assert!(task <= 640, "{task}");
    }
}
