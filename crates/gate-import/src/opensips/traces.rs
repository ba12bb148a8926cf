//! `proto_hep` and the tracing of the WebSocket modules, as `traces`.

use crate::kdl::Node;
use crate::slug::slug;

use super::filter::{self, Rule};
use super::network::{Network, Ports};
use super::notes::Notes;
use super::parser::{Says, Statement};
use super::settings::Settings;
use super::upstream::{Module, is_name};

/// A socket of the gateway, as filters name it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    pub(super) module: Module,
    pub(super) at: std::net::SocketAddr,
}

/// The trace of all that is WebSocket.
#[derive(Debug)]
pub(super) struct Traced {
    /// The block, its name included.
    pub(super) node: Node,
    name: String,
    is_off: bool,
}

impl Traced {
    /// What a listener or route has that is traced.
    pub(super) fn reference(&self) -> Node {
        Node::new("trace").text(&self.name).off(self.is_off)
    }
}

/// Where HEP goes: `[name] host[:port]; transport=udp; version=3`.
#[derive(Debug, PartialEq, Eq)]
struct Destination<'v> {
    name: &'v str,
    address: &'v str,
    transport: &'v str,
    version: &'v str,
    /// What is not known.
    rest: Vec<&'v str>,
}

/// Reads who is told of connections. At most one server is.
pub(super) fn traced(
    modules: &[Module],
    locals: &[Local],
    statements: &[Statement],
    settings: &Settings<'_>,
    (comments, notes): (&mut Vec<String>, &mut Notes<'_>),
) -> Option<Traced> {
    let mut asking = modules.iter().filter_map(|module| {
        settings.last(module.name, "trace_destination").map(|parameter| (*module, parameter))
    });
    let first = asking.next();
    for (_, parameter) in asking {
        let is_same = first.is_some_and(|(_, first)| first.value == parameter.value);
        if !is_same {
            let what = "one route serves both kinds of sockets; what proto_wss has holds for both";
            comments.push(notes.differs(parameter.statement, what));
        }
    }
    let mut hep = settings.all(HEP, "hep_id");
    hep.extend(settings.all(HEP, "trace_destination"));
    let destinations: Vec<_> =
        hep.iter().map(|parameter| (Destination::read(parameter.value), parameter.statement)).collect();
    let Some((module, wanted)) = first else {
        for (_, statement) in &destinations {
            notes.stays(statement);
        }
        return None;
    };
    let found = destinations.iter().find(|(destination, _)| destination.name == wanted.value.trim());
    for (destination, statement) in &destinations {
        if destination.name != wanted.value.trim() {
            notes.stays(statement);
        }
    }
    let Some((destination, statement)) = found else {
        comments.push(notes.none(wanted.statement, "no `hep_id` of proto_hep has this name"));
        return None;
    };
    let mut filter = Filter::of(module, statements, settings, notes);
    filter.leave_out(modules, locals, module, settings);
    let mut nodes = destination.nodes(statement, notes);
    let is_on = settings.last(module.name, "trace_on").and_then(|parameter| parameter.number()) == Some(1);
    if !is_on || filter.is_unknown {
        let why = if filter.is_unknown {
            "Off until somebody has decided what becomes of the filter."
        } else {
            "opensips: `trace_on` is 0 unless it stands; `framegate ctl wss_trace on` switches it on."
        };
        nodes.push(Node::new("enabled").flag(false).comment(why));
    }
    told_apart(modules, module, settings, comments, notes);
    nodes.extend(payload(destination.name, settings, comments, notes));
    nodes.extend(filter::node(&filter.rules).map(|node| node.comments(filter.comments.clone())));
    let is_refused = matches!(destination.version, "1" | "2") || destination.host().is_none();
    let name = slug(destination.name);
    let name = if name.is_empty() { "hep".to_owned() } else { name };
    let node = Node::new("trace").text(&name).block(nodes).off(is_refused);
    let node = if filter.is_unknown { node.comments(filter.comments) } else { node };
    Some(Traced { node, name, is_off: is_refused })
}

impl<'v> Destination<'v> {
    fn read(value: &'v str) -> Self {
        let (name, rest) = value
            .trim()
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .map_or(("", value), |(name, rest)| (name.trim(), rest));
        let mut parts = rest.split(';').map(str::trim);
        let address = parts.next().unwrap_or_default();
        let mut destination = Self { name, address, transport: "tcp", version: "3", rest: Vec::new() };
        for part in parts.filter(|part| !part.is_empty()) {
            match part.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
                Some(("transport", transport)) => destination.transport = transport,
                Some(("version", version)) => destination.version = version,
                Some(_) | None => destination.rest.push(part),
            }
        }
        destination
    }

    /// The host and the port, unless they cannot be an address.
    fn host(&self) -> Option<(&str, u16)> {
        let (host, port) = match self.address.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (self.address, 9060),
        };
        let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_v6 = inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok());
        (port > 0 && (is_v6 || is_name(host))).then_some((host, port))
    }

    fn nodes(&self, statement: &Statement, notes: &mut Notes<'_>) -> Vec<Node> {
        let mut address = match self.host() {
            Some((host, port)) => Node::new("address").text(&format!("{host}:{port}")),
            None => Node::new("address")
                .text(self.address)
                .comment(notes.refused(statement, "this is no address of a server")),
        };
        if matches!(self.version, "1" | "2") {
            let why = "HEP is sent as version 3, which alone has room for what is told. Homer and heplify-server take it; \
                       when the server does, take out each /- before `trace`";
            address = address.comment(notes.refused(statement, why));
        } else if self.version != "3" {
            address = address.comment(notes.none(statement, "HEP is sent as version 3"));
        }
        for part in &self.rest {
            address = address.comment(notes.none(statement, &format!("`{part}` is not known")));
        }
        // Versions 1 and 2 go over UDP whatever stands there.
        let transport = match (self.version, self.transport.to_ascii_lowercase().as_str()) {
            ("1" | "2", _) | (_, "udp") => "udp",
            (_, "tls") => "tls",
            (_, "tcp") => "tcp",
            (_, _) => {
                address = address.comment(notes.none(statement, "the transports are udp, tcp and tls"));
                "tcp"
            }
        };
        vec![address, Node::new("transport").text(transport)]
    }
}

