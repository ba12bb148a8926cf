//! Script that a browser would run.
//!
//! A browser reads HTML so leniently that whoever parses it strictly is deceived. So nothing is
//! parsed here: one walk over the text stops at the signs that script cannot do without (`<`, `=`,
//! `:`, `(` and the backtick) and looks at what stands around them, knowing only whether a tag
//! may be open. Tags alone are no attack, and neither is talk about them: what is found has code
//! in it, or loads it.

mod attribute;
mod call;
mod code;
mod proof;
mod scheme;
mod splice;
mod style;
mod tag;

use std::ops::Range;

use memchr::memmem;

use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

pub(super) static RULES: &[Rule] = &[
    rule("xss-script-tag", 5, "a script element with code or a source"),
    rule("xss-script-source", 3, "a script element with a source on the same site"),
    rule("xss-event-handler", 5, "an attribute that is code for an event"),
    rule("xss-javascript-uri", 5, "an address that is JavaScript"),
    rule("xss-data-uri", 5, "an address that is a document or a script itself"),
    rule("xss-vbscript-uri", 5, "an address that is VBScript"),
    rule("xss-expression", 5, "code in a style"),
    rule("xss-iframe", 5, "a frame with a source or a document"),
    rule("xss-object-embed", 5, "an object, embed or applet element with content"),
    rule("xss-base", 5, "a base element that leads elsewhere"),
    rule("xss-meta", 5, "a meta element that leads elsewhere, sets cookies or changes the encoding"),
    rule("xss-animation", 5, "an animation of an address or an event handler"),
    rule("xss-clobbering", 5, "an element named like something of the document"),
    rule("xss-dangling-markup", 5, "an address that takes what comes behind it along"),
    rule("xss-include", 5, "an include for the server or an edge in front of it"),
    rule("xss-import", 5, "a style or link that fetches code, or tells a value's letters"),
    rule("xss-utf7", 5, "a tag written in UTF-7"),
    rule("xss-js-break-out", 5, "a call behind what ends a text of JavaScript"),
    rule("xss-js-call", 5, "a call as they are made to show that script runs"),
    rule("xss-js-exfiltration", 5, "cookies or storage on their way out"),
    rule("xss-js-eval", 5, "evaluation of hidden code"),
];

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::Xss, score, what }
}

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if text.bytes.has_any(SIGNS) {
        Walk::new(text).run(hits);
        if text.bytes.has_any(TAGS)
            && let Some(joined) = splice::without_tags(text.lower)
        {
            let mut found = Hits::default();
            Walk::new(Text { raw: &joined, lower: &joined, bytes: text.bytes }).run(&mut found);
            found.list().iter().for_each(|hit| hits.add(hit.rule, 0..text.raw.len()));
        }
    }
    if text.bytes.has_any(BRACKETS) {
        cookie_by_name(text.lower, hits);
        if let Some(at) = proof::without_letters(text.lower) {
            meet("xss-js-eval", at, hits);
        }
    }
    if text.bytes.has_any(PLUS) && memmem::find(text.lower, b"+adw-").is_some() {
        utf7(text.lower, hits);
    }
}

/// Bytes, for a fast search.
#[derive(Debug)]
struct Bytes([bool; 256]);

impl Bytes {
    const fn of(bytes: &[u8]) -> Self {
        let mut table = [false; 256];
        let mut at = 0;
        while at < bytes.len() {
            #[expect(
                clippy::indexing_slicing,
                clippy::as_conversions,
                reason = "a byte is an index below 256"
            )]
            {
                table[bytes[at] as usize] = true;
            }
            at += 1;
        }
        Self(table)
    }

    #[expect(clippy::indexing_slicing, reason = "a byte is an index below 256")]
    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

/// Where the walk stops.
static STOPS: Bytes = Bytes::of(b"<>\"'=:(`");

/// What script cannot do without.
const SIGNS: ByteSet = ByteSet::of(b"<=:(`");
const PLUS: ByteSet = ByteSet::of(b"+");
const TAGS: ByteSet = ByteSet::of(b"<");
const BRACKETS: ByteSet = ByteSet::of(b"[");

/// The walk over one text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    raw: &'a [u8],
    lower: &'a [u8],
    open: Open,
    /// Whether an odd number of single, double and back quotes has come.
    odd: [bool; 3],
}

