//! Rules about the shape of a message: it cannot be looked through, or is not as its schema says.

use super::Rule;
use crate::category::Category;
use crate::decode::Overrun;

/// The rules.
pub(super) static RULES: &[Rule] = &[
    evasion("evasion-depth", "more encodings within each other than are taken off"),
    evasion("evasion-nesting", "more JSON objects and arrays within each other than are allowed"),
    evasion("evasion-nodes", "more strings and keys than are looked at"),
    evasion("evasion-growth", "more decoded text than a message of its size may have"),
    SCHEMA,
];

/// A message is not as its schema says.
pub(crate) const SCHEMA: Rule = Rule {
    id: "json-schema",
    category: Category::JsonSchema,
    score: 5,
    what: "a message that is not as its JSON Schema says",
};

const fn evasion(id: &'static str, what: &'static str) -> Rule {
    Rule { id, category: Category::Evasion, score: 5, what }
}

/// The rule that is broken beyond a limit.
pub(super) fn of(overrun: Overrun) -> Option<&'static Rule> {
    let id = match overrun {
        Overrun::Depth => "evasion-depth",
        Overrun::Nesting => "evasion-nesting",
        Overrun::Nodes => "evasion-nodes",
        Overrun::Growth => "evasion-growth",
    };
    RULES.iter().find(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_rule() {
        for overrun in [Overrun::Depth, Overrun::Nesting, Overrun::Nodes, Overrun::Growth] {
            assert!(of(overrun).is_some(), "{overrun:?}");
        }
    }
}
