//! What a route has beside `sip` that looks at the messages of one client: frame logs, and whoever
//! judges messages before they go on.
//!
//! A message whose verdict is outstanding waits in the lane of its direction, and with it those
//! behind it. Not here: what follows from a verdict (`sip::verdicts`).

use std::task::Context;
use std::time::Instant;

use gate_core::Side;
use gate_core::endpoint::{Endpoint, Frame, Kind};
use gate_core::policy::Inspection as Bounds;
use gate_core::session::Death;
use gate_core::session::{Judged, Part, Traffic, Whole};
use ws_proto::walk::Message;
use ws_proto::{ControlFrame, FrameHeader, Opcode, close};

use crate::inspect::errands::Answered;
use crate::inspect::session::SessionInspection;
use crate::observe::frame_log::SessionLog;
use crate::sip::lane::{Fate, Lane, Settled};

/// See the module.
pub(crate) struct Scrutiny {
    /// `None`: the route has no frame logs.
    log: Option<Box<SessionLog>>,
    /// `None`: nothing is judged.
    inspected: Option<Box<Inspected>>,
}

struct Inspected {
    judge: SessionInspection,
    bounds: Bounds,
    /// Of the client's messages, of those for it.
    lanes: [Lane; 2],
    /// The client's own server is gone, and what it has sent last may wait until then.
    last_words_until: Option<Instant>,
}

impl Scrutiny {
    /// `None`: nobody looks. `inspection` has its bounds with it.
    pub(crate) fn new(
        log: Option<Box<SessionLog>>,
        inspection: Option<(SessionInspection, Bounds)>,
    ) -> Option<Box<Self>> {
        if log.is_none() && inspection.is_none() {
            return None;
        }
        let inspected = inspection
            .map(|(judge, bounds)| Inspected {
                judge,
                bounds,
                lanes: Default::default(),
                last_words_until: None,
            })
            .map(Box::new);
        Some(Box::new(Self { log, inspected }))
    }

    /// A frame of the client's has come, on the connection with that end.
    pub(super) fn frame_came(&mut self, frame: &Frame, endpoint: &Endpoint, now: Instant) {
        let Some(log) = &mut self.log else { return };
        log.frame(Side::Client, &frame.header, frame.message.as_ref(), now);
        if frame.header.opcode == Opcode::Close {
            log.close(Side::Client, endpoint.closes().received.flatten(), endpoint.peer_reason(), now);
        } else if frame.header.fin
            && let Some(message) = &frame.message
        {
            log.message(Side::Client, message, now);
        }
    }

    /// A message has gone to the client, as one frame.
    pub(super) fn message_went(&mut self, kind: Kind, length: usize, now: Instant) {
        let Some(log) = &mut self.log else { return };
        let (opcode, size) = (kind.opcode(), u64::try_from(length).unwrap_or(u64::MAX));
        let header = FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_len: size };
        let message = Message { opcode, compressed: false, size, fragments: 1 };
        log.frame(Side::Upstream, &header, Some(&message), now);
        log.message(Side::Upstream, &message, now);
    }

    /// A Close frame goes to the client.
    pub(super) fn close_went(&mut self, frame: &ControlFrame) {
        let body = frame.as_bytes().get(2..).unwrap_or_default();
        if let (Some(log), Ok(said)) = (&mut self.log, close::parse_body(body))
            && let Some(code) = said.code
        {
            log.own_close(Side::Client, code, said.reason);
        }
    }

    /// The session is over.
    pub(super) fn end(&self, traffic: [Traffic; Side::BOTH.len()], death: Death, now: Instant) {
        if let Some(log) = &self.log {
            log.end(traffic, death, now);
        }
    }

    /// Has a message judged that `from` sends: the client, or others for it.
    pub(super) fn judge(&mut self, from: Side, kind: Kind, message: &[u8]) -> Fate {
        let inspected = self.inspected.as_deref_mut().filter(|inspected| inspected.bounds.includes(from));
        let Some(Inspected { judge, lanes, .. }) = inspected else { return Fate::Passes };
        let lane = of(from, lanes);
        let whole =
            Whole { opcode: kind.opcode(), index: lane.next_index(), payload: message, part: Part::Whole };
        let ruling = match judge.judge(from, &whole) {
            Judged::Now(ruling) => Some(ruling),
            Judged::Later => None,
        };
        lane.take(kind, message, ruling)
    }

    /// Takes the verdicts that have come from outside; the task is woken when there are more.
    pub(super) fn hear(&mut self, cx: &mut Context<'_>) {
        let Some(Inspected { judge, lanes, .. }) = self.inspected.as_deref_mut() else { return };
        while let Some(Answered { ticket, ruling }) = judge.poll_answer(cx) {
            of(ticket.from, lanes).rule(ticket.index, ruling);
        }
    }

    /// The next message that has its verdict, and who has sent it.
    pub(super) fn pop(&mut self) -> Option<(Side, Settled)> {
        let lanes = &mut self.inspected.as_deref_mut()?.lanes;
        Side::BOTH.into_iter().find_map(|from| Some((from, of(from, lanes).pop()?)))
    }

    /// Whether no more messages of `from` should be taken until those that wait have their verdicts.
    pub(super) fn is_full(&self, from: Side) -> bool {
        self.inspected.as_deref().is_some_and(|inspected| inspected.lane(from).is_full(&inspected.bounds))
    }

    /// Whether messages of `from` wait.
    pub(super) fn awaits(&self, from: Side) -> bool {
        self.inspected.as_deref().is_some_and(|inspected| !inspected.lane(from).is_empty())
    }

    /// The client's own server is gone. Whether messages of it wait, which then have time until `until`.
    pub(super) fn keep_last_words(&mut self, until: Instant) -> bool {
        let Some(inspected) = self.inspected.as_deref_mut() else { return false };
        let awaits = !inspected.lane(Side::Upstream).is_empty();
        if awaits {
            inspected.last_words_until.get_or_insert(until);
        }
        awaits
    }

    /// Until when the last messages of a server that is gone may wait.
    pub(super) fn last_words_until(&self) -> Option<Instant> {
        self.inspected.as_deref()?.last_words_until
    }

    /// Bytes of messages of `from` that wait.
    pub(super) fn waiting(&self, from: Side) -> usize {
        self.inspected.as_deref().map_or(0, |inspected| inspected.lane(from).bytes())
    }

    /// What `from` has sent and has no verdict yet goes nowhere any more.
    pub(super) fn abandon(&mut self, from: Side) -> Vec<Box<[u8]>> {
        let inspected = self.inspected.as_deref_mut();
        inspected.map(|inspected| of(from, &mut inspected.lanes).abandon().collect()).unwrap_or_default()
    }
}

impl Inspected {
    fn lane(&self, from: Side) -> &Lane {
        let [client, upstream] = &self.lanes;
        match from {
            Side::Client => client,
            Side::Upstream => upstream,
        }
    }
}

fn of(from: Side, lanes: &mut [Lane; 2]) -> &mut Lane {
    let [client, upstream] = lanes;
    match from {
        Side::Client => client,
        Side::Upstream => upstream,
    }
}
