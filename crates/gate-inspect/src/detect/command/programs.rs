//! Which programs with which arguments are worth an attacker's while.

use super::arguments::{Arguments, is_glob, is_host, is_path, is_secret, is_system, is_windows};
use super::words::Sure;

/// How sure it is that these are the arguments of a program that an attacker runs.
pub(super) fn known(name: &str, arguments: &Arguments<'_>) -> Sure {
    match name {
        "whoami" | "ifconfig" | "ipconfig" | "netstat" | "systeminfo" | "phpinfo" | "sysinfo" => {
            alone(arguments)
        }
        "uname" if arguments.none() => Sure::Alone,
        "query" if matches!(arguments.first(), "user" | "session") => Sure::Injected,
        "tasklist" | "lastlog" | "hostname" | "arp" | "lsof" | "uname" | "getmac" | "quser" | "lscpu"
        | "lsblk" | "printenv" => {
            plain(arguments).max(if arguments.flags() && name == "uname" { Sure::Alone } else { Sure::No })
        }
        "dmesg" | "lsb_release" | "ss" | "sudo" if arguments.none() || arguments.flags() => Sure::Injected,
        "last" | "who" | "users" | "groups" | "dpkg" | "rpm" | "free" | "top" | "mount"
            if arguments.flags() || (arguments.first().starts_with('-') && arguments.are_terse()) =>
        {
            Sure::Injected
        }
        "id" | "ls" | "dir" | "pwd" | "ps" | "env" | "set" | "route" | "uptime" | "df" | "ip" => {
            listing(name, arguments)
        }
        "cat" | "tac" | "nl" | "more" | "less" | "head" | "tail" | "rev" | "strings" | "xxd" | "od"
        | "base64" | "base32" | "vi" | "vim" | "nano" | "grep" | "egrep" | "awk" | "gawk" | "sed" | "cut"
        | "cp" | "mv" | "ln" | "chmod" | "chown" | "touch" | "tee" | "dd" | "find" | "sort" | "uniq"
        | "diff" | "paste" | "type" | "copy" | "xcopy" | "del" | "mail" | "hexdump" | "mkdir" | "findstr"
        | "scp" | "file" | "wc" | "zip" | "tar" | "bash" | "sh" | "zsh" | "dash" | "ksh" | "csh"
        | "source" => on_files(name, arguments),
        "rm" | "rmdir" | "shutdown" | "reboot" | "halt" | "poweroff" | "init" | "mkfs" | "kill"
        | "killall" | "pkill" => harm(name, arguments),
        "ping" | "ping6" | "nslookup" | "dig" | "host" | "getent" | "traceroute" | "curl" | "wget"
        | "fetch" | "lynx" | "nc" | "ncat" | "netcat" | "socat" | "telnet" | "ftp" | "tftp"
        | "lwp-download" | "nmap" | "ssh" | "tcpdump" | "openssl" | "xterm" | "sleep" | "timeout" => {
            on_network(name, arguments)
        }
        "cmd" | "powershell" | "pwsh" | "python" | "python2" | "python3" | "perl" | "php" | "ruby"
        | "node" | "lua" | "gcc" | "cscript" | "wscript" | "eval" | "xargs" | "java" | "." => {
            interpreter(name, arguments)
        }
        "waitfor" | "choice" if arguments.any(|word| word == "/t") => Sure::Behind,
        "docker" | "kubectl" => containers(arguments),
        "net" | "netsh" | "reg" | "sc" | "wmic" | "schtasks" | "certutil" | "bitsadmin" | "rundll32"
        | "regsvr32" | "mshta" | "vssadmin" | "nltest" | "taskkill" | "icacls" | "attrib" | "crontab"
        | "useradd" | "adduser" | "passwd" | "su" | "which" | "mount" | "iptables" | "service"
        | "systemctl" | "mysql" | "mkfifo" | "mknod" | "start" => administration(name, arguments),
        "echo" | "printf" | "print" => echo(arguments),
        "[" | "[[" | "test" => condition(arguments),
        "read" if arguments.first() == "-t" => Sure::Injected,
        "date" | "time" if arguments.first() == "/t" => Sure::Behind,
        "chcp" | "tty" | "ver" if arguments.none() => Sure::Injected,
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
        if arguments.len() <= 6 { Sure::Alone } else { Sure::Behind }
    } else if arguments.flags() || (name == "ps" && first.starts_with("aux")) {
        if name == "id" || addressed { Sure::Behind } else { Sure::Injected }
    } else if (arguments.none() && name != "set")
        || (addressed && is_path(first))
        || (name == "id" && first == "root")
    {
        Sure::Injected
    } else if (name == "set" && first == "/a")
        || (name == "route" && first == "print")
        || (name == "ip" && matches!(first, "a" | "addr" | "route" | "link"))
    {
        Sure::Behind
    } else {
        Sure::No
    }
}

