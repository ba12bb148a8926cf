//! Cuts a text into what a shell would take for commands.
//!
//! Lenient on purpose: quotes do not hide separators, because a payload often begins by closing the
//! quote that the program opened. What attackers put inside words to disguise them (quotes,
//! backslashes, carets, variables without a value) is taken off, and remembered.

use std::ops::Range;

use super::super::{ByteSet, Text};

/// What stands before a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nothing: it begins the text.
    Start,
    /// `;`, `&`, `&&`, `||`: it is a command of its own.
    Mark,
    /// `|`: it reads what the one before writes.
    Pipe,
    /// A line feed.
    Line,
    /// A backtick.
    Tick,
    /// `$(`, `<(` or `>(`.
    Dollar,
}

/// A command with its words.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) before: Before,
    /// In the text, without what stands before.
    pub(super) at: Range<usize>,
    pub(super) words: Vec<Word>,
}

/// A word with disguises taken off, in lower case.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) text: String,
    /// Something was taken off that stood inside.
    pub(super) disguised: bool,
    /// A substitution of nothing stood between its letters, or at its end.
    pub(super) parted: bool,
    /// It has several capital letters.
    pub(super) is_loud: bool,
}

/// Names are shorter, with all disguises.
const NAME_MAX: usize = 48;
/// The rest of longer words is passed over.
const WORD_MAX: usize = 256;
/// A piece of reading has no more statements.
const STATEMENTS_MAX: usize = 256;
/// A text without separators is longer than any command that is one as a whole.
const LONE_MAX: usize = 4096;
const WORDS_MAX: usize = 64;
/// A value before a line feed that is written out is no longer.
const VALUE_MAX: usize = 48;

/// A command of more than a few words has one of these: an option, a path, a number, a quote, a variable.
const SIGNS: ByteSet = ByteSet::of(b"/\\-$%*?[]{}=<>^~:@\"'+!#_0123456789\t\0\x0b");
/// Blanks of a command that has none of them.
const PLAIN_MAX: usize = 5;

/// Whether a word where a command would stand may be one: `is_known` decides for words without
/// disguise. Far cheaper than [`statements`], which it saves for nearly all texts.
pub(super) fn may_run(text: Text<'_>, is_known: fn(&str) -> bool) -> bool {
    let marked = text.bytes.has_any(const { ByteSet::of(b";|&\n\r`(") });
    if !marked
        && !text.bytes.has_any(SIGNS)
        && text.lower.iter().filter(|byte| **byte == b' ').count() > PLAIN_MAX
    {
        return false;
    }
    let mut rest = text.lower;
    let mut opened = false;
    if !marked && text.lower.len() > LONE_MAX {
        return false;
    }
    if is_appended(text.lower) {
        return true;
    }
    loop {
        let start = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | 0 | b'"' | b'\'' | b'(' | b'{' | b'!' | b'+'))
            .count();
        let word = rest.get(start..).unwrap_or_default();
        let is_end = |byte: &u8| {
            matches!(
                byte,
                b' ' | b'\t'
                    | b'\n'
                    | 0x0b
                    | b';'
                    | b'|'
                    | b'&'
                    | b'<'
                    | b'>'
                    | b'`'
                    | b')'
                    | b','
                    | b'}'
                    | b'+'
            )
        };
        let end = word.iter().take(NAME_MAX).position(is_end).unwrap_or_else(|| word.len().min(NAME_MAX));
        let (name, after) = word.split_at_checked(end).unwrap_or_default();
        let opening = rest.get(..start).unwrap_or_default();
        if may_expand(opening, name, after) {
            return true;
        }
        // `$(<file)` reads a file without any program.
        let reads = opened && name.is_empty() && after.starts_with(b"<");
        // No program's name ends in a comma, but for those in braces; `;base64,` follows a media type.
        let listed = after.starts_with(b",") && !rest.get(..start).unwrap_or_default().contains(&b'{');
        if (!listed && may_name(name, is_known)) || parts_a_name(after) || reads {
            return true;
        }
        // What is longer than a name may still be a path, or a variable before a command.
        if end == NAME_MAX && (name.starts_with(b"/") || name.starts_with(b".") || name.contains(&b'=')) {
            return true;
        }
        if let (true, [b' ', next @ ..]) = (name.contains(&b'='), after) {
            rest = next;
            continue;
        }
        // From the word on, so that no mark is passed twice.
        let Some(mark) = next_mark(word).filter(|_| marked) else { return false };
        opened = word.get(mark) == Some(&b'(');
        rest = word.get(mark + 1..).unwrap_or_default();
    }
}

