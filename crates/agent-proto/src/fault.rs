//! What can be wrong with a message, with a stable label for each kind of fault.

/// Characters of a foreign text that are repeated in a fault.
const QUOTE_MAX: usize = 200;

/// Why bytes are not a message, or a message is not one that may come here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A message is above the limit of its version, or of its reader.
    #[error("a message of {length} bytes, where at most {max} are allowed")]
    TooLarge {
        /// Bytes that were announced, or that would have to be sent.
        length: usize,
        /// Bytes that may be.
        max: usize,
    },
    /// It is not JSON, or not of the shape that it must have.
    #[error("a message that cannot be read: {0}")]
    Garbage(String),
    /// It is of another version of the protocol.
    #[error("a message of version {found}, where {wanted} is spoken")]
    Version {
        /// What it says.
        found: u32,
        /// What would be right.
        wanted: u32,
    },
    /// An event of version 1 that does not exist.
    #[error("the event type `{0}`, which does not exist")]
    UnknownEvent(String),
    /// A type byte of version 2 that does not exist.
    #[error("the message type {0:#04x}, which does not exist")]
    UnknownType(u8),
    /// A message that the other side is not to send, or not at this point.
    #[error("a message of type {0:#04x}, which has no place there")]
    Unexpected(u8),
    /// An answer of version 2 that does not say which event it is for.
    #[error("an answer without a correlation id")]
    Uncorrelated,
    /// The other side has refused the handshake.
    #[error("the handshake was refused: {0}")]
    Refused(String),
    /// The other side wants another encoding than JSON.
    #[error("an encoding other than JSON")]
    Encoding,
    /// The stream has ended within a message.
    #[error("the stream ended within a message")]
    Truncated,
}

impl Fault {
    /// All labels, for metrics that have a row for each.
    pub const LABELS: [&'static str; 8] =
        ["too-large", "garbage", "version", "unexpected", "uncorrelated", "refused", "encoding", "truncated"];

    /// The kind in one word, stable, for logs and metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too-large",
            Self::Garbage(_) | Self::UnknownEvent(_) | Self::UnknownType(_) => "garbage",
            Self::Version { .. } => "version",
            Self::Unexpected(_) => "unexpected",
            Self::Uncorrelated => "uncorrelated",
            Self::Refused(_) => "refused",
            Self::Encoding => "encoding",
            Self::Truncated => "truncated",
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Garbage(quote(&error.to_string()))
    }
}

/// A text of the other side's in a form that may stand in a log: short, without control characters.
#[must_use]
pub fn quote(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut quoted: String = printable.clone().take(QUOTE_MAX).collect();
    if printable.count() > QUOTE_MAX {
        quoted.push('…');
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_listed() {
        let garbage = || String::from("x");
        for fault in [
            Fault::TooLarge { length: 2, max: 1 },
            Fault::Garbage(garbage()),
            Fault::Version { found: 2, wanted: 1 },
            Fault::UnknownEvent(garbage()),
            Fault::UnknownType(9),
            Fault::Unexpected(1),
            Fault::Uncorrelated,
            Fault::Refused(garbage()),
            Fault::Encoding,
            Fault::Truncated,
        ] {
            assert!(Fault::LABELS.contains(&fault.label()), "{fault}");
        }
    }

    #[test]
    fn what_the_other_side_says_is_cut_and_cannot_forge_lines() {
        let quoted = quote(&format!("a\n\u{1b}[31m{}", "b".repeat(500)));
        assert!(quoted.starts_with("a\u{fffd}\u{fffd}[31mbbb") && quoted.ends_with('…'), "{quoted}");
        assert_eq!(quoted.chars().count(), QUOTE_MAX + 1);
    }
}
