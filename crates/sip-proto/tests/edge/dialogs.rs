//! Registrations, messages and calls between two clients on WebSocket by way of a server.

use sip_proto::edge::{Reason, Ruling};

use crate::cast::{Connection, Dialog, Play};
use crate::world::{DOWN, UP, client, server};

/// Alice is 0, Bob is 1; a third connection is free.
fn play(records_route: bool) -> Play {
    let connection = |number| Connection { source: client(number), hop: DOWN };
    Play::of_alice_and_bob(UP, server(), vec![connection(1), connection(2), connection(3)], records_route)
}

/// A connection that does not exist.
const GONE: usize = 99;

#[test]
fn messages_go_both_ways_between_clients() {
    let mut play = play(true);
    for (from, to, uri) in [(0, 1, "sip:bob@example.org"), (1, 0, "sip:alice@example.org")] {
        let message = play.clients[from].request("MESSAGE", uri, "Hello");
        play.send(from, &message);
        let came = play.take_method(to, "MESSAGE");
        assert_eq!(came.body, "Hello");
        assert_eq!(came.all("Via").len(), 4, "client, gateway, server, gateway");
        assert!(came.all("Record-Route").is_empty());
        play.send(to, &came.answer("200 OK", "x", &[]));
        play.take_status(from, "200");
    }
}

#[test]
fn calls_are_held_and_ended_by_either_side() {
    Play::hold_calls(play);
}

#[test]
fn calls_are_refused_and_cancelled() {
    let mut play = play(true);
    let invite = play.clients[0].request("INVITE", "sip:bob@example.org", "");
    play.send(0, &invite);
    let came = play.take_method(1, "INVITE");
    play.send(1, &came.answer("486 Busy Here", "b", &[]));
    let busy = play.take_status(0, "486");
    let ack = play.clients[0].for_transaction(&invite, "ACK", busy.get("To"));
    play.send(0, &ack);
    let ack = play.take_method(1, "ACK");
    assert_eq!(ack.all("Via"), came.all("Via"), "the ACK is of the INVITE's transaction on each hop");

    let invite = play.clients[0].request("INVITE", "sip:bob@example.org", "");
    play.send(0, &invite);
    let came = play.take_method(1, "INVITE");
    play.send(1, &came.answer("180 Ringing", "b", &[]));
    play.take_status(0, "180");
    let cancel = play.clients[0].for_transaction(&invite, "CANCEL", invite.get("To"));
    play.send(0, &cancel);
    let cancel = play.take_method(1, "CANCEL");
    assert_eq!(cancel.all("Via"), came.all("Via"));
    assert_eq!(cancel.second_word(), came.second_word());
    play.send(1, &cancel.answer("200 OK", "b", &[]));
    play.take_status(0, "200");
    play.send(1, &came.answer("487 Request Terminated", "b", &[]));
    play.take_status(0, "487");
}

#[test]
fn an_invite_that_comes_again_is_the_same_to_the_other_end() {
    let mut play = play(true);
    let invite = play.clients[0].request("INVITE", "sip:bob@example.org", "");
    play.send(0, &invite);
    let first = play.take_method(1, "INVITE").bytes();
    play.send(0, &invite);
    assert_eq!(play.take_method(1, "INVITE").bytes(), first);
}

#[test]
fn a_subscription_is_notified_whose_dialog_begins_with_the_notification() {
    let mut play = play(true);
    let subscribe = play.clients[0].request("SUBSCRIBE", "sip:bob@example.org", "");
    play.send(0, &subscribe);
    let came = play.take_method(1, "SUBSCRIBE");
    let contact = play.clients[1].contact();
    let accepted = came.answer("202 Accepted", "b", &[("Contact", &contact)]);
    play.send(1, &accepted);
    play.take_status(0, "202");
    let mut notifier = Dialog::of_request(&came, &accepted);
    let notify = play.clients[1].within(&mut notifier, "NOTIFY");
    play.send(1, &notify);
    let came = play.take_method(0, "NOTIFY");
    let contact = play.clients[0].contact();
    let ok = came.answer("200 OK", "a", &[("Contact", &contact)]);
    play.send(0, &ok);
    play.take_status(1, "200");
    // RFC 6665 §4.4.1: the subscriber's route set is the NOTIFY's.
    let mut subscriber = Dialog::of_request(&came, &ok);
    play.within((0, 1), &mut subscriber, "SUBSCRIBE");
}

#[test]
fn a_client_that_has_connected_again_goes_on_with_its_call() {
    let mut play = play(true);
    let (mut caller, mut called) = play.call();
    play.clients[0].connection = 2;
    // The Route still names the connection that is gone.
    play.within((0, 1), &mut caller, "INFO");
    // The other end does not get through until the client has told it its new way.
    let info = play.clients[1].within(&mut called, "INFO");
    play.send(1, &info);
    play.take_status(1, "430");
    play.register(0);
    let message = play.clients[1].request("MESSAGE", "sip:alice@example.org", "");
    play.send(1, &message);
    play.take_method(0, "MESSAGE");
}

#[test]
fn a_call_to_a_client_that_is_gone_fails_and_its_ack_ends_where_the_failure_was_made() {
    let mut play = play(true);
    play.clients[1].connection = GONE;
    let invite = play.clients[0].request("INVITE", "sip:bob@example.org", "");
    play.send(0, &invite);
    let failed = play.take_status(0, "430");
    let ack = play.clients[0].for_transaction(&invite, "ACK", failed.get("To"));
    play.rulings.clear();
    play.send(0, &ack);
    assert!(
        matches!(play.rulings[..], [Ruling::Drop(Reason::AnswerAcknowledged)]),
        "nobody else has to do with it: {:?}",
        play.rulings
    );
}

#[test]
fn a_response_to_a_client_that_is_gone_is_lost() {
    let mut play = play(true);
    let message = play.clients[0].request("MESSAGE", "sip:bob@example.org", "");
    play.send(0, &message);
    let came = play.take_method(1, "MESSAGE");
    play.clients[0].connection = GONE;
    play.send(1, &came.answer("200 OK", "x", &[]));
    assert!(play.clients[0].inbox.is_empty());
}

#[test]
fn a_request_to_nobody_is_answered_by_the_server() {
    let mut play = play(true);
    let message = play.clients[0].request("MESSAGE", "sip:carol@example.org", "");
    play.send(0, &message);
    play.take_status(0, "404");
}
