//! Who nginx lets in. Framegate has nothing like most of it, so a route for which it held
//! answers 404 until somebody has decided.

use crate::kdl::Node;

use super::notes::{Notes, shown};
use super::parser::Directive;
use super::scope::Scope;

/// The restrictions of a location, each with why it is left out.
pub(super) fn restrictions<'a>(scope: &Scope<'a>) -> Vec<(&'a Directive, &'static str)> {
    let mut found = Vec::new();
    let rules = scope.all_of(&["allow", "deny"]);
    found.extend(rules.into_iter().find(|rule| rule.is("deny")).map(|rule| {
        (rule, "clients are not chosen by their addresses; a firewall can, or a listener at another address")
    }));
    for (name, off, why) in [
        ("auth_basic", "off", "requests are not asked for a password"),
        ("auth_request", "off", "nobody is asked about a request"),
        ("auth_jwt", "off", "requests are not asked for a token"),
    ] {
        found.extend(
            scope.find(name).filter(|directive| directive.value() != off).map(|directive| (directive, why)),
        );
    }
    found.extend(
        scope.has_own("internal").map(|directive| (directive, "there are no requests within the gateway")),
    );
    found.extend(
        scope
            .has_own("limit_except")
            .map(|directive| (directive, "write matches { method \"GET\" } in the route")),
    );
    found.extend(
        scope
            .everywhere("if")
            .filter(|directive| refuses(directive))
            .map(|directive| (directive, why_if(directive))),
    );
    found
}

/// Whether a condition keeps requests out.
fn refuses(directive: &Directive) -> bool {
    directive.children().iter().any(|inner| match &*inner.name.text {
        "return" => inner.value().parse::<u16>().is_ok_and(|code| code >= 400),
        "deny" => true,
        _ => false,
    })
}

fn why_if(directive: &Directive) -> &'static str {
    let asks = |name: &str| directive.args.iter().any(|arg| arg.text.contains(name));
    if asks("$http_origin") {
        "name the pages that may connect: websocket { origins \"https://example.org\" }"
    } else if asks("$http_upgrade") || asks("$connection_upgrade") {
        "a backend that wants upgrades only can refuse the rest itself"
    } else if asks("$request_method") {
        "write matches { method \"GET\" } in the route"
    } else if asks("$arg_") || asks("$http_") {
        "a route asks for fields and parameters by matches { header …; query-param … }"
    } else {
        "there are no conditions but `matches` of routes"
    }
}

/// Comments for conditions that keep nobody out, and for `satisfy`.
pub(super) fn left_out(directives: &[Directive], notes: &mut Notes<'_>) -> Vec<String> {
    let conditions = directives.iter().filter(|directive| directive.is("if") && !refuses(directive));
    conditions.map(|directive| notes.none(directive, why_if(directive))).collect()
}

/// Puts before the 404 why it stands there.
pub(super) fn held(
    not_found: Node,
    restrictions: &[(&Directive, &'static str)],
    notes: &mut Notes<'_>,
) -> Node {
    let comments: Vec<_> = restrictions.iter().map(|(directive, why)| notes.none(directive, why)).collect();
    let first = restrictions.first().map(|(directive, _)| shown(directive)).unwrap_or_default();
    not_found.comments(comments).remind(format!(
        "Without `{first}` more would be let in than in nginx, so this is answered 404. To open it, take out the next \
         line and the /- behind it."
    ))
}
