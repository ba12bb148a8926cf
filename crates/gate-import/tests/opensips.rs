//! What OpenSIPS' configurations come to: each `testdata/import/opensips/NAME.cfg` with its
//! `NAME.kdl`, and the notes in `NAME.txt`. A first line `# --upstream URL` is that option.
//!
//! `UPDATE_EXPECTED=1 cargo test -p gate-import --test opensips` writes what they come to; read
//! the difference before it is kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_import::opensips::{Imported, NoteKind, Options, Source, import};
use kept::expected::{Expected, files};
use miette::Diagnostic as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/import/opensips")
}

fn inputs() -> Vec<PathBuf> {
    let inputs = files(&folder(), "cfg");
    assert!(inputs.len() > 7, "{inputs:?}");
    inputs
}

fn golden(path: &Path) -> Imported {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8").to_owned();
    let text = fs::read_to_string(path).expect("a text in UTF-8");
    let upstream = text.lines().next().and_then(|line| line.strip_prefix("# --upstream "));
    let options =
        Options { upstream: upstream.map(|url| url.parse().expect("it is right")), ..Options::default() };
    import(Source { name, text: text.into() }, &options)
        .map_err(|error| error.one_line())
        .expect("it is in OpenSIPS' language")
}

/// What is wrong with a document.
fn mistakes(imported: &Imported) -> Vec<String> {
    let mut document = imported.kdl.clone();
    if imported.counts.listeners == 0 {
        document.push_str("listeners { listener \"a\" { address \"127.0.0.1:1\" } }");
    }
    let failed = gate_config::parse("imported.kdl", &document).err();
    failed.map_or_else(Vec::new, |failed| {
        failed.diagnostics.iter().map(|diagnostic| diagnostic.one_line()).collect()
    })
}

#[test]
fn golden_configurations_come_to_what_is_expected() {
    let mut expected = Expected::default();
    for path in inputs() {
        let imported = golden(&path);
        let notes: String = imported.notes.iter().map(|note| format!("{:?} {note}\n", note.kind)).collect();
        for (extension, found) in [("kdl", imported.kdl), ("txt", notes)] {
            expected.hold(&path.with_extension(extension), &found);
        }
    }
    expected.judge();
}

#[test]
fn what_is_written_can_be_read() {
    for path in inputs() {
        let imported = golden(&path);
        assert_eq!(mistakes(&imported), [""; 0], "{}:\n{}", path.display(), imported.kdl);
    }
}

#[test]
fn every_statement_is_kept_told_of_or_left_to_opensips() {
    let text = "socket=udp:127.0.0.1:5060\nsocket=wss:127.0.0.1:443\n";
    let before = notes(text).len();
    for statement in [
        "modparam(\"proto_wss\", \"wss_resource\", \"/a\")",
        "modparam(\"proto_wss\", \"nothing\", 1)",
        "modparam(\"proto_ws\", \"ws_port\", 1)",
        "modparam(\"tls_mgm\", \"certificate\", \"[a]b\")",
        "modparam(\"tls_mgm\", \"client_domain\", \"a\")",
        "modparam(\"proto_hep\", \"hep_id\", \"[a]b\")",
        "modparam(\"proto_hep\", \"nothing\", \"b\")",
        "modparam(\"tm\", \"fr_timeout\", 5)",
        "loadmodule \"tm.so\"",
        "log_level=3",
        "tcp_keepalive=1",
        "tcp_connection_lifetime=many",
        "tcp_max_connections=0",
        "route[a] { exit; }",
        "#!define X",
        "import_file \"a\"",
        "nonsense",
    ] {
        let found = notes(&format!("{text}{statement}\n"));
        assert!(found.iter().any(|note| note.contains("a.cfg:3: ")), "{statement}: {found:?}");
        assert!(found.len() > before, "{statement}");
    }
}

fn notes(text: &str) -> Vec<String> {
    let source = Source { name: "a.cfg".to_owned(), text: Arc::from(text) };
    let imported = import(source, &Options::default()).expect(text);
    imported.notes.iter().map(ToString::to_string).collect()
}

#[test]
fn passwords_are_not_repeated() {
    let text = "socket=ws:127.0.0.1:80\ndb_default_url=\"mysql://a:secret@b\"\n\
                modparam(\"tls_mgm\", \"db_url\", \"mysql://a:secret@b\")\nmodparam(\"x\", \"password\", \"secret\")\n";
    let source = Source { name: "a.cfg".to_owned(), text: Arc::from(text) };
    let imported = import(source, &Options::default()).expect("it is right");
    assert!(!imported.kdl.contains("secret"), "{}", imported.kdl);
    assert!(imported.notes.iter().all(|note| !note.text.contains("secret")), "{:?}", imported.notes);
}

