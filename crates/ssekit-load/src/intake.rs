//! From the bytes of one read to counters and histograms.

use ssekit_proto::{EventRef, Sink};
use ssekit_scenario::load::LoadPlan;

use crate::account::Account;
use crate::clock::Clock;
use crate::expectation::{BURST_WINDOW_US, End, Expectation, Published, Sequence};
use crate::fanout::Fanout;
use crate::ledger::Arrival;
use crate::metric::Metric;
use crate::punctuality::Tick;
use crate::room::Room;
use crate::tally::Tally;
use crate::trace::Traced;

/// What the number of an event says of it.
enum Novelty {
    /// It is the next one, or has no number.
    Next(Option<u64>),
    /// It is new, and came after a higher number.
    Late(u64),
    /// It came before.
    Again,
}

/// Takes the events of one read. They share an arrival: the instant right after that read.
pub struct Intake<'a> {
    /// The clock of the run.
    pub clock: Clock,
    /// What all streams together may hold.
    pub room: &'a Room,
    /// What is expected of the stream.
    pub expect: &'a Expectation,
    /// What is known of the stream.
    pub account: &'a mut Account,
    /// Where it is counted.
    pub tally: &'a mut Tally,
    /// Where sampled events are compared over all streams.
    pub fanout: &'a mut Fanout,
    /// The topic of the stream.
    pub topic: u64,
    /// Number of the stream in the whole plan.
    pub stream: u64,
    /// Arrival.
    pub at_us: u64,
    /// Events so far in this read.
    pub events: u64,
}

