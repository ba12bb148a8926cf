//! What nginx keeps with a location and Framegate with an upstream: timeouts, TLS, Host, retries.

use std::time::Duration;

use crate::kdl::Node;

use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::proxy::Pass;
use super::scope::Scope;
use super::unit;

/// The settings of an upstream for requests of a location.
pub(super) fn settings(
    scope: &Scope<'_>,
    pass: &Pass,
    paths: &Paths,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let mut nodes = Vec::new();
    nodes.extend(host(scope, pass, comments, notes));
    nodes.extend(timeouts(scope, comments, notes));
    if pass.is_tls {
        nodes.extend(tls(scope, paths, comments, notes));
    }
    nodes.extend(retries(scope));
    nodes
}

/// Without `proxy_set_header Host` nginx sends the name that stands in `proxy_pass`.
fn host(scope: &Scope<'_>, pass: &Pass, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Option<Node> {
    let fields = scope.all("proxy_set_header");
    let set = fields.iter().rev().find(|field| field.value().eq_ignore_ascii_case("host"));
    let Some(directive) = set else {
        let node = Node::new("host").text(&pass.host);
        let why = "nginx: the Host that it sends unless `proxy_set_header Host` says another. Without this line the client's.";
        return is_host(&pass.host).then(|| node.comment(why));
    };
    let value = directive.arg(1).unwrap_or_default();
    match value {
        "$host" | "$http_host" | "$host:$server_port" | "$http_host:$server_port" | "$server_name" => None,
        "$proxy_host" => is_host(&pass.host).then(|| Node::new("host").text(&pass.host)),
        _ if !value.contains('$') && is_host(value) => Some(Node::new("host").text(value)),
        _ => {
            let why = "the Host is the client's, or one that is always the same: upstream { host \"…\" }";
            comments.push(notes.none(directive, why));
            None
        }
    }
}

/// Whether it can stand in a Host field.
fn is_host(text: &str) -> bool {
    let authority = text.parse::<http::uri::Authority>();
    authority.is_ok_and(|authority| !text.contains('@') && !authority.host().is_empty())
}

/// The longest time for a handshake that is taken from `proxy_read_timeout`, which for
/// WebSockets is set to hours.
const HANDSHAKE_MAX: Duration = Duration::from_secs(60);

fn timeouts(scope: &Scope<'_>, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Option<Node> {
    let mut time = |name: &str| {
        let directive = scope.find(name)?;
        let time = unit::time(directive.value());
        if time.is_none_or(|time| time.is_zero()) {
            comments.push(notes.none(directive, "it is not a time above zero"));
        }
        time.filter(|time| !time.is_zero())
    };
    let (connect, read, send) =
        (time("proxy_connect_timeout"), time("proxy_read_timeout"), time("proxy_send_timeout"));
    let node = |name, time: Duration| Node::new(name).text(&unit::time_text(time));
    let mut nodes = Vec::new();
    nodes.extend(connect.map(|time| node("connect", time)));
    if let Some(read) = read {
        nodes.push(node("handshake", read.min(HANDSHAKE_MAX)));
        nodes.push(node("request", read));
        nodes.push(node("read", read));
    }
    nodes.extend(send.map(|time| node("write", time)));
    (!nodes.is_empty()).then(|| Node::new("timeouts").block(nodes))
}

fn tls(scope: &Scope<'_>, paths: &Paths, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Option<Node> {
    let mut nodes = Vec::new();
    if let Some(directive) = scope.find("proxy_ssl_name") {
        if super::hosts::is_host(directive.value()) {
            nodes.push(Node::new("sni").text(directive.value()));
        } else {
            comments.push(notes.none(directive, "it is not the name of a host"));
        }
    }
    let file = |name: &str| {
        scope
            .find(name)
            .map(Directive::value)
            .filter(|path| is_path(path))
            .map(|path| paths.certificate(path))
    };
    nodes.extend(file("proxy_ssl_trusted_certificate").map(|path| Node::new("ca-file").text(&path)));
    if let (Some(certificate), Some(key)) = (file("proxy_ssl_certificate"), file("proxy_ssl_certificate_key"))
    {
        nodes.push(Node::new("client-cert").text(&certificate));
        nodes.push(Node::new("client-key").text(&key));
    }
    if let Some(directive) = scope.find("proxy_ssl_protocols") {
        nodes.extend(super::tls::versions(directive, comments, notes));
    }
    let verifies = scope.find("proxy_ssl_verify").is_some_and(|directive| directive.value() == "on");
    if !verifies {
        nodes.push(Node::new("insecure-skip-verify").flag(true).off(true).comment(
            "nginx: it does not look at the backend's certificate unless `proxy_ssl_verify` is on, Framegate does. \
             Without the /- it does not either.",
        ));
    }
    // A block that says nothing is not needed.
    (!nodes.is_empty()).then(|| Node::new("tls").block(nodes))
}

/// Whether it is the path of a file, and not made at run time.
pub(super) fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.contains('$') && !text.starts_with("data:") && !text.starts_with("engine:")
}

fn retries(scope: &Scope<'_>) -> Option<Node> {
    if scope.find("proxy_next_upstream").is_some_and(|directive| directive.value() == "off") {
        return Some(Node::new("retries").number(0));
    }
    // The first try counts there, and 0 is no limit.
    let tries =
        scope.find("proxy_next_upstream_tries")?.value().parse::<u64>().ok().filter(|tries| *tries > 0)?;
    Some(Node::new("retries").number((tries - 1).min(10)))
}
