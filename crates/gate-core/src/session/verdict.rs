//! What becomes of a message that was looked into.

use std::borrow::Cow;

use ws_proto::CloseCode;

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
