//! Ends without a Close.

use super::*;

#[test]
fn a_fin_is_answered_with_a_fin() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(&frame(role, 0x01, b"never to be whole"));
        lone.fin();
        assert_eq!(lone.told(), []);
        assert_over(&lone, Fin, Cause::Fin, peer(role));
        assert_eq!(lone.endpoint().buffered(), 0);
    }
}

#[test]
fn a_fin_behind_the_gateways_close_is_an_end() {
    for role in ROLES {
        let mut lone = open(role);
        lone.shut_down();
        lone.fin();
        assert_over(&lone, Fin, Cause::Shutdown, Party::Gateway);
    }
}

#[test]
fn a_reset_is_the_end_at_once() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(&text(role, "half of it")[..8]);
        lone.reset();
        assert_over(&lone, Rst, Cause::Reset, peer(role));
        assert_eq!(lone.endpoint().buffered(), 0);
    }
}

#[test]
fn behind_a_failed_write_what_came_is_read_to_its_end() {
    for role in ROLES {
        let mut lone = open(role);
        lone.break_writes();
        lone.send(&[text(role, "last words"), close(role, 1000, "")].concat());
        assert_eq!(texts(&lone), ["last words"]);
        lone.fin();
        assert!(lone.endpoint().is_over());
        assert_eq!(death(&lone), Some((Cause::Close(Some(CloseCode::NORMAL)), peer(role))));
    }
}

#[test]
fn a_failed_write_without_an_end_to_be_read_is_a_reset() {
    for role in ROLES {
        let mut lone = open(role);
        lone.break_writes();
        lone.wait(CLOSE - MOMENT);
        assert_eq!(death(&lone), None);
        lone.wait(MOMENT);
        assert_over(&lone, Rst, Cause::Reset, peer(role));
    }
}

#[test]
fn a_fin_while_bytes_wait_lets_them_go_until_the_close_deadline() {
    for role in ROLES {
        for patience in [CLOSE - MOMENT, CLOSE] {
            let mut lone = open(role);
            lone.set_appetite(Appetite::Bytes(0));
            lone.say(Kind::Text, b"waits").unwrap();
            lone.fin();
            lone.wait(patience);
            lone.set_appetite(Appetite::Endless);
            let ending = if patience < CLOSE { Fin } else { Rst };
            assert_over(&lone, ending, Cause::Fin, peer(role));
        }
    }
}
