//! Escapes within a text: one layer of them is taken off in one pass.
//!
//! Percent, HTML entities, the escapes of JavaScript and shells, characters that look or
//! count like others, NUL bytes. What is escaped twice is the next layer's.

use super::entity;
use super::json::{hex, push, unit};
use super::lookalike;
use crate::bytes::ByteSet;

/// A set of the kinds of escapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    /// `%3c`, `%u003c`.
    pub(crate) const PERCENT: Self = Self(0x01);
    /// `&lt;`, `&#60;`, `&#x3c;`.
    pub(crate) const ENTITY: Self = Self(0x02);
    /// `\x3c`, `\u003c`, `\74`.
    pub(crate) const ESCAPE: Self = Self(0x04);
    /// Full-width and other stand-ins, and overlong UTF-8.
    pub(crate) const LOOKALIKE: Self = Self(0x08);
    /// NUL bytes, which also make UTF-16 of ASCII.
    pub(crate) const NUL: Self = Self(0x10);
    /// `+` for a blank, as in forms.
    pub(crate) const PLUS: Self = Self(0x20);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::PERCENT, "percent"),
        (Self::ENTITY, "entity"),
        (Self::ESCAPE, "escape"),
        (Self::LOOKALIKE, "lookalike"),
        (Self::NUL, "nul"),
        (Self::PLUS, "plus"),
    ];

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that are in both.
    pub(crate) const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether taking them off is not counted: there is no end of nesting to it.
    pub(crate) const fn is_harmless(self) -> bool {
        self.without(Self::LOOKALIKE.with(Self::NUL).with(Self::PLUS)).is_empty()
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The same, each by itself.
    pub(crate) fn each(self) -> impl Iterator<Item = Self> {
        Self::NAMES.into_iter().map(|(kind, _)| kind).filter(move |kind| self.has(*kind))
    }

    /// How places name them: `percent+entity`.
    pub(crate) fn name(self) -> String {
        let names = Self::NAMES.into_iter().filter(|(kind, _)| self.has(*kind)).map(|(_, name)| name);
        names.collect::<Vec<_>>().join("+")
    }
}

/// The kinds of which `text`, which has those `bytes`, has at least one.
pub(crate) fn kinds_in(text: &[u8], bytes: ByteSet) -> Kinds {
    let mut kinds = Kinds::default();
    if !bytes.has_any(INTERESTING) {
        return kinds;
    }
    let mut add = |is_there: bool, kind| {
        if is_there {
            kinds = kinds.with(kind);
        }
    };
    let any = |byte: u8, is_escape: fn(&[u8]) -> bool| {
        memchr::memchr_iter(byte, text).any(|at| text.get(at..).is_some_and(is_escape))
    };
    add(bytes.has(b'%') && any(b'%', |rest| percent(rest).is_some()), Kinds::PERCENT);
    add(bytes.has(b'&') && any(b'&', |rest| entity::read(rest).is_some()), Kinds::ENTITY);
    add(bytes.has(b'\\') && any(b'\\', is_coded), Kinds::ESCAPE);
    add(bytes.has_any(LOOKALIKE_LEADS) && lookalike::is_in(text), Kinds::LOOKALIKE);
    add(bytes.has(0), Kinds::NUL);
    add(bytes.has(b'+') && !bytes.has_any(BLANKS), Kinds::PLUS);
    kinds
}

