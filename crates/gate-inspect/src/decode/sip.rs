//! Messages of SIP (RFC 3261 §7): where the values of their headers and their bodies are.
//!
//! Anybody may write what looks like one, so nothing of a message is spared for being one: its parts
//! are looked at besides the whole.

pub(super) mod plain;
pub(super) mod sdp;

use std::ops::Range;

use memchr::{memchr, memchr2, memmem};

/// A message of SIP in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    /// The first line, without its end.
    pub(super) start: Range<usize>,
    /// The lines of the headers.
    headers: Range<usize>,
    pub(super) body: Range<usize>,
}

/// A header of a message.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) name: &'a [u8],
    /// In the text; none of a line without a colon.
    pub(super) value: Option<Range<usize>>,
}

/// The parts of a text that begins as a message of SIP does: line ends before it do not count (RFC 3261
/// §7.5), nor does the case of the version (§7.1).
pub(super) fn split(text: &[u8]) -> Option<Parts> {
    let start = text.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    let window = text.get(start..text.len().min(start + START_LINE_MAX))?;
    let line = window.get(..memchr(b'\n', window)?)?;
    let said = line.strip_suffix(b"\r").unwrap_or(line);
    let is_version =
        |part: Option<&[u8]>, version: &[u8]| part.is_some_and(|part| part.eq_ignore_ascii_case(version));
    let ends = said.len().checked_sub(REQUEST_END.len()).and_then(|at| said.get(at..));
    if !is_version(ends, REQUEST_END) && !is_version(said.get(..RESPONSE_START.len()), RESPONSE_START) {
        return None;
    }
    // The line end of the line before may be the first half of the empty one.
    let behind = start + line.len();
    let rest = text.get(behind..)?;
    let ends = [&b"\n\r\n"[..], b"\n\n"].map(|end| Some((memmem::find(rest, end)?, end.len())));
    let (end, length) = ends.into_iter().flatten().min().unwrap_or((rest.len(), 0));
    let headers = behind + 1..(behind + end).max(behind + 1).min(text.len());
    Some(Parts { start: start..start + said.len(), headers, body: behind + end + length..text.len() })
}

/// The body of a text that begins as a message of SIP does.
pub(crate) fn body(text: &[u8]) -> Option<Range<usize>> {
    split(text).map(|parts| parts.body)
}

impl Parts {
    /// The headers in `text`, with all lines over which their values go on; a line that is none comes too.
    pub(super) fn headers<'a>(&self, text: &'a [u8]) -> impl Iterator<Item = Header<'a>> + use<'a> {
        let (mut at, end) = (self.headers.start, self.headers.end);
        std::iter::from_fn(move || {
            let lines = text.get(at..end).filter(|lines| !lines.is_empty())?;
            let length = logical_line(lines);
            let line = lines.get(..length)?;
            let start = at;
            at += length + 1;
            let Some(colon) = memchr(b':', line) else { return Some(Header { name: line, value: None }) };
            let (name, value) = (line.get(..colon)?, line.get(colon + 1..).unwrap_or_default());
            let before = value.len() - value.trim_ascii_start().len();
            let from = start + colon + 1 + before;
            Some(Header { name, value: Some(from..from + value.trim_ascii().len()) })
        })
    }
}

/// What stands between the quotes that a value begins with: who somebody says to be.
pub(super) fn display_name(value: &[u8]) -> Option<Range<usize>> {
    let quoted = value.strip_prefix(b"\"")?;
    let mut at = 0;
    while let Some(found) = memchr2(b'"', b'\\', quoted.get(at..)?) {
        at += found;
        if quoted.get(at) == Some(&b'"') {
            return (at > 0).then(|| 1..1 + at);
        }
        at += 2;
    }
    None
}

/// The name of the header whose value begins at `at`.
pub(super) fn name_before(text: &[u8], at: usize) -> &[u8] {
    let before = text.get(..at).unwrap_or_default().trim_ascii_end();
    let Some(before) = before.strip_suffix(b":") else { return &[] };
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    before.get(start..).unwrap_or_default().trim_ascii()
}

/// A line with those that begin with a blank and so belong to it (RFC 3261 §7.3.1).
fn logical_line(lines: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = lines.get(at..)
        && let Some(end) = memchr(b'\n', rest)
    {
        at += end;
        if !matches!(lines.get(at + 1), Some(b' ' | b'\t')) {
            return at;
        }
        at += 1;
    }
    lines.len()
}

/// How the first line of a request ends, and how that of a response begins.
const REQUEST_END: &[u8] = b" SIP/2.0";
const RESPONSE_START: &[u8] = b"SIP/2.0 ";
/// A first line that is longer is no start line.
const START_LINE_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(Vec<(String, String)>, String)> {
        let bytes = text.as_bytes();
        let found = split(bytes)?;
        let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let values = found
            .headers(bytes)
            .filter_map(|header| header.value)
            .map(|value| (show(name_before(bytes, value.start)), show(bytes.get(value).unwrap_or_default())));
        Some((values.collect(), show(bytes.get(found.body.clone()).unwrap_or_default())))
    }

    fn check(text: &str, values: &[(&str, &str)], body: &str) {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(parts(text), Some((values, body.to_owned())), "{text:?}");
    }

    #[test]
    fn headers_and_body_are_found_whatever_the_line_ends() {
        check("BYE sip:a@b SIP/2.0\r\nTo: x\r\nl: 0\r\n\r\nhi\r\n", &[("To", "x"), ("l", "0")], "hi\r\n");
        check("SIP/2.0 200 OK\nTo: x\n\nhi", &[("To", "x")], "hi");
        check("SIP/2.0 200 OK\r\n\r\nhi", &[], "hi");
        check("SIP/2.0 200 OK\nTo: x", &[("To", "x")], "");
        check("SIP/2.0 200 OK\n", &[], "");
        check("\r\n\n\r\nBYE sip:a@b SIP/2.0\r\nTo: x\r\n\r\nhi", &[("To", "x")], "hi");
        check("BYE sip:a@b sip/2.0\r\nTo: x\r\n\r\nhi", &[("To", "x")], "hi");
        check("Sip/2.0 200 OK\r\n\r\nhi", &[], "hi");
        check(&format!("BYE sip:{}@b SIP/2.0\r\n\r\nhi", "a".repeat(10_000)), &[], "hi");
    }

    #[test]
    fn a_value_goes_on_in_lines_that_begin_with_a_blank() {
        check(
            "BYE sip:a@b SIP/2.0\r\nSubject:\r\n one\r\n\ttwo\r\nno header\r\nTo : y\r\n\r\n",
            &[("Subject", "one\r\n\ttwo"), ("To", "y")],
            "",
        );
    }

    #[test]
    fn a_display_name_ends_with_the_quote_that_is_not_escaped() {
        for (value, name) in [
            (r#""Bob" <sip:b@c>"#, Some("Bob")),
            (r#""a\"b\\" <sip:b@c>"#, Some(r#"a\"b\\"#)),
            (r#""open \" <sip:b@c>"#, None),
            (r#""" <sip:b@c>"#, None),
            ("Bob <sip:b@c>", None),
        ] {
            let range = display_name(value.as_bytes());
            assert_eq!(range.and_then(|range| value.get(range)), name, "{value}");
        }
    }

    #[test]
    fn other_texts_are_none() {
        for text in ["", "hello", "hello\r\nTo: x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "SIP/2.0 200 OK"] {
            assert_eq!(parts(text), None, "{text:?}");
        }
    }
}
