//! The gateway shuts down.

use super::*;

#[test]
fn both_sides_are_closed_with_the_code_of_the_day() {
    for code in [1001, 1012, 4000] {
        let mut pair = open();
        pair.send(Client, &text(Client, "hello"));
        pair.shut_down(CloseCode::new(code).expect("a code that may be sent"));
        assert_eq!(pair.arrived(Client), by_gateway(Client, code, ""));
        let expected = [text(Client, "hello"), by_gateway(Upstream, code, "")].concat();
        assert_eq!(pair.arrived(Upstream), expected);
        pair.send(Client, &close(Client, code, ""));
        pair.fin(Client);
        pair.send(Upstream, &close(Upstream, code, ""));
        pair.fin(Upstream);
        assert_over(&pair, [Fin, Fin], Cause::Shutdown, Party::Gateway);
    }
}

#[test]
fn a_session_that_is_closing_already_is_left_alone() {
    for first in Side::BOTH {
        let mut pair = open();
        pair.send(first, &close(first, 1000, ""));
        pair.shut_down(CloseCode::GOING_AWAY);
        assert_eq!(pair.arrived(first), b"");
        pair.send(first.other(), &close(first.other(), 1000, ""));
        assert_eq!(pair.arrived(first), close(first.other(), 1000, ""));
    }
}

#[test]
fn a_second_order_changes_nothing() {
    let mut pair = open();
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.wait(CLOSE - MOMENT);
    pair.shut_down(CloseCode::NORMAL);
    pair.wait(MOMENT);
    assert_eq!(pair.arrived(Client), by_gateway(Client, 1001, ""));
    assert_over(&pair, [Rst, Rst], Cause::Shutdown, Party::Gateway);
}

#[test]
fn a_half_closed_session_is_closed_too() {
    for first in Side::BOTH {
        let mut pair = open();
        pair.fin(first);
        pair.shut_down(CloseCode::GOING_AWAY);
        assert_eq!(pair.arrived(first), by_gateway(first, 1001, ""));
        assert_eq!(endings(&pair), [Some(Fin), Some(Fin)]);
        pair.wait(CLOSE);
        assert!(pair.session().is_over());
        assert_eq!(death(&pair), Some((Cause::Fin, Party::Peer(first))));
    }
}

#[test]
fn frames_under_way_are_finished_first() {
    let mut pair = open();
    let (up, down) = (text(Client, "going up"), text(Upstream, "going down"));
    pair.send(Client, &up[..9]);
    pair.send(Upstream, &down[..5]);
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.send(Client, &up[9..]);
    pair.send(Upstream, &down[5..]);
    assert_eq!(pair.arrived(Upstream), [up, by_gateway(Upstream, 1001, "")].concat());
    assert_eq!(pair.arrived(Client), [down, by_gateway(Client, 1001, "")].concat());
}

#[test]
fn a_frame_under_way_that_turns_out_bad_cuts_the_other_side_off() {
    let mut pair = open();
    let bad = frame(Client, 0x81, b"abc\xff");
    pair.send(Client, &bad[..8]);
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.send(Client, &bad[8..]);
    assert_eq!(pair.ending(Upstream), Some(Rst));
    assert_eq!(pair.arrived(Client), by_gateway(Client, 1001, ""));
    assert_eq!(pair.ending(Client), Some(Fin));
}
