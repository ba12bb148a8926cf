//! Names of programs, for all that need no reading of their arguments of their own.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Whether a program has this name, or a word of a shell's own.
pub(super) fn is_program(name: &str) -> bool {
    // No program here has more letters.
    name.len() <= NAME_MAX && PROGRAMS.contains_key(name)
}

/// Whether the name of a program is a word that people write.
pub(super) fn is_ordinary(name: &str) -> bool {
    PROGRAMS.get(name).copied().unwrap_or_default()
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

/// Each program with whether its name is an ordinary word.
static PROGRAMS: LazyLock<HashMap<&str, bool>> = LazyLock::new(|| {
    let named = NAMED.split_ascii_whitespace().map(|name| (name, false));
    named.chain(ORDINARY.split_ascii_whitespace().map(|name| (name, true))).collect()
});

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&PROGRAMS);
}

const NAME_MAX: usize = 24;

/// Programs with names that people write in sentences.
static ORDINARY: &str = "amass arch aspell at builtin cal cat chisel choice cipher column comm command \
                         composer copy cut dash date diff dig dir do drill echo ed elvish env eval ex exec \
                         expand expect explorer factor fetch file find finger flock fold for format free \
                         ftp gem glances go groups halt head history host http hydra id if init install ip \
                         java jobs join julia kill last less links ln locale locate look ls lynx mail more \
                         mount net nice nm node notepad od parallel paste pico pip pkg pr print ps python \
                         query rd read reboot reg rev rm route ruby sc service set shred shutdown sleep \
                         sort source split ss start stat strings su sum tail tar tee test tex then time \
                         timeout top touch trap tree truncate type ul uniq unset users ver vi view vol w watch \
                         wc which who zip";

