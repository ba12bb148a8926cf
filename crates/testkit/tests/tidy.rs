//! The order of the house, held against the sources: which crate and which module may
//! look at which, and that every file says what it is and has one idea's length.
//!
//! The tables are the pictures of ARCHITECTURE.md. An arrow that is not in them is a
//! mistake here or a change of the picture there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file, its tests included.
const LINES_MAX: usize = 700;

/// The crates, and what of the workspace each may depend on.
const CRATES: [(&str, &[&str]); 13] = [
    ("kept", &[]),
    ("ws-proto", &["kept"]),
    ("sip-proto", &["kept"]),
    ("gate-core", &["kept", "ws-proto"]),
    ("agent-proto", &["kept"]),
    ("gate-inspect", &["gate-core", "ws-proto"]),
    ("gate-config", &["gate-core", "gate-inspect", "kept", "ws-proto"]),
    ("gate-import", &["gate-config", "gate-core", "kept"]),
    ("gate-net", &["gate-config"]),
    (
        "gate-server",
        &["agent-proto", "gate-config", "gate-core", "gate-inspect", "gate-net", "sip-proto", "ws-proto"],
    ),
    ("heap", &[]),
    (
        "framegate",
        &[
            "agent-proto",
            "gate-config",
            "gate-core",
            "gate-import",
            "gate-inspect",
            "gate-net",
            "gate-server",
            "heap",
            "testkit",
            "ws-proto",
        ],
    ),
    ("testkit", &["gate-config", "gate-core", "gate-server", "ws-proto"]),
];

/// Crates that do no I/O, and all that they may depend on. Tests may have random numbers.
const PURE: [(&str, &[&str]); 6] = [
    ("ws-proto", &["base64", "http", "sha1", "simdutf8", "thiserror", "zlib-rs"]),
    ("sip-proto", &["base64", "hmac", "memchr", "sha2", "thiserror"]),
    (
        "gate-core",
        &["aho-corasick", "http", "regex", "regex-automata", "regex-syntax", "thiserror", "ws-proto"],
    ),
    ("gate-import", &["gate-core", "http", "miette", "regex"]),
    ("agent-proto", &["base64", "serde", "serde_json", "thiserror"]),
    (
        "gate-inspect",
        &[
            "aho-corasick",
            "gate-core",
            "jsonschema",
            "memchr",
            "regex",
            "serde",
            "serde_json",
            "simdutf8",
            "thiserror",
            "ws-proto",
        ],
    ),
];

/// What only code that waits, or looks at the world, has a use for.
const WORLD: [&str; 12] = [
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "std::fs",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime",
    ".elapsed()",
];

/// The top modules of gate-core, and which others each may look at.
const GATE_CORE: [(&str, &[&str]); 13] = [
    ("balance", &[]),
    ("health", &["balance"]),
    ("ids", &[]),
    ("origin", &[]),
    ("path", &[]),
    ("route", &["ids", "path"]),
    ("side", &[]),
    ("policy", &["side"]),
    ("rate", &["side"]),
    ("session", &["policy", "rate", "side"]),
    ("template", &["route", "session", "side"]),
    ("endpoint", &["policy", "rate", "session", "side"]),
    ("fuzz", &["endpoint", "path", "policy", "rate", "session", "side"]),
];

/// The top modules of gate-inspect, and which others each may look at.
const GATE_INSPECT: [(&str, &[&str]); 12] = [
    ("bytes", &[]),
    ("category", &[]),
    ("schema", &[]),
    ("subject", &[]),
    ("finding", &["category"]),
    ("settings", &["category"]),
    ("decode", &["bytes", "settings", "subject"]),
    ("detect", &["bytes", "category", "decode", "finding", "settings"]),
    ("redact", &["decode", "detect", "settings", "subject"]),
    ("excerpt", &["decode", "detect", "redact"]),
    (
        "inspection",
        &["category", "decode", "detect", "excerpt", "finding", "redact", "schema", "settings", "subject"],
    ),
    ("fuzz", &["decode", "inspection", "settings", "subject"]),
];

