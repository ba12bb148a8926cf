//! Messages in a stream of bytes, found by Content-Length (RFC 3261 §18.3), and the keepalives between them.

use crate::error::{Fault, MessageError};
use crate::limits::Limits;
use crate::message::agreed_length;
use crate::name::HeaderName;
use crate::syntax;

/// What keeps a flow open (RFC 5626 §3.5.1). It belongs to one hop and is never passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keepalive {
    /// Two line ends, which are answered by one: [`Keepalive::PONG`].
    Ping,
    /// One line end.
    Pong,
}

impl Keepalive {
    /// What asks for a sign of life.
    pub const PING: &'static [u8] = b"\r\n\r\n";
    /// What answers.
    pub const PONG: &'static [u8] = b"\r\n";

    /// Whether a WebSocket message or a datagram is a keepalive: nothing but line ends.
    #[must_use]
    pub fn of(message: &[u8]) -> Option<Self> {
        match message {
            b"\r\n" | b"\n" => Some(Self::Pong),
            [] => None,
            _ if message.iter().all(|byte| matches!(byte, b'\r' | b'\n')) => Some(Self::Ping),
            _ => None,
        }
    }
}

/// What stands next in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A message of that many bytes, all of them here.
    Message {
        /// Its bytes, the body included.
        length: usize,
    },
    /// A keepalive of that many bytes.
    Keepalive {
        /// Which. A ping of which only one line end has come counts as a pong first; with the second it is
        /// a ping of that one line end, since nobody may wait for more behind a pong.
        kind: Keepalive,
        /// Its bytes.
        length: usize,
    },
}

impl Item {
    /// Its bytes, which are to be taken from the front before [`Framer::next`] is asked again.
    #[must_use]
    pub const fn length(&self) -> usize {
        match self {
            Self::Message { length } | Self::Keepalive { length, .. } => *length,
        }
    }
}

/// The search for messages in one direction of a stream. It holds no bytes, and looks at each but once,
/// however small the reads are.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: Limits,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Between messages.
    Between {
        /// The stream stopped right behind a line end, so that one more makes a ping.
        is_half_ping: bool,
    },
    Head(Head),
    /// The empty line has been found, the message has that many bytes.
    Body {
        length: usize,
    },
    /// Nothing can be found any more.
    Lost(MessageError),
}

/// A head of which a part has come.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// Where the line begins that has not ended, folds included.
    line: usize,
    /// No line end that has not been looked at is before it.
    searched: usize,
    content_length: Option<usize>,
}

impl Framer {
    /// At the beginning of a stream.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self { limits, state: State::Between { is_half_ping: false } }
    }

    /// Holds what comes from here on to other limits; a message whose length is known already is not held to them.
    pub const fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What stands at the front of `bytes`, which are all that have come and have not been taken as an item; None
    /// if more must come first.
    ///
    /// # Errors
    /// The stream cannot be followed any further, and each later call says the same. What is there of the message
    /// may be good for an [answer](crate::Message::salvage) before the connection is closed.
    pub fn next(&mut self, bytes: &[u8]) -> Result<Option<Item>, MessageError> {
        let found = self.find(bytes);
        if let Err(error) = found {
            self.state = State::Lost(error);
        }
        found
    }

    /// Whether the stream may end here.
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        matches!(self.state, State::Between { .. })
    }

    /// The length of the message at the front, as soon as that is known.
    #[must_use]
    pub const fn message_length(&self) -> Option<usize> {
        match self.state {
            State::Body { length } => Some(length),
            State::Between { .. } | State::Head(_) | State::Lost(_) => None,
        }
    }

    fn find(&mut self, bytes: &[u8]) -> Result<Option<Item>, MessageError> {
        if let State::Between { is_half_ping } = self.state {
            match bytes {
                [] | [b'\r'] => return Ok(None),
                [b'\n' | b'\r', ..] => return self.keepalive(bytes, is_half_ping),
                _ => self.state = State::Head(Head::default()),
            }
        }
        if let State::Head(head) = &mut self.state
            && let Some(length) = head.search(bytes, &self.limits)?
        {
            self.state = State::Body { length };
        }
        match self.state {
            State::Body { length } if length <= bytes.len() => {
                self.state = State::Between { is_half_ping: false };
                Ok(Some(Item::Message { length }))
            }
            State::Lost(error) => Err(error),
            State::Body { .. } | State::Head(_) | State::Between { .. } => Ok(None),
        }
    }

    fn keepalive(&mut self, bytes: &[u8], is_half_ping: bool) -> Result<Option<Item>, MessageError> {
        let first = line_end(bytes).ok_or_else(|| MessageError::new(Fault::BadCharacter, 0))?;
        let rest = bytes.get(first..).unwrap_or_default();
        let (kind, length) = match (is_half_ping, line_end(rest)) {
            (true, _) => (Keepalive::Ping, first),
            (false, Some(second)) => (Keepalive::Ping, first + second),
            (false, None) => (Keepalive::Pong, first),
        };
        let is_half_ping = kind == Keepalive::Pong && matches!(rest, [] | [b'\r']);
        self.state = State::Between { is_half_ping };
        Ok(Some(Item::Keepalive { kind, length }))
    }
}

impl Head {
    /// The length of the message, once its head is all there.
    fn search(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<usize>, MessageError> {
        let window = bytes.get(..limits.head).unwrap_or(bytes);
        while let Some(found) = memchr::memchr(b'\n', window.get(self.searched..).unwrap_or_default()) {
            self.searched += found;
            let end = self.searched;
            if matches!(syntax::slice(window, self.line..end), [] | [b'\r']) {
                return self.message_length(end + 1, limits).map(Some);
            }
            // What follows says whether the line goes on (RFC 3261 §7.3.1).
            let Some(next) = window.get(end + 1) else { break };
            self.searched = end + 1;
            if !matches!(next, b' ' | b'\t') {
                self.take_line(window, end)?;
            }
        }
        if window.len() == limits.head {
            return Err(MessageError::new(Fault::HeadTooLarge, limits.head));
        }
        if window.get(self.searched) != Some(&b'\n') {
            self.searched = window.len();
        }
        Ok(None)
    }

    fn take_line(&mut self, window: &[u8], end: usize) -> Result<(), MessageError> {
        let start = core::mem::replace(&mut self.line, end + 1);
        let line = syntax::slice(window, start..end);
        // The first line is no header, and few others begin with one of these letters.
        if start == 0 || !matches!(line, [b'c' | b'C' | b'l' | b'L', ..]) {
            return Ok(());
        }
        let Some(colon) = memchr::memchr(b':', line) else { return Ok(()) };
        let (name, value) = (syntax::slice(line, 0..colon), syntax::slice(line, colon + 1..line.len()));
        if HeaderName::of(name.trim_ascii_end()) == HeaderName::ContentLength {
            let length = agreed_length(self.content_length, syntax::trimmed(value));
            self.content_length = Some(length.map_err(|fault| MessageError::new(fault, start))?);
        }
        Ok(())
    }

    fn message_length(&self, head: usize, limits: &Limits) -> Result<usize, MessageError> {
        let body = self.content_length.ok_or_else(|| MessageError::new(Fault::NoContentLength, head))?;
        let length = head.checked_add(body).filter(|length| *length <= limits.message);
        length.ok_or_else(|| MessageError::new(Fault::MessageTooLarge, head))
    }
}

/// The bytes of the line end that `bytes` begin with.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
