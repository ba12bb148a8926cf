//! Whether a text is worth to be cut into tokens: most are not.
//!
//! One look at which bytes there are, and for those that may matter one walk over quotes,
//! semicolons and words. Saying yes costs time only; saying no where a rule would be met is a
//! mistake, so each rule's words and signs must be here.

use memchr::memmem;

use super::super::{ByteSet, Text};
use super::word::Word;

/// Whether any rule can be met.
pub(super) fn is_suspect(text: Text<'_>) -> bool {
    let lower = text.lower;
    if !text.bytes.has_any(SIGNS) {
        return if lower.len() > 12 {
            [&b"union"[..], b"select"].iter().any(|word| has(lower, word))
        } else {
            is_short_condition(lower)
        };
    }
    (text.bytes.has_any(QUOTES) && (has_quote_that_ends(text) || has_twice(text, DASH, b'-')))
        || ends_in_comment(lower)
        || (text.bytes.has_any(SEMICOLON) && has_second_statement(lower))
        || (text.bytes.has_any(STAR) && memmem::find(lower, b"*/").is_some())
        || has_words(text)
}

/// Whether all of the text is a condition that is true or false: `and false`.
fn is_short_condition(lower: &[u8]) -> bool {
    let text = lower.trim_ascii();
    (text.starts_with(b"or ") || text.starts_with(b"and "))
        && (text.ends_with(b"true") || text.ends_with(b"false"))
}

/// Whether a quote is followed by what may go on behind a value. Most apostrophes are followed by
/// a letter, and most quotes by a space or full stop.
fn has_quote_that_ends(text: Text<'_>) -> bool {
    let lower = text.lower;
    let is_short = lower.len() <= SHORT_MAX;
    memchr::memchr3_iter(b'\'', b'"', b'`', lower).any(|at| {
        let behind = lower.get(at + 1..).unwrap_or_default();
        if is_short && matches!(behind.first(), Some(b'/' | b'%' | b'|' | b'\0')) {
            return true;
        }
        if is_short && matches!(behind, [b'+', b'\'' | b'"', ..]) {
            return true;
        }
        // A list of values is left by its first quote.
        let closed = behind.iter().take_while(|byte| **byte == b')').count();
        if is_short
            && behind.get(closed) == Some(&b',')
            && memchr::memchr3(b'\'', b'"', b'`', lower) == Some(at)
        {
            return true;
        }
        let spaces = behind.iter().take_while(|byte| b" \t\r\n+)(%\xc2\xa0\x0b\x0c\0".contains(byte)).count();
        match behind.get(spaces..).unwrap_or_default() {
            [b'-', b'-', ..] | [b'/', b'*', ..] | [b'|', b'|', ..] | [0xe2, 0x80, 0x93 | 0x94, ..] => true,
            [b'=' | b'<' | b'>' | b'!' | b'^' | b'*' | b'-' | b'&' | b'+' | b';' | b'#', ..] => true,
            [b'/' | b'%', ..] if is_short => true,
            [b's', b'o', b'u', b'n', b'd', b's', ..] => true,
            rest => {
                let len = rest.iter().take(10).take_while(|byte| byte.is_ascii_lowercase()).count();
                let joins = matches!(
                    Word::of(rest.get(..len).unwrap_or_default()),
                    Word::Or
                        | Word::And
                        | Word::Is
                        | Word::In
                        | Word::Like
                        | Word::Not
                        | Word::Having
                        | Word::Between
                        | Word::Insert
                        | Word::Update
                        | Word::Delete
                        | Word::Define
                        | Word::Exec
                        | Word::Declare
                        | Word::Grant
                        | Word::Where
                );
                len > 1 && joins
            }
        }
    })
}

/// Whether nothing but a comment that hides what the query has behind it ends the text.
fn ends_in_comment(lower: &[u8]) -> bool {
    let text = lower.trim_ascii_end();
    text.len() <= SHORT_MAX && text.len() > 2 && (text.ends_with(b"--") || text.ends_with(b"/*"))
}

/// Whether the verb of a statement follows a semicolon.
fn has_second_statement(lower: &[u8]) -> bool {
    memchr::memchr_iter(b';', lower).any(|at| {
        let rest = lower.get(at + 1..).unwrap_or_default();
        let signs = rest.iter().take(16).take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let rest = rest.get(signs..).unwrap_or_default();
        let len = rest.iter().take(12).take_while(|byte| byte.is_ascii_lowercase()).count();
        let word = rest.get(..len).unwrap_or_default();
        let is_verb = matches!(
            Word::of(word),
            Word::Select
                | Word::Insert
                | Word::Update
                | Word::Delete
                | Word::Define
                | Word::Exec
                | Word::Declare
                | Word::Shutdown
                | Word::Grant
                | Word::Set
                | Word::If
        );
        is_verb || RARE_VERBS.contains(&word)
    })
}

