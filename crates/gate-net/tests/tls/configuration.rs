//! What is objected to in a listener's files.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use gate_config::model::{ClientAuth, Objection, ServerTls, SniDomain, TlsTerms, TlsVersion};
use gate_net::tls::server::Acceptor;

use crate::peer::Site;
use crate::pki::{Authority, at};

/// Asserts that each place is objected to with a message that has these words in it.
fn check(tls: &ServerTls, expected: &[(usize, &str)]) {
    let objections: Vec<Objection> = Acceptor::new(tls).map(|_| Vec::new()).unwrap_or_else(|found| found);
    let places: Vec<_> = objections.iter().map(|objection| objection.place.span.0).collect();
    let expected_places: Vec<_> = expected.iter().map(|(place, _)| *place).collect();
    assert_eq!(places, expected_places, "{objections:#?}");
    for (objection, (_, words)) in objections.iter().zip(expected) {
        assert!(objection.message.contains(words), "{objection:#?} does not say {words:?}");
        assert!(!objection.help.is_empty(), "{objection:#?} is of no help");
    }
}

#[test]
fn a_good_configuration_is_not_objected_to() {
    check(&Site::new().tls, &[]);
}

#[test]
fn certificates_and_keys_must_be_there_and_belong_together() {
    let site = Site::new();
    let other = site.authority.issue(&["b.example"]);
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let check = |cert: Option<&str>, key: Option<&str>, expected: &[(usize, &str)]| {
        let mut tls = site.tls.clone();
        for (file, text, name) in [
            (&mut tls.terms.identity.cert_file, cert, "cert"),
            (&mut tls.terms.identity.key_file, key, "key"),
        ] {
            if let Some(text) = text {
                file.value = site.folder.write(name, text);
            }
        }
        check(&tls, expected);
    };
    check(Some(""), Some(""), &[(0, "there is no certificate in"), (1, "there is no private key in")]);
    check(Some(&site.issued.key), None, &[(0, "there is no certificate in")]);
    check(None, Some(&site.issued.certificate), &[(1, "there is no private key in")]);
    check(None, Some(locked), &[(1, "is encrypted")]);
    check(None, Some(&other.key), &[(1, "is not that of the first certificate")]);
    check(Some(garbage), None, &[(0, "is of no use")]);
    check(Some("-----BEGIN CERTIFICATE-----\nAAAA\n"), None, &[(0, "is damaged")]);
    check(
        None,
        Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        &[(1, "is of no use")],
    );
    // A file with both, and with the authority's certificate behind, will do for either.
    let both = [site.issued.certificate.as_str(), &site.authority.pem(), &site.issued.key].concat();
    check(Some(&both), Some(&both), &[]);
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let site = Site::new();
    let missing = |name: &str| site.folder.path(name);
    let mut identity = site.issued.identity(&site.folder, "sni", 10);
    identity.cert_file.value = missing("sni.pem.missing");
    identity.key_file.value = missing("sni.key.missing");
    let mut tls = site.with(|terms| {
        terms.client_auth = ClientAuth::Require;
        terms.ca_file = Some(at(20, site.folder.write("ca.pem", "nothing")));
        terms.crl_files = vec![at(30, missing("crl"))];
        terms.min_version = TlsVersion::V1_3;
        terms.max_version = TlsVersion::V1_2;
    });
    let terms = TlsTerms { identity, ..tls.terms.clone() };
    tls.sni = vec![SniDomain { names: vec!["b.example".into()], terms }];
    tls.key_log = Some(at(40, missing("folder/keys.log")));
    tls.terms.identity.key_file.value = PathBuf::from("/");
    check(
        &tls,
        &[
            (1, "cannot open `/`"),
            (10, "sni.pem.missing"),
            (11, "sni.key.missing"),
            (20, "there is no certificate in"),
            (30, "cannot open"),
            (0, "min-version is above max-version"),
            // What the domain has from its listener is told of once.
            (10, "min-version is above max-version"),
            (40, "cannot log keys"),
        ],
    );
}

#[test]
fn client_auth_needs_authorities_and_lists_that_can_be_read() {
    let site = Site::new();
    let clients = Authority::new("clients");
    let ca_file = site.folder.write("clients.pem", &clients.pem());
    let mut tls = site.with(|terms| terms.client_auth = ClientAuth::Request);
    check(&tls, &[(0, "client-auth has no ca-file")]);

    let list = |name: &str, text: &str| site.folder.write(name, text);
    let bad = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    tls.terms.ca_file = Some(at(20, ca_file));
    tls.terms.crl_files = vec![
        at(30, list("good.crl", &clients.revoke(&[1], 2100))),
        at(31, list("bad.crl", bad)),
        at(32, list("empty.crl", "")),
    ];
    check(&tls, &[(31, "is of no use"), (32, "there is no revocation list in")]);
}

#[test]
fn a_key_log_that_others_can_read_is_not_written() {
    let mut site = Site::new();
    let path = site.folder.write("keys.log", "");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    site.tls.key_log = Some(at(40, path.clone()));
    check(&site.tls, &[(40, "others than its owner can read it")]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    check(&site.tls, &[]);
}

#[test]
fn a_certificate_for_other_names_is_odd() {
    let site = Site::new();
    let sni = |names: &[&str], issued_for: &[&str], offset| {
        let issued = site.authority.issue(issued_for);
        site.domain(names, |terms| {
            terms.identity = issued.identity(&site.folder, &format!("sni{offset}"), offset);
        })
    };
    let tls = ServerTls {
        sni: vec![
            sni(&["b.example", "*.b.example"], &["b.example", "*.b.example"], 10),
            sni(&["c.example", "d.example"], &["c.example"], 20),
            sni(&["*.e.example"], &["e.example"], 30),
        ],
        ..site.tls.clone()
    };
    let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
    let warnings = Acceptor::new(&tls).unwrap().warnings(now);
    let found: Vec<_> = warnings.iter().map(|warning| warning.place.span.0).collect();
    assert_eq!(found, [20, 30], "{warnings:#?}");
    assert!(warnings[0].message.ends_with("is not for `d.example`"), "{}", warnings[0].message);
    assert!(warnings[1].message.ends_with("is not for `*.e.example`"), "{}", warnings[1].message);
}
