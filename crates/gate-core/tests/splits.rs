//! Recorded conversations, cut up: however the bytes of both peers are cut into reads, and
//! in whatever order the reads of the two come, each peer gets the same bytes and the same
//! end, and the observer sees the same frames and messages.
//!
//! One difference is allowed and pinned down here: bad text whose frame had begun to go
//! cannot be taken back, so the other side is cut off instead of closed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::fuzz::{Ending, Pair, frame};
use gate_core::rate::{Bucket, Meter, Metered, OnExceed, Rate};
use gate_core::session::{Cause, Party, Withheld};
use gate_core::{Keepalive, Policy, Side};
use ws_proto::walk::Message;
use ws_proto::{CloseCode, FrameError, Opcode};

use Side::{Client, Upstream};

/// What both peers send, from the first byte to the last.
#[derive(Default)]
struct Conversation {
    deflate: bool,
    /// Both peers have been sent a ping of the gateway's.
    asked: bool,
    /// How much of what each peer may send.
    most: Vec<(Metered, u64, OnExceed)>,
    client: Recording,
    upstream: Recording,
}

/// What one peer sends.
#[derive(Clone, Default)]
struct Recording {
    bytes: Vec<u8>,
    /// It ends its stream with a FIN.
    fin: bool,
}

/// What came of a conversation: all that the peers and the observer can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    arrived: [Vec<u8>; 2],
    endings: [Option<Ending>; 2],
    /// Per side, because the order between the two is that of the reads.
    frames: [Vec<(Opcode, u64)>; 2],
    messages: [Vec<Message>; 2],
    withheld: [Vec<Withheld>; 2],
    death: Option<(Cause, Party)>,
    is_over: bool,
}

/// What one read gives.
#[derive(Clone, Copy)]
enum Turn<'a> {
    Bytes(Side, &'a [u8]),
    Fin(Side),
}

#[test]
fn a_chat_with_fragments_and_pings_is_the_same_however_it_is_cut() {
    let chat = chat();
    let whole = uncut(&chat);
    assert_eq!(whole.arrived, [chat.upstream.bytes.clone(), chat.client.bytes.clone()]);
    assert_eq!((whole.death, whole.is_over), (None, false));
    assert_eq!(whole.messages[0].len(), 3);
    assert_eq!(whole.messages[1].iter().map(|message| message.fragments).collect::<Vec<_>>(), [1, 3, 1]);
    every_cut_of_each_side(&chat, &whole);
}

#[test]
fn compressed_messages_are_the_same_however_they_are_cut() {
    let conversation = Conversation {
        deflate: true,
        // "Hello" as in RFC 7692 §7.2.3.1, whole and in two fragments around a ping.
        client: recording(Client, &[(0xc1, HELLO_DEFLATED), (0x81, b"plain")]),
        upstream: recording(
            Upstream,
            &[
                (0x41, &HELLO_DEFLATED[..3]),
                (0x89, b""),
                (0x80, &HELLO_DEFLATED[3..]),
                (0xc2, b"\xff\xff not text at all"),
            ],
        ),
        ..Conversation::default()
    };
    let whole = uncut(&conversation);
    assert!(whole.messages[1].iter().all(|message| message.compressed));
    assert_eq!(whole.death, None);
    every_cut_of_each_side(&conversation, &whole);
}

#[test]
fn a_close_by_either_side_is_the_same_in_every_order_that_the_rules_allow() {
    for first in Side::BOTH {
        let recordings = Side::BOTH.map(|side| Recording {
            bytes: [frame(side, 0x81, "ä".as_bytes()), frame(side, 0x88, b"\x03\xe8ok")].concat(),
            fin: true,
        });
        let [client, upstream] = recordings;
        let conversation = Conversation { client, upstream, ..Conversation::default() };
        let whole = run(&conversation, &in_order(&conversation, first));
        assert_eq!(whole.arrived, [conversation.upstream.bytes.clone(), conversation.client.bytes.clone()]);
        assert_eq!(whole.death, Some((Cause::Close(Some(CloseCode::NORMAL)), Party::Peer(first))));
        assert_eq!((whole.endings, whole.is_over), ([Some(Ending::Fin); 2], true));
        every_cut_of_each_side_after(&conversation, first, &whole);
    }
}

