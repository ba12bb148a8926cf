//! Commands for a shell.

use super::{Hits, Rule, Text};

pub(super) static RULES: &[Rule] = &[];

pub(super) fn detect(_text: Text<'_>, _hits: &mut Hits) {}
