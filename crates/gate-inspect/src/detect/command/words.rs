//! Which commands with which arguments are worth an attacker's while.

use super::shell::{Statement, Word};

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
    "npm", "npx", "yarn", "pnpm", "git", "cd", "make", "cmake", "docker", "docker-compose", "cargo", "rustup", "sudo",
    "apt", "apt-get", "brew", "pip", "pip3", "pipx", "kubectl", "helm", "systemctl", "journalctl", "export", "source",
    "go", "mvn", "gradle", "terraform", "ansible", "ssh", "scp", "rsync", "vagrant", "dnf", "yum", "pacman", "apk",
    "mkdir", "tar", "./configure", "if", "for", "while", "function", "do", "then", "const", "let", "var", "return",
    "import", "alias", "unset", "test", "true", "false", "run", "cmd", "entrypoint", "$", "#", "//",
];

/// Whether a program of this name is known, or a word that comes before one.
pub(super) fn is_known(name: &str) -> bool {
    name.bytes().next().is_some_and(|first| names(first).contains(&name))
}

/// Words before a command that change nothing about it.
static WRAPPERS: &[&str] =
    &["sudo", "exec", "command", "nohup", "time", "env", "then", "do", "/usr/bin/env", "busybox", "@", "!", "("];

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
        words = rest;
    }
    let [first, arguments @ ..] = words else { return Sure::No };
    let (name, absolute) = base(&first.text);
    let sure = known(name, arguments);
    match sure {
        Sure::No if first.text.starts_with('/') && is_glob(&first.text) => Sure::Behind,
        Sure::No => Sure::No,
        _ if first.disguised => Sure::Alone,
        _ if absolute => sure.max(Sure::Behind),
        _ => sure,
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `/???/c?t` names a program without its letters.
fn is_glob(path: &str) -> bool {
    path.bytes().filter(|byte| matches!(byte, b'?' | b'*')).count() > 1
}

/// The name of a program without its directory, and whether it had one of the system's.
fn base(word: &str) -> (&str, bool) {
    let name = word.rsplit(['/', '\\']).next().unwrap_or(word);
    let system = ["/bin/", "bin/", "/usr/bin/", "/usr/local/", "usr/bin/", "/sbin/", "/usr/sbin", "c:\\windows", "c:/windows"];
    let absolute = name.len() < word.len() && system.iter().any(|start| word.starts_with(start));
    // Only the ends that statements have by accident: `id)`, `id"`, `id,`.
    let name = name.trim_end_matches([')', '}', ']', '#', '"', '\'', '.', ',', '%']);
    (name.strip_suffix(".exe").unwrap_or(name), absolute)
}

/// All names that [`known`] knows that begin with this letter, and the words that stand before one.
const fn names(first: u8) -> &'static [&'static str] {
    match first {
        b'a' => &["adduser", "arp", "attrib", "awk"],
        b'b' => &["base32", "base64", "bash", "bitsadmin", "busybox"],
        b'c' => &["cat", "certutil", "chmod", "chown", "cmd", "command", "copy", "cp", "crontab", "cscript", "csh", "curl", "cut"],
        b'd' => &["dash", "dd", "del", "df", "diff", "dig", "dir", "do"],
        b'e' => &["echo", "egrep", "env", "eval", "exec"],
        b'f' => &["fetch", "file", "find", "ftp"],
        b'g' => &["gawk", "gcc", "getent", "getmac", "grep"],
        b'h' => &["halt", "head", "hexdump", "host", "hostname"],
        b'i' => &["icacls", "id", "ifconfig", "init", "ip", "ipconfig", "iptables"],
        b'k' => &["kill", "killall", "ksh"],
        b'l' => &["less", "ln", "ls", "lsblk", "lscpu", "lsof", "lua", "lwp-download", "lynx"],
        b'm' => &["mail", "mkfifo", "mkfs", "mknod", "more", "mount", "mshta", "mv", "mysql"],
        b'n' => &["nano", "nc", "ncat", "net", "netcat", "netsh", "netstat", "nl", "nltest", "node", "nohup", "nslookup"],
        b'o' => &["od"],
        b'p' => &["passwd", "paste", "perl", "php", "phpinfo", "ping", "ping6", "pkill", "powershell", "print", "printenv", "printf", "ps", "pwd", "pwsh", "python", "python2", "python3"],
        b'q' => &["quser"],
        b'r' => &["reboot", "reg", "regsvr32", "rev", "rm", "rmdir", "route", "ruby", "rundll32"],
        b's' => &["sc", "schtasks", "sed", "service", "set", "sh", "shutdown", "sleep", "socat", "sort", "source", "strings", "su", "sudo", "sysinfo", "systemctl", "systeminfo"],
        b't' => &["tac", "tail", "tar", "taskkill", "tasklist", "tee", "telnet", "tftp", "then", "time", "timeout", "touch", "traceroute", "type"],
        b'u' => &["uname", "uniq", "uptime", "useradd"],
        b'v' => &["ver", "vi", "vim", "vol", "vssadmin"],
        b'w' => &["wc", "wget", "which", "whoami", "wmic", "wscript"],
        b'x' => &["xargs", "xcopy", "xxd"],
        b'z' => &["zip", "zsh"],
        _ => &[],
    }
}

