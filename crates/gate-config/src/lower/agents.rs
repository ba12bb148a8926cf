//! Reads `agents`: how each is reached, what it is asked about, and what its failures mean.

use std::path::PathBuf;
use std::time::Duration;

use super::{Context, arc, free};
use crate::fields::{Entry, Field, Fields, get};
use crate::model::{Agent, AgentEvents, AgentProtocol, At, CircuitBreaker};
use crate::report::Code;
use crate::schema::{AGENT, TRANSPORT};
use crate::syntax::{Scalar, Value};
use crate::value::is_too_long;
use crate::words::{Event, UnixSocket};

pub(super) fn read<'a>(top: &Fields<'a>, cx: &mut Context<'_>) -> Vec<Entry<'a>> {
    let agents = top.sub("agents", cx.report);
    agents.map(|agents| agents.named("agent", cx.report)).unwrap_or_default()
}

pub(super) fn agent(entry: &Entry<'_>, cx: &mut Context<'_>) -> Agent {
    let fields = &entry.fields;
    let defaults = Agent::new(entry.id.value, "");
    let protocol = protocol(fields, cx).unwrap_or(defaults.protocol);
    let report = &mut *cx.report;
    Agent {
        id: arc(entry.id),
        protocol,
        failure_mode: fields.word("failure-mode", report).map_or(defaults.failure_mode, |word| word.value),
        timeout: fields.duration("timeout-ms", report).unwrap_or(defaults.timeout),
        queue_timeout: fields.duration("queue-timeout-ms", report).unwrap_or(defaults.queue_timeout),
        calls_max: fields.number("max-concurrent-calls", report).unwrap_or(defaults.calls_max),
        connections_max: fields.number("max-connections", report).unwrap_or(defaults.connections_max),
        pipeline: fields.number("pipeline", report).unwrap_or_else(|| protocol.pipeline()),
        calls_per_direction: fields
            .number("calls-per-direction", report)
            .unwrap_or(defaults.calls_per_direction),
        path: transport(entry, cx).unwrap_or_default(),
        events: events(fields, cx).unwrap_or_default(),
        breaker: breaker(fields, cx),
        config: fields.one("config").and_then(|field| config(field, cx)),
    }
}

/// `v1` and `v2`, or their numbers.
fn protocol(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<AgentProtocol> {
    let (key, value) = fields.scalar("protocol-version", cx.report)?;
    match value.scalar {
        Scalar::Integer(1) => Some(AgentProtocol::V1),
        Scalar::Integer(2) => Some(AgentProtocol::V2),
        Scalar::Integer(_) | Scalar::Text(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => {
            get::word(key, value, cx.report).map(|word| word.value)
        }
    }
}

fn breaker(fields: &Fields<'_>, cx: &mut Context<'_>) -> CircuitBreaker {
    let defaults = CircuitBreaker::default();
    let Some(fields) = fields.sub("circuit-breaker", cx.report) else { return defaults };
    let report = &mut *cx.report;
    let seconds: Option<Duration> = fields.duration("timeout-seconds", report);
    CircuitBreaker {
        failure_threshold: fields.number("failure-threshold", report).unwrap_or(defaults.failure_threshold),
        success_threshold: fields.number("success-threshold", report).unwrap_or(defaults.success_threshold),
        open_for: seconds.unwrap_or(defaults.open_for),
        trials_max: fields.number("half-open-max-requests", report).unwrap_or(defaults.trials_max),
    }
}

/// Settings of the agent's own.
fn config(field: Field<'_>, cx: &mut Context<'_>) -> Option<std::sync::Arc<str>> {
    const HELP: &str = "write config { … }";
    let Some(node) = field.node.filter(|node| node.arguments.is_empty()) else {
        cx.report
            .error(Code::WrongType, field.place(), "`config` is a block")
            .label("a value stands here")
            .help(HELP);
        return None;
    };
    Some(free::object(node, cx).to_string().into())
}

/// The path of the socket.
fn transport(entry: &Entry<'_>, cx: &mut Context<'_>) -> Option<PathBuf> {
    let fields = &entry.fields;
    let (long, short) = (fields.one("transport"), fields.one("unix-socket"));
    let mut found = None;
    if let Some(field) = long {
        let value = field.only_argument(HELP, cx.report);
        if value.is_none() {
            cx.report
                .error(Code::MissingValue, field.name.place, "`transport` has no value")
                .label("a word belongs behind it")
                .help(HELP);
        }
        // A transport that does not exist has other settings than a socket.
        let kind = value
            .zip(AGENT.key("transport"))
            .map(|(value, key)| get::word::<UnixSocket>(key, value, cx.report));
        if kind.flatten().is_some() {
            found = socket(field, None, cx);
        }
    }
    if let Some(field) = short {
        let path = field.only_argument(HELP, cx.report);
        found = socket(field, path, cx);
    }
    match (long, short) {
        (Some(long), Some(short)) => {
            cx.report
                .error(Code::Conflict, short.place(), "an agent has both a `transport` and a `unix-socket`")
                .label("the other way")
                .help("keep one of them")
                .also(long.place(), "one way");
        }
        (None, None) => {
            let message = format!("the agent `{}` cannot be reached", entry.id.value);
            cx.report.error(Code::Incomplete, fields.place, message).label("no `transport`").help(HELP);
        }
        (Some(_), None) | (None, Some(_)) => {}
    }
    found
}

const HELP: &str = "write transport \"unix_socket\" { path \"/run/agent.sock\" }";

/// The path stands behind the name, as a property, or in the block.
fn socket(field: Field<'_>, behind: Option<&Value>, cx: &mut Context<'_>) -> Option<PathBuf> {
    let pieces: Vec<_> = field.node.into_iter().collect();
    let fields = Fields::of(&TRANSPORT, &pieces, cx.report);
    if behind.is_none() && fields.one("path").is_none() {
        cx.report
            .error(Code::MissingKey, field.place(), format!("`path` is missing in `{}`", field.name.text))
            .help(HELP);
    }
    let behind = behind.zip(TRANSPORT.key("path")).and_then(|(value, key)| get::text(key, value, cx.report));
    let within = fields.text("path", cx.report);
    let path = behind.or(within)?;
    if path.value.is_empty() {
        cx.report
            .error(Code::MissingValue, path.place, "the path of a unix socket is empty")
            .label("a path belongs here")
            .help(HELP);
        return None;
    }
    let At { value, place } = cx.path(path);
    if is_too_long(&value) {
        cx.report
            .error(
                Code::OutOfRange,
                place,
                format!("the path of a unix socket has at most 107 bytes, not {}", value.as_os_str().len()),
            )
            .label("too long")
            .help("choose a shorter one");
    }
    Some(value)
}

fn events(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<AgentEvents> {
    let (field, key) = fields.one("events").zip(AGENT.key("events"))?;
    get::refuse_more(field, cx.report);
    if field.arguments.is_empty() {
        get::missing_value(key, field, cx.report);
    }
    let mut events = AgentEvents { request_headers: false, websocket_frame: false };
    for value in field.arguments {
        match get::word::<Event>(key, value, cx.report).map(|word| word.value) {
            Some(Event::RequestHeaders) => events.request_headers = true,
            Some(Event::WebSocketFrame) => events.websocket_frame = true,
            None => {}
        }
    }
    Some(events)
}
