//! The operators' page lists every fault as it is.

use sip_proto::{Fault, Limits};

const PAGE: &str = include_str!("../../../docs/sip-messages.md");

#[test]
fn every_fault_stands_on_the_page_with_its_status() {
    let rows: Vec<(&str, &str)> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .filter_map(|(label, rest)| Some((label, rest.strip_suffix(" |")?.rsplit_once("| ")?.1)))
        .collect();
    let labels: Vec<_> = rows.iter().map(|(label, _)| *label).collect();
    assert_eq!(labels, Fault::LABELS, "in this order");
    for fault in Fault::ALL {
        let row = (fault.label(), fault.status().code.to_string());
        assert!(rows.iter().any(|(label, status)| (*label, *status) == (row.0, &*row.1)), "{row:?}");
    }
}

#[test]
fn the_page_has_the_default_limits() {
    let limits = Limits::default();
    assert_eq!((limits.message, limits.head, limits.line, limits.headers), (65_535, 32 << 10, 8 << 10, 128));
    for text in ["65,535 by default", "32 KiB by default", "8 KiB by default", "128 by default"] {
        assert!(PAGE.contains(text), "{text}");
    }
}
