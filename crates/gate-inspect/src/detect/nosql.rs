//! Operators of a document database where a value belongs; filters of a directory that are broken open.

use std::sync::LazyLock;

use memchr::{memchr, memmem, memrchr};
use regex::bytes::Regex;

use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::NoSql, score, what }
}

pub(super) static RULES: &[Rule] = &[
    rule("nosql-operator-key", 5, "a comparison operator for a key or a whole value ({\"$ne\": …})"),
    rule(
        "nosql-operator-parameter",
        5,
        "an operator in brackets behind the name of a parameter (user[$ne]=)",
    ),
    rule("nosql-operator-value", 5, "an operator with a value that matches everything ({$gt: ''})"),
    rule("nosql-where-script", 5, "a script for $where, mapReduce and the like"),
    rule(
        "nosql-script-breakout",
        5,
        "a value that ends a quote and goes on as a script ('; return true; var x='",
    ),
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
            r"^[^'\x22\n(]{0,128}['\x22)}]+\s*;?\s*(?:return\s*(?:true|1|\(|['\x22]|this)|var\s+\w+\s*=|sleep\s*\(\s*\d+\s*\)|while\s*\(|do\s*\{|this\.\w+)|^[^'\x22\n(]{0,128}['\x22]\)?\s*(?:\|\||&&)\s*(?:['\x22]?\w*['\x22]?\s*={1,3}|this\.|true\b|1\b|['\x22]|sleep\s*\(|new\s+date|function)|^\w{0,16}\s*;\s*return\s+(?:true|1)\b|['\x22]\s*[}\])]+\s*[,;]?\s*[}\])]*\s*,\s*\$\w+['\x22]?\s*:|^\s*(?:;\s*return\b|\|\|\s*['\x22]?\w{0,16}['\x22]?\s*={2,3}|true,\s*\$where)|\bthis\.\w{1,32}\.match\s*\(|\|\|\s*1\s*={2,3}\s*1|\bdate\(\)[^\n]{0,60}(?:while|do)\s*[({]".to_owned(),
        ),
        ("nosql-filter-breakout", r"^[^(\s]{0,128}\)\s*\(+\s*[|&!(]*\s*(?:\w{1,32}\s*[~<>]?=|\)|$)|^\*[()|&]+$|^\*\(\|\(|\(\d=\d\)|^\w{1,32}:\d+(?:\.\d+)+:=|\*\)\)%00".to_owned()),
    ];
    let compile =
        |(id, pattern): (&'static str, String)| Some((id, Regex::new(&format!("(?-u){pattern}")).ok()?));
    patterns.into_iter().filter_map(compile).collect()
});

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&PATTERNS);
}

const MARKS: ByteSet = ByteSet::of(b"$;|&*(");

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !text.bytes.has_any(MARKS) || !is_suspicious(text) {
        return;
    }
    for (id, regex) in &*PATTERNS {
        if let (Some(found), Some(rule)) = (regex.find(text.lower), RULES.iter().find(|rule| rule.id == *id))
        {
            hits.add(rule, found.range());
        }
    }
}

/// An operator, or a quote or bracket together with what goes on as a script or filter.
fn is_suspicious(text: Text<'_>) -> bool {
    let is_operator = |at: usize| match text.lower.get(at + 1..).unwrap_or_default() {
        // No operator begins so, and names of variables do.
        [b'r', b'o' | b'a' | b'u' | b'i', ..] => false,
        [byte, ..] => b"negltrwoamsjfcud".contains(byte),
        [] => false,
    };
    let dollar = memchr(b'$', text.lower).is_some_and(is_operator)
        || memrchr(b'$', text.lower).is_some_and(is_operator);
    let has_call = text.bytes.has_any(const { ByteSet::of(b"(") });
    let script = if text.bytes.has_any(const { ByteSet::of(b"'\"") }) {
        text.bytes.has_any(const { ByteSet::of(b"=(.") })
    } else {
        has_call
            && (text.bytes.has_any(const { ByteSet::of(b"=*&|") })
                || [&b")("[..], b"sleep", b"while", b"this.", b"return", b"var ", b"do"]
                    .iter()
                    .any(|word| memmem::find(text.lower, word).is_some()))
    };
    let database = has_call && memmem::find(text.lower, b"db.").is_some();
    let returns =
        text.bytes.has_any(const { ByteSet::of(b";") }) && memmem::find(text.lower, b"return").is_some();
    dollar || script || database || returns || text.lower.starts_with(b"||") || text.lower.starts_with(b";")
}

#[cfg(test)]
mod tests {
    use super::{RULES, detect};
    use crate::detect::{ByteSet, Hits, Text};

    /// The rules that a text meets.
    fn met(text: &str) -> Vec<&'static str> {
        let lower = text.to_ascii_lowercase();
        let mut hits = Hits::default();
        let bytes = ByteSet::of(text.as_bytes());
        detect(Text { raw: text.as_bytes(), lower: lower.as_bytes(), bytes }, &mut hits);
        hits.list().iter().map(|hit| hit.rule.id).collect()
    }

    #[test]
    fn operators_and_break_outs_are_attacks() {
        let attacks = [
            ("nosql-operator-key", "$ne"),
            ("nosql-operator-key", "$where"),
            ("nosql-operator-parameter", "user[$ne]=x&pass[$ne]=x"),
            ("nosql-operator-parameter", "login[$regex]=a.*"),
            ("nosql-operator-value", "{\"user\": {\"$gt\": \"\"}}"),
            ("nosql-operator-value", "{ $ne: null }"),
            ("nosql-operator-value", "{$or: [{}, {'a': 'a'}]}"),
            ("nosql-where-script", "$where: 'sleep(500)'"),
            ("nosql-where-script", "db.getCollectionNames()"),
            ("nosql-script-breakout", "'; return true; var x='"),
            ("nosql-script-breakout", "a' || 'a'=='a"),
            ("nosql-script-breakout", "' && this.password.match(/^a/)//"),
            ("nosql-script-breakout", "|| 1==1"),
            ("nosql-script-breakout", "0;return true"),
            ("nosql-filter-breakout", "*)(uid=*))(|(uid=*"),
            ("nosql-filter-breakout", "admin)(&)"),
        ];
        for (rule, attack) in attacks {
            assert!(met(attack).contains(&rule), "{attack:?} meets {:?}", met(attack));
        }
        for rule in RULES {
            assert!(attacks.iter().any(|(id, _)| *id == rule.id), "{} has no attack here", rule.id);
        }
    }

    #[test]
    fn talk_about_databases_is_none() {
        let texts = [
            "In MongoDB use { age: { $gt: 18 } } to filter.",
            "$set",
            "$schema",
            "$ref",
            "it costs $5",
            "db.users.find({ status: 'open' })",
            "filter[status]=open",
            "$..book[*].author",
            "(&(objectClass=user)(cn=ann))",
            "\"use strict\"; var x = 1;",
            "const a = 'x'; return true;",
            "b === 'x' || this.y",
            "x = y || z; w = (a) && (b)",
            "$where runs a script",
            "I said 'yes' || 'no'",
        ];
        let found: Vec<_> = texts.into_iter().filter(|text| !met(text).is_empty()).collect();
        assert!(found.is_empty(), "found: {found:#?}");
    }
}
