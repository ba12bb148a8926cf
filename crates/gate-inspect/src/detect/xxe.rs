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
    rule(
        "xxe-external-entity",
        5,
        "an entity that is read from elsewhere (<!ENTITY x SYSTEM \"file:///…\">)",
    ),
    rule("xxe-parameter-entity", 5, "a parameter entity (<!ENTITY % x …>)"),
    rule(
        "xxe-internal-entity",
        5,
        "an entity of the document's own, with which some blow up (billion laughs)",
    ),
    rule("xxe-external-subset", 5, "a document type that is read from elsewhere, and is none of HTML's"),
    rule("xxe-inclusion", 5, "an inclusion of another document (XInclude, xs:include, xsl:import)"),
    rule("xxe-schema-location", 4, "a schema or style sheet to be fetched from elsewhere"),
    rule("xxe-disguised-encoding", 5, "a declaration in UTF-7, which a filter for UTF-8 does not see"),
];

/// The rule and its pattern, over texts in lower case.
static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let name = r"[^\s>%]+";
    let patterns = [
        ("xxe-external-entity", format!(r"<!entity\s+(?:%\s*)?{name}\s+(?:system|public)\b")),
        ("xxe-parameter-entity", format!(r"<!entity\s+%\s*{name}\s")),
        ("xxe-internal-entity", format!(r"<!entity\s+{name}\s+['\x22]")),
        (
            "xxe-external-subset",
            r"<!doctype\s+[^\s>\[]+\s+(?:system\s+['\x22][^'\x22\s>]|public\s+['\x22][^'\x22]*['\x22]\s+['\x22](?:file|ftp|gopher|php|expect|jar|netdoc|(?:https?:)?//)(?:[^w]|w[^w]|ww[^w]|www[^.]))".to_owned(),
        ),
        (
            "xxe-inclusion",
            r"<(?:\w+:)?include\s[^>]*(?:href|schemalocation|namespace)\s*=\s*['\x22][^'\x22]*[:/]|<xsl:(?:import|include)\s[^>]*href".to_owned(),
        ),
        ("xxe-schema-location", r"(?:nonamespace)?schemalocation\s*=\s*['\x22]\s*(?:https?|file|ftp):|<\?xml-stylesheet\s[^>]*href\s*=\s*['\x22](?:https?|file|ftp|//)".to_owned()),
        ("xxe-disguised-encoding", r"\+adw-?!?(?:aiq-?)?(?:doctype|entity)".to_owned()),
    ];
    let compile =
        |(id, pattern): (&'static str, String)| Some((id, Regex::new(&format!("(?-u){pattern}")).ok()?));
    patterns.into_iter().filter_map(compile).collect()
});

/// One of these is in every text that a pattern matches.
static HINTS: LazyLock<[Finder<'static>; 7]> = LazyLock::new(|| {
    ["<!entity", "<!doctype", "include", "<xsl:", "location", "<?xml", "+ad"].map(Finder::new)
});

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&PATTERNS);
    LazyLock::force(&HINTS);
}
const MARKS: ByteSet = ByteSet::of(b"<+");

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !text.bytes.has_any(MARKS) || !HINTS.iter().any(|hint| hint.find(text.lower).is_some()) {
        return;
    }
    for (id, regex) in &*PATTERNS {
        if let (Some(found), Some(rule)) = (regex.find(text.lower), RULES.iter().find(|rule| rule.id == *id))
        {
            hits.add(rule, found.range());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, detect};
    use crate::detect::{ByteSet, Hits, Text};

    /// The rules that a text meets, and their sum.
    fn met(text: &str) -> (u16, Vec<&'static str>) {
        let lower = text.to_ascii_lowercase();
        let mut hits = Hits::default();
        let bytes = ByteSet::of(text.as_bytes());
        detect(Text { raw: text.as_bytes(), lower: lower.as_bytes(), bytes }, &mut hits);
        (
            hits.list().iter().map(|hit| hit.rule.score).sum(),
            hits.list().iter().map(|hit| hit.rule.id).collect(),
        )
    }

    #[test]
    fn documents_that_read_others_are_attacks() {
        let attacks = [
            ("xxe-external-entity", "<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/hosts\">]><a>&b;</a>"),
            ("xxe-external-entity", "<!entity\n b\tPUBLIC 'x' 'http://h/'>"),
            ("xxe-parameter-entity", "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://h/e.dtd'> %p;]>"),
            ("xxe-internal-entity", "<!DOCTYPE l [<!ENTITY l0 \"x\"><!ENTITY l1 \"&l0;&l0;&l0;\">]>"),
            ("xxe-external-subset", "<!DOCTYPE a SYSTEM \"http://203.0.113.9/e.dtd\">"),
            ("xxe-external-subset", "<!DOCTYPE a PUBLIC \"x\" \"http://203.0.113.9/e.dtd\">"),
            ("xxe-inclusion", "<xi:include parse=\"text\" href=\"file:///etc/hosts\"/>"),
            ("xxe-schema-location", "<x xsi:noNamespaceSchemaLocation=\"http://h/x.xsd\"/>"),
            ("xxe-disguised-encoding", "+ADwAIQ-DOCTYPE a+AFs"),
        ];
        for (rule, attack) in attacks {
            assert!(met(attack).1.contains(&rule), "{attack:?} meets {:?}", met(attack).1);
        }
        for rule in RULES {
            assert!(attacks.iter().any(|(id, _)| *id == rule.id), "{} has no attack here", rule.id);
        }
    }

    #[test]
    fn ordinary_documents_are_none() {
        let texts = [
            "<!DOCTYPE html><html></html>",
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd\">",
            "<?xml version=\"1.0\"?><a b=\"c\">d</a>",
            "#include <stdio.h>",
            "An <!ENTITY declaration names an entity.",
            "<project xsi:schemaLocation=\"http://maven.apache.org/POM/4.0.0 http://maven.apache.org/xsd/maven-4.0.0.xsd\"/>",
            "<![CDATA[ x & y ]]>",
        ];
        let found: Vec<_> = texts.into_iter().filter(|text| met(text).0 >= 5).collect();
        assert!(found.is_empty(), "found: {found:#?}");
    }
}
