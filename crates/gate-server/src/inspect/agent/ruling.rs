//! What follows from an agent's answer. It is held against what can be done: an answer that asks for
//! something else is of no use.

use std::collections::BTreeMap;

use agent_proto::{Answer, Audit, Decision, WebSocketDecision};
use gate_core::session::{Cause, Verdict};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use ws_proto::CloseCode;

use crate::inspect::agent::changes::{Changes, field, is_protected, value};
use crate::inspect::agent::error::AgentError;
use crate::inspect::opinion::Opinion;
use crate::observe::agents::Outcome;

/// What becomes of a request.
#[derive(Debug)]
pub(crate) struct Sentence {
    pub(crate) outcome: Outcome,
    /// What the client is answered; `None`: the request goes on.
    pub(crate) reply: Option<Reply>,
    /// What goes to the upstream otherwise than it came.
    pub(crate) request: Changes,
    /// What goes to the client otherwise than it came.
    pub(crate) response: Changes,
    /// Names of rules that were met, to be recorded.
    pub(crate) rules: Vec<String>,
    /// Headers that are not an agent's to change.
    pub(super) ignored: Vec<HeaderName>,
}

/// An answer in the place of the upstream's.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

/// What becomes of a message.
///
/// # Errors
/// The answer cannot be followed.
pub(super) fn of_message(answer: &Answer) -> Result<(Opinion, Outcome), AgentError> {
    let (verdict, outcome) = match (&answer.websocket_decision, &answer.decision) {
        (Some(WebSocketDecision::Allow), _) | (None, Decision::Allow) => (Verdict::Allow, Outcome::Allow),
        (Some(WebSocketDecision::Drop), _) => (Verdict::Drop, Outcome::Drop),
        (Some(WebSocketDecision::Close { code, reason }), _) => {
            let wanted = CloseCode::new(*code);
            let code = wanted
                .ok_or_else(|| invalid(format!("it wants a Close with {code}, which nobody may send")))?;
            (Verdict::Close { code, reason: reason.clone().into() }, Outcome::Close)
        }
        // Meant for requests, but nobody says so of a message that may go on.
        (None, Decision::Block { .. } | Decision::Redirect { .. } | Decision::Challenge { .. }) => {
            let (code, reason) = (CloseCode::POLICY_VIOLATION, "Policy Violation".into());
            (Verdict::Close { code, reason }, Outcome::Close)
        }
    };
    Ok((Opinion { verdict, cause: Cause::Agent, rules: rules(&answer.audit) }, outcome))
}

/// What becomes of a request.
///
/// # Errors
/// The answer cannot be followed.
pub(super) fn of_request(answer: &Answer) -> Result<Sentence, AgentError> {
    let (outcome, reply) = match &answer.decision {
        Decision::Allow => (Outcome::Allow, None),
        Decision::Block { status, body, headers } => {
            (Outcome::Block, Some(block(*status, body.as_deref(), headers.as_ref())?))
        }
        Decision::Redirect { url, status } => (Outcome::Redirect, Some(redirect(*status, url)?)),
        Decision::Challenge { challenge_type, params } => {
            (Outcome::Challenge, Some(challenge(challenge_type, params)?))
        }
    };
    let (request, mut ignored) = Changes::read(&answer.request_headers)?;
    let (response, more) = Changes::read(&answer.response_headers)?;
    ignored.extend(more);
    Ok(Sentence { outcome, reply, request, response, rules: rules(&answer.audit), ignored })
}

/// 1xx are no answers, and 101 would be one to a WebSocket client.
fn block(
    status: u16,
    body: Option<&str>,
    fields: Option<&BTreeMap<String, String>>,
) -> Result<Reply, AgentError> {
    let status = status_in(status, 200..=599)?;
    let mut headers = HeaderMap::new();
    for (name, text) in fields.into_iter().flatten() {
        let (name, value) = (field(name)?, value(name, text)?);
        if !is_protected(&name) {
            headers.append(name, value);
        }
    }
    let is_bare =
        matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    let body = match body {
        _ if is_bare => String::new(),
        Some(body) => body.to_owned(),
        None => format!("{status}\n"),
    };
    if !body.is_empty() && !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, TEXT);
    }
    Ok(Reply { status, headers, body })
}

