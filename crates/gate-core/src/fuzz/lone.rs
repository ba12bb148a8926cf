//! One peer and a driver around one endpoint, in memory and in virtual time.
//!
//! Does with the machine's outputs what the driver with its socket does, and after every step
//! checks what must hold at all times; [`Lone::check_streams`] holds all that came and went
//! against a reading by the book.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ws_proto::fuzz::by_the_book::{Reading, Rules};
use ws_proto::walk::{End, Limits};
use ws_proto::{CloseCode, Opcode, Sender};

use super::deadlines::Deadlines;
use super::wire::{Appetite, Ending, Wire, Written};
use crate::endpoint::{Endpoint, EndpointPolicy, Frame, Kind, Message, NotOpen, Output, Role};
use crate::session::{Cause, Death, Party, Progress};

/// See the module.
#[derive(Debug)]
pub struct Lone {
    endpoint: Endpoint,
    policy: Arc<EndpointPolicy>,
    now: Instant,
    /// Bytes the peer sent that have not been read, as the reads will cut them.
    unread: VecDeque<Vec<u8>>,
    has_said_fin: bool,
    /// All bytes that the endpoint has looked at.
    heard: Vec<u8>,
    wire: Wire,
    /// Bytes have waited for the peer at some time.
    has_waited: bool,
    keys: u32,
    messages: Vec<Got>,
    frames: Vec<Frame>,
    pings: Vec<Vec<u8>>,
    said: Vec<Vec<u8>>,
    /// Messages that are still taken before the driver pauses.
    hunger: usize,
    death: Option<(Death, Instant)>,
}

/// A message that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// Text or binary.
    pub kind: Kind,
    /// What it said.
    pub payload: Vec<u8>,
    /// It was handed over where it was read.
    pub is_in_place: bool,
}

impl Lone {
    /// An endpoint that begins at `now`, whose peer takes all it is sent.
    #[must_use]
    pub fn new(policy: EndpointPolicy, role: Role, now: Instant) -> Self {
        let policy = Arc::new(policy);
        Self {
            endpoint: Endpoint::new(Arc::clone(&policy), role, now, RANDOM),
            policy,
            now,
            unread: VecDeque::new(),
            has_said_fin: false,
            heard: Vec::new(),
            wire: Wire::default(),
            has_waited: false,
            keys: 0,
            messages: Vec::new(),
            frames: Vec::new(),
            pings: Vec::new(),
            said: Vec::new(),
            hunger: usize::MAX,
            death: None,
        }
    }

    /// The peer sends bytes, which are one read.
    pub fn send(&mut self, bytes: &[u8]) {
        if !self.has_said_fin && !bytes.is_empty() {
            self.unread.push_back(bytes.to_vec());
        }
        self.settle();
    }

    /// The peer ends its stream with a FIN.
    pub fn fin(&mut self) {
        self.has_said_fin = true;
        self.settle();
    }

    /// The connection breaks; what was not read is lost.
    pub fn reset(&mut self) {
        self.unread.clear();
        self.has_said_fin = true;
        if !self.endpoint.is_over() && self.wire.ending() != Some(Ending::Rst) {
            self.endpoint.handle_reset(self.now);
        }
        self.settle();
    }

    /// Writing fails from here on; what the peer sent can still be read.
    pub fn break_writes(&mut self) {
        if self.wire.ending().is_none() {
            self.wire.cut(Ending::Broken);
            self.endpoint.handle_write_failed(self.now);
        }
        self.settle();
    }

    /// Says how much the peer takes from here on.
    pub fn set_appetite(&mut self, appetite: Appetite) {
        self.wire.set_appetite(appetite);
        if self.wire.backlog() > 0 {
            let written = self.wire.flush();
            self.tell(written);
        }
        self.settle();
    }

    /// The driver takes so many messages more, and then pauses.
    pub fn take_messages(&mut self, count: usize) {
        self.hunger = count;
        if count > 0 {
            self.endpoint.resume(self.now);
        } else {
            self.endpoint.pause();
        }
        self.settle();
    }

    /// The driver sends a message.
    ///
    /// # Errors
    /// The endpoint sends nothing any more.
    pub fn say(&mut self, kind: Kind, payload: &[u8]) -> Result<(), NotOpen> {
        let mut out = b"before".to_vec();
        let message = Message::new(kind, payload);
        let keys = &mut self.keys;
        self.endpoint.send_message(&message, self.now, &mut || next_key(keys), &mut out)?;
        assert!(self.wire.is_open(), "nothing is sent behind the end");
        self.said.push(payload.to_vec());
        let frame = out.strip_prefix(b"before").expect("what was there stays as it is");
        let written = self.wire.write(frame);
        self.tell(written);
        self.settle();
        Ok(())
    }

