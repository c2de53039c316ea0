//! From the origin through the valve to whoever serves the client.
use std::time::Duration;

use bytes::Bytes;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    HopMode,
    upstream::{Part, Upstream},
    valve::Valve,
};

/// Pieces that may wait for the client.
const WAITING: usize = 1;
/// The same for a hop that takes whatever comes: more than any stream of a run has.
const SWALLOWED: usize = 1 << 20;
/// Longest that a client without any more to come is kept waiting.
const SILENCE: Duration = Duration::from_secs(60);

/// Passes the content on in a task of its own, which ends with the receiver unless the mode says
/// otherwise.
pub(super) fn start(upstream: Upstream, valve: Valve, mode: HopMode) -> Receiver<Part> {
    let room = match mode {
        HopMode::Swallow => SWALLOWED,
        _ => WAITING,
    };
    let (sender, receiver) = channel(room);
    let relay = Relay {
        upstream,
        valve,
        mode,
        sender,
        born: Instant::now(),
    };
    tokio::spawn(relay.run());
    receiver
}

struct Relay {
    upstream: Upstream,
    valve: Valve,
    mode: HopMode,
    sender: Sender<Part>,
    born: Instant,
}

impl Relay {
    async fn run(mut self) {
        let last = self.content().await;
        let last = match (last, self.mode) {
            (Some(Part::Broken), HopMode::CleanEnd) => Some(Part::End),
            (last, _) => last,
        };
        let Some(last) = last else { return };
        if last == Part::Broken && self.mode == HopMode::SilentEnd {
            let end = Instant::now() + SILENCE;
            let _ = timeout_at(end, self.sender.closed()).await;
            return;
        }
        while let Some(due) = self.valve.due() {
            sleep_until(due).await;
            let pieces = self.valve.fire();
            self.send(pieces).await;
        }
        let pieces = self.valve.finish();
        self.send(pieces).await;
        let _ = self.sender.send(last).await;
    }

    /// Passes on what comes; how it ends, or nothing when the client is gone.
    async fn content(&mut self) -> Option<Part> {
        let mut heard = Instant::now();
        loop {
            let due = self.valve.due();
            let cut = self.cut(heard);
            tokio::select! {
                part = self.upstream.next() => match part {
                    Part::Data(piece) => {
                        heard = Instant::now();
                        let pieces = self.valve.take(self.worked(piece), heard);
                        self.send(pieces).await;
                    }
                    end => return Some(end),
                },
                () = at(due) => {
                    let pieces = self.valve.fire();
                    self.send(pieces).await;
                }
                () = at(cut) => return Some(Part::Broken),
                () = self.sender.closed(), if self.mode != HopMode::AbortIgnored => return None,
            }
        }
    }

    /// When the hop ends the stream by itself.
    fn cut(&self, heard: Instant) -> Option<Instant> {
        match self.mode {
            HopMode::IdleCut(time) => Some(heard + time),
            HopMode::LifetimeCut(time) => Some(self.born + time),
            _ => None,
        }
    }

    fn worked(&self, piece: Bytes) -> Bytes {
        match self.mode {
            HopMode::Recode => String::from_utf8_lossy(&piece).into_owned().into(),
            _ => piece,
        }
    }

    async fn send(&self, pieces: Vec<Bytes>) {
        for piece in pieces {
            // Nobody is there any more: that is noticed elsewhere.
            let _ = self.sender.send(Part::Data(piece)).await;
        }
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
