//! Messages that are looked into: nothing of them goes before their verdict, all of them go in
//! their order, and what ends the session meanwhile waits for them or makes them void.

use std::time::Duration;

use gate_core::fuzz::frame;
use gate_core::session::{Cause, Part, Ruling, Verdict, Withheld};
use gate_core::{Inspection, Keepalive, Limits, Policy, Side, Timeouts};
use ws_proto::{CloseCode, ControlFrame, FrameError, InflateBound, Opcode, message};

use Side::{Client, Upstream};
use table::{End, Table, close, mask, ruling};

mod random;
mod table;

fn text(from: Side, text: &str) -> Vec<u8> {
    frame(from, 0x81, text.as_bytes())
}

fn told(to: Side, code: CloseCode, reason: &str) -> Vec<u8> {
    ControlFrame::close(code, reason, mask(to)).as_bytes().to_vec()
}

fn peers_close(from: Side, code: u16, reason: &str) -> Vec<u8> {
    frame(from, 0x88, &[&code.to_be_bytes(), reason.as_bytes()].concat())
}

#[test]
fn what_may_pass_goes_on_as_it_came() {
    for from in Side::BOTH {
        let mut table = Table::both();
        let fragments = [frame(from, 0x01, b"two "), frame(from, 0x80, b"halves")].concat();
        let sent = [text(from, "hello"), fragments, frame(from, 0x82, &[0xff; 300])].concat();
        table.send(from, &sent);
        assert_eq!(table.wire(from.other()), sent);
        let seen: Vec<_> =
            table.judge.seen.iter().map(|(_, opcode, _, said)| (*opcode, said.len())).collect();
        assert_eq!(seen, [(Opcode::Text, 5), (Opcode::Text, 10), (Opcode::Binary, 300)]);
    }
}

#[test]
fn no_byte_of_a_message_goes_before_it_is_whole() {
    let mut table = Table::both();
    let sent = [frame(Client, 0x01, b"two "), frame(Client, 0x80, b"halves")].concat();
    let (last, rest) = sent.split_last().unwrap();
    for byte in rest {
        table.send(Client, &[*byte]);
        assert_eq!(table.wire(Upstream), b"");
    }
    table.send(Client, &[*last]);
    assert_eq!(table.wire(Upstream), sent);
}

#[test]
fn a_message_with_a_finding_goes_nowhere_and_both_peers_are_told() {
    for from in Side::BOTH {
        let mut table = Table::both();
        let before = text(from, "before");
        table.send(from, &[before.clone(), text(from, "close"), text(from, "after")].concat());
        table.pass_time(Duration::from_secs(1));
        let told_other = told(from.other(), CloseCode::POLICY_VIOLATION, "found");
        assert_eq!(table.wire(from.other()), [before, told_other].concat());
        assert_eq!(table.wire(from), told(from, CloseCode::POLICY_VIOLATION, "found"));
        assert_eq!(table.session.death().unwrap().cause, Cause::Finding);
    }
}

#[test]
fn an_attack_in_fragments_compressed_or_binary_is_seen_whole() {
    let fragments: Vec<u8> = b"close"
        .iter()
        .enumerate()
        .flat_map(|(at, byte)| {
            let first = match at {
                0 => 0x01,
                4 => 0x80,
                _ => 0x00,
            };
            [frame(Client, first, &[*byte]), frame(Client, 0x89, b"ping")].concat()
        })
        .collect();
    for sent in [fragments, frame(Client, 0xc1, b"zclose"), frame(Client, 0x82, b"close")] {
        let mut table = Table::both();
        table.send(Client, &sent);
        assert_eq!(table.session.death().unwrap().cause, Cause::Finding);
        assert!(!table.wire(Upstream).windows(5).any(|bytes| bytes == b"close"));
    }
}

