//! Commands that end or change a system, by their arguments.

use super::arguments::{Arguments, is_host, is_secret, is_windows};
use super::shell::Word;
use super::words::is_shell;

/// Whether a command ends or changes a system, or leaves a file where testers do.
pub(super) fn has_effect(name: &str, words: &[Word], arguments: &Arguments<'_>) -> bool {
    harms(name, words, arguments) || leaves(name, words, arguments)
}

/// Whether a command ends a system, or what it holds.
pub(super) fn harms(name: &str, words: &[Word], arguments: &Arguments<'_>) -> bool {
    let first = arguments.first();
    let flag = first.starts_with('-');
    let short = arguments.len() <= 4;
    let is_recursive =
        || words.iter().any(|word| has_letters(&word.text, "rf") || word.text == "--recursive");
    let is_wide = |word: &str| {
        let word = word.trim_matches(['"', '\'']);
        matches!(word, "/" | "/*" | "~" | "~/" | "*" | "$home" | "${home}" | ".")
            || (word.starts_with('/') && is_of_system(word) && !word.starts_with("/tmp"))
            || ["/var", "/opt", "/srv", "/lib"].contains(&word)
    };
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
        // A variable in quotes is left out of the words.
        "rm" => {
            short
                && is_recursive()
                && (arguments.any(is_wide) || words.iter().all(|word| word.text.starts_with('-')))
        }
        "find" => {
            arguments.any(is_wide)
                && (arguments.has(&["-delete"]) || arguments.has(&["-exec"]) && arguments.has(&["rm"]))
        }
        "dd" => arguments.any(|word| word.starts_with("of=/dev/")),
        "echo" | "cat" => arguments.sends_to(|file| {
            ["/dev/sd", "/dev/nvme", "/proc/sysrq"].iter().any(|start| file.starts_with(start))
        }),
        "kill" => first == "-9" && arguments.len() == 2 && arguments.has(&["1", "-1"]),
        "format" => first.ends_with(':') && arguments.any(|word| word.starts_with('/')),
        "wipefs" | "shred" | "blkdiscard" => arguments.any(|word| word.starts_with("/dev/")),
        "curl" | "wget" | "nc" | "ncat" => {
            // What others must not read goes to another machine.
            arguments.any(|word| {
                word.trim_start_matches(|letter| letter != '@').trim_start_matches('@') == ".env"
                    || word == "<.env"
            }) && arguments.any(is_host)
        }
        _ => name.starts_with("mkfs") && arguments.any(|word| word.starts_with("/dev/")),
    }
}

fn has_letters(word: &str, letters: &str) -> bool {
    word.strip_prefix('-').is_some_and(|flags| letters.chars().all(|letter| flags.contains(letter)))
}

/// Whether a command changes a system, or leaves a file where testers do.
fn leaves(name: &str, words: &[Word], arguments: &Arguments<'_>) -> bool {
    let first = arguments.first();
    let flag = first.starts_with('-');
    let on_system = || {
        let mut files = words.iter().filter(|word| word.text.contains('/') && !word.text.starts_with('-'));
        files.clone().count() > 0 && files.all(|word| is_of_system(&word.text)) && arguments.are_terse()
    };
    let short = arguments.len() <= 4;
    match name {
        "touch" | "mv" | "mkdir" | "ln" | "chown" | "cp" | "unlink" | "truncate" | "shred" => {
            short && on_system()
        }
        "systemctl" | "service" | "ufw" | "setenforce" => {
            arguments.len() <= 2
                && arguments.has(&["stop", "disable", "0"])
                && (name == "ufw" || name == "setenforce" || arguments.any(is_guard))
        }
        "wevtutil" => matches!(first, "cl" | "clear-log"),
        "bcdedit" => first == "/set",
        "cipher" => first.starts_with("/w:"),
        "unset" => arguments.has(&["histfile"]),
        "useradd" => arguments.has(&["-o"]),
        "nc" | "ncat" | "netcat" => {
            short
                && ["lvnp", "lnvp", "lvp", "nlvp", "vlnp"]
                    .iter()
                    .any(|flags| words.iter().any(|word| word.text.strip_prefix('-') == Some(flags)))
        }
        "chmod" => short && (on_system() || arguments.any(|word| word == "/")),
        "rm" => {
            let recursive = || words.iter().any(|word| has_letters(&word.text, "rf"));
            short && (on_system() || recursive() && arguments.any(|word| word.starts_with(['/', '~', '*'])))
        }
        "dd" => arguments.any(|word| {
            ["if=/dev/zero", "if=/dev/random", "if=/dev/urandom", "if=/etc/"]
                .iter()
                .any(|from| word.starts_with(from))
        }),
        "crontab" | "history" => arguments.len() == 1 && matches!(first, "-r" | "-c"),
        "iptables" => arguments.len() == 1 && matches!(first, "-f" | "-x"),
        "swapoff" => first == "-a",
        "userdel" => arguments.has(&["root"]),
        "passwd" => flag && arguments.len() == 2,
        "mount" => arguments.any(|word| word.starts_with("remount")),
        "sysctl" => first == "-w",
        "del" | "rd" | "rmdir" | "erase" => {
            arguments.any(|word| word == "/s" || word == "/q") && arguments.any(is_windows)
        }
        "taskkill" => arguments.any(|word| word == "/im" || word == "/pid"),
        "net" => arguments.len() == 2 && matches!(first, "stop" | "user"),
        "tar" | "zip" => short && arguments.any(|word| word.starts_with("/tmp/")) && on_system(),
        "tasklist" | "getmac" | "quser" => arguments.flags(),
        _ => is_shell(name) && arguments.len() == 1 && first.starts_with("/tmp/"),
    }
}

/// What watches over a system.
fn is_guard(service: &str) -> bool {
    let name = service.strip_suffix(".service").unwrap_or(service);
    matches!(
        name,
        "firewalld" | "auditd" | "ufw" | "apparmor" | "iptables" | "rsyslog" | "fail2ban" | "falcon-sensor"
    )
}

/// A path that an application's files and a developer's do not begin with.
fn is_of_system(word: &str) -> bool {
    let word = word.trim_start_matches(['"', '\'']);
    is_secret(word)
        || [
            "/etc/",
            "/tmp/",
            "/bin/",
            "/root",
            "/var/www/",
            "/usr/",
            "/home",
            "/boot",
            "/sbin/",
            "/dev/",
            "/var/log/",
        ]
        .iter()
        .any(|start| word.starts_with(start))
        || matches!(word, "/" | "/*" | "/tmp" | "/etc")
}
