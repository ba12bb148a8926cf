//! Compressed messages made plain (RFC 7692 §7.2.2).
//!
//! Owns: one direction's decompressor, whose output and work are bounded, and which refuses
//! whatever two peers might read in two ways: data that ends within a block (a peer that goes on
//! from there reads the next message differently) and text behind a block that says it is the
//! last (§7.2.3.4: some peers go on, others stop there).
//! Not here: what was negotiated. The window is always the largest, so that a peer which uses
//! more of it than agreed is read as its receiver may read it.

mod fuzz;
#[cfg(test)]
mod tests;

pub use fuzz::fuzz_inflate;

use std::fmt;

use zlib_rs::{Inflate, InflateFlush, Status};

use super::WindowBits;
use crate::error::{FrameError, InflateBound};

/// How large a message may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InflateLimits {
    /// Bytes once it is inflated; 0: no limit.
    pub size_max: u64,
    /// How many times its compressed size that may be, above the first 64 KiB; 0: no limit.
    pub ratio_max: u32,
}

/// A decompressor, about 45 KiB. One that keeps no context can serve any connection's messages, one
/// after another; one that does belongs to a direction of one connection.
pub struct Inflater {
    stream: Inflate,
    context: Context,
    state: State,
}

/// Whether messages may refer to those before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Context {
    /// Each is read by itself: its sender promised `no_context_takeover`.
    Forgotten,
    /// They may.
    Kept,
}

/// What is kept from the message before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its text, which the next may refer to; nothing before the first.
    Window,
    /// Nothing: none is wanted, a block said that it was the last, or the data were bad.
    Stale,
}

/// How far a message has come.
struct Progress<'a> {
    out: &'a mut Vec<u8>,
    /// Where it begins in `out`.
    start: usize,
    /// Bytes that it may have.
    allowed: usize,
    /// Which limit says so.
    bound: InflateBound,
    /// Blocks that said nothing.
    empty_blocks: usize,
    /// What followed a last block may say nothing.
    is_final: bool,
}

/// What a step of the decompressor came to.
struct Step {
    consumed: usize,
    produced: usize,
    status: Status,
}

impl Inflater {
    /// For messages each of which is read by itself.
    #[must_use]
    pub fn new() -> Self {
        Self::of(Context::Forgotten)
    }

    /// For messages that may refer to those before them (RFC 7692 §7.1.1).
    #[must_use]
    pub fn with_context() -> Self {
        Self::of(Context::Kept)
    }

    fn of(context: Context) -> Self {
        Self { stream: Inflate::new(false, WindowBits::MAX.get()), context, state: State::Window }
    }

    /// Forgets the messages so far.
    fn reset(&mut self) {
        self.stream.reset(false);
        self.state = State::Window;
    }

    /// Appends to `out` what `input`, the joined payloads of one compressed message, says.
    ///
    /// # Errors
    /// The data are no DEFLATE data, end within a block, or go on behind a last one: nothing behind
    /// them has a meaning either. Or they are larger than the limits, or have thousands of blocks
    /// that say nothing. `out` then has what could be read.
    pub fn inflate(
        &mut self,
        input: &[u8],
        limits: &InflateLimits,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        if self.state == State::Stale {
            self.reset();
        }
        let (allowed, bound) = limits.allowed(input.len());
        let mut progress =
            Progress { start: out.len(), out, allowed, bound, empty_blocks: 0, is_final: false };
        let result = self.read(input, &mut progress).and_then(|ended| match ended {
            Ended::AtLastBlock => Ok(()),
            Ended::AtInput => self.read_tail(&mut progress),
        });
        if result.is_err() || progress.is_final || self.context == Context::Forgotten {
            self.state = State::Stale;
        }
        result
    }

    /// Reads to the end of `input`.
    fn read(&mut self, mut input: &[u8], progress: &mut Progress<'_>) -> Result<Ended, FrameError> {
        loop {
            let room = progress.room(input.len())?;
            let step = self.step(input, room, progress)?;
            input = input.get(step.consumed..).unwrap_or_default();
            match step.status {
                Status::StreamEnd => {
                    // A second one would have to be told from none by each receiver.
                    if progress.is_final {
                        return Err(FrameError::BadDeflate);
                    }
                    progress.is_final = true;
                    if input.is_empty() {
                        return Ok(Ended::AtLastBlock);
                    }
                    self.stream.reset(false);
                }
                // There is room, so the input alone can be what is missing.
                Status::BufError if input.is_empty() => return Ok(Ended::AtInput),
                Status::Ok | Status::BufError => progress.count_block(step.produced)?,
            }
        }
    }

    /// Reads what the sender has left off (§7.2.1), and makes sure that it ends a block which
    /// `read` has left open: the state of the receiver is then that between two messages.
    fn read_tail(&mut self, progress: &mut Progress<'_>) -> Result<(), FrameError> {
        // The length of an empty block without compression, which ends with it. Codes could end
        // within these bytes as well, but then bits are left over, and all of them are ones.
        self.expect(&[0x00, 0x00, 0xff, 0xff, GUARD], 4, progress)?;
        // Such a block is read as what it is unless there are bits before it: one of them makes it
        // the last, which the next one then is behind; two make it a block of codes; three are
        // an error.
        self.expect(&EMPTY_BLOCK, 5, progress)?;
        self.expect(&EMPTY_BLOCK, 5, progress)
    }

