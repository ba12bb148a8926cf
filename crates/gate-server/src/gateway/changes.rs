//! What a reload has changed, for whoever asked for it and for the log.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use gate_config::model::{Config, Fingerprint, Listener, Upstream, fingerprint};

/// Names of what has come, gone and become another, by what it is: `listeners`, `routes`,
/// `upstreams`, `agents`, `frame_logs`, `traces`. Displayed: `listeners +new -old ~other; routes ~chat`, or `certificates`
/// where nothing but a file has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    named: Vec<(&'static str, String)>,
    /// Blocks without a name of their own.
    sections: Vec<&'static str>,
}

/// What there is of one kind.
type Contents = Vec<(String, Fingerprint)>;

/// What a configuration says, in parts. Made while the files are as they are to be used.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    named: Vec<(&'static str, Contents)>,
    sections: Vec<(&'static str, Fingerprint)>,
}

impl Parts {
    pub(super) fn of(config: &Config) -> Self {
        let plain = |part: &dyn fmt::Debug| fingerprint(&part, []);
        let listeners = config.listeners.iter();
        let routes = config.routes.iter();
        let upstreams = config.upstreams.iter();
        let agents = config.agents.iter();
        let frame_logs = config.frame_logs.iter();
        let traces = config.traces.iter();
        let files = config.admin.iter().filter_map(|admin| admin.token_file.as_ref());
        Self {
            named: vec![
                ("listeners", contents(listeners, |listener| (&listener.id, Listener::files(listener)))),
                ("routes", contents(routes, |route| (&route.id, Vec::new()))),
                ("upstreams", contents(upstreams, |upstream| (&upstream.id, Upstream::files(upstream)))),
                ("frame_logs", contents(frame_logs, |log| (&log.id, Vec::new()))),
                ("traces", contents(traces, |trace| (&trace.id, trace.files()))),
                ("agents", contents(agents, |agent| (&agent.id, Vec::new()))),
            ],
            sections: vec![
                ("server", plain(&config.server)),
                ("limits", plain(&config.limits)),
                ("observability", plain(&config.observability)),
                ("admin", fingerprint(&config.admin, files.map(|file| &*file.value))),
            ],
        }
    }

    /// What is another in `later`.
    pub(super) fn until(&self, later: &Self) -> Changes {
        let mut changes = Changes::default();
        for ((kind, before), (_, after)) in self.named.iter().zip(&later.named) {
            let names = names(before, after);
            if !names.is_empty() {
                changes.named.push((kind, names));
            }
        }
        let sections = self.sections.iter().zip(&later.sections);
        changes
            .sections
            .extend(sections.filter(|(before, after)| before != after).map(|((name, _), _)| name));
        changes
    }
}

impl Changes {
    /// What has changed of things that have names, such as `("routes", "+new ~chat")`, and the
    /// names of the other blocks that have changed.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let named = self.named.iter().map(|(kind, names)| (*kind, &**names));
        named.chain(self.sections.iter().map(|section| (*section, "")))
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (what, names) in self.iter() {
            write!(f, "{separator}{what}{}{names}", if names.is_empty() { "" } else { " " })?;
            separator = "; ";
        }
        if separator.is_empty() { f.write_str("nothing that has a name") } else { Ok(()) }
    }
}

fn contents<'a, T: fmt::Debug + 'a>(
    items: impl Iterator<Item = &'a T>,
    of: impl Fn(&'a T) -> (&'a str, Vec<&'a Path>),
) -> Contents {
    let content = |item| {
        let (name, files) = of(item);
        (name.to_owned(), fingerprint(item, files))
    };
    items.map(content).collect()
}

fn names(before: &Contents, after: &Contents) -> String {
    let known: HashMap<&str, Fingerprint> =
        before.iter().map(|(name, content)| (&**name, *content)).collect();
    let mut names = Vec::new();
    for (name, content) in after {
        match known.get(&**name) {
            None => names.push(format!("+{name}")),
            Some(before) if before != content => names.push(format!("~{name}")),
            Some(_) => {}
        }
    }
    let gone = before.iter().filter(|(name, _)| !after.iter().any(|(found, _)| found == name));
    names.extend(gone.map(|(name, _)| format!("-{name}")));
    let more = names.len().saturating_sub(NAMES_TOLD);
    names.truncate(NAMES_TOLD);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names.join(" ")
}

/// Names of one kind; a reload may change thousands.
const NAMES_TOLD: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Parts {
        Parts::of(&gate_config::parse("test.kdl", text).expect("no mistakes").config)
    }

    #[test]
    fn what_has_come_gone_and_changed_is_named() {
        const BEFORE: &str = r#"listeners { listener "a" { address "127.0.0.1:1" }; listener "b" { address "127.0.0.1:2" } }
            upstreams { upstream "u" { target "127.0.0.1:3" } }
            frame-logs { frame-log "f" { path "stdout"; frame } }
            routes { route "r" { priority 5; upstream "u"; websocket { frame-log "f" } } }"#;
        let before = parts(BEFORE);
        for (from, to, expected) in [
            ("\"b\"", "\"c\"", "listeners +c -b"),
            ("127.0.0.1:2", "127.0.0.1:4", "listeners ~b"),
            ("127.0.0.1:3", "127.0.0.1:4", "upstreams ~u"),
            ("priority 5", "priority 7", "routes ~r"),
            ("listeners", "server { max-connections 3 }\nlisteners", "server"),
            ("\"r\"", "\"s\"", "routes +s -r"),
            ("stdout", "stderr", "frame_logs ~f"),
            ("listeners", "// nothing\nlisteners", "nothing that has a name"),
        ] {
            assert_eq!(
                before.until(&parts(&BEFORE.replacen(from, to, 1))).to_string(),
                expected,
                "{from} {to}"
            );
        }
    }

    #[test]
    fn a_long_list_is_cut() {
        let after: Contents = (0..25).map(|n| (format!("r{n}"), fingerprint(&n, []))).collect();
        let told = names(&Vec::new(), &after);
        assert!(told.starts_with("+r0 +r1 ") && told.ends_with(" +r19 and 5 more"), "{told}");
    }
}
