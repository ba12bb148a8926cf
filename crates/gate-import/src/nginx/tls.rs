//! `ssl_*`: certificates, and which clients are let in.

use crate::kdl::Node;

use super::backend::is_path;
use super::hosts::Hosts;
use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::scope::Scope;

/// A server at an address that speaks TLS.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secured<'s, 'a> {
    pub(super) scope: &'s Scope<'a>,
    pub(super) hosts: &'s Hosts,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    certificate: String,
    key: String,
}

/// The `tls` block of an address: what holds for the first server, its default, and an `sni` for
/// each other one whose certificate or settings differ.
pub(super) fn block(
    servers: &[Secured<'_, '_>],
    paths: &Paths,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Node {
    let identities: Vec<_> =
        servers.iter().map(|server| identity(server.scope, paths, comments, notes)).collect();
    let mut nodes = match identities.iter().flatten().next() {
        Some(identity) => identity.nodes(),
        None => Identity { certificate: "missing.pem".to_owned(), key: "missing.key".to_owned() }
            .nodes()
            .into_iter()
            .map(|node| node.comment("nginx: no file is named for this; name it here."))
            .collect(),
    };
    let default = identities.iter().flatten().next();
    let all: Vec<Vec<Node>> =
        servers.iter().map(|server| settings(server.scope, paths, comments, notes)).collect();
    let own = all.first().cloned().unwrap_or_default();
    let rejects = servers.first().is_some_and(|first| rejects(first.scope));
    let mut named: Vec<&str> = Vec::new();
    let mut sni: Vec<Node> = Vec::new();
    for ((server, identity), settings) in servers.iter().zip(&identities).zip(&all) {
        let names: Vec<&str> =
            server.hosts.patterns.iter().map(|name| &**name).filter(|name| is_sni(name)).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !named.contains(name)).collect();
        let others = differing(settings, &own);
        // A name with the default certificate is only needed where a wildcard would take it.
        let is_default = identity.as_ref().is_none_or(|identity| {
            Some(identity) == default && !is_taken_by_another(&names, servers, &identities, identity)
        });
        if names.is_empty() || (is_default && others.is_empty() && !rejects) {
            continue;
        }
        named.extend(names.iter().copied());
        let node = names.iter().fold(Node::new("sni"), |node, name| node.text(name));
        let certificate = identity.as_ref().filter(|identity| Some(*identity) != default);
        let certificate = certificate.map(Identity::nodes).unwrap_or_default();
        let inner: Vec<Node> = certificate.into_iter().chain(others).collect();
        sni.push(node.block(inner));
    }
    if let Some(first) = servers.first().filter(|_| rejects) {
        let unknown = (!sni.is_empty()).then(|| Node::new("unknown-sni").text("reject"));
        comments.extend(first.scope.find("ssl_reject_handshake").map(|directive| {
            let what =
                "whoever asks for no name at all is let in with the first certificate, and then answered 404";
            notes.differs(directive, what)
        }));
        nodes.extend(unknown);
    }
    nodes.extend(sni);
    nodes.extend(own);
    let tickets = servers.first().and_then(|first| first.scope.find("ssl_session_tickets"));
    let is_without = tickets.is_some_and(|directive| directive.value() == "off");
    nodes.extend(is_without.then(|| Node::new("session-tickets").flag(false)));
    Node::new("tls").block(nodes)
}

/// Whether a server refuses all that come to it.
fn rejects(scope: &Scope<'_>) -> bool {
    scope.find("ssl_reject_handshake").is_some_and(|directive| directive.value() == "on")
}

/// What must stand for a name, so that its settings hold and not those of the first server.
fn differing(settings: &[Node], first: &[Node]) -> Vec<Node> {
    let meanings = |nodes: &[Node]| nodes.iter().map(Node::meaning).collect::<Vec<_>>();
    if meanings(settings) == meanings(first) {
        return Vec::new();
    }
    let defaults = [("client-auth", "none"), ("min-version", "1.2"), ("max-version", "1.3")];
    let defaults = defaults.map(|(name, value)| Node::new(name).text(value));
    let stands = |nodes: &[Node], node: &Node| nodes.iter().any(|other| other.has_name_of(node));
    let reset = defaults.into_iter().filter(|node| stands(first, node) && !stands(settings, node));
    settings.iter().cloned().chain(reset).collect()
}

