//! The walker, through its public face: every cut of a conversation gives the same
//! bytes and the same judgement.

#![expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "helpers of tests work on what the tests give them"
)]

use ws_proto::error::FrameError;
use ws_proto::walk::{Admission, End, Extent, Limits, Message, Observer, Walker};
use ws_proto::{CloseCode, FrameHeader, Opcode, Sender, mask};

#[derive(Default, Debug, PartialEq, Eq, Clone)]
struct Seen {
    frames: Vec<(Opcode, u64)>,
    messages: Vec<(Opcode, u64, u32)>,
    close: Option<(Option<CloseCode>, String)>,
}

impl Observer for Seen {
    fn frame(&mut self, header: &FrameHeader, _message: Option<&Message>) {
        self.frames.push((header.opcode, header.payload_len));
    }
    fn message(&mut self, message: &Message) {
        self.messages.push((message.opcode, message.size, message.fragments));
    }
    fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.close = Some((code, reason.to_owned()));
    }
}

#[derive(Debug, PartialEq, Eq, Clone)]
struct Outcome {
    forwarded: Vec<u8>,
    seen: Seen,
    end: Option<End>,
    at_boundary: bool,
}

/// Walks over `pieces`, and over each as far as the walker takes it.
fn walk<'a>(
    sender: Sender,
    deflate: bool,
    limits: &Limits,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut walker = Walker::new(sender, deflate);
    let mut outcome = Outcome { forwarded: Vec::new(), seen: Seen::default(), end: None, at_boundary: true };
    for piece in pieces {
        let walked = walker.walk(piece, Extent::All, limits, &mut outcome.seen);
        outcome.forwarded.extend_from_slice(walked.held.as_bytes());
        outcome.forwarded.extend_from_slice(&piece[walked.forward]);
        outcome.at_boundary = walker.at_boundary();
        if walked.end.is_some() {
            outcome.end = walked.end;
            break;
        }
        assert_eq!(walked.consumed, piece.len(), "all input is used unless the walk ends");
    }
    outcome
}

fn server(bytes: &[u8]) -> Outcome {
    walk(Sender::Server, false, &Limits::default(), [bytes])
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..126 => bytes.push(length as u8),
        length @ 126..0x1_0000 => {
            bytes.push(126);
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            bytes.push(127);
            bytes.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(payload);
    bytes
}

fn masked_frame(first: u8, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut bytes = frame(first, payload);
    let header = bytes.len() - payload.len();
    bytes[1] |= 0x80;
    let mut payload = bytes.split_off(header);
    mask::apply(&mut payload, key, 0);
    bytes.extend_from_slice(&key);
    bytes.extend_from_slice(&payload);
    bytes
}

/// A legal conversation that uses every kind of frame.
fn conversation(encode: impl Fn(u8, &[u8]) -> Vec<u8>) -> Vec<u8> {
    [
        encode(0x81, "grüße".as_bytes()),
        encode(0x82, &[0xff; 130]),
        encode(0x01, b"frag\xe2\x82"),
        encode(0x89, b"ping"),
        encode(0x00, b"\xac"),
        encode(0x8a, b""),
        encode(0x80, "ment ✓".as_bytes()),
        encode(0x82, b""),
        encode(0x88, b"\x03\xe8over and out"),
    ]
    .concat()
}

#[test]
fn every_single_and_double_cut_forwards_the_same_bytes() {
    let from_server = conversation(frame);
    let from_client = conversation(|first, payload| masked_frame(first, payload, [0x9a, 1, 0x80, 0x55]));
    for (sender, bytes) in [(Sender::Server, from_server), (Sender::Client, from_client)] {
        let limits = Limits::default();
        let whole = walk(sender, false, &limits, [&bytes[..]]);
        assert_eq!(whole.forwarded, bytes);
        assert_eq!(whole.end, Some(End::Close(Some(CloseCode::NORMAL))));
        assert_eq!(whole.seen.messages.len(), 4);
        assert_eq!(whole.seen.messages[2], (Opcode::Text, 15, 3));
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(walk(sender, false, &limits, pieces), whole, "cut at {first} and {second}");
            }
        }
        assert_eq!(walk(sender, false, &limits, bytes.chunks(1)), whole);
    }
}

