//! The guide names what operators meet: each metric, each reason of a record or a label, and each
//! event of the error log that the code can write.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn every_metric_is_in_the_guide() {
    let found: BTreeSet<String> = sources("gate-server")
        .iter()
        .flat_map(|text| literals(text))
        .filter(|literal| literal.starts_with("framegate_"))
        .map(|literal| literal.split(|c| !is_of_word(c)).next().unwrap_or_default().to_owned())
        .map(|name| family(&name).to_owned())
        .collect();
    assert!(found.len() > 50, "{found:?}");
    assert_named(&found);
}

#[test]
fn every_reason_is_in_the_guide() {
    let found: BTreeSet<String> = WITH_REASONS
        .iter()
        .flat_map(|name| sources(name))
        .flat_map(|text| bodies(&text).iter().flat_map(|body| literals(body)).collect::<Vec<_>>())
        .filter(|literal| literal.len() > 1 && literal.chars().all(is_of_word))
        .filter(|literal| !literal.starts_with(|c: char| c.is_ascii_digit()))
        .filter(|literal| !NEVER_TOLD.contains(&literal.as_str()))
        .collect();
    assert!(found.len() > 150 && found.contains("no_route"), "{found:?}");
    assert_named(&found);
}

#[test]
fn every_event_of_the_error_log_is_in_the_guide() {
    let found: BTreeSet<String> = sources("gate-server")
        .iter()
        .flat_map(|text| {
            text.split(".error(").skip(1).map(str::trim_start).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|call| call.starts_with('"') && call.contains("Level::"))
        .filter_map(|call| literals(&call).into_iter().next())
        .filter(|literal| literal.chars().all(is_of_word))
        .collect();
    assert!(found.len() > 15 && found.contains("listening"), "{found:?}");
    assert_named(&found);
}

/// The crates whose faults have reasons that records and metrics tell.
const WITH_REASONS: [&str; 6] =
    ["gate-server", "gate-core", "gate-net", "ws-proto", "sip-proto", "agent-proto"];

/// What becomes something else before anybody is told: a plain request is proxied, and an answer that
/// is no 101 goes to the client as it is.
const NEVER_TOLD: [&str; 2] = ["not_websocket", "upstream_status"];

#[track_caller]
fn assert_named(names: &BTreeSet<String>) {
    let guide = guide();
    let missing: Vec<_> = names.iter().filter(|name| !guide.contains(*name)).collect();
    assert!(missing.is_empty(), "docs/*.md do not name {missing:?}");
}

/// All words of the guide.
fn guide() -> BTreeSet<String> {
    let pages =
        fs::read_dir(root().join("docs")).expect("the guide").map(|entry| entry.expect("a page").path());
    let pages: String = pages.filter(|path| path.is_file()).map(|path| read(&path)).collect();
    pages.split(|c| !is_of_word(c)).map(str::to_owned).collect()
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')
}

/// The name of a metric without what its samples of a histogram have behind it.
fn family(name: &str) -> &str {
    ["_seconds_bucket", "_seconds_count", "_seconds_sum"]
        .iter()
        .find(|end| name.ends_with(**end))
        .map_or(name, |end| name.get(..name.len() - end.len() + "_seconds".len()).unwrap_or(name))
}

/// The bodies of the functions that answer a reason.
fn bodies(text: &str) -> Vec<&str> {
    let starts = ["fn reason(", "fn label("].into_iter().flat_map(|head| text.match_indices(head));
    starts.filter_map(|(at, _)| body(text.get(at..)?)).collect()
}

/// What stands between the first brace and the one that closes it.
fn body(text: &str) -> Option<&str> {
    let begin = text.find('{')?;
    let mut depth = 0_usize;
    for (at, c) in text.get(begin..)?.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return text.get(begin..begin + at),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The texts in quotes; none of those that are looked for has an escape in it.
fn literals(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

/// The code of a crate without its tests.
fn sources(name: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut waiting = vec![root().join("crates").join(name).join("src")];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("a folder");
            waiting.extend(entries.map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            let text = read(&path);
            found.push(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned());
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("text")
}
