//! One stream of `/events`: which piece comes next, and when.
//!
//! A subscription computes each piece when the connection asks for it, so nothing is queued for a
//! client that does not read; one that has not read for [`STALL`], or has fallen behind the
//! history, is ended instead of being given a backlog.
use std::{collections::VecDeque, sync::Arc, time::Duration};

use ssekit_proto::{encode_comment, encode_retry};
use tokio::{
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    clock::Clock,
    farewell::farewell,
    fault::{self, Batch, Fault},
    flaw::{Flaw, FlowFlaw, ResumeFlaw, TextFlaw},
    garble::Garble,
    outlet::Outlet,
    piece::{Piece, PieceKind, Write},
    plan::Plan,
    position::Position,
    tick::Tick,
};

/// Longest time a client may go without reading.
pub(crate) const STALL: Duration = Duration::from_secs(5);
/// Reconnection time sent at the start, in milliseconds.
const RETRY_MS: u64 = 3000;
const HELLO: &str = " ssekit reference server";
const RESET: &str = " Last-Event-ID is not known here: starting anew";

/// What a subscription is made of.
pub(crate) struct Order {
    pub(crate) plan: Plan,
    pub(crate) position: Position,
    pub(crate) clock: Clock,
    pub(crate) history: u64,
    pub(crate) flaw: Option<Flaw>,
    pub(crate) faults: Arc<[Fault]>,
    /// Whether a `Last-Event-ID` came.
    pub(crate) resumed: bool,
    /// Text for the opening comment, where a defect copies it there.
    pub(crate) reflection: Option<Vec<u8>>,
    /// Becomes true when the server stops.
    pub(crate) stop: watch::Receiver<bool>,
    /// What the next stream waits for, where a defect serves one at a time.
    pub(crate) turn: Option<OwnedSemaphorePermit>,
}

/// One stream.
pub(crate) struct Subscription {
    order: Order,
    garble: Garble,
    outlet: Outlet,
    batch: Option<Batch>,
    queue: VecDeque<Write>,
    /// Number of the last event produced.
    cursor: u64,
    /// Events produced.
    count: u64,
    /// Events up to this one are a replay.
    replay_until: u64,
    /// Whether an event after the replay was produced.
    crossed: bool,
    /// When the next event of a finite stream is due.
    due: Instant,
    opened: Instant,
    /// When the last piece was produced.
    produced: Instant,
    /// When the last write was handed out.
    handed: Option<Instant>,
    begun: bool,
    ended: bool,
}

impl Subscription {
    pub(crate) fn new(order: Order) -> Self {
        let now = Instant::now();
        let latest = order.plan.latest(order.clock.now_ms());
        let (text, flow) = match order.flaw {
            Some(Flaw::Text(text)) => (Some(text), None),
            Some(Flaw::Flow(flow)) => (None, Some(flow)),
            _ => (None, None),
        };
        Self {
            garble: Garble::new(text, order.resumed),
            outlet: Outlet::new(flow.or_else(|| block(&order.faults))),
            batch: Batch::of(&order.faults),
            queue: VecDeque::new(),
            cursor: first_cursor(&order, latest),
            count: 0,
            replay_until: latest,
            crossed: false,
            due: now,
            opened: now,
            produced: now,
            handed: None,
            begun: false,
            ended: false,
            order,
        }
    }

    /// A stream that has begun already, and goes on after its position.
    pub(crate) fn continued(order: Order) -> Self {
        Self {
            begun: true,
            ..Self::new(order)
        }
    }

    /// The next write; `None` at the clean end. Pauses are waited out here.
    pub(crate) async fn next(&mut self) -> Option<Write> {
        if self.stalled() {
            self.end();
        }
        loop {
            match self.queue.pop_front() {
                Some(Write::Pause(time)) => self.pause(time).await,
                Some(write) => {
                    self.handed = Some(Instant::now());
                    return Some(write);
                }
                None if self.ended => return None,
                None => self.produce().await,
            }
        }
    }

    fn flow(&self) -> Option<FlowFlaw> {
        match self.order.flaw {
            Some(Flaw::Flow(flow)) => Some(flow),
            _ => None,
        }
    }

    fn is_unbounded(&self) -> bool {
        self.flow() == Some(FlowFlaw::Unbounded)
    }

