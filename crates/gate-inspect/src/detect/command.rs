//! Commands for a shell, and calls of functions that run some.
//!
//! A text is cut as a shell would ([`shell`]); how sure each statement is ([`words`], [`programs`]) is weighed by what
//! precedes it: `127.0.0.1; id` is no sentence, `fish; chips` no command. What needs no such weighing is
//! a list of patterns ([`idioms`]).

mod arguments;
mod effects;
mod evidence;
mod expand;
mod idioms;
mod kinds;
mod programs;
mod redirect;
mod shell;
#[cfg(test)]
mod tests;
mod vocabulary;
mod whole;
mod words;

use std::ops::Range;

use self::arguments::Arguments;
use self::expand::expand;
use self::shell::{Before, Reader, Statement, may_run, statements};
use self::vocabulary::is_cmdlet;
use self::words::{Sure, is_known, is_neutral, is_tool, sure};
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
const LETTERS: ByteSet = ByteSet::of(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ?*$");

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
        let first = *lead.get_or_insert_with(|| lead_of(&statements));
        lead = Some(weigh(text, &statements, first, hits));
        if is_all
            && let Some(statement) = evidence::weigh(text, &statements)
            && let Some(id) = rule_of(text, statement, true, (Sure::Behind, first))
        {
            meet(id, statement.at.clone(), hits);
        }
    }
}

/// What precedes the first separator, the likeliest injection first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lead {
    /// Nothing but quotes and brackets.
    Nothing,
    /// One word: a value.
    Value,
    /// Two or three words that make no sentence.
    Phrase,
    /// A command line, as developers show each other.
    Tool,
    /// A sentence.
    Prose,
}

/// What a shell would run, if a call of a function has this text for its argument.
pub(super) fn runs(argument: &[u8]) -> bool {
    statements(argument).iter().any(|statement| sure(statement) > Sure::No)
}

/// Weighs the statements of a piece behind `lead`; gives what lead the next piece has.
fn weigh(text: &[u8], statements: &[Statement], mut lead: Lead, hits: &mut Hits) -> Lead {
    let sures: Vec<Sure> = statements.iter().map(sure).collect();
    // Whether all that follows a statement are commands, too.
    let goes_on = |(statement, sure): (&Statement, &Sure)| {
        let filters = statement.before == Before::Pipe
            && statement.words.first().is_some_and(|word| is_known(&word.text) && !is_tool(&word.text));
        *sure == Sure::No
            && !statement.words.is_empty()
            && !is_end(statement)
            && !is_neutral(statement)
            && !filters
    };
    if lead <= Lead::Value
        && let Some(statement) = only_listing(statements)
    {
        meet("cmd-semicolon-chain", statement.at.clone(), hits);
    }
    let last_other = statements.iter().zip(&sures).rposition(goes_on);
    // A command whose argument the substitution behind it is.
    let mut takes = false;
    for (number, (statement, sure)) in statements.iter().zip(&sures).enumerate() {
        if *sure > Sure::No {
            let ends = last_other.is_none_or(|other| other <= number);
            let certain = match statement.before {
                Before::Start => *sure == Sure::Alone,
                Before::Tick if *sure < Sure::Alone && is_shown_code(statement, *sure) => false,
                Before::Tick | Before::Dollar => {
                    let reads = statement.words.first().is_some_and(|word| word.text.starts_with('<'));
                    is_glued(text, &statement.at)
                        || (*sure == Sure::Alone && (reads || (number > 1 && lead <= Lead::Value)))
                        || (lead <= Lead::Value && (takes || stands_first(text, &statement.at)))
                }
                Before::Mark | Before::Pipe | Before::Line => {
                    is_certain(*sure, lead, statement.before, ends)
                        && (lead != Lead::Phrase || *sure == Sure::Alone || is_terse(statement))
                }
            };
            if let Some(id) = rule_of(text, statement, certain, (*sure, lead)) {
                meet(id, statement.at.clone(), hits);
            }
        } else if statement.before != Before::Start && names_nothing(statement) {
            // A value is followed by commands at once.
            lead = Lead::Prose;
        }
        let first = statement.words.first().map_or("", |word| word.text.trim_end_matches('('));
        match statement.before {
            Before::Start => {}
            Before::Mark | Before::Pipe | Before::Line => takes = is_known(first) || first.starts_with('['),
            Before::Tick | Before::Dollar => {
                let is_open = statement.before == Before::Dollar && text.get(statement.at.end) != Some(&b')');
                takes |= matches!(first, "echo" | "print" | "printf") || (is_open && is_known(first));
            }
        }
    }
    lead
}

