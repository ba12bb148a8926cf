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
    // Most names with a hyphen are none of commands: identifiers, dates.
    (2..=VERB_MAX).contains(&verb.len())
        && verb.bytes().all(|byte| byte.is_ascii_lowercase())
        && VERBS.split_ascii_whitespace().any(|known| known == verb)
        && NOUNS.split_ascii_whitespace().any(|known| noun.starts_with(known))
        && noun.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// No verb has more letters.
const VERB_MAX: usize = 12;

const VERBS: &str = "get set new add remove invoke start stop test resolve clear restart register out import export \
                     write read select expand compress enable disable install enter connect send convertto \
                     convertfrom measure compare format where foreach group move copy rename push pop update \
                     uninstall wait resume suspend receive unblock show switch backup restore mount dismount \
                     checkpoint debug tee initialize publish unregister disconnect exit";

/// What the nouns of its commands begin with; others are ordinary words (`read-only`, `set-top`).
const NOUNS: &str = "process service child content item wmi cim net adcomputer aduser addomain adgroup local \
                     expression web rest command job eventlog winevent host hotfix computer scheduled execution \
                     dnsname dnsclient connection sleep variable acl member clipboard credential history psdrive \
                     pssession registry mpp mpc smb mimikatz shellcode archive bits object type file string json \
                     csv securestring alias random date help location culture module verb timezone uptime \
                     disk volume partition printer pssnapin psprovider output package unique counter psbreakpoint \
                     authenticodesignature uiculture runspace vmhost azad azvm azresource adforest pnpdevice \
                     physicaldisk filehash formatdata typedata tracesource transcript psreadline";

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
        "aa-status apt-cache auditctl auditpol ausearch aws az bcdedit blkid bootcfg brctl capsh \
         certreq chage cmdkey diskpart diskutil dism dmidecode dnsdomainname domainname dpkg-query \
         driverquery dscl dsquery dstat ebtables ethtool faillog fdesetup fdisk findfs firewall-cmd \
         fodhelper fsutil ftype gcloud getcap getconf getenforce getfattr glances gpresult gpupdate \
         gwmi hostid hostnamectl htop hwinfo iftop inxi iostat iotop ip6tables ipcs iptables-save \
         iwconfig journalctl kldstat klist lastb launchctl ldconfig loginctl logname lsattr lshw \
         lsipc lslogins lsns lspci lsusb lvs mii-tool mktemp mountvol mpstat msfvenom msinfo32 \
         nbtscan nbtstat neofetch nfsstat nft nmcli nproc nstat ntdsutil openfiles pgrep pidof \
         pnputil powercfg prtconf pstree pvs qprocess qwinsta rfkill rpcinfo runlevel sar screenfetch \
         sestatus setspn sfc slabtop smartctl ssh-keygen stty sw_vers swapon sysctl system_profiler \
         timedatectl tput tshark tzutil ufw ulimit umask usleep uuidgen vaultcmd vgs visudo vnstat \
         wbadmin wevtutil whatis whereis whodo wusa ypcat zpool",
    ),
    (Kind::TellsWord, "arch cal expr factor locale query seq"),
    (
        Kind::Files,
        "7z 7za ash aspell basename basenc bsdtar bunzip2 bzcat bzfgrep bzgrep bzip2 bzless \
         cabextract cacls chattr chgrp cksum cmp cpio csplit csvtool cupsfilter datamash debugfs \
         dirname dos2unix du ed efax eqn esentutl espeak ex exiftool extrac32 fgrep fmt \
         genisoimage getfacl grc gunzip gzip hd hexyl iconv ifile ipmitool jq ld.so ldd lz4 lzma \
         makecab mawk md5sum mongodump msgattrib msgcat msgconv msgfilter msgmerge msguniq mysqladmin \
         mysqldump nawk nm nroff objdump pandoc pg_dump pico procdump ptx pushd rar readelf readlink \
         realpath robocopy run-parts rview rvim scanmem scrot sdiff setfacl sha1sum sha256sum \
         sha512sum shred shuf soelim sqlmap ssconvert takeown tbl tdbtool tex troff tsort ul \
         uncompress unexpand unlzma unrar unxz unzip uudecode uuencode vigr vimdiff vipw xelatex \
         xmllint xmore xxhsum xz xzcat xzgrep xzless zathura zcat zgrep zipgrep zless zmore zstd \
         zstdcat",
    ),
    (
        Kind::FilesWord,
        "calc cipher column comm expand fold install join locate look notepad pr split stat sum tree \
         truncate view",
    ),
    (
        Kind::Network,
        "amass aria2c arp-scan arping autossh axel bzr chisel cloudflared cmdl32 crackmapexec \
         curlftpfs dbclient dirb dropbear elinks evil-winrm ffuf finger fping ftpget ftpput gobuster \
         hping hping3 httpie hydra ieexec iperf iperf3 irm iwr ldapsearch lftp mailx masscan \
         mosquitto_pub mosquitto_sub msiexec mstsc mtr mutt nc.openbsd nc.traditional nc6 \
         ncftp ncftpget ncftpput netexec ngrok nikto nping pathping plink presentationhost pscp psftp \
         pwncat rclone rdesktop resolvectl rexec rlogin rpcclient rpcping rsh rsync sendmail \
         sftp showmount smbclient smbget smbmap snmpget snmpwalk ssh-copy-id ssh-keyscan sshpass \
         sslscan stunnel subfinder tcptraceroute tnftp tor-resolve tracepath traceroute6 tracert uucp \
         w3m websocat wfuzz wget2 whois winrs wpscan xdg-open xfreerdp youtube-dl yt-dlp",
    ),
    (Kind::NetworkWord, "drill explorer http links"),
    (
        Kind::Runs,
        "at cgexec chcon choom chroot chrt cpulimit dbus-run-session dmsetup dumb-init dvtm enscript \
         entr fakeroot faketime flock forfiles inotifywait logrotate logsave ltrace lxc mpirun \
         msgexec multitime ncdu nsenter parallel pcalua perf pidstat pkexec prlimit proxychains \
         psexec rc-service rlwrap run-mailcap runas runcon runuser s6-setuidgid saps scriptreplay \
         setarch setlock softlimit ssh-agent start-stop-daemon strace syncappvpublishingserver \
         systemd-inhibit systemd-run taskset tcpserver tini tmate tmux torify torsocks trap unbuffer \
         unshare uscan valgrind varnishncsa watch wsl xdotool xvfb-run zsoelim",
    ),
    (
        Kind::Interprets,
        "bpython cdb clisp cobc cpan csi deno dotnet duckdb elvish emacs erl expect \
         fsi gdb ghci groovy gst icm iex ipython irb isql jjs jrunscript jshell julia kotlin \
         lua5.1 lua5.3 lua5.4 luajit m4 mariadb mongo mongosh msbuild msfconsole nodejs ocaml \
         osascript osql perl5 php-cgi php5 php7 php8 psql pypy pypy3 python2.7 python3.10 \
         python3.11 python3.12 python3.9 raku redis-cli regasm regsvcs rscript rustc sbcl \
         sqlcmd sqlite sqlite3 sqlplus sqsh tcc tclsh tclsh8.6 ts-node",
    ),
    (
        Kind::Fetches,
        "apk apt apt-get aptitude brew cargo choco composer cpanm dnf easy_install flatpak \
         gem git go luarocks npm npx opkg pacman pip pip3 pipx pkg rpm-ostree svn winget \
         yarn yum zypper",
    ),
    (
        Kind::Changes,
        "addgroup chfn chpasswd chsh delgroup deluser erase format gpasswd groupadd groupdel groupmod \
         hdparm insmod iptables-restore losetup mkfs.ext3 mkfs.ext4 mkfs.xfs mkswap modprobe newgrp \
         poweroff rd rmmod setenforce sgdisk swapoff telinit umount unlink update-rc.d userdel \
         usermod wipefs",
    ),
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
