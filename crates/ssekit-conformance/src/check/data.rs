//! Rules of the group `data`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
