//! Why a text is not in the language it is read as: one message that points at the place.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, NamedSource, SourceCode};

use crate::source::{Place, Sources, position};

/// A mistake, before it is tied to its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) label: &'static str,
    pub(crate) help: String,
}

impl Fault {
    pub(crate) fn new(
        place: Place,
        message: impl Into<String>,
        label: &'static str,
        help: impl Into<String>,
    ) -> Self {
        Self { place, message: message.into(), label, help: help.into() }
    }
}

/// What is wrong with a file, where, and what would be right.
#[derive(Clone, Debug)]
pub struct SyntaxError {
    /// `nginx::syntax`: whose language it is.
    code: &'static str,
    message: String,
    label: &'static str,
    help: String,
    /// `FILE:LINE:COLUMN`.
    location: String,
    span: (usize, usize),
    source: NamedSource<Arc<str>>,
}

impl SyntaxError {
    pub(crate) fn new(code: &'static str, fault: Fault, sources: &Sources) -> Self {
        let Fault { place, message, label, help } = fault;
        let (name, text) = sources.of(place).map_or_else(
            || (String::new(), Arc::from("")),
            |source| (source.name.clone(), Arc::clone(&source.text)),
        );
        let (line, column) = position(&text, place.start);
        Self {
            code,
            message,
            label,
            help,
            location: format!("{name}:{line}:{column}"),
            span: (place.start, place.end.saturating_sub(place.start)),
            source: NamedSource::new(name, text),
        }
    }

    /// All of it on one line: `FILE:LINE:COLUMN: message (help)`.
    #[must_use]
    pub fn one_line(&self) -> String {
        format!("{}: {} ({})", self.location, self.message, self.help)
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SyntaxError {}

impl miette::Diagnostic for SyntaxError {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(Some(self.label.to_owned()), self.span);
        Some(Box::new(std::iter::once(label)))
    }
}
