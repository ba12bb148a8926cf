//! Sessions that are too old.

use std::collections::BTreeSet;

use gate_core::Age;
use gate_core::session::Session;

use super::*;

const MAX: Duration = Duration::from_secs(100);

fn aging() -> Pair {
    Pair::new(Policy { age: Age { max: MAX, ..Age::default() }, ..Policy::default() }, false, start())
}

#[test]
fn an_idle_session_ends_at_its_age() {
    let mut pair = aging();
    pair.wait(MAX - MOMENT);
    assert_eq!(pair.arrived(Client), b"");
    pair.wait(MOMENT);
    assert_eq!(pair.arrived(Client), by_gateway(Client, 4001, "Connection is Aged"));
    assert_eq!(pair.arrived(Upstream), by_gateway(Upstream, 1001, ""));
    pair.send(Client, &close(Client, 4001, ""));
    pair.fin(Client);
    pair.send(Upstream, &close(Upstream, 1001, ""));
    pair.fin(Upstream);
    assert_over(&pair, [Fin, Fin], Cause::MaxAge, Party::Gateway);
}

#[test]
fn a_busy_session_ends_at_its_age_too() {
    let mut pair = aging();
    for _ in 0..10 {
        pair.wait(MAX / 10 - MOMENT);
        pair.send(Client, &text(Client, "busy"));
        pair.send(Upstream, &text(Upstream, "busy"));
    }
    assert_eq!(death(&pair), None);
    pair.wait(MOMENT * 10);
    assert_eq!(death(&pair), Some((Cause::MaxAge, Party::Gateway)));
}

#[test]
fn the_client_is_told_what_the_policy_says() {
    let code = CloseCode::new(1012).expect("a code that may be sent");
    let age = Age { max: MAX, code, reason: "come again".into(), ..Age::default() };
    let mut pair = Pair::new(Policy { age, ..Policy::default() }, false, start());
    pair.wait(MAX);
    assert_eq!(pair.arrived(Client), by_gateway(Client, 1012, "come again"));
}

#[test]
fn a_frame_under_way_is_finished_first() {
    for busy in Side::BOTH {
        let mut pair = aging();
        let frame = text(busy, "a long one");
        pair.send(busy, &frame[..9]);
        pair.wait(MAX);
        let to = busy.other();
        assert_eq!(pair.arrived(to), &frame[..9], "nothing goes into a frame");
        pair.send(busy, &[&frame[9..], &text(busy, "never arrives")].concat());
        let told = match to {
            Client => by_gateway(Client, 4001, "Connection is Aged"),
            Upstream => by_gateway(Upstream, 1001, ""),
        };
        assert_eq!(pair.arrived(to), [frame, told].concat());
        pair.check_streams();
    }
}

#[test]
fn where_a_frame_is_never_finished_the_side_is_cut_off_at_the_close_deadline() {
    let mut pair = aging();
    let frame = text(Upstream, "a long one");
    pair.send(Upstream, &frame[..5]);
    pair.wait(MAX + CLOSE - MOMENT);
    assert_eq!(endings(&pair), [None, None]);
    pair.wait(MOMENT);
    assert_eq!(pair.arrived(Client), &frame[..5]);
    assert_over(&pair, [Rst, Rst], Cause::MaxAge, Party::Gateway);
}

#[test]
fn a_session_that_is_closing_anyway_is_left_alone() {
    for first in Side::BOTH {
        let mut pair = aging();
        pair.wait(MAX - MOMENT);
        pair.send(first, &close(first, 1000, "bye"));
        pair.wait(MOMENT * 2);
        assert_eq!(pair.arrived(first), b"");
        pair.send(first.other(), &close(first.other(), 1000, ""));
        assert_eq!(pair.arrived(first), close(first.other(), 1000, ""));
        let code = CloseCode::new(1000);
        assert_eq!(death(&pair), Some((Cause::Close(code), Party::Peer(first))));
    }
}

#[test]
fn a_half_closed_session_ages() {
    let mut pair = aging();
    pair.wait(MAX - MOMENT);
    pair.fin(Upstream);
    pair.wait(MOMENT);
    assert_eq!(endings(&pair), [Some(Fin), Some(Fin)]);
    pair.wait(CLOSE);
    assert!(pair.session().is_over());
}

#[test]
fn sessions_of_one_moment_end_at_moments_of_their_own() {
    let (begun, jitter) = (start(), Duration::from_secs(20));
    let policy = Policy { age: Age { max: MAX, jitter, ..Age::default() }, ..Policy::default() };
    let end = |random: u64| {
        let start = Start { deflate: false, now: begun, random, meters: Box::default() };
        let at = Session::new(policy.clone().into(), start).poll_timeout();
        at.expect("it ages").duration_since(begun)
    };
    let ends: BTreeSet<_> = (0..1000).map(end).collect();
    assert!(ends.iter().all(|end| (MAX - jitter..=MAX).contains(end)));
    let early = ends.iter().filter(|end| **end < MAX - jitter / 2).count();
    assert!(ends.len() > 990 && (400..600).contains(&early), "{early} of {}", ends.len());
}
