//! Much traffic: large amounts through slow readers, and many sessions at once, every
//! byte as it went in.

use std::thread;

use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::frame::{PING, close, frame, large};
use testkit::message::Message;
use testkit::noise::Noise;
use testkit::peer::Peer;
use testkit::rig::{Rig, Session};

/// What the kernel may hold for a slow reader.
const BUFFER: usize = 256 * 1024;

/// Frames of all sizes, some 4 MiB, to be sent again and again.
fn tape(from: Side, seed: u64) -> Vec<u8> {
    let mut noise = Noise::new(seed);
    let payloads = noise.repeated(300_000);
    let mut tape = Vec::new();
    for size_max in [100, 1_000, 70_000, 300_000].into_iter().cycle() {
        tape.extend(large(from, noise.piece(&payloads, size_max)));
        tape.extend(frame(from, PING, &noise.some_bytes(125)));
        if tape.len() > 4 * 1024 * 1024 {
            break;
        }
    }
    tape
}

/// Reads `rounds` of `tape`, each of the first four not before the gateway has had to wait
/// once more.
fn read_slowly(rig: &Rig, reader: &mut Peer, from: Side, tape: &[u8], rounds: usize) {
    let pauses = || rig.metrics().get(&format!("framegate_backpressure_pauses_total{{from=\"{from}\"}}"));
    let mut seen = 0.0;
    let mut buffer = vec![0; 64 * 1024];
    for round in 0..rounds {
        if round < 4 {
            seen =
                eventually("the gateway waits for the reader", || Some(pauses()).filter(|now| *now > seen));
        }
        let mut rest = tape;
        while !rest.is_empty() {
            let came = reader.read_some(&mut buffer, rest.len());
            rest = rest.strip_prefix(came).expect("the bytes that went in");
        }
    }
}

/// A session between peers with small buffers.
fn open(rig: &Rig) -> Session {
    let mut client = rig.connect();
    client.keep_buffers_small(BUFFER);
    client.send(&Message::upgrade("/flow").to_bytes());
    rig.answer(client, |answer| answer)
}

#[test]
fn row_55_64_mib_come_through_a_slow_reader_byte_by_byte_as_they_went_in() {
    const ROUNDS: usize = 16;
    for from in Side::BOTH {
        let rig = Rig::before(Backend::with_small_buffers(BUFFER), |_| {});
        let mut session = open(&rig);
        let tape = tape(from, 64);
        let mut writer = session.peer(from).second_hand();
        thread::scope(|scope| {
            let tape = &tape;
            scope.spawn(move || (0..ROUNDS).for_each(|_| writer.send(tape)));
            read_slowly(&rig, session.peer(from.other()), from, tape, ROUNDS);
        });
        session.close();
        let bytes = rig.settled().get(&format!("framegate_bytes_total{{from=\"{from}\"}}"));
        let closes = close(from, 1000, "").len();
        assert_eq!(bytes, f64::from(u32::try_from(tape.len() * ROUNDS + closes).unwrap()));
        rig.finish();
    }
}

#[test]
fn both_directions_may_be_slow_at_once() {
    const ROUNDS: usize = 6;
    let rig = Rig::before(Backend::with_small_buffers(BUFFER), |_| {});
    let session = open(&rig);
    let tapes = Side::BOTH.map(|side| tape(side, 2));
    thread::scope(|scope| {
        let (rig, tapes) = (&rig, &tapes);
        let peers = [&session.client, &session.upstream];
        for side in Side::BOTH {
            let mut writer = peers[side.index()].second_hand();
            scope.spawn(move || (0..ROUNDS).for_each(|_| writer.send(&tapes[side.index()])));
            let mut reader = peers[side.other().index()].second_hand();
            scope.spawn(move || read_slowly(rig, &mut reader, side, &tapes[side.index()], ROUNDS));
        }
    });
    session.close();
    rig.finish();
}

#[test]
fn two_hundred_sessions_at_once_keep_their_bytes_apart() {
    const THREADS: u64 = 4;
    const SESSIONS: usize = 50;
    const ROUNDS: usize = 12;
    let rig = Rig::with(|settings| settings.workers = 2);
    let sessions = || (0..SESSIONS).map(|_| rig.open()).collect::<Vec<_>>();
    let groups: Vec<_> = (0..THREADS).map(|seed| (seed, sessions())).collect();
    rig.await_metric("framegate_connections_active", 200.0);
    thread::scope(|scope| {
        for (seed, mut sessions) in groups {
            scope.spawn(move || {
                let mut noise = Noise::new(seed);
                let payloads = noise.repeated(100_000);
                for _ in 0..ROUNDS {
                    exchange(&mut sessions, &mut noise, &payloads);
                }
                sessions.into_iter().for_each(Session::close);
            });
        }
    });
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_connections_opened_total"), 200.0);
    assert_eq!(metrics.get("framegate_connections_closed_total{reason=\"close\",by=\"client\"}"), 200.0);
    let records = rig.finish();
    assert_eq!((records.of("open").len(), records.of("close").len()), (200, 200));
}

/// Every session gets random frames from both ends, cut anywhere, before any is read.
fn exchange(sessions: &mut [Session], noise: &mut Noise, payloads: &[u8]) {
    let mut sent = Vec::new();
    for session in &mut *sessions {
        sent.push([Client, Upstream].map(|from| {
            let mut frames = frame(from, PING, &noise.some_bytes(125));
            for _ in 0..3 {
                frames.extend(large(from, noise.piece(payloads, 4_000)));
            }
            let (first, second) = frames.split_at(noise.below(frames.len()));
            session.peer(from).send(first);
            session.peer(from).send(second);
            (from, frames)
        }));
    }
    for (session, sent) in sessions.iter_mut().zip(&sent) {
        for (from, frames) in sent {
            session.peer(from.other()).expect(frames);
        }
    }
}
