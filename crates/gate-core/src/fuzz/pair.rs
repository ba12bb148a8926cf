//! Two peers and a driver around one session, in memory and in virtual time.
//!
//! Does with the machine's outputs what the driver with its sockets does, and after every
//! step checks what must hold at all times: each peer gets the other's bytes unchanged but
//! for whole frames that were withheld, pings of the gateway's between them, then at most one
//! Close of the gateway's at a frame boundary, then nothing; what waits is bounded; a session
//! dies once and is soon over.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ws_proto::fuzz::by_the_book::{Reading, Rules};
use ws_proto::walk::Message;
use ws_proto::{CloseCode, ControlFrame, FrameHeader, Opcode, Sender};

use super::deadlines::Deadlines;
use super::streams::Stream;
use super::wire::{Appetite, Ending, Wire, Written};
use crate::policy::Policy;
use crate::rate::Meter;
use crate::session::{Cause, Death, Observe, Output, PingPayload, Progress, Session, Start, Withheld};
use crate::side::Side;

/// See the module.
#[derive(Debug)]
pub struct Pair {
    session: Session,
    policy: Arc<Policy>,
    deflate: bool,
    now: Instant,
    client: Peer,
    upstream: Peer,
    observed: Observed,
    death: Option<(Death, Instant)>,
    largest_read: usize,
}

/// What the session's observer was told, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Frames that passed whole: from whom, what, and bytes of payload.
    pub frames: Vec<(Side, Opcode, u64)>,
    /// Messages that passed whole.
    pub messages: Vec<(Side, Message)>,
    /// What did not pass, or not at once.
    pub withheld: Vec<(Side, Withheld)>,
    /// What the Close frames said that passed.
    pub closes: Vec<(Side, Option<CloseCode>, String)>,
}

/// One peer, its connection, and what the driver knows of both.
#[derive(Debug, Default)]
struct Peer {
    /// Bytes the peer sent that have not been read, as the reads will cut them.
    unread: VecDeque<Vec<u8>>,
    /// How the peer ended its stream, if it did.
    said_end: Option<Said>,
    /// All bytes that were read and are done with.
    read: Vec<u8>,
    /// Where in `read` lies what was put on the other's wire.
    passed: Vec<Range<usize>>,
    /// What goes to the peer.
    wire: Wire,
    /// What the gateway's pings to the peer said.
    pings: Vec<PingPayload>,
    /// The gateway put a Close of its own on the wire.
    was_closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// A FIN that has not been read.
    Fin,
    /// Its end has been read.
    Read,
}

impl Pair {
    /// A session that begins at `now` between two peers that take all they are sent.
    #[must_use]
    pub fn new(policy: Policy, deflate: bool, now: Instant) -> Self {
        Self::with_meters(policy, deflate, now, Vec::new())
    }

    /// The same, with frames counted by these meters.
    #[must_use]
    pub fn with_meters(policy: Policy, deflate: bool, now: Instant, meters: Vec<Meter>) -> Self {
        let policy = Arc::new(policy);
        let start = Start { deflate, now, random: RANDOM, meters: meters.into() };
        Self {
            session: Session::new(Arc::clone(&policy), start),
            policy,
            deflate,
            now,
            client: Peer::default(),
            upstream: Peer::default(),
            observed: Observed::default(),
            death: None,
            largest_read: 0,
        }
    }

    /// A peer sends bytes, which are read at once unless the session wants none.
    pub fn send(&mut self, from: Side, bytes: &[u8]) {
        let peer = self.peer_mut(from);
        if peer.said_end.is_none() && !bytes.is_empty() {
            peer.unread.push_back(bytes.to_vec());
        }
        self.read();
    }

    /// A peer ends its stream with a FIN.
    pub fn fin(&mut self, from: Side) {
        self.peer_mut(from).said_end.get_or_insert(Said::Fin);
        self.read();
    }

