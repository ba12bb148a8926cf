//! A plain request on its way to an upstream and back; bodies and trailers pass as they come.

use std::rc::Rc;

use gate_core::ids::UpstreamId;
use http::{HeaderValue, Request, Response, Version, header};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::front::body::AnyBody;
use crate::front::conversation::Conversation;
use crate::front::fields::{self, Kind};
use crate::front::refusal::RequestError;
use crate::front::request::{Asked, Told};
use crate::upstream::cluster::Cluster;
use crate::upstream::exchange::exchange;

/// Takes the request to the upstream and its answer to the client.
pub(crate) async fn answer(
    conversation: &Rc<Conversation>,
    asked: &Asked,
    upstream: UpstreamId,
    request: Request<Incoming>,
    told: &mut Told,
) -> Result<Response<AnyBody>, RequestError> {
    let cluster = asked.snapshot.cluster(upstream).ok_or(RequestError::NoRoute)?;
    let (mut head, body) = request.into_parts();
    let body = asked.take_body(&head.headers, body, told)?;
    let wish = cluster.wish(&asked.ask(&head));
    fields::remove_hop_by_hop(&mut head.headers, Kind::Request);
    asked.client.put(&mut head.headers, &conversation.client.extras());
    cluster.adapt(&mut head.headers);
    asked.changes.apply(&mut head.headers);
    if !head.headers.contains_key(header::HOST) {
        head.headers.insert(header::HOST, host_for(cluster, asked));
    }
    head.uri = asked.target(&head.uri)?;
    if body.size_hint().exact().is_none() {
        // hyper would take a GET without a length for one without a body.
        head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let exchanged = exchange(&conversation.worker.http, cluster, wish, Request::from_parts(head, body)).await;
    let exchanged = exchanged.map_err(|error| {
        let is_over_limit = told.received.as_ref().is_some_and(|received| received.is_over_limit());
        if is_over_limit { RequestError::BodyTooLarge(asked.body_limit()) } else { error.into() }
    })?;
    told.upstream = Some(exchanged.address);
    let (mut head, body) = exchanged.response.into_parts();
    if !fields::is_framed_once(&head.headers) {
        return Err(RequestError::AnswerFraming);
    }
    fields::remove_hop_by_hop(&mut head.headers, Kind::Answer);
    // What the upstream speaks is its own hop's business.
    head.version = Version::HTTP_11;
    if let Some(cookie) = exchanged.set_cookie {
        head.headers.append(header::SET_COOKIE, cookie);
    }
    Ok(Response::from_parts(head, Box::pin(body)))
}

/// What an upstream is told for a client that names no host, as those of HTTP/1.0 need not: a
/// request of HTTP/1.1 must (RFC 9112 §3.2).
fn host_for(cluster: &Cluster, asked: &Asked) -> HeaderValue {
    let address = cluster.targets().first().map(|target| &**target.text());
    let own = address.filter(|address| !address.starts_with("unix:")).unwrap_or("localhost");
    let host = if asked.host.is_empty() { own } else { &asked.host };
    HeaderValue::from_str(host).unwrap_or_else(|_| HeaderValue::from_static("localhost"))
}
