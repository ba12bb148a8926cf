//! `framegate check`: what is wrong with a configuration, or what it makes of a request.

use std::fmt::Write as _;

use gate_config::model::{Action, Config};
use gate_core::path;
use gate_core::route::Request;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::configuration;
use crate::cli::config::CheckArgs;
use crate::failure::Failure;
use crate::value::ask::Ask;

/// Tells.
///
/// # Errors
/// When the configuration cannot run, or no route answers the request that is to be explained.
pub(crate) fn run(args: CheckArgs) -> Result<(), Failure> {
    let is_stdin = super::is_stdin(&args.file);
    let loaded = if is_stdin { configuration::load_stdin()? } else { configuration::load(&args.file)? };
    if let Some(ask) = &args.explain {
        return explain(&loaded.config, ask, args.headers);
    }
    let counts = format!(
        "{}: {}, {}, {}\n",
        super::name_of(&args.file),
        plural(loaded.config.listeners.len(), "listener"),
        plural(loaded.config.routes.len(), "route"),
        plural(loaded.config.upstreams.len(), "upstream"),
    );
    let findings = gate_server::preflight(loaded.config);
    configuration::warn(&findings.warnings, &loaded.sources);
    configuration::refuse(&findings.objections, &loaded.sources)?;
    super::print(&counts)
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn explain(config: &Config, ask: &Ask, fields: Vec<(HeaderName, HeaderValue)>) -> Result<(), Failure> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(name, value);
    }
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| ask.target.authority().map(http::uri::Authority::as_str))
        .and_then(gate_core::route::host_without_port);
    let path = match path::normalise(ask.target.path()) {
        Ok(path) => path,
        Err(fault) => {
            super::print(&format!("400 to everybody: {fault}\n"))?;
            return Err(Failure::NoRoute);
        }
    };
    let request =
        Request { host, path: &path, query: ask.target.query(), method: &ask.method, headers: &headers };
    let table = config.table();
    let mut text = format!("{} {path}", ask.method);
    if path != ask.target.path() {
        // Writing to a string cannot fail.
        let _infallible = write!(text, "   (normalised from {})", ask.target.path());
    }
    text.push('\n');
    let mut answer = None;
    for tried in table.explain(&request) {
        let Some(route) = config.route(tried.route) else { continue };
        let _infallible = match tried.misfit {
            Some(misfit) => {
                writeln!(text, "  no   {} (priority {}): {misfit} does not match", route.id, route.priority)
            }
            None => {
                answer = Some(route);
                writeln!(text, "  yes  {} (priority {}): all its conditions match", route.id, route.priority)
            }
        };
    }
    let Some(route) = answer else {
        text.push_str("404: no route matches\n");
        super::print(&text)?;
        return Err(Failure::NoRoute);
    };
    text.push_str(&outcome(config, route));
    super::print(&text)
}

/// What the route does with requests.
fn outcome(config: &Config, route: &gate_config::model::Route) -> String {
    let mut text = match route.action {
        Action::ByHeader => "goes where its x-wsproxy-upstream says\n".to_owned(),
        Action::Builtin(handler) => {
            format!("answered by the gateway: builtin-handler \"{handler}\"\n")
        }
        Action::Proxy(id) => config.upstream(id).map_or_else(String::new, |upstream| {
            let targets: Vec<String> =
                upstream.targets.iter().map(|target| target.address.value.to_string()).collect();
            format!("goes to upstream {}: {}\n", upstream.id, targets.join(", "))
        }),
    };
    for id in &route.agents {
        let Some(agent) = config.agent(*id) else { continue };
        let about = match (agent.events.request_headers, agent.events.websocket_frame) {
            (true, true) => "requests and messages",
            (true, false) => "requests",
            (false, true) => "messages",
            (false, false) => "nothing",
        };
        let mode = agent.failure_mode;
        let _infallible =
            writeln!(text, "agent {} is asked about {about}; failure-mode \"{mode}\"", agent.id);
    }
    if !route.websocket.enabled {
        text.push_str("WebSocket is not enabled: an upgrade is answered 403\n");
    }
    text
}