#[test]
fn two_closes_at_once_give_both_sides_the_same_in_every_order() {
    let conversation = Conversation {
        client: Recording { bytes: frame(Client, 0x88, b"\x03\xe9"), fin: true },
        upstream: Recording { bytes: frame(Upstream, 0x88, b"\x0f\xa0up"), fin: true },
        ..Conversation::default()
    };
    let whole = without_death(uncut(&conversation));
    assert_eq!(whole.arrived, [conversation.upstream.bytes.clone(), conversation.client.bytes.clone()]);
    assert!(whole.is_over);
    let mut runs = 0;
    for client_cut in cuts(&conversation.client) {
        for upstream_cut in cuts(&conversation.upstream) {
            let client = turns(Client, &conversation.client, &[client_cut]);
            let upstream = turns(Upstream, &conversation.upstream, &[upstream_cut]);
            interleavings(&client, &upstream, &mut |order| {
                runs += 1;
                assert_eq!(
                    without_death(run(&conversation, order)),
                    whole,
                    "cut at {client_cut}, {upstream_cut}"
                );
            });
        }
    }
    // Two reads and a FIN each, in every order, for every pair of cuts.
    assert_eq!(runs, 20 * 9 * 7);
}

#[test]
fn short_questions_and_answers_are_the_same_in_every_order_of_every_double_cut() {
    let conversation = Conversation {
        client: recording(Client, &[(0x81, b"?")]),
        upstream: recording(Upstream, &[(0x89, b""), (0x82, b"!")]),
        ..Conversation::default()
    };
    let whole = uncut(&conversation);
    for client_cuts in double_cuts(&conversation.client) {
        for upstream_cuts in double_cuts(&conversation.upstream) {
            let client = turns(Client, &conversation.client, &client_cuts);
            let upstream = turns(Upstream, &conversation.upstream, &upstream_cuts);
            interleavings(&client, &upstream, &mut |order| {
                assert_eq!(run(&conversation, order), whole, "{client_cuts:?} {upstream_cuts:?}");
            });
        }
    }
}

#[test]
fn a_violation_in_the_middle_is_the_same_however_it_is_cut() {
    for offender in Side::BOTH {
        for bad in [&[0xc1, 0x00][..], &[0x83], &[0x80, 0x00], &[0x88, 0x01, 3], &[0x82, 0x7f, 0xff]] {
            let mut conversation = chat();
            let faulty = conversation.recording_mut(offender);
            let good = frame(offender, 0x82, b"the last good one");
            faulty.bytes = [&good[..], bad, &frame(offender, 0x82, b"never seen")].concat();
            // The other side is quiet: what it sends ends where the fault comes.
            *conversation.recording_mut(offender.other()) = Recording::default();
            let whole = uncut(&conversation);
            assert!(matches!(whole.death, Some((Cause::Violation(_), _))));
            assert!(whole.arrived[offender.other().index()].starts_with(&good));
            every_cut_of_each_side(&conversation, &whole);
        }
    }
}

