//! A route that filters traces, as rules of which the first that fits decides.
//!
//! The script becomes a tree of tests; each way through it that does not contradict itself is a
//! rule, and where a test fails the rules behind it decide.

use std::rc::Rc;

use crate::kdl::Node;

use super::lexer::Token;
use super::network::{Network, Ports};
use super::script::{Condition, Foreign, Step, Test, steps};

/// What a connection must be like, and whether it is traced then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) is_traced: bool,
    pub(super) peer: Option<Network>,
    pub(super) peer_port: Option<Ports>,
    pub(super) local: Option<Network>,
    pub(super) local_port: Option<Ports>,
}

/// The rules of a route. None are needed where all connections are traced.
pub(super) fn rules(body: &[Token]) -> Result<Vec<Rule>, Foreign> {
    let steps = steps(body)?;
    let tree = follow(&steps, &Rc::new(Tree::Verdict { is_traced: true }));
    let mut rules = Vec::new();
    let is_whole = flatten(&tree, &Rule::default(), &mut rules, 0);
    if !is_whole {
        let place = body.first().map(|token| token.place).unwrap_or_default();
        return Err(Foreign { place, why: "it has too many cases for a filter" });
    }
    Ok(shortened(rules))
}

/// The block that has them.
pub(super) fn node(rules: &[Rule]) -> Option<Node> {
    (!rules.is_empty()).then(|| Node::new("filter").block(rules.iter().map(Rule::node).collect()))
}

impl Rule {
    /// The rule that holds for less, unless it could fit nothing.
    fn and(&self, test: &Test) -> Option<Self> {
        let mut rule = self.clone();
        match *test {
            Test::Peer(network) => rule.peer = Some(self.peer.map_or(Some(network), |own| own.and(network))?),
            Test::PeerPort(ports) => {
                rule.peer_port = Some(self.peer_port.map_or(Some(ports), |own| own.and(ports))?);
            }
            Test::Local(network) => {
                rule.local = Some(self.local.map_or(Some(network), |own| own.and(network))?);
            }
            Test::LocalPort(ports) => {
                rule.local_port = Some(self.local_port.map_or(Some(ports), |own| own.and(ports))?);
            }
        }
        Some(rule)
    }

    /// Whether all that fits the other fits this.
    fn covers(&self, other: &Self) -> bool {
        let covers = |own: Option<Network>, others: Option<Network>| {
            own.is_none_or(|own| others.is_some_and(|others| own.and(others) == Some(others)))
        };
        let covers_ports = |own: Option<Ports>, others: Option<Ports>| {
            own.is_none_or(|own| others.is_some_and(|others| own.and(others) == Some(others)))
        };
        covers(self.peer, other.peer)
            && covers(self.local, other.local)
            && covers_ports(self.peer_port, other.peer_port)
            && covers_ports(self.local_port, other.local_port)
    }

    fn node(&self) -> Node {
        let port = |name, ports: Ports| match ports.single() {
            Some(port) => Node::new(name).number(port.into()),
            None => Node::new(name).text(&ports.to_string()),
        };
        let mut conditions = Vec::new();
        conditions.extend(self.peer.map(|network| Node::new("peer").text(&network.to_string())));
        conditions.extend(self.peer_port.map(|ports| port("peer-port", ports)));
        conditions.extend(self.local.map(|network| Node::new("local").text(&network.to_string())));
        conditions.extend(self.local_port.map(|ports| port("local-port", ports)));
        let node = Node::new(if self.is_traced { "allow" } else { "deny" });
        if conditions.is_empty() { node } else { node.block(conditions) }
    }
}

/// What a script comes to.
#[derive(Debug, PartialEq, Eq)]
enum Tree {
    Verdict { is_traced: bool },
    Test { test: Test, then: Rc<Self>, otherwise: Rc<Self> },
}

/// The tree of some steps that are followed by others.
fn follow(steps: &[Step], rest: &Rc<Tree>) -> Rc<Tree> {
    let mut tree = Rc::clone(rest);
    for step in steps.iter().rev() {
        tree = match step {
            Step::Drop => Rc::new(Tree::Verdict { is_traced: false }),
            Step::End => Rc::new(Tree::Verdict { is_traced: true }),
            Step::If { condition, then, otherwise } => {
                branch(condition, &follow(then, &tree), &follow(otherwise, &tree))
            }
        };
    }
    tree
}

