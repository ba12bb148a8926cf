//! Any bytes for a configuration of nginx: made of nginx's words, of the golden inputs and
//! their mutants, the same on every run. What holds for every input: it is judged without a
//! panic, a mistake points into the text, and what is written can be read by Framegate.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use gate_import::nginx::{NoFiles, Options, Source, import};
use kept::expected::files;
use miette::Diagnostic as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Translates a text, and reads what comes of it; says whether it was in the language.
fn judge(text: &str) -> bool {
    let source = Source { name: "any.conf".to_owned(), text: Arc::from(text) };
    let imported = match import(source, &mut NoFiles, &Options::default()) {
        Ok(imported) => imported,
        Err(error) => {
            for label in error.labels().into_iter().flatten() {
                let span = label.offset()..label.offset() + label.len();
                assert!(text.get(span).is_some(), "{error} points into {text:?}");
            }
            assert!(error.one_line().starts_with("any.conf:") && !error.one_line().contains('\n'), "{error}");
            return false;
        }
    };
    for note in &imported.notes {
        assert!(!note.text.contains('\n') && note.text.starts_with("any.conf:"), "{note}");
    }
    let mut document = imported.kdl;
    if imported.counts.listeners == 0 {
        document.push_str("listeners { listener \"any\" { address \"127.0.0.1:1\" } }");
    }
    let failed = gate_config::parse("imported.kdl", &document).err();
    let lines =
        failed.map(|failed| failed.diagnostics.iter().map(|found| found.one_line()).collect::<Vec<_>>());
    assert_eq!(lines, None, "{text}\ncame to\n{document}");
    true
}

fn golden() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/import/nginx");
    files(&folder, "conf").iter().map(|path| fs::read_to_string(path).expect("a text in UTF-8")).collect()
}

/// A text in pieces: words, and what stands between them.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_word = rest.starts_with(|c: char| !c.is_whitespace() && !";{}".contains(c));
        let end = rest.find(|c: char| is_word == (c.is_whitespace() || ";{}".contains(c)));
        let (word, behind) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = behind;
    }
    words
}

#[test]
fn golden_inputs_with_other_words_come_to_something_that_can_be_read() {
    let inputs = golden();
    let all: Vec<&str> =
        inputs.iter().flat_map(|input| words(input)).filter(|word| !word.trim().is_empty()).collect();
    let mut dice = StdRng::seed_from_u64(4);
    let mut understood = 0;
    for input in &inputs {
        assert!(judge(input), "{input}");
        for _ in 0..MUTANTS {
            let mut words = words(input);
            for _ in 0..dice.random_range(1..=4) {
                let at = dice.random_range(0..words.len());
                if let Some(word) = words
                    .get_mut(at)
                    .filter(|word| !word.trim().is_empty() && !word.contains([';', '{', '}']))
                {
                    *word =
                        all.choose(&mut dice).filter(|word| !word.contains([';', '{', '}'])).unwrap_or(&"x");
                }
            }
            understood += u32::from(judge(&words.concat()));
        }
    }
    assert!(understood > 100, "of all mutants {understood} are in the language");
}

/// Mutants of each input.
const MUTANTS: usize = 40;

/// Arguments with which something could go wrong.
const ARGUMENTS: &[&str] = &[
    "\"\"",
    "0",
    "-1",
    "1",
    "80",
    "99999999999999999999",
    "$x",
    "${x}",
    "/",
    "//",
    "/a",
    "/a/",
    "\"/a b\"",
    "/\u{e4}",
    "/%2f",
    "/a\\\\b",
    "*.a.org",
    ".a.org",
    "a.org",
    "*",
    "_",
    "~^a",
    "\"~^(.+)\\.a\\.org$\"",
    "[::1]:1",
    "unix:/a",
    "unix:",
    "localhost",
    "on",
    "off",
    "1h",
    "1y2w",
    "\"1h 30m\"",
    "500ms",
    "1m",
    "=",
    "^~",
    "~",
    "~*",
    "@a",
    "a",
    "b",
    "http://a",
    "http://a/",
    "https://b:1/x",
    "http://unix:/s:/y",
    "http://[::1]:3/",
    "zone=z:1m",
    "zone=z",
    "rate=1r/s",
    "rate=5r/m",
    "burst=5",
    "$binary_remote_addr",
    "$server_name",
    "backup",
    "down",
    "weight=3",
    "max_fails=0",
    "fail_timeout=9s",
    "ssl",
    "default_server",
    "proxy_protocol",
    "quic",
    "ipv6only=off",
    "open",
    "close",
    "message",
    "\"$uri $x $\"",
    "'\u{202e}\n\u{7}'",
    "Host",
    "$host",
    "cookie",
    "expires=1h",
    "path=/;",
    "consistent",
    "$cookie_a",
    "$http_a_b",
    "two",
    "404",
    "200",
    "301",
    "all",
    "10.0.0.1/8",
    "::/200",
    "TLSv1.3",
    "TLSv1.1",
    "optional",
    "(?!a)",
    "\"(\"",
    "\"[\\d]{3}\"",
    "(?i)a|b",
    "a.pem",
    "stderr",
    "syslog:server=a",
    "debug",
    "\"*/ // /* \\\" #\"",
];

