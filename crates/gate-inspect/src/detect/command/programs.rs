//! Which programs with which arguments are worth an attacker's while.

use super::shell::Word;
use super::words::Sure;

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
        let flag = |word: &Word| {
            word.text.len() > 1 && word.text != "--" && word.text.starts_with(['-', '/', '>', '#', '2'])
        };
        !self.0.is_empty() && self.0.iter().all(flag)
    }
}

/// How sure it is that these are the arguments of a program that an attacker runs.
pub(super) fn known(name: &str, arguments: &[Word]) -> Sure {
    let arguments = Arguments(arguments);
    match name {
        "whoami" | "ifconfig" | "ipconfig" | "netstat" | "systeminfo" | "phpinfo" | "sysinfo" => {
            alone(&arguments)
        }
        "uname" if arguments.none() => Sure::Alone,
        "tasklist" | "hostname" | "arp" | "lsof" | "uname" | "getmac" | "quser" | "lscpu" | "lsblk"
        | "printenv" => {
            plain(&arguments).max(if arguments.flags() && name == "uname" { Sure::Alone } else { Sure::No })
        }
        "dmesg" | "lsb_release" | "ss" | "sudo" if arguments.none() || arguments.flags() => Sure::Injected,
        "last" | "who" | "users" | "groups" | "dpkg" | "rpm" | "free" | "top" | "mount"
            if arguments.flags() =>
        {
            Sure::Injected
        }
        "id" | "ls" | "dir" | "pwd" | "ps" | "env" | "set" | "route" | "uptime" | "df" | "ip" => {
            listing(name, &arguments)
        }
        "cat" | "tac" | "nl" | "more" | "less" | "head" | "tail" | "rev" | "strings" | "xxd" | "od"
        | "base64" | "base32" | "vi" | "vim" | "nano" | "grep" | "egrep" | "awk" | "gawk" | "sed" | "cut"
        | "cp" | "mv" | "ln" | "chmod" | "chown" | "touch" | "tee" | "dd" | "find" | "sort" | "uniq"
        | "diff" | "paste" | "type" | "copy" | "xcopy" | "del" | "mail" | "hexdump" | "mkdir" | "findstr"
        | "scp" | "file" | "wc" | "zip" | "tar" | "bash" | "sh" | "zsh" | "dash" | "ksh" | "csh"
        | "source" => on_files(name, &arguments),
        "rm" | "rmdir" | "shutdown" | "reboot" | "halt" | "init" | "mkfs" | "kill" | "killall" | "pkill" => {
            harm(name, &arguments)
        }
        "ping" | "ping6" | "nslookup" | "dig" | "host" | "getent" | "traceroute" | "curl" | "wget"
        | "fetch" | "lynx" | "nc" | "ncat" | "netcat" | "socat" | "telnet" | "ftp" | "tftp"
        | "lwp-download" | "nmap" | "ssh" | "tcpdump" | "openssl" | "xterm" | "sleep" | "timeout" => {
            on_network(name, &arguments)
        }
        "cmd" | "powershell" | "pwsh" | "python" | "python2" | "python3" | "perl" | "php" | "ruby"
        | "node" | "lua" | "gcc" | "cscript" | "wscript" | "eval" | "xargs" | "java" | "." => {
            interpreter(name, &arguments)
        }
        "waitfor" | "choice" if arguments.any(|word| word == "/t") => Sure::Behind,
        "docker" | "kubectl" => containers(&arguments),
        "net" | "netsh" | "reg" | "sc" | "wmic" | "schtasks" | "certutil" | "bitsadmin" | "rundll32"
        | "regsvr32" | "mshta" | "vssadmin" | "nltest" | "taskkill" | "icacls" | "attrib" | "crontab"
        | "useradd" | "adduser" | "passwd" | "su" | "which" | "mount" | "iptables" | "service"
        | "systemctl" | "mysql" | "mkfifo" | "mknod" | "start" => administration(name, &arguments),
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
    } else if arguments.flags() || (name == "ps" && first.starts_with("aux")) {
        if name == "id" || addressed { Sure::Behind } else { Sure::Injected }
    } else if (arguments.none() && name != "set")
        || (addressed && is_path(first))
        || (name == "id" && first == "root")
    {
        Sure::Injected
    } else if (name == "set" && first == "/a")
        || (name == "ip" && matches!(first, "a" | "addr" | "route" | "link"))
    {
        Sure::Behind
    } else {
        Sure::No
    }
}

