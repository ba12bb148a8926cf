//! Detectors: each looks at one decoded text at a time and says which rules it meets.

mod command;
mod nosql;
mod pattern;
mod search;
mod shape;
mod sqli;
mod template;
mod traversal;
mod xss;
mod xxe;

use std::ops::Range;

use crate::category::Category;

pub(crate) use crate::bytes::ByteSet;
pub(crate) use pattern::compile as compile_pattern;
pub(crate) use search::{Detectors, Found, Room};
pub(crate) use shape::SCHEMA;

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
pub static RULES: &[&[Rule]] = &[
    xss::RULES,
    sqli::RULES,
    command::RULES,
    traversal::RULES,
    nosql::RULES,
    template::RULES,
    xxe::RULES,
    shape::RULES,
];

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

    fn clear(&mut self) {
        self.list.clear();
    }

    /// What has been met.
    pub(crate) fn list(&self) -> &[Hit] {
        &self.list
    }
}

/// Builds the tables and expressions of all built-in detectors. One that a message had to wait for
/// would take longer than a proxy waits for an agent.
pub(crate) fn warm_up() {
    sqli::warm_up();
    command::warm_up();
    traversal::warm_up();
    nosql::warm_up();
    template::warm_up();
    xxe::warm_up();
}

/// All built-in detectors of the given categories on one text.
pub(crate) fn detect(text: Text<'_>, categories: crate::category::Categories, hits: &mut Hits) {
    type Detect = fn(Text<'_>, &mut Hits);
    let detectors: [(Category, Detect); 7] = [
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