/// Appends `text` without one layer of those kinds.
pub(crate) fn take_off(text: &[u8], kinds: Kinds, out: &mut Vec<u8>) {
    let mut rest = text;
    while let [first, behind @ ..] = rest {
        let taken = match first {
            b'%' if kinds.has(Kinds::PERCENT) => percent(rest).map(|(code, length)| {
                match u8::try_from(code) {
                    // `%3c` is a byte, `%u003c` a character, and both may be below 256.
                    Ok(byte) if length == 3 => out.push(byte),
                    Ok(_) | Err(_) => push(code, out),
                }
                length
            }),
            b'+' if kinds.has(Kinds::PLUS) => {
                out.push(b' ');
                Some(1)
            }
            b'&' if kinds.has(Kinds::ENTITY) => entity::read(rest).map(|(code, length)| {
                push(code, out);
                length
            }),
            b'\\' if kinds.has(Kinds::ESCAPE) => Some(escape(rest, out)),
            0 if kinds.has(Kinds::NUL) => Some(1),
            0x80.. if kinds.has(Kinds::LOOKALIKE) => lookalike::read(rest).map(|(meaning, length)| {
                out.extend(meaning);
                length
            }),
            _ => None,
        };
        rest = if let Some(length) = taken {
            rest.get(length..).unwrap_or_default()
        } else {
            out.push(*first);
            behind
        };
    }
}

/// `%HH` or `%uHHHH` at the start of `text`: its number and length.
fn percent(text: &[u8]) -> Option<(u32, usize)> {
    match text {
        [b'%', b'u' | b'U', digits @ ..] => Some((hex(digits, 4)?, 6)),
        [b'%', digits @ ..] => Some((hex(digits, 2)?, 3)),
        _ => None,
    }
}

/// Whether there is an escape by number. Those by letter (`\n`) alone hide nothing.
fn is_coded(text: &[u8]) -> bool {
    match text {
        [b'\\', b'x', digits @ ..] => hex(digits, 2).is_some(),
        [b'\\', b'u', b'{', digits @ ..] => hex(digits, 1).is_some(),
        [b'\\', b'u', digits @ ..] => hex(digits, 4).is_some(),
        [b'\\', b'U', digits @ ..] => hex(digits, 8).is_some(),
        [b'\\', b'0'..=b'7', b'0'..=b'7', ..] => true,
        // A NUL, which some leave out.
        [b'\\', b'0', next, ..] => next.is_ascii_alphabetic(),
        _ => false,
    }
}

/// Reads the escape at the start of `text` and answers its length. What is none stays.
fn escape(text: &[u8], out: &mut Vec<u8>) -> usize {
    match text {
        [b'\\', b'\n', ..] => 2,
        [b'\\', b'u', b'{', digits @ ..] => {
            let length = digits.iter().take_while(|digit| digit.is_ascii_hexdigit()).count();
            let is_closed = digits.get(length) == Some(&b'}');
            let code = significant(digits.get(..length).unwrap_or_default(), 16);
            if let Some(code) = code.filter(|_| is_closed && length > 0) {
                push(code, out);
                return 4 + length;
            }
            out.push(b'\\');
            1
        }
        [b'\\', b'U', digits @ ..] if hex(digits, 8).is_some() => {
            push(hex(digits, 8).unwrap_or_default(), out);
            10
        }
        [b'\\', b'0'..=b'7', b'0'..=b'7', ..] => {
            let digits = text.get(1..text.len().min(4)).unwrap_or_default();
            let length = digits.iter().take_while(|digit| matches!(digit, b'0'..=b'7')).count();
            let code = significant(digits.get(..length).unwrap_or_default(), 8).unwrap_or_default();
            // Three digits reach 0o777, of which all that take them see the lowest eight bits.
            out.extend(u8::try_from(code & 0xff));
            1 + length
        }
        [b'\\', b'0', next, ..] if next.is_ascii_alphabetic() => 2,
        [b'\\', b'x', digits @ ..] if hex(digits, 2).is_some() => {
            // A byte, as shells take it; characters above 127 are then UTF-8 of several of them.
            out.extend(hex(digits, 2).and_then(|code| u8::try_from(code).ok()));
            4
        }
        [b'\\', b'u', digits @ ..] if hex(digits, 4).is_none() => {
            out.push(b'\\');
            1
        }
        [b'\\', b'u' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' | b'/' | b'"' | b'\'', ..] => {
            unit(text, out).length
        }
        _ => {
            out.push(b'\\');
            1
        }
    }
}

