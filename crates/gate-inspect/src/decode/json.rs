//! JSON as it may come from anybody: tokens without a grammar, and the grammar beside them.
//!
//! Strings are found in broken JSON too, because some reader behind the gateway may be lenient.
//! What is broken is told, so that the caller looks at the text as it stands as well.

use std::ops::Range;

use memchr::memchr2;

/// One token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// In the text; of a string with its quotes.
    pub(crate) at: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Open(Container),
    Close(Container),
    Colon,
    Comma,
    Text(Quoted),
    /// A number, `true`, `false` or `null`.
    Scalar,
    /// What JSON has no place for.
    Garbage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    Object,
    Array,
}

/// What is between quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoted {
    /// As it is meant.
    Plain,
    /// With backslashes in it.
    Escaped,
    /// Without the quote at its end.
    Open,
}

impl Token {
    /// A string without its quotes.
    pub(crate) fn content(&self) -> Range<usize> {
        match self.kind {
            TokenKind::Text(Quoted::Plain | Quoted::Escaped) => self.at.start + 1..self.at.end - 1,
            TokenKind::Text(Quoted::Open) => self.at.start + 1..self.at.end,
            TokenKind::Open(_)
            | TokenKind::Close(_)
            | TokenKind::Colon
            | TokenKind::Comma
            | TokenKind::Scalar
            | TokenKind::Garbage => self.at.clone(),
        }
    }
}

/// The tokens of a text, in order.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        Self { text, at }
    }

    fn string(&self, start: usize) -> (Quoted, usize) {
        let mut quoted = Quoted::Plain;
        let mut at = start + 1;
        while let Some(rest) = self.text.get(at..) {
            let Some(found) = memchr2(b'"', b'\\', rest) else { break };
            at += found;
            if rest.get(found) == Some(&b'"') {
                return (quoted, at + 1);
            }
            quoted = Quoted::Escaped;
            at += 2;
        }
        (Quoted::Open, self.text.len())
    }

    fn word(&self, start: usize) -> (TokenKind, usize) {
        let rest = self.text.get(start..).unwrap_or_default();
        let length = rest.iter().position(|byte| ends_word(*byte)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        let is_number =
            word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E'));
        let is_scalar = is_number || matches!(word, b"true" | b"false" | b"null");
        (if is_scalar { TokenKind::Scalar } else { TokenKind::Garbage }, start + length)
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        let rest = self.text.get(self.at..)?;
        let start = self.at + rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let single = |kind| (kind, start + 1);
        let (kind, end) = match self.text.get(start)? {
            b'{' => single(TokenKind::Open(Container::Object)),
            b'}' => single(TokenKind::Close(Container::Object)),
            b'[' => single(TokenKind::Open(Container::Array)),
            b']' => single(TokenKind::Close(Container::Array)),
            b':' => single(TokenKind::Colon),
            b',' => single(TokenKind::Comma),
            b'"' => {
                let (quoted, end) = self.string(start);
                (TokenKind::Text(quoted), end)
            }
            _ => self.word(start),
        };
        self.at = end;
        Some(Token { kind, at: start..end })
    }
}

/// Whether a text may be JSON, by its first byte that is not blank.
pub(crate) fn is_like_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii();
    match text.first() {
        Some(b'{' | b'[') => true,
        Some(b'"') => text.len() > 1 && text.ends_with(b"\""),
        Some(_) | None => false,
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const fn ends_word(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"')
}

/// Whether tokens make one JSON value, and which strings are keys. What is broken is read on as
/// well as it goes.
#[derive(Debug)]
pub(crate) struct Grammar<'a> {
    open: &'a mut Vec<Container>,
    next: Next,
    nesting_max: usize,
    is_broken: bool,
    is_too_deep: bool,
}

/// What may come next (RFC 8259 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// Nothing.
    Over,
}

/// What a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Key,
    Value,
}

impl<'a> Grammar<'a> {
    /// `open` is room for the containers that are open.
    pub(crate) fn new(open: &'a mut Vec<Container>, nesting_max: usize) -> Self {
        open.clear();
        Self { open, next: Next::Value, nesting_max, is_broken: false, is_too_deep: false }
    }

