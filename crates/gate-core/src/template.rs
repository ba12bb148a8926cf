//! Log lines from templates: `"$time_local $ws_opcode"`, compiled and checked once, bound to a
//! session when it opens, and filled in for each of its events.
//!
//! A variable is `$name`, or `${name}` where a letter, digit or underscore follows; the case of
//! letters does not matter. `$$` is a dollar sign. Pure: what is told, and the time, are the
//! caller's.

mod bind;
mod escape;
mod event;
mod redact;
mod render;
#[cfg(test)]
mod tests;
mod variable;

use std::ops::Range;

pub use bind::{Bound, Facts};
pub use escape::Escape;
pub use event::{Close, Data, End, Event, Kind, Stamp, Totals};
pub use redact::Redaction;
pub use variable::names;

use variable::{EventVariable, Form, Variable};

/// The shape of one kind of line.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    style: Style,
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Value(Variable),
}

/// How values stand in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// As text, escaped.
    Text(Escape),
    /// As values of JSON: numbers bare, text in quotes, what has no value as `null`.
    Json,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// There is no variable of that name.
    #[error("there is no variable `${name}`")]
    Unknown {
        /// The name, in lower case.
        name: String,
        /// The bytes of it, the dollar sign included.
        at: Range<usize>,
    },
    /// A dollar sign without a name behind it.
    #[error("a `$` without a name")]
    Nameless {
        /// The bytes of it.
        at: Range<usize>,
    },
    /// `${` without `}`.
    #[error("a `${{` without a `}}`")]
    Unclosed {
        /// From the dollar sign on.
        at: Range<usize>,
    },
    /// A field of a JSON line is something else than one variable.
    #[error("a field of a JSON line is one variable")]
    NotOneVariable,
    /// A field of a JSON line stands there twice.
    #[error("a field that stands there twice")]
    Repeated,
}

impl Fault {
    /// The bytes of the text that are at fault; `None`: all of it.
    #[must_use]
    pub fn range(&self) -> Option<Range<usize>> {
        match self {
            Self::Unknown { at, .. } | Self::Nameless { at } | Self::Unclosed { at } => Some(at.clone()),
            Self::NotOneVariable | Self::Repeated => None,
        }
    }
}

impl Template {
    /// A line of text.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn text(text: &str, escape: Escape) -> Result<Self, Vec<Fault>> {
        Ok(Self { pieces: parse(text)?, style: Style::Text(escape) })
    }

    /// A line that is a JSON object, of which each field is one variable and has its name.
    ///
    /// # Errors
    /// All that is wrong with each field, by its number.
    pub fn json<'a>(fields: impl IntoIterator<Item = &'a str>) -> Result<Self, Vec<(usize, Fault)>> {
        let mut pieces = Vec::new();
        let mut faults = Vec::new();
        let mut names = Vec::new();
        for (number, field) in fields.into_iter().enumerate() {
            match parse(field).as_deref() {
                Ok([Piece::Value(variable)]) => {
                    let name = field.trim_matches(['$', '{', '}']).to_ascii_lowercase();
                    if names.contains(&name) {
                        faults.push((number, Fault::Repeated));
                        continue;
                    }
                    let before = if number == 0 { '{' } else { ',' };
                    pieces.push(Piece::Text(format!("{before}\"{name}\":").into()));
                    pieces.push(Piece::Value(variable.clone()));
                    names.push(name);
                }
                Ok(_) => faults.push((number, Fault::NotOneVariable)),
                Err(found) => faults.extend(found.iter().map(|fault| (number, fault.clone()))),
            }
        }
        let end = if pieces.is_empty() { "{}" } else { "}" };
        pieces.push(Piece::Text(end.into()));
        if faults.is_empty() { Ok(Self { pieces, style: Style::Json }) } else { Err(faults) }
    }

    /// Whether lines are JSON objects.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.style == Style::Json
    }

    /// Whether the reason of a Close has to be kept for a line that comes later.
    #[must_use]
    pub fn wants_close_reason(&self) -> bool {
        self.pieces.contains(&Piece::Value(Variable::Event(EventVariable::CloseReason)))
    }
}

/// The pieces of a text; text that is adjacent is one piece.
fn parse(text: &str) -> Result<Vec<Piece>, Vec<Fault>> {
    let mut pieces = Vec::new();
    let mut faults = Vec::new();
    let mut literal = String::new();
    let mut start = 0;
    while let Some((before, behind)) = text.get(start..).and_then(|rest| rest.split_once('$')) {
        literal.push_str(before);
        let dollar = start + before.len();
        let (name, length) = match name_of(behind) {
            Found::Dollar => {
                literal.push('$');
                start = dollar + 2;
                continue;
            }
            Found::Name { name, length } => (name, length),
            Found::Nothing { length } => {
                let at = dollar..dollar + 1 + length;
                start = at.end;
                faults.push(Fault::Nameless { at });
                continue;
            }
            Found::Unclosed => {
                faults.push(Fault::Unclosed { at: dollar..text.len() });
                start = text.len();
                continue;
            }
        };
        start = dollar + 1 + length;
        let name = name.to_ascii_lowercase();
        match Variable::named(&name) {
            Some(variable) => {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
                }
                pieces.push(Piece::Value(variable));
            }
            None => faults.push(Fault::Unknown { name, at: dollar..start }),
        }
    }
    literal.push_str(text.get(start..).unwrap_or_default());
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal.into()));
    }
    if faults.is_empty() { Ok(pieces) } else { Err(faults) }
}

/// What stands behind a dollar sign.
enum Found<'a> {
    /// Another one.
    Dollar,
    /// A name, and the bytes that it and its braces have.
    Name { name: &'a str, length: usize },
    /// No name in so many bytes.
    Nothing { length: usize },
    /// A brace that is not closed.
    Unclosed,
}

fn name_of(behind: &str) -> Found<'_> {
    if behind.starts_with('$') {
        return Found::Dollar;
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if let Some(braced) = behind.strip_prefix('{') {
        return match braced.split_once('}') {
            None => Found::Unclosed,
            Some((name, _)) if !name.is_empty() && name.chars().all(is_part) => {
                Found::Name { name, length: name.len() + 2 }
            }
            Some((name, _)) => Found::Nothing { length: name.len() + 2 },
        };
    }
    let end = behind.find(|c| !is_part(c)).unwrap_or(behind.len());
    match behind.split_at(end) {
        ("", _) => Found::Nothing { length: 0 },
        (name, _) => Found::Name { name, length: end },
    }
}

/// Whether a variable's value stands bare in JSON.
fn is_number(variable: &Variable) -> bool {
    variable.form() == Form::Number
}
