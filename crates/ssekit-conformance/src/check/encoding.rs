//! Rules of the group `encoding`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
