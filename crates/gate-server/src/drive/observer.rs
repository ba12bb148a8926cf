//! Who is told of the frames of a session: its worker's counters, and its frame logs.

use std::time::Instant;

use gate_core::session::{Judged, Ruling, Whole, Withheld};
use gate_core::{Inspection, Observe, Side};
use ws_proto::walk::Message;
use ws_proto::{CloseCode, FrameError, FrameHeader};

use crate::inspect::session::SessionInspection;
use crate::observe::counters::Count;
use crate::observe::frame_log::SessionLog;

/// See the module.
pub(crate) struct Observer<'a> {
    pub(crate) count: Count<'a>,
    pub(crate) log: Option<&'a mut SessionLog>,
    pub(crate) inspection: Option<&'a mut SessionInspection>,
    pub(crate) now: Instant,
}

impl Observe for Observer<'_> {
    fn frame(&mut self, from: Side, header: &FrameHeader, message: Option<&Message>) {
        self.count.frame(from, header, message);
        if let Some(log) = &mut self.log {
            log.frame(from, header, message, self.now);
        }
    }

    fn message(&mut self, from: Side, message: &Message) {
        self.count.message(from, message);
        if let Some(log) = &mut self.log {
            log.message(from, message, self.now);
        }
    }

    fn close(&mut self, from: Side, code: Option<CloseCode>, reason: &str) {
        self.count.close(from, code, reason);
        if let Some(log) = &mut self.log {
            log.close(from, code, reason, self.now);
        }
    }

    fn withheld(&mut self, from: Side, what: Withheld) {
        self.count.withheld(from, what);
    }

    fn judge(&mut self, from: Side, message: &Whole<'_>) -> Judged {
        match &mut self.inspection {
            Some(inspection) => inspection.judge(from, message),
            None => Judged::Now(Ruling::ALLOW),
        }
    }

    fn inflate(
        &mut self,
        from: Side,
        compressed: &[u8],
        policy: &Inspection,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        match &mut self.inspection {
            Some(inspection) => inspection.inflate(from, compressed, policy, out),
            None => Err(FrameError::BadDeflate),
        }
    }
}
