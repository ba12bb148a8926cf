//! Requests that are too large for a datagram and go over TCP to a server that is asked over UDP: which
//! they are, and which transactions went so, since what belongs to one must not part (RFC 3261 §9.1,
//! §17.1.1.3). All else about transactions is forgotten at once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use gate_core::balance::hash;
use sip_proto::Message;

use crate::sip::hub::Origin;
use crate::upstream::target::{Target, Whereabouts};

/// See the module.
#[derive(Default)]
pub(crate) struct Large(RefCell<Known>);

/// Until when an INVITE may have an ACK or a CANCEL, by its client and branch.
#[derive(Default)]
struct Known {
    until: HashMap<(u64, u64), Instant>,
    /// How many of them each client has.
    of_client: HashMap<u64, usize>,
    /// Those that are over are not looked for before then.
    next_sweep: Option<Instant>,
}

impl Large {
    /// Whether a request goes over TCP where requests of more than `limit` bytes do (0: none).
    pub(super) fn takes(&self, limit: u32, origin: &Origin, message: &Message<'_>, now: Instant) -> bool {
        if limit == 0 {
            return false;
        }
        let is_large = usize::try_from(limit).is_ok_and(|limit| message.bytes().len() > limit);
        let branch = message.top_via().ok().and_then(|via| via.branch());
        let transaction = (origin.flow.id, branch.map_or(0, hash));
        match message.method() {
            Some(b"ACK" | b"CANCEL") => is_large || self.knows(transaction, now),
            // Where nobody could tell its CANCEL, all of it goes as datagrams.
            Some(b"INVITE") => is_large && self.remember(transaction, now),
            Some(_) => is_large,
            None => false,
        }
    }

    fn knows(&self, transaction: (u64, u64), now: Instant) -> bool {
        self.0.borrow().until.get(&transaction).is_some_and(|until| *until > now)
    }

    fn remember(&self, transaction: (u64, u64), now: Instant) -> bool {
        self.0.borrow_mut().remember(transaction, now)
    }
}

impl Known {
    /// Whether there was room.
    fn remember(&mut self, transaction: (u64, u64), now: Instant) -> bool {
        let (client, _) = transaction;
        if let Some(until) = self.until.get_mut(&transaction) {
            *until = now + KNOWN_FOR;
            return true;
        }
        if self.is_full(client) && self.next_sweep.is_none_or(|at| at <= now) {
            self.next_sweep = Some(now + SWEEP_EVERY);
            self.sweep(now);
        }
        let has_room = !self.is_full(client);
        if has_room {
            self.until.insert(transaction, now + KNOWN_FOR);
            *self.of_client.entry(client).or_default() += 1;
        }
        has_room
    }

    fn is_full(&self, client: u64) -> bool {
        let of_client = self.of_client.get(&client).copied().unwrap_or_default();
        self.until.len() >= KNOWN_MAX || of_client >= OF_CLIENT_MAX
    }

    fn sweep(&mut self, now: Instant) {
        self.until.retain(|_, until| *until > now);
        self.of_client.clear();
        for (client, _) in self.until.keys() {
            *self.of_client.entry(*client).or_default() += 1;
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

/// Transactions that are known at a time; more go as datagrams.
const KNOWN_MAX: usize = 16_384;

/// Of one client: nobody takes the room of the others.
const OF_CLIENT_MAX: usize = 128;

/// Between two looks for transactions that are over, while there is no room.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// How long a call may ring, and a little more (RFC 3261 §16.6, timer C).
const KNOWN_FOR: Duration = Duration::from_secs(200);

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
            assert!(!takes(&large, 1, &request(method, 1, 400), now + KNOWN_FOR), "{method}, too late");
        }
        assert!(!takes(&large, 1, &request("BYE", 1, 400), now));
    }

    #[test]
    fn one_client_does_not_take_the_room_of_others() {
        let (large, now) = (Large::default(), clock::now());
        let most = u32::try_from(OF_CLIENT_MAX).unwrap();
        for branch in 0..most {
            assert!(takes(&large, 1, &request("INVITE", branch, 2000), now), "{branch}");
        }
        assert!(!takes(&large, 1, &request("INVITE", most, 2000), now));
        assert!(takes(&large, 1, &request("INVITE", 0, 2000), now), "it is known already");
        assert!(takes(&large, 2, &request("INVITE", 0, 2000), now));
        assert!(!takes(&large, 1, &request("INVITE", most, 2000), now + KNOWN_FOR / 2));
        assert!(takes(&large, 1, &request("INVITE", most, 2000), now + KNOWN_FOR));
    }

    #[test]
    fn what_is_over_is_looked_for_once_a_second() {
        let (large, now) = (Large::default(), clock::now());
        for client in 0..u64::try_from(KNOWN_MAX).unwrap() {
            assert!(large.remember((client, 0), now));
        }
        let almost = now + KNOWN_FOR - SWEEP_EVERY / 2;
        for (at, has_room) in [(almost, false), (now + KNOWN_FOR, false), (almost + SWEEP_EVERY, true)] {
            assert_eq!(large.remember((0, 1), at), has_room, "{:?}", at - now);
        }
    }

    #[test]
    fn an_invite_that_could_not_be_remembered_is_not_taken() {
        let (large, now) = (Large::default(), clock::now());
        for client in 0..u64::try_from(KNOWN_MAX).unwrap() {
            assert!(large.remember((client, 0), now));
        }
        assert!(!takes(&large, 1, &request("INVITE", 1, 2000), now));
        assert!(takes(&large, 1, &request("MESSAGE", 1, 2000), now));
        assert!(takes(&large, 1, &request("INVITE", 1, 2000), now + KNOWN_FOR));
    }
}
