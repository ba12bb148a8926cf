//! A `server` block, read: its addresses, hosts, and what it answers where.

use crate::kdl::Node;

use super::access;
use super::backend;
use super::content::{Content, Found, HEALTH, content, overruled, path_comment};
use super::fate::{Level, left_out};
use super::fields;
use super::hosts::{Hosts, hosts};
use super::layout::Block;
use super::limits::Zones;
use super::listen::{Listen, listens};
use super::location::{Kind, Location, locations, ranks};
use super::module::{Module, module};
use super::notes::Notes;
use super::parser::Directive;
use super::paths::Paths;
use super::real_ip::RealIp;
use super::session;
use super::upgrades;
use super::upstreams::Upstreams;
use crate::slug::slug;

/// A server.
#[derive(Debug)]
pub(super) struct Server<'a> {
    pub(super) block: Block<'a>,
    pub(super) listens: Vec<Listen>,
    pub(super) hosts: Hosts,
    pub(super) module: Module,
    pub(super) drafts: Vec<Draft<'a>>,
    /// About the server as a whole.
    pub(super) comments: Vec<String>,
}

/// A route that is not named yet.
#[derive(Clone, Debug)]
pub(super) struct Draft<'a> {
    /// What of the location can be in its name.
    pub(super) slug: String,
    pub(super) conditions: Vec<Node>,
    /// What its priority has above that of its server.
    pub(super) rank: u64,
    pub(super) answer: Answer<'a>,
    pub(super) comments: Vec<String>,
}

/// What a route answers.
#[derive(Clone, Debug)]
pub(super) enum Answer<'a> {
    /// A backend does.
    Proxy { nodes: Vec<Node>, settings: Vec<Node>, body_size: Option<Node>, real_ip: RealIp<'a> },
    /// The gateway does.
    Builtin(Vec<Node>),
    /// 404.
    Nothing,
}

