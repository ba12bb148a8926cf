//! Conditions that are joined to a query, and values that are left for one.

use std::ops::Range;

use super::query::{Operand, Query, Sort};
use super::token::{Kind, Quote};
use super::word::Word;

/// Looks for conditions and for the ends of values.
pub(super) fn search(query: &Query<'_>, met: &mut dyn FnMut(&'static str, Range<usize>)) {
    for index in 0..query.len() {
        if query.joins(index) || (query.is_word(index, Word::Where) && !query.is_in_statement(index)) {
            if let Some((rule, next)) = condition(query, index) {
                met(rule, query.range(index, next));
            }
        } else if query.is_quote(index)
            && let Some((rule, next)) = end_of_value(query, index)
        {
            met(rule, query.range(index, next));
        }
    }
}

/// What is joined at `index`, and the token behind it.
fn condition(query: &Query<'_>, index: usize) -> Option<(&'static str, usize)> {
    let left = query.operand(index + 1)?;
    let Some(right) = query.comparator(left.next) else {
        if query.is_word(index, Word::Where) {
            return None;
        }
        return bare(query, index, &left).map(|rule| (rule, left.next));
    };
    let is_a_test = query.is_word(left.next, Word::Is)
        || (query.is_word(left.next, Word::Not) && query.is_word(left.next + 1, Word::Is));
    let right = query.operand(right)?;
    let next = right.next;
    if query.is_word(index, Word::Where) && query.breaks_out(index) && query.is_commented(next) {
        return Some(("sqli-break-out", next));
    }
    if is_same_call(&left, &right) && query.is_early(index) && index > 0 {
        return Some((tautology(query, index), next));
    }
    if left.sort.is_literal() && right.sort.is_literal() {
        return constants(query, index, (&left, &right)).map(|rule| (rule, next));
    }
    if query.is_word(index, Word::Where) {
        return None;
    }
    let breaks_out = query.breaks_out(index);
    if let (Sort::Name(a), Sort::Name(b)) = (left.sort, right.sort) {
        let is_meant = query.is_commented(next)
            || (query.is_over(next) && (breaks_out || query.is_early(index)))
            || (breaks_out && query.is_early(index));
        let is_same = left.value == right.value;
        let is_first = index == 0 && query.is_over(next) && query.len() <= 5 && is_plain_join(query, index);
        return (a != Word::Prose && b != Word::Prose && is_meant && (is_same || breaks_out || is_first))
            .then_some((tautology(query, index), next));
    }
    let is_sql = left.sort.is_sql() || right.sort.is_sql();
    let is_left_open = right.sort == Sort::OpenText && query.is_over(next);
    if breaks_out && (is_sql || is_left_open || query.is_early(index) || query.is_commented(next)) {
        return Some(("sqli-break-out", next));
    }
    let is_called_for = (query.is_early(index)
        && (index > 0 || asks(query, index, next) || is_question(query, index, (&left, &right))))
        || query.is_commented(next);
    if is_sql && !query.is_in_statement(index) && is_called_for {
        return Some(("sqli-condition", next));
    }
    // A number that the condition goes on behind needs no quote to end it.
    let is_behind_number = query.is_early(index) && index > 0 && query.has_number_before(index);
    let is_asked = matches!(left.value, b"current_user" | b"session_user" | b"system_user");
    let is_whole = query.is_over(next)
        && ((is_behind_number && (right.sort.is_quoted() || is_a_test || is_asked))
            || (index == 0 && is_asked));
    ((is_a_test && query.is_commented(next)) || is_whole).then_some(("sqli-condition", next))
}

/// A condition whose truth stands in the text.
fn constants(
    query: &Query<'_>,
    index: usize,
    (left, right): (&Operand<'_>, &Operand<'_>),
) -> Option<&'static str> {
    let is_same = same(left.value, right.value);
    let has_reason = query.breaks_out(index)
        || query.is_commented(right.next)
        || (query.is_early(index) && query.is_over(right.next))
        || (query.is_early(index) && query.joins(right.next))
        || right.sort == Sort::OpenText && query.is_early(index)
        || (query.is_over(right.next) && is_behind_constants(query, index));
    let is_meant = has_reason || (is_same && !query.is_word(index, Word::Where));
    if !is_meant {
        return None;
    }
    let is_quoted = left.sort.is_quoted() && right.sort.is_quoted();
    Some(if is_quoted { "sqli-or-string-eq" } else { tautology(query, index) })
}

