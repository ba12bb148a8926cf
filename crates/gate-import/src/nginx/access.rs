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
    for name in scope.names() {
        let Some(why) = why_gate(name) else { continue };
        found.extend(scope.find(name).filter(|directive| !is_off(directive)).map(|it| (it, why)));
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
        scope.find("proxy_pass_request_headers").filter(|directive| directive.value() == "off").map(
            |directive| (directive, "fields of requests go to the backend, but for those that are named"),
        ),
    );
    found.extend(
        scope
            .everywhere("if")
            .filter(|directive| refuses(directive))
            .map(|directive| (directive, why_if(directive))),
    );
    found
}

/// Whether a directive decides about requests, so that it is told where routes are closed for it.
pub(super) fn is_gate(directive: &Directive) -> bool {
    why_gate(&directive.name.text).is_some()
}

/// Why a directive that decides about requests, by its name, is left out; `None`: it does not.
fn why_gate(name: &str) -> Option<&'static str> {
    if name.starts_with("auth_") && !AUTH_SETTINGS.split_ascii_whitespace().any(|known| known == name) {
        return Some(match name {
            "auth_basic" => "requests are not asked for a password",
            "auth_request" => "nobody is asked about a request",
            "auth_jwt" => "requests are not asked for a token",
            _ => "a request is not asked who sends it",
        });
    }
    if ["access_by_lua", "rewrite_by_lua", "server_rewrite_by_lua"].iter().any(|lua| name.starts_with(lua)) {
        return Some("there are no scripts, and this one may keep requests out");
    }
    let known = |names: &str| names.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(name));
    known(GATES).then_some("there is nothing like it, and it may keep requests out")
}

/// What only says how a request is asked who sends it.
const AUTH_SETTINGS: &str = "\
    auth_basic_user_file auth_delay auth_request_set auth_jwt_claim_set auth_jwt_header_set auth_jwt_key_cache \
    auth_jwt_key_file auth_jwt_key_request auth_jwt_leeway auth_jwt_type auth_http auth_http_header auth_http_timeout";

/// Directives of modules that keep requests out.
const GATES: &str = "\
    js_access modsecurity ModSecurityEnabled SecRulesEnabled app_protect_enable app_protect_dos_enable testcookie \
    shib_request akamai_token_validate access_key perl_access wallarm_mode";

fn is_off(directive: &Directive) -> bool {
    matches!(directive.value(), "off" | "Off" | "0")
}

/// Whether a condition keeps requests from the backend. Redirects to another name or to TLS do
/// not keep anybody out; answers 200 and 204, such as to OPTIONS, neither.
fn refuses(directive: &Directive) -> bool {
    let is_about_spelling = directive.args.iter().all(|arg| {
        !arg.text.contains('$')
            || ["$host", "$http_host", "$scheme", "$https", "$server_port"]
                .iter()
                .any(|name| arg.text.trim_start_matches('(').trim_end_matches(')') == *name)
    });
    directive.children().iter().any(|inner| match &*inner.name.text {
        "return" => match inner.value().parse::<u16>() {
            Ok(code) => code >= 400 || (code >= 300 && !is_about_spelling),
            Err(_) => !is_about_spelling,
        },
        "rewrite" => matches!(inner.arg(2), Some("redirect" | "permanent")) && !is_about_spelling,
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

/// Comments for conditions that keep nobody out. Those that `taken` says are translated.
pub(super) fn left_out(
    directives: &[Directive],
    taken: impl Fn(&Directive) -> bool,
    notes: &mut Notes<'_>,
) -> Vec<String> {
    let conditions =
        directives.iter().filter(|directive| directive.is("if") && !refuses(directive) && !taken(directive));
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

#[cfg(test)]
mod tests {
    use super::super::parser::parse;
    use super::super::scope::Scope;
    use super::restrictions;

    #[test]
    fn whatever_may_keep_requests_out_is_a_restriction() {
        for (text, is_restricted) in [
            ("deny all;", true),
            ("allow all;", false),
            ("auth_basic x;", true),
            ("auth_basic off;", false),
            ("auth_basic_user_file x;", false),
            ("auth_ldap \"staff\";", true),
            ("auth_jwt_require $x;", true),
            ("access_by_lua_block { ngx.exit(403) }", true),
            ("rewrite_by_lua_file a.lua;", true),
            ("content_by_lua_file a.lua;", false),
            ("js_access main.check;", true),
            ("modsecurity on;", true),
            ("modsecurity off;", false),
            ("SecRulesEnabled;", true),
            ("internal;", true),
            ("proxy_pass_request_headers off;", true),
            ("if ($x) { return 403; }", true),
            ("if ($x) { return 444; }", true),
            ("if ($cookie_id = \"\") { return 302 /login; }", true),
            ("if ($cookie_id = \"\") { return https://example.org/login; }", true),
            ("if ($cookie_id = \"\") { rewrite ^ /login redirect; }", true),
            ("if ($scheme = http) { return 301 https://$host$request_uri; }", false),
            ("if ($host = www.example.org) { return 301 https://example.org; }", false),
            ("if ($request_method = OPTIONS) { return 204; }", false),
            ("if ($x) { set $y 1; }", false),
        ] {
            let directives = parse(text, 0).expect(text);
            assert_eq!(!restrictions(&Scope::new(vec![&directives])).is_empty(), is_restricted, "{text}");
        }
    }
}
