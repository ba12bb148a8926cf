//! Tokens (RFC 9110 §5.6.2) and comma-joined lists of them (§5.6.1).
//!
//! Every list is read once from left to right, over however many lines it is spread, and is bounded in bytes and in
//! elements: there is nothing to make it slow with. Names are only ever compared as text, so none of them is special.
//! Refuses: bytes that no token may hold, a field that is present but lists nothing, lists over a bound.
//! Not here: lists whose elements have parameters (`extension`).

use http::header::HeaderValue;

/// Most elements of one list, and most parameters of one element.
pub const ELEMENTS_MAX: usize = 16;

/// Longest list in bytes, all its lines together. Browsers have no other place than the subprotocols for an access token,
/// and those grow past 4 KiB.
pub const LIST_BYTES_MAX: usize = 8 * 1024;

/// Why a list was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListFault {
    /// More than [`LIST_BYTES_MAX`] bytes.
    #[error("it is longer than {LIST_BYTES_MAX} bytes")]
    TooLong,
    /// More than [`ELEMENTS_MAX`] elements or parameters.
    #[error("it has more than {ELEMENTS_MAX} elements or parameters")]
    TooMany,
    /// The field is there and lists nothing.
    #[error("it lists nothing")]
    Empty,
    /// A control or non-ASCII byte.
    #[error("it holds a byte that is not visible ASCII")]
    NotText,
    /// An element, a parameter or its value is not a token.
    #[error("it holds something that is not a token")]
    NotToken,
    /// Elements or parameters are not separated as the grammar wants it, or a quoted string has no end.
    #[error("it is not a list of extensions")]
    Syntax,
    /// The same element stands twice where each must be unique.
    #[error("it names the same element twice")]
    Repeated,
}

/// Whether `text` is a token: at least one character, none of them a separator, blank or control.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Calls `visit` with each token of a list, in order. No line at all is a list of nothing.
///
/// Empty elements are skipped, as RFC 9110 §5.6.1.2 has it.
///
/// # Errors
/// The first fault found, or the one that `visit` returns.
pub fn for_each<'h>(
    lines: impl IntoIterator<Item = &'h HeaderValue>,
    mut visit: impl FnMut(&'h str) -> Result<(), ListFault>,
) -> Result<(), ListFault> {
    let mut budget = Budget::default();
    for line in lines {
        for element in elements(budget.line(line)?) {
            if !is_token(element) {
                return Err(ListFault::NotToken);
            }
            budget.element()?;
            visit(element)?;
        }
    }
    budget.settle()
}

/// Whether a list holds `wanted`, compared without regard to ASCII case.
///
/// # Errors
/// The first fault of the list, even behind the wanted token.
pub fn contains<'h>(
    lines: impl IntoIterator<Item = &'h HeaderValue>,
    wanted: &str,
) -> Result<bool, ListFault> {
    let mut found = false;
    for_each(lines, |token| {
        found |= token.eq_ignore_ascii_case(wanted);
        Ok(())
    })?;
    Ok(found)
}

/// The non-empty elements of one line of a list, without the blanks around them. Commas in quoted strings are not known.
pub(crate) fn elements(line: &str) -> impl Iterator<Item = &str> {
    line.split(',').map(|element| element.trim_matches(BLANKS)).filter(|element| !element.is_empty())
}

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z')
}

/// Optional white space, RFC 9110 §5.6.3.
pub(crate) const BLANKS: [char; 2] = [' ', '\t'];

/// What a list has used up of its bounds.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    lines: usize,
    bytes: usize,
    elements: usize,
}

