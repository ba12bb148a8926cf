//! What stands before a `(` or a backtick: calls that only attackers make, and what they had to
//! end in order to make them.

use super::code::{
    has, has_sink, head, is_name, is_proof, is_sink, is_space, last_name, name_len, tail, trim_end,
    trim_start,
};
use super::{Found, Walk, proof};

/// Looks at the `(` or backtick at `at`.
pub(super) fn at(walk: &Walk<'_>, at: usize) -> Found {
    let before = trim_end(walk.before(at));
    // `alert?.(1)` is a call as well.
    let before = before.strip_suffix(b"?.").unwrap_or(before);
    let after = walk.after(at + 1);
    let name = last_name(before);
    let start = before.len() - name.len();
    let id = if name.is_empty() {
        unnamed(walk, before, after)
    } else if walk.lower.get(at) == Some(&b'`') {
        template(walk, before, name, after)
    } else {
        let shown = || proof::is_shown(walk, lead_of(before, name), name, after).then_some("xss-js-call");
        named(walk, before, name, after).or_else(shown)
    };
    id.map(|id| (id, start..at + 1 + head(after, 24).len()))
}

fn named(walk: &Walk<'_>, before: &[u8], name: &[u8], after: &[u8]) -> Option<&'static str> {
    let is_cut = || b"expression".ends_with(name) && lead_of(before, name).ends_with(b"*/");
    if name.ends_with(b"expression") || is_cut() {
        return is_style_expression(walk, before, name).then_some("xss-expression");
    }
    if let Some(id) = hidden(name, after) {
        return Some(id);
    }
    let lead = lead_of(before, name);
    // Who ends a text at the beginning and hides what follows at the end, calls something that counts.
    let ends = || lead.len() <= LEAD_MAX && lead.last() != Some(&b'{') && ends_a_text(walk, lead);
    if name.len() > 1 && hides_the_end(walk.lower) && (ends() || begins_with_end(walk.lower)) {
        return Some("xss-js-break-out");
    }
    let is_proof = is_proof(strip_method(name));
    if !is_proof && !is_sink(name) {
        return None;
    }
    if ends_a_text(walk, lead) && (is_proof || is_tail_of_code(walk.lower)) {
        return Some("xss-js-break-out");
    }
    if is_between_operators(walk.lower, lead) {
        return Some("xss-js-call");
    }
    if is_empty_call(after) && !is_whole(walk, lead) {
        return None;
    }
    let is_asked = || name != b"confirm" && name != b"prompt" || proof::says_nothing(after);
    if is_proof && (walk.open.has_script || (is_value(walk, lead) && is_asked()) || ends_a_script(after)) {
        return Some("xss-js-call");
    }
    let behind = walk.after(before.len());
    let touches = behind.starts_with(b"(") || behind.starts_with(b"?.(");
    let is_argument = matches!(trim_start(after).first(), Some(b'\'' | b'"' | b'`' | b'/' | b'0'..=b'9'));
    if is_proof
        && is_argument
        && hides_the_rest(after)
        && lead.last().is_none_or(|byte| b";})&|-+*/\n".contains(byte))
    {
        return Some("xss-js-break-out");
    }
    let is_all = (touches || is_argument) && is_whole(walk, lead);
    if is_proof && (is_all || (closes_a_block(lead) && is_tail_of_code(walk.lower))) {
        return Some("xss-js-call");
    }
    None
}

/// Where a text is ended, this much is before the call.
const LEAD_MAX: usize = 48;

/// Whether the text begins with the end of a text between quotes: `x';`.
fn begins_with_end(lower: &[u8]) -> bool {
    let near = head(lower, BEGINNING_MAX);
    let Some(at) = near.iter().position(|byte| matches!(byte, b'\'' | b'"' | b'`')) else { return false };
    let is_value =
        head(near, at).iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'\\' | b'-' | b'.'));
    is_value && near.get(at + 1).is_some_and(|byte| b";)}]-+*/|&^%,?\n".contains(byte))
}

/// A value before the quote that ends it is shorter.
const BEGINNING_MAX: usize = 24;

/// Whether all of the text is a call between two operators, as it stands where quotes were around it: `-print()-`.
fn is_between_operators(lower: &[u8], lead: &[u8]) -> bool {
    let (lead, text) = (trim_start(lead), trim_end(lower));
    (1..4).contains(&lead.len())
        && lead.iter().all(|byte| b"+-*/^|&%;".contains(byte))
        && text.last().is_some_and(|byte| b"+-*/^|&%=(".contains(byte))
        && text.len() < VALUE_MAX
}

