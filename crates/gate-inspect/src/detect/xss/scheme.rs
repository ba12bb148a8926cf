//! What stands around a `:`: addresses that are code.

use super::code::{
    acts, has, has_sink, head, is_name, is_proof, is_space, name_len, starts_code, tail, trim_end, trim_start,
};
use super::{Found, Walk};

/// Looks at the `:` at `at`.
pub(super) fn at(walk: &Walk<'_>, at: usize) -> Found {
    let before = walk.before(at);
    let last = *trim_controls(before).last()?;
    let after = walk.after(at + 1);
    if let Some(start) = conversion(before, after) {
        return Some(("xss-js-call", start..at + 1 + head(after, 24).len()));
    }
    let found = match last {
        b't' => script(walk, before, after),
        b'a' if before.ends_with(b"mocha") => mocha(walk, before).map(|start| ("xss-javascript-uri", start)),
        b'a' => data(walk, before, after).map(|start| ("xss-data-uri", start)),
        b's' => {
            scheme_start(before, b"vbs").filter(|_| is_code(after)).map(|start| ("xss-vbscript-uri", start))
        }
        b'n' | b'r' | b'g' | b'k' => style(walk, before, after).map(|start| ("xss-expression", start)),
        _ => None,
    };
    let (id, start) = found?;
    Some((id, start..at + 1 + head(after, 24).len()))
}

/// `{valueOf: alert}`: an object that calls a function wherever it is taken for a text or a number.
fn conversion(before: &[u8], after: &[u8]) -> Option<usize> {
    let after = trim_start(after);
    let names = [&b"valueof"[..], b"tostring", b"tojson", b"{get", b"{set"];
    let name = names.into_iter().find(|name| before.ends_with(name));
    let is_symbol = || before.ends_with(b"]") && has(tail(before, 32), b"[symbol.");
    let start = before.len() - name.map_or_else(|| usize::from(is_symbol()), <[u8]>::len);
    let length = name_len(after);
    let is_end = matches!(after.get(length), Some(b'}' | b','));
    (start < before.len() && is_end && is_proof(head(after, length))).then_some(start)
}

/// The end of `javascript` behind what an XML reader leaves out: `javas<!-- -->cript:`.
fn cut_scheme(before: &[u8], after: &[u8]) -> Option<usize> {
    let letters = before.iter().rev().take(10).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let start = before.len() - letters;
    let is_end = (5..10).contains(&letters) && b"javascript".ends_with(tail(before, letters));
    let is_behind =
        before.get(..start).is_some_and(|lead| lead.ends_with(b"-->") || lead.ends_with(b"[cdata["));
    (is_end && is_behind && has_sink(head(after, 64))).then_some(start)
}

/// A scheme behind a character that a page in another encoding takes for none, or for the half of one.
fn swallowed_scheme(walk: &Walk<'_>, before: &[u8], after: &[u8]) -> Option<usize> {
    let (start, _) = scheme_behind(before, b"javascript")?;
    let lead = before.get(..start).unwrap_or_default();
    let beyond = lead.iter().rev().take(5).take_while(|byte| **byte >= 0x80).count();
    let lead = lead.get(..start - beyond).unwrap_or_default();
    let is_value = matches!(lead.last(), Some(b'"' | b'\'' | b'='));
    let is_short = (1..5).contains(&beyond);
    (walk.open.here.is_some() && is_short && is_value && has_sink(head(after, 64))).then_some(start)
}

fn trim_controls(before: &[u8]) -> &[u8] {
    let len = before.iter().rev().take(64).take_while(|byte| is_space(**byte)).count();
    before.get(..before.len() - len).unwrap_or_default()
}

/// Where `scheme` begins that ends `before`, whatever spaces and controls are between its letters.
fn scheme_start(before: &[u8], scheme: &[u8]) -> Option<usize> {
    scheme_behind(before, scheme).filter(|(_, is_whole)| *is_whole).map(|(start, _)| start)
}

/// Where `scheme` begins, and whether it is a word of its own.
fn scheme_behind(before: &[u8], scheme: &[u8]) -> Option<(usize, bool)> {
    let mut wanted = scheme.iter().rev();
    let mut next = wanted.next()?;
    for (at, byte) in before.iter().enumerate().rev() {
        if byte == next {
            match wanted.next() {
                Some(more) => next = more,
                None => {
                    let is_whole = at
                        .checked_sub(1)
                        .and_then(|at| before.get(at))
                        .is_none_or(|byte| !is_name(*byte) && *byte != b'-' && *byte != b'.' && *byte < 0x80);
                    return Some((at, is_whole));
                }
            }
        } else if !is_space(*byte) {
            return None;
        }
    }
    None
}

