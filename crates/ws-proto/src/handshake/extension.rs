//! Lists of extensions with parameters: `Sec-WebSocket-Extensions`, RFC 6455 §9.1.
//!
//! A scanner that only ever moves forward, over a list that is bounded like every other (`token`).
//! Names of extensions and parameters are data: whoever looks for one compares text, and a name
//! nobody looks for means nothing.
//! Refuses: what does not match the grammar, which RFC 6455 §9.1 says must fail the connection.
//! That includes quoted values that are no tokens once unquoted.
//! Not here: what an extension's parameters mean (`deflate`).

use super::token::{BLANKS, Budget, ELEMENTS_MAX, ListFault, is_token, is_token_byte};
use http::header::HeaderValue;
use std::borrow::Cow;

/// One element of the list, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension<'h> {
    /// The extension's name; case is kept and matters.
    pub name: &'h str,
    /// Its parameters in order, repeated ones included.
    pub params: Vec<Param<'h>>,
}

/// One parameter of an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param<'h> {
    /// The parameter's name; case is kept and matters.
    pub name: &'h str,
    /// Its value, unquoted, always a token; copied only if it was written with backslashes.
    pub value: Option<Cow<'h, str>>,
}

/// Reads the whole list. No line at all is a list of nothing.
///
/// # Errors
/// The first fault found.
pub fn list<'h>(lines: impl IntoIterator<Item = &'h HeaderValue>) -> Result<Vec<Extension<'h>>, ListFault> {
    let mut budget = Budget::default();
    let mut extensions = Vec::new();
    for line in lines {
        let mut scanner = Scanner { rest: budget.line(line)? };
        loop {
            while scanner.eat(',') {}
            if scanner.at_end() {
                break;
            }
            budget.element()?;
            extensions.push(scanner.extension()?);
            if !scanner.at_end() && !scanner.eat(',') {
                return Err(ListFault::Syntax);
            }
        }
    }
    budget.settle()?;
    Ok(extensions)
}

/// The part of a line that has not been read. Blanks may stand between any two signs: RFC 6455
/// §9.1 takes over the implied `*LWS` of RFC 2616.
struct Scanner<'h> {
    rest: &'h str,
}

impl<'h> Scanner<'h> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(BLANKS);
    }

    fn at_end(&mut self) -> bool {
        self.skip_blanks();
        self.rest.is_empty()
    }

    /// Takes `sign` if it is next.
    fn eat(&mut self, sign: char) -> bool {
        self.skip_blanks();
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn extension(&mut self) -> Result<Extension<'h>, ListFault> {
        let name = self.token()?;
        let mut params = Vec::new();
        while self.eat(';') {
            if params.len() == ELEMENTS_MAX {
                return Err(ListFault::TooMany);
            }
            let name = self.token()?;
            let value = if self.eat('=') { Some(self.value()?) } else { None };
            params.push(Param { name, value });
        }
        Ok(Extension { name, params })
    }

    fn token(&mut self) -> Result<&'h str, ListFault> {
        self.skip_blanks();
        let end = self.rest.bytes().position(|byte| !is_token_byte(byte));
        let (token, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if token.is_empty() {
            return Err(ListFault::NotToken);
        }
        self.rest = rest;
        Ok(token)
    }

    fn value(&mut self) -> Result<Cow<'h, str>, ListFault> {
        if self.eat('"') { self.quoted() } else { self.token().map(Cow::Borrowed) }
    }

    /// What stands between here and the closing quote, which is taken too.
    fn quoted(&mut self) -> Result<Cow<'h, str>, ListFault> {
        let mut escaped = false;
        let end = self.rest.bytes().position(|byte| {
            let closes = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            closes
        });
        let (inside, rest) = self.rest.split_at(end.ok_or(ListFault::Syntax)?);
        self.rest = rest.strip_prefix('"').unwrap_or(rest);
        let value = unescaped(inside);
        if is_token(&value) { Ok(value) } else { Err(ListFault::NotToken) }
    }
}

