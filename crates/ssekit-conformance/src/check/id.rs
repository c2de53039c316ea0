//! Rules of the group `id`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