    /// A peer's connection breaks; what was not read of it is lost.
    pub fn reset(&mut self, from: Side) {
        let is_over = self.session.is_over();
        let peer = self.peer_mut(from);
        peer.unread.clear();
        peer.said_end = Some(Said::Read);
        if !is_over && peer.wire.ending() != Some(Ending::Rst) {
            self.session.handle_reset(from, self.now);
        }
        self.settle();
    }

    /// Writing to a peer fails from here on; what it sent can still be read.
    pub fn break_writes(&mut self, to: Side) {
        let wire = &mut self.peer_mut(to).wire;
        if wire.ending().is_none() {
            wire.cut(Ending::Broken);
            self.session.handle_write_failed(to, self.now);
        }
        self.settle();
    }

    /// Says how much a peer takes from here on.
    pub fn set_appetite(&mut self, to: Side, appetite: Appetite) {
        let wire = &mut self.peer_mut(to).wire;
        wire.set_appetite(appetite);
        if wire.backlog() > 0 {
            let written = wire.flush();
            self.tell(to, written);
        }
        self.settle();
    }

    /// What the gateway's pings to a peer said so far.
    #[must_use]
    pub fn pings(&self, to: Side) -> &[PingPayload] {
        &self.peer(to).pings
    }

    /// The gateway shuts down.
    pub fn shut_down(&mut self, code: CloseCode) {
        self.session.handle_order(Cause::Shutdown, code, "", self.now);
        self.settle();
    }

    /// Time passes, and each deadline in it.
    pub fn wait(&mut self, time: Duration) {
        self.let_pass(time);
    }

    /// Lets all deadlines come until there are none, and says how long that took.
    pub fn run_out(&mut self) -> Duration {
        self.let_all_pass()
    }

    /// What goes to a peer.
    #[must_use]
    pub fn wire(&self, to: Side) -> &Wire {
        &self.peer(to).wire
    }

    /// What has reached a peer.
    #[must_use]
    pub fn arrived(&self, to: Side) -> &[u8] {
        self.wire(to).arrived()
    }

    /// Whether and how the stream to a peer has ended.
    #[must_use]
    pub fn ending(&self, to: Side) -> Option<Ending> {
        self.wire(to).ending()
    }

    /// What the observer was told.
    #[must_use]
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// The session itself.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// A Close as this driver writes it on behalf of the gateway.
    #[must_use]
    pub fn gateway_close(to: Side, code: CloseCode, reason: &str) -> Vec<u8> {
        ControlFrame::close(code, reason, mask(to)).as_bytes().to_vec()
    }

    /// A ping as this driver writes it on behalf of the gateway.
    #[must_use]
    pub fn gateway_ping(to: Side, payload: PingPayload) -> Vec<u8> {
        ControlFrame::ping(&payload, mask(to)).as_bytes().to_vec()
    }

    /// What is read of the bytes that came from a peer so far.
    #[must_use]
    pub fn reading(&self, from: Side) -> Reading {
        let sender = match from {
            Side::Client => Sender::Client,
            Side::Upstream => Sender::Server,
        };
        let rules = Rules { sender, deflate: self.deflate, limits: self.policy.limits_of(from) };
        Reading::of(&self.peer(from).read, rules)
    }

    /// Checks what all that has come and gone must come to. Costs a reading of it all;
    /// the rest is checked at every step.
    pub fn check_streams(&self) {
        for from in Side::BOTH {
            let (peer, to) = (self.peer(from), self.peer(from.other()));
            let stream = Stream {
                bytes: &peer.read,
                passed: &peer.passed,
                reading: self.reading(from),
                pings: &peer.pings,
                is_alive: self.session.death().is_none() && to.wire.ending().is_none(),
            };
            let seen = stream.check(&self.observed.of(from));
            assert_eq!(usize::try_from(self.session.traffic(from).bytes), Ok(seen.bytes));
            if seen.is_cut {
                assert!(!to.was_closed, "no frame is put into the middle of another");
                assert!(matches!(to.wire.ending(), Some(Ending::Rst | Ending::Broken)));
            }
        }
    }

