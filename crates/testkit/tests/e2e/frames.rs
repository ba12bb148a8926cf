//! Frames on the way: what is legal comes out as the very bytes that went in, and each
//! kind of illegal frame has its close code, its reason, and ends both sides.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::frame::{BINARY, CLOSE, Frame, Length, PING, PONG, TEXT};
use testkit::frame::{close, frame, header, mask_of, masked_with, wrongly_masked};
use testkit::message::Message;
use testkit::peer::Ending;
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};

/// Text and binary without FIN, and continuations with and without.
const TEXT_BEGINS: u8 = 0x01;
const BINARY_BEGINS: u8 = 0x02;
const GOES_ON: u8 = 0x00;
const ENDS: u8 = 0x80;
const RSV1: u8 = 0x40;

/// A session whose peers have agreed on permessage-deflate.
#[track_caller]
fn open_deflate(rig: &Rig) -> Session {
    let (name, deflate) = ("Sec-WebSocket-Extensions", "permessage-deflate");
    rig.open_with(&Message::upgrade("/deflate").with(name, deflate), |answer| answer.with(name, deflate))
}

/// The side that is not to blame is told that it is over, and answers; the side that did
/// wrong is told what, and gets its FIN. Nothing else goes to either of them.
#[track_caller]
fn expect_violation(session: &mut Session, offender: Side, code: u16, reason: &str) -> [Frame; 2] {
    let other = offender.other();
    let farewell = session.peer(other).read_frame();
    let expected = match offender {
        Client => (1001, ""),
        Upstream => (1011, "upstream violated the protocol"),
    };
    assert_eq!(farewell.close(), Some(expected), "{farewell:?}");
    session.peer(other).send(&close(other, expected.0, ""));
    session.peer(other).finish();
    session.peer(other).expect_end(Ending::Fin);
    let told = session.peer(offender).read_frame();
    assert_eq!(told.close(), Some((code, reason)), "{told:?}");
    session.peer(offender).expect_end(Ending::Fin);
    session.peer(offender).finish();
    let frames = match offender {
        Client => [told, farewell],
        Upstream => [farewell, told],
    };
    let masked = frames.each_ref().map(|frame| frame.mask.is_some());
    assert_eq!(masked, [false, true], "only what goes to the upstream is masked");
    frames
}

/// `good` passes, then `bad` ends the session, be it sent at once or byte by byte.
#[track_caller]
fn check(from: Side, good: &[u8], bad: &[u8], code: u16, reason: &str) {
    let rig = Rig::default();
    check_on(&rig, || rig.open(), from, good, bad, code, reason);
    rig.finish();
}

#[track_caller]
#[expect(clippy::too_many_arguments, reason = "one row of a table")]
fn check_on(
    rig: &Rig,
    open: impl Fn() -> Session,
    from: Side,
    good: &[u8],
    bad: &[u8],
    code: u16,
    reason: &str,
) {
    let label = format!("framegate_connections_closed_total{{reason=\"{reason}\",by=\"{from}\"}}");
    let before = rig.metrics().get(&label);
    for bytewise in [false, true] {
        let mut session = open();
        session.pass(from, good);
        if bytewise {
            session.peer(from).send_bytewise(bad);
        } else {
            session.peer(from).send(bad);
        }
        expect_violation(&mut session, from, code, reason);
    }
    assert_eq!(rig.settled().get(&label), before + 2.0, "{label}");
}

#[test]
fn an_offender_has_what_was_on_its_way_to_it_before_its_close() {
    for offender in Side::BOTH {
        let rig = Rig::default();
        let mut session = rig.open();
        let other = offender.other();
        session.peer(offender).send(&wrongly_masked(offender, PING, b""));
        let farewell = session.peer(other).read_frame();
        assert!(farewell.close().is_some(), "{farewell:?}");
        session.pass(other, &frame(other, TEXT, b"the answer to your last question"));
        session.peer(other).send(&close(other, 1000, ""));
        let told = session.peer(offender).read_frame();
        assert_eq!(told.close().map(|(code, _)| code), Some(1002), "{told:?}");
        session.peer(offender).expect_end(Ending::Fin);
        drop(session);
        rig.finish();
    }
}

