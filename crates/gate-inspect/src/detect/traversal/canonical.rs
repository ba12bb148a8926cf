//! The plain form of a path, and how much of it was disguised.
//!
//! Attackers write a dot or a slash in ways that one layer behind the gateway takes for it: percent
//! escapes (several times over), UTF-8 forms longer than they may be, `%u` escapes, look-alikes that a
//! code page maps to a slash, `0x2e`. All are undone here, over and over until nothing changes, whatever
//! decoding came before, because mixtures of them stop decoders that insist on well-formed text.

/// A byte of the plain form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// In lower case.
    pub(super) byte: u8,
    /// How many disguises were taken off it; [`ODD`] for one that only attackers use.
    pub(super) disguise: u8,
    /// Where it began in the text.
    pub(super) at: usize,
}

/// No program writes it so.
pub(super) const ODD: u8 = 4;

/// More rounds than any list of attacks needs; each costs one pass over the text.
const ROUNDS: u8 = 5;

/// The plain form of a text that is in lower case.
pub(super) fn canonical(lower: &[u8]) -> Vec<Unit> {
    let mut units: Vec<Unit> =
        lower.iter().enumerate().map(|(at, byte)| Unit { byte: *byte, disguise: 0, at }).collect();
    for _ in 0..ROUNDS {
        let (unescaped, changed) = unescape(&units);
        units = unescaped;
        if !changed {
            break;
        }
    }
    fold(&units)
}

/// One round of escapes; whether there were any.
fn unescape(units: &[Unit]) -> (Vec<Unit>, bool) {
    let mut plain = Vec::with_capacity(units.len());
    let mut rest = units;
    let mut changed = false;
    while let Some((first, after)) = rest.split_first() {
        let escape = match first.byte {
            b'%' => percent(after).or_else(|| unicode(after)),
            b'0' => hexadecimal(after),
            _ => None,
        };
        if let Some((unit, length)) = escape {
            plain.push(Unit { at: first.at, ..unit });
            rest = after.get(length..).unwrap_or_default();
            changed = true;
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    (plain, changed)
}

/// `2e` behind a percent sign.
fn percent(after: &[Unit]) -> Option<(Unit, usize)> {
    let &[high, low, ..] = after else { return None };
    let byte = number(&[high, low])?.to_be_bytes()[1];
    let disguise = high.disguise.max(low.disguise).saturating_add(1);
    Some((Unit { byte: byte.to_ascii_lowercase(), disguise, at: 0 }, 2))
}

/// `u002e` behind a percent sign. Code pages map more than the look-alikes to a slash.
fn unicode(after: &[Unit]) -> Option<(Unit, usize)> {
    let &[Unit { byte: b'u', .. }, a, b, c, d, ..] = after else { return None };
    let byte = match number(&[a, b, c, d])? {
        0xff0e | 0x2024 => b'.',
        0x2215 | 0x2044 | 0xff0f | 0xf025 | 0xefc8 => b'/',
        0x2216 | 0xff3c => b'\\',
        code => u8::try_from(code).ok()?.to_ascii_lowercase(),
    };
    Some((Unit { byte, disguise: ODD, at: 0 }, 5))
}

/// `x2e` behind a zero: only for what paths are made of, since numbers look the same.
fn hexadecimal(after: &[Unit]) -> Option<(Unit, usize)> {
    let &[Unit { byte: b'x', .. }, high, low, ..] = after else { return None };
    let byte = number(&[high, low])?.to_be_bytes()[1];
    matches!(byte, b'.' | b'/' | b'\\').then_some((Unit { byte, disguise: ODD, at: 0 }, 3))
}

fn number(digits: &[Unit]) -> Option<u16> {
    digits.iter().try_fold(0, |sum, digit| {
        let value = char::from(digit.byte).to_digit(16)?;
        Some(sum << 4 | u16::try_from(value).ok()?)
    })
}

/// Takes off UTF-8 forms that are too long, look-alikes and NULs.
fn fold(units: &[Unit]) -> Vec<Unit> {
    let mut plain = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some((first, after)) = rest.split_first() {
        let ahead = [0, 1, 2, 3].map(|at| after.get(at).map_or(0, |unit| unit.byte));
        let (byte, length) = match (first.byte, ahead) {
            // Two bytes where one would do, also with a second byte that cannot follow.
            (0xc0, [low @ ..0x80, ..]) => (low, 1),
            (0xc0, [low, ..]) | (0xe0, [0x80, low, ..]) => (low & 0x3f, 1 + usize::from(first.byte == 0xe0)),
            (0xc1, [low, ..]) => (0x40 | (low & 0x3f), 1),
            (0xf0, [0x80, 0x80, low, ..]) => (low & 0x3f, 3),
            (0xf8, [0x80, 0x80, 0x80, low]) => (low & 0x3f, 4),
            (0xef, [0xbc, 0x8e, ..]) | (0xe2, [0x80, 0xa4, ..]) => (b'.', 2),
            (0xef, [0xbc, 0x8f, ..]) | (0xe2, [0x88, 0x95, ..] | [0x81, 0x84, ..]) => (b'/', 2),
            (0xef, [0xbc, 0xbc, ..]) | (0xe2, [0x88, 0x96, ..]) => (b'\\', 2),
            // Two dots in one character.
            (0xe2, [0x80, 0xa5, ..]) => {
                plain.push(Unit { byte: b'.', disguise: ODD, at: first.at });
                (b'.', 2)
            }
            (byte, _) => (byte, 0),
        };
        let disguise = if length == 0 { first.disguise } else { ODD };
        // A percent sign before a slash is what remains of escapes that were cut short.
        let cut = byte == b'%' && after.first().is_some_and(|unit| is_slash(unit.byte));
        if byte != 0 && !cut {
            plain.push(Unit { byte, disguise, at: first.at });
        }
        rest = after.get(length..).unwrap_or_default();
    }
    plain
}

pub(super) const fn is_slash(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}
