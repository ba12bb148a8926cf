//! Strings: quoted, raw as in version 2 (`#"…"#`) and as in version 1 (`r"…"`, `r#"…"#`).

use super::SyntaxFault;
use super::cursor::{Cursor, is_line_end};
use super::multiline::dedent;

/// How a string began: what ends it.
struct Opening {
    start: usize,
    hashes: usize,
    many_lines: bool,
    raw: bool,
    /// `r"…"` of version 1, in which line ends may stand.
    first_version: bool,
}

/// Reads the string that begins here; `None`: none does.
pub(super) fn string(cursor: &mut Cursor<'_>) -> Result<Option<String>, SyntaxFault> {
    let Some(opening) = opening(cursor) else { return Ok(None) };
    let body_start = cursor.at;
    let closing =
        format!("{}{}", if opening.many_lines { "\"\"\"" } else { "\"" }, "#".repeat(opening.hashes));
    loop {
        if cursor.sees(&closing) {
            break;
        }
        let may_go_on = opening.many_lines || opening.first_version;
        match cursor.peek() {
            None => return Err(unclosed(&opening, &closing)),
            Some(c) if is_line_end(c) && !may_go_on => return Err(unclosed(&opening, &closing)),
            Some('\\') if !opening.raw => {
                cursor.next();
                skip_escaped(cursor);
            }
            Some(_) => drop(cursor.next()),
        }
    }
    let body = cursor.since(body_start);
    cursor.take(&closing);
    let whole = (opening.start, cursor.at - opening.start);
    let text = if opening.many_lines { dedent(body, whole)? } else { body.to_owned() };
    if opening.raw {
        return Ok(Some(text));
    }
    // Behind the dedenting the places in the text are not those in the file any more.
    let base = if opening.many_lines { None } else { Some(body_start) };
    unescape(&text, base, whole).map(Some)
}

fn opening(cursor: &mut Cursor<'_>) -> Option<Opening> {
    let rest = cursor.rest();
    let first_version = rest.starts_with('r');
    let marked = rest.strip_prefix('r').unwrap_or(rest);
    let hashes = marked.len() - marked.trim_start_matches('#').len();
    let quotes = marked.get(hashes..)?;
    if !quotes.starts_with('"') {
        return None;
    }
    let many_lines = !first_version && quotes.starts_with("\"\"\"");
    let start = cursor.at;
    cursor.at += usize::from(first_version) + hashes + if many_lines { 3 } else { 1 };
    Some(Opening { start, hashes, many_lines, raw: first_version || hashes > 0, first_version })
}

/// Goes over what a backslash makes harmless: one character, or blanks up to the next text.
fn skip_escaped(cursor: &mut Cursor<'_>) {
    if cursor.peek().is_some_and(char::is_whitespace) {
        while cursor.peek().is_some_and(char::is_whitespace) {
            cursor.next();
        }
    } else {
        cursor.next();
    }
}

fn unclosed(opening: &Opening, closing: &str) -> SyntaxFault {
    let marks = usize::from(opening.first_version) + opening.hashes + if opening.many_lines { 3 } else { 1 };
    let help = if opening.many_lines || opening.first_version {
        format!("it ends with {closing}")
    } else {
        format!("it ends with {closing} on the same line; texts of several lines stand between \"\"\"")
    };
    SyntaxFault::new((opening.start, marks), "a string is not closed").label("begins here").help(help)
}

/// The text that `escaped` stands for. `base` is where it begins in the file; without it, or
/// for what is longer than the text, faults are shown at `whole`.
fn unescape(escaped: &str, base: Option<usize>, whole: (usize, usize)) -> Result<String, SyntaxFault> {
    let mut text = String::with_capacity(escaped.len());
    let mut cursor = Cursor { text: escaped, at: 0 };
    while let Some(c) = cursor.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        let start = cursor.at - 1;
        let meant = match cursor.peek() {
            Some(c) if c.is_whitespace() => {
                skip_escaped(&mut cursor);
                continue;
            }
            Some('u') => unicode(&mut cursor),
            other => {
                cursor.next();
                other.and_then(simple)
            }
        };
        let Some(meant) = meant else {
            let at = base.map_or(whole, |base| (base + start, cursor.at - start));
            return Err(SyntaxFault::new(at, format!("`{}` is not an escape", cursor.since(start)))
                .label("no such escape")
                .help("there are \\\\ \\\" \\n \\r \\t \\b \\f \\s and \\u{1F600}; in #\"…\"# a backslash is a backslash"));
        };
        text.push(meant);
    }
    Ok(text)
}

fn simple(escape: char) -> Option<char> {
    Some(match escape {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        's' => ' ',
        '\\' | '"' | '/' => escape,
        _ => return None,
    })
}

/// `u{…}`: one to six hexadecimal digits.
fn unicode(cursor: &mut Cursor<'_>) -> Option<char> {
    cursor.next();
    if !cursor.take("{") {
        return None;
    }
    let start = cursor.at;
    while cursor.peek().is_some_and(|c| c.is_ascii_hexdigit()) {
        cursor.next();
    }
    let digits = cursor.since(start);
    if !cursor.take("}") || digits.len() > 6 {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}
