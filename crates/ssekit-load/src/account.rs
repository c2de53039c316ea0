//! What is known about one stream: the times and the accounts its events go into.

use crate::ledger::Ledger;
use crate::punctuality::Punctuality;

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
