//! What ends a session and what each peer sees of it, row by row: who gets which Close,
//! which FIN, which RST, and when.

use std::time::{Duration, Instant};

use gate_core::fuzz::{Appetite, Ending, Pair, frame};
use gate_core::session::{Cause, Party};
use gate_core::{Limits, Policy, Side, Timeouts};
use ws_proto::{CloseCode, FrameError};

use Ending::{Fin, Rst};
use Side::{Client, Upstream};

mod closing_handshake {
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
}

mod lost_peers {
    use super::*;

    #[test]
    fn a_fin_without_a_close_is_passed_on_as_a_fin_and_the_other_direction_goes_on() {
        for first in Side::BOTH {
            let mut pair = open();
            pair.send(first, &text(first, "question"));
            pair.fin(first);
            assert_eq!(pair.arrived(first.other()), text(first, "question"), "no Close is invented");
            assert_eq!(pair.ending(first.other()), Some(Fin));
            pair.send(first.other(), &text(first.other(), "answer"));
            assert_eq!(pair.arrived(first), text(first.other(), "answer"));
            pair.fin(first.other());
            assert_over(&pair, [Fin, Fin], Cause::Fin, Party::Peer(first));
        }
    }

    #[test]
    fn a_fin_within_a_frame_is_a_fin() {
        let whole = text(Client, "cut short");
        for cut in 1..whole.len() {
            let mut pair = open();
            pair.send(Client, &whole[..cut]);
            pair.fin(Client);
            let header = 6;
            let forwarded = if cut < header { &[][..] } else { &whole[..cut] };
            assert_eq!(pair.arrived(Upstream), forwarded);
            assert_eq!(pair.ending(Upstream), Some(Fin));
        }
    }

    #[test]
    fn an_rst_is_passed_on_as_an_rst() {
        for first in Side::BOTH {
            let mut pair = open();
            pair.send(first, &text(first, "x")[..4]);
            pair.reset(first);
            assert_over(&pair, [Rst, Rst], Cause::Reset, Party::Peer(first));
            assert_eq!(pair.arrived(first), b"", "no Close is invented");
        }
    }

    #[test]
    fn an_rst_behind_a_fin_is_passed_on_as_an_rst() {
        for first in Side::BOTH {
            let mut pair = open();
            pair.fin(first);
            pair.reset(first.other());
            assert_over(&pair, [Rst, Rst], Cause::Fin, Party::Peer(first));
        }
    }

    #[test]
    fn a_half_closed_session_ends_after_a_silence() {
        for first in Side::BOTH {
            let mut pair = open();
            pair.fin(first);
            pair.wait(HALF_CLOSE - MOMENT);
            pair.send(first.other(), &text(first.other(), "still here"));
            pair.wait(HALF_CLOSE - MOMENT);
            assert_eq!(pair.ending(first), None);
            pair.wait(MOMENT);
            assert_over(&pair, [Rst, Rst], Cause::Fin, Party::Peer(first));
            assert_eq!(pair.arrived(first), text(first.other(), "still here"));
        }
    }

    #[test]
    fn a_half_closed_session_can_still_be_closed() {
        for first in Side::BOTH {
            let mut pair = open();
            pair.fin(first);
            pair.send(first.other(), &close(first.other(), 1000, ""));
            assert_eq!(pair.arrived(first), close(first.other(), 1000, ""));
            pair.fin(first.other());
            assert_over(&pair, [Fin, Fin], Cause::Fin, Party::Peer(first));
        }
    }

    #[test]
    fn what_comes_behind_the_other_sides_fin_is_not_held_against_a_slow_reader() {
        let mut pair = open();
        let answer = text(Upstream, "a long answer");
        pair.fin(Client);
        pair.set_appetite(Client, Appetite::Bytes(5));
        pair.send(Upstream, &answer);
        pair.fin(Upstream);
        assert!(!pair.session().is_over(), "bytes wait for the client");
        assert_eq!(endings(&pair), [None, Some(Fin)]);
        pair.set_appetite(Client, Appetite::Endless);
        assert_eq!(pair.arrived(Client), answer);
        assert_over(&pair, [Fin, Fin], Cause::Fin, Party::Peer(Client));
    }

    #[test]
    fn a_slow_reader_is_not_waited_for_longer_than_the_send_timeout() {
        let mut pair = open();
        pair.set_appetite(Client, Appetite::Bytes(5));
        pair.send(Upstream, &text(Upstream, "a long answer"));
        pair.fin(Client);
        pair.fin(Upstream);
        assert!(pair.run_out() <= SEND);
        assert_over(&pair, [Rst, Fin], Cause::Fin, Party::Peer(Client));
    }
}

mod violations {
    use super::*;

