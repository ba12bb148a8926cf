//! Places of a system: the roots of its trees and the names of its files.
//!
//! Lists of files are never complete, but what attackers ask for lies in few trees (`/etc`, `/var/log`,
//! the homes of accounts, a server's own directory), and bears few names wherever it lies. A whole value
//! that is such a path is a question for that file.

use memchr::memmem;

/// Whether `path`, in lower case, with single slashes and one in front, is of a system.
pub(super) fn is_of_system(path: &[u8], is_absolute: bool) -> bool {
    let Some(place) = Place::of(path) else { return false };
    let Place { path, has_drive } = place;
    if RELATIVE.iter().any(|root| is_below(path, root)) {
        return true;
    }
    let is_at = |roots: &[&str]| roots.iter().any(|root| is_below(path, root));
    let is_of_drive = || has_drive && (is_at(DRIVE_ROOTS) || is_settings_of_program(path));
    let is_of_server = || is_at(SERVERS) && SERVED.iter().any(|part| contains(path, part));
    is_absolute
        && !path.ends_with(b"/")
        && (is_at(ROOTS)
            || is_of_server()
            || is_of_drive()
            || is_named(path)
            || is_log(path)
            || is_secret_on_disk(path))
}

/// A file that is called a secret, or holds an application's settings, where disks are and no pages.
fn is_secret_on_disk(path: &[u8]) -> bool {
    const DISKS: [&str; 8] = ["/home/", "/srv/", "/opt/", "/mnt/", "/usr/", "/app/", "/code/", "/workspace/"];
    const SECRETS: [&str; 4] = ["secret", "credential", "accesstokens", "kubeconfig"];
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    DISKS.iter().any(|disk| is_below(path, disk))
        && (SECRETS.iter().any(|secret| contains(name, secret))
            || SETTINGS.iter().any(|settings| path.ends_with(settings.as_bytes())))
}

fn contains(path: &[u8], part: &str) -> bool {
    memmem::find(path, part.as_bytes()).is_some()
}

/// What Windows' programs keep beside them.
fn is_settings_of_program(path: &[u8]) -> bool {
    const ENDINGS: [&[u8]; 8] =
        [b".ini", b".conf", b".cnf", b".cfg", b".config", b".log", b".mdf", b".index"];
    const KEPT: [&[u8]; 7] = [b".bak", b".pem", b".pfx", b".kdbx", b".mdb", b".asa", b"web.config"];
    KEPT.iter().any(|ending| path.ends_with(ending))
        || (path.starts_with(b"/program") && ENDINGS.iter().any(|ending| path.ends_with(ending)))
}

/// A log in a directory of logs at the root.
fn is_log(path: &[u8]) -> bool {
    [&b"/logs/"[..], b"/log/"].iter().any(|root| path.starts_with(root)) && path.ends_with(b"log")
}

/// Whether a value that is nothing but a climb leads to such a place: what a project has beside it
/// is not called so.
pub(super) fn is_beyond_project(tail: &[u8]) -> bool {
    let mut roots = ROOTS.iter().chain(RELATIVE).chain(WINDOWS_ROOTS);
    is_named(tail)
        || SETTINGS.iter().any(|name| tail.ends_with(name.as_bytes()))
        || roots.any(|root| is_below(tail, root))
}

/// Whether the last name of a path is one that servers and accounts keep their secrets under.
fn is_named(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').find(|name| !name.is_empty()).unwrap_or_default();
    let is_history = name.first() == Some(&b'.') && name.ends_with(b"_history");
    is_history || NAMES.iter().any(|known| is_below(name, known))
}

/// Whether `path` goes on behind `root`, or is `root` where that is no directory. No letter of a name
/// may be cut off.
fn is_below(path: &[u8], root: &str) -> bool {
    let Some(rest) = path.strip_prefix(root.as_bytes()) else { return false };
    match (root.bytes().last(), rest.first()) {
        (Some(b'/'), next) => next.is_some(),
        (Some(last), Some(next)) => !last.is_ascii_alphanumeric() || !next.is_ascii_alphabetic(),
        (_, None) | (None, _) => true,
    }
}

/// A path without what names its disk.
struct Place<'a> {
    path: &'a [u8],
    has_drive: bool,
}

impl<'a> Place<'a> {
    /// `None` for an address of another host.
    fn of(path: &'a [u8]) -> Option<Self> {
        let mut place = Self { path, has_drive: false };
        if let Some(colon) = scheme(path) {
            let (scheme, rest) = path.split_at_checked(colon)?;
            if !SCHEMES.iter().any(|known| scheme.ends_with(known.as_bytes())) {
                return None;
            }
            place.path = rest.get(1..)?;
            for host in ["/localhost/", "/127.0.0.1/"] {
                if place.path.starts_with(host.as_bytes()) {
                    place.path = place.path.get(host.len() - 1..)?;
                }
            }
        }
        place.cut_drive();
        // `%windir%\\x`, of which the second sign is gone by now.
        if let Some(variable) = place.path.strip_prefix(b"/%") {
            let name = variable.iter().position(|byte| *byte == b'/')?;
            place.path = variable.get(name..)?;
            place.has_drive = true;
        }
        // Somebody's home.
        if let Some(home) = place.path.strip_prefix(b"/~") {
            let name = home.iter().position(|byte| *byte == b'/')?;
            place.path = home.get(name..)?;
        }
        if let Some(volume) = place.path.strip_prefix(b"/volumes/") {
            let name = volume.iter().position(|byte| *byte == b'/')?;
            place.path = volume.get(name..)?;
        }
        Some(place)
    }

