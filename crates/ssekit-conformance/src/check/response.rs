//! Rules of the group `response`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