#[test]
fn messages_are_dropped_and_rewritten_and_the_session_goes_on() {
    let mut table = Table::both();
    let (one, two) = (text(Client, "one"), text(Client, "two"));
    table.send(Client, &[one.clone(), text(Client, "drop"), text(Client, "rewrite"), two.clone()].concat());
    let rewritten = message::encode(Opcode::Text, b"rewritten", mask(Upstream));
    assert_eq!(table.wire(Upstream), [one, rewritten, two].concat());
    assert_eq!(table.judge.withheld, [(Client, Withheld::Judged)]);
    assert_eq!(table.session.death(), None);
}

#[test]
fn verdicts_that_come_late_let_messages_go_in_their_order() {
    let mut table = Table::both();
    let messages = ["later 0", "1", "later 2", "later 3"].map(|said| text(Client, said));
    table.send(Client, &messages.concat());
    table.rule(Client, 3, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), b"");
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), messages[..2].concat());
    table.rule(Client, 2, ruling(Verdict::Drop));
    assert_eq!(table.wire(Upstream), [&messages[0][..], &messages[1], &messages[3]].concat());
}

#[test]
fn a_verdict_counts_once_and_for_its_own_message_only() {
    let mut table = Table::both();
    table.send(Client, &text(Client, "later"));
    table.rule(Client, 7, Ruling::ALLOW);
    table.rule(Upstream, 0, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), b"");
    table.rule(Client, 0, ruling(Verdict::Drop));
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), b"");
}

#[test]
fn row_50_pings_overtake_what_waits_and_are_sent_once() {
    let mut table = Table::both();
    let (waits, ping) = (text(Client, "later"), frame(Client, 0x89, b"ping"));
    table.send(Client, &[waits.clone(), ping.clone()].concat());
    assert_eq!(table.wire(Upstream), ping);
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), [ping, waits].concat());
}

#[test]
fn row_38_pings_between_fragments_overtake_them() {
    let mut table = Table::both();
    let (first, ping, last) =
        (frame(Client, 0x01, b"a"), frame(Client, 0x89, b"ping"), frame(Client, 0x80, b"b"));
    table.send(Client, &[first.clone(), ping.clone(), last.clone()].concat());
    assert_eq!(table.wire(Upstream), [ping, first, last].concat());
}

#[test]
fn pings_and_reasons_are_looked_into() {
    for (sent, opcode) in
        [(frame(Client, 0x89, b"close"), Opcode::Ping), (peers_close(Client, 1000, "close"), Opcode::Close)]
    {
        let mut table = Table::both();
        table.send(Client, &sent);
        assert_eq!(table.judge.seen[0].1, opcode);
        assert_eq!(table.session.death().unwrap().cause, Cause::Finding);
        assert_eq!(table.wire(Upstream), told(Upstream, CloseCode::POLICY_VIOLATION, "found"));
    }
    let mut table = Table::both();
    table.send(Client, &frame(Client, 0x8a, b"drop"));
    assert_eq!((table.wire(Upstream), table.session.death()), (&b""[..], None));
}

#[test]
fn a_close_waits_for_the_verdicts_of_the_messages_before_it() {
    let mut table = Table::both();
    let (waits, close) = (text(Client, "later"), peers_close(Client, 1000, "bye"));
    table.send(Client, &[waits.clone(), close.clone()].concat());
    assert_eq!(table.wire(Upstream), b"");
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), [waits, close].concat());
    assert_eq!(table.session.death().unwrap().cause, Cause::Close(Some(CloseCode::NORMAL)));
}

#[test]
fn a_fin_waits_for_the_verdicts_of_the_messages_before_it() {
    let mut table = Table::both();
    let waits = text(Client, "later");
    table.send(Client, &[&waits[..], &frame(Client, 0x01, b"never ends")].concat());
    table.fin(Client);
    assert_eq!((table.wire(Upstream), table.ended()), (&b""[..], [None; 2]));
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!((table.wire(Upstream), table.ended()), (&waits[..], [None, Some(End::Fin)]));
}

