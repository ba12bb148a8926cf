//! What concerns the whole process: workers, limits of requests, logs.

use crate::kdl::Node;

use super::layout::Layout;
use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::unit;

/// What is not of one server.
#[derive(Debug, Default)]
pub(super) struct Process {
    /// Settings of `server`.
    pub(super) server: Vec<Node>,
    /// Settings of `limits`.
    pub(super) limits: Vec<Node>,
    /// Settings of `logging`.
    pub(super) logging: Vec<Node>,
    pub(super) comments: Vec<String>,
}

pub(super) fn process(layout: &Layout<'_>, paths: &Paths, notes: &mut Notes<'_>) -> Process {
    let mut process = Process::default();
    workers(layout, &mut process, notes);
    process.limits.extend(body_size(layout));
    process.limits.extend(head_size(layout));
    logs(layout, paths, &mut process, notes);
    process
}

/// More workers than this a gateway cannot have.
const WORKERS_MAX: u64 = 1024;

fn workers(layout: &Layout<'_>, process: &mut Process, notes: &mut Notes<'_>) {
    let find = |name: &str| layout.main.iter().rev().find(|directive| directive.is(name));
    if let Some(directive) = find("worker_processes") {
        match directive.value().parse::<u64>() {
            Ok(number @ 1..=WORKERS_MAX) => process.server.push(Node::new("worker-threads").number(number)),
            _ if directive.value() == "auto" => {}
            Ok(_) | Err(_) => process.comments.push(notes.none(directive, "there are 1 to 1024 workers")),
        }
    }
    if let Some(directive) = find("worker_shutdown_timeout") {
        let seconds = unit::time(directive.value()).map(unit::whole_seconds).filter(|seconds| *seconds > 0);
        process
            .server
            .extend(seconds.map(|seconds| Node::new("graceful-shutdown-timeout-secs").number(seconds)));
    }
    let events = layout.main.iter().filter(|directive| directive.is("events")).flat_map(Directive::children);
    for directive in events.filter(|directive| directive.is("worker_connections")) {
        let why = "server { max-connections … } limits sessions, of which each takes two connections; without it 100000";
        process.comments.push(notes.none(directive, why));
    }
}

/// nginx's own limit.
const BODY_SIZE: u64 = 1024 * 1024;

/// None for a file without a server, which is a part of another one.
fn body_size(layout: &Layout<'_>) -> Option<Node> {
    let node = |bytes| Node::new("max-body-size").text(&unit::size_text(bytes));
    let given =
        layout.shared("client_max_body_size").last().and_then(|directive| unit::size(directive.value()));
    match given {
        Some(bytes) => Some(node(bytes)),
        None if layout.servers.is_empty() => None,
        None => Some(node(BODY_SIZE).comment("nginx: its default of client_max_body_size.")),
    }
}

fn head_size(layout: &Layout<'_>) -> Option<Node> {
    let directive = layout.shared("large_client_header_buffers").last()?;
    let (number, size) = (directive.value().parse::<u64>().ok()?, unit::size(directive.arg(1)?)?);
    let bytes = number.saturating_mul(size).clamp(8 * 1024, 1024 * 1024);
    Some(Node::new("max-header-size").text(&unit::size_text(bytes)))
}

/// The logs of the outermost block that names them. nginx can have others for each server.
fn logs(layout: &Layout<'_>, paths: &Paths, process: &mut Process, notes: &mut Notes<'_>) {
    let everywhere = |name: &'static str| {
        let mut found: Vec<&Directive> = layout.main.iter().filter(|directive| directive.is(name)).collect();
        let shared = if layout.is_whole() { layout.shared(name).collect() } else { Vec::new() };
        found.extend(shared);
        for server in layout.servers.iter().filter(|server| server.directive.is_some()) {
            collect(server.scope.own(), name, &mut found);
        }
        found
    };
    let access = everywhere("access_log");
    let chosen = access.iter().find(|directive| is_log(directive.value()));
    let only_off = access.iter().find(|directive| directive.value() == "off").filter(|_| chosen.is_none());
    if let Some(directive) = chosen.or(only_off) {
        process.logging.push(Node::new("access-log").text(&log(directive.value(), paths)));
        if directive.args.len() > 1 {
            let what =
                "the access log has fields of its own, as JSON or text (format), and is written at once";
            process.comments.push(notes.differs(directive, what));
        }
    }
    tell_others(&access, chosen.or(only_off), "there is one access log", process, notes);
    let errors = everywhere("error_log");
    let chosen = errors.iter().find(|directive| is_log(directive.value()));
    if let Some(directive) = chosen {
        process.logging.push(Node::new("error-log").text(&log(directive.value(), paths)));
        let level = match directive.arg(1) {
            Some(level) if level.starts_with("debug") => "debug",
            Some("info" | "notice") => "info",
            Some("warn") => "warn",
            Some(_) | None => "error",
        };
        process.logging.push(Node::new("level").text(level));
    }
    tell_others(&errors, chosen, "there is one error log", process, notes);
    for directive in layout.shared("log_format") {
        let why = "the access log has fields of its own; ws_log_format is read";
        process.comments.push(notes.none(directive, why));
    }
}

