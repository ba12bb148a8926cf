//! One connection's echoes, held against what was sent.

use super::Messages;
use crate::fail::Fail;
use crate::ws::{self, Chunk};

/// Checks one connection's echoes against what was sent.
#[derive(Default)]
pub struct Checker {
    /// Number of the message that is expected.
    number: u64,
    /// How much of it has arrived.
    offset: usize,
    /// Its first frame has begun.
    started: bool,
    /// It comes compressed, and what of it has arrived is in `held`.
    packed: bool,
    held: Vec<u8>,
}

impl Checker {
    /// Checks a piece; true when it completes a message.
    #[inline]
    pub fn check(&mut self, sent: &Messages, chunk: &Chunk, piece: &[u8]) -> Result<bool, Fail> {
        if chunk.first {
            let expected = if self.started {
                ws::OP_CONT
            } else {
                self.packed = chunk.header.packed;
                sent.opcode
            };
            if chunk.header.opcode != expected {
                return Err(Fail::Mismatch("opcode"));
            }
            self.started = true;
        }
        let number = sent.wrapped(self.number);
        let done = chunk.last && chunk.header.fin;
        if self.packed {
            self.held.extend_from_slice(piece);
            if self.held.len() > sent.size() + sent.size() / 8 + 64 {
                return Err(Fail::Mismatch("compressed, and longer than what was sent"));
            }
            if done {
                sent.check_packed(number, &self.held)?;
                self.held.clear();
            }
        } else {
            sent.check_piece(number, self.offset, piece)?;
            self.offset += piece.len();
            if done && self.offset != sent.size() {
                return Err(Fail::Mismatch("shorter than what was sent"));
            }
        }
        if done {
            self.offset = 0;
            self.started = false;
            self.number += 1;
        }
        Ok(done)
    }
}
