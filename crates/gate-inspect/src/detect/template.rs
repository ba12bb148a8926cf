//! Expressions for template engines, and lookups as in log4shell.
//!
//! Templates themselves are ordinary talk (`Hello {{ name }}`): what counts is an expression that only
//! asks whether there is an engine (`{{7*7}}`), or that reaches for what no template needs.

mod expression;
mod lookup;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;

use self::words::{SEARCH_ANYWHERE, SEARCH_INSIDE, is_secret};
use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::TemplateInjection, score, what }
}

pub(super) static RULES: &[Rule] = &[
    rule("template-arithmetic", 5, "arithmetic between the marks of a template engine ({{7*7}}, ${7*7})"),
    rule(
        "template-python-object",
        5,
        "Python's inner attributes (__class__, __globals__) and what leads to them",
    ),
    rule(
        "template-java-object",
        5,
        "Java's classes from within an expression (T(java.lang.Runtime), getClass())",
    ),
    rule("template-php-object", 5, "Twig's and Smarty's ways to functions of PHP"),
    rule("template-ruby-call", 5, "calls of Ruby's system and files between <% %> or #{ }"),
    rule(
        "template-script-constructor",
        5,
        "JavaScript's Function constructor or modules out of an expression",
    ),
    rule(
        "template-engine-secret",
        5,
        "objects of an engine with its settings ({{config}}, {{settings.SECRET_KEY}})",
    ),
    rule("template-directive", 5, "directives of FreeMarker, Velocity and others that assign or run"),
    rule("template-probe", 5, "a row of marks of many engines at once (${{<%[%'\"}}%\\)"),
    rule(
        "template-jndi-lookup",
        5,
        "a lookup in a directory, also spelt by other lookups (${jndi:ldap://…})",
    ),
];

/// So many openings without an end are followed as far as expressions go; behind more of them only
/// near ends count, which bounds the work.
const UNCLOSED_MAX: usize = 64;
/// How far words are looked for behind an opening without an end.
const OPEN_MAX: usize = 128;
const MARKS: ByteSet = ByteSet::of(b"{<(#@_|[");

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    expression::warm_up();
    words::warm_up();
}

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !text.bytes.has_any(MARKS) {
        return;
    }
    let (Some(everywhere), Some(within)) = (&*SEARCH_ANYWHERE, &*SEARCH_INSIDE) else { return };
    for (rule, at) in everywhere.rules(text.lower) {
        meet(rule, at..at + 1, hits);
    }
    // How far words were looked for: an expression that is not closed covers others.
    let mut known = 0;
    let mut unclosed = 0;
    let mut from = 0;
    while let Some(start) = expression::next(text.lower, from) {
        let length_max = if unclosed < UNCLOSED_MAX { expression::LENGTH_MAX } else { OPEN_MAX };
        let (mut inside, closed) = expression::inside(text.lower, start, length_max);
        if !closed {
            inside.end = inside.end.min(inside.start + OPEN_MAX);
        }
        let content = text.lower.get(inside.clone()).unwrap_or_default();
        for (rule, at) in
            within.rules(text.lower.get(inside.start.max(known)..inside.end).unwrap_or_default())
        {
            let at = inside.start.max(known) + at;
            meet(rule, at..at + 1, hits);
        }
        known = known.max(inside.end);
        if closed && expression::is_arithmetic(content) {
            meet("template-arithmetic", start..inside.end, hits);
        }
        if closed && is_secret(content) && text.lower.get(start..).is_some_and(|rest| rest.starts_with(b"{{"))
        {
            meet("template-engine-secret", start..inside.end, hits);
        }
        unclosed += usize::from(!closed);
        from = if closed { inside.end } else { inside.start };
    }
    let whole = text.lower.trim_ascii();
    if whole.starts_with(b"{") && whole.ends_with(b"}") && expression::is_arithmetic(whole) {
        meet("template-arithmetic", 0..text.raw.len(), hits);
    }
    if from > 0 && text.bytes.has_any(const { ByteSet::of(b"$%") }) && lookup::asks_directory(text.lower) {
        meet("template-jndi-lookup", 0..text.raw.len(), hits);
    }
}

fn meet(id: &str, at: Range<usize>, hits: &mut Hits) {
    if let Some(rule) = RULES.iter().find(|rule| rule.id == id) {
        hits.add(rule, at);
    }
}
