//! Opcodes (RFC 6455 §5.2, §11.8) and which of them carry what.

/// What a frame carries. Reserved opcodes have no value here: they are errors of
/// the header that names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Opcode {
    /// The next fragment of the message in progress (0x0).
    Continuation,
    /// A text message or its first fragment (0x1).
    Text,
    /// A binary message or its first fragment (0x2).
    Binary,
    /// The start or the answer of the closing handshake (0x8).
    Close,
    /// A probe that the peer answers with a pong (0x9).
    Ping,
    /// The answer to a ping, or an unsolicited heartbeat (0xA).
    Pong,
}

impl Opcode {
    /// Every opcode, in the order of [`Opcode::index`].
    pub const ALL: [Self; 6] =
        [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];

    /// Reads the low four bits of a frame's first byte; `None` for 3 to 7 and B to F.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits & 0x0f {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xa => Some(Self::Pong),
            _ => None,
        }
    }

    /// The value on the wire.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0x0,
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Close, ping and pong: never fragmented, at most 125 bytes (RFC 6455 §5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    /// The position in [`Opcode::ALL`], for tables of counters.
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 3,
            Self::Ping => 4,
            Self::Pong => 5,
        }
    }

    /// The name used in logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Continuation => "continuation",
            Self::Text => "text",
            Self::Binary => "binary",
            Self::Close => "close",
            Self::Ping => "ping",
            Self::Pong => "pong",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_opcode_survives_the_wire_and_the_other_ten_are_refused() {
        for opcode in Opcode::ALL {
            assert_eq!(Opcode::from_bits(opcode.bits()), Some(opcode));
            assert_eq!(Opcode::ALL[opcode.index()], opcode);
        }
        let known = (0..16).filter(|bits| Opcode::from_bits(*bits).is_some());
        assert_eq!(known.count(), 6);
    }
}
