//! Random bytes that come out the same for the same seed.

use rand::rngs::StdRng;
use rand::{Rng as _, RngCore as _, SeedableRng as _};

/// A source of such bytes.
#[derive(Debug)]
pub struct Noise(StdRng);

impl Noise {
    /// The source of `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// That many bytes.
    #[must_use]
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// That many bytes that repeat themselves only after more than a power of two, so that
    /// no two buffers of a usual size hold the same. Fast in large amounts.
    #[must_use]
    pub fn repeated(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = self.bytes(65_537);
        while bytes.len() < count {
            let more = bytes.len().min(count - bytes.len());
            bytes.extend_from_within(..more);
        }
        bytes.truncate(count);
        bytes
    }

    /// Up to that many bytes.
    #[must_use]
    pub fn some_bytes(&mut self, count_max: usize) -> Vec<u8> {
        let count = self.below(count_max + 1);
        self.bytes(count)
    }

    /// A piece of `bytes` from anywhere, of up to `size_max`.
    #[must_use]
    pub fn piece<'b>(&mut self, bytes: &'b [u8], size_max: usize) -> &'b [u8] {
        let size = self.below(size_max.min(bytes.len()) + 1);
        let start = self.below(bytes.len() - size + 1);
        bytes.get(start..start + size).unwrap_or_default()
    }

    /// A number below `end`.
    #[must_use]
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }
}
