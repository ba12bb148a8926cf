//! Styles as old browsers read them: without what may stand between the letters of a word.

use super::code::is_space;

/// What quotes do to a comment that begins between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// Nothing.
    Skipped,
    /// They make it text.
    Read,
}

/// A style without comments, spaces, quotes, and escapes; in lower case as it is.
pub(super) fn plain(value: &[u8], quotes: Quotes) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut quote = None;
    let mut rest = value;
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        match first {
            b'/' if quote.is_none() && more.first() == Some(&b'*') => {
                let inside = more.get(1..).unwrap_or_default();
                let end = memchr::memmem::find(inside, b"*/").map_or(inside.len(), |at| at + 2);
                rest = inside.get(end..).unwrap_or_default();
            }
            b'\\' => rest = escape(more, &mut plain),
            b'\'' | b'"' if quotes == Quotes::Read => {
                quote = if quote.is_none() { Some(*first) } else { quote.filter(|open| open != first) };
            }
            b'\'' | b'"' => {}
            byte if is_space(*byte) => {}
            byte => plain.push(*byte),
        }
    }
    plain
}

/// An escape of CSS (Syntax 3 §4.3.7) behind its backslash: up to six digits and a blank.
fn escape<'a>(rest: &'a [u8], plain: &mut Vec<u8>) -> &'a [u8] {
    let digits = rest.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
    let code = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
    let Some(Ok(code)) = code.map(|digits| u32::from_str_radix(digits, 16)) else { return rest };
    match u8::try_from(code) {
        Ok(byte) if byte.is_ascii() && !is_space(byte) => {
            if !matches!(byte, b'\'' | b'"') {
                plain.push(byte.to_ascii_lowercase());
            }
        }
        Ok(_) | Err(_) => {}
    }
    let rest = rest.get(digits..).unwrap_or_default();
    match rest.split_first() {
        Some((blank, behind)) if is_space(*blank) => behind,
        Some(_) | None => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_put_together() {
        let cases = [
            ("x: exp/**/ression (1)", "x:expression(1)"),
            ("x:e\\xpression(1)", "x:expression(1)"),
            ("x:\\65\\000078 pression\\28 1\\29", "x:expression(1)"),
            ("x:e\\58 pression", "x:expression"),
            ("a:/*1*//*/*/b", "a:b"),
            ("a:\\0062 'c'", "a:bc"),
            ("a/*never closed", "a"),
            ("a\\", "a"),
        ];
        for (style, expected) in cases {
            for quotes in [Quotes::Skipped, Quotes::Read] {
                assert_eq!(String::from_utf8_lossy(&plain(style.as_bytes(), quotes)), expected, "{style}");
            }
        }
    }

    #[test]
    fn a_comment_between_quotes_is_text_to_some() {
        let style = b"a('/*');b/*c*/d";
        assert_eq!(plain(style, Quotes::Skipped), b"a(d");
        assert_eq!(plain(style, Quotes::Read), b"a(/*);bd");
    }
}