#[test]
fn a_fault_behind_a_message_that_waits_does_not_lose_it() {
    let mut table = Table::both();
    let waits = text(Client, "later");
    table.send(Client, &[&waits[..], &[0x83, 0x80, 0, 0, 0, 0]].concat());
    assert_eq!(table.wire(Upstream), b"");
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), [waits, told(Upstream, CloseCode::GOING_AWAY, "")].concat());
    assert_eq!(table.session.death().unwrap().cause, Cause::Violation(FrameError::ReservedOpcode(3)));
}

#[test]
fn a_verdict_to_close_makes_all_behind_it_void() {
    let mut table = Table::both();
    table.send(Client, &["later 0", "later 1", "2"].map(|said| text(Client, said)).concat());
    table.rule(Client, 1, Ruling::ALLOW);
    table.rule(Client, 0, close(Cause::Agent, CloseCode::new(4000).unwrap(), "no"));
    assert_eq!(table.wire(Upstream), told(Upstream, CloseCode::new(4000).unwrap(), "no"));
    assert_eq!(table.session.death().unwrap().cause, Cause::Agent);
}

#[test]
fn who_cannot_be_asked_ends_the_session_with_1011() {
    let mut table = Table::both();
    table.send(Client, &text(Client, "later"));
    table.rule(Client, 0, close(Cause::AgentFailed, CloseCode::INTERNAL_ERROR, "agent failed"));
    for side in Side::BOTH {
        assert_eq!(table.wire(side), told(side, CloseCode::INTERNAL_ERROR, "agent failed"));
    }
}

#[test]
fn so_many_messages_wait_and_no_more_are_read() {
    let policy = Inspection { client: true, in_flight_max: 2, ..Inspection::default() };
    let mut table = Table::new(policy);
    let messages = ["later 0", "later 1", "later 2", "later 3"].map(|said| text(Client, said));
    table.send(Client, &messages.concat());
    assert_eq!(table.judge.seen.len(), 2);
    assert_eq!(table.unread(Client), messages[2..].concat().len());
    assert!(!table.session.wants_read(Client) && table.session.wants_read(Upstream));
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!((table.judge.seen.len(), table.wire(Upstream)), (3, &messages[0][..]));
}

#[test]
fn so_many_bytes_wait_and_no_more_are_read_but_for_one_message() {
    let policy = Inspection { client: true, in_flight_bytes_max: 100, ..Inspection::default() };
    let mut table = Table::new(policy);
    let large = text(Client, &format!("later {}", "x".repeat(1000)));
    table.send(Client, &[large.clone(), text(Client, "next")].concat());
    assert_eq!(table.judge.seen.len(), 1);
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!(table.wire(Upstream), [large, text(Client, "next")].concat());
}

#[test]
fn what_cannot_be_inflated_is_never_forwarded() {
    let mut table = Table::both();
    table.send(Client, &[text(Client, "fine"), frame(Client, 0xc1, b"bad")].concat());
    table.pass_time(Duration::from_secs(1));
    assert_eq!(table.session.death().unwrap().cause, Cause::Violation(FrameError::BadDeflate));
    assert_eq!(
        table.wire(Upstream),
        [text(Client, "fine"), told(Upstream, CloseCode::GOING_AWAY, "")].concat()
    );
    assert_eq!(table.wire(Client), told(Client, CloseCode::INVALID_PAYLOAD, "bad_deflate"));
}

#[test]
fn compressed_text_must_be_utf8_too() {
    let mut table = Table::both();
    table.send(Client, &frame(Client, 0xc2, b"z\xff"));
    assert_eq!(table.session.death(), None);
    table.send(Client, &frame(Client, 0xc1, b"z\xff"));
    assert_eq!(table.session.death().unwrap().cause, Cause::Violation(FrameError::InvalidUtf8));
}

