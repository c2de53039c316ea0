//! Rules of the group `event`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
