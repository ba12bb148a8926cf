//! All parts put together, and what is told of the rest.

use crate::imported::Counts;
use crate::kdl::{Node, render};
use crate::slug::Taken;

use super::Options;
use super::domains::{self, Domain, Role, connecting, serving};
use super::listeners::{Placed, Shared, first_ip, placed};
use super::notes::{Notes, is_ours};
use super::parser::{Says, Statement};
use super::route::route;
use super::settings::{Parameter, Settings};
use super::socket::{Socket, sockets};
use super::tls::{self, Paths};
use super::traces::{Local, traced};
use super::upstream::{self, BACK_DOOR, Module, UpstreamUrl, WS, WSS};

/// The name of the SIP server in the new file.
pub(super) const UPSTREAM: &str = "opensips";

/// The document, and how much there is in it.
pub(super) fn document(
    statements: &[Statement],
    options: &Options,
    name: &str,
    notes: &mut Notes<'_>,
) -> (String, Counts) {
    let settings = Settings::of(statements);
    let sockets = sockets(&settings);
    let mut comments = Vec::new();
    let domains = domains::domains(&settings, &mut comments, notes);
    let placed = placed(&sockets, &settings, &mut comments, notes);
    let (url, why) = upstream::choose(options.upstream.as_ref(), &sockets, &settings);
    let modules = modules(&placed, &settings, notes);
    let locals: Vec<Local> = placed.iter().map(|placed| placed.local).collect();
    let mut of_traces = Vec::new();
    let trace = traced(&modules, &locals, statements, &settings, (&mut of_traces, notes));
    let reference = trace.as_ref().map(|trace| trace.reference());
    let paths = Paths { folder: &options.folder };

    let shared = Shared { settings: &settings, domains: &domains, paths: &paths };
    let mut names = Taken::default();
    names.unique(BACK_DOOR);
    let mut listeners: Vec<Node> = Vec::new();
    for placed in &placed {
        let is_traced = settings.last(placed.local.module.name, "trace_destination").is_some();
        let trace = reference.clone().filter(|_| is_traced);
        listeners.push(shared.listener(placed, trace, &mut names, notes));
    }
    let counts = Counts {
        listeners: listeners.len(),
        routes: usize::from(!placed.is_empty()),
        upstreams: usize::from(!placed.is_empty()),
    };
    let mut nodes = Vec::new();
    let server = server(&settings, notes);
    if !placed.is_empty() {
        listeners.extend(upstream::back_door(&url, first_ip(&placed)));
        let route = route(&modules, &url, reference, &settings, notes);
        let upstream = upstream_node(&url, why, &shared, notes);
        nodes.extend(server);
        nodes.push(Node::new("listeners").block(listeners).comments(comments).apart());
        nodes.push(Node::new("routes").block(vec![route]).apart());
        nodes.push(Node::new("upstreams").block(vec![upstream]).apart());
        nodes.extend(
            trace.map(|trace| Node::new("traces").block(vec![trace.node]).comments(of_traces).apart()),
        );
    }
    unused_domains(&domains, &placed, &url, notes);
    let rest = rest(statements, &sockets, &settings, notes);
    let mut all = vec![head(name, placed.is_empty(), notes.staying())];
    all.extend((!rest.is_empty()).then(|| Node::remark(rest).apart()));
    all.extend(nodes);
    (render(&all), counts)
}

fn head(name: &str, is_empty: bool, staying: usize) -> Node {
    let mut comments = vec![format!(
        "Made from {name} by `framegate import opensips`. Lines that begin with `opensips` tell what is different or \
         left out; what `/-` stands before is switched off."
    )];
    comments.push(if is_empty {
        "There is no socket for ws or wss in it, and so nothing for a gateway to do.".to_owned()
    } else {
        format!(
            "The gateway takes the place of the sockets for ws and wss: take them out of {name}, with proto_ws and \
             proto_wss. OpenSIPS keeps the rest; {staying} of its statements have nothing to do with the gateway."
        )
    });
    Node::remark(comments).apart()
}