#[test]
fn nothing_behind_a_close_is_consumed() {
    let close = frame(0x88, b"");
    let outcome = server(&[&close[..], b"junk"].concat());
    assert_eq!(outcome.forwarded, close);
    assert_eq!(outcome.end, Some(End::Close(None)));
}

#[test]
fn a_fault_is_the_same_however_the_bytes_are_cut_and_is_never_forwarded() {
    let good = frame(0x82, b"good");
    let cases: [(Vec<u8>, FrameError); 9] = [
        (frame(0xc2, b"x"), FrameError::UnexpectedRsv1),
        (frame(0xa2, b"x"), FrameError::ReservedBit),
        (frame(0x83, b"x"), FrameError::ReservedOpcode(3)),
        (frame(0x80, b"x"), FrameError::UnexpectedContinuation),
        (masked_frame(0x82, b"x", [0; 4]), FrameError::Masked),
        (vec![0x82, 126, 0, 1, 0], FrameError::NonMinimalLength),
        (frame(0x88, b"\x03"), FrameError::TruncatedCloseCode),
        (frame(0x88, b"\x03\xed"), FrameError::InvalidCloseCode(1005)),
        (frame(0x88, b"\x03\xe8\xff"), FrameError::InvalidCloseReason),
    ];
    for (bad, error) in cases {
        let bytes = [&good[..], &bad[..], b"more"].concat();
        for cut in 0..bytes.len() {
            let outcome = walk(Sender::Server, false, &Limits::default(), [&bytes[..cut], &bytes[cut..]]);
            assert_eq!(outcome.end, Some(End::Violation(error)), "cut at {cut}");
            assert_eq!(outcome.forwarded, good, "{error:?} cut at {cut}");
            assert!(outcome.at_boundary);
        }
    }
}

#[test]
fn row_44_bad_text_is_taken_back_unless_its_frame_has_begun_to_go() {
    let good = frame(0x82, b"good");
    let bytes = [&good[..], &frame(0x81, b"abc\xffdef")[..]].concat();
    let whole = server(&bytes);
    assert_eq!(whole.end, Some(End::Violation(FrameError::InvalidUtf8)));
    assert_eq!((&whole.forwarded, whole.at_boundary), (&good, true));

    let late = walk(Sender::Server, false, &Limits::default(), [&bytes[..10], &bytes[10..]]);
    assert_eq!(late.end, Some(End::Violation(FrameError::InvalidUtf8)));
    assert_eq!((&late.forwarded[..], late.at_boundary), (&bytes[..10], false));
}

#[test]
fn row_44_text_that_ends_within_a_character_is_refused_at_the_end_of_its_message() {
    let first = frame(0x01, b"\xe2\x82");
    let outcome = server(&[&first[..], &frame(0x80, b"")[..]].concat());
    assert_eq!(outcome.end, Some(End::Violation(FrameError::InvalidUtf8)));
    assert_eq!(outcome.forwarded, first);
}

#[test]
fn row_35_fragments_follow_the_rules() {
    let nested = [frame(0x01, b"a"), frame(0x81, b"b")].concat();
    assert_eq!(server(&nested).end, Some(End::Violation(FrameError::InterruptedMessage)));
    let orphan = [frame(0x01, b"a"), frame(0x80, b"b"), frame(0x80, b"c")].concat();
    assert_eq!(server(&orphan).end, Some(End::Violation(FrameError::UnexpectedContinuation)));
}

#[test]
fn row_31_and_32_rsv1_marks_only_the_first_frame_of_a_message_where_deflate_was_agreed() {
    let compressed = frame(0xc1, b"\xff\xff");
    let deflate = |bytes: &[u8]| walk(Sender::Server, true, &Limits::default(), [bytes]);
    assert_eq!(deflate(&compressed).end, None, "compressed text is not checked as UTF-8");
    assert_eq!(deflate(&compressed).forwarded, compressed);
    let continued = [frame(0x41, b"\xff"), frame(0xc0, b"x")].concat();
    assert_eq!(deflate(&continued).end, Some(End::Violation(FrameError::UnexpectedRsv1)));
    assert_eq!(deflate(&frame(0xc9, b"")).end, Some(End::Violation(FrameError::UnexpectedRsv1)));
    assert_eq!(server(&compressed).end, Some(End::Violation(FrameError::UnexpectedRsv1)));
}

