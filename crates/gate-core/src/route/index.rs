//! Proposes routes for a request by its host and its path.
//!
//! A route that is not proposed does not fit. One that is proposed fits by its path, and by
//! its host unless `is_without_host`; the rest of its conditions are still to be looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::expression::Expression;
use super::fits::without_dot;
use super::forest::Forest;
use super::regexes::{Ranked, Regexes};
use super::search::{Rank, Search};
use super::shortlist::Shortlist;
use super::{Conditions, HostPattern, PathPattern};

/// Routes by host, then by path.
#[derive(Debug)]
pub(super) struct Index {
    /// By the host's name in lower case, backwards, so that a domain is what its names begin
    /// with.
    hosts: Forest<Host>,
    /// Those of all hosts.
    all: Paths,
}

/// The routes of one name and of the names below it.
#[derive(Debug)]
struct Host {
    exact: Option<Paths>,
    below: Option<Paths>,
}

/// Routes by path.
#[derive(Debug)]
struct Paths {
    /// The best of all.
    first: Option<Rank>,
    texts: Forest<PathText>,
    regexes: Regexes,
    /// Those of all paths.
    all: Shortlist,
}

/// The routes of one path and of the paths below it.
#[derive(Debug, Default)]
struct PathText {
    exact: Shortlist,
    below: Shortlist,
}

impl PathText {
    fn first(&self) -> Option<Rank> {
        self.exact.first.into_iter().chain(self.below.first).min()
    }
}

impl Index {
    /// Of the routes' conditions in the order of rank.
    pub(super) fn new(routes: &[Conditions]) -> Self {
        let mut hosts: BTreeMap<Box<[u8]>, HostDraft> = BTreeMap::new();
        let mut all = PathsDraft::default();
        for (rank, conditions) in routes.iter().enumerate() {
            let route = Route { rank, conditions, expressions: expressions(conditions) };
            if is_without_host(conditions) {
                all.add(&route);
                continue;
            }
            for pattern in &conditions.hosts {
                let (HostPattern::Exact(name) | HostPattern::Below(name)) = pattern;
                let draft = hosts.entry(backwards(without_dot(name)).collect()).or_default();
                let paths = match pattern {
                    HostPattern::Exact(_) => &mut draft.exact,
                    HostPattern::Below(_) => &mut draft.below,
                };
                paths.get_or_insert_default().add(&route);
            }
        }
        let hosts = hosts.into_iter().map(|(name, draft)| (name, draft.build())).collect();
        Self { hosts: Forest::new(hosts, Host::first), all: all.build() }
    }

    pub(super) fn search(&self, search: &mut Search<'_>) {
        if let Some(host) = search.request.host
            && !self.hosts.is_empty()
        {
            let mut room = [0; HOST_USUAL_MAX];
            let host = without_dot(host);
            match room.get_mut(..host.len()) {
                Some(room) => {
                    room.iter_mut().zip(backwards(host)).for_each(|(place, octet)| *place = octet);
                    self.search_host(room, search);
                }
                None => self.search_host(&backwards(host).collect::<Vec<_>>(), search),
            }
        }
        self.all.search(search);
    }

    fn search_host(&self, backwards: &[u8], search: &mut Search<'_>) {
        for node in self.hosts.beginnings(backwards) {
            if !search.wants(node.first) {
                break;
            }
            let paths = match backwards.get(node.text.len()..) {
                Some([]) => &node.value.exact,
                Some([b'.', _, ..]) => &node.value.below,
                Some(_) | None => continue,
            };
            if let Some(paths) = paths {
                paths.search(search);
            }
        }
    }
}

impl Host {
    fn first(&self) -> Option<Rank> {
        [&self.exact, &self.below].into_iter().flatten().filter_map(|paths| paths.first).min()
    }
}

impl Paths {
    fn search(&self, search: &mut Search<'_>) {
        let path = search.request.path.as_bytes();
        for node in self.texts.beginnings(path) {
            if !search.wants(node.first) {
                break;
            }
            let behind = path.get(node.text.len());
            if behind.is_none() {
                node.value.exact.search(search);
            }
            if matches!(behind, None | Some(b'/')) || node.text.ends_with(b"/") {
                node.value.below.search(search);
            }
        }
        self.all.search(search);
        self.regexes.search(search);
    }
}

/// A route on its way into the index.
struct Route<'a> {
    rank: Rank,
    conditions: &'a Conditions,
    /// Those of its paths.
    expressions: Vec<Arc<Expression>>,
}

#[derive(Default)]
struct HostDraft {
    exact: Option<PathsDraft>,
    below: Option<PathsDraft>,
}

impl HostDraft {
    fn build(self) -> Host {
        Host { exact: self.exact.map(PathsDraft::build), below: self.below.map(PathsDraft::build) }
    }
}

#[derive(Default)]
struct PathsDraft {
    first: Option<Rank>,
    texts: BTreeMap<Box<[u8]>, PathText>,
    expressions: Vec<Ranked>,
    all: Shortlist,
}

impl PathsDraft {
    fn add(&mut self, route: &Route<'_>) {
        let &Route { rank, conditions, ref expressions } = route;
        self.first.get_or_insert(rank);
        if conditions.paths.is_empty() {
            self.all.add(rank, conditions);
        }
        for pattern in &conditions.paths {
            match pattern {
                PathPattern::Exact(text) => self.text(text).exact.add(rank, conditions),
                PathPattern::Prefix(text) => self.text(text).below.add(rank, conditions),
                PathPattern::Regex(_) => {}
            }
        }
        self.expressions.extend(expressions.iter().map(|expression| (rank, Arc::clone(expression))));
    }

    fn text(&mut self, text: &str) -> &mut PathText {
        self.texts.entry(text.as_bytes().into()).or_default()
    }

    fn build(self) -> Paths {
        let texts = Forest::new(self.texts, PathText::first);
        Paths { first: self.first, texts, regexes: Regexes::new(self.expressions), all: self.all }
    }
}

fn expressions(conditions: &Conditions) -> Vec<Arc<Expression>> {
    let expression = |pattern: &PathPattern| match pattern {
        PathPattern::Regex(regex) => Some(Arc::new(Expression::new(regex))),
        PathPattern::Exact(_) | PathPattern::Prefix(_) => None,
    };
    conditions.paths.iter().filter_map(expression).collect()
}

/// Whether a route is found by its paths alone, because it is for all hosts, or because its
/// hosts and paths would fill too many places.
pub(super) fn is_without_host(conditions: &Conditions) -> bool {
    conditions.hosts.is_empty() || conditions.hosts.len() * conditions.paths.len() > PLACES_MAX
}

fn backwards(host: &str) -> impl Iterator<Item = u8> {
    host.bytes().rev().map(|octet| octet.to_ascii_lowercase())
}

/// Combinations of a host and a path of one route.
const PLACES_MAX: usize = 1_024;

/// No name in the DNS is longer (RFC 1035 §2.3.4).
const HOST_USUAL_MAX: usize = 255;
