//! What comes of another server's configuration: a document, and what is to be told of it.

use std::fmt;

/// A translated configuration.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The document.
    pub kdl: String,
    /// What somebody should look at, in the order of the text.
    pub notes: Vec<Note>,
    /// How much there is in it.
    pub counts: Counts,
}

/// What a document has, without what is switched off in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Listeners.
    pub listeners: usize,
    /// Routes.
    pub routes: usize,
    /// Upstreams.
    pub upstreams: usize,
}

/// Something that somebody should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind of thing.
    pub kind: NoteKind,
    /// `FILE:LINE: what`, as the comment in the document has it.
    pub text: String,
}

/// What a note is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteKind {
    /// A setting that cannot be had, so that somebody must decide before the document is used.
    Refused,
    /// A setting that is left out.
    NoEquivalent,
    /// A setting that was translated to something that is not quite the same.
    Differs,
    /// A setting of a server that goes on behind the gateway, and keeps it.
    Stays,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