/// A call that shows something is shorter.
const VALUE_MAX: usize = 256;

/// Whether the call is closed and a comment follows at once.
fn hides_the_rest(after: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b')', head(after, 128)) else { return false };
    let rest = after.get(end + 1..).unwrap_or_default();
    let signs = rest.iter().take(8).take_while(|byte| b");}> ".contains(byte)).count();
    let rest = rest.get(signs..).unwrap_or_default();
    rest.starts_with(b"//") && rest.get(2) != Some(&b' ') || rest.starts_with(b"<!--")
}

/// Whether the call is an attribute's value, as frameworks run many of them (`@click=`, `x-init=`).
fn is_value(walk: &Walk<'_>, lead: &[u8]) -> bool {
    let lead = trim_end(lead);
    let lead = lead.strip_suffix(b"\"").or_else(|| lead.strip_suffix(b"'")).unwrap_or(lead);
    walk.open.here.is_some() && trim_end(lead).last() == Some(&b'=')
}

/// Whether the script element ends behind the call: its beginning is somewhere else.
fn ends_a_script(after: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b')', head(after, 64)) else { return false };
    let rest = after.get(end + 1..).unwrap_or_default();
    let signs = rest.iter().take(8).take_while(|byte| b");} \n".contains(byte)).count();
    rest.get(signs..).is_some_and(|rest| rest.starts_with(b"</script"))
}

/// The text before a call, without `new`, `void` and signs of its own.
fn lead_of<'a>(before: &'a [u8], name: &[u8]) -> &'a [u8] {
    before.get(..before.len() - name.len()).unwrap_or_default()
}

/// `alert.call`, `alert.apply` and the like are calls of `alert`.
fn strip_method(name: &[u8]) -> &[u8] {
    [&b".call"[..], b".apply", b".bind", b".valueof", b"."]
        .iter()
        .find_map(|method| name.strip_suffix(*method))
        .unwrap_or(name)
}

/// Whether a call has no argument: people write so when they speak of a function.
fn is_empty_call(after: &[u8]) -> bool {
    trim_start(after).first() == Some(&b')')
}

/// Whether the text is this call from its beginning, with nothing but signs before it, and goes on
/// as code does.
fn is_whole(walk: &Walk<'_>, lead: &[u8]) -> bool {
    let digits = lead.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let signs = lead.get(digits..).unwrap_or_default();
    let is_number_ended = digits == 0 || matches!(signs.first(), Some(b';' | b'}' | b')' | b'-' | b'*'));
    let is_first = is_number_ended
        && lead.len() <= 24
        && signs.iter().all(|byte| !byte.is_ascii_alphanumeric() && *byte < 0x80);
    let end = trim_end(walk.lower);
    is_first
        && matches!(
            end.last(),
            Some(b')' | b';' | b'/' | b'\'' | b'"' | b'`' | b'-' | b'}' | b'>' | b'*' | b'+')
        )
}

/// Whether a text between quotes ends before the call: a quote, then only signs.
pub(super) fn ends_a_text(walk: &Walk<'_>, lead: &[u8]) -> bool {
    let is_word = |word: &[u8]| {
        let quote =
            lead.len().checked_sub(word.len() + 1).and_then(|at| lead.get(at)).copied().unwrap_or_default();
        lead.ends_with(word) && matches!(quote, b'\'' | b'"') && walk.is_odd(quote)
    };
    if is_word(b"in ") || is_word(b"instanceof ") {
        return true;
    }
    let near = tail(lead, 24);
    let signs = near
        .iter()
        .rev()
        .take_while(|byte| is_space(**byte) || b";+-*/^|&%,<>=?:!~([{})]@.".contains(byte))
        .count();
    if signs == 0 {
        return false;
    }
    let between = tail(near, signs);
    let Some(quote) = near.len().checked_sub(signs + 1).and_then(|at| near.get(at)) else { return false };
    // `${` asks for a value in the middle of a text.
    let is_inserted = *quote == b'$' && between.first() == Some(&b'{');
    let is_operator = between.iter().any(|byte| b";+-*/^|&%,<>?~})".contains(byte))
        && !matches!(trim_start(between).first(), Some(b'.' | b'=' | b':' | b'('));
    is_inserted || (matches!(quote, b'\'' | b'"' | b'`' | b'\\') && is_operator && walk.is_odd(*quote))
}

