//! Rules of the group `retry`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
