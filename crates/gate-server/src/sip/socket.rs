//! UDP sockets: those of listeners, and those of the worker's own towards one server each. A message
//! is a datagram; what is none, or comes from somebody who may not send, goes nowhere.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use gate_net::socket::{Sharing, datagrams};
use sip_proto::Keepalive;
use sip_proto::edge::Transport;
use sip_proto::token::Flow;
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::task::{spawn_local, yield_now};
use tokio::time::sleep;

use crate::clock;
use crate::sip::hub::{Berth, Named, Origin, Way};
use crate::sip::own_sockets::Own;
use crate::sip::plan::Plan;
use crate::sip::rates;
use crate::sip::traced;
use crate::snapshot::ListenerId;
use crate::trace::switches::Wire;
use crate::trace::{Opener, Way as Traced};
use crate::worker::Worker;

/// See the module.
pub(crate) struct Socket {
    socket: Rc<UdpSocket>,
    /// Its own, without a peer.
    flow: Flow,
    /// Its address, as it stands in Via, Path and Record-Route.
    sent_by: Arc<str>,
    /// The one server that it is for; `None`: a listener's, for whoever sends.
    server: Option<SocketAddr>,
    of: Of,
    /// A message has gone by it since somebody last asked.
    was_used: Cell<bool>,
}

/// Whose rules hold for what comes.
enum Of {
    /// The listener's of the moment.
    Listener(Rc<Cell<ListenerId>>),
    /// Those of whoever has used the socket last: all send to the same server.
    Plan {
        plan: RefCell<Arc<Plan>>,
        /// What was sent last.
        last: RefCell<Vec<u8>>,
    },
}

/// Datagrams that are taken before others have their turn.
const TURN: usize = 64;

