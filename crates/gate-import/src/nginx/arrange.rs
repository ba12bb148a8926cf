//! Which server answers which host, in nginx and by Framegate's routes.
//!
//! nginx chooses a server by the address, then by the host, and looks at paths last. Framegate's
//! routes are at all addresses. So what would reach further than in nginx is switched off; that
//! hosts go before paths is seen to by `groups`.

use super::listen::{Address, Reach};
use super::notes::Notes;
use super::server::Server;

/// An address, and which servers are there.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) address: Address,
    pub(super) is_tls: bool,
    pub(super) has_proxy_protocol: bool,
    /// The numbers of the servers; the first is the default.
    pub(super) servers: Vec<usize>,
    /// Whether it is listened on.
    pub(super) is_on: bool,
}

/// What becomes of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its routes answer.
    On(Answers),
    /// Its routes are kept for the reader.
    Off(Why),
    /// Nothing of it can be kept, and nothing else is at its addresses.
    Gone,
}

/// For which hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answers {
    /// Its own.
    ItsHosts,
    /// Its own; in nginx also others, as the default of an address, but another server has them.
    ItsHostsOnly,
    /// All for which there is no other server.
    AllOthers,
}

/// Why a server is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It could be reached by fewer than the others.
    Reach,
    /// No host leads to it.
    NoHost,
}

/// Takes names from servers that an earlier one has at all of their addresses: nginx ignores
/// them there.
pub(super) fn settle(servers: &mut [Server<'_>], notes: &mut Notes<'_>) {
    let mut before: Vec<(Vec<Address>, Vec<String>)> = Vec::new();
    for server in servers {
        let addresses: Vec<Address> = server.listens.iter().map(|listen| listen.address.clone()).collect();
        let is_taken = |name: &String| {
            before.iter().any(|(others, names)| {
                names.contains(name) && addresses.iter().all(|address| others.contains(address))
            })
        };
        let (taken, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut server.hosts.patterns).into_iter().partition(is_taken);
        server.hosts.patterns = kept;
        if let (Some(name), Some(directive)) = (taken.first(), server.block.scope.has_own("server_name")) {
            let what = format!(
                "`{name}` is left out: nginx ignores it, since an earlier server at the address has it"
            );
            server.comments.push(notes.differs(directive, &what));
        }
        before.push((addresses, server.hosts.patterns.clone()));
    }
}

/// The addresses of all servers.
pub(super) fn points(servers: &[Server<'_>]) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for (number, server) in servers.iter().enumerate() {
        for listen in &server.listens {
            let known = points.iter().position(|point| point.address == listen.address);
            let Some(point) = known.and_then(|at| points.get_mut(at)) else {
                points.push(Point {
                    address: listen.address.clone(),
                    is_tls: listen.is_tls,
                    has_proxy_protocol: listen.has_proxy_protocol,
                    servers: vec![number],
                    is_on: true,
                });
                continue;
            };
            point.is_tls |= listen.is_tls;
            point.has_proxy_protocol |= listen.has_proxy_protocol;
            point.servers.insert(if listen.is_default { 0 } else { point.servers.len() }, number);
        }
    }
    points
}

/// What becomes of each server. Addresses at which nothing is left are switched off.
pub(super) fn places(servers: &[Server<'_>], points: &mut [Point]) -> Vec<Place> {
    let any_works = servers.iter().any(Server::works);
    let works = |number: &usize| servers.get(*number).is_some_and(|server| server.works() || !any_works);
    for point in points.iter_mut() {
        point.is_on = point.servers.iter().any(works);
    }
    let reach = |number: usize| {
        let at = points.iter().filter(|point| point.is_on && point.servers.contains(&number));
        at.map(|point| point.address.reach()).max()
    };
    let reaches: Vec<Option<Reach>> = (0..servers.len()).map(reach).collect();
    let furthest =
        (0..servers.len()).filter(&works).filter_map(|number| reaches.get(number).copied().flatten()).max();
    let is_on =
        |number: usize| reaches.get(number).copied().flatten().is_some_and(|reach| Some(reach) >= furthest);
    let mut defaults: Vec<usize> = Vec::new();
    for default in
        points.iter().filter(|point| point.is_on).filter_map(|point| point.servers.first().copied())
    {
        if is_on(default) && !defaults.contains(&default) {
            defaults.push(default);
        }
    }
    let named_default = named_default(servers, &defaults);
    let judge = |(number, server): (usize, &Server<'_>)| {
        let is_default = defaults.contains(&number);
        let is_nameless = server.hosts.patterns.is_empty();
        match reaches.get(number).copied().flatten() {
            None => Place::Gone,
            Some(_) if !is_on(number) => Place::Off(Why::Reach),
            Some(_) if is_nameless && !is_default => Place::Off(Why::NoHost),
            Some(_) => {
                let answers = match is_default {
                    true if is_nameless || named_default == Some(number) => Answers::AllOthers,
                    true => Answers::ItsHostsOnly,
                    false => Answers::ItsHosts,
                };
                Place::On(answers)
            }
        }
    };
    let places: Vec<Place> = servers.iter().enumerate().map(judge).collect();
    for point in points.iter_mut() {
        let stays = |number: &usize| matches!(places.get(*number), Some(Place::On(_)));
        point.is_on &= point.servers.iter().any(stays);
    }
    places
}

/// The one of several default servers that answers all hosts, where all have names: the first
/// that has a backend for every path, else for some.
fn named_default(servers: &[Server<'_>], defaults: &[usize]) -> Option<usize> {
    let of = |number: &usize| servers.get(*number);
    if defaults.iter().filter_map(of).any(|server| server.hosts.patterns.is_empty()) {
        return None;
    }
    let first =
        |is_good: fn(&Server<'_>) -> bool| defaults.iter().find(|number| of(number).is_some_and(is_good));
    let best = first(|server| server.is_proxying_all()).or_else(|| first(|server| server.works()));
    best.or_else(|| defaults.first()).copied()
}
