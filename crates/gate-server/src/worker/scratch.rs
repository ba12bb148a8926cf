//! The buffer into which a worker reads, one for all its sessions.
//!
//! Room is left in front of where reads go, so that bytes held back from the last read
//! can be put before those that follow on them and both written at once.

use std::ops::Range;

use ws_proto::control::MAX_CONTROL_LEN;

/// Bytes of one read at the most.
pub(crate) const READ_SIZE: usize = 64 * 1024;

/// See the module.
pub(crate) struct Scratch(Box<[u8]>);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(vec![0; MAX_CONTROL_LEN + READ_SIZE].into_boxed_slice())
    }

    /// Where to read to.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        self.0.get_mut(MAX_CONTROL_LEN..).unwrap_or_default()
    }

    /// What was read at `range` of the space.
    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        let range = range.start + MAX_CONTROL_LEN..range.end + MAX_CONTROL_LEN;
        self.0.get(range).unwrap_or_default()
    }

    /// What was read up to `end` of the space, with `held` put before it.
    pub(crate) fn bytes_behind(&mut self, held: &[u8], end: usize) -> &[u8] {
        let start = MAX_CONTROL_LEN.saturating_sub(held.len());
        if let Some(room) = self.0.get_mut(start..MAX_CONTROL_LEN) {
            room.copy_from_slice(held);
        }
        self.0.get(start..MAX_CONTROL_LEN + end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_bytes_lie_right_before_those_that_were_read() {
        let mut scratch = Scratch::new();
        assert_eq!(scratch.space().len(), READ_SIZE);
        scratch.space()[..4].copy_from_slice(b"read");
        assert_eq!(scratch.bytes_behind(b"held ", 4), b"held read");
        assert_eq!(scratch.bytes_behind(&[7; MAX_CONTROL_LEN], 0), [7; MAX_CONTROL_LEN]);
        assert_eq!(scratch.bytes(1..3), b"ea");
    }
}