/// Whether a separator stands behind nothing or one word: what follows is looked at whatever its name is.
fn is_appended(text: &[u8]) -> bool {
    if text.len() > APPENDED_MAX {
        return false;
    }
    let head = text.get(..text.len().min(VALUE_MAX)).unwrap_or(text);
    let mark = head.windows(2).position(|two| matches!(two, [b';' | b'|' | b'&' | b'`', _] | [b'$', b'(']));
    let Some(at) = mark else { return false };
    let value = head.get(..at).unwrap_or_default().trim_ascii();
    !value.iter().any(|byte| byte.is_ascii_whitespace() || matches!(byte, b'{' | b'<' | b'\\'))
}

/// Longer texts are looked at only for names that are known.
const APPENDED_MAX: usize = 512;

/// Whether a word goes on behind a substitution that is empty, or a letter.
fn parts_a_name(after: &[u8]) -> bool {
    after.starts_with(b"``")
        || after.starts_with(b"<()")
        || after.starts_with(b">()")
        || matches!(after, [b'`', b'a'..=b'z', b'`', b'a'..=b'z', ..])
}

/// Where the next separator ends: as [`separator`], but cheaper.
fn next_mark(text: &[u8]) -> Option<usize> {
    let mut before = b' ';
    text.iter().position(|byte| {
        let opens = *byte == b'(' && matches!(before, b'$' | b'<' | b'>');
        before = *byte;
        opens || matches!(byte, b';' | b'|' | b'&' | b'\n' | b'\r' | b'`')
    })
}

/// Whether a shell may make the name of a program of this: a variable (`${a:-ls}`), a wildcard with
/// arguments behind it (`nma? -p`), a class of letters (`l[s]`), braces (`{,ls}`), quotes (`'w'ho`).
fn may_expand(opening: &[u8], name: &[u8], after: &[u8]) -> bool {
    let quoted = opening.last().filter(|byte| matches!(byte, b'"' | b'\''));
    let close = quoted.and_then(|quote| name.iter().position(|byte| byte == quote));
    matches!(name, [b'$', b'{' | b'a'..=b'z' | b'_', ..])
        || (name == b"run" && memchr::memchr3(b'%', b'/', b'\\', after).is_some())
        || close.is_some_and(|at| name.get(at + 1).is_none_or(u8::is_ascii_alphanumeric))
        || (name.is_empty() && after.starts_with(b",") && opening.contains(&b'{'))
        || (name.contains(&b'[') && name.contains(&b']'))
        || (name.iter().any(|byte| matches!(byte, b'?' | b'*'))
            && matches!(
                after,
                [b' ', b'-' | b'/' | b'.' | b'0'..=b'9', ..] | [b' ', b'h', b't', b't', b'p', ..]
            ))
}

fn may_name(word: &[u8], is_known: fn(&str) -> bool) -> bool {
    let quotes = word.iter().filter(|byte| matches!(byte, b'\'' | b'"')).count();
    let escaped = word.iter().skip(1).any(|byte| matches!(byte, b'\\' | b'$' | b'^'));
    let glob = word.starts_with(b"/") && word.iter().any(|byte| matches!(byte, b'?' | b'*'));
    if quotes > 1 || escaped || glob || word.starts_with(b"\\") || matches!(word, b"." | b"[" | b"[[") {
        return true;
    }
    let name = word.split(|byte| *byte == b'/').rfind(|part| !part.is_empty()).unwrap_or_default();
    if is_of_windows(name) || word.starts_with(b"/tmp/") || word.starts_with(b"./") {
        return true;
    }
    let end = name.iter().rposition(u8::is_ascii_alphanumeric).map_or(0, |last| last + 1);
    name.get(..end).and_then(|name| std::str::from_utf8(name).ok()).is_some_and(is_known)
}

