//! A connection that takes no more bytes, though some can still be read from it.

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

#[test]
fn what_waits_for_a_broken_side_is_forgotten() {
    let mut pair = open();
    pair.set_appetite(Client, Appetite::Bytes(1));
    pair.send(Upstream, &text(Upstream, "never arrives"));
    pair.break_writes(Client);
    assert!(pair.session().wants_read(Upstream));
    pair.fin(Client);
    pair.fin(Upstream);
    assert!(pair.session().is_over(), "nothing waits any more");
}
