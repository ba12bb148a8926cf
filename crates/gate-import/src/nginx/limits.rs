//! `limit_conn` and `limit_req`: limits of connections and rates of new ones.

use crate::kdl::Node;

use super::notes::Notes;
use super::parser::Directive;
use super::scope::Scope;

/// What zones count.
#[derive(Debug, Default)]
pub(super) struct Zones<'a> {
    zones: Vec<Zone<'a>>,
}

#[derive(Debug)]
struct Zone<'a> {
    name: &'a str,
    key: &'a str,
    /// `rate=` of a `limit_req_zone`.
    rate: Option<&'a str>,
}

impl<'a> Zones<'a> {
    pub(super) fn new(directives: impl Iterator<Item = &'a Directive>) -> Self {
        let zone = |directive: &'a Directive| {
            let value = |name: &str| directive.args.iter().find_map(|word| word.text.strip_prefix(name));
            let name = value("zone=")?.split(':').next()?;
            Some(Zone { name, key: directive.value(), rate: value("rate=") })
        };
        Self { zones: directives.filter_map(zone).collect() }
    }

    fn of(&self, name: &str) -> Option<&Zone<'a>> {
        self.zones.iter().find(|zone| zone.name == name)
    }
}

/// The settings for a location, and comments.
pub(super) fn settings(
    scope: &Scope<'_>,
    zones: &Zones<'_>,
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut group: Vec<String> = Vec::new();
    let read = |name: &str| scope.all(name);
    for directive in read("limit_conn").into_iter().chain(read("limit_req")) {
        let found =
            if directive.is("limit_conn") { connections(directive, zones) } else { rate(directive, zones) };
        match found {
            Ok(node) if nodes.iter().any(|other| other.has_name_of(&node)) => {
                comments.push(notes.none(directive, "there is one limit of each kind, the first here"));
            }
            Ok(node) => {
                group.push(zone(directive).to_owned());
                // Such a zone counts for each server.
                let is_of_server =
                    zones.of(zone(directive)).is_some_and(|zone| zone.key.starts_with("$server"));
                let server = scope.find("server_name").filter(|_| is_of_server);
                group.extend(server.map(|server| server.value().to_owned()));
                nodes.push(node.comment(notes.explain(
                    directive,
                    "counts WebSocket connections, not other requests, and keeps none waiting",
                )));
            }
            Err(why) => comments.push(notes.none(directive, why)),
        }
    }
    if !group.is_empty() {
        let why = "nginx: what shares a zone is counted together; here it is what has the same zones.";
        nodes.push(Node::new("connections-group").text(&group.join(" ")).comment(why));
    }
    nodes
}

/// The name of the zone that a limit is for.
fn zone(directive: &Directive) -> &str {
    let named = directive.args.iter().find_map(|word| word.text.strip_prefix("zone="));
    named.unwrap_or_else(|| directive.value())
}

/// `limit_conn zone number`
fn connections(directive: &Directive, zones: &Zones<'_>) -> Result<Node, &'static str> {
    let zone = zones.of(directive.value()).ok_or("its zone is not defined here")?;
    let limit = directive.arg(1).and_then(|text| text.parse::<u32>().ok()).filter(|limit| *limit > 0);
    let limit = limit.ok_or("it is not a number")?;
    let name = match zone.key {
        "$binary_remote_addr" | "$remote_addr" => "max-connections-per-ip",
        "$server_name" | "$host" | "$http_host" => "max-connections",
        _ => return Err("connections are counted for addresses and routes only"),
    };
    Ok(Node::new(name).number(u64::from(limit)))
}

/// `limit_req zone=name [burst=number] [nodelay | delay=number]`
fn rate(directive: &Directive, zones: &Zones<'_>) -> Result<Node, &'static str> {
    let value = |name: &str| directive.args.iter().find_map(|word| word.text.strip_prefix(name));
    let zone = value("zone=").and_then(|name| zones.of(name)).ok_or("its zone is not defined here")?;
    let rate = zone.rate.ok_or("its zone has no rate")?;
    let (count, unit) = rate.split_once("r/").ok_or("its rate is not like 10r/s")?;
    let count = count.parse::<u32>().ok().filter(|count| *count > 0).ok_or("its rate is not like 10r/s")?;
    if !matches!(unit, "s" | "m") {
        return Err("its rate is not like 10r/s");
    }
    let name = match zone.key {
        "$binary_remote_addr" | "$remote_addr" => "connection-rate-per-ip",
        "$server_name" | "$host" | "$http_host" => "connection-rate",
        _ => return Err("connections are counted for addresses and routes only"),
    };
    // nginx's burst comes on top of the one that the rate allows.
    let burst = value("burst=").and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    Ok(Node::new(name).text(&format!("{count}/{unit}")).property("burst", u64::from(burst) + 1))
}

#[cfg(test)]
mod tests {
    use super::super::notes::Notes;
    use super::super::parser::parse;
    use super::super::scope::Scope;
    use super::{Zones, settings};
    use crate::kdl::{Node, render};
    use crate::source::Sources;

    #[test]
    fn limits_are_those_of_their_zones() {
        let zones = "limit_conn_zone $binary_remote_addr zone=a:10m; limit_conn_zone $server_name zone=s:10m; \
                     limit_req_zone $binary_remote_addr zone=r:10m rate=10r/s; limit_conn_zone $uri zone=u:10m; \
                     limit_req_zone $remote_addr zone=m:1m rate=30r/m;";
        let zones = parse(zones, 0).expect("they are directives");
        for (text, expected, comments) in [
            ("limit_conn a 10;", "max-connections-per-ip 10\nconnections-group \"a\"\n", 0),
            ("limit_conn s 500;", "max-connections 500\nconnections-group \"s\"\n", 0),
            (
                "limit_req zone=r burst=20 nodelay;",
                "connection-rate-per-ip \"10/s\" burst=21\nconnections-group \"r\"\n",
                0,
            ),
            ("limit_req zone=r;", "connection-rate-per-ip \"10/s\" burst=1\nconnections-group \"r\"\n", 0),
            ("limit_req zone=m;", "connection-rate-per-ip \"30/m\" burst=1\nconnections-group \"m\"\n", 0),
            ("limit_conn a 10; limit_conn a 20;", "max-connections-per-ip 10\nconnections-group \"a\"\n", 1),
            ("limit_conn u 10;", "", 1),
            ("limit_conn x 10;", "", 1),
            ("limit_conn a many;", "", 1),
        ] {
            let directives = parse(text, 0).expect("they are directives");
            let (mut told, sources) = (Vec::new(), Sources::default());
            let zones = Zones::new(zones.iter());
            let nodes =
                settings(&Scope::new(vec![&directives]), &zones, &mut told, &mut Notes::new(&sources));
            let nodes: Vec<_> = nodes.iter().map(Node::meaning).collect();
            assert_eq!((render(&nodes), told.len()), (expected.to_owned(), comments), "{text}");
        }
    }
}
