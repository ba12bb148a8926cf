//! `agents`. Until they can be asked, only what happens without them is kept.

use std::time::Duration;

use super::{Context, arc};
use crate::fields::{Entry, Field, Fields, get};
use crate::model::{Agent, FailureMode};
use crate::report::Code;
use crate::schema::{AGENT, TRANSPORT};
use crate::syntax::Value;
use crate::words::{Event, UnixSocket};

pub(super) fn read<'a>(top: &Fields<'a>, cx: &mut Context<'_>) -> Vec<Entry<'a>> {
    let agents = top.sub("agents", cx.report);
    agents.map(|agents| agents.named("agent", cx.report)).unwrap_or_default()
}

pub(super) fn agent(entry: &Entry<'_>, cx: &mut Context<'_>) -> Agent {
    let fields = &entry.fields;
    transport(entry, cx);
    events(fields, cx);
    let failure_mode = fields.word::<FailureMode>("failure-mode", cx.report);
    Agent {
        id: arc(entry.id),
        failure_mode: failure_mode.map_or(FailureMode::Closed, |word| word.value),
        timeout: fields.duration("timeout-ms", cx.report).unwrap_or(Duration::from_secs(1)),
    }
}

fn transport(entry: &Entry<'_>, cx: &mut Context<'_>) {
    let fields = &entry.fields;
    let (long, short) = (fields.one("transport"), fields.one("unix-socket"));
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
            socket(field, None, cx);
        }
    }
    if let Some(field) = short {
        let path = field.only_argument(HELP, cx.report);
        socket(field, path, cx);
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
}

const HELP: &str = "write transport \"unix_socket\" { path \"/run/agent.sock\" }";

/// The path stands behind the name, as a property, or in the block.
fn socket(field: Field<'_>, behind: Option<&Value>, cx: &mut Context<'_>) {
    let pieces: Vec<_> = field.node.into_iter().collect();
    let fields = Fields::of(&TRANSPORT, &pieces, cx.report);
    if behind.is_none() && fields.one("path").is_none() {
        cx.report
            .error(Code::MissingKey, field.place(), format!("`path` is missing in `{}`", field.name.text))
            .help(HELP);
    }
    let behind = behind.zip(TRANSPORT.key("path")).and_then(|(value, key)| get::text(key, value, cx.report));
    let within = fields.text("path", cx.report);
    if let Some(path) = [behind, within].into_iter().flatten().find(|path| path.value.is_empty()) {
        cx.report
            .error(Code::MissingValue, path.place, "the path of a unix socket is empty")
            .label("a path belongs here")
            .help(HELP);
    }
}

fn events(fields: &Fields<'_>, cx: &mut Context<'_>) {
    let key = AGENT.key("events");
    let Some((field, key)) = fields.one("events").zip(key) else { return };
    get::refuse_more(field, cx.report);
    if field.arguments.is_empty() {
        get::missing_value(key, field, cx.report);
    }
    for value in field.arguments {
        let _known = get::word::<Event>(key, value, cx.report);
    }
}
