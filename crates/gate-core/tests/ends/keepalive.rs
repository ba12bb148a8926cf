//! Pings of the gateway's own, and peers that do not answer them.

use std::sync::Arc;

use gate_core::rate::{Bucket, Meter, Metered, OnExceed, Rate};
use gate_core::session::Withheld;
use gate_core::{Keepalive, PingTo};

use super::*;

const INTERVAL: Duration = Duration::from_secs(20);
const TIMEOUT: Duration = Duration::from_secs(5);

fn pinging(to: PingTo) -> Pair {
    let keepalive = Keepalive { interval: INTERVAL, timeout: TIMEOUT, to };
    Pair::new(Policy { keepalive, ..Policy::default() }, false, start())
}

fn only(side: Side) -> PingTo {
    match side {
        Client => PingTo::Client,
        Upstream => PingTo::Upstream,
    }
}

/// The ping that a peer got last, as it is on the wire.
fn last_ping(pair: &Pair, to: Side) -> Vec<u8> {
    Pair::gateway_ping(to, *pair.pings(to).last().expect("it was sent one"))
}

/// A peer's answer to the ping that it got last.
fn pong(pair: &Pair, from: Side) -> Vec<u8> {
    frame(from, 0x8a, pair.pings(from).last().expect("it was sent one"))
}

#[test]
fn peers_that_say_nothing_are_asked_and_their_answers_are_kept() {
    for (to, asked) in
        [(PingTo::Both, &Side::BOTH[..]), (PingTo::Client, &[Client]), (PingTo::Upstream, &[Upstream])]
    {
        let mut pair = pinging(to);
        let mut expected = Side::BOTH.map(|_| Vec::new());
        for round in 1..4 {
            pair.wait(INTERVAL - MOMENT);
            assert!(asked.iter().all(|side| pair.pings(*side).len() == round - 1), "not yet");
            pair.wait(MOMENT);
            for (side, expected) in Side::BOTH.into_iter().zip(&mut expected) {
                if asked.contains(&side) {
                    expected.extend(last_ping(&pair, side));
                    pair.send(side, &pong(&pair, side));
                }
                assert_eq!(pair.arrived(side), *expected);
            }
        }
        assert_eq!(pair.observed().frames, [], "the peers' own are told of alone");
        pair.check_streams();
    }
}

#[test]
fn row_56_a_peer_that_does_not_answer_is_cut_off_and_the_other_closed() {
    for silent in Side::BOTH {
        let mut pair = pinging(PingTo::Both);
        pair.wait(INTERVAL);
        let answer = pong(&pair, silent.other());
        pair.send(silent.other(), &answer);
        let before = pair.arrived(silent.other()).to_vec();
        pair.wait(TIMEOUT - MOMENT);
        assert_eq!(endings(&pair), [None, None]);
        pair.wait(MOMENT);
        assert_eq!(pair.ending(silent), Some(Rst));
        let told = by_gateway(silent.other(), 1001, "");
        assert_eq!(pair.arrived(silent.other()), [before, told].concat());
        assert_eq!(death(&pair), Some((Cause::PingTimeout, Party::Peer(silent))));
        pair.send(silent.other(), &close(silent.other(), 1001, ""));
        pair.fin(silent.other());
        assert!(pair.session().is_over());
    }
}

#[test]
fn a_peer_is_asked_once_at_a_time() {
    let keepalive = Keepalive { interval: INTERVAL, timeout: Duration::ZERO, to: PingTo::Both };
    let mut pair = Pair::new(Policy { keepalive, ..Policy::default() }, false, start());
    pair.wait(INTERVAL * 10);
    assert_eq!((pair.pings(Client).len(), pair.pings(Upstream).len(), death(&pair)), (1, 1, None));
    let answer = pong(&pair, Client);
    pair.send(Client, &answer);
    pair.wait(INTERVAL);
    assert_eq!((pair.pings(Client).len(), pair.pings(Upstream).len()), (2, 1));
}