fn on_files(name: &str, arguments: &Arguments<'_>) -> Sure {
    let shell = name.ends_with("sh");
    let is_short = || name == "tee" && arguments.len() == 1 && arguments.first().len() < 3;
    if arguments.any(is_secret) || (name == "type" && arguments.any(is_windows)) {
        Sure::Alone
    } else if (shell && arguments.has(&["-c", "-i"]))
        || arguments.any(|word| is_system(word) || is_glob(word) && word.contains('/'))
    {
        Sure::Behind
    } else if arguments.any(is_path) || is_short() || (arguments.len() == 1 && is_wild(arguments.first())) {
        Sure::Injected
    } else {
        Sure::No
    }
}

/// Part of a file's name with wildcards: `fl*`, `f???`.
fn is_wild(word: &str) -> bool {
    word.len() > 1
        && (word.ends_with('*') || word.ends_with("??"))
        && word.starts_with(|first: char| first.is_ascii_lowercase())
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
        "rm" if arguments.any(is_path) || (1..3).contains(&arguments.len()) => Sure::Injected,
        "shutdown" if arguments.any(|word| word.starts_with(['-', '/']) || word == "now") => Sure::Behind,
        "reboot" | "halt" | "poweroff" if arguments.none() => Sure::Injected,
        "mkfs" | "init" if arguments.any(|word| word == "0" || word.starts_with("/dev/")) => Sure::Behind,
        "kill" | "killall" | "pkill"
            if arguments.first().starts_with('-') || (name != "kill" && arguments.len() == 1) =>
        {
            Sure::Injected
        }
        _ => Sure::No,
    }
}

fn on_network(name: &str, arguments: &Arguments<'_>) -> Sure {
    let first = arguments.first();
    let number = |word: &str| {
        let word = word.trim_start_matches('<');
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b's' | b'm' | b'h' | b'd'))
            && word.bytes().any(|byte| byte.is_ascii_digit())
    };
    let flag = arguments.any(|word| word.starts_with('-') || word.starts_with('/'));
    let host = arguments.any(is_host);
    match name {
        "sleep" if first.starts_with('$') && arguments.len() == 1 => Sure::Behind,
        "sleep" if number(first) && arguments.len() == 1 && first.len() < 4 => Sure::Alone,
        "sleep" | "timeout" if number(first) && first.len() < 8 && arguments.len() < 3 => Sure::Behind,
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
            if arguments.len() == 1
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
        "getent" if host || matches!(first, "passwd" | "group" | "shadow" | "hosts") => Sure::Behind,
        "host" if host && arguments.len() == 1 => Sure::Behind,
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
    match arguments.verb() {
        "get" | "logs" | "describe" | "config" | "cluster-info" | "pull" | "inspect"
            if arguments.are_terse() || arguments.len() <= 3 =>
        {
            Sure::Injected
        }
        "ps" | "images" | "info" | "version" if arguments.len() == 1 => Sure::Injected,
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
                "user"
                    | "users"
                    | "start"
                    | "localgroup"
                    | "view"
                    | "share"
                    | "group"
                    | "accounts"
                    | "use"
                    | "session"
            ) && arguments.len() < 8
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
            arguments.len() == 1
                && matches!(first, "nc" | "netcat" | "ncat" | "curl" | "wget" | "gcc" | "perl")
        }
        _ => false,
    };
    let behind = match name {
        "icacls" if arguments.any(is_windows) => true,
        "sc" => matches!(first, "query" | "start" | "stop" | "create" | "config" | "delete"),
        "taskkill" | "icacls" | "attrib" | "useradd" | "adduser" | "crontab" | "iptables" | "mysql" => flag,
        "start" if arguments.len() == 1 && matches!(first, "cmd" | "calc" | "notepad") => true,
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
    if matches!(name, "useradd" | "adduser") && arguments.len() == 1 {
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
    let code = arguments.any(|word| word.contains("?php") || word.contains("script>") || word.contains("$_"));
    let keys = arguments.is_redirected()
        && arguments.any(|word| {
            [
                "/etc/passwd",
                "/etc/shadow",
                "/etc/sudoers",
                "/etc/cron",
                "authorized_keys",
                "/var/www",
                "/var/spool/cron",
            ]
            .iter()
            .any(|file| word.contains(file))
        });
    if code && arguments.is_redirected() || keys {
        Sure::Alone
    } else if code
        || arguments.any(|word| word.contains("$((") || word.contains('`') || word.starts_with("$("))
    {
        Sure::Behind
    } else if arguments.len() == 1
        || arguments.is_redirected()
        || arguments.any(|word| {
            word.contains(['$', '>', '<', '%', '*']) || word.bytes().any(|byte| byte.is_ascii_digit())
        })
    {
        Sure::Injected
    } else {
        Sure::No
    }
}

/// A condition of a shell: `[ -f /etc/passwd ]`.
fn condition(arguments: &Arguments<'_>) -> Sure {
    let tests = arguments.any(|word| {
        matches!(word, "-f" | "-e" | "-d" | "-r" | "-w" | "-x" | "-eq" | "-ne" | "-z" | "-n" | "-gt")
    });
    let is_of_system =
        arguments.any(is_system) || arguments.any(|word| word.contains("$(") || word.contains('`'));
    if tests && is_of_system { Sure::Behind } else { Sure::No }
}
