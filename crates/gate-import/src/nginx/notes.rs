//! What is to be told about directives: comments in the document, and the list of them.

use super::parser::Directive;
use crate::imported::{Note, NoteKind};
use crate::source::{Place, Sources};

/// Collects notes and makes the comments.
#[derive(Debug)]
pub(super) struct Notes<'a> {
    sources: &'a Sources,
    list: Vec<(Place, Note)>,
}

impl<'a> Notes<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, list: Vec::new() }
    }

    /// The comment for a directive that is left out.
    pub(super) fn none(&mut self, directive: &Directive, why: &str) -> String {
        let text = format!("{} has no equivalent: {why}", self.quote(directive));
        self.keep(directive, NoteKind::NoEquivalent, text)
    }

    /// The comment for a directive whose translation is not quite the same.
    pub(super) fn differs(&mut self, directive: &Directive, what: &str) -> String {
        let text = format!("{}: {what}", self.quote(directive));
        self.keep(directive, NoteKind::Differs, text)
    }

    /// A comment that only explains.
    pub(super) fn explain(&self, directive: &Directive, what: &str) -> String {
        format!("nginx {}: {what}", self.quote(directive))
    }

    /// `FILE:LINE` of a directive.
    pub(super) fn line(&self, directive: &Directive) -> String {
        self.sources.line(directive.name.place)
    }

    /// All notes, in the order of the text.
    pub(super) fn into_list(mut self) -> Vec<Note> {
        self.list.sort_by_key(|(place, _)| (place.file, place.start));
        self.list.into_iter().map(|(_, note)| note).collect()
    }

    fn quote(&self, directive: &Directive) -> String {
        format!("{}: `{}`", self.line(directive), shown(directive))
    }

    fn keep(&mut self, directive: &Directive, kind: NoteKind, text: String) -> String {
        let comment = format!("nginx {text}");
        let note = Note { kind, text };
        // What stands in an outer block is met once for each inner one.
        let place = directive.name.place;
        if !self.list.contains(&(place, note.clone())) {
            self.list.push((place, note));
        }
        comment
    }
}

/// Characters of a directive that are shown.
const SHOWN_MAX: usize = 72;

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
    let text: String = text.chars().map(|c| if c.is_control() || c == '`' { ' ' } else { c }).collect();
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    text.chars().take(SHOWN_MAX - 1).chain(['…']).collect()
}
