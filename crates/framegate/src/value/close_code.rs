//! Close codes that an operator may choose for the gateway to send (RFC 6455 §7.4).
//!
//! Refused: codes that stand for "there was none" and are never on the wire (1005, 1006, 1015), and those that
//! nobody has defined (1004, below 1000, 1016 to 2999, from 5000).

use std::fmt;

use ws_proto::CloseCode;

/// Reads a close code that may be sent.
///
/// # Errors
/// Says which codes may be sent.
pub(crate) fn close_code(text: &str) -> Result<CloseCode, CloseCodeError> {
    text.parse().ok().and_then(CloseCode::new).ok_or(CloseCodeError)
}

/// The text is no close code, or one that must not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CloseCodeError;

impl fmt::Display for CloseCodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a close code that may be sent is one of 1000-1003, 1007-1014, 3000-4999")
    }
}

impl std::error::Error for CloseCodeError {}

#[cfg(test)]
mod tests {
    use super::{CloseCodeError, close_code};
    use ws_proto::CloseCode;

    #[test]
    fn codes_for_the_wire_are_read() {
        for code in [1000, 1001, 1003, 1007, 1012, 1014, 3000, 4999] {
            assert_eq!(close_code(&code.to_string()).map(CloseCode::get), Ok(code));
        }
    }

    #[test]
    fn codes_that_never_go_on_the_wire_are_refused() {
        for text in
            ["0", "999", "1004", "1005", "1006", "1015", "1016", "2999", "5000", "70000", "-1", "", "going"]
        {
            assert_eq!(close_code(text), Err(CloseCodeError), "{text:?}");
        }
    }
}