#[test]
fn row_44_bad_text_is_taken_back_unless_its_frame_had_begun_to_go() {
    for offender in Side::BOTH {
        let good = frame(offender, 0x81, b"good");
        let bad = frame(offender, 0x81, "böse".as_bytes());
        // The second byte of the "ö" turns out to be none.
        let mut bytes = [&good[..], &bad[..]].concat();
        let fault_at = bytes.len() - 3;
        bytes[fault_at] ^= 0x40;
        bytes.extend_from_slice(&frame(offender, 0x81, b"never seen"));
        let payload_at = good.len() + bad.len() - "böse".len();

        let mut conversation = Conversation::default();
        conversation.recording_mut(offender).bytes = bytes.clone();
        let whole = uncut(&conversation);
        let cause = Cause::Violation(FrameError::InvalidUtf8);
        assert_eq!(whole.death, Some((cause, Party::Peer(offender))));
        assert!(whole.arrived[offender.other().index()].starts_with(&good));
        assert_eq!(whole.endings[offender.other().index()], None);

        for cuts in double_cuts(conversation.recording(offender)) {
            // The read that shows the fault begins here.
            let start = cuts.into_iter().filter(|cut| *cut <= fault_at).max().unwrap_or_default();
            let mut expected = whole.clone();
            if start >= payload_at {
                expected.arrived[offender.other().index()] = bytes[..start].to_vec();
                expected.endings[offender.other().index()] = Some(Ending::Rst);
                // No answer can come any more, so the offender's Close does not wait.
                expected.arrived[offender.index()] =
                    Pair::gateway_close(offender, CloseCode::INVALID_PAYLOAD, "invalid_utf8");
                expected.endings[offender.index()] = Some(Ending::Fin);
            }
            let turns = turns(offender, conversation.recording(offender), &cuts);
            assert_eq!(run(&conversation, &turns), expected, "{offender} cut at {cuts:?}");
        }
    }
}

#[test]
fn a_fin_in_mid_frame_is_the_same_however_what_came_before_is_cut() {
    for first in Side::BOTH {
        let whole_frame = frame(first, 0x82, &[7; 300]);
        for length in [1, 3, 9, 40] {
            let mut conversation = Conversation::default();
            *conversation.recording_mut(first) = Recording {
                bytes: [frame(first, 0x89, b""), whole_frame[..length].to_vec()].concat(),
                fin: true,
            };
            let whole = uncut(&conversation);
            assert_eq!(whole.death, Some((Cause::Fin, Party::Peer(first))));
            assert_eq!(whole.endings[first.other().index()], Some(Ending::Fin));
            every_cut_of_each_side(&conversation, &whole);
        }
    }
}

#[test]
fn answers_to_the_gateways_pings_are_kept_however_they_are_cut() {
    let asked = || Conversation { asked: true, ..Conversation::default() };
    let pings = Side::BOTH.map(|side| asked().begin().pings(side).to_vec());
    let [client, upstream] = Side::BOTH.map(|side| {
        let own: &[u8] = &pings[side.index()][0];
        let others: &[u8] = &pings[side.other().index()][0];
        // Between fragments, two in a row, and three that are not the gateway's.
        let frames: [(u8, &[u8]); 9] = [
            (0x8a, b"twelve bytes"),
            (0x01, b"frag\xe2\x82"),
            (0x8a, own),
            (0x80, b"\xac"),
            (0x8a, own),
            (0x8a, own),
            (0x89, own),
            (0x82, b"last"),
            (0x8a, others),
        ];
        recording(side, &frames)
    });
    let conversation = Conversation { client, upstream, ..asked() };
    let whole = uncut(&conversation);
    assert_eq!(whole.withheld, Side::BOTH.map(|_| vec![Withheld::OwnPong; 3]));
    assert_eq!((whole.frames[0].len(), whole.frames[1].len(), whole.death), (6, 6, None));
    every_cut_of_each_side(&conversation, &whole);
}

#[test]
fn what_is_too_much_is_withheld_however_it_is_cut() {
    use OnExceed::{Close, Delay, Drop};
    for (on_exceed, messages, withheld) in
        [(Close, 1, vec![]), (Drop, 1, vec![Withheld::Message; 2]), (Delay, 1, vec![Withheld::Delayed])]
    {
        let conversation = Conversation { most: vec![(Metered::Messages, 1, on_exceed)], ..chat() };
        let whole = uncut(&conversation);
        assert_eq!((whole.messages[0].len(), &whole.withheld[0]), (messages, &withheld), "{on_exceed:?}");
        every_cut_of_each_side(&conversation, &whole);
    }
    // Of the data frames the fifth is too many, of the pings and pongs before it the second.
    let most = vec![(Metered::Frames, 4, Close), (Metered::ControlFrames, 1, Drop)];
    let conversation = Conversation { most, ..chat() };
    let whole = uncut(&conversation);
    assert_eq!((whole.frames[0].len(), &*whole.withheld[0]), (5, &[Withheld::Control][..]));
    every_cut_of_each_side(&conversation, &whole);
}

