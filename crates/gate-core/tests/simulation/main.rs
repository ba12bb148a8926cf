//! Thousands of sessions at random: legal and illegal traffic both ways, cut up at random,
//! with peers that are slow, rude, gone or silent, and a gateway that may shut down, asks its
//! peers whether they are there, and lets them send only so fast.
//!
//! What holds at every step is checked by [`Pair`]; here is what the peers may rely on. A
//! failure names its seed: `FRAMEGATE_SEED=n` plays that one alone, `FRAMEGATE_SEEDS=n`
//! plays so many.

mod workload;

use std::collections::BTreeSet;
use std::env;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gate_core::fuzz::{Appetite, Ending, Pair, frame};
use gate_core::rate::{Bucket, Meter, Metered, OnExceed, Rate};
use gate_core::{Age, Keepalive, Limits, PingTo, Policy, Side, Timeouts};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use ws_proto::fuzz::by_the_book::{Reading, Rules};
use ws_proto::walk::End;
use ws_proto::{CloseCode, Sender};

use workload::Workload;

#[test]
fn whatever_happens_no_peer_sees_a_fault_and_every_session_ends() {
    let number = |name| env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    if let Some(seed) = number("FRAMEGATE_SEED") {
        println!("{:?}", Simulation::new(seed).play());
        return;
    }
    let seeds = 0..number("FRAMEGATE_SEEDS").unwrap_or(SEEDS).max(SEEDS);
    let seen: BTreeSet<_> = seeds.flat_map(|seed| Simulation::new(seed).play()).collect();
    let expected = [
        "close",
        "fin",
        "reset",
        "send_timeout",
        "frame_timeout",
        "rate_limit",
        "ping_timeout",
        "idle_timeout",
        "max_age",
        "shutdown",
        "unmasked_frame",
        "masked_frame",
        "reserved_opcode",
        "unexpected_rsv1",
        "invalid_utf8",
        "invalid_close_code",
        "frame_too_large",
        "message_too_large",
        "too_many_fragments",
        "OwnPong",
        "Message",
        "Control",
        "Delayed",
    ];
    for expected in expected {
        assert!(seen.contains(expected), "{expected} never came up: {seen:?}");
    }
}

/// Enough for every cause of death to come up, few enough to be played with every test.
const SEEDS: u64 = 3_000;

/// One session and its two peers.
struct Simulation {
    seed: u64,
    dice: StdRng,
    policy: Policy,
    deflate: bool,
    pair: Pair,
    peers: [Peer; 2],
}

