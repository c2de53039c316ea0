//! Load on event streams: thousands of subscribers, what they measure, and whether to believe it.
//!
//! ```text
//!  Job ─▶ worker threads, each with its own loop            coordinator
//!         shift: acts when they are due                        │
//!         seat:  one planned stream and its task               │ one interval a second
//!         intake: read ▶ response ▶ parser ▶ tally  ──────────▶ assembly ▶ finding ▶ LoadRecord
//! ```
//!
//! Nothing is shared between workers, locked or allocated for an event: a worker has one read
//! buffer for all its streams and one set of histograms, which it hands over once a second. An
//! arrival is stamped right after the read that brought it, before anything is parsed. A stream that
//! has much to read gives way to the others after a few reads.
//!
//! Over HTTP/2 a session reads one connection for many seats, which a pool fills; a seat is told of
//! its content in the same turn and with the same stamp as if it had read it itself.
//!
//! Every latency counts from the intended instant and, apart from that, from the real one. What never
//! came is counted, and what was still open when observation stopped is kept apart as censored.
mod account;
mod address;
mod assembly;
mod audience;
mod cause;
mod clock;
mod content;
mod dial;
mod error;
mod expectation;
mod exporter;
mod exposition;
mod fanout;
mod finding;
mod halt;
mod health;
mod intake;
mod job;
mod joint;
mod knee;
mod ledger;
mod metric;
mod negotiation;
mod order;
mod over;
mod poller;
mod pool;
mod port;
mod precision;
mod preflight;
mod publisher;
mod punctuality;
mod reconnect;
mod request;
mod room;
mod ruling;
mod run;
mod scope;
mod seat;
mod session;
mod shift;
mod stamp;
mod storm;
mod subscriber;
mod tally;
mod tenant;
mod tokens;
mod trace;
mod worker;

pub use dial::{Dialer, Sharing, Tls};
pub use error::LoadError;
pub use expectation::{End, Expectation, Published, Sequence};
pub use exporter::Exporter;
pub use job::{Job, JobPhase, Plan, Population, Search, Storm, Validity};
pub use joint::Joint;
pub use order::Order;
pub use port::Ports;
pub use preflight::check as preflight;
pub use publisher::{Publication, Publications, Publisher};
pub use reconnect::ReconnectPolicy;
pub use request::{RequestBytes, Requests};
pub use ruling::Ruling;
pub use run::{Progress, run};
pub use seat::Break;
pub use shift::{Act, Script};
pub use stamp::Place;
pub use subscriber::Pace;
pub use worker::{Lifetimes, Role};
