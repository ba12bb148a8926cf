//! How sessions end: closing handshakes, FIN, RST, and peers that do none of it. What a
//! peer does to its connection, the other sees done to its own.

use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::deadline::{Stopwatch, eventually};
use testkit::frame::{CLOSE, PING, TEXT, close, frame};
use testkit::peer::Ending::{Fin, Reset};
use testkit::records::assert_has;
use testkit::rig::Rig;

/// Every timer that ends something, short.
const SHORT: Duration = Duration::from_millis(200);

fn hasty() -> Rig {
    Rig::with(|settings| settings.timeouts.close = SHORT)
}

#[test]
fn codes_and_reasons_pass_untouched_in_both_directions() {
    let rig = Rig::default();
    let long = "x".repeat(123);
    let codes =
        [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
    for first in Side::BOTH {
        for (code, reason) in
            codes.map(|code| (code, "bye ✓")).into_iter().chain([(1000, ""), (4321, &*long)])
        {
            let mut session = rig.open();
            session.pass(first, &close(first, code, reason));
            session.pass(first.other(), &close(first.other(), 4000, "and thanks"));
            session.end();
        }
    }
    let records = rig.finish();
    let closes = records.of("close");
    assert_eq!(closes.len(), 36);
    assert_has(
        closes[15],
        &json!({
            "reason": "close", "by": "client",
            "client_close_received": 4999, "upstream_close_sent": 4999,
            "upstream_close_received": 4000, "client_close_sent": 4000,
        }),
    );
    assert_has(
        closes[35],
        &json!({
            "reason": "close", "by": "upstream",
            "upstream_close_received": 4321, "client_close_sent": 4321,
            "client_close_received": 4000, "upstream_close_sent": 4000,
        }),
    );
}

#[test]
fn a_close_split_anywhere_passes_whole() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let whole = close(first, 4001, "split");
        for at in 1..whole.len() {
            let mut session = rig.open();
            session.peer(first).send(&whole[..at]);
            session.peer(first).send(&whole[at..]);
            session.peer(first.other()).expect(&whole);
            session.pass(first.other(), &close(first.other(), 4001, ""));
            session.end();
        }
    }
    rig.finish();
}

#[test]
fn a_close_without_a_code_passes_without_one_and_is_recorded_as_1005() {
    let rig = Rig::default();
    let mut session = rig.open();
    session.pass(Client, &frame(Client, CLOSE, b""));
    session.pass(Upstream, &frame(Upstream, CLOSE, b""));
    session.end();
    assert_has(
        rig.finish().only("close"),
        &json!({
            "client_close_received": 1005, "client_close_sent": 1005,
            "upstream_close_received": 1005, "upstream_close_sent": 1005,
        }),
    );
}

#[test]
fn both_may_close_at_once() {
    let rig = Rig::default();
    for _ in 0..50 {
        let mut session = rig.open();
        let [from_client, from_upstream] = [close(Client, 4001, "c"), close(Upstream, 4002, "u")];
        session.client.send(&from_client);
        session.upstream.send(&from_upstream);
        session.client.expect(&from_upstream);
        session.upstream.expect(&from_client);
        session.end();
    }
    for record in rig.finish().of("close") {
        assert_has(
            record,
            &json!({
                "reason": "close",
                "client_close_received": 4001, "client_close_sent": 4002,
                "upstream_close_received": 4002, "upstream_close_sent": 4001,
            }),
        );
    }
}

#[test]
fn what_the_other_side_still_sends_behind_a_close_arrives_until_its_own_close() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        session.pass(first, &close(first, 1000, ""));
        for _ in 0..100 {
            session.pass(first.other(), &frame(first.other(), TEXT, b"still sending"));
        }
        session.pass(first.other(), &close(first.other(), 1000, ""));
        session.end();
    }
    rig.finish();
}

#[test]
fn a_fin_passes_as_a_fin_and_the_other_direction_goes_on() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        session.pass(first, &frame(first, TEXT, b"last words"));
        session.peer(first).finish();
        session.peer(first.other()).expect_end(Fin);
        for _ in 0..100 {
            session.pass(first.other(), &frame(first.other(), TEXT, b"I still hear you"));
        }
        session.peer(first.other()).finish();
        session.peer(first).expect_end(Fin);
    }
    let records = rig.finish();
    for (record, first) in records.of("close").into_iter().zip(Side::BOTH) {
        assert_has(record, &json!({"reason": "fin", "by": first.name()}));
        assert_eq!(record.get("client_close_sent"), None, "no Close was invented");
    }
}

#[test]
fn a_closing_handshake_may_follow_on_a_fin() {
    let rig = Rig::default();
    let mut session = rig.open();
    session.client.finish();
    session.upstream.expect_end(Fin);
    session.pass(Upstream, &close(Upstream, 1001, "without you"));
    session.upstream.finish();
    session.client.expect_end(Fin);
    assert_has(
        rig.finish().only("close"),
        &json!({"reason": "fin", "by": "client", "client_close_sent": 1001}),
    );
}

#[test]
fn a_fin_within_a_frame_passes_behind_what_there_is_of_it() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        let cut = frame(first, TEXT, b"half of")[..9].to_vec();
        session.peer(first).send(&cut);
        session.peer(first).finish();
        assert_eq!(session.peer(first.other()).read_to_end(), (cut, Fin));
        session.peer(first.other()).finish();
        session.peer(first).expect_end(Fin);
    }
    rig.finish();
}

