//! Messages that are command lines from end to end, which no sentence and hardly any developer's line is.

use memchr::memmem;

use super::arguments::{Arguments, is_address, is_host, is_secret, is_windows};
use super::effects::has_effect;
use super::shell::{Before, Statement, Word};
use super::words::{Sure, is_known, is_shell, is_tool, name_of, sure, sure_of_words};

/// Longer texts are scripts or prose.
const TEXT_MAX: usize = 512;
/// A list of commands with more is a manual's.
const CHAIN_MAX: usize = 6;

/// The rule that a text meets as a whole, and the statement by which.
pub(super) fn judge<'a>(text: &[u8], statements: &'a [Statement]) -> Option<(&'static str, &'a Statement)> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let mut named = statements.iter().filter(|statement| !is_empty(statement));
    let first = named.next()?;
    let second = named.next();
    let rule = if first.before == Before::Start {
        match second {
            None if is_lone(text, first) => Some("cmd-bare"),
            Some(_) if runs_string(first) || is_elsewhere(text, first) => Some("cmd-bare"),
            Some(_) if is_chain(text, statements) => Some("cmd-semicolon-chain"),
            Some(second) if goes_into(first, second) => Some("cmd-semicolon-chain"),
            None | Some(_) => None,
        }
    } else {
        None
    };
    let rule = rule.or_else(|| is_substituted(text, statements).then_some("cmd-dollar-paren"));
    if let Some(rule) = rule {
        return Some((rule, first));
    }
    (second.is_none() && is_appended(text, first)).then_some(("cmd-pipe-chain", first))
}

/// Quotes, brackets, comments.
fn is_empty(statement: &Statement) -> bool {
    statement.words.iter().all(|word| !word.text.bytes().any(|byte| byte.is_ascii_alphanumeric()))
        && !statement.words.iter().any(|word| word.text.contains(['?', '*']))
}

/// Whether a lone statement is a command whose effect or place tells it from a line that is shown.
fn is_lone(text: &[u8], statement: &Statement) -> bool {
    let [first, behind @ ..] = statement.words.as_slice() else { return false };
    let name = name_of(&first.text);
    let arguments = Arguments::of(behind);
    // Values that are assigned before it have quotes for reasons of their own.
    let program = statement.words.iter().find(|word| !word.text.contains('='));
    let is_disguised = program.is_some_and(|word| word.disguised);
    has_effect(name, behind, &arguments)
        || runs_string(statement)
        || is_elsewhere(text, statement)
        || is_of_windows(&first.text, behind, &arguments)
        || (is_disguised && sure(statement) > Sure::No)
        || (matches!(name, "cat" | "tac" | "nl" | "more" | "less" | "head" | "tail" | "ls" | "dir")
            && arguments.len() == 1
            && arguments.any(|word| {
                word.starts_with('/') && word.trim_end_matches('?').len() != 2 && word.contains(['*', '?'])
            }))
        || (matches!(name, "powershell" | "pwsh") && sure_of_words(behind) >= Sure::Behind)
}

/// A shell with `-c` and a command.
fn runs_string(statement: &Statement) -> bool {
    let words = statement.words.as_slice();
    let Some(at) = words.iter().take(SHELL_MAX).position(|word| is_shell(name_of(&word.text))) else {
        return false;
    };
    let is_wrapper = |word: &Word| matches!(name_of(&word.text), "env" | "busybox" | "exec" | "nohup");
    if !words.iter().take(at).all(is_wrapper) {
        return false;
    }
    let behind = words.get(at + 1..).unwrap_or_default();
    let Some(option) = behind.iter().take(SHELL_MAX).position(|word| is_command_option(&word.text)) else {
        return false;
    };
    let command = behind.get(option + 1..).unwrap_or_default();
    sure_of_words(command) > Sure::No || echoes(command)
}

/// A shell and its option are among the first words.
const SHELL_MAX: usize = 3;

fn is_command_option(word: &str) -> bool {
    matches!(word, "-c" | "-ic" | "-lc" | "-xc" | "-ec")
}

fn echoes(command: &[Word]) -> bool {
    command.first().is_some_and(|word| matches!(word.text.as_str(), "echo" | "printf" | "touch" | "date"))
}

