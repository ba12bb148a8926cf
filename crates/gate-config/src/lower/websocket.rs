//! Reads `websocket` of a route: what sessions must keep to.

use std::sync::Arc;

use gate_core::ids::FrameLogId;
use gate_core::origin::{MissingOrigin, OriginPattern, Origins};
use gate_core::{Limits, Policy, Timeouts};

use super::inspected::Reading;
use super::matches::tokens;
use super::{Context, Names, inspect, lifetime, limits, refuse_unknown, sip, traces, webhook};
use crate::fields::{Fields, get};
use crate::model::WebSocket;
use crate::report::Code;
use crate::schema::WEBSOCKET;

/// A block, a flag, or both in one: `websocket true { … }`. `asks_agents`: the route's agents are
/// asked about messages.
pub(super) fn read(
    route: &Fields<'_>,
    asks_agents: bool,
    names: &Names<'_>,
    cx: &mut Context<'_>,
) -> WebSocket {
    let (mut settings, fields) = settings(route, names, cx);
    Reading { route, websocket: &fields, asks_agents }.complete(&mut settings, cx);
    settings
}

/// What stands there, by itself.
fn settings<'a>(route: &Fields<'a>, names: &Names<'_>, cx: &mut Context<'_>) -> (WebSocket, Fields<'a>) {
    let defaults = WebSocket::default();
    let nothing = |cx: &mut Context<'_>| Fields::of(&WEBSOCKET, &[], cx.report);
    let Some(field) = route.one("websocket") else { return (defaults, nothing(cx)) };
    let value = field.only_argument("write websocket true, or websocket { … }", cx.report);
    let flag = value.zip(WEBSOCKET.key("enabled")).and_then(|(value, key)| get::flag(key, value, cx.report));
    let Some(node) = field.node else {
        return (WebSocket { enabled: flag.unwrap_or(true), ..defaults }, nothing(cx));
    };
    if node.arguments.is_empty() && node.properties.is_empty() && node.children.is_none() {
        cx.report
            .error(Code::MissingValue, node.name.place, "`websocket` has no value")
            .label("a flag or a block belongs behind it")
            .help("write websocket true, or websocket { … }");
    }
    let fields = Fields::of(&WEBSOCKET, &[node], cx.report);
    let enabled = fields.flag("enabled", cx.report);
    if let (Some(_), Some(second)) = (flag, fields.one("enabled")) {
        cx.report
            .error(Code::RepeatedKey, second.place(), "`enabled` stands twice in `websocket`")
            .label("for the second time")
            .help("keep one of them")
            .also(node.head(), "for the first time");
    }
    let policy = policy(&fields, cx.report);
    let inspect = inspect::read(&fields, cx);
    let webhooks = webhook::read(&fields, policy.limits.message_size_max, cx);
    let token_subprotocol = token_subprotocol(&fields, cx);
    let sip = sip::read(&fields, names, cx);
    let trace = traces::named(&fields, names, cx);
    let report = &mut *cx.report;
    let websocket = WebSocket {
        enabled: enabled.or(flag).unwrap_or(true),
        policy: Arc::new(policy),
        connections: limits::connections(&fields, defaults.connections, report),
        connections_group: fields.text("connections-group", report).map(|name| name.value.into()),
        rate_limits: limits::rate_limits(&fields, report),
        on_limit: fields.word("on-limit", report).map_or(defaults.on_limit, |word| word.value),
        token_subprotocol: token_subprotocol.unwrap_or(defaults.token_subprotocol),
        compression: fields.word("compression", report).map_or(defaults.compression, |word| word.value),
        origins: origins(&fields, cx),
        subprotocols: tokens(&fields, "subprotocols", cx),
        frame_logs: frame_logs(&fields, names, cx),
        inspect,
        webhooks,
        context_takeover: defaults.context_takeover,
        sip,
        trace,
    };
    judge(&websocket, &fields, cx);
    (websocket, fields)
}

