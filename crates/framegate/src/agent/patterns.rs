//! The list of `--custom-patterns`, cut into its patterns.

/// The patterns of a list: separated by commas that stand in no brackets, braces or parentheses and behind no
/// backslash, so that `a{1,3}` is one.
pub(super) fn split(list: &str) -> Vec<&str> {
    let (mut patterns, mut begin, mut depth, mut is_escaped) = (Vec::new(), 0, 0_u32, false);
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                patterns.extend(list.get(begin..at));
                begin = at + 1;
            }
            _ => {}
        }
    }
    patterns.extend(list.get(begin..));
    patterns.into_iter().map(str::trim).filter(|pattern| !pattern.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn commas_separate_where_they_are_of_no_pattern() {
        for (list, expected) in [
            ("", &[][..]),
            (" , ,", &[]),
            ("a", &["a"]),
            ("a, b,c", &["a", "b", "c"]),
            (r"x{1,3},[,;],(a,b),c\,d", &["x{1,3}", "[,;]", "(a,b)", r"c\,d"]),
            (r"\(,b", &[r"\(", "b"]),
        ] {
            assert_eq!(split(list), expected, "{list:?}");
        }
    }
}