/// Tells of what another module that is traced has differently.
fn told_apart(
    modules: &[Module],
    traced: Module,
    settings: &Settings<'_>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) {
    for other in modules.iter().filter(|other| **other != traced) {
        if settings.last(other.name, "trace_destination").is_none() {
            continue;
        }
        for name in ["trace_on", "trace_filter_route"] {
            let own = settings.last(traced.name, name).map(|parameter| parameter.value);
            if let Some(parameter) = settings.last(other.name, name).filter(|other| Some(other.value) != own)
            {
                let what = "one trace is of both kinds of sockets; what proto_wss has holds for both";
                comments.push(notes.differs(parameter.statement, what));
            }
        }
    }
}

/// How events are written, and by whom.
fn payload(
    name: &str,
    settings: &Settings<'_>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    if let Some(parameter) = settings.last(HEP, "hep_capture_id") {
        match parameter.number().filter(|id| *id <= u32::MAX.into()) {
            Some(id) => nodes.push(Node::new("capture-id").number(id)),
            None => comments.push(notes.none(parameter.statement, "this is no number of 32 bits")),
        }
    }
    let is_homer5 = settings.last(HEP, "homer5_on").and_then(|parameter| parameter.number()) != Some(0);
    let delimiter = settings.last(HEP, "homer5_delim");
    if is_homer5 {
        nodes.push(Node::new("form").text("homer5"));
        let delimiter =
            delimiter.map(|parameter| parameter.value).filter(|text| !text.is_empty() && *text != ":");
        nodes.extend(delimiter.map(|text| Node::new("delimiter").text(text)));
    }
    nodes.push(Node::new("protocol-type").number(89));
    if !is_traced_as_sip(name, settings) {
        let why = "opensips: its tracer module sends no copies of SIP messages there; `true` would.";
        nodes.push(Node::new("sip-messages").flag(false).comment(why));
    }
    nodes
}

