//! Bytes that a walk holds back because a read has cut them off from those that judge them.

use crate::control::MAX_CONTROL_LEN;
use crate::header::MAX_HEADER_LEN;

/// Bytes that were held back.
#[derive(Debug)]
pub enum Held {
    /// None.
    Nothing,
    /// The first bytes of a header.
    Header(HeaderPiece),
    /// The first bytes of a control frame.
    Control(Box<ControlPiece>),
}

impl Held {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Header(piece) => piece.as_bytes(),
            Self::Control(piece) => piece.as_bytes(),
        }
    }
}

/// The first bytes of a header that a read has cut.
pub type HeaderPiece = Piece<MAX_HEADER_LEN>;
/// The first bytes of a control frame that a read has cut.
pub type ControlPiece = Piece<MAX_CONTROL_LEN>;

/// Up to `N` bytes in place.
#[derive(Clone, Copy, Debug)]
pub struct Piece<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Piece<N> {
    pub(super) const EMPTY: Self = Self { bytes: [0; N], length: 0 };

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes as many of `bytes` as there is room for and says how many.
    pub(super) fn fill(&mut self, bytes: &[u8]) -> usize {
        let free = self.bytes.get_mut(usize::from(self.length)..).unwrap_or_default();
        let taken = free.len().min(bytes.len());
        for (slot, byte) in free.iter_mut().zip(bytes) {
            *slot = *byte;
        }
        self.length = self.length.saturating_add(u8::try_from(taken).unwrap_or(u8::MAX));
        taken
    }
}

impl HeaderPiece {
    /// To be forwarded, if there is any.
    pub(super) fn held(self) -> Held {
        if self.is_empty() { Held::Nothing } else { Held::Header(self) }
    }
}
