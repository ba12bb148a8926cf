//! Reading the configuration again, for a gateway that runs.

use std::fs;
use std::path::{Path, PathBuf};

use gate_config::model::{Fingerprint, fingerprint};
use gate_config::{Diagnostic, Failed, Loaded, Sources};
use gate_server::{Gateway, Reloaded};

use crate::command::configuration;

/// What reading it again came to.
#[derive(Debug)]
pub(super) struct Reading {
    /// For whoever asked.
    pub(super) outcome: Result<String, String>,
    /// Whether another configuration runs.
    pub(super) is_changed: bool,
    /// What it consists of, as far as that could be found out.
    pub(super) read: Read,
}

/// Files that were read, and what stood in them then.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) files: Files,
    pub(super) content: Fingerprint,
}

impl Read {
    /// To be called right behind the reading.
    pub(super) fn at_this_moment(files: Files) -> Self {
        Self { content: files.content(), files }
    }
}

/// The files that a configuration consists of and names, and folders any file of which may belong
/// to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) files: Vec<PathBuf>,
    pub(super) folders: Vec<PathBuf>,
}

impl Files {
    pub(super) fn of(loaded: &Loaded) -> Self {
        let mut files = Self::of_sources(&loaded.sources);
        files.files.extend(loaded.config.files().into_iter().map(Path::to_owned));
        files
    }

    /// What stands in the files, and which files there are in the folders.
    pub(super) fn content(&self) -> Fingerprint {
        let mut names: Vec<PathBuf> = Vec::new();
        for folder in &self.folders {
            let entries = fs::read_dir(folder).into_iter().flatten();
            names.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
        }
        names.sort_unstable();
        fingerprint(&names, self.files.iter().map(|file| &**file))
    }

    /// Adds those that are missing.
    pub(super) fn add(&mut self, others: &Self) {
        self.files.extend(
            others.files.iter().filter(|file| !self.files.contains(file)).cloned().collect::<Vec<_>>(),
        );
        self.folders.extend(
            others
                .folders
                .iter()
                .filter(|folder| !self.folders.contains(folder))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }

    fn of_sources(sources: &Sources) -> Self {
        Self {
            files: sources.names().map(PathBuf::from).collect(),
            folders: sources.folders().map(Path::to_owned).collect(),
        }
    }
}

/// Has `gateway` run what `file` says by now. Mistakes are shown and change nothing. Blocks.
pub(super) fn read_again(gateway: &mut Gateway, file: &Path) -> Reading {
    let loaded = match gate_config::load(file) {
        Ok(loaded) => loaded,
        Err(Failed { diagnostics, sources, .. }) => {
            let lines: Vec<_> = diagnostics.iter().map(Diagnostic::one_line).collect();
            gateway.note_failed_reload(&lines.join("; "));
            return Reading {
                outcome: Err(refused(&diagnostics)),
                is_changed: false,
                read: Read::at_this_moment(Files::of_sources(&sources)),
            };
        }
    };
    let read = Read::at_this_moment(Files::of(&loaded));
    let Loaded { config, warnings, sources } = loaded;
    match gateway.reload(config, &sources) {
        Ok(Reloaded::Same) => {
            Reading { outcome: Ok("nothing has changed\n".to_owned()), is_changed: false, read }
        }
        Ok(Reloaded::Changed { changes, warnings: more }) => {
            let more = more.iter().map(|warning| sources.caution(warning));
            let warnings: Vec<_> = warnings.into_iter().chain(more).collect();
            configuration::show(&warnings);
            let report = format!("reloaded: {changes}\n{}", configuration::report(&warnings));
            Reading { outcome: Ok(report), is_changed: true, read }
        }
        Err(objections) => {
            let shown: Vec<_> = objections.iter().map(|objection| sources.objection(objection)).collect();
            Reading { outcome: Err(refused(&shown)), is_changed: false, read }
        }
    }
}

fn refused(diagnostics: &[Diagnostic]) -> String {
    configuration::show(diagnostics);
    format!("the configuration is not reloaded\n{}", configuration::report(diagnostics))
}
