//! Peers that take nothing, and frames that take too long.

use super::*;

#[test]
fn row_55_a_peer_that_takes_nothing_is_cut_off_and_the_other_closed() {
    for slow in Side::BOTH {
        let other = slow.other();
        let mut pair = open();
        pair.set_appetite(slow, Appetite::Bytes(3));
        pair.send(other, &text(other, "too much"));
        pair.send(other, &text(other, "this waits in the socket"));
        assert!(!pair.session().wants_read(other), "its peer is not read meanwhile");
        assert!(pair.session().wants_read(slow));
        pair.wait(SEND - MOMENT);
        assert_eq!(endings(&pair), [None, None]);
        pair.wait(MOMENT);
        assert_eq!(pair.ending(slow), Some(Rst));
        assert_eq!(pair.arrived(other), by_gateway(other, 1001, ""));
        assert_eq!(death(&pair), Some((Cause::SendTimeout, Party::Peer(slow))));
        pair.fin(other);
        assert!(pair.session().is_over());
    }
}

#[test]
fn row_55_a_peer_that_takes_a_little_has_time_to_take_more() {
    let mut pair = open();
    pair.set_appetite(Client, Appetite::Bytes(1));
    let bytes = text(Upstream, "abc");
    pair.send(Upstream, &bytes);
    for _ in 1..bytes.len() {
        pair.wait(SEND - MOMENT);
        pair.set_appetite(Client, Appetite::Bytes(1));
    }
    pair.wait(SEND * 2);
    assert_eq!(pair.arrived(Client), bytes);
    assert_eq!(death(&pair), None);
}

#[test]
fn row_55_what_waits_behind_the_rest_is_no_progress() {
    let mut pair = open();
    pair.set_appetite(Client, Appetite::Bytes(0));
    pair.send(Upstream, &text(Upstream, "x"));
    pair.wait(SEND / 2);
    pair.set_appetite(Client, Appetite::Bytes(0));
    pair.wait(SEND / 2);
    assert_eq!(pair.ending(Client), Some(Rst));
}

#[test]
fn row_55_a_blocked_peer_whose_frame_is_cut_takes_the_other_down_without_a_close() {
    let mut pair = open();
    pair.send(Client, &text(Client, "abcdef")[..8]);
    pair.set_appetite(Client, Appetite::Bytes(0));
    pair.send(Upstream, &text(Upstream, "x"));
    pair.wait(SEND);
    assert_over(&pair, [Rst, Rst], Cause::SendTimeout, Party::Peer(Client));
}

#[test]
fn a_side_that_answers_the_gateways_close_is_heard_though_the_other_takes_nothing() {
    for slow in Side::BOTH {
        let other = slow.other();
        let mut pair = open();
        pair.set_appetite(slow, Appetite::Bytes(0));
        pair.shut_down(CloseCode::GOING_AWAY);
        pair.send(other, &close(other, 1001, ""));
        pair.fin(other);
        assert_eq!(pair.ending(other), Some(Fin));
        pair.wait(CLOSE);
        assert_eq!(pair.ending(slow), Some(Rst));
        assert!(pair.session().is_over());
    }
}

#[test]
fn row_30_a_frame_that_takes_too_long_is_refused_where_that_is_limited() {
    for offender in Side::BOTH {
        let mut pair = with_frame_timeout();
        pair.wait(FRAME * 2);
        pair.send(offender, &text(offender, "slow")[..1]);
        pair.wait(FRAME - MOMENT);
        assert_eq!(death(&pair), None);
        pair.wait(MOMENT);
        assert_eq!(death(&pair), Some((Cause::FrameTimeout, Party::Peer(offender))));
        pair.wait(ANSWERS);
        assert_eq!(pair.arrived(offender), by_gateway(offender, 1008, "frame_timeout"));
        assert_eq!(pair.ending(offender), Some(Fin));
        assert_eq!(pair.arrived(offender.other()), told_of(offender));
    }
}

#[test]
fn row_30_the_time_of_a_frame_begins_with_its_first_byte() {
    let mut pair = with_frame_timeout();
    let frame = text(Client, "abcdefgh");
    for _ in 0..3 {
        pair.send(Client, &frame[..7]);
        pair.wait(FRAME - MOMENT);
        pair.send(Client, &[&frame[7..], &frame[..3]].concat());
        pair.wait(FRAME - MOMENT);
        pair.send(Client, &frame[3..]);
        pair.wait(FRAME * 2);
        assert_eq!(death(&pair), None, "no frame took too long");
    }
    pair.send(Client, &close(Client, 1000, "")[..5]);
    pair.wait(FRAME);
    assert_eq!(death(&pair), Some((Cause::FrameTimeout, Party::Peer(Client))));
}

#[test]
fn row_30_a_frame_that_comes_in_drops_gains_no_time_by_that() {
    let mut pair = with_frame_timeout();
    for byte in text(Client, "slow").chunks(1).take(4) {
        pair.send(Client, byte);
        pair.wait(FRAME / 4);
    }
    assert_eq!(death(&pair), Some((Cause::FrameTimeout, Party::Peer(Client))));
}

#[test]
fn row_30_frames_that_go_nowhere_have_their_own_time_each() {
    let mut pair = with_frame_timeout();
    let frame = text(Client, "abcdefgh");
    let (head, tail) = frame.split_at(3);
    pair.send(Upstream, b"\xff");
    pair.send(Client, head);
    for _ in 0..4 {
        pair.wait(FRAME / 2);
        pair.send(Client, &[tail, head].concat());
    }
    assert_eq!(pair.ending(Client), None, "no frame of the client took too long");
}

#[test]
fn zero_is_no_limit() {
    let none = Duration::ZERO;
    let timeouts = Timeouts { send: none, close: none, half_close: none, frame: none, ..Timeouts::default() };
    let mut pair = Pair::new(Policy { timeouts, ..Policy::default() }, false, start());
    pair.set_appetite(Upstream, Appetite::Bytes(0));
    pair.send(Client, &text(Client, "abc")[..7]);
    pair.fin(Client);
    pair.send(Upstream, &close(Upstream, 1000, ""));
    assert_eq!(pair.session().poll_timeout(), None);
}

#[test]
fn row_30_the_time_of_a_frame_stands_still_while_its_reader_takes_nothing() {
    for slow in Side::BOTH {
        let sender = slow.other();
        let mut pair = with_frame_timeout();
        pair.set_appetite(slow, Appetite::Bytes(0));
        let frame = text(sender, "held up by the other");
        pair.send(sender, &frame[..9]);
        pair.wait(FRAME * 2);
        assert_eq!(death(&pair), None, "nobody reads {sender}");
        pair.set_appetite(slow, Appetite::Endless);
        pair.wait(FRAME - MOMENT);
        assert_eq!(death(&pair), None);
        pair.wait(MOMENT);
        assert_eq!(death(&pair), Some((Cause::FrameTimeout, Party::Peer(sender))));
    }
}
