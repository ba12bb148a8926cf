//! The table of all routes.
//!
//! Order of preference: higher priority, then the more specific, then the earlier in the
//! configuration. The first that fits answers.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::index::Index;
use super::search::{Rank, Search};
use super::{Conditions, Misfit, Request};
use crate::ids::RouteId;
use crate::path;

/// All routes of a configuration; never changed.
#[derive(Debug)]
pub struct Table {
    /// By rank.
    ids: Vec<RouteId>,
    /// By rank.
    conditions: Vec<Conditions>,
    index: Index,
    spelling: Spelling,
}

/// Which paths are one to the routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spelling {
    /// Only those with the same normal form.
    #[default]
    Normal,
    /// Those that are one when they are decoded, with one `/` for several ([`path::decoded`]).
    Decoded,
}

/// One route that was tried for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried<'a> {
    /// The route.
    pub route: RouteId,
    /// The first condition that the request does not meet; `None`: this route answers.
    pub misfit: Option<Misfit<'a>>,
}

impl Table {
    /// Takes conditions and priority of each route in the order of the configuration: the
    /// place is the [`RouteId`].
    #[must_use]
    pub fn new(routes: Vec<(Conditions, u32)>) -> Self {
        let mut routes: Vec<_> = (0..).map(RouteId).zip(routes).collect();
        routes.sort_by_cached_key(|(id, (conditions, priority))| {
            (Reverse(*priority), Reverse(conditions.specificity()), *id)
        });
        let (ids, conditions): (Vec<_>, Vec<_>) =
            routes.into_iter().map(|(id, (conditions, _))| (id, conditions)).unzip();
        let index = Index::new(&conditions);
        Self { ids, conditions, index, spelling: Spelling::Normal }
    }

    /// The same routes for other spellings.
    #[must_use]
    pub fn spelled(self, spelling: Spelling) -> Self {
        Self { spelling, ..self }
    }

