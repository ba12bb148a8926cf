//! How large a message and its parts may be.

/// The bounds of a message. Bytes, and a number of headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a message, body included.
    pub message: usize,
    /// Bytes of a message before its body, the empty line included.
    pub head: usize,
    /// Header lines; one that is folded counts as one.
    pub headers: usize,
    /// Bytes of one header line, folds and line ends included, and of the start line.
    pub line: usize,
}

impl Default for Limits {
    /// As large as a datagram can be, with 128 headers of up to 8 KiB in a head of up to 32 KiB.
    fn default() -> Self {
        Self { message: 65_535, head: 32 * 1024, headers: 128, line: 8 * 1024 }
    }
}
