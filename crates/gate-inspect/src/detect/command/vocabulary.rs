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
    /// Of all else only that it is no word of a language.
    Named,
}

/// The kind of a program, if it has one here.
pub(super) fn kind(name: &str) -> Option<Kind> {
    // No program here has more letters.
    if name.len() > NAME_MAX { None } else { KINDS.get(name).copied() }
}

/// Whether the name of a program is a word that people write.
pub(super) fn is_ordinary(name: &str) -> bool {
    ORDINARY.split_ascii_whitespace().any(|word| word == name)
}

const ORDINARY: &str = "amass arch aspell at break builtin cal cat chisel choice cipher column comm command compose \
                        composer copy cut dash date diff dig dir do drill echo ed elvish env eval ex exec expand expect \
                        explorer factor fetch file find finger fish flock fold for format free ftp gem glances go groups \
                        halt head history host http hydra id if init install ip java jobs join julia kill last less \
                        lib links ln locale locate look ls lynx mail make more mount net nice nm node notepad od \
                        parallel pass paste pico pip pkg pr print prune ps python query rd read reboot reg reset rev \
                        rm route ruby sc screen see service set shred shutdown sleep sort source split ss start stat \
                        strings su sum tail tar tee test tex then time timeout top touch trap tree truncate type ul \
                        uniq users ver vi view vol w watch wc which who yes zip";

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

