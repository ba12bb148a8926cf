//! Messages that are command lines from end to end, which no sentence and hardly any developer's line is.

use memchr::memmem;

use super::arguments::{Arguments, is_address};
use super::effects::has_effect;
use super::shell::{Before, Statement, Word};
use super::words::{Sure, is_known, is_shell, is_tool, name_of, program, sure, sure_of_words};

/// Longer texts are scripts or prose.
const TEXT_MAX: usize = 512;

/// The rule that a text meets as a whole, and the statement by which.
pub(super) fn judge<'a>(text: &[u8], statements: &'a [Statement]) -> Option<(&'static str, &'a Statement)> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let mut named = statements.iter().filter(|statement| !is_empty(statement));
    let first = named.next()?;
    let second = named.next();
    let is_bare = first.before == Before::Start
        && match second {
            None => is_lone(text, first),
            Some(_) => runs_string(first) || is_elsewhere(text, first),
        };
    if is_bare {
        return Some(("cmd-bare", first));
    }
    if runs_fetched(statements) {
        return Some(("cmd-fetch-run", first));
    }
    is_substituted(text, statements).then_some(("cmd-dollar-paren", first))
}

/// Whether a script is brought from another machine and given to a shell at once, and nothing else is there.
fn runs_fetched(statements: &[Statement]) -> bool {
    let mut parts = statements.iter().filter(|statement| !is_empty(statement));
    let (Some(first), Some(second), None) = (parts.next(), parts.next(), parts.next()) else { return false };
    let ([fetches, from @ ..], [runs, ..]) = (program(first), program(second)) else { return false };
    // sh -c "$(curl ..)"
    if second.before == Before::Dollar {
        let given = matches!(from, [option] if is_command_option(&option.text));
        return is_shell(name_of(&fetches.text)) && given && matches!(runs.text.as_str(), "curl" | "wget");
    }
    let name = name_of(&runs.text);
    matches!(first.before, Before::Start | Before::Line)
        && matches!(second.before, Before::Pipe | Before::Line)
        && matches!(name_of(&fetches.text), "curl" | "wget" | "fetch" | "lynx")
        && from.iter().any(|word| !word.text.starts_with('-'))
        && (is_shell(name)
            || ["python", "perl", "ruby", "php", "node"].iter().any(|one| name.starts_with(one)))
}

/// Quotes, brackets, comments.
fn is_empty(statement: &Statement) -> bool {
    statement.words.iter().all(|word| !word.text.bytes().any(|byte| byte.is_ascii_alphanumeric()))
        && !statement.words.iter().any(|word| word.text.contains(['?', '*']))
}

/// Whether a lone statement is a command whose effect or place tells it from a line that is shown.
fn is_lone(text: &[u8], statement: &Statement) -> bool {
    let [first, behind @ ..] = program(statement) else { return false };
    let name = name_of(&first.text);
    let arguments = Arguments::of(behind);
    // Values that are assigned before it have quotes for reasons of their own.
    let program = statement.words.iter().find(|word| !word.text.contains('='));
    let is_disguised = program.is_some_and(|word| word.disguised);
    has_effect(name, behind, &arguments)
        || runs_string(statement)
        || is_elsewhere(text, statement)
        || (behind.is_empty() && first.text.contains("bin/") && is_shell(name) && statement.words.len() > 1)
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