    fn read(&mut self) {
        loop {
            let readable = Side::BOTH.into_iter().find(|side| {
                let peer = self.peer(*side);
                let has_news = !peer.unread.is_empty() || peer.said_end == Some(Said::Fin);
                has_news && self.session.wants_read(*side)
            });
            let Some(from) = readable else { break };
            let peer = self.peer_mut(from);
            match peer.unread.pop_front() {
                Some(bytes) => self.hand_in(from, &bytes),
                None => {
                    peer.said_end = Some(Said::Read);
                    self.session.handle_fin(from, self.now);
                    self.carry_out();
                }
            }
        }
        self.check();
    }

    fn hand_in(&mut self, from: Side, bytes: &[u8]) {
        self.largest_read = self.largest_read.max(bytes.len());
        let mut rest = bytes;
        let mut idle_steps = 0;
        while !rest.is_empty() {
            let at = self.peer(from).read.len();
            let step = self.session.handle_bytes(from, rest, self.now, &mut self.observed);
            let (done, left) = rest.split_at(step.consumed);
            self.peer_mut(from).read.extend_from_slice(done);
            let held = step.held.as_bytes();
            assert!(held.is_empty() || step.forward.start == 0, "held bytes go before the first");
            let held_at = at.checked_sub(held.len()).expect("what was held back had been read");
            self.forward(from, held_at..at, held);
            let range = at + step.forward.start..at + step.forward.end;
            self.forward(from, range, rest.get(step.forward).expect("the range lies within the input"));
            self.carry_out();
            rest = left;
            if !rest.is_empty() && self.session.is_delayed(from) {
                self.peer_mut(from).unread.push_front(rest.to_vec());
                return;
            }
            idle_steps += usize::from(step.consumed == 0);
            assert!(idle_steps < 2, "a step that consumes nothing ends the session");
        }
    }

    /// Puts bytes of a peer, which it sent there, on the wire to the other one.
    fn forward(&mut self, from: Side, range: Range<usize>, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let peer = self.peer_mut(from);
        assert_eq!(peer.read.get(range.clone()), Some(bytes), "bytes are forwarded as they came");
        match peer.passed.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            Some(last) => {
                assert!(last.end < range.start, "bytes are forwarded once and in order");
                peer.passed.push(range);
            }
            None => peer.passed.push(range),
        }
        let peer = self.peer_mut(from.other());
        assert!(!peer.was_closed, "nothing follows on the gateway's Close");
        let written = peer.wire.write(bytes);
        self.tell(from.other(), written);
    }

    fn carry_out(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::SendClose { to, code, reason } => self.send_close(to, code, &reason),
                Output::SendPing { to, payload } => self.send_ping(to, payload),
                Output::Send { .. } | Output::SendMessage { .. } => {
                    unreachable!("nothing is looked into here")
                }
                Output::Finish(to) => self.peer_mut(to).wire.finish(),
                Output::Abort(to) => self.peer_mut(to).wire.cut(Ending::Rst),
            }
        }
    }

    fn send_close(&mut self, to: Side, code: CloseCode, reason: &str) {
        self.check_boundary(to);
        self.peer_mut(to).was_closed = true;
        let written = self.peer_mut(to).wire.write(&Self::gateway_close(to, code, reason));
        self.tell(to, written);
    }

    fn send_ping(&mut self, to: Side, payload: PingPayload) {
        self.check_boundary(to);
        let peer = self.peer_mut(to);
        assert_eq!(peer.wire.backlog(), 0, "a peer that takes nothing is not asked anything");
        assert!(!peer.pings.contains(&payload), "each ping is another");
        peer.pings.push(payload);
        let written = peer.wire.write(&Self::gateway_ping(to, payload));
        self.tell(to, written);
    }

    /// A frame of the gateway's may go to a peer.
    fn check_boundary(&self, to: Side) {
        let (reading, other) = (self.reading(to.other()), self.peer(to.other()));
        let at = other.passed.last().map_or(0, |last| last.end);
        assert!(reading.is_boundary(at), "a frame of the gateway's goes between two others");
        let had_close = reading.is_closed() && at == reading.tail;
        assert!(!had_close && !self.peer(to).was_closed, "nothing follows on a Close");
    }

    fn tell(&mut self, to: Side, written: Written) {
        match written {
            Written::All => self.session.handle_unblocked(to, self.now),
            Written::Some => self.session.handle_blocked(to, Progress::Some, self.now),
            Written::Nothing => self.session.handle_blocked(to, Progress::None, self.now),
        }
    }

    /// Carries out what an event led to and reads what it made room for.
    fn settle(&mut self) {
        self.carry_out();
        self.read();
    }

    fn check(&mut self) {
        self.session.check_invariants();
        match (self.death, self.session.death()) {
            (None, None) => {}
            (None, Some(death)) => self.death = Some((death, self.now)),
            (Some((first, _)), death) => assert_eq!(death, Some(first), "a session dies once"),
        }
        for peer in [&self.client, &self.upstream] {
            // What one read gave, a header or Close held back before it, a ping and a Close behind it.
            let most = self.largest_read + 3 * ws_proto::control::MAX_CONTROL_LEN;
            assert!(peer.wire.backlog() <= most, "what waits is bounded");
        }
        if self.session.is_over() {
            for peer in [&self.client, &self.upstream] {
                assert!(peer.wire.ending().is_some(), "over is what has ended and arrived");
            }
            assert!(self.death.is_some(), "a session ends for a reason");
        } else if let Some((death, at)) = self.death
            && death.cause != Cause::Fin
            && !self.policy.timeouts.close.is_zero()
        {
            let dying = self.now - at;
            assert!(dying < self.policy.timeouts.close, "the end comes within the close deadline");
        }
    }

    fn peer(&self, side: Side) -> &Peer {
        match side {
            Side::Client => &self.client,
            Side::Upstream => &self.upstream,
        }
    }

    fn peer_mut(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Client => &mut self.client,
            Side::Upstream => &mut self.upstream,
        }
    }
}