#[test]
fn an_offender_gets_its_close_even_if_the_other_side_goes_on_for_ever() {
    let rig = Rig::default();
    let mut session = rig.open();
    session.client.send(&wrongly_masked(Client, PING, b""));
    assert_eq!(session.client.read_frame().close(), Some((1002, "unmasked_frame")));
    session.client.expect_end(Ending::Fin);
    drop(session);
    rig.finish();
}

#[test]
fn row_24_a_client_that_does_not_mask_is_refused() {
    for bad in [
        wrongly_masked(Client, TEXT, b"hello"),
        wrongly_masked(Client, PING, b""),
        wrongly_masked(Client, CLOSE, &1000_u16.to_be_bytes()),
    ] {
        check(Client, &frame(Client, TEXT, b"good"), &bad, 1002, "unmasked_frame");
    }
}

#[test]
fn row_25_a_server_that_masks_is_refused() {
    for bad in [
        wrongly_masked(Upstream, TEXT, b"hello"),
        wrongly_masked(Upstream, PONG, b""),
        wrongly_masked(Upstream, CLOSE, &1000_u16.to_be_bytes()),
    ] {
        check(Upstream, &frame(Upstream, TEXT, b"good"), &bad, 1002, "masked_frame");
    }
}

#[test]
fn row_26_a_mask_of_zeros_and_one_that_is_used_again_pass_unchanged() {
    let rig = Rig::default();
    let mut session = rig.open();
    for key in [[0; 4], [0; 4], [1, 2, 3, 4], [1, 2, 3, 4]] {
        for payload in [&b""[..], "ünmasked".as_bytes()] {
            session.pass(Client, &masked_with(key, TEXT, payload));
        }
    }
    session.close();
    rig.finish();
}

#[test]
fn row_26_each_frame_of_the_gateway_has_a_fresh_mask() {
    let rig = Rig::default();
    let mut keys = BTreeSet::new();
    for _ in 0..16 {
        let mut session = rig.open();
        session.client.send(&wrongly_masked(Client, TEXT, b""));
        let [_, farewell] = expect_violation(&mut session, Client, 1002, "unmasked_frame");
        assert!(keys.insert(farewell.mask), "{:?} was used before", farewell.mask);
    }
    rig.finish();
}

#[test]
fn row_27_a_length_with_the_top_bit_set_is_refused_on_its_header() {
    for from in Side::BOTH {
        for length in [1 << 63, u64::MAX, (1 << 63) | 5] {
            let bad = header(BINARY, mask_of(from), Length::Eight(length));
            check(from, b"", &bad, 1002, "length_overflow");
        }
    }
}

#[test]
fn row_28_a_length_near_2_63_is_refused_by_the_limit_on_its_header() {
    for from in Side::BOTH {
        let rig = Rig::with(|settings| settings.limits.frame_size_max = 1024);
        for length in [1025, 1 << 32, (1 << 63) - 1] {
            let bad = header(BINARY, mask_of(from), Length::Fewest(length));
            let good = frame(from, BINARY, &[1; 1024]);
            check_on(&rig, || rig.open(), from, &good, &bad, 1009, "frame_too_large");
        }
        rig.finish();
    }
}

