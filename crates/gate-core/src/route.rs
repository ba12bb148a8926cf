//! Which route answers a request.
//!
//! Owns: the conditions of routes, when a request fits them, which of two routes is preferred
//! (`specificity`), and the table that finds the answer among many (`table`).
//! Not here: the normal form of paths (`crate::path`), and what a route does with a request.

mod expression;
mod fits;
mod forest;
mod index;
mod literals;
mod query;
mod regexes;
mod search;
mod shortlist;
mod specificity;
mod table;

use http::{HeaderMap, HeaderName, Method};
use regex::Regex;

pub use fits::Misfit;
pub use query::query_values;
pub use table::{Spelling, Table, Tried};

/// What of a request is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The host without its port, an IPv6 address in brackets. Case and one dot at the end do
    /// not count.
    pub host: Option<&'a str>,
    /// The path in its normal form ([`crate::path::normalise`]).
    pub path: &'a str,
    /// What stands behind the `?`, as it was sent.
    pub query: Option<&'a str>,
    /// The method.
    pub method: &'a Method,
    /// The fields.
    pub headers: &'a HeaderMap,
}

/// The host of a Host field, which may have a port: what routes are chosen by. `None` where an
/// old client names no host.
#[must_use]
pub fn host_without_port(authority: &str) -> Option<&str> {
    let end = match authority.strip_prefix('[') {
        Some(_) => authority.find(']').map_or(authority.len(), |end| end + 1),
        None => authority.find(':').unwrap_or(authority.len()),
    };
    authority.get(..end).filter(|host| !host.is_empty())
}

/// What a request must be like. Alternatives within `hosts`, `paths`, `methods` and
/// `subprotocols`: one of each list that is not empty must fit, and all of `headers` and
/// `query`. Without any condition every request fits.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    /// `host`.
    pub hosts: Vec<HostPattern>,
    /// `path`, `path-prefix`, `path-regex`.
    pub paths: Vec<PathPattern>,
    /// `method`.
    pub methods: Vec<Method>,
    /// `header`.
    pub headers: Vec<HeaderCondition>,
    /// `query-param`.
    pub query: Vec<QueryCondition>,
    /// `subprotocol`: one that the client offers in Sec-WebSocket-Protocol; compared exactly.
    pub subprotocols: Vec<String>,
}

/// A pattern for the host of a request, without its port; case and a dot at the end do not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// This host.
    Exact(String),
    /// `*.example.org`: any name below `example.org`, kept here without the `*.`.
    Below(String),
}

/// A pattern for the normalised path of a request.
#[derive(Clone, Debug)]
pub enum PathPattern {
    /// The whole path.
    Exact(String),
    /// The path, or what lies below it: `/v2` fits `/v2` and `/v2/a`, not `/v2x`; a prefix
    /// that ends in `/` fits what begins with it.
    Prefix(String),
    /// Found anywhere in the path, unless anchored. Flags stand in the text of the expression,
    /// as in `(?i)`: the table compiles the texts of many together.
    Regex(Regex),
}

/// A field that a request must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderCondition {
    /// Its name.
    pub name: HeaderName,
    /// The whole value of one of its lines; `None`: any.
    pub value: Option<String>,
}

/// A parameter that the query must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryCondition {
    /// Its name, decoded.
    pub name: String,
    /// Its value, decoded, of one of its occurrences; `None`: any.
    pub value: Option<String>,
}
