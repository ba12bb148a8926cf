//! A driver that takes no messages for a while.

use super::*;

#[test]
fn what_follows_on_the_last_message_taken_waits() {
    for role in ROLES {
        let mut lone = open(role);
        lone.take_messages(2);
        let messages = ["1", "2", "3", "4"].map(|number| text(role, number));
        lone.send(&[&messages.concat()[..], &frame(role, 0x89, b"ping")].concat());
        assert_eq!(texts(&lone), ["1", "2"]);
        assert!(!lone.endpoint().wants_read());
        lone.send(&text(role, "5"));
        lone.take_messages(1);
        assert_eq!(texts(&lone), ["1", "2", "3"]);
        assert_eq!(lone.told(), [], "the ping has not been read");
        lone.take_messages(usize::MAX);
        assert_eq!(texts(&lone), ["1", "2", "3", "4", "5"]);
        assert_eq!(lone.told(), [(Opcode::Pong, b"ping".to_vec())]);
        lone.check_streams();
    }
}

#[test]
fn a_message_in_pieces_goes_on_behind_a_pause() {
    for role in ROLES {
        let mut lone = open(role);
        lone.take_messages(1);
        let long = text(role, "a longer one");
        let (head, tail) = long.split_at(9);
        lone.send(&[&text(role, "1")[..], head].concat());
        lone.send(tail);
        lone.take_messages(1);
        assert_eq!(texts(&lone), ["1", "a longer one"]);
        lone.check_streams();
    }
}

#[test]
fn a_peer_that_is_not_read_is_not_idle_nor_silent_nor_slow() {
    let second = Duration::from_secs(1);
    let policy = EndpointPolicy {
        timeouts: Timeouts { idle: second * 20, frame: second * 2, ..Timeouts::default() },
        keepalive: Keepalive { interval: second * 8, timeout: second, to: PingTo::Both },
        ..EndpointPolicy::default()
    };
    for role in ROLES {
        let mut lone = with(role, policy.clone());
        lone.send(&text(role, "half of it")[..8]);
        lone.take_messages(0);
        lone.wait(second * 100);
        assert_eq!((death(&lone), lone.pings().len()), (None, 0));
        lone.take_messages(usize::MAX);
        lone.wait(second * 2 - MOMENT);
        assert_eq!(death(&lone), None);
        lone.wait(MOMENT);
        assert_eq!(death(&lone), Some((Cause::FrameTimeout, peer(role))));
    }
}

#[test]
fn a_pause_does_not_keep_a_connection_from_its_end() {
    for role in ROLES {
        let mut lone = open(role);
        lone.take_messages(0);
        lone.shut_down();
        lone.send(&close(role, 1001, ""));
        lone.wait(CLOSE);
        assert_over(&lone, Rst, Cause::Shutdown, Party::Gateway);
    }
}
