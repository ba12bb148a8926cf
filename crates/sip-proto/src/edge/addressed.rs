//! Whom a message is for, told before it is ruled on: where servers and clients come by one door, only
//! its tokens say which of them has sent it.

use super::routes::RouteToken;
use super::{Edge, branch};
use crate::address::Address;
use crate::message::Message;
use crate::name::HeaderName;
use crate::start_line::StartLine;
use crate::token::{Purpose, TokenError};
use crate::uri::Uri;

impl Edge {
    /// Whether a message comes from upstream, though it might come from downstream as well: a request whose
    /// topmost Route or Request-URI has a token as servers get them, a response to what came from downstream.
    /// (In a dialog a user agent's Route has a token of another kind.)
    #[must_use]
    pub fn is_for_a_flow(&self, message: &[u8]) -> bool {
        let Ok(message) = Message::parse_datagram(message, &self.settings.limits) else { return false };
        let StartLine::Request { uri, .. } = message.start_line() else {
            return self.answers_downstream(&message);
        };
        let is_for = |uri: &[u8]| {
            let token = Uri::parse(uri).and_then(|uri| self.route_token(&uri));
            matches!(token, Some(Ok(RouteToken::To(_)) | Err(_)))
        };
        match message.values(HeaderName::Route).next() {
            Some(route) => Address::parse(route.bytes).is_some_and(|address| is_for(address.uri)),
            None => is_for(uri),
        }
    }

    fn answers_downstream(&self, response: &Message<'_>) -> bool {
        let via = response.top_via().ok();
        let token = via.as_ref().and_then(|via| via.branch()).and_then(branch::token_of);
        let verified = token
            .map(|token| self.settings.key.verify(token, Purpose::ResponseDownstream, self.settings.process));
        matches!(verified, Some(Ok(_) | Err(TokenError::OtherProcess)))
    }
}
