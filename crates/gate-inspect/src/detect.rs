//! Detectors: each looks at one decoded text at a time and says which rules it meets.

mod command;
mod nosql;
mod sqli;
mod template;
mod traversal;
mod xss;
mod xxe;

use std::ops::Range;

use crate::category::Category;
use crate::decode::Views;
use crate::settings::{Fault, Settings};

/// A rule that is built in.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its stable id, such as `xss-script-tag`: never used for anything else.
    pub id: &'static str,
    /// What it is about.
    pub category: Category,
    /// What a match scores: 5 suffices alone, 2 to 4 want company.
    pub score: u16,
    /// What it looks for, in a few words for the documentation.
    pub what: &'static str,
}

/// All rules that are built in.
pub static RULES: &[&[Rule]] =
    &[xss::RULES, sqli::RULES, command::RULES, traversal::RULES, nosql::RULES, template::RULES, xxe::RULES];

/// One text to look at: a string or key of the message, with all encodings taken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a> {
    /// As it is: mostly UTF-8, but not surely.
    pub(crate) raw: &'a [u8],
    /// The same with ASCII letters in lower case, so of the same length.
    pub(crate) lower: &'a [u8],
    /// Which bytes it has.
    pub(crate) bytes: ByteSet,
}

/// Which of the 256 bytes occur in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Those of `bytes`.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        let mut set = [0; 4];
        let mut at = 0;
        while at < bytes.len() {
            #[expect(clippy::indexing_slicing, reason = "6 bits above 2 bits of a byte")]
            #[expect(clippy::as_conversions, reason = "a byte becomes an index")]
            {
                set[(bytes[at] >> 6) as usize] |= 1 << (bytes[at] & 63);
            }
            at += 1;
        }
        Self(set)
    }

    /// Whether any of `others` is in it.
    pub(crate) const fn has_any(self, others: Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, others.0);
        (a & e) | (b & f) | (c & g) | (d & h) != 0
    }
}

/// Rules that a text has met.
#[derive(Debug, Default)]
pub(crate) struct Hits {
    list: Vec<Hit>,
}

/// A rule that was met, and where.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    pub(crate) rule: &'static Rule,
    /// In [`Text::raw`].
    pub(crate) at: Range<usize>,
}

impl Hits {
    /// The text meets `rule` at `at`; for the same rule the first place counts.
    pub(crate) fn add(&mut self, rule: &'static Rule, at: Range<usize>) {
        if !self.list.iter().any(|hit| std::ptr::eq(hit.rule, rule)) {
            self.list.push(Hit { rule, at });
        }
    }

    /// What has been met.
    pub(crate) fn list(&self) -> &[Hit] {
        &self.list
    }
}

/// The detectors of one inspection.
#[derive(Debug)]
pub(crate) struct Detectors {}

impl Detectors {
    pub(crate) fn compile(_settings: &Settings) -> Result<Self, Vec<Fault>> {
        Ok(Self {})
    }

    pub(crate) fn search(&self, _views: &Views, hits: &mut Hits) {
        hits.list.clear();
    }
}

/// All built-in detectors of the given categories on one text.
pub(crate) fn detect(text: Text<'_>, categories: crate::category::Categories, hits: &mut Hits) {
    let detectors: [(Category, fn(Text<'_>, &mut Hits)); 7] = [
        (Category::Xss, xss::detect),
        (Category::Sqli, sqli::detect),
        (Category::CommandInjection, command::detect),
        (Category::PathTraversal, traversal::detect),
        (Category::NoSql, nosql::detect),
        (Category::TemplateInjection, template::detect),
        (Category::Xxe, xxe::detect),
    ];
    for (category, detect) in detectors {
        if categories.has(category) {
            detect(text, hits);
        }
    }
}
