//! Requests: what they must be, and what a proxy changes in them (RFC 3261 §16.3 to §16.6).

use super::branch::Branch;
use super::hash::Hash;
use super::kind::{Kind, Method};
use super::routes::{Names, OwnRoutes, RouteToken};
use super::{Edge, Hop, Reason, Ruling, Source, Transport};
use crate::edit::Edits;
use crate::essentials::Essentials;
use crate::message::Message;
use crate::name::HeaderName;
use crate::status::Status;
use crate::syntax;
use crate::token::{Flow, Purpose, Token, TokenError};
use crate::uri::Uri;

/// A request whose essential headers are in order.
pub(super) struct Request<'m, 'a> {
    pub(super) message: &'m Message<'a>,
    pub(super) essentials: Essentials<'a>,
    pub(super) method: Method,
    pub(super) uri: &'a [u8],
}

impl Request<'_, '_> {
    const fn kind(&self) -> Kind {
        Kind::Request(self.method)
    }
}

/// The answer to a request that goes no further.
pub(super) struct Refusal {
    pub(super) status: Status,
    pub(super) header: Option<(&'static str, String)>,
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { status, header: None }
    }
}

/// Which way a request goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// A request on its way: which flow is downstream, and what the gateway is called on both sides.
struct Passage<'a> {
    way: Way,
    downstream: Flow,
    from: &'a Source<'a>,
    towards: &'a Hop<'a>,
}

/// As many edits as a request usually needs, and bytes of their texts.
const EDITS: usize = 16;
const TEXTS: usize = 512;

/// Hops of a request that does not say how many (RFC 3261 §16.6).
const MAX_FORWARDS: &[u8] = b"70";

/// The extensions that this proxy knows, for `Proxy-Require`.
const EXTENSIONS: [&str; 2] = ["path", "outbound"];

/// What the gateway says in answer to OPTIONS about the requests that it takes.
const ACCEPT: &str = "application/sdp";

impl Edge {
    /// Reads what a request must have.
    pub(super) fn request<'m, 'a>(
        &self,
        message: &'m Message<'a>,
        from: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Request<'m, 'a>, Ruling> {
        let malformed = |error| self.malformed(message.bytes(), error, from, out);
        let essentials = message.essentials().map_err(malformed)?;
        let request = Request {
            message,
            method: Method::of(essentials.method),
            uri: message.request_uri().unwrap_or_default(),
            essentials,
        };
        let is_of_answer = request.method == Method::Ack
            && request.essentials.to.tag() == Some(self.tag(message).as_bytes());
        if is_of_answer { Err(Ruling::Drop(Reason::AnswerAcknowledged)) } else { Ok(request) }
    }

    pub(super) fn request_from_downstream(
        &self,
        request: &Request<'_, '_>,
        from: &Source<'_>,
        towards: &Hop<'_>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        if !self.allows(request.essentials.method) {
            let refusal =
                Refusal { status: Status::METHOD_NOT_ALLOWED, header: Some(("Allow", self.allow.clone())) };
            return self.refuse(request.message, &refusal, from, out);
        }
        let names = self.names(from, Some(towards));
        let own = OwnRoutes::read(self, request.message, &names);
        if self.is_for_us(request, &own, &names) {
            return self.answer_options(request, from, out);
        }
        let token = self.settings.key.sign(&from.flow, Purpose::ResponseDownstream);
        let branch = Branch::of(request, None, &token);
        if let Some(refusal) = objection(request, &branch) {
            return self.refuse(request.message, &refusal, from, out);
        }
        let passage = Passage { way: Way::Up, downstream: from.flow, from, towards };
        let mut edits = Edits::with_capacity(EDITS, TEXTS);
        push_via(request, towards, &branch, &mut edits);
        if request.method == Method::Register {
            self.push_path(request, &passage, &mut edits);
        }
        self.change(request, &own, &passage, &mut edits);
        edits.apply(request.message.bytes(), out);
        Ruling::Forward {
            affinity: Hash::new().text(request.essentials.call_id).finish(),
            kind: request.kind(),
        }
    }

