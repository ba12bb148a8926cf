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
    if let Some(slash) = bare_slash(lower) {
        units = with_slashes(&units, slash);
    }
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
            b'%' => sloppy(after).or_else(|| percent(after)).or_else(|| unicode(after)),
            b'0' => hexadecimal(after),
            _ => None,
        };
        if let Some((unit, length)) = escape {
            let disguise = unit.disguise.max(first.disguise.saturating_add(1));
            plain.push(Unit { at: first.at, disguise, ..unit });
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

/// `c0%9v` behind a percent sign: some servers took the low bits of whatever stood where a digit should.
fn sloppy(after: &[Unit]) -> Option<(Unit, usize)> {
    let bytes = after.get(..5)?.iter().map(|unit| unit.byte);
    let mut lead = [0_u8; 5];
    lead.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
    let is_slash = match &lead {
        [b'c', b'0' | b'1', b'%', high, low] | [b'b', b'g', b'%', high, low] => {
            let are_digits = high.is_ascii_hexdigit() && low.is_ascii_hexdigit();
            high.is_ascii_alphanumeric() && low.is_ascii_alphanumeric() && !are_digits
        }
        _ => false,
    };
    is_slash.then_some((Unit { byte: b'/', disguise: ODD, at: 0 }, 5))
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

/// The digits of a slash whose percent sign was lost, if the text climbs by them: `..2f..2fetc2fpasswd`.
pub(super) fn bare_slash(lower: &[u8]) -> Option<[u8; 2]> {
    let behind =
        lower.trim_ascii().strip_prefix(b"..").or_else(|| lower.trim_ascii().strip_prefix(b"%2e%2e"));
    let [high, low, next, ..] = *behind? else { return None };
    let is_slash = matches!([high, low], [b'2', b'f'] | [b'5', b'c']);
    (is_slash && (next == b'.' || next.is_ascii_alphanumeric())).then_some([high, low])
}

fn with_slashes(units: &[Unit], digits: [u8; 2]) -> Vec<Unit> {
    let mut plain = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some((first, after)) = rest.split_first() {
        let is_one = first.byte == digits[0] && after.first().is_some_and(|next| next.byte == digits[1]);
        plain.push(if is_one { Unit { byte: b'/', disguise: ODD, at: first.at } } else { *first });
        rest = after.get(usize::from(is_one)..).unwrap_or_default();
    }
    plain
}

/// Takes off UTF-8 forms that are too long, look-alikes and NULs.
fn fold(units: &[Unit]) -> Vec<Unit> {
    let mut plain = Vec::with_capacity(units.len());
    let mut rest = units;
    while let Some((first, after)) = rest.split_first() {
        let ahead = [0, 1, 2, 3, 4].map(|at| after.get(at).map_or(0, |unit| unit.byte));
        let (byte, length) = match (first.byte, ahead) {
            // Two bytes where one would do, also with a second byte that cannot follow.
            (0xc0, [low @ ..0x80, ..]) => (low, 1),
            (0xc0, [low, ..]) | (0xe0, [0x80, low, ..]) => (low & 0x3f, 1 + usize::from(first.byte == 0xe0)),
            (0xc1, [0xaf, ..]) => (b'/', 1),
            (0xc1, [low, ..]) => (0x40 | (low & 0x3f), 1),
            (0xf0, [0x80, 0x80, low, ..]) => (low & 0x3f, 3),
            (0xf8, [0x80, 0x80, 0x80, low, ..]) => (low & 0x3f, 4),
            (0xfc, [0x80, 0x80, 0x80, 0x80, low]) => (low & 0x3f, 5),
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
        if let Some(length) = stuffing(plain.as_mut_slice(), first, after) {
            rest = after.get(length..).unwrap_or_default();
            continue;
        }
        // A percent sign before a slash is what remains of escapes that were cut short.
        let cut = byte == b'%' && after.first().is_some_and(|unit| is_slash(unit.byte));
        let byte = if byte == b'|' && is_drive(&plain, after) { b':' } else { byte };
        if byte != 0 && !cut {
            plain.push(Unit { byte, disguise, at: first.at });
        }
        rest = after.get(length..).unwrap_or_default();
    }
    plain
}

/// Whether a letter between a slash and a bar names a drive: `/c|/`.
fn is_drive(plain: &[Unit], after: &[Unit]) -> bool {
    let is_letter = match plain {
        [letter] => letter.byte.is_ascii_lowercase(),
        [.., slash, letter] => is_slash(slash.byte) && letter.byte.is_ascii_lowercase(),
        _ => false,
    };
    is_letter && after.first().is_some_and(|next| is_slash(next.byte))
}

/// What stands between two dots and a slash and is cut off by some servers: a control character, or
/// parameters (`..;a=b/`). The dot before it is marked; the rest of what to pass over is returned.
fn stuffing(plain: &mut [Unit], first: &Unit, after: &[Unit]) -> Option<usize> {
    let [.., Unit { byte: b'.', .. }, last @ Unit { byte: b'.', .. }] = plain else { return None };
    let length = match first.byte {
        b';' => {
            let is_of_parameter =
                |unit: &&Unit| unit.byte.is_ascii_alphanumeric() || b"=_-.".contains(&unit.byte);
            after.iter().take(PARAMETER_MAX).take_while(is_of_parameter).count()
        }
        // As it stands a blank ends a sentence.
        b' ' | b'\t' | b'\r' | b'\n' if first.disguise == 0 => return None,
        0..=b' ' | 0x7f | 0xff => 0,
        _ => return None,
    };
    after.get(length).filter(|next| is_slash(next.byte))?;
    last.disguise = ODD;
    Some(length)
}

/// Longer parameters of a segment are not passed over.
const PARAMETER_MAX: usize = 64;

pub(super) const fn is_slash(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}
