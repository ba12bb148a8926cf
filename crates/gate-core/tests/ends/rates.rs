//! Peers that send faster than they may.

use std::sync::{Arc, LazyLock};

use gate_core::rate::{Bucket, Meter, Metered, OnExceed, Rate};
use gate_core::session::Withheld;
use gate_core::{Keepalive, PingTo};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// When the buckets are full and the sessions begin.
static BEGUN: LazyLock<Instant> = LazyLock::new(start);

/// So many in a second, and as many at once.
fn meter(of: Metered, from: Side, rate: u64, on_exceed: OnExceed) -> Meter {
    Meter { of, from, on_exceed, bucket: Arc::new(Bucket::new(Rate::per_second(rate), *BEGUN)) }
}

fn metered(meters: Vec<Meter>) -> Pair {
    with_policy(Policy::default(), meters)
}

fn with_policy(policy: Policy, meters: Vec<Meter>) -> Pair {
    Pair::with_meters(policy, false, *BEGUN, meters)
}

fn numbered(from: Side, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|number| text(from, &format!("message {number}"))).collect()
}

#[test]
fn too_much_closes_both_sides_where_it_is_to() {
    for offender in Side::BOTH {
        let mut pair = metered(vec![meter(Metered::Messages, offender, 3, OnExceed::Close)]);
        let messages = numbered(offender, 5);
        pair.send(offender, &messages.concat());
        let told = by_gateway(offender.other(), 1008, "rate_limit");
        assert_eq!(pair.arrived(offender.other()), [messages[..3].concat(), told].concat());
        pair.send(offender.other(), &text(offender.other(), "an answer"));
        pair.send(offender.other(), &close(offender.other(), 1008, ""));
        let answer = text(offender.other(), "an answer");
        assert_eq!(pair.arrived(offender), [answer, by_gateway(offender, 1008, "rate_limit")].concat());
        assert_eq!(death(&pair), Some((Cause::RateLimit, Party::Peer(offender))));
        pair.fin(Client);
        pair.fin(Upstream);
        assert!(pair.session().is_over());
    }
}

#[test]
fn each_direction_is_counted_by_its_own_meters() {
    let mut pair = metered(vec![meter(Metered::Messages, Client, 1, OnExceed::Close)]);
    pair.send(Upstream, &numbered(Upstream, 100).concat());
    pair.send(Client, &numbered(Client, 1).concat());
    assert_eq!(death(&pair), None);
    pair.send(Client, &numbered(Client, 1).concat());
    assert_eq!(death(&pair), Some((Cause::RateLimit, Party::Peer(Client))));
}

#[test]
fn what_is_counted_is_what_the_meter_says() {
    let fragments = [frame(Client, 0x01, b"12345"), frame(Client, 0x00, b"678"), frame(Client, 0x80, b"90")];
    let ping = frame(Client, 0x89, b"1234567890");
    let cases = [
        (Metered::Messages, [1, 0]),
        (Metered::Frames, [3, 0]),
        (Metered::Bytes, [10, 0]),
        (Metered::ControlFrames, [0, 1]),
    ];
    for (of, costs) in cases {
        for (stream, cost) in [(fragments.concat(), costs[0]), (ping.clone(), costs[1])] {
            let meter = meter(of, Client, 1000, OnExceed::Close);
            let bucket = Arc::clone(&meter.bucket);
            let mut pair = metered(vec![meter]);
            for byte in stream.chunks(1) {
                pair.send(Client, byte);
            }
            let left = (0..2000).filter(|_| bucket.take(1, *BEGUN).is_ok()).count();
            assert_eq!(left, 1000 - cost, "{of:?}");
        }
    }
}

#[test]
fn a_close_is_never_too_much() {
    for on_exceed in [OnExceed::Close, OnExceed::Drop, OnExceed::Delay] {
        let meters = [Metered::ControlFrames, Metered::Frames, Metered::Messages, Metered::Bytes];
        let meters = meters.map(|of| meter(of, Client, 1, on_exceed));
        let mut pair = metered(meters.to_vec());
        pair.send(Client, &[text(Client, "x"), frame(Client, 0x89, b""), close(Client, 1000, "")].concat());
        let code = CloseCode::new(1000);
        assert_eq!(death(&pair), Some((Cause::Close(code), Party::Peer(Client))), "{on_exceed:?}");
    }
}

