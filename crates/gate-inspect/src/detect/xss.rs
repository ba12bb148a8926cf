//! Script that a browser would run.

use super::{Hits, Rule, Text};

pub(super) static RULES: &[Rule] = &[];

pub(super) fn detect(_text: Text<'_>, _hits: &mut Hits) {}
