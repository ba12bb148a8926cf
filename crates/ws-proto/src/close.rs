//! The body of a Close frame (RFC 6455 §5.5.1).

use crate::close_code::CloseCode;
use crate::error::FrameError;

/// What a Close frame says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CloseBody<'a> {
    /// `None` for an empty body, which an API reports as 1005.
    pub code: Option<CloseCode>,
    /// In words, at most 123 bytes; may be empty.
    pub reason: &'a str,
}

/// Reads the unmasked body of a Close frame.
///
/// # Errors
/// A body of one byte, a code that may not be sent, a reason that is not UTF-8.
pub fn parse_body(body: &[u8]) -> Result<CloseBody<'_>, FrameError> {
    let (code, reason) = match body {
        [] => return Ok(CloseBody::default()),
        [_] => return Err(FrameError::TruncatedCloseCode),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    let code = CloseCode::new(code).ok_or(FrameError::InvalidCloseCode(code))?;
    match simdutf8::basic::from_utf8(reason) {
        Ok(reason) => Ok(CloseBody { code: Some(code), reason }),
        Err(_) => Err(FrameError::InvalidCloseReason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_52_reserved_codes_are_never_accepted() {
        let accepted = |code: u16| parse_body(&code.to_be_bytes()).is_ok();
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!accepted(code), "{code} is accepted");
        }
        for code in [1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
            assert!(accepted(code), "{code} is refused");
        }
    }

    #[test]
    fn row_52_a_body_of_one_byte_is_an_error_and_an_empty_one_is_not() {
        assert_eq!(parse_body(&[]), Ok(CloseBody::default()));
        assert_eq!(parse_body(&[3]), Err(FrameError::TruncatedCloseCode));
    }

    #[test]
    fn row_44_a_reason_must_be_utf8() {
        let said = CloseBody { code: Some(CloseCode::NORMAL), reason: "bye" };
        assert_eq!(parse_body(b"\x03\xe8bye"), Ok(said));
        assert_eq!(parse_body(b"\x03\xe8\xff"), Err(FrameError::InvalidCloseReason));
    }
}
