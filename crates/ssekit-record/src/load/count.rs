//! What a load run counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// Counters of a run, a phase, a population or an interval. What is 0 is left out of JSON.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(default)]
        pub struct LoadCounts {
            $($(#[$doc])* #[serde(skip_serializing_if = "is_zero")] pub $name: u64,)*
        }

        impl LoadCounts {
            /// Adds those of another interval, worker or shard.
            pub fn add(&mut self, other: &Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }

            /// A counter by its name, a derived one included (`lost`, `resume_loss`).
            pub fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => Some(self.$name),)*
                    "lost" => Some(self.lost()),
                    "resume_loss" => Some(self.resume_loss()),
                    "distinct" => Some(self.distinct()),
                    "gaps" => Some(self.gaps_short.saturating_add(self.gaps_long)),
                    "stamped" => Some(self.received.saturating_sub(self.unstamped)),
                    _ => None,
                }
            }
        }
    };
}

counters! {
    /// Streams whose planned start came.
    started,
    /// Streams that opened at least once.
    opened,
    /// Streams that never opened, or ended for good before the plan said so.
    failed,
    /// Streams that ended as the plan or the scenario said.
    finished,
    /// Streams that never had an event.
    eventless,
    /// Planned starts left out because too many connections were pending.
    dropped_starts,
    /// Connections opened again.
    reconnects,
    /// Connections tried.
    attempts,
    /// Connections and requests that failed, whatever the cause.
    errors,
    /// Streams that ended after they had opened, other than by the plan.
    disconnects,
    /// TLS handshakes made.
    tls_handshakes,
    /// Those of them that resumed a session.
    tls_resumed,
    /// Events dispatched, duplicates and replays included.
    received,
    /// Comments.
    comments,
    /// Reads that brought any bytes.
    reads,
    /// Bytes of the event streams.
    bytes,
    /// Bytes read from connections, framing included.
    wire_bytes,
    /// Bytes of content with a content coding, as they were sent.
    coded_bytes,
    /// Bytes of the event streams that came of them.
    decoded_bytes,
    /// Bytes of the data of events.
    data_bytes,
    /// Events with the sequence number that was declared.
    numbered,
    /// Events without it.
    unnumbered,
    /// Numbers skipped; those that came later are in `refilled` too.
    skipped,
    /// Numbers that came after they had been skipped.
    refilled,
    /// Numbers skipped across a reconnect.
    skipped_resuming,
    /// Those of them that came later.
    refilled_resuming,
    /// Events seen before, without a resume to explain them.
    duplicated,
    /// Events seen before, sent again after a resume.
    replayed,
    /// Events that came after a higher number of the same stream.
    reordered,
    /// Events whose stamp lies after their arrival.
    negative,
    /// Events without the stamp that was declared.
    unstamped,
    /// Streams that ended in the middle of an event, which is then discarded.
    discarded_tails,
    /// Ticks that were due by the declared interval.
    ticks_due,
    /// Ticks that never came.
    ticks_missed,
    /// Gaps shorter than the burst window.
    gaps_short,
    /// Gaps at least as long.
    gaps_long,
    /// Events that came in one read with another.
    coalesced,
    /// Faults of HTTP or of the event stream.
    faults,
    /// Times that more was waiting in a socket than one turn may take.
    backlog,
    /// Samples longer than the longest time that is told apart, which count as that time.
    beyond,
    /// Samples filled in by correction, in all metrics.
    synthetic,
    /// Publications due by the plan.
    published_due,
    /// Publications answered with success.
    published,
    /// Publications that failed.
    publish_failed,
    /// Publications that were sent while one before was unanswered.
    publish_overlapped,
    /// Arrivals of the sampled event ids.
    fanout_arrived,
    /// Arrivals of the sampled event ids that were due: streams that should have had them.
    fanout_due,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl LoadCounts {
    /// Numbers of sequences that never came.
    pub fn lost(&self) -> u64 {
        self.skipped.saturating_sub(self.refilled)
    }

    /// Those of them that lie across a reconnect.
    pub fn resume_loss(&self) -> u64 {
        self.skipped_resuming.saturating_sub(self.refilled_resuming)
    }

    /// Numbers that were sent as far as can be known: those that came, once each, and those lost.
    pub fn distinct(&self) -> u64 {
        let again = self.duplicated.saturating_add(self.replayed);
        self.numbered
            .saturating_sub(again)
            .saturating_add(self.lost())
    }
}

/// The object `streams` of a load record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamCounts {
    /// Streams of the plan, whether or not their start came.
    pub planned: u64,
    /// Streams that opened at least once.
    pub opened: u64,
    /// Streams that never opened, or ended for good before the plan said so.
    pub failed: u64,
    /// Most streams open at one time.
    pub peak: u64,
    /// Connections opened again.
    pub reconnects: u64,
    /// Streams that never had an event.
    pub eventless: u64,
    /// Streams that ended as the plan or the scenario said.
    pub finished: u64,
    /// Planned starts left out because too many connections were pending, or the run ended early.
    pub dropped_starts: u64,
    /// Connections tried.
    pub attempts: u64,
    /// Streams that ended after they had opened, other than by the plan.
    pub disconnects: u64,
}

impl StreamCounts {
    /// How many opened, in words. Where users come back with a new stream as soon as one has ended, more
    /// open than are planned.
    pub fn opening(&self) -> String {
        let (opened, planned) = (self.opened, self.planned);
        if opened > planned {
            format!("{opened} streams opened, one after another in {planned} places")
        } else {
            format!("{opened} of {planned} streams opened")
        }
    }

    /// From the counters of the whole run.
    pub fn of(counts: &LoadCounts, planned: u64, peak: u64) -> Self {
        Self {
            planned,
            opened: counts.opened,
            failed: counts.failed,
            peak,
            reconnects: counts.reconnects,
            eventless: counts.eventless,
            finished: counts.finished,
            dropped_starts: counts.dropped_starts,
            attempts: counts.attempts,
            disconnects: counts.disconnects,
        }
    }
}

/// The object `events` of a load record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventCounts {
    /// Events dispatched, duplicates and replays included.
    pub received: u64,
    /// Bytes of the event streams.
    pub bytes: u64,
    /// Numbers of the declared sequence that never came.
    pub lost: u64,
    /// Events seen before, without a resume to explain them.
    pub duplicated: u64,
    /// Events that came after a higher number of the same stream.
    pub reordered: u64,
    /// Events seen before, sent again after a resume.
    pub replayed: u64,
    /// Numbers that are missing across a reconnect; they are in `lost` too.
    pub resume_loss: u64,
    /// Comments.
    pub comments: u64,
    /// Bytes read from connections, framing included.
    pub wire_bytes: u64,
    /// Events with the declared sequence number; where it is 0, nothing is known of loss, duplicates
    /// and order.
    pub numbered: u64,
    /// Events that came in one read with another.
    pub coalesced: u64,
    /// Faults of HTTP or of the event stream.
    pub faults: u64,
}

impl From<&LoadCounts> for EventCounts {
    fn from(counts: &LoadCounts) -> Self {
        Self {
            received: counts.received,
            bytes: counts.bytes,
            lost: counts.lost(),
            duplicated: counts.duplicated,
            reordered: counts.reordered,
            replayed: counts.replayed,
            resume_loss: counts.resume_loss(),
            comments: counts.comments,
            wire_bytes: counts.wire_bytes,
            numbered: counts.numbered,
            coalesced: counts.coalesced,
            faults: counts.faults,
        }
    }
}
