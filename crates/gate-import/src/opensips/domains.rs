//! The TLS domains of `tls_mgm`: a name, what it is for, and its settings.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::notes::Notes;
use super::parser::Statement;
use super::settings::{Parameter, Settings};

/// Which end of a connection a domain is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// A domain.
#[derive(Debug)]
pub(super) struct Domain<'s> {
    pub(super) role: Role,
    /// Empty for what stands without a name, as versions before 3.0 had it.
    name: String,
    /// `ADDRESS:PORT`, or `*`.
    addresses: Vec<String>,
    /// What clients ask for: names, patterns, `*`, or `none`.
    pub(super) names: Vec<String>,
    /// What was said of it last.
    values: BTreeMap<&'static str, Said<'s>>,
    /// Where it is declared.
    pub(super) statement: &'s Statement,
}

/// A setting of a domain.
#[derive(Clone, Debug)]
pub(super) struct Said<'s> {
    pub(super) value: String,
    pub(super) statement: &'s Statement,
}

/// All domains, in the order of the text.
pub(super) fn domains<'s>(
    settings: &Settings<'s>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Domain<'s>> {
    let mut domains = Vec::new();
    let mut unnamed = None;
    for parameter in settings.of_module(MODULE) {
        let role = match parameter.name {
            "server_domain" => Role::Server,
            "client_domain" => Role::Client,
            name if KEYS.contains(&name) && split(parameter.value).is_none() => {
                unnamed = unnamed.or(Some(parameter.statement));
                continue;
            }
            _ => continue,
        };
        Settings::take(parameter);
        let (name, address) = parameter.value.split_once('=').unwrap_or((parameter.value, "*"));
        domains.push(Domain::new(role, name.trim(), list(address), parameter.statement));
    }
    if let Some(statement) = unnamed {
        for role in [Role::Server, Role::Client] {
            domains.push(Domain::new(role, "", vec!["*".to_owned()], statement));
        }
    }
    for parameter in settings.of_module(MODULE) {
        let Some(key) = KEYS.iter().find(|key| **key == parameter.name) else { continue };
        Settings::take(parameter);
        if !set(&mut domains, key, parameter) {
            let why = "no `server_domain` and no `client_domain` has this name";
            comments.push(notes.none(parameter.statement, why));
        }
    }
    domains
}

/// Whether there is such a domain.
fn set<'s>(domains: &mut [Domain<'s>], key: &'static str, parameter: &Parameter<'s>) -> bool {
    let (name, value) = split(parameter.value).unwrap_or(("", parameter.value));
    let mut is_known = false;
    for domain in domains.iter_mut().filter(|domain| domain.name == name) {
        is_known = true;
        match key {
            "match_ip_address" => domain.addresses = list(value),
            "match_sip_domain" => domain.names = list(value),
            // What is empty is as good as not there.
            _ if value.trim().is_empty() => {}
            _ => {
                let said = Said { value: value.trim().to_owned(), statement: parameter.statement };
                domain.values.insert(key, said);
            }
        }
    }
    is_known
}

impl<'s> Domain<'s> {
    fn new(role: Role, name: &str, addresses: Vec<String>, statement: &'s Statement) -> Self {
        Self {
            role,
            name: name.to_owned(),
            addresses,
            names: vec!["*".to_owned()],
            values: BTreeMap::new(),
            statement,
        }
    }

    pub(super) fn said(&self, key: &str) -> Option<&Said<'s>> {
        self.values.get(key)
    }

    /// A setting that is 1 unless it is said to be 0.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.said(key).is_none_or(|said| !matches!(said.value.as_str(), "0" | "no" | "false" | "off"))
    }

    /// Whether it is declared, and not made of what stands without a name.
    pub(super) fn is_named(&self) -> bool {
        !self.name.is_empty()
    }

    /// Whether clients that ask for any name get it.
    pub(super) fn is_for_all_names(&self) -> bool {
        self.names.iter().any(|name| name == "*")
    }

    /// Whether clients that ask for no name get it.
    pub(super) fn is_for_no_name(&self) -> bool {
        self.names.iter().any(|name| name.eq_ignore_ascii_case("none"))
    }

    fn is_at(&self, authority: &str) -> bool {
        self.addresses.iter().any(|address| address == authority)
    }

    fn is_anywhere(&self) -> bool {
        self.addresses.iter().any(|address| address == "*")
    }
}

/// The domains that serve a listener: those that name its address, else those for any.
pub(super) fn serving<'d, 's>(domains: &'d [Domain<'s>], at: SocketAddr) -> Vec<&'d Domain<'s>> {
    let servers = || domains.iter().filter(|domain| domain.role == Role::Server);
    let port = format!(":{}", at.port());
    let names_it = |domain: &&Domain<'_>| {
        // Of the addresses that `*` stands for, a domain names one.
        let is_one_of = |address: &String| at.ip().is_unspecified() && address.ends_with(&port);
        domain.is_at(&at.to_string()) || domain.addresses.iter().any(is_one_of)
    };
    let own: Vec<_> = servers().filter(names_it).collect();
    if own.is_empty() || at.ip().is_unspecified() {
        return servers().filter(|domain| names_it(domain) || domain.is_anywhere()).collect();
    }
    own
}

/// The domain by which a server is connected to.
pub(super) fn connecting<'d, 's>(domains: &'d [Domain<'s>], to: &str) -> Option<&'d Domain<'s>> {
    let clients = || domains.iter().filter(|domain| domain.role == Role::Client);
    clients().find(|domain| domain.is_at(to)).or_else(|| clients().find(|domain| domain.is_anywhere()))
}

/// `[name]value`
fn split(value: &str) -> Option<(&str, &str)> {
    let (name, value) = value.trim().strip_prefix('[')?.split_once(']')?;
    Some((name.trim(), value))
}

/// Values with commas between.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(|one| one.trim().to_owned()).filter(|one| !one.is_empty()).collect()
}

pub(super) const MODULE: &str = "tls_mgm";

const KEYS: [&str; 14] = [
    "match_ip_address",
    "match_sip_domain",
    "tls_method",
    "verify_cert",
    "require_cert",
    "certificate",
    "private_key",
    "ca_list",
    "ca_dir",
    "crl_dir",
    "crl_check_all",
    "ciphers_list",
    "dh_params",
    "ec_curve",
];
