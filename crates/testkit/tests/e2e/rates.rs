//! Peers that send faster than they may: closed, dropped or delayed.

use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::Stopwatch;
use testkit::frame::{PING, TEXT, close, frame};
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::Rig;

fn rig(limits: &str) -> Rig {
    let text = format!(
        "routes {{ route \"all\" {{ upstream \"a\"; websocket {{ {limits} }} }} }}\n\
         upstreams {{ upstream \"a\" {{ target \"$0\" }} }}"
    );
    Rig::from_kdl(vec![Backend::default()], &text)
}

fn numbered(from: Side, numbers: std::ops::Range<u32>) -> Vec<u8> {
    numbers.flat_map(|number| frame(from, TEXT, format!("message {number}").as_bytes())).collect()
}

#[test]
fn whoever_sends_too_much_is_closed_with_1008() {
    for from in Side::BOTH {
        let rig = rig(&format!("rate-limit {{ messages \"5/h\"; from \"{from}\" }}"));
        let mut session = rig.open();
        session.peer(from.other()).send(&numbered(from.other(), 0..20));
        session.peer(from).expect(&numbered(from.other(), 0..20));
        session.peer(from).send(&numbered(from, 0..6));
        session.peer(from.other()).expect(&numbered(from, 0..5));
        for side in [from.other(), from] {
            assert_eq!(session.peer(side).read_frame().close(), Some((1008, "rate_limit")));
            session.peer(side).send(&close(side, 1008, ""));
            session.peer(side).finish();
        }
        for side in Side::BOTH {
            session.peer(side).expect_end(Ending::Fin);
        }
        let records = rig.finish();
        let record = records.of("close").into_iter().find(|record| record["reason"] == "rate_limit");
        assert_has(record.expect("a record of it"), &json!({"by": from.name()}));
    }
}

#[test]
fn messages_above_the_rate_are_dropped_whole_and_counted() {
    let rig = rig("rate-limit { messages \"3/h\"; control-frames \"2/h\"; on-exceed \"drop\" }");
    let mut session = rig.open();
    let fragmented = [frame(Client, 0x01, b"frag"), frame(Client, PING, b"1"), frame(Client, 0x80, b"ment")];
    session.pass(Client, &[numbered(Client, 0..2), fragmented.concat()].concat());
    // The ping between the fragments of a message that goes nowhere passes.
    session.client.send(&[numbered(Client, 3..5), fragmented.concat(), frame(Client, PING, b"2")].concat());
    session.upstream.expect(&fragmented[1]);
    session.pass(Upstream, &numbered(Upstream, 0..9));
    let metrics = rig.metrics();
    let dropped = |what: &str| metrics.get(&format!("framegate_{what}_dropped_total{{from=\"client\"}}"));
    let counted = [dropped("messages"), dropped("control_frames")].map(f64::to_bits);
    assert_eq!(counted, [3.0, 1.0].map(f64::to_bits));
    session.close();
    rig.finish();
}

#[test]
fn whoever_is_delayed_gets_all_through_in_order_at_the_rate() {
    let rig = rig("rate-limit { messages 50; burst 5; on-exceed \"delay\" }");
    let mut session = rig.open();
    let stopwatch = Stopwatch::start();
    // One segment, so that most of it is read long before it may pass; the end right behind it.
    let all = [numbered(Client, 0..25), close(Client, 1000, "")].concat();
    session.client.send(&all);
    session.upstream.expect(&all);
    // 20 of the 25 wait for 20 ms each.
    assert!(stopwatch.read() >= Duration::from_millis(390), "{stopwatch:?}");
    session.pass(Upstream, &close(Upstream, 1000, ""));
    let delays = rig.metrics().get("framegate_frames_delayed_total{from=\"client\"}");
    // Behind one that is woken late the next need not wait.
    assert!((1.0..=20.0).contains(&delays), "{delays}");
    session.end();
    rig.finish();
}

#[test]
fn a_fin_behind_what_is_delayed_is_seen_behind_it() {
    let rig = rig("rate-limit { messages 20; burst 1; on-exceed \"delay\" }");
    let mut session = rig.open();
    session.client.send(&numbered(Client, 0..5));
    session.client.finish();
    session.upstream.expect(&numbered(Client, 0..5));
    session.upstream.expect_end(Ending::Fin);
    session.upstream.finish();
    session.client.expect_end(Ending::Fin);
    rig.finish();
}

#[test]
fn whoever_is_delayed_is_not_read() {
    let rig = rig("rate-limit { bytes \"1MB/h\"; burst-bytes \"1KB\"; on-exceed \"delay\" }");
    let mut session = rig.open();
    let message = frame(Client, TEXT, &[b'x'; 1000]);
    session.pass(Client, &message.repeat(2));
    let sent = session.client.send_until_blocked(&message.repeat(64 * 1024), Duration::from_millis(200));
    assert!(sent < message.len() * 64 * 1024, "all of it was taken");
    // The other direction goes on.
    session.pass(Upstream, &numbered(Upstream, 0..9));
    session.upstream.expect_silence(Duration::from_millis(50));
    // The end is not delayed: what waits goes nowhere.
    session.upstream.send(&close(Upstream, 1000, ""));
    assert_eq!(session.client.read_frame().close(), Some((1000, "")));
    drop(session);
    rig.finish();
}
