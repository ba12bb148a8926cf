//! Values that leave a list of values: the row of an INSERT, the assignments of an UPDATE.

use std::ops::Range;

use super::query::Query;
use super::token::Kind;
use super::word::Word;

/// Looks at the first quote, if it ends the value.
pub(super) fn search(query: &Query<'_>, met: &mut dyn FnMut(&'static str, Range<usize>)) {
    let quote = (0..query.len().min(EARLY)).find(|at| query.is_quote(*at));
    let Some(quote) = quote.filter(|quote| query.may_end_value(*quote) && query.is_early(*quote)) else {
        return;
    };
    let behind = quote + 1;
    let found = is_next_row(query, behind)
        || is_rest_of_row(query, behind)
        || is_assignment(query, behind)
        || is_conflict(query, behind);
    if found {
        met("sqli-break-out", query.range(0, behind + 1));
    }
}

/// `'),('x`: the row ends and another begins, though the text has opened none.
fn is_next_row(query: &Query<'_>, behind: usize) -> bool {
    query.is(behind, Kind::Close)
        && query.is(behind + 1, Kind::Comma)
        && query.is(behind + 2, Kind::Open)
        && (query.is_quote(behind + 3) || query.is(behind + 3, Kind::Number))
}

/// `','x',1)-- `: more values, the end of the row, and a comment that hides the query's own.
fn is_rest_of_row(query: &Query<'_>, behind: usize) -> bool {
    let mut next = behind;
    let mut values = 0;
    while query.is(next, Kind::Comma) && values < VALUES_MAX {
        let Some(value) = query.operand(next + 1) else { return false };
        next = value.next;
        values += 1;
    }
    // The parenthesis behind the last value belongs to it as an operand.
    let closes = next > 0 && query.is(next - 1, Kind::Close);
    values > 0 && closes && opens_less(query, next) && query.ends_in_comment(next)
}

/// Whether more parentheses are closed before token `end` than opened.
fn opens_less(query: &Query<'_>, end: usize) -> bool {
    let count = |kind: Kind| (0..end).filter(|at| query.is(*at, kind)).count();
    count(Kind::Close) > count(Kind::Open)
}

/// `', admin=1`: another column is set.
fn is_assignment(query: &Query<'_>, behind: usize) -> bool {
    let is_column = query.is(behind, Kind::Comma)
        && query.word(behind + 1).is_some_and(Word::is_name)
        && query.text(behind + 2) == b"=";
    is_column
        && query.operand(behind + 3).is_some_and(|value| {
            let ends = query.is_over(value.next) || query.is_word(value.next, Word::Where);
            (value.sort.is_literal() && ends) || value.sort.is_sql()
        })
}

/// `') on duplicate key update`, `') on conflict`.
fn is_conflict(query: &Query<'_>, behind: usize) -> bool {
    (behind..query.len().min(behind + 16))
        .any(|at| query.text(at) == b"on" && matches!(query.text(at + 1), b"duplicate" | b"conflict"))
}

/// Values stand at the beginning.
const EARLY: usize = 8;

/// Rows are not longer.
const VALUES_MAX: usize = 24;
