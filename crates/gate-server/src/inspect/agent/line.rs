//! One connection to an agent: calls that are under way on it, and the task that writes events and
//! gives answers to those who wait for them.
//!
//! An answer goes to its own question or nowhere. Version 1 pairs them by order, so a call that
//! nobody waits for any more keeps its place until its answer has come; version 2 by the
//! correlation id, of which one call is under way on a connection. Where an answer has not come
//! in its time the connection ends, as nobody can tell what it would say next; and what has come
//! before a question is asked is no answer to it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use agent_proto::v2::{HandshakeRequest, MessageType, ToAgent};
use agent_proto::{Answer, Configure, Decision, Event, Fault, Json, quote, v2};
use gate_config::model::{Agent, AgentProtocol};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep_until;

use crate::clock;
use crate::inspect::agent::error::AgentError;
use crate::inspect::agent::pool::Pool;
use crate::inspect::agent::wire::{Flow, Reader, Said, encode};

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    stream: UnixStream,
    protocol: AgentProtocol,
    reader: RefCell<Reader>,
    state: RefCell<State>,
    /// The task has something to look at.
    wake: Notify,
    /// It ends as soon as its task looks.
    is_over: Cell<bool>,
}

#[derive(Debug)]
struct State {
    /// Events that are not written yet; of the first one `written` bytes are.
    outgoing: VecDeque<Vec<u8>>,
    written: usize,
    /// In the order in which they were made.
    calls: VecDeque<Call>,
    flow: Flow,
    /// When it was last of use.
    used: Instant,
}

/// A call that has no answer.
#[derive(Debug)]
struct Call {
    id: Box<str>,
    deadline: Instant,
    /// Closed when nobody waits any more.
    caller: oneshot::Sender<Result<Box<Answer>, AgentError>>,
}

/// Waits for the answer to a call. Dropped before that, the call is forsaken.
#[derive(Debug)]
pub(super) struct Waiting {
    line: Rc<Line>,
    answer: oneshot::Receiver<Result<Box<Answer>, AgentError>>,
}

impl Line {
    /// Connects and says what has to be said first.
    ///
    /// # Errors
    /// The agent is not there, or does not agree.
    pub(super) async fn open(agent: &Agent) -> Result<Rc<Self>, AgentError> {
        let stream = UnixStream::connect(&agent.path).await.map_err(AgentError::Connect)?;
        let mut reader = Reader::new(agent.protocol);
        if agent.protocol == AgentProtocol::V2 {
            let hello = HandshakeRequest::new("framegate", env!("CARGO_PKG_VERSION"));
            write_all(&stream, &v2::encode_to_agent(&ToAgent::Handshake(hello))?).await?;
            match next_said(&stream, &mut reader).await? {
                Said::Handshake(response) => response.check()?,
                Said::Answer(..) | Said::Ping(_) | Said::Flow(_) | Said::Notice => {
                    return Err(Fault::Garbage("its first message is no handshake".to_owned()).into());
                }
            }
        }
        if let Some(config) = &agent.config {
            configure(&stream, &mut reader, agent, config).await?;
        }
        let line = Self {
            stream,
            protocol: agent.protocol,
            reader: RefCell::new(reader),
            state: RefCell::new(State {
                outgoing: VecDeque::new(),
                written: 0,
                calls: VecDeque::new(),
                flow: Flow::Go,
                used: clock::now(),
            }),
            wake: Notify::new(),
            is_over: Cell::new(false),
        };
        Ok(Rc::new(line))
    }

    /// Calls that are under way.
    pub(super) fn calls(&self) -> usize {
        self.state.borrow().calls.len()
    }

    /// Whether a call about `id` can be made beside those under way.
    pub(super) fn takes(&self, id: &str) -> bool {
        let state = self.state.borrow();
        // Behind a call that is forsaken nobody knows how long it takes.
        let is_fit = state.calls.iter().all(|call| !call.caller.is_closed() && *call.id != *id);
        !self.is_over.get() && state.flow == Flow::Go && is_fit
    }

