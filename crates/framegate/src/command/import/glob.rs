//! Files by patterns with `*`, `?` and `[…]`, as nginx takes them.

use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// Files of one pattern.
const FOUND_MAX: usize = 1000;

/// As a shell's: what a pattern does not name, it does not cross or find.
const LIKE_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The files that fit a pattern, sorted by name. Relative ones are looked for in `folder`.
pub(super) fn find(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let folder = Pattern::escape(&folder.to_string_lossy());
    let pattern = Path::new(&folder).join(pattern);
    let fitting = glob::glob_with(&pattern.to_string_lossy(), LIKE_A_SHELL);
    let mut found: Vec<PathBuf> = match fitting {
        Ok(paths) => paths.flatten().filter(|path| path.is_file()).take(FOUND_MAX).collect(),
        Err(_) => Vec::new(),
    };
    found.sort_unstable();
    found
}
