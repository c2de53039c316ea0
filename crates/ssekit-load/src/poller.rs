//! Reads the connections of a worker that carry one open stream each, without TLS.
//!
//! One task reads all of them, woken by the system's own queue of ready sockets. A stream that is read
//! here has no task and no entry in the runtime: that is most of what a stream would cost in memory, and
//! much of what an event would in time.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::{self, ErrorKind, Read};
use std::net;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;

use crate::cause::Cause;
use crate::over::{Ended, Over, Rest};
use crate::seat::{Held, Seat};
use crate::subscriber::{READS_PER_TURN, go_on};
use crate::worker::Worker;

/// Sockets that are read between two looks at everything else.
const BATCH: usize = 256;

/// The connections.
#[derive(Debug)]
pub struct Poller {
    registry: Registry,
    /// Until reading begins.
    poll: RefCell<Option<Poll>>,
    places: RefCell<Places>,
}

#[derive(Debug, Default)]
struct Places {
    taken: Vec<Option<Place>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place {
    seat: Rc<Seat>,
    socket: net::TcpStream,
}

/// A socket that may hold more.
#[derive(Debug, Clone, Copy)]
struct Ready {
    place: usize,
    /// Whether its end is there too: the system does not tell of it again.
    is_ending: bool,
}

impl Ready {
    fn of(event: &Event) -> Self {
        Self {
            place: event.token().0,
            is_ending: event.is_read_closed() || event.is_error(),
        }
    }
}

/// What became of a socket that was ready.
enum Turn {
    /// It holds nothing more.
    Empty,
    /// It had its turn, and may hold more.
    Busy,
    /// The response is over.
    Over(Cause),
}

impl Poller {
    /// Without connections.
    ///
    /// # Errors
    /// When the system has no descriptor for its queue.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self {
            registry: poll.registry().try_clone()?,
            poll: RefCell::new(Some(poll)),
            places: RefCell::default(),
        })
    }

    /// Reads the stream from now on. The task of the stream is to end: another one is begun when the
    /// connection is over.
    ///
    /// # Errors
    /// When the system does not watch the socket.
    pub fn hold(&self, seat: &Rc<Seat>, stream: TcpStream) -> Result<(), Over> {
        let failed = |error: &io::Error| Over::without(Ended::Of(Cause::of_io(error)));
        let socket = stream.into_std().map_err(|error| failed(&error))?;
        let mut places = self.places.borrow_mut();
        let place = places.free.pop();
        let place = place.unwrap_or(u32::try_from(places.taken.len()).unwrap_or(u32::MAX));
        let (fd, token) = (socket.as_raw_fd(), Token(place as usize));
        let watched = self
            .registry
            .register(&mut SourceFd(&fd), token, Interest::READABLE);
        if let Err(error) = watched {
            places.free.push(place);
            return Err(failed(&error));
        }
        if places.taken.len() == place as usize {
            places.taken.push(None);
        }
        seat.settle_in(Held::Polled(place));
        let seat = seat.clone();
        places.taken[place as usize] = Some(Place { seat, socket });
        Ok(())
    }

    /// Reads the connection at this place no more.
    pub fn release(&self, place: u32) -> Option<Rest> {
        let mut places = self.places.borrow_mut();
        let Place { socket, .. } = places.taken.get_mut(place as usize)?.take()?;
        places.free.push(place);
        // A connection that is kept half open is not to be told of any more; all others are closed.
        let _ = self.registry.deregister(&mut SourceFd(&socket.as_raw_fd()));
        Some(Rest::Socket(socket))
    }

    /// The queue of ready sockets, for [`read_all`]; once.
    ///
    /// # Errors
    /// When the runtime does not watch it.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe; a Poll keeps its descriptor to its end"
    )]
    pub fn queue(&self) -> io::Result<AsyncFd<Poll>> {
        let poll = self.poll.take().map_or_else(Poll::new, Ok)?;
        AsyncFd::with_interest(poll, tokio::io::Interest::READABLE)
    }

    /// Reads what a socket holds, but not for too long. Each read is stamped right after it.
    fn read(&self, ready: Ready, worker: &Worker) -> Turn {
        let places = self.places.borrow();
        let Some(Some(Place { seat, socket })) = places.taken.get(ready.place) else {
            return Turn::Empty;
        };
        let mut socket: &net::TcpStream = socket;
        let mut buffer = worker.buffer.borrow_mut();
        for _ in 0..READS_PER_TURN {
            let count = match socket.read(&mut buffer) {
                Ok(0) => return Turn::Over(seat.cut(Cause::Eof)),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Turn::Empty,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Turn::Over(seat.cut(Cause::of_io(&error))),
            };
            let at_us = worker.clock.us(Instant::now());
            if let Err(cause) = seat.receive(&buffer[..count], at_us, worker) {
                return Turn::Over(cause);
            }
            if count < buffer.len() && !ready.is_ending {
                return Turn::Empty;
            }
        }
        worker.books.borrow_mut().of(seat.role).0.count.backlog += 1;
        Turn::Busy
    }

    /// Gives a stream whose response is over a task again.
    fn part_with(&self, place: usize, cause: Cause, worker: &Rc<Worker>) {
        let seat = match self.places.borrow().taken.get(place) {
            Some(Some(place)) => place.seat.clone(),
            _ => return,
        };
        seat.move_out();
        let rest = self.release(place as u32);
        let ended = Ended::Of(cause);
        go_on(worker, &seat, Over { ended, rest });
    }
}

/// Reads all connections there are, and all that come, until the run is over.
///
/// # Errors
/// When the system tells of no more ready sockets.
pub async fn read_all(worker: Rc<Worker>, mut queue: AsyncFd<Poll>) -> io::Result<Infallible> {
    let poller = &worker.poller;
    let mut events = Events::with_capacity(BATCH);
    let mut ready: Vec<Ready> = Vec::with_capacity(2 * BATCH);
    loop {
        let is_idle = ready.is_empty();
        let mut has_more = take(&mut queue, is_idle, &mut events).await?;
        ready.extend(events.iter().map(Ready::of));
        ready.retain(|ready| match poller.read(*ready, &worker) {
            Turn::Empty => false,
            Turn::Busy => true,
            Turn::Over(cause) => {
                poller.part_with(ready.place, cause, &worker);
                false
            }
        });
        has_more |= !ready.is_empty();
        if has_more {
            // Everything else has its turn too.
            tokio::task::yield_now().await;
        }
    }
}

/// Takes sockets that are ready out of the queue, waiting for the first where there is nothing else to
/// do; whether there may be more.
async fn take(queue: &mut AsyncFd<Poll>, waits: bool, events: &mut Events) -> io::Result<bool> {
    if !waits {
        return take_now(queue.get_mut(), events);
    }
    let mut guard = queue.readable_mut().await?;
    let has_more = take_now(guard.get_inner_mut(), events)?;
    if !has_more {
        guard.clear_ready();
    }
    Ok(has_more)
}

fn take_now(poll: &mut Poll, events: &mut Events) -> io::Result<bool> {
    match poll.poll(events, Some(Duration::ZERO)) {
        Ok(()) => Ok(events.iter().count() == BATCH),
        Err(error) if error.kind() == ErrorKind::Interrupted => {
            events.clear();
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
