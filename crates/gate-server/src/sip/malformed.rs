//! Messages that are not in order: who sent them, and what is wrong with them, is counted and recorded.

use gate_config::model::Level;
use sip_proto::Fault;

use crate::clock;
use crate::sip::hub::{Hub, Origin};
use crate::worker::Worker;

impl Hub {
    /// A message had that fault; `status`: it was answered so, else it went nowhere.
    pub(super) fn tell_fault(&self, worker: &Worker, origin: &Origin, fault: Fault, status: Option<u16>) {
        match status {
            Some(status) => worker.counters.sip.answered_fault(status, fault),
            None => worker.counters.sip.dropped(fault.label()),
        }
        let Some(suppressed) = self.faults.admit(fault.label(), clock::now()) else { return };
        worker.records.error("sip_malformed", Level::Info, |line| {
            line.text("peer", &origin.address.to_string());
            line.plain("transport", origin.transport.in_uri());
            line.plain("reason", fault.label());
            line.text("detail", fault.text());
            if let Some(status) = status {
                line.number("status", status);
            }
            if suppressed > 0 {
                line.number("suppressed", suppressed);
            }
        });
    }
}
