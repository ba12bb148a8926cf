//! A target's health from check to check and from failure to failure.

use std::time::{Duration, Instant};

use gate_core::balance::Share;
use gate_core::health::Outcome::{Failed, Passed};
use gate_core::health::{Change, EJECTION_MAX, Health, Rules, Standing};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

const RULES: Rules = Rules {
    healthy_threshold: 2,
    unhealthy_threshold: 3,
    max_fails: 3,
    window: Duration::from_secs(10),
    ejection: Duration::from_secs(10),
    slow_start: Duration::ZERO,
};

const UP: Standing = Standing::Up(Share::FULL);

#[expect(clippy::disallowed_methods, reason = "virtual time begins somewhere; it passes by hand")]
fn start() -> Instant {
    Instant::now()
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_target_is_well_until_enough_checks_in_a_row_say_otherwise() {
    let now = start();
    let mut health = Health::default();
    assert_eq!(health.standing(&RULES, now), UP);
    let checks = [
        (Failed, None, UP),
        (Failed, None, UP),
        (Passed, None, UP),
        (Failed, None, UP),
        (Failed, None, UP),
        (Failed, Some(Change::Unhealthy), Standing::Down),
        (Failed, None, Standing::Down),
        (Passed, None, Standing::Down),
        (Failed, None, Standing::Down),
        (Passed, None, Standing::Down),
        (Passed, Some(Change::Healthy), UP),
        (Passed, None, UP),
    ];
    for (check, change, standing) in checks {
        assert_eq!(health.check(check, &RULES, now), change);
        assert_eq!(health.standing(&RULES, now), standing);
    }
}

#[test]
fn thresholds_of_zero_are_thresholds_of_one() {
    let rules = Rules { healthy_threshold: 0, unhealthy_threshold: 0, ..RULES };
    let now = start();
    let mut health = Health::default();
    assert_eq!(health.check(Failed, &rules, now), Some(Change::Unhealthy));
    assert_eq!(health.check(Passed, &rules, now), Some(Change::Healthy));
}

#[test]
fn failures_within_the_window_eject() {
    let at = start();
    let mut health = Health::default();
    for second in [0, 4] {
        assert_eq!(health.request(Failed, &RULES, at + seconds(second)), None);
    }
    assert!(!health.is_spotless());
    // The first one is too old by now.
    assert_eq!(health.request(Failed, &RULES, at + seconds(10)), None);
    let ejected = Change::Ejected { lasting: seconds(10) };
    assert_eq!(health.request(Failed, &RULES, at + seconds(11)), Some(ejected));
    assert_eq!(health.standing(&RULES, at + seconds(12)), Standing::Ejected(Share::FULL));
    assert_eq!(health.request(Failed, &RULES, at + seconds(12)), None);
    assert_eq!(health.standing(&RULES, at + seconds(21)), UP);
}

#[test]
fn a_target_that_answers_as_often_as_it_fails_is_kept() {
    let at = start();
    let mut health = Health::default();
    for _ in 0..1000 {
        assert_eq!(health.request(Failed, &RULES, at), None);
        assert_eq!(health.request(Passed, &RULES, at), None);
    }
    assert!(health.is_spotless());
}

#[test]
fn ejections_that_follow_on_each_other_double_up_to_a_bound() {
    let mut at = start();
    let mut health = Health::default();
    for expected in [10, 20, 40, 80, 160, 300, 300] {
        assert_eq!(fail(&mut health, &RULES, at), Some(Change::Ejected { lasting: seconds(expected) }));
        at += seconds(expected);
        assert_eq!(health.standing(&RULES, at), UP);
    }
    at += seconds(300);
    assert_eq!(fail(&mut health, &RULES, at), Some(Change::Ejected { lasting: seconds(10) }));
}

#[test]
fn a_first_ejection_above_the_bound_stays_as_it_is() {
    let rules = Rules { ejection: seconds(1000), ..RULES };
    let mut at = start();
    let mut health = Health::default();
    for _ in 0..3 {
        assert_eq!(fail(&mut health, &rules, at), Some(Change::Ejected { lasting: seconds(1000) }));
        at += seconds(1000);
    }
}

#[test]
fn ejection_can_be_switched_off() {
    let at = start();
    for rules in [Rules { max_fails: 0, ..RULES }, Rules { ejection: Duration::ZERO, ..RULES }] {
        let mut health = Health::default();
        for _ in 0..100 {
            assert_eq!(health.request(Failed, &rules, at), None);
        }
        assert!(health.is_spotless());
        assert_eq!(health.standing(&rules, at), UP);
    }
}

#[test]
fn a_target_that_is_back_gets_more_and_more() {
    let rules = Rules { slow_start: seconds(90), ..RULES };
    let at = start();
    let mut health = Health::default();
    assert_eq!(health.standing(&rules, at), UP, "a target that was never away gets all at once");
    for check in [Failed, Failed, Failed, Passed, Passed] {
        health.check(check, &rules, at);
    }
    for (second, thousandths) in [(0, 100), (1, 110), (45, 550), (89, 990), (90, 1000), (1000, 1000)] {
        let share = Share::thousandths(thousandths);
        assert_eq!(health.standing(&rules, at + seconds(second)), Standing::Up(share));
    }
    let mut health = Health::default();
    fail(&mut health, &rules, at);
    assert_eq!(health.standing(&rules, at), Standing::Ejected(Share::thousandths(100)));
    assert_eq!(health.standing(&rules, at + seconds(10)), Standing::Up(Share::thousandths(100)));
    assert_eq!(health.standing(&rules, at + seconds(100)), UP);
}

#[test]
fn checks_that_find_a_target_well_again_end_its_ejection() {
    let at = start();
    let mut health = Health::default();
    fail(&mut health, &RULES, at);
    for check in [Failed, Failed, Failed] {
        health.check(check, &RULES, at);
    }
    assert_eq!(health.standing(&RULES, at), Standing::Down);
    for check in [Passed, Passed] {
        health.check(check, &RULES, at);
    }
    assert_eq!(health.standing(&RULES, at), UP);
    assert!(health.is_spotless());
}

#[test]
fn whatever_happens_a_target_comes_back() {
    let mut random = StdRng::seed_from_u64(17);
    for _ in 0..500 {
        let rules = Rules {
            healthy_threshold: random.random_range(0..4),
            unhealthy_threshold: random.random_range(0..4),
            max_fails: random.random_range(0..5),
            window: seconds(random.random_range(0..5)),
            ejection: seconds(random.random_range(0..5)),
            slow_start: seconds(random.random_range(0..5)),
        };
        let mut health = Health::default();
        let mut now = start();
        for _ in 0..200 {
            now += Duration::from_millis(random.random_range(0..2000));
            let outcome = if random.random() { Passed } else { Failed };
            if random.random() {
                health.check(outcome, &rules, now);
            } else {
                health.request(outcome, &rules, now);
            }
            if let Standing::Up(share) | Standing::Ejected(share) = health.standing(&rules, now) {
                assert!(share >= Share::thousandths(100));
            }
        }
        now += EJECTION_MAX;
        for _ in 0..4 {
            health.check(Passed, &rules, now);
        }
        now += rules.slow_start;
        assert_eq!(health.standing(&rules, now), UP);
    }
}

/// Has requests fail until there is a change.
fn fail(health: &mut Health, rules: &Rules, now: Instant) -> Option<Change> {
    (0..rules.max_fails).find_map(|_| health.request(Failed, rules, now))
}
