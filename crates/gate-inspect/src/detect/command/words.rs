//! How sure it is that a statement is meant for a shell; the names of programs.

use super::arguments::{Arguments, is_glob, is_secret};
use super::effects::has_effect;
use super::expand::by_wildcards;
use super::kinds;
use super::programs::known;
use super::shell::{Statement, Word};
use super::vocabulary::{Kind, is_cmdlet, kind};

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
    let letter = name.bytes().next().map_or(u8::MAX, |first| first.wrapping_sub(b'a'));
    NAMES.get(usize::from(letter)).is_some_and(|names| names.contains(&name))
        || kind(name).is_some()
        || (name.contains('-') && is_cmdlet(name))
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

/// How sure it is that this is meant for a shell.
pub(super) fn sure(statement: &Statement) -> Sure {
    let mut words = statement.words.as_slice();
    while let [first, rest @ ..] = words {
        let assigns = first.text.split_once('=').is_some_and(|(name, _)| is_name(name));
        if rest.is_empty() || !(assigns || WRAPPERS.contains(&first.text.as_str())) {
            break;
        }
        let options = rest.iter().take_while(|word| word.text.starts_with(['-', '0', '1', '5'])).count();
        // Alone it tells of its user's rights, or the time.
        if options == rest.len() || rest.first().is_some_and(|word| word.text == "/t") {
            break;
        }
        words = rest.get(options..).unwrap_or(rest);
    }
    match (sure_of(words, RUNNERS_MAX), statement.words.as_slice()) {
        // Behind the name of a user.
        (Sure::No, [first, rest @ ..]) if matches!(first.text.as_str(), "sudo" | "doas") => {
            run_by(rest, RUNNERS_MAX)
        }
        (sure, _) => sure,
    }
}

/// The same for the words that another program is given to run.
pub(super) fn sure_of_words(words: &[Word]) -> Sure {
    sure_of(words, RUNNERS_MAX)
}

pub(super) fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "zsh" | "dash" | "ksh" | "ash" | "csh" | "tcsh" | "fish" | "su")
}

/// The name of the program that a word is, without its directory.
pub(super) fn name_of(word: &str) -> &str {
    base(word).0
}

/// The same for words behind what changes nothing about a command.
fn sure_of(words: &[Word], runners: usize) -> Sure {
    let [first, behind @ ..] = words else { return Sure::No };
    let (name, absolute) = base(&first.text);
    if first.text.starts_with('<') && is_secret(&first.text) {
        return Sure::Alone;
    }
    let arguments = Arguments::of(behind);
    let sure = if is_cmdlet(name) { kinds::cmdlet(&arguments) } else { known(name, &arguments) };
    let sure = sure.max(by_its_name(&first.text, name, absolute, &arguments));
    let sure = sure.max(by_wildcards(name, &arguments));
    let sure = if sure < Sure::Behind && has_effect(name, behind, &arguments) { Sure::Behind } else { sure };
    let sure =
        if runners > 0 && runs_another(name, &arguments) { sure.max(run_by(behind, runners)) } else { sure };
    match sure {
        _ if first.parted && is_known(name) => Sure::Alone,
        Sure::No if first.text.starts_with('/') && is_glob(&first.text) => Sure::Behind,
        Sure::No => Sure::No,
        Sure::Injected | Sure::Behind | Sure::Alone if first.disguised => Sure::Alone,
        Sure::Injected | Sure::Behind if absolute => Sure::Behind,
        Sure::Injected | Sure::Behind | Sure::Alone => sure,
    }
}

/// What the name alone says: of a shell, of a program of Windows, of a file that was brought before.
fn by_its_name(word: &str, name: &str, absolute: bool, arguments: &Arguments<'_>) -> Sure {
    let is_version =
        || arguments.len() == 1 && matches!(arguments.first(), "-v" | "--version" | "-version" | "version");
    if absolute
        && matches!(name, "sh" | "bash" | "zsh" | "dash" | "ksh")
        && (arguments.none() || arguments.flags())
    {
        Sure::Behind
    } else if (word.ends_with(".exe") && !word.contains('=') && arguments.are_terse())
        || (word.starts_with("/tmp/") && arguments.are_terse())
        || (word.starts_with("./") && arguments.none())
        || (is_version() && is_known(name))
    {
        Sure::Injected
    } else {
        Sure::No
    }
}

