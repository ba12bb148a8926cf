//! `inspect`: which rules the messages of a route are judged by.

use std::path::{Path, PathBuf};

use gate_core::Side;
use gate_inspect::{Directions, OnMatch, Settings};

use super::place::At;

/// The limit of sizes of what is inspected, where none is written: bytes of a frame, and of a message.
pub const INSPECTED_SIZE_MAX: u64 = 1 << 20;

/// The same for frames of a message.
pub const INSPECTED_FRAGMENTS_MAX: u32 = 1024;

/// The rules of a route.
#[derive(Clone, Debug, Default)]
pub struct Inspect {
    /// All but the schemas, whose texts are in files: `schemas` of it is empty.
    pub settings: Settings,
    /// `json-schema`.
    pub schemas: Vec<SchemaFile>,
    /// `stream-above`: bytes of a message above which it goes on piece by piece.
    pub stream_above: Option<At<u64>>,
}

/// `json-schema`: a file that says what messages must be like.
#[derive(Clone, Debug)]
pub struct SchemaFile {
    /// The file.
    pub file: At<PathBuf>,
    /// `direction`: whose messages. Default the clients'.
    pub directions: Directions,
}

impl Inspect {
    /// Whether any of the rules is about what `side` sends.
    #[must_use]
    pub fn has(&self, side: Side) -> bool {
        self.settings.directions.has(side) || self.schemas.iter().any(|schema| schema.directions.has(side))
    }

    /// Whether it may drop a message, or have another go on in its place.
    #[must_use]
    pub fn takes_messages_away(&self) -> bool {
        let Settings { on_match, redactions, .. } = &self.settings;
        matches!(on_match, OnMatch::Drop | OnMatch::Redact) || !redactions.is_empty()
    }

    /// The files that are read for it: schemas.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.schemas.iter().map(|schema| &*schema.file.value)
    }
}
