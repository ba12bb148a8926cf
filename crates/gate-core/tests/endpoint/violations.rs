//! Frames at fault: what the peer is told, and that nothing of them comes through.

use super::*;

/// Bytes that a peer sends, what is wrong with them, and the code that says so.
fn cases(role: Role) -> Vec<(Vec<u8>, FrameError, u16)> {
    let other = match role {
        Role::Server => Role::Client,
        Role::Client => Role::Server,
    };
    let (wrong_mask, masked) = match role {
        Role::Server => (FrameError::Unmasked, 0x80),
        Role::Client => (FrameError::Masked, 0),
    };
    let frame = |first, payload: &[u8]| frame(role, first, payload);
    let fragments = |parts: &[(u8, &[u8])]| {
        parts.iter().flat_map(|(first, payload)| frame(*first, payload)).collect::<Vec<_>>()
    };
    vec![
        (frame(0xc1, b"x"), FrameError::UnexpectedRsv1, 1002),
        (frame(0xa1, b"x"), FrameError::ReservedBit, 1002),
        (frame(0x91, b"x"), FrameError::ReservedBit, 1002),
        (frame(0xc9, b""), FrameError::UnexpectedRsv1, 1002),
        (frame(0x83, b"x"), FrameError::ReservedOpcode(3), 1002),
        (frame(0x8f, b""), FrameError::ReservedOpcode(15), 1002),
        (text(other, "x"), wrong_mask, 1002),
        (vec![0x82, masked | 126, 0, 5], FrameError::NonMinimalLength, 1002),
        (fragments(&[(0x80, b"x")]), FrameError::UnexpectedContinuation, 1002),
        (fragments(&[(0x01, b""), (0x81, b"")]), FrameError::InterruptedMessage, 1002),
        (frame(0x09, b""), FrameError::FragmentedControl, 1002),
        (frame(0x89, &[0; 126]), FrameError::OversizedControl, 1002),
        (frame(0x81, b"\xff"), FrameError::InvalidUtf8, 1007),
        (frame(0x81, b"\xc3"), FrameError::InvalidUtf8, 1007),
        (fragments(&[(0x01, b"\xc3"), (0x80, b"x")]), FrameError::InvalidUtf8, 1007),
        (frame(0x88, b"\x03"), FrameError::TruncatedCloseCode, 1002),
        (frame(0x88, b"\x03\xee"), FrameError::InvalidCloseCode(1006), 1002),
        (frame(0x88, b"\x03\xe8\xff"), FrameError::InvalidCloseReason, 1007),
        (frame(0x82, &[0; 33]), FrameError::FrameTooLarge { max: 32 }, 1009),
        (fragments(&[(0x02, &[0; 30]), (0x00, &[0; 19])]), FrameError::MessageTooLarge { max: 48 }, 1009),
        (fragments(&[(0x02, b""), (0x00, b""), (0x00, b"")]), FrameError::TooManyFragments { max: 2 }, 1008),
    ]
}

const LIMITS: Limits =
    Limits { frame_size_max: 32, message_size_max: 48, fragments_max: 2, validate_utf8: true };

#[test]
fn the_peer_gets_the_code_of_its_fault_and_a_fin() {
    for role in ROLES {
        for (bad, error, code) in cases(role) {
            let mut lone = with_limits(role, LIMITS);
            lone.send(&[&text(role, "good")[..], &bad, b"and more"].concat());
            lone.send(b"nobody looks at this");
            assert_eq!(texts(&lone), ["good"], "{error:?}");
            assert_eq!(death(&lone), Some((Cause::Violation(error), peer(role))));
            assert_eq!(lone.told(), [close_frame(code, error.reason())]);
            assert_eq!(lone.ending(), Some(Fin));
            assert_eq!(lone.endpoint().buffered(), 0);
            lone.fin();
            assert_over(&lone, Fin, Cause::Violation(error), peer(role));
        }
    }
}

#[test]
fn a_fault_is_the_same_however_it_is_cut() {
    for role in ROLES {
        for (bad, error, code) in cases(role) {
            let bytes = [text(role, "good"), bad].concat();
            for cut in 0..bytes.len() {
                let mut lone = with_limits(role, LIMITS);
                lone.send(&bytes[..cut]);
                lone.send(&bytes[cut..]);
                assert_eq!(texts(&lone), ["good"], "{error:?} cut at {cut}");
                assert_eq!(death(&lone), Some((Cause::Violation(error), peer(role))), "cut at {cut}");
                assert_eq!(lone.told(), [close_frame(code, error.reason())]);
                lone.check_streams();
            }
        }
    }
}

#[test]
fn a_size_is_refused_by_the_header_that_announces_it() {
    for role in ROLES {
        let mut lone = open(role);
        let mask = if role == Role::Server { 0x80 } else { 0 };
        lone.send(&[0x82, mask | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]);
        let max = EndpointPolicy::default().limits.message_size_max;
        assert_eq!(death(&lone), Some((Cause::Violation(FrameError::MessageTooLarge { max }), peer(role))));
        assert_eq!(lone.endpoint().buffered(), 0);
    }
}

#[test]
fn bad_text_is_refused_before_its_message_is_whole() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(&frame(role, 0x01, b"ok \xff"));
        assert_eq!(death(&lone), Some((Cause::Violation(FrameError::InvalidUtf8), peer(role))));
    }
}

#[test]
fn an_offender_that_does_not_end_is_cut_off_at_the_close_deadline() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(b"\xff");
        lone.wait(CLOSE - MOMENT);
        assert!(!lone.endpoint().is_over());
        lone.wait(MOMENT);
        assert_over(&lone, Rst, Cause::Violation(FrameError::ReservedBit), peer(role));
    }
}

#[test]
fn what_the_driver_holds_against_the_peer_ends_it_in_the_same_way() {
    for role in ROLES {
        let mut lone = open(role);
        lone.send(&frame(role, 0x01, b"begun"));
        let death = Death { cause: Cause::RateLimit, by: peer(role) };
        lone.close(death, CloseCode::POLICY_VIOLATION, "rate_limit");
        lone.send(&frame(role, 0x80, b"never seen"));
        assert_eq!(lone.messages(), []);
        assert_eq!(lone.told(), [close_frame(1008, "rate_limit")]);
        assert_eq!(lone.ending(), Some(Fin));
        lone.fin();
        assert_over(&lone, Fin, Cause::RateLimit, peer(role));
    }
}
