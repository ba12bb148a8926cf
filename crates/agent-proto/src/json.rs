//! JSON that is passed on without being looked into: it takes no more memory than its text.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::fault::Fault;

/// A JSON value, kept as its text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Reads a text.
    ///
    /// # Errors
    /// It is not one JSON value.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        Ok(Self(serde_json::from_str::<Box<RawValue>>(text)?))
    }

    /// The JSON of a string.
    #[must_use]
    pub fn string(text: &str) -> Self {
        Self(to_raw_value(text).unwrap_or_default())
    }

    /// Its text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.get()
    }

    /// What it says, if it is a string.
    #[must_use]
    pub fn as_string(&self) -> Option<String> {
        serde_json::from_str(self.text()).ok()
    }

    /// Looks into it.
    ///
    /// # Errors
    /// It is not of that shape; the message says why.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_str(self.text()).map_err(|error| crate::fault::quote(&error.to_string()))
    }
}

impl Default for Json {
    /// `null`.
    fn default() -> Self {
        Self(Box::default())
    }
}

impl PartialEq for Json {
    /// By text.
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
