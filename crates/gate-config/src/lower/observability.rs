//! Reads `observability`: the metrics page and the logs.

use std::sync::Arc;

use super::listeners::refuse_address;
use super::{Context, frame_logs};
use crate::fields::{Field, Fields, get};
use crate::model::{At, LogTarget, Logging, Metrics, Observability, Rotation};
use crate::report::Code;
use crate::schema::LOG;
use crate::value::{metrics_address, request_path, syslog};

pub(super) fn read(top: &Fields<'_>, cx: &mut Context<'_>) -> Observability {
    let Some(fields) = top.sub("observability", cx.report) else { return Observability::default() };
    let metrics = fields.sub("metrics", cx.report);
    let logging = fields.sub("logging", cx.report);
    let metrics_prefix = match &metrics {
        Some(fields) => prefix(fields, cx),
        None => Observability::default().metrics_prefix,
    };
    Observability {
        metrics: metrics.and_then(|fields| page(&fields, cx)),
        metrics_prefix,
        logging: logging.map(|fields| logs(&fields, cx)).unwrap_or_default(),
    }
}

/// `None`: it is switched off, or wrong.
fn page(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Metrics> {
    let enabled = fields.flag("enabled", cx.report).unwrap_or(true);
    let path = fields.text("path", cx.report);
    if let Some(path) = path.as_ref().filter(|path| !request_path(path.value) || path.value.contains('?')) {
        cx.report
            .error(Code::BadPath, path.place, format!("`{}` is not a path", path.value.escape_debug()))
            .label("nobody can ask for it")
            .help("paths begin with `/` and have neither blanks nor `?` nor `#`");
    }
    let path = path.map_or("/metrics", |path| path.value).to_owned();
    let address = match fields.text("address", cx.report) {
        None => At { value: ([127, 0, 0, 1], 9090).into(), place: fields.place },
        Some(text) => match metrics_address(text.value) {
            Ok(address) => At { value: address, place: text.place },
            Err(fault) => {
                refuse_address(text, fault, cx);
                return None;
            }
        },
    };
    enabled.then_some(Metrics { address, path })
}

/// `None`: the metrics with the prefix are left out, or it is wrong.
fn prefix(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Arc<str>> {
    let Some(text) = fields.text("prefix", cx.report) else {
        return Observability::default().metrics_prefix;
    };
    let begins_well = text.value.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let is_name = text.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if text.value.is_empty() {
        return None;
    }
    if !begins_well || !is_name {
        cx.report
            .error(
                Code::BadField,
                text.place,
                format!("no metric can be called `{}_…`", text.value.escape_debug()),
            )
            .label("not the beginning of a name")
            .help("names of metrics are of letters of ASCII, digits and `_`, and begin with no digit");
        return None;
    }
    Some(text.value.into())
}

fn logs(fields: &Fields<'_>, cx: &mut Context<'_>) -> Logging {
    let defaults = Logging::default();
    let mut target = |name| match fields.one(name) {
        Some(field) => log(field, cx),
        None => (At::nowhere(LogTarget::Stderr), None),
    };
    let ((access, access_rotation), (error, error_rotation)) = (target("access-log"), target("error-log"));
    Logging {
        level: fields.word("level", cx.report).map_or(defaults.level, |word| word.value),
        format: fields.word("format", cx.report).map_or(defaults.format, |word| word.value),
        access: (access.value != LogTarget::Off).then_some(access),
        access_rotation,
        error,
        error_rotation,
    }
}

/// `access-log "a.log"`, or `access-log { file "a.log" }`.
fn log(field: Field<'_>, cx: &mut Context<'_>) -> (At<LogTarget>, Option<Rotation>) {
    let pieces: Vec<_> = field.node.into_iter().collect();
    let fields = Fields::of(&LOG, &pieces, cx.report);
    let help = format!("write {} \"/var/log/name.log\"", field.name.text);
    let value = field.only_argument(&help, cx.report);
    let behind = value.zip(LOG.key("file")).and_then(|(value, key)| get::text(key, value, cx.report));
    if let (Some(first), Some(second)) = (value, fields.one("file")) {
        cx.report
            .error(Code::RepeatedKey, second.place(), format!("`file` stands twice in `{}`", field.name.text))
            .label("for the second time")
            .help("keep one of them")
            .also(first.place, "for the first time");
    }
    if field.node.is_some_and(|node| node.children.is_none() && node.properties.is_empty()) && value.is_none()
    {
        cx.report
            .error(Code::MissingValue, field.name.place, format!("`{}` has no value", field.name.text))
            .label("a value belongs behind it")
            .help(help);
    }
    let enabled = fields.flag("enabled", cx.report).unwrap_or(true);
    let text = fields.text("file", cx.report).or(behind);
    let value = match text {
        _ if !enabled => LogTarget::Off,
        None => LogTarget::Stderr,
        Some(text) => meant(text, &field.name.text, cx),
    };
    let target = At { value, place: text.map_or_else(|| field.place(), |text| text.place) };
    let rotation = frame_logs::rotation(&fields, cx);
    check_rotation(&fields, &target, cx);
    (target, rotation)
}

/// The target that a setting of a log names.
pub(super) fn target(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> At<LogTarget> {
    match fields.text(name, cx.report) {
        Some(text) => At { value: meant(text, name, cx), place: text.place },
        None => At { value: LogTarget::Off, place: fields.place },
    }
}

fn meant(text: At<&str>, name: &str, cx: &mut Context<'_>) -> LogTarget {
    let resolve = |path: &str| cx.sources.resolve(text.place, path);
    match text.value {
        "stderr" => LogTarget::Stderr,
        "stdout" => LogTarget::Stdout,
        "off" => LogTarget::Off,
        "" => {
            cx.report
                .error(Code::MissingValue, text.place, format!("the file of `{name}` is empty"))
                .label("a path belongs here")
                .help("write a path, \"stderr\", \"stdout\", \"off\" or \"syslog:server=…\"");
            LogTarget::Off
        }
        path => match path.strip_prefix("syslog:").map(|words| syslog(words, resolve)) {
            None => LogTarget::File(resolve(path)),
            Some(Ok(syslog)) => LogTarget::Syslog(syslog),
            Some(Err(fault)) => {
                cx.report
                    .error(
                        Code::BadAddress,
                        text.place,
                        format!("`{}` is no syslog that can be sent to", path.escape_debug()),
                    )
                    .label(fault.why)
                    .help(fault.help);
                LogTarget::Off
            }
        },
    }
}

/// What is no file cannot be rotated.
pub(super) fn check_rotation(fields: &Fields<'_>, target: &At<LogTarget>, cx: &mut Context<'_>) {
    let Some(field) = fields.one("rotate") else { return };
    match target.value {
        LogTarget::File(_) | LogTarget::Off => {}
        LogTarget::Stderr | LogTarget::Stdout | LogTarget::Syslog(_) => {
            cx.report
                .warn(Code::Useless, field.place(), "`rotate` has no effect, because the log is no file")
                .label("nothing to rotate")
                .help("remove it, or name a file");
        }
    }
}
