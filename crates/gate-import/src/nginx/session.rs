//! `websocket` of a route: what nginx's timeouts and limits are for sessions.

use crate::kdl::Node;

use super::limits::{self, Zones};
use super::notes::Notes;
use super::parser::Directive;
use super::scope::Scope;
use super::unit;

/// The settings that come from the location and the blocks around it. `proxied`: there is a
/// session at all.
pub(super) fn settings(
    scope: &Scope<'_>,
    zones: &Zones<'_>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let mut nodes = limits::settings(scope, zones, comments, notes);
    nodes.extend(idle(scope));
    nodes.extend(send(scope, comments, notes));
    nodes
}

/// Without a field Upgrade of the request nginx sends none on, nor without a Connection that names
/// it, so that no backend takes it for a WebSocket.
pub(super) fn upgrades(scope: &Scope<'_>, pass: &Directive, notes: &mut Notes<'_>) -> Option<Node> {
    let fields = scope.all("proxy_set_header");
    let says = |name: &str| {
        let mut values = fields.iter().filter(|field| field.value().eq_ignore_ascii_case(name));
        values.next_back().and_then(|field| field.arg(1)).is_some_and(|value| !matches!(value, "" | "close"))
    };
    let comment = match (says("upgrade"), says("connection")) {
        (true, true) => return None,
        (false, false) => notes.explain(pass, NO_UPGRADE),
        (true, false) | (false, true) => notes.differs(pass, NO_UPGRADE),
    };
    Some(no_upgrades().comment(comment))
}

/// Why there are no WebSockets.
pub(super) const NO_UPGRADE: &str =
    "no WebSockets, as nginx is not told to send Upgrade and Connection on; an upgrade is answered 403";

/// The setting without which there would be.
pub(super) fn no_upgrades() -> Node {
    Node::new("enabled").flag(false)
}

/// nginx's time for a silent upstream.
const READ_DEFAULT: &str = "60s";

/// nginx starts the time again with each byte, of either peer, also those of pings and pongs.
fn idle(scope: &Scope<'_>) -> Vec<Node> {
    let directive = scope.find("proxy_read_timeout");
    let text = directive.map_or(READ_DEFAULT, |directive| directive.value());
    let seconds = unit::time(text).map_or(0, unit::whole_seconds);
    if seconds == 0 {
        return Vec::new();
    }
    let whose = if directive.is_some() { "proxy_read_timeout" } else { "its default of proxy_read_timeout" };
    let why = format!("nginx: {whose}, which any byte of either peer starts again, control frames included.");
    vec![
        Node::new("idle-timeout-secs").number(seconds).comment(why),
        Node::new("idle-counts-control-frames").flag(true),
    ]
}

fn send(scope: &Scope<'_>, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Option<Node> {
    let read = |name: &str| Some((scope.find(name)?, unit::time(scope.find(name)?.value())?));
    let (upstream, client) = (read("proxy_send_timeout"), read("send_timeout"));
    let directive = upstream.or(client)?.0;
    let longest = [upstream, client].into_iter().flatten().map(|(_, time)| time).max()?;
    if longest.is_zero() {
        return None;
    }
    if let (Some((_, upstream)), Some((_, client))) = (upstream, client)
        && upstream != client
    {
        let what =
            "there is one time for both peers to take what is sent: the longer of this and `send_timeout`";
        comments.push(notes.differs(directive, what));
    }
    let millis = u64::try_from(longest.min(unit::LONGEST).as_millis()).unwrap_or(u64::MAX);
    Some(Node::new("send-timeout-ms").number(millis))
}

/// `max-body-size` of a route, where the location itself has another than the rest.
pub(super) fn body_size(scope: &Scope<'_>) -> Option<Node> {
    let bytes = unit::size(scope.find("client_max_body_size")?.value())?;
    Some(Node::new("max-body-size").text(&unit::size_text(bytes)))
}