#[test]
fn dropped_messages_are_dropped_with_all_their_fragments_and_the_others_pass() {
    for from in Side::BOTH {
        let stream = [
            (true, frame(from, 0x01, b"first, ")),
            (true, frame(from, 0x89, b"ping")),
            (true, frame(from, 0x80, b"whole")),
            (true, frame(from, 0x82, b"second")),
            (false, frame(from, 0x01, b"third in ")),
            (true, frame(from, 0x8a, b"pong")),
            (false, frame(from, 0x00, b"")),
            (false, frame(from, 0x80, b"what goes nowhere")),
            (false, frame(from, 0x82, b"")),
            (true, frame(from, 0x89, b"last")),
        ];
        let all: Vec<u8> = stream.iter().flat_map(|(_, frame)| frame.clone()).collect();
        let passing = stream.iter().filter(|(passes, _)| *passes);
        let expected: Vec<u8> = passing.flat_map(|(_, frame)| frame.clone()).collect();
        for first in 0..=all.len() {
            for second in [first, all.len().min(first + 2)] {
                let mut pair = metered(vec![meter(Metered::Messages, from, 2, OnExceed::Drop)]);
                pair.send(from, &all[..first]);
                pair.send(from, &all[first..second]);
                pair.send(from, &all[second..]);
                assert_eq!(pair.arrived(from.other()), expected, "cut at {first} and {second}");
                assert_eq!(pair.observed().withheld, [(from, Withheld::Message); 2]);
                pair.check_streams();
            }
        }
    }
}

#[test]
fn bad_text_that_goes_nowhere_is_not_judged() {
    let mut pair = metered(vec![meter(Metered::Messages, Client, 1, OnExceed::Drop)]);
    pair.send(Client, &[text(Client, "good"), frame(Client, 0x81, b"b\xc3\x28d")].concat());
    assert_eq!((death(&pair), pair.arrived(Upstream)), (None, &text(Client, "good")[..]));
    pair.wait(SECOND);
    pair.send(Client, &frame(Client, 0x81, b"b\xc3\x28d"));
    let error = Cause::Violation(FrameError::InvalidUtf8);
    assert_eq!(death(&pair), Some((error, Party::Peer(Client))));
}

#[test]
fn row_54_pings_and_pongs_that_are_too_many_go_nowhere() {
    let mut pair = metered(vec![meter(Metered::ControlFrames, Client, 3, OnExceed::Drop)]);
    let pings: Vec<_> = (0..10).map(|number| frame(Client, 0x89 + number % 2, &[number])).collect();
    let message = [frame(Client, 0x01, b"be"), pings.concat(), frame(Client, 0x80, b"tween")];
    pair.send(Client, &message.concat());
    let expected = [&message[0][..], &pings[..3].concat(), &message[2]].concat();
    assert_eq!(pair.arrived(Upstream), expected);
    assert_eq!(pair.observed().withheld, [(Client, Withheld::Control); 7]);
    pair.check_streams();
    pair.wait(SECOND);
    pair.send(Client, &pings[4]);
    assert_eq!(pair.arrived(Upstream), [expected, pings[4].clone()].concat());
}

#[test]
fn row_54_a_flood_of_pings_ends_the_session_where_it_is_to() {
    let mut pair = metered(vec![meter(Metered::ControlFrames, Client, 3, OnExceed::Close)]);
    pair.send(Client, &frame(Client, 0x89, b"ping").repeat(3));
    assert_eq!(death(&pair), None);
    pair.send(Client, &frame(Client, 0x8a, b"pong"));
    assert_eq!(death(&pair), Some((Cause::RateLimit, Party::Peer(Client))));
}

#[test]
fn row_36_fragments_are_counted_one_by_one() {
    for on_exceed in [OnExceed::Close, OnExceed::Delay] {
        let mut pair = metered(vec![meter(Metered::Frames, Client, 10, on_exceed)]);
        let fragment = frame(Client, 0x00, b"");
        pair.send(Client, &[frame(Client, 0x01, b""), fragment.repeat(1000)].concat());
        let passed = [frame(Client, 0x01, b""), fragment.repeat(9)].concat();
        assert!(pair.arrived(Upstream).starts_with(&passed));
        assert_eq!(pair.observed().frames.len(), 10);
        assert_eq!(death(&pair).is_some(), on_exceed == OnExceed::Close);
    }
}

