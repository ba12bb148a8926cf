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

/// The `tls` block of an address: the first server is its default, and has the settings that
/// nginx has for each server and Framegate for each listener.
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
    let mut named: Vec<&str> = Vec::new();
    for (server, identity) in servers.iter().zip(&identities) {
        let Some(identity) = identity else { continue };
        let names: Vec<&str> =
            server.hosts.patterns.iter().map(|name| &**name).filter(|name| is_sni(name)).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !named.contains(name)).collect();
        // A name with the default certificate is only needed where a wildcard would take it.
        let is_default =
            Some(identity) == default && !is_taken_by_another(&names, servers, &identities, identity);
        if names.is_empty() || is_default {
            continue;
        }
        named.extend(names.iter().copied());
        let node = names.iter().fold(Node::new("sni"), |node, name| node.text(name));
        nodes.push(node.block(identity.nodes()));
    }
    if let Some(first) = servers.first() {
        nodes.extend(settings(first.scope, paths, comments, notes));
        differing(first, servers, comments, notes);
    }
    Node::new("tls").block(nodes)
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
    if let Some(directive) = scope.find("ssl_reject_handshake").filter(|directive| directive.value() == "on")
    {
        let what = "whoever asks for no known name is shown the first certificate, and then answered 404";
        comments.push(notes.differs(directive, what));
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
    let mut nodes = versions(scope, comments, notes);
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
    let tickets = scope.find("ssl_session_tickets").map(Directive::value);
    nodes.extend((tickets == Some("off")).then(|| Node::new("session-tickets").flag(false)));
    nodes
}

fn versions(scope: &Scope<'_>, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Vec<Node> {
    let Some(directive) = scope.find("ssl_protocols") else { return Vec::new() };
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

/// Tells of settings that another server at the address has differently.
fn differing(
    first: &Secured<'_, '_>,
    servers: &[Secured<'_, '_>],
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) {
    for name in ["ssl_verify_client", "ssl_client_certificate", "ssl_crl", "ssl_protocols"] {
        let words = |scope: &Scope<'_>| {
            let directive = scope.find(name)?;
            Some(directive.args.iter().map(|word| word.text.clone()).collect::<Vec<_>>())
        };
        for server in servers.iter().skip(1) {
            if let Some(directive) =
                server.scope.find(name).filter(|_| words(server.scope) != words(first.scope))
            {
                let what =
                    "it holds for a listener, not for a name: that of the first server at the address does";
                comments.push(notes.differs(directive, what));
            } else if name == "ssl_verify_client"
                && let Some(directive) = first.scope.find(name).filter(|_| server.scope.find(name).is_none())
            {
                comments.push(notes.differs(directive, "it holds for all names of the listener"));
            }
        }
    }
}
