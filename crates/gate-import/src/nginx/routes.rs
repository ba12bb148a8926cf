//! The `routes` block: each server's routes with their names, conditions and priorities.

use crate::kdl::Node;

use super::arrange::{Answers, Place, Why};
use super::groups::{Group, PRIORITY};
use super::module::FrameLogs;
use super::notes::Notes;
use super::real_ip::RealIp;
use super::server::{Answer, Draft, Server};
use super::session;
use crate::slug::{Taken, slug};

/// What routes are made with.
#[derive(Debug)]
pub(super) struct Writer<'w, 's> {
    pub(super) frame_logs: FrameLogs,
    pub(super) taken: Taken,
    /// `max-body-size` of the whole gateway.
    pub(super) body_size: Option<Node>,
    pub(super) limit: Limit,
    /// Whether there are other servers to which requests could go on.
    pub(super) has_several: bool,
    pub(super) notes: &'w mut Notes<'s>,
    /// Whether a route of the server has been switched off for another one that differs.
    shadowed: bool,
    /// Whether there has been a default server.
    has_default: bool,
    /// The routes so far.
    pub(super) nodes: Vec<Node>,
    /// What the routes so far answer for what, for finding those that nothing could reach.
    seen: Vec<Seen>,
}

/// Where `ws_max_connections` stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// It is the same for all servers, and that of the process.
    OfProcess,
    /// In the routes, which count together.
    OfGroup,
}

#[derive(Debug)]
struct Seen {
    id: String,
    /// The hosts and the path.
    key: (Vec<String>, Vec<Node>),
    rest: Vec<Node>,
}

impl<'w, 's> Writer<'w, 's> {
    pub(super) fn new(body_size: Option<Node>, notes: &'w mut Notes<'s>) -> Self {
        Self {
            frame_logs: FrameLogs::default(),
            taken: Taken::default(),
            body_size,
            limit: Limit::OfGroup,
            has_several: false,
            notes,
            shadowed: false,
            has_default: false,
            nodes: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Adds the routes of a server, below the comments about it. Says whether none of them is
    /// left, because others answer in their place.
    pub(super) fn server(&mut self, server: &Server<'_>, place: &Place, groups: &[&Group]) -> bool {
        let mut comments = self.head(server, place);
        comments.extend(server.comments.iter().cloned());
        if *place == Place::Gone {
            comments.extend(server.drafts.iter().flat_map(|draft| draft.comments.iter().cloned()));
            self.nodes.push(Node::remark(comments).apart());
            return false;
        }
        self.nodes.push(Node::remark(comments).apart());
        let drafts = Self::drafts(server);
        self.shadowed = false;
        let mut routes = Vec::new();
        for group in groups {
            let slug = self.slug(server, group);
            let rest = self.rest(&drafts, group);
            routes.extend(drafts.iter().chain(&rest).map(|draft| self.route(server, draft, group, &slug)));
        }
        let is_lost = self.shadowed && routes.iter().all(Node::is_off);
        self.nodes.extend(routes);
        is_lost
    }

    /// What the names of a group's routes begin with.
    fn slug(&mut self, server: &Server<'_>, group: &Group) -> String {
        let is_first_default = group.is_last && !self.has_default;
        self.has_default |= group.is_last;
        match (group.patterns.first(), server.hosts.patterns.first(), server.listens.first()) {
            (Some(name), _, _) => slug(name.trim_start_matches("*.")),
            (None, Some(name), _) => format!("{}-default", slug(name.trim_start_matches("*."))),
            (None, None, Some(listen)) if !is_first_default => format!("at-{}", listen.address.slug()),
            (None, None, _) => String::new(),
        }
    }

    /// Which server it is, and what is special about its place.
    fn head(&mut self, server: &Server<'_>, place: &Place) -> Vec<String> {
        let Some(directive) = server.block.directive else { return Vec::new() };
        let points = addresses(server);
        let what = match place {
            Place::On(Answers::ItsHosts) => format!("at {points}"),
            Place::On(Answers::AllOthers) => {
                format!("at {points}; it answers all hosts that no other does")
            }
            Place::On(Answers::ItsHostsOnly) => {
                let what = "in nginx hosts that no server names come here, too, as to the default of an address. Routes \
                            are not bound to addresses, so one server has all of them, and it is another one";
                return vec![self.notes.differs(directive, what)];
            }
            Place::Off(Why::Reach) => {
                let first = server.listens.first().map(|listen| listen.address.text()).unwrap_or_default();
                let what = format!(
                    "it is at {points}, and not to be reached from where the others are. Routes answer at all \
                     listeners, so it is switched off (/-). It can have a gateway of its own: framegate import nginx \
                     --listen {first}"
                );
                return vec![self.notes.differs(directive, &what)];
            }
            Place::Off(Why::NoHost) => {
                let what = "no host leads to it that a route could ask for, so it is switched off (/-)";
                return vec![self.notes.differs(directive, what)];
            }
            Place::Gone => format!("at {points}; nothing of it can be kept"),
        };
        vec![self.notes.explain(directive, &what)]
    }

    /// The drafts of a server. One of which nothing is left has a single one.
    fn drafts<'a>(server: &Server<'a>) -> Vec<Draft<'a>> {
        if !server.works() && !server.module.is_used {
            let comments = server.drafts.iter().flat_map(|draft| draft.comments.iter().cloned()).collect();
            return vec![nothing("", comments)];
        }
        let mut drafts = server.drafts.clone();
        if server.module.is_used && !server.is_proxying() {
            let why = "There is no location with `proxy_pass`, so the settings stand with a route that is answered 404. \
                       Name an upstream in its place.";
            let answer = Answer::Proxy {
                nodes: vec![
                    Node::new("builtin-handler").text("not-found").remind(why),
                    Node::new("upstream").text("…").off(true),
                ],
                settings: Vec::new(),
                body_size: None,
                real_ip: RealIp::OfRoute,
            };
            match drafts.iter_mut().find(|draft| draft.conditions.is_empty()) {
                Some(draft) => draft.answer = answer,
                None => drafts.push(Draft { answer, ..nothing("", Vec::new()) }),
            }
        }
        drafts
    }

