//! What all inspections share is built before a message needs it.

use std::fs;
use std::path::{Path, PathBuf};

/// The files of this crate that take part in judging.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("fuzz.rs") {
            files.push(path);
        }
    }
}

#[test]
fn no_table_is_left_for_the_first_message_to_build() {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    let (mut seen, mut left) = (0, Vec::new());
    for file in files {
        let text = fs::read_to_string(&file).expect("a source");
        for line in text.lines().filter(|line| line.contains(": LazyLock<")) {
            let name = line.split("static ").nth(1).and_then(|rest| rest.split(':').next()).expect("a name");
            seen += 1;
            if !text.contains(&format!("LazyLock::force(&{name});")) {
                left.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(seen > 10, "{seen} tables");
    assert!(left.is_empty(), "warm_up of the module leaves: {left:#?}");
}