impl Socket {
    /// Sends a datagram: to the one server, or to `peer`.
    ///
    /// # Errors
    /// The system takes no more, or knows no way.
    pub(crate) fn send(&self, worker: &Worker, message: &[u8], peer: Option<SocketAddr>) -> io::Result<()> {
        self.was_used.set(true);
        // The runtime is not asked: of a fresh socket it has not heard yet.
        let socket = SockRef::from(&*self.socket);
        let sent = match (self.server, peer) {
            (Some(_), _) => socket.send(message),
            (None, Some(peer)) => socket.send_to(message, &peer.into()),
            (None, None) => return Err(io::ErrorKind::NotConnected.into()),
        };
        if let Some(peer) = self.server.or(peer) {
            self.copy(worker, Traced::Sent, message, peer);
        }
        let Of::Plan { last, .. } = &self.of else { return sent.map(drop) };
        if let Err(error) = &sent
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            // What is told here is that the server was not there for the datagram before this one.
            self.unreachable(worker);
            socket.send(message)?;
        } else {
            sent?;
        }
        let mut last = last.borrow_mut();
        last.clear();
        last.extend_from_slice(message);
        Ok(())
    }

    /// Sends the server a keepalive; what does not go is for the next one.
    fn ping(&self, worker: &Worker) {
        let Of::Plan { last, .. } = &self.of else { return };
        match SockRef::from(&*self.socket).send(Keepalive::PING) {
            // Should the server not be there for it, that is no news of a request.
            Ok(_) => last.borrow_mut().clear(),
            // That is news of the datagram before.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => self.unreachable(worker),
            Err(_) => {}
        }
    }

    /// What the system has to say of datagrams that were sent: it comes with none of the server's.
    fn take_error(&self, worker: &Worker) {
        let is_news = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
        loop {
            // Once nothing is left to be told, the runtime waits for the next.
            let taken = self.socket.try_io(Interest::ERROR, || match self.socket.take_error() {
                Ok(Some(error)) => Ok(error),
                Ok(None) => Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => Err(error),
            });
            match taken {
                Ok(error) if is_news(&error) => self.unreachable(worker),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// The server was not there: who has sent the last request is told.
    fn unreachable(&self, worker: &Worker) {
        worker.counters.sip.dropped("port_unreachable");
        let Of::Plan { plan, last } = &self.of else { return };
        let last = last.take();
        if !last.is_empty() {
            worker.sip.undelivered(worker, &plan.borrow(), &last, clock::now());
        }
    }

    /// Where it is, whatever is advertised.
    pub(super) fn address(&self) -> &Arc<str> {
        &self.sent_by
    }

    /// Whether a message has gone by it since this was asked last.
    pub(super) fn take_use(&self) -> bool {
        self.was_used.take()
    }

    /// How it is named: as is advertised, or by its address.
    pub(crate) fn named(&self, worker: &Worker) -> Named {
        let advertised = self.plan(worker).and_then(|plan| plan.sent_by.clone());
        let sent_by = advertised.unwrap_or_else(|| Arc::clone(&self.sent_by));
        Named { transport: Transport::Udp, sent_by }
    }

    fn plan(&self, worker: &Worker) -> Option<Arc<Plan>> {
        match &self.of {
            Of::Listener(id) => worker.snapshot().sip.of_listener(id.get()).cloned(),
            Of::Plan { plan, .. } => Some(Arc::clone(&plan.borrow())),
        }
    }

    /// Whether it is that listener's, by the name that it has at the moment.
    pub(super) fn is_of(&self, worker: &Worker, listener: &str) -> bool {
        match &self.of {
            Of::Listener(_) => self.plan(worker).is_some_and(|plan| *plan.name == *listener),
            Of::Plan { .. } => false,
        }
    }

    /// The worker's own socket towards a server, made where there is none.
    ///
    /// # Errors
    /// The system has none, or knows no way to the server.
    pub(super) fn towards(worker: &Rc<Worker>, plan: &Arc<Plan>, server: SocketAddr) -> io::Result<Rc<Self>> {
        if let Some(known) = worker.sip.own_sockets.towards(&server) {
            if let Of::Plan { plan: of, .. } = &known.of
                && !Arc::ptr_eq(&of.borrow(), plan)
            {
                of.replace(Arc::clone(plan));
            }
            return Ok(known);
        }
        let any: IpAddr =
            if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = datagrams(SocketAddr::new(any, 0), Sharing::Alone)?;
        socket.connect(server)?;
        let sent_by = socket.local_addr()?.to_string().into();
        let socket = Rc::new(UdpSocket::from_std(socket)?);
        let of = Of::Plan { plan: RefCell::new(Arc::clone(plan)), last: RefCell::default() };
        let was_used = Cell::default();
        let (made, berth) =
            Self::moor(worker, |flow| Self { socket, flow, sent_by, server: Some(server), of, was_used });
        let reading = spawn_local(receive(Rc::clone(worker), Rc::clone(&made), berth));
        let pinging = spawn_local(ping(Rc::clone(worker), Rc::clone(&made)));
        let own = Own::new(Rc::clone(&made), [reading.abort_handle(), pinging.abort_handle()]);
        worker.sip.own_sockets.keep(worker, server, own);
        Ok(made)
    }

    fn moor(worker: &Worker, make: impl FnOnce(Flow) -> Self) -> (Rc<Self>, Berth) {
        let (berth, socket) = worker.sip.berth(worker.snapshot().sip.process(), |flow| {
            let socket = Rc::new(make(flow));
            (Way::Socket(Rc::clone(&socket)), socket)
        });
        (socket, berth)
    }

    fn copy(&self, worker: &Worker, way: Traced, message: &[u8], peer: SocketAddr) {
        let Some(plan) = self.plan(worker) else { return };
        let tracer = match &self.of {
            Of::Listener(_) => &plan.tracers.own,
            Of::Plan { .. } => &plan.tracers.shared,
        };
        // Only what is told is worth asking the system for addresses.
        if let Some(tracer) = tracer
            && tracer.copies_sip(Wire::Plain)
        {
            let end = traced::end(Transport::Udp, peer, self.socket.local_addr().ok(), Opener::Gateway);
            traced::copy_datagram(tracer, &end.of_route(plan.route), way, message);
        }
    }

    /// One datagram.
    fn take(&self, worker: &Rc<Worker>, datagram: &[u8], peer: SocketAddr) {
        let Some(plan) = self.plan(worker) else { return };
        if !plan.peers.is_empty() && !plan.peers.contain(Some(peer.ip())) {
            return worker.counters.sip.dropped("peer_not_allowed");
        }
        match Keepalive::of(datagram) {
            Some(Keepalive::Ping) => {
                // What does not go is asked for again.
                let _lost = SockRef::from(&*self.socket).send_to(Keepalive::PONG, &peer.into());
                return;
            }
            Some(Keepalive::Pong) => return,
            None if datagram.is_empty() => return,
            None => {}
        }
        // Datagrams have no connection: rates of users alone count them.
        if self.server.is_none() && rates::take(&plan, &[], datagram, clock::now()).is_some() {
            return worker.counters.sip.dropped("rate_limit");
        }
        self.was_used.set(true);
        self.copy(worker, Traced::Received, datagram, peer);
        let origin = Origin {
            flow: Flow { peer: Some(peer), ..self.flow },
            address: peer,
            transport: Transport::Udp,
            sent_by: Arc::clone(plan.sent_by.as_ref().unwrap_or(&self.sent_by)),
        };
        let answer = match self.server {
            Some(_) => worker.sip.from_upstream(worker, &plan, &origin, datagram),
            None => worker.sip.arrived(worker, &plan, &origin, datagram),
        };
        if let Some(answer) = answer {
            let _lost = self.send(worker, &answer, Some(peer));
        }
    }
}

/// Reads a listener's socket until told otherwise.
pub(crate) async fn listen(worker: Rc<Worker>, id: Rc<Cell<ListenerId>>, socket: Rc<UdpSocket>) {
    let Ok(local) = socket.local_addr() else { return };
    let sent_by = local.to_string().into();
    let of = Of::Listener(id);
    let (made, berth) = Socket::moor(&worker, |flow| Socket {
        socket,
        flow,
        sent_by,
        server: None,
        of,
        was_used: Cell::default(),
    });
    let _listed = Listed::add(&worker, &made);
    receive(Rc::clone(&worker), made, berth).await;
}

/// A listener's socket where those look who send by it.
struct Listed {
    worker: Rc<Worker>,
    socket: Rc<Socket>,
}

impl Listed {
    fn add(worker: &Rc<Worker>, socket: &Rc<Socket>) -> Self {
        worker.sip.listening.borrow_mut().push(Rc::clone(socket));
        Self { worker: Rc::clone(worker), socket: Rc::clone(socket) }
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.worker.sip.listening.borrow_mut().retain(|listed| !Rc::ptr_eq(listed, &self.socket));
    }
}

/// Sends the server a keepalive now and then, where the plan of the moment wants that.
async fn ping(worker: Rc<Worker>, socket: Rc<Socket>) {
    loop {
        let interval = socket.plan(&worker).map_or(Duration::ZERO, |plan| plan.settings.udp_keepalive);
        if interval.is_zero() {
            sleep(LOOK_AGAIN).await;
            continue;
        }
        sleep(interval).await;
        socket.ping(&worker);
    }
}

/// Where no keepalives are sent: how often to look whether that has changed.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

async fn receive(worker: Rc<Worker>, socket: Rc<Socket>, _berth: Berth) {
    loop {
        let Ok(ready) = socket.socket.ready(Interest::READABLE | Interest::ERROR).await else { return };
        if ready.is_error() {
            socket.take_error(&worker);
        }
        for _ in 0..TURN {
            let mut scratch = worker.scratch.borrow_mut();
            let space = scratch.space();
            match socket.socket.try_recv_from(space) {
                Ok((length, peer)) => {
                    let datagram = space.get(..length).unwrap_or_default();
                    socket.take(&worker, datagram, peer);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    drop(scratch);
                    socket.unreachable(&worker);
                }
                Err(_) => break,
            }
        }
        yield_now().await;
    }
}