/// All directives of a name in a block and in those within it.
fn collect<'a>(block: &'a [Directive], name: &str, found: &mut Vec<&'a Directive>) {
    for directive in block {
        if directive.is(name) {
            found.push(directive);
        }
        collect(directive.children(), name, found);
    }
}

fn tell_others(
    all: &[&Directive],
    chosen: Option<&&Directive>,
    why: &str,
    process: &mut Process,
    notes: &mut Notes<'_>,
) {
    let same = |one: &Directive, other: &Directive| one.value() == other.value();
    for directive in all.iter().filter(|directive| chosen.is_none_or(|chosen| !same(chosen, directive))) {
        let is_beyond = !is_log(directive.value()) && directive.value() != "off";
        let why =
            if is_beyond { "it is written to a file, stderr, stdout, or syslog:server=…" } else { why };
        process.comments.push(notes.none(directive, why));
    }
}

/// Whether Framegate can write there.
fn is_log(path: &str) -> bool {
    let is_path = !path.is_empty() && path != "off" && !path.starts_with("memory:") && !path.contains('$');
    is_path && path.strip_prefix("syslog:").is_none_or(is_syslog)
}

/// Whether a server of syslog is named as Framegate's files do it, which is nginx's way.
fn is_syslog(parameters: &str) -> bool {
    let is_word =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let is_one = |parameter: &str| match parameter.split_once('=') {
        Some(("server", server)) => is_syslog_server(server),
        Some(("facility", word)) => FACILITIES.split_ascii_whitespace().any(|known| known == word),
        Some(("severity", word)) => SEVERITIES.split_ascii_whitespace().any(|known| known == word),
        Some(("tag", word)) => is_word(word) && word.len() <= 32,
        None => parameter == "nohostname",
        Some(_) => false,
    };
    parameters.split(',').all(is_one) && parameters.split(',').any(|it| it.starts_with("server="))
}

/// `unix:PATH`, or a host and perhaps a port.
fn is_syslog_server(server: &str) -> bool {
    if let Some(path) = server.strip_prefix("unix:") {
        return !path.is_empty();
    }
    let authority = server.parse::<http::uri::Authority>();
    let is_named = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b));
    authority.is_ok_and(|it| {
        let port = server.strip_prefix(it.host()).unwrap_or_default();
        let is_port = port.is_empty()
            || port.strip_prefix(':').is_some_and(|it| it.parse().is_ok_and(|it: u16| it > 0));
        !it.host().is_empty() && is_named(server) && is_port
    })
}

const FACILITIES: &str = "\
    kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron local0 local1 local2 local3 \
    local4 local5 local6 local7";
const SEVERITIES: &str = "emerg alert crit error warn notice info debug";

fn log(path: &str, paths: &Paths) -> String {
    match path {
        "stderr" | "/dev/stderr" => "stderr".to_owned(),
        "stdout" | "/dev/stdout" => "stdout".to_owned(),
        "off" => "off".to_owned(),
        path if path.starts_with("syslog:") => path.to_owned(),
        path => paths.log(path),
    }
}

/// All comments on directives outside of `server` blocks.
pub(super) fn left_out(layout: &Layout<'_>, notes: &mut Notes<'_>) -> Vec<String> {
    use super::fate::{Level, left_out};
    let mut comments = Vec::new();
    if layout.is_whole() {
        comments.extend(left_out(layout.main, Level::Main, notes));
        for events in layout.main.iter().filter(|directive| directive.is("events")) {
            comments.extend(left_out(events.children(), Level::Main, notes));
        }
    }
    for http in &layout.http {
        let level = if layout.is_bare() { Level::Server } else { Level::Http };
        comments.extend(left_out(http, level, notes));
    }
    comments
}