/// What is all of the text behind a separator, if it is a program that tells of the system and an ordinary
/// word otherwise: `;who`. Before the separator is nothing, or what is no word: an address, a file, a number.
fn only_listing(statements: &[Statement]) -> Option<&Statement> {
    const PROGRAMS: [&str; 28] = [
        "who", "last", "mount", "set", "users", "groups", "free", "w", "jobs", "top", "date", "history",
        "lastlog", "findmnt", "lsmod", "vmstat", "tty", "finger", "ver", "vol", "sh", "bash", "ls", "env",
        "zsh", "arch", "calc", "notepad",
    ];
    let mut named = statements.iter().filter(|statement| !statement.words.is_empty() && !is_end(statement));
    let mut only = named.next()?;
    let is_behind_datum =
        only.before == Before::Start && matches!(only.words.as_slice(), [word] if is_datum(&word.text));
    if is_behind_datum {
        only = named.next()?;
    }
    let [word, behind @ ..] = only.words.as_slice() else { return None };
    // A file by a name without an ending, behind what is no word.
    let shows = matches!(word.text.as_str(), "cat" | "type" | "more" | "ls") && behind.len() == 1;
    let shows = shows && only.before != Before::Line && is_behind_datum && named.clone().next().is_none();
    if shows && behind.iter().all(|file| file.text.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
        return Some(only);
    }
    // Templates have filters of such names, before a closing bracket.
    if !Arguments::of(behind).none() || (word.text == "calc" && !behind.is_empty()) {
        return None;
    }
    let name = word.text.trim_end_matches(['"', '\'', ')', '#']);
    let is_only = named.next().is_none() && PROGRAMS.contains(&name);
    (is_only && matches!(only.before, Before::Mark | Before::Pipe | Before::Line)).then_some(only)
}

/// Whether a value is an address or the name of a file, or ends a quote.
fn is_datum(word: &str) -> bool {
    let inner = word.trim_matches(['"', '\'']);
    word.len() > inner.len()
        || (word.len() == 1 && word.starts_with(|byte: char| byte.is_ascii_alphanumeric()))
        || inner.split_once('.').is_some_and(|(first, rest)| {
            !first.is_empty() && rest.starts_with(|byte: char| byte.is_ascii_alphanumeric())
        })
}

fn is_certain(sure: Sure, lead: Lead, before: Before, ends: bool) -> bool {
    match (sure, lead) {
        (Sure::Alone, Lead::Prose) => before != Before::Line,
        (Sure::Alone, _) | (Sure::Behind, Lead::Nothing | Lead::Value) => true,
        (Sure::Injected, Lead::Nothing | Lead::Value) => ends,
        (Sure::Behind, Lead::Phrase) => ends && before != Before::Line,
        (Sure::Injected | Sure::Behind, Lead::Tool | Lead::Prose)
        | (Sure::Injected, Lead::Phrase)
        | (Sure::No, _) => false,
    }
}

/// The rule of a statement; none where it is most likely none of an attacker's.
fn rule_of(text: &[u8], statement: &Statement, certain: bool, doubt: (Sure, Lead)) -> Option<&'static str> {
    if !certain {
        let shown = matches!(doubt, (Sure::Injected, _) | (Sure::Behind, Lead::Tool));
        let starts = statement.before == Before::Start;
        return (!shown && !starts || doubt == (Sure::Injected, Lead::Nothing)).then_some("cmd-in-prose");
    }
    let before = text.get(..statement.at.start).unwrap_or_default();
    Some(match statement.before {
        Before::Start => "cmd-bare",
        Before::Line => "cmd-line-chain",
        Before::Tick => "cmd-backtick",
        Before::Dollar => "cmd-dollar-paren",
        Before::Pipe => "cmd-pipe-chain",
        Before::Mark if before.ends_with(b"&&") || before.ends_with(b"||") => "cmd-and-chain",
        Before::Mark => "cmd-semicolon-chain",
    })
}

