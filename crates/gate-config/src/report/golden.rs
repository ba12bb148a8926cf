//! How the messages look: each `tests/diagnostics/NAME.kdl` with its `NAME.txt`.
//!
//! `UPDATE_EXPECTED=1 cargo test -p gate-config golden` writes what the messages look like;
//! read the difference before it is kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use kept::expected::{Expected, files};
use miette::{GraphicalReportHandler, GraphicalTheme};

use super::{Code, Diagnostic};
use crate::model::{Objection, Place};
use crate::{load, parse};

const FOLDER: &str = "tests/diagnostics";

/// The diagnostics, one after the other, as a terminal without colours shows them.
fn render(diagnostics: &[Diagnostic]) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(110);
    let mut shown = String::new();
    for diagnostic in diagnostics {
        handler.render_report(&mut shown, diagnostic).expect("writing to a String does not fail");
        shown.push('\n');
    }
    shown.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn render_file(path: &Path) -> String {
    match load(path) {
        Ok(loaded) => render(&loaded.warnings),
        Err(failed) => render(&failed.diagnostics),
    }
}

#[test]
fn golden_messages_are_as_expected() {
    let mut expected = Expected::default();
    let inputs = files(Path::new(FOLDER), "kdl");
    assert!(inputs.len() > 10, "{inputs:?}");
    for path in inputs {
        expected.hold(&path.with_extension("txt"), &render_file(&path));
    }
    expected.judge();
}

#[test]
fn every_kind_of_message_has_a_golden_example() {
    let mut seen = BTreeSet::from(["unreadable", "too_many", "objection"].map(str::to_owned));
    for entry in fs::read_dir(FOLDER).expect("the folder is kept in the repository") {
        let text = fs::read(entry.expect("it can be listed").path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        seen.extend(text.lines().filter_map(|line| line.strip_prefix("config::")).map(str::to_owned));
    }
    let kinds: BTreeSet<_> = Code::ALL.iter().map(|code| code.name().to_owned()).collect();
    assert_eq!(seen, kinds);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let failed = load(Path::new("tests/diagnostics/none.kdl")).expect_err("there is no such file");
    let [diagnostic] = &*failed.diagnostics else { panic!("one diagnostic") };
    assert!(diagnostic.to_string().starts_with("tests/diagnostics/none.kdl cannot be read: "));
    assert!(load(Path::new("tests")).is_err(), "a folder is no file");
}

#[test]
fn hundreds_of_mistakes_are_counted() {
    let failed = parse("many.kdl", &"mistake\n".repeat(1000)).expect_err("they are no keys");
    assert_eq!(failed.diagnostics.len(), 201);
    assert_eq!(failed.diagnostics[200].to_string(), "800 more mistakes are not shown");
    assert_eq!(failed.to_string(), "many.kdl cannot be used: 1000 mistakes");
}

#[test]
fn an_objection_of_the_world_is_shown_at_its_value() {
    let text = "listeners { listener \"a\" { address \"127.0.0.1:80\" } }\nroutes { route \"a\" { builtin-handler \"echo\" } }";
    let loaded = parse("a.kdl", text).expect("it is right");
    let address = &loaded.config.listeners[0].address;
    let objection =
        |place| Objection { place, message: "taken".to_owned(), help: "choose another".to_owned() };
    let shown = loaded.sources.objection(&objection(address.place));
    assert_eq!(shown.one_line(), "a.kdl:1:36: taken (choose another)");
    assert!(render(&[shown]).contains("─────"), "the value is underlined");
    let nowhere = loaded.sources.objection(&objection(Place::NOWHERE));
    assert_eq!(nowhere.one_line(), "taken (choose another)");
}