    /// Bytes of an offender after its first good frame, and what is wrong with them.
    fn cases(from: Side) -> Vec<(Vec<u8>, FrameError)> {
        let other_mask = frame(from.other(), 0x82, b"x");
        let mask_error = match from {
            Client => FrameError::Unmasked,
            Upstream => FrameError::Masked,
        };
        vec![
            (frame(from, 0xc1, b"x"), FrameError::UnexpectedRsv1),
            (frame(from, 0xa1, b"x"), FrameError::ReservedBit),
            (frame(from, 0x83, b"x"), FrameError::ReservedOpcode(3)),
            (other_mask, mask_error),
            (frame(from, 0x80, b"x"), FrameError::UnexpectedContinuation),
            ([frame(from, 0x01, b""), frame(from, 0x81, b"")].concat(), FrameError::InterruptedMessage),
            (frame(from, 0x09, b""), FrameError::FragmentedControl),
            (frame(from, 0x89, &[0; 126]), FrameError::OversizedControl),
            (frame(from, 0x81, b"\xff"), FrameError::InvalidUtf8),
            (frame(from, 0x88, b"\x03"), FrameError::TruncatedCloseCode),
            (frame(from, 0x88, b"\x03\xee"), FrameError::InvalidCloseCode(1006)),
            (frame(from, 0x88, b"\x03\xe8\xff"), FrameError::InvalidCloseReason),
            (frame(from, 0x82, &[0; 33]), FrameError::FrameTooLarge),
            ([frame(from, 0x02, &[0; 30]), frame(from, 0x00, &[0; 19])].concat(), FrameError::MessageTooLarge),
            (
                [frame(from, 0x02, b""), frame(from, 0x00, b""), frame(from, 0x00, b"")].concat(),
                FrameError::TooManyFragments,
            ),
        ]
    }

    fn code_of(error: FrameError) -> u16 {
        match error {
            FrameError::InvalidUtf8 | FrameError::InvalidCloseReason => 1007,
            FrameError::FrameTooLarge | FrameError::MessageTooLarge => 1009,
            FrameError::TooManyFragments => 1008,
            _ => 1002,
        }
    }

    #[test]
    fn the_offender_gets_the_code_of_its_fault_and_a_fin_and_the_other_side_is_closed() {
        let limits = Limits { frame_size_max: 32, message_size_max: 48, fragments_max: 2, validate_utf8: true };
        for offender in Side::BOTH {
            for (bad, error) in cases(offender) {
                let mut pair = Pair::new(Policy { limits, ..Policy::default() }, false, start());
                let good = frame(offender, 0x82, b"good");
                pair.send(offender, &[&good[..], &bad[..], b"and more"].concat());
                pair.send(offender, b"nobody reads this");

                assert_eq!(death(&pair), Some((Cause::Violation(error), Party::Peer(offender))));
                assert_eq!(pair.arrived(offender), by_gateway(offender, code_of(error), error.reason()));
                assert_eq!(pair.ending(offender), Some(Fin));
                let passed = pair.reading(offender).tail;
                let other = offender.other();
                assert_eq!(pair.arrived(other)[passed..], told_of(offender), "{error:?}");
                assert_eq!(pair.ending(other), None, "its own Close is awaited");

                pair.send(other, &text(other, "too late"));
                pair.send(other, &close(other, 1001, ""));
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
}

mod frame_boundaries {
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
}

mod timeouts {
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
            pair.send(slow, b"\xff");
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
        }
        pair.send(Client, &close(Client, 1000, "")[..5]);
        pair.wait(FRAME);
        assert_eq!(death(&pair), Some((Cause::FrameTimeout, Party::Peer(Client))));
    }

    #[test]
    fn row_30_frames_that_go_nowhere_have_their_own_time_each() {
        let mut pair = with_frame_timeout();
        let frame = text(Client, "abcdefgh");
        pair.send(Upstream, b"\xff");
        for _ in 0..4 {
            pair.send(Client, &[&frame[3..], &frame[..3]].concat()[if pair.reading(Client).tail == 0 { 11 } else { 0 }..]);
            pair.wait(FRAME / 2);
        }
        assert_eq!(pair.ending(Client), None, "no frame of the client took too long");
    }

    #[test]
    fn zero_is_no_limit() {
        let none = Duration::ZERO;
        let timeouts = Timeouts { send: none, close: none, half_close: none, frame: none };
        let mut pair = Pair::new(Policy { timeouts, ..Policy::default() }, false, start());
        pair.set_appetite(Upstream, Appetite::Bytes(0));
        pair.send(Client, &text(Client, "abc")[..7]);
        pair.fin(Client);
        pair.send(Upstream, &close(Upstream, 1000, ""));
        assert_eq!(pair.session().poll_timeout(), None);
    }
}

mod shutdown {
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
}

mod broken_writes {
    use super::*;

