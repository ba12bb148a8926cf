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
        let (mut low, mut high, mut all) = (0_u64, 0_u64, 0_u8);
        for byte in text {
            #[expect(clippy::indexing_slicing, reason = "a byte is an index below 256")]
            {
                low |= LOW[usize::from(*byte)];
                high |= HIGH[usize::from(*byte)];
            }
            all |= byte;
        }
        if all.is_ascii() { Self([low, high, 0, 0]) } else { Self::of(text) }
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

/// The bit of each byte below 64, and of each from there to 127.
static LOW: [u64; 256] = bits(0);
static HIGH: [u64; 256] = bits(64);

const fn bits(first: usize) -> [u64; 256] {
    let mut table = [0; 256];
    let mut bit = 0;
    while bit < 64 {
        #[expect(clippy::indexing_slicing, reason = "at most 127")]
        {
            table[first + bit] = 1 << bit;
        }
        bit += 1;
    }
    table
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
