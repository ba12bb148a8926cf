//! What is found, held against files of what is expected. With `UPDATE_EXPECTED` in the
//! environment they are written; read the difference before it is kept.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Collects what differs, so that a test tells all of it.
#[derive(Debug, Default)]
#[must_use = "what differs fails the test in `judge`"]
pub struct Expected {
    differing: Vec<String>,
}

/// Whether files of what is expected are to be written.
#[must_use]
pub fn is_updating() -> bool {
    env::var_os("UPDATE_EXPECTED").is_some()
}

impl Expected {
    /// Holds what was found against a file.
    ///
    /// # Panics
    /// The file is to be written and cannot be.
    pub fn hold(&mut self, file: &Path, found: &str) {
        if is_updating() {
            fs::write(file, found).expect("it can be written");
        }
        if fs::read_to_string(file).unwrap_or_default() != found {
            self.differing.push(format!("{}:\n{found}", file.display()));
        }
    }

    /// Tells what differs.
    ///
    /// # Panics
    /// Something does.
    pub fn judge(self) {
        let differing = self.differing.join("\n");
        assert!(differing.is_empty(), "these differ from what is expected:\n{differing}");
    }
}

/// The files in a folder of the repository whose names end so, in order.
///
/// # Panics
/// It cannot be read.
#[must_use]
pub fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder is kept in the repository");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|other| other == extension));
    files.sort_unstable();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "these differ from what is expected")]
    fn what_differs_fails_the_test() {
        if is_updating() {
            panic!("these differ from what is expected: not looked at");
        }
        let mut expected = Expected::default();
        expected.hold(Path::new("src/no-such-file"), "found");
        expected.judge();
    }

    #[test]
    fn what_does_not_passes() {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).expect("it is there");
        let mut expected = Expected::default();
        expected.hold(&manifest, &text);
        expected.judge();
        assert_eq!(files(Path::new(env!("CARGO_MANIFEST_DIR")), "toml"), [manifest]);
    }
}
