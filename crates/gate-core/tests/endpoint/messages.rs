//! Whole messages: handed over where they lie, or put together.

use super::*;

#[test]
fn a_message_in_one_frame_and_one_read_is_not_copied() {
    for role in ROLES {
        let mut lone = open(role);
        let frames = [text(role, "one"), frame(role, 0x82, b"\xff\x00"), frame(role, 0x81, b"")];
        lone.send(&frames.concat());
        let got = |kind, payload: &[u8]| Got { kind, payload: payload.to_vec(), is_in_place: true };
        let expected = [got(Kind::Text, b"one"), got(Kind::Binary, b"\xff\x00"), got(Kind::Text, b"")];
        assert_eq!(lone.messages(), expected);
        assert_eq!(lone.endpoint().buffered(), 0);
        lone.check_streams();
    }
}

#[test]
fn a_message_whose_header_came_before_is_not_copied_either() {
    for role in ROLES {
        let bytes = text(role, "whole");
        let mut lone = open(role);
        let (header, payload) = bytes.split_at(bytes.len() - 5);
        for byte in header {
            lone.send(&[*byte]);
        }
        lone.send(payload);
        assert!(lone.messages()[0].is_in_place);
        assert_eq!(texts(&lone), ["whole"]);
    }
}

#[test]
fn fragments_are_put_together_around_control_frames() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(&frame(role, 0x01, b"a"));
        lone.send(&frame(role, 0x89, b"ping"));
        lone.send(&frame(role, 0x00, b""));
        lone.send(&frame(role, 0x8a, b"unasked for"));
        assert!(lone.endpoint().buffered() > 0);
        lone.send(&[frame(role, 0x80, b"bc"), text(role, "next")].concat());
        assert_eq!(texts(&lone), ["abc", "next"]);
        assert_eq!(lone.messages().iter().map(|got| got.is_in_place).collect::<Vec<_>>(), [false, true]);
        assert_eq!(lone.endpoint().buffered(), 0, "the buffer went with the message");
        assert_eq!(lone.told(), [(Opcode::Pong, b"ping".to_vec())]);
        lone.check_streams();
    }
}

#[test]
fn a_message_in_many_reads_is_put_together() {
    for role in ROLES {
        let mut lone = open(role);
        let payload: Vec<u8> = (0..=255).cycle().take(60_000).collect();
        frame(role, 0x82, &payload).chunks(1_371).for_each(|piece| lone.send(piece));
        assert_eq!(lone.messages(), [Got { kind: Kind::Binary, payload, is_in_place: false }]);
        assert_eq!(lone.endpoint().buffered(), 0);
        lone.check_streams();
    }
}

#[test]
fn the_default_takes_messages_of_65535_bytes_and_no_more() {
    for role in ROLES {
        for (length, count) in [(65_535, 1), (65_536, 0)] {
            let mut lone = open(role);
            lone.send(&frame(role, 0x82, &vec![0; length]));
            assert_eq!(lone.messages().len(), count, "{length} bytes");
        }
    }
}

#[test]
fn without_a_limit_messages_are_as_large_as_they_come() {
    for role in ROLES {
        let mut lone = with_limits(role, Limits::default());
        let payload = vec![b'x'; 3_000_000];
        frame(role, 0x81, &payload).chunks(65_536).for_each(|piece| lone.send(piece));
        assert!(lone.messages()[0].payload == payload);
    }
}

#[test]
fn text_is_taken_as_it_is_where_nobody_wants_it_checked() {
    for role in ROLES {
        let mut lone = with_limits(role, Limits { validate_utf8: false, ..Limits::default() });
        lone.send(&frame(role, 0x81, b"\xff"));
        assert_eq!(lone.messages().len(), 1);
        assert_eq!(death(&lone), None);
    }
}

#[test]
fn what_came_and_went_is_counted() {
    for role in ROLES {
        let mut lone = open(role);
        let sent = [frame(role, 0x01, b"a"), frame(role, 0x89, b""), frame(role, 0x80, b"b")].concat();
        lone.send(&sent);
        lone.say(Kind::Text, b"answer").unwrap();
        let received = lone.endpoint().received();
        assert_eq!((received.frames, received.messages), (3, 1));
        assert_eq!(usize::try_from(received.bytes), Ok(sent.len()));
        let sent = lone.endpoint().sent();
        assert_eq!((sent.frames, sent.messages), (2, 1));
        assert_eq!(usize::try_from(sent.bytes), Ok(lone.arrived().len()));
        let messages = lone.frames().iter().map(|frame| frame.message.map(|message| message.size));
        assert_eq!(messages.collect::<Vec<_>>(), [Some(1), None, Some(2)]);
    }
}

#[test]
fn other_rules_hold_for_what_comes_from_then_on() {
    let policy = |message_size_max| {
        let limits = Limits { message_size_max, ..Limits::default() };
        std::sync::Arc::new(EndpointPolicy { limits, ..EndpointPolicy::default() })
    };
    let now = start();
    let mut endpoint = Endpoint::new(policy(4), Role::Client, now, 1);
    let came = |size: u64, endpoint: &mut Endpoint| {
        endpoint.set_policy(&policy(size));
        let mut frame = *b"\x81\x05hello";
        endpoint.handle_bytes(&mut frame, now).message.map(|message| message.payload.into_owned())
    };
    assert_eq!(came(5, &mut endpoint), Some(b"hello".to_vec()));
    assert_eq!(came(4, &mut endpoint), None);
    let cause = endpoint.death().map(|death| death.cause);
    assert!(matches!(cause, Some(Cause::Violation(FrameError::MessageTooLarge { max: 4 }))), "{cause:?}");
}
