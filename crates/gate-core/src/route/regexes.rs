//! Many regular expressions for one path.
//!
//! One automaton looks for the literals without which the expressions cannot match, and only
//! those whose literal occurs are tried. Its cost is the length of the path, whatever the
//! path: a set of expressions compiled into one would have to build its states as strange
//! paths come, which costs more than it saves.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use aho_corasick::AhoCorasick;

use super::expression::Expression;
use super::literals::{self, Clause};
use super::search::{Rank, Search};

/// Routes with expressions for their paths.
#[derive(Debug, Default)]
pub(super) struct Regexes {
    /// Those that are always tried: they have no literal, or are few.
    always: Vec<Ranked>,
    by_literal: Option<ByLiteral>,
}

/// A route's expression. Shared, because a route may stand under many hosts.
pub(super) type Ranked = (Rank, Arc<Expression>);

#[derive(Debug)]
struct ByLiteral {
    expressions: Vec<Ranked>,
    literals: AhoCorasick,
    /// For each literal, whose it is: places in `expressions`.
    owners: Vec<Vec<usize>>,
}

impl Regexes {
    /// Of expressions in the order of rank.
    pub(super) fn new(expressions: Vec<Ranked>) -> Self {
        if expressions.len() <= FEW {
            return Self { always: expressions, by_literal: None };
        }
        let (mut always, mut keyed) = (Vec::new(), Vec::new());
        let mut owners: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
        for (expression, clause) in expressions.iter().zip(rarest(&expressions)) {
            let Some(clause) = clause else {
                always.push(expression.clone());
                continue;
            };
            for literal in clause {
                owners.entry(literal).or_default().push(keyed.len());
            }
            keyed.push(expression.clone());
        }
        match AhoCorasick::builder().ascii_case_insensitive(true).build(owners.keys()) {
            Ok(literals) => {
                let owners = owners.into_values().collect();
                Self { always, by_literal: Some(ByLiteral { expressions: keyed, literals, owners }) }
            }
            // Larger than the automaton can count, which no configuration comes near.
            Err(_) => Self { always: expressions, by_literal: None },
        }
    }

    pub(super) fn search(&self, search: &mut Search<'_>) {
        self.always.iter().for_each(|expression| try_one(expression, search));
        if let Some(by_literal) = &self.by_literal {
            by_literal.search(search);
        }
    }
}

impl ByLiteral {
    /// Tries each expression once, however often its literal occurs.
    fn search(&self, search: &mut Search<'_>) {
        if !search.wants(self.expressions.first().map(|(rank, _)| *rank)) {
            return;
        }
        let mut places = Places::default();
        for found in self.literals.find_overlapping_iter(search.request.path) {
            let owners = self.owners.get(found.pattern().as_usize());
            owners.into_iter().flatten().for_each(|owner| places.insert(*owner));
        }
        for expression in places.iter().filter_map(|place| self.expressions.get(place)) {
            try_one(expression, search);
        }
    }
}

fn try_one((rank, expression): &Ranked, search: &mut Search<'_>) {
    if search.wants(Some(*rank)) && expression.fits(search.request.path) {
        search.try_each(&[*rank]);
    }
}

/// A set of numbers, as bits.
#[derive(Default)]
struct Places(Vec<u64>);

impl Places {
    fn insert(&mut self, place: usize) {
        let at = place / 64;
        if at >= self.0.len() {
            self.0.resize(at + 1, 0);
        }
        if let Some(word) = self.0.get_mut(at) {
            *word |= 1 << (place % 64);
        }
    }

    /// All of them, ascending.
    fn iter(&self) -> impl Iterator<Item = usize> {
        let words = (0..).step_by(64).zip(&self.0).filter(|(_, word)| **word != 0);
        words.flat_map(|(start, word)| (start..).take(64).filter(move |place| word >> (place % 64) & 1 == 1))
    }
}

/// For each expression the clause that it shares with the fewest others.
fn rarest(expressions: &[Ranked]) -> impl Iterator<Item = Option<&Clause>> {
    let mut uses: BTreeMap<&[u8], usize> = BTreeMap::new();
    for literal in expressions.iter().flat_map(|(_, expression)| &expression.clauses).flatten() {
        *uses.entry(literal).or_default() += 1;
    }
    let weight = move |clause: &&Clause| {
        let uses: usize = clause.iter().filter_map(|literal| uses.get(&**literal)).sum();
        (uses, Reverse(literals::shortest(clause)))
    };
    expressions.iter().map(move |(_, expression)| expression.clauses.iter().min_by_key(&weight))
}

/// So many expressions are tried without looking for literals.
const FEW: usize = 4;

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn places_are_told_once_and_ascending() {
        let mut places = Places::default();
        assert_eq!(places.iter().count(), 0);
        for place in [700, 3, 63, 64, 3, 0, 65, 700] {
            places.insert(place);
        }
        assert_eq!(places.iter().collect::<Vec<_>>(), [0, 3, 63, 64, 65, 700]);
    }

    #[test]
    fn the_clause_that_the_fewest_share_is_chosen() {
        let texts =
            ["^/api/[0-9]+/users$", "^/api/[0-9]+/rooms$", "^/api/[0-9]+", "[a-z]", "/(?:users|rooms)[0-9]"];
        let expression = |text| Arc::new(Expression::new(&Regex::new(text).expect("a valid expression")));
        let expressions: Vec<_> = (0..).zip(texts.map(expression)).collect();
        let chosen: Vec<_> = rarest(&expressions).map(|clause| clause.cloned().unwrap_or_default()).collect();
        let text = |text: &str| text.as_bytes().to_vec();
        let expected = [vec![text("/users")], vec![text("/rooms")], vec![text("/api/")], vec![]];
        assert_eq!(chosen[..4], expected);
    }
}
