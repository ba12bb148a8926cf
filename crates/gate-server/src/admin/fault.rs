//! Why an operator does not get what was asked for: a status, what is wrong, and what would be
//! right.

use bytes::Bytes;
use gate_core::ids::NoSessionId;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use serde::Serialize;

use crate::control::Refusal;
use crate::site::audience::Stranger;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("{0}")]
    Stranger(Stranger),
    #[error("no token was shown")]
    NoToken,
    #[error("the token is not the right one")]
    WrongToken,
    #[error("there is nothing here")]
    NotFound,
    #[error("this is asked for by {0}")]
    Method(&'static str),
    #[error("`{0}` is not known here")]
    Parameter(String),
    #[error("`{0}` stands twice")]
    Repeated(String),
    #[error("`{name}` cannot be `{value}`")]
    Value { name: &'static str, value: String, help: String },
    #[error("no filter says which connections")]
    NoFilter,
    #[error("{0}")]
    SessionId(NoSessionId),
    #[error("a Close frame cannot have the code {0}")]
    Code(u64),
    #[error("the reason of a Close frame has at most 123 bytes, this one has {0}")]
    Reason(usize),
    #[error("the body is not what is needed here: {0}")]
    Body(String),
    #[error("the body of calls cannot be read: {0}")]
    Calls(String),
    #[error("there is no such connection")]
    NoSession,
    #[error("no route is called `{name}`")]
    Route { name: String, help: String },
    #[error("{0}")]
    Refused(Refusal),
    #[error("it was not done in time; it may still be")]
    Late,
}

#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
    help: &'a str,
}

impl Fault {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Stranger(stranger) => stranger.status(),
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::NotFound | Self::NoSession | Self::Route { .. } => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Parameter(_)
            | Self::Repeated(_)
            | Self::Value { .. }
            | Self::NoFilter
            | Self::SessionId(_)
            | Self::Code(_)
            | Self::Reason(_)
            | Self::Body(_)
            | Self::Calls(_) => StatusCode::BAD_REQUEST,
            Self::Refused(Refusal::Nobody) => StatusCode::NOT_IMPLEMENTED,
            Self::Refused(Refusal::Busy) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Refused(Refusal::Failed(_)) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn help(&self) -> &str {
        match self {
            Self::Stranger(Stranger::Name) => "add the name to `hosts` of `admin`, or ask by address",
            Self::Stranger(Stranger::Host | Stranger::Origin) => "use curl, or `framegate ctl`",
            Self::NoToken | Self::WrongToken => {
                "send Authorization: Bearer with the `token`, or what stands in `token-file`, of `admin`"
            }
            Self::NotFound => {
                "there are: GET /health, /metrics, /v1/stats, /v1/connections, /v1/config; POST \
                 /v1/connections/close, /v1/reload, /v1/drain, /v1/logs/reopen, /jsonrpc; DELETE /v1/connections/ID"
            }
            Self::Method(_) => "use that method",
            Self::Parameter(_) => {
                "connections are found by: id, route, client, upstream, older-than, closing, limit; closed \
                 with: code, reason, spread"
            }
            Self::Repeated(_) => "keep one of them",
            Self::Value { help, .. } | Self::Route { help, .. } => help,
            Self::NoFilter => "name a filter, or \"all\": true to close every connection",
            Self::SessionId(_) => "GET /v1/connections tells the ids",
            Self::Code(_) => "codes are 1000 to 1003, 1007 to 1014 and 3000 to 4999",
            Self::Reason(_) => "shorten it",
            Self::Body(_) => {
                "it is a JSON object such as {\"filter\": {\"route\": \"chat\"}, \"code\": 1012, \"spread\": \"10s\"}"
            }
            Self::Calls(_) => "it is JSON-RPC 2.0, and at most 64 KiB of it",
            Self::NoSession => "it has ended, or its id is another",
            Self::Refused(Refusal::Nobody) => "`framegate run` can do it",
            Self::Refused(Refusal::Busy) => "ask again in a moment",
            Self::Refused(Refusal::Failed(_)) => "nothing has changed",
            Self::Late => "see the error log",
        }
    }

    pub(super) fn response(&self) -> Response<Full<Bytes>> {
        let mut response = json(self.status(), &Told { error: &self.to_string(), help: self.help() });
        let headers = response.headers_mut();
        if let Self::NoToken | Self::WrongToken = self {
            let challenge = HeaderValue::from_static("Bearer realm=\"framegate\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Self::Method(allowed) = self {
            headers.insert(header::ALLOW, HeaderValue::from_static(allowed));
        }
        response
    }
}

/// An answer in JSON. No page of another site is allowed to read it.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    // Strings and numbers always have a form in JSON.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    typed(status, "application/json", text)
}

/// An answer that says nothing.
pub(super) fn empty() -> Response<Full<Bytes>> {
    let mut response = typed(StatusCode::NO_CONTENT, "application/json", String::new());
    response.headers_mut().remove(header::CONTENT_TYPE);
    response
}

/// An answer of another type.
pub(super) fn typed(status: StatusCode, content_type: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