/// Drops the backslash of each quoted pair (RFC 9110 §5.6.4).
fn unescaped(inside: &str) -> Cow<'_, str> {
    if !inside.contains('\\') {
        return Cow::Borrowed(inside);
    }
    let mut plain = String::with_capacity(inside.len());
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::token::LIST_BYTES_MAX;

    /// Reads the lines and writes the result in one spelling: `name;param=value;flag|name`.
    fn read(lines: &[&str]) -> Result<String, ListFault> {
        let lines: Vec<_> =
            lines.iter().map(|line| HeaderValue::from_bytes(line.as_bytes()).unwrap()).collect();
        let spelled = |extension: &Extension<'_>| {
            extension.params.iter().fold(extension.name.to_owned(), |text, param| {
                let value = param.value.as_ref().map(|value| format!("={value}"));
                format!("{text};{}{}", param.name, value.unwrap_or_default())
            })
        };
        Ok(list(&lines)?.iter().map(spelled).collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn elements_and_parameters_keep_their_order() {
        for (lines, expected) in [
            (&[][..], ""),
            (&["foo"], "foo"),
            (&["foo, bar; baz=2"], "foo|bar;baz=2"),
            (&["foo", "bar; baz=2"], "foo|bar;baz=2"),
            (&[",foo ,, bar;baz=2 ,"], "foo|bar;baz=2"),
            (&["foo;a;a=1;a"], "foo;a;a=1;a"),
            (&["foo;a=b, foo; c=\"d\""], "foo;a=b|foo;c=d"),
            (&["\tfoo ;\ta = b ; c"], "foo;a=b;c"),
            (&["x;bits=10", "", "y"], "x;bits=10|y"),
        ] {
            assert_eq!(read(lines).as_deref(), Ok(expected), "{lines:?}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_know_is_a_fault() {
        for (line, fault) in [
            ("", ListFault::Empty),
            (",, ,", ListFault::Empty),
            ("foo bar", ListFault::Syntax),
            ("foo; a b", ListFault::Syntax),
            ("foo; a=b c", ListFault::Syntax),
            ("foo=1", ListFault::Syntax),
            ("foo/1", ListFault::Syntax),
            (";a", ListFault::NotToken),
            ("foo;", ListFault::NotToken),
            ("foo;;a", ListFault::NotToken),
            ("foo; a=", ListFault::NotToken),
            ("foo; a==b", ListFault::NotToken),
            ("foo; =b", ListFault::NotToken),
            ("\"foo\"", ListFault::NotToken),
            ("foo; \"a\"=b", ListFault::NotToken),
            ("foo; caf\u{e9}", ListFault::NotText),
        ] {
            assert_eq!(read(&[line]), Err(fault), "{line:?}");
        }
    }

    #[test]
    fn row_19_quoted_strings_end_where_they_end() {
        for (line, expected) in [
            (r#"x; a="b""#, Ok("x;a=b")),
            (r#"x; a="b"; c="d", y"#, Ok("x;a=b;c=d|y")),
            (r#"x; a="1\0""#, Ok("x;a=10")),
            (r#"x; a="\1\0""#, Ok("x;a=10")),
            // Signs of the outer grammar are no separators in here, and no tokens either.
            (r#"x; a="b, y; c=d""#, Err(ListFault::NotToken)),
            (r#"x; a="b c""#, Err(ListFault::NotToken)),
            (r#"x; a="""#, Err(ListFault::NotToken)),
            (r#"x; a=" ""#, Err(ListFault::NotToken)),
            (r#"x; a="\\""#, Err(ListFault::NotToken)),
            (r#"x; a="\"""#, Err(ListFault::NotToken)),
            (r#"x; a="\""#, Err(ListFault::Syntax)),
            (r#"x; a="\\\""#, Err(ListFault::Syntax)),
            (r#"x; a=""#, Err(ListFault::Syntax)),
            (r#"x; a="b"#, Err(ListFault::Syntax)),
            (r#"x; a="b\"#, Err(ListFault::Syntax)),
            (r#"x; a="b"c"#, Err(ListFault::Syntax)),
            (r#"x; a=b"c""#, Err(ListFault::Syntax)),
        ] {
            assert_eq!(read(&[line]).as_deref(), expected.as_ref().copied(), "{line}");
        }
    }

    #[test]
    fn a_quoted_string_does_not_reach_into_the_next_line() {
        assert_eq!(read(&["x; a=\"b", "c\""]), Err(ListFault::Syntax));
    }

    #[test]
    fn row_19_elements_parameters_and_bytes_are_bounded() {
        let extensions = |count| vec!["x"; count].join(",");
        assert!(read(&[&extensions(ELEMENTS_MAX)]).is_ok());
        assert_eq!(read(&[&extensions(ELEMENTS_MAX + 1)]), Err(ListFault::TooMany));
        assert_eq!(read(&[&extensions(ELEMENTS_MAX), "x"]), Err(ListFault::TooMany));

        let params = |count| format!("x{}", ";p=1".repeat(count));
        assert!(read(&[&params(ELEMENTS_MAX)]).is_ok());
        assert_eq!(read(&[&params(ELEMENTS_MAX + 1)]), Err(ListFault::TooMany));

        let hostile = format!("x; a=\"{}", r"\".repeat(LIST_BYTES_MAX - 6));
        assert_eq!(read(&[&hostile]), Err(ListFault::Syntax));
        assert_eq!(read(&[&hostile, "x"]), Err(ListFault::Syntax));
        assert_eq!(read(&[&format!("{hostile}\\")]), Err(ListFault::TooLong));
    }

    #[test]
    fn row_20_names_that_are_special_elsewhere_are_data() {
        let line = "constructor; __proto__=toString, hasOwnProperty; constructor";
        let expected = "constructor;__proto__=toString|hasOwnProperty;constructor";
        assert_eq!(read(&[line]).as_deref(), Ok(expected));
    }
}
