//! The characters of SIP's grammar (RFC 3261 §25.1).

use core::ops::Range;

/// A character of a `token`, as methods and the names of headers and parameters are.
pub(crate) const fn is_token(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9'
        | b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

/// White space, line ends within folded values included.
pub(crate) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether all of it is one token.
pub(crate) fn is_all_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token)
}

/// The bytes of that range; none where there is no such range.
pub(crate) fn slice(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

/// The range without white space around what it holds.
pub(crate) fn trim(bytes: &[u8], range: Range<usize>) -> Range<usize> {
    let text = slice(bytes, range.clone());
    let Some(first) = text.iter().position(|byte| !is_space(*byte)) else { return range.start..range.start };
    let last = text.iter().rposition(|byte| !is_space(*byte)).unwrap_or(first);
    range.start + first..range.start + last + 1
}

/// The text without white space around it.
pub(crate) fn trimmed(text: &[u8]) -> &[u8] {
    slice(text, trim(text, 0..text.len()))
}

/// The number that `text` is, if that is all it is and not above `max`.
pub(crate) fn number(text: &[u8], max: u64) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0_u64;
    for byte in text {
        let digit = char::from(*byte).to_digit(10)?;
        value = value.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (value <= max).then_some(value)
}

/// The byte behind the quoted string that begins at `at`; None where it is not closed.
pub(crate) fn behind_quoted(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Whether it looks like a URI: a scheme, a colon, and nothing that ends a URI where one stands in a
/// line.
pub(crate) fn is_uri(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', text) else { return false };
    let scheme = slice(text, 0..colon);
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    is_scheme
        && text.len() > colon + 1
        && text.iter().all(|byte| !matches!(byte, 0..=b' ' | b'<' | b'>' | b'"' | 0x7f))
}
