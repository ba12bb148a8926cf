//! Files that attackers want: what a path leads to decides as much as how it climbs.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Reached from anywhere below they are an attack.
static SECRET: &[&str] = &[
    "etc/passwd",
    "etc/shadow",
    "etc/group",
    "etc/gshadow",
    "etc/hosts",
    "etc/issue",
    "etc/motd",
    "etc/crontab",
    "etc/fstab",
    "etc/mtab",
    "etc/sudoers",
    "etc/master.passwd",
    "etc/security/",
    "etc/ssh/",
    "etc/my.cnf",
    "etc/apache",
    "etc/httpd",
    "etc/redhat-release",
    "etc/resolv.conf",
    "etc/inetd.conf",
    "etc/profile",
    "proc/self",
    "proc/version",
    "proc/cmdline",
    "proc/mounts",
    "proc/net",
    "proc/sched_debug",
    "proc/1/",
    "boot.ini",
    "win.ini",
    "system.ini",
    "autoexec.bat",
    "pagefile.sys",
    "ntuser.dat",
    "windows/system32",
    "windows/repair",
    "windows/debug",
    "windows/panther",
    "winnt/",
    "system32/",
    "repair/sam",
    "config/sam",
    "sysprep.inf",
    "unattend.xml",
    "web-inf",
    "meta-inf/",
    "web.config",
    "global.asa",
    "cmd.exe",
    "inetpub",
    ".htaccess",
    ".htpasswd",
    ".bash_history",
    ".mysql_history",
    ".ssh/",
    "id_rsa",
    "authorized_keys",
    ".aws/credentials",
    "usr/bin/",
    "bin/cat",
    "bin/sh",
    "bin/bash",
    "bin/id",
    "var/log/",
    "var/www/",
    "wp-config",
    "tomcat-users.xml",
    "access_log",
    "error_log",
    "httpd.conf",
    "php.ini",
    "dev/random",
    "dev/zero",
    "run/secrets",
    "localstart.asp",
];

/// Ordinary within a project; wanted by attackers who climb high or in disguise.
static PRIVATE: &[&str] = &[
    "/etc/",
    "/proc/",
    "/var/",
    "/usr/",
    "/windows/",
    "/boot/",
    "/tmp/",
    "/opt/",
    "/.env",
    "/.git/",
    "/.svn/",
    "passwd",
    "shadow",
    "access.log",
    "error.log",
    "my.cnf",
    "my.ini",
    "server.xml",
    "web.xml",
    "database.yml",
    "config.php",
    "configuration.php",
    "settings.php",
    "/.profile",
    "/.bashrc",
    "/secret",
    "credential",
];

/// No one names them without meaning them, even where nothing climbs.
static SYSTEM: &[&str] = &[
    "/etc/passwd",
    "/etc/shadow",
    "/etc/gshadow",
    "/etc/group",
    "/etc/sudoers",
    "/etc/master.passwd",
    "/proc/self/",
    "/proc/1/",
    ":/boot.ini",
    "/boot.ini",
    "win.ini",
    "/windows/system32/",
    "/windows/repair/",
    "/winnt/",
    "/system32/",
    "/repair/sam",
    "/config/sam",
    "/web-inf/",
    "/.htpasswd",
    "/.ssh/id_",
    "/.bash_history",
    "/.aws/credentials",
    "/etc/security/passwd",
    "/etc/issue",
    "/etc/hosts",
    "/var/log/auth.log",
    "/proc/version",
    "/proc/cmdline",
    "/proc/net/",
    "/proc/sched_debug",
    "/global.asa",
    "/.htaccess",
    "/.git/config",
    "/.git/head",
    "/.svn/entries",
    "/unattend.xml",
    "/sysprep.inf",
    "/ntuser.dat",
    "/inetpub/wwwroot/",
    "/dev/random",
    "/dev/urandom",
    "/etc/services",
    "/etc/crontab",
    "/etc/hostname",
    "/etc/fstab",
    "/etc/mtab",
    "/etc/motd",
    "/etc/ssh/",
    "/etc/mysql/",
    "/etc/apache2/",
    "/etc/httpd/",
    "/sys/class/net/",
    "/usr/local/etc/",
    "/run/secrets/",
    "/xampp/",
    "php.ini",
    "my.ini",
];

/// Endings of files that servers keep to themselves.
static ENDINGS: &[&str] = &[
    ".ini",
    ".log",
    ".conf",
    ".cnf",
    ".cfg",
    ".asp",
    ".aspx",
    ".jsp",
    ".php",
    ".sql",
    ".bak",
    ".old",
    ".key",
    ".pem",
    ".sam",
    ".dat",
    ".exe",
    ".dll",
    ".sys",
    ".cgi",
    ".pl",
    ".inc",
    ".mdb",
    ".db",
    ".sqlite",
    ".properties",
    // Where frameworks keep what is secret of them.
    "/.env",
    "/settings.py",
    "/config.py",
    "/config.json",
    "database.yml",
    "secrets.yml",
    "/gemfile",
];

/// What a path may lead to.
pub(super) struct Targets {
    secret: AhoCorasick,
    private: AhoCorasick,
    system: AhoCorasick,
}

pub(super) static TARGETS: LazyLock<Option<Targets>> = LazyLock::new(|| {
    let words = |list: &[&str]| AhoCorasick::new(list).ok();
    Some(Targets { secret: words(SECRET)?, private: words(PRIVATE)?, system: words(SYSTEM)? })
});

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&TARGETS);
}

impl Targets {
    pub(super) fn is_secret(&self, path: &[u8]) -> bool {
        self.secret.is_match(path)
    }

    pub(super) fn is_private(&self, path: &[u8]) -> bool {
        self.private.is_match(path)
    }

    pub(super) fn is_system(&self, path: &[u8]) -> bool {
        self.system.is_match(path)
    }
}

/// Whether a path ends in a name of a kind that servers keep to themselves.
pub(super) fn ends_privately(path: &[u8]) -> bool {
    ENDINGS.iter().any(|ending| path.ends_with(ending.as_bytes()))
}