/// Names of directives, all that mean something.
const NAMES: &[&str] = &[
    "listen",
    "server_name",
    "proxy_pass",
    "return",
    "ws_stat",
    "stub_status",
    "ws_log_enabled",
    "log_enabled",
    "ws_log",
    "ws_log_format",
    "ws_max_connections",
    "ws_conn_age",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_protocols",
    "ssl_client_certificate",
    "ssl_verify_client",
    "ssl_crl",
    "ssl_session_tickets",
    "ssl_reject_handshake",
    "proxy_read_timeout",
    "proxy_send_timeout",
    "send_timeout",
    "proxy_connect_timeout",
    "client_max_body_size",
    "proxy_set_header",
    "limit_conn",
    "limit_req",
    "allow",
    "deny",
    "auth_basic",
    "internal",
    "set_real_ip_from",
    "real_ip_header",
    "keepalive_timeout",
    "client_header_timeout",
    "large_client_header_buffers",
    "proxy_ssl_name",
    "proxy_ssl_trusted_certificate",
    "proxy_ssl_verify",
    "proxy_next_upstream",
    "proxy_next_upstream_tries",
    "try_files",
    "root",
    "access_log",
    "error_log",
    "rewrite",
    "gzip",
    "unheard_of",
    "http2",
    "ssl",
    "limit_conn_zone",
    "limit_req_zone",
    "worker_processes",
    "worker_shutdown_timeout",
    "log_format",
    "include",
    "satisfy",
];

/// What may stand in `upstream`.
const BALANCING: &[&str] = &[
    "server",
    "server",
    "server",
    "least_conn",
    "ip_hash",
    "hash",
    "random",
    "sticky",
    "keepalive",
    "keepalive_timeout",
    "zone",
];

fn directives(names: &[&str], depth: u32, dice: &mut StdRng, text: &mut String) {
    for _ in 0..dice.random_range(0..7) {
        let name = names.choose(dice).copied().unwrap_or_default();
        let arguments: Vec<&str> =
            (0..dice.random_range(0..4)).filter_map(|_| ARGUMENTS.choose(dice).copied()).collect();
        text.push_str(&format!("{name} {};\n", arguments.join(" ")));
    }
    if depth == 0 {
        return;
    }
    for _ in 0..dice.random_range(0..4) {
        let (mark, path) = (["", "=", "^~", "~", "~*"].choose(dice), ARGUMENTS.choose(dice));
        text.push_str(&format!("location {} {} {{\n", mark.unwrap_or(&""), path.unwrap_or(&"/")));
        directives(names, depth - 1, dice, text);
        text.push_str("}\n");
    }
}

#[test]
fn directives_with_any_arguments_come_to_something_that_can_be_read() {
    let mut understood = 0;
    for seed in 0..200 {
        let dice = &mut StdRng::seed_from_u64(seed);
        let mut text = String::new();
        for name in ["a", "b", "a.org"] {
            text.push_str(&format!("upstream {name} {{\n"));
            directives(BALANCING, 0, dice, &mut text);
            text.push_str("}\n");
        }
        for _ in 0..dice.random_range(0..4) {
            text.push_str("server {\n");
            directives(NAMES, 2, dice, &mut text);
            text.push_str("}\n");
        }
        directives(NAMES, 0, dice, &mut text);
        let text = if seed % 2 == 0 { format!("http {{\n{text}}}\n") } else { text };
        understood += u32::from(judge(&text));
    }
    assert!(understood > 40, "of all texts {understood} are in the language");
}

#[test]
fn any_bytes_are_judged() {
    let inputs = golden();
    let mut dice = StdRng::seed_from_u64(7);
    for _ in 0..1000 {
        let mut bytes: Vec<u8> = if dice.random_bool(0.5) {
            (0..dice.random_range(0..80))
                .map(|_| *b" \n;{}\"'\\$#ab/~=*.\xff\x00\xe4".choose(&mut dice).unwrap_or(&b' '))
                .collect()
        } else {
            inputs.choose(&mut dice).map(|input| input.clone().into_bytes()).unwrap_or_default()
        };
        for _ in 0..dice.random_range(0..4) {
            let at = dice.random_range(0..=bytes.len());
            match dice.random_range(0..3) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, *b";{}\"'\\\n".choose(&mut dice).unwrap_or(&b';')),
                _ => drop(bytes.drain(at..bytes.len().min(at + 2))),
            }
        }
        judge(&String::from_utf8_lossy(&bytes));
    }
}
