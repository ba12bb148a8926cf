//! Paths out of where they belong, and to files of the system.

use super::{Hits, Rule, Text};

pub(super) static RULES: &[Rule] = &[];

pub(super) fn detect(_text: Text<'_>, _hits: &mut Hits) {}
