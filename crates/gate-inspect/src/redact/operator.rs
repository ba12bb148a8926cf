//! What an operator wants blackened in every message: values at JSON pointers, and matches of
//! patterns.

use std::ops::Range;

use regex::bytes::Regex;

use super::{Edits, Ink, spot};
use crate::decode::json::{Grammar, Quoted, Role, Token, TokenKind, Tokens, unescape};
use crate::decode::{Path, PathStep, is_like_json, is_text, packet, sip_body};
use crate::detect::compile_pattern;
use crate::settings::{Fault, Redaction};
use crate::subject::{Kind, Subject};

/// Compiled redactions.
#[derive(Debug, Default)]
pub(crate) struct Redactor {
    /// Each as its reference tokens.
    pointers: Vec<Vec<Vec<u8>>>,
    patterns: Vec<Regex>,
}

impl Redactor {
    /// Compiles them, or tells of each that is wrong.
    pub(crate) fn compile(redactions: &[Redaction], faults: &mut Vec<Fault>) -> Self {
        let mut redactor = Self::default();
        for (index, redaction) in redactions.iter().enumerate() {
            let done = match redaction {
                Redaction::Pointer(pointer) => parse(pointer).map(|tokens| redactor.pointers.push(tokens)),
                Redaction::Pattern(regex) => {
                    compile_pattern(regex).map(|regex| redactor.patterns.push(regex))
                }
            };
            if let Err(message) = done {
                faults.push(Fault::Redaction { index, message });
            }
        }
        redactor
    }

    /// What is to be blackened in a message.
    pub(crate) fn edits(&self, subject: &Subject<'_>) -> Edits {
        let mut edits = Edits::default();
        if self.pointers.is_empty() && self.patterns.is_empty() || subject.kind == Kind::Control {
            return edits;
        }
        if let Some(body) = sip_body(subject.payload).filter(|_| !self.pointers.is_empty()) {
            let start = body.start;
            self.in_body(subject.payload.get(body).unwrap_or_default(), start, &mut edits);
        }
        if subject.kind == Kind::Binary && !is_text(subject.payload) {
            self.in_text(subject.payload, 0, Ink::Fill, &mut edits);
            return edits;
        }
        for record in packet::records(subject.payload) {
            let text = subject.payload.get(record.clone()).unwrap_or_default();
            let packet = packet::read(text);
            self.in_text(packet.head, record.start, Ink::Text, &mut edits);
            self.in_body(packet.body, record.start + packet.head.len(), &mut edits);
        }
        edits
    }

    /// What matches a pattern in a text that is shown to somebody.
    pub(crate) fn matches<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Range<usize>> {
        self.patterns.iter().flat_map(|regex| regex.find_iter(text)).map(|found| found.range())
    }

    /// Whether a value to be blackened is at this place or around it, as its keys go.
    pub(crate) fn has_above(&self, path: &[PathStep]) -> bool {
        self.pointers
            .iter()
            .any(|pointer| path.get(..pointer.len()).is_some_and(|above| is_at(pointer, above)))
    }

    fn in_text(&self, text: &[u8], start: usize, ink: Ink, edits: &mut Edits) {
        for found in self.matches(text) {
            edits.add(start + found.start..start + found.end, ink);
        }
    }

    /// `start` is where the body stands in its message.
    fn in_body(&self, body: &[u8], start: usize, edits: &mut Edits) {
        if !is_like_json(body) {
            self.in_text(body, start, Ink::Text, edits);
            return;
        }
        let mut open = Vec::new();
        let mut grammar = Grammar::new(&mut open, usize::MAX);
        let mut path = Path::default();
        // The start of a container to be blackened, and how deep it is.
        let mut within: Option<(usize, usize)> = None;
        for token in Tokens::new(body) {
            let role = grammar.take(token.kind);
            let is_value = role == Role::Value;
            let depth = path.steps.len();
            if let TokenKind::Open(_) = token.kind
                && within.is_none()
                && self.is_pointed_at(&path.steps)
            {
                within = Some((start + token.at.start, depth));
            }
            path.take(&token, role, body);
            match token.kind {
                TokenKind::Close(_) => {
                    if let Some((from, _)) = within.take_if(|(_, opened)| path.steps.len() <= *opened) {
                        edits.add(from..start + token.at.end, Ink::Value);
                    }
                }
                TokenKind::Scalar | TokenKind::Garbage => {
                    self.in_scalar(&token, body, Placed { path: &path.steps, start, edits });
                }
                TokenKind::Text(_) => {
                    if is_value && self.is_pointed_at(&path.steps) {
                        let content = token.content();
                        edits.add(start + content.start..start + content.end, Ink::Text);
                    }
                    self.in_string(&token, body, Placed { path: &path.steps, start, edits });
                }
                TokenKind::Open(_) | TokenKind::Colon | TokenKind::Comma => {}
            }
        }
        if let Some((from, _)) = within {
            edits.add(from..start + body.len(), Ink::Value);
        }
        if !grammar.is_well_formed() {
            self.in_text(body, start, Ink::Text, edits);
        }
    }

