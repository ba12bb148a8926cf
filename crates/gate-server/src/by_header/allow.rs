//! Where requests may lead: the lists of the configuration, held against the addresses that are
//! connected to.
//!
//! An entry with a name, or a star, allows what a name stands for, but for addresses that are of
//! this machine, of this link, of nobody, or of many: those need an entry with an address that lies
//! among them, since whoever controls a name controls where it leads.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gate_config::model::{AllowedHost, AllowedOrigin, Url};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Those of the addresses of `url` that may be connected to.
pub(super) fn allowed(url: &Url, addresses: &[IpAddr], entries: &[AllowedOrigin]) -> Vec<IpAddr> {
    let is_allowed = |address: &&IpAddr| {
        let meant = meant(**address);
        let special = SPECIAL.iter().filter(|network| network.contains(&meant));
        let special: Vec<&IpNet> = special.collect();
        entries.iter().filter(|entry| reaches(entry, url)).any(|entry| match &entry.host {
            AllowedHost::Network(network) => {
                network.contains(&meant) && special.iter().all(|special| special.contains(network))
            }
            AllowedHost::Any => special.is_empty(),
            AllowedHost::Name(pattern) => special.is_empty() && pattern.fits(Some(&url.host)),
        })
    };
    addresses.iter().filter(is_allowed).copied().collect()
}

/// Whether there may be an address at which the name in `url` is allowed.
pub(super) fn may_be(url: &Url, entries: &[AllowedOrigin]) -> bool {
    entries.iter().filter(|entry| reaches(entry, url)).any(|entry| match &entry.host {
        AllowedHost::Any | AllowedHost::Network(_) => true,
        AllowedHost::Name(pattern) => pattern.fits(Some(&url.host)),
    })
}

/// Whether the scheme and the port are those of an entry.
fn reaches(entry: &AllowedOrigin, url: &Url) -> bool {
    entry.is_tls == url.is_tls && entry.port.is_none_or(|port| port == url.port)
}

/// The address that packets go to in the end: one of IPv6 may have one of IPv4 in it, by which
/// translators and tunnels know where to deliver.
fn meant(address: IpAddr) -> IpAddr {
    let IpAddr::V6(address) = address.to_canonical() else { return address.to_canonical() };
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = match (a, b, c, d, e, f) {
        // RFC 6052 §2.1, and addresses that are compatible to IPv4 (RFC 4291 §2.5.5.1).
        (0x64, 0xff9b, 0, 0, 0, 0) => Some((g, h)),
        // RFC 8215, as it is mostly used, and the older form of translators (RFC 2765 §2.1).
        (0x64, 0xff9b, 1, ..) | (0, 0, 0, 0, 0xffff, 0) => Some((g, h)),
        (0, 0, 0, 0, 0, 0) if g != 0 => Some((g, h)),
        // 6to4 (RFC 3056 §2).
        (0x2002, b, c, ..) => Some((b, c)),
        _ => None,
    };
    embedded.map_or(IpAddr::V6(address), |(high, low)| {
        IpAddr::V4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
    })
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(segments: [u16; 8], prefix: u8) -> IpNet {
    let [a, b, c, d, e, f, g, h] = segments;
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix))
}