fn redirect(status: u16, url: &str) -> Result<Reply, AgentError> {
    let status = status_in(status, 300..=399)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::LOCATION, value("location", url)?);
    headers.insert(header::CONTENT_TYPE, TEXT);
    Ok(Reply { status, headers, body: format!("{status}\n") })
}

/// The schemes of authentication that a client may know by itself are asked for in HTTP's own way
/// (RFC 9110 §11.6.1); of any other challenge the client is told in JSON.
fn challenge(kind: &str, params: &BTreeMap<String, String>) -> Result<Reply, AgentError> {
    let mut headers = HeaderMap::new();
    if SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(kind)) {
        let mut wanted = kind.to_owned();
        for (number, (name, text)) in params.iter().enumerate() {
            let name = field(name)?;
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            wanted.push_str(if number == 0 { " " } else { ", " });
            wanted.push_str(&format!("{name}=\"{text}\""));
        }
        headers.insert(header::WWW_AUTHENTICATE, value("www-authenticate", &wanted)?);
        headers.insert(header::CONTENT_TYPE, TEXT);
        let status = StatusCode::UNAUTHORIZED;
        return Ok(Reply { status, headers, body: format!("{status}\n") });
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = serde_json::json!({ "challenge": kind, "params": params }).to_string();
    Ok(Reply { status: StatusCode::FORBIDDEN, headers, body })
}

fn status_in(status: u16, range: std::ops::RangeInclusive<u16>) -> Result<StatusCode, AgentError> {
    let known = StatusCode::from_u16(status).ok().filter(|_| range.contains(&status));
    known.ok_or_else(|| {
        invalid(format!(
            "it wants the status {status}, where one from {} to {} can be",
            range.start(),
            range.end()
        ))
    })
}

fn invalid(why: String) -> AgentError {
    AgentError::Invalid(why)
}

