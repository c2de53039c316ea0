//! The reference server: a conforming source of event streams, with one switch per defect.
mod config;
mod defect;
mod error;
mod server;

pub use config::Config;
pub use defect::{Defect, DefectEntry};
pub use error::ServerError;
pub use server::Server;
