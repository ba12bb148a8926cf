//! Patterns of the operator's: regular expressions over bytes, of linear time and bounded size.

use std::ops::Range;
use std::sync::Arc;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::settings::{Fault, Pattern};

/// All patterns of one inspection.
#[derive(Debug)]
pub(super) struct Patterns {
    /// All at once, since mostly none matches.
    any: RegexSet,
    each: Vec<(Arc<str>, u16, Regex)>,
}

impl Patterns {
    /// Compiles them, or tells of each that is wrong.
    pub(super) fn compile(patterns: &[Pattern], faults: &mut Vec<Fault>) -> Option<Self> {
        let mut each = Vec::with_capacity(patterns.len());
        for (index, pattern) in patterns.iter().enumerate() {
            match compile(&pattern.regex) {
                Ok(regex) => each.push((pattern.id.clone(), pattern.score, regex)),
                Err(message) => faults.push(Fault::Pattern { index, message }),
            }
        }
        if each.len() < patterns.len() {
            return None;
        }
        let any = RegexSetBuilder::new(patterns.iter().map(|pattern| &*pattern.regex))
            .size_limit(SIZE_MAX.saturating_mul(patterns.len().max(1)))
            .dfa_size_limit(CACHE_MAX)
            .build();
        match any {
            Ok(any) => Some(Self { any, each }),
            Err(error) => {
                faults.push(Fault::Pattern { index: 0, message: format!("all patterns together: {error}") });
                None
            }
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.each.is_empty()
    }

    /// The patterns that match, each with the first place where it does.
    pub(super) fn search(&self, text: &[u8], mut found: impl FnMut(usize, Range<usize>)) {
        if self.each.is_empty() || !self.any.is_match(text) {
            return;
        }
        for index in self.any.matches(text) {
            let place = self.each.get(index).and_then(|(_, _, regex)| regex.find(text));
            found(index, place.map_or(0..0, |place| place.range()));
        }
    }

    pub(super) fn id(&self, index: usize) -> Option<&Arc<str>> {
        self.each.get(index).map(|(id, _, _)| id)
    }

    pub(super) fn score(&self, index: usize) -> u16 {
        self.each.get(index).map_or(0, |(_, score, _)| *score)
    }
}

/// Compiles one expression.
///
/// # Errors
/// What its parser says.
pub(crate) fn compile(regex: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(regex).size_limit(SIZE_MAX).dfa_size_limit(CACHE_MAX).build();
    built.map_err(|error| error.to_string())
}

/// What one compiled expression may need, in bytes.
const SIZE_MAX: usize = 1024 * 1024;
/// What is kept of its states while it runs.
const CACHE_MAX: usize = 2 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(regex: &str) -> Pattern {
        Pattern { id: regex.into(), regex: regex.into(), score: 5 }
    }

    #[test]
    fn those_that_match_are_found_with_their_places() {
        let patterns = ["b+", "x", "(?i)ABB$"].map(pattern);
        let compiled = Patterns::compile(&patterns, &mut Vec::new()).unwrap();
        let mut found = Vec::new();
        compiled.search(b"\xffabb", |index, at| found.push((index, at)));
        assert_eq!(found, [(0, 2..4), (2, 1..4)]);
    }

    #[test]
    fn each_that_is_wrong_is_told() {
        let patterns = ["a", "(", "(?=a)", r"\w{200}{200}"].map(pattern);
        let mut faults = Vec::new();
        assert!(Patterns::compile(&patterns, &mut faults).is_none());
        let index = |fault: &Fault| match fault {
            Fault::Pattern { index, .. } => *index,
            Fault::Schema { .. } | Fault::Redaction { .. } | Fault::Exception { .. } => 99,
        };
        assert_eq!(faults.iter().map(index).collect::<Vec<_>>(), [1, 2, 3]);
    }
}