#[test]
fn so_much_may_be_inflated_in_a_second() {
    let inspection = Inspection { client: true, inflate_rate_max: 1000, ..Inspection::default() };
    let mut table = Table::new(inspection);
    let compressed = frame(Client, 0xc1, &[b"z", &[b'x'; 600][..]].concat());
    table.send(Client, &compressed);
    table.send(Client, &compressed);
    table.pass_time(Duration::from_secs(1));
    table.send(Client, &compressed);
    assert_eq!(table.session.death(), None);
    table.send(Client, &[&compressed[..], &compressed].concat());
    assert_eq!(
        table.session.death().unwrap().cause,
        Cause::Violation(FrameError::InflatedTooLarge(InflateBound::Rate(1000)))
    );
    assert_eq!(
        table.wire(Upstream),
        [&compressed.repeat(4)[..], &told(Upstream, CloseCode::GOING_AWAY, "")].concat()
    );
}

#[test]
fn limits_hold_as_for_messages_that_are_not_looked_into() {
    let limits = Limits { message_size_max: 10, ..Limits::default() };
    let inspection = Inspection { client: true, ..Inspection::default() };
    let mut table = Table::with_policy(Policy { limits, inspection, ..Policy::default() });
    table.send(Client, &[frame(Client, 0x01, b"12345678"), frame(Client, 0x80, b"9 and more")].concat());
    assert_eq!(
        table.session.death().unwrap().cause,
        Cause::Violation(FrameError::MessageTooLarge { max: 10 })
    );
    assert_eq!(table.wire(Upstream), told(Upstream, CloseCode::GOING_AWAY, ""));
}

#[test]
fn pings_of_the_gateway_go_while_messages_wait() {
    let keepalive = Keepalive { interval: Duration::from_secs(1), ..Keepalive::default() };
    let inspection = Inspection { client: true, ..Inspection::default() };
    let mut table = Table::with_policy(Policy { keepalive, inspection, ..Policy::default() });
    table.send(Client, &[text(Client, "later"), frame(Client, 0x01, b"not whole")].concat());
    table.pass_time(Duration::from_secs(1));
    assert_eq!(table.wire(Upstream)[0], 0x89);
    assert_eq!(table.wire(Client)[0], 0x89);
}

#[test]
fn an_order_to_close_waits_for_verdicts_but_not_for_ever() {
    let mut table = Table::both();
    table.send(Client, &text(Client, "later"));
    table.session.handle_order(Cause::Shutdown, CloseCode::GOING_AWAY, "", table.now);
    table.carry_out();
    assert_eq!(table.wire(Upstream), b"");
    let mut other = Table::both();
    other.send(Client, &text(Client, "later"));
    other.session.handle_order(Cause::Shutdown, CloseCode::GOING_AWAY, "", other.now);
    other.carry_out();
    other.pass_time(Duration::from_secs(5));
    assert_eq!(other.ended(), [Some(End::Rst); 2]);
    table.rule(Client, 0, Ruling::ALLOW);
    assert_eq!(
        table.wire(Upstream),
        [text(Client, "later"), told(Upstream, CloseCode::GOING_AWAY, "")].concat()
    );
}

#[test]
fn a_message_that_is_not_whole_when_the_session_ends_goes_nowhere() {
    let mut table = Table::both();
    table.send(Client, &[frame(Client, 0x01, b"half"), peers_close(Client, 1000, "")].concat());
    table.send(Upstream, &peers_close(Upstream, 1000, ""));
    assert_eq!(table.wire(Upstream), peers_close(Client, 1000, ""));
    assert_eq!(table.wire(Client), peers_close(Upstream, 1000, ""));
}

fn streaming() -> Table {
    Table::new(Inspection { client: true, stream_above: Some(40_000), ..Inspection::default() })
}