#[test]
fn a_message_that_has_begun_to_pass_is_not_dropped_but_counted() {
    let mut pair = metered(vec![meter(Metered::Frames, Client, 2, OnExceed::Drop)]);
    let fragments =
        [frame(Client, 0x01, b"a"), frame(Client, 0x00, b"b").repeat(5), frame(Client, 0x80, b"c")];
    pair.send(Client, &fragments.concat());
    assert_eq!(pair.arrived(Upstream), fragments.concat());
    // Seven were taken of two: the bucket has one again when six more have come.
    pair.wait(SECOND * 3 - MOMENT);
    pair.send(Client, &text(Client, "too early"));
    assert_eq!(pair.arrived(Upstream), fragments.concat());
    pair.wait(MOMENT);
    pair.send(Client, &text(Client, "in time"));
    assert_eq!(pair.arrived(Upstream), [fragments.concat(), text(Client, "in time")].concat());
}

#[test]
fn delayed_frames_pass_one_after_the_other_at_the_rate_and_meanwhile_nobody_reads() {
    for from in Side::BOTH {
        let mut pair = metered(vec![meter(Metered::Messages, from, 2, OnExceed::Delay)]);
        let messages = numbered(from, 6);
        pair.send(from, &messages.concat());
        pair.send(from, &close(from, 1000, "behind them"));
        pair.fin(from);
        for passed in 2..messages.len() {
            assert!(!pair.session().wants_read(from), "it is not read while its frame waits");
            pair.wait(SECOND / 2 - MOMENT);
            assert_eq!(pair.arrived(from.other()), messages[..passed].concat());
            pair.wait(MOMENT);
        }
        let all = [messages.concat(), close(from, 1000, "behind them")].concat();
        assert_eq!(pair.arrived(from.other()), all, "what was sent behind them is found behind them");
        assert_eq!(pair.observed().withheld, [(from, Withheld::Delayed); 4], "each waits once");
        pair.check_streams();
    }
}

#[test]
fn a_frame_that_waits_is_charged_once() {
    let mut pair = metered(vec![meter(Metered::Messages, Client, 1, OnExceed::Delay)]);
    let messages = numbered(Client, 3).concat();
    // However its bytes come, and however often the session is asked meanwhile.
    for byte in messages.chunks(1) {
        pair.send(Client, byte);
        pair.wait(MOMENT);
    }
    pair.wait(SECOND * 2);
    assert_eq!(pair.arrived(Upstream), messages);
    pair.wait(SECOND);
    pair.send(Client, &text(Client, "at once"));
    assert!(pair.arrived(Upstream).ends_with(&text(Client, "at once")));
}

#[test]
fn sessions_that_share_a_bucket_keep_to_its_rate_together() {
    let meter = meter(Metered::Messages, Client, 10, OnExceed::Delay);
    let mut pairs: Vec<_> = (0..5).map(|_| metered(vec![meter.clone()])).collect();
    for pair in &mut pairs {
        pair.send(Client, &numbered(Client, 20).concat());
    }
    for _ in 0..900 {
        pairs.iter_mut().for_each(|pair| pair.wait(MOMENT * 10));
        let passed: usize = pairs.iter().map(|pair| pair.observed().messages.len()).sum();
        assert!(passed <= 100);
    }
    let passed: Vec<_> = pairs.iter().map(|pair| pair.observed().messages.len()).collect();
    assert_eq!(passed.iter().sum::<usize>(), 100, "{passed:?}");
    assert!(passed.iter().all(|passed| *passed >= 15), "each has its turn: {passed:?}");
}

#[test]
fn a_header_that_announces_what_never_comes_takes_no_more_than_a_bucket_holds() {
    // The largest frame there can be, of which four bytes come.
    let announced = [&[0x82, 0xff][..], &(u64::MAX >> 1).to_be_bytes(), b"maskfour"].concat();
    for on_exceed in [OnExceed::Close, OnExceed::Drop, OnExceed::Delay] {
        let shared = meter(Metered::Bytes, Client, 10, on_exceed);
        let mut pair = metered(vec![shared.clone()]);
        pair.send(Client, &announced);
        pair.reset(Client);
        let mut other = metered(vec![shared]);
        other.wait(SECOND);
        other.send(Client, &text(Client, "of others"));
        assert_eq!(other.arrived(Upstream), text(Client, "of others"), "{on_exceed:?}");
    }
}