    /// Hears all that has been said so far, so that what comes from here on answers what is asked from
    /// here on; whether the connection is of use.
    pub(super) fn catch_up(&self, pool: &Pool) -> bool {
        // Not by way of the runtime, which learns late of what there is to be read.
        match self.read(pool, |buffer| Ok(rustix::io::read(&self.stream, buffer)?)) {
            Ok(()) => true,
            Err(error) => {
                self.fail(&error);
                false
            }
        }
    }

    /// Ends all calls, and has the task end the connection.
    fn fail(&self, why: &AgentError) {
        let calls = mem::take(&mut self.state.borrow_mut().calls);
        for call in calls {
            let _if_somebody_waits = call.caller.send(Err(why.share()));
        }
        self.close();
    }

    /// Makes a call.
    pub(super) fn call(self: &Rc<Self>, id: &str, event: Vec<u8>, deadline: Instant) -> Waiting {
        let (caller, answer) = oneshot::channel();
        let mut state = self.state.borrow_mut();
        state.calls.push_back(Call { id: id.into(), deadline, caller });
        state.outgoing.push_back(event);
        if state.outgoing.len() == 1 {
            // Mostly all of it goes at once and the task need not be woken for it. Errors are the
            // task's to find.
            let _shown_to_the_task = self.write(&mut state);
        }
        // Also where nothing is left to be written: from when on the task waits is another.
        self.wake.notify_one();
        drop(state);
        Waiting { line: Rc::clone(self), answer }
    }

    /// Makes the task end it.
    pub(super) fn close(&self) {
        self.is_over.set(true);
        self.wake.notify_one();
    }