/// Whether brackets of somebody else's are closed before the call.
fn closes_a_block(lead: &[u8]) -> bool {
    let lead = trim_start(lead);
    lead.len() <= 48 && matches!(lead.first(), Some(b'}' | b')' | b']' | b';' | b'*' | b'-' | b'/'))
}

/// Whether the text ends by hiding what follows it, or by opening a text for it.
fn is_tail_of_code(text: &[u8]) -> bool {
    hides_the_end(text) || trim_end(text).ends_with(b"{")
}

/// The same without the beginning of a block, with which many lines of programs end.
fn hides_the_end(text: &[u8]) -> bool {
    let end = tail(trim_end(text), 5);
    let opens = |quote: u8| {
        end.strip_suffix(&[quote]).is_some_and(|end| {
            end.last().is_some_and(|byte| b"-+;=(|&*^%,?:<{[\n".contains(byte)) || end.ends_with(b" in")
        })
    };
    [&b"//"[..], b"/*", b"<!--"].iter().any(|mark| end.ends_with(mark))
        || opens(b'\'')
        || opens(b'"')
        || end.ends_with(b"-`")
        || end.ends_with(b"+`")
}

/// Calls whose argument is code in disguise, or what is stolen.
fn hidden(name: &[u8], after: &[u8]) -> Option<&'static str> {
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    let argument = head(trim_start(after), 96);
    let is_disguised = || {
        [
            &b"atob("[..],
            b"unescape(",
            b"string.fromcharcode",
            b"decodeuri",
            b"location",
            b"name)",
            b"document.",
            b"window.name",
            b"'\\",
            b"\"\\",
            b"/*",
            b"src)",
            b"id)",
            b"this.",
            b"e.data",
            b"event.data",
            b"e.newvalue",
        ]
        .iter()
        .any(|start| argument.starts_with(start))
    };
    let steals = |text: &[u8]| {
        has(text, b"document.cookie") || has(text, b"localstorage") || has(text, b"sessionstorage")
    };
    match last {
        b"eval" | b"execscript" | b"function" | b"settimeout" | b"setinterval"
            if last != b"function" && is_disguised() =>
        {
            Some("xss-js-eval")
        }
        b"catch" | b"map" | b"flatmap" | b"find" | b"filter" | b"foreach" | b"some" | b"every" | b"sort"
        | b"findindex" | b"from"
            if is_proof(head(argument, name_len(argument))) && is_end_of_argument(argument) =>
        {
            Some("xss-js-call")
        }
        b"then" if argument.starts_with(b"eval)") => Some("xss-js-eval"),
        b"settimeout" | b"setinterval" | b"setimmediate" if argument.starts_with(b"alert,") => {
            Some("xss-js-call")
        }
        b"addeventlistener" if memchr::memmem::find(argument, b",alert)").is_some() => Some("xss-js-call"),
        b"constructor" | b"function" if is_text_of_code(argument) => Some("xss-js-eval"),
        b"settimeout" | b"setinterval" if is_text_of_code(argument) => Some("xss-js-eval"),
        b"write" | b"writeln" if name.ends_with(b"document.write") || name.ends_with(b"document.writeln") => {
            (has(argument, b"<script")
                || has(argument, b"<img")
                || has(argument, b"unescape")
                || has(argument, b"fromcharcode")
                || steals(argument))
            .then_some("xss-js-eval")
        }
        b"fetch"
        | b"sendbeacon"
        | b"open"
        | b"image"
        | b"send"
        | b"replace"
        | b"assign"
        | b"alert"
        | b"prompt"
        | b"confirm"
        | b"btoa"
        | b"encodeuricomponent"
        | b"escape"
        | b"encode"
        | b"share"
        | b"postmessage"
        | b"websocket"
        | b"eventsource"
        | b"webtransport"
            if steals(argument) =>
        {
            Some("xss-js-exfiltration")
        }
        b"alert" | b"prompt" | b"confirm"
            if argument.starts_with(b"document") || argument.starts_with(b"string.fromcharcode") =>
        {
            Some("xss-js-call")
        }
        _ => None,
    }
}

