//! What an operator chose.

use std::sync::Arc;

use gate_core::Side;
use ws_proto::CloseCode;

use crate::category::{Categories, Category};

/// How a route's messages are inspected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What is looked for.
    pub categories: Categories,
    /// A message is an attack where one place of it scores as much or more. Default 5; rules that
    /// suffice alone have 5.
    pub threshold: u16,
    /// Whose messages the detectors and patterns see. Default both.
    pub directions: Directions,
    /// Whether findings have consequences.
    pub mode: Mode,
    /// Which.
    pub on_match: OnMatch,
    /// What both peers are told when a finding closes the session. Default 1008.
    pub code: CloseCode,
    /// The same in words.
    pub reason: Arc<str>,
    /// Patterns of the operator's.
    pub patterns: Vec<Pattern>,
    /// Stable ids of rules that do not count.
    pub exceptions: Vec<Arc<str>>,
    /// What is blackened in every message, finding or not.
    pub redactions: Vec<Redaction>,
    /// What whole messages must keep to.
    pub schemas: Vec<SchemaSource>,
    /// How far encodings are taken off.
    pub limits: DecodeLimits,
}

/// Whose messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directions {
    /// What clients send.
    pub client: bool,
    /// What upstreams send.
    pub upstream: bool,
}

/// Whether findings have consequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They have.
    Block,
    /// They are recorded only.
    Detect,
}

/// What becomes of a message with a finding, or one that breaks its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMatch {
    /// It goes nowhere and the session ends.
    Close,
    /// It goes nowhere, the session goes on.
    Drop,
    /// It goes on with asterisks for what met a rule. What cannot be blackened in place (below
    /// an encoding, a broken schema) is dropped.
    Redact,
}

/// A pattern of the operator's: a regular expression without look-around, so of linear time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Its stable name.
    pub id: Arc<str>,
    /// The expression, matched against every decoded text.
    pub regex: Arc<str>,
    /// What a match scores. Default 5.
    pub score: u16,
}

/// What is blackened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// The value at a JSON pointer (RFC 6901).
    Pointer(Arc<str>),
    /// All that a regular expression matches.
    Pattern(Arc<str>),
}

/// A JSON Schema, draft 4 to 2020-12, draft 7 where it does not say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaSource {
    /// Its text.
    pub text: Arc<str>,
    /// Whose messages must keep to it. Default the clients'.
    pub directions: Directions,
}

/// How far encodings are taken off a message. What goes beyond is a finding of
/// [`Category::Evasion`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Encodings within encodings. Default 4.
    pub depth: u8,
    /// Objects and arrays within each other. Default 64.
    pub nesting: u16,
    /// Strings and keys of a message. Default 65,536.
    pub nodes: u32,
    /// All decoded bytes together, as a multiple of the message's size (plus 64 KiB). Default 8.
    pub growth: u8,
}

/// What is wrong with settings; the index is the one in the list of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A pattern is not a regular expression, or too large a one.
    #[error("{message}")]
    Pattern {
        /// In [`Settings::patterns`].
        index: usize,
        /// What the expression's parser says.
        message: String,
    },
    /// A schema is none.
    #[error("{message}")]
    Schema {
        /// In [`Settings::schemas`].
        index: usize,
        /// What is wrong, with line and column or the place in the schema.
        message: String,
    },
    /// A redaction is neither a JSON pointer nor a regular expression.
    #[error("{message}")]
    Redaction {
        /// In [`Settings::redactions`].
        index: usize,
        /// What is wrong.
        message: String,
    },
    /// No rule has this id.
    #[error("no rule is called {id}")]
    Exception {
        /// In [`Settings::exceptions`].
        index: usize,
        /// The id.
        id: Arc<str>,
    },
}

impl Directions {
    /// Clients' and upstreams'.
    pub const BOTH: Self = Self { client: true, upstream: true };
    /// Clients' only.
    pub const CLIENT: Self = Self { client: true, upstream: false };
    /// Upstreams' only.
    pub const UPSTREAM: Self = Self { client: false, upstream: true };

    /// Whether what `side` sends is meant.
    #[must_use]
    pub const fn has(self, side: Side) -> bool {
        match side {
            Side::Client => self.client,
            Side::Upstream => self.upstream,
        }
    }
}

impl Default for Settings {
    /// All built-in detectors in both directions, blocking, 1008.
    fn default() -> Self {
        Self {
            categories: Categories::ALL.without(Category::JsonSchema),
            threshold: 5,
            directions: Directions::BOTH,
            mode: Mode::Block,
            on_match: OnMatch::Close,
            code: CloseCode::POLICY_VIOLATION,
            reason: "message blocked".into(),
            patterns: Vec::new(),
            exceptions: Vec::new(),
            redactions: Vec::new(),
            schemas: Vec::new(),
            limits: DecodeLimits::default(),
        }
    }
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { depth: 4, nesting: 64, nodes: 65_536, growth: 8 }
    }
}
