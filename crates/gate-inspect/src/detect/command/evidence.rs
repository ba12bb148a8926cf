//! What speaks for a command behind a value, in points: what stands before it, the name, the arguments, what follows.
//!
//! No single sign decides here. `127.0.0.1 && service mysql status` has an ordinary word for its name,
//! `;c89 -wrapper sh,-c,id` a program that no table holds; each has enough of the rest.

use super::arguments::{Arguments, is_address, is_host, is_path, is_secret, is_system};
use super::context::{PHRASE, PROSE, VALUE, end, is_end, is_quotation, is_table, place};
use super::effects::harms;
use super::shell::{Before, Statement, Word};
use super::vocabulary::{is_cmdlet, is_ordinary};
use super::words::{Sure, is_known, is_neutral, is_shell, is_tool, name_of, program, sure};

/// So many points make a command.
pub(super) const ENOUGH: i32 = 5;
/// So many are worth telling of a command that would be sure in another place.
const DOUBTFUL: i32 = 3;
/// What a command is worth that ends a system.
const HARM: i32 = 6;
/// What a program and its arguments are worth that only attackers begin with, wherever they stand.
const ALONE: i32 = 9;
/// The same behind a separator.
const BEHIND: i32 = 5;
/// The same behind a separator and a value.
const INJECTED: i32 = 3;

/// The statement with the most points behind `lead`, if they are worth telling.
pub(super) fn weigh<'a>(text: &[u8], statements: &'a [Statement], lead: i32) -> Option<(i32, &'a Statement)> {
    let commands: Vec<Option<i32>> = statements.iter().map(command).collect();
    let last_foreign =
        statements.iter().zip(&commands).rposition(|(statement, points)| is_foreign(statement, *points));
    let (table, end) = (is_table(text, statements), end(text));
    let mut lead = lead;
    let mut directory = Directory::default();
    let mut takes = false;
    let mut best: Option<(i32, &Statement)> = None;
    for (number, (statement, points)) in statements.iter().zip(&commands).enumerate() {
        let entered = directory.enters(statement);
        let is_inside = entered && directory.has_secret(statement);
        let points = if is_quotation(text, statement) { shown(statement) } else { *points };
        if let Some(points) = points.filter(|points| !table || *points >= ALONE) {
            let place = place(
                text,
                statement,
                if is_inside || (entered && directory.is_looked_into()) { lead.max(VALUE) } else { lead },
                takes,
            );
            let finds = if is_inside { 4 } else { 0 };
            let foreign = last_foreign.is_some_and(|last| last > number);
            let talks = lead == PHRASE && !is_terse(statement);
            let all = place + points + finds + end - 2 * (i32::from(foreign) + i32::from(talks));
            let is_told =
                all >= ENOUGH || (all >= DOUBTFUL && points >= BEHIND && statement.before != Before::Start);
            if is_told && best.is_none_or(|(most, _)| all > most) {
                best = Some((all, statement));
            }
        }
        if statement.before != Before::Start && is_foreign(statement, points) {
            // A value is followed by commands at once.
            lead = lead.min(PROSE);
        }
        takes = takes_another(text, statement, takes);
    }
    best
}

/// Whether a statement is neither a command nor a part or the end of one.
fn is_foreign(statement: &Statement, points: Option<i32>) -> bool {
    points.is_none()
        && !statement.words.iter().any(|word| word.text.contains('='))
        && !is_end(statement)
        && !is_neutral(statement)
        && (statement.words.len() > 1 || statement.words.iter().any(|word| word.text.len() > 2))
        && statement.words.iter().any(|word| word.text.starts_with(|first: char| first.is_alphabetic()))
}

/// Whether what follows the program's name is no part of a sentence.
fn is_terse(statement: &Statement) -> bool {
    Arguments::of(program(statement).get(1..).unwrap_or_default()).are_terse()
}

/// Whether a substitution behind the statement is an argument of its program.
fn takes_another(text: &[u8], statement: &Statement, before: bool) -> bool {
    let first = statement.words.first().map_or("", |word| word.text.trim_end_matches('('));
    match statement.before {
        Before::Start => before,
        Before::Mark | Before::Pipe | Before::Line => is_known(first) || first.starts_with('['),
        Before::Tick | Before::Dollar => {
            let is_open = statement.before == Before::Dollar && text.get(statement.at.end) != Some(&b')');
            before || matches!(first, "echo" | "print" | "printf") || (is_open && is_known(first))
        }
    }
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

    /// Whether it is a directory where a stranger looks around.
    fn is_looked_into(&self) -> bool {
        matches!(self.path.as_str(), "/" | "/etc/" | "/root/" | "/proc/" | "/home/")
    }

    fn has_secret(&self, statement: &Statement) -> bool {
        statement.words.iter().skip(1).any(|word| is_secret(&format!("{}{}", self.path, word.text)))
    }
}

/// The name and its arguments; none for what names nothing that may run.
fn command(statement: &Statement) -> Option<i32> {
    // An assignment in code.
    if statement.words.get(1).is_some_and(|word| word.text.starts_with('=')) {
        return None;
    }
    let sure = match sure(statement) {
        Sure::Injected => Some(INJECTED - words_against(program(statement))),
        Sure::Behind if !is_terse(statement) => Some(BEHIND - 2),
        sure @ (Sure::No | Sure::Behind | Sure::Alone) => known(sure),
    };
    sure.max(command_points(statement))
}

const fn known(sure: Sure) -> Option<i32> {
    match sure {
        Sure::Alone => Some(ALONE),
        Sure::Behind => Some(BEHIND),
        Sure::Injected => Some(INJECTED),
        Sure::No => None,
    }
}

