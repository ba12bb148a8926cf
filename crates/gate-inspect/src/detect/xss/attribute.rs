//! What stands around a `=`: handlers of events, and attributes that bring a document along.

use super::code::{
    acts, has, has_sink, head, is_proof, is_sink, is_space, name_len, starts_code, tail, trim_end, trim_start,
};
use super::style::{self, Quotes};
use super::{Found, Walk, call, tag};

/// How much of a value is looked at.
const VALUE: usize = 512;

/// Looks at the `=` at `at`.
pub(super) fn at(walk: &Walk<'_>, at: usize) -> Found {
    let before = trim_end(walk.before(at));
    let name = attribute_name(before);
    let value = value(walk.after(at + 1));
    let start = before.len() - name.len();
    let range = start..at + 1 + head(walk.after(at + 1), 32).len();
    if name.len() >= 5 && name.starts_with(b"on") {
        return is_handler(walk, start, name, value).then_some(("xss-event-handler", range));
    }
    if name.ends_with(b"location") || name.ends_with(b"location.href") {
        let lead = before.get(..start).unwrap_or_default();
        let is_text = matches!(value.first(), Some(b'\'' | b'"' | b'`' | b'/'));
        if is_text && call::ends_a_text(walk, lead) {
            return Some(("xss-js-break-out", range));
        }
    }
    if is_cut_off(walk, at, value) {
        return Some(("xss-dangling-markup", range));
    }
    if let Some(id) = of_framework(name, value) {
        return Some((id, range));
    }
    if renames(name, value) {
        return Some(("xss-js-call", range));
    }
    if steals(name, value) {
        return Some(("xss-js-exfiltration", range));
    }
    let open = walk.open.here?;
    if name.is_empty() {
        return is_hidden_handler(before, value).then_some(("xss-event-handler", range));
    }
    content(tag::name(walk.after(open)), name, value).map(|id| (id, range))
}

/// Whether the text ends where a value begins, in a form that is sent elsewhere: it takes along what the
/// page has behind it.
fn is_cut_off(walk: &Walk<'_>, at: usize, value: &[u8]) -> bool {
    let is_end = matches!(trim_end(value), [] | [b'"' | b'\'' | b'`']);
    if walk.open.here.is_none() || !is_end {
        return false;
    }
    let before = walk.before(at);
    let open = walk.open.here.unwrap_or_default();
    if tag::name(walk.after(open)) == b"base" && trim_end(before).ends_with(b"target") {
        return true;
    }
    memchr::memmem::rfind(before, b"<form").is_some_and(|form| {
        let form = before.get(form..).unwrap_or_default();
        memchr::memmem::find(form, b"action=")
            .is_some_and(|action| has(head(form.get(action..).unwrap_or_default(), 24), b"//"))
    })
}

/// Whether a function is given another name and called by it (`a=alert,a(1)`), or made one that is
/// called without being named (`toString=alert`).
fn renames(name: &[u8], value: &[u8]) -> bool {
    let function = head(value, name_len(value));
    if name.is_empty() || !is_proof(function) {
        return false;
    }
    let rest = value.get(function.len()..).unwrap_or_default();
    let is_called = || {
        matches!(rest.first(), Some(b',' | b';'))
            && rest.get(1..).is_some_and(|rest| {
                rest.strip_prefix(name).is_some_and(|rest| matches!(rest.first(), Some(b'(' | b'`')))
            })
    };
    let is_end = || rest.first().is_none_or(|byte| matches!(byte, b';' | b','));
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    let is_handler = last.len() < name.len() && last.len() > 4 && last.starts_with(b"on");
    matches!(last, b"tostring" | b"valueof")
        || ((name.ends_with(b"onerror") || is_handler) && is_end())
        || is_called()
}