#[test]
fn row_36_limits_are_judged_from_headers_alone() {
    let limits = Limits { frame_size_max: 10, message_size_max: 15, fragments_max: 3, validate_utf8: true };
    let check = |bytes: &[u8]| walk(Sender::Server, false, &limits, [bytes]);
    assert_eq!(check(&frame(0x82, &[0; 10])).end, None);
    assert_eq!(check(&[0x82, 11]).end, Some(End::Violation(FrameError::FrameTooLarge { max: 10 })));
    let message = [&frame(0x02, &[0; 10])[..], &[0x00, 6]].concat();
    assert_eq!(check(&message).end, Some(End::Violation(FrameError::MessageTooLarge { max: 15 })));
    let fragments = [frame(0x02, b""), frame(0x00, b""), frame(0x00, b""), frame(0x00, b"")].concat();
    assert_eq!(check(&fragments).end, Some(End::Violation(FrameError::TooManyFragments { max: 3 })));
    let huge = [0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255];
    assert_eq!(check(&huge).end, Some(End::Violation(FrameError::FrameTooLarge { max: 10 })));
}

#[test]
fn row_28_sizes_near_the_end_of_the_range_do_not_wrap() {
    let limits = Limits { message_size_max: u64::MAX, ..Limits::default() };
    let huge = [0x02, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255];
    let mut walker = Walker::new(Sender::Server, false);
    let mut seen = Seen::default();
    let walked = walker.walk(&huge, Extent::All, &limits, &mut seen);
    assert_eq!((walked.forward, walked.end), (0..10, None));
    assert!(!walker.at_boundary());
}

#[test]
fn a_walk_to_the_boundary_stops_behind_the_current_frame() {
    let bytes = [frame(0x82, b"first"), frame(0x82, b"second")].concat();
    let mut walker = Walker::new(Sender::Server, false);
    let mut seen = Seen::default();
    let limits = Limits::default();
    walker.walk(&bytes[..4], Extent::All, &limits, &mut seen);
    assert!(!walker.at_boundary());
    let walked = walker.walk(&bytes[4..], Extent::Boundary, &limits, &mut seen);
    assert_eq!((walked.consumed, walked.forward), (3, 0..3));
    assert!(walker.at_boundary());
}

#[test]
fn a_direction_needs_less_than_128_bytes() {
    assert!(size_of::<Walker>() <= 128, "{}", size_of::<Walker>());
}

/// Judges frames by their payload's length, and pongs of two bytes by the first of them.
#[derive(Default)]
struct Gate {
    seen: Seen,
    /// Frames that have waited.
    waited: u32,
    waits: bool,
    skipped: Vec<(Opcode, u64)>,
}

impl Observer for Gate {
    fn frame(&mut self, header: &FrameHeader, message: Option<&Message>) {
        self.seen.frame(header, message);
    }
    fn message(&mut self, message: &Message) {
        self.seen.message(message);
    }
    fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        self.seen.close(code, reason);
    }
    fn admit(&mut self, header: &FrameHeader, message: Option<&Message>) -> Admission {
        assert_eq!(message.is_none(), header.opcode.is_control());
        match (header.opcode, header.payload_len) {
            (Opcode::Pong, 2) => Admission::Whole,
            (_, 3) => Admission::Skip,
            (_, 4) if !self.waits => {
                self.waits = true;
                self.waited += 1;
                Admission::Wait
            }
            (_, 4) => {
                self.waits = false;
                Admission::Pass
            }
            (_, 5) => Admission::Refuse,
            _ => Admission::Pass,
        }
    }
    fn admit_whole(&mut self, header: &FrameHeader, payload: &[u8]) -> Admission {
        assert_eq!((header.opcode, payload.len()), (Opcode::Pong, 2));
        match payload[0] {
            b's' => Admission::Skip,
            b'r' => Admission::Refuse,
            _ => Admission::Pass,
        }
    }
    fn skipped(&mut self, header: &FrameHeader) {
        self.skipped.push((header.opcode, header.payload_len));
    }
}

