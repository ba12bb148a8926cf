//! Fields that may stand only once in a header section.
//!
//! Owns: telling "absent", "one line" and "several lines" apart, and the blanks around a value. Several equal lines are
//! still several: which of them a neighbour believes is exactly what must not be guessed.
//! Not here: fields that are lists (`token`, `extension`).

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// How often a field stands in a header section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'h> {
    Absent,
    /// The value without blanks around it.
    Once(&'h [u8]),
    Repeated,
}

impl<'h> Field<'h> {
    /// Looks `name` up.
    pub(crate) fn of(headers: &'h HeaderMap, name: &HeaderName) -> Self {
        let mut lines = headers.get_all(name).iter();
        match (lines.next(), lines.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::Once(trimmed(value)),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }
}

/// A value without the optional blanks around it (RFC 9110 §5.6.3), which are no part of it.
fn trimmed(value: &HeaderValue) -> &[u8] {
    value.as_bytes().trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::HOST;

    #[test]
    fn lines_are_counted_and_blanks_are_no_part_of_a_value() {
        let mut headers = HeaderMap::new();
        assert_eq!(Field::of(&headers, &HOST), Field::Absent);
        headers.append(HOST, HeaderValue::from_static(" \ta \t"));
        assert_eq!(Field::of(&headers, &HOST), Field::Once(b"a"));
        headers.append(HOST, HeaderValue::from_static("a"));
        assert_eq!(Field::of(&headers, &HOST), Field::Repeated);
    }
}