#[test]
fn bytes_that_come_one_by_one_are_no_different() {
    let chat = chat();
    let whole = uncut(&chat);
    let [client, upstream] = Side::BOTH.map(|side| {
        let recording = chat.recording(side);
        turns(side, recording, &(1..recording.bytes.len()).collect::<Vec<_>>())
    });
    let longest = client.len().max(upstream.len());
    let zipped = (0..longest).flat_map(|at| [client.get(at), upstream.get(at)]);
    assert_eq!(run(&chat, &zipped.flatten().copied().collect::<Vec<_>>()), whole);
}

const HELLO_DEFLATED: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

/// Every kind of frame but a Close, in both directions.
fn chat() -> Conversation {
    let frames: [(u8, &[u8]); 8] = [
        (0x81, "grüße".as_bytes()),
        (0x01, b"frag\xe2\x82"),
        (0x89, b"ping"),
        (0x00, b"\xac"),
        (0x8a, b""),
        (0x80, "ment ✓".as_bytes()),
        (0x82, b""),
        (0x8a, b"pong"),
    ];
    Conversation {
        client: recording(Client, &frames),
        upstream: recording(Upstream, &frames),
        ..Conversation::default()
    }
}

fn recording(from: Side, frames: &[(u8, &[u8])]) -> Recording {
    let bytes = frames.iter().flat_map(|(first, payload)| frame(from, *first, payload)).collect();
    Recording { bytes, fin: false }
}

impl Conversation {
    /// A session at the beginning of the conversation.
    fn begin(&self) -> Pair {
        let begun = start();
        let keepalive = Keepalive {
            interval: if self.asked { Duration::from_secs(10) } else { Duration::ZERO },
            ..Keepalive::default()
        };
        let meters = Side::BOTH.into_iter().flat_map(|from| {
            self.most.iter().map(move |(of, burst, on_exceed)| {
                // Too slow for anything to come back.
                let rate = Rate { tokens: 1, per: Duration::from_secs(1000), burst: *burst };
                let bucket = Arc::new(Bucket::new(rate, begun));
                Meter { of: *of, from, on_exceed: *on_exceed, bucket }
            })
        });
        let policy = Policy { keepalive, ..Policy::default() };
        let mut pair = Pair::with_meters(policy, self.deflate, begun, meters.collect());
        pair.wait(keepalive.interval);
        pair
    }

    fn recording(&self, side: Side) -> &Recording {
        match side {
            Client => &self.client,
            Upstream => &self.upstream,
        }
    }

    fn recording_mut(&mut self, side: Side) -> &mut Recording {
        match side {
            Client => &mut self.client,
            Upstream => &mut self.upstream,
        }
    }
}

/// All of one side in one read, then all of the other.
fn in_order(conversation: &Conversation, first: Side) -> Vec<Turn<'_>> {
    let turns = |side| turns(side, conversation.recording(side), &[]);
    [turns(first), turns(first.other())].concat()
}

fn uncut(conversation: &Conversation) -> Outcome {
    run(conversation, &in_order(conversation, Client))
}

/// Cuts the side that speaks first in every place once, short ones twice, and then the
/// other side likewise.
fn every_cut_of_each_side_after(conversation: &Conversation, first: Side, whole: &Outcome) {
    for cut_side in Side::BOTH {
        let recording = conversation.recording(cut_side);
        let check = |cuts: &[usize]| {
            let order = [first, first.other()].map(|side| {
                turns(side, conversation.recording(side), if side == cut_side { cuts } else { &[] })
            });
            assert_eq!(run(conversation, &order.concat()), *whole, "{cut_side} cut at {cuts:?}");
        };
        cuts(recording).for_each(|cut| check(&[cut]));
        if recording.bytes.len() <= SHORT {
            double_cuts(recording).for_each(|cuts| check(&cuts));
        }
    }
}

