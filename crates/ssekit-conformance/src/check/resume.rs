//! Rules of the group `resume`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
