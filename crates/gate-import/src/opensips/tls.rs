//! TLS domains as the `tls` blocks of listeners and upstreams.

use std::collections::HashSet;

use crate::kdl::Node;

use super::domains::{Domain, Said};
use super::notes::Notes;
use super::upstream::is_name;

/// Where the files of certificates are.
#[derive(Debug)]
pub(super) struct Paths<'o> {
    /// What relative paths are put behind; empty: they stay.
    pub(super) folder: &'o str,
}

impl Paths<'_> {
    fn file(&self, path: &str) -> String {
        if self.folder.is_empty() || path.starts_with('/') {
            return path.to_owned();
        }
        format!("{}/{path}", self.folder.trim_end_matches('/'))
    }
}

/// The block of a listener that some domains serve.
pub(super) fn server(
    domains: &[&Domain<'_>],
    handshake: Option<u64>,
    paths: &Paths<'_>,
    notes: &mut Notes<'_>,
) -> Node {
    let first = domains
        .iter()
        .find(|domain| domain.is_for_all_names())
        .or_else(|| domains.iter().find(|domain| domain.is_for_no_name()))
        .or_else(|| domains.first());
    let Some(first) = first else {
        let why = "opensips: no domain of tls_mgm is for this address; name the certificate here.";
        let file = Node::new("cert-file").text("missing.pem").comment(why);
        return Node::new("tls").block(vec![file, Node::new("key-file").text("missing.key")]);
    };
    let own = Terms::of(first, paths, notes);
    let mut nodes = own.nodes();
    let mut sni = Vec::new();
    let mut taken = HashSet::new();
    for domain in domains {
        let is_first = std::ptr::eq(*domain, *first);
        let mut comments = Vec::new();
        let names = names(domain, &mut taken, &mut comments, notes);
        if names.is_empty() || is_first && first.is_for_all_names() {
            nodes = nodes.into_iter().map(|node| node.comments(std::mem::take(&mut comments))).collect();
            continue;
        }
        let node = names.iter().fold(Node::new("sni"), |node, name| node.text(name)).comments(comments);
        let inner = if is_first { Vec::new() } else { Terms::of(domain, paths, notes).beside(&own) };
        sni.push(node.block(inner));
    }
    let refuses = !sni.is_empty() && !domains.iter().any(|domain| domain.is_for_all_names());
    nodes.extend(sni);
    nodes.extend(refuses.then(|| Node::new("unknown-sni").text("reject")));
    nodes.push(handshake.map_or_else(
        || Node::remark(vec![HANDSHAKE.to_owned()]),
        |millis| Node::new("handshake-timeout-ms").number(millis),
    ));
    Node::new("tls").block(nodes)
}

/// The block of an upstream that is connected to by a domain.
pub(super) fn client(domain: Option<&Domain<'_>>, paths: &Paths<'_>, notes: &mut Notes<'_>) -> Option<Node> {
    let domain = domain?;
    let versions = Versions::of(domain, notes);
    let what = "the name in the server's certificate is looked at, too, which OpenSIPS does not do; `sni` says another \
                name";
    let mut comments = vec![notes.differs(domain.statement, what)];
    comments.extend(versions.comments.iter().cloned());
    let mut nodes = Vec::new();
    if domain.is_on("verify_cert") {
        nodes.extend(domain.said("ca_list").map(|ca| Node::new("ca-file").text(&paths.file(&ca.value))));
        comments.extend(folder_of_authorities(domain, notes));
    } else {
        let verify = domain.said("verify_cert").map(|said| said.statement);
        comments.extend(
            verify.map(|statement| notes.differs(statement, "anybody can pass for the server, as before")),
        );
        nodes.push(Node::new("insecure-skip-verify").flag(true));
    }
    if let (Some(certificate), Some(key)) = (domain.said("certificate"), domain.said("private_key")) {
        nodes.push(Node::new("client-cert").text(&paths.file(&certificate.value)));
        nodes.push(Node::new("client-key").text(&paths.file(&key.value)));
    }
    nodes.extend(versions.nodes());
    comments.extend(left_out(domain, notes));
    Some(Node::new("tls").comments(comments).block(nodes))
}

/// What a domain says of clients.
#[derive(Debug)]
struct Terms {
    comments: Vec<String>,
    certificate: String,
    key: String,
    auth: &'static str,
    ca_file: Option<String>,
    versions: Versions,
}

impl Terms {
    fn of(domain: &Domain<'_>, paths: &Paths<'_>, notes: &mut Notes<'_>) -> Self {
        let mut comments = Vec::new();
        let mut file = |key: &str, default: &str, comments: &mut Vec<String>| {
            domain.said(key).map_or_else(
                || {
                    comments
                        .push(notes.differs(domain.statement, &format!("without `{key}` it is `{default}`")));
                    paths.file(default)
                },
                |said| paths.file(&said.value),
            )
        };
        let certificate = file("certificate", "tls/cert.pem", &mut comments);
        let key = file("private_key", "tls/ckey.pem", &mut comments);
        let auth = match (domain.is_on("verify_cert"), domain.is_on("require_cert")) {
            (true, true) => "require",
            (true, false) => "request",
            (false, _) => "none",
        };
        let is_said = domain.said("verify_cert").is_some() && domain.said("require_cert").is_some();
        if auth == "require" && !is_said {
            let what = "clients must show certificates, for `verify_cert` and `require_cert` are 1 where they do not \
                        stand; browsers have none as a rule: then write client-auth \"none\"";
            comments.push(notes.differs(domain.statement, what));
        }
        let mut ca_file = None;
        if auth != "none" {
            comments.extend(folder_of_authorities(domain, notes));
            let ca = domain.said("ca_list").map(|said| paths.file(&said.value));
            ca_file = Some(ca.unwrap_or_else(|| "missing.pem".to_owned()));
        }
        let versions = Versions::of(domain, notes);
        comments.extend(versions.comments.iter().cloned());
        comments.extend(left_out(domain, notes));
        Self { comments, certificate, key, auth, ca_file, versions }
    }

    /// At the top of the block.
    fn nodes(&self) -> Vec<Node> {
        let certificate =
            Node::new("cert-file").text(&self.certificate).comments(self.comments.iter().cloned());
        let mut nodes = vec![certificate, Node::new("key-file").text(&self.key)];
        nodes.extend((self.auth != "none").then(|| Node::new("client-auth").text(self.auth)));
        nodes.extend(self.ca_file.as_ref().map(|ca| Node::new("ca-file").text(ca)));
        nodes.extend(self.versions.nodes());
        nodes
    }

    /// Within the block, where what is not said is as at its top.
    fn beside(&self, top: &Self) -> Vec<Node> {
        let certificate =
            Node::new("cert-file").text(&self.certificate).comments(self.comments.iter().cloned());
        let mut nodes = vec![certificate, Node::new("key-file").text(&self.key)];
        if self.auth != top.auth {
            nodes.push(Node::new("client-auth").text(self.auth));
        }
        if self.ca_file != top.ca_file {
            nodes.extend(self.ca_file.as_ref().map(|ca| Node::new("ca-file").text(ca)));
        }
        if (self.versions.is_least_1_3, self.versions.is_most_1_2)
            != (top.versions.is_least_1_3, top.versions.is_most_1_2)
        {
            let least = if self.versions.is_least_1_3 { "1.3" } else { "1.2" };
            let most = if self.versions.is_most_1_2 { "1.2" } else { "1.3" };
            nodes.push(Node::new("min-version").text(least));
            nodes.push(Node::new("max-version").text(most));
        }
        nodes
    }
}

/// The names of a domain that clients can ask for here, each once.
fn names(
    domain: &Domain<'_>,
    taken: &mut HashSet<String>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<String> {
    let mut names = Vec::new();
    for pattern in domain.names.iter().filter(|name| *name != "*" && !name.eq_ignore_ascii_case("none")) {
        let name = pattern.to_ascii_lowercase();
        let plain = name.strip_prefix("*.").unwrap_or(&name);
        let is_number = plain.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if !is_name(plain) || is_number {
            let why = format!("`{pattern}`: names are whole, or begin with `*.`");
            comments.push(notes.none(domain.statement, &why));
            continue;
        }
        if name.starts_with("*.") {
            let what = format!("`{name}` stands for one label before the name here, and for several there");
            comments.push(notes.differs(domain.statement, &what));
        }
        if taken.insert(name.clone()) {
            names.push(name);
        } else {
            let what = format!("an earlier domain is for `{name}`");
            comments.push(notes.differs(domain.statement, &what));
        }
    }
    names
}

/// What rustls can say of `tls_method`.
#[derive(Debug, Default)]
struct Versions {
    is_least_1_3: bool,
    is_most_1_2: bool,
    comments: Vec<String>,
}

impl Versions {
    fn of(domain: &Domain<'_>, notes: &mut Notes<'_>) -> Self {
        let Some(Said { value, statement }) = domain.said("tls_method") else { return Self::default() };
        let Some((least, most)) = range(value) else {
            let comment = notes.none(statement, "no version of TLS has this name; 1.2 and 1.3 are spoken");
            return Self { comments: vec![comment], ..Self::default() };
        };
        let comment = if most < Version::Tls12 {
            Some(notes.refused(
                statement,
                "no version before TLS 1.2 is spoken here, nor may it be any more (RFC 8996). 1.2 and 1.3 are; whoever \
                 speaks nothing newer than this needs an update",
            ))
        } else if least < Version::Tls12 {
            Some(notes.differs(statement, "TLS begins at 1.2 here"))
        } else {
            None
        };
        Self {
            is_least_1_3: least == Version::Tls13,
            is_most_1_2: most == Version::Tls12,
            comments: comment.into_iter().collect(),
        }
    }

    fn nodes(&self) -> Vec<Node> {
        let mut nodes = Vec::new();
        nodes.extend(self.is_least_1_3.then(|| Node::new("min-version").text("1.3")));
        nodes.extend(self.is_most_1_2.then(|| Node::new("max-version").text("1.2")));
        nodes
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    Ssl2,
    Ssl3,
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

/// `TLSv1_2`, `TLSv1_2-TLSv1_3`, `-TLSv1_2`, `TLSv1_2-`, or `SSLv23`, which is all of TLS.
fn range(text: &str) -> Option<(Version, Version)> {
    if text.is_empty() || ["sslv23", "any", "tls"].iter().any(|all| all.eq_ignore_ascii_case(text)) {
        return Some((Version::Tls10, Version::Tls13));
    }
    let Some((least, most)) = text.split_once('-') else { return version(text).map(|one| (one, one)) };
    let least = if least.trim().is_empty() { Version::Tls10 } else { version(least)? };
    let most = if most.trim().is_empty() { Version::Tls13 } else { version(most)? };
    (least <= most).then_some((least, most))
}

fn version(text: &str) -> Option<Version> {
    let name = text.trim().to_ascii_lowercase().replace('.', "_");
    match name.as_str() {
        "sslv2" => Some(Version::Ssl2),
        "sslv3" => Some(Version::Ssl3),
        "tlsv1" | "tlsv1_0" => Some(Version::Tls10),
        "tlsv1_1" => Some(Version::Tls11),
        "tlsv1_2" => Some(Version::Tls12),
        "tlsv1_3" => Some(Version::Tls13),
        _ => None,
    }
}

/// A comment where the authorities are a folder, or nowhere.
fn folder_of_authorities(domain: &Domain<'_>, notes: &mut Notes<'_>) -> Option<String> {
    let why =
        "authorities are one file of PEM: put those of the folder together, and name the file by `ca-file`";
    match (domain.said("ca_dir"), domain.said("ca_list")) {
        (Some(said), _) => Some(notes.none(said.statement, why)),
        (None, None) => {
            let what = format!("without `ca_list` the authorities are those of /etc/pki/CA/; {why}");
            Some(notes.differs(domain.statement, &what))
        }
        (None, Some(_)) => None,
    }
}

/// What of a domain has no key here.
fn left_out(domain: &Domain<'_>, notes: &mut Notes<'_>) -> Vec<String> {
    let mut comments = Vec::new();
    for (key, why) in [
        ("crl_dir", "revocation lists are files: name them by `crl-file`, or revoked certificates are good"),
        ("crl_check_all", "lists are held against the whole chain"),
        ("ciphers_list", "the ciphers are those of rustls, none of which is weak"),
        ("dh_params", "the groups are those of rustls, and never finite fields"),
        ("ec_curve", "the groups are those of rustls"),
    ] {
        comments.extend(domain.said(key).map(|said| notes.none(said.statement, why)));
    }
    comments
}

const HANDSHAKE: &str = "opensips: the TLS handshake may take 100 ms unless `wss_tls_handshake_timeout` stands; here 10 s: \
                         `handshake-timeout-ms`.";

#[cfg(test)]
mod tests {
    use super::{Version, range};

    #[test]
    fn methods_are_versions_or_ranges_of_them() {
        for (text, expected) in [
            ("SSLv23", Some((Version::Tls10, Version::Tls13))),
            ("tlsv1", Some((Version::Tls10, Version::Tls10))),
            ("TLSv1_2", Some((Version::Tls12, Version::Tls12))),
            ("TLSv1.2-", Some((Version::Tls12, Version::Tls13))),
            ("-TLSv1_2", Some((Version::Tls10, Version::Tls12))),
            ("TLSv1_1 - TLSv1_3", Some((Version::Tls11, Version::Tls13))),
            ("TLSv1_3-TLSv1_2", None),
            ("SSLv3", Some((Version::Ssl3, Version::Ssl3))),
            ("SSLv2", Some((Version::Ssl2, Version::Ssl2))),
            ("DTLSv1", None),
        ] {
            assert_eq!(range(text), expected, "{text}");
        }
    }
}
