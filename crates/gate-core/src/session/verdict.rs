//! What becomes of a message that was looked into.

use std::borrow::Cow;

use ws_proto::{CloseCode, Opcode};

use super::Cause;
use crate::side::Side;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on as it came.
    Allow,
    /// It goes nowhere.
    Drop,
    /// This payload goes on in its place, as one uncompressed message of the same opcode.
    Rewrite(Vec<u8>),
    /// It goes nowhere, nor does anything behind it: the session ends.
    Close {
        /// What both peers are told.
        code: CloseCode,
        /// The same in words; what is above 123 bytes is cut off.
        reason: Cow<'static, str>,
    },
}

/// A verdict, and what is told of the session's end should it be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// What becomes of the message.
    pub verdict: Verdict,
    /// Whose judgement it is.
    pub cause: Cause,
}

impl Ruling {
    /// The message goes on.
    pub const ALLOW: Self = Self { verdict: Verdict::Allow, cause: Cause::Finding };
}

/// A message that is to be judged: whole, unmasked, inflated, and UTF-8 if it is text.
#[derive(Clone, Copy, Debug)]
pub struct Whole<'a> {
    /// [`Opcode::Text`] or [`Opcode::Binary`]; or, of a control frame whose payload is looked at in
    /// passing, [`Opcode::Ping`], [`Opcode::Pong`] or [`Opcode::Close`] (its reason).
    pub opcode: Opcode,
    /// Data messages of its direction that came before.
    pub index: u64,
    /// What it says.
    pub payload: &'a [u8],
    /// Which part of the message this is.
    pub part: Part,
}

/// Which part of a message is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// One of several, of a message that is so large that it goes on piece by piece. Only what can
    /// be judged at once may judge it.
    Piece,
}

/// What a judge says to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// This becomes of it.
    Now(Ruling),
    /// That comes later, by [`super::Session::handle_ruling`] with its [`Ticket`].
    Later,
}

/// A message that waits for its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Who sent it.
    pub from: Side,
    /// [`Whole::index`].
    pub index: u64,
}