    /// The driver ends the connection on somebody's behalf.
    pub fn close(&mut self, death: Death, code: CloseCode, reason: &'static str) {
        self.endpoint.close(death, code, reason, self.now);
        self.settle();
    }

    /// The gateway shuts down.
    pub fn shut_down(&mut self) {
        let death = Death { cause: Cause::Shutdown, by: Party::Gateway };
        self.close(death, CloseCode::GOING_AWAY, "");
    }

    /// Time passes, and each deadline in it.
    pub fn wait(&mut self, time: Duration) {
        self.let_pass(time);
    }

    /// Lets all deadlines come until there are none, and says how long that took.
    pub fn run_out(&mut self) -> Duration {
        self.let_all_pass()
    }

    /// The endpoint itself.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The messages that came.
    #[must_use]
    pub fn messages(&self) -> &[Got] {
        &self.messages
    }

    /// The frames that came.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// What the endpoint's pings said so far.
    #[must_use]
    pub fn pings(&self) -> &[Vec<u8>] {
        &self.pings
    }

    /// What has reached the peer.
    #[must_use]
    pub fn arrived(&self) -> &[u8] {
        self.wire.arrived()
    }

    /// What has reached the peer, frame by frame: opcode and plain payload.
    #[must_use]
    pub fn told(&self) -> Vec<(Opcode, Vec<u8>)> {
        self.wire_frames().1
    }

