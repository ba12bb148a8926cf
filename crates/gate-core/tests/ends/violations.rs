//! Frames at fault: what the offender gets, what the other side, and how both end.

use super::*;

/// Bytes that an offender sends, what is wrong with them, and the code that says so.
fn cases(from: Side) -> Vec<(Vec<u8>, FrameError, u16)> {
    let wrong_mask = match from {
        Client => FrameError::Unmasked,
        Upstream => FrameError::Masked,
    };
    let frame = |first, payload: &[u8]| frame(from, first, payload);
    let fragments = |parts: &[(u8, &[u8])]| {
        parts.iter().flat_map(|(first, payload)| frame(*first, payload)).collect::<Vec<_>>()
    };
    vec![
        (frame(0xc1, b"x"), FrameError::UnexpectedRsv1, 1002),
        (frame(0xa1, b"x"), FrameError::ReservedBit, 1002),
        (frame(0x83, b"x"), FrameError::ReservedOpcode(3), 1002),
        (text(from.other(), "x"), wrong_mask, 1002),
        (fragments(&[(0x80, b"x")]), FrameError::UnexpectedContinuation, 1002),
        (fragments(&[(0x01, b""), (0x81, b"")]), FrameError::InterruptedMessage, 1002),
        (frame(0x09, b""), FrameError::FragmentedControl, 1002),
        (frame(0x89, &[0; 126]), FrameError::OversizedControl, 1002),
        (frame(0x81, b"\xff"), FrameError::InvalidUtf8, 1007),
        (frame(0x88, b"\x03"), FrameError::TruncatedCloseCode, 1002),
        (frame(0x88, b"\x03\xee"), FrameError::InvalidCloseCode(1006), 1002),
        (frame(0x88, b"\x03\xe8\xff"), FrameError::InvalidCloseReason, 1007),
        (frame(0x82, &[0; 33]), FrameError::FrameTooLarge { max: 32 }, 1009),
        (fragments(&[(0x02, &[0; 30]), (0x00, &[0; 19])]), FrameError::MessageTooLarge { max: 48 }, 1009),
        (fragments(&[(0x02, b""), (0x00, b""), (0x00, b"")]), FrameError::TooManyFragments { max: 2 }, 1008),
    ]
}

#[test]
fn the_offender_gets_the_code_of_its_fault_and_a_fin_and_the_other_side_is_closed() {
    let limits = Limits { frame_size_max: 32, message_size_max: 48, fragments_max: 2, validate_utf8: true };
    for offender in Side::BOTH {
        for (bad, error, code) in cases(offender) {
            let mut pair = Pair::new(Policy { limits, ..Policy::default() }, false, start());
            let good = frame(offender, 0x82, b"good");
            pair.send(offender, &[&good[..], &bad[..], b"and more"].concat());
            pair.send(offender, b"nobody reads this");

            assert_eq!(death(&pair), Some((Cause::Violation(error), Party::Peer(offender))));
            assert_eq!(pair.arrived(offender), b"", "its Close waits for the answers");
            let passed = pair.reading(offender).tail;
            let other = offender.other();
            assert_eq!(pair.arrived(other)[passed..], told_of(offender), "{error:?}");
            assert_eq!(pair.ending(other), None, "its own Close is awaited");

            let answer = text(other, "an answer");
            pair.send(other, &answer);
            pair.send(other, &close(other, 1001, ""));
            let close = by_gateway(offender, code, error.reason());
            assert_eq!(pair.arrived(offender), [answer, close].concat());
            assert_eq!(pair.ending(offender), Some(Fin));
            pair.fin(other);
            assert_eq!(pair.ending(other), Some(Fin));
            assert!(!pair.session().is_over(), "the offender has yet to end");
            pair.fin(offender);
            assert_over(&pair, [Fin, Fin], Cause::Violation(error), Party::Peer(offender));
            pair.check_streams();
        }
    }
}

#[test]
fn an_offenders_close_waits_a_second_for_answers_and_no_longer() {
    for offender in Side::BOTH {
        let other = offender.other();
        let mut pair = open();
        pair.send(offender, b"\xff");
        pair.wait(ANSWERS - MOMENT);
        pair.send(other, &text(other, "answer"));
        assert_eq!(pair.arrived(offender), text(other, "answer"));
        pair.wait(MOMENT);
        pair.send(other, &text(other, "too late"));
        let close = by_gateway(offender, 1002, "reserved_bit");
        assert_eq!(pair.arrived(offender), [text(other, "answer"), close].concat());
        assert_eq!(pair.ending(offender), Some(Fin));
        pair.check_streams();
    }
}

#[test]
fn where_the_close_deadline_is_near_an_offenders_close_comes_well_before_it() {
    let timeouts = Timeouts { close: ANSWERS, ..Timeouts::default() };
    let mut pair = Pair::new(Policy { timeouts, ..Policy::default() }, false, start());
    pair.send(Client, b"\xff");
    pair.wait(ANSWERS / 2);
    assert_eq!(pair.arrived(Client), by_gateway(Client, 1002, "reserved_bit"));
    assert_eq!(pair.ending(Client), Some(Fin));
}