    fn stalled(&self) -> bool {
        let waited = self.handed.is_some_and(|handed| handed.elapsed() > STALL);
        waited && !self.is_unbounded()
    }

    async fn pause(&mut self, time: Duration) {
        tokio::select! {
            () = stopped(&mut self.order.stop) => {}
            () = sleep(time) => {}
        }
    }

    async fn produce(&mut self) {
        if !self.begun {
            self.begin().await;
            return;
        }
        let due = self.next_due();
        let silence_ends = self.produced + self.order.plan.heartbeat;
        let silence_ends = fault::released(&self.order.faults, self.opened, silence_ends);
        let silence_ends = (self.flow() != Some(FlowFlaw::NoHeartbeat)).then_some(silence_ends);
        let cut = (self.flow() == Some(FlowFlaw::Cut)).then(|| self.opened + self.order.plan.cut);
        let Some(wake) = [due, silence_ends, cut].into_iter().flatten().min() else {
            stopped(&mut self.order.stop).await;
            return self.take_leave();
        };
        tokio::select! {
            biased;
            () = stopped(&mut self.order.stop) => return self.take_leave(),
            () = sleep_until(wake) => {}
        }
        if cut == Some(wake) {
            self.end();
        } else if due == Some(wake) {
            self.tick();
        } else {
            self.heartbeat();
        }
    }

    async fn begin(&mut self) {
        self.begun = true;
        if let Some(FlowFlaw::LateStart(ms)) = self.flow() {
            self.pause(Duration::from_millis(ms)).await;
        }
        let mut bytes = Vec::new();
        encode_comment(HELLO, &mut bytes);
        if let Some(text) = &self.order.reflection {
            bytes.extend_from_slice(b": resuming after ");
            bytes.extend_from_slice(text);
            bytes.push(b'\n');
        } else if self.order.position == Position::Reset {
            encode_comment(RESET, &mut bytes);
        }
        encode_retry(RETRY_MS, &mut bytes);
        self.send(PieceKind::Preamble, bytes);
        if self.is_finished() {
            self.end();
        }
    }

    /// When the next event is due; `None` where there is none.
    fn next_due(&self) -> Option<Instant> {
        let plan = &self.order.plan;
        if plan.silent {
            return None;
        }
        if plan.count.is_some() {
            return Some(fault::released(&self.order.faults, self.opened, self.due));
        }
        let at = plan.due_ms(self.cursor.saturating_add(1));
        let due = self.order.clock.instant_of(at);
        Some(fault::released(&self.order.faults, self.opened, due))
    }

    fn tick(&mut self) {
        if self.fell_behind() {
            return self.end();
        }
        self.cursor = self.following();
        let number = self.reordered(self.cursor);
        let plan = &self.order.plan;
        let last = plan.count == Some(self.cursor);
        self.due = Instant::now() + Duration::from_millis(plan.interval_ms);
        for number in fault::numbers(&self.order.faults, number) {
            let bytes = Tick::new(number, &self.order.plan, &self.order.faults).encode();
            self.send(PieceKind::Event { number, last }, bytes);
        }
        self.count += 1;
        if fault::reset_after(&self.order.faults).is_some_and(|after| self.count >= after) {
            self.break_off();
        } else if self.is_finished() {
            self.end();
        }
    }

    /// The number of the next event. Two defects lose or repeat one where a replay ends.
    fn following(&mut self) -> u64 {
        let next = self.cursor + 1;
        let resumed = matches!(self.order.position, Position::After(_));
        if !resumed || self.crossed || next != self.replay_until + 1 {
            return next;
        }
        self.crossed = true;
        match self.order.flaw {
            Some(Flaw::Resume(ResumeFlaw::LosesLive)) => next + 1,
            Some(Flaw::Resume(ResumeFlaw::RepeatsLive)) => self.cursor,
            _ => next,
        }
    }

    /// Whether the next event has left the history, though it was not asked for from there.
    fn fell_behind(&self) -> bool {
        let plan = &self.order.plan;
        if plan.count.is_some() || self.is_unbounded() || self.cursor < self.replay_until {
            return false;
        }
        let latest = plan.latest(self.order.clock.now_ms());
        self.cursor + self.order.history < latest
    }

