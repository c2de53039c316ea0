//! The files that a scenario names.

use std::path::Path;

use crate::error::LoadError;

/// The content of a file; a relative path is one in the folder.
pub(super) fn read(folder: &Path, path: &Path) -> Result<Vec<u8>, LoadError> {
    let path = folder.join(path);
    std::fs::read(&path)
        .map_err(|error| LoadError::Scenario(format!("cannot read {}: {error}", path.display())))
}

/// The same as text.
pub(super) fn text(folder: &Path, path: &Path) -> Result<String, LoadError> {
    let bytes = read(folder, path)?;
    String::from_utf8(bytes)
        .map_err(|_| LoadError::Scenario(format!("{} is not UTF-8", path.display())))
}

/// Rows of a data file: JSON objects, one a line, or CSV with a head line and without quotes.
pub(super) fn rows(folder: &Path, path: &Path) -> Result<Vec<Vec<(String, String)>>, LoadError> {
    let text = text(folder, path)?;
    let wrong = |line: usize, why: &str| {
        LoadError::Scenario(format!("{}:{}: {why}", path.display(), line + 1))
    };
    let lines = || {
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
    };
    if text.trim_start().starts_with('{') {
        let rows = lines().map(|(at, line)| {
            let row: serde_json::Map<String, serde_json::Value> =
                serde_json::from_str(line).map_err(|_| wrong(at, "not a JSON object"))?;
            let cells = row.into_iter().map(|(name, value)| match value {
                serde_json::Value::String(text) => (name, text),
                other => (name, other.to_string()),
            });
            Ok(cells.collect())
        });
        return rows.collect();
    }
    let mut all = lines();
    let Some((_, head)) = all.next() else {
        return Err(wrong(0, "no rows"));
    };
    let names: Vec<&str> = head.split(',').map(str::trim).collect();
    let rows = all.map(|(at, line)| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if line.contains('"') {
            return Err(wrong(at, "quotes are not read in CSV; use JSON lines"));
        }
        if cells.len() != names.len() {
            return Err(wrong(at, "another number of cells than the head line has"));
        }
        let pairs = names.iter().zip(cells);
        Ok(pairs
            .map(|(name, cell)| ((*name).to_owned(), cell.to_owned()))
            .collect())
    });
    rows.collect()
}