/// The modules whose sockets there are. Where both are, proto_wss is asked first.
fn modules(placed: &[Placed<'_, '_>], settings: &Settings<'_>, notes: &mut Notes<'_>) -> Vec<Module> {
    let modules = [WSS, WS];
    let with_socket = |module: &Module| placed.iter().any(|placed| placed.local.module == *module);
    let found: Vec<_> = modules.into_iter().filter(with_socket).collect();
    // What a module without a socket says is for connections that OpenSIPS opens itself.
    for module in modules.iter().filter(|module| !found.contains(module)) {
        for parameter in settings.of_module(module.name) {
            Settings::take(parameter);
            notes.stays(parameter.statement);
        }
    }
    found
}

fn server(settings: &Settings<'_>, notes: &mut Notes<'_>) -> Option<Node> {
    let setting = settings.core("tcp_max_connections")?;
    let Some(count) = setting.number().filter(|count| (1..=u32::MAX.into()).contains(count)) else {
        notes.none(setting.statement, "this is no number of connections");
        return None;
    };
    let comment = notes.differs(setting.statement, "of the gateway, and OpenSIPS has its own");
    let node = Node::new("max-connections").number(count).comment(comment);
    Some(Node::new("server").block(vec![node]).apart())
}

fn upstream_node(url: &UpstreamUrl, why: String, shared: &Shared<'_, '_>, notes: &mut Notes<'_>) -> Node {
    let settings = shared.settings;
    let mut nodes = vec![Node::new("target").text(&url.to_string()).comment(why)];
    if let Some(module) = url.module()
        && let Some(parameter) = settings.last(module.name, &module.parameter("resource"))
    {
        if is_path(parameter.value) {
            nodes.push(Node::new("path").text(parameter.value));
        } else {
            let comment = notes.none(parameter.statement, "a path begins with `/` and has no blanks");
            nodes.push(Node::remark(vec![comment]));
        }
    }
    if url.is_secure() {
        let check = settings.last(WSS.name, "cert_check_on_conn_reusage");
        let node = |flag| Node::new("cert-check-on-reuse").flag(flag);
        nodes.extend(check.and_then(Parameter::number).map(|number| node(number != 0)));
        let domain = connecting(shared.domains, &url.authority());
        nodes.extend(tls::client(domain, shared.paths, notes));
    }
    nodes.extend(upstream::timeouts(url, settings, notes));
    if !url.is_datagrams() && settings.core("tcp_connect_timeout").is_none() {
        let why =
            "opensips: connecting may take 100 ms unless `tcp_connect_timeout` stands; here 5 s: `timeouts`.";
        nodes.push(Node::remark(vec![why.to_owned()]));
    }
    Node::new("upstream").text(UPSTREAM).block(nodes)
}

fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

