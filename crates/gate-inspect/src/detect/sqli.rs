//! SQL where a value belongs.
//!
//! A text is cut into tokens of SQL once, whatever quotes it may end up between, and rules ask for
//! shapes of tokens: what leaves a value, what is true anyway, what asks for more, what waits. SQL
//! alone is not an attack: people talk about it. What is found is what a value would have to look
//! like to become a part of somebody else's query.
//!
//! Most texts never come that far: they have no sign and no word that any rule could meet.

mod function;
mod list;
mod logic;
mod piece;
mod query;
mod statement;
mod suspicion;
mod token;
mod word;

use std::ops::Range;

use memchr::memmem;

use self::query::Query;
use self::token::{Comments, Plus};
use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

pub(super) static RULES: &[Rule] = &[
    rule("sqli-union-select", 5, "UNION SELECT where it does not join two whole queries"),
    rule("sqli-or-1eq1", 5, "OR followed by what is true or false anyway"),
    rule("sqli-or-string-eq", 5, "OR or AND followed by a comparison of quoted texts"),
    rule("sqli-and-1eq1", 5, "AND or HAVING followed by what is true or false anyway"),
    rule("sqli-break-out", 5, "a quote that ends the value, followed by a condition"),
    rule("sqli-condition", 5, "a condition on what only the database knows"),
    rule("sqli-comment-dash", 5, "a quote that ends the value, or an expression, followed by --"),
    rule("sqli-comment-block", 5, "a quote that ends the value, or an expression, followed by /*"),
    rule("sqli-comment-hash", 5, "a quote that ends the value, followed by #"),
    rule("sqli-sleep", 5, "a function that makes the query wait"),
    rule("sqli-benchmark", 5, "BENCHMARK with a count and work to do"),
    rule("sqli-waitfor", 5, "WAITFOR DELAY or TIME"),
    rule("sqli-stacked-query", 5, "a second statement behind a semicolon or quote"),
    rule("sqli-info-schema", 5, "a SELECT from the tables that describe the database"),
    rule("sqli-subquery", 5, "a SELECT in parentheses where a value belongs"),
    rule("sqli-order-by", 5, "ORDER BY a column's number, as columns are counted"),
    rule("sqli-error", 5, "a function whose error message tells what it was given"),
    rule("sqli-char-codes", 5, "a text made of character codes"),
    rule("sqli-system-variable", 5, "a question for a variable of the server"),
    rule("sqli-file", 5, "reading or writing files, or reaching out, by SQL"),
    rule("sqli-procedure", 5, "a procedure of the system, such as xp_cmdshell"),
];

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::Sqli, score, what }
}

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    word::warm_up();
}

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !suspicion::is_suspect(text) {
        return;
    }
    search(text, Comments::Skipped, Plus::Space, hits);
    if memmem::find(text.lower, b"/*").is_some() || has_line_comment(text) {
        search(text, Comments::Read, Plus::Space, hits);
    }
    if text.bytes.has_any(PLUS) && !text.bytes.has_any(BLANK) {
        search(text, Comments::Skipped, Plus::Sign, hits);
    }
}

/// Whether a line may be a comment to its end, or not, if it stands between quotes.
fn has_line_comment(text: Text<'_>) -> bool {
    let Some(newline) = memchr::memchr(b'\n', text.lower) else { return false };
    text.lower.get(..newline).is_some_and(|line| {
        line.len() <= LINE_MAX && (line.contains(&b'#') || memmem::find(line, b"--").is_some())
    })
}

const PLUS: ByteSet = ByteSet::of(b"+");
const BLANK: ByteSet = ByteSet::of(b" ");

/// Values that end in a comment are short.
const LINE_MAX: usize = 256;

fn search(text: Text<'_>, comments: Comments, plus: Plus, hits: &mut Hits) {
    let query = Query::new(text.lower, comments, plus);
    let mut met = |id: &'static str, at: Range<usize>| meet(id, at, hits);
    logic::search(&query, &mut met);
    statement::search(&query, &mut met);
    function::search(&query, &mut met);
    piece::search(&query, &mut met);
    list::search(&query, &mut met);
}

fn meet(id: &'static str, at: Range<usize>, hits: &mut Hits) {
    if let Some(rule) = RULES.iter().find(|rule| rule.id == id) {
        hits.add(rule, at);
    }
}

#[cfg(test)]
mod tests;
