//! A `server` block, read: its addresses, hosts, and what it answers where.

use crate::kdl::Node;

use super::access;
use super::backend;
use super::content::{Content, HEALTH, content, path_comment};
use super::fate::{Level, left_out};
use super::hosts::{Hosts, hosts};
use super::layout::Block;
use super::limits::Zones;
use super::listen::{Listen, listens};
use super::location::{Kind, Location, locations, ranks};
use super::module::{Module, module};
use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::session;
use super::upstreams::Upstreams;
use crate::slug::slug;

/// A server.
#[derive(Debug)]
pub(super) struct Server<'a> {
    pub(super) block: Block<'a>,
    pub(super) listens: Vec<Listen>,
    pub(super) hosts: Hosts,
    pub(super) module: Module,
    pub(super) drafts: Vec<Draft>,
    /// About the server as a whole.
    pub(super) comments: Vec<String>,
}

/// A route that is not named yet.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// What of the location can be in its name.
    pub(super) slug: String,
    pub(super) conditions: Vec<Node>,
    /// What its priority has above that of its server.
    pub(super) rank: u64,
    pub(super) answer: Answer,
    pub(super) comments: Vec<String>,
}

/// What a route answers.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A backend does.
    Proxy { nodes: Vec<Node>, settings: Vec<Node>, body_size: Option<Node> },
    /// The gateway does.
    Builtin(Vec<Node>),
    /// 404.
    Nothing,
}

impl Answer {
    /// The answer, switched off, behind a 404.
    fn held(self, restrictions: &[(&Directive, &'static str)], notes: &mut Notes<'_>) -> Self {
        let mut hold = |nodes: Vec<Node>| {
            let not_found = access::held(Node::new("builtin-handler").text("not-found"), restrictions, notes);
            std::iter::once(not_found).chain(nodes.into_iter().map(|node| node.off(true))).collect()
        };
        match self {
            Self::Proxy { nodes, settings, body_size } => {
                Self::Proxy { nodes: hold(nodes), settings, body_size }
            }
            Self::Builtin(nodes) => Self::Builtin(hold(nodes)),
            Self::Nothing => Self::Nothing,
        }
    }

    /// Whether it is behind a 404 already.
    fn is_held(&self) -> bool {
        match self {
            Self::Proxy { nodes, .. } | Self::Builtin(nodes) => nodes.iter().any(Node::is_off),
            Self::Nothing => true,
        }
    }
}

impl Server<'_> {
    /// Puts all its answers behind a 404.
    pub(super) fn hold(&mut self, directive: &Directive, why: &'static str, notes: &mut Notes<'_>) {
        for draft in &mut self.drafts {
            if !draft.answer.is_held() {
                draft.answer = draft.answer.clone().held(&[(directive, why)], notes);
            }
        }
    }

    /// Whether anything but 404 can come of it.
    pub(super) fn works(&self) -> bool {
        self.drafts.iter().any(|draft| !matches!(draft.answer, Answer::Nothing))
    }

    /// Whether a backend answers every path that no location is for.
    pub(super) fn is_proxying_all(&self) -> bool {
        let is_all =
            |draft: &Draft| draft.conditions.is_empty() && matches!(draft.answer, Answer::Proxy { .. });
        self.drafts.iter().any(is_all)
    }

    /// Whether a backend answers anything.
    pub(super) fn is_proxying(&self) -> bool {
        self.drafts.iter().any(|draft| matches!(draft.answer, Answer::Proxy { .. }))
    }

    /// Its first name; empty if it has none.
    pub(super) fn slug(&self) -> String {
        slug(self.hosts.patterns.first().map(|name| name.trim_start_matches("*.")).unwrap_or_default())
    }
}

/// What all servers share.
#[derive(Debug)]
pub(super) struct Reader<'r, 'a, 's> {
    pub(super) zones: Zones<'a>,
    pub(super) upstreams: Upstreams<'a>,
    pub(super) paths: &'r Paths,
    pub(super) notes: &'r mut Notes<'s>,
}

