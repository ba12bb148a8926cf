//! `if ($http_upgrade …) { proxy_pass … }`: a backend for WebSockets in a location that is
//! otherwise for something else. It becomes a route of its own that asks for the field.

use crate::kdl::Node;

use super::location::Location;
use super::parser::Directive;

/// A location for each such condition in a location.
pub(super) fn locations<'a>(location: &Location<'a>) -> Vec<Location<'a>> {
    let conditions = location.scope.own().iter().filter(|directive| is_one(directive));
    let of = |directive: &'a Directive| Location {
        directive: Some(directive),
        scope: location.scope.inner(directive.children()),
        field: Some(Node::new("header").text("Upgrade").text("websocket")),
        ..location.clone()
    };
    conditions.map(of).collect()
}

/// Whether a directive is a condition that requests for WebSockets meet, and has a backend.
pub(super) fn is_one(directive: &Directive) -> bool {
    let words: Vec<&str> = directive.args.iter().map(|word| &*word.text).collect();
    let text = words.join(" ").to_ascii_lowercase();
    let condition = text.trim_start_matches('(').trim_end_matches(')').trim();
    let asks = match condition.strip_prefix("$http_upgrade").map(str::trim) {
        Some("") => true,
        Some(rest) => ["=", "~", "~*"].iter().any(|comparison| {
            let value = rest.strip_prefix(comparison).unwrap_or_default().trim_matches(['"', '\'', ' ']);
            value.trim_start_matches('^').trim_end_matches('$') == "websocket"
        }),
        None => false,
    };
    asks && directive.is("if") && directive.children().iter().any(|inner| inner.is("proxy_pass"))
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::is_one;

    #[test]
    fn conditions_for_websockets_are_known() {
        for (text, expected) in [
            ("if ($http_upgrade = websocket) { proxy_pass http://a; }", true),
            ("if ($http_upgrade = \"websocket\") { proxy_pass http://a; }", true),
            ("if ($http_upgrade ~* ^WebSocket$) { proxy_pass http://a; }", true),
            ("if ($http_upgrade) { proxy_pass http://a; }", true),
            ("if ($http_upgrade != websocket) { proxy_pass http://a; }", false),
            ("if ($http_upgrade = h2c) { proxy_pass http://a; }", false),
            ("if ($http_upgrade = websocket) { return 403; }", false),
            ("if ($http_upgrades) { proxy_pass http://a; }", false),
        ] {
            let directives = parse(text, 0).expect(text);
            assert_eq!(directives.first().map(is_one), Some(expected), "{text}");
        }
    }
}
