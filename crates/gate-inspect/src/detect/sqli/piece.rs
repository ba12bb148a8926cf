//! Texts that are nothing but a piece of an expression, made to fit where a value is put: they leave
//! the value and come back into it, or hide by a comment what the query has behind it.

use std::ops::Range;

use super::query::Query;
use super::token::Kind;
use super::word::Word;

/// Looks at the text as a whole.
pub(super) fn search(query: &Query<'_>, met: &mut dyn FnMut(&'static str, Range<usize>)) {
    if query.len() > TOKENS_MAX {
        return;
    }
    if comes_back(query) || is_joined_on(query) {
        met("sqli-break-out", query.range(0, query.len()));
    }
    if let Some(rule) = cut_off(query) {
        met(rule, query.range(0, query.len()));
    }
    if hides_what_follows(query) {
        met("sqli-comment-dash", query.range(0, query.len()));
    }
    if is_case_of_constants(query) {
        met("sqli-condition", query.range(0, query.len()));
    }
}

/// Whether it is a value's end, something calculated or compared, and the beginning of a text again:
/// `x' - 0 = '1`.
fn comes_back(query: &Query<'_>) -> bool {
    let quotes: Vec<usize> = (0..query.len()).filter(|at| query.is_quote(*at)).collect();
    let &[first, last] = quotes.as_slice() else { return false };
    let is_value = first == 0 || (first == 1 && query.touch(0));
    let is_open = last + 2 >= query.len() && query.word(last + 1) != Some(Word::Prose);
    if !is_value || !is_open || query.kind(first) != query.kind(last) || last < first + 2 {
        return false;
    }
    let is_sign =
        |at: usize| query.kind(at).is_some_and(is_operator) || matches!(query.text(at), b"\\" | b"sounds");
    let is_of_expression = |at: usize| {
        is_sign(at)
            || matches!(
                query.kind(at),
                Some(Kind::Number | Kind::Open | Kind::Close | Kind::Variable | Kind::SystemVariable)
            )
            || matches!(query.word(at), Some(Word::Null | Word::Constant))
            || query.word(at).is_some_and(Word::is_name)
    };
    if !is_sign(first + 1) || !is_sign(last - 1) || !(first + 1..last).all(is_of_expression) {
        return false;
    }
    let names = (first + 1..last).filter(|at| query.word(*at).is_some_and(Word::is_name)).count();
    let is_sql = (first + 1..last).any(|at| match query.kind(at) {
        Some(Kind::Number | Kind::Compare | Kind::DoubleAnd | Kind::DoublePipe) => true,
        Some(Kind::Word(word)) => !word.is_name(),
        _ => false,
    });
    // Programs put texts together out of names, too: `'+name+'`.
    let is_number = query.is(last + 1, Kind::Number);
    // `admin'+'`: nothing is put to the value.
    let is_nothing = first == 1 && last == 3 && query.touch(1) && query.touch(2) && query.len() == 4;
    names < 4 && (is_nothing || is_sql || (names > 0 && is_number))
}

/// Whether something is joined to a text on both sides: `'||f()||'`.
fn is_joined_on(query: &Query<'_>) -> bool {
    let Some(last) = query.len().checked_sub(1) else { return false };
    last > 4
        && query.is_quote(0)
        && query.kind(0) == query.kind(last)
        && query.is(1, Kind::DoublePipe)
        && query.is(last - 1, Kind::DoublePipe)
}

/// An expression of which a comment hides the rest of the query: `1*1--`, `(cos('b'))--`.
fn cut_off(query: &Query<'_>) -> Option<&'static str> {
    let last = query.len().checked_sub(1)?;
    let is_block = query.is(last, Kind::OpenComment);
    if last < 2 && !query.is(0, Kind::SystemVariable) && !query.is(0, Kind::Variable) {
        return None;
    }
    if !is_block && query.text(last) != b"--" {
        return None;
    }
    let mut is_meant = false;
    let mut operands = 0;
    let mut depth = 0_i32;
    for at in 0..last {
        match query.kind(at)? {
            Kind::Open => depth += 1,
            Kind::Close => {
                depth -= 1;
                is_meant |= depth < 0;
            }
            Kind::Comma => {}
            Kind::Semicolon if at + 1 == last && depth < 0 => {}
            Kind::Number => operands += 1,
            Kind::Quote(_) => {
                operands += 1;
                is_meant = true;
            }
            Kind::Variable | Kind::SystemVariable => {
                operands += 1;
                is_meant = query.text(at).len() > 1;
            }
            // Dates and fractions before a dash are none.
            Kind::Arithmetic => is_meant |= query.touch(last - 1) && last > 2,
            Kind::Star | Kind::Compare | Kind::DoublePipe | Kind::DoubleAnd => {
                is_meant |= query.touch(last - 1)
            }
            Kind::Word(word) if query.is(at + 1, Kind::Open) && word != Word::Prose => is_meant = true,
            Kind::Word(
                Word::Or
                | Word::And
                | Word::Not
                | Word::Select
                | Word::Union
                | Word::Like
                | Word::Is
                | Word::In,
            ) => is_meant = true,
            Kind::Word(Word::Null | Word::Constant | Word::Quantifier | Word::Limit) => {}
            // A text between quotes.
            Kind::Word(_) | Kind::Other if is_between_quotes(query, at) => {}
            Kind::Word(_) | Kind::Other | Kind::Semicolon | Kind::Dashes | Kind::Hash | Kind::OpenComment => {
                return None;
            }
        }
    }
    let rule = if is_block { "sqli-comment-block" } else { "sqli-comment-dash" };
    (is_meant && operands > 0).then_some(rule)
}

/// Whether a comment without a word ends a whole statement: nobody comments on what comes behind.
fn hides_what_follows(query: &Query<'_>) -> bool {
    let Some(last) = query.len().checked_sub(1) else { return false };
    let is_closed =
        |at: usize| matches!(query.kind(at), Some(Kind::Semicolon | Kind::Quote(_) | Kind::Number));
    last > 3
        && query.text(last) == b"--"
        && is_closed(last - 1)
        && (query.touch(last - 1) || query.is(last - 1, Kind::Semicolon))
        && query.is_statement(0)
}

/// Whether a token is all that stands between two quotes.
fn is_between_quotes(query: &Query<'_>, at: usize) -> bool {
    at > 0 && query.is_quote(at - 1) && query.kind(at + 1) == query.kind(at - 1)
}

/// `(case when 1=2 then 1 else null end)`, in the place of a value.
fn is_case_of_constants(query: &Query<'_>) -> bool {
    let is_before = |kind| matches!(kind, Kind::Open | Kind::Arithmetic | Kind::Number | Kind::Comma);
    let first = query.skip(0, is_before);
    query.is_word(first, Word::Case)
        && query.is_word(first + 1, Word::When)
        && query.is(query.skip(first + 2, |kind| kind == Kind::Open), Kind::Number)
        && (first + 3..query.len().min(first + 8))
            .any(|at| query.is(at, Kind::Compare) && query.is(at + 1, Kind::Number))
        && query.is_over(query.len().saturating_sub(1))
}

const fn is_operator(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Compare
            | Kind::DoublePipe
            | Kind::DoubleAnd
            | Kind::Arithmetic
            | Kind::Star
            | Kind::Word(Word::Or | Word::And | Word::Not | Word::Like | Word::Is | Word::In | Word::Between)
    )
}

/// Pieces are short.
const TOKENS_MAX: usize = 48;
