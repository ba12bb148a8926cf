//! From text to tokens: words, `;`, `{`, `}`, as nginx separates them.
//!
//! A word is quoted by `"` or `'`, or ends at a blank, `;` or `{`; the `{` of `${name}` does
//! not end it, and neither does a `}`. A `#` begins a comment only where a word could begin.

use crate::fault::Fault;
use crate::source::Place;

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A word, without its quotes and escapes.
    Word { text: String, is_quoted: bool },
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
    /// The end of the file.
    Eof,
}

/// Where in a text the next token is looked for.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    file: usize,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// From the beginning; a byte order mark there is no part of the text.
    pub(super) fn new(text: &'a str, file: usize) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, file, at }
    }

    /// The next token and its place.
    pub(super) fn next(&mut self) -> Result<(Token, Place), Fault> {
        self.skip_blanks();
        let start = self.at;
        let token = match self.peek() {
            None => Token::Eof,
            Some(';') => self.single(Token::End),
            Some('{') => self.single(Token::Open),
            Some('}') => self.single(Token::Close),
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            Some(_) => self.bare(),
        };
        Ok((token, self.since(start)))
    }

    /// Goes over a block that is in another language, from behind its `{` to its `}`.
    pub(super) fn skip_foreign_block(&mut self) -> bool {
        let mut open = 1_u32;
        while open > 0 {
            match self.advance() {
                None => return false,
                Some('{') => open = open.saturating_add(1),
                Some('}') => open -= 1,
                Some(quote @ ('"' | '\'')) => {
                    while let Some(c) = self.advance().filter(|c| *c != quote) {
                        if c == '\\' {
                            self.advance();
                        }
                    }
                }
                Some('-') if self.rest().starts_with('-') => {
                    while self.peek().is_some_and(|c| c != '\n') {
                        self.advance();
                    }
                }
                Some(_) => {}
            }
        }
        true
    }

    fn single(&mut self, token: Token) -> Token {
        self.advance();
        token
    }

    fn quoted(&mut self, quote: char) -> Result<Token, Fault> {
        let start = self.at;
        self.advance();
        let body = self.at;
        loop {
            match self.peek() {
                None => {
                    let place = Place { file: self.file, start, end: start + 1 };
                    let help = format!("it ends with {quote}, which within it is written \\{quote}");
                    return Err(Fault::new(place, "a quoted text is not closed", "begins here", help));
                }
                Some(c) if c == quote => break,
                Some('\\') => {
                    self.advance();
                    self.advance();
                }
                Some(_) => drop(self.advance()),
            }
        }
        let text = unescape(self.text.get(body..self.at).unwrap_or_default());
        self.advance();
        // nginx lets a `)` follow, as it stands behind the words of `if (…)`.
        if self.peek().is_some_and(|c| !is_blank(c) && !matches!(c, ';' | '{' | ')')) {
            let place = Place {
                file: self.file,
                start: self.at,
                end: self.at + self.peek().map_or(0, char::len_utf8),
            };
            let help = format!(
                "a blank, `;` or `{{` follows a quoted text; within it a {quote} is written \\{quote}"
            );
            return Err(Fault::new(place, "something follows a quoted text directly", "not here", help));
        }
        Ok(Token::Word { text, is_quoted: true })
    }

    fn bare(&mut self) -> Token {
        let start = self.at;
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.advance();
                    self.advance();
                }
                '$' => {
                    self.advance();
                    if self.peek() == Some('{') {
                        self.advance();
                    }
                }
                ';' | '{' => break,
                c if is_blank(c) => break,
                _ => drop(self.advance()),
            }
        }
        Token::Word { text: unescape(self.text.get(start..self.at).unwrap_or_default()), is_quoted: false }
    }

    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(c) if is_blank(c) => drop(self.advance()),
                Some('#') => {
                    let rest = self.rest();
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                None | Some(_) => return,
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn since(&self, start: usize) -> Place {
        Place { file: self.file, start, end: self.at }
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n')
}

/// nginx knows these escapes; before anything else a backslash is a backslash.
fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        let next = (c == '\\').then(|| chars.clone().next()).flatten();
        let meant = match next {
            Some(escaped @ ('"' | '\'' | '\\')) => Some(escaped),
            Some('t') => Some('\t'),
            Some('r') => Some('\r'),
            Some('n') => Some('\n'),
            None | Some(_) => None,
        };
        if meant.is_some() {
            chars.next();
        }
        text.push(meant.unwrap_or(c));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Lexer, Token};

    /// The tokens in short: words in brackets if they were quoted.
    fn tokens(text: &str) -> Result<String, String> {
        let mut lexer = Lexer::new(text, 0);
        let mut all = Vec::new();
        loop {
            match lexer.next() {
                Ok((Token::Eof, _)) => return Ok(all.join(" ")),
                Ok((Token::Word { text, is_quoted: true }, _)) => all.push(format!("[{text}]")),
                Ok((Token::Word { text, .. }, _)) => all.push(text),
                Ok((Token::End, _)) => all.push(";".to_owned()),
                Ok((Token::Open, _)) => all.push("{".to_owned()),
                Ok((Token::Close, _)) => all.push("}".to_owned()),
                Err(fault) => return Err(format!("{}: {}", fault.place.start, fault.message)),
            }
        }
    }

    #[test]
    fn words_end_where_nginx_ends_them() {
        for (text, expected) in [
            ("listen 80;", "listen 80 ;"),
            ("a{b;}", "a { b ; }"),
            ("set $a ${b}c;", "set $a ${b}c ;"),
            ("a}b;", "a}b ;"),
            ("a#b;#c\nd;", "a#b ; d ;"),
            ("a\r\n\tb;", "a b ;"),
            (r#"a "b c;{}" 'd"e';"#, r#"a [b c;{}] [d"e] ;"#),
            (r#"a "b\"c" 'd\'e' f\;g;"#, r#"a [b"c] [d'e] f\;g ;"#),
            (r"a ^/\d+\.x$ b\\c;", r"a ^/\d+\.x$ b\c ;"),
            ("a \"b\tc\\td\\ne\";", "a [b\tc\td\ne] ;"),
            ("if ($a = \"b\") {}", "if ($a = [b] ) { }"),
            ("\u{feff}a;", "a ;"),
            ("ä 'ö';", "ä [ö] ;"),
            ("", ""),
            ("\\", "\\"),
        ] {
            assert_eq!(tokens(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn quotes_must_be_closed_and_stand_alone() {
        for (text, expected) in [
            ("a \"b", "2: a quoted text is not closed"),
            ("a 'b\\'", "2: a quoted text is not closed"),
            ("a \"b\"c;", "5: something follows a quoted text directly"),
        ] {
            assert_eq!(tokens(text), Err(expected.to_owned()), "{text}");
        }
    }
}