impl Budget {
    /// Takes one more line in, as text.
    pub(crate) fn line<'h>(&mut self, line: &'h HeaderValue) -> Result<&'h str, ListFault> {
        self.lines = self.lines.saturating_add(1);
        self.bytes = self.bytes.saturating_add(line.len());
        if self.bytes > LIST_BYTES_MAX {
            return Err(ListFault::TooLong);
        }
        line.to_str().map_err(|_| ListFault::NotText)
    }

    /// Counts one more element.
    pub(crate) fn element(&mut self) -> Result<(), ListFault> {
        if self.elements == ELEMENTS_MAX {
            return Err(ListFault::TooMany);
        }
        self.elements = self.elements.saturating_add(1);
        Ok(())
    }

    /// The end of the list: `1#element` wants at least one, but the whole field may be missing.
    pub(crate) const fn settle(&self) -> Result<(), ListFault> {
        if self.lines > 0 && self.elements == 0 {
            return Err(ListFault::Empty);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str]) -> Result<Vec<String>, ListFault> {
        let lines: Vec<_> =
            lines.iter().map(|line| HeaderValue::from_bytes(line.as_bytes()).unwrap()).collect();
        let mut tokens = Vec::new();
        for_each(&lines, |token| {
            tokens.push(token.to_owned());
            Ok(())
        })?;
        Ok(tokens)
    }

    #[test]
    fn a_list_is_the_same_on_one_line_or_on_several() {
        for lines in
            [&["a, b,c"][..], &["a", "b", "c"], &["a,b", "c"], &[" a\t,  b", ",,c,"], &["a , b", "", "c"]]
        {
            assert_eq!(read(lines).unwrap(), ["a", "b", "c"], "{lines:?}");
        }
    }

    #[test]
    fn a_missing_field_lists_nothing_but_an_empty_one_is_a_fault() {
        assert_eq!(read(&[]).unwrap(), [""; 0]);
        for lines in [&[""][..], &[","], &[" ,\t, ,"], &["", ""]] {
            assert_eq!(read(lines), Err(ListFault::Empty), "{lines:?}");
        }
    }

    #[test]
    fn row_11_octets_that_no_token_may_hold_are_refused() {
        for separator in "()<>@;:\\\"/[]?={} ".chars() {
            let line = format!("ok, a{separator}b");
            assert_eq!(read(&[&line]), Err(ListFault::NotToken), "{line:?}");
        }
        assert_eq!(read(&["a\tb"]), Err(ListFault::NotToken));
        assert_eq!(read(&["caf\u{e9}"]), Err(ListFault::NotText));
        assert!(!is_token(""));
        assert!(!is_token("a\r\nb"));
        assert!(!is_token("a\0"));
        assert!(is_token("!#$%&'*+-.^_`|~09AZaz"));
    }

    #[test]
    fn row_19_lists_are_bounded_in_elements_and_in_bytes() {
        let sixteen = ["x"; ELEMENTS_MAX].join(",");
        assert_eq!(read(&[&sixteen]).unwrap().len(), ELEMENTS_MAX);
        assert_eq!(read(&[&sixteen, "x"]), Err(ListFault::TooMany));

        let longest = "x".repeat(LIST_BYTES_MAX);
        assert_eq!(read(&[&longest]).unwrap().len(), 1);
        assert_eq!(read(&[&longest, "x"]), Err(ListFault::TooLong));
        assert_eq!(read(&[&",".repeat(LIST_BYTES_MAX)]), Err(ListFault::Empty));
        assert_eq!(read(&[&",".repeat(LIST_BYTES_MAX + 1)]), Err(ListFault::TooLong));
    }

    #[test]
    fn a_token_is_found_whatever_its_case_and_only_as_a_whole() {
        let line = |text| [HeaderValue::from_static(text)];
        assert_eq!(contains(&line("keep-alive, UpGrade"), "upgrade"), Ok(true));
        assert_eq!(contains(&line("keep-alive, upgrades"), "upgrade"), Ok(false));
        assert_eq!(contains(&line("upgrade, <>"), "upgrade"), Err(ListFault::NotToken));
        assert_eq!(contains([], "upgrade"), Ok(false));
    }
}
