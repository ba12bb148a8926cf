//! Attacks and ordinary paths.

use super::detect;
use crate::detect::{ByteSet, Hits, Text};

/// The rules that a text meets, and their sum.
fn met(text: &[u8]) -> (u16, Vec<&'static str>) {
    let lower = text.to_ascii_lowercase();
    let mut hits = Hits::default();
    detect(Text { raw: text, lower: &lower, bytes: ByteSet::of(text) }, &mut hits);
    (hits.list().iter().map(|hit| hit.rule.score).sum(), hits.list().iter().map(|hit| hit.rule.id).collect())
}

#[test]
fn each_rule_has_an_attack_that_meets_it() {
    let attacks = [
        ("traversal-encoded", "%2e%2e%2fsecret"),
        ("traversal-encoded", "/app/..;/manager/html"),
        ("traversal-sensitive-file", "../etc/passwd"),
        ("traversal-above-root", "/static/../../x"),
        ("traversal-deep", "../../../../../../x"),
        ("traversal-relative", "../../../x"),
        ("traversal-server-file", "../../app.ini"),
        ("traversal-filter-dots", "....//....//x"),
        ("traversal-self-chain", "./././././././x"),
        ("traversal-system-file", "/etc/passwd"),
        ("traversal-wrapper", "php://filter/convert.base64-encode/resource=index.php"),
        ("traversal-admin-share", "\\\\203.0.113.9\\c$\\x"),
        ("traversal-nul", "notes.php%00.jpg"),
        ("traversal-stream", "web.config::$DATA"),
        ("traversal-file-name", "form-data; name=\"file\"; filename=\"../../x.txt\""),
        ("traversal-remote-file", "page=http://203.0.113.7/x.txt?"),
    ];
    for (rule, attack) in attacks {
        assert!(met(attack.as_bytes()).1.contains(&rule), "{attack:?} meets {:?}", met(attack.as_bytes()).1);
    }
    for rule in super::RULES {
        assert!(attacks.iter().any(|(id, _)| *id == rule.id), "{} has no attack here", rule.id);
    }
}

/// Every way to write the dots and the slash, with every target.
#[test]
fn climbing_paths_are_attacks_in_any_disguise() {
    let steps = [
        "../",
        "..\\",
        "..//",
        "..\\\\",
        "%2e%2e/",
        "%2e%2e%2f",
        "..%2f",
        "..%5c",
        "%2e%2e%5c",
        ".%2e/",
        "%2e./",
        "%252e%252e%252f",
        "..%252f",
        "..%255c",
        "%25252e%25252e%25252f",
        "..%c0%af",
        "%c0%ae%c0%ae/",
        "%c0%ae%c0%ae%c0%af",
        "..%c1%9c",
        "%e0%80%ae%e0%80%ae%e0%80%af",
        "..%e0%80%af",
        "..%u2215",
        "..%u2216",
        "%uff0e%uff0e%u2215",
        "%u002e%u002e%u002f",
        "0x2e0x2e0x2f",
        "..0x5c",
        "%%32%65%%32%65%%32%66",
        "..%25c0%25af",
        "....//",
        "....\\\\",
        "..;/",
        "..%00/",
        "..\\/",
        "../\\",
        "%c0%2e%c0%2e%c0%2f",
        "..%c0%5c",
        "..%c0%9v",
        "..%c1%pc",
        "..%c1%af",
        "..%bg%qf",
        "..%fc%80%80%80%80%af",
        "..%0d/",
        "..%20/",
        "..%ff/",
        "..;a=b/",
        ".../.\\",
        "..././",
    ];
    for step in steps {
        for depth in [1, 2, 4, 8] {
            for target in [
                "etc/passwd",
                "boot.ini",
                "windows/win.ini",
                "WEB-INF/web.xml",
                "proc/self/environ",
                "etc/shadow%00.jpg",
                "etc/passwd;x.html",
            ] {
                for root in ["", "/", "file=", "images/"] {
                    let attack = format!("{root}{}{target}", step.repeat(depth));
                    assert!(
                        met(attack.as_bytes()).0 >= 5,
                        "{attack:?} meets only {:?}",
                        met(attack.as_bytes()).1
                    );
                }
            }
        }
    }
}