fn on_files(name: &str, arguments: &Arguments<'_>) -> Sure {
    let shell = name.ends_with("sh");
    let is_short = || name == "tee" && arguments.0.len() == 1 && arguments.first().len() < 3;
    if arguments.any(is_secret) || (name == "type" && arguments.any(is_windows)) {
        Sure::Alone
    } else if (shell && arguments.has(&["-c", "-i"]))
        || arguments.any(|word| is_system(word) || is_glob(word) && word.contains('/'))
    {
        Sure::Behind
    } else if arguments.any(is_path) || is_short() {
        Sure::Injected
    } else {
        Sure::No
    }
}

fn harm(name: &str, arguments: &Arguments<'_>) -> Sure {
    let recursive = arguments.any(|word| word.starts_with("-r") || word.starts_with("-fr") || word == "/s");
    match name {
        "rm" | "rmdir"
            if recursive
                && arguments.any(|word| {
                    is_secret(word) || matches!(word, "/" | "/*" | "~" | "*" | "--no-preserve-root")
                }) =>
        {
            Sure::Alone
        }
        "rm" | "rmdir" if recursive || arguments.any(is_system) => Sure::Behind,
        "rm" if arguments.any(is_path) || (1..3).contains(&arguments.0.len()) => Sure::Injected,
        "shutdown" if arguments.any(|word| word.starts_with(['-', '/']) || word == "now") => Sure::Behind,
        "reboot" | "halt" if arguments.none() => Sure::Injected,
        "mkfs" | "init" if arguments.any(|word| word == "0" || word.starts_with("/dev/")) => Sure::Behind,
        "kill" | "killall" | "pkill"
            if arguments.first().starts_with('-') || (name != "kill" && arguments.0.len() == 1) =>
        {
            Sure::Injected
        }
        _ => Sure::No,
    }
}

fn on_network(name: &str, arguments: &Arguments<'_>) -> Sure {
    let first = arguments.first();
    let number = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b's')
    };
    let flag = arguments.any(|word| word.starts_with('-') || word.starts_with('/'));
    let host = arguments.any(is_host);
    match name {
        "sleep" if number(first) && arguments.0.len() == 1 && first.len() < 4 => Sure::Alone,
        "sleep" | "timeout" if number(first) && first.len() < 8 && arguments.0.len() < 3 => Sure::Behind,
        "timeout" if flag && arguments.any(number) => Sure::Behind,
        "nslookup" if host => Sure::Alone,
        "ping" | "ping6" if flag && host && arguments.any(number) => Sure::Alone,
        "nc" | "ncat" | "netcat" | "socat"
            if flag
                && (arguments.has(&["-e", "-c"])
                    || arguments.any(|word| {
                        word.contains("exec:")
                            || word.starts_with("-lvv")
                            || word.ends_with('e') && word.starts_with("-n")
                    })) =>
        {
            Sure::Alone
        }
        "socat" if arguments.any(|word| word.contains("exec:") || word.contains("system:")) => Sure::Alone,
        "socat"
            if arguments
                .any(|word| ["tcp", "udp", "unix", "file:"].iter().any(|start| word.starts_with(start))) =>
        {
            Sure::Behind
        }
        "nc" | "ncat" | "netcat" | "telnet" if host && arguments.any(number) => Sure::Behind,
        "nc" | "ncat" | "netcat" | "socat" if flag => Sure::Behind,
        // A page of one's own machine is what developers look at.
        "curl" | "wget"
            if arguments.0.len() == 1
                && first.contains("://")
                && !first.contains("://localhost")
                && !first.contains("://127.") =>
        {
            Sure::Alone
        }
        "curl" | "wget"
            if arguments.any(|word| {
                word.starts_with("file:/")
                    || word.contains("$(")
                    || word.starts_with("@/etc/")
                    || word.contains('`')
            }) =>
        {
            Sure::Alone
        }
        "tcpdump" if flag => Sure::Behind,
        "openssl" if first == "s_client" => Sure::Behind,
        "getent" if host => Sure::Behind,
        "host" if host && arguments.0.len() == 1 => Sure::Behind,
        "sleep" | "timeout" | "host" => Sure::No,
        _ if host => Sure::Behind,
        _ => Sure::No,
    }
}