    /// Cuts off all up to a drive's letter: `/c:`, `/?/c:`, `/host/c$`, `/c|`.
    fn cut_drive(&mut self) {
        let near = self.path.get(..DRIVE_MAX).unwrap_or(self.path);
        let drive = near.windows(3).rposition(
            |three| matches!(three, [b'/', letter, b':' | b'|' | b'$'] if letter.is_ascii_lowercase()),
        );
        if let Some(rest) = drive.and_then(|at| self.path.get(at + 3..)) {
            self.path = rest;
            self.has_drive = true;
        }
    }
}

/// Where the last scheme in front of a path ends: `/jar:file:/x`.
fn scheme(path: &[u8]) -> Option<usize> {
    let is_of_scheme = |byte: &u8| byte.is_ascii_lowercase() || b"+-_:".contains(byte);
    let len = path.iter().skip(1).take_while(|byte| is_of_scheme(byte)).count();
    // One letter is a drive.
    (len > 2 && path.get(len) == Some(&b':')).then_some(len)
}

/// Schemes of files on the host itself.
static SCHEMES: [&str; 5] = ["file", "netdoc", "original-url", "jar", "glob"];

/// A drive is named near the beginning.
const DRIVE_MAX: usize = 80;

/// Nowhere but in the way of an attack are they asked for, wherever they lie.
static RELATIVE: &[&str] = &[
    "/.git/config",
    "/.git/head",
    "/.git/index",
    "/.git/logs",
    "/.svn/",
    "/.hg/",
    "/.bzr/",
    "/.ssh/",
    "/.aws/",
    "/.kube/config",
    "/.gnupg/",
    "/.docker/config.json",
    "/.htpasswd",
    "/.git-credentials",
    "/web-inf/",
    "/meta-inf/",
    "/etc/passwd",
    "/etc/shadow",
    "/proc/self",
    "/globalroot/",
];

/// Trees of systems.
static ROOTS: &[&str] = &[
    "/etc/",
    "/proc/",
    "/root/.",
    "/root/anaconda-ks.",
    "/.git/",
    "/var/log/",
    "/var/adm/",
    "/var/spool/",
    "/var/mail/",
    "/var/lib/",
    "/var/lock/",
    "/var/db/",
    "/var/backups/",
    "/var/cpanel/",
    "/var/webmin/",
    "/var/cron/",
    "/var/saf/",
    "/var/lp/",
    "/var/mysql",
    "/var/run/",
    "/run/secrets/",
    "/sys/class/",
    "/sys/kernel/",
    "/sys/firmware/",
    "/sys/fs/",
    "/var/task/",
    "/sys/devices/",
    "/boot/",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
    "/dev/mem",
    "/dev/kmem",
    "/dev/fd/",
    "/dev/stdin",
    "/dev/tcp/",
    "/dev/udp/",
    "/home/postgres/",
    "/usr/home/",
    "/usr/sbin/pure-config",
    "/usr/etc/",
    "/usr/adm",
    "/usr/spool/",
    "/usr/ports/",
    "/usr/pkgsrc/",
    "/usr/lib/security/",
    "/usr/lib/cron/",
    "/usr/local/etc/",
    "/app/config/",
    "/library/webserver/",
    "/library/preferences/",
    "/library/webobjects/",
    "/system/library/",
    "/private/etc/",
    "/private/var/",
    "/netserver/",
    "/xampp/",
    "/lampp/",
    "/winnt/",
    "/windows/system32",
    "/windows/repair",
    "/windows/debug",
    "/windows/panther",
    "/inetpub/",
    "/users/administrator/",
    "/tmp/sess_",
    "/apache/logs/",
    "/apache/conf/",
    "/apache2/logs/",
    "/apache2/conf/",
];

/// Trees of what runs on them.
static SERVERS: &[&str] = &[
    "/home/www/",
    "/opt/apache",
    "/opt/bitnami/",
    "/opt/httpd/",
    "/opt/lampp/",
    "/opt/lsws/",
    "/opt/splunk/",
    "/opt/tomcat",
    "/opt/xampp/",
    "/srv/http/",
    "/srv/www/",
    "/usr/apache",
    "/usr/internet/",
    "/usr/local/apache",
    "/usr/local/apps/apache",
    "/usr/local/cpanel",
    "/usr/local/httpd",
    "/usr/local/mysql/",
    "/usr/local/nginx",
    "/usr/local/pgsql/",
    "/usr/local/php",
    "/usr/local/pureftpd",
    "/usr/local/tomcat",
    "/usr/local/www/",
    "/usr/local/zend",
    "/usr/share/tomcat",
    "/var/apache",
    "/var/local/www/",
    "/var/postgresql/",
    "/var/www/",
];