#[test]
fn whoever_says_something_is_not_asked_until_the_interval_is_over_again() {
    for talker in Side::BOTH {
        let mut pair = pinging(only(talker));
        for _ in 0..3 {
            pair.wait(INTERVAL - MOMENT);
            pair.send(talker, &text(talker, "here"));
        }
        pair.wait(INTERVAL - MOMENT);
        assert_eq!(pair.pings(talker).len(), 0);
        pair.wait(MOMENT);
        assert_eq!(pair.pings(talker).len(), 1);
    }
}

#[test]
fn whoever_cannot_answer_for_what_it_is_saying_has_time_as_long_as_it_goes_on() {
    let mut pair = pinging(PingTo::Client);
    pair.wait(INTERVAL);
    for byte in text(Client, "a long frame").chunks(1) {
        pair.send(Client, byte);
        pair.wait(TIMEOUT - MOMENT);
    }
    assert_eq!(death(&pair), None);
    pair.wait(MOMENT);
    assert_eq!(death(&pair), Some((Cause::PingTimeout, Party::Peer(Client))));
}

#[test]
fn any_pong_shows_that_a_peer_is_there() {
    // RFC 6455 §5.5.3: of several pings the last alone may be answered.
    for side in Side::BOTH {
        let mut pair = pinging(only(side));
        pair.wait(INTERVAL);
        let other = frame(side, 0x8a, b"for a ping of the other's");
        pair.send(side, &other);
        pair.wait(INTERVAL - MOMENT);
        assert_eq!((death(&pair), pair.arrived(side.other())), (None, &other[..]));
    }
}

#[test]
fn a_ping_goes_between_two_frames_and_between_two_fragments() {
    for to in Side::BOTH {
        let from = to.other();
        let fragments =
            [frame(from, 0x01, b"first"), frame(from, 0x00, b"second"), frame(from, 0x80, b"last")];
        let stream = fragments.concat();
        let boundaries = [0, fragments[0].len(), fragments[0].len() + fragments[1].len(), stream.len()];
        for cut in 0..=stream.len() {
            let mut pair = pinging(only(to));
            pair.send(from, &stream[..cut]);
            pair.wait(INTERVAL);
            pair.send(from, &stream[cut..]);
            let ping = last_ping(&pair, to);
            // Bytes of a header are held back until it is whole.
            let held = boundaries.iter().find(|at| (**at..**at + header_len(from)).contains(&cut));
            let at = held.or_else(|| boundaries.iter().find(|at| **at >= cut));
            let (before, behind) = stream.split_at(*at.expect("the last one is behind all"));
            assert_eq!(pair.arrived(to), [before, &ping[..], behind].concat(), "cut at {cut}");
            pair.check_streams();
        }
    }
}

/// Bytes of the header of a small frame.
fn header_len(from: Side) -> usize {
    text(from, "").len()
}

#[test]
fn a_ping_waits_for_the_end_of_a_frame_however_many_follow() {
    let mut pair = pinging(PingTo::Client);
    let frame = text(Upstream, "0123456789");
    pair.send(Upstream, &frame[..5]);
    pair.wait(INTERVAL * 3);
    assert_eq!(pair.pings(Client).len(), 0);
    // A read that ends within the frame after next.
    pair.send(Upstream, &[&frame[5..], &frame[..], &frame[..5]].concat());
    let ping = last_ping(&pair, Client);
    assert_eq!(pair.arrived(Client), [&frame[..], &ping[..], &frame[..], &frame[..5]].concat());
}

#[test]
fn no_ping_goes_behind_a_close() {
    for first in Side::BOTH {
        let mut pair = pinging(PingTo::Both);
        pair.wait(INTERVAL - MOMENT);
        pair.send(first, &close(first, 1000, ""));
        pair.wait(MOMENT * 2);
        assert_eq!((pair.pings(Client).len(), pair.pings(Upstream).len()), (0, 0));
    }
}

#[test]
fn a_ping_that_could_not_go_in_time_does_not_go_to_a_peer_that_has_closed() {
    let mut pair = pinging(PingTo::Client);
    let frame = text(Upstream, "a long one");
    pair.send(Upstream, &frame[..5]);
    pair.wait(INTERVAL);
    pair.send(Client, &close(Client, 1000, ""));
    pair.send(Upstream, &frame[5..]);
    assert_eq!((pair.arrived(Client), pair.pings(Client).len()), (&frame[..], 0));
}

