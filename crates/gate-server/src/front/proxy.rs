//! A plain request on its way to an upstream and back; bodies and trailers pass as they come.

use std::rc::Rc;

use gate_core::ids::UpstreamId;
use http::{Request, Response, header};
use hyper::body::Incoming;

use crate::front::body::{AnyBody, RequestBody};
use crate::front::conversation::Conversation;
use crate::front::fields::{self, Kind};
use crate::front::refusal::RequestError;
use crate::front::request::{Asked, Told};
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
    let limit = asked.body_limit();
    let announced = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if limit > 0 && announced.and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > limit)
    {
        return Err(RequestError::BodyTooLarge(limit));
    }
    let wish = cluster.wish(&asked.ask(&head));
    fields::remove_hop_by_hop(&mut head.headers, Kind::Request);
    asked.client.put(&mut head.headers, &conversation.client.extras());
    cluster.adapt(&mut head.headers);
    head.uri = asked.target(&head.uri)?;
    let (body, received) = RequestBody::new(body, limit);
    told.received = Some(Rc::clone(&received));
    let exchanged = exchange(&conversation.worker.http, cluster, wish, Request::from_parts(head, body)).await;
    let exchanged = exchanged.map_err(|error| {
        if received.is_over_limit() { RequestError::BodyTooLarge(limit) } else { error.into() }
    })?;
    told.upstream = Some(exchanged.address);
    let (mut head, body) = exchanged.response.into_parts();
    fields::remove_hop_by_hop(&mut head.headers, Kind::Answer);
    if let Some(cookie) = exchanged.set_cookie {
        head.headers.append(header::SET_COOKIE, cookie);
    }
    Ok(Response::from_parts(head, Box::pin(body)))
}
