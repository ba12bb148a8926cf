//! Reloads from within: what is let go of.

use std::sync::{Arc, Weak};

use gate_config::Sources;
use gate_config::model::Config;

use super::*;
use crate::gateway::Options;
use crate::snapshot::Snapshot;

fn config(limit: usize) -> Config {
    let text = format!(
        r#"
        server {{ worker-threads 2; max-connections {limit} }}
        listeners {{ listener "a" {{ address "127.0.0.1:0" }} }}
        routes {{ route "r" {{ upstream "u"; websocket {{ max-connections {limit} }} }} }}
        upstreams {{
            upstream "u" {{ target "127.0.0.1:9" }}
            upstream "v" {{ target "127.0.0.1:9"; retries {}; health-check {{ type "tcp" }} }}
        }}
        observability {{ metrics {{ address "127.0.0.1:0" }}; logging {{ access-log "off"; error-log "off" }} }}"#,
        limit % 5
    );
    gate_config::parse("test.kdl", &text).expect("no mistakes").config
}

#[test]
fn a_thousand_reloads_leave_nothing_of_the_configurations_before() {
    let mut gateway = Gateway::start(config(1_000_000), Options::default()).unwrap();
    let address = gateway.local_addr();
    let kept = Arc::downgrade(&gateway.snapshot.clusters()[0]);
    let mut before: Vec<(Weak<Snapshot>, Weak<_>)> = Vec::new();
    for limit in 1..=1000 {
        before.push((Arc::downgrade(&gateway.snapshot), Arc::downgrade(&gateway.snapshot.clusters()[1])));
        let reloaded = gateway.reload(config(limit), &Sources::default()).unwrap();
        assert!(matches!(reloaded, Reloaded::Changed { .. }));
        // Nobody has it any more when the reload is over: there is no session.
        assert_eq!(before.last().map(|(snapshot, _)| snapshot.strong_count()), Some(0), "{limit}");
    }
    // The supporting thread may still be taking up the last change.
    let clusters_left = || before.iter().filter(|(_, cluster)| cluster.strong_count() > 0).count();
    let deadline = crate::clock::now() + Duration::from_secs(20);
    while clusters_left() > 0 {
        assert!(crate::clock::now() < deadline, "{} clusters are left", clusters_left());
        std::thread::yield_now();
    }
    assert!(
        Arc::ptr_eq(&gateway.snapshot.clusters()[0], &kept.upgrade().unwrap()),
        "what is the same is kept"
    );
    assert_eq!(gateway.local_addr(), address);
    gateway.shut_down();
}

#[test]
fn a_reload_that_fails_has_no_part_in_what_runs() {
    let mut gateway = Gateway::start(config(10), Options::default()).unwrap();
    let before = Arc::downgrade(&gateway.snapshot);
    let mut bad = config(20);
    bad.observability.logging.error =
        gate_config::model::At::nowhere(gate_config::model::LogTarget::File("/nowhere/at/all.log".into()));
    let objections = gateway.reload(bad, &Sources::default()).unwrap_err();
    assert_eq!(objections.len(), 1, "{objections:?}");
    assert!(Arc::ptr_eq(&gateway.snapshot, &before.upgrade().unwrap()));
    gateway.shut_down();
}