/// Whether a program runs what its arguments name.
fn runs_another(name: &str, arguments: &Arguments<'_>) -> bool {
    kind(name) == Some(Kind::Runs)
        || matches!(name, "timeout" | "su" | "xargs" | "eval" | "find" | "start" | "sudo" | "doas")
        || (matches!(name, "docker" | "kubectl") && matches!(arguments.first(), "exec" | "run"))
}

/// How sure the command is that stands somewhere among the arguments of a program that runs it.
fn run_by(words: &[Word], runners: usize) -> Sure {
    (0..words.len().min(ARGUMENTS_MAX))
        .map(|start| words.get(start..words.len().min(start + WORDS_MAX)).unwrap_or_default())
        .map(|words| sure_of(words, runners - 1))
        .max()
        .unwrap_or(Sure::No)
        .min(Sure::Behind)
}

/// Programs that run others are followed so far.
const RUNNERS_MAX: usize = 1;
/// Of the arguments of a program that another runs, so many are looked at.
const WORDS_MAX: usize = 12;
/// A program that another runs is among its first arguments.
const ARGUMENTS_MAX: usize = 6;

fn is_name(text: &str) -> bool {
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

/// The names that `programs` knows, and the words that stand before one, by their first letter.
static NAMES: [&[&str]; 26] = [
    &["adduser", "arp", "attrib", "awk"],
    &["base32", "base64", "bash", "bitsadmin", "builtin", "busybox"],
    &[
        "cat", "cd", "certutil", "chcp", "chmod", "choice", "chown", "cmd", "command", "copy", "cp",
        "crontab", "cscript", "csh", "curl", "cut",
    ],
    &["dash", "date", "dd", "del", "df", "diff", "dig", "dir", "dmesg", "do", "doas", "docker", "dpkg"],
    &["echo", "egrep", "env", "eval", "exec"],
    &["fetch", "file", "find", "findmnt", "findstr", "finger", "for", "free", "ftp"],
    &["gawk", "gcc", "getent", "getmac", "grep", "groups"],
    &["halt", "head", "hexdump", "history", "host", "hostname"],
    &["icacls", "id", "if", "ifconfig", "init", "ionice", "ip", "ipconfig", "iptables"],
    &["java", "jobs"],
    &["kill", "killall", "ksh", "kubectl"],
    &[
        "last",
        "lastlog",
        "less",
        "ln",
        "ls",
        "lsb_release",
        "lsblk",
        "lscpu",
        "lsmod",
        "lsof",
        "lua",
        "lwp-download",
        "lynx",
    ],
    &["mail", "mkdir", "mkfifo", "mkfs", "mknod", "more", "mount", "mshta", "mv", "mysql"],
    &[
        "nano", "nc", "ncat", "net", "netcat", "netsh", "netstat", "nice", "nl", "nltest", "nmap", "node",
        "nohup", "nslookup",
    ],
    &["od", "openssl"],
    &[
        "passwd",
        "paste",
        "perl",
        "php",
        "phpinfo",
        "ping",
        "ping6",
        "pkill",
        "powershell",
        "print",
        "printenv",
        "printf",
        "ps",
        "pwd",
        "pwsh",
        "python",
        "python2",
        "python3",
    ],
    &["quser"],
    &["read", "reboot", "reg", "regsvr32", "rev", "rm", "rmdir", "route", "rpm", "ruby", "rundll32"],
    &[
        "sc",
        "schtasks",
        "scp",
        "sed",
        "service",
        "set",
        "setsid",
        "sh",
        "shutdown",
        "sleep",
        "socat",
        "sort",
        "source",
        "ss",
        "ssh",
        "start",
        "stdbuf",
        "strings",
        "su",
        "sudo",
        "sysinfo",
        "systemctl",
        "systeminfo",
    ],
    &[
        "tac",
        "tail",
        "tar",
        "taskkill",
        "tasklist",
        "tcpdump",
        "tee",
        "telnet",
        "test",
        "tftp",
        "then",
        "time",
        "timeout",
        "top",
        "tty",
        "touch",
        "traceroute",
        "type",
    ],
    &["uname", "uniq", "uptime", "useradd", "users"],
    &["ver", "vi", "vim", "vmstat", "vol", "vssadmin"],
    &["w", "waitfor", "wc", "wget", "which", "who", "whoami", "wmic", "wscript"],
    &["xargs", "xcopy", "xterm", "xxd"],
    &[],
    &["zip", "zsh"],
];
