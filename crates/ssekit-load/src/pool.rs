//! Which connection a stream goes to, where connections carry several (HTTP/2).

use std::cell::RefCell;
use std::rc::Rc;

use tokio::task::spawn_local;

use crate::session::Session;
use crate::worker::Worker;

/// The connections of a population in one worker.
#[derive(Debug, Default)]
pub struct Pool {
    inside: RefCell<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// Connections that may have room.
    roomy: Vec<Rc<Session>>,
    /// Connections made so far.
    made: u64,
    /// Streams that the server allows on one, as it said last.
    allowed: Option<u64>,
    /// Whether the server chose HTTP/1.1, where there is nothing to share.
    is_unshared: bool,
}

impl Pool {
    /// A connection with a place for one more stream, which is kept for it: one there is, or a new
    /// one.
    pub fn place(&self, worker: &Rc<Worker>, role: usize, per_connection: u64) -> Rc<Session> {
        let mut inside = self.inside.borrow_mut();
        let most = per_connection
            .min(inside.allowed.unwrap_or(u64::MAX))
            .max(1);
        while let Some(session) = inside.roomy.last() {
            if session.reserve(most) {
                return session.clone();
            }
            session.is_listed.set(false);
            inside.roomy.pop();
        }
        let session = Rc::new(Session::new(role));
        session.reserve(most);
        session.is_listed.set(true);
        inside.roomy.push(session.clone());
        let number = inside.made;
        inside.made += 1;
        spawn_local(session.clone().drive(worker.clone(), number));
        session
    }

    /// A connection may have room again.
    pub fn offer(&self, session: &Rc<Session>) {
        if !session.is_listed.replace(true) {
            self.inside.borrow_mut().roomy.push(session.clone());
        }
    }

    /// Each stream has a connection of its own from now on.
    pub fn dissolve(&self) {
        let mut inside = self.inside.borrow_mut();
        inside.is_unshared = true;
        inside.roomy.clear();
    }

    /// Whether each stream has a connection of its own.
    pub fn is_unshared(&self) -> bool {
        self.inside.borrow().is_unshared
    }

    /// The server allows so many streams on a connection.
    pub fn allow(&self, streams: u64) {
        self.inside.borrow_mut().allowed = Some(streams);
    }
}
