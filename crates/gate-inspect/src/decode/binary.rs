//! Text within bytes that are none: strings of MessagePack, CBOR or protobuf, and UTF-16.

use std::ops::Range;

/// A piece of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Bytes as they stand.
    Plain(Range<usize>),
    /// ASCII in UTF-16 of either order: every second byte is a NUL.
    Wide(Range<usize>),
}

/// Whether bytes are text that somebody sent as binary: UTF-8 of which nearly nothing is a
/// control character.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let controls = bytes.iter().filter(|byte| is_control(**byte)).count();
    controls <= bytes.len() / 32 && simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Whether most of the bytes are printable, so that the whole may be text in an old encoding.
pub(super) fn is_mostly_printable(bytes: &[u8]) -> bool {
    let printable = bytes.iter().filter(|byte| is_plain(**byte)).count();
    printable >= bytes.len() - bytes.len() / 4
}

/// The runs of text in `bytes`, in order.
pub(super) fn runs(bytes: &[u8]) -> impl Iterator<Item = Run> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let start = at;
            let wide = wide_length(rest);
            if wide >= 2 * WIDE_MIN {
                at += wide;
                return Some(Run::Wide(start..at));
            }
            let length = plain_length(rest);
            at += length.max(1);
            if length >= SURE_MIN || length >= LENGTH_MIN && is_counted(bytes, start, length) {
                return Some(Run::Plain(start..start + length));
            }
        }
        None
    })
}

/// What a run may be without the bytes before its string: a length, or the mark of a field and a
/// length, may look like characters.
pub(super) fn counted(run: &[u8]) -> impl Iterator<Item = Range<usize>> {
    (1..=MARKS_MAX).filter_map(|start| {
        let length = usize::from(*run.get(start - 1)?);
        (length >= LENGTH_MIN && start + length <= run.len()).then_some(start..start + length)
    })
}

/// How many bytes at the start of `text` are UTF-8 without control characters.
fn plain_length(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += match byte {
            0x80.. => match character_length(text.get(at..).unwrap_or_default()) {
                Some(length) => length,
                None => return at,
            },
            _ if is_plain(*byte) => 1,
            _ => return at,
        };
    }
    at
}

fn character_length(text: &[u8]) -> Option<usize> {
    let length = match text.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    std::str::from_utf8(text.get(..length)?).is_ok().then_some(length)
}

/// How many bytes at the start are printable characters and NULs by turns.
fn wide_length(text: &[u8]) -> usize {
    let (pairs, _) = text.as_chunks::<2>();
    let low = pairs.iter().take_while(|[byte, nul]| *nul == 0 && is_plain(*byte)).count();
    let high = pairs.iter().take_while(|[nul, byte]| *nul == 0 && is_plain(*byte)).count();
    2 * low.max(high)
}

/// Whether a length stands before the run, as formats for data have it, or at its first bytes.
fn is_counted(bytes: &[u8], start: usize, length: usize) -> bool {
    let run = bytes.get(start..start + length).unwrap_or_default();
    let Some(before) = start.checked_sub(1).and_then(|at| bytes.get(at)) else { return true };
    let marks = std::iter::once(before).chain(run.iter().take(MARKS_MAX));
    marks.zip((0..=length).rev()).any(|(mark, length)| counts(*mark, length))
}

/// Whether a byte says that so many follow: by itself, or in its low five bits as MessagePack and
/// CBOR have it for short strings.
fn counts(mark: u8, length: usize) -> bool {
    let is = |mark: u8| usize::from(mark) == length;
    length >= LENGTH_MIN && (is(mark) || length < 0x20 && is(mark ^ 0xa0) || length < 0x18 && is(mark ^ 0x60))
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e | b'\t' | b'\r' | b'\n')
}

const fn is_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c | 0x1d | 0x1f | 0x7f)
}

/// A shorter run is chance, or can do no harm.
const LENGTH_MIN: usize = 6;
/// A run of so many is text even where nothing counts it.
const SURE_MIN: usize = 10;
/// Characters of UTF-16 that make a run.
const WIDE_MIN: usize = 4;
/// Bytes that look like characters before a string's length.
const MARKS_MAX: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<String> {
        let text = |range: Range<usize>| String::from_utf8_lossy(&bytes[range]).replace('\0', "");
        let read = |run| match run {
            Run::Plain(range) | Run::Wide(range) => text(range),
        };
        runs(bytes).map(read).collect()
    }

    #[test]
    fn strings_of_data_formats_are_found() {
        let cases: &[(&[u8], &[&str])] = &[
            (b"\x82\xa4name\xa9' or 1=1 \xc0", &["' or 1=1 "]),
            (b"\xa1\x61a\x68' or 1=1\xff", &["aah' or 1=1"]),
            (b"\x0a\x08' or 1=1\x10\x07", &["' or 1=1"]),
            (b"\x0a\x04abcd\x10\x07", &[]),
            (b"\xff\xd8\xff\xe0' or\x01\x02;ls -l\x03", &[]),
            (b"\x00\x01<script>alert(1)</script>\x00", &["<script>alert(1)</script>"]),
            (b"\xff\xfe<\0s\0c\0r\0i\0p\0t\0>\0", &["<script>"]),
            (b"\0<\0s\0c\0r\0i\0p\0t\0>", &["<script>"]),
            ("\u{1}\u{2}größer als sonst etwas\u{3}".as_bytes(), &["größer als sonst etwas"]),
        ];
        for (bytes, expected) in cases {
            assert_eq!(texts(bytes), *expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_string_is_found_behind_marks_that_look_like_characters() {
        let run = b"\"\x20' or 1=1 -- ....................";
        assert!(counted(run).eq(Some(2..34)));
        assert_eq!(counted(b"plain text").count(), 0);
    }

    #[test]
    fn text_in_binary_is_known() {
        assert!(is_text("grüße\r\n".as_bytes()));
        assert!(!is_text(b"caf\xe9"));
        assert!(!is_text(b"\x01\x02abc"));
        assert!(is_mostly_printable(b"caf\xe9 and so on"));
        assert!(!is_mostly_printable(b"\xff\xd8\xffabc"));
    }
}
