//! Reads `header-config` of a route.

use std::sync::Arc;

use gate_core::route::HostPattern;

use super::{Context, peers, tls, webhook};
use crate::fields::{Field, Fields, get};
use crate::model::{AllowedHost, AllowedOrigin, At, HeaderConfig, HeaderKey, OnUntrusted, WebSocket};
use crate::report::Code;
use crate::schema::HMAC_KEY_FILE;
use crate::value::{Schemes, allowed_origin, token};
use crate::words::HookDirection;

/// `header-config` of a route whose `websocket` is this.
pub(super) fn read(
    route: &Fields<'_>,
    websocket: &WebSocket,
    cx: &mut Context<'_>,
) -> Option<Arc<HeaderConfig>> {
    let fields = route.sub("header-config", cx.report)?;
    let defaults = HeaderConfig::new();
    let on_untrusted = fields.word::<OnUntrusted>("on-untrusted", cx.report);
    if let Some(At { value: OnUntrusted::Ignore, place }) = on_untrusted
        && route.one("upstream").is_none()
    {
        cx.report
            .error(Code::Incomplete, place, "`on-untrusted \"ignore\"` needs an `upstream` in the route")
            .label("requests would go nowhere")
            .help("add upstream \"…\" to the route, or write on-untrusted \"reject\"");
    }
    let ceilings = fields.sub("ceilings", cx.report);
    let ceiling = ceilings.as_ref().and_then(|fields| fields.size("max-message-size", cx.report));
    let idle = ceilings.as_ref().and_then(|fields| fields.duration("idle-timeout", cx.report));
    let limits = &websocket.policy.limits;
    let idle_max = idle.filter(|idle| !idle.is_zero()).unwrap_or(defaults.idle_max);
    let message_size_max = lower_of(ceiling.unwrap_or(defaults.message_size_max), limits.message_size_max);
    let (hook, hook_headers) = match fields.sub("hook", cx.report) {
        Some(fields) => webhook::settings(&fields, message_size_max, cx),
        None => (defaults.hook, Vec::new()),
    };
    let config = HeaderConfig {
        trusted: peers::peers(&fields, "trusted", cx),
        keys: keys(&fields, cx),
        on_untrusted: on_untrusted.map_or(defaults.on_untrusted, |word| word.value),
        upstreams: allowed(&fields, "upstreams", Schemes::WebSocket, cx),
        hooks: allowed(&fields, "hooks", Schemes::Http, cx),
        required_hooks: required_hooks(&fields, cx),
        message_size_max,
        idle_max: match websocket.policy.timeouts.idle {
            configured if configured.is_zero() => idle_max,
            configured => idle_max.min(configured),
        },
        hook: crate::model::HookSettings { rewrite_size_max: message_size_max, ..hook },
        hook_headers,
        tls: tls::client(fields.sub("tls", cx.report).as_ref(), crate::model::Alpn::Http, cx),
    };
    judge(&fields, &config, cx);
    judge_way_past(route, websocket, (&fields, &config), cx);
    Some(Arc::new(config))
}

/// The lower of two limits, of which 0 is none.
fn lower_of(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { one.min(other) }
}

/// What no single setting can know.
fn judge(fields: &Fields<'_>, config: &HeaderConfig, cx: &mut Context<'_>) {
    let stands = |name: &str| fields.one(name).is_some();
    if !stands("trusted") && !stands("hmac-key-file") {
        cx.report
            .error(Code::Incomplete, fields.place, "`header-config` believes nobody")
            .label("neither `trusted` nor `hmac-key-file`")
            .help("add trusted \"127.0.0.1\"");
    }
    if !stands("upstreams") {
        cx.report
            .error(Code::Incomplete, fields.place, "`header-config` lets sessions go nowhere")
            .label("no `upstreams`")
            .help("add upstreams \"ws://10.1.0.0/16\"");
    }
    if let (false, Some(required)) = (config.required_hooks.is_empty(), fields.one("required-hooks"))
        && !stands("hooks")
    {
        cx.report
            .error(Code::Incomplete, required.place(), "webhooks are required, but none may be asked")
            .label("every request would be refused")
            .help("add hooks \"http://10.1.0.0/16\"");
    }
}

