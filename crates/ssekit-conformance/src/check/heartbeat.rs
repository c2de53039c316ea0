//! Rules of the group `heartbeat`.

use crate::Rule;

pub(super) const RULES: &[Rule] = &[];
