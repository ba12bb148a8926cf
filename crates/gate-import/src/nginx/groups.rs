//! Priorities that make Framegate's routes choose a server by the host first, as nginx does:
//! whole names before wildcards, longer wildcards before shorter ones, the default last.
//!
//! Framegate weighs paths more than hosts, so each step of that order is a step of priorities,
//! where there is a host that could go either way. A server is one step, as long as none of
//! its names needs another one.

use super::arrange::{Answers, Place};
use super::hosts::{Class, class, overlap};
use super::server::Server;

/// Hosts of a server that are preferred alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// The server's number.
    pub(super) server: usize,
    /// Its hosts. Of the last group they are what the server is called, not what is asked for.
    pub(super) patterns: Vec<String>,
    /// Whether it answers what no other group does.
    pub(super) is_last: bool,
    /// What its routes have, more or less by their locations.
    pub(super) priority: u64,
    /// Whether its routes are only kept for the reader.
    pub(super) is_off: bool,
}

/// The priority of routes that need none.
pub(super) const PRIORITY: u64 = 50;

/// What one step has above the next.
const STEP: u64 = 100;

/// The groups of all servers, in their order.
pub(super) fn groups(servers: &[Server<'_>], places: &[Place]) -> Vec<Group> {
    let whole = |(number, (server, place)): (usize, (&Server<'_>, &Place))| {
        let (is_last, is_off) = match place {
            Place::On(answers) => (*answers == Answers::AllOthers, false),
            Place::Off(_) => (false, true),
            Place::Gone => return None,
        };
        let patterns = server.hosts.patterns.clone();
        Some(Group { server: number, patterns, is_last, priority: PRIORITY, is_off })
    };
    let mut groups: Vec<Group> = servers.iter().zip(places).enumerate().filter_map(whole).collect();
    loop {
        prioritise(&mut groups);
        let wrong = groups.iter().position(|group| is_misplaced(group, &groups) && is_divisible(group));
        let Some(at) = wrong else { return groups };
        let group = groups.remove(at);
        groups.splice(at..at, divided(group));
    }
}

/// How nginx prefers a group; less is preferred.
fn rank(group: &Group) -> (bool, Option<Class>) {
    let least = group.patterns.iter().map(|pattern| class(pattern)).max();
    (group.is_last, least.filter(|_| !group.is_last))
}

fn prioritise(groups: &mut [Group]) {
    let mut ranks: Vec<_> = groups.iter().filter(|group| !group.is_off).map(rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    if !any_contest(groups) {
        ranks.truncate(1);
    }
    for group in groups.iter_mut().filter(|group| !group.is_off) {
        let rank = rank(group);
        let above = ranks.iter().rev().position(|other| *other == rank).unwrap_or(0);
        group.priority = PRIORITY + STEP * u64::try_from(above).unwrap_or(0);
    }
}

/// Whether a host can fit two groups that nginx prefers differently.
fn any_contest(groups: &[Group]) -> bool {
    let on: Vec<&Group> = groups.iter().filter(|group| !group.is_off).collect();
    on.iter().enumerate().any(|(at, one)| {
        on.iter().skip(at + 1).any(|other| {
            let both = || pairs(one, other).next().is_some();
            rank(one) != rank(other) && (one.is_last || other.is_last || both())
        })
    })
}

/// Whether another group goes first for one of its names, though nginx prefers this one.
fn is_misplaced(group: &Group, groups: &[Group]) -> bool {
    let others = groups.iter().filter(|other| !other.is_off && other.server != group.server);
    let mut contested =
        others.filter(|other| group.priority <= other.priority).flat_map(|other| pairs(group, other));
    !group.is_off && contested.any(|(own, other)| class(own) < class(other))
}

/// Pairs of names, one of each, that the same host can fit.
fn pairs<'g>(one: &'g Group, other: &'g Group) -> impl Iterator<Item = (&'g str, &'g str)> {
    let with = |a: &'g String| other.patterns.iter().map(move |b| (&**a, &**b));
    one.patterns.iter().flat_map(with).filter(|(a, b)| overlap(a, b))
}

fn is_divisible(group: &Group) -> bool {
    let mut classes = group.patterns.iter().map(|pattern| class(pattern));
    let first = classes.next();
    (group.is_last && first.is_some()) || classes.any(|class| Some(class) != first)
}

/// A group for each class of names, and one for what no server names.
fn divided(group: Group) -> Vec<Group> {
    let mut classes: Vec<Class> = group.patterns.iter().map(|pattern| class(pattern)).collect();
    classes.sort_unstable();
    classes.dedup();
    let of = |wanted: &Class| {
        let patterns = group.patterns.iter().filter(|pattern| class(pattern) == *wanted).cloned().collect();
        Group { patterns, is_last: false, ..group.clone() }
    };
    let mut groups: Vec<Group> = classes.iter().map(of).collect();
    if group.is_last {
        groups.push(Group { patterns: Vec::new(), ..group });
    }
    groups
}