    #[test]
    fn what_the_broken_side_sent_before_is_read_to_its_end() {
        for broken in Side::BOTH {
            let other = broken.other();
            let mut pair = open();
            pair.break_writes(broken);
            pair.send(other, &text(other, "goes nowhere"));
            pair.send(broken, &text(broken, "last words"));
            assert_eq!(pair.arrived(other), text(broken, "last words"));
            assert_eq!(death(&pair), None, "its end will say why");
            pair.fin(broken);
            assert_eq!(pair.ending(other), Some(Fin));
            assert_eq!(death(&pair), Some((Cause::Fin, Party::Peer(broken))));
            pair.fin(other);
            assert!(pair.session().is_over());
        }
    }

    #[test]
    fn a_close_among_the_last_words_is_the_end() {
        for broken in Side::BOTH {
            let other = broken.other();
            let mut pair = open();
            pair.break_writes(broken);
            pair.send(broken, &close(broken, 1000, "left"));
            pair.fin(broken);
            assert_eq!(pair.arrived(other), close(broken, 1000, "left"));
            assert_eq!(death(&pair), Some((Cause::Close(CloseCode::new(1000)), Party::Peer(broken))));
            pair.send(other, &close(other, 1000, ""));
            pair.fin(other);
            assert!(pair.session().is_over());
        }
    }

    #[test]
    fn an_rst_behind_them_is_passed_on() {
        let mut pair = open();
        pair.break_writes(Client);
        pair.reset(Client);
        assert_over(&pair, [Rst, Rst], Cause::Reset, Party::Peer(Client));
    }

    #[test]
    fn a_broken_side_that_says_no_more_is_cut_off_at_the_close_deadline() {
        for broken in Side::BOTH {
            let mut pair = open();
            pair.break_writes(broken);
            pair.wait(CLOSE);
            assert_over(&pair, [Rst, Rst], Cause::Reset, Party::Peer(broken));
        }
    }

    #[test]
    fn a_side_that_breaks_after_its_fin_is_done_and_the_other_soon() {
        let mut pair = open();
        pair.fin(Client);
        pair.break_writes(Client);
        pair.send(Upstream, &text(Upstream, "to nobody"));
        pair.fin(Upstream);
        assert!(pair.session().is_over());
        assert_eq!(death(&pair), Some((Cause::Fin, Party::Peer(Client))));
    }
}

#[test]
fn a_session_needs_less_than_half_a_kibibyte() {
    assert!(size_of::<gate_core::Session>() <= 512, "{}", size_of::<gate_core::Session>());
}

/// Just short of a deadline.
const MOMENT: Duration = Duration::from_millis(1);
const CLOSE: Duration = Duration::from_secs(5);
const HALF_CLOSE: Duration = Duration::from_secs(60);
const SEND: Duration = Duration::from_secs(60);
const FRAME: Duration = Duration::from_secs(2);

fn open() -> Pair {
    Pair::new(Policy::default(), false, start())
}

fn with_frame_timeout() -> Pair {
    let timeouts = Timeouts { frame: FRAME, ..Timeouts::default() };
    Pair::new(Policy { timeouts, ..Policy::default() }, false, start())
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}

fn text(from: Side, text: &str) -> Vec<u8> {
    frame(from, 0x81, text.as_bytes())
}

/// A peer's Close.
fn close(from: Side, code: u16, reason: &str) -> Vec<u8> {
    frame(from, 0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// The gateway's Close.
fn by_gateway(to: Side, code: u16, reason: &str) -> Vec<u8> {
    Pair::gateway_close(to, CloseCode::new(code).expect("a code that may be sent"), reason)
}

/// What the side that is not to blame is told.
fn told_of(offender: Side) -> Vec<u8> {
    match offender {
        Client => by_gateway(Upstream, 1001, ""),
        Upstream => by_gateway(Client, 1011, "upstream violated the protocol"),
    }
}

fn endings(pair: &Pair) -> [Option<Ending>; 2] {
    Side::BOTH.map(|side| pair.ending(side))
}

fn death(pair: &Pair) -> Option<(Cause, Party)> {
    pair.session().death().map(|death| (death.cause, death.by))
}

#[track_caller]
fn assert_over(pair: &Pair, expected: [Ending; 2], cause: Cause, by: Party) {
    assert!(pair.session().is_over());
    assert_eq!(endings(pair), expected.map(Some));
    assert_eq!(death(pair), Some((cause, by)));
    assert_eq!(pair.session().poll_timeout().filter(|_| !pair.session().is_over()), None);
}
