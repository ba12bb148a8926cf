//! What a gateway wrote to its log: one JSON object a line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// All records of one gateway, in order.
#[derive(Debug)]
pub struct Records(Vec<Value>);

impl Records {
    /// Reads the log of a gateway that has stopped.
    ///
    /// # Panics
    /// When it cannot be read, or a line is no JSON object with a time and an event.
    #[must_use]
    #[track_caller]
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a log that can be read");
        let records: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("a record in JSON")).collect();
        for record in &records {
            assert!(record["time"].is_string() && record["event"].is_string(), "{record}");
        }
        Self(records)
    }

    /// The records of an event, but for those of requests to `path`.
    pub(crate) fn forget_path(&mut self, path: &str) {
        self.0.retain(|record| record["path"] != path);
    }

    /// All records of an event.
    #[must_use]
    pub fn of(&self, event: &str) -> Vec<&Value> {
        self.0.iter().filter(|record| record["event"] == event).collect()
    }

    /// The record of an event of which there is one.
    ///
    /// # Panics
    /// When there is none, or more.
    #[must_use]
    #[track_caller]
    pub fn only(&self, event: &str) -> &Value {
        let found = self.of(event);
        assert_eq!(found.len(), 1, "{event} in {self:#?}");
        found.first().expect("it was counted")
    }

    /// The reasons of all records of an event, each with how often it stands.
    #[must_use]
    pub fn reasons(&self, event: &str) -> BTreeMap<&str, usize> {
        let mut reasons = BTreeMap::new();
        for record in self.of(event) {
            *reasons.entry(record["reason"].as_str().unwrap_or_default()).or_default() += 1;
        }
        reasons
    }

    /// Fails unless every session has one record of its open and one of its close behind
    /// it, and both speak of the same connection.
    ///
    /// # Panics
    /// When a session does not.
    #[track_caller]
    pub fn assert_paired(&self) {
        let mut open: BTreeMap<&str, &Value> = BTreeMap::new();
        let mut seen = Vec::new();
        for record in &self.0 {
            let session = record["session"].as_str().unwrap_or_default();
            if record["event"] == "open" {
                assert!(!seen.contains(&session), "{session} opens twice");
                seen.push(session);
                open.insert(session, record);
            } else if record["event"] == "close" {
                let opened = open.remove(session).expect("a close follows on an open");
                for key in ["client", "upstream", "path"] {
                    assert_eq!(opened[key], record[key], "{key} of {record}");
                }
            }
        }
        assert!(open.is_empty(), "sessions without a close: {open:?}");
    }
}

/// Fails unless a record has these values.
///
/// # Panics
/// When it has others.
#[track_caller]
pub fn assert_has(record: &Value, expected: &Value) {
    for (key, value) in expected.as_object().into_iter().flatten() {
        assert_eq!(record.get(key), Some(value), "{key} of {record}");
    }
}
