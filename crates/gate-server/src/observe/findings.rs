//! What one worker has counted of findings, and of messages that were stopped or changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use gate_core::Side;
use gate_inspect::Category;

use crate::observe::counters::{ByName, Counter};
use crate::observe::page::Page;

/// Who has judged a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judge {
    /// `inspect` of the route.
    Rules,
    Agent,
    Webhook,
}

/// What has become of a message because of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// It went on, and something was told of it.
    Detect,
    /// It went on changed.
    Rewrite,
    Drop,
    Close,
}

/// See the module. The worker's thread alone writes it.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    by_category: [[[Counter; ACTIONS.len()]; SIDES]; Category::ALL.len()],
    messages: [[Counter; ACTIONS.len()]; JUDGES.len()],
    /// Messages that went nowhere.
    blocked: ByName,
}

const SIDES: usize = 2;

const JUDGES: [Judge; 3] = [Judge::Rules, Judge::Agent, Judge::Webhook];

const ACTIONS: [Action; 4] = [Action::Detect, Action::Rewrite, Action::Drop, Action::Close];

impl Judge {
    /// The name in metrics and records.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rules",
            Self::Agent => "agent",
            Self::Webhook => "webhook",
        }
    }
}

impl Action {
    /// The name in metrics and records.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Rewrite => "rewrite",
            Self::Drop => "drop",
            Self::Close => "close",
        }
    }

    const fn blocks(self) -> bool {
        matches!(self, Self::Drop | Self::Close)
    }
}

impl Findings {
    /// A rule was met.
    pub(crate) fn count_finding(&self, category: Category, from: Side, action: Action) {
        let counter = pick(&Category::ALL, &self.by_category, category)
            .and_then(|of| pick(&Side::BOTH, of, from))
            .and_then(|of| pick(&ACTIONS, of, action));
        if let Some(counter) = counter {
            counter.add(1);
        }
    }

    /// A message was judged, and it came to this.
    pub(crate) fn count_judged(&self, judge: Judge, action: Action, route: &Arc<str>) {
        if let Some(counter) = pick(&JUDGES, &self.messages, judge).and_then(|of| pick(&ACTIONS, of, action))
        {
            counter.add(1);
        }
        if action.blocks() {
            self.blocked.count(route);
        }
    }
}

/// What stands in `values` where `key` stands in `keys`.
fn pick<'a, K: PartialEq, V>(keys: &[K], values: &'a [V], key: K) -> Option<&'a V> {
    keys.iter().zip(values).find_map(|(other, value)| (*other == key).then_some(value))
}

/// Adds the families to a page. What has never been is left out, so that a gateway that inspects
/// nothing has no samples.
pub(super) fn write<'a>(page: &mut Page, workers: impl Iterator<Item = &'a Findings> + Clone) {
    let sum = |of: &dyn Fn(&Findings) -> Option<&Counter>| -> u64 {
        workers.clone().filter_map(of).map(Counter::get).sum()
    };
    page.family(
        "framegate_findings_total",
        "counter",
        "Rules that messages met, and what became of the messages.",
    );
    for category in Category::ALL {
        for side in Side::BOTH {
            for action in ACTIONS {
                let count = sum(&|of| {
                    let of = pick(&Category::ALL, &of.by_category, category)?;
                    pick(&ACTIONS, pick(&Side::BOTH, of, side)?, action)
                });
                if count > 0 {
                    let labels =
                        [("category", category.name()), ("from", side.name()), ("action", action.name())];
                    page.sample(&labels, count);
                }
            }
        }
    }
    page.family(
        "framegate_messages_judged_total",
        "counter",
        "Messages of which rules, agents or webhooks had something to say, and what became of them.",
    );
    for judge in JUDGES {
        for action in ACTIONS {
            let count = sum(&|of| pick(&ACTIONS, pick(&JUDGES, &of.messages, judge)?, action));
            if count > 0 {
                page.sample(&[("by", judge.name()), ("action", action.name())], count);
            }
        }
    }
    page.family(
        "framegate_messages_blocked_total",
        "counter",
        "Messages that rules, agents or webhooks kept from going on, by route.",
    );
    let mut blocked = BTreeMap::new();
    for worker in workers {
        worker.blocked.add_to(&mut blocked);
    }
    for (route, count) in &blocked {
        page.sample(&[("route", route)], count);
    }
}

/// Messages that went nowhere, whoever wanted it.
pub(super) fn blocked<'a>(workers: impl Iterator<Item = &'a Findings>) -> u64 {
    let mut sum = 0;
    for of in workers.flat_map(|worker| &worker.messages) {
        let blocking = ACTIONS.iter().zip(of).filter(|(action, _)| action.blocks());
        sum += blocking.map(|(_, counter)| counter.get()).sum::<u64>();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_on_the_page_by_all_its_labels() {
        let (one, other) = (Findings::default(), Findings::default());
        let route: Arc<str> = "chat".into();
        one.count_finding(Category::Xss, Side::Client, Action::Close);
        one.count_judged(Judge::Rules, Action::Close, &route);
        other.count_finding(Category::Xss, Side::Client, Action::Close);
        other.count_finding(Category::Evasion, Side::Upstream, Action::Detect);
        other.count_judged(Judge::Rules, Action::Detect, &route);
        other.count_judged(Judge::Agent, Action::Drop, &route);
        let mut page = Page::default();
        write(&mut page, [&one, &other].into_iter());
        let samples: Vec<_> = page.text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "framegate_findings_total{category=\"xss\",from=\"client\",action=\"close\"} 2",
                "framegate_findings_total{category=\"evasion\",from=\"upstream\",action=\"detect\"} 1",
                "framegate_messages_judged_total{by=\"rules\",action=\"detect\"} 1",
                "framegate_messages_judged_total{by=\"rules\",action=\"close\"} 1",
                "framegate_messages_judged_total{by=\"agent\",action=\"drop\"} 1",
                "framegate_messages_blocked_total{route=\"chat\"} 2",
            ]
        );
        assert_eq!(blocked([&one, &other].into_iter()), 2);
    }
}
