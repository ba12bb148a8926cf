//! The whole document, from all that was read.

use std::iter;

use crate::kdl::{Node, render};

use super::arrange::{self, Place, Point};
use super::groups::{Group, groups};
use super::layout::{Block, Layout};
use super::limits::Zones;
use super::listen::is_at;
use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::process::{left_out, process};
use super::routes::{Limit, Writer};
use super::server::{Reader, Server};
use super::session::NO_UPGRADE;
use super::upstreams::Upstreams;
use super::{Counts, Options, listeners, tls};

/// Writes the document.
pub(super) fn document(
    layout: &Layout<'_>,
    options: &Options,
    name: &str,
    notes: &mut Notes<'_>,
) -> (String, Counts) {
    let paths = &Paths::new(options);
    let mut comments = left_out(layout, notes);
    let mut process = process(layout, paths, notes);
    comments.append(&mut process.comments);
    let blocks = || layout.shared("upstream");
    let zones = Zones::new(layout.shared("limit_conn_zone").chain(layout.shared("limit_req_zone")));
    let mut reader = Reader { zones, upstreams: Upstreams::new(blocks()), paths, notes: &mut *notes };
    let only = options.listen.as_ref().map(|listen| &listen.0);
    let is_wanted = |block: &&Block<'_>| only.is_none_or(|address| is_at(&block.scope, address));
    let blocks_wanted = layout.servers.iter().filter(is_wanted);
    let mut servers: Vec<Server<'_>> = blocks_wanted.map(|block| reader.server(block.clone())).collect();
    let mut upstreams = reader.upstreams;
    match only {
        Some(address) => {
            servers.iter_mut().for_each(|server| server.listens.retain(|listen| listen.address == *address));
        }
        None => comments.extend(upstreams.add_unused(blocks(), notes)),
    }
    comments.extend(no_websockets(&servers, notes));
    arrange::settle(&mut servers, notes);
    let mut points = arrange::points(&servers);
    hold_unverified(&mut servers, &points, notes);
    let places = arrange::places(&servers, &mut points);
    comments.extend(spread(&servers, &places, notes));
    let limit = shared_limit(&servers, &places);
    process.server.extend(limit.map(max_connections));
    process.server.extend(merge_slashes(layout, &servers, &mut comments, notes));
    let body_size = process.limits.first().cloned();
    let mut writer = Writer::new(body_size, &mut *notes);
    writer.limit = match limit {
        Some(_) => Limit::OfProcess,
        None => Limit::OfGroup,
    };
    writer.has_several = servers.len() > 1;
    let groups = groups(&servers, &places);
    let placed = servers.iter().zip(&places).enumerate();
    let write = |(number, (server, place))| {
        let groups: Vec<&Group> = groups.iter().filter(|group| group.server == number).collect();
        writer.server(server, place, &groups)
    };
    let is_lost: Vec<bool> = placed.map(write).collect();
    let (frame_logs, routes) = (writer.frame_logs.nodes(), writer.nodes);
    for point in &mut points {
        // What would answer there is meant for other addresses.
        point.is_on &= !point.servers.iter().all(|number| is_lost.get(*number) == Some(&true));
    }
    let listeners = listeners::nodes(&points, &servers, paths, notes);
    let upstreams = upstreams.nodes();
    let counts =
        Counts { listeners: count(&listeners), routes: count(&routes), upstreams: count(&upstreams) };
    let logging = (!process.logging.is_empty()).then(|| vec![Node::new("logging").block(process.logging)]);
    let blocks = [
        ("server", process.server),
        ("limits", process.limits),
        ("listeners", listeners),
        ("routes", routes),
        ("frame-logs", frame_logs),
        ("upstreams", upstreams),
        ("observability", logging.unwrap_or_default()),
    ];
    let blocks = blocks.into_iter().filter(|(_, nodes)| !nodes.is_empty());
    let blocks = blocks.map(|(name, nodes)| Node::new(name).block(nodes).apart());
    let nodes: Vec<Node> = iter::once(head(name, &servers)).chain(remark(comments)).chain(blocks).collect();
    (render(&nodes), counts)
}

