//! How sure the arguments of a program make it that an attacker runs it, by the program's kind.

use super::arguments::{Arguments, is_address, is_glob, is_host, is_path, is_secret, is_system};
use super::vocabulary::Kind;
use super::words::Sure;

/// How sure it is that these are the arguments of a program of this kind.
pub(super) fn judge(kind: Kind, name: &str, arguments: &Arguments<'_>) -> Sure {
    if name == "finger" {
        return if arguments.any(|word| word.contains('@')) { Sure::Behind } else { Sure::No };
    }
    if arguments.any(is_secret) {
        return if arguments.len() <= 4 { Sure::Behind } else { Sure::Injected };
    }
    match kind {
        Kind::Tells if arguments.flags() => Sure::Behind,
        Kind::Tells if arguments.none() => {
            if matches!(name, "expr" | "seq" | "whatis" | "whereis") {
                Sure::No
            } else {
                Sure::Injected
            }
        }
        Kind::Tells if arguments.are_terse() || arguments.len() <= 2 => Sure::Injected,
        Kind::TellsWord if arguments.flags() || arguments.any(is_number) && arguments.are_terse() => {
            Sure::Injected
        }
        Kind::Files | Kind::FilesWord
            if arguments.any(|word| is_system(word) || is_glob(word) && word.contains('/')) =>
        {
            match (kind == Kind::Files, arguments.are_terse()) {
                (true, true) => Sure::Behind,
                (false, false) => Sure::No,
                (true, false) | (false, true) => Sure::Injected,
            }
        }
        Kind::Files if arguments.any(|word| is_path(word) || word.starts_with("--")) => Sure::Injected,
        Kind::Network if arguments.any(is_host) => Sure::Behind,
        Kind::NetworkWord if arguments.any(is_address) => Sure::Injected,
        Kind::Network if arguments.flags() => Sure::Injected,
        Kind::Interprets if arguments.any(is_code_flag) => Sure::Behind,
        Kind::Interprets
            if arguments.flags() || arguments.any(is_path) || name == "iex" && !arguments.none() =>
        {
            Sure::Injected
        }
        Kind::Fetches if fetches(arguments) => Sure::Injected,
        Kind::Changes if changes(name, arguments) => Sure::Injected,
        Kind::Tells
        | Kind::TellsWord
        | Kind::Files
        | Kind::FilesWord
        | Kind::Network
        | Kind::NetworkWord
        | Kind::Runs
        | Kind::Interprets
        | Kind::Fetches
        | Kind::Changes
        | Kind::Named => Sure::No,
    }
}

/// How sure it is that a command of PowerShell stands here.
pub(super) fn cmdlet(arguments: &Arguments<'_>) -> Sure {
    if arguments.none() || arguments.are_terse() || arguments.any(is_code_flag) {
        Sure::Behind
    } else if arguments.len() <= 4 {
        Sure::Injected
    } else {
        Sure::No
    }
}

/// A condition of a shell: `[ -f /etc/passwd ]`.
pub(super) fn condition(arguments: &Arguments<'_>) -> Sure {
    let tests = arguments.any(|word| {
        matches!(word, "-f" | "-e" | "-d" | "-r" | "-w" | "-x" | "-eq" | "-ne" | "-z" | "-n" | "-gt")
    });
    let is_of_system =
        arguments.any(is_system) || arguments.any(|word| word.contains("$(") || word.contains('`'));
    if tests && is_of_system { Sure::Behind } else { Sure::No }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_code_flag(word: &str) -> bool {
    matches!(
        word,
        "-c" | "-e"
            | "-r"
            | "-ex"
            | "-qc"
            | "--eval"
            | "--eval="
            | "--command"
            | "-command"
            | "eval"
            | "-scriptblock"
    )
}

/// Whether something is installed, or brought from elsewhere.
fn fetches(arguments: &Arguments<'_>) -> bool {
    let verb = matches!(
        arguments.first(),
        "install"
            | "clone"
            | "get"
            | "add"
            | "pull"
            | "i"
            | "list"
            | "status"
            | "remove"
            | "update"
            | "fetch"
    );
    arguments.len() <= 6
        && (verb && (arguments.len() > 1 || arguments.first() == "list")
            || arguments.any(is_address)
            || matches!(arguments.first(), "-v" | "--version"))
}

fn changes(name: &str, arguments: &Arguments<'_>) -> bool {
    match name {
        "poweroff" => arguments.none(),
        "format" => arguments.first().len() == 2 && arguments.first().ends_with(':'),
        _ => arguments.len() == 1,
    }
}
