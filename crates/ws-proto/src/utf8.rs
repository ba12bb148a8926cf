//! UTF-8 over pieces: a text message arrives in frames, and frames in reads.
//!
//! Fails at the first byte that no valid text can have at its place (RFC 6455 §8.1
//! lets an endpoint fail at once), and keeps at most the three bytes of a character
//! that is cut by the end of a piece.

use crate::mask::{self, MaskKey};

/// The text is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidUtf8;

/// The check of one text message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8Check {
    /// The first bytes of a character whose rest has not come, `carried` of them.
    carry: [u8; 4],
    carried: u8,
}

impl Utf8Check {
    /// Checks the next piece of the text.
    ///
    /// # Errors
    /// When no continuation could make the text valid.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), InvalidUtf8> {
        while self.carried > 0 {
            let Some((first, rest)) = piece.split_first() else { return Ok(()) };
            self.push_to_carry(*first)?;
            piece = rest;
        }
        match simdutf8::compat::from_utf8(piece) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(InvalidUtf8),
            Err(error) => self.carry_over(piece.get(error.valid_up_to()..).unwrap_or_default()),
        }
    }

    /// Checks the next piece, which is masked with `key` from `phase` on.
    ///
    /// # Errors
    /// As [`Utf8Check::push`].
    pub fn push_masked(&mut self, piece: &[u8], key: MaskKey, phase: u64) -> Result<(), InvalidUtf8> {
        if self.carried == 0 && mask::is_ascii(piece, key, phase) {
            return Ok(());
        }
        let mut plain = [0; UNMASK_BLOCK];
        let mut phase = phase;
        for block in piece.chunks(UNMASK_BLOCK) {
            mask::copy(block, &mut plain, key, phase);
            self.push(plain.get(..block.len()).unwrap_or_default())?;
            // Blocks are a multiple of four bytes; only the last may be shorter.
            phase = phase.wrapping_add(UNMASK_BLOCK_U64);
        }
        Ok(())
    }

    /// Ends the message and makes the check ready for the next one.
    ///
    /// # Errors
    /// When the text ends within a character.
    pub fn finish(&mut self) -> Result<(), InvalidUtf8> {
        let complete = self.carried == 0;
        *self = Self::default();
        if complete { Ok(()) } else { Err(InvalidUtf8) }
    }

    fn push_to_carry(&mut self, byte: u8) -> Result<(), InvalidUtf8> {
        let slot = self.carry.get_mut(usize::from(self.carried)).ok_or(InvalidUtf8)?;
        *slot = byte;
        self.carried += 1;
        let character = self.carry.get(..usize::from(self.carried)).unwrap_or_default();
        match std::str::from_utf8(character) {
            Ok(_) => self.carried = 0,
            Err(error) if error.error_len().is_some() => return Err(InvalidUtf8),
            Err(_) => {}
        }
        Ok(())
    }

    fn carry_over(&mut self, rest: &[u8]) -> Result<(), InvalidUtf8> {
        rest.iter().try_for_each(|byte| self.push_to_carry(*byte))
    }
}

/// Text is unmasked on the stack in blocks of this size.
const UNMASK_BLOCK: usize = 1024;
const UNMASK_BLOCK_U64: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(bytes: &[u8]) -> Result<(), InvalidUtf8> {
        let mut check = Utf8Check::default();
        check.push(bytes)?;
        check.finish()
    }

    const VALID: [&str; 5] = ["", "plain", "κόσμε", "a\u{10ffff}b\u{800}", "日本語 🎌 text"];
    const INVALID: [&[u8]; 8] = [
        b"\xff",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"ab\xce",
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
        b"\x80",
    ];

    #[test]
    fn every_cut_gives_the_verdict_of_the_whole() {
        let texts = VALID.iter().map(|text| text.as_bytes()).chain(INVALID);
        for text in texts {
            let expected = std::str::from_utf8(text).map(drop).map_err(|_| InvalidUtf8);
            assert_eq!(whole(text), expected, "{text:x?}");
            for first in 0..=text.len() {
                for second in first..=text.len() {
                    let mut check = Utf8Check::default();
                    let verdict = check
                        .push(&text[..first])
                        .and_then(|()| check.push(&text[first..second]))
                        .and_then(|()| check.push(&text[second..]))
                        .and_then(|()| check.finish());
                    assert_eq!(verdict, expected, "{text:x?} cut at {first} and {second}");
                }
            }
        }
    }

    #[test]
    fn masked_text_has_the_same_verdict() {
        let key = [0x12, 0xa4, 0x56, 0xff];
        let long = "ünï".repeat(900);
        let texts = VALID.iter().map(|text| text.as_bytes()).chain(INVALID).chain([long.as_bytes()]);
        for text in texts {
            let mut masked = text.to_vec();
            mask::apply(&mut masked, key, 0);
            for cut in 0..=masked.len().min(40) {
                let mut check = Utf8Check::default();
                let (head, tail) = masked.split_at(cut);
                let verdict = check
                    .push_masked(head, key, 0)
                    .and_then(|()| check.push_masked(tail, key, u64::try_from(cut).unwrap()))
                    .and_then(|()| check.finish());
                assert_eq!(verdict.is_ok(), std::str::from_utf8(text).is_ok(), "{text:x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn row_44_fails_at_the_first_impossible_byte() {
        let mut check = Utf8Check::default();
        assert_eq!(check.push(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4"), Ok(()));
        assert_eq!(check.push(b"\x90"), Err(InvalidUtf8));
    }
}
