//! Reads `server` and `limits`: the process, and what requests must keep to.

use std::path::PathBuf;
use std::time::Duration;

use gate_core::route::Spelling;
use ws_proto::CloseCode;

use super::{Context, limits};
use crate::fields::Fields;
use crate::model::{At, RequestLimits, Server, Shutdown};
use crate::report::Code;
use crate::value::is_too_long;

pub(super) fn server(top: &Fields<'_>, cx: &mut Context<'_>) -> Server {
    let defaults = Server::default();
    let Some(fields) = top.sub("server", cx.report) else { return defaults };
    Server {
        worker_threads: fields.number("worker-threads", cx.report).unwrap_or(defaults.worker_threads),
        connections: limits::connections(&fields, defaults.connections, cx.report),
        shutdown: shutdown(&fields, cx),
        auto_reload: fields.flag("auto-reload", cx.report).unwrap_or(defaults.auto_reload),
        spelling: match fields.flag("merge-slashes", cx.report) {
            Some(true) => Spelling::Decoded,
            Some(false) | None => defaults.spelling,
        },
        take_over: take_over(&fields, cx),
        sip_token_secret_file: fields.text("sip-token-secret-file", cx.report).map(|path| cx.path(path)),
    }
}

fn shutdown(server: &Fields<'_>, cx: &mut Context<'_>) -> Shutdown {
    let defaults = Shutdown::default();
    let grace = server.duration("graceful-shutdown-timeout-secs", cx.report).unwrap_or(defaults.grace);
    let mut shutdown = Shutdown { grace, ..defaults };
    let Some(drain) = server.sub("drain", cx.report) else { return shutdown };
    if let Some(spread) = drain.duration("spread", cx.report) {
        shutdown.spread = Some(spread);
        if spread > grace && grace > Duration::ZERO {
            let place = drain.one("spread").map_or(drain.place, |field| field.place());
            cx.report
                .error(Code::Conflict, place, "`spread` is longer than `graceful-shutdown-timeout-secs`")
                .label("longer than the whole shutdown")
                .help(format!("it must be at most \"{}s\"", grace.as_secs()));
        }
    }
    if let Some(code) = drain.number("close-code", cx.report) {
        match CloseCode::new(code) {
            Some(code) => shutdown.close_code = code,
            None => {
                let place = drain.one("close-code").map_or(drain.place, |field| field.place());
                cx.report
                    .error(Code::OutOfRange, place, format!("a Close frame cannot have the code {code}"))
                    .label("reserved")
                    .help(
                        "codes are 1000 to 1003, 1007 to 1014 and 3000 to 4999; 1001 and 1012 are usual here",
                    );
            }
        }
    }
    if let Some(reason) = drain.text("close-reason", cx.report) {
        if reason.value.len() > Shutdown::CLOSE_REASON_MAX {
            let message = format!("this reason has {} bytes", reason.value.len());
            cx.report
                .error(Code::OutOfRange, reason.place, message)
                .label("too long for a Close frame")
                .help(format!("a reason has at most {} bytes", Shutdown::CLOSE_REASON_MAX));
        }
        shutdown.close_reason = reason.value.into();
    }
    shutdown
}

fn take_over(server: &Fields<'_>, cx: &mut Context<'_>) -> Option<At<PathBuf>> {
    let text = server.text("take-over", cx.report)?;
    // Written as an address is, the prefix is right as well.
    let path = text.value.strip_prefix("unix:").unwrap_or(text.value);
    if path.is_empty() {
        cx.report
            .error(Code::BadAddress, text.place, "`take-over` names no socket")
            .label("empty")
            .help("write take-over \"/run/framegate/take-over.sock\"");
        return None;
    }
    let path = cx.path(At { value: path, place: text.place });
    if is_too_long(&path.value) {
        cx.report
            .error(Code::BadAddress, path.place, "the path of a unix socket has at most 107 bytes")
            .label("too long")
            .help("choose a shorter one");
    }
    Some(path)
}

pub(super) fn limits(top: &Fields<'_>, cx: &mut Context<'_>) -> RequestLimits {
    let defaults = RequestLimits::default();
    let Some(fields) = top.sub("limits", cx.report) else { return defaults };
    let head_size = fields.size("max-header-size", cx.report).and_then(|size| usize::try_from(size).ok());
    RequestLimits {
        head_size_max: head_size.unwrap_or(defaults.head_size_max),
        header_count_max: fields.number("max-header-count", cx.report).unwrap_or(defaults.header_count_max),
        body_size_max: fields.size("max-body-size", cx.report).unwrap_or(defaults.body_size_max),
    }
}
