//! Choices and verdicts, as requests see them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use gate_config::model::{HealthCheck, Passive, Probe, SameSite, Sticky};
use http::HeaderValue;

use super::*;
use crate::upstream::fake::{Heard, cluster, upstream, wish, wish_with};

fn addresses(count: u16) -> Vec<SocketAddr> {
    (0..count).map(|port| SocketAddr::from(([10, 0, 0, 1], 3000 + port))).collect()
}

fn checked(count: u16) -> Upstream {
    let health_check = HealthCheck {
        probe: Probe::Tcp,
        interval: Duration::from_secs(10),
        timeout: Duration::from_secs(5),
        healthy_threshold: 1,
        unhealthy_threshold: 1,
    };
    Upstream { health_check: Some(health_check), ..upstream(&addresses(count)) }
}

fn sticky(count: u16) -> Upstream {
    let sticky = Sticky {
        cookie_name: "SERVERID".to_owned(),
        ttl: Duration::ZERO,
        path: "/".to_owned(),
        secure: None,
        same_site: SameSite::Lax,
    };
    Upstream { sticky: Some(sticky), ..checked(count) }
}

/// The places of the targets of so many choices, each given back at once.
fn chosen(cluster: &Arc<Cluster>, times: usize) -> Vec<usize> {
    let wish = wish(cluster);
    (0..times).map(|_| cluster.choose(&wish, &[]).unwrap().target().index()).collect()
}

fn fail(cluster: &Arc<Cluster>, index: usize) {
    for _ in 0..Passive::default().max_fails {
        cluster.report_failure(&cluster.targets()[index], Failure::Unreachable);
    }
}

fn check(cluster: &Arc<Cluster>, index: usize, result: Result<(), &str>) {
    cluster.report_check(&cluster.targets()[index], result);
}

#[test]
fn a_lease_counts_as_long_as_it_lives() {
    let cluster = cluster(&upstream(&addresses(1)));
    let target = Arc::clone(&cluster.targets()[0]);
    let first = cluster.choose(&wish(&cluster), &[]).unwrap();
    let second = cluster.choose(&wish(&cluster), &[]).unwrap();
    assert_eq!((target.in_flight(), target.attempts()), (2, 2));
    drop(first);
    assert_eq!((target.in_flight(), target.attempts()), (1, 2));
    drop(second);
    assert_eq!(target.in_flight(), 0);
}

#[test]
fn requests_under_way_are_seen_by_the_next_choice() {
    let upstream =
        Upstream { algorithm: gate_core::balance::Algorithm::LeastConnections, ..upstream(&addresses(3)) };
    let cluster = cluster(&upstream);
    let wish = wish(&cluster);
    let leases: Vec<_> = (0..9).map(|_| cluster.choose(&wish, &[]).unwrap()).collect();
    assert!(cluster.figures().iter().all(|figures| figures.in_flight == 3));
    drop(leases);
}

#[test]
fn what_was_tried_is_not_chosen_again() {
    let cluster = cluster(&upstream(&addresses(3)));
    let wish = wish(&cluster);
    for _ in 0..10 {
        assert_eq!(cluster.choose(&wish, &[0, 2]).unwrap().target().index(), 1);
    }
    assert!(cluster.choose(&wish, &[0, 1, 2]).is_none());
}

#[test]
fn a_target_whose_requests_fail_is_left_alone() {
    let cluster = cluster(&upstream(&addresses(3)));
    fail(&cluster, 1);
    assert_eq!(chosen(&cluster, 4), [0, 2, 0, 2]);
    assert_eq!(cluster.available(), 2);
    let figures = cluster.figures();
    let healthy: Vec<_> = figures.iter().map(|figures| figures.is_healthy).collect();
    assert_eq!(healthy, [true, false, true]);
    let failures = &figures[1].failures;
    assert!(failures.contains(&("unreachable", 5)) && failures.contains(&("lost", 0)), "{failures:?}");
}

