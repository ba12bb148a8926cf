//! The `listeners` block.

use std::net::IpAddr;

use crate::kdl::Node;

use super::arrange::Point;
use super::listen::Address;
use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::real_ip::{self, Balancer};
use super::scope::Scope;
use super::server::Server;
use super::tls::{self, Secured};
use super::unit;
use crate::slug::Taken;

/// A listener for each address.
pub(super) fn nodes(
    points: &[Point],
    servers: &[Server<'_>],
    paths: &Paths,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let mut taken = Taken::default();
    points.iter().map(|point| listener(point, servers, paths, &mut taken, notes)).collect()
}

fn listener(
    point: &Point,
    servers: &[Server<'_>],
    paths: &Paths,
    taken: &mut Taken,
    notes: &mut Notes<'_>,
) -> Node {
    let protocol = if point.is_tls { "https" } else { "http" };
    let id = taken.unique(&format!("{protocol}-{}", point.address.slug()));
    let there: Vec<&Server<'_>> = point.servers.iter().filter_map(|number| servers.get(*number)).collect();
    let mut comments = Vec::new();
    let mut nodes = vec![Node::new("address").text(&point.address.text())];
    if let Address::Unix(_) = point.address {
        nodes.push(Node::new("mode").text("666").comment("nginx: anybody may connect to its sockets."));
    }
    if point.is_tls {
        nodes.push(Node::new("protocol").text(protocol));
        let secured: Vec<_> =
            there.iter().map(|server| Secured { scope: &server.block.scope, hosts: &server.hosts }).collect();
        nodes.push(tls::block(&secured, paths, &mut comments, notes));
    }
    if let Some(first) = there.first() {
        let proxies = proxies(point, &first.block.scope, &mut comments, notes);
        let balancer = match proxies.iter().any(|node| node.has_name_of(&Node::new("trusted-proxies"))) {
            true => Balancer::Trusted,
            false if point.has_proxy_protocol => Balancer::Unnamed,
            false => Balancer::None,
        };
        nodes.extend(proxies);
        nodes.extend(real_ip::node(there.iter().flat_map(|server| server.real_ips()), balancer, notes));
        nodes.extend(timeouts(&first.block.scope));
    }
    if !point.is_on {
        let why = "Nothing that can be kept is at this address alone, so it is switched off (/-).";
        comments.push(why.to_owned());
    }
    Node::new("listener").text(&id).comments(comments).block(nodes).off(!point.is_on).apart()
}

/// Who is believed about the client's address, and who begins with the PROXY protocol.
fn proxies(point: &Point, scope: &Scope<'_>, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Vec<Node> {
    let mut trusted: Vec<String> = Vec::new();
    for directive in scope.all("set_real_ip_from") {
        match network(directive.value()) {
            Some(network) if trusted.contains(&network) => {}
            Some(network) => trusted.push(network),
            None => {
                comments.push(notes.none(directive, "peers are trusted by their numbers, such as 10.0.0.0/8"))
            }
        }
    }
    let with =
        |name, networks: &[String]| networks.iter().fold(Node::new(name), |node, network| node.text(network));
    let header = scope.find("real_ip_header");
    let name = header.map(|directive| directive.value().to_ascii_lowercase());
    let mut nodes = Vec::new();
    match (name.as_deref(), header) {
        (Some("x-forwarded-for"), _) if !trusted.is_empty() => nodes.push(with("trusted-proxies", &trusted)),
        (Some("proxy_protocol" | "x-forwarded-for"), _) => {}
        (_, Some(directive)) => comments.push(notes.none(directive, READ_FROM)),
        (_, None) => {
            let first = scope.find("set_real_ip_from");
            let what =
                format!("nginx takes the client's address from their X-Real-IP by itself; {READ_FROM}");
            comments.extend(first.map(|directive| notes.differs(directive, &what)));
        }
    }
    if point.has_proxy_protocol {
        let anybody = ["0.0.0.0/0", "::/0", "unix:"].map(str::to_owned);
        let from = if trusted.is_empty() {
            with("from", &anybody)
                .comment("nginx: whoever connects begins so. Name your load balancers: from \"10.0.0.0/8\".")
        } else {
            with("from", &trusted)
        };
        nodes.push(Node::new("proxy-protocol").block(vec![from]));
    }
    nodes
}

/// What is told of another `real_ip_header`.
const READ_FROM: &str = "the client's address is read from X-Forwarded-For or the PROXY protocol";

/// A network without bits behind its prefix.
fn network(text: &str) -> Option<String> {
    if text == "unix:" {
        return Some(text.to_owned());
    }
    let (address, length) =
        text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
    let address: IpAddr = address.parse().ok()?;
    let Some(length) = length else { return Some(address.to_string()) };
    let length: u32 = length.parse().ok()?;
    Some(match address {
        IpAddr::V4(v4) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            format!("{}/{length}", std::net::Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => return None,
    })
}

fn timeouts(scope: &Scope<'_>) -> Vec<Node> {
    let time =
        |name: &str| unit::time(scope.find(name).map(Directive::value)?).filter(|time| !time.is_zero());
    let mut nodes = Vec::new();
    let head = time("client_header_timeout");
    nodes.extend(head.map(|time| Node::new("request-head-timeout").text(&unit::time_text(time))));
    let keepalive = time("keepalive_timeout").map(unit::whole_seconds);
    nodes.extend(keepalive.map(|seconds| Node::new("keepalive-timeout-secs").number(seconds)));
    let send = time("send_timeout").and_then(|time| u64::try_from(time.min(unit::LONGEST).as_millis()).ok());
    nodes.extend(send.map(|millis| Node::new("send-timeout-ms").number(millis)));
    nodes
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn networks_have_no_bits_behind_their_prefix() {
        for (text, expected) in [
            ("10.1.2.3/8", Some("10.0.0.0/8")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("fd00::1/8", Some("fd00::/8")),
            ("::1/128", Some("::1/128")),
            ("unix:", Some("unix:")),
            ("lb.internal", None),
            ("10.0.0.0/33", None),
            ("10.0.0.0/x", None),
        ] {
            assert_eq!(network(text).as_deref(), expected, "{text}");
        }
    }
}
