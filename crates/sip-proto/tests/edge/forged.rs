//! What clients must not be able to do: choose hosts, be other clients, reach other clients past the server.

use sip_proto::HeaderName;
use sip_proto::edge::{Kind, Method, Reason, Ruling};
use sip_proto::token::{Purpose, TokenKey};

use crate::recorded::*;
use crate::world::*;

const ROUTE: &str = "Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr;ob>";

/// A request of the server's whose Route has that user part.
fn from_server_to(user: &str) -> (Ruling, Vec<u8>) {
    let route = format!("Route: <sip:{user}@gw.example.org:5060;transport=udp;lr;ob>");
    from_server(&edge(), &sip(&KAMAILIO_INVITE.replace(ROUTE, &route)))
}

fn status(ruling: &Ruling) -> Option<u16> {
    match ruling {
        Ruling::Answer { status, .. } => Some(*status),
        Ruling::Forward { .. } | Ruling::ToFlow { .. } | Ruling::Drop(_) => None,
    }
}

#[test]
fn a_route_with_a_changed_token_reaches_nobody() {
    let token = token_of_client(1);
    assert!(matches!(from_server_to(&token).0, Ruling::ToFlow { .. }));
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let (ruling, _) = from_server_to(&text(&changed));
        assert!(matches!(status(&ruling), Some(403 | 404 | 430)), "character {at}: {ruling:?}");
    }
    for end in 0..token.len() {
        let (ruling, _) = from_server_to(&token[..end]);
        assert!(matches!(status(&ruling), Some(400 | 403 | 404 | 430)), "up to {end}: {ruling:?}");
    }
}

#[test]
fn each_kind_of_wrong_token_has_its_status() {
    let flow = client(1).flow;
    let of_other_key = TokenKey::new(b"another secret").sign(&flow, Purpose::Request);
    assert_eq!(status(&from_server_to(&text(of_other_key.as_bytes())).0), Some(403));
    let of_other_process = key().sign(&sip_proto::token::Flow { process: 1, ..flow }, Purpose::Request);
    assert_eq!(status(&from_server_to(&text(of_other_process.as_bytes())).0), Some(430));
    for of_other_purpose in [back_to_client(1), back_to_server(1)] {
        assert_eq!(status(&from_server_to(&of_other_purpose).0), Some(403));
    }
    assert_eq!(status(&from_server_to("alice").0), Some(404));
}

#[test]
fn a_client_with_another_clients_token_sends_to_the_server() {
    let own = "Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>";
    let others = "Route: <sip:{client 2}@gw.example.org:5060;transport=udp;lr>";
    let elsewhere = "Route: <sip:{client 2}@203.0.113.66:5060;lr>";
    let stale = "Route: <sip:abcdefgh@gw.example.org;lr>";
    let server = "Route: <sip:10.0.0.1;lr>";
    let before = sip_proto::token::Flow { process: 1, ..client(1).flow };
    let before = text(key().sign(&before, Purpose::Request).as_bytes());
    let before = &format!("Route: <sip:{before}@gw.example.org:5060;lr>");
    for (routes, left) in [
        (vec![others], vec![]),
        (vec![elsewhere], vec![]),
        (vec![stale, others], vec![]),
        (vec![own, own], vec![]),
        // The server decides whether a client may reach the other: for it this is the usual request.
        (vec![own, others], vec![others]),
        (vec![others, own], vec![own]),
        // A client that was connected before the gateway was started again.
        (vec![before, before, server], vec![server]),
        (vec![before, others], vec![others]),
        (vec![own, server, others], vec![server, others]),
        (vec![own, "Route: <sip:203.0.113.66;lr>"], vec!["Route: <sip:203.0.113.66;lr>"]),
        (vec!["Route: <sip:203.0.113.66;lr>", own], vec!["Route: <sip:203.0.113.66;lr>", own]),
    ] {
        let lines =
            JSSIP_MESSAGE.replace("Max-Forwards: 69", &format!("Max-Forwards: 69\n{}", routes.join("\n")));
        let (ruling, out) = from_client(&edge(), 1, &sip(&with_tokens(&lines)));
        assert!(matches!(ruling, Ruling::Forward { .. }), "{routes:?}: {ruling:?}");
        let left: Vec<_> = left.iter().map(|line| with_tokens(line.trim_start_matches("Route: "))).collect();
        assert_eq!(values(&out, HeaderName::Route), left, "{routes:?}");
    }
}

