//! The buffers that backlogs come from and go back to.

use std::cell::RefCell;

use crate::worker::scratch::READ_SIZE;

/// Spare buffers of one worker.
#[derive(Debug, Default)]
pub(crate) struct BufferPool(RefCell<Vec<Vec<u8>>>);

/// Spare buffers kept, 4 MiB in all; more are freed.
const SPARE_BUFFERS: usize = 64;

impl BufferPool {
    pub(crate) fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(READ_SIZE))
    }

    pub(crate) fn give_back(&self, mut buffer: Vec<u8>) {
        let mut spare = self.0.borrow_mut();
        let is_usual = (1..=2 * READ_SIZE).contains(&buffer.capacity());
        if is_usual && spare.len() < SPARE_BUFFERS {
            buffer.clear();
            spare.push(buffer);
        }
    }

    #[cfg(test)]
    pub(crate) fn spare(&self) -> usize {
        self.0.borrow().len()
    }
}
