//! What is wrong with a configuration: collected while it is read, shown in its text.

mod code;
mod diagnostic;
#[cfg(test)]
mod golden;

pub(crate) use code::Code;
pub use diagnostic::{Diagnostic, Failed};

use crate::model::Place;
use crate::source::Sources;

/// Mistakes that are kept, and as many warnings; the others are counted.
const KEPT_MAX: usize = 200;

/// Whether a configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// It cannot.
    Error,
    /// It can, but does not do what somebody may expect.
    Warning,
}

/// Something that was found, before it is tied to the text.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) code: Code,
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) also: Option<(Place, String)>,
    pub(crate) help: Option<String>,
}

impl Finding {
    pub(crate) fn new(severity: Severity, code: Code, place: Place, message: String) -> Self {
        Self { severity, code, place, message, label: String::new(), also: None, help: None }
    }

    /// A word or two below the place.
    pub(crate) fn label(&mut self, label: impl Into<String>) -> &mut Self {
        self.label = label.into();
        self
    }

    /// What would be right.
    pub(crate) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// Another place that has to do with it.
    pub(crate) fn also(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.also = Some((place, label.into()));
        self
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    errors: Findings,
    warnings: Findings,
}

/// What was found of one severity.
#[derive(Debug, Default)]
struct Findings {
    kept: Vec<Finding>,
    /// What more there was, and room to write the last of it.
    omitted: usize,
    scrap: Option<Finding>,
}

impl Report {
    /// A mistake: the configuration cannot be used.
    pub(crate) fn error(&mut self, code: Code, place: Place, message: impl Into<String>) -> &mut Finding {
        self.errors.add(Finding::new(Severity::Error, code, place, message.into()))
    }

    /// Something that somebody should know.
    pub(crate) fn warn(&mut self, code: Code, place: Place, message: impl Into<String>) -> &mut Finding {
        self.warnings.add(Finding::new(Severity::Warning, code, place, message.into()))
    }

    /// How many mistakes there are.
    pub(crate) fn mistakes(&self) -> usize {
        self.errors.kept.len() + self.errors.omitted
    }

    /// Whether further mistakes are only counted, so that no work need be put into them.
    pub(crate) fn is_full(&self) -> bool {
        self.errors.kept.len() >= KEPT_MAX
    }

    /// Mistakes, then warnings, each in the order of the text.
    pub(crate) fn finish(self, sources: &Sources) -> Vec<Diagnostic> {
        let mut all = self.errors.finish("mistakes", Severity::Error, sources);
        all.extend(self.warnings.finish("warnings", Severity::Warning, sources));
        all
    }
}

impl Findings {
    fn add(&mut self, finding: Finding) -> &mut Finding {
        if self.kept.len() < KEPT_MAX {
            let at = self.kept.len();
            self.kept.push(finding);
            return self.kept.get_mut(at).expect("it was pushed just above");
        }
        self.omitted += 1;
        self.scrap.insert(finding)
    }

    fn finish(mut self, kind: &str, severity: Severity, sources: &Sources) -> Vec<Diagnostic> {
        self.kept.sort_by_key(|finding| (finding.place.file, finding.place.span.0));
        if self.omitted > 0 {
            let message = format!("{} more {kind} are not shown", self.omitted);
            self.kept.push(Finding::new(severity, Code::TooMany, Place::NOWHERE, message));
        }
        self.kept.into_iter().map(|finding| Diagnostic::new(finding, sources)).collect()
    }
}
