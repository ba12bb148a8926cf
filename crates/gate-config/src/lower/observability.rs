//! Reads `observability`: the metrics page and the logs.

use super::Context;
use crate::fields::{Field, Fields, get};
use crate::model::{At, LogTarget, Logging, Metrics, Observability};
use crate::report::Code;
use crate::schema::LOG;
use crate::value::{metrics_address, request_path};

pub(super) fn read(top: &Fields<'_>, cx: &mut Context<'_>) -> Observability {
    let Some(fields) = top.sub("observability", cx.report) else { return Observability::default() };
    let metrics = fields.sub("metrics", cx.report);
    let logging = fields.sub("logging", cx.report);
    Observability {
        metrics: metrics.and_then(|fields| page(&fields, cx)),
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
                cx.report
                    .error(
                        Code::BadAddress,
                        text.place,
                        format!("`{}` cannot be listened on", text.value.escape_debug()),
                    )
                    .label(fault.why)
                    .help(fault.help);
                return None;
            }
        },
    };
    enabled.then_some(Metrics { address, path })
}

fn logs(fields: &Fields<'_>, cx: &mut Context<'_>) -> Logging {
    let defaults = Logging::default();
    let mut target = |name, default: At<LogTarget>| match fields.one(name) {
        Some(field) => log(field, cx),
        None => default,
    };
    let stderr = At::nowhere(LogTarget::Stderr);
    let (access, error) = (target("access-log", stderr.clone()), target("error-log", stderr));
    Logging {
        level: fields.word("level", cx.report).map_or(defaults.level, |word| word.value),
        format: fields.word("format", cx.report).map_or(defaults.format, |word| word.value),
        access: (access.value != LogTarget::Off).then_some(access),
        error,
    }
}

/// `access-log "a.log"`, or `access-log { file "a.log" }`.
fn log(field: Field<'_>, cx: &mut Context<'_>) -> At<LogTarget> {
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
    let value = match text.map(|text| text.value) {
        _ if !enabled => LogTarget::Off,
        None | Some("stderr") => LogTarget::Stderr,
        Some("stdout") => LogTarget::Stdout,
        Some("off") => LogTarget::Off,
        Some("") => {
            cx.report
                .error(
                    Code::MissingValue,
                    field.place(),
                    format!("the file of `{}` is empty", field.name.text),
                )
                .label("a path belongs here")
                .help("write a path, \"stderr\", \"stdout\" or \"off\"");
            LogTarget::Off
        }
        Some(path) => LogTarget::File(cx.sources.resolve(field.place(), path)),
    };
    At { value, place: text.map_or_else(|| field.place(), |text| text.place) }
}
