//! The branch of the gateway's own Via: which transaction, which way, and the token of where it came from.
//!
//! It is computed from the request, so that a request that comes again, its CANCEL and the ACK of its error
//! have the same one (RFC 3261 §16.11).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::hash::Hash;
use super::kind::Method;
use super::request::Request;
use crate::name::HeaderName;
use crate::syntax;
use crate::token::{Flow, Token};

/// The cookie, two hashes of eight bytes in base64url, a full stop, and the token.
pub(super) struct Branch(Vec<u8>);

/// The rest of a branch that begins with it is unique (RFC 3261 §8.1.1.7).
const COOKIE: &[u8] = b"z9hG4bK";
const HASH_LENGTH: usize = 11;
const MARK: u8 = b'.';

impl Branch {
    /// That of a request which goes to `flow`, or upstream.
    pub(super) fn of(request: &Request<'_, '_>, flow: Option<&Flow>, token: &Token) -> Self {
        let mut text = Vec::with_capacity(COOKIE.len() + 2 * HASH_LENGTH + 1 + token.as_bytes().len());
        text.extend_from_slice(COOKIE);
        push_hash(&mut text, transaction(request));
        push_hash(&mut text, way(request, flow));
        text.push(MARK);
        text.extend_from_slice(token.as_bytes());
        Self(text)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the request has gone this very way before (RFC 3261 §16.3): one of its Vias is of a request
    /// with this Request-URI, Call-ID and CSeq, from the same flow to the same. A request that comes back
    /// and goes elsewhere, as one client's to another does, has not.
    pub(super) fn has_passed(&self, request: &Request<'_, '_>) -> bool {
        let way = self.0.get(COOKIE.len() + HASH_LENGTH..).unwrap_or_default();
        request.message.values(HeaderName::Via).any(|via| memchr::memmem::find(via.bytes, way).is_some())
    }
}

/// The token in a branch; None for a branch that is not of the gateway's making.
pub(super) fn token_of(branch: &[u8]) -> Option<&[u8]> {
    let (mark, token) = branch.strip_prefix(COOKIE)?.get(2 * HASH_LENGTH..)?.split_first()?;
    (*mark == MARK).then_some(token)
}

/// What tells one transaction of the sender from another.
fn transaction(request: &Request<'_, '_>) -> u64 {
    let (via, essentials) = (&request.essentials.via, &request.essentials);
    let bytes = request.message.bytes();
    let parameters = via.parameters.clone().next().map_or(via.range.end, |first| first.range.start);
    let hash = Hash::new().text(syntax::slice(bytes, via.range.start..parameters));
    let unique = via.branch().filter(|branch| branch.len() > COOKIE.len() && branch.starts_with(COOKIE));
    if let Some(branch) = unique {
        return hash.text(branch).finish();
    }
    // RFC 2543 has no such branches.
    let to_tag = match request.method {
        // An ACK has the tag of the answer, which its INVITE has not. All three are to have one branch.
        Method::Invite | Method::Ack | Method::Cancel => None,
        Method::Bye
        | Method::Info
        | Method::Message
        | Method::Notify
        | Method::Options
        | Method::Prack
        | Method::Publish
        | Method::Refer
        | Method::Register
        | Method::Subscribe
        | Method::Update
        | Method::Other => essentials.to.tag(),
    };
    hash.text(syntax::slice(bytes, via.range.clone()))
        .text(to_tag.unwrap_or_default())
        .text(essentials.from.tag().unwrap_or_default())
        .text(essentials.call_id)
        .word(u64::from(essentials.cseq))
        .text(request.uri)
        .finish()
}

/// What decides where the request goes and is the same in its CANCEL and ACK. Route is left out: senders
/// are known to leave it out of the ACK of an error.
fn way(request: &Request<'_, '_>, flow: Option<&Flow>) -> u64 {
    let essentials = &request.essentials;
    let hash = Hash::new().text(request.uri).text(essentials.call_id).word(u64::from(essentials.cseq));
    flow.map_or(hash, |flow| hash.word(u64::from(flow.worker)).word(flow.id)).finish()
}

fn push_hash(text: &mut Vec<u8>, hash: u64) {
    let mut digits = [0; HASH_LENGTH];
    let length = URL_SAFE_NO_PAD
        .encode_slice(hash.to_be_bytes(), &mut digits)
        .expect("eight bytes are eleven digits of base64");
    text.extend_from_slice(digits.get(..length).unwrap_or_default());
}
