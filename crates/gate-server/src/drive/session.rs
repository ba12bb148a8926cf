//! The driver of one session: owns both connections, feeds the machine what they give
//! and carries out what it answers. It ends with exactly one record, also when it is
//! dropped half-way.

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use gate_core::session::{Cause, Death, Output, Party, Progress};
use gate_core::{Session, Side};
use gate_net::Transport;
use ws_proto::mask::MaskKey;
use ws_proto::{ControlFrame, message};

use crate::admission::Seated;
use crate::clock;
use crate::drive::observer::Observer;
use crate::drive::pipe::{Pipe, Written};
use crate::drive::timer::Timer;
use crate::inspect::errands::Answered;
use crate::inspect::session::SessionInspection;
use crate::observe::counters::Count;
use crate::observe::frame_log::SessionLog;
use crate::observe::record::Opened;
use crate::trace::SessionTrace;
use crate::upstream::lease::Lease;
use crate::worker::Worker;
use crate::worker::census::Row;
use crate::worker::registry::Place;
use crate::worker::scratch::Scratch;

/// Reads of one side before the other sessions of the worker get their turn.
const TURN: usize = 16;

/// See the module.
pub(crate) struct SessionDriver<C: Transport, U: Transport> {
    worker: Rc<Worker>,
    session: Session,
    client: Pipe<C>,
    upstream: Pipe<U>,
    timer: Timer,
    opened: Rc<Opened>,
    /// `None`: the route has no frame logs.
    log: Option<Box<SessionLog>>,
    /// `None`: nothing is looked into.
    inspection: Option<Box<SessionInspection>>,
    /// `None`: its connections are not traced.
    trace: Option<Box<SessionTrace>>,
    place: Place,
    _seats: Seated,
    lease: Lease,
}

/// The time and the task of one wake-up.
struct Wake<'a, 'b> {
    cx: &'a mut Context<'b>,
    now: Instant,
}

/// Whether a side has more to read at once.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Done,
    Cut,
}

/// What to build a driver from.
pub(crate) struct Parts<C, U> {
    pub(crate) session: Session,
    pub(crate) client: C,
    pub(crate) upstream: U,
    pub(crate) opened: Rc<Opened>,
    pub(crate) log: Option<Box<SessionLog>>,
    pub(crate) inspection: Option<Box<SessionInspection>>,
    pub(crate) trace: Option<Box<SessionTrace>>,
    pub(crate) place: Place,
    pub(crate) seats: Seated,
    pub(crate) lease: Lease,
}

impl<C: Transport, U: Transport> SessionDriver<C, U> {
    pub(crate) fn new(worker: Rc<Worker>, parts: Parts<C, U>) -> Self {
        let Parts { session, client, upstream, opened, log, inspection, trace, place, seats, lease } = parts;
        worker.counters.session_opened(&opened.route);
        Self {
            worker,
            session,
            client: Pipe::new(client),
            upstream: Pipe::new(upstream),
            timer: Timer::default(),
            opened,
            log,
            inspection,
            trace,
            place,
            _seats: seats,
            lease,
        }
    }

    /// Registers the task and forwards what came with the two handshakes.
    pub(crate) fn begin(&mut self, cx: &mut Context<'_>, early: [&[u8]; 2]) {
        self.place.set_waker(cx.waker());
        let worker = Rc::clone(&self.worker);
        let mut scratch = worker.scratch.borrow_mut();
        let wake = &mut Wake { cx, now: clock::now() };
        for (side, bytes) in Side::BOTH.into_iter().zip(early) {
            for piece in bytes.chunks(scratch.space().len()) {
                if self.session.is_delayed(side) {
                    self.keep_behind(side, piece);
                    continue;
                }
                if let Some(space) = scratch.space().get_mut(..piece.len()) {
                    space.copy_from_slice(piece);
                }
                self.handle_read(side, piece.len(), &mut scratch, wake);
            }
        }
    }

