//! Reads `routes`: what answers each, and who is asked first.

use std::collections::HashSet;
use std::sync::Arc;

use gate_core::ids::{AgentId, UpstreamId};

use super::{Context, Names, arc, header_config, matches, names_of, policies, refuse_unknown, websocket};
use crate::fields::{Entry, Fields, get};
use crate::model::{Action, Agent, At, Handler, Route};
use crate::report::Code;
use crate::syntax::Scalar;
use crate::words::{Priority, ServiceType};

pub(super) fn read<'a>(top: &Fields<'a>, cx: &mut Context<'_>) -> Vec<Entry<'a>> {
    let routes = top.sub("routes", cx.report);
    let entries = routes.map(|routes| routes.named("route", cx.report)).unwrap_or_default();
    names_of(&entries, "route", cx.report);
    entries
}

pub(super) fn route(
    entry: &Entry<'_>,
    names: &Names<'_>,
    agents: &[Arc<Agent>],
    cx: &mut Context<'_>,
) -> Option<Route> {
    let fields = &entry.fields;
    let action = action(entry, names, cx);
    let matches = fields.sub("matches", cx.report);
    let asked = asked(fields, names, cx);
    let frames = |id: &AgentId| {
        let agent = usize::try_from(id.0).ok().and_then(|index| agents.get(index));
        agent.is_some_and(|agent| agent.events.websocket_frame)
    };
    let websocket = websocket::read(fields, asked.iter().any(frames), names, cx);
    let header_config = header_config::read(fields, &websocket, cx);
    let route = Route {
        id: arc(entry.id),
        conditions: matches.map(|fields| matches::conditions(&fields, cx)).unwrap_or_default(),
        priority: priority(fields, cx).unwrap_or(50),
        agents: asked,
        websocket,
        header_config,
        request_headers: policies::request_headers(fields, cx),
        body_size_max: fields.size("max-body-size", cx.report),
        action: action?,
    };
    Some(route)
}

fn action(entry: &Entry<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Action> {
    let fields = &entry.fields;
    let upstream = fields.text("upstream", cx.report);
    let handler = fields.word::<Handler>("builtin-handler", cx.report);
    let service = fields.word::<ServiceType>("service-type", cx.report);
    let stands = |name| fields.one(name).is_some();
    match (stands("upstream"), stands("builtin-handler")) {
        (true, true) => {
            let place = fields.one("builtin-handler").map_or(fields.place, |field| field.place());
            let first = fields.one("upstream").map_or(fields.place, |field| field.place());
            cx.report
                .error(Code::Conflict, place, "a route has both an `upstream` and a `builtin-handler`")
                .label("answers here")
                .help("keep one of them")
                .also(first, "goes there");
        }
        (false, false) if stands("header-config") => return Some(Action::ByHeader),
        (false, false) => {
            let message = format!("the route `{}` does not say what becomes of its requests", entry.id.value);
            cx.report
                .error(Code::Incomplete, fields.place, message)
                .label("goes nowhere")
                .help("add upstream \"…\", builtin-handler \"…\" or header-config { … }");
        }
        (true, false) => {
            if let Some(At { value: ServiceType::Builtin, place }) = service {
                cx.report
                    .error(Code::Conflict, place, "`service-type \"builtin\"` needs a `builtin-handler`")
                    .label("but this route has an upstream")
                    .help("remove it, or name a `builtin-handler` in place of the upstream");
            }
        }
        (false, true) => {
            if let Some(field) = fields.one("header-config") {
                cx.report
                    .error(
                        Code::Conflict,
                        field.place(),
                        "a route has both a `builtin-handler` and a `header-config`",
                    )
                    .label("has no upstream to tell")
                    .help("keep one of them");
            }
        }
    }
    if let Some(handler) = handler {
        return Some(Action::Builtin(handler.value));
    }
    let upstream = upstream?;
    match names.upstreams.get(upstream.value) {
        Some(index) => Some(Action::Proxy(UpstreamId(*index))),
        None => {
            refuse_unknown("upstream", upstream, &names.upstreams, cx.report);
            None
        }
    }
}

/// `priority`: a number or a word.
fn priority(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<u32> {
    let (key, value) = fields.scalar("priority", cx.report)?;
    match value.scalar {
        Scalar::Text(_) => get::word::<Priority>(key, value, cx.report).map(|word| word.value.0),
        Scalar::Integer(number) => match u32::try_from(number) {
            Ok(number) => Some(number),
            Err(_) => {
                cx.report
                    .error(Code::OutOfRange, value.place, format!("`priority` cannot be {number}"))
                    .label("out of range")
                    .help(format!("it must be at least 0 and at most {}", u32::MAX));
                None
            }
        },
        Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => get::wrong_type(key, value, cx.report),
    }
}

/// `agents`.
fn asked(fields: &Fields<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Vec<AgentId> {
    let mut seen = HashSet::new();
    let mut asked = Vec::new();
    for name in fields.texts("agents", cx.report) {
        let Some(&index) = names.agents.get(name.value) else {
            refuse_unknown("agent", name, &names.agents, cx.report);
            continue;
        };
        if !seen.insert(index) {
            cx.report
                .error(Code::DuplicateValue, name.place, format!("the agent `{}` is named twice", name.value))
                .label("for the second time")
                .help("keep one of them");
            continue;
        }
        asked.push(AgentId(index));
    }
    asked
}
