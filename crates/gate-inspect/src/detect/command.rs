//! Commands for a shell, and calls of functions that run some.
//!
//! A text is cut as a shell would ([`shell`]); how sure each statement is ([`words`], [`programs`]) is weighed by what
//! precedes it: `127.0.0.1; id` is no sentence, `fish; chips` no command. What needs no such weighing is
//! a list of patterns ([`idioms`]).

mod arguments;
mod context;
mod directory;
mod effects;
mod evidence;
mod expand;
mod idioms;
mod programs;
mod redirect;
mod shell;
#[cfg(test)]
mod tests;
mod vocabulary;
mod whole;
mod words;
mod worth;

use std::ops::Range;

use self::expand::expand;
use self::shell::{Before, Reader, Statement, may_run, statements};
use self::words::{Sure, is_known, sure};
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
    rule("cmd-fetch-run", 5, "a script that is fetched and run at once (curl http://x/y | sh)"),
    rule("cmd-in-prose", 3, "a command behind a separator in what may be a sentence or a shown command line"),
    rule(
        "cmd-function-call",
        5,
        "a call of a function that runs commands or code, with a command (system('id'))",
    ),
    rule("cmd-blank-variable", 5, "$IFS in place of blanks"),
    rule("cmd-bash-reverse", 5, "a shell over /dev/tcp"),
    rule("cmd-reverse-shell", 5, "a socket of an interpreter connected to a shell"),
    rule("cmd-netcat", 5, "netcat that runs a program"),
    rule("cmd-shellshock", 5, "a function definition with a command behind it in a variable"),
    rule("cmd-server-include", 5, "a server-side include that runs a command"),
    rule("cmd-php-code", 5, "PHP code that runs commands or shows its settings"),
    rule("cmd-powershell", 5, "PowerShell with an encoded or downloaded script"),
    rule("cmd-windows-variable", 5, "a command made of pieces of Windows' variables"),
    rule("cmd-shell-variable", 5, "a path made of pieces of a shell's variables (${PATH:0:1})"),
    rule("cmd-decode-run", 5, "decoded or reversed text that is piped into a shell"),
    rule("cmd-glob-path", 5, "a program or secret file named by wildcards (/???/c?t)"),
    rule("cmd-deserialized", 5, "an object that runs code once it is read (!!python/object, pickle)"),
    rule("cmd-script-host", 5, "an object of a runtime by which code starts programs (WScript.Shell)"),
    rule("cmd-pipe-shell", 5, "a shell between two connections or pipes"),
    rule(
        "cmd-redirect",
        5,
        "output sent to a file of the system behind nothing but a value (x > /var/www/x)",
    ),
    rule(
        "cmd-loop",
        5,
        "a loop or condition of a shell over what the system tells (for i in $(ls /); do ..)",
    ),
    rule("cmd-spreadsheet", 5, "a formula by which a spreadsheet runs a program (=cmd|'/c calc'!A0)"),
    rule(
        "cmd-escaped-argument",
        5,
        "an option smuggled into a program's arguments that makes it run another",
    ),
];

/// One of these is in every text that an idiom matches.
const MARKS: ByteSet = ByteSet::of(b"$<>(/%|-=;!\\");
const LETTERS: ByteSet = ByteSet::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ?*${");

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    idioms::warm_up();
    vocabulary::warm_up();
}

pub(super) fn detect(text: Text<'_>, hits: &mut Hits) {
    if !text.bytes.has_any(LETTERS) {
        return;
    }
    look(text, hits);
    if let Some(raw) = expand::assigned(text.raw) {
        let lower = raw.to_ascii_lowercase();
        let mut found = Hits::default();
        look(Text { raw: &raw, lower: &lower, bytes: text.bytes }, &mut found);
        for hit in found.list() {
            hits.add(hit.rule, 0..text.raw.len());
        }
    }
}

fn look(text: Text<'_>, hits: &mut Hits) {
    if may_run(text, is_known) {
        read(text.raw, hits);
    }
    if text.bytes.has_any(const { ByteSet::of(b"<>") }) && redirect::redirects(text.raw) {
        meet("cmd-redirect", 0..text.raw.len(), hits);
    }
    if text.bytes.has_any(MARKS) {
        idioms::detect(text, hits);
    }
}

/// Reads a text as a shell would.
fn read(text: &[u8], hits: &mut Hits) {
    let mut lead = None;
    let mut pieces = Reader::new(text).peekable();
    while let Some(mut statements) = pieces.next() {
        expand(&mut statements);
        let is_all = lead.is_none() && pieces.peek().is_none();
        if is_all && let Some((rule, statement)) = whole::judge(text, &statements) {
            meet(rule, statement.at.clone(), hits);
        }
        let lead = lead.get_or_insert_with(|| context::lead(text, &statements));
        if let Some((points, statement)) = evidence::weigh(text, &statements, lead) {
            let id = if points >= evidence::ENOUGH { rule_of(text, statement) } else { "cmd-in-prose" };
            meet(id, statement.at.clone(), hits);
        }
    }
}

/// What a shell would run, if a call of a function has this text for its argument.
pub(super) fn runs(argument: &[u8]) -> bool {
    statements(argument).iter().any(|statement| sure(statement) > Sure::No)
}

/// The rule of a command, by what stands before it.
fn rule_of(text: &[u8], statement: &Statement) -> &'static str {
    let before = text.get(..statement.at.start).unwrap_or_default();
    match statement.before {
        Before::Start => "cmd-bare",
        Before::Line => "cmd-line-chain",
        Before::Tick => "cmd-backtick",
        Before::Dollar => "cmd-dollar-paren",
        Before::Pipe => "cmd-pipe-chain",
        Before::Mark if before.ends_with(b"&&") || before.ends_with(b"||") => "cmd-and-chain",
        Before::Mark => "cmd-semicolon-chain",
    }
}

fn meet(id: &str, at: Range<usize>, hits: &mut Hits) {
    if let Some(rule) = RULES.iter().find(|rule| rule.id == id) {
        hits.add(rule, at);
    }
}
