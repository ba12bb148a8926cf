//! The tables of all settings: name, type, default and meaning. What is not in a table is
//! refused, and the reference page is printed from them.

mod admin;
mod agents;
mod frame_log;
mod header_config;
mod inspect;
mod limits;
mod listeners;
mod rest;
mod routes;
mod sip;
#[cfg(test)]
mod tests;
mod traces;
mod upstreams;
mod webhook;

pub(crate) use admin::ADMIN;
pub(crate) use agents::{AGENT, AGENTS, TRANSPORT};
pub(crate) use frame_log::{FRAME_LOGS, ROTATE};
pub(crate) use header_config::{HEADER_CONFIG, HMAC_KEY_FILE};
pub(crate) use inspect::{INSPECT, JSON_SCHEMA, PATTERN, REDACT};
pub(crate) use limits::RATE_LIMIT;
pub(crate) use listeners::{LISTENERS, SNI};
pub(crate) use rest::{LOG, TOP};
pub(crate) use routes::{MAX_AGE, ROUTES, WEBSOCKET};
pub(crate) use sip::{SIP, SIP_RATE_LIMIT};
pub(crate) use traces::{RULE as TRACE_RULE, TRACES};
pub(crate) use upstreams::{HEALTH_CHECK, PROBE, TARGET, UPSTREAMS};
pub(crate) use webhook::WEBHOOK;

/// A block and the settings that it may hold.
#[derive(Debug)]
pub(crate) struct Block {
    /// Its name; for one of many, behind the name that it is given.
    pub(crate) name: &'static str,
    /// What it is about, for the reference page.
    pub(crate) about: &'static str,
    pub(crate) keys: &'static [Key],
}

/// A setting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// Another name for the same.
    pub(crate) alias: Option<&'static str>,
    pub(crate) form: Form,
    pub(crate) default: Fallback,
    pub(crate) repeats: Repeats,
    pub(crate) status: Status,
    /// In Markdown.
    pub(crate) meaning: &'static str,
}

/// What stands behind a setting's name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// `true` or `false`.
    Flag,
    /// A count, of which 0 means no limit.
    Count,
    /// A whole number within bounds.
    Integer(u64, u64),
    /// Bytes, as a number or with a unit, within bounds.
    Size(u64, u64),
    /// A text like `"1m30s"`.
    Duration,
    /// A text like `"1m30s"`, or whole seconds.
    DurationOrSeconds,
    /// Whole seconds, of which the first number is the least.
    Seconds(u64),
    /// Whole milliseconds, of which the first number is the least.
    Millis(u64),
    /// One text; what it is.
    Text(&'static str),
    /// One text or several; what each is.
    Texts(&'static str),
    /// One of the words that the function tells.
    Word(fn() -> Vec<&'static str>),
    /// A block.
    Block(&'static Block),
    /// A block of which there may be many, each with a name of its own.
    Named(&'static Block),
    /// Something else, as the text says; the block, if it has one.
    Other(&'static str, Option<&'static Block>),
}

/// What holds where a setting does not stand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fallback {
    /// It must stand.
    Required,
    /// This value, written without quotes.
    Value(&'static str),
    /// What the text says.
    Words(&'static str),
    /// Nothing.
    Nothing,
}

/// How often a setting may stand in one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Once.
    Once,
    /// Often; each is a thing of its own.
    Often,
    /// Often; they are one block in several pieces.
    Merged,
}

/// What becomes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It does what its meaning says.
    Enforced,
    /// It has no meaning here; other gateways' configurations have it.
    Ignored,
    /// It is known, but its feature does not exist.
    Later,
}

impl Block {
    /// The row of a setting.
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.get(self.position(name)?)
    }

    /// The setting with a name, or another name of it.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.keys.iter().position(|key| key.name == name || key.alias == Some(name))
    }
}

/// A setting with a default.
const fn key(name: &'static str, form: Form, default: &'static str, meaning: &'static str) -> Key {
    optional(name, form, meaning).or(Fallback::Value(default))
}

/// A setting that must stand.
const fn required(name: &'static str, form: Form, meaning: &'static str) -> Key {
    optional(name, form, meaning).or(Fallback::Required)
}

/// A setting without which there is nothing of the kind.
const fn optional(name: &'static str, form: Form, meaning: &'static str) -> Key {
    Key {
        name,
        alias: None,
        form,
        default: Fallback::Nothing,
        repeats: Repeats::Once,
        status: Status::Enforced,
        meaning,
    }
}

/// A setting whose feature does not exist; `instead` is what can be done without it, or empty.
const fn later(name: &'static str, instead: &'static str) -> Key {
    let mut key = optional(name, Form::Other("", None), instead);
    key.repeats = Repeats::Often;
    key.status = Status::Later;
    key
}

impl Key {
    const fn or(mut self, default: Fallback) -> Self {
        self.default = default;
        self
    }

    const fn or_else(self, words: &'static str) -> Self {
        self.or(Fallback::Words(words))
    }

    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn often(mut self) -> Self {
        self.repeats = Repeats::Often;
        self
    }

    const fn merged(mut self) -> Self {
        self.repeats = Repeats::Merged;
        self
    }

    const fn ignored(mut self) -> Self {
        self.status = Status::Ignored;
        self
    }
}
