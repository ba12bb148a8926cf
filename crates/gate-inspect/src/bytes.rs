//! Which bytes a text has: what most texts are sorted out by.

/// Which of the 256 bytes occur in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Those of `bytes`.
    pub(crate) const fn of(bytes: &[u8]) -> Self {
        let mut set = [0; 4];
        let mut at = 0;
        while at < bytes.len() {
            #[expect(clippy::indexing_slicing, reason = "6 bits above 2 bits of a byte")]
            #[expect(clippy::as_conversions, reason = "a byte becomes an index")]
            {
                set[(bytes[at] >> 6) as usize] |= 1 << (bytes[at] & 63);
            }
            at += 1;
        }
        Self(set)
    }

    /// Those of a text of any length: faster than [`ByteSet::of`], which is for constants.
    pub(crate) fn scan(text: &[u8]) -> Self {
        if !text.is_ascii() {
            return Self::of(text);
        }
        let (mut low, mut high) = (0_u64, 0_u64);
        for byte in text {
            let bit = 1 << (byte & 63);
            let is_high = u64::from(byte >> 6 & 1);
            high |= bit & is_high.wrapping_neg();
            low |= bit & is_high.wrapping_sub(1);
        }
        Self([low, high, 0, 0])
    }

    /// Those of both.
    pub(crate) const fn or(self, others: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, others.0);
        Self([a | e, b | f, c | g, d | h])
    }

    /// Whether it has this byte.
    pub(crate) const fn has(self, byte: u8) -> bool {
        self.has_any(Self::of(&[byte]))
    }

    /// Whether all that it has is in `others`.
    pub(crate) const fn is_within(self, others: Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, others.0);
        (a & !e) | (b & !f) | (c & !g) | (d & !h) == 0
    }

    /// Whether any of `others` is in it.
    pub(crate) const fn has_any(self, others: Self) -> bool {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, others.0);
        (a & e) | (b & f) | (c & g) | (d & h) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_a_set_agree() {
        let all: Vec<u8> = (0..=255).collect();
        for from in 0..all.len() {
            for text in [&all[from..], &all[..from], &all[from..from + 1]] {
                assert_eq!(ByteSet::scan(text), ByteSet::of(text));
            }
            let byte = all[from];
            assert!(ByteSet::scan(&all[from..]).has(byte) && !ByteSet::scan(&all[..from]).has(byte));
        }
    }

    #[test]
    fn sets_are_compared() {
        let set = ByteSet::of(b"az\xff");
        assert!(set.has_any(ByteSet::of(b"\xff")) && !set.has_any(ByteSet::of(b"b\xfe")));
        assert!(set.is_within(ByteSet::of(b"abyz\xff")) && !set.is_within(ByteSet::of(b"az")));
        assert_eq!(ByteSet::of(b"az").or(ByteSet::of(b"\xff")), set);
    }
}