    /// A number, a literal or garbage at `path`.
    fn in_scalar(&self, token: &Token, body: &[u8], found: Placed<'_>) {
        let text = body.get(token.at.clone()).unwrap_or_default();
        // Of garbage nobody knows where it ends, so patterns look at the text that it stands in.
        let is_matched = token.kind == TokenKind::Scalar && self.matches(text).next().is_some();
        if is_matched || self.is_pointed_at(found.path) {
            found.edits.add(found.start + token.at.start..found.start + token.at.end, Ink::Value);
        }
    }

    /// A string or a key, as patterns see it: by what it means.
    fn in_string(&self, token: &Token, body: &[u8], found: Placed<'_>) {
        let TokenKind::Text(quoted) = token.kind else { return };
        if self.patterns.is_empty() {
            return;
        }
        let content = body.get(token.content()).unwrap_or_default();
        let start = found.start + token.content().start;
        if quoted == Quoted::Plain {
            self.in_text(content, start, Ink::Text, found.edits);
            return;
        }
        let mut meaning = Vec::new();
        unescape(content, &mut meaning);
        for range in self.matches(&meaning) {
            let raw = spot::raw(content, &range);
            found.edits.add(start + raw.start..start + raw.end, Ink::Text);
        }
    }

    fn is_pointed_at(&self, path: &[PathStep]) -> bool {
        self.pointers.iter().any(|pointer| is_at(pointer, path))
    }
}

/// Where something was found, and where that is noted.
struct Placed<'a> {
    path: &'a [PathStep],
    /// Where the body stands in its message.
    start: usize,
    edits: &'a mut Edits,
}

fn is_at(pointer: &[Vec<u8>], path: &[PathStep]) -> bool {
    pointer.len() == path.len()
        && pointer.iter().zip(path).all(|(token, step)| match step {
            PathStep::Key(key) => key == token,
            PathStep::Index(index) => index.to_string().as_bytes() == token,
            PathStep::Start => false,
        })
}

/// The reference tokens of a JSON pointer (RFC 6901 §3).
fn parse(pointer: &str) -> Result<Vec<Vec<u8>>, String> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let Some(tokens) = pointer.strip_prefix('/') else {
        return Err(format!("a JSON pointer begins with a slash: write /{pointer}"));
    };
    tokens.split('/').map(token).collect()
}

fn token(token: &str) -> Result<Vec<u8>, String> {
    let mut tildes = token.split('~');
    let mut meaning = tildes.next().unwrap_or_default().to_owned();
    for rest in tildes {
        let (character, rest) = match rest.split_at_checked(1) {
            Some(("0", rest)) => ('~', rest),
            Some(("1", rest)) => ('/', rest),
            Some(_) | None => return Err("in a JSON pointer a tilde is written ~0 and a slash ~1".to_owned()),
        };
        meaning.push(character);
        meaning.push_str(rest);
    }
    Ok(meaning.into_bytes())
}

#[cfg(test)]
mod tests {
    use gate_core::Side;

    use super::*;

    fn blackened(redaction: &Redaction, payload: &[u8], kind: Kind) -> String {
        let mut faults = Vec::new();
        let redactor = Redactor::compile(std::slice::from_ref(redaction), &mut faults);
        assert_eq!(faults, []);
        let edits = redactor.edits(&Subject { from: Side::Client, kind, payload });
        String::from_utf8_lossy(&edits.apply(payload)).into_owned()
    }