/// Arguments, as far as they matter.
struct Arguments<'a>(&'a [Word]);

impl Arguments<'_> {
    fn first(&self) -> &str {
        self.0.first().map_or("", |word| word.text.trim_end_matches([')', '}', '"', '\'', ',']))
    }

    fn any(&self, is: impl Fn(&str) -> bool) -> bool {
        self.0.iter().any(|word| is(word.text.trim_end_matches([')', '}', '"', '\'', ','])))
    }

    fn has(&self, words: &[&str]) -> bool {
        self.any(|word| words.contains(&word))
    }

    /// None, or closing brackets and comments only.
    fn none(&self) -> bool {
        let first = self.first();
        first.is_empty() || first.starts_with(['#', '>', '<', ')', '}', '(']) || first == "//"
    }

    fn flags(&self) -> bool {
        let flag = |word: &Word| word.text.len() > 1 && word.text != "--" && word.text.starts_with(['-', '/', '>', '#', '2']);
        !self.0.is_empty() && self.0.iter().all(flag)
    }
}

fn known(name: &str, arguments: &[Word]) -> Sure {
    let arguments = Arguments(arguments);
    match name {
        "whoami" | "ifconfig" | "ipconfig" | "netstat" | "systeminfo" | "phpinfo" | "sysinfo" => alone(&arguments),
        "uname" if arguments.none() => Sure::Alone,
        "tasklist" | "hostname" | "arp" | "lsof" | "uname" | "getmac" | "quser" | "lscpu" | "lsblk" | "printenv" => {
            plain(&arguments).max(if arguments.flags() && name == "uname" { Sure::Alone } else { Sure::No })
        }
        "id" | "ls" | "dir" | "pwd" | "ps" | "env" | "set" | "route" | "uptime" | "df" | "ip" => {
            listing(name, &arguments)
        }
        "cat" | "tac" | "nl" | "more" | "less" | "head" | "tail" | "rev" | "strings" | "xxd" | "od" | "base64" | "base32"
        | "vi" | "vim" | "nano" | "grep" | "egrep" | "awk" | "gawk" | "sed" | "cut" | "cp" | "mv" | "ln" | "chmod" | "chown"
        | "touch" | "tee" | "dd" | "find" | "sort" | "uniq" | "diff" | "paste" | "type" | "copy" | "xcopy" | "del" | "mail"
        | "hexdump" | "file" | "wc" | "zip" | "tar" | "bash" | "sh" | "zsh" | "dash" | "ksh" | "csh" | "source" => {
            on_files(name, &arguments)
        }
        "rm" | "rmdir" | "shutdown" | "reboot" | "halt" | "init" | "mkfs" | "kill" | "killall" | "pkill" => harm(name, &arguments),
        "ping" | "ping6" | "nslookup" | "dig" | "host" | "getent" | "traceroute" | "curl" | "wget" | "fetch" | "lynx"
        | "nc" | "ncat" | "netcat" | "socat" | "telnet" | "ftp" | "tftp" | "lwp-download" | "sleep" | "timeout" => {
            on_network(name, &arguments)
        }
        "cmd" | "powershell" | "pwsh" | "python" | "python2" | "python3" | "perl" | "php" | "ruby" | "node" | "lua" | "gcc"
        | "cscript" | "wscript" | "eval" | "xargs" => interpreter(name, &arguments),
        "net" | "netsh" | "reg" | "sc" | "wmic" | "schtasks" | "certutil" | "bitsadmin" | "rundll32" | "regsvr32" | "mshta"
        | "vssadmin" | "nltest" | "taskkill" | "icacls" | "attrib" | "crontab" | "useradd" | "adduser" | "passwd" | "su"
        | "which" | "mount" | "iptables" | "service" | "systemctl" | "mysql" | "mkfifo" | "mknod" => administration(name, &arguments),
        "echo" | "printf" | "print" => echo(&arguments),
        _ => Sure::No,
    }
}

