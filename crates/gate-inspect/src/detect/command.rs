//! Commands for a shell, and calls of functions that run some.
//!
//! A text is cut as a shell would ([`shell`]); how sure each statement is ([`words`]) is weighed by what
//! precedes it: `127.0.0.1; id` is no sentence, `fish; chips` no command. What needs no such weighing is
//! a list of patterns ([`idioms`]).

mod idioms;
mod shell;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;

use self::shell::{Before, Statement, may_run, statements};
use self::words::{Sure, is_known, is_tool, sure};
use super::{ByteSet, Hits, Rule, Text};
use crate::category::Category;

const fn rule(id: &'static str, score: u16, what: &'static str) -> Rule {
    Rule { id, category: Category::CommandInjection, score, what }
}

pub(super) static RULES: &[Rule] = &[
    rule("cmd-semicolon-chain", 5, "a command behind ; or a lone & (1; cat /etc/passwd)"),
    rule("cmd-and-chain", 5, "a command behind && or ||"),
    rule("cmd-pipe-chain", 5, "a command behind |"),
    rule("cmd-line-chain", 5, "a command on a line of its own behind a value"),
    rule("cmd-backtick", 5, "a command in backticks that are not markup"),
    rule("cmd-dollar-paren", 5, "a command in $( ) or <( )"),
    rule("cmd-bare", 5, "a value that is nothing but a command an attacker begins with (cat /etc/passwd)"),
    rule("cmd-in-prose", 3, "a command behind a separator in what may be a sentence or a shown command line"),
    rule("cmd-function-call", 5, "a call of a function that runs commands or code, with a command (system('id'))"),
    rule("cmd-blank-variable", 5, "$IFS in place of blanks"),
    rule("cmd-bash-reverse", 5, "a shell over /dev/tcp"),
    rule("cmd-reverse-shell", 5, "a socket of an interpreter connected to a shell"),
    rule("cmd-netcat", 5, "netcat that runs a program"),
    rule("cmd-shellshock", 5, "a function definition with a command behind it in a variable"),
    rule("cmd-server-include", 5, "a server-side include that runs a command"),
    rule("cmd-php-code", 5, "PHP code that runs commands or shows its settings"),
    rule("cmd-powershell", 5, "PowerShell with an encoded or downloaded script"),
    rule("cmd-windows-variable", 5, "a command made of pieces of Windows' variables"),
    rule("cmd-decode-run", 5, "decoded or reversed text that is piped into a shell"),
    rule("cmd-glob-path", 5, "a program or secret file named by wildcards (/???/c?t)"),
    rule("cmd-escaped-argument", 5, "an option smuggled into a program's arguments that makes it run another"),
];

/// One of these is in every text that an idiom matches.
const MARKS: ByteSet = ByteSet::of(b"$<>(/%|-=");
const LETTERS: ByteSet = ByteSet::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ?*");

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !text.bytes.has_any(LETTERS) {
        return;
    }
    if may_run(text, is_known) {
        weigh(text.raw, &statements(text.raw), hits);
    }
    if text.bytes.has_any(MARKS) {
        idioms::detect(text, hits);
    }
}

/// What precedes the first separator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// Nothing but quotes and brackets.
    Nothing,
    /// One word: a value.
    Value,
    /// A command line, as developers show each other.
    Tool,
    /// A sentence.
    Prose,
}

/// What a shell would run, if a call of a function has this text for its argument.
pub(super) fn runs(argument: &[u8]) -> bool {
    statements(argument).iter().any(|statement| sure(statement) > Sure::No)
}

fn weigh(text: &[u8], statements: &[Statement], hits: &mut Hits) {
    let mut lead = lead(statements);
    for (number, statement) in statements.iter().enumerate() {
        let sure = sure(statement);
        if sure == Sure::No {
            // A value is followed by commands at once.
            if statement.before != Before::Start && !statement.words.is_empty() && !is_end(statement) {
                lead = Lead::Prose;
            }
            continue;
        }
        let rest = statements.get(number + 1..).unwrap_or_default();
        if let Some(id) = verdict(text, lead, statement, sure, rest) {
            meet(id, statement.at.clone(), hits);
        }
    }
}

