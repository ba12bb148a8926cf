//! Tags in the middle of words, which a filter that takes tags out joins: `o<x>nfocus`.

/// How long such a tag is at most.
const TAG_MAX: usize = 16;

/// The text without tags that stand within a word, if it has any.
pub(super) fn without_tags(lower: &[u8]) -> Option<Vec<u8>> {
    let mut joined: Option<Vec<u8>> = None;
    let mut taken = 0;
    for at in memchr::memchr_iter(b'<', lower).filter(|at| *at > 0) {
        let before = lower.get(at - 1).copied().unwrap_or_default();
        if at < taken || !(before.is_ascii_alphabetic() || before == b'<') {
            continue;
        }
        let Some(end) = tag_end(lower.get(at..).unwrap_or_default()).map(|length| at + length) else {
            continue;
        };
        let goes_on =
            lower.get(end).is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'('));
        if goes_on {
            joined.get_or_insert_default().extend_from_slice(lower.get(taken..at).unwrap_or_default());
            taken = end;
        }
    }
    joined.map(|mut joined| {
        joined.extend_from_slice(lower.get(taken..).unwrap_or_default());
        joined
    })
}

/// The length of the tag or comment at the start, if it is a short one.
fn tag_end(text: &[u8]) -> Option<usize> {
    let near = text.get(..text.len().min(TAG_MAX))?;
    let is_tag = near.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'/' | b'!'));
    let end = memchr::memchr(b'>', near)?;
    let inside = near.get(1..end)?;
    (is_tag && !inside.contains(&b'<') && !inside.contains(&b'(')).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tags_within_words_are_taken_out() {
        let cases = [
            ("o<x>nfocus=al<b>ert<x>(1)", Some("onfocus=alert(1)")),
            ("<scr<!-- -->ipt>", Some("<script>")),
            ("<<a>script>x<</a>/script>", Some("<script>x</script>")),
            ("a <b>c</b> d", None),
            ("<p>one</p><p>two</p>", None),
            ("a<b", None),
            ("<", None),
            ("a<", None),
            ("x<a long one with more>y", None),
        ];
        for (text, expected) in cases {
            let joined = without_tags(text.as_bytes());
            assert_eq!(joined.as_deref().map(String::from_utf8_lossy).as_deref(), expected, "{text}");
        }
    }
}