    /// The path that routes see; `None`: one that leads out of the root, which none answers.
    fn path<'a>(&self, request: &Request<'a>) -> Option<Cow<'a, str>> {
        match self.spelling {
            Spelling::Normal => Some(Cow::Borrowed(request.path)),
            Spelling::Decoded => path::decoded(request.path).ok(),
        }
    }

    /// The route that answers.
    #[must_use]
    pub fn find(&self, request: &Request<'_>) -> Option<RouteId> {
        let path = self.path(request)?;
        let mut search = Search::new(Request { path: &path, ..*request }, &self.conditions);
        self.index.search(&mut search);
        search.found().and_then(|rank: Rank| self.ids.get(rank)).copied()
    }

    /// The routes in the order of preference up to the one that answers, or all when none does.
    #[must_use]
    pub fn explain(&self, request: &Request<'_>) -> Vec<Tried<'_>> {
        let mut tried = Vec::new();
        let Some(path) = self.path(request) else { return tried };
        let request = Request { path: &path, ..*request };
        for (route, conditions) in self.ids.iter().zip(&self.conditions) {
            let misfit = conditions.misfit(&request);
            tried.push(Tried { route: *route, misfit });
            if misfit.is_none() {
                break;
            }
        }
        tried
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, Method};
    use regex::Regex;

    use super::*;
    use crate::route::{HeaderCondition, HostPattern, PathPattern, QueryCondition};

    const REQUEST: (&str, &str, &str) = ("a.example.org", "/chat/room", "token=1");

    /// Conditions that `REQUEST` fits, each more specific than the one before it.
    fn ladder() -> Vec<Conditions> {
        let none = Conditions::default;
        let path = |pattern| Conditions { paths: vec![pattern], ..none() };
        let prefix = |text: &str| PathPattern::Prefix(text.into());
        let header = |value: Option<&str>| {
            let name = HeaderName::from_static("cookie");
            vec![HeaderCondition { name, value: value.map(String::from) }]
        };
        let parameter = |value: Option<&str>| {
            vec![QueryCondition { name: "token".into(), value: value.map(String::from) }]
        };
        vec![
            none(),
            Conditions { methods: vec![Method::GET], ..none() },
            Conditions { query: parameter(None), ..none() },
            Conditions { headers: header(None), ..none() },
            Conditions { query: parameter(Some("1")), ..none() },
            Conditions { headers: header(Some("a=b")), ..none() },
            Conditions { hosts: vec![HostPattern::Below("example.org".into())], ..none() },
            Conditions { hosts: vec![HostPattern::Exact("a.example.org".into())], ..none() },
            path(prefix("/")),
            path(prefix("/chat")),
            Conditions { methods: vec![Method::GET], ..path(prefix("/chat")) },
            path(PathPattern::Regex(Regex::new("^/chat/").expect("valid"))),
            path(PathPattern::Exact("/chat/room".into())),
            Conditions { methods: vec![Method::GET], ..path(PathPattern::Exact("/chat/room".into())) },
        ]
    }

    fn find(table: &Table, headers: &HeaderMap) -> Option<RouteId> {
        let (host, path, query) = REQUEST;
        let method = &Method::GET;
        table.find(&Request { host: Some(host), path, query: Some(query), method, headers })
    }

    fn headers() -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::COOKIE, http::HeaderValue::from_static("a=b"));
        headers
    }

    #[track_caller]
    fn check(routes: Vec<(Conditions, u32)>, expected: Option<u32>) {
        assert_eq!(find(&Table::new(routes), &headers()), expected.map(RouteId));
    }

    #[test]
    fn the_more_specific_route_answers_wherever_it_stands() {
        for pair in ladder().windows(2) {
            let [less, more] = pair else { unreachable!("windows of two") };
            check(vec![(less.clone(), 50), (more.clone(), 50)], Some(1));
            check(vec![(more.clone(), 50), (less.clone(), 50)], Some(0));
        }
    }

    #[test]
    fn priority_goes_before_specificity_and_the_earlier_before_the_later() {
        let most = ladder().pop().expect("it has rungs");
        check(vec![(most.clone(), 50), (Conditions::default(), 51)], Some(1));
        check(vec![(most.clone(), 50), (most, 50)], Some(0));
        check(Vec::new(), None);
    }

    #[test]
    fn a_decoded_path_cannot_go_round_a_route() {
        let admin = Conditions { paths: vec![PathPattern::Prefix("/admin".into())], ..Conditions::default() };
        let routes = vec![(Conditions::default(), 50), (admin, 50)];
        let headers = HeaderMap::new();
        for (path, normal, decoded) in [
            ("/admin", Some(1), Some(1)),
            ("//admin", Some(0), Some(1)),
            ("/%2Fadmin", Some(0), Some(1)),
            ("/x%2F..%2Fadmin", Some(0), Some(1)),
            ("/%2F..%2Fadmin", Some(0), None),
            ("/x", Some(0), Some(0)),
        ] {
            let request = Request { host: None, path, query: None, method: &Method::GET, headers: &headers };
            for (spelling, expected) in [(Spelling::Normal, normal), (Spelling::Decoded, decoded)] {
                let table = Table::new(routes.clone()).spelled(spelling);
                assert_eq!(table.find(&request), expected.map(RouteId), "{path} {spelling:?}");
                let last = table.explain(&request).last().filter(|tried| tried.misfit.is_none()).copied();
                assert_eq!(last.map(|tried| tried.route), expected.map(RouteId), "{path} {spelling:?}");
            }
        }
    }

    #[test]
    fn a_list_is_as_specific_as_its_least_specific_alternative() {
        let both = vec![PathPattern::Exact("/chat/room".into()), PathPattern::Prefix("/".into())];
        let both = Conditions { paths: both, ..Conditions::default() };
        let prefix = vec![PathPattern::Prefix("/chat".into())];
        check(vec![(both, 50), (Conditions { paths: prefix, ..Conditions::default() }, 50)], Some(1));
    }

    #[test]
    fn a_route_is_found_when_its_hosts_and_paths_are_very_many() {
        let many = |name: &str| {
            let hosts = (0..40).map(|n| HostPattern::Exact(format!("{name}{n}.example.org")));
            let hosts = hosts.chain([HostPattern::Exact(format!("{name}.example.org"))]);
            let paths = (0..40).map(|n| PathPattern::Prefix(format!("/{n}")));
            let paths = paths.chain([PathPattern::Prefix("/chat".into())]);
            Conditions { hosts: hosts.collect(), paths: paths.collect(), ..Conditions::default() }
        };
        check(vec![(Conditions::default(), 50), (many("a"), 50)], Some(1));
        check(vec![(Conditions::default(), 50), (many("b"), 50)], Some(0));
    }

    #[test]
    fn an_explanation_names_each_route_and_what_did_not_fit() {
        let exact = |text: &str| PathPattern::Exact(text.into());
        let routes = vec![
            (Conditions::default(), 50),
            (
                Conditions {
                    paths: vec![exact("/chat/room")],
                    methods: vec![Method::PUT],
                    ..Conditions::default()
                },
                50,
            ),
            (Conditions { paths: vec![exact("/chat/room")], ..Conditions::default() }, 50),
            (Conditions { paths: vec![exact("/")], ..Conditions::default() }, 100),
        ];
        let table = Table::new(routes);
        let (headers, method) = (headers(), Method::GET);
        let request =
            Request { host: None, path: "/chat/room", query: None, method: &method, headers: &headers };
        let tried: Vec<_> =
            table.explain(&request).iter().map(|tried| (tried.route.0, tried.misfit)).collect();
        assert_eq!(tried, [(3, Some(Misfit::Path)), (1, Some(Misfit::Method)), (2, None)]);
    }
}
