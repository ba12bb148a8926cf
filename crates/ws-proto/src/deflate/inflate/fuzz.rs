//! Entry point for fuzzing the way back from compressed messages.
//!
//! What holds for every input: nothing panics, no more comes out than may, whatever is read is what
//! a receiver reads that keeps its state from one message to the next and looks at nothing, and
//! that receiver then reads the message behind it as its sender wrote it.

use zlib_rs::{Inflate, InflateFlush, Status};

use super::{InflateLimits, Inflater};
use crate::deflate::WindowBits;

/// "Hello" (RFC 7692 §7.2.3.1).
const NEXT: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// Reads `data` as the payload of one compressed message.
///
/// # Panics
/// One of the invariants does not hold: that is a bug to be found.
pub fn fuzz_inflate(data: &[u8]) {
    let limits = InflateLimits { size_max: 100_000, ratio_max: 0 };
    let mut out = Vec::new();
    let mut inflater = Inflater::with_context();
    let result = inflater.inflate(data, &limits, &mut out);
    assert!(out.len() <= 100_001 && out.capacity() <= 200_000, "output is bounded");
    if result.is_err() {
        return;
    }
    let mut receiver = Inflate::new(false, WindowBits::MAX.get());
    let mut seen = vec![0; out.len() + 1];
    let status = read_on(&mut receiver, data, &mut seen);
    assert!(seen.starts_with(&out), "both read the same");
    assert_eq!(usize::try_from(receiver.total_out()), Ok(out.len()), "and neither reads more");
    if status == Status::StreamEnd {
        // It reads nothing more, or begins anew.
        return;
    }
    let mut next = [0; 6];
    read_on(&mut receiver, NEXT, &mut next);
    assert_eq!(next, *b"Hello\0", "the next message is read as it was written");
}

/// What a receiver does with a message (RFC 7692 §7.2.2).
fn read_on(receiver: &mut Inflate, data: &[u8], room: &mut [u8]) -> Status {
    let message = [data, &[0x00, 0x00, 0xff, 0xff]].concat();
    let status = receiver.decompress(&message, room, InflateFlush::SyncFlush);
    assert!(status.is_ok(), "what was read here is no error to others: {status:?}");
    status.unwrap_or(Status::BufError)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::mutate::mutations;

    #[test]
    fn every_mutated_message_keeps_the_invariants() {
        let seeds: [&[u8]; 6] = [
            NEXT,
            &[0x00],
            &[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
            &[0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00],
            &[0x00, 0x05, 0x00, 0xfa, 0xff, b'H', b'e', b'l', b'l', b'o', 0x00],
            &[
                0xab, 0x56, 0x2a, 0x49, 0xad, 0x28, 0x51, 0xb2, 0x52, 0xca, 0x48, 0xcd, 0xc9, 0xc9, 0x57,
                0x28, 0xcf, 0x2f, 0xca, 0x49, 0x51, 0xaa, 0x05, 0x00,
            ],
        ];
        for seed in seeds {
            fuzz_inflate(seed);
            mutations(seed, fuzz_inflate);
        }
    }
}
