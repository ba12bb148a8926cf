//! Whole statements and parts of them that ask for more than the query did.

use std::ops::Range;

use super::query::Query;
use super::token::{Kind, Quote};
use super::word::Word;

/// Looks for statements.
pub(super) fn search(query: &Query<'_>, met: &mut dyn FnMut(&'static str, Range<usize>)) {
    for index in 0..query.len() {
        let found = match query.kind(index) {
            Some(Kind::Word(Word::Union)) => union_select(query, index),
            Some(Kind::Word(Word::Order | Word::Group)) => order_by(query, index),
            Some(Kind::Word(Word::Catalogue)) => catalogue(query, index),
            Some(Kind::Word(Word::Into)) => file(query, index),
            Some(Kind::Word(Word::Exec)) => procedure(query, index),
            Some(Kind::Semicolon) => stacked(query, index),
            Some(Kind::Quote(_)) => behind_a_quote(query, index),
            Some(Kind::Open) => subquery(query, index),
            Some(Kind::Word(Word::WaitFor)) => wait_for(query, index),
            Some(Kind::SystemVariable) => system_variable(query, index),
            _ => None,
        };
        if let Some((rule, next)) = found {
            met(rule, query.range(index, next));
        }
    }
}

type Found = Option<(&'static str, usize)>;

fn union_select(query: &Query<'_>, index: usize) -> Found {
    let verb = query.skip(index + 1, |kind| matches!(kind, Kind::Word(Word::Quantifier) | Kind::Open));
    if query.text(verb) == b"table" {
        let is_named = query.word(verb + 1).is_some_and(Word::is_name) && query.is_over(verb + 2);
        let is_behind_value = query.breaks_out(index) || query.has_number_before(index);
        return (is_named && is_behind_value && query.is_early(index))
            .then_some(("sqli-union-select", verb + 2));
    }
    let is_verb = query.is_word(verb, Word::Select) || query.is_word(verb, Word::Values);
    // In a statement of its own nobody joins numbers and hides what follows.
    let is_probe = query.is(verb + 1, Kind::Number) && query.is_commented(query.len().saturating_sub(2));
    if !is_verb || (query.is_in_statement(index) && !is_probe) {
        return None;
    }
    let is_list = query.is_select_list(verb + 1)
        || query.word(verb + 1).is_some_and(|word| word.is_name() && query.is_over(verb + 2))
        || (query.is_over(verb + 1) && (query.is_early(index) || query.breaks_out(index)));
    is_list.then_some(("sqli-union-select", verb + 2))
}

/// Attackers count columns by sorting after them.
fn order_by(query: &Query<'_>, index: usize) -> Found {
    if !query.is_word(index + 1, Word::By) || query.is_in_statement(index) {
        return None;
    }
    let first = query.skip(index + 2, |kind| kind == Kind::Open);
    let first = first + usize::from(query.is(first, Kind::Arithmetic));
    let is_of_list = |at: usize| {
        matches!(query.kind(at), Some(Kind::Number | Kind::Comma | Kind::Close))
            || matches!(query.text(at), b"asc" | b"desc")
    };
    let end = (first..query.len().min(first + LIST_MAX)).find(|at| !is_of_list(*at));
    let end = end.unwrap_or_else(|| query.len().min(first + LIST_MAX));
    let is_number = query.is(first, Kind::Number);
    let is_alone = query.is_word(index, Word::Order) && index == 0 && query.is_over(end) && query.len() <= 3;
    let is_behind_value = query.has_number_before(index) && query.is_early(index);
    let is_named = query.word(first).is_some_and(Word::is_name)
        && query.quote_before(index).is_some_and(|quote| query.is_early(quote))
        && query.is_commented(first + 1);
    // Between quotes of its own, with words behind, it is talked about.
    let is_ended = query.is_over(end) && (query.breaks_out(index) || is_alone || is_behind_value);
    let is_question = query.operand(index + 2).is_some_and(|operand| operand.sort.is_sql());
    let is_chosen = is_question && (is_behind_value || index == 0);
    let is_counted = is_number && (query.is_commented(end) || is_ended);
    (is_counted || is_named || is_chosen).then_some(("sqli-order-by", end))
}

fn catalogue(query: &Query<'_>, index: usize) -> Found {
    let is_source = index > 0
        && match query.kind(index - 1) {
            Some(Kind::Word(Word::From)) => true,
            Some(Kind::Comma) => !query.is_in_statement(index),
            Some(Kind::Quote(_)) => query.is_word(index.saturating_sub(2), Word::From),
            _ => false,
        };
    let is_selected = (index.saturating_sub(48)..index).any(|before| query.is_word(before, Word::Select));
    let is_selected = is_selected || (query.breaks_out(1) && query.is_commented(index + 1));
    let is_telling = [
        &b"information_schema"[..],
        b"mysql.",
        b"sys",
        b"pg_shadow",
        b"pg_authid",
        b"sql_logins",
        b"all_",
        b"dba_",
        b"v$",
    ]
    .iter()
    .any(|start| {
        let last = query.text(index).rsplit(|byte| *byte == b'.').next().unwrap_or_default();
        query.text(index).starts_with(start) || last.starts_with(start)
    });
    (is_source && is_selected && (is_telling || !query.is_in_statement(index)))
        .then_some(("sqli-info-schema", index + 1))
}

fn file(query: &Query<'_>, index: usize) -> Found {
    match query.kind(index + 1) {
        Some(Kind::Word(Word::File)) if query.is_quote(query.skip(index + 2, |kind| kind == Kind::Open)) => {
            Some(("sqli-file", index + 3))
        }
        // Columns are counted by variables, too.
        Some(Kind::Variable) if query.is(index + 2, Kind::Comma) => Some(("sqli-union-select", index + 2)),
        _ => None,
    }
}

fn procedure(query: &Query<'_>, index: usize) -> Found {
    if is_put_together(query, index) {
        return Some(("sqli-stacked-query", index + 2));
    }
    if !query.is_word(index + 1, Word::SystemProcedure) {
        return None;
    }
    let is_called = query.is_quote(index + 2)
        || query.is(index + 2, Kind::Variable)
        || query.is_over(index + 2)
        || query.is(index + 2, Kind::Open);
    let is_alone = query.is_in_statement(index) && !query.text(index + 1).ends_with(b"cmdshell");
    (is_called && !is_alone).then_some(("sqli-procedure", index + 2))
}

/// A statement out of pieces or numbers: `exec('sel'+'ect 1')`, `declare @s .. exec(@s)`.
fn is_put_together(query: &Query<'_>, index: usize) -> bool {
    let is_immediate = query.text(index + 1) == b"immediate";
    let first = query.skip(index + 1 + usize::from(is_immediate), |kind| kind == Kind::Open);
    match query.kind(first) {
        Some(Kind::Quote(_)) => query.operand(first).is_some_and(|text| {
            let is_joined = |at: usize| matches!(query.kind(at), Some(Kind::DoublePipe | Kind::Arithmetic));
            (first + 1..text.next).any(|at| is_joined(at) && query.is_quote(at - 1) && query.is_quote(at + 1))
        }),
        Some(Kind::Variable) => {
            let before = index.saturating_sub(48)..index;
            before.clone().any(|at| query.is_word(at, Word::Declare))
                && before.into_iter().any(|at| query.text(at).starts_with(b"0x"))
        }
        _ => false,
    }
}

fn stacked(query: &Query<'_>, index: usize) -> Found {
    let verb = query.skip(index, |kind| matches!(kind, Kind::Semicolon | Kind::Open));
    if query.is_in_statement(index) || query.is_opening(verb) {
        return None;
    }
    let is_select = query.is_word(verb, Word::Select)
        && query.is_select_list(verb + 1)
        && (query.is_early(index) || query.breaks_out(index));
    let is_block = (query.is_word(verb, Word::If) || query.is_word(verb, Word::Case))
        && query.breaks_out(index)
        && (index..query.len().min(index + 24))
            .any(|at| query.is_word(at, Word::Select) || (at > verb && query.is_statement(at)));
    // `exec(..)` is a function elsewhere.
    let is_call = query.is_word(verb, Word::Exec) && query.is(verb + 1, Kind::Open);
    let is_statement =
        query.is_statement(verb) && (!is_call || query.is_early(index) || query.breaks_out(index));
    let is_cut = query.is_early(index) && query.is_commented(query.len().saturating_sub(1));
    let is_plain = (query.breaks_out(index) || is_cut) && query.is_plain_statement(verb);
    (is_select || is_block || is_statement || is_plain).then_some(("sqli-stacked-query", verb + 2))
}

/// Some servers need no semicolon between two statements.
fn behind_a_quote(query: &Query<'_>, quote: usize) -> Found {
    let verb = query.skip(quote + 1, |kind| matches!(kind, Kind::Close));
    let is_ended =
        query.may_end_value(quote) && query.quote_before(quote + 1).is_some() && query.is_early(quote);
    (query.is_statement(verb) && is_ended && !query.is_word(verb, Word::Select))
        .then_some(("sqli-stacked-query", verb + 2))
}

fn subquery(query: &Query<'_>, index: usize) -> Found {
    if query.is_in_statement(index) {
        return None;
    }
    let verb = query.skip(index, |kind| kind == Kind::Open);
    if !query.is_word(verb, Word::Select) || !query.is_select_list(verb + 1) {
        return None;
    }
    let is_for_a_value = index == 0
        || query.joins(index - 1)
        || query.breaks_out(index)
        || matches!(query.kind(index - 1), Some(Kind::Compare | Kind::Comma | Kind::Arithmetic | Kind::Star))
        || query.is_word(index - 1, Word::Like);
    // `(select 1)` is all of a probe, but a sentence may have that much.
    let is_case = query.is_word(query.skip(verb + 1, |kind| kind == Kind::Open), Word::Case);
    let is_select = query.is_select(verb + 1)
        || is_case
        || query.joins(index.saturating_sub(1))
        || query.breaks_out(index);
    (is_for_a_value && is_select).then_some(("sqli-subquery", verb + 2))
}

fn wait_for(query: &Query<'_>, index: usize) -> Found {
    let is_called = query.is_word(index + 1, Word::Delay)
        && (matches!(query.kind(index + 2), Some(Kind::Quote(Quote::Single | Quote::Double)))
            || query.is(index + 2, Kind::Variable)
            || query.is(index + 2, Kind::Other));
    is_called.then_some(("sqli-waitfor", index + 3))
}

fn system_variable(query: &Query<'_>, index: usize) -> Found {
    const TELLING: [&[u8]; 12] = [
        b"@@version",
        b"@@hostname",
        b"@@datadir",
        b"@@basedir",
        b"@@servername",
        b"@@global",
        b"@@microsoftversion",
        b"@@secure_file_priv",
        b"@@tmpdir",
        b"@@version_comment",
        b"@@langid",
        b"@@plugin_dir",
    ];
    let is_telling = TELLING.iter().any(|name| query.text(index).starts_with(name));
    let is_asked = index > 0
        && (query.is_word(index - 1, Word::Select)
            || query.joins(index - 1)
            || matches!(
                query.kind(index - 1),
                Some(Kind::Open | Kind::Comma | Kind::Compare | Kind::Arithmetic)
            ));
    let is_whole = index == 0 && query.is_over(1);
    let is_compared = query.comparator(index + 1).is_some() || is_whole;
    (is_telling && (is_asked || is_compared)).then_some(("sqli-system-variable", index + 1))
}

/// How far a list of columns to sort by is followed, in tokens.
const LIST_MAX: usize = 64;
