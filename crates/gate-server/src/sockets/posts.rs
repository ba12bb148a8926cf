//! All addresses that a gateway listens on, and what becomes of them under another configuration:
//! those that are the same go on with the same sockets, so that nobody who connects is refused.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::sync::Arc;

use gate_config::model::{Config, ListenAddress, Objection, Place};

use super::inherited::Inherited;
use super::post::Post;
use super::{Bound, SocketKey};

/// What an address is listened on for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Clients, by the name of their listener. Its place in the configuration is that of the post
    /// among those of listeners.
    Listener(Arc<str>),
    Metrics,
    Admin,
    /// A newer process that takes over.
    TakeOver,
}

impl Role {
    /// What cannot be done where the address cannot be had.
    fn purpose(&self) -> &'static str {
        match self {
            Self::Listener(_) => "listen",
            Self::Metrics => "serve metrics",
            Self::Admin => "be administered",
            Self::TakeOver => "be taken over from",
        }
    }

    /// Whether a socket of the one does for the other.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Listener(_), Self::Listener(_)) => true,
            (Self::Listener(_) | Self::Metrics | Self::Admin | Self::TakeOver, other) => self == other,
        }
    }
}

/// An address that a configuration wants.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) role: Role,
    pub(crate) address: ListenAddress,
    /// Where it stands in the text.
    pub(crate) place: Place,
}

/// All addresses that `config` wants: those of listeners first, in their order.
pub(crate) fn wanted(config: &Config) -> Vec<Wanted> {
    let listeners = config.listeners.iter().map(|listener| Wanted {
        role: Role::Listener(Arc::clone(&listener.id)),
        address: listener.address.value.clone(),
        place: listener.address.place,
    });
    let metrics = config.observability.metrics.iter().map(|metrics| Wanted {
        role: Role::Metrics,
        address: ListenAddress::Tcp(metrics.address.value),
        place: metrics.address.place,
    });
    let admin = config.admin.iter().map(|admin| Wanted {
        role: Role::Admin,
        address: admin.address.value.clone(),
        place: admin.address.place,
    });
    let take_over = config.server.take_over.iter().map(|path| Wanted {
        role: Role::TakeOver,
        // Who takes over gets all sockets: that is for the same user alone.
        address: ListenAddress::Unix { path: path.value.clone(), mode: 0o600 },
        place: path.place,
    });
    listeners.chain(metrics).chain(admin).chain(take_over).collect()
}

/// Addresses of one configuration that cannot all be had: one stands for all of this machine, or they are
/// the same.
pub(crate) fn clashes(wanted: &[Wanted]) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (index, later) in wanted.iter().enumerate() {
        let before = wanted.iter().take(index).find(|earlier| overlap(&earlier.address, &later.address));
        let Some(earlier) = before else { continue };
        let (purpose, address) = (later.role.purpose(), &later.address);
        let owner = match &earlier.role {
            Role::Listener(id) => format!("the listener `{id}`"),
            Role::Metrics => "`metrics`".to_owned(),
            Role::Admin => "`admin`".to_owned(),
            Role::TakeOver => "`take-over`".to_owned(),
        };
        let covers = if earlier.address == later.address { "it" } else { "an address that has it in common" };
        objections.push(Objection {
            place: later.place,
            message: format!("cannot {purpose} on {address}: {owner} of this file has {covers}"),
            help: format!("choose another port, or another address than {}", earlier.address),
        });
    }
    objections
}

/// Whether nobody can have `one` while somebody has `other`. Ports that the system chooses are free.
pub(super) fn overlap(one: &ListenAddress, other: &ListenAddress) -> bool {
    match (one, other) {
        (ListenAddress::Tcp(one), ListenAddress::Tcp(other))
        | (ListenAddress::Udp(one), ListenAddress::Udp(other)) => {
            one.port() == other.port()
                && one.port() != 0
                && one.is_ipv6() == other.is_ipv6()
                && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
        }
        (ListenAddress::Unix { path: one, .. }, ListenAddress::Unix { path: other, .. }) => one == other,
        (ListenAddress::Tcp(_) | ListenAddress::Udp(_) | ListenAddress::Unix { .. }, _) => false,
    }
}

/// A worker's sockets, with the places of their listeners in the configuration.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    /// Those that it has already.
    pub(crate) kept: HashMap<SocketKey, usize>,
    /// Those that it gets.
    pub(crate) fresh: Vec<(SocketKey, usize, Bound)>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Posts(Vec<(Role, Post)>);

/// The addresses of another configuration, in its order.
#[derive(Debug)]
pub(crate) struct Plan(Vec<(Wanted, Source)>);

#[derive(Debug)]
enum Source {
    /// The post at that place of those there are.
    Kept(usize),
    Fresh(Post),
}

