//! The peers in a play: clients, a registrar that is a proxy too, and the gateway between them.

use std::collections::{BTreeMap, VecDeque};

use sip_proto::edge::{Edge, Hop, Ruling, Source, Transport};

use crate::plain::{Plain, host_of, uri_of};
use crate::world::edge;

/// Where the registrar is.
pub(crate) const SERVER: &str = "10.0.0.1:5060";

/// A registrar (RFC 3261 §10.3, RFC 3327) and stateless proxy.
#[derive(Default)]
pub(crate) struct Server {
    /// Whether it wants to see what comes in dialogs.
    pub(crate) records_route: bool,
    /// Contact and Path by user.
    pub(crate) bindings: BTreeMap<String, (String, Vec<String>)>,
}

impl Server {
    /// What it sends to the gateway for what it got from there.
    fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut message = Plain::read(bytes);
        if message.is_response() {
            let via = message.pop("Via");
            assert!(via.starts_with(&format!("SIP/2.0/UDP {SERVER};")), "a response to another: {via}");
            return message.bytes();
        }
        let via = format!("{};received=10.0.0.9", message.pop("Via"));
        message.push("Via", &via);
        if message.method() == "REGISTER" {
            let user = user_of(uri_of(message.get("To"))).to_owned();
            let contact = uri_of(message.get("Contact")).to_owned();
            let path = message.all("Path").into_iter().map(str::to_owned).collect();
            self.bindings.insert(user, (contact, path));
            return message.answer("200 OK", "srv", &[]).bytes();
        }
        self.relay(message)
    }

    fn relay(&self, mut message: Plain) -> Vec<u8> {
        if message.all("Route").first().is_some_and(|route| host_of(uri_of(route)) == SERVER) {
            message.pop("Route");
        }
        if message.all("Route").is_empty() {
            let Some((contact, path)) = self.bindings.get(user_of(message.second_word())) else {
                return message.answer("404 Not Found", "srv", &[]).bytes();
            };
            let start = message.start.split(' ').next().unwrap().to_owned();
            message.start = format!("{start} {contact} SIP/2.0");
            for route in path.iter().rev() {
                message.push("Route", route);
            }
        }
        let hops: u8 = message.get("Max-Forwards").parse().unwrap();
        message.set("Max-Forwards", &(hops - 1).to_string());
        let begins = ["INVITE", "SUBSCRIBE", "NOTIFY", "REFER"].contains(&message.method());
        if begins && self.records_route {
            message.push("Record-Route", &format!("<sip:{SERVER};lr>"));
        }
        let branch = message.all("Via")[0].split_once("branch=z9hG4bK").unwrap().1;
        let branch: String = branch.chars().take_while(|c| *c != ';').collect();
        message.push("Via", &format!("SIP/2.0/UDP {SERVER};branch=z9hG4bK-srv-{branch}"));
        message.bytes()
    }
}

fn user_of(uri: &str) -> &str {
    uri.split_once(':').unwrap().1.split('@').next().unwrap()
}

/// A client: it sends, and keeps what comes.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// The connection that it has; 0 for none.
    pub(crate) connection: usize,
    pub(crate) inbox: VecDeque<Plain>,
    /// Numbers for branches, Call-IDs and CSeqs.
    count: u32,
}

impl Client {
    pub(crate) fn new(name: &'static str, connection: usize) -> Self {
        Self { name, connection, inbox: VecDeque::new(), count: 0 }
    }

    /// A request outside of dialogs.
    pub(crate) fn request(&mut self, method: &str, uri: &str, body: &str) -> Plain {
        let name = self.name;
        self.count += 1;
        let start = format!("{method} {uri} SIP/2.0");
        let headers = [
            ("Max-Forwards", "70".to_owned()),
            ("To", format!("<{uri}>")),
            ("From", format!("<sip:{name}@example.org>;tag={name}")),
            ("Call-ID", format!("{name}-{}", self.count)),
            ("CSeq", format!("{} {method}", self.count)),
            ("Contact", self.contact()),
        ];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.with_via(Plain::new(&start, &headers, body))
    }

    pub(crate) fn contact(&self) -> String {
        format!("<sip:{0}@{0}.invalid;transport=ws>", self.name)
    }

    /// A request within a dialog.
    pub(crate) fn within(&mut self, dialog: &mut Dialog, method: &str) -> Plain {
        let number = if method == "ACK" { dialog.cseq } else { dialog.cseq + 1 };
        dialog.cseq = number;
        let start = format!("{method} {} SIP/2.0", dialog.target);
        let cseq = format!("{number} {method}");
        let contact = self.contact();
        let mut headers: Vec<_> = dialog.routes.iter().map(|route| ("Route", route.as_str())).collect();
        headers.extend([
            ("Max-Forwards", "70"),
            ("To", &dialog.remote),
            ("From", &dialog.local),
            ("Call-ID", &dialog.call_id),
            ("CSeq", &cseq),
            ("Contact", &contact),
        ]);
        self.count += 1;
        self.with_via(Plain::new(&start, &headers, ""))
    }

