//! The language, against another reader of KDL: what is valid in version 2 is read alike.
//!
//! Left out is what this reader refuses on purpose: type annotations, texts that begin or end
//! with a comma, and numbers that need more than 127 bits.

use kdl::{KdlDocument, KdlNode, KdlValue};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use super::parse;
use super::tests::line;

/// Mutants of each document.
const MUTANTS: usize = 400;

const DOCUMENTS: [&str; 4] = [
    "server {\n  worker-threads 0; drain { close-code 1001 }\n}\n// why\nlog #true #null -1.5e3 0x1f level=info",
    "route \"chat\" /* a /* b */ */ {\n  matches { path-regex #\"^/a\\d\"# }\n  /- upstream \"a\" {\n    b\n  }\n} \\\n",
    "a \"\"\"\n  one\n\n    two\n  \"\"\" b=\"\\u{e9}\\n\" /-c=1 /-{ d }\n'e' f\u{a0}\u{2003}g\r\nh",
    "target \"10.0.0.1:80\" weight=2\ntarget address=\"[::1]:80\" { weight 1_000 }\n-x +y .z --1\n",
];

#[test]
fn what_is_valid_in_version_2_is_read_alike() {
    let mut dice = StdRng::seed_from_u64(1);
    let mut compared = 0;
    for document in DOCUMENTS {
        assert!(compare(document), "{document:?} is valid");
        for _ in 0..MUTANTS {
            compared += usize::from(compare(&mutant(document, &mut dice)));
        }
    }
    assert!(compared > MUTANTS / 2, "{compared} mutants were valid");
}

/// Whether the other reader takes the text for valid; if so, this one must agree.
fn compare(text: &str) -> bool {
    let Ok(document) = KdlDocument::parse_v2(text) else { return false };
    if is_refused_on_purpose(&document, text) {
        return false;
    }
    let expected: Vec<_> = document.nodes().iter().map(node).collect();
    let found = match parse(text, 0) {
        Ok(found) => found,
        // Of what `/-` takes out the other reader does not look at everything.
        Err(_) if text.contains("/-") => return false,
        Err(fault) => panic!("{text:?} is valid, but: {fault:?}"),
    };
    assert_eq!(found.iter().map(line).collect::<Vec<_>>(), expected, "{text:?}");
    true
}

fn is_refused_on_purpose(document: &KdlDocument, text: &str) -> bool {
    let has_comma = |word: &str| word.starts_with(',') || word.ends_with(',');
    let mut words = text.split(|c: char| c.is_whitespace() || "{}=;\"/".contains(c));
    // The other reader takes `#"""` for `#"` where no line end follows; the language does not.
    words.any(has_comma) || text.contains('(') || text.contains("#\"\"\"") || has_huge_number(document)
}

fn has_huge_number(document: &KdlDocument) -> bool {
    document.nodes().iter().any(|node| {
        let is_huge = |value: &KdlValue| matches!(value, KdlValue::Float(number) if number.abs() > 1e30);
        node.entries().iter().any(|entry| is_huge(entry.value()))
            || node.children().is_some_and(has_huge_number)
    })
}

fn node(node: &KdlNode) -> String {
    let mut line = format!("{:?}", node.name().value());
    let (named, arguments): (Vec<_>, Vec<_>) =
        node.entries().iter().partition(|entry| entry.name().is_some());
    for entry in arguments {
        line.push_str(&format!(" {}", value(entry.value())));
    }
    for entry in named {
        let name = entry.name().map(|name| name.value()).unwrap_or_default();
        line.push_str(&format!(" {name:?}={}", value(entry.value())));
    }
    if let Some(children) = node.children() {
        let children: Vec<_> = children.nodes().iter().map(self::node).collect();
        line.push_str(&format!(" {{{}}}", children.join("; ")));
    }
    line
}

fn value(value: &KdlValue) -> String {
    match value {
        KdlValue::String(text) => format!("Text({text:?})"),
        KdlValue::Integer(number) => format!("Integer({number})"),
        KdlValue::Float(number) => format!("Float({number:?})"),
        KdlValue::Bool(flag) => format!("Bool({flag})"),
        KdlValue::Null => "Null".to_owned(),
    }
}

/// The text with up to three small changes, most of which keep it valid.
fn mutant(text: &str, dice: &mut StdRng) -> String {
    let pieces = [
        " ", "\n", ";", "{", "}", "\"", "#", "/", "/-", "//", "/*", "*/", "\\", "=", "a", "1", "_", "-",
        "\"\"\"", " b ", " c=2", "; d", " { e }", "#\"f\"#", "0b1", ".", "é", "\t", "[", "true", ",",
    ];
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..dice.random_range(1..=3) {
        let at = dice.random_range(0..=chars.len());
        match dice.random_range(0..3) {
            0 => drop(chars.drain(at..chars.len().min(at + 2))),
            _ => {
                let piece = pieces.choose(dice).copied().unwrap_or_default();
                chars.splice(at..at, piece.chars());
            }
        }
    }
    chars.into_iter().collect()
}