fn branch(condition: &Condition, then: &Rc<Tree>, otherwise: &Rc<Tree>) -> Rc<Tree> {
    if then == otherwise {
        return Rc::clone(then);
    }
    match condition {
        Condition::Is(test) => {
            Rc::new(Tree::Test { test: test.clone(), then: Rc::clone(then), otherwise: Rc::clone(otherwise) })
        }
        Condition::Not(inner) => branch(inner, otherwise, then),
        Condition::Both(both) => branch(&both.0, &branch(&both.1, then, otherwise), otherwise),
        Condition::Either(both) => branch(&both.0, then, &branch(&both.1, then, otherwise)),
    }
}

/// Adds the rules of a tree, for connections that fit `so_far`. `false`: there are too many.
fn flatten(tree: &Tree, so_far: &Rule, rules: &mut Vec<Rule>, depth: usize) -> bool {
    match tree {
        Tree::Verdict { is_traced } => {
            rules.push(Rule { is_traced: *is_traced, ..so_far.clone() });
            rules.len() <= RULES_MAX
        }
        Tree::Test { .. } if depth >= DEPTH_MAX => false,
        Tree::Test { test, then, otherwise } => {
            let fits = so_far.and(test).is_none_or(|narrower| flatten(then, &narrower, rules, depth + 1));
            fits && flatten(otherwise, so_far, rules, depth + 1)
        }
    }
}

/// Without the rules that change nothing.
fn shortened(rules: Vec<Rule>) -> Vec<Rule> {
    // Behind the last one every connection is traced.
    let mut kept = vec![Rule { is_traced: true, ..Rule::default() }];
    for rule in rules.into_iter().rev() {
        // Those that would be asked next, as long as they say the same.
        let mut alike = kept.iter().rev().take_while(|next| next.is_traced == rule.is_traced);
        if alike.any(|next| next.covers(&rule)) {
            continue;
        }
        kept.retain(|next| !rule.covers(next));
        kept.push(rule);
    }
    kept.reverse();
    if kept.last().is_some_and(|last| *last == Rule { is_traced: true, ..Rule::default() }) {
        kept.pop();
    }
    kept
}

