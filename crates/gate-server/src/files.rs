//! How many files the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit as far as the system lets it be raised: each session takes two files,
/// and the soft limit of most systems is 1,024.
pub fn raise_limit() {
    let limits = getrlimit(Resource::Nofile);
    // Where it cannot be raised, accept errors will tell.
    let _best_effort =
        setrlimit(Resource::Nofile, Rlimit { current: limits.maximum, maximum: limits.maximum });
}
