//! Names for listeners, routes, upstreams and logs: readable, and each once.

use std::collections::HashSet;

/// Characters of a name.
const LENGTH_MAX: usize = 60;

/// What of a text can be in a name: letters, digits, `.`, `_` and `-`, anything else being a
/// hyphen between them.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        let begins = slug.is_empty() || slug.ends_with('-');
        if c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !begins) {
            slug.push(c.to_ascii_lowercase());
        } else if !begins {
            slug.push('-');
        }
        if slug.len() >= LENGTH_MAX {
            break;
        }
    }
    slug.trim_end_matches(['-', '.']).to_owned()
}

/// Names that are taken.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    names: HashSet<String>,
}

impl Taken {
    /// The name, or with a number behind it if it is taken.
    pub(crate) fn unique(&mut self, name: &str) -> String {
        let name = if name.is_empty() { "unnamed" } else { name };
        let mut candidate = name.to_owned();
        let mut number = 2_u32;
        while !self.names.insert(candidate.clone()) {
            candidate = format!("{name}-{number}");
            number += 1;
        }
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::{Taken, slug};

    #[test]
    fn names_are_readable_and_unique() {
        for (text, expected) in [
            ("/chat/", "chat"),
            ("/a b/c", "a-b-c"),
            ("^/rooms/\\d+$", "rooms-d"),
            (".json", "json"),
            ("Example.org", "example.org"),
            ("/", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
        let mut taken = Taken::default();
        assert_eq!(["a", "a", "a", ""].map(|name| taken.unique(name)), ["a", "a-2", "a-3", "unnamed"]);
    }
}