#[test]
fn files_of_the_system_are_attacks_as_values() {
    for attack in [
        "/etc/passwd",
        "/etc/shadow",
        "/etc/passwd%00",
        "\"/etc/passwd\"",
        "page=/etc/passwd",
        "/proc/self/environ",
        "C:\\boot.ini",
        "c:/windows/system32/drivers/etc/hosts",
        "file:///etc/passwd",
        "file://localhost/etc/passwd",
        "file:/etc/passwd",
        "php://filter/read=string.rot13/resource=x.php",
        "php://input",
        "expect://id",
        "phar://x.jpg/a",
        "\\\\host\\admin$\\x",
        "//host/c$/windows",
        "/WEB-INF/web.xml",
        "////etc/passwd",
        "/./etc/./passwd",
        "/var/www/../../etc/passwd",
        "/..\\..\\x",
        "/%5C../%5C../%5C../etc/passwd",
        "/.%2e/.%2e/x",
        "/cgi-bin/.%2e/%2e%2e/bin/sh",
        "/%uff0e%uff0e/x",
        ".../.../.../x",
        "/scripts/..%c1%1c../winnt/system32/cmd.exe?/c+dir",
        "..././..././etc/passwd",
        "\u{ff0e}\u{ff0e}/\u{ff0e}\u{ff0e}/etc/passwd",
        "http://h/x?f=../../../../etc/passwd",
        "\u{2025}/\u{2025}/etc/passwd",
        "../../../config/database.yml",
        "/etc/crontab",
        "/usr/local/etc/php.ini",
        "data:;base64,PD9waHAgZWNobyAxOz8/Pg==",
        "/etc/nginx/nginx.conf",
        "/var/log/apache2/access.log",
        "/logs/access_log ",
        "/home/ann/.ssh/id_ed25519",
        "~/.aws/credentials",
        "~root/.bash_history",
        "/root/.kube/config",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "/usr/local/apache2/conf/httpd.conf",
        "/opt/tomcat/conf/tomcat-users.xml",
        "/home/ann/.config/x/application_default_credentials.json",
        "C:\\Program Files (x86)\\MySQL\\MySQL Server 5.7\\my.ini",
        "C:/xampp/php/php.ini",
        "c:\\windows\\debug\\netsetup.log",
        "\\\\?\\C:\\Windows\\win.ini",
        "\\\\.\\GLOBALROOT\\Device\\x\\Windows\\x",
        "\\\\::1\\c$\\x",
        "\\\\h.example\\x\\evil.dll",
        "%WINDIR%\\win.ini",
        "file:///C|/boot.ini",
        "file:/etc/nginx/nginx.conf",
        "jar:file:///etc/nginx/nginx.conf",
        "?page=/etc/vsftpd.conf",
        "file=../config/db.php",
        "../.env",
        "../../etc/exports",
        "..\\..\\Program Files\\Apache Group\\Apache\\conf\\httpd.conf",
        "/static../etc/x",
        "....//x.php",
        "..2f..2fetc2fpasswd",
        "..%25252fadmin",
        ".git/HEAD",
        "php://memory",
        "gopher://127.0.0.1:6379/_INFO",
        "http://169.254.169.254/latest/user-data",
        "web.config::$DATA",
    ] {
        assert!(met(attack.as_bytes()).0 >= 5, "{attack:?} meets only {:?}", met(attack.as_bytes()).1);
    }
    assert!(met(b"\xc0\xae\xc0\xae/\xc0\xae\xc0\xae/x").0 >= 5, "overlong bytes as they are");
}

#[test]
fn ordinary_paths_are_none() {
    for text in [
        "see ../README.md",
        "../../lib/util",
        "import x from '../../../components/admin'",
        "Users are in /etc/passwd, passwords in /etc/shadow.",
        "It is in /etc/nginx/nginx.conf, or below /var/log/nginx.",
        "C:\\Users\\me\\Documents",
        "C:\\Program Files\\Git\\bin, add it to PATH",
        "- ../nginx.conf:/etc/nginx/nginx.conf:ro",
        "error_log /var/log/nginx/error.log warn;",
        "PATH=/usr/local/bin:/usr/bin",
        "/usr/bin/python3",
        "/home/ann/project/src/main.rs",
        "/settings/users",
        "/logs/2024",
        "~/projects",
        "%USERPROFILE%\\Desktop",
        "//cdn.example/lib/x.js",
        "https://github.example/a/b/blob/main/.env",
        "https://h.example/login?next=/settings/",
        "../index.html",
        "loading.../done",
        "filename=\"../logo.png\"",
        "did you see http://h.example/pic.jpg?",
        "the address http://169.254.169.254/latest/ is link-local",
        "php://memory is a stream of PHP",
        "file.txt:stream and x::$y",
        "..2f is a version",
        "\\\\fileserver\\share\\x.doc",
        "https://h.example/a/b/../c",
        "wait... what?../",
        "and/or",
        "24/7 .. 25/7",
        "./configure && make",
        "a/./b",
        "src/../lib/./x.rs",
        "path/to/.../file",
        "go test ./...",
        "file:///home/ann/notes.txt",
        "https://h.example/?q=50%25%20off",
        "name=O%27Brien",
        "1.2.3.4/24",
        "%d/%m/%Y",
        "..",
        "...",
        "/",
        "0x2e",
        "cd ../..",
        "[x](../guide/x.md)",
        "C:\\a\\..\\b",
        "100%/50%",
        "/home/ann/project/../other/x.rs",
        "data:text/plain;base64,aGVsbG8=",
        "{\"path\":\"../assets/logo.png\"}",
        "¯\\_(ツ)_/¯",
        "https://cdn.example/%E2%80%A6/x",
        "file.txt",
        "../../../shared/models/user.model",
    ] {
        assert!(met(text.as_bytes()).0 < 5, "{text:?} meets {:?}", met(text.as_bytes()).1);
    }
}

/// What stands around a payload is the attacker's to choose, and so is its length.
#[test]
fn padding_hides_nothing() {
    let attacks = [
        format!("{}../etc/passwd", "a/".repeat(20_000)),
        format!("  {}  /etc/passwd  \n", "\t".repeat(50)),
        format!("..{}etc/passwd", "/".repeat(5_000)),
        format!("{}../../../../../../x", "./".repeat(2)),
    ];
    let missed: Vec<_> = attacks.iter().filter(|attack| met(attack.as_bytes()).0 < 5).collect();
    assert!(missed.is_empty(), "not found: {missed:?}");
}

#[test]
fn huge_texts_are_read_in_linear_time() {
    for piece in ["../", "%25", "%2e", "....//", "0x2e", "/./", "\\/", "%%32", "a/", "\u{ff0e}"] {
        let _ = met(piece.repeat(400_000 / piece.len()).as_bytes());
    }
}
