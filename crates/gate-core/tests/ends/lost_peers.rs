//! A FIN or an RST without a Close: passed on as what it is, and half-closed sessions.

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
        pair.send(first, &text(first, "cut short")[..8]);
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
fn a_peer_that_is_not_read_because_the_other_takes_nothing_is_not_silent() {
    let timeouts = Timeouts { half_close: Duration::from_secs(10), ..Timeouts::default() };
    let mut pair = Pair::new(Policy { timeouts, ..Policy::default() }, false, start());
    pair.fin(Client);
    pair.set_appetite(Client, Appetite::Bytes(5));
    pair.send(Upstream, &text(Upstream, "a long answer"));
    pair.send(Upstream, &text(Upstream, "in two parts"));
    pair.wait(Duration::from_secs(30));
    pair.set_appetite(Client, Appetite::Bytes(5));
    pair.wait(Duration::from_secs(30));
    assert_eq!(pair.ending(Client), None);
    pair.set_appetite(Client, Appetite::Endless);
    pair.fin(Upstream);
    assert_over(&pair, [Fin, Fin], Cause::Fin, Party::Peer(Client));
}

#[test]
fn a_session_is_not_over_while_a_slow_reader_has_bytes_to_come() {
    let mut pair = open();
    let last_words = [text(Upstream, "a long answer"), close(Upstream, 1000, "")].concat();
    pair.fin(Client);
    pair.set_appetite(Client, Appetite::Bytes(5));
    pair.send(Upstream, &last_words);
    pair.fin(Upstream);
    assert!(!pair.session().is_over());
    assert_eq!(endings(&pair), [None, Some(Fin)]);
    pair.set_appetite(Client, Appetite::Endless);
    assert_eq!(pair.arrived(Client), last_words);
    assert_over(&pair, [Fin, Fin], Cause::Fin, Party::Peer(Client));
}

#[test]
fn a_slow_reader_of_last_words_is_cut_off_at_the_close_deadline() {
    let mut pair = open();
    pair.fin(Client);
    pair.set_appetite(Client, Appetite::Bytes(5));
    pair.send(Upstream, &close(Upstream, 1000, "a long reason"));
    pair.fin(Upstream);
    assert_eq!(pair.run_out(), CLOSE);
    assert_over(&pair, [Rst, Fin], Cause::Fin, Party::Peer(Client));
}
