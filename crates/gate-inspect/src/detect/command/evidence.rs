//! What speaks for a command behind a value, in points: what stands before it, the name, the arguments, what follows.
//!
//! No single sign decides here. `127.0.0.1 && service mysql status` has an ordinary word for its name,
//! `;c89 -wrapper sh,-c,id` a program that no table holds; each has enough of the rest.

use super::arguments::{Arguments, is_address, is_host, is_path, is_secret, is_system};
use super::shell::{Before, Statement, Word};
use super::vocabulary::{is_cmdlet, is_ordinary};
use super::words::{is_known, is_neutral, is_shell, is_tool, name_of};
use super::{Lead, is_datum, is_end, is_glued, lead_of};

/// So many points make a command.
const ENOUGH: i32 = 5;
/// Longer texts are scripts, markup or prose.
const TEXT_MAX: usize = 1024;
/// Texts with more separators are lists.
const STATEMENTS_MAX: usize = 24;

/// The statement that has enough points, if one has.
pub(super) fn weigh<'a>(text: &[u8], statements: &'a [Statement]) -> Option<&'a Statement> {
    if text.len() > TEXT_MAX || statements.len() > STATEMENTS_MAX || is_table(text, statements) {
        return None;
    }
    let lead = lead_points(text, statements);
    let mut directory = Directory::default();
    statements.iter().enumerate().find_map(|(number, statement)| {
        let is_known_place = directory.enters(statement);
        let place = place_points(text, statement, if is_known_place { lead.max(2) } else { lead });
        let finds = if is_known_place && directory.has_secret(statement) { 4 } else { 0 };
        let points =
            place + command_points(statement)? + finds + rest_points(text, statements.get(number + 1..)?);
        (points >= ENOUGH).then_some(statement)
    })
}

/// Where steps from directory to directory lead, from the root or the system's settings.
#[derive(Default)]
struct Directory {
    path: String,
}

impl Directory {
    /// Whether the commands before have gone somewhere; a step is taken with the next.
    fn enters(&mut self, statement: &Statement) -> bool {
        let known = !self.path.is_empty();
        if let [step, to] = statement.words.as_slice()
            && matches!(step.text.as_str(), "cd" | "pushd" | "chdir")
        {
            let to = to.text.as_str();
            if to.starts_with('/') {
                self.path.clear();
            }
            if known || to.starts_with('/') {
                self.path.push_str(to.trim_end_matches('/'));
                self.path.push('/');
            }
        }
        known
    }

    fn has_secret(&self, statement: &Statement) -> bool {
        statement.words.iter().skip(1).any(|word| is_secret(&format!("{}{}", self.path, word.text)))
    }
}

/// What precedes the first separator: nothing, or what no sentence begins with.
fn lead_points(text: &[u8], statements: &[Statement]) -> i32 {
    let start = statements.iter().find(|statement| statement.before == Before::Start);
    let value = start.and_then(|start| text.get(start.at.clone())).unwrap_or_default();
    match lead_of(statements) {
        Lead::Nothing => 4,
        Lead::Value => {
            let word = start.and_then(|start| start.words.first()).map_or("", |word| &word.text);
            let is_number = !word.is_empty() && !word.bytes().any(|byte| byte.is_ascii_alphabetic());
            match word {
                "localhost" => 4,
                _ if is_address(word) || closes_quote(value) => 4,
                _ if is_number || is_datum(word) => 3,
                _ => 2,
            }
        }
        Lead::Phrase | Lead::Prose if closes_quote(value) => 3,
        // A program's own options.
        Lead::Phrase | Lead::Prose if value.starts_with(b"-") && !value.starts_with(b"- ") => 3,
        Lead::Phrase => 1,
        Lead::Tool => -1,
        Lead::Prose => -2,
    }
}

/// Whether a value ends by closing a quote that it did not open.
fn closes_quote(value: &[u8]) -> bool {
    let value = value.trim_ascii_end();
    let value = value.strip_suffix(b")").unwrap_or(value);
    let Some(quote) = value.last().filter(|byte| matches!(byte, b'"' | b'\'')) else { return false };
    let inner = value.get(..value.len() - 1).unwrap_or_default();
    !inner.contains(quote)
}

