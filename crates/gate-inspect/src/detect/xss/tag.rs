//! What follows a `<`: elements that bring code along or fetch it.

use super::code::{acts, has, has_sink, head, is_space, starts_code, trim_start};
use super::style::{self, Quotes};
use super::{Found, Walk};

/// How far an element's attributes are looked at.
const ATTRIBUTES: usize = 1024;

/// Whether a browser, or a filter's remains in one, takes what follows a `<` for a tag.
pub(super) fn may_open(rest: &[u8]) -> bool {
    match rest.first() {
        Some(b'!' | b'?' | b'%') => true,
        Some(b'/') => rest.get(1).is_some_and(u8::is_ascii_alphabetic) || rest.get(1) == Some(&b'/'),
        Some(byte) if byte.is_ascii_alphabetic() => true,
        Some(byte) => *byte < b' ' && trim_start(rest).first().is_some_and(u8::is_ascii_alphabetic),
        None => false,
    }
}

/// The tag's name, without a slash and a namespace in front.
pub(super) fn name(rest: &[u8]) -> &[u8] {
    let skipped =
        rest.iter().take_while(|byte| is_space(**byte) || matches!(byte, b'/' | b'?' | b'%')).count().min(8);
    let rest = rest.get(skipped..).unwrap_or_default();
    let len =
        rest.iter().take(32).take_while(|byte| byte.is_ascii_alphanumeric() || b":-_".contains(byte)).count();
    let name = head(rest, len);
    name.rsplit(|byte| *byte == b':').next().unwrap_or(name)
}

/// Looks at the `<` at `at`.
pub(super) fn at(walk: &Walk<'_>, at: usize) -> Found {
    let rest = walk.after(at + 1);
    if rest.first() == Some(&b'/') {
        return None;
    }
    if let Some(id) = include(rest) {
        return Some((id, at..at + 1 + head(rest, 16).len()));
    }
    let name = name(rest);
    if name.is_empty() {
        return None;
    }
    let shown = at..at + 1 + head(rest, name.len() + 16).len();
    // Where the name ends, in the text.
    let behind = name_end(rest, name);
    let attributes = attributes(behind);
    let id = match name {
        b"script" => is_script(walk, at, behind).then_some("xss-script-tag"),
        b"meta" => is_meta(behind, attributes).then_some("xss-meta"),
        b"style" if is_script_of_old(behind, attributes) => Some("xss-script-tag"),
        b"style" => is_import(behind).then_some("xss-import"),
        b"handler" | b"eval" => has_proof_near(content(behind)).then_some("xss-script-tag"),
        b"xss" => rest.starts_with(b"xss>=&{").then_some("xss-script-tag"),
        b"animate" | b"set" | b"animatetransform" | b"animatemotion" => {
            is_animation(attributes).then_some("xss-animation")
        }
        b"form" | b"img" | b"a" | b"input" | b"iframe" | b"embed" | b"object" | b"button" | b"image" => {
            element(name, attributes)
        }
        b"textarea" => is_left_open(walk, at, behind).then_some("xss-dangling-markup"),
        b"import" => has(attributes, b"implementation").then_some("xss-import"),
        b"link" => (has(attributes, b"rel") && (has(attributes, b"import") || is_all(walk, at, attributes)))
            .then_some("xss-import"),
        _ => None,
    };
    id.map(|id| (id, shown))
}

fn name_end<'a>(rest: &'a [u8], name: &[u8]) -> &'a [u8] {
    let start = memchr::memmem::find(head(rest, 48), name).unwrap_or(0);
    rest.get(start + name.len()..).unwrap_or_default()
}

/// What stands in the tag, as far as the first `>`.
fn attributes(behind: &[u8]) -> &[u8] {
    let near = head(behind, ATTRIBUTES);
    head(near, memchr::memchr(b'>', near).unwrap_or(near.len()))
}

/// Instructions for servers, which some carry out in texts of others.
fn include(rest: &[u8]) -> Option<&'static str> {
    let is_server = rest.starts_with(b"!--#")
        && [&b"exec"[..], b"include", b"echo", b"config", b"printenv", b"set"]
            .iter()
            .any(|word| trim_start(rest.get(4..).unwrap_or_default()).starts_with(word));
    let is_edge = rest.starts_with(b"esi:") && has(head(rest, 128), b"=");
    (is_server || is_edge).then_some("xss-include")
}

