//! The texts that a configuration was read from, so that what is wrong can be shown in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::Place;

/// The files of a configuration, in the order of reading.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    folders: Vec<PathBuf>,
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// As messages call it.
    pub(crate) name: String,
    /// What relative paths in it are relative to.
    pub(crate) folder: PathBuf,
    /// What stands in it.
    pub(crate) text: Arc<str>,
}

impl Sources {
    /// The names of all files that were read.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|source| &*source.name)
    }

    /// The folders of which all files were read that fit a pattern: another file in one of them may
    /// belong to the configuration.
    pub fn folders(&self) -> impl Iterator<Item = &Path> {
        self.folders.iter().map(|folder| &**folder)
    }

    /// Remembers such a folder.
    pub(crate) fn add_folder(&mut self, folder: &Path) {
        self.folders.push(folder.to_owned());
    }

    /// Adds a file and tells its number.
    pub(crate) fn add(&mut self, source: Source) -> u32 {
        let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(source);
        number
    }

    /// The file that a place is in.
    pub(crate) fn of(&self, place: Place) -> Option<&Source> {
        self.files.get(usize::try_from(place.file?).ok()?)
    }

    /// A path that was written at `place`: relative ones are relative to that file.
    pub(crate) fn resolve(&self, place: Place, path: &str) -> PathBuf {
        self.of(place).map_or_else(|| PathBuf::from(path), |source| source.folder.join(path))
    }

    /// `file:line:column` of a place.
    pub(crate) fn locate(&self, place: Place) -> Option<String> {
        let source = self.of(place)?;
        let before = source.text.get(..place.span.0)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Some(format!("{}:{line}:{column}", source.name))
    }
}

impl Source {
    /// A text that did not come from a file: paths in it are relative to the working directory.
    pub(crate) fn text(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), folder: PathBuf::new(), text: text.into() }
    }

    /// The text of the file at `path`.
    pub(crate) fn file(path: &Path, folder: PathBuf, text: String) -> Self {
        Self { name: path.display().to_string(), folder, text: text.into() }
    }
}
