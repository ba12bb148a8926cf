//! Parameters: `;name=value`, behind addresses and Vias and within URIs.

use core::iter::FusedIterator;
use core::ops::Range;

use crate::syntax;

/// One parameter. Ranges are of the bytes that it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter<'a> {
    /// Its name, in whatever case; never empty.
    pub name: &'a [u8],
    /// Its value, quotes included, unless it is only a name.
    pub value: Option<&'a [u8]>,
    /// All of it, from its semicolon.
    pub range: Range<usize>,
    /// Where the value is, or, for one without, the empty range behind the name.
    pub value_range: Range<usize>,
}

/// Parameters in their order. Semicolons in quoted strings are no separators; empty parameters are left out.
#[derive(Clone, Debug)]
pub struct Parameters<'a> {
    bytes: &'a [u8],
    /// Where the next begins, at its semicolon.
    at: usize,
    end: usize,
}

impl<'a> Parameters<'a> {
    /// The parameters in that range, which begins with a semicolon or is empty.
    #[must_use]
    pub const fn of(bytes: &'a [u8], range: Range<usize>) -> Self {
        Self { bytes, at: range.start, end: range.end }
    }

    /// The first of that name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Parameter<'a>> {
        self.clone().find(|parameter| parameter.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Whether there is one of that name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether there is nothing but parameters: no name is missing or no token, no quoted string is open.
    pub(crate) fn is_sound(&self) -> bool {
        let mut at = self.at;
        for parameter in self.clone() {
            let is_next = syntax::trim(self.bytes, at..parameter.range.start).is_empty();
            let is_closed = parameter.value.is_none_or(are_quotes_closed);
            if !is_next || !is_closed || !syntax::is_all_token(parameter.name) {
                return false;
            }
            at = parameter.range.end;
        }
        syntax::trim(self.bytes, at..self.end).is_empty()
    }

    /// Where the semicolon behind `at` is, or the end.
    fn next_end(&self, mut at: usize) -> usize {
        let bytes = syntax::slice(self.bytes, 0..self.end);
        while let Some(found) = memchr::memchr2(b';', b'"', bytes.get(at..).unwrap_or_default()) {
            at += found;
            if bytes.get(at) == Some(&b';') {
                return at;
            }
            at = syntax::behind_quoted(bytes, at).unwrap_or(bytes.len());
        }
        self.end
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        while self.at < self.end {
            let start = self.at;
            let end = self.next_end(start + 1);
            self.at = end;
            let text = syntax::slice(self.bytes, start + 1..end);
            let equals = memchr::memchr(b'=', text).map(|found| start + 1 + found);
            let name = syntax::trim(self.bytes, start + 1..equals.unwrap_or(end));
            if name.is_empty() {
                continue;
            }
            let value_range =
                equals.map_or(name.end..name.end, |equals| syntax::trim(self.bytes, equals + 1..end));
            return Some(Parameter {
                name: syntax::slice(self.bytes, name.clone()),
                value: equals.map(|_| syntax::slice(self.bytes, value_range.clone())),
                range: start..value_range.end.max(name.end),
                value_range,
            });
        }
        None
    }
}

impl FusedIterator for Parameters<'_> {}

fn are_quotes_closed(value: &[u8]) -> bool {
    let mut at = 0;
    while let Some(quote) = memchr::memchr(b'"', value.get(at..).unwrap_or_default()) {
        let Some(behind) = syntax::behind_quoted(value, at + quote) else { return false };
        at = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<(&str, Option<&str>, &str)> {
        let as_text = |bytes| std::str::from_utf8(bytes).unwrap();
        Parameters::of(text.as_bytes(), 0..text.len())
            .map(|found| (as_text(found.name), found.value.map(as_text), &text[found.range]))
            .collect()
    }

    #[test]
    fn parameters_are_found_with_their_places() {
        for (text, expected) in [
            ("", &[][..]),
            (";a", &[("a", None, ";a")]),
            (";a=1;b=2", &[("a", Some("1"), ";a=1"), ("b", Some("2"), ";b=2")]),
            (" ; a = 1 ; b ", &[("a", Some("1"), "; a = 1"), ("b", None, "; b")]),
            (";;a=;", &[("a", Some(""), ";a=")]),
            (";a=\"x;y=\\\";\";b", &[("a", Some("\"x;y=\\\";\""), ";a=\"x;y=\\\";\""), ("b", None, ";b")]),
            (";a=\"open;b=1", &[("a", Some("\"open;b=1"), ";a=\"open;b=1")]),
            (";a=b=c", &[("a", Some("b=c"), ";a=b=c")]),
            (";=1;b", &[("b", None, ";b")]),
        ] {
            assert_eq!(all(text), expected, "{text}");
        }
    }

    #[test]
    fn the_first_of_a_name_is_found_whatever_its_case() {
        let parameters = Parameters::of(b";Tag=1;tag=2;lr", 0..15);
        assert_eq!(parameters.get("tag").and_then(|found| found.value), Some(&b"1"[..]));
        assert!(parameters.has("LR") && !parameters.has("l"));
    }
}
