//! The agents of a route are asked about a request before it goes anywhere: in the route's order,
//! each about what those before it have made of the head. The first that does not let it pass
//! decides.

use std::sync::Arc;

use agent_proto::Metadata;
use gate_config::model::{Action, Agent};
use gate_core::route::host_without_port;
use http::{HeaderMap, Response, Uri};

use crate::front::body::{AnyBody, full};
use crate::front::conversation::Conversation;
use crate::front::refusal::RequestError;
use crate::front::request::{Asked, Told};
use crate::inspect::agent::{Changes, Inquiry, NO_ADDRESS, Reply, Sentence};
use crate::inspect::credential;
use crate::inspect::doorkeepers::Doorkeepers;
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
    let mut changes = of_route(asked);
    let mut agents = of(asked).peekable();
    if agents.peek().is_none() {
        return Ok(Admitted::On(changes));
    }
    let mut inquiry = inquiry(conversation, asked, uri, headers)?;
    for agent in agents {
        let client = conversation.worker.agents.get(agent);
        let admitted = client.admit(inquiry.event()).await;
        let sentence = admitted.map_err(|error| RequestError::Agent(Arc::clone(&agent.id), error))?;
        let Some(sentence) = sentence else { continue };
        record(conversation, asked, agent, &sentence);
        let Sentence { outcome, reply, request, response, rules, .. } = sentence;
        told.changes.extend(response);
        if let Some(reply) = reply {
            told.fault = Some(fault(outcome, agent, &rules));
            return Ok(Admitted::Answered(respond(reply)));
        }
        request.apply(&mut inquiry.headers);
        changes.extend(request);
    }
    Ok(Admitted::On(changes))
}

/// Who is asked again when the client of a session that a handshake opens names a token in it;
/// `None`: it will not, or there is nobody to ask.
///
/// # Errors
/// There is no such request.
pub(crate) fn doorkeepers(
    conversation: &Conversation,
    asked: &Asked,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<Doorkeepers>, RequestError> {
    if !uri.query().is_some_and(credential::may_follow) {
        return Ok(None);
    }
    let agents: Vec<_> = of(asked).map(|agent| conversation.worker.agents.get(agent)).collect();
    if agents.is_empty() {
        return Ok(None);
    }
    Ok(Some(Doorkeepers::new(agents, inquiry(conversation, asked, uri, headers)?)))
}

/// What the route changes of requests, before anybody is asked.
fn of_route(asked: &Asked) -> Changes {
    asked.route().map(|(_, route)| Changes::of_route(&route.request_headers)).unwrap_or_default()
}

/// What a client only claims about who it is, agents are not to believe either.
fn inquiry(
    conversation: &Conversation,
    asked: &Asked,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Inquiry, RequestError> {
    let mut headers = headers.clone();
    asked.client.put(&mut headers, &conversation.client.extras());
    of_route(asked).apply(&mut headers);
    let (method, uri) = (asked.method.to_string(), asked.target(uri)?.to_string());
    Ok(Inquiry { metadata: metadata(conversation, asked), method, uri, headers })
}

fn metadata(conversation: &Conversation, asked: &Asked) -> Metadata {
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
        ..Metadata::default()
    }
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