#[test]
fn ejected_targets_are_used_when_no_other_is_left() {
    let cluster = cluster(&upstream(&addresses(2)));
    fail(&cluster, 0);
    let wish = wish(&cluster);
    assert_eq!(cluster.choose(&wish, &[1]).unwrap().target().index(), 0);
    fail(&cluster, 1);
    assert_eq!(cluster.available(), 2);
    assert_eq!(chosen(&cluster, 20).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]));
}

#[test]
fn targets_that_checks_find_unhealthy_get_nothing() {
    let cluster = cluster(&checked(2));
    check(&cluster, 0, Err("it is down"));
    assert_eq!(chosen(&cluster, 3), [1, 1, 1]);
    assert!(cluster.choose(&wish(&cluster), &[1]).is_none());
    check(&cluster, 1, Err("it is down"));
    assert!(cluster.choose(&wish(&cluster), &[]).is_none());
    assert_eq!(cluster.available(), 0);
    check(&cluster, 0, Ok(()));
    assert_eq!(chosen(&cluster, 3), [0, 0, 0]);
}

#[test]
fn a_success_makes_up_for_a_failure() {
    let cluster = cluster(&upstream(&addresses(2)));
    let target = Arc::clone(&cluster.targets()[0]);
    for _ in 0..50 {
        cluster.report_failure(&target, Failure::Lost);
        cluster.report_success(&target);
    }
    assert!(cluster.figures()[0].is_healthy);
    assert!(!target.account().is_stained.load(Ordering::Relaxed));
}

#[test]
fn a_cookie_leads_back_to_its_target() {
    let upstream = sticky(5);
    let cluster = cluster(&upstream);
    for index in 0..5 {
        let first = cluster.targets()[index].stable();
        let cookie = wish(&cluster).set_cookie(&upstream, &cluster.targets()[index]).unwrap();
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(cookie, format!("SERVERID={first:016x}"));
        let headers: HeaderMap = [
            (header::COOKIE, HeaderValue::from_static("SERVERID=gone; other=1")),
            (header::COOKIE, HeaderValue::try_from(cookie).unwrap()),
        ]
        .into_iter()
        .collect();
        let wish = wish_with(&cluster, &headers);
        for _ in 0..7 {
            let lease = cluster.choose(&wish, &[]).unwrap();
            assert_eq!(lease.target().index(), index);
            assert_eq!(wish.set_cookie(&upstream, lease.target()), None, "it has the cookie already");
        }
    }
}

#[test]
fn a_client_whose_target_is_not_well_gets_another_and_a_cookie_for_it() {
    let upstream = sticky(3);
    type Spoil = fn(&Arc<Cluster>);
    let spoil: [Spoil; 2] = [|cluster| fail(cluster, 1), |cluster| check(cluster, 1, Err("it is down"))];
    for spoil in spoil {
        let cluster = cluster(&upstream);
        let cookie = format!("SERVERID={:x}", cluster.targets()[1].stable());
        let headers: HeaderMap =
            [(header::COOKIE, HeaderValue::try_from(cookie).unwrap())].into_iter().collect();
        let wish = wish_with(&cluster, &headers);
        assert_eq!(cluster.choose(&wish, &[]).unwrap().target().index(), 1);
        assert_ne!(cluster.choose(&wish, &[1]).unwrap().target().index(), 1, "it was tried");
        spoil(&cluster);
        let lease = cluster.choose(&wish, &[]).unwrap();
        assert_ne!(lease.target().index(), 1);
        let cookie = wish.set_cookie(&upstream, lease.target()).unwrap();
        let expected = format!("SERVERID={:016x}", lease.target().stable());
        assert!(cookie.to_str().unwrap().starts_with(&expected), "{cookie:?}");
    }
}

#[test]
fn without_stickiness_there_is_no_cookie() {
    let upstream = upstream(&addresses(2));
    let cluster = cluster(&upstream);
    assert_eq!(wish(&cluster).set_cookie(&upstream, &cluster.targets()[0]), None);
}

