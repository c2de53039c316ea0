//! Rules of the group `framing`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
