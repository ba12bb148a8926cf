//! Whether a request fits the conditions of a route: what the table's index answers faster,
//! and what is left when it has found the routes for a path.

use std::fmt;

use http::header::{HeaderMap, SEC_WEBSOCKET_PROTOCOL};

use super::{Conditions, HeaderCondition, HostPattern, PathPattern, QueryCondition, Request, query};

/// A condition that a request does not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit<'a> {
    /// None of the methods.
    Method,
    /// None of the hosts.
    Host,
    /// None of the paths.
    Path,
    /// Not this field.
    Header(&'a HeaderCondition),
    /// Not this parameter.
    Query(&'a QueryCondition),
    /// None of the subprotocols is offered.
    Subprotocol,
}

impl fmt::Display for Misfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name, value) = match self {
            Self::Method => return f.write_str("method"),
            Self::Host => return f.write_str("host"),
            Self::Path => return f.write_str("path"),
            Self::Subprotocol => return f.write_str("subprotocol"),
            Self::Header(condition) => ("header", condition.name.as_str(), &condition.value),
            Self::Query(condition) => ("query-param", &*condition.name, &condition.value),
        };
        write!(f, "{kind} {name:?}")?;
        value.as_ref().map_or(Ok(()), |value| write!(f, " {value:?}"))
    }
}

impl Conditions {
    /// The first condition that the request does not meet, `None` when it fits.
    #[must_use]
    pub fn misfit(&self, request: &Request<'_>) -> Option<Misfit<'_>> {
        if !self.paths.is_empty() && !self.paths.iter().any(|pattern| pattern.fits(request.path)) {
            return Some(Misfit::Path);
        }
        if !self.fits_host(request.host) {
            return Some(Misfit::Host);
        }
        self.misfit_of_fields(request)
    }

    pub(super) fn fits_host(&self, host: Option<&str>) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|pattern| pattern.fits(host))
    }

    /// The first misfit of a request whose path and host are known to fit.
    pub(super) fn misfit_of_fields(&self, request: &Request<'_>) -> Option<Misfit<'_>> {
        if !self.methods.is_empty() && !self.methods.contains(request.method) {
            return Some(Misfit::Method);
        }
        let unmet = self.headers.iter().find(|condition| !condition.fits(request.headers));
        if let Some(condition) = unmet {
            return Some(Misfit::Header(condition));
        }
        let unmet = self.query.iter().find(|condition| !condition.fits(request.query));
        if let Some(condition) = unmet {
            return Some(Misfit::Query(condition));
        }
        let offers_one = || self.subprotocols.iter().any(|name| offers(request.headers, name));
        if !self.subprotocols.is_empty() && !offers_one() {
            return Some(Misfit::Subprotocol);
        }
        None
    }
}

impl HostPattern {
    /// Whether a host, without its port, is of this pattern.
    #[must_use]
    pub fn fits(&self, host: Option<&str>) -> bool {
        let Some(host) = host.map(without_dot) else { return false };
        match self {
            Self::Exact(name) => host.eq_ignore_ascii_case(without_dot(name)),
            Self::Below(name) => {
                let name = without_dot(name);
                let start = host.len().checked_sub(name.len());
                let Some((labels, rest)) = start.and_then(|start| host.split_at_checked(start)) else {
                    return false;
                };
                rest.eq_ignore_ascii_case(name) && labels.len() > 1 && labels.ends_with('.')
            }
        }
    }
}

/// A host without the dot that ends a name at the root of the DNS.
pub(super) fn without_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

impl PathPattern {
    fn fits(&self, path: &str) -> bool {
        match self {
            Self::Exact(whole) => whole == path,
            Self::Prefix(prefix) => path
                .strip_prefix(&**prefix)
                .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/')),
            Self::Regex(regex) => regex.is_match(path),
        }
    }
}

impl HeaderCondition {
    fn fits(&self, headers: &HeaderMap) -> bool {
        match &self.value {
            None => headers.contains_key(&self.name),
            Some(value) => headers.get_all(&self.name).iter().any(|line| line.as_bytes() == value.as_bytes()),
        }
    }
}

impl QueryCondition {
    fn fits(&self, query: Option<&str>) -> bool {
        query::parameters(query.unwrap_or_default()).any(|(name, value)| {
            query::reads(name, &self.name)
                && self.value.as_ref().is_none_or(|wanted| query::reads(value, wanted))
        })
    }
}

