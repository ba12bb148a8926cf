//! Words within a text that are other texts in base64 or in hexadecimal digits.

use std::ops::Range;

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Base64,
    Hex,
    /// A list of the values of bytes, as JSON has them in an array.
    Numbers,
}

/// The words of `text` that may be one, in order, overlapping only where one has pieces.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        // One byte in so many suffices to meet every word that is long enough.
        while let Some(byte) = text.get(at + LENGTH_MIN - 1) {
            if !is_of_word(*byte) {
                at += LENGTH_MIN;
                continue;
            }
            let middle = at + LENGTH_MIN - 1;
            let before = text.get(at..middle).unwrap_or_default();
            let start = middle - before.iter().rev().take_while(|byte| is_of_word(**byte)).count();
            let end = end_of_word(text, middle);
            at = end;
            if end - start >= LENGTH_MIN {
                return Some(start..end);
            }
        }
        None
    })
}

/// Where the word ends that has a byte at `at`. It may go on behind a line break, as in mails.
fn end_of_word(text: &[u8], at: usize) -> usize {
    let mut end = at;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        end += rest.iter().take_while(|byte| is_of_word(**byte)).count();
        let is_line = end - at >= LINE_MIN;
        let broken = match text.get(end..) {
            Some([b'\r', b'\n', next, ..]) if is_line && is_of_word(*next) => 2,
            Some([b'\n', next, ..]) if is_line && is_of_word(*next) => 1,
            _ => return end,
        };
        end += broken;
    }
}

/// Appends what a word means; nothing if it is not of that codec.
pub(super) fn decode(word: &[u8], codec: Codec, out: &mut Vec<u8>) -> bool {
    match codec {
        Codec::Base64 => base64(word, out),
        Codec::Hex => hexadecimal(word, out),
        Codec::Numbers => numbers(word, out),
    }
}

/// Both alphabets (RFC 4648 §4 and §5), with line breaks and blanks, with or without padding.
fn base64(word: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in word {
        let value = sextet(*byte);
        if value == NO_SEXTET {
            if byte.is_ascii_whitespace() {
                continue;
            }
            break;
        }
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.extend(u8::try_from(bits >> count & 0xff));
        }
    }
    out.len() > start
}

/// The six bits of a character, or [`NO_SEXTET`].
#[expect(clippy::indexing_slicing, reason = "a byte is an index below 256")]
fn sextet(byte: u8) -> u8 {
    SEXTETS[usize::from(byte)]
}

const NO_SEXTET: u8 = 0xff;
static SEXTETS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut table = [NO_SEXTET; 256];
    let mut value = 0;
    #[expect(clippy::indexing_slicing, reason = "bytes below 128, and places in the alphabet")]
    #[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "numbers below 64")]
    {
        while value < alphabet.len() {
            table[alphabet[value] as usize] = value as u8;
            value += 1;
        }
        table[b'+' as usize] = 62;
        table[b'-' as usize] = 62;
        table[b'/' as usize] = 63;
        table[b'_' as usize] = 63;
    }
    table
};

fn hexadecimal(word: &[u8], out: &mut Vec<u8>) -> bool {
    let word = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X")).unwrap_or(word);
    let (pairs, rest) = word.as_chunks::<2>();
    if !rest.is_empty() || pairs.is_empty() || !word.iter().all(u8::is_ascii_hexdigit) {
        return false;
    }
    let byte = |pair: &[u8; 2]| super::json::hex(pair, 2).and_then(|code| u8::try_from(code).ok());
    out.extend(pairs.iter().filter_map(byte));
    true
}

fn numbers(list: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    out.extend(list.split(|byte| *byte == b',').map_while(byte_value));
    out.len() > start
}

/// The number that a decimal between blanks is, if it fits a byte.
pub(super) fn byte_value(decimal: &[u8]) -> Option<u8> {
    let digits = decimal.trim_ascii();
    let is_number = (1..=3).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| digits.iter().fold(0_u16, |value, digit| value * 10 + u16::from(digit - b'0')))?
        .try_into()
        .ok()
}

/// The next piece of a word from `from` on. Pieces are between what base64 counts among its
/// characters but paths and names use between words.
pub(super) fn next_piece(word: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    for piece in word.get(from..)?.split(|byte| !byte.is_ascii_alphanumeric()) {
        if (LENGTH_MIN..word.len()).contains(&piece.len()) {
            return Some(at..at + piece.len());
        }
        at += piece.len() + 1;
    }
    None
}

/// What stands in base64 and beside it: letters, digits, `+/-_`.
pub(super) fn is_of_word(byte: u8) -> bool {
    sextet(byte) != NO_SEXTET
}

/// Shorter ones say too little to hide anything.
pub(super) const LENGTH_MIN: usize = 10;
/// A shorter line is not broken because of its length.
const LINE_MIN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &[u8], codec: Codec) -> Option<String> {
        let mut out = Vec::new();
        decode(word, codec, &mut out).then(|| String::from_utf8_lossy(&out).into_owned())
    }

    #[test]
    fn both_alphabets_are_read_with_and_without_padding() {
        let cases = [
            ("PHNjcmlwdD4=", "<script>"),
            ("PHNjcmlwdD4", "<script>"),
            ("fn5-fj8_Pz8=", "~~~~????"),
            ("fn5+fj8/Pz8=", "~~~~????"),
            ("PHNj\r\ncmlw\ndD4=", "<script>"),
        ];
        for (word, meaning) in cases {
            assert_eq!(read(word.as_bytes(), Codec::Base64).as_deref(), Some(meaning), "{word}");
        }
    }

    #[test]
    fn digits_are_read_in_pairs_only() {
        let cases = [
            ("3c7363726970743e", Some("<script>")),
            ("0x3C7363726970743E", Some("<script>")),
            ("3c7363726970743", None),
            ("3c7363726970743g", None),
            ("0x", None),
        ];
        for (word, meaning) in cases {
            assert_eq!(read(word.as_bytes(), Codec::Hex).as_deref(), meaning, "{word}");
        }
    }

    #[test]
    fn words_are_found_wherever_they_stand() {
        for before in 0..30 {
            for length in 1..40 {
                let word = "a".repeat(length);
                let text = format!("{}{word} rest", " ".repeat(before));
                let expected = (length >= LENGTH_MIN).then_some(before..before + length);
                assert!(words(text.as_bytes()).eq(expected), "{text}");
            }
        }
    }

    #[test]
    fn words_go_on_behind_a_line_break() {
        let text = format!("{0}\r\n{0}\nab= x", "a".repeat(76));
        assert!(words(text.as_bytes()).eq(Some(0..157)));
        assert_eq!(words(b"a word\nanother word").count(), 0);
    }

    #[test]
    fn pieces_are_those_between_slashes_and_dashes() {
        let word = b"path/PHNjcmlwdD4aaaa/x-PHNjcmlwdD4bbbb";
        assert_eq!(next_piece(word, 0), Some(5..20));
        assert_eq!(next_piece(word, 20), Some(23..38));
        assert_eq!(next_piece(word, 38), None);
        assert_eq!(next_piece(b"PHNjcmlwdD4aaaa", 0), None);
    }
}
