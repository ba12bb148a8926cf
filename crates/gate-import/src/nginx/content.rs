//! What nginx answers from a location, and what Framegate answers in its place.

use super::location::{Kind, Location};
use super::notes::Notes;
use super::parser::Directive;
use super::proxy::{self, Pass};
use super::scope::Scope;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(super) enum Content<'a> {
    /// It goes to a backend.
    Proxy { directive: &'a Directive, pass: Pass, scope: Scope<'a> },
    /// The gateway answers.
    Builtin(&'static str),
    /// Nothing of it can be kept, so it is answered 404: why.
    Nothing(Vec<String>),
}

/// What was found in a location.
#[derive(Debug)]
pub(super) struct Found<'n, 'a> {
    pub(super) content: Content<'a>,
    /// The named location that it is from: what holds there holds, too.
    pub(super) named: Option<&'n Location<'a>>,
    pub(super) comments: Vec<String>,
}

/// Reads a location. `named` are those that `try_files` can go on to.
pub(super) fn content<'n, 'a>(
    location: &Location<'a>,
    named: &'n [Location<'a>],
    notes: &mut Notes<'_>,
) -> Found<'n, 'a> {
    let scope = &location.scope;
    let is_answered =
        || ["return"].iter().chain(&TAKERS).chain(&OTHERS).any(|name| scope.has_own(name).is_some());
    if let Some(directive) = scope.find("try_files").filter(|_| !is_answered()) {
        let fallback = directive.args.last().map(|word| &*word.text).filter(|name| name.starts_with('@'));
        let named =
            fallback.and_then(|name| named.iter().find(|other| other.kind == Kind::Named(name.to_owned())));
        if let Some(named) = named {
            let what = "files are not looked for; all requests go where the last word leads";
            let comments = vec![notes.differs(directive, what)];
            let there = Location { kind: location.kind.clone(), ..named.clone() };
            return Found { content: of_location(&there, notes), named: Some(named), comments };
        }
    }
    Found { content: of_location(location, notes), named: None, comments: Vec::new() }
}

/// Each of these takes a location; nginx lets the last one have it.
const TAKERS: [&str; 3] = ["ws_stat", "stub_status", "proxy_pass"];

fn is_taker(directive: &Directive) -> bool {
    TAKERS.iter().any(|name| directive.is(name))
}

/// Backends that are not spoken to.
const OTHERS: [&str; 5] = ["fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass"];

fn of_location<'a>(location: &Location<'a>, notes: &mut Notes<'_>) -> Content<'a> {
    let scope = &location.scope;
    if let Some(directive) = scope.has_own("return") {
        return returned(directive, location, notes);
    }
    let taker = scope.own().iter().rfind(|directive| is_taker(directive));
    for (name, handler) in [("ws_stat", "ws-stat"), ("stub_status", "status")] {
        if taker.is_some_and(|directive| directive.is(name)) {
            return Content::Builtin(handler);
        }
    }
    if let Some(directive) = taker {
        return match proxy::pass(directive) {
            Ok(pass) => Content::Proxy { directive, pass, scope: scope.clone() },
            Err(why) => Content::Nothing(vec![notes.none(directive, why)]),
        };
    }
    if OTHERS.iter().any(|name| scope.has_own(name).is_some()) {
        // Why is told with the directive.
        return Content::Nothing(Vec::new());
    }
    let denied =
        scope.has_own("deny").filter(|deny| deny.value() == "all" && scope.has_own("allow").is_none());
    if let Some(directive) = denied {
        return Content::Nothing(vec![notes.explain(directive, "404 is answered in the place of 403")]);
    }
    if let Some(directive) = scope.find("try_files") {
        return Content::Nothing(vec![notes.none(directive, "static files are not served")]);
    }
    if let Some(directive) = scope.find("alias").or_else(|| scope.find("root")) {
        return Content::Nothing(vec![notes.none(directive, "static files are not served")]);
    }
    Content::Nothing(
        location
            .directive
            .map(|directive| notes.none(directive, "static files are not served"))
            .into_iter()
            .collect(),
    )
}

/// Comments for what would take the location as well, but for what stands below it.
pub(super) fn overruled(scope: &Scope<'_>, notes: &mut Notes<'_>) -> Vec<String> {
    let taking: Vec<&Directive> = scope.own().iter().filter(|directive| is_taker(directive)).collect();
    let Some((last, others)) = taking.split_last() else { return Vec::new() };
    let what = format!("it is left out: `{}` below it takes the location, in nginx as well", last.name.text);
    others.iter().map(|directive| notes.differs(directive, &what)).collect()
}

/// The handler that answers 200 as long as the process lives.
pub(super) const HEALTH: &str = "health";

/// `return CODE [TEXT | URL]` or `return URL`.
fn returned<'a>(directive: &Directive, location: &Location<'a>, notes: &mut Notes<'_>) -> Content<'a> {
    let why = match directive.value().parse::<u16>() {
        Ok(404) => return Content::Builtin("not-found"),
        Ok(200 | 204) if is_for_health(&location.kind) => {
            return Content::Builtin(HEALTH);
        }
        Ok(300..=399) | Err(_) => "there are no redirects",
        Ok(200..=299) => {
            "there are no answers of one's own; 404 is answered (builtin-handler \"health\" answers 200)"
        }
        Ok(_) => "404 is answered in its place",
    };
    Content::Nothing(vec![notes.none(directive, why)])
}

/// Whether others ask here for whether the server lives.
fn is_for_health(kind: &Kind) -> bool {
    let (Kind::Exact(path) | Kind::Prefix { path, .. } | Kind::Regex(path) | Kind::Named(path)) = kind;
    ["health", "live", "ready", "ping", "alive", "up", "status"]
        .iter()
        .any(|word| path.to_ascii_lowercase().contains(word))
}

/// What is to be told of a path behind the address in `proxy_pass`.
pub(super) fn path_comment(
    directive: &Directive,
    pass: &Pass,
    kind: &Kind,
    notes: &mut Notes<'_>,
) -> Option<String> {
    let given = pass.path.as_deref()?;
    let taken = match kind {
        Kind::Exact(path) | Kind::Prefix { path, .. } if path == given => return None,
        Kind::Exact(path) | Kind::Prefix { path, .. } => path,
        Kind::Regex(_) | Kind::Named(_) => "the path",
    };
    let what = format!(
        "the backend got `{given}` in the place of `{taken}`; paths cannot be changed here, so the backend must know \
         them as clients send them"
    );
    Some(notes.differs(directive, &what))
}