/// Whether a script element has code in it. Sources are found at their `=`.
fn is_script(walk: &Walk<'_>, at: usize, behind: &[u8]) -> bool {
    let Some(next) = behind.first() else { return false };
    if next.is_ascii_alphanumeric() || *next == b'-' {
        return false;
    }
    let near = head(behind, ATTRIBUTES);
    let Some(end) = tag_end(near) else {
        return has_sink(near) || (next != &b'.' && near.starts_with(b"/") && acts(near));
    };
    let content = behind_a_rest(near.get(end + 1..).unwrap_or_default());
    let closed = memchr::memmem::find(content, b"</script");
    let inside = head(content, closed.unwrap_or(content.len()));
    let inside = without_comments(inside);
    // Visual Basic needs no brackets.
    if inside.starts_with(b"msgbox ") {
        return true;
    }
    // All of the text is the element, with one word that is no dots.
    let is_all = closed.is_some() && walk.before(at).iter().all(|byte| is_space(*byte));
    if is_all
        && inside.len() > 2
        && !inside.iter().any(|byte| is_space(*byte))
        && inside.first().is_some_and(u8::is_ascii_alphanumeric)
    {
        return true;
    }
    // An empty element does nothing; a sentence about two tags has no code between them.
    starts_code(inside)
        || (closed.is_some() && memchr::memchr2(b'(', b'`', inside).is_some() && has_sink(inside))
        || (closed.is_none_or(|end| end >= 2) && has_proof_near(inside))
}

/// Where the tag ends: the first `>` that is in no quoted value, or else the first.
fn tag_end(near: &[u8]) -> Option<usize> {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in near.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') if before == b'=' => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
        if !is_space(*byte) {
            before = *byte;
        }
    }
    memchr::memchr(b'>', near)
}

/// What is behind the rest of a tag's name, where a tag was hidden in a tag: `<scr<script>ipt>`.
fn behind_a_rest(content: &[u8]) -> &[u8] {
    let letters = content.iter().take(6).take_while(|byte| byte.is_ascii_alphabetic()).count();
    match content.get(letters..).and_then(|rest| rest.strip_prefix(b">")) {
        Some(rest) if letters > 0 => rest,
        _ => content,
    }
}

fn has_proof_near(inside: &[u8]) -> bool {
    has_sink(head(inside, 96))
}

/// `text` behind comments and the marks of character data at its beginning.
fn without_comments(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    for mark in [&b"<!--"[..], b"<![cdata[", b"//<![cdata["] {
        if let Some(rest) = text.strip_prefix(mark) {
            return rest;
        }
    }
    text
}

/// What stands behind the tag.
fn content(behind: &[u8]) -> &[u8] {
    let near = head(behind, ATTRIBUTES);
    tag_end(near).and_then(|end| near.get(end + 1..)).unwrap_or_default()
}

/// A style element that an old browser takes for a script.
fn is_script_of_old(behind: &[u8], attributes: &[u8]) -> bool {
    has(attributes, b"javascript") && starts_code(content(behind))
}

/// Whether a text is nothing but a style sheet of another site: who shows how it is written shows more.
fn is_all(walk: &Walk<'_>, at: usize, attributes: &[u8]) -> bool {
    let is_first = walk.before(at).iter().all(|byte| !byte.is_ascii_alphanumeric());
    let is_last = !walk.after(at + 1).contains(&b'<');
    let leads_out = [&b"href=//"[..], b"href=\"//", b"href='//", b"href=http", b"href=\"http", b"href='http"]
        .iter()
        .any(|start| has(attributes, start));
    is_first && is_last && leads_out && has(attributes, b"stylesheet")
}

fn is_meta(behind: &[u8], attributes: &[u8]) -> bool {
    let refreshes = has(attributes, b"refresh")
        && (has(attributes, b"url") || has(attributes, b"script:") || has(attributes, b"data:"))
        && (has(attributes, b"//") || has(attributes, b"script") || has(attributes, b"data:"));
    let sets_cookie = has(attributes, b"set-cookie");
    let changes_encoding =
        has(attributes, b"charset") && (has(attributes, b"utf-7") || has(attributes, b"imap4"));
    // The header `Link` has its address between signs of a tag.
    let near = head(behind, 256);
    let links =
        has(attributes, b"http-equiv") && has(near, b"link") && has(near, b"stylesheet") && has(near, b"<");
    refreshes || sets_cookie || changes_encoding || links
}

