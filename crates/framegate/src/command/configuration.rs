//! Reading a configuration for a command, and showing what is wrong with it.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use gate_config::model::Objection;
use gate_config::{Diagnostic, Failed, Loaded, Sources};
use gate_server::StartError;
use miette::{GraphicalReportHandler, GraphicalTheme};

use crate::failure::Failure;

/// Reads a configuration; warnings are shown.
///
/// # Errors
/// When there are mistakes, which have been shown.
pub(super) fn load(path: &Path) -> Result<Loaded, Failure> {
    told(gate_config::load(path))
}

/// The same from standard input, which can include no files; paths are relative to where the
/// command runs.
///
/// # Errors
/// When it cannot be read, or there are mistakes, which have been shown.
pub(super) fn load_stdin() -> Result<Loaded, Failure> {
    let text = io::read_to_string(io::stdin().lock()).map_err(Failure::Input)?;
    told(gate_config::parse("standard input", &text))
}

fn told(loaded: Result<Loaded, Failed>) -> Result<Loaded, Failure> {
    match loaded {
        Ok(loaded) => {
            show(&loaded.warnings);
            Ok(loaded)
        }
        Err(failed) => {
            show(&failed.diagnostics);
            Err(Failure::Configuration { mistakes: failed.mistakes() })
        }
    }
}

/// Shows what somebody should look at.
pub(super) fn warn(warnings: &[Objection], sources: &Sources) {
    let shown: Vec<Diagnostic> = warnings.iter().map(|warning| sources.caution(warning)).collect();
    show(&shown);
}

/// Shows what the world has against a configuration.
///
/// # Errors
/// When there is anything.
pub(super) fn refuse(objections: &[Objection], sources: &Sources) -> Result<(), Failure> {
    if objections.is_empty() {
        return Ok(());
    }
    let shown: Vec<Diagnostic> = objections.iter().map(|objection| sources.objection(objection)).collect();
    show(&shown);
    Err(Failure::Objections { count: shown.len() })
}

/// Shows why a gateway did not start.
#[expect(clippy::wildcard_enum_match_arm, reason = "only objections have a place in the text")]
pub(super) fn not_started(error: StartError, sources: &Sources) -> Failure {
    match error {
        StartError::Objections(objections) => match refuse(&objections, sources) {
            Err(failure) => failure,
            Ok(()) => Failure::Gateway(StartError::Objections(objections)),
        },
        other => Failure::Gateway(other),
    }
}

pub(super) fn show(diagnostics: &[Diagnostic]) {
    let mut stderr = io::stderr().lock();
    let theme =
        if stderr.is_terminal() { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    // Without standard error there is only the exit code left to tell it.
    let _unwritten = stderr.write_all(render(diagnostics, theme).as_bytes());
}

/// What [`show`] shows, for those who are told of it elsewhere.
pub(super) fn report(diagnostics: &[Diagnostic]) -> String {
    render(diagnostics, GraphicalTheme::unicode_nocolor())
}

fn render(diagnostics: &[Diagnostic], theme: GraphicalTheme) -> String {
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_wrap_lines(false);
    let mut all = String::new();
    for diagnostic in diagnostics {
        let mut text = String::new();
        match handler.render_report(&mut text, diagnostic) {
            Ok(()) => all.push_str(&text),
            Err(_) => all.push_str(&diagnostic.one_line()),
        }
        all.push('\n');
    }
    all
}
