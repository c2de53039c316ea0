//! Which checks run.

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::{ConformanceError, Rule, registry};

/// Globs over check ids; a group name alone selects the group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only these; empty selects all.
    pub only: Vec<String>,
    /// Not these.
    pub skip: Vec<String>,
}

impl Selection {
    /// The rules selected, in the order of the registry.
    ///
    /// # Errors
    /// When a pattern matches no check at all, is no glob, or nothing is left.
    pub fn rules(&self) -> Result<Vec<&'static Rule>, ConformanceError> {
        if !self.only.is_empty() && self.only.iter().all(|glob| selects_nothing(glob)) {
            return Err(ConformanceError::NothingSelected);
        }
        let only = compile(&self.only)?;
        let skip = compile(&self.skip)?;
        let chosen: Vec<_> = registry()
            .iter()
            .filter(|rule| self.only.is_empty() || only.is_match(rule.id))
            .filter(|rule| !skip.is_match(rule.id))
            .collect();
        if chosen.is_empty() {
            return Err(ConformanceError::NothingSelected);
        }
        Ok(chosen)
    }
}

/// Whether a pattern with a wildcard matches no check. Beside others it is a mistake of the caller;
/// alone it is a selection, of nothing.
fn selects_nothing(pattern: &str) -> bool {
    let is_glob = pattern.contains(['*', '?', '[', '{']);
    let matcher = Glob::new(pattern).map(|glob| glob.compile_matcher());
    is_glob && matcher.is_ok_and(|glob| !registry().iter().any(|rule| glob.is_match(rule.id)))
}

fn compile(patterns: &[String]) -> Result<GlobSet, ConformanceError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let is_group = registry().iter().any(|rule| rule.group() == pattern);
        let text = if is_group {
            format!("{pattern}.*")
        } else {
            pattern.clone()
        };
        let bad = |reason: globset::Error| ConformanceError::Pattern {
            pattern: pattern.clone(),
            reason: reason.kind().to_string(),
        };
        let glob = Glob::new(&text).map_err(bad)?;
        let matcher = glob.compile_matcher();
        if !registry().iter().any(|rule| matcher.is_match(rule.id)) {
            return Err(ConformanceError::UnknownCheck {
                pattern: pattern.clone(),
                suggestion: nearest(pattern),
            });
        }
        set.add(glob);
    }
    set.build().map_err(|error| ConformanceError::Pattern {
        pattern: patterns.join(","),
        reason: error.to_string(),
    })
}

/// The id nearest to a mistyped one.
pub(crate) fn nearest(typed: &str) -> Option<String> {
    registry()
        .iter()
        .map(|rule| (distance(typed, rule.id), rule.id))
        .min()
        .filter(|(far, id)| *far <= id.len() / 3)
        .map(|(_, id)| id.to_owned())
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(patterns: &[&str]) -> Result<usize, ConformanceError> {
        let only = patterns.iter().map(|pattern| (*pattern).into()).collect();
        let selection = Selection {
            only,
            skip: Vec::new(),
        };
        selection.rules().map(|rules| rules.len())
    }

    #[test]
    fn a_glob_of_nothing_selects_nothing_and_an_unknown_id_is_a_mistake() {
        assert!(matches!(
            only(&["proxy.*"]),
            Err(ConformanceError::NothingSelected)
        ));
        assert!(matches!(
            only(&["line.knid"]),
            Err(ConformanceError::UnknownCheck { .. })
        ));
        assert!(matches!(
            only(&["line.*", "framng.*"]),
            Err(ConformanceError::UnknownCheck { .. })
        ));
        assert!(only(&["line"]).is_ok_and(|count| count > 1));
    }
}
