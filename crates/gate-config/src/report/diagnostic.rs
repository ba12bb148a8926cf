//! A finding tied to the text, as `miette` shows it.

use std::fmt;
use std::sync::Arc;

use miette::{LabeledSpan, NamedSource, SourceCode};

use super::{Code, Finding, Severity};
use crate::model::Objection;
use crate::source::Sources;

/// One mistake, or one warning: what is wrong, where, and what would be right.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    severity: Severity,
    code: Code,
    message: String,
    help: Option<String>,
    /// `file:line:column`.
    location: Option<String>,
    source: Option<NamedSource<Arc<str>>>,
    labels: Vec<LabeledSpan>,
}

impl Diagnostic {
    /// A second place is shown in the text if it is in the same file, else it is named.
    pub(crate) fn new(finding: Finding, sources: &Sources) -> Self {
        let Finding { severity, code, place, message, label, also, mut help } = finding;
        let location = sources.locate(place);
        let source = sources.of(place).map(|source| NamedSource::new(&source.name, Arc::clone(&source.text)));
        let mut labels = Vec::new();
        if source.is_some() {
            let label = (!label.is_empty()).then_some(label);
            labels.push(LabeledSpan::new_primary_with_span(label, place.source_span()));
        }
        if let Some((other, label)) = also {
            if other.file == place.file {
                labels.push(LabeledSpan::new_with_span(Some(label), other.source_span()));
            } else if let Some(location) = sources.locate(other) {
                let before = help.map(|help| format!("{help}\n")).unwrap_or_default();
                help = Some(format!("{before}{label}: {location}"));
            }
        }
        Self { severity, code, message, help, location, source, labels }
    }

    /// Whether the configuration can be used in spite of it.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        self.severity == Severity::Warning
    }

    /// All of it on one line, for logs: `file:line:column: message (help)`.
    #[must_use]
    pub fn one_line(&self) -> String {
        let location = self.location.as_ref().map(|location| format!("{location}: ")).unwrap_or_default();
        let help = self.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        format!("{location}{}{help}", self.message).replace('\n', "; ")
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl miette::Diagnostic for Diagnostic {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| -> Box<dyn fmt::Display + 'a> { Box::new(help) })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| -> &dyn SourceCode { source })
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

impl Sources {
    /// What the world has against a value, shown at the value.
    #[must_use]
    pub fn objection(&self, objection: &Objection) -> Diagnostic {
        self.of_the_world(Severity::Error, objection)
    }

    /// The same of what is no obstacle, but should be looked at.
    #[must_use]
    pub fn caution(&self, objection: &Objection) -> Diagnostic {
        self.of_the_world(Severity::Warning, objection)
    }

    fn of_the_world(&self, severity: Severity, objection: &Objection) -> Diagnostic {
        let message = objection.message.clone();
        let mut finding = Finding::new(severity, Code::Objection, objection.place, message);
        finding.help(&*objection.help);
        Diagnostic::new(finding, self)
    }
}

/// Why a configuration cannot be used: every mistake in it, and every warning.
#[derive(Debug)]
pub struct Failed {
    /// Mistakes, then warnings, each in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that they point at.
    pub sources: Sources,
    /// How many mistakes there are, those included that are not shown.
    pub(crate) mistakes: usize,
}

impl Failed {
    /// How many mistakes there are; of several hundreds not all are in `diagnostics`.
    #[must_use]
    pub fn mistakes(&self) -> usize {
        self.mistakes
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mistakes = self.mistakes;
        let plural = if mistakes == 1 { "" } else { "s" };
        let name = self.sources.names().next().unwrap_or("the configuration");
        write!(f, "{name} cannot be used: {mistakes} mistake{plural}")
    }
}

impl std::error::Error for Failed {}

impl miette::Diagnostic for Failed {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.diagnostics.iter().map(|diagnostic| -> &dyn miette::Diagnostic { diagnostic })))
    }
}