    pub(super) fn request_from_upstream<'h>(
        &self,
        request: &Request<'_, '_>,
        from: &Source<'_>,
        towards_of: impl FnOnce(&Flow) -> Option<Hop<'h>>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        let names = self.names(from, None);
        let own = OwnRoutes::read(self, request.message, &names);
        if self.is_for_us(request, &own, &names) {
            return self.answer_options(request, from, out);
        }
        let flow = self.target(request, &own, &names);
        let target = flow.and_then(|flow| Ok((flow, towards_of(&flow).ok_or(Status::FLOW_FAILED)?)));
        let (flow, towards) = match target {
            Ok(target) => target,
            Err(status) => return self.refuse(request.message, &status.into(), from, out),
        };
        let token = self.settings.key.sign(&from.flow, Purpose::ResponseUpstream { sent_to: flow });
        let branch = Branch::of(request, Some(&flow), &token);
        if let Some(refusal) = objection(request, &branch) {
            return self.refuse(request.message, &refusal, from, out);
        }
        let passage = Passage { way: Way::Down, downstream: flow, from, towards: &towards };
        let mut edits = Edits::with_capacity(EDITS, TEXTS);
        push_via(request, &towards, &branch, &mut edits);
        self.change(request, &own, &passage, &mut edits);
        edits.apply(request.message.bytes(), out);
        Ruling::ToFlow { flow, kind: request.kind() }
    }

    fn allows(&self, method: &[u8]) -> bool {
        let methods = &self.settings.methods;
        methods.is_empty() || methods.iter().any(|allowed| allowed.as_bytes() == method)
    }

    /// Whether it is an OPTIONS that asks the gateway itself.
    fn is_for_us(&self, request: &Request<'_, '_>, own: &OwnRoutes, names: &Names<'_>) -> bool {
        self.settings.answers_options
            && request.method == Method::Options
            && request.message.values(HeaderName::Route).nth(own.count).is_none()
            && Uri::parse(request.uri).is_some_and(|uri| uri.user.is_none() && names.has(&uri))
    }

    fn answer_options(&self, request: &Request<'_, '_>, from: &Source<'_>, out: &mut Vec<u8>) -> Ruling {
        let headers = [("Allow", self.allow.as_str()), ("Accept", ACCEPT)];
        self.answer(request.message, (Status::OK, &headers), from, out)
    }

    /// The flow that a request from upstream is for: its Route names it, or else its Request-URI.
    fn target(&self, request: &Request<'_, '_>, own: &OwnRoutes, names: &Names<'_>) -> Result<Flow, Status> {
        let in_uri = || {
            let uri = Uri::parse(request.uri).filter(|uri| names.has(uri))?;
            self.route_token(&uri)
        };
        match own.token.or_else(in_uri) {
            Some(Ok(RouteToken::To(flow))) => Ok(flow),
            Some(Err(TokenError::OtherProcess)) => Err(Status::FLOW_FAILED),
            Some(Err(TokenError::Forged | TokenError::NotAToken)) => Err(Status::FORBIDDEN),
            // What it is to cancel has not gone anywhere either (RFC 3261 §9.2).
            Some(Ok(RouteToken::From(_))) | None if request.method == Method::Cancel => Err(NO_TRANSACTION),
            Some(Ok(RouteToken::From(_))) | None => Err(Status::NOT_FOUND),
        }
    }

    /// What all requests that go on have done to them but for the Via.
    fn change(&self, request: &Request<'_, '_>, own: &OwnRoutes, passage: &Passage<'_>, edits: &mut Edits) {
        let message = request.message;
        if request.method.begins_dialogs() {
            self.push_record_routes(request, passage, edits);
        }
        match (request.essentials.max_forwards, message.header(HeaderName::MaxForwards)) {
            (Some(hops), Some(header)) => {
                let left = hops.saturating_sub(1).to_string();
                edits.replace(header.value.clone(), &[left.as_bytes()]);
            }
            (Some(_) | None, _) => edits.insert_first(message, &[b"Max-Forwards: ", MAX_FORWARDS]),
        }
        if own.count > 0 {
            edits.remove_values(message, HeaderName::Route, 0..own.count);
        }
        let via = &request.essentials.via;
        let source = passage.from.address;
        edits.set_via_parameter(via, "received", &source.ip().to_canonical().to_string());
        edits.set_via_parameter(via, "rport", &source.port().to_string());
        edits.set_content_length(message, message.body().len());
    }

    /// RFC 3327 §5.2, RFC 5626 §5.1.
    fn push_path(&self, request: &Request<'_, '_>, passage: &Passage<'_>, edits: &mut Edits) {
        let has = |value: &[u8]| value.eq_ignore_ascii_case(b"path");
        let mut supported = request.message.values(HeaderName::Supported);
        if !self.settings.always_path && !supported.any(|value| has(value.bytes)) {
            return;
        }
        let token = self.settings.key.sign(&passage.downstream, Purpose::Request);
        // `ob` says that the client itself is at the other end of the flow.
        let is_first_hop = request.message.values(HeaderName::Via).nth(1).is_none();
        let end: &[u8] = if is_first_hop { b";lr;ob>" } else { b";lr>" };
        push_uri(request, b"Path", &OwnUri { token, hop: passage.towards, end }, edits);
    }

    /// They stand above all others, since the last proxy that a request has passed is the first in the list.
    fn push_record_routes(&self, request: &Request<'_, '_>, passage: &Passage<'_>, edits: &mut Edits) {
        let sign = |purpose| self.settings.key.sign(&passage.downstream, purpose);
        let mut push = |hop: &Hop<'_>, purpose| {
            let uri = OwnUri { token: sign(purpose), hop, end: b";lr>" };
            push_uri(request, b"Record-Route", &uri, edits);
        };
        let near = Hop { transport: passage.from.transport, sent_by: passage.from.sent_by };
        let downstream = match passage.way {
            Way::Up => near.transport,
            Way::Down => passage.towards.transport,
        };
        // A client on WebSocket sends all that it has to say on its only connection, whatever the Route says.
        // Elsewhere both sides must be able to reach the gateway by what they read (RFC 5658 §5).
        match (passage.way, downstream.is_websocket()) {
            (Way::Up, true) => push(passage.towards, Purpose::Request),
            (Way::Down, true) => push(&near, Purpose::Request),
            (Way::Up, false) => {
                push(passage.towards, Purpose::Request);
                push(&near, Purpose::RequestUpstream);
            }
            (Way::Down, false) => {
                push(passage.towards, Purpose::RequestUpstream);
                push(&near, Purpose::Request);
            }
        }
    }
}