#[test]
fn row_28_sizes_of_fragments_add_up_without_overflow() {
    for from in Side::BOTH {
        let rig = Rig::with(|settings| settings.limits.message_size_max = 1024);
        let good = [frame(from, BINARY_BEGINS, &[1; 1000]), frame(from, GOES_ON, &[1; 24])].concat();
        for length in [1, (1 << 63) - 1] {
            let bad = header(ENDS, mask_of(from), Length::Fewest(length));
            check_on(&rig, || rig.open(), from, &good, &bad, 1009, "message_too_large");
        }
        for record in rig.finish().of("close") {
            let detail = record["detail"].as_str().unwrap_or_default();
            assert!(detail.contains("the 1024 bytes of max-message-size"), "{record}");
        }
    }
}

#[test]
fn row_28_without_a_limit_the_longest_frame_there_is_may_begin() {
    let rig = Rig::default();
    for from in Side::BOTH {
        let mut session = rig.open();
        session.pass(from, &header(BINARY, mask_of(from), Length::Fewest((1 << 63) - 1)));
        session.pass(from, &[7; 100_000]);
    }
    rig.finish();
}

#[test]
fn row_29_a_length_in_more_bytes_than_it_needs_is_refused() {
    for from in Side::BOTH {
        for length in
            [Length::Two(0), Length::Two(125), Length::Eight(0), Length::Eight(125), Length::Eight(65_535)]
        {
            let bad = header(TEXT, mask_of(from), length);
            check(from, &frame(from, TEXT, b"good"), &bad, 1002, "non_minimal_length");
        }
    }
}

#[test]
fn row_30_a_frame_of_1_gib_passes_byte_by_byte_as_it_comes() {
    let rig = Rig::default();
    for from in Side::BOTH {
        let mut session = rig.open();
        for byte in header(BINARY, mask_of(from), Length::Fewest(1 << 30)) {
            session.peer(from).send(&[byte]);
        }
        session.peer(from.other()).expect(&header(BINARY, mask_of(from), Length::Fewest(1 << 30)));
        for byte in 0..100 {
            session.pass(from, &[byte]);
        }
    }
    rig.finish();
}

#[test]
fn row_30_a_frame_that_takes_longer_than_the_frame_timeout_ends_the_session() {
    for from in Side::BOTH {
        let rig = Rig::with(|settings| settings.timeouts.frame = Duration::from_millis(200));
        let mut session = rig.open();
        // A frame in time, and silence between frames, start no clock.
        session.pass(from, &frame(from, TEXT, b"good"));
        session.peer(from.other()).expect_silence(Duration::from_millis(300));
        let begun = [&header(BINARY, mask_of(from), Length::Fewest(1 << 30))[..], b"x"].concat();
        session.pass(from, &begun);
        assert_eq!(session.peer(from).read_frame().close(), Some((1008, "frame_timeout")));
        session.peer(from).expect_end(Ending::Fin);
        session.peer(from).finish();
        // The frame has no end at which a Close could be put.
        session.peer(from.other()).expect_end(Ending::Reset);
        let records = rig.finish();
        assert_has(records.only("close"), &json!({"reason": "frame_timeout", "by": from.name()}));
    }
}

#[test]
fn row_30_the_frame_timeout_runs_within_a_header_too() {
    let rig = Rig::with(|settings| settings.timeouts.frame = Duration::from_millis(200));
    let mut session = rig.open();
    session.client.send(&[TEXT]);
    expect_violation(&mut session, Client, 1008, "frame_timeout");
    rig.finish();
}

#[test]
fn row_31_reserved_bits_that_mean_nothing_are_refused() {
    for from in Side::BOTH {
        for opcode in [TEXT, BINARY, PING, CLOSE] {
            check(from, b"", &frame(from, opcode | RSV1, b""), 1002, "unexpected_rsv1");
        }
        let rig = Rig::default();
        for bits in [0x20, 0x10, 0x30, 0x70] {
            let bad = frame(from, BINARY | bits, b"x");
            check_on(&rig, || rig.open(), from, b"", &bad, 1002, "reserved_bit");
            check_on(&rig, || open_deflate(&rig), from, b"", &bad, 1002, "reserved_bit");
        }
        rig.finish();
    }
}

