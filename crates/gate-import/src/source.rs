//! The texts that a configuration was read from, and places in them.

use std::sync::Arc;

/// A file: its name, as messages call it, and what stands in it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// What stands in it.
    pub text: Arc<str>,
}

/// A piece of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file's number.
    pub(crate) file: usize,
    /// The bytes of it, from the first to behind the last.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Place {
    /// From the beginning of this to the end of another in the same file.
    pub(crate) fn to(self, other: Self) -> Self {
        Self { end: other.end.max(self.end), ..self }
    }

    /// The point behind it.
    pub(crate) fn behind(self) -> Self {
        Self { start: self.end, ..self }
    }
}

/// All files, in the order of reading.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a file and tells its number.
    pub(crate) fn add(&mut self, source: Source) -> usize {
        self.files.push(source);
        self.files.len() - 1
    }

    pub(crate) fn of(&self, place: Place) -> Option<&Source> {
        self.files.get(place.file)
    }

    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    pub(crate) fn size(&self) -> usize {
        self.files.iter().map(|file| file.text.len()).sum()
    }

    /// `FILE:LINE`.
    pub(crate) fn line(&self, place: Place) -> String {
        let Some(source) = self.of(place) else { return String::new() };
        format!("{}:{}", source.name, position(&source.text, place.start).0)
    }
}

/// The line and the column, in characters, of an offset; both count from 1.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}