/// The tag that may be open where the walk is.
#[derive(Clone, Copy, Debug, Default)]
struct Open {
    /// Behind the `<` of the last tag, closed or not.
    last: Option<usize>,
    /// Behind the `<` of the tag that no `>` has closed yet.
    here: Option<usize>,
    /// The quote that an attribute's value in it is in.
    quote: Option<u8>,
    /// A script element has begun somewhere before.
    has_script: bool,
}

impl<'a> Walk<'a> {
    const fn new(text: Text<'a>) -> Self {
        Self {
            raw: text.raw,
            lower: text.lower,
            open: Open { last: None, here: None, quote: None, has_script: false },
            odd: [false; 3],
        }
    }

    fn run(mut self, hits: &mut Hits) {
        let mut at = 0;
        while let Some(step) = self.after(at).iter().position(|byte| STOPS.has(*byte)) {
            let stop = at + step;
            at = stop + 1;
            self.stop(stop, hits);
        }
    }

    fn stop(&mut self, at: usize, hits: &mut Hits) {
        let found = match self.lower.get(at) {
            Some(b'<') => self.tag(at),
            Some(b'>') => {
                // A browser reads on to the quote; who counts signs takes the tag for closed.
                if self.open.quote.is_none() {
                    self.open.here = None;
                }
                None
            }
            Some(quote @ (b'"' | b'\'')) => {
                self.quote(*quote, at);
                None
            }
            Some(b'=') => attribute::at(self, at),
            Some(b':') => scheme::at(self, at),
            Some(b'(') => call::at(self, at),
            Some(b'`') => {
                let found = call::at(self, at);
                self.quote(b'`', at);
                found
            }
            _ => None,
        };
        if let Some((id, range)) = found {
            meet(id, range, hits);
        }
    }

    /// Whether an odd number of this quote has come: what ends with it was begun by somebody else.
    const fn is_odd(&self, quote: u8) -> bool {
        let [single, double, back] = self.odd;
        match quote {
            b'\'' => single,
            b'"' => double,
            b'`' => back,
            _ => true,
        }
    }

    fn quote(&mut self, byte: u8, at: usize) {
        let [single, double, back] = &mut self.odd;
        match byte {
            b'\'' => *single = !*single,
            b'"' => *double = !*double,
            _ => *back = !*back,
        }
        if self.open.here.is_none() {
            return;
        }
        match self.open.quote {
            Some(quote) if quote == byte => self.open.quote = None,
            Some(_) => {}
            None if code::trim_end(self.before(at)).last() == Some(&b'=') => self.open.quote = Some(byte),
            None => {}
        }
    }

    fn tag(&mut self, at: usize) -> Found {
        let found = tag::at(self, at);
        if tag::may_open(self.after(at + 1)) {
            self.open.last = Some(at + 1);
            self.open.here = Some(at + 1);
            self.open.quote = None;
            self.open.has_script |= tag::name(self.after(at + 1)).ends_with(b"script");
        }
        found
    }

    fn after(&self, at: usize) -> &'a [u8] {
        self.lower.get(at..).unwrap_or_default()
    }

    fn before(&self, at: usize) -> &'a [u8] {
        self.lower.get(..at).unwrap_or_default()
    }
}

/// A rule and where it is met.
type Found = Option<(&'static str, Range<usize>)>;

fn meet(id: &'static str, at: Range<usize>, hits: &mut Hits) {
    if let Some(rule) = RULES.iter().find(|rule| rule.id == id) {
        hits.add(rule, at);
    }
}

/// `document['cookie']`: nobody writes it so but to hide it.
fn cookie_by_name(lower: &[u8], hits: &mut Hits) {
    let Some(at) = memmem::find(lower, b"document[") else { return };
    let key = lower.get(at + 9..).unwrap_or_default();
    let is_cookie = key.get(1..).is_some_and(|key| key.starts_with(b"cookie"));
    if is_cookie && matches!(key.first(), Some(b'\'' | b'"' | b'`')) {
        meet("xss-js-exfiltration", at..at + 16, hits);
    }
}

/// `+ADw-` and `+AD4-` are `<` and `>` to what believes that a page is UTF-7.
fn utf7(lower: &[u8], hits: &mut Hits) {
    if let Some(at) = memmem::find(lower, b"+adw-")
        && lower
            .get(at + 5..)
            .is_some_and(|rest| rest.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'/'))
        && (memmem::find(lower, b"script").is_some() || memmem::find(lower, b"+ad4").is_some())
    {
        meet("xss-utf7", at..at + 5, hits);
    }
}

#[cfg(test)]
mod tests;
