//! The language, against its description.

use super::*;

fn tree(text: &str) -> Vec<Node> {
    parse(text, 0).unwrap_or_else(|fault| panic!("{text:?}: {fault:?}"))
}

/// A node in one line, so that it can be compared.
pub(super) fn line(node: &Node) -> String {
    let mut line = format!("{:?}", node.name.text);
    for value in &node.arguments {
        line.push_str(&format!(" {:?}", value.scalar));
    }
    for property in &node.properties {
        line.push_str(&format!(" {:?}={:?}", property.name.text, property.value.scalar));
    }
    if let Some(children) = &node.children {
        let children: Vec<_> = children.iter().map(self::line).collect();
        line.push_str(&format!(" {{{}}}", children.join("; ")));
    }
    line
}

fn lines(text: &str) -> Vec<String> {
    tree(text).iter().map(line).collect()
}

#[test]
fn nodes_end_at_line_ends_semicolons_braces_and_the_end_of_the_text() {
    for (text, expected) in [
        ("a", vec![r#""a""#]),
        ("a;b\nc\r\nd\re", vec![r#""a""#, r#""b""#, r#""c""#, r#""d""#, r#""e""#]),
        ("a { b 1 }", vec![r#""a" {"b" Integer(1)}"#]),
        ("a { b; c { d } }\ne", vec![r#""a" {"b"; "c" {"d"}}"#, r#""e""#]),
        ("a {}", vec![r#""a" {}"#]),
        ("a \\\n  1 \\ // why\n  2", vec![r#""a" Integer(1) Integer(2)"#]),
        ("\u{feff}a", vec![r#""a""#]),
        (" ;; \n ; ", vec![]),
    ] {
        assert_eq!(lines(text), expected, "{text:?}");
    }
}

#[test]
fn values_of_both_versions_are_read() {
    for (value, expected) in [
        ("true", "Bool(true)"),
        ("#true", "Bool(true)"),
        ("false", "Bool(false)"),
        ("#false", "Bool(false)"),
        ("null", "Null"),
        ("#null", "Null"),
        ("-1_000", "Integer(-1000)"),
        ("0x1F", "Integer(31)"),
        ("1.5e2", "Float(150.0)"),
        ("#inf", "Float(inf)"),
        ("https", r#"Text("https")"#),
        ("a-b.c:d", r#"Text("a-b.c:d")"#),
        (r#""true""#, r#"Text("true")"#),
        (r#""a\n\"\\\s\u{e9}\/""#, r#"Text("a\n\"\\ é/")"#),
        ("\"a\\\n   b\"", r#"Text("ab")"#),
        (r##"#"a\d"b"#"##, r#"Text("a\\d\"b")"#),
        (r##"r"a\d""##, r#"Text("a\\d")"#),
        (r###"r#"a"b"#"###, r#"Text("a\"b")"#),
        ("r\"a\nb\"", r#"Text("a\nb")"#),
        ("\"\"\"\n  a\n\n    b\n  \"\"\"", r#"Text("a\n\n  b")"#),
        ("\"\"\"\n\n  a\n  \"\"\"", r#"Text("\na")"#),
        ("#\"\"\"\n  a\\n\"b\"\n  \"\"\"#", r#"Text("a\\n\"b\"")"#),
        ("\"\"\"\n\"\"\"", r#"Text("")"#),
    ] {
        assert_eq!(lines(&format!("n {value}")), [format!("\"n\" {expected}")], "{value}");
    }
}

#[test]
fn lists_in_brackets_are_arguments() {
    let expected = [r#""agents" Text("a") Text("b") Integer(3)"#];
    for text in [
        r#"agents ["a" "b"] 3"#,
        "agents [\n  \"a\" // first\n  \"b\"\n] 3",
        r#"agents ["a"] ["b" 3]"#,
        r#"agents ["a" /* , */ b 3]"#,
        r#"agents["a" b 3]"#,
    ] {
        assert_eq!(lines(text), expected, "{text}");
    }
    assert_eq!(lines("a [] { b }"), [r#""a" {"b"}"#]);
}

#[test]
fn comments_and_what_they_take_out_mean_nothing() {
    for (text, expected) in [
        ("a 1 // 2", r#""a" Integer(1)"#),
        ("a /* 1 /* 2 */ */ 3", r#""a" Integer(3)"#),
        ("/- b 1 { c }\na", r#""a""#),
        ("a /- 1 2", r#""a" Integer(2)"#),
        ("a /- b=1 c=2", r#""a" "c"=Integer(2)"#),
        ("a /- { b } { c }", r#""a" {"c"}"#),
        ("a { c } /- { b }", r#""a" {"c"}"#),
        ("a b = 1", r#""a" "b"=Integer(1)"#),
        ("a \"b\"=c", r#""a" "b"=Text("c")"#),
        ("a \"// no /* comment\"", r#""a" Text("// no /* comment")"#),
    ] {
        assert_eq!(lines(text), [expected], "{text}");
    }
}

#[test]
fn places_are_those_of_the_text() {
    let text = "é \"ü\" k=[\n";
    assert!(parse(text, 0).is_err());
    let text = "é \"ü\" [ 1 ] k=true {\n  b r#\"x\"#\n}";
    let node = &tree(text)[0];
    let at = |place: crate::model::Place| &text[place.span.0..place.span.0 + place.span.1];
    assert_eq!(at(node.name.place), "é");
    assert_eq!(at(node.arguments[0].place), "\"ü\"");
    assert_eq!(at(node.arguments[1].place), "1");
    assert_eq!(at(node.properties[0].name.place), "k");
    assert_eq!(at(node.properties[0].value.place), "true");
    assert_eq!(at(node.head()), "é \"ü\" [ 1 ] k=true");
    assert_eq!(at(node.children.as_ref().unwrap()[0].arguments[0].place), "r#\"x\"#");
}

#[test]
fn a_fault_is_shown_where_it_is() {
    for (text, at, message) in [
        ("priority = 200", "=", "a `=` stands behind the name of a setting"),
        ("a 1 [2] =3", "=", "a `=` has no name before it"),
        ("a { b", "{", "a block is not closed"),
        ("a {\n  b {\n    c\n}\n", "{", "a block is not closed"),
        ("a\n}", "}", "a `}` closes nothing"),
        ("a [1 2", "[", "a list is not closed"),
        ("a 1]", "]", "a `]` closes nothing"),
        ("a [1, 2]", "1,", "`1,` is not a number"),
        ("a [\"b\", \"c\"]", ",", "a comma stands between values"),
        ("a b, c", "b,", "a comma stands between values"),
        ("a \"b\n", "\"", "a string is not closed"),
        ("a \"\"\"\n b", "\"\"\"", "a string is not closed"),
        ("a r#\"b\"", "r#\"", "a string is not closed"),
        ("a \"\\d\"", "\\d", "`\\d` is not an escape"),
        ("a \"\\u{110000}\"", "\\u{110000}", "`\\u{110000}` is not an escape"),
        ("a \"b\"c", "c", "a blank is missing"),
        ("a 64KB", "64KB", "`64KB` is not a number"),
        ("a 10.0.0.0/8", "10.0.0.0/8", "`10.0.0.0/8` is not a number"),
        ("a /chat", "/chat", "`/chat` needs quotes"),
        ("a (u8)1", "(u8)1", "type annotations have no meaning here"),
        ("a {} b", "b", "something stands behind a block on the same line"),
        ("a {} {}", "{", "something stands behind a block on the same line"),
        ("1 a", "1", "a value stands where a name should"),
        ("a 1=2", "1", "a value stands before `=`"),
        ("a b=", "", "a value is missing"),
        ("{ a }", "{", "a block has no name"),
        ("[1]", "[", "a list has no name"),
        ("a /* b", "/*", "a comment is not closed"),
        ("a \\ b", "\\", "a `\\` stands outside of a string"),
        ("a \"\u{202e}\"", "\u{202e}", "the character U+202E must not stand in a file"),
        ("a \"\"\"b\n\"\"\"", "\"\"\"", "text stands on the line of the opening `\"\"\"`"),
        ("a \"\"\"\nb\n  \"\"\"", "\"\"\"\nb\n  \"\"\"", "a line is indented less than the closing `\"\"\"`"),
    ] {
        let fault = parse(text, 0).expect_err(text);
        let (start, length) = fault.span;
        assert_eq!((&text[start..start + length], &*fault.message), (at, message), "{text:?}");
    }
}

#[test]
fn a_missing_brace_is_looked_for_by_the_indentation() {
    let text =
        "routes {\n    route \"a\" {\n        matches {\n            path \"/a\"\n    }\n}\nupstreams {\n}\n";
    let fault = parse(text, 0).expect_err("a brace is missing");
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    assert_eq!(line(fault.span.0), 3, "matches is what is not closed");
    assert_eq!(fault.also.map(|also| line(also.0.0)), Some(5));
}

#[test]
fn depth_is_limited_without_a_crash() {
    let fault = parse(&"a {".repeat(100_000), 0).expect_err("too deep");
    assert_eq!(fault.message, "blocks are nested more than 64 deep");
    assert!(parse(&"/*".repeat(100_000), 0).is_err());
    assert!(parse(&"/-".repeat(100_000), 0).is_err());
    assert!(parse(&"[".repeat(100_000), 0).is_err());
    let deep = format!("{}{}", "a {".repeat(64), "}".repeat(64));
    assert!(parse(&deep, 0).is_ok());
}
