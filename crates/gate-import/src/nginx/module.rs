//! The directives of the WebSocket statistics module: log, limit of connections, age.

use crate::kdl::Node;

use super::format::{template, unknown};
use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::scope::Scope;
use super::unit;
use crate::slug::Taken;

/// What the module does in a server.
#[derive(Clone, Debug, Default)]
pub(super) struct Module {
    /// Whether any of its directives stands there.
    pub(super) is_used: bool,
    /// What a frame log is made of, without its name.
    pub(super) log: Option<Vec<Node>>,
    /// Whether its log is on, so that its sessions count for the limits of all servers.
    pub(super) is_on: bool,
    /// `ws_max_connections`; 0 is no limit.
    pub(super) max_connections: Option<u64>,
    /// Settings of `websocket` of each route.
    pub(super) settings: Vec<Node>,
    /// About the server.
    pub(super) comments: Vec<String>,
}

impl Module {
    /// Whether sessions of the server are counted together with those of others.
    pub(super) fn is_counted(&self) -> bool {
        self.is_on || self.max_connections.is_some_and(|limit| limit > 0)
    }
}

/// Reads what stands in a server.
pub(super) fn module(scope: &Scope<'_>, files: &Paths, notes: &mut Notes<'_>) -> Module {
    let mut module = Module::default();
    let own = |name: &'static str| {
        scope.own().iter().filter(move |directive| directive.is(name)).collect::<Vec<_>>()
    };
    let switches: Vec<_> =
        scope.own().iter().filter(|d| d.is("ws_log_enabled") || d.is("log_enabled")).collect();
    let is_on = enabled(&switches, &mut module.comments, notes);
    module.is_on = is_on;
    let (formats, paths) = (own("ws_log_format"), own("ws_log"));
    let [connections, ages] = [own("ws_max_connections"), own("ws_conn_age")];
    module.is_used = [&switches, &formats, &paths, &connections, &ages].iter().any(|found| !found.is_empty());
    if is_on {
        module.log = log(scope, files, [&formats, &paths], &mut module.comments, notes);
    } else if let Some(directive) = formats.iter().chain(&paths).next() {
        let why = "there is no frame log, since `ws_log_enabled on` does not stand in this server";
        module.comments.push(notes.differs(directive, why));
    }
    if let Some(directive) = last(&connections, &mut module.comments, notes) {
        module.max_connections = Some(max_connections(directive, &mut module.comments, notes));
    }
    if let Some(directive) = last(&ages, &mut module.comments, notes) {
        module.settings.extend(max_age(directive, &mut module.comments, notes));
    }
    let limits = connections.last().filter(|_| module.max_connections.is_some_and(|limit| limit > 0));
    let ages = ages.last().filter(|_| !module.settings.is_empty());
    if let Some(directive) = limits.or(ages).filter(|_| !is_on) {
        let what = "in nginx it had no effect, since the module only works where `ws_log_enabled` is on; here it has";
        module.comments.push(notes.differs(directive, what));
    }
    module
}

/// The last directive of several. The others are told.
fn last<'a>(
    directives: &[&'a Directive],
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Option<&'a Directive> {
    let (last, others) = directives.split_last()?;
    for directive in others {
        comments.push(notes.differs(directive, "it stands again below, and the last one holds"));
    }
    Some(last)
}

/// The last switch. The module never switches off what an earlier one has switched on.
fn enabled(switches: &[&Directive], comments: &mut Vec<String>, notes: &mut Notes<'_>) -> bool {
    let Some((last, others)) = switches.split_last() else { return false };
    let says_on = |directive: &Directive| directive.value() == "on";
    if last.is("log_enabled") {
        let what = "the module's name for it is `ws_log_enabled`; it is taken for that";
        comments.push(notes.explain(last, what));
    }
    if !says_on(last) && others.iter().any(|directive| says_on(directive)) {
        let what = "off, as the last one says; the module left it on";
        comments.push(notes.differs(last, what));
    } else if !matches!(last.value(), "on" | "off") {
        comments.push(notes.differs(last, "off, as anything but `on` is"));
    }
    says_on(last)
}