    /// The defect that swaps the first two events of a replay.
    fn reordered(&self, number: u64) -> u64 {
        match (self.order.flaw, self.order.position) {
            (Some(Flaw::Resume(ResumeFlaw::Reordered)), Position::After(id)) => match number - id {
                1 => number + 1,
                2 => number - 1,
                _ => number,
            },
            _ => number,
        }
    }

    fn is_finished(&self) -> bool {
        self.order
            .plan
            .count
            .is_some_and(|count| self.cursor >= count)
    }

    fn heartbeat(&mut self) {
        let mut bytes = Vec::new();
        if let Some(FlowFlaw::Heartbeat(text)) = self.flow() {
            bytes.extend_from_slice(text.as_bytes());
        } else {
            encode_comment("", &mut bytes);
        }
        self.send(PieceKind::Heartbeat, bytes);
    }

    fn send(&mut self, kind: PieceKind, bytes: Vec<u8>) {
        self.produced = Instant::now();
        let writes = self.garble.apply(Piece { kind, bytes });
        let writes = self.outlet.pass(kind, writes);
        let writes = match &mut self.batch {
            Some(batch) => batch.pass(kind, writes),
            None => writes,
        };
        self.queue.extend(writes);
    }

    fn break_off(&mut self) {
        self.ended = true;
        // What went before must be on its way when the connection breaks.
        let flushed = Write::Pause(Duration::from_millis(50));
        self.queue.extend([flushed, Write::Break]);
    }

    /// Ends the stream since the server stops.
    fn take_leave(&mut self) {
        self.end_after(|flow| match flow {
            Some(FlowFlaw::SameRetry) => Vec::new(),
            Some(FlowFlaw::TornAtStop) => [farewell(), b"data: {\"n\":".to_vec()].concat(),
            _ => farewell(),
        });
    }

    fn end(&mut self) {
        self.end_after(|_| Vec::new());
    }

    fn end_after(&mut self, last: impl FnOnce(Option<FlowFlaw>) -> Vec<u8>) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.queue
            .extend(self.batch.iter_mut().flat_map(Batch::finish));
        self.queue.extend(self.outlet.finish());
        let last = last(self.flow());
        if !last.is_empty() {
            self.queue.push_back(last.into());
        }
        match self.flow() {
            Some(FlowFlaw::NoEnd) => self.break_off(),
            Some(FlowFlaw::Trailers) => self.queue.push_back(Write::Trailers),
            _ => {}
        }
    }
}

/// What a stream begins with, where nothing is to be said of its position.
pub(crate) fn preamble() -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_comment(HELLO, &mut bytes);
    encode_retry(RETRY_MS, &mut bytes);
    bytes
}

/// The fault that lets bytes go in blocks only.
fn block(faults: &[Fault]) -> Option<FlowFlaw> {
    faults.iter().find_map(|fault| match *fault {
        Fault::Buffer(size) => Some(FlowFlaw::Block(size)),
        _ => None,
    })
}

/// The number of the event before the first one to send.
fn first_cursor(order: &Order, latest: u64) -> u64 {
    let endless = order.plan.count.is_none();
    let start = if endless { latest } else { 0 };
    let flaw = match order.flaw {
        Some(Flaw::Resume(flaw)) => Some(flaw),
        _ => None,
    };
    match (order.position, flaw) {
        (Position::Start | Position::Reset, _) => start,
        (Position::Finished, _) => order.plan.count.unwrap_or(0),
        (Position::After(_), Some(ResumeFlaw::Ignored)) => start,
        (Position::After(_), Some(ResumeFlaw::Full)) if endless => {
            latest.saturating_sub(order.history)
        }
        (Position::After(_), Some(ResumeFlaw::Full)) => 0,
        (Position::After(id), Some(ResumeFlaw::Repeats)) => id.saturating_sub(1),
        (Position::After(id), Some(ResumeFlaw::Skips)) => id + 1,
        (Position::After(id), _) => id,
    }
}

/// Waits until the server stops, or is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Whether ids in the stream are not the plain numbers they should be.
pub(crate) fn garbles_ids(flaw: Option<Flaw>) -> bool {
    matches!(flaw, Some(Flaw::Text(TextFlaw::IdLines(_))))
}
