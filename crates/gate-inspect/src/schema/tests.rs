//! What a schema may be, what keeps to it, and what is told.

use super::*;

const CHAT: &str = r#"{
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": { "enum": ["say", "join"] },
        "text": { "type": "string", "maxLength": 10, "pattern": "^[a-z ]*$" },
        "tags": { "type": "array", "items": { "type": "string" } }
    },
    "additionalProperties": false
}"#;

fn violations(schema: &str, message: &str) -> Vec<(String, String)> {
    let schema = Schema::compile(schema).expect("it is a schema");
    schema.check(message.as_bytes()).into_iter().map(|found| (found.path, found.message)).collect()
}

#[test]
fn a_message_that_keeps_to_its_schema_breaks_nothing() {
    for message in [
        r#"{"type":"say","text":"hello"}"#,
        r#" { "type" : "\u006aoin" } "#,
        r#"{"type":"say","tags":["a","b"]}"#,
    ] {
        assert_eq!(violations(CHAT, message), [], "{message}");
    }
}

#[test]
fn a_violation_names_its_place_and_what_would_be_right() {
    for (message, path, told) in [
        ("{}", "", "\"type\" is a required property"),
        ("[]", "", "the value is not of type \"object\""),
        (r#"{"type":"shout"}"#, "/type", "the value is not one of \"say\" or \"join\""),
        (r#"{"type":"say","text":7}"#, "/text", "the value is not of type \"string\""),
        (r#"{"type":"say","text":"hello hello"}"#, "/text", "the value is longer than 10 characters"),
        (r#"{"type":"say","text":"<b>"}"#, "/text", "the value does not match \"^[a-z ]*$\""),
        (r#"{"type":"say","tags":["a",1]}"#, "/tags/1", "the value is not of type \"string\""),
        (r#"{"type":"say","admin":true}"#, "", "a property that is not allowed: `admin`"),
    ] {
        assert_eq!(violations(CHAT, message), [(path.to_owned(), told.to_owned())], "{message}");
    }
}

#[test]
fn what_is_not_json_by_the_letter_breaks_every_schema() {
    for (message, told) in [
        ("", "not JSON: EOF while parsing a value at line 1 column 0"),
        ("hello", "not JSON: expected value at line 1 column 1"),
        ("{} {}", "not JSON: trailing characters at line 1 column 4"),
        ("\u{feff}{}", "not JSON: expected value at line 1 column 1"),
        ("NaN", "not JSON: expected value at line 1 column 1"),
        ("-Infinity", "not JSON: invalid number at line 1 column 2"),
        ("1e9999", "not JSON: number out of range at line 1 column 6"),
        ("{'a':1}", "not JSON: key must be a string at line 1 column 2"),
        ("[1,]", "not JSON: trailing comma at line 1 column 4"),
        ("// a\n1", "not JSON: expected value at line 1 column 1"),
        (r#""\ud800""#, "not JSON: unexpected end of hex escape at line 1 column 8"),
        (r#"{"a":1,"a":1}"#, "duplicate key `a`"),
        (r#"{"a":1,"\u0061":2}"#, "duplicate key `a`"),
    ] {
        let expected = [(String::new(), told.to_owned())];
        assert_eq!(violations("true", message), expected, "{message}");
    }
    let raw = Schema::compile("true").expect("it is a schema").check(b"\"\xff\"");
    assert_eq!(raw.len(), 1, "{raw:?}");
}

#[test]
fn a_key_that_stands_twice_is_found_wherever_it_stands() {
    for (message, path, told) in [
        (r#"{"a":[0,{"b/c":{"d":1,"d":2}}]}"#, "/a/1/b~1c", "duplicate key `d`"),
        (r#"[{"a":1},{"a":1,"b":{},"a":1}]"#, "/1", "duplicate key `a`"),
        (r#"{"__proto__":1,"__proto__":2}"#, "", "duplicate key `__proto__`"),
    ] {
        assert_eq!(violations("true", message), [(path.to_owned(), told.to_owned())], "{message}");
    }
}

#[test]
fn a_message_that_is_nested_too_deeply_is_told_and_no_more() {
    for open in ["[", "{\"a\":"] {
        let [(path, told)] = &violations("true", &open.repeat(100_000))[..] else { panic!("one violation") };
        assert_eq!(path, "");
        assert!(told.starts_with("not JSON: recursion limit exceeded"), "{told}");
    }
    let nested = format!("{}{}", "[".repeat(127), "]".repeat(127));
    assert_eq!(violations("true", &nested), []);
    let recursive = r##"{"type":"array","items":{"$ref":"#"}}"##;
    assert_eq!(violations(recursive, &nested), []);
}

#[test]
fn violations_are_bounded_in_number_and_length() {
    let message = format!("[{}]", vec!["0"; 1_000].join(","));
    let many = violations(r#"{"items":{"type":"string"}}"#, &message);
    assert_eq!(many.len(), VIOLATIONS_MAX);

    let long = "x".repeat(10_000);
    let schema = r#"{"additionalProperties":false,"propertyNames":{"maxLength":3},"maxProperties":0}"#;
    for (path, told) in violations(schema, &format!("{{\"{long}\":{{\"{long}\":\"{long}\"}}}}")) {
        assert!(path.chars().count() <= PATH_MAX + 1, "{path}");
        assert!(told.matches('x').count() <= QUOTE_MAX + 10, "{told}");
    }
    let told = violations(r#"{"type":"object"}"#, &format!("\"{long}\""));
    assert_eq!(told, [(String::new(), "the value is not of type \"object\"".to_owned())]);
    assert_eq!(violations("false", "1"), [(String::new(), "nothing is allowed here".to_owned())]);
    let name = "{\"a\\u001b[31m\\n\":1}";
    let [(_, told)] = &violations(CHAT.replace("required", "x-required").as_str(), name)[..] else {
        panic!("one violation")
    };
    assert_eq!(told, "a property that is not allowed: `a\\u{1b}[31m\\n`");
    let [(path, told)] = &violations(r#"{"additionalProperties":{"type":"string"}}"#, name)[..] else {
        panic!("one violation")
    };
    assert_eq!(
        (path.as_str(), told.as_str()),
        ("/a\u{fffd}[31m\u{fffd}", "the value is not of type \"string\"")
    );
}

#[test]
fn a_schema_says_which_draft_it_is_of_and_is_of_draft_7_otherwise() {
    let dependent = r#""dependentRequired":{"a":["b"]}"#;
    let exclusive = r#""minimum":1,"exclusiveMinimum":true"#;
    for (schema, message, is_kept) in [
        (format!("{{{dependent}}}"), r#"{"a":1}"#, true),
        (
            format!(r#"{{"$schema":"https://json-schema.org/draft/2020-12/schema",{dependent}}}"#),
            r#"{"a":1}"#,
            false,
        ),
        (
            format!(r#"{{"$schema":"https://json-schema.org/draft/2019-09/schema",{dependent}}}"#),
            r#"{"a":1}"#,
            false,
        ),
        (format!(r#"{{"$schema":"http://json-schema.org/draft-04/schema#",{exclusive}}}"#), "1", false),
        (
            r#"{"$schema":"http://json-schema.org/draft-06/schema#","exclusiveMinimum":1}"#.to_owned(),
            "1",
            false,
        ),
        (r#"{"exclusiveMinimum":1}"#.to_owned(), "1", false),
    ] {
        assert_eq!(violations(&schema, message).is_empty(), is_kept, "{schema}");
    }
}

#[test]
fn patterns_take_linear_time() {
    let evil = format!(r#""{}!""#, "a".repeat(60_000));
    assert_eq!(violations(r#"{"pattern":"^(a+)+$"}"#, &evil).len(), 1);
    assert_eq!(violations(r#"{"pattern":"^(a|a)*$"}"#, &evil).len(), 1);
}

#[test]
fn what_is_no_schema_is_told_with_its_place() {
    for (schema, told) in [
        ("{\n  \"type\": object\n}", "line 2, column 11: expected value"),
        ("{\n  \"type\": \"object\",\n}", "line 3, column 1: trailing comma"),
        ("", "line 1, column 0: EOF while parsing a value"),
        ("[]", "a schema is an object"),
        (
            "{\n  \"properties\": {\n    \"a\": { \"type\": \"text\" }\n  }\n}",
            "line 3, column 20, at /properties/a/type: \"text\" is not valid under any of the schemas listed in the 'anyOf' keyword",
        ),
        ("{ \"type\": \"object\", \"type\": \"array\" }", "line 1, column 1: the key `type` stands twice"),
        ("{ \"maxLength\": -1 }", "line 1, column 16, at /maxLength: -1 is less than the minimum of 0"),
    ] {
        assert_eq!(
            Schema::compile(schema).map(drop),
            Err(SchemaFault { message: told.to_owned() }),
            "{schema}"
        );
    }
}

#[test]
fn nothing_is_fetched_and_no_pattern_looks_around() {
    for (schema, part) in [
        (r#"{"$ref":"https://example.org/chat.json"}"#, "https://example.org/chat.json"),
        (r#"{"$ref":"file:///etc/passwd"}"#, "file:///etc/passwd"),
        (r#"{"$ref":"other.json"}"#, "other.json"),
        (r##"{"$ref":"#/definitions/none"}"##, "/definitions/none"),
        (r#"{"$schema":"https://example.org/draft"}"#, "https://example.org/draft"),
        (r#"{"pattern":"(?=a)a"}"#, "(?=a)a"),
        (r#"{"pattern":"(a)\\1"}"#, "(a)"),
        (r#"{"pattern":"("}"#, "("),
    ] {
        let fault = Schema::compile(schema).map(drop).expect_err(schema);
        assert!(fault.message.contains(part), "{schema}: {fault}");
    }
}

#[test]
fn a_schema_that_refers_to_itself_ends() {
    for schema in [
        r##"{"$ref":"#"}"##,
        r##"{"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{"$ref":"#/definitions/b"},"b":{"$ref":"#/definitions/a"}}}"##,
    ] {
        if let Ok(schema) = Schema::compile(schema) {
            let _ = schema.check(b"{\"a\":1}");
        }
    }
}
