//! Responses: the gateway's own Via comes off, and its token says where they go (RFC 3261 §16.11).

use super::branch;
use super::kind::Kind;
use super::{Edge, Reason, Ruling, Source};
use crate::edit::Edits;
use crate::message::Message;
use crate::name::HeaderName;
use crate::start_line::StartLine;
use crate::token::{Purpose, TokenError};

impl Edge {
    pub(super) fn response_from_downstream(
        &self,
        message: &Message<'_>,
        from: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Ruling {
        self.response(message, Purpose::ResponseUpstream { sent_to: from.flow }, out)
    }

    pub(super) fn response_from_upstream(&self, message: &Message<'_>, out: &mut Vec<u8>) -> Ruling {
        self.response(message, Purpose::ResponseDownstream, out)
    }

    /// Sends a response to where the request came from, if the topmost Via has a token of that purpose.
    pub(super) fn response(&self, message: &Message<'_>, purpose: Purpose, out: &mut Vec<u8>) -> Ruling {
        let StartLine::Response { status, .. } = message.start_line() else {
            return Ruling::Drop(Reason::ForeignVia);
        };
        let essentials = match message.essentials() {
            Ok(essentials) => essentials,
            Err(error) => return Ruling::Drop(Reason::Malformed(error.fault)),
        };
        let Some(token) = essentials.via.branch().and_then(branch::token_of) else {
            return Ruling::Drop(Reason::ForeignVia);
        };
        let flow = match self.settings.key.verify(token, purpose, self.settings.process) {
            Ok(flow) => flow,
            Err(TokenError::NotAToken) => return Ruling::Drop(Reason::ForeignVia),
            Err(TokenError::OtherProcess) => return Ruling::Drop(Reason::OtherProcess),
            Err(TokenError::Forged) => return Ruling::Drop(Reason::ForgedToken),
        };
        if message.values(HeaderName::Via).nth(1).is_none() {
            return Ruling::Drop(Reason::NoViaLeft);
        }
        let mut edits = Edits::new();
        edits.remove_values(message, HeaderName::Via, 0..1);
        edits.set_content_length(message, message.body().len());
        edits.apply(message.bytes(), out);
        Ruling::ToFlow { flow, kind: Kind::Response(status) }
    }
}