/// What such a tree keeps to itself.
static SERVED: &[&str] = &[
    "/conf",
    "log",
    "/etc/",
    "/data/",
    "/sbin/pure",
    ".conf",
    ".ini",
    ".php",
    ".py",
    ".yml",
    ".xml",
    ".inc",
    "/.",
];

/// Trees of Windows, where a drive stands before them.
static DRIVE_ROOTS: &[&str] = &[
    "/windows",
    "/boot.",
    "/xampp",
    "/wamp",
    "/apache",
    "/php",
    "/mysql/",
    "/postgresql/",
    "/appserv",
    "/system32",
    "/sysprep",
    "/recovery/",
    "/$recycle.bin",
    "/documents and settings/administrator",
    "/documents and settings/all users",
    "/users/administrator/",
    "/users/default",
    "/users/all users",
    "/program files/apache",
    "/program files/mysql",
    "/program files/postgresql",
    "/program files/filezilla",
    "/program files/microsoft sql",
    "/program files/xampp",
    "/program files (x86)/apache",
    "/program files (x86)/mysql",
    "/program files (x86)/postgresql",
    "/program files (x86)/filezilla",
    "/program files (x86)/xampp",
    "/programdata/mysql",
    "/programdata/microsoft",
    "/progra~",
    "/var/",
    "/etc/",
];

/// Those of Windows that no project has beside it.
static WINDOWS_ROOTS: &[&str] =
    &["/windows/", "/documents and settings/", "/program files/", "/program files (x86)/", "/programdata/"];

/// Settings of applications, in the directory beside the one that is served.
static SETTINGS: &[&str] = &[
    "/config.php",
    "/config.asp",
    "/config.py",
    "/settings.py",
    "/settings.php",
    "/install.php",
    "/database.yml",
    "/secrets.yml",
    "/parameters.yml",
    "/application.yml",
    "/application.properties",
    "/appsettings.json",
    "/etc/local.xml",
    "/server.xml",
    "/web.xml",
    "/context.xml",
];

/// Names of files; what follows them is no letter.
static NAMES: &[&str] = &[
    "access.log",
    "access_log",
    "acces.log",
    "acces_log",
    "error.log",
    "error_log",
    "apache_error.log",
    "php_error.log",
    "php_errors.log",
    "catalina.out",
    "pure-ftpd.",
    "pureftpd.",
    "proftpd.",
    "vsftpd.",
    "httpd.conf",
    "httpd2.conf",
    "httpd-ssl.conf",
    "httpd_conf.xml",
    "apache.conf",
    "apache2.conf",
    "vhosts.conf",
    "modsec.conf",
    "nginx.conf",
    "lighttpd.conf",
    "sshd_config",
    "smb.conf",
    "pg_hba.conf",
    "pg_ident.conf",
    "postgresql.conf",
    "mongod.conf",
    "redis.conf",
    "php.ini",
    "my.ini",
    "my.cnf",
    "mysql.err",
    "mysql.log",
    "mysql-bin.",
    "hostname.err",
    "pgadmin.log",
    "win.ini",
    "boot.ini",
    "system.ini",
    "odbc.ini",
    "desktop.ini",
    "autoexec.bat",
    "pagefile.sys",
    "hiberfil.sys",
    "ntuser.dat",
    "ntds.dit",
    "recentservers.xml",
    "netsetup.log",
    "windowsupdate.log",
    "unattend.xml",
    "unattended.xml",
    "sysprep.inf",
    "sysprep.xml",
    "filezilla server.xml",
    "consolehost_history.txt",
    "applicationhost.config",
    "machine.config",
    "metabase.xml",
    "web.config",
    "global.asa",
    "global.asax",
    "localstart.asp",
    "tomcat-users.xml",
    "wp-config.",
    "config.inc.php",
    "localsettings.php",
    ".htaccess",
    ".htpasswd",
    ".passwd",
    ".env",
    ".dockerenv",
    ".netrc",
    ".pgpass",
    ".npmrc",
    ".pypirc",
    ".rhosts",
    ".shosts",
    ".forward",
    ".viminfo",
    ".xauthority",
    ".xinitrc",
    ".xsession",
    ".xdefaults",
    ".xresources",
    ".gtkrc",
    ".ds_store",
    ".bashrc",
    ".bash_profile",
    ".bash_login",
    ".bash_logout",
    ".profile",
    ".zshrc",
    ".cshrc",
    ".login",
    ".logout",
    ".bash_history",
    ".zsh_history",
    ".sh_history",
    ".ksh_history",
    ".nano_history",
    ".php_history",
    ".mysql_history",
    ".psql_history",
    ".python_history",
    ".rediscli_history",
    ".git-credentials",
    "authorized_keys",
    "known_hosts",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "secring.gpg",
    "privkey.pem",
    "master.passwd",
    "docker.sock",
    "master.key",
    "initialadminpassword",
    "accesskeys.csv",
    "grafana.db",
    "server-status",
];
