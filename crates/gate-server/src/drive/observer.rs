//! Who is told of the frames of a session: its worker's counters, and its frame logs.

use std::time::Instant;

use gate_core::session::Withheld;
use gate_core::{Observe, Side};
use ws_proto::walk::Message;
use ws_proto::{CloseCode, FrameHeader};

use crate::observe::counters::Count;
use crate::observe::frame_log::SessionLog;

/// See the module.
pub(crate) struct Observer<'a> {
    pub(crate) count: Count<'a>,
    pub(crate) log: Option<&'a mut SessionLog>,
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
}
