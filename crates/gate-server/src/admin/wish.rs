//! What an operator wants of connections, read from a query or a body: which ones, and for a close
//! with what code and reason.

use std::sync::Arc;
use std::time::Duration;

use gate_core::route::query_values;
use gate_core::session::Cause;
use serde::Deserialize;
use ws_proto::CloseCode;

use crate::admin::fault::Fault;
use crate::worker::census::{Client, Filter};
use crate::worker::registry::Order;

/// Connections that are told of where nothing else is said.
const LIMIT: usize = 1_000;
/// Connections that are told of at the most.
const LIMIT_MAX: usize = 10_000;
/// Bytes of a Close frame's reason (RFC 6455 §5.5.1: 125 less the code).
const REASON_MAX: usize = 123;

/// `GET /v1/connections?…`.
#[derive(Debug)]
pub(super) struct List {
    pub(super) filter: Filter,
    pub(super) limit: usize,
}

/// Which connections end, and how.
#[derive(Debug)]
pub(super) struct Close {
    pub(super) filter: Filter,
    pub(super) order: Order,
    pub(super) spread: Duration,
}

/// The body of `POST /v1/connections/close`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Body {
    filter: Named,
    /// Without a filter, all connections are meant.
    all: bool,
    code: Option<u64>,
    reason: Option<String>,
    spread: Option<String>,
}

/// The parts of a filter as they are written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Named {
    id: Option<String>,
    route: Option<String>,
    client: Option<String>,
    upstream: Option<String>,
    #[serde(alias = "older-than")]
    older_than: Option<String>,
}

impl List {
    /// Reads the query.
    pub(super) fn read(query: &str) -> Result<Self, Fault> {
        known(query, &["id", "route", "client", "upstream", "older-than", "closing", "limit"])?;
        let named = Named {
            id: value(query, "id"),
            route: value(query, "route"),
            client: value(query, "client"),
            upstream: value(query, "upstream"),
            older_than: value(query, "older-than"),
        };
        let limit = match value(query, "limit") {
            None => LIMIT,
            Some(text) => {
                let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                let help = || format!("it is 1 to {LIMIT_MAX}");
                limit.ok_or_else(|| Fault::Value { name: "limit", value: text, help: help() })?
            }
        };
        let also_ending = match value(query, "closing").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(text) => {
                let help = "it is true or false".to_owned();
                return Err(Fault::Value { name: "closing", value: text.to_owned(), help });
            }
        };
        Ok(Self { filter: Filter { also_ending, ..named.filter()? }, limit })
    }
}

impl Close {
    /// Reads a body, which must say which connections are meant.
    pub(super) fn read(body: &[u8]) -> Result<Self, Fault> {
        let Body { filter, all, code, reason, spread } = object(body)?;
        if filter.is_empty() != all {
            return Err(if all {
                Fault::Body("`all` and a filter contradict each other".to_owned())
            } else {
                Fault::NoFilter
            });
        }
        let spread = spread.map_or(Ok(Duration::ZERO), |text| duration("spread", text))?;
        Ok(Self { filter: filter.filter()?, order: order(code, reason.as_deref())?, spread })
    }

    /// Reads what stands behind `/v1/connections/`, and the query.
    pub(super) fn one(id: &str, query: &str) -> Result<Self, Fault> {
        known(query, &["code", "reason"])?;
        let code = match value(query, "code") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| Fault::Value {
                name: "code",
                value: text,
                help: "it is a number".to_owned(),
            })?),
        };
        let named = Named { id: Some(id.to_owned()), ..Named::default() };
        let order = order(code, value(query, "reason").as_deref())?;
        Ok(Self { filter: named.filter()?, order, spread: Duration::ZERO })
    }
}

impl Named {
    fn is_empty(&self) -> bool {
        let Self { id, route, client, upstream, older_than } = self;
        [id, route, client, upstream, older_than].into_iter().all(Option::is_none)
    }

    fn filter(self) -> Result<Filter, Fault> {
        Ok(Filter {
            id: self.id.map(|id| id.parse().map_err(Fault::SessionId)).transpose()?,
            route: self.route.map(Into::into),
            client: self.client.map(|client| Client::named(&client)),
            upstream: self.upstream.map(Into::into),
            older_than: self.older_than.map(|text| duration("older-than", text)).transpose()?,
            also_ending: false,
        })
    }
}

/// What an object of JSON says.
pub(super) fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    // An array would be taken for the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Fault::Body("no object".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| Fault::Body(error.to_string()))
}

/// A duration as the configuration has it.
pub(super) fn duration(name: &'static str, text: String) -> Result<Duration, Fault> {
    gate_config::typed::duration(&text).map_err(|help| Fault::Value { name, value: text, help })
}

