//! Views of a load record.

pub mod baseline;
mod capacity;
mod chart;
pub mod compare;
pub mod csv;
mod curve;
pub mod hgrm;
pub mod hlog;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod merge;
mod part;
mod row;
mod slow;
mod storm;
mod survival;
mod table;
pub mod terminal;
