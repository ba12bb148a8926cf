//! Warns of what is defined and never comes into play: names that nothing uses, routes that another
//! one hides, and who is not asked though it seems so.

use std::collections::{HashMap, HashSet};

use gate_core::ids::{AgentId, FrameLogId, TraceId, UpstreamId};
use gate_core::route::PathPattern;

use crate::fields::Entry;
use crate::model::{Action, Config, Place, Route};
use crate::report::{Code, Report};
use crate::syntax::Scalar;

/// The blocks with names, in the order of the configuration's lists.
pub(super) struct Blocks<'a> {
    pub(super) routes: &'a [Entry<'a>],
    pub(super) upstreams: &'a [Entry<'a>],
    pub(super) agents: &'a [Entry<'a>],
    pub(super) frame_logs: &'a [Entry<'a>],
    pub(super) traces: &'a [Entry<'a>],
}

/// Only for a configuration without mistakes: what could not be read is missing in its lists.
pub(super) fn judge(config: &Config, blocks: &Blocks<'_>, report: &mut Report) {
    judge_names(config, blocks, report);
    judge_secret(config, report);
    judge_hidden(config, blocks.routes, report);
    for (route, entry) in config.routes.iter().zip(blocks.routes) {
        judge_inspection(config, route, entry, report);
        judge_socket_io(config, route, entry, report);
    }
}

fn judge_names(config: &Config, blocks: &Blocks<'_>, report: &mut Report) {
    let routes = &config.routes;
    let proxied = routes.iter().filter_map(|route| match route.action {
        Action::Proxy(upstream) => Some(upstream),
        Action::ByHeader | Action::Builtin(_) => None,
    });
    let of_sip = config.listeners.iter().filter_map(|listener| listener.sip.as_ref()?.upstream);
    let upstreams: HashSet<_> = proxied.chain(of_sip).collect();
    let agents: HashSet<_> = routes.iter().flat_map(|route| route.agents.iter().copied()).collect();
    let logs = routes.iter().flat_map(|route| route.websocket.frame_logs.iter().copied());
    let logs: HashSet<_> = logs.collect();
    let of_routes = routes.iter().filter_map(|route| route.websocket.trace);
    let of_others = config.listeners.iter().filter_map(|listener| listener.trace);
    let of_upstreams = config.upstreams.iter().filter_map(|upstream| upstream.trace);
    let traces: HashSet<_> = of_routes.chain(of_others).chain(of_upstreams).collect();
    let mut warn = |kind: &str, entry: &Entry<'_>, label: &str, help: &str| {
        let name = entry.id.value;
        report
            .warn(Code::Useless, entry.id.place, format!("nothing uses the {kind} `{name}`"))
            .label(label)
            .help(help.replace('…', name));
    };
    for (entry, id) in blocks.upstreams.iter().zip(0..) {
        if !upstreams.contains(&UpstreamId(id)) {
            warn("upstream", entry, "no request goes there", "write upstream \"…\" in a route, or remove it");
        }
    }
    for (entry, id) in blocks.agents.iter().zip(0..) {
        if !agents.contains(&AgentId(id)) {
            warn("agent", entry, "is asked nothing", "write agents \"…\" in a route, or remove it");
        }
    }
    for (entry, id) in blocks.frame_logs.iter().zip(0..) {
        if !logs.contains(&FrameLogId(id)) {
            let help = "write websocket { frame-log \"…\" } in a route, or remove it";
            warn("frame log", entry, "stays empty", help);
        }
    }
    for (entry, id) in blocks.traces.iter().zip(0..) {
        if !traces.contains(&TraceId(id)) {
            let help =
                "write trace \"…\" in a listener, in an upstream or in `websocket` of a route, or remove it";
            warn("trace", entry, "is told nothing", help);
        }
    }
}

fn judge_secret(config: &Config, report: &mut Report) {
    let carries_sip = config.routes.iter().any(|route| route.websocket.sip.is_some())
        || config.listeners.iter().any(|listener| listener.sip.is_some());
    if let (Some(file), false) = (&config.server.sip_token_secret_file, carries_sip) {
        report
            .warn(Code::Useless, file.place, "`sip-token-secret-file` has no effect: nothing carries SIP")
            .label("is not read")
            .help("add websocket { sip { } } to a route, or remove it");
    }
}