/// Attributes that frameworks run or fetch, with what no page of theirs has.
fn of_framework(name: &[u8], value: &[u8]) -> Option<&'static str> {
    let runs = [&b"ng-"[..], b"v-", b"@", b":", b"x-", b"hx-", b"data-ng-"]
        .iter()
        .any(|start| name.starts_with(start));
    let inside = unquoted(value);
    if runs && (has(inside, b"constructor`") || has(inside, b".constructor") || has(inside, b"orderby:")) {
        return Some("xss-js-eval");
    }
    if name.ends_with(b"ng-include") && has(head(inside, 24), b"//") {
        return Some("xss-import");
    }
    let is_script = inside.starts_with(b"'script'") || inside.starts_with(b"script");
    (matches!(name, b":is" | b"v-bind:is" | b"is") && is_script).then_some("xss-script-tag")
}

/// Whether an address is made of cookies.
fn steals(name: &[u8], value: &[u8]) -> bool {
    let is_address = [&b"location"[..], b"href", b"src", b"action"].iter().any(|end| name.ends_with(end));
    is_address && has(head(value, 200), b"document.cookie")
}

/// The letters before a `=`.
fn attribute_name(before: &[u8]) -> &[u8] {
    let len = before.iter().rev().take(48).take_while(|byte| is_of_name(**byte)).count();
    tail(before, len)
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.' | b'$' | b'@')
}

/// A value without the quote before it, as far as is looked at.
fn value(after: &[u8]) -> &[u8] {
    let value = trim_start(after);
    head(value, VALUE)
}

fn unquoted(value: &[u8]) -> &[u8] {
    match value.first() {
        Some(b'"' | b'\'' | b'`') => value.get(1..).unwrap_or_default(),
        _ => value,
    }
}

/// Whether the attribute at `start`, whose name begins with `on`, is a handler with code.
fn is_handler(walk: &Walk<'_>, start: usize, name: &[u8], quoted: &[u8]) -> bool {
    if !name.iter().skip(2).all(u8::is_ascii_alphabetic) || is_english(name) {
        return false;
    }
    let value = unquoted(quoted);
    let is_code = has_sink(head(value, 200)) || is_sink(head(value, name_len(value)));
    let before = walk.before(start);
    let boundary = before.last();
    if matches!(boundary, Some(b'?' | b'&' | b'#')) {
        return false;
    }
    if let Some(open) = walk.open.here {
        let is_clean = before.get(open..).is_some_and(is_clean_tag);
        if is_clean && !value.is_empty() && !is_component(walk, start, value) && !is_placeholder(value) {
            return true;
        }
        return is_code;
    }
    let is_behind_quote = matches!(trim_separators(before).last(), Some(b'"' | b'\'' | b'`'));
    if is_code && (is_behind_quote || !is_assignment(before, value)) {
        return walk.open.last.is_some()
            || boundary.is_none_or(|byte| !byte.is_ascii_alphanumeric())
            || tail(before, 32).contains(&b'"');
    }
    // A quote that ends another attribute, and then a handler.
    (is_behind_quote || begins_with_end(before) || is_between_attributes(walk))
        && starts_code(value)
        && !is_component(walk, start, value)
}

/// Whether the text begins by ending the value of an attribute, so that others of the same tag follow.
fn begins_with_end(before: &[u8]) -> bool {
    let near = head(before, 24);
    let Some(at) = near.iter().position(|byte| matches!(byte, b'"' | b'\'')) else { return false };
    let lead = head(near, at);
    let follows = near.get(at + 1).is_some_and(|byte| is_space(*byte) || *byte == b'/');
    follows && lead.last() != Some(&b'=') && !lead.contains(&b' ')
}

/// Whether all of the text is attributes, the last without its value: what is between two quotes of a message was
/// behind a quote of a page.
fn is_between_attributes(walk: &Walk<'_>) -> bool {
    walk.lower.first().is_some_and(|byte| is_space(*byte) || *byte == b'/')
        && walk.lower.last() == Some(&b'=')
}