    #[test]
    fn values_at_pointers_are_blackened_and_nothing_else() {
        let cases = [
            ("/a", r#"{ "a" : "x\"y" , "b":"a"}"#, r#"{ "a" : "***" , "b":"a"}"#),
            ("/a", r#"{"a":1.5e3}"#, r#"{"a":"***"}"#),
            ("/a", r#"{"a":{"b":[1,"}"]},"c":2}"#, r#"{"a":"***","c":2}"#),
            ("/a/b/1", r#"{"a":{"b":[1,2,3]}}"#, r#"{"a":{"b":[1,"***",3]}}"#),
            ("/a", r#"{"a":"1","a":2}"#, r#"{"a":"***","a":"***"}"#),
            ("/\u{e9}/~0~1", r#"{"\u00e9":{"~/":"x"}}"#, r#"{"\u00e9":{"~/":"***"}}"#),
            ("", r#" [1,2] "#, r#" "***" "#),
            ("/1/card", r#"42["pay",{"card":"4111"}]"#, r#"42["pay",{"card":"***"}]"#),
            ("/a", r#"{"n":NaN,"a":"x"}"#, r#"{"n":NaN,"a":"***"}"#),
            ("/a", r#"{"a":["x""#, r#"{"a":"***""#),
            ("/a", r#"{"a":""}"#, r#"{"a":""}"#),
            ("/a", r#"{"b":{"a":"x"}}"#, r#"{"b":{"a":"x"}}"#),
            ("/a", r#"not {"a":1}"#, r#"not {"a":1}"#),
            ("/a", "SIP/2.0 200 OK\r\n\r\n{\"a\":1}", "SIP/2.0 200 OK\r\n\r\n{\"a\":\"***\"}"),
            ("/a", "{\"a\":1}\u{1e}{\"a\":2}\u{1e}", "{\"a\":\"***\"}\u{1e}{\"a\":\"***\"}\u{1e}"),
        ];
        for (pointer, message, expected) in cases {
            let redaction = Redaction::Pointer(pointer.into());
            assert_eq!(
                blackened(&redaction, message.as_bytes(), Kind::Text),
                expected,
                "{pointer} {message}"
            );
        }
    }

    #[test]
    fn matches_of_patterns_are_blackened_by_what_strings_mean() {
        let cases = [
            (r"\b\d{4}-\d{4}\b", r#"{"a":"card 1234-5678, thanks"}"#, r#"{"a":"card ***, thanks"}"#),
            (r"\b\d{4}-\d{4}\b", r#"{"a":"\n\u0031234-56\u00378!"}"#, r#"{"a":"\n***!"}"#),
            (r"^\d{16}$", r#"{"a":4111111111111111,"b":1}"#, r#"{"a":"***","b":1}"#),
            ("secret", r#"{"a secret key":"secret"}"#, r#"{"a *** key":"***"}"#),
            ("secret", "a secret, and another secret", "a ***, and another ***"),
            ("secret", r#"42["a secret"]"#, r#"42["a ***"]"#),
            ("secret", r#"{"a":"secret" secret"#, r#"{"a":"***" ***"#),
            ("z*", r#"{"a":"b"}"#, r#"{"a":"b"}"#),
            (r#"":""#, r#"{"a":"b"}"#, r#"{"a":"b"}"#),
        ];
        for (pattern, message, expected) in cases {
            let redaction = Redaction::Pattern(pattern.into());
            assert_eq!(
                blackened(&redaction, message.as_bytes(), Kind::Text),
                expected,
                "{pattern} {message}"
            );
        }
    }

    #[test]
    fn binary_messages_keep_their_lengths_and_control_frames_all() {
        let redaction = Redaction::Pattern("secret".into());
        assert_eq!(blackened(&redaction, b"\x01\xa6secret\x02", Kind::Binary), "\u{1}\u{fffd}******\u{2}");
        assert_eq!(blackened(&redaction, b"a secret", Kind::Binary), "a ***");
        assert_eq!(blackened(&redaction, b"a secret", Kind::Control), "a secret");
    }

    #[test]
    fn a_pointer_is_into_the_body_of_sip_whatever_stands_before_it_and_whatever_its_bytes_are() {
        let redaction = Redaction::Pointer("/a".into());
        for (head, expected_head) in [
            ("\r\n\r\nSIP/2.0 200 OK\r\n\r\n".as_bytes(), "\r\n\r\nSIP/2.0 200 OK\r\n\r\n"),
            (b"MESSAGE sip:a@b sip/2.0\r\nX: \xe9\r\n\r\n", "MESSAGE sip:a@b sip/2.0\r\nX: \u{fffd}\r\n\r\n"),
            (b"SIP/2.0 200 OK\r\nX: \x1e\r\n\r\n", "SIP/2.0 200 OK\r\nX: \u{1e}\r\n\r\n"),
        ] {
            for kind in [Kind::Text, Kind::Binary] {
                let message = [head, br#"{"a":1}"#].concat();
                assert_eq!(
                    blackened(&redaction, &message, kind),
                    format!("{expected_head}{{\"a\":\"***\"}}")
                );
            }
        }
    }

    #[test]
    fn what_is_neither_a_pointer_nor_an_expression_is_told() {
        let redactions = [
            Redaction::Pointer("a/b".into()),
            Redaction::Pointer("/a~2".into()),
            Redaction::Pointer("/a~".into()),
            Redaction::Pattern("(".into()),
            Redaction::Pointer("/a".into()),
        ];
        let mut faults = Vec::new();
        Redactor::compile(&redactions, &mut faults);
        assert_eq!(faults.len(), 4);
        assert_eq!(faults[0].to_string(), "a JSON pointer begins with a slash: write /a/b");
    }
}
