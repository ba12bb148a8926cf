//! Which route answers, found in the slowest way: by what the configuration says, condition
//! by condition, and with nothing of the table's code.

use std::cmp::Reverse;

use gate_core::route::{Conditions, HostPattern, PathPattern, Request};

/// The place of the route that answers.
pub(crate) fn find(routes: &[(Conditions, u32)], request: &Request<'_>) -> Option<usize> {
    let mut order: Vec<_> = routes.iter().enumerate().collect();
    order.sort_by_key(|(_, (conditions, priority))| Reverse((*priority, weight(conditions))));
    order.into_iter().find(|(_, (conditions, _))| fits(conditions, request)).map(|(place, _)| place)
}

fn fits(conditions: &Conditions, request: &Request<'_>) -> bool {
    let Conditions { hosts, paths, methods, headers, query, subprotocols } = conditions;
    let lines = |name: &str| -> Vec<String> {
        let lines = request.headers.get_all(name).iter();
        lines.map(|line| line.to_str().expect("ASCII").to_owned()).collect()
    };
    let offered: Vec<String> = lines("sec-websocket-protocol")
        .iter()
        .flat_map(|line| line.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>())
        .collect();
    let parameters = parameters(request.query.unwrap_or(""));
    (hosts.is_empty() || hosts.iter().any(|host| fits_host(host, request.host)))
        && (paths.is_empty() || paths.iter().any(|path| fits_path(path, request.path)))
        && (methods.is_empty() || methods.contains(request.method))
        && (subprotocols.is_empty() || subprotocols.iter().any(|name| offered.contains(name)))
        && headers.iter().all(|condition| {
            let lines = lines(condition.name.as_str());
            condition.value.as_ref().map_or(!lines.is_empty(), |value| lines.contains(value))
        })
        && query.iter().all(|condition| {
            parameters.iter().any(|(name, value)| {
                *name == condition.name && condition.value.as_ref().is_none_or(|wanted| wanted == value)
            })
        })
}

fn fits_host(pattern: &HostPattern, host: Option<&str>) -> bool {
    let Some(host) = host else { return false };
    let plain = |host: &str| host.strip_suffix('.').unwrap_or(host).to_lowercase();
    match pattern {
        HostPattern::Exact(name) => plain(host) == plain(name),
        HostPattern::Below(name) => {
            let end = format!(".{}", plain(name));
            plain(host).len() > end.len() && plain(host).ends_with(&end)
        }
    }
}

fn fits_path(pattern: &PathPattern, path: &str) -> bool {
    match pattern {
        PathPattern::Exact(whole) => path == whole,
        PathPattern::Prefix(prefix) if prefix.ends_with('/') => path.starts_with(prefix),
        PathPattern::Prefix(prefix) => path == prefix || path.starts_with(&format!("{prefix}/")),
        PathPattern::Regex(regex) => regex.is_match(path),
    }
}

fn parameters(query: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        parameters.push((decode(name), decode(value)));
    }
    parameters
}

/// Knows the escapes that these tests use.
fn decode(text: &str) -> String {
    text.replace('+', " ").replace("%20", " ").replace("%61", "a").replace("%2B", "+")
}

fn weight(conditions: &Conditions) -> usize {
    let path = conditions.paths.iter().map(|path| match path {
        PathPattern::Exact(_) => 10_000,
        PathPattern::Regex(_) => 5_000,
        PathPattern::Prefix(prefix) => 1_000 + prefix.len(),
    });
    let host = conditions.hosts.iter().map(|host| match host {
        HostPattern::Exact(_) => 70,
        HostPattern::Below(_) => 50,
    });
    let mut weight = path.min().unwrap_or(0) + host.min().unwrap_or(0);
    for condition in &conditions.headers {
        weight += if condition.value.is_some() { 30 } else { 20 };
    }
    for condition in &conditions.query {
        weight += if condition.value.is_some() { 25 } else { 15 };
    }
    weight += if conditions.methods.is_empty() { 0 } else { 10 };
    weight + if conditions.subprotocols.is_empty() { 0 } else { 15 }
}