/// What of `pieces` is forwarded, and how the walk ends.
fn walk_gated(gate: &mut Gate, sender: Sender, pieces: &[&[u8]]) -> (Vec<u8>, Option<End>) {
    let mut walker = Walker::new(sender, false);
    let mut forwarded = Vec::new();
    for piece in pieces {
        let mut rest = *piece;
        let mut idle = 0;
        while !rest.is_empty() {
            let walked = walker.walk(rest, Extent::All, &Limits::default(), gate);
            assert!(walked.held.as_bytes().is_empty() || walked.forward.start == 0);
            forwarded.extend_from_slice(walked.held.as_bytes());
            forwarded.extend_from_slice(&rest[walked.forward]);
            if walked.end.is_some() {
                return (forwarded, walked.end);
            }
            rest = &rest[walked.consumed..];
            idle = if walked.consumed == 0 { idle + 1 } else { 0 };
            assert!(idle < 2, "only a frame that waits stops a walk");
        }
        assert!(walker.is_within_data() <= !walker.at_boundary());
    }
    (forwarded, None)
}

/// Frames that go on and frames that do not, side by side in every way.
fn gated(encode: impl Fn(u8, &[u8]) -> Vec<u8>) -> Vec<(bool, Vec<u8>)> {
    vec![
        (false, encode(0x82, b"\xff\xff\xff")),
        (false, encode(0x8a, b"s1")),
        (true, encode(0x81, b"text")),
        (true, encode(0x8a, b"p1")),
        (false, encode(0x01, b"3\xff3")),
        (false, encode(0x8a, b"s2")),
        (true, encode(0x89, b"")),
        (false, encode(0x00, b"")),
        (false, encode(0x80, b"goes with the first")),
        (false, encode(0x89, b"333")),
        (true, encode(0x01, b"be")),
        (false, encode(0x8a, b"s3")),
        (true, encode(0x80, b"four")),
    ]
}

#[test]
fn frames_that_are_skipped_or_wait_leave_the_others_as_they_are_at_every_cut() {
    for sender in [Sender::Server, Sender::Client] {
        let encode = |first, payload: &[u8]| match sender {
            Sender::Server => frame(first, payload),
            Sender::Client => masked_frame(first, payload, [0x9a, 1, 0x80, 0x55]),
        };
        let frames = gated(encode);
        let stream: Vec<u8> = frames.iter().flat_map(|(_, frame)| frame.clone()).collect();
        let passing = frames.iter().filter(|(passes, _)| *passes);
        let expected: Vec<u8> = passing.flat_map(|(_, frame)| frame.clone()).collect();
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let mut gate = Gate::default();
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                let (forwarded, end) = walk_gated(&mut gate, sender, &pieces);
                assert_eq!((forwarded, end), (expected.clone(), None), "cut at {first} and {second}");
                assert_eq!((gate.waited, gate.skipped.len()), (2, 8));
                assert_eq!(gate.seen.messages, [(Opcode::Text, 4, 1), (Opcode::Text, 6, 2)]);
            }
        }
        let mut gate = Gate::default();
        let bytes: Vec<_> = stream.chunks(1).collect();
        assert_eq!(walk_gated(&mut gate, sender, &bytes), (expected, None));
    }
}

#[test]
fn a_frame_that_is_refused_ends_the_walk_and_is_not_forwarded() {
    let good = frame(0x82, b"good");
    for bad in [frame(0x82, b"12345"), frame(0x89, b"12345"), frame(0x8a, b"r1")] {
        let stream = [&good[..], &bad, &good].concat();
        for cut in 0..=stream.len() {
            let pieces = [&stream[..cut], &stream[cut..]];
            let (forwarded, end) = walk_gated(&mut Gate::default(), Sender::Server, &pieces);
            assert_eq!((forwarded, end), (good.clone(), Some(End::Refused)), "cut at {cut}");
        }
    }
}

#[test]
fn a_frame_that_goes_nowhere_is_legal_or_a_fault_all_the_same() {
    let nested = [frame(0x01, b"333"), frame(0x81, b"b")].concat();
    let orphan = [frame(0x01, b"333"), frame(0x80, b""), frame(0x80, b"")].concat();
    for (stream, error) in
        [(nested, FrameError::InterruptedMessage), (orphan, FrameError::UnexpectedContinuation)]
    {
        let (forwarded, end) = walk_gated(&mut Gate::default(), Sender::Server, &[&stream]);
        assert_eq!((forwarded, end), (Vec::new(), Some(End::Violation(error))));
    }
}