/// What a command is worth that is all of a text, between backticks: documents show commands of developers so, and
/// scripts beside the text, and any program's name.
fn shown(statement: &Statement) -> Option<i32> {
    let sure = sure(statement);
    let first = statement.words.first().map_or("", |word| &word.text);
    let is_shown = sure < Sure::Alone && is_tool(first) || first.starts_with("./");
    known(sure).filter(|_| !is_shown)
}

fn command_points(statement: &Statement) -> Option<i32> {
    let words = program(statement);
    let before = statement.words.get(..statement.words.len() - words.len()).unwrap_or_default();
    let hidden =
        before.iter().map(|word| 3 * i32::from(word.disguised) + 2 * i32::from(word.text.starts_with('$')));
    let [first, behind @ ..] = words else { return None };
    let name = name_of(&first.text);
    let arguments = Arguments::of(behind);
    if harms(name, behind, &arguments) {
        return Some(HARM);
    }
    let points = match statement.before {
        // It runs what the one before writes.
        Before::Pipe if is_shell(name) && arguments.none() => 4,
        // They show a developer less of what another program writes.
        Before::Pipe if is_filter(name) => 1,
        // What another machine gets.
        Before::Pipe
            if matches!(name, "nc" | "ncat" | "netcat")
                && arguments.len() == 2
                && !arguments.any(|word| word == "localhost" || word.starts_with("127.")) =>
        {
            HARM
        }
        _ => name_points(first, name, !arguments.none())?,
    };
    Some(points + argument_points(name, behind) + hidden.max().unwrap_or(0))
}

/// Programs that strangers ask first.
fn is_asked_first(name: &str) -> bool {
    matches!(
        name,
        "whoami"
            | "id"
            | "uname"
            | "ifconfig"
            | "ipconfig"
            | "netstat"
            | "systeminfo"
            | "tasklist"
            | "nslookup"
            | "calc"
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
            2
        }
        _ if in_bin && (is_known(name) || has_arguments) => 4,
        _ if is_asked_first(name) => 4,
        _ if word.disguised && is_known(name) => 4,
        _ if [".exe", ".bat", ".cmd", ".ps1", ".vbs"].iter().any(|ending| is_file(ending)) => 4,
        _ if text.starts_with("/tmp/") || text.starts_with("./") => 3,
        _ if [".sh", ".py", ".pl", ".hta"].iter().any(|ending| is_file(ending)) => 2,
        _ if is_cmdlet(name) || is_known(name) && !is_ordinary(name) => 2 + i32::from(has_arguments),
        _ if is_known(name) => 1 + i32::from(!has_arguments && tells(name)),
        _ if has_arguments && means_program(name) => 4,
        _ if is_of_family(name) => 2,
        _ if has_arguments && is_program_like(text) => 0,
        _ => return None,
    })
}

fn is_filter(name: &str) -> bool {
    matches!(
        name,
        "grep"
            | "egrep"
            | "awk"
            | "sed"
            | "wc"
            | "sort"
            | "head"
            | "tail"
            | "less"
            | "more"
            | "cut"
            | "tr"
            | "uniq"
    )
}

/// Ordinary words that alone tell of a system, or begin what does.
fn tells(name: &str) -> bool {
    matches!(
        name,
        "who"
            | "last"
            | "mount"
            | "set"
            | "users"
            | "groups"
            | "free"
            | "w"
            | "jobs"
            | "top"
            | "date"
            | "history"
            | "ver"
            | "vol"
            | "arch"
            | "sh"
    )
}

/// Whether a name with wildcards between its letters fits a program that is worth hiding: `nma? -p 80 localhost`.
fn means_program(name: &str) -> bool {
    const WORTH: [&str; 26] = [
        "cat", "tac", "head", "tail", "more", "less", "ls", "nc", "ncat", "nmap", "ping", "wget", "curl",
        "bash", "sh", "base64", "grep", "chmod", "uname", "sleep", "telnet", "rm", "netcat", "nslookup",
        "dig", "strings",
    ];
    let wild = |byte: u8| matches!(byte, b'?' | b'*');
    let fits = |program: &&str| {
        program.len() == name.len()
            && program.bytes().zip(name.bytes()).all(|(is, asked)| wild(asked) || is == asked)
    };
    name.bytes().any(wild)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && WORTH.iter().any(fits)
}

/// Words with which code begins more often than a command does.
fn is_word_of_code(name: &str) -> bool {
    matches!(
        name,
        "if" | "for"
            | "while"
            | "function"
            | "do"
            | "then"
            | "const"
            | "let"
            | "var"
            | "return"
            | "import"
            | "true"
            | "false"
            | "$"
            | "#"
            | "//"
            | "entrypoint"
            | "run"
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
fn argument_points(name: &str, words: &[Word]) -> i32 {
    let (mut best, mut count) = (0, 0);
    let mut shell = false;
    for word in words {
        let points = one_argument(word, shell);
        // Keys are what these are given every day.
        let points = if name.starts_with("ssh") && word.text.contains("/.ssh/") { 1 } else { points };
        shell = is_shell(name_of(&word.text));
        best = best.max(points);
        count += i32::from(points > 0);
    }
    best + i32::from(count > 1) - words_against(words)
}

/// How many words more than a command has stand in a row of words, and the ends of sentences.
fn words_against(words: &[Word]) -> i32 {
    let mut plain = 0;
    for word in words {
        let text = word.text.as_str();
        let inner = text.trim_end_matches(['.', '!', ',']);
        if inner.len() < text.len() && is_plain(inner) {
            plain += 2;
        } else if is_plain(text) && one_argument(word, false) == 0 {
            plain += 1;
        }
    }
    (plain - 2).max(0)
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
    matches!(
        text,
        "run" | "status" | "start" | "stop" | "restart" | "list" | "show" | "install" | "exec" | "dump"
    )
}