impl Intake<'_> {
    /// Counts what a read brought as a whole, after its bytes were parsed.
    pub fn finish(&mut self, content: usize) {
        let at = self.at_us;
        if content > 0 {
            self.first_byte();
            self.tally
                .record(Metric::Silence, at - self.account.last_byte_us.min(at));
            self.account.last_byte_us = at;
        }
        if self.events > 0 {
            self.tally.flush_sizes();
            self.gaps();
        }
    }

    /// Whether there is room for what the stream holds after a piece of it was parsed.
    #[inline]
    pub fn has_room(&mut self, held: usize) -> bool {
        let has_room = self.room.hold(&mut self.account.counted, held);
        self.tally.crowded += u64::from(!has_room);
        has_room
    }

    /// Whether there is room for what its decoder keeps.
    #[inline]
    pub fn has_room_decoded(&mut self, held: usize) -> bool {
        let counted = &mut self.account.counted_decoded;
        let has_room = self.room.hold_decoded(counted, held);
        self.tally.crowded_decoded += u64::from(!has_room);
        has_room
    }

    fn first_byte(&mut self) {
        if !self.account.has_content {
            self.account.has_content = true;
            let (planned, connect) = (self.account.planned_us, self.account.connect_us);
            self.tally
                .record(Metric::FirstByte, self.at_us - planned.min(self.at_us));
            self.tally
                .record(Metric::FirstByteRaw, self.at_us - connect.min(self.at_us));
        }
    }

    fn gaps(&mut self) {
        let (at, events) = (self.at_us, self.events);
        let count = &mut self.tally.count;
        count.received += events;
        count.coalesced += if events > 1 { events } else { 0 };
        let mut zero = events - 1;
        match self.account.last_event_us.replace(at) {
            Some(last) => {
                let gap = at - last.min(at);
                if gap < BURST_WINDOW_US {
                    count.gaps_short += 1;
                } else {
                    count.gaps_long += 1;
                }
                if gap == 0 {
                    zero += 1;
                } else {
                    self.gap(gap);
                }
            }
            None => self.first_event(),
        }
        self.account.events = self
            .account
            .events
            .saturating_add(u32::try_from(events).unwrap_or(u32::MAX));
        if zero > 0 {
            self.tally.count.gaps_short += events - 1;
            self.tally.record_n(Metric::Gap, 0, zero);
        }
        self.tally.record(Metric::EventsPerRead, events);
        if self.expect.published.is_none() {
            self.account.newest_us = at;
        }
    }

    fn gap(&mut self, gap: u64) {
        self.tally.record(Metric::Gap, gap);
        if let Some(interval) = self.expect.interval_us {
            self.tally.corrects = true;
            if gap >= 2 * interval {
                self.tally.count.synthetic += self.tally.fill(Metric::GapCorrected, gap, interval);
            }
        }
    }

    /// The first event of a connection: perhaps of the stream, perhaps after an outage.
    fn first_event(&mut self) {
        let at = self.at_us;
        let account = &mut *self.account;
        account.first_event_us = at;
        account.events = 0;
        if !account.has_event {
            account.has_event = true;
            self.tally
                .record(Metric::FirstEvent, at - account.planned_us.min(at));
            self.tally
                .record(Metric::FirstEventRaw, at - account.connect_us.min(at));
        }
        if let Some(outage) = account.outage.take().filter(|outage| !outage.is_initial) {
            let time = at - outage.since_us.min(at);
            self.tally.record(Metric::ReconnectTime, time);
            self.tally
                .record(Metric::ReconnectActive, time - outage.waited_us.min(time));
            self.tally
                .record(Metric::ReconnectAttempts, outage.attempts);
            if let Some(storm) = outage.storm_us {
                let after = at - storm.min(at);
                self.tally.record(Metric::StormRecovery, after);
                self.tally.storm(storm).recover(after);
            }
        }
    }

    /// Enters the number of an event into the books.
    #[inline]
    fn sequence(&mut self, sequence: &Sequence, event: &EventRef<'_>) -> Novelty {
        let number = sequence.place.number(event.data, event.last_event_id);
        let Some(seq) = number.and_then(|number| number.integer()) else {
            self.tally.count.unnumbered += 1;
            return Novelty::Next(None);
        };
        let count = &mut self.tally.count;
        count.numbered += 1;
        match self.account.ledger.note(seq) {
            Arrival::New { skipped, resumed } => {
                count.skipped += skipped;
                count.skipped_resuming += if resumed { skipped } else { 0 };
                return Novelty::Next(Some(seq));
            }
            Arrival::Reordered { resumed } => {
                count.reordered += 1;
                count.refilled += 1;
                count.refilled_resuming += u64::from(resumed);
                return Novelty::Late(seq);
            }
            Arrival::Early => {
                count.reordered += 1;
                return Novelty::Late(seq);
            }
            Arrival::Replayed => count.replayed += 1,
            Arrival::Duplicated => count.duplicated += 1,
        }
        Novelty::Again
    }

    /// The stamp of an event as a time of the run's clock.
    #[inline]
    fn stamp(&mut self, published: &Published, event: &EventRef<'_>) -> Option<i64> {
        let number = published.place.number(event.data, event.last_event_id);
        let stamp = number.and_then(|number| number.micros(published.nanos_per_unit));
        let Some(stamp) = stamp.and_then(|us| us.checked_add_signed(published.offset_us)) else {
            self.tally.count.unstamped += 1;
            return None;
        };
        Some(self.clock.of_wall(stamp))
    }

    /// Notes the event where this stream is traced.
    fn trace(&mut self, every: u64, stamped: Option<i64>, event: &EventRef<'_>) {
        let stream = LoadPlan::ordinal(self.stream);
        if !stream.is_multiple_of(every) {
            return;
        }
        let sequence = self.expect.sequence.as_ref();
        let seq = sequence.and_then(|sequence| {
            let number = sequence.place.number(event.data, event.last_event_id);
            number?.integer()
        });
        self.tally.notes.note(Traced {
            stream,
            at_us: self.at_us,
            seq,
            delivery_us: stamped.map(|stamp| self.at_us as i64 - stamp),
            size: event.data.len() as u64,
        });
    }

    fn delivery(&mut self, published: &Published, stamp: i64) {
        let metric = if published.intended {
            Metric::DeliveryIntended
        } else {
            Metric::DeliverySent
        };
        let latency = self.at_us as i64 - stamp;
        match u64::try_from(latency) {
            Ok(latency) => self.tally.record(metric, latency),
            Err(_) => {
                self.tally.count.negative += 1;
                self.tally.ahead_us = self.tally.ahead_us.max(latency.unsigned_abs());
            }
        }
        let stamp = u64::try_from(stamp).unwrap_or(0);
        self.account.newest_us = self.account.newest_us.max(stamp.min(self.at_us));
        self.burst(stamp);
    }

    /// Keeps the stamps of a burst together, and judges it when the next one begins: events that
    /// were published apart and arrive together were held back on the way.
    fn burst(&mut self, stamp: u64) {
        let together = self.events > 1
            || self
                .account
                .last_event_us
                .is_some_and(|last| self.at_us - last.min(self.at_us) < BURST_WINDOW_US);
        match &mut self.account.burst {
            Some((first, last)) if together => {
                *first = (*first).min(stamp);
                *last = (*last).max(stamp);
            }
            burst => {
                let ended = burst.replace((stamp, stamp));
                let Some((first, last)) = ended else { return };
                if last - first >= 2 * BURST_WINDOW_US {
                    self.tally.groups_held += 1;
                } else {
                    self.tally.groups_sent += 1;
                }
            }
        }
    }

    fn tick(&mut self, seq: Option<u64>) {
        let Some(schedule) = &mut self.account.schedule else {
            return;
        };
        let tally = &mut *self.tally;
        schedule.arrive(self.at_us, seq, |late| {
            tally.record_n(Metric::TickLateness, late.us, late.count);
            tally.count.ticks_due += late.count;
            if late.tick == Tick::Missing {
                tally.count.ticks_missed += late.count;
            }
        });
    }
}