fn verdict(text: &[u8], lead: Lead, statement: &Statement, sure: Sure, rest: &[Statement]) -> Option<&'static str> {
    let id = match statement.before {
        Before::Start => return (sure == Sure::Alone).then_some("cmd-bare"),
        Before::Line => "cmd-line-chain",
        Before::Tick => "cmd-backtick",
        Before::Dollar => "cmd-dollar-paren",
        Before::Pipe => "cmd-pipe-chain",
        Before::Mark if text.get(..statement.at.start).is_some_and(|before| before.ends_with(b"&&") || before.ends_with(b"||")) => "cmd-and-chain",
        Before::Mark => "cmd-semicolon-chain",
    };
    let substitution = matches!(statement.before, Before::Tick | Before::Dollar);
    if substitution {
        let glued = is_glued(text, &statement.at);
        return match (sure, glued) {
            (_, true) => Some(id),
            (Sure::Alone, false) => Some("cmd-in-prose"),
            _ => None,
        };
    }
    let ends = rest.iter().all(|next| next.words.is_empty() || is_end(next) || words::sure(next) > Sure::No);
    let certain = match (sure, lead) {
        (Sure::Alone, _) => statement.before != Before::Line || lead != Lead::Prose,
        (Sure::Behind, Lead::Nothing) => true,
        (Sure::Behind, Lead::Value) => true,
        (Sure::Injected, Lead::Nothing) => ends,
        (Sure::Injected, Lead::Value) => ends && statement.before != Before::Line,
        _ => return (sure == Sure::Behind && lead == Lead::Prose).then_some("cmd-in-prose"),
    };
    Some(if certain { id } else { "cmd-in-prose" })
}

/// Quotes, brackets and comments, with which payloads shut out what the program puts behind them.
fn is_end(statement: &Statement) -> bool {
    statement.words.first().is_some_and(|word| word.text.starts_with(['#', ')', '}', ']', '/', '$']) && word.text.len() < 4)
}

/// A substitution is part of a value, rather than markup in a sentence: nothing but it is there, or no
/// blank stands beside it.
fn is_glued(text: &[u8], at: &Range<usize>) -> bool {
    let before = text.get(..at.start).unwrap_or_default().trim_ascii_end();
    let before = before.strip_suffix(b"$(").or_else(|| before.strip_suffix(b"`")).unwrap_or(before);
    let after = text.get(at.end..).unwrap_or_default();
    // A bullet of a list stands alone before a blank, too; the end of another command does not.
    let apart = before.ends_with(b" ") && !before.trim_ascii_end().ends_with(b";");
    let sentence = before.iter().any(u8::is_ascii_whitespace) && before.iter().any(u8::is_ascii_alphanumeric);
    let sentence = sentence || (apart && !before.trim_ascii().is_empty());
    !sentence && !after.trim_ascii_end().iter().any(u8::is_ascii_whitespace)
}

fn lead(statements: &[Statement]) -> Lead {
    let Some(first) = statements.iter().find(|statement| statement.before == Before::Start) else {
        return Lead::Nothing;
    };
    match first.words.as_slice() {
        [] => Lead::Nothing,
        [word] if !word.text.bytes().any(|byte| byte.is_ascii_alphanumeric()) => Lead::Nothing,
        [word, ..] if is_tool(&word.text) => Lead::Tool,
        _ if sure(first) > Sure::No => Lead::Tool,
        [_] => Lead::Value,
        _ => Lead::Prose,
    }
}

fn meet(id: &str, at: Range<usize>, hits: &mut Hits) {
    if let Some(rule) = RULES.iter().find(|rule| rule.id == id) {
        hits.add(rule, at);
    }
}