const RULES_MAX: usize = 256;
const DEPTH_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::seq::IndexedRandom;
    use rand::{Rng, SeedableRng};

    use super::super::lexer::tokens;
    use super::super::network::{Network, Ports};
    use super::super::script::{Condition, Step, steps};
    use super::{Rule, node, rules};
    use crate::kdl::render;

    /// The rules on one line.
    fn filter(script: &str) -> String {
        let tokens = tokens(script).expect("it can be cut");
        match rules(&tokens) {
            Ok(rules) => {
                let text = node(&rules).map(|node| render(&[node])).unwrap_or_default();
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            }
            Err(foreign) => {
                let at = script.get(foreign.place.start..foreign.place.end).unwrap_or_default();
                format!("{at}: {}", foreign.why)
            }
        }
    }

    #[test]
    fn scripts_come_to_rules() {
        for (script, expected) in [
            ("", ""),
            ("exit;", ""),
            ("drop;", "filter { deny }"),
            ("drop", "filter { deny }"),
            ("if ($si==\"10.0.0.1\") drop;", "filter { deny { peer \"10.0.0.1\" } }"),
            (
                "if ($si==\"10.0.0.1\") { xlog(\"a\"); drop(); } exit;",
                "filter { deny { peer \"10.0.0.1\" } }",
            ),
            ("if ($si!=\"10.0.0.1\") drop;", "filter { allow { peer \"10.0.0.1\" } deny }"),
            (
                "if ($si == \"1.1.1.1\" && $sp == 8000 && $socket_in(ip) == \"1.1.1.10\" && $socket_in(port) == 5060)\n\
                 exit; else drop;",
                "filter { allow { peer \"1.1.1.1\" peer-port 8000 local \"1.1.1.10\" local-port 5060 } deny }",
            ),
            (
                "if ($si==\"10.0.0.1\" || $si==\"10.0.0.2\") return; drop;",
                "filter { allow { peer \"10.0.0.1\" } allow { peer \"10.0.0.2\" } deny }",
            ),
            (
                "if (!($si==\"10.0.0.1\" || 1024 > $sp)) { drop; }",
                "filter { allow { peer \"10.0.0.1\" } allow { peer-port \"0-1023\" } deny }",
            ),
            (
                "if (is_in_subnet(\"$si\", \"10.0.0.0/8\")) { if ($si == \"10.0.0.1\") drop; exit; } drop;",
                "filter { deny { peer \"10.0.0.1\" } allow { peer \"10.0.0.0/8\" } deny }",
            ),
            ("if ($si == \"10.0.0.1\" and $si == \"10.0.0.2\") drop;", ""),
            ("if ($si == [::1]) drop; else exit;", "filter { deny { peer \"::1\" } }"),
            (
                "if (src_ip == 10.0.0.0/8 and not dst_port == 443) drop;",
                "filter { allow { peer \"10.0.0.0/8\" local-port 443 } deny { peer \"10.0.0.0/8\" } }",
            ),
        ] {
            assert_eq!(filter(script), expected, "{script}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_place() {
        for (script, expected) in [
            ("route(x);", "route"),
            ("if ($ua =~ \"x\") drop;", "$ua"),
            ("if ($si =~ \"^10\") drop;", "$si =~ \"^10\""),
            ("if ($si == \"eth0\") drop;", "$si == \"eth0\""),
            ("if ($socket_in(tag) == \"a\") drop;", "$socket_in(tag)"),
            ("if ($sp == x) drop;", "$sp == x"),
            ("if ($si) drop;", "$si"),
            ("if ($si", "$si"),
            ("{ drop;", ";"),
            ("$var(x) = 1;", "$var"),
        ] {
            let found = filter(script);
            assert!(found.starts_with(&format!("{expected}: ")), "{script}: {found}");
        }
        assert!(filter(&format!("if {}", "(".repeat(9999))).contains("too deeply"));
        let many: String = (0..400).map(|n| format!("if ($sp == {n}) drop;")).collect();
        assert!(filter(&many).contains("too many cases"));
    }

    /// A script of nested conditions.
    fn script(depth: u32, dice: &mut StdRng) -> String {
        let atoms =
            ["$si == \"10.0.0.1\"", "$si != \"10.0.0.2\"", "$sp < 2", "2 <= $sp", "$socket_in(port) == 1"];
        let mut text = String::new();
        for _ in 0..dice.random_range(0..3) {
            let mut atom = || atoms.choose(dice).copied().unwrap_or_default();
            let (one, other) = (atom(), atom());
            let condition = match dice.random_range(0..4) {
                0 => one.to_owned(),
                1 => format!("{one} && {other}"),
                2 => format!("!({one} || {other})"),
                _ => format!("{one} || {other}"),
            };
            let end = ["drop;", "exit;", "xlog(\"x\");"].choose(dice).copied().unwrap_or_default();
            let then = if depth > 0 { script(depth - 1, dice) } else { end.to_owned() };
            let otherwise = if dice.random_bool(0.5) { format!("else {{ {end} }}") } else { String::new() };
            text.push_str(&format!("if ({condition}) {{ {then} }} {otherwise}\n"));
        }
        text.push_str(["drop;", "exit;", ""].choose(dice).copied().unwrap_or_default());
        text
    }

    /// What the script itself decides of a connection; `None`: it goes on behind these steps.
    fn run(steps: &[Step], connection: &Rule) -> Option<bool> {
        steps.iter().find_map(|step| match step {
            Step::Drop => Some(false),
            Step::End => Some(true),
            Step::If { condition, then, otherwise } => {
                run(if holds(condition, connection) { then } else { otherwise }, connection)
            }
        })
    }

    fn holds(condition: &Condition, connection: &Rule) -> bool {
        match condition {
            Condition::Is(test) => connection.and(test).as_ref() == Some(connection),
            Condition::Not(inner) => !holds(inner, connection),
            Condition::Both(both) => holds(&both.0, connection) && holds(&both.1, connection),
            Condition::Either(both) => holds(&both.0, connection) || holds(&both.1, connection),
        }
    }

    #[test]
    fn rules_decide_as_the_script_does() {
        let mut dice = StdRng::seed_from_u64(3);
        let mut denied = 0;
        for _ in 0..300 {
            let text = script(2, &mut dice);
            let tokens = tokens(&text).expect("it can be cut");
            let steps = steps(&tokens).unwrap_or_else(|foreign| unreachable!("{foreign:?} in {text}"));
            let Ok(rules) = rules(&tokens) else { continue };
            for number in 0..27_u16 {
                let address = ["10.0.0.1", "10.0.0.2", "10.0.0.3"][usize::from(number % 3)];
                let connection = Rule {
                    is_traced: true,
                    peer: Network::read(address),
                    peer_port: Some(Ports::from(number / 3 % 3 + 1)),
                    local: Network::read("127.0.0.1"),
                    local_port: Some(Ports::from(number / 9)),
                };
                let by_script = run(&steps, &connection).unwrap_or(true);
                let first = rules.iter().find(|rule| rule.covers(&connection));
                assert_eq!(
                    first.is_none_or(|rule| rule.is_traced),
                    by_script,
                    "{connection:?}\n{text}\n{rules:?}"
                );
                denied += u32::from(!by_script);
            }
        }
        assert!(denied > 500, "{denied} connections were denied");
    }
}
