//! A hash for branches, tags and Call-IDs: the same in each process and release, so that a dialog finds its
//! server again and a request that comes again gets its branch again.
//!
//! Not against attackers: who finds two inputs of one hash mixes up transactions of its own.

/// The hash of what was written so far.
#[derive(Clone, Copy)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const fn new() -> Self {
        Self(0x51ab_03c6_9d2e_f847)
    }

    /// With that text. Where one text ends and the next begins matters.
    pub(super) fn text(self, text: &[u8]) -> Self {
        let (words, rest) = text.as_chunks();
        let mut hash = self;
        for word in words {
            hash = hash.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        // The length tells zeros that are padding from those that are text.
        hash.word(u64::from_le_bytes(last)).word(u64::try_from(text.len()).unwrap_or(u64::MAX))
    }

    pub(super) const fn word(self, word: u64) -> Self {
        // Odd, so that multiplying loses nothing; its bits are those of the golden ratio.
        Self((self.0.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Multiplying carries upwards only; folding brings the upper bits down.
    pub(super) const fn finish(self) -> u64 {
        let folded = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let folded = (folded ^ (folded >> 29)).wrapping_mul(0xa076_1d64_78bd_642f);
        folded ^ (folded >> 32)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_hash_stays_the_same() {
        assert_eq!(
            Hash::new().text(b"a84b4c76e66710@pc33.atlanta.example.com").finish(),
            0x8f19_624f_a42e_505a
        );
    }

    #[test]
    fn texts_that_differ_a_little_have_other_hashes() {
        let mut hashes = BTreeSet::new();
        let mut count = 0;
        for length in 0..40 {
            for at in 0..=length {
                let mut text = vec![b'a'; length];
                if let Some(byte) = text.get_mut(at) {
                    *byte = b'b';
                }
                if hashes.insert(Hash::new().text(&text).finish()) {
                    count += 1;
                }
                assert_eq!(hashes.len(), count);
            }
            assert_eq!(hashes.len(), (0..=length).map(|length| length + 1).sum::<usize>());
        }
    }

    #[test]
    fn it_matters_where_a_text_ends() {
        let hash =
            |texts: &[&str]| texts.iter().fold(Hash::new(), |hash, text| hash.text(text.as_bytes())).finish();
        assert_ne!(hash(&["ab", "c"]), hash(&["a", "bc"]));
        assert_ne!(hash(&["ab", ""]), hash(&["ab"]));
        assert_ne!(hash(&["a"]), hash(&["a\0"]));
    }

    #[test]
    fn call_ids_are_spread_over_servers() {
        for servers in [2_u64, 3, 7, 16] {
            let mut counts = vec![0_u64; usize::try_from(servers).unwrap()];
            for number in 0..10_000 {
                let hash = Hash::new().text(format!("{number}@client.invalid").as_bytes()).finish();
                counts[usize::try_from(hash % servers).unwrap()] += 1;
            }
            let fair = 10_000 / servers;
            assert!(counts.iter().all(|count| count.abs_diff(fair) < fair / 5), "{counts:?}");
        }
    }
}
