//! Reads `websocket` of a route: what sessions must keep to.

use std::sync::Arc;

use gate_core::origin::{OriginPattern, Origins};
use gate_core::{Limits, Policy, Timeouts};

use super::Context;
use super::matches::tokens;
use crate::fields::{Fields, get};
use crate::model::{ConnectionLimits, WebSocket};
use crate::report::Code;
use crate::schema::WEBSOCKET;

/// A block, a flag, or both in one: `websocket true { … }`.
pub(super) fn read(route: &Fields<'_>, cx: &mut Context<'_>) -> WebSocket {
    let defaults = WebSocket::default();
    let Some(field) = route.one("websocket") else { return defaults };
    let value = field.only_argument("write websocket true, or websocket { … }", cx.report);
    let flag = value.zip(WEBSOCKET.key("enabled")).and_then(|(value, key)| get::flag(key, value, cx.report));
    let Some(node) = field.node else { return WebSocket { enabled: flag.unwrap_or(true), ..defaults } };
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
    let report = &mut *cx.report;
    let websocket = WebSocket {
        enabled: enabled.or(flag).unwrap_or(true),
        policy: Arc::new(policy(&fields, report)),
        connections: ConnectionLimits {
            all: fields.number("max-connections", report).unwrap_or(defaults.connections.all),
            per_address: fields
                .number("max-connections-per-ip", report)
                .unwrap_or(defaults.connections.per_address),
            ..defaults.connections
        },
        on_limit: fields.word("on-limit", report).map_or(defaults.on_limit, |word| word.value),
        compression: fields.word("compression", report).map_or(defaults.compression, |word| word.value),
        origins: Origins { patterns: origins(&fields, cx) },
        subprotocols: tokens(&fields, "subprotocols", cx),
    };
    // Not enforced, but a value that is wrong is wrong.
    for name in ["ping-interval-secs", "ping-timeout-secs"] {
        let _unused = fields.duration(name, cx.report);
    }
    websocket
}

fn policy(fields: &Fields<'_>, report: &mut crate::report::Report) -> Policy {
    let Policy { limits, timeouts, age, keepalive } = Policy::default();
    Policy {
        limits: Limits {
            frame_size_max: fields.size("max-frame-size", report).unwrap_or(limits.frame_size_max),
            message_size_max: fields.size("max-message-size", report).unwrap_or(limits.message_size_max),
            fragments_max: fields.number("max-fragments", report).unwrap_or(limits.fragments_max),
            validate_utf8: fields.flag("validate-utf8", report).unwrap_or(limits.validate_utf8),
        },
        timeouts: Timeouts {
            send: fields.duration("send-timeout-ms", report).unwrap_or(timeouts.send),
            close: fields.duration("close-timeout-ms", report).unwrap_or(timeouts.close),
            half_close: fields.duration("half-close-timeout-ms", report).unwrap_or(timeouts.half_close),
            frame: fields.duration("frame-timeout-ms", report).unwrap_or(timeouts.frame),
            idle: fields.duration("idle-timeout-secs", report).unwrap_or(timeouts.idle),
            idle_counts_control: timeouts.idle_counts_control,
        },
        age,
        keepalive,
    }
}

fn origins(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<OriginPattern> {
    let mut origins = Vec::new();
    for text in fields.texts("origins", cx.report) {
        match text.value.parse::<OriginPattern>() {
            Ok(origin) => origins.push(origin),
            Err(fault) => {
                let help = if text.value == "*" {
                    "without `origins` all may connect"
                } else {
                    "origins are like \"https://example.org\" or \"https://*.example.org\""
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
    origins
}