impl Posts {
    /// Gets hold of what is wanted for `workers` and not there yet; changes nothing here.
    ///
    /// # Errors
    /// All addresses that cannot be had.
    pub(crate) fn plan(
        &self,
        wanted: Vec<Wanted>,
        workers: usize,
        mut inherited: Inherited,
    ) -> Result<Plan, Vec<Objection>> {
        let clashing = clashes(&wanted);
        if !clashing.is_empty() {
            return Err(clashing);
        }
        let (mut plan, mut objections) = (Vec::new(), Vec::new());
        let mut is_kept = vec![false; self.0.len()];
        for wanted in wanted {
            let there = (0..).zip(&self.0).zip(&mut is_kept);
            let mut same = there.filter(|((_, (role, post)), is_kept)| {
                !**is_kept && wanted.role.is_like(role) && is_same(role, post, &wanted)
            });
            if let Some(((index, _), is_kept)) = same.next() {
                *is_kept = true;
                plan.push((wanted, Source::Kept(index)));
                continue;
            }
            let workers = if matches!(wanted.role, Role::Listener(_)) { workers } else { 1 };
            match Post::take(&wanted.address, workers, &mut inherited) {
                Ok(post) => plan.push((wanted, Source::Fresh(post))),
                Err(error) => objections.push(self.objection(&wanted, &error)),
            }
        }
        if objections.is_empty() { Ok(Plan(plan)) } else { Err(objections) }
    }

    /// Goes over to a plan; what it does not keep is let go of.
    pub(crate) fn carry_out(&mut self, plan: Plan) {
        let mut there: Vec<_> = mem::take(&mut self.0).into_iter().map(Some).collect();
        for (wanted, source) in plan.0 {
            let post = match source {
                Source::Fresh(post) => Some(post),
                Source::Kept(index) => there.get_mut(index).and_then(Option::take).map(|(_, mut post)| {
                    post.go_on_as(&wanted.address);
                    post
                }),
            };
            self.0.extend(post.map(|post| (wanted.role, post)));
        }
    }

    /// No client gets in here any more.
    pub(crate) fn let_go_of_listeners(&mut self) {
        self.0.retain(|(role, _)| !matches!(role, Role::Listener(_) | Role::TakeOver));
    }

    /// Nobody but clients gets in here any more.
    pub(crate) fn let_go_of_all_but_listeners(&mut self) {
        self.0.retain(|(role, _)| matches!(role, Role::Listener(_)));
    }

    /// Those of listeners, in the order of the configuration.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = (&Arc<str>, &Post)> {
        self.0.iter().filter_map(|(role, post)| match role {
            Role::Listener(id) => Some((id, post)),
            Role::Metrics | Role::Admin | Role::TakeOver => None,
        })
    }

    /// The one of a role that there is once.
    pub(crate) fn of(&self, role: &Role) -> Option<&Post> {
        self.0.iter().find(|(found, _)| found == role).map(|(_, post)| post)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Post> {
        self.0.iter().map(|(_, post)| post)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Post> {
        self.0.iter_mut().map(|(_, post)| post)
    }

    /// What each worker accepts from, by its place.
    pub(crate) fn assign(&mut self, workers: usize) -> Vec<Assignment> {
        let mut assignments: Vec<Assignment> = (0..workers).map(|_| Assignment::default()).collect();
        let listeners = self.0.iter_mut().filter(|(role, _)| matches!(role, Role::Listener(_)));
        for ((_, post), listener) in listeners.zip(0..) {
            for held in &mut post.sockets {
                let Some(assignment) = assignments.get_mut(held.worker) else { continue };
                match held.spare.take() {
                    Some(socket) => assignment.fresh.push((held.key, listener, socket)),
                    None => {
                        assignment.kept.insert(held.key, listener);
                    }
                }
            }
        }
        assignments
    }

    fn objection(&self, wanted: &Wanted, error: &io::Error) -> Objection {
        let own = self.0.iter().find(|(_, post)| post.overlaps(&wanted.address));
        if error.kind() == io::ErrorKind::AddrInUse
            && let Some((_, post)) = own
        {
            return Objection {
                place: wanted.place,
                message: format!(
                    "cannot {} on {}: this gateway has {} until it is reloaded without it",
                    wanted.role.purpose(),
                    wanted.address,
                    post.asked
                ),
                help: "first reload with another address in that place, then with this one; or restart"
                    .to_owned(),
            };
        }
        of_address(wanted, error)
    }
}

/// Whether a post of a like role is the one that is wanted. Ports that the system chooses are told
/// apart by the name of the listener.
fn is_same(role: &Role, post: &Post, wanted: &Wanted) -> bool {
    post.is_at(&wanted.address) || (*role == wanted.role && post.asked == wanted.address)
}

/// What there is against an address that cannot be had.
pub(crate) fn of_address(wanted: &Wanted, error: &io::Error) -> Objection {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others have no remedy of their own")]
    let help = match error.kind() {
        io::ErrorKind::AddrInUse if wanted.role == Role::TakeOver => {
            "a gateway listens there: start this one with --take-over to go on with its sockets"
        }
        io::ErrorKind::AddrInUse => "another process has it: stop that one, or choose another port",
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has it; 0.0.0.0 or [::] stand for all of them"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE, a unix socket a directory that can be written"
        }
        io::ErrorKind::NotFound => "the socket's directory must exist",
        io::ErrorKind::AlreadyExists => "remove that file, or choose another path",
        _ => "choose another address",
    };
    let (purpose, address) = (wanted.role.purpose(), &wanted.address);
    Objection {
        place: wanted.place,
        message: format!("cannot {purpose} on {address}: {error}"),
        help: help.to_owned(),
    }
}