/// A program by a path into a directory of programs, or with a search path of the message's own.
fn is_elsewhere(text: &[u8], statement: &Statement) -> bool {
    let words = statement.words.as_slice();
    let assigned = words.iter().take_while(|word| word.text.contains('=')).count();
    let path = words.iter().take(assigned).any(|word| word.text.starts_with("path=/"));
    let Some(first) = words.get(assigned) else { return false };
    let behind = words.get(assigned + 1..).unwrap_or_default();
    let arguments = Arguments::of(behind);
    let (directory, name) = first.text.rsplit_once('/').unwrap_or(("", &first.text));
    let name = name.trim_end_matches(['"', '\'', ')', '}']);
    let is_bin = matches!(directory.rsplit('/').find(|part| *part != "."), Some("bin" | "sbin"));
    // The first line of a script.
    if text.trim_ascii().starts_with(b"#") {
        return false;
    }
    if !is_bin {
        return path && is_told(name);
    }
    let spelt = text.trim_ascii().starts_with(b"//")
        || directory.contains("..")
        || directory.contains("/./")
        || text.get(statement.at.end).is_some_and(|byte| matches!(byte, b'|' | b';'));
    let env =
        name == "env" && arguments.len() == 1 && (is_shell(arguments.first()) || is_told(arguments.first()));
    if env {
        return true;
    }
    if !(arguments.none() || arguments.are_terse() || arguments.first() == "aux") {
        return false;
    }
    (spelt && is_known(name))
        || is_told(name)
        || has_effect(name, behind, &arguments)
        || (is_known(name) && arguments.any(is_address))
        || (matches!(name, "busybox" | "nice" | "nohup") && sure_of_words(behind) > Sure::No)
}

/// Programs that are asked for by their path to see whether something runs; interpreters are also
/// what a setting names.
fn is_told(name: &str) -> bool {
    matches!(
        name,
        "ls" | "id"
            | "cat"
            | "whoami"
            | "uname"
            | "ps"
            | "pwd"
            | "netstat"
            | "ifconfig"
            | "hostname"
            | "echo"
            | "sleep"
            | "ping"
            | "touch"
            | "rm"
            | "nc"
            | "w"
            | "who"
            | "date"
            | "df"
            | "printenv"
            | "uptime"
            | "dir"
            | "reboot"
            | "halt"
            | "shutdown"
            | "last"
            | "mount"
    )
}

/// Commands of Windows with variables or switches that nothing else has.
fn is_of_windows(first: &str, words: &[Word], arguments: &Arguments<'_>) -> bool {
    let known_file = |word: &str| word.starts_with('%') && word.contains("%\\");
    match first {
        "type" | "more" | "copy" | "dir" => {
            arguments.len() <= 2 && (arguments.any(known_file) || first == "dir" && arguments.any(is_windows))
        }
        "timeout" => arguments.len() == 2 && arguments.first() == "/t",
        // A form's value for what is run, with the command behind it.
        "run" | "exec" | "cmd" => {
            let Some(second) = words.first() else { return false };
            let rest = words.get(1..).unwrap_or_default();
            let behind = Arguments::of(rest);
            is_of_windows_itself(&second.text, &behind)
                || matches!(second.text.as_str(), "ping" | "whoami" | "net" | "tasklist" | "systeminfo")
                    && sure_of_words(words) > Sure::No
                    && behind.any(|word| word.starts_with(['/', '-']) || word == "user")
        }
        _ => false,
    }
}

fn is_of_windows_itself(name: &str, arguments: &Arguments<'_>) -> bool {
    let windows = |word: &str| is_windows(word) || word.starts_with('%');
    match name {
        "type" | "more" | "copy" | "dir" | "echo" => arguments.len() <= 2 && arguments.any(windows),
        "timeout" => arguments.len() <= 2 && arguments.any(|word| word == "/t"),
        _ => false,
    }
}

/// Whether all of it are commands that tell of a system, chained as no developer chains them.
fn is_chain(text: &[u8], statements: &[Statement]) -> bool {
    let parts: Vec<&Statement> = statements.iter().filter(|statement| !is_empty(statement)).collect();
    if parts.len() > CHAIN_MAX || !parts.iter().all(|part| lists(part)) {
        return false;
    }
    let mut behind = parts.iter().skip(1);
    let plain = |part: &&&Statement| matches!(part.before, Before::Mark | Before::Pipe | Before::Line);
    if !behind.clone().all(|part| plain(&part)) {
        return false;
    }
    // Words in quotes are a list of words.
    if text.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
        return false;
    }
    let blank = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_whitespace);
    let is_glued = behind.clone().all(|part| {
        part.before != Before::Line && !blank(Some(part.at.start)) && !blank(before_mark(text, part))
    });
    let named = |is: fn(&str) -> bool| {
        parts.iter().any(|part| part.words.first().is_some_and(|word| is(name_of(&word.text))))
    };
    if !named(is_no_word) {
        return false;
    }
    let few_lines = parts.len() <= 3 && behind.clone().all(|part| part.before == Before::Line);
    // "ID & date" may be a title.
    let titled = behind.clone().any(|part| {
        let before = text.get(..part.at.start).unwrap_or_default();
        before.ends_with(b"&") && !before.ends_with(b"&&")
    });
    if !is_glued && titled && parts.iter().any(|part| part.words.iter().any(|word| word.text == "id")) {
        return false;
    }
    is_glued
        || few_lines
        || named(is_question)
        // None of these reads what another writes.
        || behind.any(|part| {
            let before = text.get(..part.at.start).unwrap_or_default();
            part.before == Before::Pipe || before.ends_with(b"||") || titled
        })
}