impl<'a> Reader<'_, 'a, '_> {
    /// Reads a server.
    pub(super) fn server(&mut self, block: Block<'a>) -> Server<'a> {
        let scope = &block.scope;
        let mut comments = Vec::new();
        if block.directive.is_some() {
            comments.extend(left_out(scope.own(), Level::Server, self.notes));
            comments.extend(access::left_out(scope.own(), self.notes));
        }
        let hosts = hosts(scope, &mut comments, self.notes);
        let listens = listens(scope, &mut comments, self.notes);
        let module = module(scope, self.paths, self.notes);
        comments.extend(module.comments.iter().cloned());
        let drafts = self.drafts(&block, &mut comments);
        Server { block, listens, hosts, module, drafts, comments }
    }

    fn drafts(&mut self, block: &Block<'a>, comments: &mut Vec<String>) -> Vec<Draft> {
        let scope = &block.scope;
        let all = |directive| Location {
            directive,
            scope: scope.clone(),
            kind: Kind::Prefix { path: "/".to_owned(), stops: false },
            within: None,
        };
        let locations = locations(scope, comments, self.notes);
        let (named, mut locations): (Vec<_>, Vec<_>) =
            locations.into_iter().partition(|location| matches!(location.kind, Kind::Named(_)));
        if scope.has_own("return").is_some() {
            // nginx answers before it looks for a location.
            locations = vec![all(None)];
        } else if !locations.iter().any(|location| location.kind.is_all()) {
            let is_file_served =
                ["root", "alias", "try_files"].iter().any(|name| scope.has_own(name).is_some());
            let is_bare = block.directive.is_none() && scope.has_own("proxy_pass").is_some();
            if is_bare || is_file_served {
                locations.push(all(None));
            }
        }
        let kinds = locations.iter().map(|location| (&location.kind, location.within.as_deref()));
        let ranks = ranks(&kinds.collect::<Vec<_>>());
        let drafts = locations.iter().zip(ranks);
        drafts.filter_map(|(location, rank)| self.draft(location, &named, rank, comments)).collect()
    }

    /// `None`: no route can have its condition, which is told of the server.
    fn draft(
        &mut self,
        location: &Location<'a>,
        named: &[Location<'a>],
        rank: u64,
        of_server: &mut Vec<String>,
    ) -> Option<Draft> {
        let mut comments = Vec::new();
        if let Some(directive) = location.directive {
            comments.extend(left_out(directive.children(), Level::Location, self.notes));
            comments.extend(access::left_out(directive.children(), self.notes));
        }
        let content = content(location, named, self.notes);
        let conditions = match self.conditions(location, &content, &mut comments) {
            Ok(conditions) => conditions,
            Err(why) => {
                let directive = location.directive?;
                of_server.push(self.notes.none(directive, &why));
                return None;
            }
        };
        let answer = self.answer(content, location, &mut comments);
        Some(Draft { slug: location.kind.slug(), conditions, rank, answer, comments })
    }

    /// Where nothing but 404 is answered, an expression may fit more than nginx's.
    fn conditions(
        &mut self,
        location: &Location<'a>,
        content: &Content<'_>,
        comments: &mut Vec<String>,
    ) -> Result<Vec<Node>, String> {
        let first = location.kind.conditions();
        let (Err(_), Content::Nothing(_), Some(directive)) = (&first, content, location.directive) else {
            return first;
        };
        let Some(wider) = location.kind.wider() else { return first };
        let found = wider.conditions();
        if found.is_ok() {
            let what = "there is no look-around, so this fits more paths than in nginx; 404 is the answer to all of them";
            comments.push(self.notes.differs(directive, what));
        }
        found.or(first)
    }

    fn answer(
        &mut self,
        content: Content<'a>,
        location: &Location<'a>,
        comments: &mut Vec<String>,
    ) -> Answer {
        let restrictions = access::restrictions(&location.scope);
        let answer = match content {
            Content::Nothing(why) => {
                comments.extend(why);
                return Answer::Nothing;
            }
            Content::Builtin("not-found") => {
                return Answer::Builtin(vec![Node::new("builtin-handler").text("not-found")]);
            }
            Content::Builtin(handler) => {
                let node = Node::new("builtin-handler").text(handler);
                let why = "It answers 200 as long as the process lives, with a text of its own.";
                Answer::Builtin(vec![if handler == HEALTH { node.comment(why) } else { node }])
            }
            Content::Proxy { directive, pass, scope } => {
                comments.extend(backend::fields(&scope, self.notes));
                comments.extend(path_comment(directive, &pass, &location.kind, self.notes));
                let settings = backend::settings(&scope, &pass, self.paths, comments, self.notes);
                let id = match self.upstreams.of(&pass, settings, self.notes) {
                    Ok(id) => id,
                    Err(why) => {
                        comments.push(self.notes.none(directive, &why));
                        return Answer::Nothing;
                    }
                };
                Answer::Proxy {
                    nodes: vec![Node::new("upstream").text(&id)],
                    settings: session::settings(&scope, &self.zones, comments, self.notes),
                    body_size: session::body_size(&scope),
                }
            }
        };
        if restrictions.is_empty() { answer } else { answer.held(&restrictions, self.notes) }
    }
}
