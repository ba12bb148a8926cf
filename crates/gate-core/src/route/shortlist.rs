//! Routes of one host and path, by the fields and parameters that they ask for.

use std::collections::BTreeMap;

use http::HeaderName;

use super::search::{Rank, Search};
use super::{Conditions, query};

/// Routes of one host and path. Each stands in one list: that of a field's value, of a
/// parameter's value, or the common one.
#[derive(Debug, Default)]
pub(super) struct Shortlist {
    /// The best of all.
    pub(super) first: Option<Rank>,
    common: Vec<Rank>,
    by_header: BTreeMap<Box<str>, (HeaderName, ByValue)>,
    by_parameter: BTreeMap<Box<[u8]>, ByValue>,
}

type ByValue = BTreeMap<Box<[u8]>, Vec<Rank>>;

impl Shortlist {
    /// Adds a route; to be called in the order of rank.
    pub(super) fn add(&mut self, rank: Rank, conditions: &Conditions) {
        let header = conditions
            .headers
            .iter()
            .find_map(|condition| Some((&condition.name, condition.value.as_ref()?)));
        let parameter =
            conditions.query.iter().find_map(|condition| Some((&condition.name, condition.value.as_ref()?)));
        let list = match (header, parameter) {
            (Some((name, value)), _) => self.of_header(name).entry(value.as_bytes().into()).or_default(),
            (None, Some((name, value))) => {
                let by_value = self.by_parameter.entry(name.as_bytes().into()).or_default();
                by_value.entry(value.as_bytes().into()).or_default()
            }
            (None, None) => &mut self.common,
        };
        if list.last() != Some(&rank) {
            list.push(rank);
        }
        self.first.get_or_insert(rank);
    }

    fn of_header(&mut self, name: &HeaderName) -> &mut ByValue {
        let by_name = self.by_header.entry(name.as_str().into());
        &mut by_name.or_insert_with(|| (name.clone(), ByValue::new())).1
    }

    pub(super) fn search(&self, search: &mut Search<'_>) {
        if !search.wants(self.first) {
            return;
        }
        search.try_each(&self.common);
        for (name, by_value) in self.by_header.values() {
            for line in search.request.headers.get_all(name) {
                if let Some(ranks) = by_value.get(line.as_bytes()) {
                    search.try_each(ranks);
                }
            }
        }
        if let Some(text) = search.request.query
            && !self.by_parameter.is_empty()
        {
            self.search_parameters(text, search);
        }
    }

    /// Tries every list once, however often a client repeats a parameter.
    fn search_parameters(&self, text: &str, search: &mut Search<'_>) {
        let list = |(name, value)| self.by_parameter.get(&*query::decode(name))?.get(&*query::decode(value));
        let mut lists: Vec<&Vec<Rank>> = query::parameters(text).filter_map(list).collect();
        // No route stands in two lists, so the first one tells them apart.
        lists.sort_unstable_by_key(|ranks| ranks.first());
        lists.dedup_by_key(|ranks| ranks.first());
        for ranks in lists {
            search.try_each(ranks);
        }
    }
}