/// How a peer behaves.
struct Peer {
    workload: Workload,
    /// Answers a Close and a FIN.
    is_polite: bool,
    /// Bytes of frames that it has begun to send.
    unsent: Vec<u8>,
    has_closed: bool,
    has_ended: bool,
    /// Pings of the gateway's that it has answered.
    answered: usize,
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed);
        let deflate = dice.random_bool(0.5);
        let begun = start();
        let meters = meters(&mut dice, begun);
        let policy = policy(&mut dice, &meters);
        let rudeness = *[0.0, 0.002, 0.05].get(dice.random_range(0..3)).expect("one of three");
        let peers = Side::BOTH.map(|side| Peer {
            workload: Workload::new(side, deflate, rudeness),
            is_polite: dice.random_bool(0.8),
            unsent: Vec::new(),
            has_closed: false,
            has_ended: false,
            answered: 0,
        });
        let pair = Pair::with_meters(policy.clone(), deflate, begun, meters);
        Self { seed, dice, policy, deflate, pair, peers }
    }

    /// Plays the session to its end and says what it died of, and what was withheld.
    fn play(mut self) -> Vec<String> {
        for _ in 0..self.dice.random_range(10..120) {
            let side = if self.dice.random() { Side::Client } else { Side::Upstream };
            match self.dice.random_range(0..1000) {
                0..700 => self.talk(side),
                700..800 => self.eat(side),
                800..900 => self.pair.wait(Duration::from_millis(self.dice.random_range(1..2_000))),
                900..950 => self.pair.check_streams(),
                950..985 => self.pair.set_appetite(side, Appetite::Endless),
                985..990 => self.end(side),
                990..992 => self.pair.reset(side),
                992..994 => self.pair.break_writes(side),
                994..996 => self.pair.shut_down(CloseCode::GOING_AWAY),
                _ => self.pair.wait(Duration::from_secs(self.dice.random_range(1..70))),
            }
            Side::BOTH.into_iter().for_each(|side| self.react(side));
        }
        self.pair.check_streams();
        self.check_the_end();
        Side::BOTH.into_iter().for_each(|side| self.check_arrived(side));
        let cause = self.pair.session().death().map_or("nothing", |death| death.cause.reason());
        let withheld = self.pair.observed().withheld.iter().map(|(_, what)| format!("{what:?}"));
        withheld.chain([cause.to_owned()]).collect()
    }

    /// A peer sends a piece of what it has to say.
    fn talk(&mut self, side: Side) {
        let [client, upstream] = &mut self.peers;
        let peer = match side {
            Side::Client => client,
            Side::Upstream => upstream,
        };
        if peer.has_ended {
            return;
        }
        if peer.unsent.is_empty() && !peer.has_closed {
            for _ in 0..self.dice.random_range(1..5) {
                let next = peer.workload.next(&mut self.dice);
                peer.unsent.extend_from_slice(&next.bytes);
                peer.has_closed |= next.is_close;
            }
        }
        let length = peer.unsent.len();
        let count = if self.dice.random_bool(0.5) { length } else { self.dice.random_range(0..=length) };
        let piece: Vec<u8> = peer.unsent.drain(..count).collect();
        self.pair.send(side, &piece);
    }

    fn eat(&mut self, side: Side) {
        let appetite = match self.dice.random_range(0..10) {
            0..4 => Appetite::Endless,
            4..6 => Appetite::Bytes(0),
            _ => Appetite::Bytes(self.dice.random_range(1..3_000)),
        };
        self.pair.set_appetite(side, appetite);
    }

    fn end(&mut self, side: Side) {
        self.peer_mut(side).has_ended = true;
        self.pair.fin(side);
    }

    /// A polite peer answers what has reached it.
    fn react(&mut self, side: Side) {
        let pings = self.pair.pings(side).to_vec();
        let peer = self.peer_mut(side);
        if peer.is_polite && !peer.has_closed {
            for ping in pings.iter().skip(peer.answered) {
                peer.unsent.extend(frame(side, 0x8a, ping));
            }
            peer.answered = pings.len();
        }
        let peer = self.peer(side);
        if self.pair.session().death().is_none() || !peer.is_polite || peer.has_ended {
            return;
        }
        if self.pair.ending(side).is_some() {
            self.end(side);
        } else if !peer.has_closed && matches!(self.arrived(side).end, Some(End::Close(_))) {
            let peer = self.peer_mut(side);
            let answer = peer.workload.close(1000);
            peer.unsent.extend_from_slice(&answer);
            peer.has_closed = true;
        }
    }

    /// From here on the peers do nothing; the session must come to its end by itself.
    fn check_the_end(&mut self) {
        let timeouts = self.policy.timeouts;
        if self.pair.session().death().is_none() {
            self.pair.run_out();
        }
        if self.pair.session().death().is_none() {
            self.pair.shut_down(CloseCode::GOING_AWAY);
            assert!(self.pair.run_out() <= timeouts.close);
        }
        let longest = timeouts.half_close.max(timeouts.send) + timeouts.close;
        assert!(self.pair.run_out() <= longest);
        assert!(self.pair.session().is_over());
        self.pair.check_streams();
    }

    /// What reached a peer is legal: frames, then at most one Close, then nothing.
    fn check_arrived(&self, to: Side) {
        let arrived = self.pair.arrived(to);
        let reading = self.arrived(to);
        assert!(!matches!(reading.end, Some(End::Violation(_))), "no peer is sent a fault");
        if reading.end.is_some() {
            assert_eq!(reading.tail, arrived.len(), "nothing follows on a Close");
        } else if self.pair.ending(to) == Some(Ending::Fin) {
            let other_ended = self.peer(to.other()).has_ended;
            assert!(other_ended, "a FIN without a Close is the other peer's");
        }
    }

    fn arrived(&self, to: Side) -> Reading {
        let sender = match to {
            Side::Client => Sender::Server,
            Side::Upstream => Sender::Client,
        };
        let rules = Rules { sender, deflate: self.deflate, limits: &self.policy.limits };
        Reading::of(self.pair.arrived(to), rules)
    }

    fn peer(&self, side: Side) -> &Peer {
        let [client, upstream] = &self.peers;
        match side {
            Side::Client => client,
            Side::Upstream => upstream,
        }
    }

    fn peer_mut(&mut self, side: Side) -> &mut Peer {
        let [client, upstream] = &mut self.peers;
        match side {
            Side::Client => client,
            Side::Upstream => upstream,
        }
    }
}

