//! What the desk has of the configuration that runs: who is let in, and the TLS domains in the form
//! in which OpenSIPS lists its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_config::model::{At, ClientAuth, ClientTls, Config, Listener, ServerTls, SniDomain, TlsTerms};
use gate_config::model::{TlsVersion, UnknownSni, Upstream};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::admin::Door;

/// See the module.
pub(crate) struct Setting {
    pub(super) door: Door,
    /// An object of JSON.
    pub(super) domains: Box<RawValue>,
    /// The names of all routes.
    pub(super) routes: Vec<Arc<str>>,
}

impl Setting {
    /// What `config` asks for behind `door`.
    pub(crate) fn new(config: &Config, door: Door) -> Self {
        // Texts, lists and flags always have a form in JSON.
        let domains = to_raw_value(&Domains::of(config)).unwrap_or_default();
        let routes = config.routes.iter().map(|route| Arc::clone(&route.id)).collect();
        Self { door, domains, routes }
    }
}

#[derive(Serialize)]
struct Domains {
    #[serde(rename = "Domains")]
    domains: Vec<Domain>,
}

/// A domain by the names that OpenSIPS gives its parts. What there is not here is empty.
#[derive(Serialize)]
struct Domain {
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(rename = "IP ADDRESS FILTERS")]
    addresses: Vec<String>,
    #[serde(rename = "SIP DOMAIN FILTERS")]
    names: Vec<String>,
    #[serde(rename = "METHOD")]
    method: String,
    #[serde(rename = "VERIFY_CERT")]
    verifies: bool,
    #[serde(rename = "REQ_CLI_CERT")]
    requires: bool,
    #[serde(rename = "CRL_CHECKALL")]
    checks_all: bool,
    #[serde(rename = "CERT_FILE")]
    certificate: String,
    #[serde(rename = "CRL_DIR")]
    crl_directory: &'static str,
    /// Ours: there are no directories of lists here, but files.
    #[serde(rename = "CRL_FILES")]
    crl_files: Vec<String>,
    #[serde(rename = "CA_FILE")]
    ca_file: String,
    #[serde(rename = "CA_DIR")]
    ca_directory: &'static str,
    #[serde(rename = "PKEY_FILE")]
    key: String,
    #[serde(rename = "CIPHER_LIST")]
    ciphers: &'static str,
    #[serde(rename = "DH_PARAMS_FILE")]
    dh_params: &'static str,
    #[serde(rename = "EC_CURVE")]
    curve: &'static str,
}

impl Domains {
    fn of(config: &Config) -> Self {
        let servers = config.listeners.iter().filter_map(|listener| Some((listener, listener.tls.as_ref()?)));
        let clients =
            config.upstreams.iter().filter(|upstream| upstream.targets.iter().any(|target| target.tls));
        let servers = servers.flat_map(|(listener, tls)| Domain::of_listener(listener, tls));
        Self { domains: servers.chain(clients.map(Domain::of_upstream)).collect() }
    }
}

impl Domain {
    /// The listener's own domain, then those of its names.
    fn of_listener(listener: &Listener, tls: &ServerTls) -> Vec<Self> {
        // Clients that ask for no name are OpenSIPS' `none`.
        let own = match tls.unknown_sni {
            UnknownSni::Default => "*",
            UnknownSni::Reject => "none",
        };
        let server = |name: String, names: Vec<String>, terms: &TlsTerms| {
            let identity = &terms.identity;
            Self {
                kind: "TLS_DOMAIN_SRV",
                addresses: vec![listener.address.value.to_string()],
                verifies: terms.client_auth != ClientAuth::None,
                requires: terms.client_auth == ClientAuth::Require,
                checks_all: !terms.crl_files.is_empty(),
                certificate: text(&identity.cert_file.value),
                crl_files: terms.crl_files.iter().map(|file| text(&file.value)).collect(),
                ca_file: optional(terms.ca_file.as_ref()),
                key: text(&identity.key_file.value),
                ..Self::named(name, names, (terms.min_version, terms.max_version))
            }
        };
        let mut domains = vec![server(listener.id.to_string(), vec![own.to_owned()], &tls.terms)];
        for SniDomain { names, terms } in &tls.sni {
            let first = names.first().map_or("", |name| &**name);
            domains.push(server(format!("{}/{first}", listener.id), names.clone(), terms));
        }
        domains
    }

