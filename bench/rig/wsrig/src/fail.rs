//! Why connections end that should not, and how often.

use std::fmt;
use std::io;

use crate::ws::FrameError;

/// Why a connection ended that should not have.
#[derive(Debug)]
pub enum Fail {
    Io(io::Error),
    Frame(FrameError),
    Refused(String),
    Eof,
    PeerClosed,
    Mismatch(&'static str),
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => write!(f, "{e}"),
            Self::Frame(e) => write!(f, "bad frame: {e}"),
            Self::Refused(line) => write!(f, "upgrade refused: {line}"),
            Self::Eof => write!(f, "connection ended without a close frame"),
            Self::PeerClosed => write!(f, "peer sent a close frame"),
            Self::Mismatch(what) => write!(f, "echo differs: {what}"),
        }
    }
}

impl From<io::Error> for Fail {
    fn from(e: io::Error) -> Self {
        Self::Io(e)
    }
}

impl From<FrameError> for Fail {
    fn from(e: FrameError) -> Self {
        Self::Frame(e)
    }
}

/// Counts failures and keeps the first few texts.
#[derive(Default)]
pub struct Failures {
    pub count: u64,
    texts: Vec<String>,
}

impl Failures {
    pub fn add(&mut self, text: String) {
        self.count += 1;
        if self.texts.len() < 3 && !self.texts.contains(&text) {
            self.texts.push(text);
        }
    }

    pub fn merge(&mut self, other: Self) {
        let more = other.count - other.texts.len() as u64;
        for text in other.texts {
            self.add(text);
        }
        self.count += more;
    }

    pub fn text(&self) -> String {
        self.texts.join("; ")
    }
}