/// What the session must keep to.
fn policy(dice: &mut StdRng, meters: &[Meter]) -> Policy {
    let drops = meters.iter().any(|meter| meter.on_exceed == OnExceed::Drop);
    let seconds = |dice: &mut StdRng, share: f64, below: u64| {
        let is_on = dice.random_bool(share);
        Duration::from_secs(if is_on { dice.random_range(1..below) } else { 0 })
    };
    let limits = Limits {
        frame_size_max: if dice.random_bool(0.2) { 1_000 } else { 0 },
        message_size_max: if dice.random_bool(0.2) { 1_500 } else { 0 },
        fragments_max: if dice.random_bool(0.2) { 3 } else { 0 },
        // What goes nowhere is not judged, but the reading by the book judges all.
        validate_utf8: !drops && dice.random_bool(0.9),
    };
    let timeouts = Timeouts {
        frame: if dice.random_bool(0.2) { Duration::from_secs(3) } else { Duration::ZERO },
        idle: seconds(dice, 0.1, 20),
        idle_counts_control: dice.random(),
        ..Timeouts::default()
    };
    let max = seconds(dice, 0.1, 40);
    let keepalive = Keepalive {
        interval: seconds(dice, 0.3, 10),
        timeout: seconds(dice, 0.8, 10),
        to: *[PingTo::Client, PingTo::Upstream, PingTo::Both].choose(dice).expect("one of three"),
    };
    let age = Age { max, jitter: max / 2, ..Age::default() };
    Policy { limits, timeouts, age, keepalive, ..Policy::default() }
}

/// How fast the peers may send.
fn meters(dice: &mut StdRng, begun: Instant) -> Vec<Meter> {
    let count = if dice.random_bool(0.3) { dice.random_range(1..4) } else { 0 };
    let one = |_| {
        let kinds = [Metered::Messages, Metered::Frames, Metered::Bytes, Metered::ControlFrames];
        let of = *kinds.choose(dice).expect("one of four");
        let unit = if of == Metered::Bytes { 100 } else { 1 };
        let on_exceed = [OnExceed::Close, OnExceed::Drop, OnExceed::Drop, OnExceed::Delay, OnExceed::Delay];
        let rate = Rate {
            tokens: unit * dice.random_range(1..20),
            per: Duration::from_secs(1),
            burst: unit * dice.random_range(1..50),
        };
        Meter {
            of,
            from: if dice.random() { Side::Client } else { Side::Upstream },
            on_exceed: *on_exceed.choose(dice).expect("one of five"),
            bucket: Arc::new(Bucket::new(rate, begun)),
        }
    };
    (0..count).map(one).collect()
}

/// Says which seed it was that failed.
impl Drop for Simulation {
    #[expect(clippy::print_stderr, reason = "the one thing to know about a failure")]
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("play this one again with FRAMEGATE_SEED={}", self.seed);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}
