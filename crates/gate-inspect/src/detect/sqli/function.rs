//! Functions that serve attackers: those that wait, tell, read, reach out or build texts.

use std::ops::Range;

use super::query::Query;
use super::token::Kind;
use super::word::Word;

/// Looks for calls.
pub(super) fn search(query: &Query<'_>, met: &mut dyn FnMut(&'static str, Range<usize>)) {
    for index in 0..query.len() {
        let Some(word) = query.word(index) else { continue };
        #[expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it is about")]
        let found = match word {
            Word::Limit | Word::Procedure => analyse(query, index),
            Word::DatabaseSleep if query.text(index).starts_with(b"dbms_") => Some("sqli-sleep"),
            _ if !query.is(index + 1, Kind::Open) => None,
            Word::Sleep => sleep(query, index),
            Word::DatabaseSleep => database_sleep(query, index),
            Word::Telltale | Word::Shape => telltale(query, index),
            Word::Char => char_codes(query, index),
            Word::Reach => reach(query, index),
            Word::Convert => convert(query, index),
            Word::Probe => probe(query, index),
            Word::If => conditional(query, index),
            Word::SystemProcedure => {
                let is_reached = query.text(index).ends_with(b"cmdshell") && query.is_quote(index + 2);
                is_reached.then_some("sqli-procedure")
            }
            _ => None,
        };
        if let Some(rule) = found {
            met(rule, query.range(index, query.group_end(index + 1)));
        }
    }
}