#[test]
fn row_31_rsv1_passes_where_permessage_deflate_was_agreed() {
    let rig = Rig::default();
    let mut session = open_deflate(&rig);
    for from in Side::BOTH {
        // Not UTF-8, because it is compressed.
        session.pass(from, &frame(from, TEXT | RSV1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"));
        session.pass(from, &frame(from, TEXT_BEGINS | RSV1, b"\xf2\x48"));
        session.pass(from, &frame(from, ENDS, b"\xcd\xc9\xc9\x07\x00"));
        session.pass(from, &frame(from, TEXT, b"plain"));
    }
    session.close();
    rig.finish();
}

#[test]
fn row_32_rsv1_on_a_continuation_or_a_control_frame_is_refused() {
    for from in Side::BOTH {
        let rig = Rig::default();
        let begun = frame(from, TEXT_BEGINS | RSV1, b"\xf2\x48");
        for (good, bad) in [
            (&begun[..], frame(from, ENDS | RSV1, b"\xcd")),
            (&begun, frame(from, GOES_ON | RSV1, b"\xcd")),
            (b"", frame(from, PING | RSV1, b"")),
            (b"", frame(from, PONG | RSV1, b"")),
            (b"", frame(from, CLOSE | RSV1, &1000_u16.to_be_bytes())),
        ] {
            check_on(&rig, || open_deflate(&rig), from, good, &bad, 1002, "unexpected_rsv1");
        }
        rig.finish();
    }
}

#[test]
fn row_33_reserved_opcodes_are_refused() {
    for from in Side::BOTH {
        let rig = Rig::default();
        for opcode in (0x3..=0x7).chain(0xb..=0xf) {
            for fin in [0, 0x80] {
                let bad = frame(from, fin | opcode, b"x");
                check_on(&rig, || rig.open(), from, b"", &bad, 1002, "reserved_opcode");
            }
        }
        let records = rig.finish();
        let detail = &records.of("close")[0]["detail"];
        assert_eq!(detail, "reserved opcode 0x3");
    }
}

#[test]
fn row_34_control_frames_are_short_and_whole() {
    for from in Side::BOTH {
        let rig = Rig::default();
        for opcode in [PING, PONG, CLOSE] {
            let long = header(opcode, mask_of(from), Length::Fewest(126));
            check_on(&rig, || rig.open(), from, b"", &long, 1002, "oversized_control");
            let open_end = frame(from, opcode & 0x0f, b"");
            check_on(&rig, || rig.open(), from, b"", &open_end, 1002, "fragmented_control");
        }
        let mut session = rig.open();
        session.pass(from, &frame(from, PING, &[b'p'; 125]));
        session.pass(from, &frame(from, PONG, &[b'p'; 125]));
        session.close();
        rig.finish();
    }
}

#[test]
fn row_35_fragments_follow_on_each_other() {
    for from in Side::BOTH {
        let begun = frame(from, TEXT_BEGINS, b"a");
        let ended = [&begun[..], &frame(from, ENDS, b"b")].concat();
        for (good, bad, reason) in [
            (&b""[..], frame(from, GOES_ON, b"x"), "unexpected_continuation"),
            (b"", frame(from, ENDS, b""), "unexpected_continuation"),
            (&ended, frame(from, ENDS, b""), "unexpected_continuation"),
            (&begun, frame(from, TEXT, b"x"), "interrupted_message"),
            (&begun, frame(from, BINARY_BEGINS, b"x"), "interrupted_message"),
        ] {
            check(from, good, &bad, 1002, reason);
        }
    }
}

#[test]
fn row_36_a_message_in_more_fragments_than_the_limit_is_refused() {
    for from in Side::BOTH {
        let rig = Rig::with(|settings| settings.limits.fragments_max = 100);
        let fragments = |count: usize| {
            [frame(from, BINARY_BEGINS, b""), frame(from, GOES_ON, b"").repeat(count - 1)].concat()
        };
        let bad = frame(from, GOES_ON, b"");
        check_on(&rig, || rig.open(), from, &fragments(100), &bad, 1008, "too_many_fragments");
        // Each message counts for itself, and control frames not at all.
        let whole = [fragments(99), frame(from, PING, b"").repeat(50), frame(from, ENDS, b"")].concat();
        let mut session = rig.open();
        session.pass(from, &whole);
        session.pass(from, &whole);
        session.close();
        rig.finish();
    }
}

#[test]
fn row_36_without_a_limit_a_hundred_thousand_fragments_pass() {
    let rig = Rig::default();
    for from in Side::BOTH {
        let pieces = [frame(from, GOES_ON, b""), frame(from, GOES_ON, b"x")].concat();
        let message = [frame(from, TEXT_BEGINS, b""), pieces.repeat(50_000), frame(from, ENDS, b"")].concat();
        let mut session = rig.open();
        let mut sender = session.peer(from).second_hand();
        std::thread::scope(|scope| {
            let message = &message;
            scope.spawn(move || sender.send(message));
            session.peer(from.other()).expect(message);
        });
        session.close();
    }
    let records = rig.finish();
    for (record, from) in records.of("close").into_iter().zip(Side::BOTH) {
        let (frames, messages) = (format!("{from}_frames"), format!("{from}_messages"));
        // The Close is a frame as well.
        assert_has(record, &json!({frames: 100_003, messages: 1}));
    }
}

#[test]
fn row_38_control_frames_pass_within_a_fragmented_message() {
    let rig = Rig::default();
    for from in Side::BOTH {
        let mut session = rig.open();
        let interleaved = [
            frame(from, TEXT_BEGINS, b"a\xe2\x9c"),
            frame(from, PING, b"\xff one"),
            frame(from, GOES_ON, b""),
            frame(from, PONG, b""),
            frame(from, PING, b"two"),
            frame(from, ENDS, b"\x93 done"),
        ];
        for piece in &interleaved {
            session.pass(from, piece);
        }
        let whole = interleaved.concat();
        session.peer(from).send_bytewise(&whole);
        session.peer(from.other()).expect(&whole);
        // A Close may interrupt a message, too.
        session.pass(from, &frame(from, TEXT_BEGINS, b"never ended"));
        session.pass(from, &close(from, 1001, ""));
        session.pass(from.other(), &close(from.other(), 1001, ""));
        session.end();
    }
    rig.finish();
}

/// What is wrong in `text` shows on its last byte.
#[test]
fn row_44_text_that_is_not_utf_8_is_refused() {
    for from in Side::BOTH {
        let rig = Rig::default();
        for text in [
            &b"\x80"[..],
            b"ok \xff",
            b"overlong \xc0",
            b"overlong \xe0\x80",
            b"overlong \xf0\x80",
            b"surrogate \xed\xa0",
            b"beyond \xf4\x90",
            b"beyond \xf5",
            b"cut \xe2\x9cx",
        ] {
            let mut session = rig.open();
            session.peer(from).send(&frame(from, TEXT, text));
            expect_violation(&mut session, from, 1007, "invalid_utf8");
        }
        rig.finish();
    }
}

#[test]
fn row_44_a_character_that_the_end_of_the_text_cuts_is_refused() {
    for from in Side::BOTH {
        let rig = Rig::default();
        let mut session = rig.open();
        session.peer(from).send(&frame(from, TEXT, b"cut \xe2\x9c"));
        expect_violation(&mut session, from, 1007, "invalid_utf8");
        // The last frame of the message tells, even when it is empty.
        let mut session = rig.open();
        session.pass(from, &frame(from, TEXT_BEGINS, b"cut \xe2\x9c"));
        session.peer(from).send(&frame(from, ENDS, b""));
        expect_violation(&mut session, from, 1007, "invalid_utf8");
        rig.finish();
    }
}

#[test]
fn row_44_a_bad_byte_is_refused_before_the_message_or_even_the_frame_is_whole() {
    for from in Side::BOTH {
        let rig = Rig::default();
        let mut session = rig.open();
        session.pass(from, &frame(from, TEXT_BEGINS, b"\xf0\x9f"));
        session.peer(from).send(&frame(from, GOES_ON, b"\x92\x28"));
        expect_violation(&mut session, from, 1007, "invalid_utf8");
        let mut session = rig.open();
        let whole = frame(from, TEXT, b"good so far \xff and so on");
        let (head, rest) = whole.split_at(whole.len() - 12);
        session.pass(from, head);
        session.peer(from).send(&rest[..4]);
        assert_eq!(session.peer(from).read_frame().close(), Some((1007, "invalid_utf8")));
        session.peer(from).expect_end(Ending::Fin);
        session.peer(from).finish();
        // A part of the frame is there, and its rest will not come: no Close fits in.
        session.peer(from.other()).expect_end(Ending::Reset);
        rig.finish();
    }
}

#[test]
fn row_44_characters_may_be_cut_by_fragments_and_segments() {
    let rig = Rig::default();
    let text = "κόσμε ✓ 🎉 \u{10ffff} \u{0}".as_bytes();
    for from in Side::BOTH {
        let mut session = rig.open();
        for at in 0..=text.len() {
            let (first, second) = text.split_at(at);
            let message = [frame(from, TEXT_BEGINS, first), frame(from, ENDS, second)].concat();
            session.pass(from, &message);
        }
        let whole = frame(from, TEXT, text);
        session.peer(from).send_bytewise(&whole);
        session.peer(from.other()).expect(&whole);
        session.close();
    }
    rig.finish();
}

#[test]
fn row_44_binary_and_pings_need_not_be_utf_8_and_text_neither_once_it_is_not_validated() {
    let rig = Rig::with(|settings| settings.limits.validate_utf8 = false);
    let checking = Rig::default();
    for from in Side::BOTH {
        let mut session = rig.open();
        session.pass(from, &frame(from, TEXT, b"\xff\xfe"));
        session.close();
        let mut session = checking.open();
        session.pass(from, &frame(from, BINARY, b"\xff\xfe"));
        session.pass(from, &frame(from, PING, b"\xff\xfe"));
        session.close();
    }
    rig.finish();
    checking.finish();
}

#[test]
fn row_44_a_close_reason_that_is_not_utf_8_is_refused() {
    for from in Side::BOTH {
        let bad = frame(from, CLOSE, b"\x03\xe8bye \xff");
        check(from, b"", &bad, 1007, "invalid_close_reason");
    }
}

#[test]
fn row_52_close_codes_that_must_not_be_sent_are_refused() {
    for from in Side::BOTH {
        let rig = Rig::default();
        for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535] {
            check_on(&rig, || rig.open(), from, b"", &close(from, code, "x"), 1002, "invalid_close_code");
        }
        check_on(&rig, || rig.open(), from, b"", &frame(from, CLOSE, b"\x03"), 1002, "truncated_close_code");
        let records = rig.finish();
        assert_eq!(records.of("close")[0]["detail"], "close code 0 must not be sent");
    }
}

#[test]
fn every_length_form_and_opcode_passes_at_every_split_of_its_header() {
    let rig = Rig::default();
    for from in Side::BOTH {
        let mut session = rig.open();
        for size in [0, 1, 125, 126, 127, 65_535, 65_536, 70_000] {
            let whole = frame(from, BINARY, &vec![0xa5; size]);
            for at in 1..whole.len().min(16) {
                let (first, second) = whole.split_at(at);
                session.peer(from).send(first);
                session.peer(from).send(second);
                session.peer(from.other()).expect(&whole);
            }
        }
        session.close();
    }
    rig.finish();
}