    /// Whether and how the stream to the peer has ended.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.wire.ending()
    }

    /// Holds all that came and went against a reading of it by the book.
    pub fn check_streams(&self) {
        self.check_sent();
        let reading = self.reading();
        let payloads = payloads(&self.heard, self.peer_sends(), &reading);
        let frames = self.frames.iter().map(|frame| (frame.header.opcode, frame.header.payload_len));
        assert!(frames.eq(reading.frames.iter().map(|frame| (frame.opcode, frame.payload_len))));
        let messages = messages(&reading, &payloads);
        let got = self.messages.iter().map(|got| (got.kind.opcode(), &got.payload));
        assert!(got.eq(messages.iter().map(|(opcode, payload)| (*opcode, payload))), "messages are whole");
        let counted = self.endpoint.received();
        assert_eq!(counted.frames, count(self.frames.len()));
        assert_eq!(counted.messages, count(self.messages.len()));
        self.check_pongs(&reading, &payloads);
        let cause = self.endpoint.death().map(|death| death.cause);
        match reading.end {
            Some(End::Violation(error)) => {
                assert!(self.is_ended_by(Cause::Violation(error)), "{error:?} ends it, not {cause:?}");
            }
            Some(End::Close(code)) => {
                assert!(self.is_ended_by(Cause::Close(code)), "the Close ends it, not {cause:?}");
                assert_eq!(self.endpoint.closes().received, Some(code));
            }
            None | Some(End::Refused) => {
                assert!(!matches!(cause, Some(Cause::Violation(_) | Cause::Close(_))), "{cause:?}");
                assert_eq!(self.endpoint.closes().received, None);
                let whole = count(reading.tail);
                assert!(counted.bytes >= whole && counted.bytes <= count(self.heard.len()));
            }
        }
    }

    /// What is read of the bytes that the endpoint has looked at.
    fn reading(&self) -> Reading {
        let rules = Rules { sender: self.peer_sends(), deflate: false, limits: &self.policy.limits };
        Reading::of(&self.heard, rules)
    }

    /// That, unless the end had begun for another reason.
    fn is_ended_by(&self, cause: Cause) -> bool {
        self.endpoint.death().is_some_and(|death| {
            death.cause == cause || !matches!(death.cause, Cause::Violation(_) | Cause::Close(_))
        })
    }

    /// All that is on the wire is whole frames by the endpoint's own role, the Close is the last, and the
    /// messages are those that were said.
    fn check_sent(&self) {
        let (reading, frames) = self.wire_frames();
        let violation = matches!(reading.end, Some(End::Violation(_)));
        assert!(!violation, "what is sent is legal: {:?}", reading.end);
        let messages = frames.iter().filter(|(opcode, _)| !opcode.is_control());
        assert!(messages.map(|(_, payload)| payload).eq(self.said.iter().take(reading.messages.len())));
        if self.wire.backlog() == 0 && matches!(self.wire.ending(), None | Some(Ending::Fin)) {
            assert_eq!(reading.tail, self.arrived().len(), "frames go whole");
            assert_eq!(self.endpoint.sent().bytes, count(self.arrived().len()));
            assert_eq!(self.endpoint.sent().frames, count(frames.len()));
            assert_eq!(self.endpoint.sent().messages, count(self.said.len()));
            let closed = reading.end.map(|end| match end {
                End::Close(code) => code,
                End::Violation(_) | End::Refused => unreachable!("what is sent is legal"),
            });
            assert_eq!(self.endpoint.closes().sent, closed);
        }
    }

    /// Pongs answer pings in their order, and while the connection is open and bytes go the last one
    /// is answered; each is, if bytes always went. Pings may say the same, so from the end on each
    /// pong stands for the last that it can answer.
    fn check_pongs(&self, reading: &Reading, payloads: &[Vec<u8>]) {
        let pings = reading.frames.iter().zip(payloads).filter(|(frame, _)| frame.opcode == Opcode::Ping);
        let pings: Vec<_> = pings.map(|(_, payload)| payload).collect();
        let told = self.told();
        let pongs = told.iter().filter(|(opcode, _)| *opcode == Opcode::Pong).map(|(_, payload)| payload);
        let pongs: Vec<_> = pongs.collect();
        let mut left = pings.iter().rev();
        for pong in pongs.iter().rev() {
            assert!(left.any(|ping| ping == pong), "a pong answers a ping that came");
        }
        if self.endpoint.death().is_none() && !self.endpoint.is_ending() && self.wire.backlog() == 0 {
            assert_eq!(pongs.last(), pings.last(), "the last ping is answered");
            assert!(self.has_waited || pongs.len() == pings.len(), "each ping is answered");
        }
    }

    fn wire_frames(&self) -> (Reading, Vec<(Opcode, Vec<u8>)>) {
        let sender = self.sends();
        let limits = Limits::default();
        let reading = Reading::of(self.arrived(), Rules { sender, deflate: false, limits: &limits });
        let payloads = payloads(self.arrived(), sender, &reading);
        let frames = reading.frames.iter().map(|frame| frame.opcode).zip(payloads).collect();
        (reading, frames)
    }

    /// The plain payload of a frame of the endpoint's.
    fn payload(&self, frame: &[u8]) -> Vec<u8> {
        let limits = Limits::default();
        let rules = Rules { sender: self.sends(), deflate: false, limits: &limits };
        payloads(frame, self.sends(), &Reading::of(frame, rules)).pop().expect("a frame is sent whole")
    }

    fn sends(&self) -> Sender {
        match self.endpoint.role() {
            Role::Server => Sender::Server,
            Role::Client => Sender::Client,
        }
    }

    fn peer_sends(&self) -> Sender {
        match self.endpoint.role() {
            Role::Server => Sender::Client,
            Role::Client => Sender::Server,
        }
    }

    /// Carries out what an event led to, and reads what is there.
    fn settle(&mut self) {
        self.carry_out();
        while self.endpoint.wants_read() {
            if let Some(bytes) = self.unread.pop_front() {
                self.hand_in(bytes);
            } else if self.has_said_fin {
                self.endpoint.handle_fin(self.now);
                self.carry_out();
            } else {
                break;
            }
        }
        self.check();
    }

    fn hand_in(&mut self, mut bytes: Vec<u8>) {
        let original = bytes.clone();
        let mut at = 0;
        while at < bytes.len() {
            let is_hearing = self.endpoint.is_hearing();
            let rest = bytes.get_mut(at..).expect("it lies within");
            let step = self.endpoint.handle_bytes(rest, self.now);
            assert!(step.consumed > 0, "a step makes headway");
            at += step.consumed;
            self.frames.extend(step.frame);
            if let Some(Message { kind, payload }) = step.message {
                let is_in_place = matches!(payload, Cow::Borrowed(_));
                self.messages.push(Got { kind, payload: payload.into_owned(), is_in_place });
                self.hunger = self.hunger.saturating_sub(1);
            }
            let done = original.get(at - step.consumed..at).expect("no more than there is");
            if is_hearing {
                self.heard.extend_from_slice(done);
            }
            let rest = bytes.get(at..).expect("it lies within");
            assert_eq!(Some(rest), original.get(at..), "what is not done with is untouched");
            self.carry_out();
            if self.hunger == 0 {
                self.endpoint.pause();
                if !rest.is_empty() {
                    self.unread.push_front(rest.to_vec());
                }
                return;
            }
        }
    }

    fn carry_out(&mut self) {
        loop {
            let keys = &mut self.keys;
            let Some(output) = self.endpoint.poll_output(self.now, &mut || next_key(keys)) else { break };
            match output {
                Output::Send { opcode, frame } => {
                    let is_answerable = opcode == Opcode::Close || self.wire.backlog() == 0;
                    assert!(is_answerable, "a peer that takes nothing is neither asked nor answered");
                    let written = self.wire.write(frame.as_bytes());
                    if opcode == Opcode::Ping {
                        let payload = self.payload(frame.as_bytes());
                        assert!(!self.pings.contains(&payload), "each ping is another");
                        self.pings.push(payload);
                    }
                    self.tell(written);
                }
                Output::Finish => self.wire.finish(),
                Output::Abort => self.wire.cut(Ending::Rst),
            }
        }
    }

    fn tell(&mut self, written: Written) {
        self.has_waited |= written != Written::All;
        match written {
            Written::All => self.endpoint.handle_unblocked(self.now),
            Written::Some => self.endpoint.handle_blocked(Progress::Some, self.now),
            Written::Nothing => self.endpoint.handle_blocked(Progress::None, self.now),
        }
    }

    fn check(&mut self) {
        self.endpoint.check_invariants();
        match (self.death, self.endpoint.death()) {
            (None, None) => {}
            (None, Some(death)) => self.death = Some((death, self.now)),
            (Some((first, _)), death) => assert_eq!(death, Some(first), "a connection dies once"),
        }
        let limit = self.policy.limits.message_size_max;
        let most = usize::try_from(limit.saturating_mul(2)).unwrap_or(usize::MAX).max(16);
        assert!(limit == 0 || self.endpoint.buffered() <= most, "what is kept is bounded");
        if self.endpoint.is_over() {
            assert!(self.wire.ending().is_some(), "over is what has ended and arrived");
            assert!(self.death.is_some(), "a connection ends for a reason");
            assert_eq!(self.endpoint.buffered(), 0);
        } else if let Some((_, at)) = self.death
            && !self.policy.timeouts.close.is_zero()
        {
            assert!(self.now - at < self.policy.timeouts.close, "the end comes within the close deadline");
        }
    }
}

