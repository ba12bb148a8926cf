//! The agents of a route are asked about a request before it goes anywhere: in the route's order,
//! each about what those before it have made of the head. The first that does not let it pass
//! decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use agent_proto::{Metadata, RequestHeaders};
use gate_config::model::{Action, Agent};
use gate_core::route::host_without_port;
use http::{HeaderMap, HeaderValue, Response, Uri};
use jiff::Timestamp;

use crate::clock;
use crate::front::body::{AnyBody, full};
use crate::front::conversation::Conversation;
use crate::front::refusal::RequestError;
use crate::front::request::{Asked, Told};
use crate::inspect::agent::{Changes, NO_ADDRESS, Reply, Sentence};
use crate::observe::agents::Outcome;

/// What becomes of a request.
pub(crate) enum Admitted {
    /// It goes on, with these changes.
    On(Changes),
    /// It is answered already.
    Answered(Response<AnyBody>),
}

/// Those who are asked, in order.
pub(crate) fn of(asked: &Asked) -> impl Iterator<Item = &Arc<Agent>> {
    let ids = asked.route().map(|(_, route)| &*route.agents).unwrap_or_default();
    ids.iter().filter_map(|id| asked.snapshot.agent(*id)).filter(|agent| agent.events.request_headers)
}

/// Asks them.
///
/// # Errors
/// One that has to be asked could not be.
pub(crate) async fn ask(
    conversation: &Conversation,
    asked: &Asked,
    uri: &Uri,
    headers: &HeaderMap,
    told: &mut Told,
) -> Result<Admitted, RequestError> {
    let mut changes = Changes::default();
    let mut agents = of(asked).peekable();
    if agents.peek().is_none() {
        return Ok(Admitted::On(changes));
    }
    // What a client only claims about who it is, agents are not to believe either.
    let mut headers = headers.clone();
    asked.client.put(&mut headers, &conversation.client.extras());
    for agent in agents {
        let client = conversation.worker.agents.get(agent);
        let event = RequestHeaders {
            metadata: metadata(conversation, asked, &headers),
            method: asked.method.to_string(),
            uri: asked.target(uri)?.to_string(),
            headers: by_name(&headers),
        };
        let admitted = client.admit(event).await;
        let sentence = admitted.map_err(|error| RequestError::Agent(Arc::clone(&agent.id), error))?;
        let Some(sentence) = sentence else { continue };
        record(conversation, asked, agent, &sentence);
        let Sentence { outcome, reply, request, response, rules, .. } = sentence;
        told.changes.extend(response);
        if let Some(reply) = reply {
            told.fault = Some(fault(outcome, agent, &rules));
            return Ok(Admitted::Answered(respond(reply)));
        }
        request.apply(&mut headers);
        changes.extend(request);
    }
    Ok(Admitted::On(changes))
}

fn metadata(conversation: &Conversation, asked: &Asked, headers: &HeaderMap) -> Metadata {
    let id = asked.client.request_id().to_owned();
    let route = asked.route().map(|(_, route)| route);
    let upstream = route.and_then(|route| match route.action {
        Action::Proxy(upstream) => asked.snapshot.config.upstream(upstream),
        Action::ByHeader | Action::Builtin(_) => None,
    });
    let tls = conversation.client.tls.as_deref();
    Metadata {
        correlation_id: id.clone(),
        request_id: id,
        client_ip: asked
            .client
            .address()
            .map_or_else(|| NO_ADDRESS.to_owned(), |address| address.to_string()),
        client_port: asked.client.port().unwrap_or_default(),
        server_name: host_without_port(&asked.host).map(str::to_owned),
        protocol: format!("{:?}", asked.version),
        tls_version: tls.map(|tls| tls.version.to_owned()),
        tls_cipher: tls.map(|tls| tls.cipher.to_owned()),
        route_id: route.map(|route| route.id.to_string()),
        upstream_id: upstream.map(|upstream| upstream.id.to_string()),
        timestamp: Timestamp::try_from(clock::wall()).unwrap_or_default().to_string(),
        traceparent: headers.get("traceparent").and_then(|value| Some(value.to_str().ok()?.to_owned())),
    }
}

/// All values of each name. What is not UTF-8 is read as Latin-1, in which every byte is something,
/// so that none is hidden.
fn by_name(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        all.entry(name.as_str().to_owned()).or_default().push(text(value));
    }
    all
}

fn text(value: &HeaderValue) -> String {
    let latin_1 = || value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    str::from_utf8(value.as_bytes()).map_or_else(|_| latin_1(), str::to_owned)
}

fn respond(reply: Reply) -> Response<AnyBody> {
    let mut response = Response::new(full(reply.body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = reply.headers;
    response
}

/// Why the client has that answer, for the record of the request.
fn fault(outcome: Outcome, agent: &Agent, rules: &[String]) -> (&'static str, String) {
    let (reason, verb) = match outcome {
        Outcome::Redirect => ("agent_redirected", "redirects"),
        Outcome::Challenge => ("agent_challenged", "challenges"),
        Outcome::Allow | Outcome::Drop | Outcome::Close | Outcome::Block | Outcome::Failed => {
            ("agent_blocked", "blocks")
        }
    };
    let because = if rules.is_empty() { String::new() } else { format!(": {}", rules.join(", ")) };
    (reason, format!("the agent {} {verb} it{because}", agent.id))
}

/// What was met is told also where the request goes on.
fn record(conversation: &Conversation, asked: &Asked, agent: &Agent, sentence: &Sentence) {
    if sentence.rules.is_empty() {
        return;
    }
    conversation.worker.records.access("finding", |line| {
        line.text("client", &asked.client.to_string());
        if let Some((_, route)) = asked.route() {
            line.text("route", &route.id);
        }
        line.text("path", &asked.path);
        line.text("by", &format!("agent {}", agent.id));
        line.text("rules", &sentence.rules.join(" "));
        line.plain("action", sentence.outcome.name());
        line.text("request_id", asked.client.request_id());
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_of_a_value_is_hidden_from_agents() {
        let mut headers = HeaderMap::new();
        for value in [&b"a"[..], "ü".as_bytes(), b"\xfc<script>"] {
            headers.append("x", HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(by_name(&headers)["x"], ["a", "ü", "ü<script>"]);
    }
}