/// Whether a wildcard of a server with another certificate would fit one of the names.
fn is_taken_by_another(
    names: &[&str],
    servers: &[Secured<'_, '_>],
    identities: &[Option<Identity>],
    own: &Identity,
) -> bool {
    let others = servers
        .iter()
        .zip(identities)
        .filter(|(_, identity)| identity.as_ref().is_some_and(|other| other != own));
    let mut wildcards =
        others.flat_map(|(server, _)| &server.hosts.patterns).filter_map(|name| name.strip_prefix('*'));
    wildcards.any(|below| names.iter().any(|name| name.ends_with(below)))
}

/// Whether clients can ask for the name.
fn is_sni(name: &str) -> bool {
    !name.starts_with('[') && !name.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// Whether clients can ask for the name, and an `sni` stands for all that it does in nginx.
pub(super) fn is_whole_name(name: &str) -> bool {
    is_sni(name) && !name.starts_with("*.")
}

impl Identity {
    fn nodes(&self) -> Vec<Node> {
        vec![Node::new("cert-file").text(&self.certificate), Node::new("key-file").text(&self.key)]
    }
}

/// The first certificate; nginx can have one for each kind of key.
fn identity(
    scope: &Scope<'_>,
    paths: &Paths,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Option<Identity> {
    let (certificates, keys) = (scope.all("ssl_certificate"), scope.all("ssl_certificate_key"));
    for directive in certificates.iter().chain(&keys).filter(|directive| !is_path(directive.value())) {
        comments.push(notes.none(directive, "certificates and keys are files, named as they are"));
    }
    for directive in certificates.iter().skip(1) {
        comments.push(notes.none(directive, "a name has one certificate, the first here"));
    }
    let file = |directives: &[&Directive]| {
        directives
            .first()
            .map(|directive| directive.value())
            .filter(|path| is_path(path))
            .map(|path| paths.certificate(path))
    };
    Some(Identity { certificate: file(&certificates)?, key: file(&keys)? })
}

fn settings(
    scope: &Scope<'_>,
    paths: &Paths,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let protocols = scope.find("ssl_protocols");
    let mut nodes = protocols.map(|it| versions(it, comments, notes)).unwrap_or_default();
    let ca = scope.find("ssl_client_certificate").filter(|directive| is_path(directive.value()));
    let verify = scope.find("ssl_verify_client");
    let auth = match verify.map(Directive::value) {
        Some("on") => Some("require"),
        Some("optional") => Some("request"),
        Some("optional_no_ca") => {
            let why = "certificates of clients are verified, or not asked for";
            comments.extend(verify.map(|directive| notes.none(directive, why)));
            None
        }
        None | Some(_) => None,
    };
    match (auth, ca) {
        (Some(auth), Some(ca)) => {
            nodes.push(Node::new("client-auth").text(auth));
            nodes.push(Node::new("ca-file").text(&paths.certificate(ca.value())));
            let crl = scope.find("ssl_crl").filter(|directive| is_path(directive.value()));
            nodes.extend(crl.map(|crl| Node::new("crl-file").text(&paths.certificate(crl.value()))));
        }
        (Some(auth), None) => {
            comments.extend(
                verify
                    .map(|directive| notes.differs(directive, "name who signs the certificates of clients")),
            );
            nodes.push(Node::new("client-auth").text(auth));
            nodes.push(Node::new("ca-file").text("missing.pem"));
        }
        (None, Some(ca)) => {
            let what = "clients are not asked for certificates, so this has no effect";
            comments.push(notes.explain(ca, what));
        }
        (None, None) => {}
    }
    nodes
}

/// The versions that `ssl_protocols` or `proxy_ssl_protocols` names.
pub(super) fn versions(
    directive: &Directive,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let has = |name: &str| directive.args.iter().any(|word| word.text == name);
    if ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1"].iter().any(|name| has(name)) {
        comments.push(notes.differs(directive, "TLS begins at 1.2 here"));
    }
    match (has("TLSv1.2"), has("TLSv1.3")) {
        (true, false) => vec![Node::new("max-version").text("1.2")],
        (false, true) => vec![Node::new("min-version").text("1.3")],
        (true, true) | (false, false) => Vec::new(),
    }
}