/// Words that begin like handlers.
fn is_english(name: &[u8]) -> bool {
    matches!(
        name,
        b"online"
            | b"onlyif"
            | b"onion"
            | b"ongoing"
            | b"onsale"
            | b"onset"
            | b"onward"
            | b"onwards"
            | b"onboard"
            | b"onboarding"
            | b"onhand"
            | b"ontop"
            | b"onto"
            | b"ontology"
            | b"onsite"
            | b"onlyone"
            | b"ondemand"
            | b"onoff"
            | b"onehot"
            | b"ontario"
            | b"onetime"
            | b"oneof"
            | b"onnx"
            | b"onlytext"
    )
}

/// Whether a tag's name ends as names do, so that attributes follow.
fn is_clean_tag(inside: &[u8]) -> bool {
    let len =
        inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b":-_/!?%".contains(byte)).count();
    inside
        .get(len)
        .is_none_or(|byte| is_space(*byte) || matches!(byte, b'"' | b'\'' | b'`' | b'+' | b'&' | b'\\'))
        || head(inside, 64).contains(&b'/')
}

/// Components of frameworks take functions in braces, which a browser would not call.
fn is_component(walk: &Walk<'_>, start: usize, value: &[u8]) -> bool {
    let Some(inside) = value.strip_prefix(b"{") else { return false };
    let is_camel = walk.raw.get(start + 2).is_some_and(u8::is_ascii_uppercase);
    let inside = trim_start(inside);
    let name = name_len(inside);
    let is_name = name > 0 && trim_start(inside.get(name..).unwrap_or_default()).first() == Some(&b'}');
    is_camel && (is_name || (is_one_function(inside) && !has_sink(head(inside, 200))))
}

/// Whether a value is a function that is made and not called.
fn is_function(value: &[u8]) -> bool {
    let value = trim_start(value);
    let name = name_len(value);
    let behind_name = trim_start(value.get(name..).unwrap_or_default());
    let parameters = || {
        value.first() == Some(&b'(')
            && memchr::memchr(b')', head(value, 128))
                .is_some_and(|end| trim_start(value.get(end + 1..).unwrap_or_default()).starts_with(b"=>"))
    };
    value.starts_with(b"function")
        || value.starts_with(b"async")
        || behind_name.starts_with(b"=>")
        || parameters()
}

/// Whether a value in braces is one function and then the closing brace: nothing behind it, which
/// a browser would run.
fn is_one_function(inside: &[u8]) -> bool {
    let near = head(inside, VALUE);
    if !is_function(near) {
        return false;
    }
    let body = match memchr::memmem::find(near, b"=>") {
        Some(arrow) => trim_start(near.get(arrow + 2..).unwrap_or_default()),
        None => near.get(memchr::memchr(b'{', near).unwrap_or(near.len())..).unwrap_or_default(),
    };
    let is_block = body.first() == Some(&b'{');
    let mut depth = 0_usize;
    let mut quote = None;
    for (at, byte) in body.iter().enumerate() {
        match (quote, byte) {
            (Some(open), byte) => {
                if open == *byte {
                    quote = None;
                }
            }
            (None, b'"' | b'\'' | b'`') => quote = Some(*byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b'}') if depth == 0 => return true,
            (None, b'}') if depth == 1 && is_block => {
                return trim_start(body.get(at + 1..).unwrap_or_default()).first() == Some(&b'}');
            }
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b',' | b';' | b'\n' | b'\r') if depth == 0 => return false,
            (None, _) => {}
        }
    }
    false
}

/// Dots, or a name for what is to be filled in.
fn is_placeholder(value: &[u8]) -> bool {
    value.starts_with(b"...")
        || value.starts_with("…".as_bytes())
        || value.starts_with(b"\"")
        || value.starts_with(b"'")
        || value.starts_with(b">")
}

/// Whether code of a program assigns a handler, as pages do for themselves.
fn is_assignment(before: &[u8], value: &[u8]) -> bool {
    let is_declared =
        [&b"const "[..], b"let ", b"var ", b"function "].iter().any(|word| before.ends_with(word));
    is_declared || (is_function(value) && !before.is_empty())
}

fn trim_separators(before: &[u8]) -> &[u8] {
    let len = before.iter().rev().take(8).take_while(|byte| is_space(**byte) || **byte == b'/').count();
    before.get(..before.len() - len).unwrap_or_default()
}

