//! What can only be measured in a process that does nothing else: descriptors and memory.
//! The tests take turns.

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use testkit::Side;
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::frame::{BINARY, Length, TEXT, frame, header, large, mask_of};
use testkit::message::Message;
use testkit::peer::Peer;
use testkit::rig::Rig;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The open descriptors of this process.
fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("a Linux system").count()
}

/// A line of /proc/self/status, in bytes.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a Linux system");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")).and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("a number of kB") * KIB
}

/// How clients leave a handshake.
#[derive(Clone, Copy, Debug)]
enum Leaving {
    WithoutAWord,
    WithinTheHead,
    BehindABadKey,
    WhileTheUpstreamThinks,
    BehindEarlyData,
}

/// How the connection ends.
#[derive(Clone, Copy, Debug)]
enum By {
    Fin,
    Rst,
}

const WAYS: [(Leaving, By); 10] = [
    (Leaving::WithoutAWord, By::Fin),
    (Leaving::WithoutAWord, By::Rst),
    (Leaving::WithinTheHead, By::Fin),
    (Leaving::WithinTheHead, By::Rst),
    (Leaving::BehindABadKey, By::Fin),
    (Leaving::BehindABadKey, By::Rst),
    (Leaving::WhileTheUpstreamThinks, By::Fin),
    (Leaving::WhileTheUpstreamThinks, By::Rst),
    (Leaving::BehindEarlyData, By::Fin),
    (Leaving::BehindEarlyData, By::Rst),
];

fn leave(client: Peer, by: By) {
    match by {
        By::Fin => drop(client),
        By::Rst => client.abort(),
    }
}

/// One handshake that comes to nothing.
fn abort_handshake(rig: &Rig, leaving: Leaving, by: By) {
    let request = Message::upgrade("/aborted");
    let whole = request.to_bytes();
    match leaving {
        Leaving::WithoutAWord => leave(rig.connect(), by),
        Leaving::WithinTheHead => leave(rig.send(whole.split_at(whole.len() / 2).0), by),
        Leaving::BehindABadKey => {
            leave(rig.send(&request.replace("Sec-WebSocket-Key", "bad").to_bytes()), by)
        }
        Leaving::WhileTheUpstreamThinks => {
            let client = rig.send(&whole);
            let mut upstream = rig.backend().accept();
            let _request = upstream.read_head();
            leave(client, by);
            let _end = upstream.read_to_end();
        }
        Leaving::BehindEarlyData => {
            let client = rig.send(&request.body(&frame(Side::Client, TEXT, b"early")).to_bytes());
            let mut upstream = rig.backend().accept();
            let head = upstream.read_head();
            leave(client, by);
            upstream.send(&Message::switching(&head).to_bytes());
            upstream.finish();
            let _end = upstream.read_to_end();
        }
    }
}

#[test]
fn row_22_two_thousand_aborted_handshakes_leave_nothing_behind() {
    const SEATS: u64 = 20;
    let _turn = turn();
    let rig = Rig::with(|settings| settings.max_connections = SEATS);
    let hundred_rounds = || {
        for (leaving, by) in WAYS.into_iter().cycle().take(100 * WAYS.len()) {
            abort_handshake(&rig, leaving, by);
        }
        rig.settled()
    };
    rig.assert_serves();
    let _settled = rig.settled();
    let descriptors_before = descriptors();
    let _settled = hundred_rounds();
    let memory_between = memory("VmRSS");
    let metrics = hundred_rounds();
    // Each came to something that was counted; some clients were gone before their 101.
    let opened = metrics.get("framegate_connections_opened_total");
    let failed = metrics.sum("framegate_handshake_failures_total", "");
    assert_eq!(metrics.get("framegate_connections_accepted_total"), 2_001.0);
    assert_eq!(opened + failed, 2_001.0);
    let memory_after = memory("VmRSS");
    assert!(memory_after < memory_between + 4 * MIB, "{memory_between} has become {memory_after}");
    // A scrape's connection may have been open still when the count was taken.
    eventually("all descriptors are closed", || (descriptors() <= descriptors_before).then_some(()));
    // All seats are free.
    let sessions: Vec<_> = (0..SEATS).map(|_| rig.open()).collect();
    drop(sessions);
    let records = rig.finish();
    assert!(
        records.reasons("refused")["key_invalid"] >= 200,
        "an RST may overtake the request, a FIN cannot"
    );
    assert!(!records.reasons("refused").contains_key("max_connections"));
}

#[test]
fn row_30_a_frame_that_announces_1_gib_reserves_nothing() {
    let _turn = turn();
    let rig = Rig::default();
    rig.assert_serves();
    let before = memory("VmSize");
    let mut sessions = Vec::new();
    for from in Side::BOTH {
        let mut session = rig.open();
        session.pass(from, &header(BINARY, mask_of(from), Length::Fewest(1 << 30)));
        session.pass(from, b"and one byte, and another");
        sessions.push(session);
    }
    let after = memory("VmSize");
    assert!(after < before + 512 * MIB, "{before} has become {after}");
    drop(sessions);
    rig.finish();
}

#[test]
fn row_55_peers_that_take_nothing_cost_a_buffer_each() {
    const SESSIONS: u64 = 8;
    /// Of the peers, so that only the gateway's own fill up.
    const KERNEL_BUFFER: usize = 64 * 1024;
    let _turn = turn();
    let rig = Rig::before(Backend::with_small_buffers(KERNEL_BUFFER), |_| {});
    rig.assert_serves();
    let flood = Side::BOTH.map(|side| large(side, &vec![7; 64 * 1024 * 1024]));
    let before = memory("VmRSS");
    let mut sessions = Vec::new();
    for (number, from) in (0..SESSIONS).zip(Side::BOTH.into_iter().cycle()) {
        let client = rig.connect();
        client.keep_buffers_small(KERNEL_BUFFER);
        let mut client = client;
        client.send(&Message::upgrade("/flooded").to_bytes());
        let mut session = rig.answer(client, |answer| answer);
        let sent = session.peer(from).send_until_blocked(&flood[from.index()], Duration::from_millis(100));
        assert!(sent < flood[from.index()].len(), "session {number} took it all");
        sessions.push(session);
    }
    let after = memory("VmRSS");
    // 64 KiB each, and as much again for what else there is.
    assert!(after < before + SESSIONS * 128 * KIB + 2 * MIB, "{before} has become {after}");
    drop(sessions);
    rig.finish();
}