fn interpreter(name: &str, arguments: &Arguments<'_>) -> Sure {
    match name {
        "cmd"
            if arguments
                .any(|word| word.starts_with("/c") || word.starts_with("/k") || word.starts_with("/r")) =>
        {
            Sure::Alone
        }
        "powershell" | "pwsh"
            if arguments.any(|word| {
                word.starts_with("-e")
                    || word.starts_with("-nop")
                    || word.starts_with("-w")
                    || word.starts_with("-c")
                    || word.contains("iex")
                    || word.contains("downloadstring")
            }) =>
        {
            Sure::Alone
        }
        "powershell" | "pwsh" => {
            if arguments.none() {
                Sure::Injected
            } else {
                Sure::Behind
            }
        }
        "cscript" | "wscript" if arguments.any(|word| word.starts_with("//") || is_path(word)) => {
            Sure::Behind
        }
        "perl" if arguments.has(&["-e"]) => Sure::Alone,
        "python" | "python2" | "python3" | "perl" | "php" | "ruby" | "node" | "lua"
            if arguments
                .any(|word| matches!(word, "-c" | "-e" | "-r" | "-ne" | "-pe" | "-rsocket" | "-msocket")) =>
        {
            Sure::Behind
        }
        "python" | "python2" | "python3" | "perl" | "php" | "ruby" | "node" | "lua" | "gcc"
            if arguments.any(|word| is_path(word) || word == "-v" || word == "--version") =>
        {
            Sure::Injected
        }
        "eval" | "xargs" if arguments.any(|word| word.starts_with('$') || word.contains("$(")) => {
            Sure::Injected
        }
        "xargs" if arguments.any(is_secret) => Sure::Alone,
        "xargs"
            if arguments
                .any(|word| matches!(word, "id" | "whoami" | "sh" | "bash" | "/bin/sh" | "cat" | "rm")) =>
        {
            Sure::Behind
        }
        "java" if arguments.has(&["-jar", "-cp"]) => Sure::Injected,
        "." if arguments.any(is_system) => Sure::Behind,
        _ => Sure::No,
    }
}

/// Asking what runs beside, or running something there.
fn containers(arguments: &Arguments<'_>) -> Sure {
    match arguments.first() {
        "ps" | "images" | "info" | "version" if arguments.0.len() == 1 => Sure::Injected,
        "run" | "exec" if arguments.any(|word| word.starts_with("-v") || word == "--privileged") => {
            Sure::Behind
        }
        "exec" if arguments.any(|word| matches!(word, "sh" | "bash" | "/bin/sh" | "/bin/bash")) => {
            Sure::Behind
        }
        _ => Sure::No,
    }
}

fn administration(name: &str, arguments: &Arguments<'_>) -> Sure {
    let first = arguments.first();
    let flag = arguments.any(|word| word.starts_with(['-', '/']));
    let alone = match name {
        "net" => {
            matches!(
                first,
                "user" | "localgroup" | "view" | "share" | "group" | "accounts" | "use" | "session"
            ) && arguments.0.len() < 8
        }
        "netsh" => matches!(first, "firewall" | "advfirewall" | "wlan" | "interface" | "int" | "winhttp"),
        "reg" => {
            matches!(first, "add" | "query" | "delete" | "save" | "export")
                && arguments.any(|word| word.starts_with("hk"))
        }
        "wmic" => matches!(
            first,
            "process"
                | "os"
                | "useraccount"
                | "service"
                | "qfe"
                | "logicaldisk"
                | "computersystem"
                | "product"
        ),
        "schtasks" | "vssadmin" => flag || matches!(first, "delete" | "list"),
        "certutil" => arguments.any(|word| {
            word.trim_start_matches(['-', '/']).starts_with("urlcache") || word.contains("decode")
        }),
        "bitsadmin" => arguments.any(|word| word.trim_start_matches(['-', '/']) == "transfer"),
        "rundll32" | "regsvr32" | "mshta" => arguments.any(|word| {
            word.contains("http")
                || word.contains("javascript:")
                || word.contains("vbscript:")
                || word.starts_with("/i:")
                || word.contains(".dll")
        }),
        "nltest" => flag,
        "which" => {
            arguments.0.len() == 1
                && matches!(first, "nc" | "netcat" | "ncat" | "curl" | "wget" | "gcc" | "perl")
        }
        _ => false,
    };
    let behind = match name {
        "sc" => matches!(first, "query" | "start" | "stop" | "create" | "config" | "delete"),
        "taskkill" | "icacls" | "attrib" | "useradd" | "adduser" | "crontab" | "iptables" | "mysql" => flag,
        "which" => {
            matches!(first, "python" | "python3" | "php" | "ruby" | "bash" | "sh" | "nc" | "curl" | "wget")
        }
        "mkfifo" | "mknod" | "mount" | "passwd" | "su" => {
            arguments.any(|word| word.starts_with("/") || word == "-" || word == "-c" || word == "root")
        }
        "start" => arguments.any(|word| word.ends_with(".exe") || word == "/b"),
        "service" | "systemctl" => arguments.has(&["stop", "start", "restart"]),
        _ => false,
    };
    if matches!(name, "useradd" | "adduser") && arguments.0.len() == 1 {
        Sure::Injected
    } else if alone {
        Sure::Alone
    } else if behind {
        Sure::Behind
    } else {
        Sure::No
    }
}