/// The number that digits make; none above what a character may be.
pub(super) fn significant(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0_u32, |number, digit| {
        let digit = char::from(*digit).to_digit(radix)?;
        let number = number.checked_mul(radix)?.checked_add(digit)?;
        (number <= 0x10_ffff).then_some(number)
    })
}

const BLANKS: ByteSet = ByteSet::of(b" \t\r\n");
/// The first bytes of what [`lookalike`] knows.
const LOOKALIKE_LEADS: ByteSet = ByteSet::of(&lookalike::LEADS);
const INTERESTING: ByteSet = ByteSet::of(b"%&\\+\0").or(LOOKALIKE_LEADS);

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &[u8]) -> (String, Vec<u8>) {
        let kinds = kinds_in(text, ByteSet::scan(text));
        let mut out = Vec::new();
        take_off(text, kinds.without(Kinds::PLUS), &mut out);
        (kinds.name(), out)
    }

    #[test]
    fn each_kind_of_escape_is_known_and_read() {
        let cases: &[(&[u8], &str, &[u8])] = &[
            (b"%3Cb%3e", "percent", b"<b>"),
            (b"%u003cb%U003e", "percent", b"<b>"),
            (b"%u00e9", "percent", "é".as_bytes()),
            (b"%253c", "percent", b"%3c"),
            (b"100%", "", b"100%"),
            (b"5% of %zz", "", b"5% of %zz"),
            (b"&lt;b&gt;", "entity", b"<b>"),
            (b"&LT;b&#62", "entity", b"<b>"),
            (b"&#0000060b&#x0003E;", "entity", b"<b>"),
            (b"java&Tab;script&colon;a&lpar;1&rpar;", "entity", b"java\tscript:a(1)"),
            (b"R&D, a && b", "", b"R&D, a && b"),
            (b"&#;&#x;&#99999999;", "", b"&#;&#x;&#99999999;"),
            (br"\x3cb\u003e", "escape", b"<b>"),
            (br"\74b\u{3e}\U0000003e", "escape", b"<b>>"),
            (br"\0743", "escape", b"<3"),
            (br"\\u003c", "escape", br"\u003c"),
            (br#"\x41\n\d\"\/"#, "escape", b"A\n\\d\"/"),
            (br"C:\new\dir", "", br"C:\new\dir"),
            ("＜ｂ＞".as_bytes(), "lookalike", b"<b>"),
            (b"\xc0\xae\xc0\xae\xe0\x80\xaf", "lookalike", b"../"),
            (b"<\0s\0>\0", "nul", b"<s>"),
            (b"a+b%20", "percent+plus", b"a+b "),
            (b"a + b", "", b"a + b"),
            (b"%26lt;&#x25;41", "percent+entity", b"&lt;%41"),
        ];
        for (text, kinds, meaning) in cases {
            let (found, out) = layer(text);
            let shown = String::from_utf8_lossy(text);
            assert_eq!(
                (&*found, &*String::from_utf8_lossy(&out)),
                (*kinds, &*String::from_utf8_lossy(meaning)),
                "{shown}"
            );
        }
    }

    #[test]
    fn a_plus_is_a_blank_where_it_is_asked_for() {
        let mut out = Vec::new();
        take_off(b"'+or+1%3d1", Kinds::PLUS.with(Kinds::PERCENT), &mut out);
        assert_eq!(out, b"' or 1=1");
    }

    #[test]
    fn what_is_no_escape_stays_to_the_byte() {
        for text in [&br"%&\+"[..], br"&\", br"\u{", br"\u{110000}", br"%", br"\U1234", b"\xff\xfe\xc0"] {
            let all = Kinds::PERCENT.with(Kinds::ENTITY).with(Kinds::ESCAPE).with(Kinds::LOOKALIKE);
            let mut out = Vec::new();
            take_off(text, all, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(text));
        }
    }
}
