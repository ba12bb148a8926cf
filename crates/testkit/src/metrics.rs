//! The page of metrics as a scraper reads it: Prometheus text, format 0.0.4, over plain
//! HTTP. The form is checked on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use crate::peer::{Ending, Peer};

/// One scrape.
#[derive(Debug)]
pub struct Metrics {
    families: BTreeSet<String>,
    /// By name and labels as they stand on the page.
    samples: BTreeMap<String, f64>,
}

impl Metrics {
    /// Fetches and reads the page.
    ///
    /// # Panics
    /// When it cannot be had or read.
    #[must_use]
    #[track_caller]
    pub fn scrape(address: SocketAddr) -> Self {
        let mut peer = Peer::connect(address);
        peer.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let head = peer.read_head();
        assert_eq!(head.status(), 200);
        assert_eq!(head.get("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let (body, ending) = peer.read_to_end();
        assert_eq!(ending, Ending::Fin);
        Self::parse(str::from_utf8(&body).expect("text"))
    }

    fn parse(page: &str) -> Self {
        let mut metrics = Self { families: BTreeSet::new(), samples: BTreeMap::new() };
        assert!(page.ends_with('\n'), "the last line has an end");
        for line in page.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').expect("a name and a kind");
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(metrics.families.insert(name.to_owned()), "{name} stands twice");
            } else if !line.starts_with("# HELP ") {
                let (name, value) = line.rsplit_once(' ').expect("a name and a value");
                assert!(metrics.families.contains(family_of(name)), "{line} comes before its type");
                let value = value.parse().expect("a number");
                assert!(metrics.samples.insert(name.to_owned(), value).is_none(), "{name} stands twice");
            }
        }
        metrics
    }

    /// The value of a sample, labels in the order of the page. What was never counted is 0.
    ///
    /// # Panics
    /// When no family has that name.
    #[must_use]
    #[track_caller]
    pub fn get(&self, sample: &str) -> f64 {
        let family = family_of(sample);
        assert!(self.families.contains(family), "no metric is called {family}");
        self.samples.get(sample).copied().unwrap_or_default()
    }

    /// Whether there is a family of that name.
    #[must_use]
    pub fn has(&self, family: &str) -> bool {
        self.families.contains(family)
    }

    /// The sum of all samples of a family whose labels hold `label`.
    ///
    /// # Panics
    /// When no family has that name.
    #[must_use]
    #[track_caller]
    pub fn sum(&self, family: &str, label: &str) -> f64 {
        assert!(self.families.contains(family), "no metric is called {family}");
        let is_meant = |name: &str| name.split('{').next() == Some(family) && name.contains(label);
        self.samples.iter().filter(|(name, _)| is_meant(name)).map(|(_, value)| value).sum()
    }
}

/// The family of a sample; a histogram's have endings of their own.
fn family_of(sample: &str) -> &str {
    let name = sample.split('{').next().unwrap_or(sample);
    let endings = ["_bucket", "_sum", "_count"];
    endings.into_iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_by_family_and_label() {
        let page = "# HELP a_total A.\n# TYPE a_total counter\na_total{from=\"x\",by=\"y\"} 2\n\
                    a_total{from=\"z\",by=\"y\"} 3\n# HELP b B.\n# TYPE b gauge\nb 7\n";
        let metrics = Metrics::parse(page);
        assert_eq!(metrics.get("a_total{from=\"x\",by=\"y\"}"), 2.0);
        assert_eq!(metrics.get("a_total{from=\"never\"}"), 0.0);
        assert_eq!(metrics.get("b"), 7.0);
        assert_eq!(metrics.sum("a_total", "by=\"y\""), 5.0);
    }

    #[test]
    #[should_panic(expected = "no metric is called c")]
    fn a_name_that_is_not_on_the_page_is_a_mistake() {
        let _never = Metrics::parse("# TYPE b gauge\nb 7\n").get("c");
    }
}
