//! From nodes to the model: every name resolved, every value read, and all mistakes reported.

mod admin;
mod agents;
mod frame_logs;
mod free;
mod header_config;
mod inspect;
mod inspected;
mod lifetime;
mod limits;
mod listeners;
mod matches;
mod observability;
mod peers;
mod policies;
mod routes;
mod server;
mod sip;
mod spare;
mod targets;
mod tls;
mod traces;
mod upstreams;
mod webhook;
mod websocket;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crate::fields::{Entry, Fields};
use crate::model::{At, Config, ListenAddress, Place};
use crate::report::{Code, Report};
use crate::source::Sources;
use crate::syntax::Node;

/// The configuration that `nodes` mean; of use only if nothing is reported as an error.
pub(crate) fn lower(nodes: &[Node], sources: &Sources, report: &mut Report) -> Config {
    let cx = &mut Context { sources, report };
    let top = Fields::top(nodes, cx.report);
    let agents = agents::read(&top, cx);
    let upstreams = upstreams::read(&top, cx);
    let frame_logs = frame_logs::read(&top, cx);
    let listeners = listeners::read(&top, cx);
    let traces = traces::read(&top, cx);
    let names = Names {
        listeners: names_of(&listeners, "listener", cx.report),
        frame_logs: names_of(&frame_logs, "frame log", cx.report),
        traces: names_of(&traces, "trace", cx.report),
        upstreams: names_of(&upstreams, "upstream", cx.report),
        agents: names_of(&agents, "agent", cx.report),
    };
    let asked: Vec<_> = agents.iter().map(|entry| Arc::new(agents::agent(entry, cx))).collect();
    let routes = routes::read(&top, cx);
    let by_name = traces::routes(&routes);
    let mut config = Config {
        server: server::server(&top, cx),
        limits: server::limits(&top, cx),
        listeners: listeners.iter().filter_map(|entry| listeners::listener(entry, &names, cx)).collect(),
        routes: routes.iter().filter_map(|entry| routes::route(entry, &names, &asked, cx)).collect(),
        upstreams: upstreams.iter().map(|entry| upstreams::upstream(entry, &names, cx)).collect(),
        agents: asked,
        frame_logs: frame_logs.iter().map(|entry| frame_logs::frame_log(entry, cx)).collect(),
        traces: traces.iter().map(|entry| traces::trace(entry, &by_name, cx)).collect(),
        observability: observability::read(&top, cx),
        admin: admin::read(&top, cx),
    };
    sip::keep_dialogs_together(&mut config);
    judge_whole(&config, cx.report);
    let place = |entry: &Entry<'_>| entry.id.place;
    // What could not be read has no place in the configuration, nor does it start.
    if cx.report.mistakes() == 0 {
        let places = sip::Places {
            routes: routes.iter().map(place).collect(),
            listeners: listeners.iter().map(place).collect(),
        };
        sip::judge(&config, &places, cx.report);
        let blocks = spare::Blocks {
            routes: &routes,
            upstreams: &upstreams,
            agents: &agents,
            frame_logs: &frame_logs,
            traces: &traces,
        };
        spare::judge(&config, &blocks, cx.report);
    }
    frame_logs::judge_rotations(&config, cx.report);
    config
}

/// What the readers of blocks share.
struct Context<'a> {
    sources: &'a Sources,
    report: &'a mut Report,
}

impl Context<'_> {
    /// A path as the rest of the program needs it.
    fn path(&self, path: At<&str>) -> At<PathBuf> {
        At { value: self.sources.resolve(path.place, path.value), place: path.place }
    }
}

/// What routes can name.
struct Names<'a> {
    upstreams: Index<'a>,
    agents: Index<'a>,
    frame_logs: Index<'a>,
    traces: Index<'a>,
    listeners: Index<'a>,
}

/// Places in the configuration's lists, by name.
type Index<'a> = HashMap<&'a str, u32>;

/// The positions of named blocks. A name that stands twice is reported.
fn names_of<'a>(entries: &[Entry<'a>], kind: &str, report: &mut Report) -> Index<'a> {
    let mut names = HashMap::new();
    let mut places: HashMap<&str, Place> = HashMap::new();
    for (entry, index) in entries.iter().zip(0..) {
        let id = entry.id.value;
        if id.is_empty() {
            continue;
        }
        if let Some(first) = places.get(id) {
            report
                .error(Code::DuplicateId, entry.id.place, format!("the {kind} `{id}` is defined twice"))
                .label("for the second time")
                .help(format!("each {kind} needs a name of its own"))
                .also(*first, "for the first time");
            continue;
        }
        places.insert(id, entry.id.place);
        names.insert(id, index);
    }
    names
}

/// Reports a name that is not defined.
fn refuse_unknown(kind: &str, name: At<&str>, known: &Index<'_>, report: &mut Report) {
    let mut names: Vec<_> = known.keys().copied().collect();
    names.sort_unstable();
    let near = crate::nearest::nearest(name.value, names.iter().copied());
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    names.truncate(NAMES_SHOWN);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let known = if names.is_empty() {
        format!("no {kind} is defined")
    } else {
        format!("defined: {}{more}", names.join(", "))
    };
    report
        .error(Code::UnknownReference, name.place, format!("there is no {kind} `{}`", name.value))
        .label("not defined")
        .help(format!("{near}{known}"));
}

/// Names in a list of what is defined.
const NAMES_SHOWN: usize = 20;

/// What no single block can know.
fn judge_whole(config: &Config, report: &mut Report) {
    // What is missing may be what could not be read.
    let is_complete = report.mistakes() == 0;
    if config.listeners.is_empty() && is_complete {
        report
            .error(Code::Empty, Place::NOWHERE, "there is no listener, so nobody can connect")
            .help("add listeners { listener \"http\" { address \"127.0.0.1:8080\" } }");
    }
    let has_sip_alone =
        !config.listeners.is_empty() && config.listeners.iter().all(|listener| listener.sip.is_some());
    if config.routes.is_empty() && !has_sip_alone && is_complete {
        report
            .warn(Code::Empty, Place::NOWHERE, "there is no route, so every request is answered 404")
            .help("add routes { route \"all\" { upstream \"…\" } }");
    }
    let metrics = config.observability.metrics.as_ref();
    let metrics = metrics.map(|metrics| (ListenAddress::Tcp(metrics.address.value), metrics.address.place));
    let listeners =
        config.listeners.iter().map(|listener| (listener.address.value.clone(), listener.address.place));
    let mut taken: HashMap<ListenAddressKey, Place> = HashMap::new();
    let admin = config.admin.as_ref().map(|admin| (admin.address.value.clone(), admin.address.place));
    for (address, place) in listeners.chain(metrics).chain(admin) {
        let Some(key) = key_of(&address) else { continue };
        if let Some(first) = taken.insert(key, place) {
            report
                .error(Code::DuplicateValue, place, format!("{address} is listened on twice"))
                .label("for the second time")
                .help("each address can be taken once")
                .also(first, "for the first time");
        }
    }
}

type ListenAddressKey = String;

/// What two listeners cannot share; the system chooses another port each time for port 0.
fn key_of(address: &ListenAddress) -> Option<ListenAddressKey> {
    match address {
        ListenAddress::Tcp(address) | ListenAddress::Udp(address) if address.port() == 0 => None,
        ListenAddress::Udp(address) => Some(format!("udp {address}")),
        ListenAddress::Tcp(_) | ListenAddress::Unix { .. } => Some(address.to_string()),
    }
}

fn arc(id: At<&str>) -> Arc<str> {
    id.value.into()
}
