//! Reads `frame-logs`: templates are compiled here, so that what is wrong with one is told at
//! its place in the text.

use std::path::Path;
use std::time::Duration;

use gate_core::template::{self, Escape, Fault, Kind, Redaction, Template};

use super::{Context, arc, observability};
use crate::fields::{Entry, Field, Fields, get};
use crate::model::{
    Config, Formats, FrameFilter, FrameLog, LogFormat, LogTarget, Place, Rotation, Senders, WhenFull,
};
use crate::nearest::nearest;
use crate::report::{Code, Report};
use crate::schema::Key;
use crate::syntax::{Scalar, Value};
use crate::words::{Escaping, FrameOpcode};

pub(super) fn read<'a>(top: &Fields<'a>, cx: &mut Context<'_>) -> Vec<Entry<'a>> {
    let Some(logs) = top.sub("frame-logs", cx.report) else { return Vec::new() };
    logs.named("frame-log", cx.report)
}

pub(super) fn frame_log(entry: &Entry<'_>, cx: &mut Context<'_>) -> FrameLog {
    let fields = &entry.fields;
    let target = observability::target(fields, "path", cx);
    let formats = formats(entry, cx);
    let filter = fields.sub("filter", cx.report).map(|fields| filter(&fields, cx)).unwrap_or_default();
    let redaction = fields.sub("redact", cx.report).map(|fields| redaction(&fields, cx)).unwrap_or_default();
    let rotation = rotation(fields, cx);
    observability::check_rotation(fields, &target, cx);
    FrameLog {
        id: arc(entry.id),
        target,
        formats,
        filter,
        sample: fields.number("sample", cx.report).unwrap_or(1),
        redaction,
        flush_interval: fields.duration("flush-interval-ms", cx.report).unwrap_or(Duration::from_secs(1)),
        buffer_size: fields
            .size("buffer-size", cx.report)
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(64 * 1024),
        when_full: fields.word("when-full", cx.report).map_or(WhenFull::Drop, |word| word.value),
        rotation,
    }
}