/// What the agent says was met: tags and rules, as far as they are fit for records.
fn rules(audit: &Audit) -> Vec<String> {
    let said = audit.tags.iter().chain(&audit.rule_ids);
    let mut rules: Vec<String> = Vec::new();
    for word in said.filter(|word| !word.is_empty()).take(RULES_MAX) {
        let word: String = word.chars().filter(|c| !c.is_control()).take(RULE_LENGTH_MAX).collect();
        if !rules.contains(&word) {
            rules.push(word);
        }
    }
    rules
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// Schemes of authentication that are challenged by 401.
const SCHEMES: [&str; 5] = ["basic", "bearer", "digest", "dpop", "negotiate"];

/// Words of an audit that are told, and characters of each.
const RULES_MAX: usize = 32;
const RULE_LENGTH_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn close(code: u16) -> Answer {
        let reason = "why".to_owned();
        Answer { websocket_decision: Some(WebSocketDecision::Close { code, reason }), ..Answer::default() }
    }

    fn decided(decision: Decision) -> Answer {
        Answer { decision, ..Answer::default() }
    }

    fn blocked(status: u16) -> Decision {
        Decision::Block { status, body: None, headers: None }
    }

    #[test]
    fn a_close_has_a_code_that_may_be_sent() {
        for code in [1000, 1008, 1014, 3000, 4999] {
            let (opinion, outcome) = of_message(&close(code)).unwrap();
            let expected = Verdict::Close { code: CloseCode::new(code).unwrap(), reason: "why".into() };
            assert_eq!((opinion.verdict, outcome), (expected, Outcome::Close));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            assert_eq!(of_message(&close(code)).unwrap_err().reason(), "invalid", "{code}");
        }
    }

    #[test]
    fn whoever_refuses_a_message_as_if_it_were_a_request_has_it_refused() {
        let (opinion, outcome) = of_message(&decided(blocked(403))).unwrap();
        assert!(
            matches!(opinion.verdict, Verdict::Close { code, .. } if code == CloseCode::POLICY_VIOLATION)
        );
        assert_eq!(outcome, Outcome::Close);
        let both = Answer { websocket_decision: Some(WebSocketDecision::Allow), ..decided(blocked(403)) };
        assert_eq!(of_message(&both).unwrap().0.verdict, Verdict::Allow);
    }

    #[test]
    fn what_was_met_is_told_once_and_within_bounds() {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let mut answer = Answer::default();
        answer.audit.tags = words(&["ws-xss", "", "a\nb"]);
        answer.audit.rule_ids = words(&["xss-script", "ws-xss", &"x".repeat(1000)]);
        let (opinion, _) = of_message(&answer).unwrap();
        assert_eq!(opinion.rules, ["ws-xss", "ab", "xss-script", &"x".repeat(RULE_LENGTH_MAX)]);
    }

    #[test]
    fn a_block_is_an_answer_and_never_a_switch_of_protocols() {
        for status in [200, 403, 404, 429, 503, 599] {
            let reply = of_request(&decided(blocked(status))).unwrap().reply.unwrap();
            assert_eq!((reply.status.as_u16(), reply.body.is_empty()), (status, false));
        }
        for status in [0, 100, 101, 199, 600, 999, 65_535] {
            assert_eq!(of_request(&decided(blocked(status))).unwrap_err().reason(), "invalid", "{status}");
        }
        assert_eq!(of_request(&decided(blocked(204))).unwrap().reply.unwrap().body, "");
    }

    #[test]
    fn the_headers_of_a_block_cannot_break_the_answer() {
        let with = |name: &str, text: &str| {
            let headers = Some([(name.to_owned(), text.to_owned())].into());
            of_request(&decided(Decision::Block { status: 403, body: Some("x".to_owned()), headers }))
        };
        let reply = with("Retry-After", "5").unwrap().reply.unwrap();
        assert_eq!(reply.headers["retry-after"], "5");
        assert_eq!(reply.headers["content-type"], TEXT);
        for name in ["Content-Length", "transfer-encoding", "Connection", "Upgrade", "sec-websocket-accept"] {
            let reply = with(name, "5").unwrap().reply.unwrap();
            assert_eq!(reply.headers.len(), 1, "{name}");
        }
        assert!(with("x", "a\r\nb").is_err() && with("a b", "x").is_err());
    }

    #[test]
    fn a_redirect_leads_somewhere() {
        let to = |url: &str, status| of_request(&decided(Decision::Redirect { url: url.to_owned(), status }));
        let reply = to("https://login.example.org/?a=b", 302).unwrap().reply.unwrap();
        assert_eq!(reply.headers["location"], "https://login.example.org/?a=b");
        assert!(to("/", 200).is_err() && to("/", 404).is_err() && to("/\r\nx: y", 302).is_err());
    }

    #[test]
    fn known_schemes_are_challenged_by_401_and_others_in_json() {
        let params: BTreeMap<_, _> =
            [("realm".to_owned(), "a \"b\"".to_owned()), ("scope".to_owned(), "chat".to_owned())].into();
        let of = |kind: &str| {
            let decision = Decision::Challenge { challenge_type: kind.to_owned(), params: params.clone() };
            of_request(&decided(decision)).unwrap().reply.unwrap()
        };
        let bearer = of("Bearer");
        assert_eq!(bearer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(bearer.headers["www-authenticate"], r#"Bearer realm="a \"b\"", scope="chat""#);
        let captcha = of("captcha");
        assert_eq!(captcha.status, StatusCode::FORBIDDEN);
        assert_eq!(captcha.body, r#"{"challenge":"captcha","params":{"realm":"a \"b\"","scope":"chat"}}"#);
    }
}
