//! Where a command stands, in points: what precedes it, how it is joined to that, what follows.

use std::ops::Range;

use super::arguments::is_address;
use super::shell::{Before, Statement, Word};
use super::words::{Sure, is_known, is_name, is_tool, sure};

/// A sentence: no command is expected behind it.
pub(super) const PROSE: i32 = -2;
/// A command line of a developer's day, which goes on with others.
const TOOL: i32 = -1;
/// Two or three words that make no sentence.
pub(super) const PHRASE: i32 = 1;
/// One word.
pub(super) const VALUE: i32 = 2;
/// A number, the name of a file, or what ends by closing a quote.
const DATUM: i32 = 3;
/// Nothing, or what only a machine is given: an address.
const NOTHING: i32 = 4;

/// A substitution among words.
const MARKUP: i32 = -6;

/// What precedes the first separator of a text: nothing, or what no sentence begins with.
pub(super) fn lead(text: &[u8], statements: &[Statement]) -> i32 {
    let Some(start) = statements.iter().find(|statement| statement.before == Before::Start) else {
        return NOTHING;
    };
    if is_smiling(text) || text.trim_ascii_start().starts_with(b"```") {
        return PROSE;
    }
    let value = text.get(start.at.clone()).unwrap_or_default();
    match start.words.as_slice() {
        [] => NOTHING,
        [word] if !word.text.bytes().any(|byte| byte.is_ascii_alphanumeric()) => NOTHING,
        // Names of tools that testers give as values, too.
        [word]
            if matches!(word.text.as_str(), "test" | "true" | "false" | "run" | "cmd" | "go" | "import") =>
        {
            VALUE
        }
        [word, ..] if is_tool(&word.text) => TOOL,
        // A program alone that no developer begins with.
        [_] if sure(start) > Sure::No => {
            if value.ends_with(b" ") {
                PHRASE
            } else {
                VALUE
            }
        }
        _ if sure(start) > Sure::No => TOOL,
        // A script keeps what is substituted.
        [word] if word.text.strip_suffix('=').is_some_and(is_name) => TOOL,
        [word] if word.text == "localhost" || is_address(&word.text) || closes_quote(value) => NOTHING,
        [word] if word.text.len() > 1 && word.text.starts_with('/') => NOTHING,
        [word] if is_datum(&word.text) || !word.text.bytes().any(|byte| byte.is_ascii_alphabetic()) => DATUM,
        [_] => VALUE,
        // A program's own options, or a host with such.
        [first, options @ ..]
            if (is_datum(&first.text) && options.iter().all(|word| is_option(&word.text)))
                || (first.text.len() > 1 && first.text.starts_with('-') && is_option(&first.text)) =>
        {
            DATUM
        }
        _ if closes_quote(value) => DATUM,
        words if is_phrase(words) => PHRASE,
        _ => PROSE,
    }
}

/// A face of signs at the start, with which people begin.
fn is_smiling(text: &[u8]) -> bool {
    [b":|".as_slice(), b";)", b";-)", b";(", b";-(", b":&"].iter().any(|face| {
        text.strip_prefix(*face).is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
    })
}

