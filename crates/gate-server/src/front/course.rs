//! Where a handshake goes and how its session is held: as its route says, or as it says itself.

use std::borrow::Cow;
use std::sync::Arc;

use gate_config::model::WebSocket;
use gate_core::ids::UpstreamId;
use http::{Request, request};

use crate::by_header::{self, Asking, Wanted};
use crate::front::agents;
use crate::front::conversation::Conversation;
use crate::front::refusal::RequestError;
use crate::front::request::Asked;
use crate::inspect::doorkeepers::Doorkeepers;
use crate::inspect::webhook::Kit;
use crate::upstream::cluster::Cluster;

/// Who says where a handshake goes.
pub(crate) enum Lead {
    /// Its route.
    Route(UpstreamId),
    /// The handshake itself, which is believed.
    Request(Box<Wanted>),
}

/// See the module.
pub(crate) struct Course<'a> {
    pub(crate) cluster: Cow<'a, Arc<Cluster>>,
    pub(crate) websocket: Cow<'a, WebSocket>,
    /// In the order in which they are asked.
    pub(crate) webhooks: Cow<'a, [Arc<Kit>]>,
    /// Who is asked about tokens that the client names in its session.
    pub(crate) doorkeepers: Option<Doorkeepers>,
}

/// What a request says of where it goes; `None`: nothing that is believed. Such fields are for this
/// gateway alone, so where the route knows them they are taken out.
///
/// # Errors
/// It is not believed, or cannot be understood.
pub(crate) fn wanted<B>(
    conversation: &Conversation,
    asked: &Asked,
    request: &mut Request<B>,
) -> Result<Option<Box<Wanted>>, RequestError> {
    let by_header = asked.route().and_then(|(id, _)| asked.snapshot.by_header(id));
    let Some(by_header) = by_header else { return Ok(None) };
    let asking = Asking {
        peer: conversation.client.hop().peer.map(|peer| peer.ip()),
        method: request.method(),
        uri: request.uri(),
        headers: request.headers(),
    };
    let wanted = by_header.read(&asking)?;
    by_header::remove(request.headers_mut());
    Ok(wanted.map(Box::new))
}

impl<'a> Course<'a> {
    /// Finds it.
    ///
    /// # Errors
    /// The handshake asks for what is not allowed, or cannot be found.
    pub(crate) async fn find(
        conversation: &Conversation,
        asked: &'a Asked,
        lead: Lead,
        head: &request::Parts,
    ) -> Result<Self, RequestError> {
        let mut course = Self::of(asked, lead).await?;
        if let Some(doorkeepers) = agents::doorkeepers(conversation, asked, &head.uri, &head.headers)? {
            course.guard(doorkeepers);
        }
        Ok(course)
    }

    async fn of(asked: &'a Asked, lead: Lead) -> Result<Self, RequestError> {
        let (id, route) = asked.route().ok_or(RequestError::NoRoute)?;
        let snapshot = &asked.snapshot;
        let webhooks = snapshot.equipment.of_route(id);
        match lead {
            Lead::Route(upstream) => Ok(Self {
                cluster: Cow::Borrowed(snapshot.cluster(upstream).ok_or(RequestError::NoRoute)?),
                websocket: Cow::Borrowed(&route.websocket),
                webhooks: Cow::Borrowed(webhooks),
                doorkeepers: None,
            }),
            Lead::Request(wanted) => {
                let by_header = snapshot.by_header(id).ok_or(RequestError::NoRoute)?;
                // Boxed: few handshakes come here, and all of them would be the larger for it.
                let found = Box::pin(by_header.find(*wanted, &route.websocket)).await?;
                let webhooks = webhooks.iter().cloned().chain(found.webhooks).collect();
                Ok(Self {
                    cluster: Cow::Owned(found.cluster),
                    websocket: Cow::Owned(found.websocket),
                    webhooks: Cow::Owned(webhooks),
                    doorkeepers: None,
                })
            }
        }
    }

    /// Has them asked, for which the client's messages are looked into.
    fn guard(&mut self, doorkeepers: Doorkeepers) {
        self.websocket = Cow::Owned(self.websocket.inspecting_clients());
        self.doorkeepers = Some(doorkeepers);
    }
}
