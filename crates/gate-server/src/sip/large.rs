//! Requests that are too large for a datagram and go over TCP to a server that is asked over UDP: which
//! they are, and which transactions went so, since what belongs to one must not part (RFC 3261 §9.1,
//! §17.1.1.3). All else about transactions is forgotten at once.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use gate_core::balance::hash;
use sip_proto::Message;

use crate::sip::hub::Origin;
use crate::sip::remembered::{Bounds, Remembered};
use crate::upstream::target::{Target, Whereabouts};

/// INVITEs that went over TCP and may have an ACK or a CANCEL, by their branches. See the module.
pub(crate) struct Large(RefCell<Remembered<()>>);

impl Default for Large {
    fn default() -> Self {
        Self(RefCell::new(Remembered::new(BOUNDS)))
    }
}

impl Large {
    /// Whether a request goes over TCP where requests of more than `limit` bytes do (0: none).
    pub(super) fn takes(&self, limit: u32, origin: &Origin, message: &Message<'_>, now: Instant) -> bool {
        if limit == 0 {
            return false;
        }
        let is_large = usize::try_from(limit).is_ok_and(|limit| message.bytes().len() > limit);
        let branch = message.top_via().ok().and_then(|via| via.branch());
        let transaction = (origin.flow, branch.map_or(0, hash));
        match message.method() {
            Some(b"ACK" | b"CANCEL") => is_large || self.0.borrow().recall(&transaction, now).is_some(),
            // Where nobody could tell its CANCEL, all of it goes as datagrams.
            Some(b"INVITE") => is_large && self.0.borrow_mut().remember(transaction, (), now),
            Some(_) => is_large,
            None => false,
        }
    }
}

/// Whether what goes to a target over TCP gets to the same server as what goes there over UDP.
pub(super) fn is_one_server(target: &Target) -> bool {
    match target.whereabouts() {
        Whereabouts::Unix(_) => false,
        Whereabouts::Fixed(_) => true,
        Whereabouts::Named(named) => named.in_turn().len() == 1,
    }
}

/// INVITEs that are known; more go as datagrams. They are for as long as a call may ring, and a little more
/// (RFC 3261 §16.6, timer C).
const BOUNDS: Bounds = Bounds { all: 16_384, of_client: 128, lasting: Duration::from_secs(200) };

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use sip_proto::Limits;
    use sip_proto::edge::Transport;
    use sip_proto::token::Flow;

    use super::*;
    use crate::clock;

    fn request(method: &str, branch: u32, size: usize) -> String {
        let head = format!(
            "{method} sip:bob@example.org SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK{branch}\r\n\
             From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\nX: "
        );
        let rest = size - head.len() - 4;
        format!("{head}{}\r\n\r\n", "x".repeat(rest))
    }

    fn takes(large: &Large, client: u64, text: &str, now: Instant) -> bool {
        let flow = Flow { process: 0, worker: 0, id: client, peer: None };
        let address = SocketAddr::from(([127, 0, 0, 1], 5060));
        let origin = Origin { flow, address, transport: Transport::Ws, sent_by: "a".into() };
        let message = Message::parse(text.as_bytes(), &Limits::default()).unwrap();
        large.takes(1300, &origin, &message, now)
    }

    #[test]
    fn a_request_goes_by_its_size() {
        let (large, now) = (Large::default(), clock::now());
        for (method, size, expected) in [
            ("MESSAGE", 1300, false),
            ("MESSAGE", 1301, true),
            ("INVITE", 1300, false),
            ("INVITE", 1301, true),
            ("ACK", 1301, true),
        ] {
            assert_eq!(takes(&large, 1, &request(method, 1, size), now), expected, "{method} of {size}");
        }
    }

    #[test]
    fn a_cancel_and_an_ack_go_the_way_of_their_invite() {
        let (large, now) = (Large::default(), clock::now());
        assert!(takes(&large, 1, &request("INVITE", 1, 2000), now));
        assert!(!takes(&large, 1, &request("INVITE", 2, 400), now));
        for method in ["CANCEL", "ACK"] {
            assert!(takes(&large, 1, &request(method, 1, 400), now), "{method}");
            assert!(!takes(&large, 1, &request(method, 2, 400), now), "{method} of the small one");
            assert!(!takes(&large, 2, &request(method, 1, 400), now), "{method} of another client");
            assert!(!takes(&large, 1, &request(method, 1, 400), now + BOUNDS.lasting), "{method}, too late");
        }
        assert!(!takes(&large, 1, &request("BYE", 1, 400), now));
    }

    #[test]
    fn an_invite_that_could_not_be_remembered_is_not_taken() {
        let (large, now) = (Large::default(), clock::now());
        let most = u32::try_from(BOUNDS.of_client).unwrap();
        for branch in 0..most {
            assert!(takes(&large, 1, &request("INVITE", branch, 2000), now), "{branch}");
        }
        assert!(!takes(&large, 1, &request("INVITE", most, 2000), now));
        assert!(takes(&large, 1, &request("MESSAGE", most, 2000), now));
        assert!(takes(&large, 2, &request("INVITE", most, 2000), now));
        assert!(takes(&large, 1, &request("INVITE", most, 2000), now + BOUNDS.lasting));
    }
}
