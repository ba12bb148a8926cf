//! Commands that end or change a system, by their arguments.

use super::arguments::{Arguments, is_secret, is_windows};
use super::shell::Word;
use super::words::is_shell;

/// Whether a command ends or changes a system, or leaves a file where testers do.
pub(super) fn has_effect(name: &str, words: &[Word], arguments: &Arguments<'_>) -> bool {
    let first = arguments.first();
    let flag = first.starts_with('-');
    let has = |letters: &str| {
        words.iter().any(|word| {
            word.text
                .strip_prefix('-')
                .is_some_and(|flags| letters.chars().all(|letter| flags.contains(letter)))
        })
    };
    let on_system = || {
        let mut files = words.iter().filter(|word| word.text.contains('/') && !word.text.starts_with('-'));
        files.clone().count() > 0 && files.all(|word| is_of_system(&word.text)) && arguments.are_terse()
    };
    let short = arguments.len() <= 4;
    match name {
        "shutdown" => {
            short
                && arguments
                    .any(|word| word == "now" || word == "0" || word.starts_with('/') || word.len() == 2)
                && (flag || first.starts_with('/') || first == "now")
        }
        "reboot" | "halt" | "poweroff" => arguments.len() == 1 && flag,
        "init" | "telinit" => arguments.len() == 1 && matches!(first, "0" | "6"),
        "systemctl" => matches!(first, "poweroff" | "reboot" | "halt") && short,
        "touch" | "mv" | "mkdir" | "ln" | "chown" | "cp" | "unlink" | "truncate" | "shred" => {
            short && on_system()
        }
        "chmod" => short && (on_system() || arguments.any(|word| word == "/")),
        "rm" => {
            short && (on_system() || has("rf") && arguments.any(|word| word.starts_with(['/', '~', '*'])))
        }
        "dd" => arguments.any(|word| {
            ["if=/dev/zero", "if=/dev/random", "if=/dev/urandom", "if=/etc/"]
                .iter()
                .any(|from| word.starts_with(from))
        }),
        "kill" => first == "-9" && arguments.len() == 2 && arguments.has(&["1", "-1"]),
        "crontab" | "history" => arguments.len() == 1 && matches!(first, "-r" | "-c"),
        "iptables" => arguments.len() == 1 && matches!(first, "-f" | "-x"),
        "swapoff" => first == "-a",
        "userdel" => arguments.has(&["root"]),
        "passwd" => flag && arguments.len() == 2,
        "mount" => arguments.any(|word| word.starts_with("remount")),
        "sysctl" => first == "-w",
        "format" => first.ends_with(':') && arguments.any(|word| word.starts_with('/')),
        "del" | "rd" | "rmdir" | "erase" => {
            arguments.any(|word| word == "/s" || word == "/q") && arguments.any(is_windows)
        }
        "taskkill" => arguments.any(|word| word == "/im" || word == "/pid"),
        "net" => arguments.len() == 2 && matches!(first, "stop" | "user"),
        "tar" | "zip" => short && arguments.any(|word| word.starts_with("/tmp/")) && on_system(),
        "tasklist" | "getmac" | "quser" => arguments.flags(),
        _ if is_shell(name) => arguments.len() == 1 && first.starts_with("/tmp/"),
        _ => name.starts_with("mkfs") && arguments.any(|word| word.starts_with("/dev/")),
    }
}

/// A path that an application's files and a developer's do not begin with.
fn is_of_system(word: &str) -> bool {
    let word = word.trim_start_matches(['"', '\'']);
    is_secret(word)
        || ["/etc/", "/tmp/", "/bin/", "/root", "/var/www/", "/usr/", "/home", "/boot", "/sbin/", "/dev/"]
            .iter()
            .any(|start| word.starts_with(start))
        || matches!(word, "/" | "/*" | "/tmp" | "/etc")
}
