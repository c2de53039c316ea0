//! Views of ssekit records: for a terminal, as JSON, as Markdown, as HTML, as JUnit XML, as GitHub
//! annotations, and several side by side.
//!
//! Pure functions from a record to text: no IO, no clock, no HTTP. Whatever text a record holds is
//! treated as hostile, because most of it was sent by the target: each view makes it harmless for
//! its own medium.

mod excerpt;
pub mod github;
mod group;
pub mod html;
pub mod json;
pub mod junit;
pub mod load;
pub mod markdown;
pub mod matrix;
mod note;
pub mod proxy;
pub mod terminal;
pub mod text;

pub use json::RecordError;
pub use matrix::Column;