fn every_cut_of_each_side(conversation: &Conversation, whole: &Outcome) {
    every_cut_of_each_side_after(conversation, Client, whole);
}

/// Recordings of so many bytes are cut in every two places at once.
const SHORT: usize = 100;

fn cuts(recording: &Recording) -> impl Iterator<Item = usize> + use<> {
    0..=recording.bytes.len()
}

fn double_cuts(recording: &Recording) -> impl Iterator<Item = [usize; 2]> + use<> {
    let length = recording.bytes.len();
    (0..=length).flat_map(move |first| (first..=length).map(move |second| [first, second]))
}

/// One read up to each cut, and one for the rest.
fn turns<'a>(from: Side, recording: &'a Recording, cuts: &[usize]) -> Vec<Turn<'a>> {
    let mut turns = Vec::new();
    let (mut rest, mut at) = (&recording.bytes[..], 0);
    for cut in cuts {
        let (piece, behind) = rest.split_at(cut - at);
        turns.push(Turn::Bytes(from, piece));
        (rest, at) = (behind, *cut);
    }
    turns.push(Turn::Bytes(from, rest));
    if recording.fin {
        turns.push(Turn::Fin(from));
    }
    turns
}

/// Calls `check` with every merge of the two that keeps the order within each.
fn interleavings<'a>(left: &[Turn<'a>], right: &[Turn<'a>], check: &mut impl FnMut(&[Turn<'a>])) {
    fn merge<'a>(
        taken: &mut Vec<Turn<'a>>,
        left: &[Turn<'a>],
        right: &[Turn<'a>],
        check: &mut impl FnMut(&[Turn<'a>]),
    ) {
        if left.is_empty() && right.is_empty() {
            return check(taken);
        }
        if let [next, rest @ ..] = left {
            taken.push(*next);
            merge(taken, rest, right, check);
            taken.pop();
        }
        if let [next, rest @ ..] = right {
            taken.push(*next);
            merge(taken, left, rest, check);
            taken.pop();
        }
    }
    merge(&mut Vec::new(), left, right, check);
}

fn run(conversation: &Conversation, order: &[Turn<'_>]) -> Outcome {
    let mut pair = conversation.begin();
    for turn in order {
        match *turn {
            Turn::Bytes(from, bytes) => pair.send(from, bytes),
            Turn::Fin(from) => pair.fin(from),
        }
        // Reads take time, but no deadline is near.
        pair.wait(Duration::from_micros(50));
    }
    pair.check_streams();
    let observed = pair.observed();
    Outcome {
        arrived: Side::BOTH.map(|side| pair.arrived(side).to_vec()),
        endings: Side::BOTH.map(|side| pair.ending(side)),
        frames: Side::BOTH.map(|side| {
            let frames = observed.frames.iter().filter(|(from, ..)| *from == side);
            frames.map(|(_, opcode, length)| (*opcode, *length)).collect()
        }),
        messages: Side::BOTH.map(|side| {
            let messages = observed.messages.iter().filter(|(from, _)| *from == side);
            messages.map(|(_, message)| *message).collect()
        }),
        withheld: Side::BOTH.map(|side| {
            let withheld = observed.withheld.iter().filter(|(from, _)| *from == side);
            withheld.map(|(_, what)| *what).collect()
        }),
        death: pair.session().death().map(|death| (death.cause, death.by)),
        is_over: pair.session().is_over(),
    }
}

/// Whose Close came first is for the order of the reads to say.
fn without_death(outcome: Outcome) -> Outcome {
    Outcome { death: None, ..outcome }
}

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}