/// Whether words come together that a rule asks for.
fn has_words(text: Text<'_>) -> bool {
    let lower = text.lower;
    let mut compares = text.bytes.has_any(COMPARATORS) || hides_an_end(text) || has(lower, b"/0");
    let mut joins = has_twice(text, PIPE, b'|') || has_twice(text, AND, b'&');
    if [&b"elt("[..], b"make_set("].iter().any(|call| lower.starts_with(call)) {
        return true;
    }
    // A call that is joined to a number: `1 || lpad(user,7,1)`, `1 + ascii(substring(user,1,1))`.
    if lower.first().is_some_and(u8::is_ascii_digit) && text.bytes.has_any(OPEN) {
        let calculates = || [&b"ascii("[..], b"ord(", b"unicode("].iter().any(|call| has(lower, call));
        if joins || calculates() || [&b" and "[..], b" or "].iter().any(|word| has(lower, word)) {
            return true;
        }
    }
    let mut before = Word::Other;
    let mut at = 0;
    while let Some(start) = next_letter(lower, at) {
        let len = word_len(lower, start);
        at = start + len;
        if len < 2 {
            continue;
        }
        let word = Word::clue(lower.get(start..at).unwrap_or_default());
        let is_called = lower.get(at).is_some_and(|byte| matches!(byte, b'(' | b' ' | b'/'));
        #[expect(clippy::wildcard_enum_match_arm, reason = "a rule names what it is about")]
        match word {
            Word::Or | Word::And | Word::Having | Word::Where => joins = true,
            Word::Like | Word::Null | Word::Between | Word::In | Word::Constant | Word::Is => compares = true,
            Word::Not | Word::Exists => compares = true,
            Word::By if matches!(before, Word::Order | Word::Group) => return true,
            Word::Union
            | Word::Case
            | Word::Select
            | Word::WaitFor
            | Word::DatabaseSleep
            | Word::Reach
            | Word::SystemProcedure
            | Word::Catalogue
            | Word::File
            | Word::Exec
            | Word::Procedure => return true,
            Word::Sleep | Word::Telltale | Word::Shape | Word::Char | Word::Convert | Word::If
                if is_called =>
            {
                return true;
            }
            _ => {}
        }
        if joins && compares {
            return true;
        }
        before = word;
    }
    (joins && (compares || lower.len() <= 8)) || has_twice(text, AT, b'@')
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memmem::find(text, part).is_some()
}

fn next_letter(lower: &[u8], from: usize) -> Option<usize> {
    let step = lower.get(from..)?.iter().position(u8::is_ascii_lowercase)?;
    Some(from + step)
}

/// A word with the underscores and dots that names of the system have.
fn word_len(lower: &[u8], start: usize) -> usize {
    let rest = lower.get(start..).unwrap_or_default();
    rest.iter().take_while(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'.' | b'$')).count()
}

/// Whether the text ends in a comment, or begins one that never ends.
fn hides_an_end(text: Text<'_>) -> bool {
    has_twice(text, DASH, b'-')
        || (text.bytes.has_any(STAR)
            && memchr::memchr_iter(b'*', text.lower)
                .any(|at| text.lower.get(..at).is_some_and(|before| before.ends_with(b"/"))))
}

/// Whether `byte`, the one of `set`, comes twice in a row.
fn has_twice(text: Text<'_>, set: ByteSet, byte: u8) -> bool {
    text.bytes.has_any(set)
        && memchr::memchr_iter(byte, text.lower).any(|at| text.lower.get(at + 1) == Some(&byte))
}

const SIGNS: ByteSet = ByteSet::of(b"'\"`=<>();#*|&@-+_0123456789\xe2");
const QUOTES: ByteSet = ByteSet::of(b"'\"`");
const OPEN: ByteSet = ByteSet::of(b"(");
const STAR: ByteSet = ByteSet::of(b"*");
const DASH: ByteSet = ByteSet::of(b"-");
const PIPE: ByteSet = ByteSet::of(b"|");
const AND: ByteSet = ByteSet::of(b"&");
const AT: ByteSet = ByteSet::of(b"@");
const SEMICOLON: ByteSet = ByteSet::of(b";");
const COMPARATORS: ByteSet = ByteSet::of(b"=<>#!");

/// Verbs of statements that [`Word`] does not know.
const RARE_VERBS: [&[u8]; 28] = [
    b"call",
    b"copy",
    b"load",
    b"attach",
    b"begin",
    b"prepare",
    b"bulk",
    b"waitfor",
    b"while",
    b"do",
    b"backup",
    b"vacuum",
    b"pragma",
    b"handler",
    b"lock",
    b"deallocate",
    b"rename",
    b"commit",
    b"rollback",
    b"reconfigure",
    b"show",
    b"describe",
    b"desc",
    b"use",
    b"analyze",
    b"open",
    b"kill",
    b"merge",
];

/// Pieces of expressions that stand alone are shorter.
const SHORT_MAX: usize = 256;
