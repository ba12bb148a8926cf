//! Messages that come in several frames, put together: an attack that is cut in two is none in either piece.
//!
//! A proxy that puts messages together itself sends one frame for each, and then nothing is kept here.

use std::time::Instant;

use agent_proto::Opcode;

use super::recent::Recent;

/// Bytes of all messages that are under way.
const HELD_MAX: usize = 64 * 1024 * 1024;

/// What a frame of data is to its message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// All of it.
    Whole,
    /// The beginning, or more of it, but not the end.
    Part(Kind),
    /// The end, with all that came before.
    End(Kind, Vec<u8>),
    /// More of a message whose beginning is not known.
    WithoutBeginning,
    /// It makes the message larger than one may be.
    TooLarge,
    /// There are too many messages under way.
    NoRoom,
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
}

/// A frame of data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// Of which connection.
    pub(super) id: &'a str,
    pub(super) from_client: bool,
    /// `None` for more of a message.
    pub(super) begins: Option<Kind>,
    pub(super) is_last: bool,
    pub(super) payload: &'a [u8],
}

impl Kind {
    /// What a frame with this opcode begins; `None`: no frame of data, or more of a message.
    pub(super) const fn begun_by(opcode: Opcode) -> Option<Self> {
        match opcode {
            Opcode::Text => Some(Self::Text),
            Opcode::Binary => Some(Self::Binary),
            Opcode::Continuation | Opcode::Ping | Opcode::Pong | Opcode::Close | Opcode::Reserved => None,
        }
    }
}

/// The messages that are under way.
#[derive(Debug)]
pub(super) struct Fragments {
    partial: Recent<(Kind, Vec<u8>)>,
    /// No less than the bytes of all of them.
    held: usize,
}

impl Fragments {
    pub(super) fn new(now: Instant) -> Self {
        Self { partial: Recent::new(now), held: 0 }
    }

    /// Takes a frame. `max` is the size that a message may have.
    pub(super) fn add(&mut self, frame: Frame<'_>, max: usize, now: Instant) -> Piece {
        let key = (frame.id, frame.from_client);
        let under_way = self.partial.take(key);
        self.held -= self.held.min(under_way.as_ref().map_or(0, |(_, bytes)| bytes.len()));
        let (kind, mut message) = match (frame.begins, under_way) {
            (Some(_), _) if frame.is_last => return Piece::Whole,
            (Some(kind), _) => (kind, Vec::new()),
            (None, Some(under_way)) => under_way,
            (None, None) => return Piece::WithoutBeginning,
        };
        let length = message.len().saturating_add(frame.payload.len());
        if length > max {
            return Piece::TooLarge;
        }
        if frame.is_last {
            message.extend_from_slice(frame.payload);
            return Piece::End(kind, message);
        }
        if self.held.saturating_add(length) > HELD_MAX {
            // Those that were forgotten may have made room.
            self.held = self.partial.values().map(|(_, bytes)| bytes.len()).sum();
        }
        if self.held.saturating_add(length) > HELD_MAX {
            return Piece::NoRoom;
        }
        message.extend_from_slice(frame.payload);
        self.held += length;
        self.partial.put(key, (kind, message), now);
        Piece::Part(kind)
    }

    /// The connection has ended.
    pub(super) fn forget(&mut self, id: &str) {
        for from_client in [true, false] {
            let (_, bytes) = self.partial.take((id, from_client)).unwrap_or((Kind::Text, Vec::new()));
            self.held -= self.held.min(bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Fragments, Frame, HELD_MAX, Kind, Piece};
    use std::time::Instant;

    #[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
    fn start() -> Instant {
        Instant::now()
    }

    const fn frame(begins: Option<Kind>, is_last: bool, payload: &[u8]) -> Frame<'_> {
        Frame { id: "c", from_client: true, begins, is_last, payload }
    }

    #[test]
    fn a_message_in_three_frames_is_put_together() {
        let now = start();
        let mut fragments = Fragments::new(now);
        assert_eq!(fragments.add(frame(Some(Kind::Text), false, b"<scr"), 100, now), Piece::Part(Kind::Text));
        let answer = Frame { from_client: false, ..frame(Some(Kind::Binary), true, b"x") };
        assert_eq!(fragments.add(answer, 100, now), Piece::Whole, "the other direction is another message");
        assert_eq!(fragments.add(frame(None, false, b"ip"), 100, now), Piece::Part(Kind::Text));
        assert_eq!(
            fragments.add(frame(None, true, b"t>"), 100, now),
            Piece::End(Kind::Text, b"<script>".to_vec())
        );
        assert_eq!(fragments.add(frame(None, true, b"t>"), 100, now), Piece::WithoutBeginning);
        assert_eq!(fragments.held, 0);
    }

    #[test]
    fn a_message_is_no_larger_than_it_may_be() {
        let now = start();
        let mut fragments = Fragments::new(now);
        assert_eq!(fragments.add(frame(Some(Kind::Text), false, b"1234"), 5, now), Piece::Part(Kind::Text));
        assert_eq!(fragments.add(frame(None, false, b"56"), 5, now), Piece::TooLarge);
        assert_eq!(fragments.held, 0);
    }

    #[test]
    fn all_together_are_no_larger_than_they_may_be_and_room_comes_back() {
        let now = start();
        let mut fragments = Fragments::new(now);
        let half = vec![0; HELD_MAX / 2];
        let of = |id, payload| Frame { id, ..frame(Some(Kind::Binary), false, payload) };
        assert_eq!(fragments.add(of("a", &half), usize::MAX, now), Piece::Part(Kind::Binary));
        assert_eq!(fragments.add(of("b", &half), usize::MAX, now), Piece::Part(Kind::Binary));
        assert_eq!(fragments.add(of("c", b"1"), usize::MAX, now), Piece::NoRoom);
        fragments.forget("a");
        assert_eq!(fragments.add(of("c", b"1"), usize::MAX, now), Piece::Part(Kind::Binary));
    }
}
