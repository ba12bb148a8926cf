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
pub(super) struct Place {
    /// The file's number.
    pub(super) file: usize,
    /// The bytes of it, from the first to behind the last.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Place {
    /// From the beginning of this to the end of another in the same file.
    pub(super) fn to(self, other: Self) -> Self {
        Self { end: other.end.max(self.end), ..self }
    }

    /// The point behind it.
    pub(super) fn behind(self) -> Self {
        Self { start: self.end, ..self }
    }
}

/// All files, in the order of reading.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a file and tells its number.
    pub(super) fn add(&mut self, source: Source) -> usize {
        self.files.push(source);
        self.files.len() - 1
    }

    pub(super) fn of(&self, place: Place) -> Option<&Source> {
        self.files.get(place.file)
    }

    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn size(&self) -> usize {
        self.files.iter().map(|file| file.text.len()).sum()
    }

    /// `FILE:LINE`.
    pub(super) fn line(&self, place: Place) -> String {
        let Some(source) = self.of(place) else { return String::new() };
        format!("{}:{}", source.name, position(&source.text, place.start).0)
    }
}

/// The line and the column, in characters, of an offset; both count from 1.
pub(super) fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    (line, before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}