#[test]
fn a_large_message_goes_on_piece_by_piece() {
    let mut table = streaming();
    let sent = frame(Client, 0x82, &vec![b'x'; 200_000]);
    for chunk in sent.chunks(10_000) {
        table.send(Client, chunk);
    }
    assert_eq!(table.wire(Upstream), sent);
    let pieces = table.judge.seen.iter().filter(|(_, _, part, _)| *part == Part::Piece).count();
    assert!((4..=8).contains(&pieces), "{pieces}");
    assert!(table.judge.seen.iter().all(|(.., said)| said.len() <= 60_000));
    // The next message is looked at whole again.
    table.send(Client, &text(Client, "close"));
    assert_eq!(table.session.death().unwrap().cause, Cause::Finding);
}

#[test]
fn what_lies_across_two_pieces_is_seen() {
    for at in [39_990, 40_003, 72_000, 72_758, 72_762, 72_766, 100_000, 199_995] {
        let mut table = streaming();
        let mut payload = vec![b'x'; 200_000];
        payload[at..at + 5].copy_from_slice(b"close");
        for chunk in frame(Client, 0x82, &payload).chunks(9_999) {
            table.send(Client, chunk);
        }
        assert_eq!(table.session.death().map(|death| death.cause), Some(Cause::Finding), "{at}");
        assert!(!table.wire(Upstream).windows(5).any(|bytes| bytes == b"close"));
    }
}

#[test]
fn within_a_large_message_control_frames_keep_their_place() {
    let mut table = streaming();
    let sent = [
        frame(Client, 0x02, &vec![b'x'; 100_000]),
        frame(Client, 0x89, b"ping"),
        frame(Client, 0x80, &vec![b'y'; 100_000]),
    ]
    .concat();
    for chunk in sent.chunks(7_777) {
        table.send(Client, chunk);
    }
    assert_eq!(table.wire(Upstream), sent);
}

#[test]
fn a_side_is_cut_off_where_a_large_message_has_begun_and_cannot_end() {
    let mut table = streaming();
    let mut payload = vec![b'x'; 200_000];
    payload[150_000..150_005].copy_from_slice(b"close");
    for chunk in frame(Client, 0x82, &payload).chunks(10_000) {
        table.send(Client, chunk);
    }
    assert_eq!(table.ended()[1], Some(End::Rst));
    table.pass_time(Duration::from_secs(1));
    assert_eq!(table.wire(Client), told(Client, CloseCode::POLICY_VIOLATION, "found"));
}

/// Has a session end.
type Ends = fn(&mut Table);

#[test]
fn a_large_message_that_is_under_way_ends_with_its_frame_when_the_session_does() {
    let cases: [(&str, Ends); 2] = [
        ("by order", |table| {
            table.session.handle_order(Cause::Shutdown, CloseCode::GOING_AWAY, "", table.now);
            table.carry_out();
        }),
        // It is told 1002, once the client can say no more.
        ("by the other's fault", |table| {
            table.send(Upstream, &[0x83, 0]);
            table.pass_time(Duration::from_secs(1));
        }),
    ];
    for (why, end) in cases {
        let sent = frame(Client, 0x02, &vec![b'x'; 100_000]);
        let (begun, rest) = sent.split_at(70_000);
        let mut table = streaming();
        table.send(Client, begun);
        let gone = table.wire(Upstream).len();
        assert!((40_000..sent.len()).contains(&gone), "{why}: {gone}");
        end(&mut table);
        assert_eq!((table.ended()[1], table.wire(Upstream).len()), (None, gone), "{why}");
        table.send(Client, &[rest, &frame(Client, 0x80, b"more")].concat());
        let (frame, close) = table.wire(Upstream).split_at(sent.len());
        assert_eq!(frame, sent, "{why}");
        assert_eq!((close.first(), close.len() <= 40), (Some(&0x88), true), "{why}: a Close and no more");
    }
}

