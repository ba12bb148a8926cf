//! What goes through the gateway, with both of its ends in the test's hands: a plain request
//! and its answer, or a WebSocket connection.

use gate_core::Side;
use ws_proto::CloseCode;

use crate::frame;
use crate::head::Head;
use crate::message::Message;
use crate::peer::{Ending, Peer};

/// A WebSocket connection through the gateway: both ends of it.
#[derive(Debug)]
pub struct Session {
    /// The end that connected.
    pub client: Peer,
    /// The end that was dialled.
    pub upstream: Peer,
    /// The request as it came to the upstream.
    pub request: Head,
    /// The 101 as it came to the client.
    pub response: Head,
}

/// A plain request under way through the gateway: both ends of it.
#[derive(Debug)]
pub struct Exchange {
    /// The end that asked.
    pub client: Peer,
    /// The end that was dialled.
    pub upstream: Peer,
    /// The request as it came to the upstream.
    pub request: Head,
}

impl Exchange {
    /// For a client that has sent its request.
    ///
    /// # Panics
    /// When it does not come to the upstream.
    #[must_use]
    #[track_caller]
    pub fn begin(client: Peer, mut upstream: Peer) -> Self {
        let request = upstream.read_head();
        Self { client, upstream, request }
    }

    /// Answers; gives the head of the answer as the client got it.
    ///
    /// # Panics
    /// When none comes.
    #[track_caller]
    pub fn answer(&mut self, answer: &Message) -> Head {
        self.upstream.send(&answer.to_bytes());
        self.client.read_head()
    }

    /// Asks again on the same connections.
    ///
    /// # Panics
    /// When the request does not come to the upstream on the one that is there.
    #[track_caller]
    pub fn ask(&mut self, request: &Message) {
        self.client.send(&request.to_bytes());
        self.request = self.upstream.read_head();
    }
}

impl Session {
    /// For a client that has sent its request; with the valid answer as `adjust` changes it.
    ///
    /// # Panics
    /// When it does not come about.
    #[must_use]
    #[track_caller]
    pub fn establish(mut client: Peer, mut upstream: Peer, adjust: impl FnOnce(Message) -> Message) -> Self {
        let request = upstream.read_head();
        upstream.send(&adjust(Message::switching(&request)).to_bytes());
        let response = client.read_head();
        assert_eq!(response.status(), 101, "{response:?}");
        Self { client, upstream, request, response }
    }

    /// One of the two ends.
    pub fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }

    /// Sends `bytes` from one end and reads them at the other.
    ///
    /// # Panics
    /// When they do not come out, or not as they went in.
    #[track_caller]
    pub fn pass(&mut self, from: Side, bytes: &[u8]) {
        self.peer(from).send(bytes);
        self.peer(from.other()).expect(bytes);
    }

    /// The closing handshake of RFC 6455 §7.1.2, begun by the client.
    ///
    /// # Panics
    /// When it does not go as it should.
    #[track_caller]
    pub fn close(mut self) {
        self.pass(Side::Client, &frame::close(Side::Client, CloseCode::NORMAL.get(), ""));
        self.pass(Side::Upstream, &frame::close(Side::Upstream, CloseCode::NORMAL.get(), ""));
        self.end();
    }

    /// What follows on the two Closes: the server ends first (§7.1.1), and both are done.
    ///
    /// # Panics
    /// When bytes or a reset come in place of the end.
    #[track_caller]
    pub fn end(mut self) {
        self.upstream.finish();
        self.client.expect_end(Ending::Fin);
        self.client.finish();
        self.upstream.expect_end(Ending::Fin);
    }
}