/// Whether a name ends as those of programs and scripts of Windows.
fn is_of_windows(name: &[u8]) -> bool {
    memchr::memmem::find(name, b".exe").is_some()
        || [b".bat".as_slice(), b".cmd", b".ps1", b".vbs"].iter().any(|ending| name.ends_with(ending))
}

/// The commands at the beginning of a text.
pub(super) fn statements(text: &[u8]) -> Vec<Statement> {
    Reader::new(text).next().unwrap_or_default()
}

/// Reads a text piece by piece, so that the work for each statement has a bound.
pub(super) struct Reader<'a> {
    text: &'a [u8],
    before: Before,
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        let skipped = line_escape(text);
        let before = if skipped > 0 { Before::Line } else { Before::Start };
        Self { text, before, at: skipped }
    }
}

impl Iterator for Reader<'_> {
    type Item = Vec<Statement>;

    fn next(&mut self) -> Option<Vec<Statement>> {
        if self.at >= self.text.len() {
            return None;
        }
        let mut found = Vec::new();
        let mut start = self.at;
        let mut at = start;
        while at < self.text.len() && found.len() < STATEMENTS_MAX {
            if let Some((next, length)) = separator(self.text, at) {
                found.push(statement(self.text, self.before, start..at));
                at += length;
                (self.before, start) = (next, at);
            } else {
                at += 1;
            }
        }
        self.at = start;
        if at >= self.text.len() {
            found.push(statement(self.text, self.before, start..at));
            self.at = at;
        }
        Some(found)
    }
}

/// The length of `\n` or `\r\n`, written out, at the start of a text and behind its quotes.
fn line_escape(text: &[u8]) -> usize {
    let quotes = text.iter().take_while(|byte| matches!(byte, b'"' | b'\'' | b' ')).count();
    let mut rest = text.get(quotes..).unwrap_or_default();
    while let [b'\\', b'n' | b'r', after @ ..] = rest {
        if matches!(after, [b'\\', b'a'..=b'm' | b'o'..=b'q' | b's'..=b'z', ..]) {
            break;
        }
        rest = after;
    }
    let length = text.len() - rest.len();
    if length == quotes { 0 } else { length }
}

fn separator(text: &[u8], at: usize) -> Option<(Before, usize)> {
    let rest = text.get(at..)?;
    let escaped = at.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'\\');
    Some(match rest {
        // A line that goes on behind its end.
        [b'\n', ..] if escaped => return None,
        [b'\n' | b'\r', ..] => (Before::Line, 1),
        [b'\\', b'n', ..] if breaks_a_value(text, at) => (Before::Line, 2),
        [b'|', b'|', ..] | [b'&', b'&', ..] => (Before::Mark, 2),
        [b'|', ..] => (Before::Pipe, 1),
        // An ampersand behind `>` copies a descriptor.
        [b'&', ..] if at.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'>') => return None,
        [b';' | b'&', ..] => (Before::Mark, 1),
        _ if letter_substitution(text, at) > 0 => return None,
        // Its closing backtick.
        [b'`', ..] if at.checked_sub(2).is_some_and(|open| letter_substitution(text, open) == 3) => {
            return None;
        }
        // An empty substitution inside a word is a disguise of the word.
        [b'`', b'`', ..] | [b'$' | b'<' | b'>', b'(', b')', ..] => return None,
        [b'`', ..] if at.checked_sub(1).and_then(|at| text.get(at)) == Some(&b'`') => return None,
        [b'`', ..] => (Before::Tick, 1),
        [b'$', b'(', b'(', ..] => return None,
        [b'$' | b'<' | b'>', b'(', ..] => (Before::Dollar, 2),
        _ => return None,
    })
}

/// The length of `$(u)` or `` `u` `` between letters: a command of one letter that does not exist parts a name.
fn letter_substitution(text: &[u8], at: usize) -> usize {
    let before = at.checked_sub(1).and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    match text.get(at..).unwrap_or_default() {
        [b'$', b'(', b'a'..=b'z', b')', next, ..] if before && next.is_ascii_alphanumeric() => 4,
        [b'`', b'a'..=b'z', b'`', next, ..] if before && next.is_ascii_alphanumeric() => 3,
        _ => 0,
    }
}

