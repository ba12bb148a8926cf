//! A page of metrics in the making: Prometheus text, exposition format 0.0.4.

use std::borrow::Cow;
use std::fmt::{Display, Write as _};

use crate::observe::latencies::{self, LatencySums};
use crate::observe::lifetimes::{BOUNDS, LifetimeSums};

/// The content type of the page.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// See the module.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) text: String,
    /// Of the samples that follow.
    name: Cow<'static, str>,
}

impl Page {
    /// Begins a family.
    pub(crate) fn family(&mut self, name: impl Into<Cow<'static, str>>, kind: &str, help: &str) {
        self.name = name.into();
        let name = &self.name;
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// A sample of the family.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.line("", labels, value);
    }

    /// A whole histogram of seconds.
    pub(crate) fn histogram(&mut self, name: impl Into<Cow<'static, str>>, help: &str, sums: &LifetimeSums) {
        self.family(name, "histogram", help);
        let bounds = BOUNDS.iter().map(|(_, name)| *name).chain(["+Inf"]);
        for (bound, count) in bounds.zip(sums.cumulative) {
            self.line("_bucket", &[("le", bound)], count);
        }
        self.line("_sum", &[], sums.total.as_secs_f64());
        self.line("_count", &[], sums.count());
    }

    /// Histograms of seconds, each with the label that tells it from the others.
    pub(crate) fn latencies<'a, const LABELS: usize>(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        help: &str,
        histograms: impl Iterator<Item = ([(&'a str, &'a str); LABELS], &'a LatencySums)>,
    ) {
        self.family(name, "histogram", help);
        for (labels, sums) in histograms {
            let bounds = latencies::BOUNDS.iter().map(|(_, name)| *name).chain(["+Inf"]);
            for (bound, count) in bounds.zip(sums.cumulative) {
                self.line("_bucket", &[&labels[..], &[("le", bound)]].concat(), count);
            }
            self.line("_sum", &labels, sums.total.as_secs_f64());
            self.line("_count", &labels, sums.count());
        }
    }

    fn line(&mut self, ending: &str, labels: &[(&str, &str)], value: impl Display) {
        self.text.push_str(&self.name);
        self.text.push_str(ending);
        let mut separator = '{';
        for (name, value) in labels {
            let _infallible = write!(self.text, "{separator}{name}=\"{}\"", escaped(value));
            separator = ',';
        }
        let _infallible = writeln!(self.text, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

/// The value of a label, which may be a name of the configuration and so anything.
fn escaped(value: &str) -> Cow<'_, str> {
    if value.contains(['\\', '"', '\n']) {
        Cow::Owned(value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    } else {
        Cow::Borrowed(value)
    }
}