#[test]
fn the_close_that_ends_the_answers_does_not_go_to_the_offender_however_it_is_cut() {
    for offender in Side::BOTH {
        let other = offender.other();
        let last_words = [text(other, "answer"), close(other, 1001, "bye")].concat();
        for cut in 0..last_words.len() {
            let mut pair = open();
            pair.send(offender, b"\xff");
            pair.send(other, &last_words[..cut]);
            pair.send(other, &last_words[cut..]);
            let close = by_gateway(offender, 1002, "reserved_bit");
            assert_eq!(pair.arrived(offender), [text(other, "answer"), close].concat(), "cut at {cut}");
            assert_eq!(pair.session().traffic(other).frames, 1, "the Close was not passed on");
            pair.check_streams();
        }
    }
}

#[test]
fn neither_side_is_waited_for_longer_than_the_close_deadline() {
    for offender in Side::BOTH {
        let mut pair = open();
        pair.send(offender, b"\xff");
        pair.wait(CLOSE - MOMENT);
        assert!(!pair.session().is_over());
        pair.wait(MOMENT);
        let cause = Cause::Violation(FrameError::ReservedBit);
        assert_over(&pair, [Rst, Rst], cause, Party::Peer(offender));
    }
}

#[test]
fn a_client_that_answers_the_gateways_close_gets_the_fin_and_an_upstream_gives_it() {
    let mut pair = open();
    pair.shut_down(CloseCode::GOING_AWAY);
    pair.send(Client, &close(Client, 1001, ""));
    pair.send(Upstream, &close(Upstream, 1001, ""));
    assert_eq!(endings(&pair), [Some(Fin), None]);
    pair.fin(Upstream);
    assert_eq!(endings(&pair), [Some(Fin), Some(Fin)]);
}

#[test]
fn row_44_where_bad_text_has_begun_to_go_the_other_side_is_cut_off() {
    for offender in Side::BOTH {
        let mut pair = open();
        let bad = frame(offender, 0x81, b"abc\xff");
        let (begun, rest) = bad.split_at(bad.len() - 2);
        pair.send(offender, begun);
        pair.send(offender, rest);
        assert_eq!(pair.arrived(offender.other()), begun);
        assert_eq!(pair.ending(offender.other()), Some(Rst));
        assert_eq!(pair.arrived(offender), by_gateway(offender, 1007, "invalid_utf8"));
        assert_eq!(pair.ending(offender), Some(Fin));
        pair.check_streams();
    }
}

#[test]
fn an_offender_that_has_had_the_other_sides_close_gets_no_second_one() {
    for offender in Side::BOTH {
        let other = offender.other();
        let mut pair = open();
        pair.send(other, &close(other, 1000, ""));
        pair.send(offender, b"\xff");
        assert_eq!(pair.arrived(offender), close(other, 1000, ""));
        assert_eq!(pair.ending(offender), Some(Fin));
        assert_eq!(pair.arrived(other), told_of(offender), "the answer that the other side awaits");
        assert_eq!(pair.ending(other), Some(Fin));
        assert_eq!(death(&pair), Some((Cause::Close(CloseCode::new(1000)), Party::Peer(other))));
    }
}

#[test]
fn a_violation_does_not_move_the_close_deadline() {
    let mut pair = open();
    pair.send(Client, &close(Client, 1000, ""));
    pair.wait(CLOSE - MOMENT);
    pair.send(Upstream, b"\xff");
    pair.wait(MOMENT);
    assert!(pair.session().is_over());
}

#[test]
fn a_violation_behind_the_other_sides_fin_closes_what_is_left() {
    for offender in Side::BOTH {
        let mut pair = open();
        pair.fin(offender.other());
        pair.send(offender, b"\xff");
        assert_eq!(pair.arrived(offender), b"", "the FIN has gone, no Close follows");
        assert_eq!(pair.arrived(offender.other()), told_of(offender));
        assert_eq!(endings(&pair), [Some(Fin), Some(Fin)]);
        pair.fin(offender);
        assert_over(&pair, [Fin, Fin], Cause::Fin, Party::Peer(offender.other()));
    }
}

#[test]
fn both_may_be_at_fault() {
    for first in Side::BOTH {
        let mut pair = open();
        pair.send(first, b"\xff");
        pair.send(first.other(), b"\xff");
        assert_eq!(pair.arrived(first), by_gateway(first, 1002, "reserved_bit"));
        assert_eq!(pair.arrived(first.other()), told_of(first), "the first word counts");
        assert_eq!(endings(&pair), [Some(Fin), Some(Fin)]);
        let cause = Cause::Violation(FrameError::ReservedBit);
        assert_eq!(death(&pair), Some((cause, Party::Peer(first))));
    }
}

#[test]
fn an_rst_of_the_offender_does_not_disturb_the_close_of_the_other_side() {
    let mut pair = open();
    pair.send(Client, b"\xff");
    pair.reset(Client);
    assert_eq!(endings(&pair), [Some(Rst), None]);
    pair.fin(Upstream);
    let cause = Cause::Violation(FrameError::ReservedBit);
    assert_over(&pair, [Rst, Fin], cause, Party::Peer(Client));
}
