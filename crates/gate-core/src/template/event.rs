//! What a line is of: an event of a session.

use std::time::Duration;

use ws_proto::Opcode;

use crate::session::Party;

/// An event of a session.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Which.
    pub kind: Kind,
    /// When.
    pub stamp: Stamp<'a>,
    /// Since the session opened.
    pub age: Duration,
    /// The frame or message, or on the last line the last frame that passed.
    pub data: Option<Data>,
    /// Who sent it; on the last line, who began the end.
    pub source: Option<Party>,
    /// What a Close said.
    pub close: Option<Close<'a>>,
    /// The end, on the last line.
    pub end: Option<End<'a>>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The session opened.
    Open,
    /// A frame passed.
    Frame,
    /// A data message passed.
    Message,
    /// The session is over.
    Close,
}

impl Kind {
    /// All, in the order in which a session has them.
    pub const ALL: [Self; 4] = [Self::Open, Self::Frame, Self::Message, Self::Close];

    /// The name, in logs and in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Frame => "frame",
            Self::Message => "message",
            Self::Close => "close",
        }
    }
}

/// A time of day, as text for the second, which lasts for many lines.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'a> {
    /// `22/Nov/2026:05:00:00 +0000`.
    pub local: &'a str,
    /// `2026-11-22T05:00:00+00:00`.
    pub iso8601: &'a str,
    /// Seconds since 1970.
    pub seconds: u64,
    /// Milliseconds of that second.
    pub millis: u16,
}

/// A frame, or a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data {
    /// Of the frame; of a message, that of its first frame.
    pub opcode: Opcode,
    /// Bytes of the frame's payload on the wire; of a message, of its last frame's.
    pub payload_size: u64,
    /// Bytes of the message so far, on the wire. A control frame is a message of its own.
    pub message_size: u64,
    /// Frames of the message so far.
    pub fragments: u32,
    /// The message is compressed.
    pub is_compressed: bool,
}

/// What a Close said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close<'a> {
    /// The code; 1005 of a frame without one, 1006 where there was no Close (RFC 6455 §7.4.1).
    pub code: u16,
    /// The reason; `None` where it was not kept, or there is none.
    pub reason: Option<&'a str>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug)]
pub struct End<'a> {
    /// Who began it: who sent the first Close, FIN or RST.
    pub initiator: Party,
    /// Why, in one word.
    pub reason: &'static str,
    /// Whose doing it was.
    pub by: Party,
    /// What came from the client, and from the upstream.
    pub totals: &'a [Totals; 2],
}

/// What came from one side and was passed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Frames that passed whole.
    pub frames: u64,
    /// Data messages that passed whole.
    pub messages: u64,
    /// Payload bytes of those frames.
    pub payload_bytes: u64,
    /// Bytes, frame headers included.
    pub bytes: u64,
}
