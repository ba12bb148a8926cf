//! The language of configurations: KDL version 2 and what the documents that people already
//! have need beside it (`true` and `null` without `#`, raw strings of version 1, lists in
//! brackets). Text becomes a tree; what the nodes mean is not known here.
//!
//! The first fault of a text ends the reading of it: what follows would be guessed at.

mod cursor;
mod multiline;
mod number;
#[cfg(test)]
mod oracle;
mod parser;
mod string;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use parser::parse;
pub(crate) use tree::{Name, Node, Property, Scalar, Value};

/// Why a text is not in the language.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxFault {
    /// Offset and length of what is wrong, in bytes.
    pub(crate) span: (usize, usize),
    /// What is wrong.
    pub(crate) message: String,
    /// Said below the place; may be empty.
    pub(crate) label: String,
    /// What would be right.
    pub(crate) help: String,
    /// Another place that helps to find the mistake.
    pub(crate) also: Option<Box<((usize, usize), String)>>,
}

impl SyntaxFault {
    fn new(span: (usize, usize), message: impl Into<String>) -> Self {
        Self { span, message: message.into(), label: String::new(), help: String::new(), also: None }
    }

    fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    fn also(self, span: (usize, usize), label: impl Into<String>) -> Self {
        Self { also: Some(Box::new((span, label.into()))), ..self }
    }
}
