//! Commands that go somewhere first: `cd /etc; cat passwd`.

use super::arguments::is_secret;
use super::shell::{Statement, Word};

/// Where steps from directory to directory lead, from the root or the system's settings.
#[derive(Default)]
pub(super) struct Directory {
    path: String,
}

impl Directory {
    /// The points of a command in the directory to which those before it have gone: for a file there that is a
    /// secret, and for a look at what a stranger looks at first. A step is taken with the next command.
    pub(super) fn visit(&mut self, statement: &Statement) -> i32 {
        let entered = self.path.clone();
        if let [step, to] = statement.words.as_slice()
            && matches!(step.text.as_str(), "cd" | "pushd" | "chdir")
        {
            self.go(&to.text);
        }
        let is_secret =
            |word: &Word| word.text.len() < PATH_MAX && is_secret(&format!("{entered}{}", word.text));
        if !entered.is_empty() && statement.words.iter().skip(1).any(is_secret) {
            4
        } else {
            i32::from(matches!(entered.as_str(), "/" | "/etc/" | "/root/" | "/proc/" | "/home/"))
        }
    }

    fn go(&mut self, to: &str) {
        if to.starts_with('/') {
            self.path.clear();
        } else if self.path.is_empty() {
            return;
        }
        // Longer ones are made up.
        if self.path.len() + to.len() < PATH_MAX {
            self.path.push_str(to.trim_end_matches('/'));
            self.path.push('/');
        }
    }
}

const PATH_MAX: usize = 32;
