//! Parameters of a query, as forms write them: `a=1&b=x+y%21`.

use std::borrow::Cow;
use std::iter;

/// Names and values as they were sent. A parameter without `=` has the value "".
pub(super) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pieces = query.split('&').filter(|piece| !piece.is_empty());
    pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")))
}

/// The decoded values of all parameters of a name, in the order in which they were sent.
pub fn query_values<'a>(query: &'a str, name: &str) -> impl Iterator<Item = Cow<'a, [u8]>> {
    parameters(query).filter(move |(sent, _)| reads(sent, name)).map(|(_, value)| decode(value))
}

/// Whether a name or value, decoded, is `text`.
pub(super) fn reads(encoded: &str, text: &str) -> bool {
    octets(encoded).eq(text.bytes())
}

/// A name or value, decoded. Not a string, because an escape may be of any octet.
pub(super) fn decode(encoded: &str) -> Cow<'_, [u8]> {
    if encoded.contains(['%', '+']) { octets(encoded).collect() } else { Cow::Borrowed(encoded.as_bytes()) }
}

/// The octets that escapes stand for, and blanks for `+`. What only looks like an escape
/// stands for itself, as it does for all who read forms.
fn octets(encoded: &str) -> impl Iterator<Item = u8> {
    let mut left = encoded.as_bytes();
    iter::from_fn(move || {
        let (&first, rest) = left.split_first()?;
        left = rest;
        match (first, rest) {
            (b'+', _) => Some(b' '),
            (b'%', [high, low, behind @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    left = behind;
                    Some(high << 4 | low)
                }
                (None, _) | (_, None) => Some(first),
            },
            _ => Some(first),
        }
    })
}

fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_plus_are_decoded() {
        for (encoded, text) in [
            ("", ""),
            ("a", "a"),
            ("a+b", "a b"),
            ("a%2Bb", "a+b"),
            ("%41%61", "Aa"),
            ("%c3%A4", "\u{e4}"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%%41", "%A"),
        ] {
            assert!(reads(encoded, text), "{encoded}");
            assert_eq!(&*decode(encoded), text.as_bytes());
        }
        assert!(!reads("ab", "a") && !reads("a", "ab"));
    }

    #[test]
    fn values_of_a_name_are_found_in_whatever_spelling() {
        let values: Vec<_> = query_values("a=1&b=2&%61=%33&a", "a").collect();
        assert_eq!(values, [b"1".as_slice(), b"3", b""]);
        assert_eq!(query_values("", "a").count(), 0);
    }

    #[test]
    fn a_query_is_cut_at_its_ampersands() {
        let read: Vec<_> = parameters("&a=1&&b&c==&=d&").collect();
        assert_eq!(read, [("a", "1"), ("b", ""), ("c", "="), ("", "d")]);
        assert_eq!(parameters("").count(), 0);
    }
}