fn log(
    scope: &Scope<'_>,
    files: &Paths,
    [formats, paths]: [&[&Directive]; 2],
    comments: &mut Vec<String>,
    notes: &mut Notes<'_>,
) -> Option<Vec<Node>> {
    let path = last(paths, comments, notes);
    let mut nodes = vec![match path {
        Some(directive) => path_node(directive, files),
        None => {
            let log = scope.find("error_log").map_or("its error log", Directive::value);
            Node::new("path").text("stderr").comment(format!(
                "nginx: without `ws_log` the lines stood in {log}, among others; name a file for them."
            ))
        }
    }];
    let lines = lines(formats, comments, notes);
    if lines.is_empty() {
        if let Some(directive) = path {
            let what = "there is no frame log, since no `ws_log_format` stands in this server: the module writes nothing";
            comments.push(notes.differs(directive, what));
        }
        return None;
    }
    nodes.extend(lines);
    Some(nodes)
}

/// The module takes anything for the name of a file, Framegate knows some words.
fn path_node(directive: &Directive, files: &Paths) -> Node {
    let path = directive.value();
    let is_word = matches!(path, "off" | "stdout" | "stderr") || path.starts_with("syslog:");
    if !is_word {
        return Node::new("path").text(&files.log(path));
    }
    Node::new("path")
        .text(&format!("./{path}"))
        .comment(format!("To the module `{path}` is the name of a file."))
}

