//! The buffer that ciphertext goes through, one for each thread, so that connections need
//! none of their own.

use std::cell::RefCell;

/// Plaintext that is encrypted, or ciphertext that is read, in one go.
pub(super) const BATCH: usize = 64 * 1024;

/// The largest record (RFC 8446 §5.2, RFC 5246 §6.2.3), its header included. Beside a batch
/// there is room for the rest of a record from the last read, or for the headers and tags of
/// the batch's records.
pub(super) const MAX_RECORD: usize = 5 + MAX_PLAINTEXT + 2048;

/// Plaintext of one record.
pub(super) const MAX_PLAINTEXT: usize = 16 * 1024;

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; BATCH + MAX_RECORD].into_boxed_slice());
}

/// Runs `with` on the thread's buffer; calls must not nest.
pub(super) fn borrow<R>(with: impl FnOnce(&mut [u8]) -> R) -> R {
    SCRATCH.with_borrow_mut(|scratch| with(scratch))
}
