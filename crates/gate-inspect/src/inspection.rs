//! Compiled settings: one message in, one judgement out.

use gate_core::Side;
use gate_core::session::Verdict;

use crate::decode::{self, Views};
use crate::detect::{Detectors, Hits};
use crate::finding::Finding;
use crate::settings::{Fault, Settings};

/// What a message is to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text message: UTF-8.
    Text,
    /// A binary message: anything, text among it.
    Binary,
    /// The payload of a ping or pong, or the reason of a Close: seen by detectors and patterns only.
    Control,
}

/// A whole message, unmasked and inflated.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Who sent it.
    pub from: Side,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub payload: &'a [u8],
}

/// What is to become of a message, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What is to become of it.
    pub verdict: Verdict,
    /// What was found; in [`crate::Mode::Detect`] nothing follows from it. Empty without an
    /// allocation.
    pub findings: Vec<Finding>,
}

/// Room for decoding, used again for each message; one for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    views: Views,
    hits: Hits,
}

/// See the module.
#[derive(Debug)]
pub struct Inspection {
    settings: Settings,
    detectors: Detectors,
}

impl Inspection {
    /// Compiles settings.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn compile(settings: Settings) -> Result<Self, Vec<Fault>> {
        let detectors = Detectors::compile(&settings)?;
        Ok(Self { settings, detectors })
    }

    /// What it was compiled of.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Looks through one message.
    #[must_use]
    pub fn judge(&self, subject: Subject<'_>, scratch: &mut Scratch) -> Judgement {
        let Scratch { views, hits } = scratch;
        decode::decode(&subject, &self.settings.limits, views);
        self.detectors.search(views, hits);
        Judgement { verdict: Verdict::Allow, findings: Vec::new() }
    }
}