#[test]
fn an_answer_is_kept_however_it_is_cut_and_whatever_stands_around_it() {
    for side in Side::BOTH {
        let around = [frame(side, 0x01, b"one"), frame(side, 0x00, b"two"), frame(side, 0x80, b"three")];
        let begin = || {
            let mut pair = pinging(only(side));
            pair.wait(INTERVAL);
            pair
        };
        let answer = pong(&begin(), side);
        for place in 0..=around.len() {
            let (before, behind) = around.split_at(place);
            let (before, behind) = (before.concat(), behind.concat());
            let stream = [&before[..], &answer[..], &behind[..]].concat();
            for first in 0..=stream.len() {
                for second in [first, (first + 3).min(stream.len()), stream.len()] {
                    let mut pair = begin();
                    pair.send(side, &stream[..first]);
                    pair.send(side, &stream[first..second]);
                    pair.send(side, &stream[second..]);
                    assert_eq!(pair.arrived(side.other()), [&before[..], &behind[..]].concat());
                    assert_eq!(pair.observed().withheld, [(side, Withheld::OwnPong)]);
                    assert_eq!(pair.observed().messages.len(), 1);
                    pair.check_streams();
                }
            }
        }
    }
}

#[test]
fn several_answers_in_one_read_are_all_kept() {
    let mut pair = pinging(PingTo::Client);
    pair.wait(INTERVAL);
    let (answer, talk) = (pong(&pair, Client), text(Client, "talk"));
    let foreign = frame(Client, 0x8a, b"twelve bytes");
    pair.send(Client, &[&answer[..], &answer, &talk, &answer, &foreign, &talk, &answer].concat());
    assert_eq!(pair.arrived(Upstream), [&talk[..], &foreign, &talk].concat());
    assert_eq!(pair.observed().withheld, [(Client, Withheld::OwnPong); 4]);
    pair.check_streams();
}

#[test]
fn a_late_answer_is_kept_as_well() {
    let mut pair = pinging(PingTo::Client);
    pair.wait(INTERVAL);
    let late = pong(&pair, Client);
    pair.send(Client, &frame(Client, 0x8a, b""));
    pair.wait(INTERVAL);
    assert_eq!(pair.pings(Client).len(), 2);
    pair.send(Client, &late);
    pair.check_streams();
    assert_eq!(pair.arrived(Upstream), frame(Client, 0x8a, b""));
}

#[test]
fn pings_and_pongs_of_the_peers_own_pass() {
    for side in Side::BOTH {
        let mut pair = pinging(PingTo::Both);
        pair.wait(INTERVAL);
        let own = *pair.pings(side).last().expect("it was sent one");
        let (mut next, mut other) = (own, own);
        // The number of a ping that has not been sent, and a secret that is another.
        next[11] ^= 2;
        other[0] ^= 1;
        let others_own = *pair.pings(side.other()).last().expect("it was sent one");
        let frames = [
            frame(side, 0x89, b"ping"),
            frame(side, 0x8a, b"pong"),
            frame(side, 0x8a, b""),
            frame(side, 0x8a, &own[..11]),
            frame(side, 0x8a, &[&own[..], b"\0"].concat()),
            frame(side, 0x8a, &next),
            frame(side, 0x8a, &other),
            frame(side, 0x8a, &others_own),
            frame(side, 0x89, &own),
        ];
        let before = pair.arrived(side.other()).to_vec();
        let stream = frames.concat();
        for bytes in stream.chunks(5) {
            pair.send(side, bytes);
        }
        assert_eq!(pair.arrived(side.other()), [before, stream].concat());
        assert_eq!(pair.observed().withheld, []);
    }
}

#[test]
fn before_the_first_ping_no_pong_is_looked_into() {
    let mut pair = pinging(PingTo::Both);
    let pong = frame(Client, 0x8a, b"twelve bytes");
    pair.send(Client, &pong[..9]);
    assert_eq!(pair.arrived(Upstream), &pong[..9]);
}

