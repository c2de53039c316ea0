//! One file per command: its arguments, and what it does with them.

pub mod check;
pub mod decode;
pub mod demo;
pub mod explain;
pub mod list;
pub mod load;
pub mod proxy;
pub mod report;
pub mod serve;
pub mod watch;
