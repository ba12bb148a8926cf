//! What a command is worth as evidence, in points: its name, and what it is given.

use super::arguments::{Arguments, is_address, is_host, is_path, is_secret, is_system};
use super::effects::harms;
use super::shell::{Before, Statement, Word};
use super::vocabulary::{is_cmdlet, is_ordinary};
use super::words::{Sure, is_known, is_shell, is_tool, name_of, program, sure};

/// What a command is worth that ends a system.
const HARM: i32 = 6;
/// What a program and its arguments are worth that only attackers begin with, wherever they stand.
pub(super) const ALONE: i32 = 9;
/// The same behind a separator.
pub(super) const BEHIND: i32 = 5;
/// The same behind a separator and a value.
const INJECTED: i32 = 3;

/// The name and its arguments; none for what names nothing that may run.
pub(super) fn command(statement: &Statement) -> Option<i32> {
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
pub(super) fn shown(statement: &Statement) -> Option<i32> {
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
    // Documents show developers' commands so.
    if statement.before == Before::Tick && is_tool(name) {
        return None;
    }
    let points = match statement.before {
        // It runs what the one before writes.
        Before::Pipe if is_shell(name) && arguments.none() => 4,
        // They show a developer less of what another program writes.
        Before::Pipe if is_filter(name) => 1,
        Before::Pipe if name == "chpasswd" || sends_away(name, &arguments) => HARM,
        Before::Start | Before::Mark | Before::Pipe | Before::Line | Before::Tick | Before::Dollar => {
            name_points(first, name, !arguments.none())?
        }
    };
    let given = argument_points(name, behind);
    // Of a name that nobody knows, or everybody, the arguments must tell.
    let told = given > 0 || points > i32::from(behind.len() > 1 && name != "echo");
    told.then(|| points + given + hidden.max().unwrap_or(0))
}

/// Whether another machine gets what the command before it writes.
fn sends_away(name: &str, arguments: &Arguments<'_>) -> bool {
    let is_own = |word: &str| word == "localhost" || word.starts_with("127.");
    matches!(name, "nc" | "ncat" | "netcat") && arguments.len() == 2 && !arguments.any(is_own)
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
    // What redaction leaves.
    if text.len() > 1 && text.bytes().all(|byte| byte == b'*') {
        return 0;
    }
    let is_option = text.len() > 1
        && text.starts_with('-')
        && text.trim_start_matches('-').starts_with(|first: char| first.is_ascii_alphanumeric());
    let is_option =
        is_option || matches!(text, "xf" | "xvf" | "xzf" | "xzvf" | "zxvf" | "cf" | "cvf" | "czf" | "czvf");
    let is_switch = text.len() < 6
        && text.strip_prefix('/').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_alphabetic()));
    if is_loot(text) {
        return 6;
    }
    let runs = ["system(", "exec(", "popen(", "spawn(", "eval("].iter().any(|call| text.contains(call));
    if behind_shell && matches!(text, "-c" | "-ic" | "-lc") || text.contains("sh,-c") {
        5
    } else if is_secret(text) || runs || text.starts_with("/:/") {
        4
    } else if (is_option && word.disguised) || (text.len() > 1 && is_system(text)) || text == "whoami" {
        3
    } else if is_address(text) || is_shell(text) || is_asked_first(text) || is_output(text) {
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

/// The file that contests hide, by its name or with wildcards for its letters.
fn is_loot(text: &str) -> bool {
    let text = text.strip_prefix('/').unwrap_or(text);
    let name = text.split_once('.').map_or(text, |(name, _)| name);
    let wild = |byte: u8| matches!(byte, b'*' | b'?' | b'[' | b']');
    let mut letters = b"lag".iter();
    let mut rest = name.bytes().skip(1).filter(|byte| !wild(*byte));
    name.starts_with('f')
        && name.len() > 2
        && (name == "flag" || name.bytes().any(wild))
        && rest.all(|byte| letters.any(|letter| *letter == byte))
}

fn is_output(text: &str) -> bool {
    let file = text.trim_start_matches('>');
    file.len() < text.len()
        && file.starts_with(|first: char| first.is_ascii_alphanumeric() || "/.~$".contains(first))
}

/// Words that programs take for what they are to do.
fn is_verb(text: &str) -> bool {
    matches!(
        text,
        "run" | "status" | "start" | "stop" | "restart" | "list" | "show" | "install" | "exec" | "dump"
    )
}

/// Whether what follows the program's name is no part of a sentence.
pub(super) fn is_terse(statement: &Statement) -> bool {
    Arguments::of(program(statement).get(1..).unwrap_or_default()).are_terse()
}
