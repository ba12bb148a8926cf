//! `upstream` blocks and the backends that `proxy_pass` names itself, as Framegate's upstreams.
//!
//! nginx keeps timeouts, TLS and Host with the location, Framegate with the upstream, so one
//! block may become several upstreams.

use std::collections::HashMap;

use crate::kdl::Node;

use super::balance;
use super::fate::{Level, left_out};
use super::notes::Notes;
use super::parser::Directive;
use super::proxy::{Pass, To, address, target};
use super::unit;
use crate::slug::Taken;

/// The upstreams so far.
#[derive(Debug, Default)]
pub(super) struct Upstreams<'a> {
    blocks: HashMap<&'a str, &'a Directive>,
    made: Vec<Made>,
    taken: Taken,
}

#[derive(Debug)]
struct Made {
    id: String,
    /// What it was made of: the name in `proxy_pass`, and all settings.
    base: String,
    settings: Vec<Node>,
    comments: Vec<String>,
}

impl<'a> Upstreams<'a> {
    pub(super) fn new(blocks: impl Iterator<Item = &'a Directive>) -> Self {
        let mut upstreams = Self::default();
        for block in blocks.filter(|block| block.block.is_some()) {
            upstreams.blocks.entry(block.value()).or_insert(block);
        }
        upstreams
    }

    /// The name of the upstream for a backend with the settings of a location.
    ///
    /// # Errors
    /// It cannot be had: why.
    pub(super) fn of(
        &mut self,
        pass: &Pass,
        settings: Vec<Node>,
        notes: &mut Notes<'_>,
    ) -> Result<String, String> {
        let (base, mut nodes, comments) = match &pass.to {
            To::Unix(path) => {
                let address = format!("unix:{path}");
                let target = Node::new("target").text(&address);
                (address, vec![target], Vec::new())
            }
            To::Name { host, port } => match self.blocks.get(&**host) {
                Some(block) => {
                    let (nodes, comments) = servers(block, pass.is_tls, notes)?;
                    (host.clone(), nodes, comments)
                }
                None => {
                    let port = port.or(pass.is_tls.then_some(443));
                    let target = Node::new("target").text(&address(host, port, pass.is_tls));
                    (pass.host.clone(), vec![target], Vec::new())
                }
            },
        };
        nodes.extend(settings);
        let is_same = |made: &&Made| {
            let meanings = |nodes: &[Node]| nodes.iter().map(Node::meaning).collect::<Vec<_>>();
            made.base == base && meanings(&made.settings) == meanings(&nodes)
        };
        if let Some(made) = self.made.iter().find(is_same) {
            return Ok(made.id.clone());
        }
        let id = self.taken.unique(&base);
        self.made.push(Made { id: id.clone(), base, settings: nodes, comments });
        Ok(id)
    }

    /// The blocks that nothing has named get their upstreams, too.
    pub(super) fn add_unused(
        &mut self,
        blocks: impl Iterator<Item = &'a Directive>,
        notes: &mut Notes<'_>,
    ) -> Vec<String> {
        let mut comments = Vec::new();
        for block in blocks.filter(|block| block.block.is_some()) {
            let name = block.value();
            if self.made.iter().any(|made| made.base == name) {
                continue;
            }
            match servers(block, false, notes) {
                Ok((settings, comments)) => {
                    let id = self.taken.unique(name);
                    self.made.push(Made { id, base: name.to_owned(), settings, comments });
                }
                Err(why) => comments.push(notes.none(block, &why)),
            }
        }
        comments
    }

    pub(super) fn nodes(self) -> Vec<Node> {
        let node = |made: Made| {
            Node::new("upstream").text(&made.id).comments(made.comments).block(made.settings).apart()
        };
        self.made.into_iter().map(node).collect()
    }
}

/// The targets of an `upstream` block, how they are chosen, and comments.
fn servers(
    block: &Directive,
    is_tls: bool,
    notes: &mut Notes<'_>,
) -> Result<(Vec<Node>, Vec<String>), String> {
    let mut comments = left_out(block.children(), Level::Upstream, notes);
    let mut targets: Vec<Target> = Vec::new();
    for directive in block.children().iter().filter(|directive| directive.is("server")) {
        match read(directive, is_tls, notes) {
            Ok(server) => add(&mut targets, server),
            Err(why) => comments.push(notes.none(directive, why)),
        }
    }
    if !targets.iter().any(|target| target.role == Role::Primary) {
        // Without primary servers nginx uses the others.
        for target in targets.iter_mut().filter(|target| target.role == Role::Backup) {
            target.role = Role::Primary;
            target.comments.clear();
        }
    }
    if !targets.iter().any(|target| target.role == Role::Primary) {
        return Err(format!("no server of `{}` can be reached", block.value()));
    }
    let mut nodes: Vec<Node> = targets.iter().map(Target::node).collect();
    nodes.extend(balance::nodes(block, &mut comments, notes));
    nodes.extend(passive_health(block, &mut comments, notes));
    Ok((nodes, comments))
}

