//! One request: judged, given to its route, answered, and told of once its answer is over.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::{Action, Route};
use gate_core::ids::RouteId;
use gate_core::path;
use gate_core::route;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header, request};
use hyper::body::Incoming;
use ws_proto::handshake::refusal::Refusal;
use ws_proto::handshake::request::{asks_for_websocket, check_host, check_target};

use crate::by_header::ByHeaderError;
use crate::clock;
use crate::front::agents::{self, Admitted};
use crate::front::arrival::Outcome;
use crate::front::body::{AnyBody, Ending, Received, RequestBody, ResponseBody};
use crate::front::builtin;
use crate::front::client::{Client, Scheme, X_REQUEST_ID};
use crate::front::conversation::Conversation;
use crate::front::course::{self, Lead};
use crate::front::fields;
use crate::front::proxy;
use crate::front::refusal::RequestError;
use crate::front::traced::Handshake;
use crate::front::upgrade;
use crate::inspect::agent::Changes;
use crate::observe::record::{Refused, Requested};
use crate::snapshot::Snapshot;
use crate::trace::Failure;
use crate::upstream::error::chain;
use crate::upstream::wish::Ask;
use crate::worker::registry::Place;

/// What is known of a request beside its head.
pub(crate) struct Asked {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) began: Instant,
    pub(crate) client: Client,
    pub(crate) method: Method,
    pub(crate) version: Version,
    user_agent: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    /// Normalised, once it has been.
    pub(crate) path: String,
    /// The Host as it came, or the target's where there is none.
    pub(crate) host: String,
    pub(crate) route: Option<RouteId>,
    pub(crate) is_websocket: bool,
    /// What agents change of a plain request.
    pub(crate) changes: Changes,
}

impl Asked {
    /// The route that answers.
    pub(crate) fn route(&self) -> Option<(RouteId, &Route)> {
        let id = self.route?;
        self.snapshot.route(id).map(|route| (id, route))
    }
}

/// What an answer is to be told of with.
#[derive(Default)]
pub(crate) struct Told {
    /// `None`: the client was gone before it was answered.
    pub(crate) status: Option<StatusCode>,
    /// Why the gateway refused or failed, and what exactly was wrong.
    pub(crate) fault: Option<(&'static str, String)>,
    /// The target that answered.
    pub(crate) upstream: Option<Arc<str>>,
    /// The body of the request, as far as it has come.
    pub(crate) received: Option<Rc<Received>>,
    /// Bytes of the answer's body.
    sent: u64,
    /// What agents change of the answer.
    pub(crate) changes: Changes,
    /// What keeps a draining worker waiting until the answer is over.
    pub(crate) place: Option<Place>,
}

/// A request of a conversation and what becomes of it. Told of when it is dropped: when its
/// answer is over, or the client gone.
pub(crate) struct Exchange {
    conversation: Rc<Conversation>,
    asked: Asked,
    told: Told,
}

impl Exchange {
    /// Begins with a request that has been read.
    pub(crate) fn begin(conversation: &Rc<Conversation>, request: &Request<Incoming>) -> Self {
        let told = Told { place: Some(conversation.worker.registry.take_place()), ..Told::default() };
        let asked = Asked::of(conversation, request);
        conversation.begin_exchange();
        Self { conversation: Rc::clone(conversation), asked, told }
    }

    /// Answers it.
    pub(crate) async fn answer(mut self, request: Request<Incoming>) -> Response<ResponseBody> {
        let Self { conversation, asked, told } = &mut self;
        let judged = judge(conversation, asked, &request);
        conversation.trace(Handshake::begin(&conversation.client, asked, &request));
        let answered = match judged {
            Ok(()) => dispatch(conversation, asked, request, told).await,
            Err(error) => Err(error),
        };
        let response = answered.unwrap_or_else(|error| {
            told.fault = Some((error.reason(), chain(&error)));
            error.response()
        });
        self.give(response)
    }

    /// Says whether the connection goes on, and sees to it that the request is told of once
    /// the answer is over.
    fn give(mut self, response: Response<AnyBody>) -> Response<ResponseBody> {
        let status = response.status();
        self.told.status = Some(status);
        self.conversation.let_in();
        let (mut head, body) = response.into_parts();
        self.told.changes.apply(&mut head.headers);
        if let Ok(id) = HeaderValue::from_str(self.asked.client.request_id()) {
            head.headers.insert(X_REQUEST_ID, id);
        }
        if self.asked.is_websocket && status != StatusCode::SWITCHING_PROTOCOLS {
            // Whatever follows on a refused handshake may be frames, and is nobody's request.
            self.conversation.lead_to(Outcome::End);
            // Told by hand, because hyper would have a 101 say `Connection: upgrade, close` too,
            // which not all clients understand.
            head.headers.append(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.conversation.trace_answer(&head);
        let body = ResponseBody::new(body, move |sent, ending| {
            self.told.sent = sent;
            self.end(ending);
            Rc::clone(&self.conversation).keep_until_written(self);
        });
        Response::from_parts(head, body)
    }

    /// The body of the answer is over, one way or another.
    fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Whole => {}
            // A HEAD is answered by the head alone.
            Ending::Untaken if self.asked.method == Method::HEAD || self.conversation.is_stalled() => {}
            Ending::Untaken => {
                let detail = "the client was gone before the end of its answer";
                self.told.fault.get_or_insert_with(|| ("client_gone", detail.to_owned()));
            }
            Ending::Broken(error) => {
                let is_over_limit =
                    self.told.received.as_ref().is_some_and(|received| received.is_over_limit());
                let reason = match self.told.upstream {
                    _ if is_over_limit => "body_too_large",
                    Some(_) => "upstream_answer_broken",
                    None => "request_body_broken",
                };
                self.told.fault = Some((reason, chain(&*error)));
                if self.asked.version == Version::HTTP_10 {
                    // It may have no other end than that of the connection, which must not look like one.
                    self.conversation.break_off();
                }
            }
        }
    }

