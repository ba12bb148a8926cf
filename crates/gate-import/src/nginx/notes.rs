//! What is to be told about directives.

use super::parser::Directive;
use crate::imported::Note;
use crate::source::Sources;
use crate::told::{Told, shortened};

/// Collects notes and makes the comments.
#[derive(Debug)]
pub(super) struct Notes<'a>(Told<'a>);

impl<'a> Notes<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self(Told::new("nginx", sources))
    }

    /// The comment for a directive that is left out.
    pub(super) fn none(&mut self, directive: &Directive, why: &str) -> String {
        let quoted = self.quote(directive);
        self.0.none(directive.name.place, &quoted, why)
    }

    /// The comment for a directive whose translation is not quite the same.
    pub(super) fn differs(&mut self, directive: &Directive, what: &str) -> String {
        let quoted = self.quote(directive);
        self.0.differs(directive.name.place, &quoted, what)
    }

    /// A comment that only explains.
    pub(super) fn explain(&self, directive: &Directive, what: &str) -> String {
        format!("nginx {}: {what}", self.quote(directive))
    }

    /// `FILE:LINE` of a directive.
    pub(super) fn line(&self, directive: &Directive) -> String {
        self.0.sources.line(directive.name.place)
    }

    /// All notes, in the order of the text.
    pub(super) fn into_list(self) -> Vec<Note> {
        self.0.into_list()
    }

    fn quote(&self, directive: &Directive) -> String {
        format!("{}: `{}`", self.line(directive), shown(directive))
    }
}

/// A directive on one line, shortened.
pub(super) fn shown(directive: &Directive) -> String {
    let mut text = directive.name.text.clone();
    for arg in &directive.args {
        text.push(' ');
        if arg.is_quoted || arg.text.is_empty() {
            text.push('"');
            text.push_str(&arg.text);
            text.push('"');
        } else {
            text.push_str(&arg.text);
        }
    }
    if directive.block.is_some() {
        text.push_str(" { … }");
    }
    shortened(&text)
}