/// Programs with names that mean nothing else: of Unix, of Windows, of networks' and clouds' operation.
static NAMED: &str = "7z 7za a2disconf a2dismod a2dissite a2enconf a2enmod a2ensite a2query aa-status \
                      abrt-cli acccheckconsole accesschk accessdb acpi acpi_listen adb addgroup addinutil \
                      addpart addr2line adduser adfind adplus agentexecutor agetty aircrack-ng aireplay-ng \
                      airmon-ng airodump-ng alembic alsamixer amixer anacron anacrontab ansible apache2 \
                      apache2ctl apachectl apk aplay appcmd appinstaller appvlp apt apt-cache apt-get \
                      aptitude arecord aria2c arj arp arp-scan arpd arping arpwatch asciinema ash \
                      aspnet_compiler atq atrm attrib audit2allow auditctl auditpol augenrules augtool \
                      ausearch autoconf automake autoreconf autorunsc autossh avahi-browse awk aws axel az \
                      badblocks bandwhich base32 base64 basename basenc bash bashbug batcat bcdboot \
                      bcdedit bettercap bginfo bind9 bitlocker bitsadmin blkdiscard blkid blockdev blueman \
                      bluetoothctl bmon bootcfg bootctl borgbackup bpftool bpftrace bpython brctl brew \
                      bsdcat bsdcpio bsdtar btop btrfs bunzip bunzip2 busctl busybox bwrap byobu bzcat \
                      bzdiff bzexe bzfgrep bzgrep bzip2 bzless bzmore bzr cabextract cacls calc calcurse \
                      camcontrol capsh cargo ccache cd cdb cdrecord ceph certbot certmgr certoc certreq \
                      certutil cfdisk cgcreate cgexec chage chattr chcon chcp chcpu checkmodule chfn \
                      chgpasswd chgrp chkconfig chkdsk chkntfs chkrootkit chkservd chmem chmod choco choom \
                      chown chpasswd chpst chrony chronyc chroot chrt chsh chvt ckermit cksum clamscan \
                      cleanmgr clear_console cliconfg clinfo clisp cloud-init cloudflared cmake cmatrix \
                      cmd cmdkey cmdl32 cmp cmstp cobc codesign collectd colorcpl conhost conky connmanctl \
                      containerd coregen corepack cowsay cp cpan cpanm cpio cpuid cpulimit cpupower \
                      crackmapexec createdump crictl crio crond crontab cryptsetup cscript csh csi csplit \
                      csvcut csvde csvkit csvtool ctags ctr cupsd cupsfilter curl curlftpfs curlie \
                      customshellhost cyberduck daemonize datamash datasvcutil dbclient dbus-monitor \
                      dbus-run-session dbus-send dc3dd dcdiag dcfldd dcgpofix dconf dcpromo dcraw dd \
                      ddrescue debconf-show debootstrap debugfs defaultpack defrag del delgroup delpart \
                      deluser deno depmod desktopimgdownldr devcon devlink devtoolslauncher df dfsrdiag \
                      dfsutil dhclient dhcpcd dhcpd diantz diff3 diffutils dirb dirbuster dircolors \
                      dirname dirsearch diskcomp diskpart diskperf diskraid diskshadow diskutil dism \
                      dispdiag dllhost dmesg dmg dmidecode dmsetup dnf dnscmd dnsdomainname dnsenum dnsmap \
                      dnsmasq dnsrecon dnstracer dnswalk doas docker dockerd domainname dos2unix dotnet \
                      doveadm dpkg dpkg-query driverquery dropbear drush dsacls dsadd dscl dseditgroup \
                      dsget dsmod dsmove dsquery dsrm dstat du duckdb dumb-init dumpcap dumpe2fs dumpkeys \
                      dvtm dxcap dxdiag e2fsck e2label easy_install eatmydata ebtables ec2-metadata \
                      edquota efax efibootmgr egrep elinks emacs enscript entr enum4linux env_parallel \
                      envsubst eqn erase erl esentutl espeak esxcli etcd etcdctl ethtool ettercap eudcedit \
                      eventcreate eventquery eventtriggers eventvwr evil-winrm evtest exa exfat exiftool \
                      exim exiv2 exportfs expr extexport extlinux extrac32 f2py facter fail2ban-client \
                      faillog fakeroot faketime fallocate fatrace fc- fcrackzip fdesetup fdisk fdupes \
                      ffmpeg ffprobe ffuf fgconsole fgrep figlet filefrag fincore findfs findlinks findmnt \
                      findstr firejail firewall-cmd firewall-offline-cmd fixfiles flatpak fltmc fluxctl \
                      fmt fodhelper forfiles fping freshclam fsck fsfreeze fsi fsquirt fstrim fsutil ftpd \
                      ftpget ftpput ftrace ftype fuser fusermount fzf g++ galera gawk gcc gcloud gcore gdb \
                      gedit genisoimage geoiplookup getcap getcert getconf getenforce getent getfacl \
                      getfattr getmac getsebool gettext ghci ghostscript gimp git gitlab-runner glab gmake \
                      gnome-calculator gnome-shell gnome-terminal gobuster gparted gpasswd gpedit gpfixup \
                      gpg gpgconf gpgv gpresult gpscript gpupdate grc grep groovy groupadd groupdel \
                      groupmod grpck grpconv grub-install grub-mkconfig gsettings gst gsutil gtester \
                      guestfish guestmount gunicorn gunzip gvim gwmi gzexe gzip haproxy hashcat hciconfig \
                      hcitool hd hdfs hdparm hexdump hexedit hexyl hostapd hostid hostname hostnamectl \
                      hping hping3 htdigest htop htpasswd httpd httpie httprobe hwclock hwinfo i3lock iasl \
                      icacls icdiff icm iconv iconvconfig ieexec iex ifconfig ifdown ifile ifquery ifstat \
                      iftop ifup ilasm imewdbld imtcpip inetcpl inetd infdefaultinstall initctl initramfs \
                      inotifywait insmod insserv install-info installutil inxi ionice iostat iotop \
                      ip6tables ipcalc ipcmk ipconfig ipcrm ipcs iperf iperf3 ipmitool ipsec ipset \
                      iptables iptables-restore iptables-save iptraf iptunnel ipvsadm ipxroute ipython irb \
                      ircd irm irssi iscsiadm isoinfo isql iwconfig iwevent iwgetid iwlist iwr jarsigner \
                      javac javap jconsole jdb jjs jmap journalctl jps jq jrunscript jsc jshell jstack \
                      jstat jupyter k3s k9s kadmin kbd_mode keepalived kexec keytool killall kinit kldstat \
                      klist klogd kmod konsole kotlin kpartx krb5 ksetup ksh ktmutil kubeadm kubectl \
                      kubelet kvm kwrite lastb lastcomm lastlog launch-vsdevshell launchctl lbzip2 ld.so \
                      ldapadd ldapdelete ldapmodify ldapsearch ldapwhoami ldconfig ldd ldifde lftp lftpget \
                      lgrep lighttpd linpeas linpeas.sh lintian list litecli lnav lnstat localectl \
                      localedef lockfile lodctr loginctl logman logname logrotate logsave losetup lpq lpr \
                      lsattr lsb_release lsblk lscgroup lscpu lsdvd lshw lsinitramfs lsinitrd lsipc \
                      lslocks lslogins lsmem lsmod lsmtd lsns lsof lspci lspcmcia lsscsi lsusb lsvfs \
                      ltrace lua lua5.1 lua5.3 lua5.4 luajit luarocks lusrmgr lvcreate lvdisplay lvextend \
                      lvremove lvresize lvs lvscan lwp-download lxc lxd lxterminal lynis lz4 lzcat lzdiff \
                      lzless lzma lzmore lzop m4 machinectl mailq mailstats mailutil mailx makecab \
                      mako-render manage-bde mandb mariadb masscan mavinject mawk mbsacli mcedit mcrypt \
                      mcs md5deep md5sum mdadm mdfind mdls mdutil memtester mesg mii-tool mimikatz minicom \
                      minikube mkdir mkdosfs mke2fs mkfifo mkfs mkfs.ext3 mkfs.ext4 mkfs.xfs \
                      mkhomedir_helper mkinitcpio mkinitramfs mkinitrd mkisofs mknod mkntfs mkpasswd \
                      mksquashfs mkswap mktemp mmc mmcli mmls modinfo modprobe modutil mofcomp mongo \
                      mongod mongodump mongoexport mongoimport mongorestore mongosh mosh mosquitto \
                      mosquitto_pub mosquitto_sub mount.cifs mount.nfs mountpoint mountvol mpcmdrun mpg123 \
                      mpirun mplayer mpstat mpv mqbkup mrinfo msbuild msconfig msdeploy msdt msedge \
                      msfconsole msfdb msfpc msfvenom msgattrib msgcat msgconv msgexec msgfilter msgmerge \
                      msguniq mshta msiexec msinfo32 mspaint mstsc mtools mtr mtree multipass multitail \
                      multitime munin musl-gcc mutt mv mysql mysqladmin mysqlcheck mysqld mysqldump \
                      mysqldumpslow mysqlimport mysqlshow mysqlslap nano nawk nbtscan nbtstat nc \
                      nc.openbsd nc.traditional nc6 ncal ncat ncdu ncftp ncftpget ncftpput ndctl ndisc6 \
                      needrestart neofetch neomutt net1 netcat netcfg netctl netdiscover netdom netexec \
                      netplan netsh netstat networkctl networksetup newaliases newgidmap newgrp newuidmap \
                      newusers nfsadmin nfsstat nft nginx ngrok nikto nix-env nix-shell nixos-rebuild nl \
                      nlsfunc nltest nm-online nmap nmbd nmblookup nmcli nmtui nnn nodejs nodemon nohup \
                      nologin nping npm nproc npx nroff nsenter nslookup nsrun nstat ntbackup ntdsutil \
                      ntfrsutl ntpd ntpdate ntpq ntpstat numactl numfmt nvidia-smi nvme nvram objcopy \
                      objdump ocaml odbcad32 odbcconf odbcinst offlinescannershell openconsole openfiles \
                      openrc openssl openstack openvas openvpn opkg oprofile osascript osql osqueryd \
                      osqueryi pacman pacmd pacstrap pactl pagefileconfig pandoc partprobe partx passwd \
                      passwdqc patchelf pathchk pathping pax pbcopy pbpaste pcalua pcp pcregrep pcwrun \
                      pcwutl pdfinfo pdftotext pdnsutil pentnt perf perfmon perl perl5 perlbug perldoc \
                      pfctl pflogsumm pg_ctl pg_dump pg_dumpall pg_restore pgbouncer pgcli pgdump pgrep \
                      php php-cgi php5 php7 php8 phpinfo pidof pidstat pigz pinfo ping ping6 pip3 pipx \
                      pivot_root pkaction pkcheck pkcon pkexec pkgutil pkill pktmon pkttyagent plink \
                      plocate plutil pm2 pmap pmset pnputil pod2html podman poff policytool polkitd pon \
                      portablectl postconf postfix postmap postqueue postsuper powercfg powerdown poweroff \
                      powershell powertop pppd pppoe-start presentationhost printbrm printenv printf \
                      printui privoxy prlimit prncnfg procdump procexp procmon proftpd promtail provlaunch \
                      proxychains prtconf prtstat pscp psexec psfile psftp psfxtable psgetsid psinfo \
                      pskill pslist pslog psloggedon psping psql psservice psshutdown pstack pstree \
                      pstree.x11 ptar ptx pubprn pulseaudio pulumi pureftpd pushd pvcreate pvdisplay \
                      pvresize pvs pvscan pwck pwconv pwd pwdx pwgen pwncat pwsh pwunconv py.test \
                      pycodestyle pydoc pyenv pyinstaller pylint pypy pypy3 pytest python2 python2.7 \
                      python3 python3.10 python3.11 python3.12 python3.9 qdbus qemu-img qemu-nbd \
                      qemu-system-x86_64 qmgr qprocess qshape quotacheck quotaoff quotaon quser qwinsta \
                      rabbitmqctl radeontop radvd raku rar rasautou rasdial rasphone raspi-config rbash \
                      rbenv rc-service rclone rcp rcsi rdate rdesktop rdfind rdiff rdnssd rdrleakdiag \
                      readelf readlink readprofile realpath reaver recode redis-benchmark redis-cli \
                      redis-server regasm regedit regedt32 regini register-cimprovider regsvcs regsvr32 \
                      relog rendom renice replmon repoquery repquota resize2fs resizepart resolvconf \
                      resolvectl restorecon rexec rfcomm rfkill rkhunter rlogin rlogind rlwrap rmdir \
                      rmiregistry rmmod robocopy rpcbind rpcclient rpcdebug rpcinfo rpcping rpm rpm-ostree \
                      rpm2cpio rpmbuild rpmdb rpmkeys rpmquery rpmverify rrdtool rscript rsh rsm rsnapshot \
                      rsync rsyslogd rtcwake rtkit rubeus run-mailcap run-parts runas runcon rundll32 \
                      runexehelper runlevel runonce runscripthelper runtimebroker runuser rustc rustup \
                      rview rvim rvm rvmsudo s3cmd s6-setuidgid sadc sadf salt-call salt-minion samba-tool \
                      saps sar saslpasswd2 sbcl scanmem scapy scdaemon schroot schtasks scp screenfetch \
                      scriptreplay scriptrunner scrot scutil sdelete sdiff sdparm searchsploit seatbelt \
                      secedit sed sedutil-cli seinfo semanage semodule sendmail sensors-detect seq \
                      serialver sessreg sestatus setarch setcap setenforce setfacl setfont setkeycodes \
                      setlock setpci setres setsebool setsid setspn setterm settingsynchost setx setxkbmap \
                      sfc sfdisk sfeed sftp sgdisk sh sha1deep sha1sum sha224sum sha256sum sha384sum \
                      sha512sum shar sharphound shasum shellcheck shfmt shodan showkey showmount shrpubw \
                      shuf sigcheck sigverif silversearcher skopeo slabtop slapadd slapcat slapd slmgr \
                      smartctl smartd smbclient smbd smbget smbmap smbpasswd smbstatus smbtree smtpd snapd \
                      snmpbulkwalk snmpd snmpget snmpset snmptrap snmpwalk sntp socat soelim soffice \
                      softlimit softwareupdate sosreport spctl speedtest sqlcmd sqldumper sqlite sqlite3 \
                      sqlite_web sqlldr sqlmap sqlplus sqltoolsps sqsh squashfs ssconvert ssh ssh-agent \
                      ssh-copy-id ssh-keygen ssh-keyscan sshd sshfs sshpass sslh sslscan sslyze ssmtp \
                      start-stop-daemon startx stdbuf steghide stegsnow sterm storcli stordiag strace stty \
                      stunnel subfinder sudo sudoedit sulogin supervisorctl supervisord suricata svn \
                      sw_vers swaks swaplabel swapoff swapon sxstrace syncappvpublishingserver syncthing \
                      sysbench sysctl sysdig sysinfo syslog-ng syslogd sysprep systat system_profiler \
                      systemctl systemd-analyze systemd-cat systemd-cgls systemd-cgtop systemd-detect-virt \
                      systemd-inhibit systemd-resolve systemd-run systemd-tmpfiles systeminfo \
                      systempropertiesadvanced systemsetup sysupgrade sysvbanner tac tailf tailscale \
                      takeown tapicfg taskkill tasklist taskmgr tasksel taskset tbl tcc tclsh tclsh8.6 \
                      tcpdump tcpflow tcpkill tcpreplay tcpserver tcptraceroute tdbtool telinit telnet \
                      telnetd telnetlogin termux-open terraform testdisk testparm tftp tftpd theharvester \
                      tig timedatectl tini tinyproxy tkill tkinit tlntadmn tload tmate tmutil tmux tnftp \
                      tor-resolve torbrowser torify torsocks tpmvscmgr tput tracefmt tracelog tracepath \
                      traceroute traceroute.db traceroute6 tracert trafgen tripwire troff ts-node tscon \
                      tsdiscon tshark tskill tsocks tsort tsshutdn ttdinject tttracer tty ttyd ttysnoop \
                      tune2fs tuned-adm twistd typeperf tzselect tzutil ubuntu-drivers udevadm udhcpc \
                      udisksctl ufw ulimit ulogd umask umount umount.nfs unace unalias unalz uname unar \
                      unbuffer uncompress undocker unexpand unix_chkpwd unlink unlodctr unlz4 unlzma unrar \
                      unregmp2 unshadow unshare unsquashfs unxz unzip unzstd update- update-alternatives \
                      update-grub update-rc.d updatedb uptime urxvt usb-devices usbguard uscan useradd \
                      userdel userhelper usermod usleep uucp uudecode uuencode uuidgen uwsgi valgrind \
                      varnishncsa vaultcmd vbc vboxmanage vcgencmd vconfig vdir veracrypt verclsid \
                      verifier vgchange vgcreate vgdisplay vgextend vgremove vgs vgscan vigr vim vim.basic \
                      vim.tiny vimdiff vimtutor vipw virsh virt-install virt-manager virtualenv \
                      visualuiaverifynative visudo vlc vlock vmkfstools vmstat vmware-toolbox-cmd \
                      vncserver vncviewer vnstat vnstati vsdiagnostics vsftpd vshadow vsiisexelaunch \
                      vsjitdebugger vsls-agent vssadmin vtysh w32tm w3m waitfor wakeonlan wbadmin wbemtest \
                      wdctl webmin websocat wecutil weechat wevtutil wfc wfuzz wg-quick wget wget2 whatis \
                      whatweb whereis whiptail whoami whodo whois winget winmgmt winpeas winrm winrs \
                      winver wipefs wireshark wlrmdr wmic wodim workfolders wpa_cli wpa_passphrase \
                      wpa_supplicant wpr wpscan wrk wscript wsl wsreset wuapp wuauclt wusa x11vnc xargs \
                      xauth xbacklight xcalc xclip xclock xcodebuild xcopy xcrun xdg-open xdotool xdpyinfo \
                      xelatex xenstore xeyes xfce4-terminal xfreerdp xfs_growfs xfs_repair xhost xinetd \
                      xinit xinput xkill xlogo xmessage xmllint xmlstarlet xmodmap xmore xprop xrandr xrdp \
                      xsel xset xsltproc xterm xtightvncviewer xtrace xvfb xvfb-run xwd xwininfo xwizard \
                      xxd xxh64sum xxhsum xz xzcat xzdiff xzgrep xzless yarn youtube-dl ypbind ypcat \
                      ypdomainname ypmatch ypwhich yt-dlp yum yumdownloader zabbix_agentd zabbix_get \
                      zabbix_sender zathura zcat zcmp zdiff zdump zegrep zenity zenmap zerofree zfgrep \
                      zforce zfs zgrep zic zile zipcloak zipfldr zipgrep zipinfo zless zmore znew zpool \
                      zramctl zsh zsoelim zstd zstdcat zstdgrep zstdless zypper";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_listed_once_and_found() {
        let names = || NAMED.split_ascii_whitespace().chain(ORDINARY.split_ascii_whitespace());
        assert_eq!(names().count(), PROGRAMS.len());
        for name in names() {
            assert!(is_program(name), "{name}");
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