/// Whether a line feed that is written out ends a value: what is before it is one word, and no path of Windows.
fn breaks_a_value(text: &[u8], at: usize) -> bool {
    let value = text.get(..at).unwrap_or_default();
    let value = value.strip_suffix(b"\\r").unwrap_or(value);
    let goes_on = matches!(text.get(at + 2..), Some([b'\\', b'a'..=b'm' | b'o'..=b'q' | b's'..=b'z', ..]));
    !goes_on
        && (1..=VALUE_MAX).contains(&at)
        && value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'%'))
        && value.last() != Some(&b':')
}

fn statement(text: &[u8], before: Before, at: Range<usize>) -> Statement {
    let close = text.get(at.clone()).and_then(|piece| piece.iter().position(|byte| *byte == b')'));
    let at = match close {
        Some(close) if before == Before::Dollar => at.start..at.start + close,
        _ => at,
    };
    let piece = text.get(at.clone()).unwrap_or_default();
    let braced = piece
        .trim_ascii()
        .strip_prefix(b"{")
        .filter(|rest| rest.contains(&b',') && (!rest.contains(&b':') || is_of_url(rest)));
    let words = match braced {
        Some(rest) => {
            let mut words = words(rest.strip_suffix(b"}").unwrap_or(rest), b',');
            // Lists of names that somebody writes have blanks in them.
            if let Some(first) = words.first_mut().filter(|_| !rest.iter().any(u8::is_ascii_whitespace)) {
                first.disguised = true;
            }
            words
        }
        // Forms write blanks as plus signs.
        None if !piece.trim_ascii().contains(&b' ') && piece.contains(&b'+') => {
            words(piece.trim_ascii(), b'+')
        }
        None => words(piece, b' '),
    };
    Statement { before, at, words }
}

/// Whether a colon is of a URL: objects of JSON have others.
fn is_of_url(text: &[u8]) -> bool {
    !text.contains(&b'"') && text.windows(3).any(|three| three == b"://")
}

fn words(piece: &[u8], also: u8) -> Vec<Word> {
    let mut words = vec![Word::default()];
    let mut rest = piece;
    let mut fresh = true;
    let mut capitals = 0_usize;
    while let Some((first, after)) = rest.split_first() {
        let blank = blank_variable(rest);
        // A line feed that is written out and ends the text.
        let breaks = matches!(rest, [b'\\', b'n' | b'r'] | [b'\\', b'n' | b'r', b'"' | b'\'', ..]
                | [b'\\', b'n' | b'r', b'\\', b'n' | b'r' | b'\\' | b'"' | b'\'', ..])
            // Behind another escape it is one of those that disguise a name.
            && !words.last().is_some_and(|word| word.text.starts_with('\\'));
        // The local part of an address, with its quote.
        let breaks = breaks || matches!(rest, [b'"' | b'\'', b'@', ..]);
        // Some take a vertical tab for a blank.
        let breaks = breaks
            || first.is_ascii_whitespace()
            || matches!(first, 0x0b | 0)
            || *first == also
            || (matches!(first, b'<' | b'>') && !matches!(rest, [_, b'(', b')', b'a'..=b'z', ..]));
        if breaks || blank > 0 {
            if words.len() == WORDS_MAX {
                break;
            }
            if words.last().is_some_and(|word| !word.text.is_empty()) {
                words.push(Word::default());
            }
            if let (b'<' | b'>', Some(word)) = (first, words.last_mut()) {
                word.text.push(char::from(*first));
            }
            let length = if *first == b'\\' { 2 } else { blank.max(1) };
            rest = rest.get(length..).unwrap_or_default();
            fresh = true;
            continue;
        }
        let disguise = match (first, words.last()) {
            (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | 0x80.., _) => 0,
            (b'\\', Some(word)) if fresh || word.text.contains([':', '\\', '%', '.']) => 0,
            // The default of a variable may be a variable.
            (b'$', Some(word)) if word.text.starts_with("${") && !word.text.contains('}') => 0,
            _ => disguise(rest, fresh),
        };
        if let Some(word) = words.last_mut().filter(|word| word.text.len() < WORD_MAX) {
            if disguise > 0 {
                let begun = !word.text.is_empty();
                word.disguised |= begun && rest.get(disguise).is_some_and(u8::is_ascii_alphanumeric);
                word.parted |= parts(rest, disguise, begun);
            } else if !is_needless(*first, &word.text) {
                capitals = if word.text.is_empty() { 0 } else { capitals };
                capitals += usize::from(first.is_ascii_uppercase());
                word.is_loud = capitals > 1;
                word.text.push(char::from(first.to_ascii_lowercase()));
            }
        }
        fresh = false;
        rest = if disguise > 0 { rest.get(disguise..).unwrap_or_default() } else { after };
    }
    words.retain(|word| !word.text.is_empty());
    words
}

