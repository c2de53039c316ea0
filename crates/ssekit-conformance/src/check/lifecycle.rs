//! Rules of the group `lifecycle`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