    /// Reads `consumed` bytes of `input`, which say nothing.
    fn expect(
        &mut self,
        input: &[u8],
        consumed: usize,
        progress: &mut Progress<'_>,
    ) -> Result<(), FrameError> {
        let step = self.step(input, 1, progress)?;
        match step.status {
            Status::Ok | Status::BufError if step.consumed == consumed && step.produced == 0 => Ok(()),
            Status::Ok | Status::BufError | Status::StreamEnd => Err(FrameError::BadDeflate),
        }
    }

    /// Reads to the end of a block, of `input`, or of the room for output.
    fn step(&mut self, input: &[u8], room: usize, progress: &mut Progress<'_>) -> Result<Step, FrameError> {
        let (before_in, before_out) = (self.stream.total_in(), self.stream.total_out());
        let end = progress.out.len();
        progress.out.resize(end + room, 0);
        let status = self.stream.decompress(
            input,
            progress.out.get_mut(end..).unwrap_or_default(),
            InflateFlush::Block,
        );
        let produced = difference(self.stream.total_out(), before_out);
        progress.out.truncate(end + produced);
        let status = status.map_err(|_| FrameError::BadDeflate)?;
        if progress.is_final && produced > 0 {
            return Err(FrameError::BadDeflate);
        }
        if progress.out.len() - progress.start > progress.allowed {
            return Err(FrameError::InflatedTooLarge(progress.bound));
        }
        Ok(Step { consumed: difference(self.stream.total_in(), before_in), produced, status })
    }
}

/// Where the input of a message stops.
enum Ended {
    /// With it, a block may be open.
    AtInput,
    /// At the end of a block that says it is the last.
    AtLastBlock,
}

impl Progress<'_> {
    /// Bytes of output for the next step, at least one: a message is too large when it has one more
    /// byte than it may have.
    fn room(&mut self, input: usize) -> Result<usize, FrameError> {
        let produced = self.out.len() - self.start;
        let missing = self.allowed.checked_sub(produced).ok_or(FrameError::InflatedTooLarge(self.bound))?;
        let room = input.saturating_mul(4).clamp(STEP_MIN, STEP_MAX).min(missing.saturating_add(1));
        if self.out.capacity() - self.out.len() < room {
            // Twice as much each time, but never more than the message may have.
            self.out.reserve_exact(produced.max(room).min(missing.saturating_add(1)));
        }
        Ok(room)
    }

    /// A block has ended, or the room for its output has. The table of codes of a block costs a
    /// microsecond for twenty bytes, so blocks that are for nothing but work are counted.
    fn count_block(&mut self, produced: usize) -> Result<(), FrameError> {
        if produced < BLOCK_MIN {
            self.empty_blocks += 1;
        }
        let excused = (self.out.len() - self.start) / BLOCK_MIN;
        if self.empty_blocks > EMPTY_BLOCKS_MAX.max(excused) {
            return Err(FrameError::InflatedTooLarge(InflateBound::EmptyBlocks));
        }
        Ok(())
    }
}

impl InflateLimits {
    /// Bytes that a message of `compressed` bytes may have, and which of the limits says so.
    fn allowed(&self, compressed: usize) -> (usize, InflateBound) {
        let by_size = match self.size_max {
            0 => usize::MAX,
            size => usize::try_from(size).unwrap_or(usize::MAX),
        };
        let by_ratio = match self.ratio_max {
            0 => usize::MAX,
            ratio => compressed.saturating_mul(usize::try_from(ratio).unwrap_or(usize::MAX)).max(FREE),
        };
        if by_ratio < by_size {
            (by_ratio, InflateBound::Ratio(self.ratio_max))
        } else {
            (by_size, InflateBound::Size(self.size_max))
        }
    }
}

impl Default for Inflater {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Inflater {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Inflater")
            .field("context", &self.context)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Both are counts of bytes in memory.
fn difference(after: u64, before: u64) -> usize {
    usize::try_from(after - before).unwrap_or(usize::MAX)
}

/// A byte that is not to be read.
const GUARD: u8 = 0x00;

/// A block without compression that says nothing, and a guard.
const EMPTY_BLOCK: [u8; 6] = [0x00, 0x00, 0x00, 0xff, 0xff, GUARD];

/// Bytes that no ratio forbids.
const FREE: usize = 64 << 10;

/// Output of one step, in bytes.
const STEP_MIN: usize = 1 << 10;
const STEP_MAX: usize = 32 << 10;

/// A block that says less is one of those that are counted.
const BLOCK_MIN: usize = 8;

/// So many of them any message may have, and a longer one as many as it has times their size.
const EMPTY_BLOCKS_MAX: usize = 4096;
