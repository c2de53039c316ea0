//! What is known about one stream: the times and the accounts its events go into.

use crate::ledger::Ledger;
use crate::punctuality::Punctuality;
use crate::tokens::{Asked, Tokens};

/// The state of one planned stream, over all its connections. Times are those of the run's clock.
#[derive(Debug, Default)]
pub struct Account {
    /// Intended start.
    pub planned_us: u64,
    /// connect(2) of the current connection.
    pub connect_us: u64,
    /// Final head of the current connection.
    pub open_us: Option<u64>,
    /// Last event of the current connection.
    pub last_event_us: Option<u64>,
    /// First event of the current connection; meant only where there is a last one.
    pub first_event_us: u64,
    /// Events of the current connection.
    pub events: u32,
    /// Bytes it counts for in what all streams together may hold.
    pub counted: u32,
    /// The same of what decoders keep.
    pub counted_decoded: u32,
    /// Last byte of the current connection, or its head.
    pub last_byte_us: u64,
    /// Last comment of the current connection.
    pub last_comment_us: Option<u64>,
    /// What the age of the newest event counts from.
    pub newest_us: u64,
    /// The sequence.
    pub ledger: Ledger,
    /// The declared schedule.
    pub schedule: Option<Punctuality>,
    /// The outage that is to be ended by the next event.
    pub outage: Option<Box<Outage>>,
    /// The chunks of the answer, where the streams carry tokens.
    pub tokens: Option<Box<Tokens>>,
    /// First and last stamp of the events of the burst going on.
    pub burst: Option<(u64, u64)>,
    /// Whether any content came on any connection.
    pub has_content: bool,
    /// Whether any event came on any connection.
    pub has_event: bool,
    /// Whether the stream opened at all.
    pub has_opened: bool,
    /// Whether the end marker came.
    pub is_ended: bool,
}

/// Between a stream that ended and the first event after it.
#[derive(Debug, Clone, Default)]
pub struct Outage {
    /// When the end was detected.
    pub since_us: u64,
    /// Attempts to connect.
    pub attempts: u64,
    /// Time spent in waits that the reconnection time asked for.
    pub waited_us: u64,
    /// Whether the stream has not been open before: then there is nothing to come back to.
    pub is_initial: bool,
    /// When the storm began that caused it.
    pub storm_us: Option<u64>,
}

impl Account {
    /// What an answer of the current connection is measured from.
    pub fn asked(&self) -> Asked {
        Asked {
            planned_us: self.planned_us,
            connect_us: self.connect_us,
        }
    }

    /// The time between the first and the last event of the current connection, over the time that its
    /// events take at the declared interval, in thousandths; an end marker takes none. `None` where
    /// fewer than two events, the marker apart, or no interval say anything.
    pub fn spread_permille(&self, interval_us: Option<u64>) -> Option<u64> {
        let last = self.last_event_us?;
        let markers = u64::from(self.is_ended);
        let intervals = u64::from(self.events).checked_sub(1 + markers)?;
        let declared = intervals.checked_mul(interval_us?)?;
        let took = last - self.first_event_us.min(last);
        took.checked_mul(1000)?.checked_div(declared)
    }

    /// Of a stream that is to start then.
    pub fn planned_at(us: u64, interval_us: Option<u64>) -> Self {
        Self {
            planned_us: us,
            newest_us: us,
            schedule: interval_us.map(Punctuality::new),
            ..Self::default()
        }
    }
}
