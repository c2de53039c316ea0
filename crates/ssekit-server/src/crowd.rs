//! Streams that are all the same, written to together.
//!
//! Subscribers of one endless stream get the same bytes at the same time. A crowd encodes an event
//! once and writes it to each socket in turn, so that an event costs little more than its system
//! call, and a subscriber no buffer. Whoever does not take an event at once leaves the crowd and is
//! served alone.
use std::{
    collections::HashMap,
    io,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use tokio::{
    net::TcpStream,
    sync::{Notify, watch},
    task::yield_now,
    time::sleep_until,
};

use crate::{clock::Clock, farewell::farewell, plan::Plan, subscription::stopped, tick::Tick};

/// Writes between two chances for other tasks.
const TURN: usize = 64;
/// The last chunk and the empty trailer section (RFC 9112 7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The crowds there are, by what their streams were asked to be.
#[derive(Debug)]
pub(crate) struct Crowds {
    clock: Clock,
    stop: watch::Receiver<bool>,
    /// Crowds of one plan, so that every core has a part of it.
    parts: usize,
    turn: AtomicUsize,
    joining: Mutex<Joining>,
}

/// Who waits to be let into each crowd. A crowd has an entry as long as it is there.
type Joining = HashMap<Key, Vec<Weak<Member>>>;
/// What a crowd's streams were asked to be, and which part of them it has.
type Key = (Plan, usize);

/// A subscriber of a crowd.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) socket: TcpStream,
    left: OnceLock<Leave>,
    called: Notify,
}

/// Why a member is no longer written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Leave {
    /// The server stops; the stream has been ended.
    Ended,
    /// The connection is gone.
    Gone,
    /// This rest of the event of this number could not be written yet.
    Behind { rest: Bytes, number: u64 },
}

impl Member {
    pub(crate) fn new(socket: TcpStream) -> Arc<Self> {
        Arc::new(Self {
            socket,
            left: OnceLock::new(),
            called: Notify::new(),
        })
    }

    /// Waits until the crowd lets go of this member.
    pub(crate) async fn left(&self) -> Leave {
        loop {
            if let Some(leave) = self.left.get() {
                return leave.clone();
            }
            self.called.notified().await;
        }
    }

    /// Writes an event; whether the member stays.
    fn take(&self, chunk: &Bytes, number: u64) -> bool {
        let written = match self.socket.try_write(chunk) {
            Ok(written) if written == chunk.len() => return true,
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                self.leave(Leave::Gone);
                return false;
            }
        };
        let rest = chunk.slice(written..);
        self.leave(Leave::Behind { rest, number });
        false
    }

    fn end(&self) {
        let last = [&chunked(&farewell()), LAST_CHUNK].concat();
        let leave = match self.socket.try_write(&last) {
            Ok(written) if written == last.len() => Leave::Ended,
            _ => Leave::Gone,
        };
        self.leave(leave);
    }

    fn leave(&self, leave: Leave) {
        // Set once only: a member leaves one crowd.
        let _ = self.left.set(leave);
        self.called.notify_one();
    }
}

impl Crowds {
    pub(crate) fn new(clock: Clock, stop: watch::Receiver<bool>) -> Arc<Self> {
        let parts = std::thread::available_parallelism().map_or(1, usize::from);
        Arc::new(Self {
            clock,
            stop,
            parts,
            turn: AtomicUsize::new(0),
            joining: Mutex::default(),
        })
    }

    /// Lets a member in: its first event is the next one due.
    pub(crate) fn join(self: &Arc<Self>, plan: Plan, member: &Arc<Member>) {
        let part = self.turn.fetch_add(1, Ordering::Relaxed) % self.parts;
        let key = (plan, part);
        let mut joining = self.lock();
        if let Some(waiting) = joining.get_mut(&key) {
            waiting.push(Arc::downgrade(member));
            return;
        }
        joining.insert(key.clone(), vec![Arc::downgrade(member)]);
        tokio::spawn(self.clone().run(key));
    }

    /// Serves one crowd until nobody is left.
    async fn run(self: Arc<Self>, key: Key) {
        let plan = &key.0;
        let mut members = Vec::new();
        let mut number = plan.latest(self.clock.now_ms());
        let mut stop = self.stop.clone();
        loop {
            number += 1;
            let stopping = tokio::select! {
                biased;
                () = stopped(&mut stop) => true,
                () = sleep_until(self.clock.instant_of(plan.due_ms(number))) => false,
            };
            if !self.admit(&key, &mut members, stopping) {
                return;
            }
            if stopping {
                members
                    .iter()
                    .filter_map(Weak::upgrade)
                    .for_each(|member| member.end());
                return;
            }
            write(&mut members, &chunk(number, plan), number).await;
        }
    }

    /// Takes in who has joined; whether anybody is there.
    fn admit(&self, key: &Key, members: &mut Vec<Weak<Member>>, last: bool) -> bool {
        let mut joining = self.lock();
        if let Some(waiting) = joining.get_mut(key) {
            members.append(waiting);
        }
        if members.is_empty() || last {
            joining.remove(key);
        }
        !members.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Joining> {
        self.joining.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn write(members: &mut Vec<Weak<Member>>, chunk: &Bytes, number: u64) {
    let mut at = 0;
    let mut turn = 0;
    while at < members.len() {
        let stays = members[at]
            .upgrade()
            .is_some_and(|member| member.take(chunk, number));
        if stays {
            at += 1;
        } else {
            members.swap_remove(at);
        }
        turn += 1;
        if turn % TURN == 0 {
            yield_now().await;
        }
    }
}

/// The event of this number as one chunk (RFC 9112 7.1).
fn chunk(number: u64, plan: &Plan) -> Bytes {
    chunked(&Tick::new(number, plan, &[]).encode())
}

/// Bytes as one chunk (RFC 9112 7.1).
pub(crate) fn chunked(bytes: &[u8]) -> Bytes {
    let size = format!("{:x}\r\n", bytes.len());
    [size.as_bytes(), bytes, b"\r\n"].concat().into()
}
