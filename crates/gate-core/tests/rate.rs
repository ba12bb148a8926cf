//! Buckets give their burst at once and then their rate, to whomever and in whatever steps it is
//! taken.

use std::time::{Duration, Instant};

use gate_core::rate::{Bucket, Rate};

const SECOND: Duration = Duration::from_secs(1);

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn any_instant() -> Instant {
    Instant::now()
}

fn rate(tokens: u64, burst: u64) -> Rate {
    Rate { tokens, per: SECOND, burst }
}

#[test]
fn a_full_bucket_gives_its_burst_at_once_and_then_its_rate() {
    let start = any_instant();
    let bucket = Bucket::new(rate(10, 3), start);
    assert!((0..3).all(|_| bucket.take(1, start).is_ok()));
    let at = bucket.take(1, start).unwrap_err();
    assert_eq!(at, start + SECOND / 10);
    assert!(bucket.take(1, at - Duration::from_nanos(1)).is_err());
    assert!(bucket.take(1, at).is_ok());
    assert!(bucket.take(1, at).is_err());
}

#[test]
fn a_rate_that_divides_no_second_loses_no_token_of_its_burst() {
    let start = any_instant();
    for (tokens, burst) in (1..50).flat_map(|tokens| (1..20).map(move |burst| (tokens, burst))) {
        let bucket = Bucket::new(rate(tokens, burst), start);
        let taken = (0..100).filter(|_| bucket.take(1, start).is_ok()).count();
        assert_eq!(u64::try_from(taken), Ok(burst), "{tokens} a second");
    }
}

#[test]
fn a_pause_fills_no_more_than_the_burst() {
    let start = any_instant();
    let bucket = Bucket::new(rate(10, 3), start);
    assert!(bucket.take(1, start).is_ok());
    let later = start + 100 * SECOND;
    assert!(bucket.is_full(later));
    assert_eq!((0..9).filter(|_| bucket.take(1, later).is_ok()).count(), 3);
}

#[test]
fn what_is_larger_than_the_bucket_passes_and_is_repaid() {
    let start = any_instant();
    let bucket = Bucket::new(rate(1000, 1000), start);
    assert!(bucket.take(5000, start).is_ok());
    let at = bucket.take(1, start).unwrap_err();
    assert_eq!(at, start + 4 * SECOND + SECOND / 1000);
    assert!(bucket.take(1, at).is_ok());
}

#[test]
fn whether_there_is_a_token_is_told_without_taking_it() {
    let start = any_instant();
    let bucket = Bucket::new(rate(10, 1), start);
    assert!((0..9).all(|_| bucket.check(start) == Ok(())));
    assert!(bucket.take(1, start).is_ok());
    assert_eq!(bucket.check(start), bucket.take(1, start));
    assert_eq!(bucket.check(start), Err(start + SECOND / 10));
}

#[test]
fn what_is_given_back_can_be_taken_again_and_no_more() {
    let start = any_instant();
    let bucket = Bucket::new(rate(10, 3), start);
    assert!((0..3).all(|_| bucket.take(1, start).is_ok()));
    bucket.give_back(2);
    assert!(bucket.take(2, start).is_ok());
    assert_eq!(bucket.take(1, start), Err(start + SECOND / 10));
    bucket.give_back(3);
    assert!(bucket.is_full(start));
}

#[test]
fn a_megabyte_a_second_is_counted_to_the_byte() {
    let start = any_instant();
    let bucket = Bucket::new(Rate::per_second(1 << 20), start);
    for step in 1..=1000_u32 {
        bucket.charge(1 << 20, start + step * SECOND);
    }
    assert!(!bucket.is_full(start + 1000 * SECOND + SECOND / 2));
    assert!(bucket.is_full(start + 1001 * SECOND));
}

#[test]
fn those_who_wait_have_their_turns_at_the_rate() {
    let start = any_instant();
    let bucket = Bucket::new(rate(10, 2), start);
    let turns: Vec<_> = (0..5).map(|_| bucket.reserve(1, start)).collect();
    let waits = [1, 2, 3].map(|turn| Some(start + turn * SECOND / 10));
    assert_eq!(turns, [&[None, None], &waits[..]].concat());
    assert!(bucket.check(start + SECOND * 3 / 10).is_err());
    assert!(bucket.check(start + SECOND * 4 / 10).is_ok());
}

#[test]
fn many_threads_take_no_more_than_there_is() {
    let start = any_instant();
    let bucket = Bucket::new(rate(1, 500), start);
    let taken = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| (0..200).filter(|_| bucket.take(1, start).is_ok()).count()))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
    });
    assert_eq!(taken, 500);
}
