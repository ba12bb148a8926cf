//! What the guide shows can be copied: each block of KDL in it is a configuration, or a part of one
//! that lacks nothing but the other parts.

use std::fs;
use std::path::{Path, PathBuf};

use gate_config::parse;
use miette::Diagnostic as _;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of a page, with the line that each begins at.
fn blocks(page: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut current: Option<(usize, String)> = None;
    for (number, line) in (1..).zip(page.lines()) {
        match &mut current {
            None if line.trim() == "```kdl" => current = Some((number, String::new())),
            None => {}
            Some(_) if line.trim() == "```" => found.extend(current.take()),
            Some((_, text)) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    found
}

fn is_whole(text: &str) -> bool {
    text.lines().all(|line| !line.split(" //").next().unwrap_or_default().contains('…'))
}

/// Where a block may belong, if not at the top level.
const PLACES: [(&str, &str); 4] = [
    ("", ""),
    ("routes { ", " }"),
    ("routes { route \"a\" { builtin-handler \"echo\"; websocket { ", " } } }"),
    ("traces { trace \"a\" { address \"127.0.0.1:9060\"; ", " } }"),
];

/// The mistakes in a block but those of a part: what it names is defined elsewhere, and so is who listens.
fn mistakes(name: &str, text: &str) -> Vec<String> {
    let Err(failed) = parse(name, text) else { return Vec::new() };
    let own = failed.diagnostics.iter().filter(|found| {
        let code = found.code().map(|code| code.to_string()).unwrap_or_default();
        let is_of_the_whole =
            code == "config::unknown_reference" || found.to_string().starts_with("there is no listener");
        !found.is_warning() && !is_of_the_whole
    });
    own.map(gate_config::Diagnostic::one_line).collect()
}

#[test]
fn every_block_of_the_guide_loads_but_for_what_it_lacks() {
    let mut pages: Vec<_> = fs::read_dir(root().join("docs"))
        .expect("the guide")
        .map(|entry| entry.expect("a page").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.push(root().join("README.md"));
    let (mut wrong, mut loaded) = (Vec::new(), 0);
    for page in pages {
        let name = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Where something is left out nobody takes the block for a configuration.
        let blocks = blocks(&fs::read_to_string(&page).expect("text"));
        for (line, text) in blocks.into_iter().filter(|(_, text)| is_whole(text)) {
            loaded += 1;
            let places = PLACES.iter().map(|(before, behind)| format!("{before}{text}{behind}"));
            let found = places.map(|text| mistakes(&name, &text)).min_by_key(Vec::len).unwrap_or_default();
            wrong.extend(
                found
                    .iter()
                    .map(|mistake| format!("{}, the block at line {line}: {mistake}", page.display())),
            );
        }
    }
    assert!(loaded > 15, "{loaded} blocks");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