/// How the statement is joined to what precedes it, on top of what that is.
fn place_points(text: &[u8], statement: &Statement, lead: i32) -> i32 {
    let before = text.get(..statement.at.start).unwrap_or_default();
    let blank = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    let apart = blank(text.get(statement.at.start));
    let double = before.ends_with(b"&&") || before.ends_with(b"||");
    let mark = if double || statement.before == Before::Dollar { 2 } else { 1 };
    let value = before.get(..before.len().saturating_sub(mark)).unwrap_or_default();
    let is_first = value.trim_ascii().is_empty();
    match statement.before {
        // A blank that is no space is what a filter of spaces was passed by with.
        Before::Start if matches!(text.first(), Some(b'\t' | 0 | 0x0b)) => 1,
        Before::Start if goes_on(text) => 1,
        Before::Start if is_cut(text) && statement.words.len() == 1 && !apart => 0,
        Before::Start => -2,
        // A query's parameters.
        Before::Mark if before.ends_with(b"&") && !double && memchr::memchr2(b'?', b'=', value).is_some() => {
            lead - 3
        }
        // What a language comments with.
        Before::Mark if is_first && apart => lead - 1,
        // "A & B".
        Before::Mark if before.ends_with(b"&") && !double && apart && blank(value.last()) => lead - 1,
        Before::Mark => lead,
        Before::Pipe if is_first => lead - i32::from(apart),
        Before::Pipe => lead - i32::from(apart && lead < 3),
        Before::Line => lead - 2,
        // A role of markup ends in a colon, an assignment in an equals sign.
        Before::Dollar | Before::Tick if value.last().is_some_and(u8::is_ascii_alphanumeric) && lead > 1 => 4,
        Before::Dollar if is_glued(text, &statement.at) => lead.max(2) - 1,
        Before::Tick if is_glued(text, &statement.at) && !is_quotation(text, statement) => lead.max(2) - 1,
        Before::Dollar | Before::Tick if value.starts_with(b"eval ") => 2,
        Before::Dollar | Before::Tick => lead - 4,
    }
}

/// Whether a text is code between backticks from end to end, as documents show it.
fn is_quotation(text: &[u8], statement: &Statement) -> bool {
    let before = text.get(..statement.at.start).unwrap_or_default().trim_ascii();
    let after = text.get(statement.at.end..).unwrap_or_default().trim_ascii();
    before == b"`" && after == b"`"
}

/// The name and its arguments; none for what names nothing that may run.
fn command_points(statement: &Statement) -> Option<i32> {
    let mut words = statement.words.as_slice();
    let mut hidden = 0;
    while let [first, rest @ ..] = words {
        let assigns = first.text.split_once('=').is_some_and(|(name, _)| is_name(name));
        let empty = first.text.starts_with('$') && is_name(first.text.get(1..).unwrap_or_default());
        let wraps = matches!(first.text.as_str(), "sudo" | "exec" | "nohup" | "time" | "env" | "command");
        if rest.is_empty() || !(assigns || empty || wraps) {
            break;
        }
        hidden += if wraps && first.disguised { 3 } else { 2 * i32::from(empty) };
        words = rest;
    }
    let [first, behind @ ..] = words else { return None };
    let name = name_of(&first.text);
    let arguments = Arguments::of(behind);
    let points = match statement.before {
        // It runs what the one before writes.
        Before::Pipe if is_shell(name) && arguments.none() => 4,
        _ => name_points(first, name, !arguments.none())?,
    };
    Some(points + argument_points(behind) + hidden)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Programs that strangers ask first.
fn is_asked_first(name: &str) -> bool {
    matches!(
        name,
        "whoami" | "id" | "uname" | "ifconfig" | "ipconfig" | "netstat" | "systeminfo" | "tasklist" | "nslookup"
    )
}

fn name_points(word: &Word, name: &str, has_arguments: bool) -> Option<i32> {
    let text = word.text.as_str();
    if word.parted && is_known(name) {
        return Some(6);
    }
    let is_file = |ending: &str| text.len() > ending.len() && text.ends_with(ending);
    let in_bin = text.rsplit('/').nth(1).is_some_and(|directory| matches!(directory, "bin" | "sbin"));
    Some(match name {
        _ if is_tool(name) && !matches!(name, "sudo" | "test" | "mkdir" | "tar" | "ssh" | "scp") => {
            if is_word_of_code(name) {
                return None;
            }
            1 + i32::from(has_arguments)
        }
        _ if in_bin && (is_known(name) || has_arguments) => 4,
        _ if is_asked_first(name) => 4,
        _ if word.disguised && is_known(name) => 4,
        _ if [".exe", ".bat", ".cmd", ".ps1", ".vbs"].iter().any(|ending| is_file(ending)) => 4,
        _ if text.starts_with("/tmp/") || text.starts_with("./") => 3,
        _ if [".sh", ".py", ".pl", ".hta"].iter().any(|ending| is_file(ending)) => 2,
        _ if is_cmdlet(name) || is_known(name) && !is_ordinary(name) => 2 + i32::from(has_arguments),
        _ if is_known(name) => 1,
        _ if is_of_family(name) => 2,
        _ if has_arguments && is_program_like(text) => 0,
        _ => return None,
    })
}

/// Words with which code begins more often than a command does.
fn is_word_of_code(name: &str) -> bool {
    matches!(
        name,
        "if" | "for" | "while" | "function" | "do" | "then" | "const" | "let" | "var" | "return" | "import"
            | "true" | "false" | "$" | "#" | "//" | "entrypoint" | "run"
    )
}

/// Whether it is a program's name with a part or a version behind it: `ansible-config`, `python3.12`.
fn is_of_family(name: &str) -> bool {
    let stem = name.split_once('-').map_or(name, |(stem, _)| stem);
    let stem = stem.trim_end_matches(|letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '+'));
    stem.len() < name.len() && stem.len() > 1 && is_known(stem) && !is_ordinary(stem)
}

