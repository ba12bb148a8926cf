//! What a file is: a whole configuration, `server` blocks, or directives without any block.

use super::parser::Directive;
use super::scope::Scope;

/// The parts of a configuration.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    /// What stands outside of `http`.
    pub(super) main: &'a [Directive],
    /// What stands in `http`, each of them if there are several.
    pub(super) http: Vec<&'a [Directive]>,
    /// The `server` blocks, in order.
    pub(super) servers: Vec<Block<'a>>,
}

/// A `server` block.
#[derive(Clone, Debug)]
pub(super) struct Block<'a> {
    /// `None`: the file is what stands in one.
    pub(super) directive: Option<&'a Directive>,
    pub(super) scope: Scope<'a>,
}

/// Directives that stand outside of any `server`, so that they tell what a file is.
const OUTER: &str = "\
    events user pid worker_processes worker_rlimit_nofile worker_shutdown_timeout load_module daemon stream mail \
    upstream map geo split_clients limit_conn_zone limit_req_zone log_format types proxy_cache_path";

impl<'a> Layout<'a> {
    pub(super) fn of(file: &'a [Directive]) -> Self {
        let outer = Scope::new(vec![file]);
        let mut layout = Self { main: file, http: Vec::new(), servers: Vec::new() };
        for http in file.iter().filter(|directive| directive.is("http")) {
            let scope = outer.inner(http.children());
            layout.http.push(http.children());
            layout.add_servers(http.children(), &scope);
        }
        if layout.http.is_empty() {
            layout.http.push(file);
            layout.add_servers(file, &outer);
        }
        let is_inner = |directive: &Directive| {
            !OUTER.split_ascii_whitespace().any(|name| directive.is(name)) && directive.fault.is_none()
        };
        let is_bare = layout.servers.is_empty() && !file.iter().any(|directive| directive.is("http"));
        if is_bare && file.iter().any(is_inner) {
            layout.servers.push(Block { directive: None, scope: outer });
        }
        layout
    }

    fn add_servers(&mut self, block: &'a [Directive], scope: &Scope<'a>) {
        for server in block.iter().filter(|directive| directive.is("server") && directive.block.is_some()) {
            self.servers.push(Block { directive: Some(server), scope: scope.inner(server.children()) });
        }
    }

    /// Whether the file is what stands in a `server` block.
    pub(super) fn is_bare(&self) -> bool {
        self.servers.iter().any(|server| server.directive.is_none())
    }

    /// Whether there is an `http` block, and so something outside of it.
    pub(super) fn is_whole(&self) -> bool {
        self.main.iter().any(|directive| directive.is("http"))
    }

    /// All directives of a name that stand beside `server` blocks.
    pub(super) fn shared(&self, name: &str) -> impl Iterator<Item = &'a Directive> {
        self.http.iter().flat_map(|http| http.iter()).filter(move |directive| directive.is(name))
    }
}
