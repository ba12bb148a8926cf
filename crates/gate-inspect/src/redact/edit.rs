//! Ranges of a message and what is written in their place.

use std::ops::Range;

/// Changes to one message, in any order.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    list: Vec<(Range<usize>, Ink)>,
}

/// What stands where something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ink {
    /// As many asterisks as there were bytes: formats that count them stay whole.
    Fill,
    /// Three asterisks in a text, or within the quotes of a string.
    Text,
    /// A JSON string of three asterisks, for a value of any type.
    Value,
}

impl Edits {
    /// Whether nothing changes.
    pub(crate) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Blackens one more range; an empty one has nothing to be blackened.
    pub(crate) fn add(&mut self, range: Range<usize>, ink: Ink) {
        if !range.is_empty() {
            self.list.push((range, ink));
        }
    }

    /// Both.
    pub(crate) fn extend(&mut self, others: &Self) {
        self.list.extend_from_slice(&others.list);
    }

    /// The message with the changes made.
    pub(crate) fn apply(&self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(message.len());
        let mut at = 0;
        for (range, ink) in self.merged() {
            out.extend_from_slice(message.get(at..range.start).unwrap_or_default());
            match ink {
                Ink::Fill => out.extend(range.clone().map(|_| b'*')),
                Ink::Text => out.extend_from_slice(b"***"),
                Ink::Value => out.extend_from_slice(b"\"***\""),
            }
            at = range.end;
        }
        out.extend_from_slice(message.get(at..).unwrap_or_default());
        out
    }

    /// In order, and as one where they overlap. Of a value and a part of it the value is the
    /// larger one, so its ink is right for both.
    fn merged(&self) -> Vec<(Range<usize>, Ink)> {
        let mut sorted = self.list.clone();
        sorted.sort_unstable_by_key(|(range, ink)| (range.start, range.end, *ink));
        let mut merged: Vec<(Range<usize>, Ink)> = Vec::new();
        for (range, ink) in sorted {
            match merged.last_mut() {
                Some((last, last_ink)) if range.start < last.end => {
                    last.end = last.end.max(range.end);
                    *last_ink = ink.max(*last_ink);
                }
                Some(_) | None => merged.push((range, ink)),
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_made_in_order_and_once() {
        type Changes<'a> = &'a [(Range<usize>, Ink)];
        let cases: &[(Changes<'_>, &str)] = &[
            (&[], "0123456789"),
            (&[(2..4, Ink::Text)], "01***456789"),
            (&[(8..10, Ink::Fill), (0..1, Ink::Text)], "***1234567**"),
            (&[(2..4, Ink::Text), (3..6, Ink::Text)], "01***6789"),
            (&[(1..9, Ink::Value), (3..5, Ink::Text)], "0\"***\"9"),
            (&[(2..4, Ink::Fill), (4..6, Ink::Fill)], "01****6789"),
            (&[(4..4, Ink::Text)], "0123456789"),
        ];
        for (changes, expected) in cases {
            let mut edits = Edits::default();
            changes.iter().for_each(|(range, ink)| edits.add(range.clone(), *ink));
            assert_eq!(String::from_utf8_lossy(&edits.apply(b"0123456789")), *expected);
        }
    }
}