    /// Writes what the socket takes.
    fn write(&self, state: &mut State) -> io::Result<()> {
        while let Some(event) = state.outgoing.front() {
            let rest = event.get(state.written..).unwrap_or_default();
            match self.stream.try_write(rest) {
                Ok(count) if count < rest.len() => state.written += count,
                Ok(_) => {
                    state.outgoing.pop_front();
                    state.written = 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads what is there and gives answers to those who wait.
    fn read(&self, pool: &Pool, take: impl Fn(&mut [u8]) -> io::Result<usize>) -> Result<(), AgentError> {
        let mut reader = self.reader.borrow_mut();
        let mut buffer = [0; 4096];
        loop {
            match take(&mut buffer) {
                Ok(0) if reader.is_between_messages() => return Err(AgentError::Closed),
                Ok(0) => return Err(Fault::Truncated.into()),
                Ok(count) => reader.feed(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(AgentError::Closed),
            }
            while let Some(said) = reader.next_said()? {
                self.hear(said, pool)?;
            }
        }
    }

    fn hear(&self, said: Said, pool: &Pool) -> Result<(), AgentError> {
        let mut state = self.state.borrow_mut();
        match said {
            Said::Answer(id, answer) => {
                let found = match id {
                    None => (!state.calls.is_empty()).then_some(0),
                    Some(id) => state.calls.iter().position(|call| *call.id == *id),
                };
                let call = found.and_then(|index| state.calls.remove(index));
                let Some(call) = call else {
                    // Version 2 may answer what was never asked: it is for nobody.
                    let is_tolerated = self.protocol == AgentProtocol::V2;
                    let unasked = Fault::Garbage("an answer to no question".to_owned());
                    return if is_tolerated { Ok(()) } else { Err(unasked.into()) };
                };
                state.used = clock::now();
                let _if_somebody_waits = call.caller.send(Ok(answer));
                drop(state);
                pool.has_room();
            }
            Said::Ping(payload) => {
                state.outgoing.push_back(v2::encode_payload(MessageType::Pong, &payload)?);
                if state.outgoing.len() > PONGS_MAX {
                    return Err(Fault::Unexpected(MessageType::Ping.byte()).into());
                }
            }
            Said::Flow(flow) => {
                state.flow = flow;
                drop(state);
                pool.has_room();
            }
            Said::Handshake(_) => {
                return Err(Fault::Unexpected(MessageType::HandshakeResponse.byte()).into());
            }
            Said::Notice => {}
        }
        Ok(())
    }

    /// Until when nothing need happen: the deadline of a call that nobody waits for, or the end of
    /// its own use.
    fn patience(&self) -> Option<Instant> {
        let state = self.state.borrow();
        if state.calls.is_empty() {
            return Some(state.used + IDLE_MAX);
        }
        state.calls.iter().filter(|call| call.caller.is_closed()).map(|call| call.deadline).min()
    }

    async fn serve(&self, pool: &Weak<Pool>) -> AgentError {
        loop {
            if self.is_over.get() {
                return AgentError::Closed;
            }
            let patience = self.patience();
            if patience.is_some_and(|until| until <= clock::now()) {
                return AgentError::Closed;
            }
            let has_outgoing = !self.state.borrow().outgoing.is_empty();
            let interest =
                if has_outgoing { Interest::READABLE.add(Interest::WRITABLE) } else { Interest::READABLE };
            let mut ready = pin!(self.stream.ready(interest));
            let waited = async {
                match patience {
                    Some(until) => sleep_until(until.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                ready = &mut ready => match ready {
                    Ok(_) => {}
                    Err(_) => return AgentError::Closed,
                },
                () = self.wake.notified() => {}
                () = waited => {}
            }
            let Some(pool) = pool.upgrade() else { return AgentError::Closed };
            let is_broken = self.write(&mut self.state.borrow_mut()).is_err();
            // What the agent has said before it went may still be read.
            match self.read(&pool, |buffer| self.stream.try_read(buffer)) {
                Err(error) => return error,
                Ok(()) if is_broken => return AgentError::Closed,
                Ok(()) => {}
            }
        }
    }
}

/// Carries out what happens on a connection until it ends.
pub(super) async fn run(line: Rc<Line>, pool: Weak<Pool>) {
    let why = line.serve(&pool).await;
    line.fail(&why);
    if let Some(pool) = pool.upgrade() {
        pool.remove(&line);
    }
}

impl Waiting {
    /// The answer.
    ///
    /// # Errors
    /// The connection has ended.
    pub(super) async fn answer(mut self) -> Result<Box<Answer>, AgentError> {
        (&mut self.answer).await.unwrap_or(Err(AgentError::Closed))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.answer.close();
        // The task looks whether somebody still waits.
        self.line.wake.notify_one();
    }
}

/// Gives the agent its settings.
async fn configure(
    stream: &UnixStream,
    reader: &mut Reader,
    agent: &Agent,
    config: &str,
) -> Result<(), AgentError> {
    let event = Event::Configure(Configure {
        agent_id: agent.id.to_string(),
        config: Json::parse(config)?,
        correlation_id: "configure".to_owned(),
        config_version: None,
    });
    write_all(stream, &encode(agent.protocol, &event)?).await?;
    loop {
        match next_said(stream, reader).await? {
            Said::Answer(_, answer) => {
                return match answer.decision {
                    Decision::Allow => Ok(()),
                    Decision::Block { body, .. } => {
                        let why = body.unwrap_or_default();
                        let why = if why.is_empty() { "no reason was given" } else { &why };
                        Err(AgentError::Settings(quote(why)))
                    }
                    Decision::Redirect { .. } | Decision::Challenge { .. } => Err(AgentError::Invalid(
                        "it answers its settings with neither allow nor block".to_owned(),
                    )),
                };
            }
            Said::Handshake(_) => {
                return Err(Fault::Unexpected(MessageType::HandshakeResponse.byte()).into());
            }
            Said::Ping(_) | Said::Flow(_) | Said::Notice => {}
        }
    }
}

async fn write_all(stream: &UnixStream, mut bytes: &[u8]) -> Result<(), AgentError> {
    while !bytes.is_empty() {
        stream.writable().await.map_err(|_| AgentError::Closed)?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(AgentError::Closed),
        }
    }
    Ok(())
}

async fn next_said(stream: &UnixStream, reader: &mut Reader) -> Result<Said, AgentError> {
    loop {
        if let Some(said) = reader.next_said()? {
            return Ok(said);
        }
        stream.readable().await.map_err(|_| AgentError::Closed)?;
        let mut buffer = [0; 4096];
        match stream.try_read(&mut buffer) {
            Ok(0) => return Err(AgentError::Closed),
            Ok(count) => reader.feed(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(AgentError::Closed),
        }
    }
}

/// How long a connection that nobody uses is kept.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Pongs and events that may wait to be written. An agent that asks for more pongs than it reads
/// is not worth talking to.
const PONGS_MAX: usize = 2048;