/// Who names no upstream goes to the route's own, if there is one, and needs no webhooks for that.
fn judge_way_past(
    route: &Fields<'_>,
    websocket: &WebSocket,
    (fields, config): (&Fields<'_>, &HeaderConfig),
    cx: &mut Context<'_>,
) {
    let inspection = &websocket.policy.inspection;
    let is_past = config.required_hooks.iter().any(|side| !inspection.includes(*side));
    if let (true, Some(upstream), Some(required)) =
        (is_past, route.one("upstream"), fields.one("required-hooks"))
    {
        cx.report
            .warn(Code::Insecure, required.place(), "requests that name no upstream go past the webhooks")
            .label("holds for those that name one")
            .help("remove `upstream`, or add a `webhook` or `inspect` to `websocket`")
            .also(upstream.place(), "all others go here");
    }
}

fn keys(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<HeaderKey> {
    let mut keys: Vec<HeaderKey> = Vec::new();
    for field in fields.all("hmac-key-file") {
        let Some(key) = key(*field, cx) else { continue };
        if keys.iter().any(|other| other.id == key.id) {
            cx.report
                .error(Code::DuplicateId, field.place(), format!("the key `{}` is defined twice", key.id))
                .label("for the second time")
                .help("write hmac-key-file \"other.key\" id=\"other\"");
            continue;
        }
        keys.push(key);
    }
    keys
}

fn key(field: Field<'_>, cx: &mut Context<'_>) -> Option<HeaderKey> {
    const HELP: &str = "write hmac-key-file \"proxy.key\" id=\"proxy\"";
    let pieces: Vec<_> = field.node.into_iter().collect();
    let fields = Fields::of(&HMAC_KEY_FILE, &pieces, cx.report);
    let value = field.only_argument(HELP, cx.report);
    let behind =
        value.zip(HMAC_KEY_FILE.key("path")).and_then(|(value, key)| get::text(key, value, cx.report));
    let within = fields.text("path", cx.report);
    let id = fields.text("id", cx.report);
    if let Some(id) = id.as_ref().filter(|id| !token(id.value)) {
        cx.report
            .error(Code::BadField, id.place, format!("`{}` cannot name a key", id.value.escape_debug()))
            .label("not allowed in a signature")
            .help("names have letters of ASCII, digits, and !#$%&'*+-.^_`|~");
    }
    let Some(path) = behind.or(within).filter(|path| !path.value.is_empty()) else {
        cx.report
            .error(Code::MissingValue, field.place(), "this `hmac-key-file` names no file")
            .label("a path belongs behind it")
            .help(HELP);
        return None;
    };
    Some(HeaderKey { id: id.map_or("default", |id| id.value).into(), file: cx.path(path) })
}

fn allowed(fields: &Fields<'_>, name: &str, schemes: Schemes, cx: &mut Context<'_>) -> Vec<AllowedOrigin> {
    let mut entries = Vec::new();
    for text in fields.texts(name, cx.report) {
        match allowed_origin(text.value, schemes) {
            Ok(entry) => {
                if is_of_machine(&entry.host) {
                    warn_of_machine(name, text, cx);
                }
                entries.push(entry);
            }
            Err(fault) => {
                cx.report
                    .error(
                        Code::BadAddress,
                        text.place,
                        format!("`{}` cannot stand in `{name}`", text.value.escape_debug()),
                    )
                    .label(fault.why)
                    .help(fault.help);
            }
        }
    }
    entries
}

/// Names allow no addresses of this machine, and this one has no others.
fn is_of_machine(host: &AllowedHost) -> bool {
    match host {
        AllowedHost::Name(HostPattern::Exact(name) | HostPattern::Below(name)) => {
            name == "localhost" || name.ends_with(".localhost")
        }
        AllowedHost::Any | AllowedHost::Network(_) => false,
    }
}

fn warn_of_machine(name: &str, text: At<&str>, cx: &mut Context<'_>) {
    cx.report
        .warn(
            Code::Useless,
            text.place,
            format!("`{}` in `{name}` allows nothing", text.value.escape_debug()),
        )
        .label("a name allows no address of this machine")
        .help(format!(
            "write \"{}\" and \"{}\": whatever name stands for these addresses is allowed then",
            text.value.replacen("localhost", "127.0.0.1", 1),
            text.value.replacen("localhost", "[::1]", 1),
        ));
}

fn required_hooks(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<gate_core::Side> {
    let Some((field, key)) = fields.one("required-hooks").zip(fields.block.key("required-hooks")) else {
        return Vec::new();
    };
    get::refuse_more(field, cx.report);
    if field.arguments.is_empty() {
        get::missing_value(key, field, cx.report);
    }
    let words = field.arguments.iter().filter_map(|value| get::word::<HookDirection>(key, value, cx.report));
    let mut sides: Vec<_> = words.map(|word| word.value).map(|HookDirection(side)| side).collect();
    sides.dedup();
    sides
}