impl Deadlines for Pair {
    fn clock(&mut self) -> &mut Instant {
        &mut self.now
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.session.poll_timeout().filter(|_| !self.session.is_over())
    }

    fn look_at_clock(&mut self) {
        self.session.handle_timeout(self.now);
        self.settle();
    }
}

impl Observed {
    /// What of it is about a side.
    #[must_use]
    pub fn of(&self, from: Side) -> Self {
        fn only<T: Clone>(all: &[T], is_of: impl Fn(&T) -> bool) -> Vec<T> {
            all.iter().filter(|item| is_of(item)).cloned().collect()
        }
        Self {
            frames: only(&self.frames, |(side, ..)| *side == from),
            messages: only(&self.messages, |(side, _)| *side == from),
            withheld: only(&self.withheld, |(side, _)| *side == from),
            closes: only(&self.closes, |(side, ..)| *side == from),
        }
    }
}

impl Observe for Observed {
    fn frame(&mut self, from: Side, header: &FrameHeader, message: Option<&Message>) {
        assert_eq!(message.is_some(), !header.opcode.is_control(), "data frames belong to messages");
        self.frames.push((from, header.opcode, header.payload_len));
    }

    fn message(&mut self, from: Side, message: &Message) {
        self.messages.push((from, *message));
    }

    fn close(&mut self, from: Side, code: Option<CloseCode>, reason: &str) {
        self.closes.push((from, code, reason.to_owned()));
    }

    fn withheld(&mut self, from: Side, what: Withheld) {
        self.withheld.push((from, what));
    }
}

/// The key of frames of the gateway's.
fn mask(to: Side) -> Option<[u8; 4]> {
    match to {
        Side::Client => None,
        // The same every time: fresh and random is for networks.
        Side::Upstream => Some([0x5a, 0x01, 0xc3, 0x7e]),
    }
}

/// What a session is given to draw its secrets from.
const RANDOM: u64 = 0x0123_4567_89ab_cdef;