/// Whether a program may have this for its name.
fn is_program_like(text: &str) -> bool {
    (2..=24).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

/// The strongest argument, and whether another supports it; words of a sentence speak against.
fn argument_points(words: &[Word]) -> i32 {
    let (mut best, mut count, mut plain) = (0, 0, 0);
    let mut shell = false;
    for word in words {
        let text = word.text.as_str();
        let points = one_argument(word, shell);
        shell = is_shell(name_of(text));
        best = best.max(points);
        count += i32::from(points > 0);
        plain += i32::from(points == 0 && is_plain(text));
        if text.ends_with(['.', '!', ',']) && is_plain(text.trim_end_matches(['.', '!', ','])) {
            plain += 2;
        }
    }
    best + i32::from(count > 1) - (plain - 2).max(0)
}

fn is_plain(text: &str) -> bool {
    text.len() > 1 && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'\'')
}

fn one_argument(word: &Word, behind_shell: bool) -> i32 {
    let text = word.text.trim_start_matches('<');
    let is_option = text.len() > 1
        && text.starts_with('-')
        && text.trim_start_matches('-').starts_with(|first: char| first.is_ascii_alphanumeric());
    let is_switch = text.len() < 6
        && text.strip_prefix('/').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let runs = ["system(", "exec(", "popen(", "spawn(", "eval("].iter().any(|call| text.contains(call));
    if behind_shell && matches!(text, "-c" | "-ic" | "-lc") || text.contains("sh,-c") {
        5
    } else if is_secret(text) || runs || text.starts_with("/:/") {
        4
    } else if is_option && word.disguised {
        3
    } else if is_system(text) {
        3
    } else if is_address(text) {
        2
    } else if text == "whoami" {
        3
    } else if is_shell(text) || is_asked_first(text) || (text.len() > 1 && text.starts_with('>')) {
        2
    } else if is_option || is_switch || word.is_loud {
        1
    } else if text.ends_with(['.', ',', '!', '?', ':']) {
        0
    } else {
        i32::from(
            is_path(text)
                || is_host(text)
                || is_verb(text)
                || text.starts_with('+')
                || text.bytes().all(|byte| byte.is_ascii_digit()),
        )
    }
}

/// Words that programs take for what they are to do.
fn is_verb(text: &str) -> bool {
    matches!(text, "run" | "status" | "start" | "stop" | "restart" | "list" | "show" | "install" | "exec" | "dump")
}

/// What follows the statement: the payload's end, or words that are no command.
fn rest_points(text: &[u8], behind: &[Statement]) -> i32 {
    let named = |statement: &&Statement| !statement.words.is_empty() && !is_end(statement);
    let is_foreign = |statement: &Statement| {
        command_points(statement).is_none()
            && !is_neutral(statement)
            && (statement.words.len() > 1 || statement.words.iter().any(|word| word.text.len() > 2))
            && statement.words.iter().any(|word| word.text.starts_with(|first: char| first.is_alphabetic()))
    };
    let foreign = behind.iter().filter(named).any(is_foreign);
    let end = if goes_on(text) { 3 } else { i32::from(is_cut(text)) };
    end - if foreign { 2 } else { 0 }
}

/// Whether a text ends where only another command can follow.
fn goes_on(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    text.ends_with(b"||") || text.ends_with(b"&&")
}

/// Whether a text ends in what shuts out the rest of a line, or begins another command or quote.
fn is_cut(text: &[u8]) -> bool {
    matches!(text.trim_ascii_end().last(), Some(b'#' | b';' | b'&' | b'|' | b'"' | b'\''))
}

/// Cells between bars, or a list of single words.
fn is_table(text: &[u8], statements: &[Statement]) -> bool {
    let pipes = statements.iter().filter(|statement| statement.before == Before::Pipe).count();
    let trimmed = text.trim_ascii();
    let cells = pipes > 1 && (trimmed.ends_with(b"|") && trimmed.starts_with(b"|") || pipes > 3);
    let lone = statements.len() > 3
        && statements.iter().all(|statement| {
            statement.words.len() <= 1 && matches!(statement.before, Before::Start | Before::Mark | Before::Pipe)
        });
    cells || lone
}
