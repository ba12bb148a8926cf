//! JSON Schema for whole messages. Patterns are of linear time; nothing is fetched.
//!
//! Owns: drafts 4 to 2020-12, and the reading of messages as JSON by the letter: what two parsers
//! may read in two ways (a key that stands twice, a number that none can hold) breaks every schema.

mod document;
mod position;
#[cfg(test)]
mod tests;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// A compiled schema.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
}

/// Why a text is no schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SchemaFault {
    /// What is wrong, with line and column, and the place in the schema.
    pub message: String,
}

/// Where a message does not keep to a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer into the message, at most 256 characters.
    pub path: String,
    /// What would be right; of the message itself it has at most 64 characters.
    pub message: String,
}

/// Violations that are told of one message.
const VIOLATIONS_MAX: usize = 8;

/// Characters of a path, of what is quoted of a message, and of all that is said.
const PATH_MAX: usize = 256;
const QUOTE_MAX: usize = 64;
const MESSAGE_MAX: usize = 256;

/// Bytes that a compiled pattern may have.
const PATTERN_SIZE_MAX: usize = 1 << 20;

impl Schema {
    /// Compiles the text of a schema.
    ///
    /// # Errors
    /// It is not JSON, or not a schema.
    pub fn compile(text: &str) -> Result<Self, SchemaFault> {
        let schema = document::read(text.as_bytes()).map_err(|fault| match fault {
            document::Fault::NotJson(error) => SchemaFault {
                message: at(Some((error.line(), error.column())), "", &without_position(&error)),
            },
            document::Fault::DuplicateKey { path, key } => {
                let place = position::of(text, &path);
                SchemaFault { message: at(place, &path, &format!("the key {} stands twice", quote(&key))) }
            }
        })?;
        if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
            return Err(SchemaFault { message: "a schema is an object".to_owned() });
        }
        let mut options = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_SIZE_MAX));
        if schema.get("$schema").is_none() {
            options = options.with_draft(Draft::Draft7);
        }
        let validator = options.build(&schema).map_err(|error| {
            let path = error.instance_path().as_str();
            // A fault of a reference has no place of its own.
            let path = if matches!(error.kind(), Kind::Referencing(_)) { "" } else { path };
            let place = if path.is_empty() { None } else { position::of(text, path) };
            SchemaFault { message: at(place, path, &clip(&error.to_string(), MESSAGE_MAX)) }
        })?;
        Ok(Self { validator })
    }

    /// Where a message breaks it, in the first places; nothing if it keeps to it.
    #[must_use]
    pub fn check(&self, message: &[u8]) -> Vec<Violation> {
        let document = match document::read(message) {
            Ok(document) => document,
            Err(document::Fault::NotJson(error)) => {
                return vec![Violation { path: String::new(), message: format!("not JSON: {error}") }];
            }
            Err(document::Fault::DuplicateKey { path, key }) => {
                let message = format!("duplicate key {}", quote(&key));
                return vec![Violation { path: plain(&path), message }];
            }
        };
        if self.validator.is_valid(&document) {
            return Vec::new();
        }
        let errors = self.validator.iter_errors(&document).take(VIOLATIONS_MAX);
        let told = errors.map(|error| Violation {
            path: plain(error.instance_path().as_str()),
            message: clip(&explain(&error), MESSAGE_MAX),
        });
        told.collect()
    }
}

/// What is wrong, without quoting the message beyond a bound.
fn explain(error: &ValidationError<'_>) -> String {
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            format!("a property that is not allowed: {}", quote_first(unexpected))
        }
        Kind::UnevaluatedProperties { unexpected } => {
            format!("a property that no part of the schema knows: {}", quote_first(unexpected))
        }
        Kind::AdditionalItems { limit } => format!("more than {limit} items"),
        Kind::UnevaluatedItems { .. } => "an item that no part of the schema knows".to_owned(),
        Kind::PropertyNames { error } => format!("the name of a property: {}", explain(error)),
        Kind::FalseSchema => "nothing is allowed here".to_owned(),
        Kind::FromUtf8 { .. } => "what is encoded is not UTF-8".to_owned(),
        Kind::AnyOf { .. }
        | Kind::BacktrackLimitExceeded { .. }
        | Kind::RegexEngineFailure { .. }
        | Kind::Constant { .. }
        | Kind::Contains
        | Kind::ContentEncoding { .. }
        | Kind::ContentMediaType { .. }
        | Kind::Custom { .. }
        | Kind::Enum { .. }
        | Kind::ExclusiveMaximum { .. }
        | Kind::ExclusiveMinimum { .. }
        | Kind::Format { .. }
        | Kind::MaxItems { .. }
        | Kind::Maximum { .. }
        | Kind::MaxLength { .. }
        | Kind::MaxProperties { .. }
        | Kind::MinItems { .. }
        | Kind::Minimum { .. }
        | Kind::MinLength { .. }
        | Kind::MinProperties { .. }
        | Kind::MultipleOf { .. }
        | Kind::Not { .. }
        | Kind::OneOfMultipleValid { .. }
        | Kind::OneOfNotValid { .. }
        | Kind::Pattern { .. }
        | Kind::Required { .. }
        | Kind::Type { .. }
        | Kind::UniqueItems
        | Kind::Referencing(_) => error.masked_with("the value").to_string(),
    }
}

fn quote_first(names: &[String]) -> String {
    let more = names.len().saturating_sub(1);
    let first = quote(names.first().map_or("", String::as_str));
    if more == 0 { first } else { format!("{first}, and {more} more") }
}

/// A piece of a message, without control characters.
fn quote(text: &str) -> String {
    format!("`{}`", clip(&text.escape_debug().to_string(), QUOTE_MAX))
}

/// A path of bounded length, without control characters.
fn plain(path: &str) -> String {
    let path = clip(path, PATH_MAX);
    if path.contains(char::is_control) { path.replace(char::is_control, "\u{fffd}") } else { path }
}

fn clip(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// What is wrong with a schema, with where that is as far as it is known.
fn at(place: Option<(usize, usize)>, path: &str, message: &str) -> String {
    let place = place.map(|(line, column)| format!("line {line}, column {column}"));
    let path = (!path.is_empty()).then(|| format!("at {}", clip(path, PATH_MAX)));
    let place: Vec<_> = place.into_iter().chain(path).collect();
    if place.is_empty() { message.to_owned() } else { format!("{}: {message}", place.join(", ")) }
}

/// The message without " at line 1 column 2" at its end.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    text.get(..end).unwrap_or_default().to_owned()
}