#[test]
fn what_stands_for_a_target_does_not_depend_on_the_order() {
    let keys = |order: [u16; 4]| {
        let addresses = order.map(|port| SocketAddr::from(([10, 0, 0, 1], port)));
        let keys = stable_keys(&upstream(&addresses));
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), 4, "one address stands there twice");
        order.into_iter().zip(keys).collect::<BTreeSet<_>>()
    };
    assert_eq!(keys([1, 2, 3, 3]), keys([3, 1, 3, 2]));
    let other = Upstream { id: "other".into(), ..upstream(&addresses(1)) };
    assert_ne!(stable_keys(&other), stable_keys(&upstream(&addresses(1))));
}

#[test]
fn the_upstream_sees_its_own_host_and_not_the_gateways_cookie() {
    let fields = |lines: &[(header::HeaderName, &'static str)]| -> HeaderMap {
        lines.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    };
    let mut headers = fields(&[(header::HOST, "public"), (header::COOKIE, "a=1; SERVERID=2")]);
    cluster(&upstream(&addresses(1))).adapt(&mut headers);
    assert_eq!(headers, fields(&[(header::HOST, "public"), (header::COOKIE, "a=1; SERVERID=2")]));
    let upstream = Upstream { host: Some(HeaderValue::from_static("internal")), ..sticky(1) };
    cluster(&upstream).adapt(&mut headers);
    assert_eq!(headers, fields(&[(header::HOST, "internal"), (header::COOKIE, "a=1")]));
}

#[test]
fn whoever_watches_is_told_of_each_change_once() {
    for on_unhealthy in [OnUnhealthy::Keep, OnUnhealthy::Close] {
        let cluster = cluster(&Upstream { on_unhealthy, ..checked(2) });
        let heard = Heard::of(&cluster);
        let key = cluster.targets()[1].key();
        for result in [Ok(()), Err("it answered 500"), Err("it is down"), Ok(()), Ok(())] {
            check(&cluster, 1, result);
        }
        fail(&cluster, 1);
        let expected = [
            (
                key,
                Event::Unhealthy { closes_sessions: on_unhealthy == OnUnhealthy::Close },
                "it answered 500",
            ),
            (key, Event::Healthy, ""),
            (key, Event::Ejected { lasting: Duration::from_secs(10) }, "unreachable"),
        ];
        let expected = expected.map(|(key, event, why)| (key, event, why.to_owned()));
        assert_eq!(heard.news(), expected);
    }
}

#[test]
fn many_threads_leave_no_lease_behind() {
    let cluster = cluster(&upstream(&addresses(3)));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let wish = wish(&cluster);
                for round in 0..2000 {
                    let lease = cluster.choose(&wish, &[]).unwrap();
                    if round % 3 == 0 {
                        lease.failed(Failure::Lost);
                    } else {
                        lease.succeeded();
                    }
                }
            });
        }
    });
    let figures = cluster.figures();
    assert_eq!(figures.iter().map(|figures| figures.attempts).sum::<u64>(), 8000);
    assert!(figures.iter().all(|figures| figures.in_flight == 0));
}

#[test]
fn connections_that_rest_on_other_certificates_are_not_used_again() {
    let mut before = upstream(&addresses(2));
    before.targets[1].tls = true;
    let first = Cluster::new(&before).unwrap();
    let lines = |cluster: &Cluster| cluster.targets().iter().map(|target| target.lines()).collect::<Vec<_>>();
    let more_retries = Upstream { retries: before.retries + 1, ..before.clone() };
    let second = Cluster::after(Some(&first), &more_retries).unwrap();
    assert_eq!(lines(&second), lines(&first));
    let mut other_name = more_retries;
    other_name.tls.sni = Some("other.example".to_owned());
    let third = Cluster::after(Some(&second), &other_name).unwrap();
    assert_eq!(lines(&third)[0], lines(&second)[0], "there are no certificates");
    assert_ne!(lines(&third)[1], lines(&second)[1]);
    assert_eq!(third.targets()[1].key(), second.targets()[1].key(), "it is the same server");
}
