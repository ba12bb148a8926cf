//! How the servers of an `upstream` block are chosen, and which connections to them are kept.

use crate::kdl::Node;

use super::notes::Notes;
use super::parser::Directive;
use super::unit;

pub(super) fn nodes(block: &Directive, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Vec<Node> {
    let mut chosen: Option<Vec<Node>> = None;
    let mut pool = Vec::new();
    for directive in block.children() {
        let by = |word: &str| Ok(vec![Node::new("load-balancing").text(word)]);
        let nodes = match &*directive.name.text {
            "least_conn" => by("least-connections"),
            "ip_hash" => {
                comments.push(notes.explain(directive, "Framegate takes IPv6 by its /64, and IPv4 whole"));
                by("ip-hash")
            }
            "random" if directive.args.iter().any(|arg| arg.text == "two") => by("power-of-two-choices"),
            "random" => by("random"),
            "hash" => hash(directive.value()),
            "sticky" => {
                comments.extend(sticky_left(directive, notes));
                sticky(directive)
            }
            "keepalive" => {
                let idle = directive.value().parse::<u32>().unwrap_or_default();
                pool.insert(0, Node::new("max-idle").number(u64::from(idle)));
                continue;
            }
            "keepalive_timeout" => {
                let time = unit::time(directive.value()).filter(|time| !time.is_zero());
                pool.extend(time.map(|time| Node::new("idle-timeout").text(&unit::time_text(time))));
                continue;
            }
            _ => continue,
        };
        match nodes {
            Ok(nodes) if chosen.is_none() => chosen = Some(nodes),
            Ok(_) => comments
                .push(notes.none(directive, "an upstream has one way to choose targets, the first here")),
            Err(why) => comments.push(notes.none(directive, why)),
        }
    }
    let mut nodes = chosen.unwrap_or_default();
    if !pool.is_empty() {
        nodes.push(Node::new("connection-pool").block(once_each(pool)));
    }
    nodes
}

/// A setting may stand once.
fn once_each(nodes: Vec<Node>) -> Vec<Node> {
    let mut kept: Vec<Node> = Vec::new();
    for node in nodes {
        if !kept.iter().any(|other| other.has_name_of(&node)) {
            kept.push(node);
        }
    }
    kept
}

/// `hash KEY [consistent]`. Framegate's is always consistent.
fn hash(key: &str) -> Result<Vec<Node>, &'static str> {
    let variable = key.strip_prefix('$').ok_or("only a variable by itself can be hashed")?;
    let is_token =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let word = match variable {
        "remote_addr" | "binary_remote_addr" => "client-ip".to_owned(),
        "uri" | "request_uri" | "document_uri" => "path".to_owned(),
        _ => {
            let (kind, name) = [("http_", "header"), ("cookie_", "cookie"), ("arg_", "query")]
                .into_iter()
                .find_map(|(prefix, kind)| Some((kind, variable.strip_prefix(prefix)?)))
                .filter(|(_, name)| is_token(name))
                .ok_or("there are client-ip, path, header:Name, cookie:name and query:name to be hashed")?;
            let name = if kind == "header" { name.replace('_', "-") } else { name.to_owned() };
            format!("{kind}:{name}")
        }
    };
    Ok(vec![Node::new("load-balancing").text("consistent-hash"), Node::new("hash-key").text(&word)])
}

/// The parameters of a sticky cookie that it cannot have.
fn sticky_left(directive: &Directive, notes: &mut Notes<'_>) -> Option<String> {
    let is_left = |text: &str| !["expires=", "path="].iter().any(|known| text.starts_with(known));
    let is_cookie = directive.value() == "cookie";
    let left = directive
        .args
        .iter()
        .skip(2)
        .map(|word| &*word.text)
        .find(|text| is_left(text))
        .filter(|_| is_cookie)?;
    let why = match left.split_once('=') {
        Some(("domain", _)) => {
            "the cookie is for the host that gave it, so other hosts below the domain do not get it"
        }
        None if left == "secure" => {
            "the cookie is for TLS only where the client came by TLS; else write cookie-secure true"
        }
        None if left == "httponly" => "the cookie is never shown to scripts",
        Some(("samesite", _)) => "write cookie-same-site",
        Some(_) | None => "it is left out",
    };
    Some(notes.differs(directive, &format!("`{}`: {why}", left.replace('`', " "))))
}

/// `sticky cookie NAME [expires=TIME] [path=PATH]`.
fn sticky(directive: &Directive) -> Result<Vec<Node>, &'static str> {
    let (Some("cookie"), Some(name)) = (directive.arg(0), directive.arg(1)) else {
        return Err("a client is bound to a target by a cookie of the gateway only");
    };
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) {
        return Err("it is not the name of a cookie");
    }
    let mut settings = vec![Node::new("cookie-name").text(name)];
    let value =
        |key: &str| directive.args.iter().find_map(|word| word.text.strip_prefix(key)?.strip_prefix('='));
    let ttl = value("expires").and_then(unit::time).map_or_else(|| "0".to_owned(), unit::time_text);
    settings.push(Node::new("cookie-ttl").text(&ttl));
    let is_path = |path: &&str| {
        path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic() && !b"#;".contains(&b))
    };
    settings.extend(value("path").filter(is_path).map(|path| Node::new("cookie-path").text(path)));
    Ok(vec![Node::new("load-balancing").text("sticky"), Node::new("sticky").block(settings)])
}

#[cfg(test)]
mod tests {
    use super::hash;
    use crate::kdl::render;

    #[test]
    fn keys_are_what_framegate_can_hash() {
        for (key, expected) in [
            ("$remote_addr", "client-ip"),
            ("$binary_remote_addr", "client-ip"),
            ("$request_uri", "path"),
            ("$http_x_room", "header:x-room"),
            ("$cookie_sid", "cookie:sid"),
            ("$arg_room", "query:room"),
        ] {
            let nodes = hash(key).map(|nodes| render(&nodes));
            let expected = format!("load-balancing \"consistent-hash\"\nhash-key \"{expected}\"\n");
            assert_eq!(nodes, Ok(expected), "{key}");
        }
        for key in ["room", "$server_name", "$http_", "$remote_addr$uri"] {
            assert!(hash(key).is_err(), "{key}");
        }
    }
}