/// The top modules of gate-server, and which others each may look at.
const GATE_SERVER: [(&str, &[&str]); 24] = [
    ("clock", &[]),
    ("files", &[]),
    ("sockets", &[]),
    ("succession", &["sockets"]),
    ("admission", &["clock", "upstream"]),
    ("control", &["clock"]),
    ("signing", &[]),
    ("site", &[]),
    ("token_file", &[]),
    ("observe", &["clock", "site"]),
    ("upstream", &["clock"]),
    ("trace", &["clock", "observe", "upstream"]),
    ("inspect", &["clock", "observe", "signing", "upstream", "worker"]),
    ("by_header", &["clock", "inspect", "observe", "signing", "upstream"]),
    (
        "snapshot",
        &["admission", "by_header", "clock", "inspect", "observe", "sip", "token_file", "trace", "upstream"],
    ),
    (
        "sip",
        &[
            "admission",
            "clock",
            "drive",
            "inspect",
            "observe",
            "signing",
            "snapshot",
            "trace",
            "upstream",
            "worker",
        ],
    ),
    ("preparation", &["observe", "snapshot", "sockets", "upstream"]),
    ("worker", &["clock", "inspect", "observe", "sip", "snapshot", "upstream"]),
    ("drive", &["admission", "clock", "inspect", "observe", "snapshot", "trace", "upstream", "worker"]),
    (
        "front",
        &[
            "admission",
            "by_header",
            "clock",
            "drive",
            "inspect",
            "observe",
            "sip",
            "snapshot",
            "sockets",
            "trace",
            "upstream",
            "worker",
        ],
    ),
    ("runtime", &["clock", "front", "sip", "snapshot", "sockets", "upstream", "worker"]),
    ("admin", &["clock", "control", "observe", "runtime", "site", "trace", "worker"]),
    ("support", &["admin", "observe", "runtime", "site", "sockets", "trace", "upstream"]),
    (
        "gateway",
        &[
            "admin",
            "clock",
            "control",
            "files",
            "front",
            "observe",
            "preparation",
            "runtime",
            "sip",
            "snapshot",
            "sockets",
            "succession",
            "support",
            "trace",
            "worker",
        ],
    ),
];

#[test]
fn crates_depend_on_each_other_in_one_direction() {
    let names: BTreeSet<_> = CRATES.iter().map(|(name, _)| *name).collect();
    let found: BTreeSet<_> = entries(&crates()).into_iter().map(|path| name_of(&path)).collect();
    assert_eq!(found, names.iter().map(|name| (*name).to_owned()).collect(), "the table lists all crates");
    for (name, allowed) in CRATES {
        let manifest = manifest(name);
        for dependency in dependencies(&manifest, &["dependencies", "dev-dependencies", "build-dependencies"])
        {
            let is_of_the_workspace = names.contains(&*dependency);
            assert!(
                !is_of_the_workspace || allowed.contains(&&*dependency),
                "{name} may not depend on {dependency}"
            );
        }
    }
}

#[test]
fn protocol_machines_do_no_io() {
    for (name, allowed) in PURE {
        for dependency in dependencies(&manifest(name), &["dependencies", "build-dependencies"]) {
            assert!(allowed.contains(&&*dependency), "{name} may not depend on {dependency}");
        }
        for file in sources(&crates().join(name).join("src")) {
            for (number, line) in code(&read(&file)) {
                let word = WORLD.iter().find(|word| line.contains(*word));
                assert_eq!(word, None, "{}:{number}: {line}", file.display());
            }
        }
    }
}

#[test]
fn modules_look_at_each_other_along_the_arrows() {
    check_modules("gate-core", &GATE_CORE);
    check_modules("gate-inspect", &GATE_INSPECT);
    check_modules("gate-server", &GATE_SERVER);
}

#[test]
fn every_file_says_what_it_is_and_is_not_too_long() {
    let root = crates().join("..");
    for file in sources(&crates()).into_iter().chain(sources(&root.join("fuzz").join("fuzz_targets"))) {
        let text = read(&file);
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", file.display());
        let says = text.lines().next().and_then(|line| line.strip_prefix("//! "));
        assert!(says.is_some_and(|says| says.len() > 10), "{} does not say what it is", file.display());
    }
}