/// The formats by the kind of line; of several the last.
fn lines(formats: &[&Directive], comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Vec<Node> {
    let mut kinds: Vec<(&'static str, &Directive, String)> = Vec::new();
    for directive in formats {
        let (kind, format) = match (directive.arg(0), directive.arg(1), directive.args.len()) {
            (Some(format), None, _) => ("frame", format),
            (Some("open"), Some(format), 2) => ("open", format),
            (Some("close"), Some(format), 2) => ("close", format),
            (Some("message"), Some(format), 2) => ("message", format),
            (Some("client" | "server"), Some(_), 2) => {
                let why = "write message \"…\" in two frame logs, with filter { direction \"client\" } and \"upstream\"";
                comments.push(notes.none(directive, why));
                continue;
            }
            (Some(_), Some(_), 2) => {
                comments.push(notes.none(directive, "the module knows open, close and message only"));
                continue;
            }
            _ => {
                comments.push(
                    notes.none(directive, "the module takes a format, with open, close or message before it"),
                );
                continue;
            }
        };
        if let Some(at) = kinds.iter().position(|(other, _, _)| *other == kind) {
            let (_, earlier, _) = kinds.remove(at);
            comments.push(notes.differs(earlier, "it stands again below, and the last one holds"));
        }
        if let Some(unknown) = unknown(format) {
            let what = format!("`{unknown}` is no variable of the module, so it stays as it is in each line");
            comments.push(notes.differs(directive, &what));
        }
        kinds.push((kind, directive, template(format)));
    }
    let has_frame = kinds.iter().any(|(kind, _, _)| *kind == "frame");
    let node = |(kind, directive, text): (&'static str, &Directive, String)| {
        let node = Node::new(kind).text(&text);
        if kind != "message" || !has_frame {
            return node;
        }
        let what = "switched off (/-), as the module writes no lines for messages beside those for frames; without the \
                    /- both are written";
        node.off(true).comment(notes.differs(directive, what))
    };
    kinds.into_iter().map(node).collect()
}

/// The module reads numbers as C does.
fn max_connections(directive: &Directive, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> u64 {
    let limit = unit::atoi(directive.value());
    if directive.value() != limit.to_string() {
        let read = if limit > 0 { limit.to_string() } else { "no limit".to_owned() };
        comments.push(notes.differs(directive, &format!("to the module this is {read}")));
    } else if limit <= 0 {
        comments.push(notes.explain(directive, "no limit"));
    }
    u64::try_from(limit).unwrap_or(0)
}

fn max_age(directive: &Directive, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Option<Node> {
    let age = (directive.args.len() == 1).then(|| unit::seconds(directive.value())).flatten();
    let Some(age) = age else {
        let why = "nginx refuses the value: it is one time in whole seconds, like 12h or 1h30m";
        comments.push(notes.none(directive, why));
        return None;
    };
    if age.is_zero() {
        comments.push(notes.explain(directive, "no limit"));
        return None;
    }
    if age > unit::LONGEST {
        comments.push(notes.differs(directive, "times have at most ten years"));
    }
    Some(Node::new("max-age").text(&unit::time_text(age)))
}

/// The frame logs of all servers.
#[derive(Debug, Default)]
pub(super) struct FrameLogs {
    made: Vec<(String, Vec<Node>)>,
    taken: Taken,
}

impl FrameLogs {
    /// The name of the log; servers whose logs are the same share one.
    pub(super) fn of(&mut self, name: &str, nodes: &[Node]) -> String {
        if let Some((id, _)) = self.made.iter().find(|(_, other)| other == nodes) {
            return id.clone();
        }
        let id = self.taken.unique(if name.is_empty() { "frames" } else { name });
        self.made.push((id.clone(), nodes.to_vec()));
        id
    }

    pub(super) fn nodes(self) -> Vec<Node> {
        self.made
            .into_iter()
            .map(|(id, nodes)| Node::new("frame-log").text(&id).block(nodes).apart())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Options;
    use super::super::notes::Notes;
    use super::super::parser::parse;
    use super::super::scope::Scope;
    use super::{Paths, module};
    use crate::kdl::render;
    use crate::source::Sources;

    /// What the module's directives come to: log, limit, settings, and how many comments.
    fn read(text: &str) -> (String, Option<u64>, String, usize) {
        let directives = parse(text, 0).expect("it is a configuration");
        let sources = Sources::default();
        let module = module(
            &Scope::new(vec![&directives]),
            &Paths::new(&Options::default()),
            &mut Notes::new(&sources),
        );
        let log = module.log.map(|nodes| render(&nodes)).unwrap_or_default();
        (log, module.max_connections, render(&module.settings), module.comments.len())
    }

    #[test]
    fn the_log_is_written_where_it_is_on_and_has_a_format() {
        let path = "path \"ws.log\"\n";
        for (text, log, comments) in [
            ("ws_log_enabled on; ws_log ws.log; ws_log_format '$uri';", format!("{path}frame \"$uri\"\n"), 0),
            ("log_enabled on; ws_log ws.log; ws_log_format a;", format!("{path}frame \"a\"\n"), 1),
            (
                "ws_log_enabled on; ws_log ws.log; ws_log_format a; ws_log_format b;",
                format!("{path}frame \"b\"\n"),
                1,
            ),
            (
                "ws_log_enabled on; ws_log ws.log; ws_log_format open a; ws_log_format close b; ws_log_format message c;",
                format!("{path}open \"a\"\nclose \"b\"\nmessage \"c\"\n"),
                0,
            ),
            ("ws_log_enabled off; ws_log ws.log; ws_log_format a;", String::new(), 1),
            ("ws_log_enabled maybe; ws_log_format a;", String::new(), 2),
            ("ws_log_enabled on; ws_log_enabled off; ws_log_format a;", String::new(), 2),
            ("ws_log ws.log; ws_log_format a;", String::new(), 1),
            ("ws_log_enabled on; ws_log ws.log;", String::new(), 1),
            ("ws_log_enabled on; ws_log ws.log; ws_log_format frame a;", String::new(), 2),
            ("ws_log_enabled on; ws_log ws.log; ws_log_format open a b;", String::new(), 2),
        ] {
            let found = read(text);
            assert_eq!((found.0, found.3), (log, comments), "{text}");
        }
        assert!(read("ws_log_enabled on; ws_log off; ws_log_format a;").0.contains("\"./off\""));
        let both = read("ws_log_enabled on; ws_log_format a; ws_log_format message b;").0;
        assert!(both.contains("frame \"a\"\n") && both.contains("/- message \"b\""), "{both}");
    }

    #[test]
    fn limits_of_connections_are_read_as_c_reads_them() {
        for (value, expected, comments) in
            [("200", 200, 0), ("0", 0, 1), ("-1", 0, 1), ("abc", 0, 1), ("12x", 12, 1), ("007", 7, 1)]
        {
            let found = read(&format!("ws_log_enabled on; ws_max_connections {value};"));
            assert_eq!((found.1, found.3), (Some(expected), comments), "{value}");
        }
        assert_eq!(read("ws_max_connections 5;").3, 1, "without the log it had no effect");
    }

    #[test]
    fn ages_are_times_of_nginx_in_whole_seconds() {
        for (value, expected) in [
            ("12h", "12h"),
            ("1h30m", "1h30m"),
            ("90", "1m30s"),
            ("1w", "7d"),
            ("1M", "30d"),
            ("1y", "365d"),
            ("2d", "2d"),
            ("45s", "45s"),
            ("20y", "3650d"),
        ] {
            let settings = read(&format!("ws_log_enabled on; ws_conn_age {value};")).2;
            assert_eq!(settings, format!("max-age \"{expected}\"\n"), "{value}");
        }
        for value in ["0", "500ms", "5x", "1h 30m"] {
            let found = read(&format!("ws_log_enabled on; ws_conn_age {value};"));
            assert_eq!((&*found.2, found.3), ("", 1), "{value}");
        }
    }
}
