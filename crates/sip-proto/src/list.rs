//! Values of headers that are lists: items with commas between them, on one line or several.

use core::iter::FusedIterator;
use core::ops::Range;

use crate::message::{Header, Message};
use crate::name::HeaderName;
use crate::syntax;

/// One item of a list, without white space around it; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The item.
    pub bytes: &'a [u8],
    /// Where it is in the message.
    pub range: Range<usize>,
    /// Which of the message's headers it stands in.
    pub header: usize,
}

/// The items of all headers of one name, in their order.
#[derive(Clone, Debug)]
pub struct Values<'m, 'a> {
    message: &'m Message<'a>,
    name: HeaderName,
    /// The header whose items are handed out; those before it are done.
    header: usize,
    items: Items<'a>,
}

impl<'m, 'a> Values<'m, 'a> {
    pub(crate) fn new(message: &'m Message<'a>, name: HeaderName) -> Self {
        Self { message, name, header: message.first(name), items: Items { bytes: &[], at: 0, end: 0 } }
    }
}

impl<'a> Iterator for Values<'_, 'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        loop {
            if let Some(range) = self.items.next() {
                let bytes = syntax::slice(self.message.bytes(), range.clone());
                return Some(Value { bytes, range, header: self.header - 1 });
            }
            let rest = self.message.headers().get(self.header..)?;
            let found = rest.iter().position(|header| header.name == self.name)?;
            self.items = Items::of(self.message.bytes(), rest.get(found)?);
            self.header += found + 1;
        }
    }
}

impl FusedIterator for Values<'_, '_> {}

/// The ranges of a value's items. Commas in quoted strings and in `<>` are no separators; a quote or
/// bracket that is not closed reaches to the end of the value.
#[derive(Clone, Debug)]
pub struct Items<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Items<'a> {
    /// The items of that header of the message that has these bytes.
    #[must_use]
    pub const fn of(bytes: &'a [u8], header: &Header) -> Self {
        Self { bytes, at: header.value.start, end: header.value.end }
    }

    /// Where the comma behind `at` is, or the end.
    fn item_end(&self) -> usize {
        let bytes = syntax::slice(self.bytes, 0..self.end);
        let mut at = self.at;
        while let Some(found) = memchr::memchr3(b',', b'"', b'<', bytes.get(at..).unwrap_or_default()) {
            at += found;
            at = match bytes.get(at) {
                Some(b'"') => syntax::behind_quoted(bytes, at).unwrap_or(bytes.len()),
                Some(b'<') => memchr::memchr(b'>', syntax::slice(bytes, at..bytes.len()))
                    .map_or(bytes.len(), |close| at + close + 1),
                _ => return at,
            };
        }
        self.end
    }
}

impl Iterator for Items<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        while self.at < self.end {
            let end = self.item_end();
            let item = syntax::trim(self.bytes, self.at..end);
            self.at = end + 1;
            if !item.is_empty() {
                return Some(item);
            }
        }
        None
    }
}

impl FusedIterator for Items<'_> {}

#[cfg(test)]
mod tests {
    use crate::{HeaderName, Limits, Message};

    fn check(routes: &[&str], expected: &[(&str, usize)]) {
        let lines: String = routes.iter().map(|route| format!("X: 1\r\nRoute: {route}\r\n")).collect();
        let text = format!("OPTIONS sip:a@b SIP/2.0\r\n{lines}\r\n");
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        let found: Vec<_> = message
            .values(HeaderName::Route)
            .map(|value| {
                assert_eq!(value.bytes, &message.bytes()[value.range.clone()]);
                (std::str::from_utf8(value.bytes).unwrap(), value.header)
            })
            .collect();
        assert_eq!(found, expected, "{routes:?}");
    }

    #[test]
    fn items_are_found_over_commas_and_lines() {
        check(&[], &[]);
        check(&["<sip:a>"], &[("<sip:a>", 1)]);
        check(
            &["<sip:a> ,\r\n <sip:b>,<sip:c>", "<sip:d>"],
            &[("<sip:a>", 1), ("<sip:b>", 1), ("<sip:c>", 1), ("<sip:d>", 3)],
        );
        check(&["", " , ,", "<sip:a>,"], &[("<sip:a>", 5)]);
    }

    #[test]
    fn commas_in_quotes_and_brackets_separate_nothing() {
        check(
            &["\"a, \\\", b\" <sip:a,b>;x=\"1,2\", c"],
            &[("\"a, \\\", b\" <sip:a,b>;x=\"1,2\"", 1), ("c", 1)],
        );
        check(&["\"<\" <sip:a>, <sip:\">, b"], &[("\"<\" <sip:a>", 1), ("<sip:\">", 1), ("b", 1)]);
        check(&["\"open, <sip:a>", "b"], &[("\"open, <sip:a>", 1), ("b", 3)]);
        check(&["<sip:open, <sip:a", "b"], &[("<sip:open, <sip:a", 1), ("b", 3)]);
        check(&["\"end\\", "b"], &[("\"end\\", 1), ("b", 3)]);
    }
}
