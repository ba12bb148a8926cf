//! Character references of HTML: by number, and the names of ASCII characters that matter.

use super::layer::significant;

/// The reference at the start of `text`: its character and length. The semicolon may be missing.
pub(super) fn read(text: &[u8]) -> Option<(u32, usize)> {
    match text {
        [b'&', b'#', b'x' | b'X', digits @ ..] => number(digits, 3, 16),
        [b'&', b'#', digits @ ..] => number(digits, 2, 10),
        [b'&', name @ ..] => {
            let length = name.iter().take(NAME_MAX).take_while(|byte| byte.is_ascii_alphanumeric()).count();
            named(name.get(..length)?, name.get(length) == Some(&b';'))
        }
        _ => None,
    }
}

fn number(digits: &[u8], prefix: usize, radix: u32) -> Option<(u32, usize)> {
    let length = digits.iter().take_while(|digit| char::from(**digit).is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    let code = significant(digits.get(..length)?, radix)?;
    let semicolon = usize::from(digits.get(length) == Some(&b';'));
    Some((code, prefix + length + semicolon))
}

fn named(name: &[u8], is_closed: bool) -> Option<(u32, usize)> {
    if is_closed {
        let (_, character) = NAMES.iter().find(|(known, _)| known.as_bytes() == name)?;
        return Some((u32::from(*character), name.len() + 2));
    }
    // These few end where their names end, whatever follows.
    let is_start = |known: &&(&str, char)| name.starts_with(known.0.as_bytes());
    let (known, character) = NAMES.iter().take(OPEN).find(is_start)?;
    Some((u32::from(*character), known.len() + 1))
}

const NAME_MAX: usize = 24;

/// How many of [`NAMES`] need no semicolon.
const OPEN: usize = 9;

const NAMES: [(&str, char); 45] = [
    ("lt", '<'),
    ("gt", '>'),
    ("amp", '&'),
    ("quot", '"'),
    ("nbsp", ' '),
    ("LT", '<'),
    ("GT", '>'),
    ("AMP", '&'),
    ("QUOT", '"'),
    ("apos", '\''),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("colon", ':'),
    ("semi", ';'),
    ("comma", ','),
    ("period", '.'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lsqb", '['),
    ("lbrack", '['),
    ("rsqb", ']'),
    ("rbrack", ']'),
    ("lcub", '{'),
    ("lbrace", '{'),
    ("rcub", '}'),
    ("rbrace", '}'),
    ("equals", '='),
    ("excl", '!'),
    ("quest", '?'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
    ("ast", '*'),
    ("midast", '*'),
    ("plus", '+'),
    ("grave", '`'),
    ("DiacriticalGrave", '`'),
    ("vert", '|'),
    ("verbar", '|'),
    ("lowbar", '_'),
    ("hyphen", '-'),
    ("Hat", '^'),
    ("commat", '@'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_end_at_their_semicolon_or_without_it() {
        let cases = [
            ("&lt;", Some(('<', 4))),
            ("&ltscript", Some(('<', 3))),
            ("&colon;", Some((':', 7))),
            ("&colon", None),
            ("&#60;", Some(('<', 5))),
            ("&#60x", Some(('<', 4))),
            ("&#X3C;", Some(('<', 6))),
            ("&#x0000000000000000000000003c", Some(('<', 29))),
            ("&nothing;", None),
            ("&", None),
            ("&;", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|(character, length)| (u32::from(character), length));
            assert_eq!(read(text.as_bytes()), expected, "{text}");
        }
    }
}
