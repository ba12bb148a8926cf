//! The closing handshake, from either end.

use std::sync::Arc;

use gate_core::endpoint::Output;

use super::*;

#[test]
fn a_peers_close_is_answered_with_its_code_and_the_server_ends_the_connection() {
    for role in ROLES {
        for code in [1000, 1001, 1012, 3000, 4999] {
            let mut lone = open(role);
            lone.send(&[close(role, code, "bye"), text(role, "behind it")].concat());
            assert_eq!(lone.told(), [close_frame(code, "")]);
            assert_eq!(lone.messages(), []);
            assert_eq!(lone.ending(), (role == Role::Server).then_some(Fin));
            let closes = lone.endpoint().closes();
            assert_eq!(
                (closes.received, closes.sent),
                (Some(CloseCode::new(code)), Some(CloseCode::new(code)))
            );
            assert_eq!(lone.endpoint().peer_reason(), "bye");
            lone.fin();
            assert_over(&lone, Fin, Cause::Close(CloseCode::new(code)), peer(role));
        }
    }
}

#[test]
fn a_close_that_says_nothing_is_answered_with_such_a_one() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(&frame(role, 0x88, b""));
        assert_eq!(lone.told(), [(Opcode::Close, Vec::new())]);
        assert_eq!(lone.endpoint().closes().sent, Some(None));
        assert_eq!(lone.endpoint().peer_reason(), "");
        lone.fin();
        assert_over(&lone, Fin, Cause::Close(None), peer(role));
    }
}

#[test]
fn the_gateways_close_awaits_the_peers_and_messages_come_until_then() {
    for role in ROLES {
        let mut lone = open(role);
        lone.say(Kind::Text, b"last").unwrap();
        let death = Death { cause: Cause::Admin, by: Party::Gateway };
        lone.close(death, CloseCode::SERVICE_RESTART, "restart");
        assert_eq!(lone.told()[1..], [close_frame(1012, "restart")]);
        assert_eq!(lone.ending(), None);
        lone.send(&text(role, "had not heard of it"));
        assert_eq!(texts(&lone), ["had not heard of it"]);
        lone.send(&close(role, 1012, ""));
        assert_eq!(lone.ending(), (role == Role::Server).then_some(Fin));
        lone.fin();
        assert_over(&lone, Fin, Cause::Admin, Party::Gateway);
        assert_eq!(lone.told().len(), 2, "a Close is sent once");
    }
}

#[test]
fn a_close_that_is_never_answered_times_out() {
    for role in ROLES {
        let mut lone = open(role);
        lone.shut_down();
        lone.wait(CLOSE - MOMENT);
        assert_eq!(lone.ending(), None);
        lone.wait(MOMENT);
        assert_over(&lone, Rst, Cause::Shutdown, Party::Gateway);
    }
}

#[test]
fn a_server_that_does_not_end_the_connection_is_cut_off() {
    let mut lone = open(Role::Client);
    lone.send(&close(Role::Client, 1000, ""));
    lone.wait(CLOSE - MOMENT);
    assert_eq!(lone.ending(), None);
    lone.wait(MOMENT);
    assert_over(&lone, Rst, Cause::Close(Some(CloseCode::NORMAL)), peer(Role::Client));
}

#[test]
fn the_close_deadline_runs_from_the_first_close() {
    for role in ROLES {
        let mut lone = open(role);
        lone.shut_down();
        lone.wait(CLOSE - MOMENT);
        lone.send(&close(role, 1001, ""));
        lone.wait(MOMENT);
        assert_over(&lone, Rst, Cause::Shutdown, Party::Gateway);
    }
}

#[test]
fn closes_that_cross_are_both_the_last() {
    for role in ROLES {
        let mut lone = open(role);
        lone.set_appetite(Appetite::Bytes(0));
        lone.shut_down();
        lone.send(&close(role, 1000, ""));
        lone.set_appetite(Appetite::Endless);
        assert_eq!(lone.told(), [close_frame(1001, "")]);
        lone.fin();
        assert_over(&lone, Fin, Cause::Shutdown, Party::Gateway);
        assert_eq!(lone.endpoint().closes().received, Some(Some(CloseCode::NORMAL)));
    }
}

#[test]
fn the_first_word_counts() {
    for role in ROLES {
        let mut lone = open(role);
        lone.shut_down();
        lone.close(Death { cause: Cause::Admin, by: Party::Gateway }, CloseCode::NORMAL, "never sent");
        lone.send(b"\xff");
        assert_eq!(lone.told(), [close_frame(1001, "")]);
        assert_eq!(lone.ending(), Some(Fin), "nothing can be heard of the peer any more");
        lone.fin();
        assert_over(&lone, Fin, Cause::Shutdown, Party::Gateway);
    }
}

#[test]
fn a_close_because_of_the_other_side_is_not_held_against_the_peer() {
    for role in ROLES {
        let mut lone = open(role);
        let by = Party::Peer(role.peer().other());
        lone.close(Death { cause: Cause::Fin, by }, CloseCode::SERVICE_RESTART, "");
        assert_eq!(lone.ending(), None, "its answer is awaited");
        lone.send(&close(role, 1012, ""));
        lone.fin();
        assert_over(&lone, Fin, Cause::Fin, by);
    }
}

#[test]
fn a_close_waits_behind_what_waits() {
    for role in ROLES {
        let mut lone = open(role);
        lone.set_appetite(Appetite::Bytes(3));
        lone.say(Kind::Text, b"message").unwrap();
        lone.send(&close(role, 1000, ""));
        lone.fin();
        assert!(!lone.endpoint().is_over(), "bytes wait");
        lone.set_appetite(Appetite::Endless);
        assert_eq!(lone.told(), [(Opcode::Text, b"message".to_vec()), close_frame(1000, "")]);
        assert_over(&lone, Fin, Cause::Close(Some(CloseCode::NORMAL)), peer(role));
    }
}

#[test]
fn what_comes_before_a_close_has_gone_decides_what_follows_on_it() {
    let ends: [fn(&mut Endpoint, Role); 3] = [
        |endpoint, _| endpoint.handle_fin(start()),
        |endpoint, _| drop(endpoint.handle_bytes(&mut [0xff], start())),
        |endpoint, role| drop(endpoint.handle_bytes(&mut close(role, 1000, ""), start())),
    ];
    for role in ROLES {
        for (number, end) in ends.iter().enumerate() {
            let mut endpoint = Endpoint::new(Arc::default(), role, start(), 1);
            let death = Death { cause: Cause::Shutdown, by: Party::Gateway };
            endpoint.close(death, CloseCode::GOING_AWAY, "", start());
            end(&mut endpoint, role);
            let mut next = || endpoint.poll_output(start(), &mut || [0; 4]);
            let frame = next().map(|output| match output {
                Output::Send { frame, .. } => frame.as_bytes().last().copied(),
                Output::Finish | Output::Abort => None,
            });
            assert_eq!(frame, Some(Some(0xe9)), "the first word counts");
            let awaits_fin = number == 2 && role == Role::Client;
            assert_eq!(next(), (!awaits_fin).then_some(Output::Finish), "{number} {role:?}");
        }
    }
}