#[test]
fn a_large_message_that_is_under_way_is_waited_for_until_the_deadline() {
    let mut table = streaming();
    let sent = frame(Client, 0x82, &vec![b'x'; 100_000]);
    table.send(Client, &sent[..70_000]);
    table.session.handle_order(Cause::Shutdown, CloseCode::GOING_AWAY, "", table.now);
    table.carry_out();
    table.pass_time(Duration::from_millis(4_900));
    assert_eq!(table.ended()[1], None);
    table.pass_time(Duration::from_millis(100));
    assert_eq!(table.ended()[1], Some(End::Rst));
}

#[test]
fn what_is_left_of_a_large_message_is_looked_into_though_the_session_ends() {
    let mut table = streaming();
    let mut payload = vec![b'x'; 100_000];
    payload[90_000..90_005].copy_from_slice(b"close");
    let sent = frame(Client, 0x82, &payload);
    table.send(Client, &sent[..70_000]);
    table.session.handle_order(Cause::Shutdown, CloseCode::GOING_AWAY, "", table.now);
    table.carry_out();
    table.send(Client, &sent[70_000..]);
    assert_eq!(table.ended()[1], Some(End::Rst), "what was found does not go, so no boundary comes");
    assert!(!table.wire(Upstream).windows(5).any(|bytes| bytes == b"close"));
    assert_eq!(table.session.death().unwrap().cause, Cause::Shutdown);
}

#[test]
fn an_offender_waits_for_answers_that_pass_and_for_no_verdict() {
    let mut table = Table::both();
    let answer = text(Upstream, "answer");
    table.send(Upstream, &[text(Upstream, "later 0"), answer.clone(), text(Upstream, "later 2")].concat());
    table.send(Client, &text(Client, "close"));
    assert_eq!(table.wire(Client), b"");
    table.pass_time(Duration::from_millis(900));
    table.rule(Upstream, 0, ruling(Verdict::Drop));
    assert_eq!(table.wire(Client), answer);
    table.pass_time(Duration::from_millis(100));
    let told = told(Client, CloseCode::POLICY_VIOLATION, "found");
    assert_eq!(table.wire(Client), [answer.clone(), told.clone()].concat());
    table.rule(Upstream, 2, Ruling::ALLOW);
    assert_eq!(table.wire(Client), [answer, told].concat());
    assert_eq!(table.ended()[0], Some(End::Fin));
}

#[test]
fn an_offender_is_told_as_soon_as_the_other_side_has_said_all() {
    let mut table = Table::both();
    table.send(Upstream, &text(Upstream, "later"));
    table.send(Client, &text(Client, "close"));
    // Its answer to the Close that it was sent; what it said before has no verdict yet.
    table.send(Upstream, &peers_close(Upstream, 1008, ""));
    assert_eq!(table.wire(Client), b"");
    table.rule(Upstream, 0, Ruling::ALLOW);
    let told = told(Client, CloseCode::POLICY_VIOLATION, "found");
    assert_eq!(table.wire(Client), [text(Upstream, "later"), told].concat());
}

#[test]
fn what_was_let_go_before_a_verdict_to_close_goes_whichever_came_first() {
    for order in [[0, 1], [1, 0]] {
        let mut table = Table::both();
        table.send(Client, &["later 0", "later 1"].map(|said| text(Client, said)).concat());
        for index in order {
            let no = close(Cause::Agent, CloseCode::POLICY_VIOLATION, "no");
            table.rule(Client, index, if index == 0 { Ruling::ALLOW } else { no });
        }
        let told = told(Upstream, CloseCode::POLICY_VIOLATION, "no");
        assert_eq!(table.wire(Upstream), [text(Client, "later 0"), told].concat(), "{order:?}");
    }
}