pub(super) fn rotation(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Rotation> {
    let fields = fields.sub("rotate", cx.report)?;
    let keep = fields.number("keep", cx.report).unwrap_or(5);
    Some(Rotation { size: fields.size("size", cx.report)?, keep })
}

fn formats(entry: &Entry<'_>, cx: &mut Context<'_>) -> Formats {
    let fields = &entry.fields;
    let format = fields.word::<LogFormat>("format", cx.report).map_or(LogFormat::Text, |word| word.value);
    let escape = fields.word::<Escaping>("escape", cx.report);
    if let (LogFormat::Json, Some(escape)) = (format, &escape) {
        cx.report
            .error(Code::Conflict, escape.place, "`escape` has no meaning with `format \"json\"`")
            .label("JSON has its own way")
            .help("remove it, or write the lines as a text with `escape \"json\"`");
    }
    let escape = escape.map(|word| word.value.0).unwrap_or_default();
    let mut template = |kind: Kind| {
        let field = fields.one(kind.name())?;
        get::refuse_more(field, cx.report);
        match format {
            LogFormat::Text => text(kind, field, escape, cx),
            LogFormat::Json => json(kind, field, cx),
        }
    };
    let formats = Formats {
        open: template(Kind::Open),
        frame: template(Kind::Frame),
        message: template(Kind::Message),
        close: template(Kind::Close),
    };
    if Kind::ALL.iter().all(|kind| fields.one(kind.name()).is_none()) {
        let message = format!("the frame log `{}` has no format, so it would stay empty", entry.id.value);
        cx.report
            .error(Code::Incomplete, fields.place, message)
            .label("writes nothing")
            .help("add `frame`, `message`, `open` or `close`");
    }
    formats
}

fn text(kind: Kind, field: Field<'_>, escape: Escape, cx: &mut Context<'_>) -> Option<Template> {
    let help = "a line of text is one text; `format \"json\"` has one variable for each field";
    let text = match field.only_argument(help, cx.report) {
        None => return Template::text(usual_text(kind), escape).ok(),
        Some(value) => string(kind, value, cx)?,
    };
    match Template::text(text, escape) {
        Ok(template) => Some(template),
        Err(faults) => {
            for fault in &faults {
                tell(fault, field.arguments.first()?, cx);
            }
            None
        }
    }
}

fn json(kind: Kind, field: Field<'_>, cx: &mut Context<'_>) -> Option<Template> {
    if field.arguments.is_empty() {
        return Template::json(usual_fields(kind).iter().copied()).ok();
    }
    let mut fields = Vec::new();
    for value in field.arguments {
        fields.push(string(kind, value, cx)?);
    }
    match Template::json(fields) {
        Ok(template) => Some(template),
        Err(faults) => {
            for (number, fault) in &faults {
                tell(fault, field.arguments.get(*number)?, cx);
            }
            None
        }
    }
}

fn string<'a>(kind: Kind, value: &'a Value, cx: &mut Context<'_>) -> Option<&'a str> {
    if let Scalar::Text(text) = &value.scalar {
        return Some(text);
    }
    cx.report
        .error(Code::WrongType, value.place, format!("`{}` has a value of the wrong type", kind.name()))
        .label("not a text")
        .help("it takes texts with variables, like \"$time_local $ws_opcode\"");
    None
}

fn tell(fault: &Fault, value: &Value, cx: &mut Context<'_>) {
    let (place, label) = place_within(fault, value, cx);
    match fault {
        Fault::Unknown { name, .. } => {
            let is_begun = ["http_", "arg_", "cookie_"].contains(&&**name);
            let near = nearest(name, template::names().filter(|known| !known.ends_with('_')));
            // `$urix` may be `$uri` with a letter behind it.
            let longest = template::names()
                .filter(|known| !known.ends_with('_') && name.starts_with(known))
                .max_by_key(|known| known.len());
            let rest = longest.and_then(|known| name.strip_prefix(known)).filter(|rest| !rest.is_empty());
            let help = match (near, longest.zip(rest)) {
                _ if is_begun => format!("a name belongs behind it: ${name}NAME"),
                (_, Some((known, rest))) => {
                    format!(
                        "did you mean `${known}`? text that follows at once needs braces: `${{{known}}}{rest}`"
                    )
                }
                (Some(near), None) => format!("did you mean `${near}`?"),
                (None, None) => "docs/frame-log.md lists all; a dollar sign is written `$$`".to_owned(),
            };
            cx.report
                .error(Code::UnknownVariable, place, format!("there is no variable `${name}`"))
                .label(label.as_deref().unwrap_or("not known"))
                .help(help);
        }
        Fault::Nameless { .. } => {
            cx.report
                .error(Code::BadTemplate, place, "a `$` without a name of a variable")
                .label(label.as_deref().unwrap_or("no name"))
                .help("write `$name` or `${name}`; a dollar sign is written `$$`");
        }
        Fault::Unclosed { .. } => {
            cx.report
                .error(Code::BadTemplate, place, "`${` is not closed")
                .label(label.as_deref().unwrap_or("no `}` follows"))
                .help("write `${name}`; a dollar sign is written `$$`");
        }
        Fault::NotOneVariable | Fault::Repeated => {
            cx.report
                .error(Code::BadTemplate, place, fault.to_string())
                .label("not this")
                .help("each field of a line in JSON is one variable, like \"$ws_opcode\", and stands once");
        }
    }
}

/// The bytes at fault, where the text stands in the file as it is meant; else all of the text,
/// and in words where in it.
fn place_within(fault: &Fault, value: &Value, cx: &Context<'_>) -> (Place, Option<String>) {
    let (Some(range), Scalar::Text(text)) = (fault.range(), &value.scalar) else {
        return (value.place, None);
    };
    let (start, length) = value.place.span;
    let source = cx.sources.of(value.place);
    let written = source.and_then(|source| source.text.get(start..start.saturating_add(length)));
    if let Some(offset) = written.and_then(|written| written.find(&**text)) {
        return (Place { span: (start + offset + range.start, range.len()), ..value.place }, None);
    }
    let column = text.get(..range.start).unwrap_or_default().chars().count() + 1;
    (value.place, Some(format!("at character {column} of the text")))
}

fn filter(fields: &Fields<'_>, cx: &mut Context<'_>) -> FrameFilter {
    let mut opcodes = Vec::new();
    if let Some(field) = fields.one("opcodes") {
        get::refuse_more(field, cx.report);
        let key: Option<&'static Key> = fields.block.key("opcodes");
        for value in field.arguments {
            let word = key.and_then(|key| get::word::<FrameOpcode>(key, value, cx.report));
            opcodes.extend(word.map(|word| word.value.0));
        }
        if let (true, Some(key)) = (field.arguments.is_empty(), key) {
            get::missing_value(key, field, cx.report);
        }
    }
    let size_min = fields.size("min-size", cx.report).unwrap_or_default();
    let size_max = fields.size("max-size", cx.report).unwrap_or_default();
    if size_max > 0 && size_min > size_max {
        let place = fields.one("max-size").map_or(fields.place, |field| field.place());
        cx.report
            .error(Code::Conflict, place, "`max-size` is below `min-size`")
            .label("nothing fits")
            .help("make it larger, or remove it");
    }
    let direction = fields.word::<Senders>("direction", cx.report).map(|word| word.value);
    FrameFilter { opcodes, size_min, size_max, direction: direction.filter(|it| *it != Senders::Both) }
}

fn redaction(fields: &Fields<'_>, cx: &mut Context<'_>) -> Redaction {
    let mut names = |name| -> Vec<String> {
        fields.texts(name, cx.report).iter().map(|text| text.value.to_owned()).collect()
    };
    Redaction { arguments: names("arg"), cookies: names("cookie"), headers: names("header") }
}

/// A file is rotated in one way, whichever logs are in it.
pub(super) fn judge_rotations(config: &Config, report: &mut Report) {
    let logging = &config.observability.logging;
    let access = logging.access.iter().map(|target| (target, logging.access_rotation));
    let frames = config.frame_logs.iter().map(|log| (&log.target, log.rotation));
    let mut seen: Vec<(&Path, Option<Rotation>, Place)> = Vec::new();
    for (target, rotation) in access.chain([(&logging.error, logging.error_rotation)]).chain(frames) {
        let LogTarget::File(path) = &target.value else { continue };
        match seen.iter().find(|(known, ..)| known == path) {
            Some((_, other, first)) if *other != rotation => {
                report
                    .error(
                        Code::Conflict,
                        target.place,
                        format!("two logs in {} rotate it in different ways", path.display()),
                    )
                    .label("as it is said here")
                    .help("give both the same `rotate`, or each a file of its own")
                    .also(*first, "and here");
            }
            Some(_) => {}
            None => seen.push((path, rotation, target.place)),
        }
    }
}

/// The line of a format that stands there by its name alone.
fn usual_text(kind: Kind) -> &'static str {
    match kind {
        Kind::Open => "$time_local $ws_session open $remote_addr \"$request\" to $upstream_addr",
        Kind::Frame => {
            "$time_local $ws_session frame from $ws_packet_source, opcode $ws_opcode, payload $ws_payload_size"
        }
        Kind::Message => {
            "$time_local $ws_session message from $ws_packet_source, opcode $ws_opcode, size $ws_message_size"
        }
        Kind::Close => {
            "$time_local $ws_session close $ws_close_code \"$ws_close_reason\" by $ws_close_initiator after \
             $ws_conn_age s"
        }
    }
}

