//! Names against a DNS server that a test plays.

use std::net::{SocketAddr, UdpSocket};
use std::thread;

use gate_config::model::{self, At, Place, TargetAddress, Upstream};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ProtocolConfig};

use super::*;
use crate::upstream::fake::{Heard, cluster, run};

/// What the server knows of a name: its IPv4 addresses, and for how many seconds.
type Records = (&'static str, u32, &'static [[u8; 4]]);

/// A DNS server that knows those names and says of all others that they do not exist.
fn server(records: &'static [Records]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            socket.send_to(&answer(&query[..length], records), from).unwrap();
        }
    });
    address
}

/// The answer to a query (RFC 1035 §4).
fn answer(query: &[u8], records: &[Records]) -> Vec<u8> {
    let mut end = 12;
    let mut name = String::new();
    while query[end] > 0 {
        let label = &query[end + 1..=end + usize::from(query[end])];
        name.push_str(str::from_utf8(label).unwrap());
        name.push('.');
        end += 1 + label.len();
    }
    let is_of_ipv4 = query[end + 1..end + 3] == [0, 1];
    let known = records.iter().find(|(known, ..)| name.eq_ignore_ascii_case(&format!("{known}.")));
    let addresses = known.filter(|_| is_of_ipv4).map_or(&[][..], |(_, _, addresses)| addresses);
    // The identification, an answer with recursion, no error or no such name, one question.
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, if known.is_some() { 0x80 } else { 0x83 }, 0, 1]);
    answer.extend(u16::try_from(addresses.len()).unwrap().to_be_bytes());
    answer.extend([0; 4]);
    answer.extend(&query[12..end + 5]);
    for address in addresses {
        // The name of the question, type A, class IN.
        answer.extend([0xc0, 12, 0, 1, 0, 1]);
        answer.extend(known.unwrap().1.to_be_bytes());
        answer.extend([0, 4]);
        answer.extend(address);
    }
    answer
}

fn resolver(records: &'static [Records], hosts: &str) -> Resolver {
    let mut connection = ConnectionConfig::new(ProtocolConfig::Udp);
    let server = server(records);
    connection.port = server.port();
    let server = NameServerConfig::new(server.ip(), true, vec![connection]);
    let mut file = Hosts::default();
    file.read_hosts_conf(hosts.as_bytes()).unwrap();
    Resolver::new(of_servers(ResolverConfig::from_parts(None, Vec::new(), vec![server])), file).unwrap()
}

