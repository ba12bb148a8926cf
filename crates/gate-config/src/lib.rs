//! Framegate's configuration: from KDL text to typed values that need no further check.
//!
//! [`load`] reads a file and all that it includes; every mistake is reported, with its place
//! in the text. What only the world can tell (whether a file exists, an address is free, a
//! name resolves) is asked later, by whoever uses the value; [`Sources::objection`] shows
//! such an objection in the text, too.

mod fields;
pub mod fuzz;
mod load;
mod lower;
pub mod model;
mod nearest;
mod reference;
pub mod relay;
mod report;
mod schema;
mod source;
mod syntax;
pub mod typed;
mod value;
mod words;
pub mod ws_proxy;

use std::path::Path;

pub use reference::reference;
pub use report::{Diagnostic, Failed};
pub use source::Sources;

use report::Report;
use syntax::Node;

/// A configuration that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub config: model::Config,
    /// What somebody should know of it nevertheless, in the order of the text.
    pub warnings: Vec<Diagnostic>,
    /// The texts that it came from, for what the world may have against it.
    pub sources: Sources,
}

/// Reads the configuration in the file at `path` and in those that it includes.
///
/// # Errors
/// A file cannot be read, or there are mistakes in it: all of them.
pub fn load(path: &Path) -> Result<Loaded, Failed> {
    let (mut report, mut sources) = (Report::default(), Sources::default());
    let nodes = load::read(path, &mut report, &mut sources);
    understand(&nodes, report, sources)
}

/// Reads the configuration in `text`, which messages call `name`. It can include no files,
/// and relative paths in it are relative to the working directory. Touches no file.
///
/// # Errors
/// There are mistakes in it: all of them.
pub fn parse(name: &str, text: &str) -> Result<Loaded, Failed> {
    let (mut report, mut sources) = (Report::default(), Sources::default());
    let nodes = load::read_text(name, text, &mut report, &mut sources);
    understand(&nodes, report, sources)
}

/// A text that could not be read would leave names undefined, so nothing is made of the rest.
fn understand(nodes: &[Node], mut report: Report, sources: Sources) -> Result<Loaded, Failed> {
    let config = (report.mistakes() == 0).then(|| lower::lower(nodes, &sources, &mut report));
    let mistakes = report.mistakes();
    let diagnostics = report.finish(&sources);
    match config.filter(|_| mistakes == 0) {
        Some(config) => Ok(Loaded { config, warnings: diagnostics, sources }),
        None => Err(Failed { diagnostics, sources, mistakes }),
    }
}