/// A condition without a comparison: `or 1`, `or sleep(5)`, `or exists (select ..)`.
fn bare(query: &Query<'_>, index: usize, operand: &Operand<'_>) -> Option<&'static str> {
    let quote = query.quote_before(index);
    let next = operand.next;
    let goes_on = query.is_over(next) || query.joins(next);
    if let Some(quote) = quote
        && (query.is_early(quote) || query.ends_in_comment(next))
        && !is_measure(query, quote, operand)
        && (goes_on || query.is_quote(next))
        && (operand.sort.is_sql()
            || (operand.sort.is_literal() && is_value(query, operand))
            || (matches!(operand.sort, Sort::Call(_)) && query.is_commented(next)))
    {
        return Some("sqli-break-out");
    }
    let is_number = matches!(operand.sort, Sort::Number | Sort::Constant);
    // A division by nothing shows that the condition is looked at.
    if query.text(next.saturating_sub(1)) == b"0"
        && query.text(next.saturating_sub(2)) == b"/"
        && query.is_over(next)
        && (quote.is_some() || query.has_number_before(index))
    {
        return Some("sqli-condition");
    }
    // All of the text is a condition that is true or false, to be put behind a number.
    if index == 0 && next == query.len() && next == 2 && is_truth(query, operand) {
        return Some(tautology(query, index));
    }
    // The same behind one.
    let is_constant = operand.sort == Sort::Constant && is_truth(query, operand);
    if index == 1 && next == query.len() && is_constant && query.has_number_before(index) {
        return Some(tautology(query, index));
    }
    // Dashes in prose have a space before them.
    let is_hidden = query.ends_in_comment(next)
        || (query.touch(next.saturating_sub(1)) && query.is_commented(next))
        || (operand.sort.is_sql() && query.is_over(next) && query.has_number_before(index));
    if query.is_early(index) && is_hidden && (is_number || operand.sort.is_sql()) {
        return Some(if is_number { tautology(query, index) } else { "sqli-condition" });
    }
    (operand.sort == Sort::Query && query.is_early(index) && !query.is_in_statement(index))
        .then_some("sqli-condition")
}

/// A quote that ends the value and what comes of it: a comment, a comparison.
fn end_of_value(query: &Query<'_>, quote: usize) -> Option<(&'static str, usize)> {
    let next = query.skip(quote + 1, |kind| matches!(kind, Kind::Close | Kind::Semicolon));
    if !query.may_end_value(quote) || query.quote_before(quote + 1).is_none() || !query.is_early(quote) {
        return None;
    }
    let rest = query.len() - next;
    let is_glued = quote > 0 && query.touch(quote - 1) && query.touch(quote);
    match query.kind(next) {
        Some(Kind::Dashes) if rest <= 2 || (is_glued && rest <= 3) => Some(("sqli-comment-dash", next + 1)),
        Some(Kind::Hash) if rest <= 1 || (is_glued && rest <= 3) => Some(("sqli-comment-hash", next + 1)),
        Some(Kind::OpenComment) => Some(("sqli-comment-block", next + 1)),
        _ => {
            let right = compared(query, quote + 1)?;
            let operand = query.operand(right)?;
            // What is calculated may be compared in turn.
            let compared = query.comparator(operand.next).and_then(|right| query.operand(right));
            let operand = compared.filter(|compared| compared.sort.is_literal()).unwrap_or(operand);
            let is_text =
                operand.sort == Sort::OpenText || (operand.sort == Sort::Text && operand.value.is_empty());
            let is_meant = (query.is_commented(operand.next) && operand.sort.is_literal())
                || (is_text && query.len() <= quote + 5)
                || (is_text && query.joins(operand.next))
                || operand.sort.is_sql();
            is_meant.then_some(("sqli-break-out", operand.next))
        }
    }
}

/// What is right of a comparator or sign of arithmetic.
fn compared(query: &Query<'_>, index: usize) -> Option<usize> {
    match query.kind(index) {
        Some(Kind::Arithmetic | Kind::Star) => Some(index + 1),
        _ => query.comparator(index),
    }
}

