//! What is counted and told of the frames of one walk, and what is asked about them.

use std::ops::Range;

use ws_proto::walk::{Admission, Message, Observer};
use ws_proto::{CloseCode, FrameHeader, Opcode};

use super::watch::Watch;
use super::{Observe, Traffic, Withheld};
use crate::side::Side;

/// Counts for the session's own record and tells the observer.
pub(super) struct Tally<'a, O> {
    pub(super) from: Side,
    pub(super) traffic: &'a mut Traffic,
    /// A Close frame does not go on: the other side gets the gateway's.
    pub(super) other_is_closed: bool,
    pub(super) watch: Option<&'a mut Watch>,
    pub(super) observer: &'a mut O,
    /// Frames that went nowhere.
    pub(super) skipped: u64,
    /// A data frame has passed whole.
    pub(super) passed_data: bool,
}

impl<O: Observe> Tally<'_, O> {
    fn tell(&mut self, (admission, withheld): (Admission, Option<Withheld>)) -> Admission {
        if let Some(withheld) = withheld {
            self.observer.withheld(self.from, withheld);
        }
        admission
    }
}

impl<O: Observe> Observer for Tally<'_, O> {
    fn frame(&mut self, header: &FrameHeader, message: Option<&Message>) {
        if self.other_is_closed && header.opcode == Opcode::Close {
            return;
        }
        self.traffic.frames += 1;
        self.passed_data |= message.is_some();
        self.observer.frame(self.from, header, message);
    }

    fn message(&mut self, message: &Message) {
        self.traffic.messages += 1;
        self.observer.message(self.from, message);
    }

    fn payload(&mut self, _header: &FrameHeader, _bytes: &[u8], passed: Range<u64>) {
        if let Some(watch) = &mut self.watch {
            watch.charge_rest(self.from, &passed);
        }
    }

    fn close(&mut self, code: Option<CloseCode>, reason: &str) {
        if !self.other_is_closed {
            self.observer.close(self.from, code, reason);
        }
    }

    fn admit(&mut self, header: &FrameHeader, _message: Option<&Message>) -> Admission {
        match &mut self.watch {
            None => Admission::Pass,
            Some(_) if header.opcode == Opcode::Close => Admission::Pass,
            Some(watch) => {
                let judged = watch.admit(self.from, header);
                self.tell(judged)
            }
        }
    }

    fn admit_whole(&mut self, header: &FrameHeader, payload: &[u8]) -> Admission {
        match &mut self.watch {
            None => Admission::Pass,
            Some(_) if header.opcode == Opcode::Close => Admission::Pass,
            Some(watch) => {
                let judged = watch.admit_whole(self.from, header, payload);
                self.tell(judged)
            }
        }
    }

    fn skipped(&mut self, _header: &FrameHeader) {
        self.skipped += 1;
    }
}

/// Counts frames that go nowhere, of which nobody is told.
pub(super) struct Dropped {
    pub(super) frames: u64,
}

impl Observer for Dropped {
    fn frame(&mut self, _header: &FrameHeader, _message: Option<&Message>) {
        self.frames += 1;
    }

    fn message(&mut self, _message: &Message) {}

    fn close(&mut self, _code: Option<CloseCode>, _reason: &str) {}

    fn skipped(&mut self, _header: &FrameHeader) {
        self.frames += 1;
    }
}
