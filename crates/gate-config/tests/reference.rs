//! The reference page of the user guide is that of the code, and its examples load.
//!
//! `UPDATE_EXPECTED=1 cargo test -p gate-config --test reference` writes the page's part that
//! comes from the code.

use std::fs;
use std::path::{Path, PathBuf};

use gate_config::{parse, reference};
use kept::expected::is_updating;

/// What stands above it in the page is written by hand.
const MARKER: &str = "<!-- What follows is written by a test of gate-config from its tables. -->\n\n";

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md")
}

#[test]
fn the_page_in_the_user_guide_is_that_of_the_code() {
    let text = fs::read_to_string(page()).expect("the page is kept in the repository");
    let (written, generated) = text.split_once(MARKER).expect("the marker stands in the page");
    if is_updating() {
        fs::write(page(), format!("{written}{MARKER}{}", reference())).expect("it can be written");
    } else {
        assert!(generated == reference(), "the page is not that of the code; see the head of this file");
    }
}

#[test]
fn the_examples_of_the_page_load() {
    let text = fs::read_to_string(page()).expect("the page is kept in the repository");
    let examples: Vec<_> = text.split("```kdl\n").skip(1).filter_map(|rest| rest.split_once("```")).collect();
    assert!(examples.len() > 1, "the page has examples");
    for (example, _) in examples {
        // What an example leaves out is not what it is about.
        let mut document = example.to_owned();
        for (block, content) in [
            ("listeners", "listeners { listener \"http\" { address \"127.0.0.1:8080\" } }"),
            ("routes", "routes { route \"all\" { upstream \"chat\" } }"),
            ("upstreams", "upstreams { upstream \"chat\" { target \"127.0.0.1:3000\" } }"),
        ] {
            if !example.contains(block) {
                document.push_str(content);
                document.push('\n');
            }
        }
        if let Err(failed) = parse("example.kdl", &document) {
            let lines: Vec<_> = failed.diagnostics.iter().map(|diagnostic| diagnostic.one_line()).collect();
            panic!("{document}\n{}", lines.join("\n"));
        }
    }
}