#[test]
fn a_peer_that_is_not_read_is_not_taken_for_silent() {
    for slow in Side::BOTH {
        let sender = slow.other();
        let keepalive = Keepalive { interval: INTERVAL, timeout: TIMEOUT, to: only(sender) };
        let timeouts = Timeouts { send: INTERVAL * 100, ..Timeouts::default() };
        let mut pair = Pair::new(Policy { keepalive, timeouts, ..Policy::default() }, false, start());
        pair.wait(INTERVAL);
        let answer = pong(&pair, sender);
        pair.set_appetite(slow, Appetite::Bytes(0));
        pair.send(sender, &text(sender, "what it does not take"));
        pair.send(sender, &answer);
        pair.wait(TIMEOUT * 10);
        assert_eq!(death(&pair), None, "nobody reads the {sender}");
        pair.set_appetite(slow, Appetite::Endless);
        pair.wait(INTERVAL - MOMENT);
        assert_eq!((death(&pair), pair.pings(sender).len()), (None, 1));
    }
}

#[test]
fn a_peer_that_takes_nothing_is_not_asked_and_has_the_send_timeout() {
    for slow in Side::BOTH {
        let mut pair = pinging(only(slow));
        pair.set_appetite(slow, Appetite::Bytes(0));
        pair.send(slow.other(), &text(slow.other(), "too much"));
        pair.wait(SEND - MOMENT);
        assert_eq!((pair.pings(slow).len(), death(&pair)), (0, None));
        pair.wait(MOMENT);
        assert_eq!(death(&pair), Some((Cause::SendTimeout, Party::Peer(slow))));
    }
}

#[test]
fn the_time_to_answer_begins_when_the_ping_has_gone() {
    let mut pair = pinging(PingTo::Client);
    pair.set_appetite(Client, Appetite::Bytes(1));
    pair.wait(INTERVAL);
    assert_eq!(pair.arrived(Client).len(), 1, "the ping has begun to go");
    pair.wait(TIMEOUT * 3);
    assert_eq!(death(&pair), None);
    pair.set_appetite(Client, Appetite::Endless);
    pair.wait(TIMEOUT - MOMENT);
    assert_eq!(death(&pair), None);
    pair.wait(MOMENT);
    assert_eq!(death(&pair), Some((Cause::PingTimeout, Party::Peer(Client))));
}

#[test]
fn each_side_of_each_session_has_a_secret_of_its_own() {
    let mut pair = pinging(PingTo::Both);
    pair.wait(INTERVAL);
    assert_ne!(pair.pings(Client)[0][..8], pair.pings(Upstream)[0][..8]);
}

#[test]
fn while_the_end_is_under_way_nobody_is_asked_and_answers_are_kept() {
    let mut pair = pinging(PingTo::Both);
    pair.wait(INTERVAL);
    let late = pong(&pair, Upstream);
    let before = pair.arrived(Client).to_vec();
    pair.send(Client, &close(Client, 1000, ""));
    pair.send(Upstream, &late);
    pair.send(Upstream, &close(Upstream, 1000, ""));
    assert_eq!(pair.arrived(Client), [before, close(Upstream, 1000, "")].concat());
    pair.check_streams();
}

#[test]
fn a_peer_whose_frames_wait_gives_the_other_no_time() {
    let bucket = Arc::new(Bucket::new(Rate::per_second(2), start()));
    let meter = Meter { of: Metered::Messages, from: Client, on_exceed: OnExceed::Delay, bucket };
    let keepalive = Keepalive { interval: INTERVAL, timeout: TIMEOUT, to: PingTo::Upstream };
    let mut pair = Pair::with_meters(Policy { keepalive, ..Policy::default() }, false, start(), vec![meter]);
    pair.send(Client, &text(Client, "one of many").repeat(1000));
    pair.wait(INTERVAL + TIMEOUT - MOMENT);
    assert_eq!((pair.pings(Upstream).len(), death(&pair)), (1, None));
    pair.wait(MOMENT);
    assert_eq!(death(&pair), Some((Cause::PingTimeout, Party::Peer(Upstream))));
}