fn is_truth(query: &Query<'_>, operand: &Operand<'_>) -> bool {
    match operand.sort {
        Sort::Constant => !query.is_word(operand.next - 1, Word::Null),
        Sort::Number => matches!(operand.value, b"0" | b"1"),
        Sort::Text | Sort::OpenText | Sort::Name(_) | Sort::Call(_) | Sort::Query | Sort::Variable => false,
    }
}

/// Whether the quotes are feet and inches: `6' or 7'`.
fn is_measure(query: &Query<'_>, quote: usize, operand: &Operand<'_>) -> bool {
    operand.sort == Sort::Number
        && quote.checked_sub(1).is_some_and(|before| query.is(before, Kind::Number) && query.touch(before))
        && query.is_quote(operand.next)
        && query.touch(operand.next - 1)
}

/// Whether a quoted text is one that a value may be, and not punctuation between two quotes.
fn is_value(query: &Query<'_>, operand: &Operand<'_>) -> bool {
    let is_back = query.is(operand.next.saturating_sub(1), Kind::Quote(Quote::Back));
    match operand.sort {
        Sort::Text if operand.value == b"=" => query.joins(operand.next),
        Sort::Text => !is_back && operand.value.first().is_none_or(u8::is_ascii_alphanumeric),
        Sort::OpenText => operand.value.first().is_some_and(u8::is_ascii_alphanumeric),
        Sort::Number | Sort::Constant | Sort::Name(_) | Sort::Call(_) | Sort::Query | Sort::Variable => true,
    }
}

/// Whether the condition before this one has been one of constants, too.
fn is_behind_constants(query: &Query<'_>, index: usize) -> bool {
    index >= 3
        && query.is(index - 1, Kind::Number)
        && query.is(index - 2, Kind::Compare)
        && query.is(index - 3, Kind::Number)
        && query.text(index - 1) == query.text(index - 3)
}

/// Whether all of the text compares what a function of the database says: `and user()='root'`.
fn is_question(query: &Query<'_>, index: usize, (left, right): (&Operand<'_>, &Operand<'_>)) -> bool {
    let is_function = match left.sort {
        // Its name is one of a thing, too, and nothing is asked of that.
        Sort::Call(Word::Object) => query.is(index + 2, Kind::Open) && query.is(index + 3, Kind::Close),
        Sort::Call(_) => left.sort.is_sql(),
        Sort::Number
        | Sort::Text
        | Sort::OpenText
        | Sort::Constant
        | Sort::Name(_)
        | Sort::Query
        | Sort::Variable => false,
    };
    let is_answer = matches!(right.sort, Sort::Call(Word::Char | Word::If));
    (is_function || is_answer) && query.is_over(right.next)
}

/// `crc32('a')=crc32('a')`
fn is_same_call(left: &Operand<'_>, right: &Operand<'_>) -> bool {
    matches!((left.sort, right.sort), (Sort::Call(_), Sort::Call(_))) && left.value == right.value
}

/// Whether a query or a call within a call is in a condition.
fn asks(query: &Query<'_>, index: usize, next: usize) -> bool {
    let calls = (index + 1..next)
        .filter(|at| {
            matches!(query.word(*at), Some(word) if word != Word::Other) && query.is(at + 1, Kind::Open)
        })
        .count();
    calls > 1
        || (index + 1..next).any(|at| {
            query.is(at, Kind::SystemVariable)
                || (query.is_word(at, Word::Select) && query.is_select_list(at + 1))
        })
}

const fn is_word_of_logic(kind: Kind) -> bool {
    matches!(kind, Kind::Word(Word::Or | Word::And))
}

fn is_plain_join(query: &Query<'_>, index: usize) -> bool {
    query.kind(index).is_some_and(is_word_of_logic)
        && (index + 1..query.len()).all(|at| !query.text(at).contains(&b'.'))
}

fn tautology(query: &Query<'_>, index: usize) -> &'static str {
    match query.kind(index) {
        Some(Kind::Word(Word::Or) | Kind::DoublePipe) => "sqli-or-1eq1",
        _ => "sqli-and-1eq1",
    }
}

/// Whether two literals say the same.
fn same(left: &[u8], right: &[u8]) -> bool {
    let left = left.trim_ascii();
    let right = right.trim_ascii();
    left == right || (!left.is_empty() && right.strip_prefix(left).is_some_and(ends_value))
}

/// Whether nothing but signs comes behind a value that is not closed.
fn ends_value(rest: &[u8]) -> bool {
    !rest.iter().any(u8::is_ascii_alphanumeric)
}
