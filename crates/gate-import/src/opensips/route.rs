//! The one route: all that comes in over WebSocket, to the SIP server.

use crate::kdl::Node;

use super::listeners::millis;
use super::notes::Notes;
use super::settings::Settings;
use super::upstream::{BACK_DOOR, Module, UpstreamUrl};

/// The route that serves the sockets of some modules.
pub(super) fn route(
    modules: &[Module],
    url: &UpstreamUrl,
    trace: Option<Node>,
    settings: &Settings<'_>,
    notes: &mut Notes<'_>,
) -> Node {
    let mut nodes = Vec::new();
    if needs_origin(modules, settings, notes) {
        let why = "opensips: who sends no Origin is refused (`require_origin`), by 404 here and by 400 there. Any Origin \
                   is good, here as there; `origins` below says which are.";
        nodes.push(
            Node::new("matches").block(vec![Node::new("header").text("Origin")]).comment(why.to_owned()),
        );
    }
    nodes.push(Node::new("upstream").text(super::document::UPSTREAM));
    nodes.push(Node::new("websocket").block(websocket(modules, url, trace, settings, notes)));
    Node::new("route").text("sip").block(nodes)
}

fn websocket(
    modules: &[Module],
    url: &UpstreamUrl,
    trace: Option<Node>,
    settings: &Settings<'_>,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let mut nodes = vec![
        Node::new("origins").text("https://phone.example.org").comment("Which pages may connect.").off(true),
    ];
    nodes.extend(trace);
    nodes.push(sip(modules, url, settings, notes));
    let why = "opensips: what its buffer holds. Fragments are put together here.";
    nodes.push(Node::new("max-message-size").number(65_535).comment(why));
    let mut comments = Vec::new();
    let sends = one_for_all(modules, settings, "send_timeout", &mut comments, notes);
    let send = sends.and_then(|module| millis(settings, module, "send_timeout", &mut comments, notes));
    match send {
        Some(millis) => nodes.push(Node::new("send-timeout-ms").number(millis).comments(comments)),
        None => {
            let why = "opensips: a write may take 100 ms unless `wss_send_timeout` stands; here a minute, which browsers on \
                       the road can need: `send-timeout-ms`.";
            nodes.push(Node::remark(comments.into_iter().chain([why.to_owned()]).collect()));
        }
    }
    nodes.extend(lifetime(settings, notes));
    let why = "Clients that are gone are found by it; OpenSIPS sends no pings.";
    nodes.push(Node::new("ping-interval-secs").number(30).comment(why));
    nodes
}

fn sip(modules: &[Module], url: &UpstreamUrl, settings: &Settings<'_>, notes: &mut Notes<'_>) -> Node {
    let mut comments = Vec::new();
    let mut nodes = vec![Node::new("mode").text("edge")];
    if matches!(url.sip_scheme(), Some("udp" | "tcp")) {
        nodes.push(Node::new("listener").text(BACK_DOOR).off(true));
    }
    let chunks = one_for_all(modules, settings, "max_msg_chunks", &mut comments, notes)
        .and_then(|module| settings.last(module.name, &module.parameter("max_msg_chunks")));
    match chunks.map(|parameter| (parameter, parameter.number().filter(|chunks| *chunks <= 65_535))) {
        Some((_, Some(chunks))) => nodes.push(Node::new("max-message-chunks").number(chunks)),
        Some((parameter, None)) => {
            comments.push(notes.none(parameter.statement, "this is no number of chunks"));
        }
        None => comments.push(
            "opensips: a message may come in 4 reads unless `wss_max_msg_chunks` stands; here in any number, as how \
             bytes arrive is not the client's doing."
                .to_owned(),
        ),
    }
    Node::new("sip").block(nodes).comments(comments)
}

/// `tcp_connection_lifetime`, switched off: registered browsers are silent for longer.
fn lifetime(settings: &Settings<'_>, notes: &mut Notes<'_>) -> Option<Node> {
    let setting = settings.core("tcp_connection_lifetime")?;
    let Some(seconds) = setting.number().filter(|seconds| (1..=SECONDS_MAX).contains(seconds)) else {
        return Some(Node::remark(vec![notes.none(setting.statement, "this is no number of seconds")]));
    };
    let what = "silent clients keep their connection here as long as they answer pings, for a registration would be \
                lost with it; `idle-timeout-secs` ends it";
    let comment = notes.differs(setting.statement, what);
    Some(Node::new("idle-timeout-secs").number(seconds).comment(comment).off(true))
}

/// Whether a client must have an Origin. Where the modules differ, it must.
fn needs_origin(modules: &[Module], settings: &Settings<'_>, notes: &mut Notes<'_>) -> bool {
    let of_each: Vec<_> = modules.iter().map(|module| settings.last(module.name, "require_origin")).collect();
    let needs: Vec<bool> = of_each
        .iter()
        .map(|parameter| parameter.is_none_or(|parameter| parameter.number() != Some(0)))
        .collect();
    if needs.iter().any(|needs| *needs) {
        let lax = of_each.iter().flatten().filter(|parameter| parameter.number() == Some(0));
        for parameter in lax {
            notes.differs(parameter.statement, "the other module needs an Origin, and one route serves both");
        }
        return true;
    }
    false
}

/// The first module that has a parameter; others that have it with another value are told of.
fn one_for_all(
    modules: &[Module],
    settings: &Settings<'_>,
    name: &str,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Option<Module> {
    let having = modules.iter().filter_map(|module| {
        settings.last(module.name, &module.parameter(name)).map(|parameter| (*module, parameter))
    });
    let having: Vec<_> = having.collect();
    let (first, chosen) = having.first()?;
    for (_, parameter) in having.iter().skip(1).filter(|(_, other)| other.value != chosen.value) {
        let what = "one route serves both kinds of sockets; what proto_wss has holds for both";
        comments.push(notes.differs(parameter.statement, what));
    }
    Some(*first)
}

/// A year.
const SECONDS_MAX: u64 = 31_536_000;