    fn tell(&self, fault: Option<(&'static str, &str)>) {
        let Self { conversation, asked, told } = self;
        let worker = &conversation.worker;
        let route = asked.route().map(|(_, route)| &route.id);
        let client = asked.client.to_string();
        if asked.is_websocket {
            // One that succeeded is told of by its session.
            let Some((reason, detail)) = fault else { return };
            worker.counters.handshake_failures.count((reason, ""));
            let refused = Refused {
                client: &client,
                status: told.status,
                reason,
                detail,
                route: route.map(|route| &**route),
                upstream: told.upstream.as_deref(),
                path: Some(&asked.path),
                host: Some(&asked.host),
                request_id: Some(asked.client.request_id()),
            };
            refused.record(&worker.records);
            let status = told.status.map(|status| status.as_u16());
            return conversation.trace_failure(&Failure { reason, detail, status });
        }
        worker.counters.requests.count(route, told.status);
        let requested = Requested {
            client: &client,
            secured: conversation.client.secured(),
            method: &asked.method,
            path: &asked.path,
            host: &asked.host,
            version: asked.version,
            request_id: asked.client.request_id(),
            user_agent: asked.user_agent.as_ref(),
            referer: asked.referer.as_ref(),
            route: route.map(|route| &**route),
            upstream: told.upstream.as_deref(),
            status: told.status,
            fault,
            request_bytes: told.received.as_ref().map_or(0, |received| received.bytes()),
            response_bytes: told.sent,
            duration: clock::now().saturating_duration_since(asked.began),
        };
        requested.record(&worker.records);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let fault = match (&self.told.fault, self.told.status) {
            (Some((reason, detail)), _) => Some((*reason, &**detail)),
            (None, None) => Some(("client_gone", "the client was gone before it was answered")),
            (None, Some(_)) if self.conversation.is_stalled() => {
                Some(("send_timeout", "the client took nothing of the answer in time"))
            }
            // Whoever gave up a session that was to begin tells of it.
            (None, Some(StatusCode::SWITCHING_PROTOCOLS)) => None,
            (None, Some(_)) if self.conversation.is_cut() => {
                Some(("client_gone", "the client was gone before the end of its answer"))
            }
            (None, Some(_)) => None,
        };
        self.tell(fault);
        let had_body = self.told.received.as_ref().is_some_and(|received| received.bytes() > 0);
        if had_body {
            // Lines in a body that look like requests must not be held against those that follow.
            self.conversation.lines.forget();
        }
        self.conversation.end_exchange();
    }
}

impl Asked {
    fn of(conversation: &Conversation, request: &Request<Incoming>) -> Self {
        Self {
            snapshot: conversation.worker.snapshot(),
            began: clock::now(),
            client: Client::identify(&conversation.client.hop(), request.headers()),
            method: request.method().clone(),
            version: request.version(),
            user_agent: request.headers().get(header::USER_AGENT).cloned(),
            referer: request.headers().get(header::REFERER).cloned(),
            path: request.uri().path().to_owned(),
            host: host(request).to_owned(),
            route: None,
            is_websocket: asks_for_websocket(request.headers()),
            changes: Changes::default(),
        }
    }
}

/// What any request must be like; finds its route.
fn judge<B>(
    conversation: &Conversation,
    asked: &mut Asked,
    request: &Request<B>,
) -> Result<(), RequestError> {
    // A client of HTTP/1.0 need not name a host, but if it does it is the one.
    if request.version() == Version::HTTP_11 || request.headers().contains_key(header::HOST) {
        check_host(request.uri(), request.headers())?;
    }
    if !fields::knows_coding(request.headers()) {
        return Err(RequestError::Coding);
    }
    let is_of_server = *request.method() == Method::OPTIONS && request.uri().path() == "*";
    if *request.method() == Method::CONNECT || is_of_server {
        return Err(RequestError::Method(request.method().clone()));
    }
    check_target(request.uri())?;
    if conversation.lines.had_fragment(request.method(), request.uri()) {
        return Err(RequestError::Fragment);
    }
    let host = route::host_without_port(&asked.host);
    if host.is_some_and(|host| conversation.client.is_misdirected(host)) {
        return Err(RequestError::Misdirected);
    }
    asked.path = path::normalise(request.uri().path())?.into_owned();
    let wanted = route::Request {
        host: route::host_without_port(&asked.host),
        path: &asked.path,
        query: request.uri().query(),
        method: request.method(),
        headers: request.headers(),
    };
    asked.route = asked.snapshot.table.find(&wanted);
    let snapshot = Arc::clone(&asked.snapshot);
    let route = asked.route.and_then(|id| snapshot.route(id)).ok_or(RequestError::NoRoute)?;
    match route.action {
        // The gateway itself speaks HTTP only: the wish for an upgrade is not taken up.
        Action::Builtin(_) => asked.is_websocket = false,
        Action::Proxy(_) | Action::ByHeader if conversation.worker.is_draining() => {
            return Err(RequestError::Draining);
        }
        // A target of SIP does not speak HTTP: whatever a client wrote would be a message to it.
        Action::Proxy(_) | Action::ByHeader if route.websocket.sip.is_some() && !asked.is_websocket => {
            return Err(RequestError::OnlySip);
        }
        Action::Proxy(_) | Action::ByHeader => {}
    }
    Ok(())
}

async fn dispatch(
    conversation: &Rc<Conversation>,
    asked: &mut Asked,
    mut request: Request<Incoming>,
    told: &mut Told,
) -> Result<Response<AnyBody>, RequestError> {
    if !asked.is_websocket {
        // An answer, or a body, may take as long as it likes; those behind it need not wait.
        conversation.let_in();
        match agents::ask(conversation, asked, request.uri(), request.headers(), told).await? {
            Admitted::On(changes) => asked.changes = changes,
            Admitted::Answered(response) => return Ok(response),
        }
    }
    let (_, route) = asked.route().ok_or(RequestError::NoRoute)?;
    let wanted = course::wanted(conversation, asked, &mut request)?;
    let lead = match (route.action, wanted) {
        (Action::Proxy(_) | Action::ByHeader, Some(wanted)) => Lead::Request(wanted),
        (Action::Proxy(upstream), None) if !asked.is_websocket => {
            return proxy::answer(conversation, asked, upstream, request, told).await;
        }
        (Action::Proxy(upstream), None) => Lead::Route(upstream),
        (Action::ByHeader, None) if !asked.is_websocket => return Err(ByHeaderError::OnlyWebSocket.into()),
        (Action::ByHeader, None) => return Err(ByHeaderError::NO_UPSTREAM.into()),
        (Action::Builtin(handler), _) => {
            let (head, body) = request.into_parts();
            let body = asked.take_body(&head.headers, body, told)?;
            let asked =
                builtin::Asked { head: &head, path: &asked.path, request_id: asked.client.request_id() };
            return builtin::answer(handler, &asked, body, &conversation.worker, told);
        }
    };
    if !asked.is_websocket {
        return Err(ByHeaderError::OnlyWebSocket.into());
    }
    let (head, _body) = request.into_parts();
    upgrade::answer(conversation, asked, lead, head, told).await
}

impl Asked {
    /// The request as far as it decides the target.
    pub(crate) fn ask<'a>(&'a self, head: &'a request::Parts) -> Ask<'a> {
        Ask {
            client: self.client.address(),
            path: &self.path,
            query: head.uri.query(),
            headers: &head.headers,
            is_secure: self.client.scheme() == Scheme::Https,
        }
    }