/// The last byte before the separator of a statement.
fn before_mark(text: &[u8], part: &Statement) -> Option<usize> {
    let before = text.get(..part.at.start)?;
    before.iter().rposition(|byte| !matches!(byte, b';' | b'|' | b'&'))
}

/// A command that tells of the system, with flags at most.
fn lists(statement: &Statement) -> bool {
    let [first, behind @ ..] = statement.words.as_slice() else { return false };
    let arguments = Arguments::of(behind);
    let name = name_of(&first.text);
    let listing = is_question(name)
        || matches!(
            name,
            "ls" | "pwd"
                | "ps"
                | "env"
                | "date"
                | "uptime"
                | "dir"
                | "set"
                | "last"
                | "df"
                | "printenv"
                | "free"
                | "history"
                | "groups"
                | "mount"
                | "dmesg"
                | "lsof"
                | "arp"
                | "tasklist"
        );
    (listing && (arguments.none() || arguments.flags() || arguments.first() == "aux"))
        || (arguments.any(is_secret) && sure(statement) >= Sure::Behind)
}

/// The first questions of whoever does not know the system.
fn is_question(name: &str) -> bool {
    matches!(
        name,
        "id" | "whoami"
            | "uname"
            | "hostname"
            | "ifconfig"
            | "ipconfig"
            | "netstat"
            | "ver"
            | "w"
            | "who"
            | "systeminfo"
    )
}

/// Those among them that no language has for a word.
fn is_no_word(name: &str) -> bool {
    matches!(
        name,
        "whoami"
            | "uname"
            | "hostname"
            | "ifconfig"
            | "ipconfig"
            | "netstat"
            | "systeminfo"
            | "pwd"
            | "env"
            | "ls"
            | "lsof"
            | "printenv"
            | "id"
            | "ps"
            | "df"
            | "tasklist"
            | "dmesg"
    )
}

/// Pairs that are a tester's: a word that is echoed or a host that is asked, and a command that lists;
/// a step into a directory of the system, and a look at it.
fn goes_into(first: &Statement, second: &Statement) -> bool {
    if second.before != Before::Mark {
        return false;
    }
    let ([name, behind @ ..], [does, with @ ..]) = (first.words.as_slice(), second.words.as_slice()) else {
        return false;
    };
    let (arguments, rest) = (Arguments::of(behind), Arguments::of(with));
    let reads = matches!(does.text.as_str(), "ls" | "cat" | "id" | "dir" | "type" | "pwd" | "head" | "tail");
    let brought = (is_shell(name_of(&does.text)) && rest.len() == 1 && rest.first().starts_with("/tmp/"))
        || (does.text.starts_with("/tmp/") && rest.none());
    match name.text.as_str() {
        "base64" | "xxd" | "wget" | "curl" | "chmod" | "printf" | "echo" | "cp" | "mv" if brought => true,
        "echo" | "printf" => arguments.len() == 1 && reads && with.len() <= 1,
        "cd" => {
            matches!(arguments.first(), "/" | "/etc" | "/root" | "/proc" | "c:") && reads && with.len() <= 2
        }
        "ping" | "nslookup" | "curl" | "wget" => arguments.any(is_host) && rest.none() && lists(second),
        _ => false,
    }
}

