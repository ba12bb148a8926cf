//! Which texts a message has said before, so that a list of a thousand equal keys costs one.

use super::Equals;

/// A table with room for few: who is not in it is seen again, which costs time only.
#[derive(Debug)]
pub(super) struct Repeats {
    equals: Equals,
    /// Entries of other messages have other numbers.
    message: u64,
    table: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    message: u64,
    view: usize,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { equals: Equals::Once, message: 0, table: Vec::new() }
    }
}

impl Repeats {
    /// Begins with the next message.
    pub(super) fn start(&mut self, equals: Equals) {
        self.equals = equals;
        self.message += 1;
        self.table.resize(SLOTS, Entry::default());
    }

    /// Whether a view with that text is there, as `is_equal` knows; if not, `view` is the one.
    pub(super) fn is_known(&mut self, text: &[u8], view: usize, is_equal: impl Fn(usize) -> bool) -> bool {
        if self.equals == Equals::Each {
            return false;
        }
        let Some(entry) = self.table.get_mut(slot(text)) else { return false };
        if entry.message == self.message && is_equal(entry.view) {
            return true;
        }
        *entry = Entry { message: self.message, view };
        false
    }
}

/// The place in the table for a text, by its length and both its ends.
fn slot(text: &[u8]) -> usize {
    let ends = text.first_chunk::<8>().zip(text.last_chunk::<8>());
    let seed = match ends {
        Some((first, last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(23),
        None => text.iter().fold(0, |seed, byte| seed << 8 | u64::from(*byte)),
    };
    let length = u64::try_from(text.len()).unwrap_or_default();
    let mixed = (seed ^ length.rotate_left(48)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    // The highest bits are mixed best.
    usize::try_from(mixed >> 56).unwrap_or_default()
}

/// As many as eight bits have numbers.
const SLOTS: usize = 256;
