//! The lines of one session: one when it opens, one for each frame and message that its logs
//! want, one when it is over.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use gate_config::model::{FrameFilter, Senders};
use gate_core::Side;
use gate_core::session::{Cause, Death, Party, Traffic};
use gate_core::template::{Bound, Close, Data, End, Event, Facts, Kind, Totals};
use ws_proto::walk::Message;
use ws_proto::{CloseCode, FrameHeader, Opcode};

use super::FrameLog;
use super::buffer::{Buffer, Buffers};
use crate::clock;
use crate::observe::record::close_number;

/// See the module.
pub(crate) struct SessionLog {
    logs: Box<[Lines]>,
    buffers: Rc<Buffers>,
    opened: Instant,
    /// The kinds of lines that any of the logs has.
    wanted: Wanted,
    /// From the client, from the upstream.
    payload_bytes: [u64; 2],
    /// The frame that passed last.
    last: Option<Data>,
    /// The reason of the Close that a peer sent first, where a line will want it.
    reason: Option<Box<str>>,
    /// What the gateway said of its own accord: the code, and the reason in the same way.
    own_close: Option<(CloseCode, Box<str>)>,
}

/// What of one log a session writes.
struct Lines {
    buffer: Rc<Buffer>,
    frame: Option<Bound>,
    message: Option<Bound>,
    close: Option<Bound>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Wanted {
    frame: bool,
    message: bool,
    reason: bool,
}

impl SessionLog {
    /// Writes that a session opens; `None`: it has no logs.
    pub(crate) fn open(
        logs: &[Arc<FrameLog>],
        buffers: &Rc<Buffers>,
        facts: &Facts<'_>,
        now: Instant,
    ) -> Option<Box<Self>> {
        let mut wanted = Wanted::default();
        let mut bound = Vec::new();
        for log in logs {
            let Some(buffer) = buffers.of(log) else { continue };
            let bind = |kind| {
                let template = log.settings.formats.of(kind)?;
                Some(template.bind(facts, &log.settings.redaction))
            };
            if let Some(open) = bind(Kind::Open) {
                buffers.stamps.with(clock::wall(), |stamp| {
                    let event = Event {
                        kind: Kind::Open,
                        stamp,
                        age: std::time::Duration::ZERO,
                        data: None,
                        source: None,
                        close: None,
                        end: None,
                    };
                    buffer.add(stamp, |line| open.render(&event, line));
                });
            }
            let lines = Lines {
                frame: bind(Kind::Frame),
                message: bind(Kind::Message),
                close: bind(Kind::Close),
                buffer,
            };
            wanted.frame |= lines.frame.is_some();
            wanted.message |= lines.message.is_some();
            wanted.reason |=
                log.settings.formats.close.as_ref().is_some_and(|template| template.wants_close_reason());
            bound.push(lines);
        }
        (!bound.is_empty()).then(|| {
            Box::new(Self {
                logs: bound.into(),
                buffers: Rc::clone(buffers),
                opened: now,
                wanted,
                payload_bytes: [0; 2],
                last: None,
                reason: None,
                own_close: None,
            })
        })
    }

    /// A frame has passed.
    pub(crate) fn frame(
        &mut self,
        from: Side,
        header: &FrameHeader,
        message: Option<&Message>,
        now: Instant,
    ) {
        let size = header.payload_len;
        if let Some(bytes) = self.payload_bytes.get_mut(from.index()) {
            *bytes = bytes.wrapping_add(size);
        }
        let data = Data {
            opcode: header.opcode,
            payload_size: size,
            message_size: message.map_or(size, |message| message.size),
            fragments: message.map_or(1, |message| message.fragments),
            is_compressed: message.is_some_and(|message| message.compressed),
        };
        self.last = Some(data);
        // What a Close says is told right behind it, and its line is written then.
        if self.wanted.frame && header.opcode != Opcode::Close {
            let of = message.map_or(header.opcode, |message| message.opcode);
            self.write(Kind::Frame, Passed { from, data, of, close: None }, now);
        }
    }

    /// A data message has passed, behind its last frame.
    pub(crate) fn message(&self, from: Side, message: &Message, now: Instant) {
        if !self.wanted.message {
            return;
        }
        let data = Data {
            opcode: message.opcode,
            payload_size: self.last.map_or(0, |last| last.payload_size),
            message_size: message.size,
            fragments: message.fragments,
            is_compressed: message.compressed,
        };
        self.write(Kind::Message, Passed { from, data, of: message.opcode, close: None }, now);
    }

