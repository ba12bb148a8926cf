//! The other way round: SIP over UDP downstream, a server on WebSocket upstream.

use sip_proto::edge::{Hop, Source, Transport};
use sip_proto::token::Flow;

use crate::cast::{Connection, Play};
use crate::world::PROCESS;

const UP: Hop<'static> = Hop { transport: Transport::Wss, sent_by: "10.0.0.9:43210" };
const DOWN: Hop<'static> = Hop { transport: Transport::Udp, sent_by: "gw.example.org:5060" };

/// A peer of the socket for datagrams.
fn peer(number: u8) -> Connection {
    let address = format!("[2001:db8::{number}]:5060").parse().unwrap();
    let flow = Flow { process: PROCESS, worker: 2, id: 5, peer: Some(address) };
    Connection {
        source: Source { flow, address, transport: DOWN.transport, sent_by: DOWN.sent_by },
        hop: DOWN,
    }
}

fn play(records_route: bool) -> Play {
    let flow = Flow { process: PROCESS, worker: 2, id: 9, peer: None };
    let address = "10.0.0.1:443".parse().unwrap();
    let from_server = Source { flow, address, transport: UP.transport, sent_by: UP.sent_by };
    Play::of_alice_and_bob(UP, from_server, vec![peer(1), peer(2)], records_route)
}

#[test]
fn calls_between_peers_of_one_socket_are_held_and_ended_by_either_side() {
    Play::hold_calls(play);
}

#[test]
fn both_sides_of_the_gateway_are_in_the_record_route() {
    let mut play = play(false);
    let invite = play.clients[0].request("INVITE", "sip:bob@example.org", "");
    play.send(0, &invite);
    let came = play.take_method(1, "INVITE");
    let sides: Vec<_> =
        came.all("Record-Route").iter().map(|route| route.split_once('@').unwrap().1).collect();
    let (udp, ws) = ("gw.example.org:5060;transport=udp;lr>", "10.0.0.9:43210;transport=ws;lr>");
    // From the top: on the way down towards Bob and from the server, on the way up towards it and from Alice.
    assert_eq!(sides, [udp, ws, ws, udp]);
}

#[test]
fn a_peer_may_answer_from_another_port() {
    let mut play = play(true);
    let message = play.clients[0].request("MESSAGE", "sip:bob@example.org", "");
    play.send(0, &message);
    let came = play.take_method(1, "MESSAGE");
    let flow = &mut play.connections[1].source.flow;
    flow.peer = Some("[2001:db8::2]:6000".parse().unwrap());
    play.send(1, &came.answer("200 OK", "x", &[]));
    play.take_status(0, "200");
}