fn is_import(behind: &[u8]) -> bool {
    let near = head(behind, ATTRIBUTES);
    if memchr::memchr3(b'@', b'-', b'[', near).is_none() {
        return false;
    }
    let near = &*style::plain(near, Quotes::Skipped);
    // A selector that asks for a value's letters tells them by what it fetches.
    let asks = [&b"^="[..], b"$=", b"*="].iter().any(|sign| has(near, sign));
    let is_leak = asks && has(near, b"[") && (has(near, b"url(//") || has(near, b"url(http"));
    let is_fetched = memchr::memmem::find(near, b"@import").is_some_and(|at| {
        let rest = near.get(at + 7..).unwrap_or_default();
        has(head(rest, 64), b"//") || has(head(rest, 64), b"data:") || has(head(rest, 64), b"script:")
    });
    is_fetched || is_leak || (has(near, b"-moz-binding") && has(near, b"url("))
}

/// Whether what an animation changes is an address or a handler.
fn is_animation(attributes: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(attributes, b"attributename") else { return false };
    let value = attributes.get(at + 13..).unwrap_or_default();
    let value =
        value.iter().position(|byte| *byte == b'=').and_then(|at| value.get(at + 1..)).unwrap_or_default();
    let value = trim_start(value);
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let is_handler = value.starts_with(b"on") && value.get(2).is_some_and(u8::is_ascii_alphabetic);
    let is_address = [&b"href"[..], b"xlink:href", b"src", b"formaction", b"action", b"innerhtml", b"srcdoc"]
        .iter()
        .any(|name| value.starts_with(name));
    is_handler || is_address
}

/// Elements that are harmless but for some attributes.
fn element(name: &[u8], attributes: &[u8]) -> Option<&'static str> {
    let is_form =
        matches!(name, b"form" | b"img" | b"a" | b"input" | b"embed" | b"object" | b"iframe" | b"image");
    if is_form && clobbers(attributes) {
        return Some("xss-clobbering");
    }
    (name == b"img" && dangles(attributes)).then_some("xss-dangling-markup")
}

/// Whether a name is given that scripts expect to find in the document or its elements.
fn clobbers(attributes: &[u8]) -> bool {
    const NAMES: [&[u8]; 18] = [
        b"attributes",
        b"cookie",
        b"getelementbyid",
        b"queryselector",
        b"createelement",
        b"innerhtml",
        b"nodename",
        b"parentnode",
        b"childnodes",
        b"firstchild",
        b"documentelement",
        b"currentscript",
        b"appendchild",
        b"removechild",
        b"ownerdocument",
        b"defaultview",
        b"__proto__",
        b"getelementsbytagname",
    ];
    [&b"name="[..], b"id="].iter().any(|key| {
        memchr::memmem::find_iter(attributes, key).any(|at| {
            let value = attributes.get(at + key.len()..).unwrap_or_default();
            let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
            let len = value.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
            NAMES.contains(&head(value, len))
        })
    })
}

/// Whether a text ends within a field of a form that is sent elsewhere: the field takes what the page has behind.
fn is_left_open(walk: &Walk<'_>, at: usize, behind: &[u8]) -> bool {
    let is_end = behind.len() <= ATTRIBUTES && tag_end(behind).is_some_and(|end| end + 1 == behind.len());
    let before = walk.before(at);
    is_end
        && memchr::memmem::rfind(before, b"<form").is_some_and(|form| {
            let form = before.get(form..).unwrap_or_default();
            has(form, b"action=//")
                || has(form, b"action=http")
                || has(form, b"action=\"http")
                || has(form, b"action='http")
        })
}

/// Whether an address is opened with a quote that never closes, to swallow what follows.
fn dangles(attributes: &[u8]) -> bool {
    let Some(at) = memchr::memmem::rfind(attributes, b"src=") else { return false };
    let Some((quote, value)) = attributes.get(at + 4..).and_then(<[u8]>::split_first) else { return false };
    matches!(quote, b'"' | b'\'' | b'`')
        && !value.contains(quote)
        && (has(value, b"//") && has(value, b"?"))
        && matches!(value.last(), Some(b'=' | b'?'))
}