impl Deadlines for Lone {
    fn clock(&mut self) -> &mut Instant {
        &mut self.now
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.endpoint.poll_timeout().filter(|_| !self.endpoint.is_over())
    }

    fn look_at_clock(&mut self) {
        self.endpoint.handle_timeout(self.now);
        self.settle();
    }
}

/// The plain payloads of the frames of a reading.
fn payloads(bytes: &[u8], sender: Sender, reading: &Reading) -> Vec<Vec<u8>> {
    let payload = |end: usize, length: u64| {
        let start = end - usize::try_from(length).expect("it is in memory");
        let key_at = start.checked_sub(4).filter(|_| sender == Sender::Client);
        let key = key_at.and_then(|at| bytes.get(at..start)).unwrap_or(&[0]);
        let masked = bytes.get(start..end).unwrap_or_default();
        masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect()
    };
    reading.frames.iter().map(|frame| payload(frame.end, frame.payload_len)).collect()
}

/// The whole messages of a reading.
fn messages(reading: &Reading, payloads: &[Vec<u8>]) -> Vec<(Opcode, Vec<u8>)> {
    let data = reading.frames.iter().zip(payloads).filter(|(frame, _)| !frame.opcode.is_control());
    let mut frames = data.map(|(_, payload)| payload);
    let whole = reading.messages.iter().map(|message| {
        let fragments = usize::try_from(message.fragments).expect("they are in memory");
        let payload = frames.by_ref().take(fragments).flatten().copied().collect();
        (message.opcode, payload)
    });
    whole.collect()
}

/// Another key for each frame.
fn next_key(keys: &mut u32) -> [u8; 4] {
    *keys = keys.wrapping_mul(0x0019_660d).wrapping_add(0x3c6e_f35f);
    keys.to_be_bytes()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// What an endpoint is given to draw its secrets from.
const RANDOM: u64 = 0x0123_4567_89ab_cdef;