fn is_option(word: &str) -> bool {
    let rest = word.trim_start_matches('-');
    word.len() > rest.len() && rest.starts_with(|first: char| first.is_ascii_alphabetic())
        || (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Two or three words, of which none ends a sentence or a part of it.
fn is_phrase(words: &[Word]) -> bool {
    words.len() <= PHRASE_MAX
        && !words.first().is_some_and(|word| is_known(&word.text))
        && words.iter().all(|word| {
            !word.text.contains('=')
                && !word.text.starts_with(['(', '-', '*', '>', '|'])
                && !word.text.ends_with([')', ',', '.', ':', '!', '?', '>', '=', '-', '*'])
        })
}

const PHRASE_MAX: usize = 3;

/// Whether a value is an address or the name of a file, or ends a quote.
fn is_datum(word: &str) -> bool {
    let inner = word.trim_matches(['"', '\'']);
    word.len() > inner.len()
        || (word.len() == 1 && word.starts_with(|byte: char| byte.is_ascii_alphanumeric()))
        || inner.split_once('.').is_some_and(|(first, rest)| {
            !first.is_empty() && rest.starts_with(|byte: char| byte.is_ascii_alphanumeric())
        })
}

/// Whether a value ends by closing a quote that it did not open.
fn closes_quote(value: &[u8]) -> bool {
    let value = value.trim_ascii_end();
    let value = value.strip_suffix(b")").unwrap_or(value);
    let Some((quote, inner)) = value.split_last() else { return false };
    matches!(quote, b'"' | b'\'') && !inner.contains(quote)
}

/// How a statement is joined to what precedes it, on top of what that is; `takes` is whether the command
/// before it takes what it writes for an argument.
pub(super) fn place(text: &[u8], statement: &Statement, lead: i32, takes: bool) -> i32 {
    let before = text.get(..statement.at.start).unwrap_or_default();
    let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    let apart = blank(text.get(statement.at.start));
    let double = before.ends_with(b"&&") || before.ends_with(b"||");
    let mark = if double || statement.before == Before::Dollar { 2 } else { 1 };
    let value = before.get(..before.len().saturating_sub(mark)).unwrap_or_default();
    let is_first = value.len() < NEAR && value.trim_ascii().is_empty();
    let lone = before.ends_with(b"&") && !double;
    match statement.before {
        // A blank that is no space is what a filter of spaces was passed by with.
        Before::Start if matches!(text.first(), Some(b'\t' | 0 | 0x0b)) => 1,
        Before::Start if goes_on(text) => 1,
        Before::Start if is_cut(text) && statement.words.len() == 1 && !apart => 1,
        Before::Start => -2,
        // A query's parameters.
        Before::Mark if lone && is_query(value) => lead - 3,
        // What a language comments with; "A & B".
        Before::Mark if apart && (is_first || (lone && blank(value.last()))) => lead - 1,
        Before::Mark => lead,
        Before::Pipe if apart && is_first => lead - 1,
        Before::Pipe => lead,
        Before::Line if lead < 0 => lead - 4,
        Before::Line => lead - 2,
        Before::Dollar | Before::Tick => substitution(text, statement, value, (lead, takes)),
    }
}

/// Whether a text begins as a query does, or an address with one.
fn is_query(text: &[u8]) -> bool {
    memchr::memchr2(b'?', b'=', text.get(..text.len().min(BESIDE_MAX)).unwrap_or(text)).is_some()
}

fn substitution(text: &[u8], statement: &Statement, value: &[u8], (lead, takes): (i32, bool)) -> i32 {
    // Whatever stands before it is looked at nearby only, so that the work does not grow with the text.
    let near = value.get(value.len().saturating_sub(NEAR)..).unwrap_or(value);
    let all = if value.len() < NEAR { value.trim_ascii() } else { value };
    match near.trim_ascii_end().last() {
        Some(byte) if value.last() == Some(byte) && byte.is_ascii_alphanumeric() && lead >= VALUE => NOTHING,
        // It stands where a command would.
        Some(b';' | b'|' | b'&') if lead >= VALUE => lead,
        _ if takes && lead >= VALUE => lead,
        _ if is_glued(text, &statement.at) => lead.max(VALUE) - 1,
        _ if matches!(all, b"echo" | b"eval" | b"cat" | b"tac" | b"nl") => VALUE,
        _ if value.starts_with(b"eval ") || value.starts_with(b"echo ") => PHRASE,
        // A list's number or mark is no value.
        Some(last) if lead >= DATUM && last.is_ascii_alphanumeric() => lead - 2,
        // Markup in a sentence.
        _ if statement.before == Before::Tick => MARKUP,
        _ => lead - 4,
    }
}

/// Whether a text is code between two backticks from end to end, as documents show it.
pub(super) fn is_quotation(text: &[u8]) -> bool {
    if text.len() > SHOWN_MAX {
        return false;
    }
    let text = text.trim_ascii();
    text.starts_with(b"`") && text.ends_with(b"`") && memchr::memchr_iter(b'`', text).count() == 2
}

/// Longer texts are neither a piece of code between backticks nor the row of a table.
const SHOWN_MAX: usize = 4096;

/// A substitution is part of a value, rather than markup in a sentence: nothing but it is there, or no
/// blank stands beside it.
fn is_glued(text: &[u8], at: &Range<usize>) -> bool {
    let before = text.get(at.start.saturating_sub(BESIDE_MAX)..at.start).unwrap_or_default().trim_ascii_end();
    // Redirections to and from commands are not markup in any language.
    if before.ends_with(b"<(") || before.ends_with(b">(") {
        return true;
    }
    let before = before.strip_suffix(b"$(").or_else(|| before.strip_suffix(b"`")).unwrap_or(before);
    let after = text.get(at.end..text.len().min(at.end + BESIDE_MAX)).unwrap_or_default();
    // The substitution may go on with other commands.
    let assigned = before.strip_suffix(b"\"").unwrap_or(before).ends_with(b"=");
    let goes_on = !assigned && matches!(after.first(), Some(b'|' | b';' | b'&'));
    let end = if goes_on { memchr::memchr2(b')', b'`', after).unwrap_or(0) } else { 0 };
    // An inner one ends before it.
    let is_outer = !assigned && before.len() < BESIDE_MAX / 4 && after.starts_with(b"$(");
    let end = if is_outer { memchr::memrchr(b')', after).unwrap_or(0) } else { end };
    let after = after.get(end..).unwrap_or_default();
    // A comment shuts out the rest of a line.
    let after = after.trim_ascii_end();
    let after = after.strip_suffix(b"#").unwrap_or(after);
    // A bullet of a list stands alone before a blank, too; the end of another command does not.
    let apart = before.ends_with(b" ") && !before.trim_ascii_end().ends_with(b";");
    let sentence = before.iter().any(u8::is_ascii_whitespace) && before.iter().any(u8::is_ascii_alphanumeric);
    let sentence = sentence || (apart && !before.trim_ascii().is_empty());
    !sentence && !after.trim_ascii_end().iter().any(u8::is_ascii_whitespace)
}

/// What is near a statement is within so many bytes.
const NEAR: usize = 64;
/// A sentence shows itself within so many bytes.
const BESIDE_MAX: usize = 256;

/// How a text ends: in what begins or shuts out more than it holds.
pub(super) fn end(text: &[u8]) -> i32 {
    if goes_on(text) { 3 } else { i32::from(is_cut(text) || is_ending(text)) }
}

/// Whether a separator and the ending of a file's name are last.
fn is_ending(text: &[u8]) -> bool {
    let name = text.iter().rev().take(ENDING_MAX).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let rest = text.len().checked_sub(name).and_then(|end| text.get(..end)).unwrap_or_default();
    (1..ENDING_MAX).contains(&name)
        && (rest.ends_with(b";.") || rest.ends_with(b"|.") || rest.ends_with(b"&."))
}

/// Endings of files' names are shorter.
const ENDING_MAX: usize = 6;

/// Whether a text ends where only another command can follow.
fn goes_on(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    text.ends_with(b"||") || text.ends_with(b"&&")
}

/// Whether a text ends in what shuts out the rest of a line, or begins another command or quote.
fn is_cut(text: &[u8]) -> bool {
    match text.trim_ascii_end().last() {
        Some(b'#' | b';' | b'&' | b'|') => true,
        // Lists of quoted words have more of them.
        Some(quote @ (b'"' | b'\'')) => memchr::memchr_iter(*quote, text).nth(2).is_none(),
        _ => false,
    }
}

/// Cells between bars, or a list of single words.
pub(super) fn is_table(text: &[u8], statements: &[Statement]) -> bool {
    let pipes = statements.iter().filter(|statement| statement.before == Before::Pipe).count();
    let is_row = || {
        let text = text.trim_ascii();
        text.starts_with(b"|") && text.ends_with(b"|")
    };
    let cells = pipes > 3 || (pipes > 2 && text.len() <= SHOWN_MAX && is_row());
    let items = || statements.iter().filter(|statement| !statement.words.is_empty());
    let lone = items().count() > 3
        && items().next().is_some_and(|first| first.before == Before::Start)
        && items().all(|statement| {
            statement.words.len() == 1
                && matches!(statement.before, Before::Start | Before::Mark | Before::Pipe)
        });
    cells || lone
}

/// Quotes, brackets and comments, with which payloads shut out what the program puts behind them.
pub(super) fn is_end(statement: &Statement) -> bool {
    statement.words.first().is_some_and(|word| {
        word.text.starts_with(['#', '(', ')', '}', '[', ']', '/', '$']) && word.text.len() < 4
    })
}