    /// What the Close frame said that was the last one to pass.
    pub(crate) fn close(&mut self, from: Side, code: Option<CloseCode>, reason: &str, now: Instant) {
        if self.wanted.reason && self.reason.is_none() {
            self.reason = Some(reason.into());
        }
        if let (true, Some(data)) = (self.wanted.frame, self.last) {
            let close = Some(Close { code: close_number(code), reason: Some(reason) });
            self.write(Kind::Frame, Passed { from, data, of: Opcode::Close, close }, now);
        }
    }

    /// The gateway has sent a Close of its own. What the client is told goes before what the
    /// upstream is.
    pub(crate) fn own_close(&mut self, to: Side, code: CloseCode, reason: &str) {
        if self.own_close.is_none() || to == Side::Client {
            let reason = if self.wanted.reason { reason } else { "" };
            self.own_close = Some((code, reason.into()));
        }
    }

    /// The session is over.
    /// `traffic`: of the client, of the upstream.
    pub(crate) fn end(&self, traffic: [Traffic; Side::BOTH.len()], death: Death, now: Instant) {
        let totals = Side::BOTH.map(|side| {
            let traffic = traffic.get(side.index()).copied().unwrap_or_default();
            Totals {
                frames: traffic.frames,
                messages: traffic.messages,
                payload_bytes: self.payload_bytes.get(side.index()).copied().unwrap_or_default(),
                bytes: traffic.bytes,
            }
        });
        let initiator = initiator(death);
        let (code, reason) = match (initiator, death.cause) {
            (_, Cause::Close(code)) => (close_number(code), self.reason.as_deref()),
            (Party::Gateway, _) => match &self.own_close {
                Some((code, reason)) => (code.get(), Some(&**reason)),
                None => (ABNORMAL, None),
            },
            (Party::Peer(_), _) => (ABNORMAL, None),
        };
        let end = End { initiator, reason: death.cause.reason(), by: death.by, totals: &totals };
        self.buffers.stamps.with(clock::wall(), |stamp| {
            let event = Event {
                kind: Kind::Close,
                stamp,
                age: now.saturating_duration_since(self.opened),
                data: self.last,
                source: Some(initiator),
                close: Some(Close { code, reason }),
                end: Some(end),
            };
            for Lines { buffer, close, .. } in &self.logs {
                if let Some(close) = close {
                    buffer.add(stamp, |line| close.render(&event, line));
                }
            }
        });
    }

    fn write(&self, kind: Kind, passed: Passed<'_>, now: Instant) {
        let age = now.saturating_duration_since(self.opened);
        let Passed { from, data, close, .. } = passed;
        self.buffers.stamps.with(clock::wall(), |stamp| {
            let source = Some(Party::Peer(from));
            let event = Event { kind, stamp, age, data: Some(data), source, close, end: None };
            for Lines { buffer, frame, message, .. } in &self.logs {
                let bound = match kind {
                    Kind::Frame => frame,
                    Kind::Message => message,
                    Kind::Open | Kind::Close => &None,
                };
                if let Some(bound) = bound
                    && passed.fits(kind, &buffer.log.settings.filter)
                    && buffer.takes_sample(kind)
                {
                    buffer.add(stamp, |line| bound.render(&event, line));
                }
            }
        });
    }
}

/// A frame or message.
#[derive(Clone, Copy)]
struct Passed<'a> {
    from: Side,
    data: Data,
    /// The opcode of its message; of a control frame, its own.
    of: Opcode,
    close: Option<Close<'a>>,
}

impl Passed<'_> {
    fn fits(&self, kind: Kind, filter: &FrameFilter) -> bool {
        let size = if kind == Kind::Message { self.data.message_size } else { self.data.payload_size };
        let has_direction = match (filter.direction, self.from) {
            (None | Some(Senders::Both), _)
            | (Some(Senders::Client), Side::Client)
            | (Some(Senders::Upstream), Side::Upstream) => true,
            (Some(Senders::Client), Side::Upstream) | (Some(Senders::Upstream), Side::Client) => false,
        };
        let opcodes = &filter.opcodes;
        has_direction
            && size >= filter.size_min
            && (filter.size_max == 0 || size <= filter.size_max)
            && (opcodes.is_empty() || opcodes.contains(&self.data.opcode) || opcodes.contains(&self.of))
    }
}

/// Who began the end: who sent the first Close, FIN or RST. Whatever else ends a session is
/// done by the gateway, whoever is to blame.
fn initiator(death: Death) -> Party {
    if matches!(death.cause, Cause::Close(_) | Cause::Fin | Cause::Reset) { death.by } else { Party::Gateway }
}

/// RFC 6455 §7.1.5: there was no Close.
const ABNORMAL: u16 = 1006;