    /// Runs until both connections are over.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = clock::now();
        let wake = &mut Wake { cx, now };
        let words = self.place.take_words();
        if let Some(order) = words.order {
            self.session.handle_order(order.cause, order.code, &order.reason, now);
        }
        for question in words.questions {
            question.answer(self.account(now));
        }
        for side in Side::BOTH {
            self.flush(side, wake);
        }
        self.carry_out(wake);
        self.hear_answers(wake);
        let worker = Rc::clone(&self.worker);
        let mut scratch = worker.scratch.borrow_mut();
        let mut turns = Side::BOTH.map(|side| self.read(side, &mut scratch, wake));
        // What a deadline waits for may have been there already.
        if self.timer.poll(wake.cx).is_ready() && self.session.poll_timeout().is_some_and(|at| at <= now) {
            self.session.handle_timeout(now);
            self.carry_out(wake);
            turns = Side::BOTH.map(|side| self.read(side, &mut scratch, wake));
        }
        // What has been asked for now is on its way only once it is polled.
        for round in 1.. {
            if !self.hear_answers(wake) {
                break;
            }
            turns = Side::BOTH.map(|side| self.read(side, &mut scratch, wake));
            // Where everybody answers at once, as a failure-mode does, the others have their turn too.
            if round == TURN {
                wake.cx.waker().wake_by_ref();
                break;
            }
        }
        if self.session.is_over() {
            return Poll::Ready(());
        }
        self.timer.set(self.session.poll_timeout(), wake.cx);
        if turns.contains(&Turn::Cut) {
            wake.cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Lets go what has been judged outside; whether there was anything.
    fn hear_answers(&mut self, wake: &mut Wake<'_, '_>) -> bool {
        let mut has_heard = false;
        while let Some(inspection) = &mut self.inspection
            && let Some(Answered { ticket, ruling }) = inspection.poll_answer(wake.cx)
        {
            let mut observer = Observer {
                count: Count(&self.worker.counters),
                log: self.log.as_deref_mut(),
                inspection: None,
                now: wake.now,
            };
            self.session.handle_ruling(ticket, ruling, wake.now, &mut observer);
            self.carry_out(wake);
            has_heard = true;
        }
        has_heard
    }

    /// What an operator is told of it.
    fn account(&self, now: Instant) -> Row {
        let opened = &*self.opened;
        Row {
            id: opened.id,
            client: opened.client.clone(),
            route: Arc::clone(&opened.route),
            upstream: Arc::clone(&self.lease.cluster().upstream().id),
            target: Arc::clone(&opened.upstream),
            path: opened.path.clone(),
            request_id: opened.request_id.clone(),
            age: now.saturating_duration_since(opened.at),
            is_ending: self.session.death().is_some(),
            traffic: Side::BOTH.map(|side| self.session.traffic(side)),
        }
    }

    fn read(&mut self, from: Side, scratch: &mut Scratch, wake: &mut Wake<'_, '_>) -> Turn {
        for _ in 0..TURN {
            if !self.session.wants_read(from) {
                return Turn::Done;
            }
            let read = match from {
                Side::Client => self.client.poll_read(wake.cx, scratch.space(), &self.worker.pool),
                Side::Upstream => self.upstream.poll_read(wake.cx, scratch.space(), &self.worker.pool),
            };
            match read {
                Poll::Pending => return Turn::Done,
                Poll::Ready(Ok(0)) => {
                    self.session.handle_fin(from, wake.now);
                    self.carry_out(wake);
                }
                Poll::Ready(Ok(count)) => self.handle_read(from, count, scratch, wake),
                Poll::Ready(Err(_)) => {
                    self.session.handle_reset(from, wake.now);
                    self.carry_out(wake);
                }
            }
        }
        Turn::Cut
    }

    /// Hands the machine the first `count` bytes of the space, and forwards what it says.
    fn handle_read(&mut self, from: Side, count: usize, scratch: &mut Scratch, wake: &mut Wake<'_, '_>) {
        let to = from.other();
        let mut start = 0;
        while start < count {
            let input = scratch.bytes(start..count);
            let mut observer = Observer {
                count: Count(&self.worker.counters),
                log: self.log.as_deref_mut(),
                inspection: self.inspection.as_deref_mut(),
                now: wake.now,
            };
            let step = self.session.handle_bytes(from, input, wake.now, &mut observer);
            let forward = start + step.forward.start..start + step.forward.end;
            let held = step.held.as_bytes();
            // Held bytes go before the first byte of a read, and only there.
            debug_assert!(held.is_empty() || forward.start == 0, "held bytes come before all others");
            let bytes = if held.is_empty() {
                scratch.bytes(forward)
            } else {
                scratch.bytes_behind(held, forward.end)
            };
            if !bytes.is_empty() {
                self.pass(to, bytes, wake);
            }
            self.carry_out(wake);
            start += step.consumed;
            if start < count && self.session.is_delayed(from) {
                let rest = scratch.bytes(start..count);
                return match from {
                    Side::Client => self.client.keep(rest, &self.worker.pool),
                    Side::Upstream => self.upstream.keep(rest, &self.worker.pool),
                };
            }
            debug_assert!(step.consumed > 0 || self.session.death().is_some(), "a walk makes headway");
        }
    }

    fn keep_behind(&mut self, from: Side, bytes: &[u8]) {
        match from {
            Side::Client => self.client.keep_behind(bytes, &self.worker.pool),
            Side::Upstream => self.upstream.keep_behind(bytes, &self.worker.pool),
        }
    }

    /// Does what the machine wants done.
    fn carry_out(&mut self, wake: &mut Wake<'_, '_>) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::SendClose { to, code, reason } => {
                    if let Some(log) = &mut self.log {
                        log.own_close(to, code, &reason);
                    }
                    self.write(to, ControlFrame::close(code, &reason, mask(to)).as_bytes(), wake);
                }
                Output::Send { to, bytes } => self.pass(to, &bytes, wake),
                Output::SendMessage { to, opcode, payload } => {
                    self.pass(to, &message::encode(opcode, &payload, mask(to)), wake);
                }
                Output::SendPing { to, payload } => {
                    self.worker.counters.direction(to).pings.add(1);
                    self.write(to, ControlFrame::ping(&payload, mask(to)).as_bytes(), wake);
                }
                Output::Finish(to) => {
                    let written = match to {
                        Side::Client => self.client.finish(wake.cx),
                        Side::Upstream => self.upstream.finish(wake.cx),
                    };
                    if written == Written::Broken {
                        self.session.handle_write_failed(to, wake.now);
                    }
                }
                Output::Abort(to) => match to {
                    Side::Client => self.client.abort(&self.worker.pool),
                    Side::Upstream => self.upstream.abort(&self.worker.pool),
                },
            }
        }
    }

    /// Sends what a peer has sent.
    fn pass(&mut self, to: Side, bytes: &[u8], wake: &mut Wake<'_, '_>) {
        let passed = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.worker.counters.direction(to.other()).bytes.add(passed);
        self.write(to, bytes, wake);
    }

    fn write(&mut self, to: Side, bytes: &[u8], wake: &mut Wake<'_, '_>) {
        let pool = &self.worker.pool;
        let written = match to {
            Side::Client => self.client.write(wake.cx, bytes, pool),
            Side::Upstream => self.upstream.write(wake.cx, bytes, pool),
        };
        if written != Written::All {
            self.worker.counters.direction(to.other()).pauses.add(1);
            self.tell(to, written, wake.now);
        }
    }

    fn flush(&mut self, to: Side, wake: &mut Wake<'_, '_>) {
        let pool = &self.worker.pool;
        let (was_blocked, written) = match to {
            Side::Client => (self.client.is_blocked(), self.client.flush(wake.cx, pool)),
            Side::Upstream => (self.upstream.is_blocked(), self.upstream.flush(wake.cx, pool)),
        };
        if was_blocked || written == Written::Broken {
            self.tell(to, written, wake.now);
        }
    }

    fn tell(&mut self, to: Side, written: Written, now: Instant) {
        match written {
            Written::All => self.session.handle_unblocked(to, now),
            Written::Some => self.session.handle_blocked(to, Progress::Some, now),
            Written::Nothing => self.session.handle_blocked(to, Progress::None, now),
            Written::Broken => self.session.handle_write_failed(to, now),
        }
    }
}

/// The key of a frame of the gateway's: fresh and unpredictable for each (RFC 6455 §5.3).
fn mask(to: Side) -> Option<MaskKey> {
    match to {
        Side::Client => None,
        Side::Upstream => Some(rand::random()),
    }
}

impl<C: Transport, U: Transport> Drop for SessionDriver<C, U> {
    fn drop(&mut self) {
        let now = clock::now();
        // A task that is dropped or unwinds before its session ended has no other cause.
        let death = self.session.death().unwrap_or(Death { cause: Cause::Aborted, by: Party::Gateway });
        let worker = &self.worker;
        self.client.release(&worker.pool);
        self.upstream.release(&worker.pool);
        let lived = now.saturating_duration_since(self.opened.at);
        worker.counters.session_closed(&self.opened.route, death, lived);
        self.opened.record_close(&worker.records, &self.session, death, now);
        if let Some(log) = &self.log {
            log.end(Side::BOTH.map(|side| self.session.traffic(side)), death, now);
        }
        if let Some(trace) = &mut self.trace {
            trace.close(&self.session, death);
        }
    }
}
