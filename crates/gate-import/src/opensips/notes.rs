//! What is to be told of statements: comments in the document, and the list of them.

use crate::imported::{Note, NoteKind};
use crate::source::{Place, Sources};

use super::parser::{Says, Statement};

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

    /// The comment for a setting that cannot be had.
    pub(super) fn refused(&mut self, statement: &Statement, why: &str) -> String {
        let text = format!("{} cannot be had: {why}", self.quote(statement));
        self.keep(statement, NoteKind::Refused, text)
    }

    /// The comment for a setting that is left out.
    pub(super) fn none(&mut self, statement: &Statement, why: &str) -> String {
        let text = format!("{} has no equivalent: {why}", self.quote(statement));
        self.keep(statement, NoteKind::NoEquivalent, text)
    }

    /// The same for a line of a route.
    pub(super) fn none_at(&mut self, place: Place, why: &str) -> String {
        let text = format!("{}: `{}` has no equivalent: {why}", self.sources.line(place), self.shown(place));
        self.keep_at(place, NoteKind::NoEquivalent, text)
    }

    /// The comment for a setting whose translation is not quite the same.
    pub(super) fn differs(&mut self, statement: &Statement, what: &str) -> String {
        let text = format!("{}: {what}", self.quote(statement));
        self.keep(statement, NoteKind::Differs, text)
    }

    /// For a statement that is OpenSIPS' own business; it needs no comment.
    pub(super) fn stays(&mut self, statement: &Statement) {
        let text = self.quote(statement);
        self.keep(statement, NoteKind::Stays, text);
    }

    /// Whether a statement is nothing but `...`, as examples leave something out.
    pub(super) fn is_ellipsis(&self, statement: &Statement) -> bool {
        self.shown(statement.place).split(' ').all(|word| word == "...")
    }

    /// How many statements stay.
    pub(super) fn staying(&self) -> usize {
        self.list.iter().filter(|(_, note)| note.kind == NoteKind::Stays).count()
    }

    /// All notes, in the order of the text.
    pub(super) fn into_list(mut self) -> Vec<Note> {
        self.list.sort_by_key(|(place, _)| place.start);
        self.list.into_iter().map(|(_, note)| note).collect()
    }

    fn quote(&self, statement: &Statement) -> String {
        let line = self.sources.line(statement.place);
        match &statement.says {
            Says::Route { kind, name, .. } if name.is_empty() => format!("{line}: `{kind} {{ … }}`"),
            Says::Route { kind, name, .. } => format!("{line}: `{kind}[{}] {{ … }}`", tidied(name)),
            // What another module is told may be a password.
            Says::Parameter { modules, name, .. }
                if name.ends_with("url") || !modules.iter().any(|module| is_ours(module)) =>
            {
                let modules = modules.join("|");
                format!("{line}: `modparam(\"{}\", \"{}\", …)`", tidied(&modules), tidied(name))
            }
            Says::Setting { name, .. } if name.ends_with("url") => {
                format!("{line}: `{} = …`", tidied(name))
            }
            Says::Setting { .. }
            | Says::Module(_)
            | Says::Parameter { .. }
            | Says::Include
            | Says::Preprocessor
            | Says::Unknown => format!("{line}: `{}`", self.shown(statement.place)),
        }
    }

    fn shown(&self, place: Place) -> String {
        let text = self.sources.of(place).and_then(|source| source.text.get(place.start..place.end));
        tidied(text.unwrap_or_default())
    }

    fn keep(&mut self, statement: &Statement, kind: NoteKind, text: String) -> String {
        self.keep_at(statement.place, kind, text)
    }

    fn keep_at(&mut self, place: Place, kind: NoteKind, text: String) -> String {
        // What is quoted of a value may have ends of lines in it.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let comment = format!("opensips {text}");
        let note = Note { kind, text };
        if !self.list.contains(&(place, note.clone())) {
            self.list.push((place, note));
        }
        comment
    }
}

/// Modules whose parameters are translated.
pub(super) fn is_ours(module: &str) -> bool {
    ["proto_wss", "proto_ws", "tls_mgm", "proto_hep"].contains(&module)
}

/// Characters of a statement that are shown.
const SHOWN_MAX: usize = 72;

/// A text on one line, shortened.
fn tidied(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() || c == '`' { ' ' } else { c }).collect();
    let text = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    text.chars().take(SHOWN_MAX - 1).chain(['…']).collect()
}