    /// Takes the next token. Of a string: what it is; of others nothing is to be told.
    pub(crate) fn take(&mut self, kind: TokenKind) -> Role {
        let is_right = match kind {
            TokenKind::Open(_) | TokenKind::Scalar => matches!(self.next, Next::Value | Next::ValueOrEnd),
            TokenKind::Close(container) => {
                matches!(self.next, Next::KeyOrEnd | Next::ValueOrEnd | Next::CommaOrEnd)
                    && self.open.last() == Some(&container)
            }
            TokenKind::Colon => self.next == Next::Colon,
            TokenKind::Comma => self.next == Next::CommaOrEnd,
            TokenKind::Text(quoted) => {
                quoted != Quoted::Open && !matches!(self.next, Next::Colon | Next::CommaOrEnd | Next::Over)
            }
            TokenKind::Garbage => false,
        };
        self.is_broken |= !is_right;
        let mut role = Role::Value;
        self.next = match kind {
            TokenKind::Open(container) => self.enter(container),
            TokenKind::Close(_) => {
                self.open.pop();
                self.after_value()
            }
            TokenKind::Colon => Next::Value,
            TokenKind::Comma => match self.open.last() {
                Some(Container::Object) => Next::Key,
                Some(Container::Array) | None => Next::Value,
            },
            TokenKind::Text(_) if self.is_before_key() => {
                role = Role::Key;
                Next::Colon
            }
            TokenKind::Text(_) | TokenKind::Scalar | TokenKind::Garbage => self.after_value(),
        };
        role
    }

    /// Whether all that came is exactly one value.
    pub(crate) fn is_well_formed(&self) -> bool {
        !self.is_broken && self.next == Next::Over
    }

    /// Whether containers were within each other beyond the limit; strings are found still.
    pub(crate) const fn is_too_deep(&self) -> bool {
        self.is_too_deep
    }

    fn is_before_key(&self) -> bool {
        match self.next {
            Next::Key | Next::KeyOrEnd => true,
            // A comma is missing.
            Next::CommaOrEnd => self.open.last() == Some(&Container::Object),
            Next::Value | Next::ValueOrEnd | Next::Colon | Next::Over => false,
        }
    }

    fn enter(&mut self, container: Container) -> Next {
        self.is_too_deep |= self.open.len() >= self.nesting_max;
        self.open.push(container);
        match container {
            Container::Object => Next::KeyOrEnd,
            Container::Array => Next::ValueOrEnd,
        }
    }

    fn after_value(&self) -> Next {
        if self.open.is_empty() { Next::Over } else { Next::CommaOrEnd }
    }
}

/// Appends what the content of a string means. False where an escape is none of JSON's own (RFC
/// 8259 §7); it is then read as JavaScript reads it.
pub(crate) fn unescape(content: &[u8], out: &mut Vec<u8>) -> bool {
    let mut is_strict = true;
    let mut rest = content;
    while let Some(plain) = memchr::memchr(b'\\', rest) {
        let (before, escape) = rest.split_at(plain);
        out.extend_from_slice(before);
        let unit = unit(escape, out);
        is_strict &= unit.is_strict;
        rest = escape.get(unit.length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    is_strict
}

/// One escape that was read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    /// How many bytes it has.
    pub(crate) length: usize,
    is_strict: bool,
}

/// Reads the escape at the start of `text`, which is a backslash, and appends its meaning.
pub(crate) fn unit(text: &[u8], out: &mut Vec<u8>) -> Unit {
    let strict = |length| Unit { length, is_strict: true };
    let lenient = |length| Unit { length, is_strict: false };
    let (_, [kind, operand @ ..]) = text.split_at(1.min(text.len())) else {
        out.extend_from_slice(text);
        return lenient(text.len());
    };
    let simple = match kind {
        b'"' | b'\\' | b'/' => *kind,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return long_unit(operand, out).map_or_else(|| lenient(2), strict),
        b'x' => {
            let Some(code) = hex(operand, 2) else { return lenient(2) };
            push(code, out);
            return lenient(4);
        }
        b'v' => return push_lenient(0x0b, out),
        b'0' => return push_lenient(0, out),
        // The backslash alone means nothing, and a byte above 127 is a part of a character.
        _ => return lenient(1),
    };
    out.push(simple);
    strict(2)
}

fn push_lenient(byte: u8, out: &mut Vec<u8>) -> Unit {
    out.push(byte);
    Unit { length: 2, is_strict: false }
}

/// `\uXXXX`, or two of them that make one character: the length of all.
fn long_unit(operand: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let first = hex(operand, 4)?;
    if let 0xd800..=0xdbff = first
        && let Some(next) = operand.get(4..)
        && next.starts_with(b"\\u")
        && let Some(second @ 0xdc00..=0xdfff) = next.get(2..).and_then(|digits| hex(digits, 4))
    {
        push(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), out);
        return Some(12);
    }
    push(first, out);
    Some(6)
}

