//! What looks like JavaScript.

/// What browsers leave out of the middle of an address and take for space elsewhere.
pub(super) const fn is_space(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

/// `text` without spaces and controls at its beginning.
pub(super) fn trim_start(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| is_space(**byte)).count();
    text.get(spaces..).unwrap_or_default()
}

/// The beginning of `text`, at most `len` bytes.
pub(super) fn head(text: &[u8], len: usize) -> &[u8] {
    text.get(..len).unwrap_or(text)
}

/// The end of `text`, at most `len` bytes.
pub(super) fn tail(text: &[u8], len: usize) -> &[u8] {
    text.get(text.len().saturating_sub(len)..).unwrap_or(text)
}

/// Whether `text` has `part`.
pub(super) fn has(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

/// Whether a byte may be in a name of JavaScript.
pub(super) const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$'
}

/// How long the name at the beginning is, with the dots in it.
pub(super) fn name_len(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_name(**byte) || **byte == b'.').count()
}

/// The name that ends `text`, with the dots in it.
pub(super) fn last_name(text: &[u8]) -> &[u8] {
    let len = text.iter().rev().take(64).take_while(|byte| is_name(**byte) || **byte == b'.').count();
    tail(text, len)
}

/// Functions by which attackers show that they can run code, or run it.
pub(super) fn is_sink(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    matches!(
        last,
        b"alert"
            | b"confirm"
            | b"prompt"
            | b"eval"
            | b"print"
            | b"function"
            | b"settimeout"
            | b"setinterval"
            | b"setimmediate"
            | b"execscript"
            | b"msgbox"
            | b"importscripts"
            | b"fromcharcode"
            | b"atob"
            | b"fetch"
            | b"import"
            | b"write"
            | b"writeln"
            | b"getscript"
            | b"sendbeacon"
            | b"xmlhttprequest"
            | b"constructor"
            | b"showmodaldialog"
            | b"showmodelessdialog"
    )
}

/// Those that nothing harmless is called by.
pub(super) fn is_proof(name: &[u8]) -> bool {
    let is_of_the_window = match name.iter().rposition(|byte| *byte == b'.') {
        Some(dot) => is_window(last_name(name.get(..dot).unwrap_or_default())),
        None => true,
    };
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    is_of_the_window && matches!(last, b"alert" | b"confirm" | b"prompt" | b"eval" | b"execscript")
}

fn is_window(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    matches!(
        last,
        b"window" | b"top" | b"self" | b"parent" | b"frames" | b"globalthis" | b"this" | b"content" | b""
    )
}

/// Whether `text` begins as a piece of JavaScript that does something.
///
/// A word followed by a space is prose; a word followed by `(`, `=`, `.` or the like is not, and
/// neither is what begins with a sign.
pub(super) fn starts_code(text: &[u8]) -> bool {
    let text = trim_start(text);
    let Some(first) = text.first() else { return false };
    let is_sign = matches!(
        first,
        b'/' | b'\''
            | b'"'
            | b'`'
            | b'('
            | b'['
            | b'{'
            | b'!'
            | b'~'
            | b'+'
            | b'-'
            | b'$'
            | b'\\'
            | b'%'
            | b';'
            | b'&'
    );
    if matches!(first, b'\'' | b'"' | b'`') {
        return has_call(head(text, 512)) || text.starts_with(b"'use strict'");
    }
    if is_sign {
        return text.get(1).is_some_and(|byte| !is_space(*byte)) && acts(head(text, 512));
    }
    let name = head(text, name_len(text));
    if name.is_empty() {
        return false;
    }
    let rest = text.get(name.len()..).unwrap_or_default();
    let spaced = trim_start(rest);
    match rest.first() {
        Some(b'(' | b'=' | b'`' | b'[' | b'+' | b'\\' | b'&' | b'%') => true,
        Some(b'/' | b'\'' | b'"' | b'{') if is_keyword(name) => true,
        Some(b'/') => matches!(rest.get(1), Some(b'*' | b'/')),
        Some(b'?') => rest.get(1) == Some(&b'.'),
        Some(b',' | b'-' | b';' | b'*') => acts(head(rest, 256)),
        Some(_) if is_keyword(name) => acts(head(rest, 512)),
        Some(_) if spaced.len() < rest.len() => match spaced.first() {
            Some(b'(' | b'`') => is_sink(name),
            Some(b'=') => spaced.get(1).is_some_and(|byte| *byte != b'>') && acts(head(spaced, 256)),
            _ => false,
        },
        _ => false,
    }
}

fn is_keyword(name: &[u8]) -> bool {
    matches!(
        name,
        b"var"
            | b"let"
            | b"const"
            | b"new"
            | b"throw"
            | b"with"
            | b"function"
            | b"if"
            | b"for"
            | b"while"
            | b"try"
            | b"void"
            | b"typeof"
            | b"delete"
            | b"import"
            | b"async"
            | b"await"
            | b"class"
            | b"do"
    )
}

/// Whether something is called or assigned in `text`.
pub(super) fn acts(text: &[u8]) -> bool {
    memchr::memchr3(b'(', b'=', b'`', text).is_some()
        || has(text, b"throw")
        || has(text, b"\\u00")
        || has(text, b"\\x")
        || has(text, b"&#")
        || has(text, b"&lpar")
        || has(text, b"%28")
}

/// Whether a function that attackers need is called in `text`.
fn has_call(text: &[u8]) -> bool {
    memchr::memchr2_iter(b'(', b'`', text).any(|at| {
        let name = last_name(trim_end(text.get(..at).unwrap_or_default()));
        !name.is_empty() && is_sink(name)
    })
}

/// Whether a call that only attackers make is in `text`.
pub(super) fn has_sink(text: &[u8]) -> bool {
    has_call(text) || PROOFS.iter().any(|proof| has(text, proof))
}

/// `text` without spaces at its end.
pub(super) fn trim_end(text: &[u8]) -> &[u8] {
    let spaces = text.iter().rev().take(16).take_while(|byte| is_space(**byte)).count();
    text.get(..text.len() - spaces).unwrap_or_default()
}

/// What is code wherever it stands behind an event's name.
const PROOFS: [&[u8]; 16] = [
    b"javascript:",
    b"document.cookie",
    b"document.domain",
    b"document.write",
    b"location=",
    b"location.href=",
    b"alert&",
    b"alert\\",
    b"'alert'",
    b"\"alert\"",
    b"=alert",
    b"=eval",
    b"(alert)",
    b"\\u00",
    b"al'+'ert",
    b"vbscript:",
];