/// One server.
struct Target {
    address: String,
    weight: u64,
    role: Role,
    comments: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Primary,
    Backup,
    Down,
}

/// The heaviest weight that a target can have.
const WEIGHT_MAX: u64 = 1000;

fn read(directive: &Directive, is_tls: bool, notes: &mut Notes<'_>) -> Result<Target, &'static str> {
    let address = target(directive.value(), is_tls)?;
    let mut server = Target { address, weight: 1, role: Role::Primary, comments: Vec::new() };
    for word in directive.args.iter().skip(1) {
        let why = match word.text.split_once('=') {
            None if word.text == "backup" => {
                server.role = Role::Backup;
                "switched off (/-): there are no targets in reserve"
            }
            None if word.text == "down" => {
                server.role = Role::Down;
                "switched off (/-) as long as it is down"
            }
            None if word.text == "resolve" => continue,
            Some(("weight", weight)) => match weight.parse() {
                Ok(weight) if (1..=WEIGHT_MAX).contains(&weight) => {
                    server.weight = weight;
                    continue;
                }
                Ok(0) => {
                    server.role = Role::Down;
                    "switched off (/-): a weight of 0 is none, and nginx refuses it"
                }
                Ok(_) | Err(_) => {
                    server.weight = WEIGHT_MAX;
                    "weights are 1 to 1000"
                }
            },
            Some(("max_fails" | "fail_timeout", _)) => continue,
            Some(("max_conns", _)) => "`max_conns` is left out: targets have no limit of connections",
            Some(("slow_start", _)) => "`slow_start` is a setting of the upstream: slow-start \"30s\"",
            None | Some(_) => "the last words are left out",
        };
        server.comments.push(notes.differs(directive, why));
    }
    Ok(server)
}

/// A server that stands twice gets the weight of both.
fn add(targets: &mut Vec<Target>, server: Target) {
    match targets.iter_mut().find(|other| other.address.eq_ignore_ascii_case(&server.address)) {
        Some(first) => {
            let both_count = first.role == server.role;
            first.weight =
                if both_count { (first.weight + server.weight).min(WEIGHT_MAX) } else { first.weight };
            first.comments.extend(server.comments);
        }
        None => targets.push(server),
    }
}

impl Target {
    fn node(&self) -> Node {
        let node = Node::new("target").text(&self.address).comments(self.comments.iter().cloned());
        let node = if self.weight == 1 { node } else { node.property("weight", self.weight) };
        node.off(self.role != Role::Primary)
    }
}

/// `max_fails` and `fail_timeout`, the largest of all servers.
fn passive_health(block: &Directive, comments: &mut Vec<String>, notes: &mut Notes<'_>) -> Option<Node> {
    let servers = || block.children().iter().filter(|directive| directive.is("server"));
    let values = |name: &'static str| {
        let words = servers().flat_map(|server| server.args.iter().skip(1));
        words.filter_map(move |word| word.text.strip_prefix(name)?.strip_prefix('='))
    };
    let fails = values("max_fails").filter_map(|text| text.parse::<u32>().ok()).max();
    // A server that does not say how many has one.
    let says_all = servers().count() <= values("max_fails").count();
    let fails = fails.map(|fails| if says_all { fails } else { fails.max(1) });
    let seconds = values("fail_timeout").filter_map(unit::time).max().map(unit::whole_seconds);
    if fails.is_none() && seconds.is_none() {
        return None;
    }
    let of = |server: &Directive| {
        let word = |name: &str| {
            let words = server.args.iter().skip(1);
            words.filter_map(|word| word.text.strip_prefix(name)).next_back().map(str::to_owned)
        };
        [word("max_fails=").unwrap_or_else(|| "1".to_owned()), word("fail_timeout=").unwrap_or_default()]
    };
    let first = servers().next().map(of);
    if let Some(other) = servers().find(|server| Some(of(server)) != first) {
        let what =
            "`max_fails` and `fail_timeout` are the same for all targets of an upstream: the largest of them";
        comments.push(notes.differs(other, what));
    }
    let mut nodes = vec![Node::new("max-fails").number(u64::from(fails.unwrap_or(1)))];
    if let Some(seconds) = seconds.filter(|seconds| *seconds > 0) {
        nodes.push(Node::new("fail-window-secs").number(seconds));
        nodes.push(Node::new("eject-secs").number(seconds));
    }
    Some(Node::new("passive-health").block(nodes))
}