fn order(code: Option<u64>, reason: Option<&str>) -> Result<Order, Fault> {
    let code = match code {
        // What an operator ends without a word of why is going away for its peers.
        None => CloseCode::GOING_AWAY,
        Some(number) => u16::try_from(number).ok().and_then(CloseCode::new).ok_or(Fault::Code(number))?,
    };
    let reason = reason.unwrap_or_default();
    if reason.len() > REASON_MAX {
        return Err(Fault::Reason(reason.len()));
    }
    Ok(Order { cause: Cause::Admin, code, reason: Arc::from(reason) })
}

/// Refuses parameters that are not among these, so that a filter that is misspelt does not mean
/// all connections.
fn known(query: &str, names: &[&str]) -> Result<(), Fault> {
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        let name = piece.split('=').next().unwrap_or_default();
        if !names.contains(&name) {
            return Err(Fault::Parameter(name.to_owned()));
        }
        if query_values(query, name).count() > 1 {
            return Err(Fault::Repeated(name.to_owned()));
        }
    }
    Ok(())
}

fn value(query: &str, name: &str) -> Option<String> {
    query_values(query, name).next().map(|value| String::from_utf8_lossy(&value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_says_which_connections_and_how_many() {
        let list = List::read("route=chat+room&client=10.0.0.0%2F8&older-than=5m&limit=7&id=0-1f&upstream=u")
            .unwrap();
        assert_eq!(list.limit, 7);
        assert_eq!(list.filter.route.as_deref(), Some("chat room"));
        assert_eq!(list.filter.client, Some(Client::Network("10.0.0.0/8".parse().unwrap())));
        assert_eq!(list.filter.older_than, Some(Duration::from_secs(300)));
        assert_eq!(list.filter.id, Some("0-1f".parse().unwrap()));
        assert_eq!(list.filter.upstream.as_deref(), Some("u"));
        assert_eq!(List::read("").unwrap().limit, LIMIT);
    }

    #[test]
    fn what_a_query_says_wrongly_is_told() {
        for (query, error) in [
            ("rout=chat", "`rout` is not known here"),
            ("route=a&route=b", "`route` stands twice"),
            ("limit=0", "`limit` cannot be `0`"),
            ("limit=10001", "`limit` cannot be `10001`"),
            ("limit=many", "`limit` cannot be `many`"),
            ("older-than=5", "`older-than` cannot be `5`"),
            ("closing=yes", "`closing` cannot be `yes`"),
            ("id=7", "ids of sessions are two numbers in hexadecimal, such as `0-1f`"),
        ] {
            let fault = List::read(query).expect_err(query);
            assert_eq!((fault.status().as_u16(), fault.to_string()), (400, error.to_owned()));
        }
    }

    #[test]
    fn a_close_says_which_connections_and_with_what() {
        let body = br#"{"filter": {"route": "chat", "older_than": "1h"}, "code": 4001, "reason": "old", "spread": "10s"}"#;
        let close = Close::read(body).unwrap();
        assert_eq!(close.filter.route.as_deref(), Some("chat"));
        assert_eq!(close.filter.older_than, Some(Duration::from_secs(3600)));
        assert_eq!((close.order.code.get(), &*close.order.reason), (4001, "old"));
        assert_eq!(close.spread, Duration::from_secs(10));
        let all = Close::read(br#"{"all": true}"#).unwrap();
        assert_eq!((all.order.code.get(), &*all.order.reason, all.spread), (1001, "", Duration::ZERO));
        let one = Close::one("2-a", "code=1008&reason=no+more").unwrap();
        assert_eq!(one.filter.id, Some("2-a".parse().unwrap()));
        assert_eq!((one.order.code.get(), &*one.order.reason), (1008, "no more"));
    }

    #[test]
    fn closes_that_were_not_meant_or_cannot_be_are_refused() {
        for body in ["", "[]", "{", r#"{"filtr": {}}"#, r#"{"filter": {"rout": "a"}}"#, r#"{"code": "1001"}"#]
        {
            assert!(matches!(Close::read(body.as_bytes()), Err(Fault::Body(_))), "{body}");
        }
        for body in ["{}", r#"{"filter": {}}"#, r#"{"filter": {}, "code": 1001}"#] {
            assert!(matches!(Close::read(body.as_bytes()), Err(Fault::NoFilter)), "{body}");
        }
        assert!(matches!(Close::read(br#"{"all": true, "filter": {"route": "a"}}"#), Err(Fault::Body(_))));
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70_000] {
            let body = format!(r#"{{"all": true, "code": {code}}}"#);
            assert!(matches!(Close::read(body.as_bytes()), Err(Fault::Code(_))), "{code}");
            assert!(matches!(Close::one("0-1", &format!("code={code}")), Err(Fault::Code(_))), "{code}");
        }
        let long = format!(r#"{{"all": true, "reason": "{}"}}"#, "ä".repeat(62));
        assert!(matches!(Close::read(long.as_bytes()), Err(Fault::Reason(124))));
        assert!(matches!(Close::one("0-1", "cod=1001"), Err(Fault::Parameter(_))));
    }
}