#[test]
fn what_comes_of_a_frame_beyond_what_a_bucket_holds_is_charged_as_it_comes() {
    let shared = meter(Metered::Bytes, Client, 10, OnExceed::Delay);
    let mut pair = metered(vec![shared.clone()]);
    // A header and 60 bytes, in pieces, of a frame that does not end.
    let frame = frame(Client, 0x82, &[0; 100]);
    for piece in frame[..6 + 60].chunks(7) {
        pair.send(Client, piece);
    }
    let mut other = metered(vec![shared]);
    other.send(Client, &text(Client, "waits"));
    // Sixty were taken of ten: there is one again when 51 more have come.
    other.wait(Duration::from_millis(5_100) - MOMENT);
    assert_eq!(other.arrived(Upstream), b"");
    other.wait(MOMENT);
    assert_eq!(other.arrived(Upstream), text(Client, "waits"));
}

#[test]
fn several_meters_are_charged_together_or_not_at_all() {
    let [many, few] = [(1000, OnExceed::Drop), (1, OnExceed::Drop)]
        .map(|(rate, on_exceed)| meter(Metered::Messages, Client, rate, on_exceed));
    let bucket = Arc::clone(&many.bucket);
    let mut pair = metered(vec![many, few]);
    pair.send(Client, &numbered(Client, 500).concat());
    assert_eq!(pair.observed().messages.len(), 1);
    let left = (0..2000).filter(|_| bucket.take(1, *BEGUN).is_ok()).count();
    assert_eq!(left, 999, "what is dropped costs nothing");
}

#[test]
fn the_sternest_of_several_meters_decides() {
    use OnExceed::{Close, Delay, Drop};
    for (kinds, dies, withheld) in [
        (vec![Delay, Drop], false, Some(Withheld::Message)),
        (vec![Drop, Delay], false, Some(Withheld::Message)),
        (vec![Drop, Delay, Close], true, None),
    ] {
        let meters = kinds.iter().map(|kind| meter(Metered::Messages, Client, 1, *kind)).collect();
        let mut pair = metered(meters);
        pair.send(Client, &numbered(Client, 2).concat());
        assert_eq!(death(&pair).is_some(), dies, "{kinds:?}");
        let seen = pair.observed().withheld.first().map(|(_, withheld)| *withheld);
        assert_eq!(seen, withheld, "{kinds:?}");
    }
}

#[test]
fn the_end_of_a_session_waits_for_no_delay() {
    for from in Side::BOTH {
        let mut pair = metered(vec![meter(Metered::Messages, from, 1, OnExceed::Delay)]);
        let messages = numbered(from, 50);
        pair.send(from, &messages.concat());
        pair.send(from, &close(from, 1001, ""));
        pair.fin(from);
        pair.shut_down(CloseCode::GOING_AWAY);
        assert_eq!(
            pair.arrived(from.other()),
            [&messages[0][..], &by_gateway(from.other(), 1001, "")].concat()
        );
        assert_eq!(pair.ending(from), Some(Fin), "the answer behind what waited was found");
        pair.send(from.other(), &close(from.other(), 1001, ""));
        pair.fin(from.other());
        assert_over(&pair, [Fin, Fin], Cause::Shutdown, Party::Gateway);
    }
}

#[test]
fn a_peer_whose_frame_waits_is_neither_idle_nor_silent() {
    let timeouts =
        Timeouts { idle: SECOND * 2, half_close: SECOND * 2, frame: SECOND, ..Timeouts::default() };
    let keepalive = Keepalive { interval: SECOND, timeout: SECOND, to: PingTo::Client };
    let meters = vec![meter(Metered::Bytes, Client, 10, OnExceed::Delay)];
    let mut pair = with_policy(Policy { timeouts, ..Policy::default() }, meters.clone());
    pair.send(
        Client,
        &text(Client, "so many that it takes long to repay them: a hundred in all, or thereabouts"),
    );
    pair.send(Client, &text(Client, "waits"));
    pair.wait(SECOND * 5);
    assert_eq!(death(&pair), None, "a session whose frame waits is not idle");

    let mut pair = with_policy(Policy { keepalive, ..Policy::default() }, meters);
    pair.wait(SECOND);
    let answer = frame(Client, 0x8a, &pair.pings(Client)[0]);
    pair.send(Client, &text(Client, &"x".repeat(100)));
    pair.send(Client, &[text(Client, "waits"), answer].concat());
    pair.wait(SECOND * 5);
    assert_eq!(death(&pair), None, "the answer may be behind the frame that waits");
}

