//! Sessions on which nothing is said.

use super::*;

const IDLE: Duration = Duration::from_secs(30);

fn pair(idle_counts_control: bool) -> Pair {
    let timeouts = Timeouts { idle: IDLE, idle_counts_control, ..Timeouts::default() };
    Pair::new(Policy { timeouts, ..Policy::default() }, false, start())
}

#[track_caller]
fn assert_closes_at_once(pair: &mut Pair) {
    let before = Side::BOTH.map(|side| pair.arrived(side).to_vec());
    pair.wait(MOMENT);
    for (side, before) in Side::BOTH.into_iter().zip(before) {
        assert_eq!(pair.arrived(side), [before, by_gateway(side, 1001, "idle_timeout")].concat());
    }
    assert_eq!(death(pair), Some((Cause::IdleTimeout, Party::Gateway)));
}

#[test]
fn a_session_on_which_nothing_is_said_is_closed() {
    let mut pair = pair(false);
    pair.wait(IDLE - MOMENT);
    assert_closes_at_once(&mut pair);
    for side in Side::BOTH {
        pair.send(side, &close(side, 1001, ""));
        pair.fin(side);
    }
    assert_over(&pair, [Fin, Fin], Cause::IdleTimeout, Party::Gateway);
}

#[test]
fn data_of_either_side_keeps_it_open() {
    for talker in Side::BOTH {
        let mut pair = pair(false);
        for _ in 0..3 {
            pair.wait(IDLE - MOMENT);
            pair.send(talker, &text(talker, "still here"));
        }
        pair.wait(IDLE - MOMENT);
        assert_closes_at_once(&mut pair);
    }
}

#[test]
fn each_part_of_a_frame_is_data() {
    for talker in Side::BOTH {
        let mut pair = pair(false);
        let frame = text(talker, "a frame that comes slowly");
        let (head, tail) = frame.split_at(7);
        pair.send(talker, head);
        for byte in tail.chunks(1) {
            pair.wait(IDLE - MOMENT);
            pair.send(talker, byte);
        }
        pair.wait(IDLE - MOMENT);
        assert_closes_at_once(&mut pair);
    }
}

#[test]
fn what_does_not_go_on_is_no_data() {
    let mut pair = pair(false);
    pair.wait(IDLE - MOMENT);
    pair.send(Client, &text(Client, "held back")[..3]);
    pair.wait(MOMENT);
    assert_eq!(death(&pair), Some((Cause::IdleTimeout, Party::Gateway)));
}

#[test]
fn pings_and_pongs_count_only_where_they_are_to() {
    for (counts, first) in [(false, 0x89), (false, 0x8a), (true, 0x89), (true, 0x8a)] {
        let mut pair = pair(counts);
        pair.wait(IDLE - MOMENT);
        pair.send(Client, &frame(Client, first, b"alive"));
        pair.wait(MOMENT);
        assert_eq!(death(&pair).is_none(), counts, "{first:x}");
        pair.wait(IDLE - MOMENT * 2);
        assert_eq!(death(&pair).is_none(), counts, "{first:x}");
        pair.wait(MOMENT);
        assert_eq!(death(&pair), Some((Cause::IdleTimeout, Party::Gateway)));
    }
}

#[test]
fn the_end_of_data_before_a_ping_counts_and_a_ping_within_a_message_does_not() {
    let mut pair = pair(false);
    let message = frame(Client, 0x01, b"begun");
    pair.send(Client, &message[..8]);
    pair.wait(IDLE - MOMENT);
    pair.send(Client, &[&message[8..], &frame(Client, 0x89, b"")[..]].concat());
    pair.wait(IDLE - MOMENT);
    pair.send(Client, &frame(Client, 0x89, b"between fragments"));
    assert_closes_at_once(&mut pair);
}

#[test]
fn bytes_that_wait_for_a_peer_are_not_idle() {
    let timeouts = Timeouts { idle: IDLE, send: IDLE * 10, ..Timeouts::default() };
    let mut pair = Pair::new(Policy { timeouts, ..Policy::default() }, false, start());
    pair.set_appetite(Client, Appetite::Bytes(3));
    pair.send(Upstream, &text(Upstream, "slowly"));
    pair.wait(IDLE * 5);
    assert_eq!(death(&pair), None);
    pair.set_appetite(Client, Appetite::Endless);
    pair.wait(IDLE - MOMENT);
    assert_closes_at_once(&mut pair);
}

#[test]
fn a_session_that_is_closing_is_not_idle() {
    let timeouts = Timeouts { idle: IDLE, close: IDLE * 10, ..Timeouts::default() };
    let mut pair = Pair::new(Policy { timeouts, ..Policy::default() }, false, start());
    pair.send(Client, &close(Client, 1000, ""));
    pair.wait(IDLE * 2);
    assert_eq!(death(&pair), Some((Cause::Close(CloseCode::new(1000)), Party::Peer(Client))));
    assert_eq!(pair.arrived(Client), b"");
}
