//! How sure it is that a statement is meant for a shell; the names of programs.

use super::arguments::{Arguments, is_glob, is_secret};
use super::effects::has_effect;
use super::programs::known;
use super::shell::{Statement, Word};
use super::vocabulary::{is_cmdlet, is_program};

/// How sure it is that a statement is meant for a shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    /// Not at all.
    No,
    /// Where it stands behind a separator that nothing but a value precedes.
    Injected,
    /// Where a separator precedes it.
    Behind,
    /// Wherever it stands.
    Alone,
}

/// Tools of development: a text that begins with one is a command line that somebody shows.
static TOOLS: &[&str] = &[
    "yes",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "git",
    "cd",
    "make",
    "cmake",
    "docker",
    "docker-compose",
    "pkg",
    "gem",
    "composer",
    "cargo",
    "rustup",
    "sudo",
    "apt",
    "apt-get",
    "brew",
    "pip",
    "pip3",
    "pipx",
    "kubectl",
    "helm",
    "systemctl",
    "journalctl",
    "export",
    "source",
    "go",
    "mvn",
    "gradle",
    "terraform",
    "ansible",
    "ssh",
    "scp",
    "rsync",
    "vagrant",
    "dnf",
    "yum",
    "pacman",
    "apk",
    "mkdir",
    "tar",
    "./configure",
    "if",
    "for",
    "while",
    "function",
    "do",
    "then",
    "const",
    "let",
    "var",
    "return",
    "import",
    "alias",
    "unset",
    "test",
    "true",
    "false",
    "run",
    "cmd",
    "entrypoint",
    "$",
    "#",
    "//",
];

/// Whether a program of this name is known, or a word that comes before one.
pub(super) fn is_known(name: &str) -> bool {
    is_program(name) || (name.contains('-') && is_cmdlet(name))
}

/// Words before a command that change nothing about it.
static WRAPPERS: &[&str] = &[
    "sudo",
    "exec",
    "command",
    "nohup",
    "time",
    "env",
    "then",
    "do",
    "/usr/bin/env",
    "busybox",
    "@",
    "!",
    "(",
    "{",
    "nice",
    "ionice",
    "setsid",
    "stdbuf",
    "doas",
    "builtin",
    // A form's word for what its value is.
    "run",
];

/// Words of a shell's own that run nothing: neither a command nor a sign that the text is none.
static NEUTRAL: &[&str] = &[
    "cd", "export", "alias", "unset", "for", "if", "then", "else", "fi", "do", "done", "while", "case",
    "esac", "true", "false", "exit", "test", "[", "read", "declare", "set", "history", "rem",
];

/// Whether a statement only steers those around it.
pub(super) fn is_neutral(statement: &Statement) -> bool {
    statement.words.first().is_some_and(|word| NEUTRAL.contains(&word.text.as_str()))
}

/// Whether a text that begins with this is a command line of a developer's day.
pub(super) fn is_tool(word: &str) -> bool {
    TOOLS.contains(&word)
}

/// A program with its arguments: the words behind assignments, and behind what changes nothing about a command.
pub(super) fn program(statement: &Statement) -> &[Word] {
    let mut words = statement.words.as_slice();
    while let [first, rest @ ..] = words {
        let assigns = first.text.split_once('=').is_some_and(|(name, _)| is_name(name));
        // A variable that has no value.
        let empty = first.text.strip_prefix('$').is_some_and(is_name);
        if rest.is_empty() || !(assigns || empty || WRAPPERS.contains(&first.text.as_str())) {
            break;
        }
        let options = rest.iter().take_while(|word| word.text.starts_with(['-', '0', '1', '5'])).count();
        // Alone it tells of its user's rights, or the time.
        if options == rest.len() || rest.first().is_some_and(|word| word.text == "/t") {
            break;
        }
        words = rest.get(options..).unwrap_or(rest);
    }
    words
}

/// How sure it is that this is meant for a shell.
pub(super) fn sure(statement: &Statement) -> Sure {
    sure_of_words(program(statement))
}

pub(super) fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "csh" | "tcsh" | "fish" | "su")
}

/// The name of the program that a word is, without its directory.
pub(super) fn name_of(word: &str) -> &str {
    base(word).0
}

/// The same for words behind what changes nothing about a command.
pub(super) fn sure_of_words(words: &[Word]) -> Sure {
    let [first, behind @ ..] = words else { return Sure::No };
    let (name, absolute) = base(&first.text);
    if first.text.starts_with('<') && is_secret(&first.text) {
        return Sure::Alone;
    }
    let arguments = Arguments::of(behind);
    let sure = known(name, &arguments);
    let sure = if sure < Sure::Behind && has_effect(name, behind, &arguments) { Sure::Behind } else { sure };
    match sure {
        _ if first.parted && is_known(name) => Sure::Alone,
        Sure::No if first.text.starts_with('/') && is_glob(&first.text) => Sure::Behind,
        Sure::No => Sure::No,
        Sure::Injected | Sure::Behind | Sure::Alone if first.disguised => Sure::Alone,
        Sure::Injected | Sure::Behind if absolute => Sure::Behind,
        Sure::Injected | Sure::Behind | Sure::Alone => sure,
    }
}

/// Whether a variable of a shell may have this name.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The name of a program without its directory, and whether it had one of the system's.
fn base(word: &str) -> (&str, bool) {
    let word = word.trim_start_matches(['(', '{', '!', '+']).trim_end_matches(['/', '\\', '`']);
    let word = word.strip_suffix("::").unwrap_or(word);
    // A backslash before the name passes an alias by.
    let word = word.strip_prefix('\\').filter(|rest| !rest.contains('\\')).unwrap_or(word);
    // It runs a file of commands.
    if word == "." {
        return (word, false);
    }
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let system = [
        "/bin/",
        "bin/",
        "/usr/bin/",
        "/usr/local/",
        "usr/bin/",
        "/sbin/",
        "/usr/sbin",
        "c:\\windows",
        "c:/windows",
    ];
    let absolute = name.len() < word.len() && system.iter().any(|start| word.starts_with(start));
    // Only the ends that statements have by accident: `id)`, `id"`, `id,`.
    let name = name.trim_end_matches([')', '}', ']', '#', '"', '\'', '.', ',', '%']);
    (name.strip_suffix(".exe").unwrap_or(name), absolute)
}