/// `sleep` is a function of many languages: what stands around it decides.
fn sleep(query: &Query<'_>, index: usize) -> Option<&'static str> {
    let first = query.skip(index + 2, |kind| matches!(kind, Kind::Open | Kind::Arithmetic));
    let is_long = matches!(query.kind(first), Some(Kind::Number | Kind::Quote(_)))
        || query.is_word(first, Word::Select)
        || query.is_word(first, Word::If)
        || query.is_word(first, Word::Case);
    let end = query.group_end(index + 1);
    let before = (index.saturating_sub(8)..index).rev().find(|at| !query.is(*at, Kind::Open));
    let is_joined = before.is_some_and(|before| {
        matches!(
            query.kind(before),
            Some(Kind::Word(Word::Or | Word::And | Word::Select | Word::By | Word::Like | Word::Having))
        )
    });
    let is_behind_value = query.quote_before(index).is_some()
        || before.is_some_and(|before| {
            matches!(
                query.kind(before),
                Some(Kind::Arithmetic | Kind::DoublePipe | Kind::DoubleAnd | Kind::Star | Kind::Compare)
            ) && (query.breaks_out(before)
                || (query.is_early(before)
                    && is_end_of_condition(query, end)
                    && !is_quoted_line(query, before)))
        });
    let is_followed = query.is_commented(end)
        || (query.is(end, Kind::Arithmetic) && query.is_quote(end + 1) && query.is_over(end + 1))
        || (index <= 1 && query.is(end, Kind::Compare) && query.is_quote(end + 1));
    let is_in_query = (index.saturating_sub(32)..index).any(|at| {
        matches!(query.word(at), Some(Word::Select | Word::Union | Word::Case | Word::Having | Word::By))
    });
    let is_chosen = query.is(index.saturating_sub(1), Kind::Comma)
        && (index.saturating_sub(32)..index)
            .any(|at| matches!(query.word(at), Some(Word::If | Word::Probe)) && query.is(at + 1, Kind::Open));
    // Programs sleep for a moment, too.
    let is_whole = query.skip(0, |kind| kind == Kind::Open) == index
        && query.is(first, Kind::Number)
        && !matches!(query.text(first), b"0" | b"1")
        && query.is_over(end)
        && !query.is(end, Kind::Semicolon);
    let is_behind_value =
        is_behind_value || (query.joins(end) && before.is_some_and(|before| query.joins(before)));
    (is_long && (is_whole || is_joined || is_behind_value || is_followed || is_in_query || is_chosen))
        .then_some("sqli-sleep")
}

/// Whether all before is the sign by which mail and chat quote a line.
fn is_quoted_line(query: &Query<'_>, before: usize) -> bool {
    before == 0 && query.text(0) == b">"
}

/// Whether nothing comes behind, or a comparison with a literal and then nothing.
fn is_end_of_condition(query: &Query<'_>, end: usize) -> bool {
    query.is_over(end)
        || query
            .comparator(end)
            .and_then(|right| query.operand(right))
            .is_some_and(|right| right.sort.is_literal() && query.is_over(right.next))
}

fn database_sleep(query: &Query<'_>, index: usize) -> Option<&'static str> {
    let first = query.skip(index + 2, |kind| matches!(kind, Kind::Open | Kind::Arithmetic));
    let argument = query.text(first);
    let is_number = query.is(first, Kind::Number);
    let is_word = |name: &[u8]| query.text(index) == name;
    if is_word(b"benchmark") {
        let work = query.skip(first + 1, |kind| matches!(kind, Kind::Close));
        return (is_number
            && query.is(work, Kind::Comma)
            && !query.is_over(work + 1)
            && (argument.len() >= 4 || query.is(work + 2, Kind::Open)))
        .then_some("sqli-benchmark");
    }
    if is_word(b"randomblob") {
        return (is_number && argument.len() >= 6).then_some("sqli-sleep");
    }
    if is_word(b"generate_series") {
        let to = query.text(first + 2);
        return (is_number && to.len() >= 6).then_some("sqli-sleep");
    }
    if is_word(b"get_lock") {
        return (query.is_quote(first) && !query.is_in_statement(index)).then_some("sqli-sleep");
    }
    (is_number
        || query.is_quote(first)
        || query.is_word(first, Word::Case)
        || query.is_word(first, Word::Select))
    .then_some("sqli-sleep")
}

/// Whether a secret is near: a query, a variable, a text made to be found in the answer.
fn has_secret(query: &Query<'_>, index: usize) -> bool {
    (index + 2..query.group_end(index + 1)).any(|at| match query.kind(at) {
        Some(Kind::SystemVariable | Kind::Word(Word::Select | Word::Char)) => true,
        Some(Kind::Word(Word::Probe)) => query.is(at + 1, Kind::Open),
        Some(Kind::Number) => query.text(at).len() > 3 && query.text(at).starts_with(b"0x"),
        _ => false,
    })
}

fn telltale(query: &Query<'_>, index: usize) -> Option<&'static str> {
    let is_exp = query.text(index) == b"exp";
    let is_overflow = is_exp && query.text(index + 2) == b"~";
    let is_probed = query.text(index) == b"json_depth" && !query.is_in_statement(index);
    let is_meant = if is_exp { is_overflow } else { has_secret(query, index) || is_probed };
    is_meant.then_some("sqli-error")
}

/// `procedure analyse(..)`, behind which an error can be made.
fn analyse(query: &Query<'_>, index: usize) -> Option<&'static str> {
    (query.text(index + 1) == b"analyse" && query.is(index + 2, Kind::Open)).then_some("sqli-error")
}

fn char_codes(query: &Query<'_>, index: usize) -> Option<&'static str> {
    if !query.is(index + 2, Kind::Number) {
        return None;
    }
    let end = query.group_end(index + 1);
    let goes_on = query.is_word(end + 1, Word::Char) || query.is_word(end, Word::Char);
    let is_list = query.is(index + 3, Kind::Comma)
        && query.is(index + 4, Kind::Number)
        && query.is(index + 5, Kind::Comma);
    (goes_on || is_list).then_some("sqli-char-codes")
}

fn reach(query: &Query<'_>, index: usize) -> Option<&'static str> {
    let first = query.skip(index + 2, |kind| kind == Kind::Open);
    let is_called = matches!(query.kind(first), Some(Kind::Quote(_) | Kind::Number))
        || matches!(query.word(first), Some(Word::Char | Word::Select | Word::Probe));
    is_called.then_some("sqli-file")
}

/// A conversion that fails on purpose, so that the message shows the value.
fn convert(query: &Query<'_>, index: usize) -> Option<&'static str> {
    let before = index.checked_sub(1);
    let is_value = before.is_none_or(|before| {
        query.joins(before)
            || matches!(query.kind(before), Some(Kind::Compare | Kind::Arithmetic | Kind::Word(Word::Select)))
            || (query.is(before, Kind::Comma) && before < 4)
            || query.breaks_out(index)
    });
    let has_query = (index + 2..query.group_end(index + 1))
        .any(|at| query.is_word(at, Word::Select) || query.is(at, Kind::SystemVariable));
    (is_value && has_query && !query.is_in_statement(index)).then_some("sqli-error")
}

/// Functions by which a value is felt out letter by letter, or made for an error.
fn probe(query: &Query<'_>, index: usize) -> Option<&'static str> {
    let inside = index + 2..query.group_end(index + 1);
    if query.text(index) == b"rand" {
        return (query.text(index + 2) == b"0"
            && query.is(index + 3, Kind::Close)
            && query.is(index + 4, Kind::Star))
        .then_some("sqli-error");
    }
    if query.is_in_statement(index) {
        return None;
    }
    let asks = inside.clone().any(|at| {
        query.is_word(at, Word::Select) && query.is_select_list(at + 1) || query.is(at, Kind::SystemVariable)
    });
    let is_choice = matches!(query.text(index), b"elt" | b"make_set")
        && index <= 2
        && is_constant(query, index + 2)
        && query.is_over(query.group_end(index + 1));
    // A letter as a number, to be calculated with: `1 + ascii(substring(user,1,1))`.
    let is_letter = matches!(query.text(index), b"ascii" | b"ord" | b"unicode")
        && matches!(query.text(index + 2), b"substring" | b"substr" | b"mid" | b"left" | b"right")
        && index > 0
        && (0..index).all(|at| matches!(query.kind(at), Some(Kind::Number | Kind::Arithmetic | Kind::Open)));
    // The same with a letter that is known: `67-ascii('a')`.
    let is_known = matches!(query.text(index), b"ascii" | b"ord" | b"unicode")
        && matches!(query.kind(index + 2), Some(Kind::Quote(_) | Kind::Number))
        && index > 1
        && query.is_over(query.group_end(index + 1))
        && (0..index).all(|at| matches!(query.kind(at), Some(Kind::Number | Kind::Arithmetic | Kind::Open)));
    let makes_text = query.text(index).starts_with(b"concat")
        && inside.clone().any(|at| query.is(at, Kind::Number) && query.text(at).starts_with(b"0x"));
    let lists = query.text(index) == b"group_concat"
        && inside.into_iter().any(|at| query.is_word(at, Word::CatalogueColumn));
    (asks || is_choice || is_letter || is_known || makes_text || lists).then_some("sqli-condition")
}

/// Whether two numbers are compared at `index`.
fn is_constant(query: &Query<'_>, index: usize) -> bool {
    query.is(index, Kind::Number) && query.is(index + 1, Kind::Compare) && query.is(index + 2, Kind::Number)
}

/// `if(condition, sleep(5), 0)` and `iif`, `case` of a query.
fn conditional(query: &Query<'_>, index: usize) -> Option<&'static str> {
    let asks = (index + 2..query.group_end(index + 1)).any(|at| {
        query.is(at, Kind::SystemVariable)
            || (query.is_word(at, Word::Select) && query.is_select_list(at + 1))
    });
    let end = query.group_end(index + 1);
    let decides = query.is(index + 2, Kind::Number)
        && query.is(index + 3, Kind::Compare)
        && matches!(query.word(end), Some(Word::Select | Word::WaitFor | Word::Exec | Word::Define));
    let is_whole = index <= 2 && is_constant(query, index + 2) && query.is_over(end);
    ((asks || decides || is_whole) && !query.is_in_statement(index)).then_some("sqli-condition")
}
