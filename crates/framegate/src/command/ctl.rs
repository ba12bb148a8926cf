//! `framegate ctl`: asks a gateway that runs.

mod ask;
mod error;
mod table;

use std::env;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use gate_config::model::{Admin, ListenAddress};
use http::Method;
use serde_json::{Value, json};

use super::configuration;
use crate::cli::ctl::{CtlArgs, CtlCommand, FilterArgs, TraceMode};
use crate::failure::Failure;
use ask::{Desk, Question};
pub(crate) use error::CtlError;

/// Asks, and shows the answer.
///
/// # Errors
/// When the gateway cannot be asked, or does not do what it is asked for.
pub(crate) fn run(args: CtlArgs) -> Result<(), Failure> {
    let admin = args.config.as_deref().map(admin_of).transpose()?;
    let desk = Desk {
        address: address(args.admin, admin.as_ref())?,
        token: token(args.token_file, admin.as_ref())?,
    };
    let question = question(&args.ask).map_err(Failure::Ctl)?;
    let answer = super::runtime()?.block_on(desk.ask(&question)).map_err(Failure::Ctl)?;
    let value: Value =
        serde_json::from_str(&answer).map_err(|error| Failure::Ctl(CtlError::Answer(error.to_string())))?;
    let refusal = refusal(&value);
    if args.json || refusal.is_none() {
        super::print(&if args.json { answer } else { show(&args.ask, &value) })?;
    }
    if let Some(refusal) = refusal {
        return Err(Failure::Ctl(refusal));
    }
    if let CtlCommand::Close { filter: FilterArgs { id: Some(id), .. }, .. } = &args.ask
        && value.get("closing").is_some_and(|closing| *closing == 0)
    {
        return Err(Failure::Ctl(CtlError::NoConnection(id.clone())));
    }
    Ok(())
}

/// The `admin` block of a configuration.
fn admin_of(path: &Path) -> Result<Admin, Failure> {
    let admin = configuration::load(path)?.config.admin;
    admin.ok_or_else(|| Failure::Ctl(CtlError::NoAdminBlock(path.to_owned())))
}

fn address(flag: Option<ListenAddress>, admin: Option<&Admin>) -> Result<ListenAddress, Failure> {
    if let Some(address) = flag.or_else(|| admin.map(|admin| reachable(admin.address.value.clone()))) {
        return Ok(address);
    }
    match env::var("FRAMEGATE_ADMIN") {
        Ok(text) => gate_config::typed::listen_address(&text)
            .map_err(|why| Failure::Ctl(CtlError::Environment { name: "FRAMEGATE_ADMIN", why })),
        Err(_) => Ok(ListenAddress::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, 9091)))),
    }
}

/// What listens on all addresses is on this machine's own as well.
fn reachable(address: ListenAddress) -> ListenAddress {
    match address {
        ListenAddress::Tcp(mut address) if address.ip().is_unspecified() => {
            address.set_ip(match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
            ListenAddress::Tcp(address)
        }
        ListenAddress::Tcp(_) | ListenAddress::Udp(_) | ListenAddress::Unix { .. } => address,
    }
}

fn token(flag: Option<PathBuf>, admin: Option<&Admin>) -> Result<Option<String>, Failure> {
    let configured = admin.and_then(|admin| admin.token_file.as_ref().map(|path| path.value.clone()));
    let literal = admin.and_then(|admin| admin.token.as_ref().map(|token| token.value.reveal().to_owned()));
    match (flag, literal, configured) {
        (Some(path), _, _) => first_line(path).map(Some),
        (None, Some(token), _) => Ok(Some(token)),
        (None, None, Some(path)) => first_line(path).map(Some),
        (None, None, None) => match (env::var("FRAMEGATE_TOKEN"), env::var_os("FRAMEGATE_TOKEN_FILE")) {
            (Ok(token), _) => Ok(Some(token)),
            (Err(_), Some(path)) => first_line(path.into()).map(Some),
            (Err(_), None) => Ok(None),
        },
    }
}

fn first_line(path: PathBuf) -> Result<String, Failure> {
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().next().unwrap_or_default().trim().to_owned()),
        Err(source) => Err(Failure::Ctl(CtlError::TokenFile { path, source })),
    }
}

/// What is asked in HTTP.
fn question(ask: &CtlCommand) -> Result<Question, CtlError> {
    let get = |target: &str| Question { method: Method::GET, target: target.to_owned(), body: None };
    let post = |target: &str, body: Option<Value>| Question {
        method: Method::POST,
        target: target.to_owned(),
        body,
    };
    Ok(match ask {
        CtlCommand::Health => get("/health"),
        CtlCommand::Stats => get("/v1/stats"),
        CtlCommand::Connections { filter, closing, limit } => {
            let mut target = format!("/v1/connections?limit={limit}");
            if *closing {
                target.push_str("&closing=true");
            }
            for (name, value) in filter.given() {
                target.push_str(&format!("&{name}={}", encoded(&value)));
            }
            get(&target)
        }
        CtlCommand::Close { filter, all, code, reason, spread } => {
            let filter = named(filter);
            if filter.as_object().is_none_or(serde_json::Map::is_empty) && !all {
                return Err(CtlError::NoFilter);
            }
            let mut body = json!({"filter": filter, "all": all, "code": code.get(), "reason": reason});
            if let (Some(spread), Some(body)) = (spread, body.as_object_mut()) {
                body.insert("spread".to_owned(), format!("{}ms", spread.as_millis()).into());
            }
            post("/v1/connections/close", Some(body))
        }
        CtlCommand::Reload => post("/v1/reload", None),
        CtlCommand::Drain { spread } => {
            let body = spread.map(|spread| json!({"spread": format!("{}ms", spread.as_millis())}));
            post("/v1/drain", body)
        }
        CtlCommand::Reopen => post("/v1/logs/reopen", None),
        CtlCommand::WssTrace { mode } => post("/jsonrpc", Some(call("wss_trace", *mode))),
        CtlCommand::WsTrace { mode } => post("/jsonrpc", Some(call("ws_trace", *mode))),
        CtlCommand::TlsList => post("/jsonrpc", Some(call("tls_list", None))),
    })
}