fn found(records: &'static [Records], hosts: &str, host: &str) -> Result<Found, ResolveError> {
    run(async { resolver(records, hosts).resolve(host).await })
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

const RECORDS: &[Records] = &[
    ("two.test", 300, &[[10, 0, 0, 1], [10, 0, 0, 2]]),
    ("brief.test", 0, &[[10, 0, 0, 3]]),
    ("for.ever.test", 1_000_000, &[[10, 0, 0, 4]]),
    ("empty.test", 60, &[]),
    ("nowhere.test", 60, &[[0, 0, 0, 0]]),
    ("file.test", 60, &[[10, 9, 9, 9]]),
    ("under_score.test", 60, &[[10, 0, 0, 5]]),
];

#[test]
fn a_name_has_all_its_addresses_for_as_long_as_the_dns_says() {
    for (host, expected) in [("two.test", &["10.0.0.1", "10.0.0.2"][..]), ("under_score.test", &["10.0.0.5"])]
    {
        let found = found(RECORDS, "", host).unwrap();
        let mut list = found.addresses.clone();
        list.sort_unstable();
        assert_eq!(list, addresses(expected));
        assert!(
            found.lasting > Duration::from_secs(50) && found.lasting <= Duration::from_secs(300),
            "{found:?}"
        );
    }
}

#[test]
fn the_time_of_a_list_has_bounds() {
    assert_eq!(found(RECORDS, "", "brief.test").unwrap().lasting, LASTING_MIN);
    let lasting = found(RECORDS, "", "for.ever.test").unwrap().lasting;
    assert!(lasting <= LASTING_MAX && lasting > LASTING_MAX - Duration::from_secs(20), "{lasting:?}");
}

#[test]
fn a_name_without_addresses_is_an_error() {
    for host in ["missing.test", "empty.test", "nowhere.test", "a..b", ""] {
        assert!(found(RECORDS, "", host).is_err(), "{host}");
    }
}

#[test]
fn the_hosts_file_goes_before_the_dns_and_stands_alone() {
    let hosts = "# comment\n10.1.1.1 file.test other\n::7 FILE.test # v6\n10.1.1.2 localhost\n";
    assert_eq!(found(RECORDS, hosts, "file.test").unwrap().addresses, addresses(&["10.1.1.1", "::7"]));
    assert_eq!(found(RECORDS, hosts, "File.Test").unwrap().addresses, addresses(&["10.1.1.1", "::7"]));
    assert_eq!(found(RECORDS, hosts, "other").unwrap().addresses, addresses(&["10.1.1.1"]));
    assert_eq!(found(RECORDS, hosts, "localhost").unwrap().addresses, addresses(&["10.1.1.2"]));
}

#[test]
fn localhost_is_this_machine() {
    for host in ["localhost", "LOCALHOST.", "app.localhost"] {
        assert_eq!(found(RECORDS, "", host).unwrap().addresses, addresses(&["127.0.0.1", "::1"]), "{host}");
    }
}

fn upstream(hosts: &[&str]) -> Upstream {
    let place = |at| Place { file: Some(0), span: (at, 1) };
    let target = |(at, host): (usize, &&str)| model::Target {
        address: At { value: TargetAddress::Tcp { host: (*host).to_owned(), port: 80 }, place: place(at) },
        tls: false,
        sip: None,
        weight: 1,
    };
    Upstream::new("backend", hosts.iter().enumerate().map(target).collect())
}

#[test]
fn names_that_cannot_be_resolved_are_told_by_their_places() {
    let clusters = [cluster(&upstream(&["localhost", "a..b", "127.0.0.1", "a..b"]))];
    let objections = resolve_all(&clusters);
    let places: Vec<_> = objections.iter().map(|objection| objection.place.span.0).collect();
    assert_eq!(places, [1, 3]);
    assert!(objections[0].message.starts_with("the name `a..b` cannot be resolved: "), "{objections:?}");
    let named = clusters[0].targets()[0].whereabouts().named().unwrap();
    assert!(named.in_turn().contains(&SocketAddr::from(([127, 0, 0, 1], 80))));
    assert!(resolve_all(&[cluster(&upstream(&["127.0.0.1"]))]).is_empty());
}

#[test]
fn a_name_that_fails_is_told_of_and_keeps_its_addresses() {
    let cluster = cluster(&upstream(&["a..b"]));
    let heard = Heard::of(&cluster);
    let target = Arc::clone(&cluster.targets()[0]);
    let named = target.whereabouts().named().unwrap();
    named.set(addresses(&["10.0.0.1"]), clock::now());
    run(async {
        tokio::select! {
            () = follow(Arc::clone(&cluster), Arc::clone(&target)) => {}
            () = heard.wait_for(1) => {}
        }
    });
    assert!(matches!(&*heard.news(), [(_, Event::Unresolved, _)]));
    assert_eq!(named.in_turn(), [SocketAddr::from(([10, 0, 0, 1], 80))]);
}

#[test]
fn a_list_whose_time_is_over_is_looked_for_anew() {
    let cluster = cluster(&upstream(&["app.localhost"]));
    let target = Arc::clone(&cluster.targets()[0]);
    let named = target.whereabouts().named().unwrap();
    named.set(addresses(&["10.0.0.1"]), clock::now());
    let is_renewed = async {
        while !named.in_turn().contains(&SocketAddr::from(([127, 0, 0, 1], 80))) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    run(async {
        tokio::select! {
            () = follow(Arc::clone(&cluster), Arc::clone(&target)) => {}
            () = is_renewed => {}
        }
    });
    assert!(named.valid_until().unwrap() > clock::now() + HOSTS_LASTING / 2);
}

#[test]
fn names_are_resolved_within_a_runtime_too() {
    let clusters = [cluster(&upstream(&["localhost"]))];
    assert!(run(async { resolve_all(&clusters) }).is_empty());
}