fn head(name: &str, servers: &[Server<'_>]) -> Node {
    let mut lines = vec![format!(
        "Made from {name} by `framegate import nginx`. Lines that begin with `nginx` tell what is different or left out; \
         what `/-` stands before is switched off."
    )];
    if servers.is_empty() {
        lines.push(
            "There was no server in it, so it has no listener: it is for another file to include.".to_owned(),
        );
    }
    Node::remark(lines).apart()
}

fn remark(comments: Vec<String>) -> Option<Node> {
    (!comments.is_empty()).then(|| Node::remark(comments).apart())
}

/// Nodes that are not switched off.
fn count(nodes: &[Node]) -> usize {
    nodes.iter().filter(|node| !node.is_off() && !node.is_remark()).count()
}

/// Whether clients show certificates is asked before anybody knows for which server, and routes
/// answer at all listeners. A server that needs certificates must not be open where none is asked
/// for.
fn hold_unverified(servers: &mut [Server<'_>], points: &[Point], notes: &mut Notes<'_>) {
    let verifying = |server: &Server<'_>| {
        server.block.scope.find("ssl_verify_client").is_some_and(|directive| directive.value() == "on")
    };
    let verifies: Vec<bool> = servers.iter().map(verifying).collect();
    let works: Vec<bool> = servers.iter().map(Server::works).collect();
    let is_true = |list: &[bool], number: usize| list.get(number) == Some(&true);
    for (number, server) in servers.iter_mut().enumerate() {
        if !is_true(&verifies, number) {
            continue;
        }
        // Framegate's wildcards stand for one label, so deeper names would not be asked.
        let hosts = &server.hosts;
        let has_names = !hosts.patterns.is_empty() && !hosts.has_others;
        let is_named = has_names && hosts.patterns.iter().all(|name| tls::is_whole_name(name));
        let is_default = points.iter().any(|point| point.servers.first() == Some(&number));
        let is_asked = |point: &Point| {
            let first = point.servers.first().copied();
            let asks_all = point.servers.contains(&number) && first.is_some_and(|it| is_true(&verifies, it));
            let asks_by_name = point.servers.contains(&number) && is_named && !is_default;
            point.is_tls && (asks_all || asks_by_name)
        };
        let is_used = |point: &&Point| point.servers.iter().any(|number| is_true(&works, *number));
        let is_open = points.iter().filter(is_used).any(|point| !is_asked(point));
        if let Some(directive) = server.block.scope.find("ssl_verify_client").filter(|_| is_open) {
            let why =
                "routes answer at all listeners, and not all of them ask for certificates for its names";
            server.hold(directive, why, notes);
        }
    }
}

/// Tells once where no location at all is for WebSockets.
fn no_websockets(servers: &[Server<'_>], notes: &mut Notes<'_>) -> Option<String> {
    let proxying = servers.iter().find(|server| server.is_proxying())?;
    let directive = first_pass(proxying.block.scope.own())?;
    let is_none = !servers.iter().any(Server::upgrades);
    is_none.then(|| notes.differs(directive, &format!("here and everywhere: {NO_UPGRADE}")))
}

fn first_pass(block: &[Directive]) -> Option<&Directive> {
    block.iter().find_map(|directive| {
        if directive.is("proxy_pass") { Some(directive) } else { first_pass(directive.children()) }
    })
}

/// nginx decodes paths before it looks for a location, and takes several `/` for one.
fn merge_slashes(
    layout: &Layout<'_>,
    servers: &[Server<'_>],
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Option<Node> {
    let mut drafts = servers.iter().flat_map(|server| &server.drafts);
    drafts.find(|draft| !draft.conditions.is_empty())?;
    let own = layout.servers.iter().filter_map(|server| server.scope.find("merge_slashes"));
    if let Some(directive) = own.into_iter().find(|directive| directive.value() == "off") {
        let what = "several `/` are one to all routes, and so is `%2F`, which nginx decodes in any case";
        comments.push(notes.differs(directive, what));
    }
    let why = "nginx: locations see paths decoded, with one `/` for several, so `//admin` and `/%2fadmin` are `/admin`.";
    Some(Node::new("merge-slashes").flag(true).comment(why))
}

/// Tells that servers at different addresses share the listeners.
fn spread(servers: &[Server<'_>], places: &[Place], notes: &mut Notes<'_>) -> Option<String> {
    let is_on = |place: &Place| matches!(place, Place::On(_));
    let mut on = servers.iter().zip(places).filter(|(server, place)| is_on(place) && server.works());
    let addresses = |server: &Server<'_>| {
        let mut addresses: Vec<_> = server.listens.iter().map(|listen| listen.address.text()).collect();
        addresses.sort_unstable();
        addresses
    };
    let (first, _) = on.next()?;
    let (other, _) = on.find(|(server, _)| addresses(server) != addresses(first))?;
    let what = "it is at other addresses than the first server. Routes answer at all listeners; only hosts keep these \
                servers apart";
    Some(notes.differs(other.block.directive?, what))
}

/// `ws_max_connections`, if it is the same for all sessions that there can be.
fn shared_limit(servers: &[Server<'_>], places: &[Place]) -> Option<u64> {
    let is_on = |(_, place): &(&Server<'_>, &Place)| matches!(place, Place::On(_));
    let sessions = |server: &Server<'_>| server.is_proxying() || server.module.is_used;
    let on = servers.iter().zip(places).filter(is_on).filter(|(server, _)| sessions(server));
    let limits: Vec<Option<u64>> = on.map(|(server, _)| server.module.max_connections).collect();
    let first = *limits.first()?;
    first.filter(|_| limits.iter().all(|limit| *limit == first))
}

fn max_connections(limit: u64) -> Node {
    let why = "nginx: ws_max_connections. Whoever comes above it gets a 101 and a Close with 1013, as from the module, \
               whether or not frames are logged.";
    Node::new("max-connections").number(limit).comment(why)
}