/// Whether a handshake offers this subprotocol, on any line. The lists may be broken here:
/// the handshake is judged elsewhere.
fn offers(headers: &HeaderMap, name: &str) -> bool {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .any(|offered| offered.trim_matches([' ', '\t']) == name)
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, Method};
    use regex::Regex;

    use super::*;

    #[track_caller]
    fn check_host(pattern: &HostPattern, hosts: &[&str], others: &[&str]) {
        for host in hosts {
            assert!(pattern.fits(Some(host)), "{host} fits {pattern:?}");
        }
        for host in others {
            assert!(!pattern.fits(Some(host)), "{host} does not fit {pattern:?}");
        }
        assert!(!pattern.fits(None), "a request without a host fits no pattern");
    }

    #[test]
    fn a_host_is_compared_without_case_and_last_dot() {
        let exact = HostPattern::Exact("Example.org".into());
        check_host(
            &exact,
            &["example.org", "EXAMPLE.ORG", "example.org."],
            &["", "a.example.org", "example.or"],
        );
        check_host(&exact, &[], &["example.org..", "xexample.org", "\u{e4}xample.org"]);
        check_host(&HostPattern::Exact("example.org.".into()), &["example.org", "example.org."], &[]);
        check_host(&HostPattern::Exact("[::1]".into()), &["[::1]"], &["[::2]"]);
    }

    #[test]
    fn a_wildcard_fits_every_name_below_the_host_but_not_the_host() {
        let below = HostPattern::Below("example.org".into());
        let others = [
            "example.org",
            ".example.org",
            "xexample.org",
            "a.example.org.evil.net",
            "",
            "\u{e4}\u{e4}mple.org",
        ];
        check_host(&below, &["a.example.org", "A.B.Example.Org", "a.example.org."], &others);
    }

    #[track_caller]
    fn check_path(pattern: &PathPattern, paths: &[&str], others: &[&str]) {
        for path in paths {
            assert!(pattern.fits(path), "{path} fits {pattern:?}");
        }
        for path in others {
            assert!(!pattern.fits(path), "{path} does not fit {pattern:?}");
        }
    }

    #[test]
    fn a_prefix_ends_where_a_segment_ends() {
        check_path(
            &PathPattern::Prefix("/v2".into()),
            &["/v2", "/v2/", "/v2/a"],
            &["/v2x", "/v", "/", "/a/v2"],
        );
        check_path(
            &PathPattern::Prefix("/socket.io/".into()),
            &["/socket.io/", "/socket.io/a"],
            &["/socket.io"],
        );
        check_path(&PathPattern::Prefix("/".into()), &["/", "/a", "//"], &[]);
    }

    #[test]
    fn an_exact_path_is_the_whole_path_and_an_expression_any_part() {
        check_path(&PathPattern::Exact("/a".into()), &["/a"], &["/a/", "/", "/A", "/ab"]);
        check_path(&PathPattern::Regex(Regex::new("b+").expect("valid")), &["/abba"], &["/aca"]);
        check_path(&PathPattern::Regex(Regex::new("^/b+$").expect("valid")), &["/bb"], &["/b/"]);
    }

    #[test]
    fn a_query_must_have_the_name_or_the_value_in_any_place() {
        let named =
            |value: Option<&str>| QueryCondition { name: "a b".into(), value: value.map(String::from) };
        for (query, has_name, has_value) in [
            ("a+b=x", true, false),
            ("c=1&a%20b=x+y", true, true),
            ("a+b=1&a+b=x%20y", true, true),
            ("a+b", true, false),
            ("ab=x+y", false, false),
            ("", false, false),
        ] {
            assert_eq!(named(None).fits(Some(query)), has_name, "{query}");
            assert_eq!(named(Some("x y")).fits(Some(query)), has_value, "{query}");
        }
        assert!(named(Some("")).fits(Some("a+b")) && !named(None).fits(None));
    }

    #[test]
    fn a_header_must_stand_or_have_the_whole_value_on_one_line() {
        let name = HeaderName::from_static("x-a");
        let mut headers = HeaderMap::new();
        headers.append(&name, HeaderValue::from_static("1"));
        headers.append(&name, HeaderValue::from_static("2, 3"));
        let fits = |name: &'static str, value: Option<&str>| {
            let name = HeaderName::from_static(name);
            HeaderCondition { name, value: value.map(String::from) }.fits(&headers)
        };
        assert!(fits("x-a", None) && fits("x-a", Some("1")) && fits("x-a", Some("2, 3")));
        assert!(!fits("x-b", None) && !fits("x-a", Some("2")) && !fits("x-a", Some("")));
    }

    #[test]
    fn a_subprotocol_is_looked_for_in_all_offers() {
        let mut headers = HeaderMap::new();
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("chat.v1 ,\tmqtt"));
        headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("sip"));
        for name in ["chat.v1", "mqtt", "sip"] {
            assert!(offers(&headers, name), "{name}");
        }
        assert!(!offers(&headers, "MQTT") && !offers(&headers, "chat"));
    }

    #[test]
    fn the_first_condition_that_is_not_met_is_told_in_the_words_of_the_configuration() {
        let header = HeaderCondition { name: HeaderName::from_static("cookie"), value: None };
        let query = QueryCondition { name: "token".into(), value: Some("a b".into()) };
        let mut conditions = Conditions {
            hosts: vec![HostPattern::Exact("example.org".into())],
            paths: vec![PathPattern::Exact("/a".into()), PathPattern::Exact("/b".into())],
            methods: vec![Method::POST],
            headers: vec![header],
            query: vec![query],
            subprotocols: vec!["chat".into()],
        };
        let headers = HeaderMap::new();
        let request = Request { host: None, path: "/", query: None, method: &Method::GET, headers: &headers };
        let check = |conditions: &Conditions, expected: &str| {
            let misfit = conditions.misfit(&request).map(|misfit| misfit.to_string());
            assert_eq!(misfit.unwrap_or_default(), expected);
        };
        check(&conditions, "path");
        conditions.paths.push(PathPattern::Exact("/".into()));
        check(&conditions, "host");
        conditions.hosts.clear();
        check(&conditions, "method");
        conditions.methods.push(Method::GET);
        check(&conditions, "header \"cookie\"");
        conditions.headers.clear();
        check(&conditions, "query-param \"token\" \"a b\"");
        conditions.query.clear();
        check(&conditions, "subprotocol");
        conditions.subprotocols.clear();
        check(&conditions, "");
    }
}
