//! Operators of a document database where a value belongs; filters of a directory that are broken open.

use std::sync::LazyLock;

use memchr::memchr;
use regex::bytes::Regex;

use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::NoSql, score, what }
}

pub(super) static RULES: &[Rule] = &[
    rule("nosql-operator-key", 5, "a comparison operator for a key or a whole value ({\"$ne\": …})"),
    rule("nosql-operator-parameter", 5, "an operator in brackets behind the name of a parameter (user[$ne]=)"),
    rule("nosql-operator-value", 5, "an operator with a value that matches everything ({$gt: ''})"),
    rule("nosql-where-script", 5, "a script for $where, mapReduce and the like"),
    rule("nosql-script-breakout", 5, "a value that ends a quote and goes on as a script ('; return true; var x='"),
    rule("nosql-filter-breakout", 5, "a value that closes a directory's filter and opens another (*)(uid=*)"),
];

const OPERATORS: &str = r"\$(?:ne|eq|gte?|lte?|n?in|regex|where|exists|type|or|n?or|and|not|mod|all|size|elemmatch|expr|jsonschema|options|func|function|accumulator|comment|lookup|unionwith|slice)";

static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let anything = r"(?:''|\x22\x22|null\b|undefined\b|true\b|false\b|-?[01]\s*[\]}),]|-?[01]$|\[\s*\]|\{\s*\}|/?['\x22]?[\^.]?\.[*+]|['\x22]\^|/\^|['\x22]\s+['\x22]|['\x22]?~)";
    let patterns = [
        ("nosql-operator-key", r"^\s*\$(?:ne|gte?|lte?|nin|regex|where|exists|not|mod|elemmatch|expr|jsonschema|func|function|accumulator)\s*$".to_owned()),
        ("nosql-operator-parameter", format!(r"\[\s*['\x22]?{OPERATORS}['\x22]?\s*\]")),
        ("nosql-operator-value", format!(r"{OPERATORS}['\x22]?\s*:\s*(?:{anything}|\[\s*(?:\{{|{anything}))")),
        (
            "nosql-where-script",
            r"\$(?:where|function|func|accumulator)\b['\x22]?\s*[:=\]]\s*[^\n]{0,20}(?:function|this\b|sleep|return|['\x22]\s*\d|\w+\s*==)|\bdb\.\w{1,64}\.(?:find|insert|remove|drop|update|mapreduce|count|aggregate)\s*\([^\n]{0,100}\)\s*;?\s*(?:var|return|//|'|\x22)|\bdb\.(?:getcollectionnames|getmongo|version|dropdatabase|getcollectioninfos)\s*\(|\btojson(?:onelineline)?\s*\(\s*(?:this|db)|\bmapreduce['\x22]?\s*:".to_owned(),
        ),
        (
            "nosql-script-breakout",
            r"^[^'\x22\n(]{0,48}['\x22)}]+\s*;?\s*(?:return\s*(?:true|1|\(|['\x22]|this)|var\s+\w+\s*=|sleep\s*\(\s*\d+\s*\)|while\s*\(|do\s*\{|this\.\w+)|^[^'\x22\n(]{0,48}['\x22]\)?\s*(?:\|\||&&)\s*(?:['\x22]?\w*['\x22]?\s*={1,3}|this\.|true\b|1\b|['\x22]|sleep\s*\(|new\s+date|function)|^\w{0,16}\s*;\s*return\s+(?:true|1)\b|['\x22]\s*[}\])]+\s*[,;]?\s*[}\])]*\s*,\s*\$\w+['\x22]?\s*:|^\s*(?:;\s*return\b|\|\|\s*['\x22]?\w{0,16}['\x22]?\s*={2,3}|true,\s*\$where)|\bthis\.\w{1,32}\.match\s*\(|\|\|\s*1\s*={2,3}\s*1|\bdate\(\)[^\n]{0,60}(?:while|do)\s*[({]".to_owned(),
        ),
        ("nosql-filter-breakout", r"^[^(\s]{0,64}\)\s*\(+\s*[|&!(]*\s*(?:\w{1,32}\s*[~<>]?=|\)|$)|^\*[()|&]+$|^\w{1,32}:\d+(?:\.\d+)+:=|\*\)\)%00".to_owned()),
    ];
    let compile = |(id, pattern): (&'static str, String)| Some((id, Regex::new(&format!("(?-u){pattern}")).ok()?));
    patterns.into_iter().filter_map(compile).collect()
});

const MARKS: ByteSet = ByteSet::of(b"$;|&*");

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !text.bytes.has_any(MARKS) || !is_suspicious(text) {
        return;
    }
    for (id, regex) in &*PATTERNS {
        if let (Some(found), Some(rule)) = (regex.find(text.lower), RULES.iter().find(|rule| rule.id == *id)) {
            hits.add(rule, found.range());
        }
    }
}

/// An operator, or a quote or bracket together with what goes on as a script or filter.
fn is_suspicious(text: Text<'_>) -> bool {
    let is_operator = |at: usize| text.lower.get(at + 1).is_some_and(|byte| b"negltrwoamsjfcud".contains(byte));
    let dollar = memchr(b'$', text.lower).is_some_and(is_operator) || memchr::memrchr(b'$', text.lower).is_some_and(is_operator);
    let script = text.bytes.has_any(const { ByteSet::of(b"'\"(") }) && text.bytes.has_any(const { ByteSet::of(b"=(.") });
    dollar || script || text.lower.starts_with(b"||") || text.lower.starts_with(b";")
}