static PROGRAMS: [(Kind, &str); 11] = [
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
    (
        Kind::Named,
        "a2disconf a2dismod a2dissite a2enconf a2enmod a2ensite a2query abrt-cli acccheckconsole \
         accesschk accessdb acpi acpi_listen adb addinutil addpart addr2line adfind adplus agentexecutor \
         agetty aircrack-ng aireplay-ng airmon-ng airodump-ng alembic alsamixer amixer anacron \
         anacrontab ansible apache2 apache2ctl apachectl aplay appcmd appinstaller appvlp arecord arj \
         arpd arpwatch asciinema aspnet_compiler atq atrm audit2allow augenrules augtool autoconf \
         automake autoreconf autorunsc avahi-browse badblocks bandwhich bashbug batcat bcdboot bettercap \
         bginfo bind9 bitlocker blkdiscard blockdev blueman bluetoothctl bmon bootctl borgbackup bpftool \
         bpftrace bsdcat bsdcpio btop btrfs bunzip busctl bwrap byobu bzdiff bzexe bzmore calcurse \
         camcontrol ccache cdrecord ceph certbot certmgr certoc cfdisk cgcreate chcpu checkmodule \
         chgpasswd chkconfig chkdsk chkntfs chkrootkit chkservd chmem chpst chrony chronyc chvt ckermit \
         clamscan cleanmgr clear_console cliconfg clinfo cloud-init cmake cmatrix cmstp codesign \
         collectd colorcpl conhost conky connmanctl containerd coregen corepack cowsay cpuid cpupower \
         createdump crictl crio crond cryptsetup csvcut csvde csvkit ctags ctr cupsd curlie \
         customshellhost cyberduck daemonize datasvcutil dbus-monitor dbus-send dc3dd dcdiag dcfldd \
         dcgpofix dconf dcpromo dcraw ddrescue debconf-show debootstrap defaultpack defrag delpart \
         depmod desktopimgdownldr devcon devlink devtoolslauncher dfsrdiag dfsutil dhclient dhcpcd dhcpd \
         diantz diff3 diffutils dirbuster dircolors dirsearch diskcomp diskperf diskraid diskshadow \
         dispdiag dllhost dmg dnscmd dnsenum dnsmap dnsmasq dnsrecon dnstracer dnswalk dockerd doveadm \
         drush dsacls dsadd dseditgroup dsget dsmod dsmove dsrm dumpcap dumpe2fs dumpkeys dxcap dxdiag \
         e2fsck e2label eatmydata ec2-metadata edquota efibootmgr enum4linux env_parallel envsubst \
         esxcli etcd etcdctl ettercap eudcedit eventcreate eventquery eventtriggers eventvwr evtest exa \
         exfat exim exiv2 exportfs extexport extlinux f2py facter fail2ban-client fallocate fatrace fc- \
         list fcrackzip fdupes ffmpeg ffprobe fgconsole figlet filefrag fincore findlinks firejail \
         firewall-offline-cmd fixfiles fltmc fluxctl freshclam fsck fsfreeze fsquirt fstrim ftpd ftrace \
         fuser fusermount fzf g++ galera gcore gedit geoiplookup getcert getsebool gettext ghostscript \
         gimp gitlab-runner glab gmake gnome-calculator gnome-shell gnome-terminal gparted gpedit \
         gpfixup gpg gpgconf gpgv gpscript grpck grpconv grub-install grub-mkconfig gsettings gsutil \
         gtester guestfish guestmount gunicorn gvim gzexe haproxy hashcat hciconfig hcitool hdfs hexedit \
         hostapd htdigest htpasswd httpd httprobe hwclock i3lock iasl icdiff iconvconfig ifdown ifquery \
         ifstat ifup ilasm imewdbld imtcpip inetcpl inetd infdefaultinstall initctl insserv install-info \
         installutil ipcalc ipcmk ipcrm ipsec ipset iptraf iptunnel ipvsadm ipxroute ircd irssi iscsiadm \
         isoinfo iwevent iwgetid iwlist jarsigner javac javap jconsole jdb jmap jps jsc jstack jstat \
         jupyter k3s k9s kadmin kbd_mode keepalived kexec keytool kinit klogd kmod konsole kpartx krb5 \
         ksetup ktmutil kubeadm kubelet kvm kwrite lastcomm launch-vsdevshell lbzip2 ldapadd ldapdelete \
         ldapmodify ldapwhoami ldifde lftpget lgrep lighttpd linpeas linpeas.sh lintian litecli lnav \
         lnstat localectl localedef lockfile lodctr logman lpq lpr lscgroup lsdvd lsinitramfs lsinitrd \
         lslocks lsmem lsmtd lspcmcia lsscsi lsvfs lusrmgr lvcreate lvdisplay lvextend lvremove lvresize \
         lvscan lxd lxterminal lynis lzcat lzdiff lzless lzmore lzop machinectl mailq mailstats mailutil \
         mako-render manage-bde mandb mavinject mbsacli mcedit mcrypt mcs md5deep mdadm mdfind mdls \
         mdutil memtester mesg mimikatz minicom minikube mkdosfs mke2fs mkhomedir_helper mkinitcpio \
         mkinitramfs mkinitrd mkisofs mkntfs mkpasswd mksquashfs mmc mmcli mmls modinfo modutil mofcomp \
         mongod mongoexport mongoimport mongorestore mosh mosquitto mount.cifs mount.nfs mountpoint \
         mpcmdrun mpg123 mplayer mpv mqbkup mrinfo msconfig msdeploy msdt msedge msfdb msfpc mspaint \
         mtools mtree multipass multitail munin musl-gcc mysqlcheck mysqld mysqldumpslow mysqlimport \
         mysqlshow mysqlslap ncal ndctl ndisc6 needrestart neomutt net1 netcfg netctl netdiscover netdom \
         netplan networkctl networksetup newaliases newgidmap newuidmap newusers nfsadmin nginx nix-env \
         nix-shell nixos-rebuild nlsfunc nm-online nmbd nmblookup nmtui nnn nodemon nologin nsrun \
         ntbackup ntfrsutl ntpd ntpdate ntpq ntpstat numactl numfmt nvidia-smi nvme nvram objcopy \
         odbcad32 odbcconf odbcinst offlinescannershell openconsole openrc openstack openvas openvpn \
         oprofile osqueryd osqueryi pacmd pacstrap pactl pagefileconfig partprobe partx passwdqc \
         patchelf pathchk pax pbcopy pbpaste pcp pcregrep pcwrun pcwutl pdfinfo pdftotext pdnsutil \
         pentnt perfmon perlbug perldoc pfctl pflogsumm pg_ctl pg_dumpall pg_restore pgbouncer pgcli \
         pgdump pigz pinfo pivot_root pkaction pkcheck pkcon pkgutil pktmon pkttyagent plocate plutil \
         pm2 pmap pmset pod2html podman poff policytool polkitd pon portablectl postconf postfix postmap \
         postqueue postsuper powerdown powertop pppd pppoe-start printbrm printui privoxy prncnfg \
         procexp procmon proftpd promtail provlaunch prtstat psfile psfxtable psgetsid psinfo pskill \
         pslist pslog psloggedon psping psservice psshutdown pstack pstree.x11 ptar pubprn pulseaudio \
         pulumi pureftpd pvcreate pvdisplay pvresize pvscan pwck pwconv pwdx pwgen pwunconv py.test \
         pycodestyle pydoc pyenv pyinstaller pylint pytest qdbus qemu-img qemu-nbd qemu-system-x86_64 \
         qmgr qshape quotacheck quotaoff quotaon rabbitmqctl radeontop radvd rasautou rasdial rasphone \
         raspi-config rbash rbenv rcp rcsi rdate rdfind rdiff rdnssd rdrleakdiag readprofile reaver \
         recode redis-benchmark redis-server regedit regedt32 regini register-cimprovider relog rendom \
         renice replmon repoquery repquota resize2fs resizepart resolvconf restorecon rfcomm rkhunter \
         rlogind rmiregistry rpcbind rpcdebug rpm2cpio rpmbuild rpmdb rpmkeys rpmquery rpmverify rrdtool \
         rsm rsnapshot rsyslogd rtcwake rtkit rubeus runexehelper runonce runscripthelper runtimebroker \
         rustup rvm rvmsudo s3cmd sadc sadf salt-call salt-minion samba-tool saslpasswd2 scapy scdaemon \
         schroot scriptrunner scutil sdelete sdparm searchsploit seatbelt secedit sedutil-cli seinfo \
         semanage semodule sensors-detect serialver sessreg setcap setfont setkeycodes setpci setres \
         setsebool setterm settingsynchost setx setxkbmap sfdisk sfeed sha1deep sha224sum sha384sum shar \
         sharphound shasum shellcheck shfmt shodan showkey shrpubw sigcheck sigverif silversearcher \
         skopeo slapadd slapcat slapd slmgr smartd smbd smbpasswd smbstatus smbtree smtpd snapd \
         snmpbulkwalk snmpd snmpset snmptrap sntp soffice softwareupdate sosreport spctl speedtest \
         sqldumper sqlite_web sqlldr sqltoolsps squashfs sshd sshfs sslh sslyze ssmtp startx steghide \
         stegsnow sterm storcli stordiag sudoedit sulogin supervisorctl supervisord suricata swaks \
         swaplabel sxstrace syncthing sysbench sysdig syslog-ng syslogd sysprep systat systemd-analyze \
         systemd-cat systemd-cgls systemd-cgtop systemd-detect-virt systemd-resolve systemd-tmpfiles \
         systempropertiesadvanced systemsetup sysupgrade sysvbanner tailf tailscale tapicfg taskmgr \
         tasksel tcpflow tcpkill tcpreplay telnetd telnetlogin termux-open terraform testdisk testparm \
         tftpd theharvester tig tinyproxy tkill tkinit tlntadmn tload tmutil torbrowser tpmvscmgr \
         tracefmt tracelog traceroute.db trafgen tripwire tscon tsdiscon tskill tsocks tsshutdn \
         ttdinject tttracer ttyd ttysnoop tune2fs tuned-adm twistd typeperf tzselect ubuntu-drivers \
         udevadm udhcpc udisksctl ulogd umount.nfs unace unalias unalz unar undocker unix_chkpwd \
         unlodctr unlz4 unregmp2 unshadow unsquashfs unzstd update-alternatives update-grub update- \
         initramfs updatedb urxvt usb-devices usbguard userhelper uwsgi vbc vboxmanage vcgencmd vconfig \
         vdir veracrypt verclsid verifier vgchange vgcreate vgdisplay vgextend vgremove vgscan vim.basic \
         vim.tiny vimtutor virsh virt-install virt-manager virtualenv visualuiaverifynative vlc vlock \
         vmkfstools vmware-toolbox-cmd vncserver vncviewer vnstati vsdiagnostics vsftpd vshadow \
         vsiisexelaunch vsjitdebugger vsls-agent vtysh w32tm wakeonlan wbemtest wdctl webmin wecutil \
         weechat wfc wg-quick whatweb whiptail winmgmt winpeas winrm winver wireshark wlrmdr wodim \
         workfolders wpa_cli wpa_passphrase wpa_supplicant wpr wrk wsreset wuapp wuauclt x11vnc xauth \
         xbacklight xcalc xclip xclock xcodebuild xcrun xdpyinfo xenstore xeyes xfce4-terminal \
         xfs_growfs xfs_repair xhost xinetd xinit xinput xkill xlogo xmessage xmlstarlet xmodmap xprop \
         xrandr xrdp xsel xset xsltproc xtightvncviewer xtrace xvfb xwd xwininfo xwizard xxh64sum xzdiff \
         ypbind ypdomainname ypmatch ypwhich yumdownloader zabbix_agentd zabbix_get zabbix_sender zcmp \
         zdiff zdump zegrep zenity zenmap zerofree zfgrep zforce zfs zic zile zipcloak zipfldr zipinfo \
         znew zramctl zstdgrep zstdless",
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
