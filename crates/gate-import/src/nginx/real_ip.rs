//! X-Real-IP: nginx sends it from a location, Framegate from a listener.

use crate::kdl::Node;

use super::notes::Notes;
use super::parser::Directive;
use super::scope::Scope;

/// What a location says of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum RealIp<'a> {
    /// It is the client's address: which directive says so.
    Client(&'a Directive),
    /// It is taken away or has another value; the route says that as well.
    OfRoute,
    /// Nothing, so that what the client sends goes on: its `proxy_pass`.
    Unsaid(&'a Directive),
}

/// Whether a value is the address that Framegate takes for the client's.
pub(super) fn is_clients_address(value: &str, scope: &Scope<'_>) -> bool {
    match value {
        "$remote_addr" => {
            let header = scope.find("real_ip_header").map_or("x-real-ip", |directive| directive.value());
            let is_read =
                ["x-forwarded-for", "proxy_protocol"].iter().any(|it| it.eq_ignore_ascii_case(header));
            is_read || scope.find("set_real_ip_from").is_none()
        }
        "$proxy_protocol_addr" => {
            let mut listens = scope.everywhere("listen").peekable();
            listens.peek().is_some()
                && listens.all(|listen| listen.args.iter().any(|arg| arg.text == "proxy_protocol"))
        }
        _ => false,
    }
}

/// Who connects to a listener in the client's stead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Balancer {
    /// Nobody whose word is taken.
    None,
    /// One of the `trusted-proxies`.
    Trusted,
    /// Whoever begins with the PROXY protocol. nginx takes his word for logs at most.
    Unnamed,
}

/// `real-ip` of a listener: it is on where a location of its servers sends the client's address.
pub(super) fn node<'a>(
    said: impl Iterator<Item = RealIp<'a>>,
    balancer: Balancer,
    notes: &mut Notes<'_>,
) -> Option<Node> {
    let (mut sent, mut unsaid): (Vec<&Directive>, Vec<String>) = (Vec::new(), Vec::new());
    for real_ip in said {
        match real_ip {
            RealIp::Client(directive) => sent.push(directive),
            RealIp::Unsaid(pass) => unsaid.push(notes.line(pass)),
            RealIp::OfRoute => {}
        }
    }
    let directive = *sent.first()?;
    let mut node = Node::new("real-ip").flag(true);
    if !unsaid.is_empty() {
        unsaid.dedup();
        let what = format!(
            "a listener sends it for all its routes, so the backends of {} get it as well, where nginx sends on what the \
             client says",
            listed(&unsaid)
        );
        node = node.comment(notes.differs(directive, &what));
    }
    let what = match balancer {
        Balancer::Trusted => Some(
            "what a trusted proxy says there goes on, and nginx puts the client's address in its place. See that yours \
             takes it away from clients",
        ),
        Balancer::Unnamed if directive.arg(1) == Some("$remote_addr") => Some(
            "nginx sends the load balancer's address, as there is no `set_real_ip_from`; this is the client's, which the \
             PROXY protocol names",
        ),
        Balancer::Unnamed | Balancer::None => None,
    };
    if let Some(what) = what {
        node = node.comment(notes.differs(directive, what));
    }
    Some(node)
}

/// Places that are told one by one.
const LISTED_MAX: usize = 4;

fn listed(lines: &[String]) -> String {
    let (shown, rest) = lines.split_at_checked(LISTED_MAX).unwrap_or((lines, &[]));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::super::scope::Scope;
    use super::is_clients_address;

    #[test]
    fn the_clients_address_is_what_framegate_takes_for_it() {
        for (text, remote, proxy_protocol) in [
            ("", true, false),
            ("listen 80;", true, false),
            ("listen 80 proxy_protocol;", true, true),
            ("listen 80 proxy_protocol; listen 81;", true, false),
            ("real_ip_header CF-Connecting-IP;", true, false),
            ("set_real_ip_from 10.0.0.0/8;", false, false),
            ("set_real_ip_from 10.0.0.0/8; real_ip_header X-Real-IP;", false, false),
            ("set_real_ip_from 10.0.0.0/8; real_ip_header X-Forwarded-For;", true, false),
            ("listen 80 proxy_protocol; set_real_ip_from unix:; real_ip_header proxy_protocol;", true, true),
        ] {
            let directives = parse(text, 0).expect(text);
            let scope = Scope::new(vec![&directives]);
            assert_eq!(is_clients_address("$remote_addr", &scope), remote, "{text}");
            assert_eq!(is_clients_address("$proxy_protocol_addr", &scope), proxy_protocol, "{text}");
            assert!(!is_clients_address("$realip_remote_addr", &scope), "{text}");
        }
    }
}
