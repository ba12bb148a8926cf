//! Another configuration for a gateway that runs. All of it is made ready beside the one that
//! runs; only when nothing can go wrong any more is it put in the place of that one.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use gate_config::Sources;
use gate_config::model::{Config, Level, Objection, Place};

use super::Gateway;
use super::changes::{Changes, Parts};
use crate::observe::reloads::Outcome;
use crate::preparation::{Prepared, prepare, workers};
use crate::runtime::{Change, Command};
use crate::sockets::inherited::Inherited;
use crate::trace::Tracer;

/// What a reload came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The configuration says what the one that runs says; so do the files that it names.
    Same,
    /// It runs.
    Changed {
        /// What is another.
        changes: Changes,
        /// What somebody should look at nevertheless.
        warnings: Vec<Objection>,
    },
}

/// Going over takes a worker no longer than the events that it is busy with.
const GOING_OVER_MAX: Duration = Duration::from_secs(10);

impl Gateway {
    /// Goes over to another configuration, which was read from `sources`. Sessions that are open keep the one that they began
    /// with; whoever comes when this returns comes to the new one. Blocks while names are
    /// resolved; not to be called on a thread that runs tasks.
    ///
    /// # Errors
    /// All that the world has against it. Nothing has changed then.
    pub fn reload(&mut self, config: Config, sources: &Sources) -> Result<Reloaded, Vec<Objection>> {
        if config.fingerprint() == self.snapshot.fingerprint() {
            self.sources.reloads.count(Outcome::Same);
            self.records.error("reloaded", Level::Info, |line| line.text("detail", "nothing has changed"));
            return Ok(Reloaded::Same);
        }
        let parts = Parts::of(&config);
        let count = self.workers.len();
        let warnings = self.needs_restart(&config);
        let running = (Some(&*self.snapshot), &self.posts);
        let prepared = prepare(config, count, running, Inherited::default(), self.records.sinks());
        let Prepared { snapshot, plan, outlets } = prepared.inspect_err(|objections| {
            let told: Vec<_> =
                objections.iter().map(|objection| sources.objection(objection).one_line()).collect();
            self.note_failed_reload(&told.join("; "));
        })?;
        // From here on nothing fails.
        let changes = self.parts.until(&parts);
        self.parts = parts;
        self.snapshot = snapshot;
        self.snapshot.put_rules_in_place();
        self.switchboard.put_in_place(Tracer::switches(self.snapshot.tracers()));
        self.records.install(outlets);
        // What is no longer listened on is let go of first, so that the workers close it.
        self.posts.carry_out(plan);
        self.name_addresses();
        self.sources.reconfigure(self.snapshot.configured());
        self.assign_duties();
        self.configure_workers();
        self.sources.reloads.count(Outcome::Changed(self.snapshot.fingerprint()));
        self.tell_of_reload(&changes, &warnings);
        let warnings = warnings.into_iter().chain(self.snapshot.warnings()).collect();
        Ok(Reloaded::Changed { changes, warnings })
    }

    /// Tells the log and the metrics of a reload that came to nothing: what was wrong with the
    /// text of the configuration is not known here.
    pub fn note_failed_reload(&self, why: &str) {
        self.sources.reloads.count(Outcome::Failed);
        self.records.error("reload_failed", Level::Error, |line| line.text("detail", why));
    }

    /// Returns when all workers have gone over, but for one that a log with `when-full "block"` holds up:
    /// it goes over once that takes its lines, and keeps nobody from ending the gateway until then.
    fn configure_workers(&mut self) {
        let (done, all_done) = sync_channel(1);
        let assignments = self.posts.assign(self.workers.len());
        for (worker, sockets) in self.workers.iter().zip(assignments) {
            let change = Change { snapshot: Arc::clone(&self.snapshot), sockets, done: done.clone() };
            // A worker that is gone has panicked: its sessions are gone as well.
            let _gone = worker.mailbox.blocking_send(Command::Configure(Box::new(change)));
        }
        drop(done);
        // Nobody sends anything: the last of them to drop its end ends this.
        if let Err(RecvTimeoutError::Timeout) = all_done.recv_timeout(GOING_OVER_MAX) {
            self.records.error("reload_waits", Level::Warn, |line| {
                line.text("detail", "a worker is held up and goes over to the new configuration later");
                line.text("help", "look for a log with when-full \"block\" whose target takes nothing");
            });
        }
    }

    /// What only a start can change.
    fn needs_restart(&self, config: &Config) -> Vec<Objection> {
        let (wanted, count) = (workers(config), self.workers.len());
        if wanted == count {
            return Vec::new();
        }
        vec![Objection {
            place: Place::NOWHERE,
            message: format!("worker-threads would be {wanted}, but {count} go on running"),
            help: "restart the gateway, or start another one with --take-over".to_owned(),
        }]
    }

    fn tell_of_reload(&self, changes: &Changes, warnings: &[Objection]) {
        self.records.error("reloaded", Level::Info, |line| {
            let mut others = Vec::new();
            for (what, names) in changes.iter() {
                if names.is_empty() { others.push(what) } else { line.text(what, names) }
            }
            if !others.is_empty() {
                line.text("others", &others.join(" "));
            }
            line.text("config_hash", &self.snapshot.fingerprint().to_string());
        });
        for Objection { message, help, .. } in warnings {
            self.records.error("reload_warning", Level::Warn, |line| {
                line.text("detail", message);
                line.text("help", help);
            });
        }
        self.tell_of_certificates();
    }
}

#[cfg(test)]
mod tests;