/// Domains of OpenSIPS' own connections stay with it.
fn unused_domains(
    domains: &[Domain<'_>],
    placed: &[Placed<'_, '_>],
    url: &UpstreamUrl,
    notes: &mut Notes<'_>,
) {
    for domain in domains {
        let is_used = match domain.role {
            Role::Server => placed.iter().filter(|placed| placed.local.module == WSS).any(|placed| {
                serving(domains, placed.local.at).iter().any(|serving| std::ptr::eq(*serving, domain))
            }),
            Role::Client => {
                url.is_secure()
                    && connecting(domains, &url.authority()).is_some_and(|used| std::ptr::eq(used, domain))
            }
        };
        if !is_used && domain.is_named() {
            notes.stays(domain.statement);
        }
    }
}

/// Comments for what no part has looked at.
fn rest(
    statements: &[Statement],
    sockets: &[Socket<'_>],
    settings: &Settings<'_>,
    notes: &mut Notes<'_>,
) -> Vec<String> {
    let mut comments = Vec::new();
    for parameter in settings.parameters.iter().filter(|parameter| !parameter.is_taken()) {
        match reason(parameter) {
            Some(why) => comments.push(notes.none(parameter.statement, why)),
            None => notes.stays(parameter.statement),
        }
    }
    for setting in settings.core.iter().filter(|setting| !setting.is_taken()) {
        match CORE.iter().find(|(name, _)| *name == setting.name) {
            Some((_, why)) => comments.push(notes.none(setting.statement, why)),
            None => notes.stays(setting.statement),
        }
    }
    for socket in sockets.iter().filter(|socket| !socket.is_websocket()) {
        notes.stays(socket.statement);
    }
    let is_filter = |name: &str| {
        settings.parameters.iter().any(|parameter| {
            parameter.name == "trace_filter_route"
                && is_ours(parameter.module)
                && parameter.value.trim() == name
        })
    };
    for statement in statements {
        match &statement.says {
            Says::Module(name) if !is_ours(name) => notes.stays(statement),
            Says::Route { name, .. } if !is_filter(name) => notes.stays(statement),
            Says::Preprocessor => comments.push(
                notes
                    .none(statement, "the lines that it may leave out are read as if it did not stand there"),
            ),
            Says::Include => {
                comments.push(
                    notes.none(statement, "put what stands in that file in this place, and import again"),
                );
            }
            Says::Unknown if !notes.is_ellipsis(statement) => {
                comments.push(notes.none(statement, "it is no statement that is known"));
            }
            Says::Unknown
            | Says::Module(_)
            | Says::Route { .. }
            | Says::Setting { .. }
            | Says::Parameter { .. } => {}
        }
    }
    comments
}

/// Why a parameter has no equivalent; `None` where it is no business of the gateway's.
fn reason(parameter: &Parameter<'_>) -> Option<&'static str> {
    let why = match (parameter.module, parameter.name) {
        ("proto_ws" | "proto_wss", name) if name.ends_with("_resource") => {
            "it is the path of handshakes that OpenSIPS opens; the gateway opens them with --upstream wss://…, and then \
             it is `path`"
        }
        ("proto_ws" | "proto_wss", name) if name.ends_with("s_handshake_timeout") => {
            "it is for handshakes that OpenSIPS opens; the gateway opens them with --upstream wss://…, and then it is \
             `timeouts { handshake }`"
        }
        ("proto_wss", "cert_check_on_conn_reusage") => {
            "it is for connections that OpenSIPS opens; the gateway opens them with --upstream wss://…, and then it is \
             `cert-check-on-reuse`"
        }
        ("proto_ws" | "proto_wss", "trace_on" | "trace_filter_route") => {
            "without `trace_destination` nothing is traced"
        }
        ("proto_ws" | "proto_wss", _) => "it is not known",
        ("proto_hep", name)
            if name.starts_with("hep_async") || name.contains("retr") || name.ends_with("_timeout") =>
        {
            "sending HEP never waits: `queue-size` packets do, further ones are dropped and counted"
        }
        ("proto_hep", "compressed_payload") => "payloads are sent as they are",
        ("proto_hep", _) => return None,
        ("tls_mgm", name) if name.starts_with("db_") || name.ends_with("_col") => {
            "certificates are files: write those of the database to some, and name them by `cert-file` and `key-file`"
        }
        ("tls_mgm", "tls_library") => "TLS is that of rustls",
        ("tls_mgm", "client_tls_domain_avp" | "client_sip_domain_avp") => return None,
        ("tls_mgm", _) => "it is not known",
        _ => return None,
    };
    Some(why)
}

/// Settings of the core for connections of clients.
const CORE: [(&str, &str); 7] = [
    ("tcp_keepalive", PINGS),
    ("tcp_keepcount", PINGS),
    ("tcp_keepidle", PINGS),
    ("tcp_keepinterval", PINGS),
    ("tcp_accept_aliases", "clients are found by tokens in Path and Record-Route, not by ports"),
    ("tcp_no_new_conn_bflag", "clients are never connected to"),
    ("tcp_no_new_conn_rplflag", "clients are never connected to"),
];

const PINGS: &str = "for clients of WebSocket there are pings: `ping-interval-secs`";
