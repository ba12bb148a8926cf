//! `max-message-chunks`: reads that leave a message incomplete.

use super::*;

/// The connection ends at the fourth.
fn four(role: Role) -> Lone {
    with(role, EndpointPolicy { chunks_max: 4, ..EndpointPolicy::default() })
}

#[test]
fn a_message_may_come_in_so_many_reads_and_no_more() {
    for role in ROLES {
        let message = text(role, "abcdefghij");
        let length = message.len();
        for (reads, passes) in [(1, true), (2, true), (4, true), (5, false), (6, false)] {
            let mut lone = four(role);
            let mut rest = &message[..];
            for left in (1..=reads).rev() {
                let piece = if left == 1 { rest.len() } else { length / reads };
                let (piece, behind) = rest.split_at(piece);
                lone.send(piece);
                rest = behind;
            }
            assert_eq!(lone.messages().len(), usize::from(passes), "{reads} reads");
            if !passes {
                assert_eq!(death(&lone), Some((Cause::TooManyChunks, peer(role))));
                assert_eq!(lone.told(), [close_frame(1008, "too_many_chunks")]);
                assert_eq!(lone.ending(), Some(Fin));
            }
            lone.check_streams();
        }
    }
}

#[test]
fn every_message_is_counted_anew() {
    for role in ROLES {
        let mut lone = four(role);
        let messages = [text(role, "abc"), text(role, "def"), text(role, "ghi")].concat();
        // Most ends of these reads lie within a message.
        messages.chunks(messages.len().div_ceil(9)).for_each(|piece| lone.send(piece));
        assert_eq!(texts(&lone), ["abc", "def", "ghi"]);
    }
}

#[test]
fn fragments_count_by_reads_and_not_by_frames() {
    for role in ROLES {
        let fragments = |count: usize| {
            let middle = vec![frame(role, 0x00, b"x"); count];
            [frame(role, 0x01, b"x"), middle.concat(), frame(role, 0x80, b"x")].concat()
        };
        let mut lone = four(role);
        lone.send(&fragments(10));
        assert_eq!(lone.messages().len(), 1);
        lone.send(&frame(role, 0x01, b"x"));
        for _ in 0..2 {
            // A ping in between does not make the message any more whole.
            lone.send(&[frame(role, 0x00, b"x"), frame(role, 0x89, b"")].concat());
        }
        assert_eq!(death(&lone), None);
        lone.send(&frame(role, 0x00, b"x"));
        assert_eq!(death(&lone), Some((Cause::TooManyChunks, peer(role))));
    }
}

#[test]
fn whole_messages_and_control_frames_leave_nothing_incomplete() {
    for role in ROLES {
        let mut lone = four(role);
        for _ in 0..10 {
            lone.send(&text(role, "whole"));
            lone.send(&frame(role, 0x89, b"ping"));
            let ping = frame(role, 0x89, b"cut");
            let (head, tail) = ping.split_at(3);
            lone.send(head);
            lone.send(tail);
        }
        assert_eq!(death(&lone), None);
    }
}

#[test]
fn a_pause_within_a_read_makes_it_no_two() {
    for role in ROLES {
        let message = text(role, "abcdef");
        let (head, tail) = message.split_at(3);
        let mut lone = with(role, EndpointPolicy { chunks_max: 2, ..EndpointPolicy::default() });
        lone.take_messages(1);
        lone.send(&[&text(role, "1")[..], head].concat());
        lone.take_messages(5);
        lone.send(tail);
        assert_eq!(texts(&lone), ["1", "abcdef"]);
    }
}