fn script(walk: &Walk<'_>, before: &[u8], after: &[u8]) -> Option<(&'static str, usize)> {
    let (id, start) = match scheme_start(before, b"javascript") {
        Some(start) => ("xss-javascript-uri", start),
        None => match scheme_start(before, b"vbscript") {
            Some(start) => ("xss-vbscript-uri", start),
            None => match scheme_start(before, b"livescript") {
                Some(start) => ("xss-javascript-uri", start),
                None => {
                    let start = cut_scheme(before, after).or_else(|| swallowed_scheme(walk, before, after));
                    return start.map(|start| ("xss-javascript-uri", start));
                }
            },
        },
    };
    let is_cut = before.len() - start > 10;
    let has_controls = before.get(start..).is_some_and(|scheme| scheme.iter().any(|byte| *byte < b' '));
    let lead = trim_end(before.get(..start).unwrap_or_default());
    let is_value = lead.last().is_none_or(|byte| b"='\"(`>;,:&[{".contains(byte));
    let is_in_tag = walk.open.here.is_some() && is_value;
    let spaced = after.first().is_some_and(|byte| is_space(*byte));
    if is_harmless(after) {
        return None;
    }
    if is_in_tag && has_controls {
        return Some((id, start));
    }
    let is_meant = if spaced {
        // A headline may begin with the word and a colon.
        let is_first = is_value && starts_code(after) && has_sink(head(after, 128));
        is_first || (is_in_tag && starts_code(after))
    } else {
        // Visual Basic calls without brackets.
        is_code(after)
            || (is_in_tag
                && (is_cut
                    || id == "xss-vbscript-uri"
                    || lead.last() == Some(&b'=')
                    || acts(head(after, 256))))
    };
    (is_meant || (is_cut && is_in_tag && starts_code(after))).then_some((id, start))
}

/// Code of an address: whatever acts, or a comment that hides what does.
fn is_code(after: &[u8]) -> bool {
    starts_code(after) || after.starts_with(b"//") || after.starts_with(b"/*") || has_sink(head(after, 64))
}

/// What links that do nothing have for an address.
fn is_harmless(after: &[u8]) -> bool {
    let after = trim_start(after);
    let rest =
        [&b"void(0)"[..], b"void 0", b"void(null)"].iter().find_map(|nothing| after.strip_prefix(*nothing));
    let rest = rest.unwrap_or(after);
    let rest = rest.strip_prefix(b";").unwrap_or(rest);
    match rest.first() {
        None | Some(b'>' | b')') => true,
        // The quote that ends the attribute, or one that begins a text of the code.
        Some(b'"' | b'\'' | b'`') => {
            let shown = head(rest, 256);
            !acts(head(shown, memchr::memchr(b'>', shown).unwrap_or(shown.len())))
        }
        // On the same line two words are no code.
        Some(b' ') if rest.len() < after.len() => {
            let next = rest.iter().find(|byte| **byte != b' ');
            next.is_none_or(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'"' | b'\'' | b'>' | b')'))
        }
        Some(_) => false,
    }
}

/// What JavaScript's addresses began with at first.
fn mocha(walk: &Walk<'_>, before: &[u8]) -> Option<usize> {
    let start = scheme_start(before, b"mocha")?;
    let lead = trim_end(before.get(..start).unwrap_or_default());
    let is_value = lead.last().is_some_and(|byte| b"='\"`".contains(byte));
    (walk.open.here.is_some() && is_value).then_some(start)
}

/// `data:` with a type that browsers show or run.
fn data(walk: &Walk<'_>, before: &[u8], after: &[u8]) -> Option<usize> {
    let start = scheme_start(before, b"data")?;
    let after = trim_start(after);
    let is_run = [
        &b"text/html"[..],
        b"text/javascript",
        b"application/javascript",
        b"application/x-javascript",
        b"application/xhtml",
        b"text/xml",
        b"application/xml",
        b"text/vbscript",
        b"text/ecmascript",
        b"application/ecmascript",
        b"text/x-scriptlet",
        b"text/css",
    ]
    .iter()
    .any(|kind| {
        let Some(rest) = after.strip_prefix(*kind) else { return false };
        let rest = trim_start(rest);
        matches!(rest.first(), Some(b',' | b';' | b'&' | b'+' | b'%')) || rest.starts_with(b"base64")
    });
    if is_run {
        let is_css = after.starts_with(b"text/css");
        return (!is_css || has(head(after, 256), b"script") || has(head(after, 256), b"expression"))
            .then_some(start);
    }
    let lead = trim_end(before.get(..start).unwrap_or_default());
    let is_value = lead.last().is_some_and(|byte| b"='\"`".contains(byte));
    let is_untyped = matches!(after.first(), Some(b',' | b';')) && walk.open.here.is_some() && is_value;
    let is_picture_of_code = after.starts_with(b"image/svg") && {
        let near = head(after, 512);
        has(near, b"script") || has(near, b"onload") || has(near, b"onerror")
    };
    (is_untyped || is_picture_of_code).then_some(start)
}

/// `behavior:`, `-moz-binding:` and `x:expression(`.
fn style(walk: &Walk<'_>, before: &[u8], after: &[u8]) -> Option<usize> {
    let name_len = tail(before, 24).iter().rev().take_while(|byte| is_name(**byte) || **byte == b'-').count();
    let name = tail(before, name_len);
    let value = trim_start(after);
    let is_url = value.starts_with(b"url(") || value.starts_with(b"url (");
    let is_active = match name {
        b"behavior" | b"behaviour" => is_url,
        b"-moz-binding" | b"moz-binding" => is_url,
        b"-o-link" => walk.open.last.is_some() && has(head(value, 32), b"script"),
        _ => false,
    };
    is_active.then(|| before.len() - name_len)
}
