//! What there is to ask, path by path.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gate_config::model::Level;
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::admin::Desk;
use crate::admin::door::HEALTH;
use crate::admin::fault::{Fault, empty, json, typed};
use crate::admin::setting::Setting;
use crate::admin::wish::{Close, List, duration, object};
use crate::admin::{jsonrpc, methods};
use crate::clock::within;
use crate::control::Action;
use crate::observe::page::CONTENT_TYPE;
use crate::observe::statistics::Statistics;
use crate::site::serve::Answer;

/// Bytes of a request's body.
const BODY_MAX: usize = 64 * 1024;
/// How long its body may take.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);
/// How long an action may take: names may have to be resolved.
const ACTION_TIME_MAX: Duration = Duration::from_secs(120);

/// The desk, behind its door.
pub(super) struct Api {
    pub(super) desk: Arc<Desk>,
    pub(super) setting: Setting,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked<'a> {
    Health,
    Metrics,
    Statistics,
    Connections,
    Configuration,
    Close,
    /// The session of that id.
    CloseOne(&'a str),
    Reload,
    Drain,
    ReopenLogs,
    /// JSON-RPC, by whatever tools there are for it.
    Calls,
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    uptime_secs: u64,
    connections: u64,
}

#[derive(Serialize)]
struct Configuration {
    path: Option<PathBuf>,
    hash: Option<String>,
    loaded_at: Option<String>,
    workers: usize,
    version: &'static str,
}

#[derive(Serialize)]
struct Closing {
    /// Connections that are told to end.
    closing: usize,
}

#[derive(Serialize)]
struct Done<'a> {
    report: &'a str,
}

/// The body of `POST /v1/drain`; an empty one will do.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Drain {
    spread: Option<String>,
}

impl Answer for Api {
    const CONNECTION_TIME_MAX: Duration = Duration::from_secs(600);

    async fn answer(self: Arc<Self>, request: Request<Incoming>, peer: Arc<str>) -> Response<Full<Bytes>> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let outcome = match self.setting.door.judge(&request) {
            Ok(()) => self.let_in(request).await,
            Err(fault) => Err(fault),
        };
        let status = match &outcome {
            Ok((response, _)) => response.status(),
            Err(fault) => fault.status(),
        };
        let is_reading = matches!(method, Method::GET | Method::HEAD);
        // Who is not let in is told of as well: it may be the beginning of something.
        if !is_reading || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let level = if status.is_success() { Level::Info } else { Level::Warn };
            self.desk.records.error("admin_request", level, |line| {
                line.text("peer", &peer);
                line.text("method", method.as_str());
                line.text("path", &path);
                line.number("status", status.as_u16());
                match &outcome {
                    Ok((_, detail)) => line.text("detail", headline(detail)),
                    Err(fault) => line.text("detail", headline(&fault.to_string())),
                }
            });
        }
        outcome.map_or_else(|fault| fault.response(), |(response, _)| response)
    }
}

/// Of a report that whoever asked is shown whole: records of their own have the rest of it.
fn headline(report: &str) -> &str {
    report.lines().next().unwrap_or_default()
}

/// An answer, and what records tell of it.
type Outcome = Result<(Response<Full<Bytes>>, String), Fault>;

impl Api {
    async fn let_in(&self, request: Request<Incoming>) -> Outcome {
        let (Parts { method, uri, .. }, body) = request.into_parts();
        let query = uri.query().unwrap_or_default();
        match asked(&method, uri.path())? {
            Asked::Health => Ok(read(&self.health())),
            Asked::Metrics => {
                Ok((typed(StatusCode::OK, CONTENT_TYPE, self.desk.sources.page()), String::new()))
            }
            Asked::Statistics => Ok(read(&Statistics::of(&self.desk.sources))),
            Asked::Connections => Ok(read(&self.desk.list(List::read(query)?).await)),
            Asked::Configuration => Ok(read(&self.configuration())),
            Asked::Close => {
                let wish = Close::read(&whole(body).await.map_err(Fault::Body)?)?;
                let (response, detail, closing) = self.close(&wish).await;
                if closing == 0 {
                    self.know_route(wish.filter.route.as_deref())?;
                }
                Ok((response, detail))
            }
            Asked::CloseOne(id) => {
                let wish = Close::one(id, query)?;
                let (response, detail, closing) = self.close(&wish).await;
                if closing > 0 { Ok((response, detail)) } else { Err(Fault::NoSession) }
            }
            Asked::Reload => self.act(Action::Reload).await,
            Asked::Drain => {
                let body = whole(body).await.map_err(Fault::Body)?;
                let drain: Drain = if body.is_empty() { Drain::default() } else { object(&body)? };
                let spread = drain.spread.map(|text| duration("spread", text)).transpose()?;
                self.act(Action::Drain { spread }).await
            }
            Asked::ReopenLogs => self.act(Action::ReopenLogs).await,
            Asked::Calls => Ok(self.calls(&whole(body).await.map_err(Fault::Calls)?)),
        }
    }

    /// Carries out what a body calls for. What came of it stands in the answer; its status says no
    /// more than that there is one.
    fn calls(&self, body: &[u8]) -> (Response<Full<Bytes>>, String) {
        let mut told = String::new();
        let answer =
            jsonrpc::answer(body, |call| methods::carry_out(&self.desk, &self.setting, call, &mut told));
        let response = match answer {
            Some(answer) => typed(StatusCode::OK, "application/json", answer),
            None => empty(),
        };
        (response, told)
    }