fn echo(arguments: &Arguments<'_>) -> Sure {
    let to_file = arguments.any(|word| word.starts_with('>') && word.len() == 1)
        || arguments.any(|word| word.starts_with(">") && word.contains('.'));
    let code = arguments.any(|word| word.contains("?php") || word.contains("script>") || word.contains("$_"));
    if code && to_file {
        Sure::Alone
    } else if code
        || arguments.any(|word| word.contains("$((") || word.contains('`') || word.starts_with("$("))
    {
        Sure::Behind
    } else if arguments.0.len() == 1
        || arguments.any(|word| {
            word.contains(['$', '>', '<', '%', '*']) || word.bytes().any(|byte| byte.is_ascii_digit())
        })
    {
        Sure::Injected
    } else {
        Sure::No
    }
}

/// A file or directory that only its system should read.
pub(super) fn is_secret(word: &str) -> bool {
    let word = word.trim_start_matches(['<', '>', '@', '"', '\'', '(']);
    [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/group",
        "/etc/hosts",
        "/etc/issue",
        "/etc/sudoers",
        "etc/passwd",
        "etc/shadow",
        "/proc/self",
        "/proc/version",
        "/root/",
    ]
    .iter()
    .any(|path| word.contains(path))
        || [
            "boot.ini",
            "win.ini",
            "/.ssh/",
            "id_rsa",
            "\\sam",
            "wp-config",
            "/var/www",
            ".htpasswd",
            ".bash_history",
        ]
        .iter()
        .any(|name| word.contains(name))
        || (word.contains("/etc") || word.starts_with("/???/")) && is_glob(word)
        || word == "config.php"
}

/// A path from the root, or from a drive.
fn is_system(word: &str) -> bool {
    let word = word.trim_start_matches(['<', '>']);
    word == "/"
        || ["/etc", "/home", "/var", "/tmp", "/usr", "/bin", "/root", "/opt", "/proc", "/dev/", "/sbin"]
            .iter()
            .any(|start| word.starts_with(start))
        || is_windows(word)
}

fn is_windows(word: &str) -> bool {
    let drive = word
        .strip_prefix(|letter: char| letter.is_ascii_alphabetic())
        .is_some_and(|rest| rest.starts_with(":\\") || rest.starts_with(":/"));
    drive
        || word.starts_with("%system")
        || word.starts_with("%windir")
        || word.starts_with("%userprofile")
        || word.starts_with("\\\\")
}

fn is_path(word: &str) -> bool {
    let ending = word.rsplit_once('.').is_some_and(|(name, ending)| {
        !name.is_empty()
            && (1..5).contains(&ending.len())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    !word.starts_with('-')
        && (word.contains('/')
            || word.starts_with(['~', '*', '.']) && word.len() < 40
            || ending
            || word.contains(".\\"))
}

/// An address, a name with dots, or a URL.
fn is_host(word: &str) -> bool {
    let word = word.trim_start_matches(['"', '\'', '<', '`', '\\']);
    let dotted = word.split_once('.').is_some_and(|(first, rest)| {
        !first.is_empty() && rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
    });
    word.contains("://")
        || dotted && !word.starts_with('-')
        || word == "localhost"
        || word.starts_with("::1")
        || word.starts_with("0x")
        || word.starts_with("$(")
        || word.starts_with('$')
}

/// `/???/c?t` names a program without its letters.
pub(super) fn is_glob(path: &str) -> bool {
    path.bytes().filter(|byte| matches!(byte, b'?' | b'*')).count() > 1
}