#[test]
fn answers_to_the_gateways_pings_are_not_counted() {
    for on_exceed in [OnExceed::Close, OnExceed::Drop] {
        let keepalive = Keepalive { interval: SECOND, timeout: SECOND, to: PingTo::Client };
        let meter = Meter {
            bucket: Arc::new(Bucket::new(Rate { tokens: 1, per: SECOND * 1000, burst: 1 }, *BEGUN)),
            ..meter(Metered::ControlFrames, Client, 1, on_exceed)
        };
        let mut pair = with_policy(Policy { keepalive, ..Policy::default() }, vec![meter]);
        let ping = frame(Client, 0x89, b"the only one");
        pair.send(Client, &ping);
        for _ in 0..10 {
            pair.wait(SECOND);
            let answer = frame(Client, 0x8a, pair.pings(Client).last().expect("it was asked"));
            pair.send(Client, &answer);
        }
        assert_eq!((pair.pings(Client).len(), death(&pair)), (10, None));
        assert_eq!(pair.observed().withheld, [(Client, Withheld::OwnPong); 10]);
        pair.send(Client, &frame(Client, 0x8a, b"twelve bytes"));
        match on_exceed {
            OnExceed::Close => assert_eq!(death(&pair), Some((Cause::RateLimit, Party::Peer(Client)))),
            OnExceed::Drop | OnExceed::Delay => assert_eq!(pair.arrived(Upstream), ping),
        }
    }
}

#[test]
fn row_54_a_flood_of_pongs_that_look_like_answers_waits_like_any_other() {
    let keepalive = Keepalive { interval: SECOND, timeout: SECOND, to: PingTo::Client };
    let meters = vec![meter(Metered::ControlFrames, Client, 2, OnExceed::Delay)];
    let mut pair = with_policy(Policy { keepalive, ..Policy::default() }, meters);
    pair.wait(SECOND);
    let pong = frame(Client, 0x8a, b"twelve bytes");
    pair.send(Client, &pong.repeat(10));
    for passed in 2..10 {
        assert_eq!(pair.arrived(Upstream), pong.repeat(passed));
        pair.wait(SECOND / 2);
    }
    pair.check_streams();
}

fn with_times_for_frames(on_exceed: OnExceed) -> Pair {
    let timeouts = Timeouts { frame: FRAME, ..Timeouts::default() };
    let mut pair = with_policy(
        Policy { timeouts, ..Policy::default() },
        vec![meter(Metered::Bytes, Client, 10, on_exceed)],
    );
    // What comes behind this has to be repaid for ten seconds.
    pair.send(Client, &text(Client, &"x".repeat(109)));
    pair
}

#[test]
fn row_30_the_time_of_a_frame_stands_still_while_it_has_to_wait() {
    let mut pair = with_times_for_frames(OnExceed::Delay);
    let frame = text(Client, "slow");
    pair.send(Client, &frame[..1]);
    pair.send(Client, &frame[1..7]);
    pair.wait(SECOND * 10);
    assert_eq!(pair.arrived(Upstream).last_chunk(), frame[..7].last_chunk::<7>(), "its turn has come");
    pair.wait(FRAME / 2);
    assert_eq!(death(&pair), None);
    pair.wait(FRAME / 2);
    assert_eq!(death(&pair), Some((Cause::FrameTimeout, Party::Peer(Client))));
}

#[test]
fn row_30_frames_that_are_dropped_have_their_own_time_each() {
    let frame = text(Client, "abcdefgh");
    let (head, tail) = frame.split_at(9);
    let mut pair = with_times_for_frames(OnExceed::Drop);
    pair.send(Client, head);
    for _ in 0..4 {
        pair.wait(FRAME / 2);
        pair.send(Client, &[tail, head].concat());
    }
    assert_eq!(death(&pair), None, "no frame of the client took too long");

    // The same where nothing of the client goes anywhere any more.
    let mut pair = with_times_for_frames(OnExceed::Drop);
    pair.send(Client, head);
    pair.send(Upstream, b"\xff");
    pair.wait(FRAME - MOMENT);
    pair.send(Client, &[tail, head].concat());
    pair.wait(FRAME - MOMENT);
    assert_eq!(pair.ending(Client), None, "no frame of the client took too long");
}
