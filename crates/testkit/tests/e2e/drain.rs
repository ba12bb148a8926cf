//! How even a drain is: the closes of all sessions, whichever workers they are on, come at the
//! same distances over the whole of the spread.

use std::thread;
use std::time::Duration;

use testkit::Side;
use testkit::backend::Backend;
use testkit::deadline::Stopwatch;
use testkit::frame::close;
use testkit::rig::{Rig, Session};

/// When each of so many sessions is told to close, in the order of the closes.
fn drain(workers: usize, sessions: usize, spread: Duration) -> Vec<Duration> {
    let text = format!(
        r#"server {{ worker-threads {workers}; drain {{ spread "{}ms" }} }}
        routes {{ route "all" {{ upstream "backend" }} }}
        upstreams {{ upstream "backend" {{ target "$0" }} }}"#,
        spread.as_millis()
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let sessions: Vec<_> = (0..sessions).map(|_| rig.open()).collect();
    let mut told = thread::scope(|scope| {
        let stopwatch = Stopwatch::start();
        let waiting: Vec<_> = sessions
            .into_iter()
            .map(|session| {
                let wait = move || wait(session, &stopwatch);
                thread::Builder::new().stack_size(128 * 1024).spawn_scoped(scope, wait).expect("a thread")
            })
            .collect();
        let stopping = scope.spawn(|| rig.stop());
        let told: Vec<_> = waiting.into_iter().map(|waiting| waiting.join().expect("a close")).collect();
        stopping.join().expect("a gateway that stops");
        told
    });
    told.sort_unstable();
    told
}

fn wait(mut session: Session, stopwatch: &Stopwatch) -> Duration {
    let _close = session.client.read_frame().close().expect("a Close");
    let told = stopwatch.read();
    let _close = session.upstream.read_frame().close().expect("a Close");
    for side in Side::BOTH {
        session.peer(side).send(&close(side, 1001, ""));
    }
    session.end();
    told
}

/// The greatest distance of the closes from a straight line, as a share of all of them, once the
/// first one is taken for the begin.
fn deviation(told: &[Duration], spread: Duration) -> f64 {
    let first = *told.first().expect("closes");
    let count = f64::from(u32::try_from(told.len()).expect("few"));
    (0_u32..)
        .zip(told)
        .map(|(earlier, told)| {
            let due = (*told - first).as_secs_f64() / spread.as_secs_f64();
            (f64::from(earlier) / count - due).abs()
        })
        .fold(0.0, f64::max)
}

#[test]
fn closes_are_even_over_the_spread_and_over_all_workers() {
    let spread = Duration::from_secs(2);
    for workers in [1, 3] {
        let told = drain(workers, 200, spread);
        let deviation = deviation(&told, spread);
        assert!(deviation < 0.05, "{deviation} with {workers} workers");
    }
}

#[test]
#[ignore = "takes 20,000 descriptors, as many threads as sessions, and a machine that does little else"]
fn thousands_of_sessions_over_ten_seconds_are_within_5_percent_of_uniform() {
    // Both ends of a session and the gateway's two are in this process.
    const A_SECOND: i64 = 450;
    let spread = Duration::from_secs(10);
    let told = drain(2, 4_500, spread);
    let first = *told.first().expect("closes");
    let mut bins = [0_i64; 10];
    for told in &told {
        let second = usize::try_from((*told - first).as_secs()).expect("few");
        bins[second.min(9)] += 1;
    }
    for (second, count) in bins.iter().enumerate() {
        let is_even = (count - A_SECOND).abs() * 20 <= A_SECOND;
        assert!(is_even, "{count} in second {second}: {bins:?}");
    }
    let deviation = deviation(&told, spread);
    assert!(deviation < 0.02, "{deviation}: {bins:?}");
}