/// The number that exactly so many digits at the start of `text` make.
pub(crate) fn hex(text: &[u8], digits: usize) -> Option<u32> {
    text.get(..digits)?
        .iter()
        .try_fold(0, |number, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

/// Appends a character; what is none (half of a surrogate pair) as the replacement character.
pub(crate) fn push(code: u32, out: &mut Vec<u8>) {
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, bool) {
        let mut open = Vec::new();
        let mut grammar = Grammar::new(&mut open, 4);
        let mut strings = Vec::new();
        for token in Tokens::new(text.as_bytes()) {
            let role = grammar.take(token.kind);
            if let TokenKind::Text(_) = token.kind {
                let mut out = Vec::new();
                unescape(&text.as_bytes()[token.content()], &mut out);
                let mark = if role == Role::Key { ":" } else { "" };
                strings.push(format!("{}{mark}", String::from_utf8_lossy(&out)));
            }
        }
        (strings, grammar.is_well_formed())
    }

    #[test]
    fn strings_are_found_and_keys_told_apart() {
        let well_formed = [
            (r#"{"a":"b","a":["c",{"d":1}]}"#, &["a:", "b", "a:", "c", "d:"][..]),
            ("\u{feff} \"a\"\r\n", &["a"]),
            (r#"["\u003c\/\ud83d\ude00\"\\"]"#, &["</\u{1f600}\"\\"]),
            (r#"{"\u0061":-1.5E+9}"#, &["a:"]),
            ("[]", &[]),
        ];
        for (text, strings) in well_formed {
            assert_eq!(read(text), (strings.iter().map(|text| (*text).to_owned()).collect(), true), "{text}");
        }
    }

    #[test]
    fn strings_of_broken_json_are_found_and_it_is_told() {
        let broken = [
            (r#"{"a":NaN,"b":"c"}"#, &["a:", "b:", "c"][..]),
            (r#"{"a":"b"} "c""#, &["a:", "b", "c"]),
            (r#"{"a":"b" "c":"d",}"#, &["a:", "b", "c:", "d"]),
            (r#"{"a":"b"}{"c":"d"}"#, &["a:", "b", "c:", "d"]),
            (r#"["a","#, &["a"]),
            (r#"["a" "b"]"#, &["a", "b"]),
            (r#"{"a":"b"]"#, &["a:", "b"]),
            (r#"["a"#, &["a"]),
            (r#"["a\"#, &["a\\"]),
            (r#"{'a':"b"}"#, &["b"]),
            ("", &[]),
        ];
        for (text, strings) in broken {
            assert_eq!(
                read(text),
                (strings.iter().map(|text| (*text).to_owned()).collect(), false),
                "{text}"
            );
        }
    }

    #[test]
    fn nesting_beyond_the_limit_is_told_and_strings_are_found_still() {
        for (text, is_too_deep) in [(r#"[[[["a"]]]]"#, false), (r#"[[[[["a"]]]]]"#, true)] {
            let mut open = Vec::new();
            let mut grammar = Grammar::new(&mut open, 4);
            let strings = Tokens::new(text.as_bytes()).filter(|token| {
                grammar.take(token.kind);
                matches!(token.kind, TokenKind::Text(_))
            });
            assert_eq!(strings.count(), 1);
            assert_eq!(grammar.is_too_deep(), is_too_deep, "{text}");
        }
    }

    #[test]
    fn half_a_pair_and_escapes_of_other_languages_are_read() {
        let cases = [
            (r"\ud83d", "\u{fffd}", true),
            (r"\ud83dA", "\u{fffd}A", true),
            (r"\ud83d\u0041", "\u{fffd}A", true),
            (r"\x3c", "<", false),
            (r"\uzz", "zz", false),
            (r"\'", "'", false),
            (r"\é", "é", false),
        ];
        for (content, meaning, is_strict) in cases {
            let mut out = Vec::new();
            assert_eq!(unescape(content.as_bytes(), &mut out), is_strict, "{content}");
            assert_eq!(String::from_utf8_lossy(&out), meaning, "{content}");
        }
    }
}
