//! A position in a text, and how to get over what means nothing: blanks, line ends, comments.

use super::SyntaxFault;

/// A position in a text.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    /// Bytes that are done with; always at a character's beginning.
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn sees(&self, pattern: &str) -> bool {
        self.rest().starts_with(pattern)
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Goes over `pattern` if it stands here.
    pub(super) fn take(&mut self, pattern: &str) -> bool {
        let stands = self.sees(pattern);
        if stands {
            self.at += pattern.len();
        }
        stands
    }

    /// The text from `start` to here.
    pub(super) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The character here, as a span.
    pub(super) fn here(&self) -> (usize, usize) {
        (self.at, self.peek().map_or(0, char::len_utf8))
    }

    /// Goes over blanks, block comments and escaped line ends; says whether there were any.
    pub(super) fn skip_blanks(&mut self) -> Result<bool, SyntaxFault> {
        let start = self.at;
        loop {
            match self.peek() {
                Some(c) if is_blank(c) => self.at += c.len_utf8(),
                Some('/') if self.sees("/*") => self.block_comment()?,
                Some('\\') => self.escaped_line_end()?,
                _ => return Ok(self.at > start),
            }
        }
    }

    /// Goes over all that may stand between two nodes.
    pub(super) fn skip_lines(&mut self) -> Result<(), SyntaxFault> {
        loop {
            self.skip_blanks()?;
            match self.peek() {
                Some(c) if c == ';' || is_line_end(c) => self.at += c.len_utf8(),
                Some('/') if self.sees("//") => self.line_comment(),
                _ => return Ok(()),
            }
        }
    }

    /// Goes to the end of the line, but not over it.
    pub(super) fn line_comment(&mut self) {
        let rest = self.rest();
        self.at += rest.find(is_line_end).unwrap_or(rest.len());
    }

    fn block_comment(&mut self) -> Result<(), SyntaxFault> {
        let start = self.at;
        let mut open = 0_u32;
        loop {
            if self.take("/*") {
                open += 1;
            } else if self.take("*/") {
                open -= 1;
                if open == 0 {
                    return Ok(());
                }
            } else if self.next().is_none() {
                return Err(SyntaxFault::new((start, 2), "a comment is not closed")
                    .label("begins here")
                    .help("block comments end with `*/`; each `/*` in one needs its own `*/`"));
            }
        }
    }

    fn escaped_line_end(&mut self) -> Result<(), SyntaxFault> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(c) if is_blank(c) => self.at += c.len_utf8(),
                Some('/') if self.sees("/*") => self.block_comment()?,
                Some('/') if self.sees("//") => self.line_comment(),
                Some(c) if is_line_end(c) => {
                    self.line_end();
                    return Ok(());
                }
                None => return Ok(()),
                Some(_) => {
                    return Err(SyntaxFault::new((start, 1), "a `\\` stands outside of a string")
                        .label("only the end of the line may follow")
                        .help("a text with `\\` needs quotes: \"\\\\d\", or #\"\\d\"# to take it as it is"));
                }
            }
        }
    }

    /// Goes over one line end, which may be CR LF.
    pub(super) fn line_end(&mut self) {
        if !self.take("\r\n") {
            self.next();
        }
    }
}

/// What separates values on a line.
pub(super) fn is_blank(c: char) -> bool {
    c == '\t' || (c.is_whitespace() && !is_line_end(c))
}

/// What ends a line: LF, CR, NEL, VT, FF, LS, PS.
pub(super) fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{b}' | '\u{c}' | '\u{2028}' | '\u{2029}')
}