/// A route whose requests all go to another one: the same conditions there and no lower a priority, or
/// no conditions and a higher one.
fn judge_hidden(config: &Config, entries: &[Entry<'_>], report: &mut Report) {
    // Regular expressions can be compared by their texts only.
    let text = |route: &Route| format!("{:?}", route.conditions);
    let unconditional = format!("{:?}", gate_core::route::Conditions::default());
    let mut order: Vec<_> = config.routes.iter().zip(entries).collect();
    // What is equal keeps its order.
    order.sort_by_key(|(route, _)| std::cmp::Reverse(route.priority));
    let mut seen: HashMap<String, (u32, Place)> = HashMap::new();
    for (route, entry) in order {
        let own = text(route);
        let everything = seen.get(&unconditional).filter(|(priority, _)| *priority > route.priority);
        if let Some((_, first)) = seen.get(&own).or(everything) {
            report
                .warn(
                    Code::Useless,
                    entry.id.place,
                    format!("no request reaches the route `{}`", entry.id.value),
                )
                .label("comes too late")
                .help("change its `matches`, raise its `priority`, or remove it")
                .also(*first, "this route answers all that it would");
        } else {
            seen.insert(own, (route.priority, entry.id.place));
        }
    }
}

/// Whether messages of a route are what one of its agents is asked about.
fn asks_about_messages(config: &Config, route: &Route) -> bool {
    route.agents.iter().any(|id| config.agent(*id).is_some_and(|agent| agent.events.websocket_frame))
}

/// In other gateways `websocket-inspection` is for agents alone.
fn judge_inspection(config: &Config, route: &Route, entry: &Entry<'_>, report: &mut Report) {
    let Some(field) = entry.fields.one("websocket-inspection") else { return };
    let is_on = matches!(field.arguments, [value] if matches!(value.scalar, Scalar::Bool(true)));
    let agents = config.agents.iter().filter(|agent| agent.events.websocket_frame);
    let names: Vec<&str> = agents.map(|agent| &*agent.id).collect();
    if is_on && !names.is_empty() && !asks_about_messages(config, route) {
        let names = names.join("\" \"");
        report
            .warn(
                Code::Useless,
                field.place(),
                format!("no agent is asked about messages of the route `{}`", route.id),
            )
            .label("the built-in rules inspect them")
            .help(format!(
                "write agents \"{names}\" in the route; if the built-in rules are meant, write websocket {{ inspect {{ }} }}"
            ));
    }
}

/// Socket.IO begins with requests of HTTP, and stays with them where it cannot do better; what they
/// carry is no message of WebSocket.
fn judge_socket_io(config: &Config, route: &Route, entry: &Entry<'_>, report: &mut Report) {
    let looks = asks_about_messages(config, route)
        || route.websocket.inspect.is_some()
        || !route.websocket.webhooks.is_empty();
    let is_proxied = matches!(route.action, Action::Proxy(_));
    let is_for_it = route.conditions.paths.iter().any(|pattern| match pattern {
        PathPattern::Exact(path) | PathPattern::Prefix(path) => path.contains("/socket.io"),
        PathPattern::Regex(regex) => regex.as_str().contains("/socket\\.io"),
    });
    let is_without = |polling: &&Route| {
        polling.priority >= route.priority
            && polling.conditions.query.iter().any(|query| query.name == "transport")
    };
    let has_no_polling = route.conditions.query.iter().any(|query| query.name == "transport")
        || config.routes.iter().any(|other| is_without(&other));
    if looks && is_proxied && is_for_it && !has_no_polling {
        let place = entry.fields.one("matches").map_or(entry.id.place, |field| field.place());
        report
            .warn(
                Code::Insecure,
                place,
                format!("messages of Socket.IO can go past the inspection of the route `{}`", route.id),
            )
            .label("its transport \"polling\" is plain HTTP")
            .help(
                "refuse it by a route before this one: matches { path-prefix \"/socket.io/\"; query-param \"transport\" \"polling\" } and builtin-handler \"not-found\"; clients then need transports: [\"websocket\"]",
            );
    }
}