impl Sink for Intake<'_> {
    #[inline]
    fn event(&mut self, event: EventRef<'_>) {
        self.events += 1;
        self.tally.count.data_bytes += event.data.len() as u64;
        self.tally.size(event.data.len() as u64);
        let expect = self.expect;
        let novelty = match &expect.sequence {
            Some(sequence) => self.sequence(sequence, &event),
            None => Novelty::Next(None),
        };
        let mut stamped = None;
        if let Some(published) = &expect.published
            && let Some(stamp) = self.stamp(published, &event)
        {
            stamped = Some(stamp);
            // A replay is late by the outage, not by the server.
            if !matches!(novelty, Novelty::Again) {
                self.delivery(published, stamp);
            }
        }
        if let Some(every) = expect.trace_every {
            self.trace(every, stamped, &event);
        }
        // The tick of a late one was accounted for as missing when a higher number came.
        if let Novelty::Next(seq) = novelty {
            self.tick(seq);
        }
        if let Novelty::Next(Some(seq)) | Novelty::Late(seq) = novelty
            && expect
                .sequence
                .as_ref()
                .is_some_and(|sequence| sequence.shared)
        {
            self.fanout.arrive(self.topic, seq, self.at_us, stamped);
        }
        if expect
            .heartbeat_event
            .as_deref()
            .is_some_and(|name| event.event == name)
        {
            self.heartbeat();
        }
        let ends = match &expect.end {
            End::Event(name) => event.event == name,
            End::Data(data) => event.data == data,
            End::Never | End::Eof => false,
        };
        if ends {
            self.account.is_ended = true;
        } else if let Some(places) = &expect.tokens {
            let (account, at_us) = (&mut *self.account, self.at_us);
            let asked = account.asked();
            let tokens = account.tokens.get_or_insert_default();
            tokens.take(&event, places, at_us, asked, self.tally);
        }
    }

    fn comment(&mut self, _text: &str, _offset: u64) {
        self.tally.count.comments += 1;
        if self.expect.heartbeat_event.is_none() {
            self.heartbeat();
        }
    }
}

impl Intake<'_> {
    fn heartbeat(&mut self) {
        if let Some(last) = self.account.last_comment_us.replace(self.at_us) {
            self.tally
                .record(Metric::HeartbeatGap, self.at_us - last.min(self.at_us));
        }
    }
}
