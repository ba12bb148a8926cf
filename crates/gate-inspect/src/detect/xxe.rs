//! XML that names entities of its own, or includes what is elsewhere.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use regex::bytes::Regex;

use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::Xxe, score, what }
}

pub(super) static RULES: &[Rule] = &[
    rule("xxe-external-entity", 5, "an entity that is read from elsewhere (<!ENTITY x SYSTEM \"file:///…\">)"),
    rule("xxe-parameter-entity", 5, "a parameter entity (<!ENTITY % x …>)"),
    rule("xxe-internal-entity", 5, "an entity of the document's own, with which some blow up (billion laughs)"),
    rule("xxe-external-subset", 5, "a document type that is read from elsewhere, and is none of HTML's"),
    rule("xxe-inclusion", 5, "an inclusion of another document (XInclude, xs:include, xsl:import)"),
    rule("xxe-schema-location", 4, "a schema or style sheet to be fetched from elsewhere"),
    rule("xxe-disguised-encoding", 5, "a declaration in UTF-7, which a filter for UTF-8 does not see"),
];

/// The rule and its pattern, over texts in lower case.
static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let name = r"[^\s>%]{1,128}";
    let patterns = [
        ("xxe-external-entity", format!(r"<!entity\s+(?:%\s*)?{name}\s+(?:system|public)\b")),
        ("xxe-parameter-entity", format!(r"<!entity\s+%\s*{name}\s")),
        ("xxe-internal-entity", format!(r"<!entity\s+{name}\s+['\x22]")),
        (
            "xxe-external-subset",
            r"<!doctype\s+[^\s>\[]{1,128}\s+(?:system\s+['\x22][^'\x22\s>]|public\s+['\x22][^'\x22]{0,200}['\x22]\s+['\x22](?:file|ftp|gopher|php|expect|jar|netdoc|(?:https?:)?//)(?:[^w]|w[^w]|ww[^w]|www[^.]))".to_owned(),
        ),
        (
            "xxe-inclusion",
            r"<(?:\w{1,16}:)?include\s[^>]{0,400}(?:href|schemalocation|namespace)\s*=\s*['\x22][^'\x22]{0,200}[:/]|<xsl:(?:import|include)\s[^>]{0,200}href".to_owned(),
        ),
        ("xxe-schema-location", r"(?:nonamespace)?schemalocation\s*=\s*['\x22]\s*(?:https?|file|ftp):|<\?xml-stylesheet\s[^>]{0,200}href\s*=\s*['\x22](?:https?|file|ftp|//)".to_owned()),
        ("xxe-disguised-encoding", r"\+adw-?!?(?:aiq-?)?(?:doctype|entity)".to_owned()),
    ];
    let compile = |(id, pattern): (&'static str, String)| Some((id, Regex::new(&format!("(?-u){pattern}")).ok()?));
    patterns.into_iter().filter_map(compile).collect()
});

/// One of these is in every text that a pattern matches.
static HINTS: LazyLock<[Finder<'static>; 7]> = LazyLock::new(|| {
    ["<!entity", "<!doctype", "include", "<xsl:", "location", "<?xml", "+ad"].map(Finder::new)
});
const MARKS: ByteSet = ByteSet::of(b"<+");

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !text.bytes.has_any(MARKS) || !HINTS.iter().any(|hint| hint.find(text.lower).is_some()) {
        return;
    }
    for (id, regex) in &*PATTERNS {
        if let (Some(found), Some(rule)) = (regex.find(text.lower), RULES.iter().find(|rule| rule.id == *id)) {
            hits.add(rule, found.range());
        }
    }
}