#[test]
fn relative_paths_are_put_behind_the_folder() {
    let path = folder().join("domains.cfg");
    let text = fs::read_to_string(path).expect("it is kept in the repository");
    let options = Options { folder: "/etc/opensips/".to_owned(), ..Options::default() };
    let imported = import(Source { name: "a".to_owned(), text: text.into() }, &options).expect("it is right");
    for path in ["/etc/opensips/certs/plain.pem", "/certs/any.pem", "/etc/opensips/certs/named.key"] {
        assert!(imported.kdl.contains(&format!("\"{path}\"")), "{path}:\n{}", imported.kdl);
    }
}

const NOT_OF_OPENSIPS: &str = "a.cfg:1:1: nothing in it is a statement of OpenSIPS (an opensips.cfg has lines like \
                               socket=wss:10.0.0.1:443, loadmodule \"proto_wss.so\", modparam(…))";

#[test]
fn each_mistake_is_told_with_its_line_and_column() {
    for (text, expected) in [
        (
            "a=1\nb=\"c",
            "a.cfg:2:3: a quoted text is not closed (it ends with \", which within it is written \\\")",
        ),
        ("/* a", "a.cfg:1:1: a comment is not closed (it ends with */)"),
        (
            "route {\n if (x) {\n }",
            "a.cfg:1:7: a block is not closed (each `{` needs its `}`; the file ends before)",
        ),
        ("}\n", "a.cfg:1:1: a `}` closes nothing (remove it, or look for a `}` too many before it)"),
        ("log_level=3\nsocket=wss:10.0.0.1:99999\n", "a.cfg:2:8: `99999` is no port (ports are 1 to 65535)"),
        ("socket=ws:[::1]:x tag a\n", "a.cfg:1:8: `x` is no port (ports are 1 to 65535)"),
        ("", NOT_OF_OPENSIPS),
        ("# nothing\n", NOT_OF_OPENSIPS),
        ("http {\n  server { listen 80; location = /a { return 404; } }\n}\n", NOT_OF_OPENSIPS),
        ("route[a]\n", "a.cfg:1:6: a route has no block (write route[name] { … })"),
        (
            "modparam(\"a\", \"b\")",
            "a.cfg:1:1: `modparam` has three arguments (write modparam(\"module\", \"name\", \"value\"))",
        ),
        (
            "modparam(\"a\", \"b\", 1, 2)",
            "a.cfg:1:1: `modparam` has three arguments (write modparam(\"module\", \"name\", \"value\"))",
        ),
    ] {
        let source = Source { name: "a.cfg".to_owned(), text: Arc::from(text) };
        let error = import(source, &Options::default()).expect_err(text);
        assert_eq!(error.one_line(), expected, "{text}");
        assert_eq!(error.code().map(|code| code.to_string()).as_deref(), Some("opensips::syntax"));
    }
}

#[test]
fn what_cannot_be_had_is_told_as_that() {
    for (value, is_refused) in [("1", true), ("2", true), ("3", false)] {
        let text = format!(
            "socket=ws:127.0.0.1:80\nmodparam(\"proto_hep\", \"hep_id\", \"[a]10.0.0.1;version={value}\")\n\
             modparam(\"proto_ws\", \"trace_destination\", \"a\")\n"
        );
        let source = Source { name: "a.cfg".to_owned(), text: text.into() };
        let imported = import(source, &Options::default()).expect("it is right");
        let refused = imported.notes.iter().any(|note| note.kind == NoteKind::Refused);
        assert_eq!(refused, is_refused, "version {value}");
        assert_eq!(imported.kdl.contains("/- trace \"a\""), is_refused, "version {value}:\n{}", imported.kdl);
        assert_eq!(mistakes(&imported), [""; 0], "version {value}:\n{}", imported.kdl);
    }
}

/// Judges a text without a panic; what is written can be read.
fn judge(text: &str, upstream: Option<&str>) -> bool {
    let options = Options { upstream: upstream.and_then(|url| url.parse().ok()), ..Options::default() };
    let source = Source { name: "any.cfg".to_owned(), text: Arc::from(text) };
    let imported = match import(source, &options) {
        Ok(imported) => imported,
        Err(error) => {
            for label in error.labels().into_iter().flatten() {
                let span = label.offset()..label.offset() + label.len();
                assert!(text.get(span).is_some(), "{error} points into {text:?}");
            }
            assert!(error.one_line().starts_with("any.cfg:") && !error.one_line().contains('\n'), "{error}");
            return false;
        }
    };
    for note in &imported.notes {
        assert!(!note.text.contains('\n') && note.text.starts_with("any.cfg:"), "{:?}", note.text);
    }
    assert_eq!(mistakes(&imported), [""; 0], "{text}\ncame to\n{}", imported.kdl);
    true
}

