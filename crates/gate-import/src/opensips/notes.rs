//! What is to be told of statements.

use crate::imported::{Note, NoteKind};
use crate::source::{Place, Sources};
use crate::told::{Told, shortened};

use super::parser::{Says, Statement};

/// Collects notes and makes the comments.
#[derive(Debug)]
pub(super) struct Notes<'a>(Told<'a>);

impl<'a> Notes<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self(Told::new("opensips", sources))
    }

    /// The comment for a setting that cannot be had.
    pub(super) fn refused(&mut self, statement: &Statement, why: &str) -> String {
        let text = format!("{} cannot be had: {why}", self.quote(statement));
        self.0.keep(statement.place, NoteKind::Refused, &text)
    }

    /// The comment for a setting that is left out.
    pub(super) fn none(&mut self, statement: &Statement, why: &str) -> String {
        let quoted = self.quote(statement);
        self.0.none(statement.place, &quoted, why)
    }

    /// The same for a line of a route.
    pub(super) fn none_at(&mut self, place: Place, why: &str) -> String {
        let quoted = format!("{}: `{}`", self.0.sources.line(place), self.shown(place));
        self.0.none(place, &quoted, why)
    }

    /// The comment for a setting whose translation is not quite the same.
    pub(super) fn differs(&mut self, statement: &Statement, what: &str) -> String {
        let quoted = self.quote(statement);
        self.0.differs(statement.place, &quoted, what)
    }

    /// For a statement that is OpenSIPS' own business; it needs no comment.
    pub(super) fn stays(&mut self, statement: &Statement) {
        let text = self.quote(statement);
        self.0.keep(statement.place, NoteKind::Stays, &text);
    }

    /// Whether a statement is nothing but `...`, as examples leave something out.
    pub(super) fn is_ellipsis(&self, statement: &Statement) -> bool {
        self.shown(statement.place).split(' ').all(|word| word == "...")
    }

    /// How many statements stay.
    pub(super) fn staying(&self) -> usize {
        self.0.count(NoteKind::Stays)
    }

    /// All notes, in the order of the text.
    pub(super) fn into_list(self) -> Vec<Note> {
        self.0.into_list()
    }

    fn quote(&self, statement: &Statement) -> String {
        let line = self.0.sources.line(statement.place);
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
        let text = self.0.sources.of(place).and_then(|source| source.text.get(place.start..place.end));
        tidied(text.unwrap_or_default())
    }
}

/// Modules whose parameters are translated.
pub(super) fn is_ours(module: &str) -> bool {
    ["proto_wss", "proto_ws", "tls_mgm", "proto_hep"].contains(&module)
}

/// A text on one line, shortened.
fn tidied(text: &str) -> String {
    let visible: String = text.chars().map(|c| if c.is_control() || c == '`' { ' ' } else { c }).collect();
    shortened(&visible.split_whitespace().collect::<Vec<_>>().join(" "))
}