#[test]
fn no_host_that_a_client_names_is_gone_to() {
    let routes = "Route: <sip:203.0.113.66;lr>\n    Max-Forwards: 69";
    for (old, new) in [
        ("MESSAGE sip:bob@example.org", "MESSAGE sip:203.0.113.66:25"),
        ("MESSAGE sip:bob@example.org", "MESSAGE sip:bob@example.org;maddr=203.0.113.66"),
        ("Max-Forwards: 69", routes),
        ("invalid;branch", "invalid;received=203.0.113.66;maddr=203.0.113.66;branch"),
    ] {
        let lines = JSSIP_MESSAGE.replacen(old, new, 1);
        let (ruling, _) = from_client(&edge(), 1, &sip(&lines));
        // The ruling has no host at all: it is the configured upstream.
        assert!(matches!(ruling, Ruling::Forward { .. }), "{new}: {ruling:?}");
    }
}

/// A response of a client's whose topmost Via has that branch.
fn response(number: u8, branch: &str) -> Ruling {
    let message = sip(&SIPP_RINGING
        .replace("{branch}", branch)
        .replace("UDP gw.example.org:5060", "WSS gw.example.org:443"));
    from_client(&edge(), number, &message).0
}

#[test]
fn a_response_goes_to_where_its_request_came_from_and_nowhere_else() {
    let branch = |token: &str| format!("z9hG4bKabcdefghijkABCDEFGHIJK.{token}");
    let to_server = Ruling::ToFlow { flow: server().flow, kind: Kind::Response(180) };
    assert_eq!(response(1, &branch(&back_to_server(1))), to_server);
    // A token that another client was given, or that was made for something else.
    for token in [back_to_server(2), back_to_client(1), back_to_client(2), token_of_client(2)] {
        assert_eq!(response(1, &branch(&token)), Ruling::Drop(Reason::ForgedToken), "{token}");
    }
    for branch in ["z9hG4bK1", "1", "z9hG4bKabcdefghijkABCDEFGHIJK.", "z9hG4bKabcdefghijkABCDEFGHIJK.alice"] {
        assert_eq!(response(1, branch), Ruling::Drop(Reason::ForeignVia), "{branch}");
    }
    let of_other_process = sip_proto::token::Flow { process: 1, ..server().flow };
    let purpose = Purpose::ResponseUpstream { sent_to: client(1).flow };
    let token = text(key().sign(&of_other_process, purpose).as_bytes());
    assert_eq!(response(1, &branch(&token)), Ruling::Drop(Reason::OtherProcess));
}

#[test]
fn a_server_cannot_answer_with_a_token_for_the_other_direction() {
    for token in [back_to_server(1), token_of_client(1)] {
        let branch = format!("z9hG4bKabcdefghijkABCDEFGHIJK.{token}");
        let (ruling, out) = from_server(&edge(), &sip(&SIPP_RINGING.replace("{branch}", &branch)));
        assert_eq!(ruling, Ruling::Drop(Reason::ForgedToken));
        assert!(out.is_empty());
    }
}

#[test]
fn a_response_to_the_gateway_itself_goes_nowhere() {
    let branch = format!("z9hG4bKabcdefghijkABCDEFGHIJK.{}", back_to_client(1));
    let via = "SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK2960016;received=198.51.100.1;rport=50001";
    let lines = SIPP_RINGING.replace(&format!(", {via}"), "").replace("{branch}", &branch);
    assert_eq!(from_server(&edge(), &sip(&lines)).0, Ruling::Drop(Reason::NoViaLeft));
}

#[test]
fn a_client_cannot_have_its_own_request_taken_for_the_servers() {
    // The token is the client's own; the request still goes to the server.
    let lines = KAMAILIO_INVITE.replace("{client 1}", &token_of_client(1));
    let (ruling, out) = from_client(&edge(), 1, &sip(&lines));
    assert!(matches!(ruling, Ruling::Forward { kind: Kind::Request(Method::Invite), .. }), "{ruling:?}");
    assert!(masked(&out).contains("branch=z9hG4bK*.{back to client 1}"), "{}", masked(&out));
}
