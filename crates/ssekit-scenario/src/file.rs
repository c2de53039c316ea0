//! Text files of bounded size, and places in them.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Why a file was not read.
pub(crate) enum ReadFault {
    Io(io::Error),
    TooLarge,
}

/// Reads a text file of at most `limit` bytes.
pub(crate) fn read(file: &Path, limit: u64) -> Result<String, ReadFault> {
    let mut text = String::new();
    let source = File::open(file).map_err(ReadFault::Io)?;
    let mut bounded = source.take(limit + 1);
    bounded.read_to_string(&mut text).map_err(ReadFault::Io)?;
    if text.len() as u64 > limit {
        return Err(ReadFault::TooLarge);
    }
    Ok(text)
}

/// Line and column, both from 1, of a byte offset; the column counts characters.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (line, before[start..].chars().count() + 1)
}
