//! The page of rules in the user guide is that of the code.
//!
//! `UPDATE_EXPECTED=1 cargo test -p gate-inspect --test rules` writes it.

use std::fs;
use std::path::{Path, PathBuf};

use gate_inspect::{Category, RULES};

const HEAD: &str = "# Rules of the inspection\n\n<!-- Written by a test of gate-inspect from its tables. -->\n\n\
    A rule that scores 5 suffices alone at the default threshold; others want company of their category in the same \
    string. The ids are stable: logs, audit records and `except` use them. What is done with findings: \
    [inspection.md](inspection.md).\n";

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for category in Category::ALL {
        let mut rules: Vec<_> =
            RULES.iter().flat_map(|rules| rules.iter()).filter(|rule| rule.category == category).collect();
        rules.sort_unstable_by_key(|rule| rule.id);
        if rules.is_empty() {
            continue;
        }
        page.push_str(&format!(
            "\n## {}\n\n| rule | score | what it looks for |\n|---|---|---|\n",
            category.name()
        ));
        for rule in rules {
            page.push_str(&format!(
                "| `{}` | {} | {} |\n",
                rule.id,
                rule.score,
                rule.what.replace('|', "\\|")
            ));
        }
    }
    page
}

#[test]
fn the_page_of_rules_is_that_of_the_code() {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(path(), page()).expect("it can be written");
        return;
    }
    let written = fs::read_to_string(path()).expect("the page is kept in the repository");
    assert!(written == page(), "the page is not that of the code; see the head of this file");
}
