//! Pings of the peer, and pings to it.

use super::*;

const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(10);

fn asking(role: Role) -> Lone {
    let keepalive = Keepalive { interval: INTERVAL, timeout: TIMEOUT, to: PingTo::Both };
    with(role, EndpointPolicy { keepalive, ..EndpointPolicy::default() })
}

#[test]
fn a_ping_is_answered_by_what_it_said() {
    for role in ROLES {
        for payload in [&b""[..], b"tag", &[0xff; 125]] {
            let mut lone = open(role);
            lone.send(&frame(role, 0x89, payload));
            assert_eq!(lone.told(), [(Opcode::Pong, payload.to_vec())]);
        }
    }
}

#[test]
fn a_ping_in_pieces_is_answered_once_it_is_whole() {
    for role in ROLES {
        let mut lone = open(role);
        let ping = frame(role, 0x89, b"cut");
        for byte in &ping[..ping.len() - 1] {
            lone.send(&[*byte]);
        }
        assert_eq!(lone.told(), []);
        lone.send(&ping[ping.len() - 1..]);
        assert_eq!(lone.told(), [(Opcode::Pong, b"cut".to_vec())]);
    }
}

#[test]
fn of_pings_that_come_while_bytes_wait_the_last_is_answered() {
    for role in ROLES {
        let mut lone = open(role);
        lone.set_appetite(Appetite::Bytes(1));
        lone.say(Kind::Text, b"waits").unwrap();
        for payload in [b"1", b"2", b"3"] {
            lone.send(&frame(role, 0x89, payload));
        }
        lone.set_appetite(Appetite::Endless);
        assert_eq!(lone.told()[1..], [(Opcode::Pong, b"3".to_vec())]);
        lone.check_streams();
    }
}

#[test]
fn a_silent_peer_is_asked_and_cut_off_unless_it_answers() {
    for role in ROLES {
        let mut lone = asking(role);
        lone.wait(INTERVAL - MOMENT);
        assert_eq!(lone.pings().len(), 0);
        lone.wait(MOMENT);
        assert_eq!(lone.told(), [(Opcode::Ping, lone.pings()[0].clone())]);
        assert_eq!(lone.pings()[0].len(), 12);

        lone.wait(TIMEOUT - MOMENT);
        lone.send(&frame(role, 0x8a, b"any pong will do"));
        lone.wait(INTERVAL);
        assert_eq!(lone.pings().len(), 2);
        lone.wait(TIMEOUT - MOMENT);
        assert_eq!(death(&lone), None);
        lone.wait(MOMENT);
        assert_over(&lone, Rst, Cause::PingTimeout, peer(role));
    }
}

#[test]
fn other_bytes_are_no_answer_but_time_begins_anew() {
    for role in ROLES {
        let mut lone = asking(role);
        lone.wait(INTERVAL);
        lone.wait(TIMEOUT - MOMENT);
        lone.send(&text(role, "busy"));
        lone.wait(TIMEOUT - MOMENT);
        assert_eq!((death(&lone), lone.pings().len()), (None, 1));
        lone.wait(MOMENT);
        assert_over(&lone, Rst, Cause::PingTimeout, peer(role));
    }
}

#[test]
fn only_who_is_to_be_asked_is_asked() {
    for (to, role, pings) in [
        (PingTo::Client, Role::Server, 1),
        (PingTo::Client, Role::Client, 0),
        (PingTo::Upstream, Role::Server, 0),
        (PingTo::Upstream, Role::Client, 1),
    ] {
        let keepalive = Keepalive { interval: INTERVAL, timeout: Duration::ZERO, to };
        let mut lone = with(role, EndpointPolicy { keepalive, ..EndpointPolicy::default() });
        lone.wait(INTERVAL * 5);
        assert_eq!(lone.pings().len(), pings, "{to:?} {role:?}");
        assert_eq!(death(&lone), None, "without a timeout an answer may take as long as it likes");
    }
}

#[test]
fn a_peer_that_takes_nothing_is_not_asked() {
    for role in ROLES {
        let mut lone = asking(role);
        lone.set_appetite(Appetite::Bytes(0));
        lone.say(Kind::Text, b"waits").unwrap();
        lone.wait(INTERVAL + TIMEOUT);
        assert_eq!((lone.pings().len(), death(&lone)), (0, None));
        lone.set_appetite(Appetite::Endless);
        lone.wait(INTERVAL - MOMENT);
        assert_eq!(lone.pings().len(), 0);
        lone.wait(MOMENT);
        assert_eq!(lone.pings().len(), 1);
    }
}

#[test]
fn nobody_is_asked_or_answered_behind_a_close() {
    for role in ROLES {
        let mut lone = asking(role);
        lone.shut_down();
        lone.send(&frame(role, 0x89, b"ping"));
        lone.wait(CLOSE - MOMENT);
        assert_eq!(lone.told(), [close_frame(1001, "")]);
    }
}