/// The same as JSON.
fn usual_fields(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Open => &[
            "$time_iso8601",
            "$ws_event",
            "$ws_session",
            "$remote_addr",
            "$remote_port",
            "$route",
            "$upstream_addr",
            "$request_id",
            "$uri",
            "$ws_subprotocol",
            "$tls_version",
        ],
        Kind::Frame => &[
            "$time_iso8601",
            "$ws_event",
            "$ws_session",
            "$ws_packet_source",
            "$ws_opcode",
            "$ws_payload_size",
            "$ws_message_size",
        ],
        Kind::Message => &[
            "$time_iso8601",
            "$ws_event",
            "$ws_session",
            "$ws_packet_source",
            "$ws_opcode",
            "$ws_message_size",
            "$ws_compressed_size",
            "$ws_fragments",
        ],
        Kind::Close => &[
            "$time_iso8601",
            "$ws_event",
            "$ws_session",
            "$ws_conn_age",
            "$ws_close_code",
            "$ws_close_reason",
            "$ws_close_initiator",
            "$ws_end_reason",
            "$ws_client_frames",
            "$ws_client_messages",
            "$ws_client_payload_bytes",
            "$ws_client_bytes",
            "$ws_upstream_frames",
            "$ws_upstream_messages",
            "$ws_upstream_payload_bytes",
            "$ws_upstream_bytes",
        ],
    }
}