/// Whether a disguise of this length is one that nothing but a shell takes off, in a word that has `begun` or
/// before it.
fn parts(rest: &[u8], length: usize, begun: bool) -> bool {
    let inside = rest.get(length).is_some_and(u8::is_ascii_alphanumeric);
    match rest {
        [b'$', b'{', b'@' | b'*' | b'#' | b'!' | b'?' | b'-', b'}', next, ..] if !begun => {
            next.is_ascii_lowercase()
        }
        _ if !begun => false,
        // Quotes around nothing, as no text has between letters.
        [b'"', b'"', next, ..] | [b'\'', b'\'', next, ..] => next.is_ascii_alphanumeric(),
        [b'`', b'`', b' ', ..] | [b'$', b'(', b')', b' ', ..] => true,
        [b'$', b'?' | b'-' | b'$' | b'_' | b'@' | b'*' | b'#' | b'!' | b'0'..=b'9', ..] => inside,
        [b'`' | b'$' | b'<' | b'>', second, ..] => inside && length > 2 && *second != b'{',
        _ => false,
    }
}

/// Brackets before a word, and slashes behind slashes.
fn is_needless(byte: u8, word: &str) -> bool {
    (word.is_empty() && matches!(byte, b'(' | b'{'))
        || (byte == b'/' && word.ends_with('/') && !word.ends_with(":/"))
}

/// The length of `$IFS`, `${IFS}` or `$IFS$9`, which a shell makes blanks of.
fn blank_variable(rest: &[u8]) -> usize {
    let lower = |range: Range<usize>| rest.get(range).unwrap_or_default().to_ascii_lowercase();
    if rest.first() != Some(&b'$') {
        0
    } else if lower(1..4) == b"ifs" {
        if rest.get(4) == Some(&b'$') && rest.get(5).is_some_and(u8::is_ascii_digit) { 6 } else { 4 }
    } else if lower(1..5) == b"{ifs" {
        rest.iter().take(16).position(|byte| *byte == b'}').map_or(5, |end| end + 1)
    } else {
        0
    }
}

/// The length of what a shell takes off a word: quotes, escapes, variables without a value.
fn disguise(rest: &[u8], path: bool) -> usize {
    match rest {
        [b'\\', b'\n', ..] => 2,
        // Text with escapes, or one to be translated.
        [b'$', b'\'' | b'"', ..] => 2,
        [b'\'' | b'"' | b'^', ..] | [b'\\', b'a'..=b'z' | b'A'..=b'Z' | b'/', ..]
            if !is_windows(rest, path) =>
        {
            1
        }
        [b'`', b'`', ..] | [b'$', b'@' | b'*' | b'0'..=b'9' | b'#' | b'!' | b'?' | b'-' | b'$', ..] => 2,
        [b'$', b'_', b'a'..=b'z', ..] if !path => 2,
        [b'$' | b'<' | b'>', b'(', b')', ..] | [b'`', b'a'..=b'z', b'`', ..] => 3,
        [b'$', b'(', b'a'..=b'z', b')', ..] => 4,
        [b'$', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] if !path => {
            1 + rest
                .iter()
                .skip(1)
                .take(32)
                .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
                .count()
        }
        [b'$', b'{', b'@' | b'*' | b'#' | b'!' | b'?' | b'-', b'}', ..] => 4,
        [b'$', b'{', ..] if !path => {
            rest.iter().take(32).position(|byte| *byte == b'}').map_or(0, |end| end + 1)
        }
        _ => 0,
    }
}

/// A backslash of a path rather than an escape: what follows is longer than the tail of a command's name.
fn is_windows(rest: &[u8], path: bool) -> bool {
    rest.first() == Some(&b'\\')
        && (path || rest.iter().skip(1).take_while(|byte| byte.is_ascii_alphanumeric()).count() > 6)
}