fn alone(arguments: &Arguments<'_>) -> Sure {
    if arguments.none() || arguments.flags() { Sure::Alone } else { Sure::No }
}

fn plain(arguments: &Arguments<'_>) -> Sure {
    if arguments.none() || arguments.flags() { Sure::Behind } else { Sure::No }
}

fn listing(name: &str, arguments: &Arguments<'_>) -> Sure {
    let first = arguments.first();
    let addressed = matches!(name, "ls" | "dir");
    if addressed && arguments.any(is_secret) {
        Sure::Alone
    } else if addressed && arguments.any(is_system) {
        // The root, a drive, or a directory of the system.
        if arguments.0.len() <= 6 { Sure::Alone } else { Sure::Behind }
    } else if arguments.flags() {
        if name == "id" || addressed { Sure::Behind } else { Sure::Injected }
    } else if (arguments.none() && name != "set") || (addressed && is_path(first)) || (name == "id" && first == "root") {
        Sure::Injected
    } else if (name == "set" && first == "/a") || (name == "ip" && matches!(first, "a" | "addr" | "route" | "link")) {
        Sure::Behind
    } else {
        Sure::No
    }
}

fn on_files(name: &str, arguments: &Arguments<'_>) -> Sure {
    let shell = name.ends_with("sh");
    if arguments.any(is_secret) || (name == "type" && arguments.any(is_windows)) {
        Sure::Alone
    } else if shell && (arguments.has(&["-i"]) && arguments.any(|word| word.starts_with('>'))) {
        Sure::Alone
    } else if shell && (arguments.has(&["-c", "-i"])) {
        Sure::Behind
    } else if arguments.any(|word| is_system(word) || is_glob(word) && word.contains('/')) {
        Sure::Behind
    } else if arguments.any(|word| is_path(word)) {
        Sure::Injected
    } else {
        Sure::No
    }
}

fn harm(name: &str, arguments: &Arguments<'_>) -> Sure {
    let recursive = arguments.any(|word| word.starts_with("-r") || word.starts_with("-fr") || word == "/s");
    match name {
        "rm" | "rmdir" if recursive && arguments.any(|word| is_secret(word) || matches!(word, "/" | "/*" | "~" | "*" | "--no-preserve-root")) => Sure::Alone,
        "rm" | "rmdir" if recursive || arguments.any(is_system) => Sure::Behind,
        "rm" if arguments.any(is_path) => Sure::Injected,
        "shutdown" if arguments.any(|word| word.starts_with(['-', '/']) || word == "now") => Sure::Behind,
        "reboot" | "halt" if arguments.none() => Sure::Injected,
        "mkfs" | "init" if arguments.any(|word| word == "0" || word.starts_with("/dev/")) => Sure::Behind,
        "kill" | "killall" | "pkill" if arguments.first().starts_with('-') => Sure::Injected,
        _ => Sure::No,
    }
}