/// Whether it is neither empty nor begins with the name of a command.
fn names_nothing(statement: &Statement) -> bool {
    statement.words.first().is_some_and(|word| !is_known(word.text.trim_end_matches('(')))
        && !is_end(statement)
        && !is_neutral(statement)
}

/// Quotes, brackets and comments, with which payloads shut out what the program puts behind them.
fn is_end(statement: &Statement) -> bool {
    statement.words.first().is_some_and(|word| {
        word.text.starts_with(['#', '(', ')', '}', '[', ']', '/', '$']) && word.text.len() < 4
    })
}

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
    // A bullet of a list stands alone before a blank, too; the end of another command does not.
    let apart = before.ends_with(b" ") && !before.trim_ascii_end().ends_with(b";");
    let sentence = before.iter().any(u8::is_ascii_whitespace) && before.iter().any(u8::is_ascii_alphanumeric);
    let sentence = sentence || (apart && !before.trim_ascii().is_empty());
    !sentence && !after.trim_ascii_end().iter().any(u8::is_ascii_whitespace)
}

/// Whether this between backticks is what documents show: a command of developers, a script beside the text, or
/// a command of PowerShell, which does not substitute with backticks.
fn is_shown_code(statement: &Statement, sure: Sure) -> bool {
    statement.words.first().is_some_and(|word| {
        (is_tool(&word.text) && sure == Sure::Injected)
            || word.text.starts_with("./")
            || is_cmdlet(&word.text)
    })
}

/// Whether a substitution stands where a command would, behind a separator.
fn stands_first(text: &[u8], at: &Range<usize>) -> bool {
    let before = text.get(..at.start).unwrap_or_default();
    let before = before.strip_suffix(b"$(").or_else(|| before.strip_suffix(b"`")).unwrap_or(before);
    matches!(before.trim_ascii_end().last(), Some(b';' | b'|' | b'&')) || before.ends_with(b"\n")
}

/// A sentence shows itself within so many bytes.
const BESIDE_MAX: usize = 256;

fn lead_of(statements: &[Statement]) -> Lead {
    let Some(first) = statements.iter().find(|statement| statement.before == Before::Start) else {
        return Lead::Nothing;
    };
    match first.words.as_slice() {
        [] => Lead::Nothing,
        [word] if !word.text.bytes().any(|byte| byte.is_ascii_alphanumeric()) => Lead::Nothing,
        // Names of tools that testers give as values, too.
        [word]
            if matches!(word.text.as_str(), "test" | "true" | "false" | "run" | "cmd" | "go" | "import") =>
        {
            Lead::Value
        }
        [word, ..] if is_tool(&word.text) => Lead::Tool,
        _ if sure(first) > Sure::No => Lead::Tool,
        [_] => Lead::Value,
        // A host with options for the program that is given it.
        [first, options @ ..]
            if is_datum(&first.text) && options.iter().all(|word| is_option(&word.text)) =>
        {
            Lead::Value
        }
        words
            if words.len() <= PHRASE_MAX
                && !words.first().is_some_and(|word| is_known(&word.text))
                && words.iter().all(|word| is_of_phrase(&word.text)) =>
        {
            Lead::Phrase
        }
        _ => Lead::Prose,
    }
}

fn is_option(word: &str) -> bool {
    let rest = word.strip_prefix('-').unwrap_or(word);
    word.len() > rest.len() && rest.starts_with(|first: char| first.is_ascii_alphabetic() || first == '-')
        || (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A phrase has no more words.
const PHRASE_MAX: usize = 3;

/// Whether neither a sentence nor a part of it ends with the word.
fn is_of_phrase(word: &str) -> bool {
    !word.contains('=')
        && !word.starts_with(['(', '-', '*', '>', '|'])
        && !word.ends_with([')', ',', '.', ':', '!', '?', '>', '=', '-', '*'])
}

/// Whether what follows a program's name is no part of a sentence.
fn is_terse(statement: &Statement) -> bool {
    statement.words.len() > 1 && Arguments::of(statement.words.get(1..).unwrap_or_default()).are_terse()
}

fn meet(id: &str, at: Range<usize>, hits: &mut Hits) {
    if let Some(rule) = RULES.iter().find(|rule| rule.id == id) {
        hits.add(rule, at);
    }
}
