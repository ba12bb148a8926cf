//! The page for known figures.

use gate_config::model::{At, Config, LogTarget, Logging};
use http::StatusCode;

use super::*;

fn sources(workers: Vec<WorkerCounters>, targets: Vec<TargetFigures>) -> Sources {
    let off = At::nowhere(LogTarget::Off);
    let logging = Logging { access: None, error: off, ..Logging::default() };
    let records = Records::open(&logging).unwrap();
    let targets: Box<Targets> = Box::new(move || targets.clone());
    let configured =
        Configured { connections_limit: 7, targets, prefix: Some("sentinel".into()), traces: Vec::new() };
    let reloads = Reloads::new(Config::default().fingerprint());
    Sources::new(workers.into_iter().map(Arc::new).collect(), records, configured, reloads)
}

/// The samples of a family, in their order.
fn samples<'p>(page: &'p str, family: &str) -> Vec<&'p str> {
    let is_of_family = |line: &&str| {
        let name = line.split(['{', ' ']).next();
        name == Some(family)
    };
    page.lines().filter(is_of_family).map(|line| line.strip_prefix(family).unwrap()).collect()
}

fn target(upstream: &str, target: &str, failures: &[(&'static str, u64)]) -> TargetFigures {
    TargetFigures {
        upstream: upstream.into(),
        target: target.into(),
        attempts: 11,
        failures: failures.to_vec(),
        in_flight: 3,
        is_healthy: failures.is_empty(),
    }
}

#[test]
fn requests_are_told_by_route_and_class_over_all_workers() {
    let workers = [WorkerCounters::default(), WorkerCounters::default()];
    let chat: Arc<str> = "chat".into();
    let statuses = [Some(101), Some(200), Some(204), Some(302), Some(404), Some(500), Some(799), None];
    for status in statuses {
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        workers[0].requests.count(Some(&chat), status);
        workers[1].requests.count(Some(&chat), status);
    }
    workers[1].requests.count(None, Some(StatusCode::NOT_FOUND));
    let page = sources(workers.into(), Vec::new()).page();
    let expected = [
        "{route=\"\",status=\"4xx\"} 1",
        "{route=\"chat\",status=\"none\"} 2",
        "{route=\"chat\",status=\"1xx\"} 2",
        "{route=\"chat\",status=\"2xx\"} 4",
        "{route=\"chat\",status=\"3xx\"} 2",
        "{route=\"chat\",status=\"4xx\"} 2",
        "{route=\"chat\",status=\"5xx\"} 4",
    ];
    assert_eq!(samples(&page, "framegate_http_requests_total"), expected);
}

#[test]
fn each_target_is_told_of() {
    let failing = target("b", "[::1]:80", &[("unreachable", 2), ("timeout", 0)]);
    let page = sources(Vec::new(), vec![target("a", "unix:/run/a", &[]), failing]).page();
    let both = |value: [u64; 2]| {
        [
            format!("{{upstream=\"a\",target=\"unix:/run/a\"}} {}", value[0]),
            format!("{{upstream=\"b\",target=\"[::1]:80\"}} {}", value[1]),
        ]
    };
    assert_eq!(samples(&page, "framegate_upstream_attempts_total"), both([11, 11]));
    assert_eq!(samples(&page, "framegate_upstream_in_flight"), both([3, 3]));
    assert_eq!(samples(&page, "framegate_upstream_healthy"), both([1, 0]));
    let failures = [
        "{upstream=\"b\",target=\"[::1]:80\",reason=\"unreachable\"} 2",
        "{upstream=\"b\",target=\"[::1]:80\",reason=\"timeout\"} 0",
    ];
    assert_eq!(samples(&page, "framegate_upstream_failures_total"), failures);
}

#[test]
fn names_of_the_configuration_cannot_end_a_label() {
    let worker = WorkerCounters::default();
    worker.requests.count(Some(&"a\"b\\c\nd}".into()), Some(StatusCode::OK));
    worker.fail_open.count(&"\"".into());
    let page = sources(vec![worker], vec![target("\\", "t", &[])]).page();
    let requests = samples(&page, "framegate_http_requests_total");
    assert_eq!(requests, ["{route=\"a\\\"b\\\\c\\nd}\",status=\"2xx\"} 1"]);
    assert_eq!(samples(&page, "framegate_fail_open_total"), ["{agent=\"\\\"\"} 1"]);
    assert_eq!(samples(&page, "framegate_upstream_healthy"), ["{upstream=\"\\\\\",target=\"t\"} 1"]);
}

#[test]
fn what_fails_is_told_by_its_reason() {
    let workers = [WorkerCounters::default(), WorkerCounters::default()];
    workers[0].tls_handshake_failures.count(("no_shared_version", ""));
    workers[1].tls_handshake_failures.count(("no_shared_version", ""));
    workers[1].handshake_failures.count(("draining", ""));
    workers[0].closes.count(("fin", "client"));
    let page = sources(workers.into(), Vec::new()).page();
    assert_eq!(
        samples(&page, "framegate_tls_handshake_failures_total"),
        ["{reason=\"no_shared_version\"} 2"]
    );
    assert_eq!(samples(&page, "framegate_handshake_failures_total"), ["{reason=\"draining\"} 1"]);
    assert_eq!(samples(&page, "framegate_connections_closed_total"), ["{reason=\"fin\",by=\"client\"} 1"]);
    let lost = ["{reason=\"queue_full\"} 0", "{reason=\"not_written\"} 0"];
    assert_eq!(samples(&page, "framegate_log_records_lost_total"), lost);
}

#[test]
fn every_sample_stands_below_its_family_and_the_last_line_ends() {
    let worker = WorkerCounters::default();
    worker.sessions_opened.add(5);
    worker.sessions_closed.add(2);
    let sources = sources(vec![worker], vec![target("a", "b", &[("timeout", 1)])]);
    assert_eq!(sources.connections_active(), 3);
    let page = sources.page();
    assert!(page.ends_with('\n'));
    assert_eq!(samples(&page, "framegate_connections_active"), [" 3"]);
    assert_eq!(samples(&page, "framegate_connections_limit"), [" 7"]);
    let mut family = "";
    for line in page.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').unwrap();
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            family = name;
        } else if !line.starts_with("# HELP ") {
            let name = line.split(['{', ' ']).next().unwrap();
            let endings = ["_bucket", "_sum", "_count"];
            let is_of_histogram = endings.iter().any(|ending| name.strip_suffix(ending) == Some(family));
            assert!(name == family || is_of_histogram, "{line}");
            assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
        }
    }
}