fn on_network(name: &str, arguments: &Arguments<'_>) -> Sure {
    let first = arguments.first();
    let number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b's');
    let flag = arguments.any(|word| word.starts_with('-') || word.starts_with('/'));
    let host = arguments.any(is_host);
    match name {
        "sleep" if number(first) && arguments.0.len() == 1 && first.len() < 4 => Sure::Alone,
        "sleep" | "timeout" if number(first) && first.len() < 8 && arguments.0.len() < 3 => Sure::Behind,
        "timeout" if flag && arguments.any(number) => Sure::Behind,
        "nslookup" if host => Sure::Alone,
        "ping" | "ping6" if flag && host && arguments.any(number) => Sure::Alone,
        "nc" | "ncat" | "netcat" | "socat" if flag && (arguments.has(&["-e", "-c"]) || arguments.any(|word| word.contains("exec:") || word.starts_with("-lvv") || word.ends_with('e') && word.starts_with("-n"))) => Sure::Alone,
        "nc" | "ncat" | "netcat" | "telnet" if host && arguments.any(number) => Sure::Behind,
        "nc" | "ncat" | "netcat" | "socat" if flag => Sure::Behind,
        "curl" | "wget" if arguments.any(|word| word.starts_with("file:/") || word.contains("$(") || word.starts_with("@/etc/") || word.contains('`')) => Sure::Alone,
        "getent" if host => Sure::Behind,
        "host" if host && arguments.0.len() == 1 => Sure::Behind,
        "sleep" | "timeout" | "host" => Sure::No,
        _ if host => Sure::Behind,
        _ => Sure::No,
    }
}

fn interpreter(name: &str, arguments: &Arguments<'_>) -> Sure {
    match name {
        "cmd" if arguments.any(|word| word.starts_with("/c") || word.starts_with("/k") || word.starts_with("/r")) => Sure::Alone,
        "powershell" | "pwsh" if arguments.any(|word| word.starts_with("-e") || word.starts_with("-nop") || word.starts_with("-w") || word.starts_with("-c") || word.contains("iex") || word.contains("downloadstring")) => Sure::Alone,
        "powershell" | "pwsh" => if arguments.none() { Sure::Injected } else { Sure::Behind },
        "cscript" | "wscript" if arguments.any(|word| word.starts_with("//") || is_path(word)) => Sure::Behind,
        "perl" if arguments.has(&["-e"]) => Sure::Alone,
        "python" | "python2" | "python3" | "perl" | "php" | "ruby" | "node" | "lua" if arguments.any(|word| matches!(word, "-c" | "-e" | "-r" | "-ne" | "-pe" | "-rsocket" | "-msocket")) => Sure::Behind,
        "python" | "python2" | "python3" | "perl" | "php" | "ruby" | "node" | "lua" | "gcc" if arguments.none() || arguments.any(|word| is_path(word) || word == "-v" || word == "--version") => Sure::Injected,
        "eval" | "xargs" if arguments.any(|word| word.starts_with('$') || word.contains("$(")) => Sure::Injected,
        _ => Sure::No,
    }
}

fn administration(name: &str, arguments: &Arguments<'_>) -> Sure {
    let first = arguments.first();
    let flag = arguments.any(|word| word.starts_with(['-', '/']));
    let alone = match name {
        "net" => matches!(first, "user" | "localgroup" | "view" | "share" | "group" | "accounts" | "use" | "session") && arguments.0.len() < 8,
        "netsh" => matches!(first, "firewall" | "advfirewall" | "wlan" | "interface" | "int" | "winhttp"),
        "reg" => matches!(first, "add" | "query" | "delete" | "save" | "export") && arguments.any(|word| word.starts_with("hk")),
        "wmic" => matches!(first, "process" | "os" | "useraccount" | "service" | "qfe" | "logicaldisk" | "computersystem" | "product"),
        "schtasks" | "vssadmin" => flag || matches!(first, "delete" | "list"),
        "certutil" => arguments.any(|word| word.trim_start_matches(['-', '/']).starts_with("urlcache") || word.contains("decode")),
        "bitsadmin" => arguments.any(|word| word.trim_start_matches(['-', '/']) == "transfer"),
        "rundll32" | "regsvr32" | "mshta" => arguments.any(|word| word.contains("http") || word.contains("javascript:") || word.contains("vbscript:") || word.starts_with("/i:") || word.contains(".dll")),
        "nltest" => flag,
        "which" => arguments.0.len() == 1 && matches!(first, "nc" | "netcat" | "ncat" | "curl" | "wget" | "gcc" | "perl"),
        _ => false,
    };
    let behind = match name {
        "sc" => matches!(first, "query" | "start" | "stop" | "create" | "config" | "delete"),
        "taskkill" | "icacls" | "attrib" | "useradd" | "adduser" | "crontab" | "iptables" | "mysql" => flag,
        "which" => matches!(first, "python" | "python3" | "php" | "ruby" | "bash" | "sh" | "nc" | "curl" | "wget"),
        "mkfifo" | "mknod" | "mount" | "passwd" | "su" => arguments.any(|word| word.starts_with("/") || word == "-" || word == "-c" || word == "root"),
        "service" | "systemctl" => arguments.has(&["stop", "start", "restart"]),
        _ => false,
    };
    if alone { Sure::Alone } else if behind { Sure::Behind } else { Sure::No }
}

