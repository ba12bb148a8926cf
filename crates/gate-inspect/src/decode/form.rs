//! Pairs of forms and of the queries of URLs.

use std::ops::Range;

use memchr::memchr;

/// The pairs of `text` if it is a form or a URL with a query: each key, and each value, that may
/// mean anything.
pub(super) fn parts(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let fields = query(text).unwrap_or(0..0);
    let start = fields.start;
    let mut at = start;
    let pairs = text.get(fields).unwrap_or_default();
    pairs.split(|byte| matches!(byte, b'&' | b';')).flat_map(move |pair| {
        let pair_start = at;
        at += pair.len() + 1;
        let end = pair_start + pair.len();
        let equals = memchr(b'=', pair).map(|length| pair_start + length);
        let key = pair_start..equals.unwrap_or(end);
        let value = equals.map_or(end, |at| at + 1)..end;
        [key, value].into_iter().filter(|part| !part.is_empty())
    })
}

/// Where the fields are: behind the question mark of a URL, or all of a form.
fn query(text: &[u8]) -> Option<Range<usize>> {
    let head = text.get(..text.len().min(HEAD_MAX)).unwrap_or_default();
    let end = |start: usize| {
        let fields = text.get(start..).unwrap_or_default();
        start..memchr(b'#', fields).map_or(text.len(), |length| start + length)
    };
    let equals = memchr(b'=', text)?;
    let mark =
        memchr(b'?', head).filter(|mark| *mark < equals && is_address(head.get(..*mark).unwrap_or_default()));
    let start = mark.map_or(0, |mark| mark + 1);
    let key = text.get(start..equals)?;
    // What ends in equals signs is a word of base64.
    let is_padding = text.get(equals..)?.iter().all(|byte| *byte == b'=');
    let is_form =
        !is_padding && !key.is_empty() && key.len() <= KEY_MAX && key.iter().all(|byte| is_of_key(*byte));
    is_form.then(|| end(start))
}

/// Whether a query may follow: nothing, a path or an address.
fn is_address(text: &[u8]) -> bool {
    text.iter().all(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'('))
}

const fn is_of_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'$' | b'%' | b'&' | b';')
}

/// How far a URL's query may begin.
const HEAD_MAX: usize = 2048;
/// How long the first key of a form may be.
const KEY_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_in_forms_and_urls_only() {
        let cases: &[(&str, &[&str])] = &[
            ("a=1&b=2", &["a", "1", "b", "2"]),
            ("user[$ne]=x", &["user[$ne]", "x"]),
            ("https://example.org/p?q=%27+or#top", &["q", "%27+or"]),
            ("/p?q", &[]),
            ("/p?q=&r", &["q", "r"]),
            ("?a=b=c", &["a", "b=c"]),
            ("q=' or 1=1", &["q", "' or 1=1"]),
            ("is a = b?", &[]),
            ("<a href=x>", &[]),
            ("what? a=b", &[]),
            ("dGV4dA==", &[]),
            ("plain", &[]),
            ("", &[]),
        ];
        for (text, expected) in cases {
            let found: Vec<_> = parts(text.as_bytes()).map(|part| &text[part]).collect();
            assert_eq!(found, *expected, "{text}");
        }
    }
}
