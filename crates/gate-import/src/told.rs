//! What is to be told of a configuration: comments in the document, and the list of them.

use crate::imported::{Note, NoteKind};
use crate::source::{Place, Sources};

/// Collects notes and makes the comments.
#[derive(Debug)]
pub(crate) struct Told<'a> {
    /// What each comment begins with.
    server: &'static str,
    pub(crate) sources: &'a Sources,
    list: Vec<(Place, Note)>,
}

impl<'a> Told<'a> {
    pub(crate) fn new(server: &'static str, sources: &'a Sources) -> Self {
        Self { server, sources, list: Vec::new() }
    }

    /// The comment for what is left out. `quoted` is it with its line.
    pub(crate) fn none(&mut self, place: Place, quoted: &str, why: &str) -> String {
        self.keep(place, NoteKind::NoEquivalent, &format!("{quoted} has no equivalent: {why}"))
    }

    /// The comment for what is not quite the same.
    pub(crate) fn differs(&mut self, place: Place, quoted: &str, what: &str) -> String {
        self.keep(place, NoteKind::Differs, &format!("{quoted}: {what}"))
    }

    /// Keeps a note and makes the comment of it.
    pub(crate) fn keep(&mut self, place: Place, kind: NoteKind, text: &str) -> String {
        // What is quoted of a value may have ends of lines in it.
        let text = visible(text);
        let comment = format!("{} {text}", self.server);
        let note = Note { kind, text };
        // What stands in an outer block is met once for each inner one.
        if !self.list.contains(&(place, note.clone())) {
            self.list.push((place, note));
        }
        comment
    }

    /// How many notes of a kind there are.
    pub(crate) fn count(&self, kind: NoteKind) -> usize {
        self.list.iter().filter(|(_, note)| note.kind == kind).count()
    }

    /// All notes, in the order of the text.
    pub(crate) fn into_list(mut self) -> Vec<Note> {
        self.list.sort_by_key(|(place, _)| (place.file, place.start));
        self.list.into_iter().map(|(_, note)| note).collect()
    }
}

/// Characters of a statement that are shown.
const SHOWN_MAX: usize = 72;

/// A statement on one line, fit for being quoted and shortened.
pub(crate) fn shortened(text: &str) -> String {
    let text = visible(&text.replace('`', " "));
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    text.chars().take(SHOWN_MAX - 1).chain(['…']).collect()
}

fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
