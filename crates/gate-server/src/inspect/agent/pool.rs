//! The connections of one worker to one agent. They are made as calls need them; calls above what
//! may be under way wait in the order in which they came.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agent_proto::{Answer, Event};
use gate_config::model::Agent;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::task::spawn_local;
use tokio::time::timeout;

use crate::clock::{self, within};
use crate::inspect::agent::error::AgentError;
use crate::inspect::agent::line::{self, Line};
use crate::inspect::agent::wire::encode;

/// See the module.
#[derive(Debug)]
pub(super) struct Pool {
    agent: Arc<Agent>,
    /// Calls that may be under way; whoever waits for a permit is in the queue.
    calls: Semaphore,
    waiting: Cell<usize>,
    lines: RefCell<Vec<Rc<Line>>>,
    /// Connections that are being made.
    connecting: Cell<usize>,
    /// There may be room on a connection, or for one.
    room: Notify,
    /// Nobody could be connected to; until then nobody tries again.
    absent: RefCell<Option<(Instant, AgentError)>>,
}

/// Where a call is to be made.
enum Place {
    On(Rc<Line>),
    /// On a connection of its own.
    Anew,
    /// Nowhere at the moment.
    Nowhere,
}

/// Whether a call may be made on a connection that was there before and has nothing to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice {
    Any,
    Fresh,
}

impl Pool {
    pub(super) fn new(agent: Arc<Agent>) -> Rc<Self> {
        let on_lines = agent.connections_max.saturating_mul(agent.pipeline);
        let calls = usize::try_from(agent.calls_max.min(on_lines)).unwrap_or(usize::MAX);
        Rc::new(Self {
            agent,
            calls: Semaphore::new(calls.min(Semaphore::MAX_PERMITS)),
            waiting: Cell::new(0),
            lines: RefCell::default(),
            connecting: Cell::new(0),
            room: Notify::new(),
            absent: RefCell::new(None),
        })
    }

