//! Peers that take nothing: the other side is no longer read, so that memory stays
//! bounded, and after the send timeout the sleeper is cut off.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::{Stopwatch, eventually};
use testkit::frame::{TEXT, close, frame, large};
use testkit::message::Message;
use testkit::noise::Noise;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};

/// What the kernel may hold of one connection of a peer.
const BUFFER: usize = 256 * 1024;
/// What a peer sends that has no end of patience: far more than the kernel holds of the
/// gateway's own connections.
const FLOOD: usize = 64 * 1024 * 1024;
/// Until a sender is taken to be blocked.
const BLOCKED: Duration = Duration::from_millis(100);

/// A session whose peers' kernels hold little. `send`: the timeout.
fn open(send: Duration) -> (Rig, Session) {
    let rig = Rig::before(Backend::with_small_buffers(BUFFER), |settings| settings.timeouts.send = send);
    let mut client = rig.connect();
    client.keep_buffers_small(BUFFER);
    client.send(&Message::upgrade("/slow").to_bytes());
    let session = rig.answer(client, |answer| answer);
    (rig, session)
}

fn flood(from: Side) -> Vec<u8> {
    large(from, &Noise::new(55).repeated(FLOOD))
}

#[test]
fn row_55_a_peer_that_takes_nothing_stops_the_other_side_and_is_cut_off_after_the_send_timeout() {
    for from in Side::BOTH {
        let (rig, mut session) = open(Duration::from_millis(300));
        let flood = flood(from);
        let mut writer = session.peer(from).second_hand();
        let sleeper = from.other();
        thread::scope(|scope| {
            // Once the sleeper is cut off, the rest is read and dropped.
            scope.spawn(|| writer.send(&flood));
            assert_eq!(session.peer(from).read_frame().close(), Some((1001, "")));
            let (came, ending) = session.peer(sleeper).read_to_end();
            assert_eq!(ending, Ending::Reset);
            assert!(flood.starts_with(&came), "what came is the beginning of what was sent");
        });
        session.peer(from).send(&close(from, 1001, ""));
        session.peer(from).finish();
        session.peer(from).expect_end(Ending::Fin);
        let pauses = rig.settled().get(&format!("framegate_backpressure_pauses_total{{from=\"{from}\"}}"));
        assert!(pauses >= 1.0);
        let records = rig.finish();
        let record = records.only("close");
        let close_sent = format!("{from}_close_sent");
        assert_has(record, &json!({"reason": "send_timeout", "by": sleeper.name(), close_sent: 1001}));
        let passed = record[format!("{from}_bytes")].as_u64().and_then(|bytes| usize::try_from(bytes).ok());
        assert!(passed.is_some_and(|passed| passed < FLOOD / 2), "{record}");
    }
}

#[test]
fn row_55_a_peer_that_takes_a_little_now_and_then_is_not_cut_off() {
    let (rig, mut session) = open(Duration::from_millis(1500));
    let flood = flood(Client);
    let mut writer = session.client.second_hand();
    thread::scope(|scope| {
        scope.spawn(|| writer.send(&flood));
        // Longer than the send timeout in all, in steps that are shorter.
        let (slowly, at_once) = flood.split_at(flood.len() / 2);
        for piece in slowly.chunks(slowly.len() / 5 + 1) {
            session.client.expect_silence(Duration::from_millis(350));
            session.upstream.expect(piece);
        }
        session.upstream.expect(at_once);
    });
    session.close();
    rig.finish();
}

#[test]
fn row_55_a_direction_that_is_blocked_does_not_block_the_other() {
    for blocked in Side::BOTH {
        let (rig, mut session) = open(Duration::from_secs(60));
        let flood = flood(blocked);
        let sent = session.peer(blocked).send_until_blocked(&flood, BLOCKED);
        assert!(sent < flood.len());
        let free = blocked.other();
        for _ in 0..100 {
            session.pass(free, &frame(free, TEXT, b"not held up"));
        }
        drop(session);
        rig.finish();
    }
}

#[test]
fn row_55_a_sleeper_that_goes_is_not_waited_for() {
    for from in [Client, Upstream] {
        let (rig, mut session) = open(Duration::from_secs(60));
        let sent = session.peer(from).send_until_blocked(&flood(from), BLOCKED);
        assert!(sent < FLOOD);
        let (sleeper, mut sender) = match from {
            Client => (session.upstream, session.client),
            Upstream => (session.client, session.upstream),
        };
        sleeper.abort();
        sender.expect_end(Ending::Reset);
        drop(sender);
        let records = rig.finish();
        assert_has(records.only("close"), &json!({"reason": "reset", "by": from.other().name()}));
    }
}

#[test]
fn a_session_that_is_always_busy_leaves_time_for_the_others() {
    let rig = Rig::default();
    let (busy, mut other) = (rig.open(), rig.open());
    let message = large(Client, &Noise::new(59).repeated(1024 * 1024));
    let (came, goes_on) = (AtomicUsize::new(0), AtomicBool::new(true));
    thread::scope(|scope| {
        let (mut writer, mut reader) = (busy.client.second_hand(), busy.upstream);
        let (message, came, goes_on) = (&message, &came, &goes_on);
        // Ends when the reader is gone.
        scope.spawn(move || while writer.try_send(message).is_ok() {});
        scope.spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            while goes_on.load(Ordering::Relaxed) {
                came.fetch_add(reader.read_some(&mut buffer, usize::MAX).len(), Ordering::Relaxed);
            }
            reader.abort();
        });
        let more_than = |before: usize| Some(came.load(Ordering::Relaxed)).filter(|now| *now > before);
        let before = eventually("the busy session is busy", || more_than(message.len()));
        let stopwatch = Stopwatch::start();
        for _ in 0..50 {
            other.pass(Client, &frame(Client, TEXT, b"me too"));
        }
        assert!(stopwatch.read() < Duration::from_secs(10), "{stopwatch:?}");
        eventually("the busy session still is", || more_than(before));
        goes_on.store(false, Ordering::Relaxed);
    });
    other.close();
    rig.finish();
}