/// A call of JSON-RPC.
fn call(method: &str, mode: Option<TraceMode>) -> Value {
    let params = match mode {
        None => json!({}),
        Some(TraceMode::On) => json!({"trace_mode": "on"}),
        Some(TraceMode::Off) => json!({"trace_mode": "off"}),
    };
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// What is wrong with a call, if its answer says so.
fn refusal(answer: &Value) -> Option<CtlError> {
    let error = answer.get("error")?.as_object()?;
    let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(CtlError::Refused { error: text("message"), help: text("data") })
}

fn named(filter: &FilterArgs) -> Value {
    filter.given().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// A value of a query: everything but what certainly stands for itself is escaped.
fn encoded(value: &str) -> String {
    let mut encoded = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The answer for people.
fn show(ask: &CtlCommand, answer: &Value) -> String {
    match ask {
        CtlCommand::Health => table::health(answer),
        CtlCommand::Stats => table::statistics(answer),
        CtlCommand::Connections { .. } => table::connections(answer),
        CtlCommand::Close { .. } => table::closing(answer),
        CtlCommand::Reload | CtlCommand::Drain { .. } | CtlCommand::Reopen => table::report(answer),
        CtlCommand::WssTrace { .. } | CtlCommand::WsTrace { .. } => table::result(answer),
        CtlCommand::TlsList => table::domains(answer),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn asked(line: &str) -> Result<Question, CtlError> {
        let parsed = Cli::try_parse_from(line.split_whitespace()).expect(line);
        let Command::Ctl(args) = parsed.command else { panic!("{line} is not for ctl") };
        question(&args.ask)
    }

    #[test]
    fn each_command_asks_for_one_thing() {
        for (line, method, target, body) in [
            ("health", "GET", "/health", None),
            ("stats", "GET", "/v1/stats", None),
            ("connections", "GET", "/v1/connections?limit=1000", None),
            ("connections --closing", "GET", "/v1/connections?limit=1000&closing=true", None),
            (
                "connections --client 10.0.0.0/8 --route a&b --limit 5",
                "GET",
                "/v1/connections?limit=5&route=a%26b&client=10.0.0.0%2F8",
                None,
            ),
            (
                "close 0-1",
                "POST",
                "/v1/connections/close",
                Some(json!({"filter": {"id": "0-1"}, "all": false, "code": 1001, "reason": ""})),
            ),
            (
                "close --all --code 1012 --reason maintenance --spread 30s",
                "POST",
                "/v1/connections/close",
                Some(
                    json!({"filter": {}, "all": true, "code": 1012, "reason": "maintenance", "spread": "30000ms"}),
                ),
            ),
            ("reload", "POST", "/v1/reload", None),
            ("drain", "POST", "/v1/drain", None),
            ("drain --spread 1m", "POST", "/v1/drain", Some(json!({"spread": "60000ms"}))),
            ("reopen", "POST", "/v1/logs/reopen", None),
            ("wss_trace", "POST", "/jsonrpc", Some(call("wss_trace", None))),
            ("ws_trace on", "POST", "/jsonrpc", Some(call("ws_trace", Some(TraceMode::On)))),
            ("wss-trace off", "POST", "/jsonrpc", Some(call("wss_trace", Some(TraceMode::Off)))),
            ("tls_list", "POST", "/jsonrpc", Some(call("tls_list", None))),
        ] {
            let found = asked(&format!("framegate ctl {line}")).unwrap();
            assert_eq!((found.method.as_str(), &*found.target, found.body), (method, target, body), "{line}");
        }
    }

    #[test]
    fn a_call_that_comes_to_nothing_is_a_failure() {
        let refused = json!({"error": {"code": 500, "message": "Nothing", "data": "no trace"}, "id": 1});
        assert_eq!(refusal(&refused).map(|error| error.to_string()).as_deref(), Some("Nothing (no trace)"));
        assert!(refusal(&json!({"result": "OK", "id": 1})).is_none());
        assert_eq!(call("wss_trace", Some(TraceMode::Off))["params"]["trace_mode"], "off");
    }

    #[test]
    fn nothing_is_closed_by_leaving_out_which() {
        assert!(matches!(asked("framegate ctl close --code 1012"), Err(CtlError::NoFilter)));
    }

    #[test]
    fn what_listens_everywhere_is_asked_on_this_machine() {
        for (configured, asked) in
            [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:1", "[::1]:1"), ("10.0.0.1:1", "10.0.0.1:1")]
        {
            let address = reachable(ListenAddress::Tcp(configured.parse().unwrap()));
            assert_eq!(address.to_string(), asked);
        }
    }
}
