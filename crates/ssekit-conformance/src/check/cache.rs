//! Rules of the group `cache`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
