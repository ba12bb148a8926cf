//! The walk's progress through one input: what of it has been read, and which range of it
//! goes on.

use super::held::Held;
use super::{End, Walked};

/// See the module.
pub(super) struct Stride<'a> {
    input: &'a [u8],
    /// Bytes of `input` that have been read.
    at: usize,
    /// Where in `input` begins what is passed on: behind what goes nowhere.
    from: usize,
    /// Where it ends; the rest up to `at` is held back, or goes nowhere.
    passed: usize,
    /// Bytes of earlier input that go before it.
    held: Held,
    /// Where in `input` the frame at `at` began; `None` if in earlier input. A frame
    /// whose header was held back began at 0.
    frame_start: Option<usize>,
    frame_start_is_held: bool,
}

impl<'a> Stride<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            at: 0,
            from: 0,
            passed: 0,
            held: Held::Nothing,
            frame_start: None,
            frame_start_is_held: false,
        }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// The next bytes, `most` at the most.
    pub(super) fn upcoming(&self, most: u64) -> &'a [u8] {
        let rest = self.rest();
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(rest.len());
        rest.get(..length).unwrap_or_default()
    }

    /// Reads `length` bytes that are held back.
    pub(super) fn hold(&mut self, length: usize) {
        self.at += length;
    }

    /// A frame begins here with a header of `length` bytes behind those `held`.
    pub(super) fn pass_header(&mut self, length: usize, held: Held) {
        self.frame_start = Some(self.at);
        self.frame_start_is_held = !matches!(held, Held::Nothing);
        if self.frame_start_is_held {
            self.held = held;
        }
        self.pass(length);
    }

    pub(super) fn pass(&mut self, length: usize) {
        self.at += length;
        self.passed = self.at;
    }

    /// Reads `length` bytes that go nowhere.
    pub(super) fn skip(&mut self, length: usize) {
        let is_first = self.has_passed_nothing();
        self.at += length;
        if is_first {
            self.from = self.at;
            self.passed = self.at;
        }
    }

    /// Whether what is read next may be passed on: what goes on in one stride is one range.
    pub(super) fn may_pass(&self) -> bool {
        self.passed == self.at
    }

    /// Keeps the frame at fault from being forwarded if none of it has been; whether
    /// that is so.
    pub(super) fn take_back_frame(&mut self) -> bool {
        self.passed = self.frame_start.unwrap_or(self.from);
        if self.frame_start_is_held {
            self.held = Held::Nothing;
        }
        self.frame_start.is_some()
    }

    pub(super) fn finish(self, end: Option<End>) -> Walked {
        let close_at = self.frame_start.unwrap_or(0);
        Walked { consumed: self.at, held: self.held, forward: self.from..self.passed, close_at, end }
    }

    fn has_passed_nothing(&self) -> bool {
        self.passed == self.from && matches!(self.held, Held::Nothing)
    }
}
