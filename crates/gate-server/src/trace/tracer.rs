//! One trace of a configuration: what it tells, of whom, and to whom.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use gate_config::model::{Config, Objection, Trace, TraceEnds};
use sip_proto::hep::{Agent, Cut, Stamp, Template, Told};

use super::outlet::Outlet;
use super::switches::{Named, Switch, Wire};
use crate::clock;
use crate::observe::traces::Stats;

/// See the module.
pub(crate) struct Tracer {
    settings: Trace,
    switch: Arc<Switch>,
    outlet: Arc<Outlet>,
}

impl Tracer {
    /// Those of a configuration, by [`gate_core::ids::TraceId`]. What has the same name among those
    /// `before` keeps its switches and counters, and its connection where it goes to the same server.
    ///
    /// # Errors
    /// All that the world has against their TLS.
    pub(crate) fn build_all(config: &Config, before: &[Arc<Self>]) -> Result<Vec<Arc<Self>>, Vec<Objection>> {
        let mut tracers = Vec::new();
        let mut objections = Vec::new();
        for trace in &config.traces {
            let same = before.iter().find(|before| before.settings.id == trace.id);
            match Outlet::after(same.map(|same| &same.outlet), trace) {
                Ok(outlet) => {
                    let switch = same.map(|same| Arc::clone(&same.switch));
                    let switch = switch.unwrap_or_else(|| Arc::new(Switch::new(trace.enabled)));
                    tracers.push(Arc::new(Self { settings: trace.clone(), switch, outlet }));
                }
                Err(found) => objections.extend(found),
            }
        }
        if objections.is_empty() { Ok(tracers) } else { Err(objections) }
    }

    /// The switches of several, by name.
    pub(crate) fn switches(tracers: &[Arc<Self>]) -> Named {
        tracers.iter().map(|tracer| (Arc::clone(&tracer.settings.id), Arc::clone(&tracer.switch))).collect()
    }

    /// What was counted of several, by name.
    pub(crate) fn stats(tracers: &[Arc<Self>]) -> Vec<(Arc<str>, Arc<Stats>)> {
        let of = |tracer: &Arc<Self>| (Arc::clone(&tracer.settings.id), Arc::clone(tracer.outlet.stats()));
        tracers.iter().map(of).collect()
    }

    /// Whether events of such connections go out at this moment.
    pub(crate) fn is_on(&self, wire: Wire) -> bool {
        self.switch.is_on(wire)
    }

    /// Whether such a connection is traced at all.
    pub(super) fn admits(&self, ends: &TraceEnds) -> bool {
        self.settings.filter.admits(ends)
    }

    pub(super) fn settings(&self) -> &Trace {
        &self.settings
    }

    pub(super) fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }

    /// What the gateway is to the server.
    pub(super) fn agent(&self) -> Agent<'_> {
        let Trace { capture_id, auth_key, node_name, .. } = &self.settings;
        Agent {
            capture_id: *capture_id,
            auth_key: auth_key.as_ref().map(|key| key.reveal().as_bytes()),
            node_name: node_name.as_ref().map(|name| name.as_bytes()),
        }
    }

    /// Sends a packet, made of `template`, about something that happens at this moment.
    pub(super) fn send(&self, template: &Template, correlation: &[u8], payload: &[u8]) {
        let mut packet = Vec::with_capacity(PACKET_USUAL + payload.len());
        let told = Told { stamp: stamp(clock::wall()), correlation, payload };
        if template.write(&told, self.settings.packet_size_max, &mut packet) == Cut::Short {
            self.outlet.stats().count_cut();
        }
        self.outlet.send(packet);
    }

    /// Counts an event of which a value was cut so that it fits.
    pub(super) fn count_cut(&self) {
        self.outlet.stats().count_cut();
    }
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("name", &self.settings.id).finish_non_exhaustive()
    }
}

/// The time as packets have it. Before 1970 it is 1970.
fn stamp(time: SystemTime) -> Stamp {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp { seconds: u32::try_from(since.as_secs()).unwrap_or(u32::MAX), microseconds: since.subsec_micros() }
}

/// Bytes of a packet beside its payload, as a rule.
const PACKET_USUAL: usize = 160;
