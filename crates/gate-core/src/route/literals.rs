//! What a regular expression cannot match without: literals of which one must occur in the
//! path.
//!
//! All is in lower case, for a search that ignores case. An answer may be too modest, which
//! costs time; it never promises too much.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Literals of which at least one occurs in all that an expression matches.
pub(super) type Clause = Vec<Vec<u8>>;

/// Clauses that hold for all that `expression` matches in an ASCII text. An expression that
/// cannot be read has none.
pub(super) fn clauses(expression: &str) -> Vec<Clause> {
    let mut clauses = Vec::new();
    if let Ok(hir) = regex_syntax::parse(expression) {
        collect(&hir, &mut clauses);
    }
    clauses
}

fn collect(hir: &Hir, clauses: &mut Vec<Clause>) {
    if let Some(text) = fixed(hir) {
        add(text, clauses);
        return;
    }
    match hir.kind() {
        HirKind::Concat(parts) => {
            let mut run = Vec::new();
            for part in parts {
                if let Some(text) = fixed(part) {
                    run.extend(text);
                } else {
                    add(std::mem::take(&mut run), clauses);
                    collect(part, clauses);
                }
            }
            add(run, clauses);
        }
        HirKind::Alternation(branches) => clauses.extend(either(branches)),
        HirKind::Capture(capture) => collect(&capture.sub, clauses),
        HirKind::Repetition(repetition) if repetition.min > 0 => collect(&repetition.sub, clauses),
        HirKind::Repetition(_) | HirKind::Class(_) => {}
        // These have a fixed text.
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) => {}
    }
}

/// One clause for all branches: the best of each.
fn either(branches: &[Hir]) -> Option<Clause> {
    let mut clause = Clause::new();
    for branch in branches {
        let mut clauses = Vec::new();
        collect(branch, &mut clauses);
        clause.extend(clauses.into_iter().max_by_key(shortest)?);
    }
    (clause.len() <= ALTERNATIVES_MAX).then_some(clause)
}

/// The length of the shortest literal of a clause, which is how much the clause says.
pub(super) fn shortest(clause: &Clause) -> usize {
    clause.iter().map(Vec::len).min().unwrap_or(0)
}

/// The text that an expression matches if it matches only one, case ignored.
fn fixed(hir: &Hir) -> Option<Vec<u8>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(Vec::new()),
        HirKind::Literal(literal) => Some(literal.0.to_ascii_lowercase()),
        HirKind::Class(class) => letter(class).map(|letter| vec![letter]),
        HirKind::Capture(capture) => fixed(&capture.sub),
        HirKind::Concat(parts) => {
            parts.iter().try_fold(Vec::new(), |text, part| Some([text, fixed(part)?].concat()))
        }
        HirKind::Repetition(_) | HirKind::Alternation(_) => None,
    }
}

/// The one ASCII letter of a class, in one case or both: what `(?i)` makes of a letter.
fn letter(class: &Class) -> Option<u8> {
    let mut octets = match class {
        Class::Unicode(class) => {
            octets(class.iter().map(|range| (u32::from(range.start()), u32::from(range.end()))))
        }
        Class::Bytes(class) => octets(class.iter().map(|range| (range.start().into(), range.end().into()))),
    }?;
    octets.make_ascii_lowercase();
    octets.dedup();
    <[u8; 1]>::try_from(octets).ok().map(|[letter]| letter)
}

/// The ASCII members of a class, if they are at most two.
fn octets(ranges: impl Iterator<Item = (u32, u32)>) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    for (start, end) in ranges {
        for member in start..=end.min(0x7f) {
            octets.push(u8::try_from(member).ok()?);
            if octets.len() > 2 {
                return None;
            }
        }
    }
    Some(octets)
}

/// A single octet, or none, tells too little.
fn add(text: Vec<u8>, clauses: &mut Vec<Clause>) {
    if text.len() > 1 {
        clauses.push(vec![text]);
    }
}

/// More alternatives than this tell too little.
const ALTERNATIVES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: &[&[&str]]) {
        let found: Vec<Vec<String>> = clauses(expression)
            .into_iter()
            .map(|clause| clause.into_iter().map(|text| String::from_utf8(text).expect("UTF-8")).collect())
            .collect();
        assert_eq!(found, expected, "{expression}");
    }

    #[test]
    fn texts_that_must_occur_are_found() {
        check("^/api/v[0-9]+/users/[^/]+$", &[&["/api/v"], &["/users/"]]);
        check(r"\.json$", &[&[".json"]]);
        check("/(chat)/room", &[&["/chat/room"]]);
        check(r"/chat\b/x", &[&["/chat/x"]]);
        check("(?:/ab)+", &[&["/ab"]]);
        check("(?:/ab){2}x", &[&["/ab"]]);
        check("a(?:bc)?de", &[&["de"]]);
        check("^/(?:chat|talk/[0-9])/x", &[&["chat", "talk/"], &["/x"]]);
        check("^/one$|^/two$", &[&["/one", "/two"]]);
    }

    #[test]
    fn case_does_not_count() {
        check("(?i)^/Sock[^/]", &[&["/sock"]]);
        check("/API/[A-Z]", &[&["/api/"]]);
        check("[Ss]ock", &[&["sock"]]);
        check("[sx]ock", &[&["ock"]]);
    }

    #[test]
    fn what_may_be_absent_is_not_promised() {
        for expression in ["", ".*", "^/[0-9]+$", "(?:abc)*", "(?:abc|)", "(?:abc|[0-9]+)", "[a-z]+", "(abc"]
        {
            check(expression, &[]);
        }
    }
}
