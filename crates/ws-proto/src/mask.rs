//! Masking (RFC 6455 §5.3): XOR with a four-byte key that repeats.
//!
//! `phase` is the offset of the first byte within the frame's payload; only its low
//! two bits matter. The loops run over whole words so that they vectorise.

/// The key of one frame.
pub type MaskKey = [u8; 4];

/// Masks or unmasks in place.
pub fn apply(bytes: &mut [u8], key: MaskKey, phase: u64) {
    let key = rotated(key, phase);
    let word = u64::from_ne_bytes(doubled(key));
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for chunk in words {
        *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Copies `from` unmasked into `to`, as far as both reach.
pub fn copy(from: &[u8], to: &mut [u8], key: MaskKey, phase: u64) {
    let key = rotated(key, phase);
    let word = u64::from_ne_bytes(doubled(key));
    let (from_words, from_rest) = from.as_chunks::<8>();
    let (to_words, _) = to.as_chunks_mut::<8>();
    for (to, from) in to_words.iter_mut().zip(from_words) {
        *to = (u64::from_ne_bytes(*from) ^ word).to_ne_bytes();
    }
    let tail = from.len() - from_rest.len();
    for ((to, from), key) in to.iter_mut().skip(tail).zip(from_rest).zip(key.iter().cycle()) {
        *to = from ^ key;
    }
}

/// Whether the unmasked bytes would all be ASCII, without unmasking them.
#[must_use]
pub fn is_ascii(masked: &[u8], key: MaskKey, phase: u64) -> bool {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let key = rotated(key, phase);
    let word = u64::from_ne_bytes(doubled(key));
    let (words, rest) = masked.as_chunks::<8>();
    // Blocks bound the work done behind the first byte that is not ASCII.
    let blocks = words.chunks(64).all(|block| {
        let seen = block.iter().fold(0, |seen, chunk| seen | (u64::from_ne_bytes(*chunk) ^ word));
        seen & HIGH_BITS == 0
    });
    blocks && rest.iter().zip(key.iter().cycle()).all(|(byte, key)| (byte ^ key).is_ascii())
}

fn rotated([a, b, c, d]: MaskKey, phase: u64) -> MaskKey {
    match phase & 3 {
        0 => [a, b, c, d],
        1 => [b, c, d, a],
        2 => [c, d, a, b],
        _ => [d, a, b, c],
    }
}

fn doubled([a, b, c, d]: MaskKey) -> [u8; 8] {
    [a, b, c, d, a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Byte by byte, as RFC 6455 §5.3 writes it.
    fn by_the_book(bytes: &[u8], key: MaskKey, phase: u64) -> Vec<u8> {
        bytes.iter().zip(phase..).map(|(byte, i)| byte ^ key[usize::try_from(i % 4).unwrap()]).collect()
    }

    #[test]
    fn words_and_bytes_agree_at_every_length_and_phase() {
        let key = [0x37, 0xfa, 0x21, 0x3d];
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length).collect();
            for phase in 0..8 {
                let expected = by_the_book(&bytes, key, phase);
                let mut in_place = bytes.clone();
                apply(&mut in_place, key, phase);
                assert_eq!(in_place, expected);
                let mut copied = vec![0; bytes.len()];
                copy(&bytes, &mut copied, key, phase);
                assert_eq!(copied, expected);
            }
        }
    }

    #[test]
    fn ascii_is_seen_through_the_mask() {
        let key = [0x81, 0x02, 0xff, 0x7f];
        for length in 0..600 {
            let plain = vec![b'a'; length];
            assert!(is_ascii(&by_the_book(&plain, key, 1), key, 1), "length {length}");
            if length > 0 {
                let mut other = plain.clone();
                other[length / 2] = 0xc3;
                assert!(!is_ascii(&by_the_book(&other, key, 1), key, 1), "length {length}");
            }
        }
    }
}
