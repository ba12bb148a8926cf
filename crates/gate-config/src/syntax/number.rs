//! Numbers: decimal, hexadecimal, octal and binary, with `_` between digits.

use super::tree::Scalar;

/// Whether a word wants to be a number: it begins like one.
pub(super) fn begins_number(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|c: char| c.is_ascii_digit())
}

/// The number that a word is; `None`: it is none, or too large.
pub(super) fn number(word: &str) -> Option<Scalar> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    let radix = match digits.get(..2) {
        Some("0x") => 16,
        Some("0o") => 8,
        Some("0b") => 2,
        _ => return decimal(word, digits),
    };
    let digits = digits.get(2..)?;
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    let value = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    Some(Scalar::Integer(if negative { -value } else { value }))
}

fn decimal(word: &str, unsigned: &str) -> Option<Scalar> {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent_digits = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    if ![Some(whole), fraction, exponent_digits].into_iter().flatten().all(are_digits) {
        return None;
    }
    let plain = word.replace('_', "");
    if fraction.is_none() && exponent.is_none() {
        return plain.parse().ok().map(Scalar::Integer);
    }
    plain.parse().ok().map(Scalar::Float)
}

fn are_digits(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_every_notation() {
        for (word, expected) in [
            ("0", 0),
            ("-12", -12),
            ("+7", 7),
            ("1_000_000", 1_000_000),
            ("0xff", 255),
            ("-0x10", -16),
            ("0o660", 0o660),
            ("0b1010_0001", 161),
        ] {
            assert_eq!(number(word), Some(Scalar::Integer(expected)), "{word}");
        }
        for (word, expected) in [("1.5", 1.5), ("-2.5e3", -2500.0), ("1e3", 1000.0), ("1_0.2_5", 10.25)] {
            assert_eq!(number(word), Some(Scalar::Float(expected)), "{word}");
        }
    }

    #[test]
    fn what_only_begins_like_a_number_is_none() {
        for word in ["64KB", "1.", ".5", "1.5.2", "1e", "0x", "0xg", "0b2", "_1", "1__x", "10.0.0.0", "--1"] {
            assert_eq!(number(word), None, "{word}");
        }
        let huge = "9".repeat(60);
        assert_eq!(number(&huge), None);
    }
}
