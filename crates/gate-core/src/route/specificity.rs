//! How specific a route is: which of two routes of the same priority is preferred.

use super::{Conditions, HostPattern, PathPattern};

impl Conditions {
    /// The weights of all conditions together; more is preferred. Of alternatives the least
    /// specific counts, since the route answers that much.
    pub(super) fn specificity(&self) -> usize {
        let paths = self.paths.iter().map(PathPattern::weight).min();
        let hosts = self.hosts.iter().map(HostPattern::weight).min();
        let headers = self.headers.iter().map(|condition| if condition.value.is_some() { 30 } else { 20 });
        let query = self.query.iter().map(|condition| if condition.value.is_some() { 25 } else { 15 });
        let method = if self.methods.is_empty() { 0 } else { 10 };
        let subprotocol = if self.subprotocols.is_empty() { 0 } else { 15 };
        let fields: usize = headers.chain(query).sum();
        paths.unwrap_or(0) + hosts.unwrap_or(0) + fields + method + subprotocol
    }
}

impl PathPattern {
    fn weight(&self) -> usize {
        match self {
            Self::Exact(_) => 10_000,
            Self::Regex(_) => 5_000,
            // Not even an absurdly long prefix outweighs an expression.
            Self::Prefix(prefix) => 1_000 + prefix.len().min(3_999),
        }
    }
}

impl HostPattern {
    fn weight(&self) -> usize {
        match self {
            Self::Exact(_) => 70,
            Self::Below(_) => 50,
        }
    }
}
