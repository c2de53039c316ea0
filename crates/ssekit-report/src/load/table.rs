//! A table of words and numbers that every view lays out in its own way.

use std::fmt::Write as _;

use crate::terminal::style::{DIM, Painted};
use crate::text::{columns, truncated};

/// Fewest columns of a terminal that a first column is cut to.
const LEAST: usize = 12;

/// Every text in it is harmless and bounded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub head: Vec<&'static str>,
    /// So many columns, from the first, are words; the others are numbers.
    pub words: usize,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Adds a row of words and numbers.
    pub fn push(
        &mut self,
        words: impl IntoIterator<Item = String>,
        numbers: impl IntoIterator<Item = impl Into<String>>,
    ) {
        let numbers = numbers.into_iter().map(Into::into);
        self.rows.push(words.into_iter().chain(numbers).collect());
    }

    /// Leaves out the columns, of those with one of these headings, in which no row has more than nothing.
    pub fn without_zeros(mut self, headings: &[&str]) -> Self {
        let is_told = |at: usize| {
            let is_optional = headings.contains(&self.head[at]);
            !is_optional
                || self
                    .rows
                    .iter()
                    .any(|row| !matches!(row[at].as_str(), "0" | "–"))
        };
        let told: Vec<usize> = (0..self.head.len()).filter(|at| is_told(*at)).collect();
        for row in &mut self.rows {
            *row = told
                .iter()
                .map(|at| std::mem::take(&mut row[*at]))
                .collect();
        }
        self.head = told.iter().map(|at| self.head[*at]).collect();
        self
    }

    /// The rows in groups of the same first cell.
    pub fn groups(&self) -> impl Iterator<Item = &[Vec<String>]> {
        self.rows.chunk_by(|one, next| one.first() == next.first())
    }

    /// Writes so many of its rows in columns for a terminal of this width; a first cell that is that of the
    /// row before is not told again. Where it would be too wide, its longest column of words is cut, and
    /// numbers that find no room then stand below, beside the same words.
    pub fn write(&self, width: usize, most: usize, out: &mut String) {
        let widths = self.widths(width);
        let mut at = self.words;
        while at < self.head.len() {
            let end = self.fitting(at, &widths, width);
            self.write_columns(at..end, &widths, most, out);
            at = end;
        }
        let more = self.rows.len().saturating_sub(most);
        if more > 0 {
            let note = format!("and {more} more in the record");
            let _ = writeln!(out, "{}", Painted(DIM, note));
        }
        out.push('\n');
    }

    /// Widths of all columns, the longest one of words cut as far as need and sense be.
    fn widths(&self, width: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = (0..self.head.len()).map(|at| self.width(at)).collect();
        let wanted: usize = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        let words = widths.iter_mut().take(self.words);
        if let Some(widest) = words.max_by_key(|width| **width) {
            let room = widest.saturating_sub(wanted.saturating_sub(width));
            *widest = room.max(LEAST.min(*widest));
        }
        widths
    }

    /// The end of the columns of numbers from `at` that find room beside the words; at least one.
    fn fitting(&self, at: usize, widths: &[usize], width: usize) -> usize {
        let words = widths[..self.words].iter().map(|one| one + 2);
        let mut left = width.saturating_add(2).saturating_sub(words.sum());
        let numbers = widths[at..].iter().take_while(|one| {
            let fits = **one + 2 <= left;
            left = left.saturating_sub(**one + 2);
            fits
        });
        at + numbers.count().max(1)
    }

    /// Writes the words and these columns of numbers.
    fn write_columns(
        &self,
        numbers: std::ops::Range<usize>,
        widths: &[usize],
        most: usize,
        out: &mut String,
    ) {
        let shown: Vec<usize> = (0..self.words).chain(numbers).collect();
        let laid = |cell: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = shown.iter().map(|at| cell(*at)).collect();
            cells.join("  ")
        };
        let head = laid(&|at| self.padded(at, self.head[at], widths[at]));
        let _ = writeln!(out, "{}", Painted(DIM, head));
        let mut before = None;
        for row in self.rows.iter().take(most) {
            let is_told = self.words > 1 && before == row.first();
            let line = laid(&|at| {
                let cell = if at == 0 && is_told { "" } else { &row[at] };
                self.padded(at, cell, widths[at])
            });
            let _ = writeln!(out, "{line}");
            before = row.first();
        }
    }

    /// A cell as wide as its column: words at its left, numbers at its right.
    fn padded(&self, at: usize, cell: &str, width: usize) -> String {
        let cell = truncated(cell, width);
        let pad = width.saturating_sub(columns(&cell));
        if at < self.words {
            format!("{cell}{:pad$}", "")
        } else {
            format!("{:pad$}{cell}", "")
        }
    }

    fn width(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| columns(&row[at]));
        cells.chain([columns(self.head[at])]).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table {
            head: vec!["metric", "population", "samples", "failed"],
            words: 2,
            rows: Vec::new(),
        };
        table.push(["gap", "a"].map(String::from), ["12", "0"]);
        table.push(["gap", "a name that is long"].map(String::from), ["5", "0"]);
        table.push(["gap_of_more", "a"].map(String::from), ["7", "0"]);
        table
    }

    #[test]
    fn words_are_at_the_left_and_cut_where_the_table_is_too_wide() {
        let mut out = String::new();
        table().write(42, 24, &mut out);
        let lines: Vec<&str> = out.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "gap          a                  12       0",
                "             a name that…        5       0",
                "gap_of_more  a                   7       0",
                ""
            ]
        );
    }

    #[test]
    fn numbers_without_room_stand_below() {
        let mut out = String::new();
        table().write(38, 1, &mut out);
        let text: Vec<&str> = out.lines().collect();
        assert_eq!(text.len(), 6, "{out}");
        assert_eq!(text[1], "gap          a                  12");
        assert!(
            text[2].contains("failed") && !text[2].contains("samples"),
            "{out}"
        );
        assert_eq!(text[3], "gap          a                  0");
        assert!(text[4].contains("and 2 more in the record"), "{out}");
    }

    #[test]
    fn what_is_nothing_in_every_row_is_left_out() {
        let table = table().without_zeros(&["failed", "samples"]);
        assert_eq!(table.head, ["metric", "population", "samples"]);
        assert!(table.rows.iter().all(|row| row.len() == 3));
        let groups: Vec<usize> = table.groups().map(<[_]>::len).collect();
        assert_eq!(groups, [2, 1]);
    }

    #[test]
    fn a_terminal_has_a_bounded_part_of_many_rows() {
        let mut many = table();
        (0..30).for_each(|n| many.push([format!("{n}"), "a".into()], ["1", "1"]));
        let mut out = String::new();
        many.write(80, 24, &mut out);
        assert_eq!(out.lines().count(), 24 + 3);
        assert!(out.contains("and 9 more in the record"), "{out}");
    }
}
