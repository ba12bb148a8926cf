//! Ends because time has passed.

use super::*;

const IDLE: Duration = Duration::from_secs(300);
const FRAME: Duration = Duration::from_secs(2);
const AGE: Duration = Duration::from_secs(3600);

#[test]
fn nothing_has_a_deadline_unless_the_policy_gives_one() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(&text(role, "half of it")[..8]);
        assert_eq!(lone.endpoint().poll_timeout(), None);
    }
}

#[test]
fn a_connection_without_data_is_closed() {
    let timeouts = Timeouts { idle: IDLE, ..Timeouts::default() };
    for role in ROLES {
        let mut lone = with_timeouts(role, timeouts);
        lone.wait(IDLE - MOMENT);
        lone.send(&text(role, "data"));
        lone.wait(IDLE - MOMENT);
        lone.say(Kind::Text, b"data").unwrap();
        lone.wait(IDLE - MOMENT);
        lone.send(&frame(role, 0x89, b"no data"));
        assert_eq!(death(&lone), None);
        lone.wait(MOMENT);
        assert_eq!(death(&lone), Some((Cause::IdleTimeout, Party::Gateway)));
        assert_eq!(lone.told().last(), Some(&close_frame(1001, "idle_timeout")));
        assert_eq!(lone.ending(), None, "its Close is awaited");
    }
}

#[test]
fn a_connection_whose_bytes_wait_is_not_idle() {
    let timeouts = Timeouts { idle: SEND / 2, ..Timeouts::default() };
    for role in ROLES {
        let mut lone = with_timeouts(role, timeouts);
        lone.set_appetite(Appetite::Bytes(0));
        lone.say(Kind::Text, b"waits").unwrap();
        lone.wait(SEND - MOMENT);
        assert_eq!(death(&lone), None);
        lone.set_appetite(Appetite::Endless);
        lone.wait(SEND / 2 - MOMENT);
        assert_eq!(death(&lone), None);
        lone.wait(MOMENT);
        assert_eq!(death(&lone), Some((Cause::IdleTimeout, Party::Gateway)));
    }
}

#[test]
fn pings_of_the_peer_are_data_where_the_policy_says_so() {
    let timeouts = Timeouts { idle: IDLE, idle_counts_control: true, ..Timeouts::default() };
    for role in ROLES {
        let mut lone = with_timeouts(role, timeouts);
        lone.wait(IDLE - MOMENT);
        lone.send(&frame(role, 0x89, b""));
        lone.wait(IDLE - MOMENT);
        assert_eq!(death(&lone), None);
    }
}

#[test]
fn an_old_client_is_told_so_and_a_server_that_the_gateway_goes_away() {
    for (role, told) in
        [(Role::Server, close_frame(4001, "Connection is Aged")), (Role::Client, close_frame(1001, ""))]
    {
        let age = Age { max: AGE, ..Age::default() };
        let mut lone = with(role, EndpointPolicy { age, ..EndpointPolicy::default() });
        lone.wait(AGE - MOMENT);
        assert_eq!(death(&lone), None);
        lone.wait(MOMENT);
        assert_eq!(death(&lone), Some((Cause::MaxAge, Party::Gateway)));
        assert_eq!(lone.told(), [told]);
    }
}

#[test]
fn jitter_makes_a_connection_end_earlier_and_never_later() {
    let age = Age { max: AGE, jitter: AGE / 2, ..Age::default() };
    let mut lone = with(Role::Server, EndpointPolicy { age, ..EndpointPolicy::default() });
    lone.wait(AGE / 2 - MOMENT);
    assert_eq!(death(&lone), None);
    lone.wait(AGE / 2 + MOMENT);
    assert_eq!(death(&lone), Some((Cause::MaxAge, Party::Gateway)));
}

#[test]
fn a_peer_that_takes_nothing_is_cut_off() {
    for role in ROLES {
        let mut lone = open(role);
        lone.set_appetite(Appetite::Bytes(0));
        lone.say(Kind::Text, b"waits").unwrap();
        lone.wait(SEND - MOMENT);
        lone.set_appetite(Appetite::Bytes(1));
        lone.wait(SEND - MOMENT);
        lone.say(Kind::Text, b"is no progress").unwrap();
        assert_eq!(death(&lone), None);
        lone.wait(MOMENT);
        assert_over(&lone, Rst, Cause::SendTimeout, peer(role));
    }
}

#[test]
fn a_frame_that_takes_too_long_is_refused() {
    let timeouts = Timeouts { frame: FRAME, ..Timeouts::default() };
    for role in ROLES {
        let mut lone = with_timeouts(role, timeouts);
        let message = text(role, "drop by drop");
        for byte in &message[..message.len() - 1] {
            lone.send(&[*byte]);
            lone.wait(FRAME / 20);
        }
        lone.send(&[&message[message.len() - 1..], &message[..1]].concat());
        assert_eq!(texts(&lone), ["drop by drop"]);
        lone.wait(FRAME - MOMENT);
        assert_eq!(death(&lone), None, "each frame has its own time");
        lone.wait(MOMENT);
        assert_eq!(death(&lone), Some((Cause::FrameTimeout, peer(role))));
        assert_eq!(lone.told(), [close_frame(1008, "frame_timeout")]);
        assert_eq!(lone.ending(), Some(Fin));
        lone.check_streams();
    }
}

#[test]
fn bytes_in_between_give_a_frame_no_more_time() {
    let timeouts = Timeouts { frame: FRAME, ..Timeouts::default() };
    for role in ROLES {
        let mut lone = with_timeouts(role, timeouts);
        for byte in &text(role, "drop by drop")[..10] {
            assert_eq!(death(&lone), None);
            lone.send(&[*byte]);
            lone.wait(FRAME / 10);
        }
        assert_eq!(death(&lone), Some((Cause::FrameTimeout, peer(role))));
    }
}

#[test]
fn without_a_close_timeout_the_end_is_awaited_for_ever() {
    let timeouts = Timeouts { close: Duration::ZERO, ..Timeouts::default() };
    for role in ROLES {
        let mut lone = with_timeouts(role, timeouts);
        lone.shut_down();
        assert_eq!(lone.endpoint().poll_timeout(), None);
        lone.send(&close(role, 1001, ""));
        lone.fin();
        assert_over(&lone, Fin, Cause::Shutdown, Party::Gateway);
    }
}