    /// What is asked of the upstream: the normalised path, and the query as it came.
    pub(crate) fn target(&self, uri: &Uri) -> Result<Uri, RequestError> {
        // `http://example.org?query` has a path of `/` that is not written.
        let as_it_came =
            uri.path_and_query().filter(|target| uri.path() == self.path && target.as_str().starts_with('/'));
        let target = match (as_it_came, uri.query()) {
            (Some(target), _) => Ok(target.clone()),
            (None, Some(query)) => format!("{}?{query}", self.path).parse(),
            (None, None) => self.path.parse(),
        };
        target.map(Uri::from).map_err(|_| RequestError::Request(Refusal::Target))
    }

    /// The request's body, held to its limit.
    ///
    /// # Errors
    /// It is above that, as its length says.
    pub(crate) fn take_body(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        told: &mut Told,
    ) -> Result<RequestBody, RequestError> {
        let limit = self.body_limit();
        let announced = text(headers, &header::CONTENT_LENGTH).parse();
        if limit > 0 && announced.is_ok_and(|length: u64| length > limit) {
            return Err(RequestError::BodyTooLarge(limit));
        }
        let (body, received) = RequestBody::new(body, limit);
        told.received = Some(received);
        Ok(body)
    }

    /// Bytes that the request's body may have; 0: any.
    pub(crate) fn body_limit(&self) -> u64 {
        let of_all = self.snapshot.config.limits.body_size_max;
        self.route().and_then(|(_, route)| route.body_size_max).unwrap_or(of_all)
    }
}

/// The host that is asked for, which old clients need not name.
fn host<B>(request: &Request<B>) -> &str {
    match (text(request.headers(), &header::HOST), request.uri().authority()) {
        ("", Some(authority)) => authority.as_str(),
        (host, _) => host,
    }
}

/// The first line of a field, if it is text.
fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
