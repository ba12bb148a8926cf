//! From text to tokens, as OpenSIPS separates them.
//!
//! A `#` begins a comment anywhere but in a quoted text, and so does `/*`. Quoted texts that
//! follow one another are one. A line that begins with `#!` is for a preprocessor: what it
//! would do is not known here, so that it is a token.

use crate::fault::Fault;
use crate::source::Place;

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word: whatever is none of the others.
    Word,
    /// A quoted text; `text` is without its quotes and escapes.
    Quoted,
    /// One of `= ( ) { } [ ] , ;`, or of the operators `== != =~ !~ <= >= < > ! && ||`.
    Mark,
    /// A line that begins with `#!`.
    Preprocessor,
}

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) place: Place,
}

impl Token {
    pub(super) fn is_mark(&self, mark: &str) -> bool {
        self.kind == Kind::Mark && self.text == mark
    }

    pub(super) fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }
}

/// All tokens of a text.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut lexer = Lexer { text, at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 } };
    let mut tokens: Vec<Token> = Vec::new();
    while let Some(token) = lexer.next()? {
        match tokens.last_mut() {
            Some(last) if last.kind == Kind::Quoted && token.kind == Kind::Quoted => {
                last.text.push_str(&token.text);
                last.place = last.place.to(token.place);
            }
            Some(_) | None => tokens.push(token),
        }
    }
    Ok(tokens)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Result<Option<Token>, Fault> {
        if let Some(line) = self.skip_blanks()? {
            return Ok(Some(line));
        }
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if matches!(first, '"' | '\'') {
            return self.quoted(first).map(Some);
        }
        let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
        let (kind, length) = match mark {
            Some(mark) => (Kind::Mark, mark.len()),
            None => (Kind::Word, word_length(rest).max(first.len_utf8())),
        };
        self.at += length;
        let text = self.text.get(start..self.at).unwrap_or_default().to_owned();
        Ok(Some(Token { kind, text, place: self.since(start) }))
    }

    /// Goes over blanks and comments; finds a line for a preprocessor.
    fn skip_blanks(&mut self) -> Result<Option<Token>, Fault> {
        loop {
            let rest = self.rest();
            let start = self.at;
            if rest.starts_with("#!") && self.begins_line() {
                self.at += line_length(rest);
                let text = rest.get(..line_length(rest)).unwrap_or_default().trim_end().to_owned();
                return Ok(Some(Token { kind: Kind::Preprocessor, text, place: self.since(start) }));
            }
            if rest.starts_with('#') {
                self.at += line_length(rest);
            } else if rest.starts_with("/*") {
                let Some(length) = rest.find("*/") else {
                    let place = Place { file: 0, start, end: start + 2 };
                    return Err(Fault::new(
                        place,
                        "a comment is not closed",
                        "begins here",
                        "it ends with */",
                    ));
                };
                self.at += length + 2;
            } else {
                let blanks = rest.len() - rest.trim_start().len();
                if blanks == 0 {
                    return Ok(None);
                }
                self.at += blanks;
            }
        }
    }

    fn begins_line(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        before.rsplit('\n').next().is_none_or(|line| line.trim().is_empty())
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Fault> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            if c == quote {
                self.at = start + at + quote.len_utf8();
                return Ok(Token { kind: Kind::Quoted, text, place: self.since(start) });
            }
            if c != '\\' || quote == '\'' {
                text.push(c);
                continue;
            }
            match chars.next() {
                Some((_, escaped @ ('"' | '\\'))) => text.push(escaped),
                Some((_, 'n')) => text.push('\n'),
                Some((_, 'r')) => text.push('\r'),
                Some((_, 't')) => text.push('\t'),
                // A line that goes on in the next one.
                Some((_, '\n')) | None => {}
                Some((_, other)) => text.extend(['\\', other]),
            }
        }
        let place = Place { file: 0, start, end: start + quote.len_utf8() };
        let help = format!("it ends with {quote}, which within it is written \\{quote}");
        Err(Fault::new(place, "a quoted text is not closed", "begins here", help))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> Place {
        Place { file: 0, start, end: self.at }
    }
}

/// Longer ones first.
const MARKS: [&str; 19] =
    ["==", "!=", "=~", "!~", "<=", ">=", "&&", "||", "=", "(", ")", "{", "}", "[", "]", ",", ";", "<", ">"];

/// Bytes to the end of the line.
fn line_length(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// Bytes of the word that a text begins with.
fn word_length(rest: &str) -> usize {
    let mut end = rest.len();
    for (at, c) in rest.char_indices() {
        let behind = rest.get(at..).unwrap_or_default();
        let ends = c.is_whitespace()
            || "=(){}[],;<>\"'#".contains(c)
            || ["/*", "!=", "!~", "&&", "||"].iter().any(|mark| behind.starts_with(mark));
        if ends || (at > 0 && rest.starts_with('!')) {
            end = at;
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{Kind, tokens};

    /// The tokens in short: quoted texts in brackets, marks in angles.
    fn short(text: &str) -> Result<String, String> {
        let tokens = tokens(text).map_err(|fault| format!("{}: {}", fault.place.start, fault.message))?;
        let one = |token: &super::Token| match token.kind {
            Kind::Word => token.text.clone(),
            Kind::Quoted => format!("[{}]", token.text),
            Kind::Mark => format!("<{}>", token.text),
            Kind::Preprocessor => format!("!{}", token.text),
        };
        Ok(tokens.iter().map(one).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn texts_are_cut_where_opensips_cuts_them() {
        for (text, expected) in [
            ("socket= wss:1.2.3.4:443 # c\n", "socket <=> wss:1.2.3.4:443"),
            ("a=b#c", "a <=> b"),
            ("a /* b\n \"c */ d", "a d"),
            ("a/*b*/c", "a c"),
            ("#!ifdef X\na\n#!endif", "!#!ifdef X a !#!endif"),
            ("a #!b\nc", "a c"),
            ("modparam(\"a|b\",\"c\",1)", "modparam <(> [a|b] <,> [c] <,> 1 <)>"),
            ("\"a\"\n \"b\" 'c\\'", "[abc\\]"),
            (r#""a\"b\\c\nd\e""#, "[a\"b\\c\nd\\e]"),
            ("\"a\\\nb\"", "[ab]"),
            (
                "if($si==\"1\"&&!$sp!=2||$x=~'y')",
                "if <(> $si <==> [1] <&&> ! $sp <!=> 2 <||> $x <=~> [y] <)>",
            ),
            ("[::1]:5060", "<[> ::1 <]> :5060"),
            ("\u{feff}ä", "ä"),
            ("", ""),
        ] {
            assert_eq!(short(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_opened_must_be_closed() {
        for (text, expected) in
            [("a \"b", "2: a quoted text is not closed"), ("a /* *", "2: a comment is not closed")]
        {
            assert_eq!(short(text), Err(expected.to_owned()), "{text}");
        }
    }
}
