//! Characters that some reader takes for an ASCII one: full-width forms, mathematical and circled letters,
//! other quotes and slashes, overlong UTF-8; and those without a width, which vanish.

/// The first bytes of all that is known here.
pub(super) const LEADS: [u8; 12] = [0xc0, 0xc1, 0xc2, 0xc4, 0xc5, 0xca, 0xe0, 0xe2, 0xe3, 0xef, 0xf0, 0xf8];

/// Whether there is any in `text`.
pub(super) fn is_in(text: &[u8]) -> bool {
    let is_lead = |byte: &u8| *byte >= 0xc0 && LEADS.contains(byte);
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let Some(found) = rest.iter().position(is_lead) else { return false };
        if rest.get(found..).and_then(read).is_some() {
            return true;
        }
        at += found + 1;
    }
    false
}

/// The character at the start of `text`, if it is one: what it is taken for, and its length.
pub(super) fn read(text: &[u8]) -> Option<(Option<u8>, usize)> {
    if let Some((byte, length)) = overlong(text) {
        return Some((Some(byte), length));
    }
    let (code, length) = character(text)?;
    let meaning = match code {
        // No width, or a direction only.
        0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0xfeff => None,
        // Full-width forms, in the order of ASCII.
        0xff01..=0xff5e => u8::try_from(code - 0xff01 + 0x21).ok(),
        // Letters in circles.
        0x24b6..=0x24e9 => letter(code - 0x24b6),
        0x1_d400..=0x1_d6a3 => letter((code - 0x1_d400) % 52),
        0x1_d7ce..=0x1_d7ff => u8::try_from(u32::from(b'0') + (code - 0x1_d7ce) % 10).ok(),
        _ => Some(PAIRS.iter().find(|(known, _)| *known == code).map(|(_, byte)| *byte)?),
    };
    Some((meaning, length))
}

fn letter(index: u32) -> Option<u8> {
    let first = if index < 26 { b'A' } else { b'a' - 26 };
    u8::try_from(u32::from(first) + index).ok()
}

/// An ASCII character in more bytes than it needs (RFC 3629 §3 forbids it, old readers do not).
fn overlong(text: &[u8]) -> Option<(u8, usize)> {
    let (first, rest) = text.split_first()?;
    let zeros: &[u8] = match first {
        0xc0 | 0xc1 => return Some(((first & 1) << 6 | continuation(rest.first())?, 2)),
        0xe0 => &[],
        0xf0 => &[0x80],
        0xf8 => &[0x80, 0x80],
        _ => return None,
    };
    match rest.strip_prefix(zeros)? {
        [high @ (0x80 | 0x81), low, ..] => {
            Some(((high & 1) << 6 | continuation(Some(low))?, zeros.len() + 3))
        }
        _ => None,
    }
}

fn continuation(byte: Option<&u8>) -> Option<u8> {
    byte.filter(|byte| **byte & 0xc0 == 0x80).map(|byte| byte & 0x3f)
}

/// The character of two to four bytes at the start.
fn character(text: &[u8]) -> Option<(u32, usize)> {
    let length = match text.first()? {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let character = std::str::from_utf8(text.get(..length)?).ok()?.chars().next()?;
    Some((u32::from(character), length))
}

const PAIRS: [(u32, u8); 31] = [
    (0xa0, b' '),
    // With their highest bit lost, as US-ASCII has seven.
    (0xbc, b'<'),
    (0xbe, b'>'),
    (0x0131, b'i'),
    (0x017f, b's'),
    (0x02b9, b'\''),
    (0x02bc, b'\''),
    (0x02c8, b'\''),
    (0x2024, b'.'),
    (0x2028, b'\n'),
    (0x2029, b'\n'),
    (0x2032, b'\''),
    (0x2033, b'"'),
    (0x2039, b'<'),
    (0x203a, b'>'),
    (0x2044, b'/'),
    (0x212a, b'k'),
    (0x2215, b'/'),
    (0x2216, b'\\'),
    (0x2329, b'<'),
    (0x232a, b'>'),
    (0x29f8, b'/'),
    (0x3000, b' '),
    (0x3008, b'<'),
    (0x3009, b'>'),
    (0xfe52, b'.'),
    (0xfe64, b'<'),
    (0xfe65, b'>'),
    (0xfe66, b'='),
    (0xfe68, b'\\'),
    (0xfe6a, b'%'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_mean_what_they_look_like() {
        type Read = Option<(Option<u8>, usize)>;
        let cases: &[(&[u8], Read)] = &[
            ("＜".as_bytes(), Some((Some(b'<'), 3))),
            ("～".as_bytes(), Some((Some(b'~'), 3))),
            ("ʼ".as_bytes(), Some((Some(b'\''), 2))),
            ("𝐬".as_bytes(), Some((Some(b's'), 4))),
            ("Ⓐ".as_bytes(), Some((Some(b'A'), 3))),
            ("ⓩ".as_bytes(), Some((Some(b'z'), 3))),
            ("𝟏".as_bytes(), Some((Some(b'1'), 4))),
            ("\u{200b}".as_bytes(), Some((None, 3))),
            (b"\xc0\xae", Some((Some(b'.'), 2))),
            (b"\xc1\x9c", Some((Some(b'\\'), 2))),
            (b"\xe0\x80\xae", Some((Some(b'.'), 3))),
            (b"\xf0\x80\x80\xae", Some((Some(b'.'), 4))),
            (b"\xe0\x81\x9c", Some((Some(b'\\'), 3))),
            ("é".as_bytes(), None),
            ("’".as_bytes(), None),
            ("漢".as_bytes(), None),
            (b"\xc0", None),
            (b"\xe0\x80", None),
            (b"", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), *expected, "{}", text.escape_ascii());
            assert_eq!(is_in(text), expected.is_some(), "{}", text.escape_ascii());
        }
    }
}
