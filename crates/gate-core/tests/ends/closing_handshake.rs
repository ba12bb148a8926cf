//! A Close by a peer: what passes, what is dropped, and who ends the connections.

use super::*;

#[test]
fn a_close_goes_on_untouched_and_so_does_its_answer() {
    for first in Side::BOTH {
        let mut pair = open();
        let (close, answer) = (close(first, 4321, "bye ✓"), close(first.other(), 1000, "and thanks"));
        pair.send(first, &close);
        pair.send(first.other(), &answer);
        assert_eq!(pair.arrived(first.other()), close);
        assert_eq!(pair.arrived(first), answer);
        assert_eq!(endings(&pair), [None, None]);
        pair.fin(Upstream);
        assert_eq!(endings(&pair), [Some(Fin), None], "the server's end comes first and is passed on");
        pair.fin(Client);
        assert_over(&pair, [Fin, Fin], Cause::Close(CloseCode::new(4321)), Party::Peer(first));
    }
}

#[test]
fn a_close_without_a_code_goes_on_without_one() {
    let mut pair = open();
    let empty = frame(Client, 0x88, b"");
    pair.send(Client, &empty);
    assert_eq!(pair.arrived(Upstream), empty);
    assert_eq!(death(&pair), Some((Cause::Close(None), Party::Peer(Client))));
    assert_eq!(pair.session().closes(Client).received, Some(None));
    assert_eq!(pair.session().closes(Upstream).sent, Some(None));
}

#[test]
fn both_may_close_at_once() {
    let mut pair = open();
    // Neither has seen the other's when it sends its own.
    pair.set_appetite(Client, Appetite::Bytes(0));
    pair.send(Upstream, &close(Upstream, 1001, ""));
    pair.send(Client, &close(Client, 1000, ""));
    pair.set_appetite(Client, Appetite::Endless);
    assert_eq!(pair.arrived(Client), close(Upstream, 1001, ""));
    assert_eq!(pair.arrived(Upstream), close(Client, 1000, ""));
    pair.fin(Client);
    pair.fin(Upstream);
    assert_over(&pair, [Fin, Fin], Cause::Close(CloseCode::new(1001)), Party::Peer(Upstream));
}

#[test]
fn row_53_a_close_that_is_never_answered_times_out_with_an_rst() {
    for first in Side::BOTH {
        let mut pair = open();
        pair.send(first, &close(first, 1000, ""));
        pair.wait(CLOSE - MOMENT);
        assert_eq!(endings(&pair), [None, None]);
        pair.wait(MOMENT);
        assert_over(&pair, [Rst, Rst], Cause::Close(CloseCode::new(1000)), Party::Peer(first));
    }
}

#[test]
fn row_53_two_closes_without_an_end_of_the_connection_time_out_as_well() {
    let mut pair = open();
    pair.send(Client, &close(Client, 1000, ""));
    pair.wait(Duration::from_secs(3));
    pair.send(Upstream, &close(Upstream, 1000, ""));
    pair.wait(Duration::from_secs(2));
    assert_over(&pair, [Rst, Rst], Cause::Close(CloseCode::new(1000)), Party::Peer(Client));
}

#[test]
fn row_53_data_behind_a_close_is_dropped() {
    for first in Side::BOTH {
        let mut pair = open();
        let close = close(first, 1000, "");
        pair.send(first, &[&close[..], &text(first, "in the same read")].concat());
        pair.send(first, &text(first, "in the next"));
        pair.send(first, b"\xff\xff\xff not even frames");
        assert_eq!(pair.arrived(first.other()), close);
        assert_eq!(pair.arrived(first), b"", "and draws no answer");
        assert_eq!(pair.session().traffic(first).frames, 1);
    }
}

#[test]
fn what_the_other_side_sends_before_its_answer_still_arrives() {
    let mut pair = open();
    pair.send(Client, &close(Client, 1000, ""));
    let rest = [text(Upstream, "the rest"), close(Upstream, 1000, "")].concat();
    pair.send(Upstream, &rest);
    assert_eq!(pair.arrived(Client), rest);
}

#[test]
fn a_close_with_a_fin_right_behind_it_can_still_be_answered() {
    for first in Side::BOTH {
        let mut pair = open();
        pair.send(first, &close(first, 1000, ""));
        pair.fin(first);
        assert_eq!(pair.ending(first.other()), Some(Fin));
        pair.send(first.other(), &close(first.other(), 1000, ""));
        pair.fin(first.other());
        assert_eq!(pair.arrived(first), close(first.other(), 1000, ""));
        assert_over(&pair, [Fin, Fin], Cause::Close(CloseCode::new(1000)), Party::Peer(first));
    }
}

#[test]
fn a_fin_in_place_of_an_answer_is_passed_on_as_a_fin() {
    let mut pair = open();
    pair.send(Upstream, &close(Upstream, 1000, ""));
    pair.fin(Client);
    assert_eq!(pair.arrived(Upstream), b"");
    assert_eq!(pair.ending(Upstream), Some(Fin));
}

#[test]
fn an_rst_behind_a_close_is_an_end_like_any_other() {
    for first in Side::BOTH {
        let mut pair = open();
        pair.send(first, &close(first, 1000, ""));
        pair.reset(first);
        assert_eq!(pair.arrived(first.other()), close(first, 1000, ""));
        assert_eq!(pair.ending(first.other()), Some(Fin));
    }
}

#[test]
fn an_rst_behind_a_close_and_a_fin_takes_nothing_away() {
    for first in Side::BOTH {
        let mut pair = open();
        pair.set_appetite(first.other(), Appetite::Bytes(3));
        let last_words = [text(first, "last words"), close(first, 1000, "")].concat();
        pair.send(first, &last_words);
        pair.set_appetite(first.other(), Appetite::Bytes(3));
        pair.reset(first);
        pair.set_appetite(first.other(), Appetite::Endless);
        assert_eq!(pair.arrived(first.other()), last_words);
    }
    let mut pair = open();
    pair.send(Client, &close(Client, 1000, ""));
    pair.fin(Client);
    pair.reset(Client);
    assert_eq!(pair.ending(Upstream), Some(Fin));
}

#[test]
fn an_rst_in_place_of_an_answer_is_passed_on_as_an_rst() {
    let mut pair = open();
    pair.send(Client, &close(Client, 1000, ""));
    pair.reset(Upstream);
    assert_over(&pair, [Rst, Rst], Cause::Close(CloseCode::new(1000)), Party::Peer(Client));
}
