//! Where in the message a rule was met, if that can be blackened there.

use std::ops::Range;

use super::Ink;
use crate::decode::json::{Tokens, unit};
use crate::decode::{View, Views, is_text};
use crate::detect::Found;
use crate::subject::{Kind, Subject};

/// How much is blackened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grain {
    /// What met the rule.
    Hit,
    /// The whole string or text that it stands in.
    Text,
}

/// The range of the message to be blackened for a rule that was met; none for what is below an
/// encoding, or is no text of the message at all.
pub(crate) fn spot(
    found: &Found,
    views: &Views,
    subject: &Subject<'_>,
    grain: Grain,
) -> Option<(Range<usize>, Ink)> {
    // Of a text whose escapes were taken off nobody knows which bytes its reader will take off, and
    // of a structure nothing can go without breaking it.
    let view = views.get(found.view)?;
    if found.view != found.place || !view.search.is_of_text() {
        return None;
    }
    let is_counted = subject.kind != Kind::Text && !is_text(subject.payload);
    let ink = if is_counted { Ink::Fill } else { Ink::Text };
    let content = string_in_message(view, views, subject.payload);
    let range = match (content, view.in_payload()) {
        (Some(content), _) if grain == Grain::Text => content,
        (Some(content), None) => {
            let within = raw(subject.payload.get(content.clone())?, &found.at);
            content.start + within.start..content.start + within.end
        }
        (_, Some(text)) if grain == Grain::Text => text.clone(),
        (_, Some(text)) => text.start + found.at.start..text.start + found.at.end,
        (None, None) => return None,
    };
    (!range.is_empty()).then_some((range, ink))
}

/// The content of the string that a view is, if it is one of the message's own.
fn string_in_message(view: &View, views: &Views, payload: &[u8]) -> Option<Range<usize>> {
    let start = views.start_in_message(view)?;
    // The quote before it is where its token begins.
    let quote = start.checked_sub(1)?;
    let token = Tokens::new(payload.get(quote..)?).next()?;
    Some(start..quote + token.content().end)
}

/// The range of a string's content that means that range of its meaning.
pub(super) fn raw(content: &[u8], meaning: &Range<usize>) -> Range<usize> {
    let (mut start, mut end) = (content.len(), content.len());
    let (mut at, mut meant) = (0, 0);
    let mut out = Vec::new();
    while let Some(rest) = content.get(at..).filter(|rest| !rest.is_empty()) {
        if meant >= meaning.end {
            end = at;
            break;
        }
        out.clear();
        let length = if rest.starts_with(b"\\") { unit(rest, &mut out).length } else { 1 };
        let means = if rest.starts_with(b"\\") { out.len() } else { 1 };
        if meant + means > meaning.start {
            start = start.min(at);
        }
        at += length;
        meant += means;
    }
    start..end.max(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_the_meaning_are_found_in_what_is_written() {
        let cases = [
            ("abcd", 1..3, "bc"),
            (r"a\u0062cd", 1..3, r"\u0062c"),
            (r"\n\ud83d\ude00x", 1..5, r"\ud83d\ude00"),
            (r"\n\ud83d\ude00x", 3..4, r"\ud83d\ude00"),
            (r"\\\\", 1..2, r"\\"),
            (r"ab\", 1..2, "b"),
            (r"a\qb", 1..3, "qb"),
        ];
        for (content, meaning, expected) in cases {
            assert_eq!(&content[raw(content.as_bytes(), &meaning)], expected, "{content}");
        }
    }
}