#[test]
fn a_verdict_to_close_may_find_its_sender_gone() {
    let mut table = Table::both();
    table.send(Client, &text(Client, "later"));
    table.session.handle_order(Cause::Shutdown, CloseCode::GOING_AWAY, "", table.now);
    table.carry_out();
    table.session.handle_reset(Client, table.now);
    table.carry_out();
    table.rule(Client, 0, close(Cause::Agent, CloseCode::POLICY_VIOLATION, "no"));
    assert_eq!(table.ended(), [Some(End::Rst), None]);
    assert_eq!(table.wire(Upstream), told(Upstream, CloseCode::GOING_AWAY, ""));
    let mut other = Table::both();
    other.send(Client, &text(Client, "later"));
    other.fin(Client);
    other.rule(Client, 0, close(Cause::Agent, CloseCode::POLICY_VIOLATION, "no"));
    assert!(!other.session.wants_read(Client), "behind a FIN there is nothing to read");
}

#[test]
fn what_a_compressed_message_says_counts_for_the_bytes_that_wait() {
    let policy = Inspection { client: true, in_flight_bytes_max: 100, ..Inspection::default() };
    let mut table = Table::new(policy);
    table.judge.padding = 1000;
    let message = frame(Client, 0xc1, b"zlater");
    table.send(Client, &[&message[..], &message].concat());
    assert_eq!((table.judge.seen.len(), table.unread(Client)), (1, message.len()));
}

#[test]
fn a_session_is_not_idle_while_a_message_waits_for_its_verdict() {
    let second = Duration::from_secs(1);
    let inspection = Inspection { client: true, ..Inspection::default() };
    let timeouts = Timeouts { idle: second, half_close: second, ..Timeouts::default() };
    let policy = Policy { timeouts, inspection, ..Policy::default() };
    for is_half_closed in [false, true] {
        let mut table = Table::with_policy(policy.clone());
        table.send(Client, &text(Client, "later"));
        if is_half_closed {
            table.fin(Client);
        }
        table.pass_time(second * 3);
        table.rule(Client, 0, Ruling::ALLOW);
        table.pass_time(second / 2);
        assert_eq!(table.wire(Upstream), text(Client, "later"));
        assert!(table.ended().iter().all(|end| *end != Some(End::Rst)));
        table.pass_time(second / 2);
        assert!(table.wire(Client).len() > 2 || table.ended() == [Some(End::Rst); 2]);
    }
}

#[test]
fn answers_to_the_gateways_own_pings_leave_an_inspected_session_idle() {
    let second = Duration::from_secs(1);
    for is_inspected in [false, true] {
        let inspection = Inspection { client: is_inspected, ..Inspection::default() };
        let timeouts = Timeouts { idle: second * 15, idle_counts_control: true, ..Timeouts::default() };
        let keepalive = Keepalive { interval: second * 10, ..Keepalive::default() };
        let mut table = Table::with_policy(Policy { timeouts, keepalive, inspection, ..Policy::default() });
        table.pass_time(second * 10);
        let ping = table.wire(Client).to_vec();
        assert_eq!(ping[0], 0x89);
        table.send(Client, &frame(Client, 0x8a, &ping[2..]));
        assert_eq!(table.session.death(), None);
        table.pass_time(second * 5);
        assert!(table.session.death().is_some(), "inspected: {is_inspected}");
    }
}

#[test]
fn a_frame_whose_sender_was_not_read_has_its_whole_time() {
    let second = Duration::from_secs(1);
    let inspection = Inspection { client: true, in_flight_max: 1, ..Inspection::default() };
    let timeouts = Timeouts { frame: second, ..Timeouts::default() };
    let mut table = Table::with_policy(Policy { timeouts, inspection, ..Policy::default() });
    let next = text(Client, "next");
    table.send(Client, &[text(Client, "later"), next[..1].to_vec()].concat());
    table.send(Client, &next[1..8]);
    assert!(!table.session.wants_read(Client));
    table.pass_time(second * 3);
    table.rule(Client, 0, Ruling::ALLOW);
    table.pass_time(second / 2);
    table.send(Client, &next[8..]);
    assert_eq!(table.session.death(), None);
    assert_eq!(table.wire(Upstream), [text(Client, "later"), next].concat());
}