/// Addresses that a name should not stand for.
const SPECIAL: [IpNet; 16] = [
    // "This network" and no address at all.
    v4(0, 0, 0, 0, 8),
    v6([0; 8], 128),
    // This machine.
    v4(127, 0, 0, 0, 8),
    v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
    // This link; clouds tell their secrets at 169.254.169.254.
    v4(169, 254, 0, 0, 16),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    // Many.
    v4(224, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
    // Clouds tell theirs at these as well.
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(192, 0, 0, 192, 32),
];

#[cfg(test)]
mod tests {
    use gate_core::route::HostPattern;

    use super::*;

    fn url(text: &str) -> Url {
        gate_config::typed::websocket_url(text).unwrap()
    }

    fn any(is_tls: bool) -> AllowedOrigin {
        AllowedOrigin { is_tls, host: AllowedHost::Any, port: None }
    }

    fn network(text: &str) -> AllowedOrigin {
        AllowedOrigin { is_tls: false, host: AllowedHost::Network(text.parse().unwrap()), port: None }
    }

    fn allows(entries: &[AllowedOrigin], target: &str, addresses: &[&str]) -> usize {
        let addresses: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        allowed(&url(target), &addresses, entries).len()
    }

    #[test]
    fn no_entry_allows_nothing() {
        assert_eq!(allows(&[], "ws://backend", &["10.0.0.1"]), 0);
        assert!(!may_be(&url("ws://backend"), &[]));
    }

    #[test]
    fn names_and_stars_do_not_lead_to_special_addresses() {
        let name = AllowedHost::Name(HostPattern::Below("example.org".into()));
        let name = AllowedOrigin { is_tls: false, host: name, port: None };
        for entry in [any(false), name] {
            let entries = [entry];
            for good in ["10.0.0.1", "192.168.1.1", "93.184.216.34", "fd00::1", "2001:db8::1"] {
                assert_eq!(allows(&entries, "ws://a.example.org", &[good]), 1, "{good}");
            }
            for bad in [
                "127.0.0.1",
                "127.8.8.8",
                "::1",
                "::",
                "0.0.0.0",
                "0.1.2.3",
                "169.254.169.254",
                "169.254.0.1",
                "fe80::1",
                "febf::1",
                "224.0.0.1",
                "255.255.255.255",
                "ff02::1",
                "fd00:ec2::254",
                "fd00:ec2::23",
                "fd20:ce::254",
                "fd00:c1::a9fe:a9fe",
                "fd00:42::42",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "64:ff9b::7f00:1",
                "64:ff9b:1::a9fe:a9fe",
                "::ffff:0:127.0.0.1",
                "2002:7f00:1::",
                "2002:a9fe:a9fe::1",
                "::127.0.0.1",
            ] {
                assert_eq!(allows(&entries, "ws://a.example.org", &[bad]), 0, "{bad}");
            }
        }
    }

    #[test]
    fn only_an_entry_among_the_special_addresses_opens_them() {
        for (entry, address, is_allowed) in [
            ("127.0.0.0/8", "127.0.0.1", true),
            ("127.0.0.1/32", "127.0.0.1", true),
            ("127.0.0.1/32", "127.0.0.2", false),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
            ("::1/128", "::1", true),
            ("169.254.169.254/32", "169.254.169.254", true),
            ("169.254.0.0/16", "169.254.169.254", true),
            ("0.0.0.0/0", "169.254.169.254", false),
            ("0.0.0.0/0", "127.0.0.1", false),
            ("0.0.0.0/0", "10.0.0.1", true),
            ("::/0", "::1", false),
            ("100.64.0.0/10", "100.100.100.200", false),
            ("10.1.0.0/16", "10.1.2.3", true),
            ("10.1.0.0/16", "10.2.0.1", false),
        ] {
            let entries = [network(entry), any(true)];
            let found = allows(&entries, "ws://a.example.org", &[address]) == 1;
            assert_eq!(found, is_allowed, "{entry} {address}");
        }
    }

    #[test]
    fn of_several_addresses_those_that_are_allowed_are_left() {
        let entries = [network("10.1.0.0/16")];
        let found = allows(&entries, "ws://a", &["10.1.0.1", "10.2.0.1", "127.0.0.1", "10.1.0.2"]);
        assert_eq!(found, 2);
    }

    #[test]
    fn schemes_ports_and_names_must_be_those_of_an_entry() {
        let name = AllowedHost::Name(HostPattern::Exact("backend".into()));
        let entries = [AllowedOrigin { is_tls: true, host: name, port: Some(443) }];
        for (target, is_allowed) in [
            ("wss://backend", true),
            ("wss://BACKEND:443", true),
            ("ws://backend:443", false),
            ("wss://backend:444", false),
            ("wss://other", false),
            ("wss://sub.backend", false),
        ] {
            assert_eq!(allows(&entries, target, &["10.0.0.1"]) == 1, is_allowed, "{target}");
            assert_eq!(may_be(&url(target), &entries), is_allowed, "{target}");
        }
        assert!(may_be(&url("ws://anything"), &[network("10.0.0.0/8")]));
    }
}
