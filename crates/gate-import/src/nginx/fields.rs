//! `proxy_set_header`: what becomes of fields of requests. What nginx sets or takes away, no
//! client may say here either.

use http::{HeaderName, HeaderValue};

use crate::kdl::Node;

use super::notes::Notes;
use super::parser::Directive;
use super::real_ip::{RealIp, is_clients_address};
use super::scope::Scope;

/// What is made of the directives of a location.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    pub(super) real_ip: RealIp<'a>,
    /// `policies` of the route.
    pub(super) policies: Option<Node>,
    /// Settings of its `websocket`.
    pub(super) settings: Vec<Node>,
    pub(super) comments: Vec<String>,
}

/// What becomes of a field.
enum Fate {
    /// Told elsewhere.
    Elsewhere,
    /// Framegate does so without being told.
    ByItself,
    /// The listener does so.
    RealIp,
    /// No client may send it; why it is not set.
    Removed(Option<&'static str>),
    /// It always has this value.
    Set,
    /// `Sec-WebSocket-Extensions ""`: compression is not offered.
    Uncompressed,
    /// It is left as it is: why.
    Left(&'static str),
}

/// Reads them, for requests that a `proxy_pass` sends on.
pub(super) fn fields<'a>(scope: &Scope<'a>, pass: &'a Directive, notes: &mut Notes<'_>) -> Fields<'a> {
    let (policies, settings, comments) = (None, Vec::new(), Vec::new());
    let mut fields = Fields { real_ip: RealIp::Unsaid(pass), policies, settings, comments };
    let mut by_itself: Vec<&Directive> = Vec::new();
    let (mut removed, mut set): (Vec<&str>, Vec<(&str, &str)>) = (Vec::new(), Vec::new());
    for directive in scope.all("proxy_set_header") {
        let (name, value) = (directive.value(), directive.arg(1).unwrap_or_default());
        let is_new =
            !removed.iter().chain(set.iter().map(|(name, _)| name)).any(|it| it.eq_ignore_ascii_case(name));
        let fate = fate(name, value, scope);
        if name.eq_ignore_ascii_case("x-real-ip") && matches!(fate, Fate::Removed(_) | Fate::Set) {
            fields.real_ip = RealIp::OfRoute;
        }
        match fate {
            Fate::Elsewhere => {}
            Fate::ByItself => by_itself.push(directive),
            Fate::RealIp => fields.real_ip = RealIp::Client(directive),
            Fate::Removed(why) => {
                if let Some(why) = why {
                    fields.comments.push(notes.none(directive, why));
                }
                removed.extend(is_new.then_some(name));
            }
            Fate::Set => set.extend(is_new.then_some((name, value))),
            Fate::Uncompressed => fields.settings.push(Node::new("compression").text("off")),
            Fate::Left(why) => fields.comments.push(notes.none(directive, why)),
        }
    }
    let mut nodes = Vec::new();
    if !removed.is_empty() {
        nodes.push(removed.iter().fold(Node::new("remove"), |node, name| node.text(name)));
    }
    if !set.is_empty() {
        let pairs = set.iter().map(|(name, value)| Node::called(name).text(value));
        nodes.push(Node::new("set").block(pairs.collect()));
    }
    if !nodes.is_empty() {
        let request = Node::new("request-headers").block(nodes);
        fields.policies = Some(Node::new("policies").block(vec![request]));
    }
    if let Some(first) = by_itself.first() {
        let names: Vec<_> = by_itself.iter().map(|directive| directive.value()).collect();
        let line = notes.line(first);
        let what = "Framegate does this by itself";
        fields.comments.insert(0, format!("nginx {line}: `proxy_set_header` {}: {what}", names.join(", ")));
    }
    fields
}

