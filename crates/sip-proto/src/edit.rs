//! Edits of a message: what is to be different in its copy. All else is copied as it is.

use core::ops::Range;

use crate::message::Message;
use crate::name::HeaderName;
use crate::syntax;
use crate::via::Via;

/// A list of edits against the bytes of one message. It can be used again after [`clear`](Self::clear), which
/// keeps its memory.
///
/// Total: ranges that overlap or lie outside do no harm. A byte goes on unless a range covers it, and all
/// texts stand in the order of their places; at one place, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// In the order of their starts.
    edits: Vec<Edit>,
    /// The texts of all edits.
    texts: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Edit {
    /// What goes.
    range: Range<usize>,
    /// What comes instead, in the texts.
    text: Range<usize>,
}

impl Edits {
    /// No edits.
    #[must_use]
    pub const fn new() -> Self {
        Self { edits: Vec::new(), texts: Vec::new() }
    }

    /// No edits, with room for so many and for so many bytes of texts.
    #[must_use]
    pub fn with_capacity(edits: usize, texts: usize) -> Self {
        Self { edits: Vec::with_capacity(edits), texts: Vec::with_capacity(texts) }
    }

    /// Forgets all edits.
    pub fn clear(&mut self) {
        self.edits.clear();
        self.texts.clear();
    }

    /// Whether a copy would be the same as the original.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Puts the texts, one behind the other, before that byte.
    pub fn insert(&mut self, at: usize, texts: &[&[u8]]) {
        self.replace(at..at, texts);
    }

    /// Takes that range out.
    pub fn remove(&mut self, range: Range<usize>) {
        self.replace(range, &[]);
    }

    /// Puts the texts, one behind the other, in that range's place.
    pub fn replace(&mut self, range: Range<usize>, texts: &[&[u8]]) {
        let start = self.texts.len();
        for text in texts {
            self.texts.extend_from_slice(text);
        }
        let edit = Edit { range, text: start..self.texts.len() };
        let place = self.edits.partition_point(|other| other.range.start <= edit.range.start);
        self.edits.insert(place, edit);
    }

    /// Puts a header line before the first of that name, or, where there is none, before all headers.
    pub fn insert_before(&mut self, message: &Message<'_>, first: HeaderName, line: &[&[u8]]) {
        let start = message.headers_range().start;
        let at = message.header(first).map_or(start, |header| header.line.start);
        self.insert_line(at, line);
    }

    /// Puts a header line before all others.
    pub fn insert_first(&mut self, message: &Message<'_>, line: &[&[u8]]) {
        self.insert_line(message.headers_range().start, line);
    }

    /// Puts a header line behind all others.
    pub fn insert_last(&mut self, message: &Message<'_>, line: &[&[u8]]) {
        self.insert_line(message.headers_range().end, line);
    }

    fn insert_line(&mut self, at: usize, line: &[&[u8]]) {
        let start = self.texts.len();
        self.insert(at, line);
        debug_assert!(
            !self.texts.get(start..).unwrap_or_default().contains(&b'\n'),
            "one line is one header"
        );
        self.insert(at, &[b"\r\n"]);
    }

    /// Takes the items with these numbers, counted over all headers of that name, out of their lists. A line of
    /// which nothing is left goes with them, and with an item its comma.
    pub fn remove_values(&mut self, message: &Message<'_>, name: HeaderName, numbers: Range<usize>) {
        let mut number = 0;
        for header in message.all(name) {
            if number >= numbers.end {
                break;
            }
            let items: Vec<_> = crate::list::Items::of(message.bytes(), header).collect();
            let first = numbers.start.saturating_sub(number).min(items.len());
            let end = numbers.end.saturating_sub(number).min(items.len());
            number += items.len();
            self.remove_items(&items, first..end, &header.line);
        }
    }

    fn remove_items(&mut self, items: &[Range<usize>], numbers: Range<usize>, line: &Range<usize>) {
        let Some(first) = items.get(numbers.clone()).and_then(<[_]>::first) else { return };
        let before = numbers.start.checked_sub(1).and_then(|number| items.get(number));
        match (before, items.get(numbers.end)) {
            (_, Some(behind)) => self.remove(first.start..behind.start),
            (Some(before), None) => {
                let last = items.last().map_or(before.end, |item| item.end);
                self.remove(before.end..last);
            }
            (None, None) => self.remove(line.clone()),
        }
    }

    /// Gives a Via that parameter, or another value for it. Where it is repeated one is left.
    pub fn set_via_parameter(&mut self, via: &Via<'_>, name: &str, value: &str) {
        let mut is_there = false;
        for parameter in via.parameters.clone() {
            if !parameter.name.eq_ignore_ascii_case(name.as_bytes()) {
                continue;
            }
            if is_there {
                self.remove(parameter.range);
            } else if parameter.value.is_some() {
                self.replace(parameter.value_range, &[value.as_bytes()]);
            } else {
                // As a whole, so that it stays before what is added behind it.
                self.replace(parameter.range, &[b";", parameter.name, b"=", value.as_bytes()]);
            }
            is_there = true;
        }
        if !is_there {
            self.insert(via.range.end, &[b";", name.as_bytes(), b"=", value.as_bytes()]);
        }
    }

    /// Has Content-Length say that the body has `length` bytes.
    pub fn set_content_length(&mut self, message: &Message<'_>, length: usize) {
        if message.content_length() == Some(length) {
            return;
        }
        let digits = length.to_string();
        if message.content_length().is_none() {
            self.insert_last(message, &[b"Content-Length: ", digits.as_bytes()]);
        }
        for header in message.all(HeaderName::ContentLength) {
            self.replace(header.value.clone(), &[digits.as_bytes()]);
        }
    }

    /// Writes the original with all edits to the end of `out`.
    pub fn apply(&self, original: &[u8], out: &mut Vec<u8>) {
        out.reserve(original.len() + self.texts.len());
        let mut at = 0;
        for edit in &self.edits {
            out.extend_from_slice(syntax::slice(original, at..edit.range.start.clamp(at, original.len())));
            out.extend_from_slice(syntax::slice(&self.texts, edit.text.clone()));
            at = at.max(edit.range.start).max(edit.range.end).min(original.len());
        }
        out.extend_from_slice(original.get(at..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