/// What contradicts itself, or has no effect beside the rest.
fn judge(websocket: &WebSocket, fields: &Fields<'_>, cx: &mut Context<'_>) {
    let report = &mut *cx.report;
    let Limits { frame_size_max, message_size_max, .. } = websocket.policy.limits;
    if let Some(field) = fields.one("max-frame-size")
        && message_size_max > 0
        && frame_size_max > message_size_max
    {
        report
            .warn(
                Code::Useless,
                field.place(),
                format!("`max-frame-size` is above `max-message-size`, which is {message_size_max}"),
            )
            .label("is never reached: a message has all its frames")
            .help("make it smaller, or remove it");
    }
    let without = ["frame-log", "inspect", "webhook", "sip"];
    for field in without.into_iter().filter(|_| !websocket.enabled).filter_map(|name| fields.one(name)) {
        report
            .warn(
                Code::Useless,
                field.place(),
                format!("`{}` has no effect where `enabled` is false", field.name.text),
            )
            .label("there are no sessions")
            .help("remove it, or `enabled false`");
    }
    if let (Some(_), Some(field)) = (&websocket.sip, fields.one("subprotocols"))
        && !websocket.subprotocols.iter().any(|name| name.eq_ignore_ascii_case(SIP))
    {
        report
            .error(
                Code::Conflict,
                field.place(),
                "`sip` wants the subprotocol \"sip\", which `subprotocols` leaves out",
            )
            .label("nobody could connect")
            .help("remove it: beside `sip` no other is agreed on");
    }
}

/// The subprotocol of SIP (RFC 7118 §4.1).
const SIP: &str = "sip";

/// A token, or nothing: then there is none.
fn token_subprotocol(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Option<Arc<str>>> {
    if fields.text("token-subprotocol", cx.report)?.value.is_empty() {
        return Some(None);
    }
    tokens(fields, "token-subprotocol", cx).first().map(|name| Some(name.as_str().into()))
}

fn policy(fields: &Fields<'_>, report: &mut crate::report::Report) -> Policy {
    let Policy { limits, timeouts, inspection, .. } = Policy::default();
    let (idle, idle_counts_control) = lifetime::idle(fields, &timeouts, report);
    Policy {
        limits: Limits {
            frame_size_max: fields.size("max-frame-size", report).unwrap_or(limits.frame_size_max),
            message_size_max: fields.size("max-message-size", report).unwrap_or(limits.message_size_max),
            fragments_max: fields.number("max-fragments", report).unwrap_or(limits.fragments_max),
            validate_utf8: fields.flag("validate-utf8", report).unwrap_or(limits.validate_utf8),
        },
        upstream_limits: None,
        timeouts: Timeouts {
            send: fields.duration("send-timeout-ms", report).unwrap_or(timeouts.send),
            close: fields.duration("close-timeout-ms", report).unwrap_or(timeouts.close),
            half_close: fields.duration("half-close-timeout-ms", report).unwrap_or(timeouts.half_close),
            frame: fields.duration("frame-timeout-ms", report).unwrap_or(timeouts.frame),
            idle,
            idle_counts_control,
        },
        age: lifetime::age(fields, report),
        keepalive: lifetime::keepalive(fields, idle, report),
        inspection,
    }
}

fn frame_logs(fields: &Fields<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Vec<FrameLogId> {
    let mut logs = Vec::new();
    for name in fields.texts("frame-log", cx.report) {
        match names.frame_logs.get(name.value) {
            None => refuse_unknown("frame log", name, &names.frame_logs, cx.report),
            Some(index) if logs.contains(&FrameLogId(*index)) => {
                cx.report
                    .error(
                        Code::DuplicateValue,
                        name.place,
                        format!("the frame log `{}` is named twice", name.value),
                    )
                    .label("for the second time")
                    .help("keep one of them");
            }
            Some(index) => logs.push(FrameLogId(*index)),
        }
    }
    logs
}

fn origins(fields: &Fields<'_>, cx: &mut Context<'_>) -> Origins {
    let mut patterns = Vec::new();
    for text in fields.texts("origins", cx.report) {
        match text.value.parse::<OriginPattern>() {
            Ok(origin) => patterns.push(origin),
            Err(fault) => {
                let help = if text.value == "*" {
                    "without `origins` all may connect"
                } else {
                    "origins are like \"https://example.org\" or \"https://*.example.org\"; \"//example.org\" is what programs send that leave out the scheme"
                };
                cx.report
                    .error(
                        Code::BadOrigin,
                        text.place,
                        format!("`{}` is not an origin", text.value.escape_debug()),
                    )
                    .label(fault.to_string())
                    .help(help);
            }
        }
    }
    let missing = match fields.flag("allow-missing-origin", cx.report) {
        None => MissingOrigin::default(),
        Some(true) => MissingOrigin::Always,
        Some(false) => MissingOrigin::Never,
    };
    if let (Some(field), None) = (fields.one("allow-missing-origin"), fields.one("origins")) {
        cx.report
            .warn(Code::Useless, field.place(), "`allow-missing-origin` has no effect without `origins`")
            .label("all may connect")
            .help("add `origins`, or remove it");
    }
    Origins { patterns, missing }
}