#[test]
fn a_peer_that_stays_silent_behind_the_fin_of_the_other_is_cut_off() {
    for first in Side::BOTH {
        let rig = Rig::with(|settings| settings.timeouts.half_close = SHORT);
        let mut session = rig.open();
        session.peer(first).finish();
        session.peer(first.other()).expect_end(Fin);
        let stopwatch = Stopwatch::start();
        session.peer(first).expect_end(Reset);
        assert!(stopwatch.read() >= SHORT / 2, "{stopwatch:?}");
        let other = session.peer(first.other());
        eventually("the silent side is cut off as well", || other.try_send(b"late").err());
        assert_has(rig.finish().only("close"), &json!({"reason": "fin", "by": first.name()}));
    }
}

#[test]
fn a_reset_passes_as_a_reset() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        session.pass(first, &frame(first, TEXT, b"suddenly"));
        session.pass(first.other(), &frame(first.other(), TEXT, b"yes?"));
        let (gone, mut left) = match first {
            Client => (session.client, session.upstream),
            Upstream => (session.upstream, session.client),
        };
        gone.abort();
        left.expect_end(Reset);
    }
    let records = rig.finish();
    for (record, first) in records.of("close").into_iter().zip(Side::BOTH) {
        assert_has(record, &json!({"reason": "reset", "by": first.name()}));
        assert_eq!(record.get("client_close_sent"), None, "no Close was invented");
    }
}

#[test]
fn a_reset_behind_a_fin_passes_as_a_reset() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        session.peer(first).finish();
        session.peer(first.other()).expect_end(Fin);
        let (gone, mut left) = match first {
            Client => (session.upstream, session.client),
            Upstream => (session.client, session.upstream),
        };
        gone.abort();
        left.expect_end(Reset);
    }
    rig.finish();
}

#[test]
fn row_53_what_follows_on_a_close_is_dropped() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        let goodbye = close(first, 1000, "");
        let excess = [goodbye.clone(), frame(first, PING, b"no"), b"\xff\xff\xff".repeat(100_000)].concat();
        let mut sender = session.peer(first).second_hand();
        std::thread::scope(|scope| {
            let excess = &excess;
            scope.spawn(move || sender.send(excess));
            session.peer(first.other()).expect(&goodbye);
            session.pass(first.other(), &close(first.other(), 1000, ""));
        });
        session.end();
    }
    let records = rig.finish();
    for (record, first) in records.of("close").into_iter().zip(Side::BOTH) {
        let frames = format!("{first}_frames");
        assert_has(record, &json!({"reason": "close", "by": first.name(), frames: 1}));
    }
}

#[test]
fn row_53_a_close_that_is_never_answered_ends_in_two_resets() {
    for first in Side::BOTH {
        let rig = hasty();
        let mut session = rig.open();
        let stopwatch = Stopwatch::start();
        session.pass(first, &close(first, 1000, ""));
        for side in Side::BOTH {
            session.peer(side).expect_end(Reset);
        }
        assert!(stopwatch.read() >= SHORT, "{stopwatch:?}");
        assert_has(rig.finish().only("close"), &json!({"reason": "close", "by": first.name()}));
    }
}

#[test]
fn row_53_two_closes_without_an_end_of_the_connection_end_in_two_resets() {
    let rig = hasty();
    let mut session = rig.open();
    session.pass(Client, &close(Client, 1000, ""));
    session.pass(Upstream, &close(Upstream, 1000, ""));
    for side in Side::BOTH {
        session.peer(side).expect_end(Reset);
    }
    rig.finish();
}

#[test]
fn row_53_a_client_that_does_not_end_behind_the_end_of_the_upstream_is_reset() {
    let rig = hasty();
    let mut session = rig.open();
    session.pass(Client, &close(Client, 1000, ""));
    session.pass(Upstream, &close(Upstream, 1000, ""));
    session.upstream.finish();
    // Its FIN has come, and the rest is up to the client, which does nothing.
    session.client.expect_end(Fin);
    let _settled = rig.settled();
    session.upstream.expect_end(Reset);
    rig.finish();
}

#[test]
fn row_53_a_peer_that_ignores_the_close_of_the_gateway_is_reset() {
    let rig = hasty();
    let mut session = rig.open();
    session.client.send(b"\xff\xff");
    assert_eq!(session.upstream.read_frame().close(), Some((1001, "")));
    assert_eq!(session.client.read_frame().close(), Some((1002, "reserved_bit")));
    session.client.expect_end(Fin);
    session.upstream.expect_end(Reset);
    assert_has(rig.finish().only("close"), &json!({"reason": "reserved_bit", "by": "client"}));
}

#[test]
fn a_peer_that_only_ends_its_connection_in_answer_to_a_close_has_ended_too() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        session.pass(first, &close(first, 1000, ""));
        session.peer(first.other()).finish();
        session.peer(first).expect_end(Fin);
        session.peer(first).finish();
        session.peer(first.other()).expect_end(Fin);
    }
    for record in rig.finish().of("close") {
        assert_has(record, &json!({"reason": "close"}));
    }
}

#[test]
fn a_reset_behind_both_closes_is_an_end_to_the_other_side() {
    let rig = Rig::default();
    for first in Side::BOTH {
        let mut session = rig.open();
        session.pass(first, &close(first, 1000, ""));
        session.pass(first.other(), &close(first.other(), 1000, ""));
        let (gone, mut left) = match first {
            Client => (session.client, session.upstream),
            Upstream => (session.upstream, session.client),
        };
        gone.abort();
        left.expect_end(Fin);
        drop(left);
    }
    for record in rig.finish().of("close") {
        assert_has(record, &json!({"reason": "close"}));
    }
}
