//! Calls that serve to show that script runs: `alert(1)` in the middle of code, and code that is
//! made of signs alone.
//!
//! People speak of `alert(1)`, too. In code a sign of the language stands before it, in a sentence
//! a word.

use std::ops::Range;

use super::Walk;
use super::code::{has, head, is_name, is_space, last_name, tail, trim_end, trim_start};

/// Whether this is a call of a dialogue with a text that says nothing, in the middle of code.
pub(super) fn is_shown(walk: &Walk<'_>, lead: &[u8], name: &[u8], after: &[u8]) -> bool {
    let function = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    matches!(function, b"alert" | b"confirm" | b"prompt") && says_nothing(after) && is_in_code(walk, lead)
}

/// Whether an argument is a number, a thing of the page, or a word of testers.
pub(super) fn says_nothing(after: &[u8]) -> bool {
    let argument = head(trim_start(after), ARGUMENT_MAX);
    let digits = argument.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 0 {
        return trim_start(argument.get(digits..).unwrap_or_default()).first() == Some(&b')');
    }
    let is_of_page =
        [&b"document.domain"[..], b"document.cookie", b"location", b"origin", b"window.origin", b"this)"]
            .iter()
            .any(|start| argument.starts_with(start));
    let quoted = argument.split_first().filter(|(quote, _)| b"'\"`/".contains(quote)).map(|(_, rest)| rest);
    is_of_page || quoted.is_some_and(|rest| rest.starts_with(b"xss") || rest.starts_with(b"1"))
}

/// Whether what stands before a call is code, and not a sentence.
fn is_in_code(walk: &Walk<'_>, lead: &[u8]) -> bool {
    let trimmed = trim_end(lead);
    let is_glued = trimmed.len() == lead.len();
    let before = |count: usize| trimmed.len().checked_sub(count + 1).and_then(|at| trimmed.get(at)).copied();
    match before(0) {
        // Between quotes it is an argument or a value, where code is.
        Some(b'"' | b'\'') if is_glued => {
            let quotes =
                tail(trimmed, 2).iter().rev().take_while(|byte| matches!(byte, b'"' | b'\'')).count();
            match before(quotes) {
                Some(b':') => trimmed.contains(&b'('),
                Some(byte) => b"(=,[+".contains(&byte),
                None => false,
            }
        }
        // A parenthesis of a style.
        Some(b')') => is_glued && trimmed.contains(&b'('),
        Some(b'8') if trimmed.ends_with(b"\\28") => true,
        Some(b'(') => before(1).is_some_and(|byte| is_name(byte) || b")]=!&|,;:(*/>+-".contains(&byte)),
        Some(b'>') => is_glued || before(1) == Some(b'='),
        Some(b'|' | b'&') => is_glued || before(0) == before(1),
        Some(b':') => is_glued || trimmed.contains(&b'{'),
        Some(b'/') => before(1) == Some(b'*'),
        Some(b'{' | b'}' | b';' | b'=') => true,
        Some(b',' | b'[' | b']' | b'!' | b'?' | b'-' | b'+' | b'*' | b'%' | b'^' | b'~') => is_glued,
        Some(byte) if is_name(byte) && !is_glued => {
            matches!(
                last_name(trimmed),
                b"return" | b"void" | b"throw" | b"delete" | b"await" | b"yield" | b"else" | b"typeof"
            ) || (walk.open.here.is_some() && last_name(trimmed) == b"call")
        }
        _ => false,
    }
}

/// A run of brackets and signs with which JavaScript spells any code (`[][(![]+[])[+[]]…`).
pub(super) fn without_letters(lower: &[u8]) -> Option<Range<usize>> {
    // What two well-known encoders of code begin with.
    for start in [&b"=~[];"[..], b"[$=[]]["] {
        if let Some(at) = memchr::memmem::find(lower, start) {
            return Some(at..at + start.len());
        }
    }
    let is_sign = |byte: u8| matches!(byte, b'[' | b']' | b'(' | b')' | b'!' | b'+') || is_space(byte);
    let mut at = 0;
    while let Some(found) = memchr::memmem::find(lower.get(at..)?, b"[]") {
        let start = at + found;
        let rest = lower.get(start..)?;
        let length = rest.iter().take_while(|byte| is_sign(**byte)).count();
        let run = head(rest, length);
        if length >= SIGNS_MIN && has(run, b"![]") && has(run, b"+[]") {
            return Some(start..start + length);
        }
        at = start + length.max(2);
    }
    None
}

/// Arguments that say nothing are short.
const ARGUMENT_MAX: usize = 32;
/// Less of it spells no more than a letter or two.
const SIGNS_MIN: usize = 32;