    fn of_upstream(upstream: &Upstream) -> Self {
        let ClientTls { sni, ca_file, identity, verify, min_version, max_version, .. } = &upstream.tls;
        let targets = upstream.targets.iter().filter(|target| target.tls);
        let names = vec![sni.clone().unwrap_or_else(|| "*".to_owned())];
        Self {
            kind: "TLS_DOMAIN_CLI",
            addresses: targets.map(|target| target.address.value.to_string()).collect(),
            verifies: *verify,
            certificate: optional(identity.as_ref().map(|identity| &identity.cert_file)),
            ca_file: optional(ca_file.as_ref()),
            key: optional(identity.as_ref().map(|identity| &identity.key_file)),
            ..Self::named(upstream.id.to_string(), names, (*min_version, *max_version))
        }
    }

    /// With nothing else.
    fn named(name: String, names: Vec<String>, versions: (TlsVersion, TlsVersion)) -> Self {
        Self {
            name,
            kind: "",
            addresses: Vec::new(),
            names,
            method: method(versions),
            verifies: false,
            requires: false,
            checks_all: false,
            certificate: String::new(),
            crl_directory: "",
            crl_files: Vec::new(),
            ca_file: String::new(),
            ca_directory: "",
            key: String::new(),
            ciphers: "",
            dh_params: "",
            curve: "",
        }
    }
}

/// One version, or a range of them.
fn method((min, max): (TlsVersion, TlsVersion)) -> String {
    let word = |version| match version {
        TlsVersion::V1_2 => "TLSv1_2",
        TlsVersion::V1_3 => "TLSv1_3",
    };
    if min == max { word(min).to_owned() } else { format!("{}-{}", word(min), word(max)) }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn optional(file: Option<&At<PathBuf>>) -> String {
    file.map(|file| text(&file.value)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn domains(text: &str) -> Vec<Value> {
        let config = gate_config::parse("test.kdl", text).expect("no mistakes").config;
        let listed: Value = serde_json::to_value(Domains::of(&config)).unwrap();
        listed["Domains"].as_array().unwrap().clone()
    }

    #[test]
    fn domains_are_listed_as_they_are_configured() {
        let listed = domains(
            r#"listeners {
                listener "plain" { address "127.0.0.1:80" }
                listener "wss" {
                    address "10.0.0.1:443"; protocol "https"
                    tls {
                        cert-file "/a.pem"; key-file "/a.key"; unknown-sni "reject"
                        sni "b.example" "*.b.example" {
                            cert-file "/b.pem"; key-file "/b.key"; min-version "1.3"
                            client-auth "require"; ca-file "/ca.pem"; crl-file "/ca.crl"
                        }
                        sni "c.example" { client-auth "request"; ca-file "/c.pem"; max-version "1.2" }
                    }
                }
            }
            upstreams {
                upstream "far" {
                    targets { target { address "wss://sip.example" }; target { address "ws://10.0.0.2:80" } }
                    tls { sni "inner.example"; client-cert "/o.pem"; client-key "/o.key"; ca-file "/far.pem" }
                }
                upstream "near" { target "10.0.0.3:80" }
            }"#,
        );
        let of = |key: &str| listed.iter().map(|domain| domain[key].clone()).collect::<Vec<_>>();
        assert_eq!(of("name"), ["wss", "wss/b.example", "wss/c.example", "far"]);
        assert_eq!(of("type"), ["TLS_DOMAIN_SRV", "TLS_DOMAIN_SRV", "TLS_DOMAIN_SRV", "TLS_DOMAIN_CLI"]);
        assert_eq!(listed[0]["IP ADDRESS FILTERS"], serde_json::json!(["10.0.0.1:443"]));
        assert_eq!(listed[0]["SIP DOMAIN FILTERS"], serde_json::json!(["none"]));
        assert_eq!(listed[1]["SIP DOMAIN FILTERS"], serde_json::json!(["b.example", "*.b.example"]));
        assert_eq!(listed[3]["SIP DOMAIN FILTERS"], serde_json::json!(["inner.example"]));
        assert_eq!(of("METHOD"), ["TLSv1_2-TLSv1_3", "TLSv1_3", "TLSv1_2", "TLSv1_2-TLSv1_3"]);
        assert_eq!(of("VERIFY_CERT"), [false, true, true, true]);
        assert_eq!(of("REQ_CLI_CERT"), [false, true, false, false]);
        assert_eq!(of("CRL_CHECKALL"), [false, true, false, false]);
        assert_eq!(of("CERT_FILE"), ["/a.pem", "/b.pem", "/a.pem", "/o.pem"]);
        assert_eq!(of("PKEY_FILE"), ["/a.key", "/b.key", "/a.key", "/o.key"]);
        assert_eq!(of("CA_FILE"), ["", "/ca.pem", "/c.pem", "/far.pem"]);
        assert_eq!(listed[3]["IP ADDRESS FILTERS"].as_array().map(Vec::len), Some(1));
    }
}
