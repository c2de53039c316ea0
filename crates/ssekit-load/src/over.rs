//! A connection that is over for its stream.

use std::net;

use socket2::SockRef;

use crate::cause::Cause;
use crate::seat::{Break, Command};
use crate::subscriber::Wire;

/// Why a connection is over.
#[derive(Debug, Clone, Copy)]
pub enum Ended {
    /// For this.
    Of(Cause),
    /// It was told so.
    Told(Command),
}

impl Ended {
    /// What it is counted as.
    pub fn cause(self) -> Cause {
        match self {
            Self::Of(cause) | Self::Told(Command::TimedOut(cause)) => cause,
            Self::Told(Command::Leave | Command::Expire | Command::Drop { .. }) => Cause::Client,
        }
    }
}

/// A connection that is over, and what there is of it.
#[derive(Debug)]
pub struct Over {
    /// Why.
    pub ended: Ended,
    /// Its socket, where it had one of its own.
    pub rest: Option<Rest>,
}

impl Over {
    /// Of a stream that has no connection of its own.
    pub fn without(ended: Ended) -> Self {
        Self { ended, rest: None }
    }
}

/// The socket of a connection that is over.
#[derive(Debug)]
pub enum Rest {
    /// Of a stream that its own task read.
    Wire(Wire),
    /// Of a stream that the worker read.
    Socket(net::TcpStream),
}

impl Rest {
    /// Ends the connection in this way; what is returned must be kept for it to stay half open.
    pub fn break_off(self, how: Break) -> Option<Self> {
        match how {
            Break::Fin => None,
            Break::Rst => {
                let socket = match &self {
                    Self::Wire(wire) => SockRef::from(wire.tcp()),
                    Self::Socket(socket) => SockRef::from(socket),
                };
                // Where it cannot be asked for, the connection is closed in order.
                let _ = socket.set_linger(Some(std::time::Duration::ZERO));
                None
            }
            Break::HalfOpen => Some(self),
        }
    }
}