    /// What answers the paths that the server has no location for, lest another server does.
    fn rest(&self, drafts: &[Draft<'_>], group: &Group) -> Option<Draft<'static>> {
        let leaves_some = !drafts.iter().any(|draft| draft.conditions.is_empty());
        let why = "What the server has no location for; it must not go to another server.".to_owned();
        let is_needed = leaves_some && self.has_several && !group.is_last && !group.is_off;
        is_needed.then(|| nothing("rest", vec![why]))
    }

    fn route(&mut self, server: &Server<'_>, draft: &Draft<'_>, group: &Group, slug: &str) -> Node {
        let name = match (slug, &*draft.slug) {
            ("", "") => "default".to_owned(),
            ("", name) | (name, "") => name.to_owned(),
            (server, location) => format!("{server}-{location}"),
        };
        let id = self.taken.unique(&name);
        let matches = matches(draft, group);
        let mut rest = match &draft.answer {
            Answer::Nothing => vec![Node::new("builtin-handler").text("not-found")],
            Answer::Builtin(nodes) => nodes.clone(),
            Answer::Proxy { nodes, settings, body_size, real_ip: _ } => {
                let mut rest = nodes.clone();
                let own = body_size
                    .iter()
                    .filter(|node| Some(node.meaning()) != self.body_size.as_ref().map(Node::meaning));
                rest.extend(own.cloned());
                rest.push(Node::new("websocket").block(self.websocket(server, settings)));
                rest
            }
        };
        let mut reminder = None;
        let key = (group.patterns.clone(), meanings(&draft.conditions));
        let is_same = |seen: &&Seen| seen.key == key;
        let mut is_off = group.is_off;
        match self.seen.iter().find(is_same) {
            Some(seen) if !is_off => {
                is_off = true;
                reminder = Some(if seen.rest == meanings(&rest) {
                    format!("The same as the route `{}`.", seen.id)
                } else {
                    self.shadowed = true;
                    self.shadow(server, &seen.id.clone())
                });
            }
            Some(_) | None if is_off => {}
            Some(_) | None => {
                self.seen.push(Seen { id: id.clone(), key, rest: meanings(&rest) });
            }
        }
        let mut nodes = Vec::new();
        let priority = group.priority + draft.rank;
        if priority != PRIORITY {
            nodes.push(Node::new("priority").number(priority));
        }
        if !matches.is_empty() {
            nodes.push(Node::new("matches").block(matches));
        }
        nodes.append(&mut rest);
        let route = Node::new("route").text(&id).comments(draft.comments.iter().cloned());
        let route = reminder.into_iter().fold(route, Node::remind);
        route.block(nodes).off(is_off).apart()
    }

    /// Tells that another route answers first.
    fn shadow(&mut self, server: &Server<'_>, id: &str) -> String {
        let what = format!(
            "the route `{id}` answers the same requests before; nginx tells them apart by the address, to which routes \
             are not bound. So this one is switched off (/-); it can have a gateway of its own: framegate import nginx \
             --listen {}",
            server.listens.first().map(|listen| listen.address.text()).unwrap_or_default()
        );
        match server.block.directive {
            Some(directive) => self.notes.differs(directive, &what),
            None => what,
        }
    }

    fn websocket(&mut self, server: &Server<'_>, settings: &[Node]) -> Vec<Node> {
        let mut nodes = Vec::new();
        if self.limit == Limit::OfGroup && server.module.is_counted() {
            let why = "nginx: ws_max_connections, which is held against the sessions of all servers that have \
                       ws_log_enabled on together.";
            let limit = server.module.max_connections.filter(|limit| *limit > 0);
            nodes.extend(limit.map(|limit| Node::new("max-connections").number(limit).comment(why)));
            nodes.push(Node::new("connections-group").text("ws_max_connections"));
        }
        let own = settings.iter().filter(|node| !nodes.iter().any(|other| other.has_name_of(node)));
        let own: Vec<Node> = own.cloned().collect();
        nodes.splice(0..0, own);
        nodes.extend(server.module.settings.iter().cloned());
        if let Some(log) = &server.module.log {
            let id = self.frame_logs.of(&server.slug(), log);
            nodes.push(Node::new("frame-log").text(&id));
        }
        let disabled = nodes.iter().position(|node| node.meaning() == session::no_upgrades());
        let Some(disabled) = disabled.map(|at| nodes.remove(at)) else { return nodes };
        std::iter::once(disabled).chain(nodes.into_iter().map(|node| node.off(true))).collect()
    }
}

/// 404 for all paths.
fn nothing(slug: &str, comments: Vec<String>) -> Draft<'static> {
    Draft { slug: slug.to_owned(), conditions: Vec::new(), rank: 0, answer: Answer::Nothing, comments }
}

/// The conditions of a route. The hosts of a default server are kept for the reader.
fn matches(draft: &Draft<'_>, group: &Group) -> Vec<Node> {
    let mut nodes = Vec::new();
    if !group.patterns.is_empty() {
        let hosts = group.patterns.iter().fold(Node::new("host"), |node, pattern| node.text(pattern));
        nodes.push(if group.is_last {
            hosts
                .off(true)
                .comment("As the default server it answers other hosts, too. Without the /- only these.")
        } else {
            hosts
        });
    }
    nodes.extend(draft.conditions.iter().cloned());
    nodes
}

fn addresses(server: &Server<'_>) -> String {
    let addresses: Vec<_> = server.listens.iter().map(|listen| listen.address.text()).collect();
    if addresses.is_empty() { "no address".to_owned() } else { addresses.join(", ") }
}

fn meanings(nodes: &[Node]) -> Vec<Node> {
    nodes.iter().filter(|node| !node.is_off()).map(Node::meaning).collect()
}