/// Whether nothing but a substitution is there, or one beside the options of a program.
fn is_substituted(text: &[u8], statements: &[Statement]) -> bool {
    let is_edge = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'"' | b'\'' | b'{' | b'}' | b';');
    let start = text.iter().position(|byte| !is_edge(byte) && *byte != b'(').unwrap_or(0);
    let inner = text.get(start..).unwrap_or_default();
    let end = inner.iter().rposition(|byte| !is_edge(byte)).map_or(0, |last| last + 1);
    let inner = inner.get(..end).unwrap_or_default();
    let options = options_before(inner);
    let rest = inner.get(options..).unwrap_or_default();
    let ticks = rest.starts_with(b"`");
    if !(ticks || rest.starts_with(b"$(")) {
        return false;
    }
    let close = if ticks { memchr::memrchr(b'`', rest) } else { closing(rest) };
    let Some(close) = close.filter(|close| *close > 1) else { return false };
    // Several pieces of code, with words between them.
    if ticks && memchr::memchr_iter(b'`', rest).count() > 2 {
        return false;
    }
    let behind = rest.get(close + 1..).unwrap_or_default().trim_ascii();
    // A quote's end, and the rest of a host's name.
    let name = |byte: &u8| matches!(byte, b'"' | b'\'' | b'.' | b')') || byte.is_ascii_alphanumeric();
    let attached = rest.get(close + 1..).unwrap_or_default();
    // What stands at a closing backtick begins another.
    if ticks && attached.first().is_some_and(u8::is_ascii_alphanumeric) {
        return false;
    }
    let length = attached.iter().position(|byte| !name(byte)).unwrap_or(attached.len());
    let behind = if length > 0 { attached.get(length..).unwrap_or_default().trim_ascii() } else { behind };
    // Brackets around all of it.
    let brackets = behind.iter().take_while(|byte| matches!(byte, b')' | b' ' | b';' | b'}')).count();
    let behind = behind.get(brackets..).unwrap_or_default();
    if !(behind.is_empty() || (is_option(behind) && !behind.iter().any(u8::is_ascii_whitespace))) {
        return false;
    }
    let beside = options > 0 || !behind.is_empty();
    if rest.starts_with(b"$(<") {
        return true;
    }
    let found = statements
        .iter()
        .filter(|part| matches!(part.before, Before::Tick | Before::Dollar) && !is_empty(part));
    let mut found = found.peekable();
    let Some(first) = found.peek() else { return false };
    let Some(word) = first.words.first() else { return false };
    let name = name_of(&word.text);
    let ran = sure(first) > Sure::No || matches!(name, "echo" | "printf");
    let is_nested = is_known(name) && !is_tool(name);
    let is_deep = is_nested && if ticks { memmem::find(rest, b"$(").is_some() } else { statements.len() > 3 };
    // The directory that one is in is what scripts put into options.
    if beside && name == "pwd" {
        return false;
    }
    if ticks && !beside {
        // Alone between backticks is also what documents show.
        return is_deep || (name == "echo" && ran);
    }
    ran || is_deep
        || (!ticks && first.words.len() == 1 && matches!(name, "date" | "file" | "who" | "w"))
        || (!ticks && is_nested && first.words.len() > 1)
        || (beside && is_nested && first.words.len() > 1)
}

/// Where the first bracket is closed again, or the last that closes one where none does.
fn closing(text: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' if depth <= 1 => return Some(at),
            b')' => depth -= 1,
            _ => {}
        }
    }
    memchr::memrchr(b')', text)
}

/// The length of an option at the start of a text, up to what it is given.
fn options_before(text: &[u8]) -> usize {
    if !is_option(text) {
        return 0;
    }
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let end = text.iter().position(|byte| !name(byte)).unwrap_or(text.len());
    let given = text.get(end..).unwrap_or_default();
    end + given.iter().take_while(|byte| matches!(byte, b' ' | b'=' | b'@' | b'"' | b'\'')).count()
}

fn is_option(text: &[u8]) -> bool {
    matches!(text, [b'-', b'a'..=b'z' | b'A'..=b'Z', ..] | [b'-', b'-', b'a'..=b'z' | b'A'..=b'Z', ..])
}

/// Whether a text begins with a separator and goes on with one command to its end.
fn is_appended(text: &[u8], statement: &Statement) -> bool {
    let before = text.get(..statement.at.start).unwrap_or_default();
    let quoted = text.get(statement.at.clone()).unwrap_or_default();
    let quoted = quoted.iter().any(|byte| matches!(byte, b'"' | b'\''));
    if before.iter().any(u8::is_ascii_alphanumeric) || text.trim_ascii_end().ends_with(b"|") {
        return false;
    }
    let [first, behind @ ..] = statement.words.as_slice() else { return false };
    let arguments = Arguments::of(behind);
    let terse = arguments.none() || arguments.are_terse();
    match (statement.before, first.text.as_str()) {
        (Before::Mark, "echo" | "printf") => arguments.len() <= 4,
        (
            Before::Pipe,
            "grep" | "egrep" | "awk" | "sed" | "cut" | "tr" | "mail" | "xargs" | "head" | "tail" | "wc"
            | "tee",
        ) => !behind.is_empty() && (quoted || terse) && behind.len() <= 4,
        (Before::Pipe, "sort" | "cat" | "less" | "more" | "base64" | "xxd" | "rev" | "tac" | "nl") => {
            arguments.none()
        }
        _ => false,
    }
}