/// RFC 3261 §21.4.19.
const NO_TRANSACTION: Status = Status::new(481, "Call/Transaction Does Not Exist");

/// Why a request may not go on (RFC 3261 §16.3).
fn objection(request: &Request<'_, '_>, branch: &Branch) -> Option<Refusal> {
    if request.essentials.max_forwards == Some(0) {
        return Some(Status::TOO_MANY_HOPS.into());
    }
    if branch.has_passed(request) {
        return Some(Status::LOOP_DETECTED.into());
    }
    // RFC 3261 §16.3: not for CANCEL, which would else be refused where its INVITE was not.
    if request.method == Method::Cancel {
        return None;
    }
    let required = request.message.values(HeaderName::ProxyRequire);
    let unknown: Vec<&str> = required
        .filter(|value| syntax::is_all_token(value.bytes))
        .filter_map(|value| core::str::from_utf8(value.bytes).ok())
        .filter(|option| !EXTENSIONS.iter().any(|known| option.eq_ignore_ascii_case(known)))
        .collect();
    (!unknown.is_empty())
        .then(|| Refusal { status: Status::BAD_EXTENSION, header: Some(("Unsupported", unknown.join(", "))) })
}

/// Puts the gateway's own Via on top.
fn push_via(request: &Request<'_, '_>, towards: &Hop<'_>, branch: &Branch, edits: &mut Edits) {
    // Datagrams are answered to the port that they came from (RFC 3581 §3).
    let rport: &[u8] = if towards.transport == Transport::Udp { b";rport" } else { b"" };
    let transport = towards.transport.in_via().as_bytes();
    let sent_by = towards.sent_by.as_bytes();
    let line = [b"Via: SIP/2.0/", transport, b" ", sent_by, rport, b";branch=", branch.as_bytes()];
    edits.insert_first(request.message, &line);
}

/// A URI that the gateway gives out.
struct OwnUri<'a> {
    token: Token,
    hop: &'a Hop<'a>,
    /// Its last parameters, and the bracket.
    end: &'a [u8],
}

/// Puts a line with a URI of the gateway's before all headers but those put there before it.
fn push_uri(request: &Request<'_, '_>, name: &[u8], uri: &OwnUri<'_>, edits: &mut Edits) {
    let transport = uri.hop.transport;
    // A request to a `sips` URI stays on secure hops (RFC 3261 §16.6), whose URIs have no `tls` (§26.2.2).
    let is_sips = transport.is_secure()
        && request.uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"sips:"));
    let scheme: &[u8] = if is_sips { b": <sips:" } else { b": <sip:" };
    let transport = if is_sips && transport == Transport::Tls { Transport::Tcp } else { transport };
    let sent_by = uri.hop.sent_by.as_bytes();
    let transport = transport.in_uri().as_bytes();
    let line = [name, scheme, uri.token.as_bytes(), b"@", sent_by, b";transport=", transport, uri.end];
    edits.insert_first(request.message, &line);
}