fn check_modules(name: &str, arrows: &[(&str, &[&str])]) {
    let src = crates().join(name).join("src");
    let mut seen = BTreeSet::new();
    for file in sources(&src) {
        let path = file.strip_prefix(&src).expect("it was found there");
        let module = path.components().next().map(|part| name_of(Path::new(part.as_os_str())));
        let Some(module) = module.filter(|module| module != "lib") else { continue };
        let arrow = arrows.iter().find(|(from, _)| *from == module);
        assert!(arrow.is_some(), "{name}::{module} is not in the table");
        let allowed = arrow.map_or(&[][..], |(_, allowed)| allowed);
        for (number, line) in code(&read(&file)) {
            for used in used_modules(&line) {
                assert!(
                    used == module || allowed.contains(&&*used),
                    "{}:{number}: {module} may not look at {used}: {line}",
                    file.display()
                );
            }
        }
        seen.insert(module);
    }
    let listed: BTreeSet<_> = arrows.iter().map(|(module, _)| (*module).to_owned()).collect();
    assert_eq!(seen, listed, "the table lists all modules of {name}");
}

/// The top modules that a line names behind `crate::`.
fn used_modules(line: &str) -> Vec<String> {
    let mut used = Vec::new();
    for rest in line.split("crate::").skip(1) {
        let group = rest.strip_prefix('{').and_then(|group| group.split('}').next());
        let paths = group.map_or_else(|| vec![rest], |group| group.split(',').collect());
        for path in paths {
            let name: String =
                path.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            used.push(name);
        }
    }
    used
}

/// The lines of a source that are not comments, with their numbers.
fn code(text: &str) -> Vec<(usize, String)> {
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| is_code(line))
        .map(|(at, line)| (at, line.to_owned()))
        .collect()
}

/// The names that stand in those tables of a manifest.
fn dependencies(manifest: &str, tables: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_within = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            is_within = tables.contains(&table);
            let name = table.split_once('.').filter(|(table, _)| tables.contains(table));
            found.extend(name.map(|(_, name)| name.to_owned()));
        } else if is_within
            && let Some(name) = line.split(['.', ' ', '=']).next().filter(|name| !name.is_empty())
        {
            found.push(name.to_owned());
        }
    }
    found.retain(|name| !name.starts_with('#'));
    found
}

/// All Rust sources below a directory.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(directory) {
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort_unstable();
    paths
}

/// The name of a crate or module from its directory or file.
fn name_of(path: &Path) -> String {
    path.file_stem().and_then(|stem| stem.to_str()).expect("a name in UTF-8").to_owned()
}

fn manifest(name: &str) -> String {
    read(&crates().join(name).join("Cargo.toml"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a text in UTF-8")
}

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the directory of all crates").to_owned()
}

#[test]
fn the_readers_of_this_file_read_what_they_should() {
    let manifest = "[dependencies]\na.workspace = true\nb = \"1\"\n# c\n\n[dev-dependencies]\nd = { path = \"d\" }\n\
                    [dependencies.e]\nversion = \"1\"\n[lints]\nworkspace = true\n";
    assert_eq!(dependencies(manifest, &["dependencies"]), ["a", "b", "e"]);
    assert_eq!(dependencies(manifest, &["dev-dependencies"]), ["d"]);
    assert_eq!(used_modules("use crate::drive::pipe::{Pipe, Written};"), ["drive"]);
    assert_eq!(used_modules("use crate::{clock, worker::Worker};"), ["clock", "worker"]);
    assert_eq!(used_modules("fn f(a: crate::a::B, c: crate::d::E)"), ["a", "d"]);
    assert_eq!(used_modules("use super::frame;"), [""; 0]);
    assert_eq!(code("//! a\nb\n    // c\nd // e"), [(2, "b".to_owned()), (4, "d // e".to_owned())]);
}