fn is_end_of_argument(argument: &[u8]) -> bool {
    matches!(argument.get(name_len(argument)), Some(b')' | b','))
}

/// Whether an argument is a text with a call in it.
fn is_text_of_code(argument: &[u8]) -> bool {
    matches!(argument.first(), Some(b'\'' | b'"' | b'`')) && has_sink(argument)
}

/// `[].find(alert)`, `(alert)(1)`, `top['al'+'ert'](1)` and functions without a name.
fn unnamed(walk: &Walk<'_>, before: &[u8], after: &[u8]) -> Option<&'static str> {
    match before.last()? {
        b']' => {
            let open = memchr::memrchr(b'[', tail(before, 80))?;
            let near = tail(before, 80);
            let object = last_name(near.get(..open).unwrap_or_default());
            let key = near.get(open + 1..near.len() - 1).unwrap_or_default();
            let is_window = matches!(
                object.rsplit(|byte| *byte == b'.').next().unwrap_or(object),
                b"window" | b"top" | b"self" | b"parent" | b"frames" | b"globalthis" | b"this" | b"content"
            );
            let is_disguised =
                matches!(key.first(), Some(b'\'' | b'"' | b'`' | b'/' | b'\\' | b'8' | b'(' | b'!' | b'+'))
                    && (has(key, b"+")
                        || has(key, b"alert")
                        || has(key, b"eval")
                        || has(key, b"\\")
                        || has(key, b".")
                        || has(key, b"concat"));
            // `[alert][0](1)` keeps it in a list.
            let list = open.checked_sub(1).and_then(|end| near.get(..end)).unwrap_or_default();
            let is_listed = [&b"alert"[..], b"confirm", b"prompt"].iter().any(|name| {
                list.strip_suffix(*name).is_some_and(|list| matches!(list.last(), Some(b'[' | b',')))
            });
            ((is_window && is_disguised) || key == b"alert" || is_listed).then_some("xss-js-call")
        }
        // A function of one's own that is given one to call.
        b')' if after.starts_with(b"alert)") => Some("xss-js-call"),
        b')' => {
            let near = tail(before, 32);
            let open = memchr::memrchr(b'(', near)?;
            let group = near.get(open + 1..near.len() - 1).unwrap_or_default();
            // `(0,alert)(1)` calls the last of a list.
            let name = trim_start(group.rsplit(|byte| *byte == b',').next().unwrap_or(group));
            let is_group = open.checked_sub(1).and_then(|at| near.get(at)).is_none_or(|byte| !is_name(*byte));
            (is_group
                && walk.lower.get(before.len()) == Some(&b'(')
                && is_proof(name)
                && !is_empty_call(after))
            .then_some("xss-js-call")
        }
        _ => None,
    }
}

/// A call by a template: alert`1`.
fn template(walk: &Walk<'_>, before: &[u8], name: &[u8], after: &[u8]) -> Option<&'static str> {
    let lead = lead_of(before, name);
    let is_closed = memchr::memchr(b'`', head(after, 64)).is_some() || has(head(after, 64), b"${");
    let touches = walk.before(before.len() + 1).last() == Some(&b'`');
    // Prose has names between backticks.
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    if touches
        && matches!(last, b"settimeout" | b"setinterval" | b"function" | b"constructor" | b"eval" | b"from")
        && (has_sink(head(after, 64)) || has(head(after, 64), b"${alert}"))
    {
        return Some("xss-js-eval");
    }
    let is_quoted = memchr::memchr(b'`', tail(lead, 64)).is_some()
        || after.first().is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b"$`'\"{(<\\".contains(byte));
    (is_closed && touches && !is_quoted && is_proof(strip_method(name))).then_some("xss-js-call")
}

/// `x:expression(..)`, in a style of old.
fn is_style_expression(walk: &Walk<'_>, before: &[u8], name: &[u8]) -> bool {
    let lead = trim_end(lead_of(before, name));
    let is_declared = lead.last() == Some(&b':') || lead.ends_with(b"*/");
    let is_cut = name.len() > 4 && b"expression".ends_with(name) && lead.ends_with(b"*/");
    (name == b"expression" || is_cut)
        && is_declared
        && (walk.open.last.is_some()
            || has(tail(lead, 40), b"style")
            || has(tail(lead, 40), b"xss")
            || has_sink(walk.after(before.len())))
}