fn fate(name: &str, value: &str, scope: &Scope<'_>) -> Fate {
    let name = name.to_ascii_lowercase();
    let is_same = value.strip_prefix("$http_").is_some_and(|field| field.replace('_', "-") == name);
    match (&*name, value) {
        // Told where the upstream's host is, and where it is asked for upgrades.
        ("host", _) | ("upgrade" | "connection", "" | "close") => return Fate::Elsewhere,
        ("upgrade" | "connection", _)
        | ("x-forwarded-for", "$proxy_add_x_forwarded_for" | "$remote_addr")
        | ("x-forwarded-proto", "$scheme" | "$http_x_forwarded_proto")
        | ("x-forwarded-host", "$host" | "$http_host")
        | ("x-request-id", "$request_id") => return Fate::ByItself,
        ("sec-websocket-extensions", "") => return Fate::Uncompressed,
        ("x-real-ip", value) if is_clients_address(value, scope) => return Fate::RealIp,
        ("x-real-ip", _) if is_same => {
            return Fate::Left("of what clients say there nothing goes to backends");
        }
        (_, _) if is_same => return Fate::ByItself,
        (_, _) => {}
    }
    let is_fixed = FIXED.split_ascii_whitespace().any(|fixed| fixed == name)
        || name.starts_with("sec-websocket-")
        || HeaderName::from_bytes(name.as_bytes()).is_err();
    match &*name {
        _ if is_fixed => Fate::Left("it belongs to the gateway's own connection to the backend"),
        _ if value.is_empty() => Fate::Removed(None),
        _ if !value.contains('$') && HeaderValue::from_str(value).is_ok() => Fate::Set,
        "x-real-ip" => Fate::Removed(Some(
            "a listener with `real-ip true` sends the address that X-Forwarded-For or the PROXY protocol names, and no other; \
             X-Real-IP is not sent",
        )),
        "x-forwarded-port" | "x-forwarded-server" => Fate::Removed(Some(
            "there are no variables. X-Forwarded-For, -Proto and -Host are sent, and this is not",
        )),
        _ => Fate::Removed(Some(
            "there are no variables, so the backend gets no such field; what clients send by that name is removed, as \
             nginx puts its own in its place",
        )),
    }
}

/// What no route can change.
const FIXED: &str = "\
    keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding content-length \
    http2-settings expect x-request-id";

#[cfg(test)]
mod tests {
    use super::super::notes::Notes;
    use super::super::parser::parse;
    use super::super::scope::Scope;
    use super::{Fate, fate, fields};
    use crate::kdl::render;
    use crate::source::Sources;

    #[test]
    fn what_is_of_one_hop_is_left_alone_or_told_elsewhere() {
        for name in &gate_config::model::HOP_BY_HOP {
            let is_told_elsewhere = ["connection", "upgrade"].contains(&name.as_str());
            let is_left = matches!(fate(name.as_str(), "a", &Scope::default()), Fate::Left(_));
            assert!(is_left || is_told_elsewhere, "{name}");
        }
    }

    #[test]
    fn what_nginx_sets_or_takes_away_clients_cannot_say() {
        for (text, expected, notes_expected) in [
            ("Host $host", "", 0),
            ("Upgrade $http_upgrade", "", 0),
            ("Connection \"\"", "", 0),
            ("X-Forwarded-For $proxy_add_x_forwarded_for", "", 0),
            ("Authorization $http_authorization", "", 0),
            ("X-User \"\"", "remove \"X-User\"", 0),
            ("X-User $remote_user", "remove \"X-User\"", 1),
            ("X-Real-IP $remote_addr", "", 0),
            ("X-Real-IP $realip_remote_addr", "remove \"X-Real-IP\"", 1),
            ("X-Real-IP $http_x_real_ip", "", 1),
            ("X-Real-IP \"\"", "remove \"X-Real-IP\"", 0),
            ("X-Forwarded-For \"\"", "remove \"X-Forwarded-For\"", 0),
            ("X-Team blue", "set { \"X-Team\" \"blue\" }", 0),
            ("Content-Length \"\"", "", 1),
            ("Sec-WebSocket-Extensions \"\"", "compression \"off\"", 0),
        ] {
            let directives = parse(&format!("proxy_set_header {text};"), 0).expect(text);
            let sources = Sources::default();
            let mut notes = Notes::new(&sources);
            let found = fields(&Scope::new(vec![&directives]), &directives[0], &mut notes);
            let nodes: Vec<_> = found.policies.into_iter().chain(found.settings).collect();
            let written = render(&nodes).split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            let inner =
                written.strip_prefix("policies { request-headers { ").and_then(|it| it.strip_suffix(" } }"));
            assert_eq!(inner.unwrap_or(&written), expected, "{text}");
            assert_eq!(notes.into_list().len(), notes_expected, "{text}");
        }
    }
}