    /// CANCEL, or the ACK of an error: of the transaction of that request.
    pub(crate) fn for_transaction(&self, request: &Plain, method: &str, to: &str) -> Plain {
        let mut same = request.clone();
        same.headers.retain(|(name, _)| !["Contact"].contains(&name.as_str()));
        same.start = format!("{method} {} SIP/2.0", request.second_word());
        let number = request.get("CSeq").split_once(' ').unwrap().0;
        same.set("CSeq", &format!("{number} {method}"));
        same.set("To", to);
        same.body.clear();
        same
    }

    fn with_via(&self, mut message: Plain) -> Plain {
        message.push("Via", &format!("SIP/2.0/WSS {0}.invalid;branch=z9hG4bK{0}{1}", self.name, self.count));
        message
    }

    /// What JsSIP and SIP.js check before they look at a message.
    fn take(&mut self, bytes: &[u8]) {
        let message = Plain::read(bytes);
        if message.is_response() {
            let own = format!("SIP/2.0/WSS {}.invalid;", self.name);
            let vias = message.all("Via");
            assert!(vias.len() == 1 && vias[0].starts_with(&own), "{}: {vias:?}", self.name);
        }
        self.inbox.push_back(message);
    }
}

/// What a client keeps of a dialog (RFC 3261 §12).
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    call_id: String,
    local: String,
    remote: String,
    target: String,
    routes: Vec<String>,
    cseq: u32,
}

impl Dialog {
    /// For the caller, by the answer.
    pub(crate) fn of_answer(answer: &Plain) -> Self {
        let mut routes: Vec<_> = answer.all("Record-Route").into_iter().map(str::to_owned).collect();
        routes.reverse();
        Self {
            call_id: answer.get("Call-ID").to_owned(),
            local: answer.get("From").to_owned(),
            remote: answer.get("To").to_owned(),
            target: uri_of(answer.get("Contact")).to_owned(),
            routes,
            cseq: answer.get("CSeq").split_once(' ').unwrap().0.parse().unwrap(),
        }
    }

    /// For the one that is called, by the request and its own answer.
    pub(crate) fn of_request(request: &Plain, answer: &Plain) -> Self {
        Self {
            call_id: request.get("Call-ID").to_owned(),
            local: answer.get("To").to_owned(),
            remote: request.get("From").to_owned(),
            target: uri_of(request.get("Contact")).to_owned(),
            routes: request.all("Record-Route").into_iter().map(str::to_owned).collect(),
            cseq: 1,
        }
    }
}

/// A way into the gateway from downstream, and what it is called there.
pub(crate) struct Connection {
    pub(crate) source: Source<'static>,
    pub(crate) hop: Hop<'static>,
}

/// All of them together.
pub(crate) struct Play {
    pub(crate) edge: Edge,
    pub(crate) up: Hop<'static>,
    pub(crate) from_server: Source<'static>,
    pub(crate) server: Server,
    pub(crate) connections: Vec<Connection>,
    pub(crate) clients: Vec<Client>,
    /// Rulings, in their order.
    pub(crate) rulings: Vec<Ruling>,
}

/// Messages for one that is sent; more is a loop.
const MESSAGES_MAX: usize = 50;

enum To {
    Gateway,
    GatewayFromServer,
    Server,
}

impl Play {
    /// Alice is client 0 on connection 0, Bob is 1 on 1, and both have registered.
    pub(crate) fn of_alice_and_bob(
        up: Hop<'static>,
        from_server: Source<'static>,
        connections: Vec<Connection>,
        records_route: bool,
    ) -> Self {
        let mut play = Self {
            edge: edge(),
            up,
            from_server,
            server: Server { records_route, ..Server::default() },
            connections,
            clients: vec![Client::new("alice", 0), Client::new("bob", 1)],
            rulings: Vec::new(),
        };
        play.register(0);
        play.register(1);
        play
    }

    /// Has calls held, and ended by either side, with a server that wants to see what comes in them and one
    /// that does not, which leaves the gateway twice in the Route.
    pub(crate) fn hold_calls(play: fn(bool) -> Self) {
        for records_route in [true, false] {
            for caller_ends in [true, false] {
                let mut play = play(records_route);
                let (mut caller, mut called) = play.call();
                play.within((0, 1), &mut caller, "INFO");
                play.within((1, 0), &mut called, "UPDATE");
                let last = if caller_ends { ((0, 1), &mut caller) } else { ((1, 0), &mut called) };
                play.within(last.0, last.1, "BYE");
            }
        }
    }

