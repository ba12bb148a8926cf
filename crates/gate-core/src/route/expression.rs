//! One regular expression in a form that is cheap to try once in a while.
//!
//! Of a thousand expressions each is tried rarely, and then none of it is in the processor's
//! cache. What that costs is a matter of how much memory the match walks over, so an
//! expression is compiled to a small automaton over ASCII, which all normal paths are.

use regex::Regex;
use regex_automata::dfa::{Automaton, StartKind, dense, sparse};
use regex_automata::{Input, MatchKind, nfa::thompson, util::syntax};

use super::literals::{self, Clause};

/// Whether a path matches.
#[derive(Debug)]
pub(super) struct Expression {
    form: Form,
    /// What it cannot match without.
    pub(super) clauses: Vec<Clause>,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all are of the large one, and each is shared")]
enum Form {
    /// The usual case.
    Small(sparse::DFA<Vec<u8>>),
    /// One whose automaton would be large, or that asks for more than ASCII.
    General(Regex),
}

impl Expression {
    pub(super) fn new(regex: &Regex) -> Self {
        let form = small(regex.as_str()).map_or_else(|| Form::General(regex.clone()), Form::Small);
        Self { form, clauses: literals::clauses(regex.as_str()) }
    }

    pub(super) fn fits(&self, path: &str) -> bool {
        match &self.form {
            Form::Small(automaton) => {
                // It gives up at no octet, as it has no Unicode word boundaries.
                matches!(automaton.try_search_fwd(&Input::new(path).earliest(true)), Ok(Some(_)))
            }
            Form::General(regex) => regex.is_match(path),
        }
    }
}

fn small(expression: &str) -> Option<sparse::DFA<Vec<u8>>> {
    let config = dense::Config::new()
        .start_kind(StartKind::Unanchored)
        .match_kind(MatchKind::All)
        .dfa_size_limit(Some(SIZE_MAX))
        .determinize_size_limit(Some(SIZE_MAX));
    // Letters outside ASCII may stand for letters within it when case does not count.
    if !expression.is_ascii() {
        return None;
    }
    let automaton = dense::Builder::new()
        .configure(config)
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(SIZE_MAX)))
        .build(expression);
    automaton.ok()?.to_sparse().ok()
}

/// Bytes of an automaton, and of what it takes to build it.
const SIZE_MAX: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_small: bool) -> Expression {
        let expression = Expression::new(&Regex::new(text).expect("a valid expression"));
        assert_eq!(matches!(expression.form, Form::Small(_)), is_small, "{text}");
        expression
    }

    #[test]
    fn usual_expressions_are_small() {
        for text in [
            "",
            "^/api/v[0-9]+/users/[^/]+$",
            r"^/rooms/\d+/members/\w+/messages$",
            r"(?i)\.(?:png|jpe?g|gif|svg|css|js)$",
            "^/(?:en|de|fr)/.*/chat",
            r"\bchat\b",
            "^/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        ] {
            check(text, true);
        }
    }

    #[test]
    fn a_large_or_international_expression_is_tried_as_it_is() {
        assert!(check("(?:[ab]*a[ab]{20}c)", false).fits(&format!("/a{}c", "b".repeat(20))));
        assert!(check(r"ch\p{L}t", false).fits("/chat"));
        assert!(check("(?i)\u{17f}", false).fits("/s"));
    }

    #[test]
    fn both_kinds_match_the_same() {
        for text in ["^/a+$", "b", "^/$", "", r"/\w+/\d", "(?i)^/A", r"[^/]\b", "(?:/a){2}"] {
            let regex = Regex::new(text).expect("a valid expression");
            let expression = check(text, true);
            for path in ["/", "/a", "/aa", "/ab", "/a/a", "/a/1", "/A/", "//", "/%C3%A4"] {
                assert_eq!(expression.fits(path), regex.is_match(path), "{text} on {path}");
            }
        }
    }
}