/// What mutants are made of, besides pieces of themselves.
const PIECES: &[&str] = &[
    "socket=wss:",
    "socket=ws:*:0",
    "wss:[::1]:443",
    "\"",
    "{",
    "}",
    "(",
    ")",
    "/*",
    "#",
    "\n",
    ",",
    "=",
    "-1",
    "0",
    "99999999999",
    "\"[a]b\"",
    "\u{e4}\u{202e}",
    "\u{0}",
    "drop;",
    "if (",
    "$sp",
    "!=",
    "*",
];

#[test]
fn any_text_is_judged() {
    let inputs: Vec<String> =
        inputs().iter().map(|path| fs::read_to_string(path).expect("a text in UTF-8")).collect();
    let mut dice = StdRng::seed_from_u64(11);
    let mut understood = 0;
    for round in 0..600 {
        let mut text: Vec<char> =
            inputs.choose(&mut dice).map(|input| input.chars().collect()).unwrap_or_default();
        for _ in 0..dice.random_range(1..5) {
            let at = dice.random_range(0..=text.len());
            let end = text.len().min(at + dice.random_range(0..12));
            let piece = PIECES.choose(&mut dice).copied().unwrap_or_default();
            drop(text.splice(at..end, piece.chars()));
        }
        let text: String = text.into_iter().collect();
        let upstream = [None, Some("wss://a"), Some("tls://[::1]:1")].get(round % 3).copied().flatten();
        understood += u32::from(judge(&text, upstream));
    }
    assert!(understood > 100, "of all texts {understood} are in the language");
}

/// Values that parameters are given, for the better and for the worse.
const VALUES: &[&str] = &[
    "1",
    "0",
    "-5",
    "443",
    "70000",
    "99999999999999999999",
    "\"\"",
    "\"a\"",
    "\"[a]b\"",
    "\"[a]*.b.org,none\"",
    "\"[a]*\"",
    "\"[a]TLSv1_3\"",
    "\"[a]10.0.0.1:443\"",
    "\"TLSv1_2\"",
    "\"[b]1.2.3.4:70000;version=1\"",
    "\"[b]c.org;transport=udp\"",
    "\"b\"",
    "\"c\"",
    "\"/x y\"",
    "\"/x\"",
    "\"::\"",
];

#[test]
fn parameters_with_any_values_come_to_something_that_can_be_read() {
    let names: &[(&str, &[&str])] = &[
        (
            "proto_wss",
            &[
                "wss_port",
                "wss_max_msg_chunks",
                "wss_resource",
                "wss_handshake_timeout",
                "wss_send_timeout",
                "wss_tls_handshake_timeout",
                "cert_check_on_conn_reusage",
                "trace_destination",
                "trace_on",
                "trace_filter_route",
                "require_origin",
            ],
        ),
        (
            "proto_ws",
            &["ws_port", "ws_max_msg_chunks", "trace_destination", "ws_send_timeout", "require_origin"],
        ),
        (
            "tls_mgm",
            &[
                "server_domain",
                "client_domain",
                "match_ip_address",
                "match_sip_domain",
                "tls_method",
                "verify_cert",
                "require_cert",
                "certificate",
                "private_key",
                "ca_list",
                "ca_dir",
                "crl_dir",
            ],
        ),
        ("proto_hep", &["hep_id", "hep_capture_id", "homer5_on", "homer5_delim"]),
    ];
    let sockets = [
        "wss:10.0.0.1:443",
        "wss:*",
        "ws:*:8080",
        "ws:[::1]",
        "wss:eth0:0",
        "udp:a b",
        "tcp:[::]:5060",
        "tls:x.org",
    ];
    for seed in 0..400 {
        let dice = &mut StdRng::seed_from_u64(seed);
        let mut text = String::new();
        for _ in 0..dice.random_range(1..5) {
            text.push_str(&format!("socket={}\n", sockets.choose(dice).copied().unwrap_or_default()));
        }
        text.push_str("modparam(\"tls_mgm\", \"server_domain\", \"a\")\nmodparam(\"tls_mgm\", \"client_domain\", \"a\")\n");
        for name in ["tcp_connect_timeout", "tcp_connection_lifetime", "tcp_max_connections"] {
            text.push_str(&format!("{name}={}\n", VALUES.choose(dice).copied().unwrap_or_default()));
        }
        for _ in 0..dice.random_range(0..30) {
            let Some((module, parameters)) = names.choose(dice) else { continue };
            let (name, value) = (parameters.choose(dice), VALUES.choose(dice));
            let (name, value) = (name.copied().unwrap_or_default(), value.copied().unwrap_or_default());
            text.push_str(&format!("modparam(\"{module}\", \"{name}\", {value})\n"));
        }
        text.push_str("route[b] { if ($si == \"10.0.0.1\") drop; }\n");
        let upstream = [None, Some("wss://a"), Some("tls://[::1]")].choose(dice).copied().flatten();
        assert!(judge(&text, upstream), "{text}");
    }
}