    /// Has a client send, and everybody forward what comes of it.
    pub(crate) fn send(&mut self, client: usize, message: &Plain) {
        let connection = self.clients[client].connection;
        let mut queue = VecDeque::from([(To::Gateway, message.bytes())]);
        for _ in 0..MESSAGES_MAX {
            let Some((to, bytes)) = queue.pop_front() else { return };
            match to {
                To::Server => queue.push_back((To::GatewayFromServer, self.server.take(&bytes))),
                To::Gateway => {
                    let mut out = Vec::new();
                    let source = &self.connections[connection].source;
                    let is_told_apart = !self.edge.is_for_a_flow(&bytes);
                    assert!(is_told_apart || self.connections[connection].hop.transport == Transport::Wss);
                    let ruling = self.edge.from_downstream(&bytes, source, &self.up, &mut out);
                    queue.extend(self.carry_out(ruling, out, Some(client)));
                }
                To::GatewayFromServer => {
                    let mut out = Vec::new();
                    assert!(self.edge.is_for_a_flow(&bytes), "it is a server's");
                    let towards_of = |flow: &_| self.end_of(flow).map(|(_, hop)| hop);
                    let ruling = self.edge.from_upstream(&bytes, &self.from_server, towards_of, &mut out);
                    queue.extend(self.carry_out(ruling, out, None));
                }
            }
        }
        panic!("messages go round");
    }

    /// The client at the end of a flow.
    fn end_of(&self, flow: &sip_proto::token::Flow) -> Option<(usize, Hop<'static>)> {
        let at = self.connections.iter().position(|connection| connection.source.flow == *flow)?;
        let client = self.clients.iter().position(|client| client.connection == at)?;
        Some((client, self.connections[at].hop))
    }

    fn carry_out(&mut self, ruling: Ruling, out: Vec<u8>, sender: Option<usize>) -> Option<(To, Vec<u8>)> {
        self.rulings.push(ruling);
        match ruling {
            Ruling::Forward { .. } => Some((To::Server, out)),
            Ruling::ToFlow { flow, .. } if flow == self.from_server.flow => Some((To::Server, out)),
            Ruling::ToFlow { flow, .. } => {
                // A response to one that has gone is lost.
                let (client, _) = self.end_of(&flow)?;
                self.clients[client].take(&out);
                None
            }
            Ruling::Answer { .. } => match sender {
                Some(client) => {
                    self.clients[client].take(&out);
                    None
                }
                None => Some((To::Server, out)),
            },
            Ruling::Drop(_) => None,
        }
    }

    /// The one message that a client has got.
    #[track_caller]
    pub(crate) fn take(&mut self, client: usize) -> Plain {
        let message = self.clients[client].inbox.pop_front().expect("something has come");
        assert!(self.clients[client].inbox.is_empty(), "and nothing else");
        message
    }

    /// The response that a client has got, which has that status.
    #[track_caller]
    pub(crate) fn take_status(&mut self, client: usize, status: &str) -> Plain {
        let message = self.take(client);
        assert!(message.is_response() && message.second_word() == status, "{message:?}");
        message
    }

    /// The request that a client has got, which has that method.
    #[track_caller]
    pub(crate) fn take_method(&mut self, client: usize, method: &str) -> Plain {
        let message = self.take(client);
        assert!(!message.is_response() && message.method() == method, "{message:?}");
        message
    }

    #[track_caller]
    pub(crate) fn register(&mut self, client: usize) {
        let uri = format!("sip:{}@example.org", self.clients[client].name);
        let mut register = self.clients[client].request("REGISTER", "sip:example.org", "");
        register.set("To", &format!("<{uri}>"));
        self.send(client, &register);
        self.take_status(client, "200");
    }

    /// A call from client 0 to client 1, up to the ACK; the dialogs of both.
    #[track_caller]
    pub(crate) fn call(&mut self) -> (Dialog, Dialog) {
        let invite = self.clients[0].request("INVITE", "sip:bob@example.org", "v=0\r\n");
        self.send(0, &invite);
        let came = self.take_method(1, "INVITE");
        assert_eq!(came.body, "v=0\r\n");
        self.send(1, &came.answer("180 Ringing", "b", &[]));
        self.take_status(0, "180");
        let contact = self.clients[1].contact();
        let ok = came.answer("200 OK", "b", &[("Contact", &contact)]);
        self.send(1, &ok);
        let ok_came = self.take_status(0, "200");
        let (mut caller, called) = (Dialog::of_answer(&ok_came), Dialog::of_request(&came, &ok));
        let ack = self.clients[0].within(&mut caller, "ACK");
        self.send(0, &ack);
        self.take_method(1, "ACK");
        (caller, called)
    }

    /// A request within a dialog that the other answers.
    #[track_caller]
    pub(crate) fn within(&mut self, (from, to): (usize, usize), dialog: &mut Dialog, method: &str) {
        let request = self.clients[from].within(dialog, method);
        self.send(from, &request);
        let came = self.take_method(to, method);
        assert_eq!(came.all("Route"), Vec::<&str>::new(), "nothing is left to follow");
        let contact = self.clients[to].contact();
        self.send(to, &came.answer("200 OK", "x", &[("Contact", &contact)]));
        self.take_status(from, "200");
    }
}
