//! Messages to the peer.

use super::*;

#[test]
fn a_message_is_one_frame_masked_by_a_client_alone() {
    for role in ROLES {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let mut lone = open(role);
            let payload = vec![b'x'; length];
            lone.say(Kind::Text, &payload).unwrap();
            assert!(lone.told() == [(Opcode::Text, payload)], "{length} bytes");
            assert_eq!(lone.arrived()[1] & 0x80 != 0, role == Role::Client);
            lone.check_streams();
        }
    }
}

#[test]
fn every_frame_of_a_client_has_another_key() {
    let mut lone = open(Role::Client);
    let empty = |lone: &mut Lone| lone.say(Kind::Binary, b"").unwrap();
    empty(&mut lone);
    empty(&mut lone);
    let (first, second) = lone.arrived().split_at(6);
    assert_eq!(first[..2], second[..2]);
    assert_ne!(first[2..], second[2..]);
}

#[test]
fn binary_is_sent_as_such() {
    for role in ROLES {
        let mut lone = open(role);
        lone.say(Kind::Binary, b"\xff").unwrap();
        assert_eq!(lone.told(), [(Opcode::Binary, b"\xff".to_vec())]);
    }
}

#[test]
fn nothing_is_sent_once_the_end_has_begun() {
    let ends: [fn(&mut Lone, Role); 6] = [
        |lone, role| lone.send(&close(role, 1000, "")),
        |lone, _| lone.shut_down(),
        |lone, _| lone.send(b"\xff"),
        |lone, _| lone.fin(),
        |lone, _| lone.reset(),
        |lone, _| lone.break_writes(),
    ];
    for role in ROLES {
        for end in ends {
            let mut lone = open(role);
            assert!(!lone.endpoint().is_ending());
            end(&mut lone, role);
            assert!(lone.endpoint().is_ending());
            assert!(lone.say(Kind::Text, b"too late").is_err());
            lone.check_streams();
        }
    }
}
