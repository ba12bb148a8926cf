//! What was found in a message.

use std::fmt;
use std::sync::Arc;

use crate::category::Category;

/// The stable name of a rule, as logs and exceptions know it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuleId {
    /// One of [`crate::RULES`].
    BuiltIn(&'static str),
    /// A pattern of the operator's.
    Custom(Arc<str>),
}

impl RuleId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::BuiltIn(name) => name,
            Self::Custom(name) => name,
        }
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One rule that a message has met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which one.
    pub rule: RuleId,
    /// What it is about.
    pub category: Category,
    /// What it adds to the score of its place.
    pub score: u16,
    /// Where in the message: a JSON pointer (RFC 6901) with the encodings that were taken off
    /// behind it (`/data/url|percent|base64`); empty for the message as it is.
    pub place: String,
    /// A piece of what met the rule: at most 64 characters, without control characters, secrets
    /// redacted.
    pub excerpt: String,
}