impl Answer<'_> {
    /// The answer, switched off, behind a 404.
    fn held(self, restrictions: &[(&Directive, &'static str)], notes: &mut Notes<'_>) -> Self {
        let mut hold = |nodes: Vec<Node>| {
            let not_found = access::held(Node::new("builtin-handler").text("not-found"), restrictions, notes);
            std::iter::once(not_found).chain(nodes.into_iter().map(|node| node.off(true))).collect()
        };
        match self {
            Self::Proxy { nodes, settings, body_size, real_ip } => {
                Self::Proxy { nodes: hold(nodes), settings, body_size, real_ip }
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
            |draft: &Draft<'_>| draft.conditions.is_empty() && matches!(draft.answer, Answer::Proxy { .. });
        self.drafts.iter().any(is_all)
    }

    /// Whether a backend is asked to upgrade anywhere.
    pub(super) fn upgrades(&self) -> bool {
        let asks = |draft: &Draft<'_>| match &draft.answer {
            Answer::Proxy { settings, .. } => {
                !settings.iter().any(|node| node.meaning() == session::no_upgrades())
            }
            Answer::Builtin(_) | Answer::Nothing => false,
        };
        self.drafts.iter().any(asks)
    }

    /// Whether a backend answers anything.
    pub(super) fn is_proxying(&self) -> bool {
        self.drafts.iter().any(|draft| matches!(draft.answer, Answer::Proxy { .. }))
    }

    /// What the locations that a backend answers say of X-Real-IP.
    pub(super) fn real_ips(&self) -> impl Iterator<Item = RealIp<'_>> {
        self.drafts.iter().filter_map(|draft| match &draft.answer {
            Answer::Proxy { real_ip, .. } => Some(*real_ip),
            Answer::Builtin(_) | Answer::Nothing => None,
        })
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
            comments.extend(access::left_out(scope.own(), |_| false, self.notes));
        }
        let hosts = hosts(scope, &mut comments, self.notes);
        let listens = listens(scope, &mut comments, self.notes);
        let module = module(scope, self.paths, self.notes);
        comments.extend(module.comments.iter().cloned());
        let drafts = self.drafts(&block, &mut comments);
        Server { block, listens, hosts, module, drafts, comments }
    }

    fn drafts(&mut self, block: &Block<'a>, comments: &mut Vec<String>) -> Vec<Draft<'a>> {
        let scope = &block.scope;
        let all = |directive| Location {
            directive,
            scope: scope.clone(),
            kind: Kind::Prefix { path: "/".to_owned(), stops: false },
            within: None,
            excess: None,
            field: None,
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
        let mut drafts = Vec::new();
        for (location, rank) in locations.iter().zip(ranks) {
            let upgrading = upgrades::locations(location);
            let all = upgrading.iter().chain(std::iter::once(location));
            drafts.extend(all.filter_map(|location| self.draft(location, &named, rank, comments)));
        }
        drafts
    }

    /// `None`: no route can have its condition, which is told of the server.
    fn draft(
        &mut self,
        location: &Location<'a>,
        named: &[Location<'a>],
        rank: u64,
        of_server: &mut Vec<String>,
    ) -> Option<Draft<'a>> {
        let mut comments = Vec::new();
        let Found { content, named, comments: found } = content(location, named, self.notes);
        let mut restrictions = access::restrictions(&location.scope);
        for from in std::iter::once(location).chain(named) {
            if let Some(directive) = from.directive.filter(|directive| !directive.is("if")) {
                comments.extend(left_out(directive.children(), Level::Location, self.notes));
                let taken = |condition: &Directive| upgrades::is_one(condition);
                comments.extend(access::left_out(directive.children(), taken, self.notes));
            }
            comments.extend(overruled(&from.scope, self.notes));
        }
        comments.extend(found);
        for restriction in named.iter().flat_map(|named| access::restrictions(&named.scope)) {
            if !restrictions.iter().any(|(other, _)| std::ptr::eq(*other, restriction.0)) {
                restrictions.push(restriction);
            }
        }
        let is_closed = matches!(content, Content::Nothing(_)) || !restrictions.is_empty();
        let mut conditions = match self.conditions(location, is_closed, &mut comments) {
            Ok(conditions) => conditions,
            Err(why) => {
                let directive = location.directive?;
                of_server.push(self.notes.none(directive, &why));
                return None;
            }
        };
        let slug = match &location.field {
            Some(_) => format!("{}-upgrade", location.kind.slug()).trim_start_matches('-').to_owned(),
            None => location.kind.slug(),
        };
        conditions.extend(location.field.clone());
        let answer = self.answer(content, location, &restrictions, &mut comments);
        Some(Draft { slug, conditions, rank, answer, comments })
    }

    /// Where nothing but 404 is answered, more paths may fit than in nginx; elsewhere none may.
    fn conditions(
        &mut self,
        location: &Location<'a>,
        is_closed: bool,
        comments: &mut Vec<String>,
    ) -> Result<Vec<Node>, String> {
        let (kind, directive) = (&location.kind, location.directive);
        let exact = match location.excess {
            Some(why) if !is_closed => return Err(why.to_owned()),
            Some(_) => {
                return kind.conditions().or_else(|why| kind.wider().ok_or(why)).inspect(|_| {
                    comments.extend(directive.map(|directive| self.notes.differs(directive, FITS_MORE)));
                });
            }
            None => kind.conditions(),
        };
        if !is_closed || (exact.is_ok() && !kind.is_spelled_otherwise()) {
            return exact;
        }
        let Some(wider) = kind.wider() else { return exact };
        comments.extend(directive.map(|directive| self.notes.differs(directive, FITS_MORE)));
        Ok(wider)
    }

    fn answer(
        &mut self,
        content: Content<'a>,
        location: &Location<'a>,
        restrictions: &[(&Directive, &'static str)],
        comments: &mut Vec<String>,
    ) -> Answer<'a> {
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
                let fields = fields::fields(&scope, directive, self.notes);
                comments.extend(fields.comments);
                comments.extend(path_comment(directive, &pass, &location.kind, self.notes));
                let settings = backend::settings(&scope, &pass, self.paths, comments, self.notes);
                let id = match self.upstreams.of(&pass, settings, self.notes) {
                    Ok(id) => id,
                    Err(why) => {
                        comments.push(self.notes.none(directive, &why));
                        return Answer::Nothing;
                    }
                };
                let mut settings = fields.settings;
                settings.extend(session::upgrades(&scope, directive, self.notes));
                settings.extend(session::settings(&scope, &self.zones, comments, self.notes));
                Answer::Proxy {
                    nodes: std::iter::once(Node::new("upstream").text(&id)).chain(fields.policies).collect(),
                    settings,
                    body_size: session::body_size(&scope),
                    real_ip: fields.real_ip,
                }
            }
        };
        if restrictions.is_empty() { answer } else { answer.held(restrictions, self.notes) }
    }
}

/// What is told of a location whose paths no route can have.
const FITS_MORE: &str = "its paths cannot be had exactly, so this fits more than in nginx; 404 is the answer to all of \
                         them, lest the route below it takes them";
