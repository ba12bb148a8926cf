//! Bytes without sense from either side, in the handshake and behind it: they end their
//! own connection and touch no other.

use testkit::Side::{self, Client, Upstream};
use testkit::frame::{TEXT, frame};
use testkit::message::Message;
use testkit::noise::Noise;
use testkit::rig::Rig;

#[test]
fn garbage_behind_the_handshake_ends_its_own_session_and_no_other() {
    const ROUNDS: u64 = 150;
    let rig = Rig::default();
    let mut bystander = rig.open();
    for seed in 0..ROUNDS {
        let mut noise = Noise::new(seed);
        let mut session = rig.open();
        for from in Side::BOTH {
            // Not all of it can be sent if the other side's has ended the session.
            let _may_be_over = session.peer(from).try_send(&noise.some_bytes(300));
        }
        if noise.below(2) == 0 {
            session.client.abort();
        }
        bystander.pass(Client, &frame(Client, TEXT, b"undisturbed"));
        bystander.pass(Upstream, &frame(Upstream, TEXT, b"so am I"));
    }
    bystander.close();
    let metrics = rig.settled();
    assert_eq!(metrics.get("framegate_connections_opened_total"), 151.0);
    assert_eq!(metrics.sum("framegate_connections_closed_total", ""), 151.0);
    assert_eq!(metrics.sum("framegate_connections_closed_total", "reason=\"aborted\""), 0.0);
    rig.finish();
}

#[test]
fn damaged_requests_are_answered_or_ended_and_touch_no_session() {
    const ROUNDS: u64 = 300;
    let rig = Rig::default();
    let mut bystander = rig.open();
    for seed in 0..ROUNDS {
        let mut noise = Noise::new(seed);
        let mut request = Message::upgrade("/chat").with("Sec-WebSocket-Protocol", "a, b").to_bytes();
        for _ in 0..=noise.below(3) {
            let at = noise.below(request.len());
            let end = (at + noise.below(4)).min(request.len());
            request.splice(at..end, noise.some_bytes(3));
        }
        let mut client = rig.send(&request);
        // Ends what waits for more, and what waits for the upstream where the damage did
        // not matter.
        client.finish();
        let (answer, _) = client.read_to_end();
        let is_refusal = [&b"HTTP/1.1 4"[..], b"HTTP/1.1 5"].iter().any(|start| answer.starts_with(start));
        let shown = answer.escape_ascii().to_string();
        assert!(answer.is_empty() || is_refusal, "{shown} for {}", request.escape_ascii());
        bystander.pass(Client, &frame(Client, TEXT, b"undisturbed"));
    }
    bystander.close();
    let metrics = rig.settled();
    // Damage to the Upgrade field makes a plain request.
    let ended = metrics.sum("framegate_handshake_failures_total", "")
        + metrics.sum("framegate_http_requests_total", "");
    assert_eq!((ended, metrics.get("framegate_connections_opened_total")), (300.0, 1.0));
    let records = rig.stop();
    assert_eq!(records.of("refused").len() + records.of("request").len(), 300);
}