    async fn act(&self, action: Action) -> Outcome {
        let outcome = within(ACTION_TIME_MAX, self.desk.controls.ask(action)).await.ok_or(Fault::Late)?;
        let report = outcome.map_err(Fault::Refused)?;
        let report = report.trim_end();
        Ok((json(StatusCode::OK, &Done { report }), report.to_owned()))
    }

    /// The answer, what records tell of it, and how many there were.
    async fn close(&self, wish: &Close) -> (Response<Full<Bytes>>, String, usize) {
        let closing = self.desk.close(wish).await;
        let detail = format!("{closing} closed with {}: {}", wish.order.code.get(), wish.filter);
        (json(StatusCode::OK, &Closing { closing }), detail, closing)
    }

    /// A name that no route has is a slip, unless sessions of a former configuration have it still.
    fn know_route(&self, name: Option<&str>) -> Result<(), Fault> {
        let routes = &self.setting.routes;
        match name.filter(|name| !routes.iter().any(|route| **route == **name)) {
            None => Ok(()),
            Some(name) => {
                Err(Fault::Route { name: name.to_owned(), help: format!("there are: {}", routes.join(", ")) })
            }
        }
    }

    fn health(&self) -> Health {
        Health {
            status: "ok",
            version: env!("CARGO_PKG_VERSION"),
            uptime_secs: self.desk.sources.uptime().as_secs(),
            connections: self.desk.sources.connections_active(),
        }
    }

    fn configuration(&self) -> Configuration {
        let source = self.desk.controls.source();
        let loaded_at = source.as_ref().and_then(|source| Timestamp::try_from(source.loaded_at).ok());
        Configuration {
            loaded_at: loaded_at.map(|at| format!("{at:.3}")),
            path: source.as_ref().map(|source| source.path.clone()),
            hash: source.map(|source| source.hash),
            workers: self.desk.workers.len(),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// What a request asks for. Only what is exactly right changes something.
fn asked<'a>(method: &Method, path: &'a str) -> Result<Asked<'a>, Fault> {
    let (allowed, asked) = match path {
        HEALTH => (READ, Asked::Health),
        "/metrics" => (READ, Asked::Metrics),
        "/v1/stats" => (READ, Asked::Statistics),
        "/v1/connections" => (READ, Asked::Connections),
        "/v1/config" => (READ, Asked::Configuration),
        "/v1/connections/close" => ("POST", Asked::Close),
        "/v1/reload" => ("POST", Asked::Reload),
        "/v1/drain" => ("POST", Asked::Drain),
        "/v1/logs/reopen" => ("POST", Asked::ReopenLogs),
        "/jsonrpc" | "/mi" => ("POST", Asked::Calls),
        _ => match path.strip_prefix("/v1/connections/") {
            Some(id) if !id.is_empty() && !id.contains('/') => ("DELETE", Asked::CloseOne(id)),
            Some(_) | None => return Err(Fault::NotFound),
        },
    };
    if allowed.split(", ").any(|allowed| allowed == method.as_str()) {
        Ok(asked)
    } else {
        Err(Fault::Method(allowed))
    }
}

const READ: &str = "GET, HEAD";

fn read(value: &impl Serialize) -> (Response<Full<Bytes>>, String) {
    (json(StatusCode::OK, value), String::new())
}

/// The whole body of a request.
async fn whole(body: Incoming) -> Result<Bytes, String> {
    let collected = within(BODY_TIME_MAX, Limited::new(body, BODY_MAX).collect()).await;
    match collected {
        None => Err("it did not come in time".to_owned()),
        Some(Err(error)) => Err(error.to_string()),
        Some(Ok(body)) => Ok(body.to_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_asked_for_by_its_path_and_method() {
        let checks = [
            ("GET", "/health", Ok(Asked::Health)),
            ("HEAD", "/metrics", Ok(Asked::Metrics)),
            ("GET", "/v1/stats", Ok(Asked::Statistics)),
            ("GET", "/v1/connections", Ok(Asked::Connections)),
            ("GET", "/v1/config", Ok(Asked::Configuration)),
            ("POST", "/v1/connections/close", Ok(Asked::Close)),
            ("DELETE", "/v1/connections/0-1", Ok(Asked::CloseOne("0-1"))),
            ("POST", "/v1/reload", Ok(Asked::Reload)),
            ("POST", "/v1/drain", Ok(Asked::Drain)),
            ("POST", "/v1/logs/reopen", Ok(Asked::ReopenLogs)),
            ("POST", "/jsonrpc", Ok(Asked::Calls)),
            ("POST", "/mi", Ok(Asked::Calls)),
            ("GET", "/jsonrpc", Err(405)),
            ("POST", "/mi/", Err(404)),
            ("GET", "/v1/reload", Err(405)),
            ("GET", "/v1/drain", Err(405)),
            ("HEAD", "/v1/drain", Err(405)),
            ("PUT", "/v1/drain", Err(405)),
            ("OPTIONS", "/v1/drain", Err(405)),
            ("POST", "/v1/stats", Err(405)),
            ("GET", "/v1/connections/close", Err(405)),
            ("DELETE", "/v1/connections/close", Err(405)),
            ("GET", "/v1/connections/0-1", Err(405)),
            ("DELETE", "/v1/connections/", Err(404)),
            ("DELETE", "/v1/connections/0-1/x", Err(404)),
            ("POST", "/v1/drain/", Err(404)),
            ("POST", "//v1/drain", Err(404)),
            ("GET", "/", Err(404)),
        ];
        for (method, path, expected) in checks {
            let found = asked(&method.parse().unwrap(), path).map_err(|fault| fault.status().as_u16());
            assert_eq!(found, expected, "{method} {path}");
        }
    }
}