/// A handler whose name is followed by signs that some browsers skip: `onload!#$%=`.
fn is_hidden_handler(before: &[u8], value: &[u8]) -> bool {
    let near = tail(before, 64);
    let signs = near.iter().rev().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    let name = near.get(..near.len() - signs).unwrap_or_default();
    let len = name.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let name = tail(name, len);
    signs > 0 && name.len() >= 6 && name.starts_with(b"on") && has_sink(head(value, 200))
}

/// Attributes of some elements that bring documents or code along.
fn content(element: &[u8], name: &[u8], value: &[u8]) -> Option<&'static str> {
    let value = unquoted(value);
    if value.is_empty() || is_placeholder(value) {
        return None;
    }
    let name = name.rsplit(|byte| *byte == b':').next().unwrap_or(name);
    let leads_out = value.starts_with(b"//")
        || value.starts_with(b"\\\\")
        || value.starts_with(b"http")
        || value.starts_with(b"data:")
        || value.starts_with(b"javascript:");
    match (element, name) {
        (b"script", b"src") if is_own_script(value) => Some("xss-script-source"),
        (b"script", b"src" | b"href") => Some("xss-script-tag"),
        // Where scripts come from, and what is fetched ahead of need.
        (b"script", b"type") if value.starts_with(b"importmap") || value.starts_with(b"speculationrules") => {
            Some("xss-script-tag")
        }
        (_, b"srcdoc") if acts(value) || value.contains(&b'<') || value.contains(&b'&') => Some("xss-iframe"),
        (b"iframe" | b"frame" | b"portal" | b"webview", b"src") => Some("xss-iframe"),
        (b"object", b"data" | b"classid" | b"codebase") => Some("xss-object-embed"),
        (b"object", b"type") if has(value, b"scriptlet") => Some("xss-object-embed"),
        (b"embed", b"src" | b"code") | (b"applet", b"code" | b"archive" | b"object" | b"codebase") => {
            Some("xss-object-embed")
        }
        (b"base", b"href") if leads_out => Some("xss-base"),
        (b"use" | b"feimage", b"href")
            if value.starts_with(b"data:") || value.starts_with(b"//") || value.starts_with(b"http") =>
        {
            Some("xss-data-uri")
        }
        (_, b"dataformatas") | (b"layer" | b"ilayer" | b"bgsound", b"src") => Some("xss-import"),
        (b"xml", b"src") | (b"event-source", b"src") => Some("xss-import"),
        (b"input" | b"button" | b"isindex", b"formaction" | b"action") if leads_out => {
            Some("xss-javascript-uri")
        }
        (_, b"style") => is_active_style(value).then_some("xss-expression"),
        (_, b"implementation") if has(value, b"#default#time") => Some("xss-expression"),
        _ => None,
    }
}

/// Whether a source is a file of the same site, as in any page that people show each other.
fn is_own_script(value: &[u8]) -> bool {
    let len = value.iter().take_while(|byte| !is_space(**byte) && !b"\"'>".contains(byte)).count();
    let path = head(value, len);
    let file = head(path, path.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(len));
    let is_plain = path.iter().all(|byte| byte.is_ascii_alphanumeric() || b"/._-?=&#".contains(byte));
    is_plain && !path.starts_with(b"//") && (file.ends_with(b".js") || file.ends_with(b".mjs"))
}

/// Styles that were code in browsers of old; escapes and comments between the letters do not count.
fn is_active_style(value: &[u8]) -> bool {
    // A quote that never closes hides the comments behind it from one reader and not from another.
    let active =
        [&b"expression("[..], b"behavior:url(", b"behaviour:url(", b"-moz-binding:url(", b"-o-link:"];
    [style::plain(value, Quotes::Skipped), style::plain(value, Quotes::Read)]
        .iter()
        .any(|plain| active.iter().any(|part| has(plain, part)) || has(plain, b"url(javascript:"))
}
