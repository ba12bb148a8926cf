//! Programs by what their names say, for all that need no reading of their arguments of their own.

use std::collections::HashMap;
use std::sync::LazyLock;

/// What is known of a program whose arguments are judged as those of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Tells of the system, and its name is no word of a language.
    Tells,
    /// Tells of the system, and its name is a word.
    TellsWord,
    /// Reads or writes files.
    Files,
    /// Reads or writes files, and its name is a word.
    FilesWord,
    /// Speaks to another machine.
    Network,
    /// Speaks to another machine, and its name is a word.
    NetworkWord,
    /// Runs the program that its arguments name.
    Runs,
    /// Runs code that an argument holds.
    Interprets,
    /// Installs or fetches what others wrote.
    Fetches,
    /// Changes what a system does, or ends it.
    Changes,
}

/// The kind of a program, if it has one here.
pub(super) fn kind(name: &str) -> Option<Kind> {
    // No program here has more letters.
    if name.len() > NAME_MAX { None } else { KINDS.get(name).copied() }
}

/// Whether a name is made as the commands of PowerShell are: `get-process`.
pub(super) fn is_cmdlet(name: &str) -> bool {
    let Some((verb, noun)) = name.split_once('-') else { return false };
    VERBS.split_ascii_whitespace().any(|known| known == verb)
        && NOUNS.split_ascii_whitespace().any(|known| noun.starts_with(known))
        && noun.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

const VERBS: &str = "get set new add remove invoke start stop test resolve clear restart register out import export \
                     write read select expand compress enable disable install enter connect send convertto \
                     convertfrom";

/// What the nouns of its commands begin with; others are ordinary words (`read-only`, `set-top`).
const NOUNS: &str = "process service child content item wmi cim net adcomputer aduser addomain adgroup local \
                     expression web rest command job eventlog winevent host hotfix computer scheduled execution \
                     dnsname dnsclient connection sleep variable acl member clipboard credential history psdrive \
                     pssession registry mpp mpc smb mimikatz shellcode archive bits object type file string json \
                     csv securestring alias random date";

static KINDS: LazyLock<HashMap<&str, Kind>> = LazyLock::new(|| {
    PROGRAMS
        .iter()
        .flat_map(|(kind, names)| names.split_ascii_whitespace().map(|name| (name, *kind)))
        .collect()
});

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&KINDS);
}

const NAME_MAX: usize = 24;

static PROGRAMS: [(Kind, &str); 10] = [
    (
        Kind::Tells,
        "aa-status apt-cache aws az bcdedit blkid capsh cmdkey diskpart diskutil dmidecode dpkg-query \
         driverquery dscl dsquery fdesetup fdisk fodhelper fsutil ftype gcloud getcap getconf \
         getenforce gpresult gpupdate gwmi hostnamectl htop iftop iostat iotop iptables-save iwconfig \
         journalctl klist lastb launchctl loginctl logname lsattr lshw lslogins lspci lsusb mpstat \
         msfvenom msinfo32 nbtstat neofetch nmcli nproc ntdsutil openfiles pgrep pidof powercfg \
         pstree qwinsta runlevel sar sestatus ssh-keygen stty sw_vers sysctl system_profiler \
         timedatectl tshark ulimit umask usleep visudo wbadmin wevtutil whatis whereis wusa",
    ),
    (Kind::TellsWord, "arch cal expr factor locale query seq"),
    (
        Kind::Files,
        "ash basename bunzip2 bzcat bzip2 bzless cacls chattr chgrp cksum cmp cpio csplit dirname \
         dos2unix du ed ex fgrep fmt getfacl gunzip gzip hd iconv jq ldd md5sum mongodump mysqladmin \
         mysqldump pg_dump procdump pushd readlink realpath run-parts sdiff setfacl sha1sum sha256sum \
         sha512sum shred shuf takeown tsort unexpand unzip uudecode uuencode vimdiff xmllint xzcat \
         zcat zless zmore",
    ),
    (
        Kind::FilesWord,
        "cipher column comm expand fold install join locate look notepad pr split stat sum tree \
         truncate view",
    ),
    (
        Kind::Network,
        "aria2c arping axel elinks finger fping hping3 httpie irm iwr ldapsearch mailx masscan \
         msiexec mstsc mutt nping pathping rclone rdesktop resolvectl rpcclient rsync sendmail sftp \
         showmount smbclient smbmap snmpget snmpwalk ssh-keyscan tracepath traceroute6 tracert w3m \
         whois xdg-open xfreerdp",
    ),
    (Kind::NetworkWord, "drill explorer http links"),
    (
        Kind::Runs,
        "at chroot cpulimit flock forfiles logsave ltrace lxc nsenter parallel perf pkexec prlimit \
         proxychains psexec rlwrap runas saps setarch start-stop-daemon strace systemd-run taskset \
         trap unshare valgrind watch xvfb-run",
    ),
    (
        Kind::Interprets,
        "deno emacs expect gdb icm iex irb jrunscript julia mongo mongosh osascript psql redis-cli \
         rscript sqlite3 tclsh",
    ),
    (Kind::Fetches, "apk apt apt-get brew cargo composer dnf gem git go npm pip pip3 pkg yum zypper"),
    (Kind::Changes, "format poweroff userdel usermod"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_has_one_kind() {
        let names = || PROGRAMS.iter().flat_map(|(_, names)| names.split_ascii_whitespace());
        assert_eq!(names().count(), KINDS.len());
        for name in names() {
            assert!(kind(name).is_some(), "{name}");
        }
    }

    #[test]
    fn commands_of_powershell_are_told_from_hyphenated_words() {
        for name in ["get-process", "invoke-webrequest", "start-sleep"] {
            assert!(is_cmdlet(name), "{name}");
        }
        for name in ["get-", "well-known", "start-up", "re-start", "get-a b", "x-ray", "read-only"] {
            assert!(!is_cmdlet(name), "{name}");
        }
    }
}