fn echo(arguments: &Arguments<'_>) -> Sure {
    let to_file = arguments.any(|word| word.starts_with('>') && word.len() == 1) || arguments.any(|word| word.starts_with(">") && word.contains('.'));
    let code = arguments.any(|word| word.contains("?php") || word.contains("script>") || word.contains("$_"));
    if code && to_file {
        Sure::Alone
    } else if code || arguments.any(|word| word.contains("$((") || word.contains('`') || word.starts_with("$(")) {
        Sure::Behind
    } else if arguments.0.len() == 1 || arguments.any(|word| word.contains(['$', '>', '<', '%', '*']) || word.bytes().any(|byte| byte.is_ascii_digit())) {
        Sure::Injected
    } else {
        Sure::No
    }
}

/// A file or directory that only its system should read.
fn is_secret(word: &str) -> bool {
    let word = word.trim_start_matches(['<', '>', '@', '"', '\'', '(']);
    ["/etc/passwd", "/etc/shadow", "/etc/group", "/etc/hosts", "/etc/issue", "/etc/sudoers", "etc/passwd", "etc/shadow", "/proc/self", "/proc/version", "/root/"]
        .iter()
        .any(|path| word.contains(path))
        || ["boot.ini", "win.ini", "/.ssh/", "id_rsa", "\\sam", "wp-config", "/var/www", ".htpasswd", ".bash_history"].iter().any(|name| word.contains(name))
        || (word.contains("/etc") || word.starts_with("/???/")) && is_glob(word)
        || word == "config.php"
}

/// A path from the root, or from a drive.
fn is_system(word: &str) -> bool {
    let word = word.trim_start_matches(['<', '>']);
    word == "/"
        || ["/etc", "/home", "/var", "/tmp", "/usr", "/bin", "/root", "/opt", "/proc", "/dev/", "/sbin"].iter().any(|start| word.starts_with(start))
        || is_windows(word)
}

fn is_windows(word: &str) -> bool {
    let drive = word.strip_prefix(|letter: char| letter.is_ascii_alphabetic()).is_some_and(|rest| rest.starts_with(":\\") || rest.starts_with(":/"));
    drive || word.starts_with("%system") || word.starts_with("%windir") || word.starts_with("%userprofile") || word.starts_with("\\\\")
}

fn is_path(word: &str) -> bool {
    let ending = word.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty() && (1..5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    !word.starts_with('-') && (word.contains('/') || word.starts_with(['~', '*', '.']) && word.len() < 40 || ending || word.contains(".\\"))
}

/// An address, a name with dots, or a URL.
fn is_host(word: &str) -> bool {
    let word = word.trim_start_matches(['"', '\'', '<', '`', '\\']);
    let dotted = word.split_once('.').is_some_and(|(first, rest)| {
        !first.is_empty() && rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    });
    word.contains("://") || dotted && !word.starts_with('-') || word == "localhost" || word.starts_with("::1") || word.starts_with("0x") || word.starts_with("$(") || word.starts_with('$')
}