/// Whether the module `tracer` (`siptrace` before) sends SIP to that destination.
fn is_traced_as_sip(name: &str, settings: &Settings<'_>) -> bool {
    let mut ids = settings.parameters.iter().filter(|parameter| {
        matches!(parameter.module, "tracer" | "siptrace")
            && matches!(parameter.name, "trace_id" | "duplicate_uri")
    });
    ids.any(|parameter| {
        let urls = parameter.value.split(|c: char| c == '=' || c == ';' || c == ']' || c.is_whitespace());
        urls.filter_map(|url| url.strip_prefix("hep:")).any(|found| found == name)
    })
}

/// `trace_filter_route`.
#[derive(Debug, Default)]
struct Filter {
    rules: Vec<Rule>,
    comments: Vec<String>,
    /// Whether the route says what cannot be said here.
    is_unknown: bool,
}

impl Filter {
    fn of(module: Module, statements: &[Statement], settings: &Settings<'_>, notes: &mut Notes<'_>) -> Self {
        let Some(parameter) = settings.last(module.name, "trace_filter_route") else {
            return Self::default();
        };
        let body = statements.iter().find_map(|statement| match &statement.says {
            Says::Route { kind, name, body } if kind == "route" && name == parameter.value.trim() => {
                Some(body)
            }
            Says::Route { .. }
            | Says::Setting { .. }
            | Says::Module(_)
            | Says::Parameter { .. }
            | Says::Include
            | Says::Preprocessor
            | Says::Unknown => None,
        });
        let Some(body) = body else {
            let comment = notes.none(parameter.statement, "there is no route of this name in the file");
            return Self { comments: vec![comment], is_unknown: true, ..Self::default() };
        };
        match filter::rules(body) {
            Ok(rules) => {
                let comment =
                    format!("opensips: route[{}], asked once of each connection.", parameter.value.trim());
                Self { rules, comments: vec![comment], is_unknown: false }
            }
            Err(foreign) => {
                let comment = notes.none_at(foreign.place, foreign.why);
                Self { comments: vec![comment], is_unknown: true, ..Self::default() }
            }
        }
    }

    /// Sockets of a module that is not traced are denied first.
    fn leave_out(&mut self, modules: &[Module], locals: &[Local], traced: Module, settings: &Settings<'_>) {
        for module in modules.iter().filter(|module| **module != traced) {
            if settings.last(module.name, "trace_destination").is_some() {
                continue;
            }
            let sockets = locals.iter().filter(|local| local.module == *module);
            let denied: Vec<_> = sockets
                .map(|local| Rule {
                    local: (!local.at.ip().is_unspecified())
                        .then(|| Network::read(&local.at.ip().to_string()))
                        .flatten(),
                    local_port: Some(Ports::from(local.at.port())),
                    ..Rule::default()
                })
                .collect();
            if !denied.is_empty() {
                let why = format!(
                    "opensips: {} has no `trace_destination`, so its sockets are not traced.",
                    module.name
                );
                self.comments.push(why);
            }
            self.rules.splice(0..0, denied);
        }
    }
}

const HEP: &str = "proto_hep";

#[cfg(test)]
mod tests {
    use super::Destination;

    #[test]
    fn destinations_have_a_name_an_address_and_settings() {
        for (value, expected) in [
            ("[h]10.0.0.2;transport=tcp;version=3", ("h", Some(("10.0.0.2", 9060)), "tcp", "3")),
            (
                "[h] homer.example.org:9061 ; transport = udp",
                ("h", Some(("homer.example.org", 9061)), "udp", "3"),
            ),
            ("[h][::1]:1", ("h", Some(("[::1]", 1)), "tcp", "3")),
            ("[h]10.0.0.2; version=1", ("h", Some(("10.0.0.2", 9060)), "tcp", "1")),
            ("10.0.0.2", ("", Some(("10.0.0.2", 9060)), "tcp", "3")),
            ("[h]a b", ("h", None, "tcp", "3")),
            ("[h]10.0.0.2:0", ("h", None, "tcp", "3")),
        ] {
            let found = Destination::read(value);
            assert_eq!((found.name, found.host(), found.transport, found.version), expected, "{value}");
        }
        assert_eq!(Destination::read("[h]a;b=c;d").rest, ["b=c", "d"]);
    }
}
