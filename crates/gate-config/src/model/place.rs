//! Where in the text a value stood.

use std::fmt;

use miette::SourceSpan;

/// A place in one of the files of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, by its number in the order of reading; `None`: the value was not read.
    pub file: Option<u32>,
    /// The bytes of it.
    pub span: (usize, usize),
}

impl Place {
    /// Of a value that stands in no file: a default, or a flag of the command line.
    pub const NOWHERE: Self = Self { file: None, span: (0, 0) };

    /// The place as `miette` wants it.
    #[must_use]
    pub fn source_span(self) -> SourceSpan {
        let (offset, length) = self.span;
        (offset, length).into()
    }
}

/// A value with its place, where the outside world may still object to it: a file that
/// is missing, an address that is taken, a name that has no address.
///
/// Two are equal when their values are, and only the value is printed: where in a text something
/// stands is no part of what it means.
#[derive(Clone, Copy)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: fmt::Debug> fmt::Debug for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T> At<T> {
    /// A value that stands in no file.
    pub const fn nowhere(value: T) -> Self {
        Self { value, place: Place::NOWHERE }
    }
}

/// What the world has against a value of a configuration that is right in itself: a file
/// that is missing, an address that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// The value's place.
    pub place: Place,
    /// What is wrong, in one line.
    pub message: String,
    /// What would be right.
    pub help: String,
}