    /// Waits until a call may be made.
    ///
    /// # Errors
    /// Too many wait, or it takes too long.
    pub(super) async fn seat(&self) -> Result<SemaphorePermit<'_>, AgentError> {
        if self.waiting.get() >= WAITING_MAX {
            return Err(AgentError::Busy);
        }
        let _counted = Counted::in_cell(&self.waiting);
        // Nobody closes the semaphore.
        within(self.agent.queue_timeout, self.calls.acquire())
            .await
            .and_then(Result::ok)
            .ok_or(AgentError::Busy)
    }

    /// Asks about an event, within the agent's time. Whoever asks has a seat.
    ///
    /// # Errors
    /// The agent could not be asked.
    pub(super) async fn ask(self: &Rc<Self>, event: &Event<'_>) -> Result<Box<Answer>, AgentError> {
        let limit = self.agent.timeout;
        let asked = timeout(limit, self.ask_now(event, clock::now() + limit));
        asked.await.unwrap_or(Err(AgentError::TimedOut(limit)))
    }

    /// A connection that has been there may have been closed without anybody having seen it yet, so
    /// one other try is made.
    async fn ask_now(
        self: &Rc<Self>,
        event: &Event<'_>,
        deadline: Instant,
    ) -> Result<Box<Answer>, AgentError> {
        let id = event.correlation_id();
        let bytes = encode(self.agent.protocol, event).map_err(AgentError::Unsendable)?;
        let (line, is_fresh) = self.line(id, Choice::Any).await?;
        if is_fresh {
            return line.call(id, bytes, deadline).answer().await;
        }
        let again = bytes.clone();
        match line.call(id, bytes, deadline).answer().await {
            Err(AgentError::Closed) => {
                let (line, _) = self.line(id, Choice::Fresh).await?;
                line.call(id, again, deadline).answer().await
            }
            answered => answered,
        }
    }

    /// A connection for a call about `id`, and whether it was made for it.
    async fn line(self: &Rc<Self>, id: &str, choice: Choice) -> Result<(Rc<Line>, bool), AgentError> {
        loop {
            match self.place(id, choice) {
                Place::On(line) if line.catch_up(self) => return Ok((line, false)),
                Place::On(_) => {}
                Place::Anew => match self.connect().await {
                    // Its queue is full: it is there, and takes others soon.
                    Err(AgentError::Connect(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                        let _room = timeout(CONNECT_PAUSE, self.room.notified()).await;
                    }
                    connected => return connected.map(|line| (line, true)),
                },
                Place::Nowhere => self.room.notified().await,
            }
        }
    }

    fn place(&self, id: &str, choice: Choice) -> Place {
        let lines = self.lines.borrow();
        let most = usize::try_from(self.agent.connections_max).unwrap_or(usize::MAX);
        let may_connect = lines.len() + self.connecting.get() < most;
        // The one that was used last is least likely to be closed, and others can be done without.
        let idle = lines.iter().rev().find(|line| line.calls() == 0 && line.takes(id));
        match (choice, idle) {
            (Choice::Any, Some(idle)) => return Place::On(Rc::clone(idle)),
            (Choice::Fresh, Some(idle)) if !may_connect => {
                // It makes room once its task has seen it.
                idle.close();
                return Place::Nowhere;
            }
            (_, _) if may_connect => return Place::Anew,
            (_, _) => {}
        }
        let pipeline = usize::try_from(self.agent.pipeline).unwrap_or(usize::MAX);
        let is_shared = |line: &Rc<Line>| (1..pipeline).contains(&line.calls());
        let shared = lines.iter().filter(|line| is_shared(line) && line.takes(id));
        shared.min_by_key(|line| line.calls()).map_or(Place::Nowhere, |line| Place::On(Rc::clone(line)))
    }

    async fn connect(self: &Rc<Self>) -> Result<Rc<Line>, AgentError> {
        if let Some((until, why)) = &*self.absent.borrow()
            && clock::now() < *until
        {
            return Err(why.share());
        }
        // Also where this is given up, others may connect in its place.
        let place = Connecting::of(self);
        // Boxed: most calls need no new connection, and should not have room for the making of one.
        let opened = Box::pin(Line::open(&self.agent)).await;
        drop(place);
        if let Err(AgentError::Connect(source)) = &opened
            && source.kind() != io::ErrorKind::WouldBlock
        {
            let why = AgentError::Connect(source.kind().into());
            *self.absent.borrow_mut() = Some((clock::now() + CONNECT_PAUSE, why));
        }
        let line = opened?;
        self.lines.borrow_mut().push(Rc::clone(&line));
        spawn_local(line::run(Rc::clone(&line), Rc::downgrade(self)));
        Ok(line)
    }

    /// Another call can be made, perhaps.
    pub(super) fn has_room(&self) {
        self.room.notify_waiters();
    }

    /// A connection has ended.
    pub(super) fn remove(&self, line: &Rc<Line>) {
        self.lines.borrow_mut().retain(|other| !Rc::ptr_eq(other, line));
        self.has_room();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.lines.borrow().iter().for_each(|line| line.close());
    }
}

/// A connection that is being made.
struct Connecting<'a> {
    pool: &'a Pool,
    _counted: Counted<'a>,
}

impl<'a> Connecting<'a> {
    fn of(pool: &'a Pool) -> Self {
        Self { pool, _counted: Counted::in_cell(&pool.connecting) }
    }
}

impl Drop for Connecting<'_> {
    fn drop(&mut self) {
        // Nobody looks before this task waits, and then it is no longer counted.
        self.pool.has_room();
    }
}

/// Counts somebody for as long as it is there.
struct Counted<'a>(&'a Cell<usize>);

impl<'a> Counted<'a> {
    fn in_cell(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Calls that may wait for others; more fail at once.
const WAITING_MAX: usize = 64 * 1024;

/// Between two tries to connect to an agent that could not be connected to.
const CONNECT_PAUSE: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests;
