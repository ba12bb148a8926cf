//! A Close of the gateway's goes between two frames of its direction, or not at all.

use super::*;

#[test]
fn a_close_waits_until_the_frame_before_it_is_whole() {
    for offender in Side::BOTH {
        let other = offender.other();
        let whole = text(other, "long frame");
        for cut in 1..whole.len() {
            let mut pair = open();
            pair.send(other, &whole[..cut]);
            pair.send(offender, b"\xff");
            pair.wait(ANSWERS);
            let has_begun = !pair.arrived(offender).is_empty();
            pair.send(other, &[&whole[cut..], &text(other, "never arrives")[..]].concat());
            let close = by_gateway(offender, 1002, "reserved_bit");
            let header = whole.len() - "long frame".len();
            let expected = if cut < header { close } else { [&whole[..], &close[..]].concat() };
            assert!(has_begun, "the frame or the Close, whichever may go first");
            assert_eq!(pair.arrived(offender), expected, "cut at {cut}");
            assert_eq!(pair.ending(offender), Some(Fin));
            pair.check_streams();
        }
    }
}

#[test]
fn where_the_frame_is_never_finished_the_side_is_cut_off_at_the_close_deadline() {
    for offender in Side::BOTH {
        let other = offender.other();
        let mut pair = open();
        let begun = &text(other, "long frame")[..8];
        pair.send(other, begun);
        pair.send(offender, b"\xff");
        assert_eq!(pair.arrived(other), told_of(offender), "the other direction is between frames");
        pair.wait(CLOSE - MOMENT);
        assert_eq!(endings(&pair), [None, None]);
        pair.wait(MOMENT);
        assert_eq!(pair.arrived(offender), begun);
        assert_eq!(endings(&pair), [Some(Rst), Some(Rst)]);
    }
}

#[test]
fn where_the_frame_can_never_be_finished_the_side_is_cut_off_at_once() {
    for offender in Side::BOTH {
        let other = offender.other();
        let mut pair = open();
        pair.send(other, &text(other, "long frame")[..8]);
        pair.send(offender, b"\xff");
        pair.fin(other);
        assert_eq!(pair.ending(offender), Some(Rst));
        assert_eq!(pair.ending(other), Some(Fin));
        assert!(pair.session().is_over());
    }
}

#[test]
fn a_header_that_is_held_back_delays_no_close_and_is_dropped() {
    let mut pair = open();
    pair.send(Upstream, b"\x82\x7e\x01");
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.send(Upstream, &[0; 300]);
    assert_eq!(pair.arrived(Client), by_gateway(Client, 1001, ""));
    pair.check_streams();
}

#[test]
fn a_close_that_is_held_back_is_beaten_by_the_gateways_and_dropped() {
    let mut pair = open();
    let own = close(Upstream, 1000, "own");
    pair.send(Upstream, &own[..4]);
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.send(Upstream, &own[4..]);
    assert_eq!(pair.arrived(Client), by_gateway(Client, 1001, ""));
    assert_eq!(pair.session().closes(Upstream).received, Some(CloseCode::new(1000)));
    assert_eq!(pair.session().closes(Client).sent, Some(CloseCode::new(1001)));
}

#[test]
fn a_client_that_closes_before_the_gateways_close_could_go_gets_that_for_an_answer() {
    let mut pair = open();
    let whole = text(Upstream, "long frame");
    pair.send(Upstream, &whole[..5]);
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.send(Client, &close(Client, 1000, ""));
    pair.send(Upstream, &whole[5..]);
    assert_eq!(pair.arrived(Client), [whole, by_gateway(Client, 1001, "")].concat());
    assert_eq!(pair.ending(Client), Some(Fin));
}

#[test]
fn a_close_that_is_due_keeps_its_code_whatever_happens_meanwhile() {
    let mut pair = open();
    let whole = text(Upstream, "long frame");
    pair.send(Upstream, &whole[..5]);
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.send(Client, b"\xff");
    pair.send(Upstream, &whole[5..]);
    pair.wait(ANSWERS);
    assert_eq!(pair.arrived(Client), [whole, by_gateway(Client, 1001, "")].concat());
    assert_eq!(pair.ending(Client), Some(Fin), "the fault takes the answer's place");
}
