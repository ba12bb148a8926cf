//! What the gateway answers by itself, and what has no answer at all.

use sip_proto::edge::{Edge, EdgeSettings, Failure, Kind, Method, Reason, Ruling};
use sip_proto::{Fault, Limits, Status};

use crate::recorded::*;
use crate::world::*;

fn answered(status: u16, method: Method) -> Ruling {
    Ruling::Answer { status, kind: Kind::Request(method), fault: None }
}

/// The client's message is answered so, and the answer has these headers of its own.
#[track_caller]
fn check(edge: &Edge, message: &[u8], expected: Ruling, headers: &[&str]) {
    let (ruling, out) = from_client(edge, 1, message);
    check_answer(&ruling, &out, expected, headers);
}

#[track_caller]
fn check_answer(ruling: &Ruling, out: &[u8], expected: Ruling, headers: &[&str]) {
    let out = text(out);
    assert_eq!(*ruling, expected, "{out}");
    let Ruling::Answer { status, .. } = expected else {
        assert_eq!(out, "");
        return;
    };
    assert!(out.starts_with(&format!("SIP/2.0 {status} ")), "{out}");
    assert!(out.ends_with("Content-Length: 0\r\n\r\n"), "{out}");
    for header in headers {
        assert!(out.contains(&format!("\r\n{header}\r\n")), "{header} is missing in\n{out}");
    }
}

#[test]
fn a_request_without_hops_left_is_answered_and_an_ack_is_not() {
    let last = |lines: &str| {
        sip(&with_tokens(lines)
            .replace("Max-Forwards: 70", "Max-Forwards: 69")
            .replace("Max-Forwards: 69", "Max-Forwards: 0"))
    };
    check(&edge(), &last(JSSIP_MESSAGE), answered(483, Method::Message), &[]);
    check(&edge(), &last(SIPJS_BYE), answered(483, Method::Bye), &[]);
    check(&edge(), &last(SIPJS_ACK), Ruling::Drop(Reason::RefusedAck), &[]);
    let (ruling, out) = from_server(&edge(), &last(KAMAILIO_INVITE));
    check_answer(&ruling, &out, answered(483, Method::Invite), &[]);
}

#[test]
fn an_answer_repeats_what_tells_the_transaction_and_is_the_same_again() {
    let message = sip(&JSSIP_MESSAGE
        .replace("Max-Forwards: 69", "Max-Forwards: 0")
        .replace(".invalid;", ".invalid;rport;"));
    let (_, out) = from_client(&edge(), 1, &message);
    let out = text(&out);
    let (head, tag) = out.split_once("To: <sip:bob@example.org>;tag=").unwrap();
    let expected = "SIP/2.0 483 Too Many Hops\r\nVia: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;rport=50001;branch=z9hG4bK8164529;received=198.51.100.1\r\n";
    assert_eq!(head, expected);
    let (tag, rest) = tag.split_once("\r\n").unwrap();
    assert_eq!(tag.len(), 11);
    assert_eq!(
        rest,
        "From: \"Alice, at home\" <sip:alice@example.org>;tag=q8a2s4p1me\r\nCall-ID: 0fm2qk5rvo7p7h9q7e1d\r\n\
         CSeq: 2 MESSAGE\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(text(&from_client(&edge(), 1, &message).1), out);
}

#[test]
fn the_ack_of_an_answer_made_here_goes_nowhere() {
    let (_, out) =
        from_client(&edge(), 1, &sip(&JSSIP_INVITE.replace("Max-Forwards: 69", "Max-Forwards: 0")));
    let out = text(&out);
    let tag = out.split_once("To: <sip:bob@example.org>;tag=").unwrap().1.split_once("\r\n").unwrap().0;
    let ack = sip(&ACK_OF_BUSY.replace("tag=busy1", &format!("tag={tag}")));
    check(&edge(), &ack, Ruling::Drop(Reason::AnswerAcknowledged), &[]);
    let (ruling, _) = from_client(&edge(), 1, &sip(ACK_OF_BUSY));
    assert!(matches!(ruling, Ruling::Forward { .. }), "somebody else's answer: {ruling:?}");
}

#[test]
fn methods_that_are_not_listed_are_refused_with_the_list() {
    let edge = Edge::new(EdgeSettings {
        methods: ["REGISTER", "INVITE", "BYE"].map(str::to_owned).to_vec(),
        ..settings()
    });
    let allow = "Allow: REGISTER, INVITE, BYE, ACK, CANCEL";
    check(&edge, &sip(JSSIP_MESSAGE), answered(405, Method::Message), &[allow]);
    for lines in [JSSIP_REGISTER, JSSIP_INVITE, SIPJS_ACK, SIPJS_BYE, SIPJS_CANCEL] {
        let (ruling, _) = from_client(&edge, 1, &sip(&with_tokens(lines)));
        assert!(matches!(ruling, Ruling::Forward { .. }), "{ruling:?}");
    }
    // The case of a method matters.
    let lower =
        sip(&JSSIP_REGISTER.replace("REGISTER sip", "register sip").replace("1 REGISTER", "1 register"));
    check(&edge, &lower, answered(405, Method::Other), &[allow]);
    let without_calls = Edge::new(EdgeSettings { methods: vec!["REGISTER".to_owned()], ..settings() });
    check(&without_calls, &sip(&with_tokens(SIPJS_ACK)), Ruling::Drop(Reason::RefusedAck), &[]);
    // What servers send to clients is their affair.
    let (ruling, _) = from_server(&without_calls, &sip(&with_tokens(KAMAILIO_INVITE)));
    assert!(matches!(ruling, Ruling::ToFlow { .. }), "{ruling:?}");
}

const OPTIONS: &str = "
    OPTIONS {uri} SIP/2.0
    Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bKo1
    To: <sip:whom@example.org>
    From: <sip:alice@example.org>;tag=o
    Call-ID: options
    CSeq: 1 OPTIONS
    Max-Forwards: 0
    {route}
    Content-Length: 0";

#[test]
fn options_to_the_gateway_itself_are_answered() {
    let message =
        |uri: &str, route: &str| sip(&with_tokens(&OPTIONS.replace("{uri}", uri).replace("{route}", route)));
    let own = "Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>";
    let allow = "Allow: ACK, BYE, CANCEL, INFO, INVITE, MESSAGE, NOTIFY, OPTIONS, PRACK, PUBLISH, REFER, REGISTER, \
                 SUBSCRIBE, UPDATE";
    for uri in [
        "sip:gw.example.org",
        "sip:GW.Example.Org:5060",
        "sip:gw.example.org:443;transport=ws",
        "sips:gw.example.org:5061",
        "sip:gw.example.org:5061;transport=tls",
        "sip:gw.example.org;transport=ws",
    ] {
        for route in ["Supported: path", own] {
            let message = message(uri, route);
            check(&edge(), &message, answered(200, Method::Options), &[allow, "Accept: application/sdp"]);
            let (ruling, out) = from_server(&edge(), &message);
            check_answer(&ruling, &out, answered(200, Method::Options), &[allow]);
        }
    }
    for (uri, route) in [
        ("sip:example.org", "Supported: path"),
        ("sip:bob@gw.example.org", "Supported: path"),
        ("sip:gw.example.org:5062", "Supported: path"),
        ("sip:gw.example.org", "Route: <sip:10.0.0.1;lr>"),
        ("tel:+15551234567", "Supported: path"),
    ] {
        check(&edge(), &message(uri, route), answered(483, Method::Options), &[]);
    }
    let silent = Edge::new(EdgeSettings { answers_options: false, ..settings() });
    check(&silent, &message("sip:gw.example.org", own), answered(483, Method::Options), &[]);
}

#[test]
fn extensions_that_a_proxy_must_know_are_refused_if_it_does_not() {
    let required = |lines: &str, options: &str| {
        sip(&lines.replacen("Call-ID: ", &format!("Proxy-Require: {options}\n    Call-ID: "), 1))
    };
    check(
        &edge(),
        &required(JSSIP_MESSAGE, "nothing, path, other"),
        answered(420, Method::Message),
        &["Unsupported: nothing, other"],
    );
    for lines in [required(JSSIP_MESSAGE, "path, OUTBOUND"), required(SIPJS_CANCEL, "nothing")] {
        let (ruling, _) = from_client(&edge(), 1, &lines);
        assert!(matches!(ruling, Ruling::Forward { .. }), "{ruling:?}");
    }
}

#[test]
fn requests_of_the_server_that_name_no_client_are_refused() {
    let route = "Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr;ob>";
    let lines = |other: &str| sip(&with_tokens(&KAMAILIO_INVITE.replace(route, other)));
    let refused = |message: &[u8], expected: Ruling| {
        let (ruling, out) = from_server(&edge(), message);
        check_answer(&ruling, &out, expected, &[]);
    };
    for other in [
        "Supported: path",
        "Route: <sip:gw.example.org:5060;lr>",
        "Route: <sip:10.0.0.1;lr>",
        "Route: <sip:alice@gw.example.org;lr>",
    ] {
        refused(&lines(other), answered(404, Method::Invite));
    }
    let cancel = KAMAILIO_INVITE.replace(route, "Supported: path").replace("INVITE", "CANCEL");
    refused(&sip(&cancel), answered(481, Method::Cancel));
    let ack = KAMAILIO_INVITE.replace(route, "Supported: path").replace("INVITE", "ACK");
    refused(&sip(&ack), Ruling::Drop(Reason::RefusedAck));
}

#[test]
fn a_flow_that_is_gone_has_failed() {
    let gone = |lines: &str| {
        let mut out = Vec::new();
        let ruling = edge().from_upstream(&sip(&with_tokens(lines)), &server(), |_| None, &mut out);
        (ruling, out)
    };
    let (ruling, out) = gone(KAMAILIO_INVITE);
    check_answer(&ruling, &out, answered(430, Method::Invite), &[]);
    let (ruling, out) = gone(&KAMAILIO_INVITE.replace("INVITE", "ACK"));
    check_answer(&ruling, &out, Ruling::Drop(Reason::RefusedAck), &[]);
}

#[test]
fn a_request_that_came_by_before_on_the_same_way_is_a_loop() {
    let (_, once) = from_client(&edge(), 1, &sip(JSSIP_MESSAGE));
    let server_via = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKloop\r\nVia: SIP/2.0/UDP gw.example.org";
    let again = text(&once).replacen("Via: SIP/2.0/UDP gw.example.org", server_via, 1);
    check(&edge(), again.as_bytes(), answered(482, Method::Message), &[]);
    let ack = again.replace("MESSAGE", "ACK");
    check(&edge(), ack.as_bytes(), Ruling::Drop(Reason::RefusedAck), &[]);
    // A server that has changed the Request-URI sends it elsewhere: a spiral, no loop.
    let spiral = again.replacen("MESSAGE sip:bob@", "MESSAGE sip:carol@", 1);
    let (ruling, _) = from_client(&edge(), 1, spiral.as_bytes());
    assert!(matches!(ruling, Ruling::Forward { .. }), "{ruling:?}");
    // The usual way: from one client by the server to another.
    let route = format!("Route: <sip:{}@gw.example.org:5060;lr>\r\nMax-Forwards", token_of_client(2));
    let down = again.replacen("Max-Forwards", &route, 1);
    let (ruling, out) = from_server(&edge(), down.as_bytes());
    assert_eq!(ruling, Ruling::ToFlow { flow: client(2).flow, kind: Kind::Request(Method::Message) });
    // And that again, to the same client.
    let looped = text(&out).replacen("Max-Forwards", &route, 1);
    let (ruling, out) = from_server(&edge(), looped.as_bytes());
    check_answer(&ruling, &out, answered(482, Method::Message), &[]);
}

#[test]
fn a_malformed_request_is_answered_if_there_is_enough_of_it() {
    for (old, new, status, fault) in [
        ("CSeq: 2 MESSAGE", "CSeq: 2 INVITE", 400, Fault::BadCSeq),
        ("CSeq: 2 MESSAGE", "CSeq: 36893488147419103232 MESSAGE", 400, Fault::BadCSeq),
        ("Max-Forwards: 69", "Max-Forwards: 300", 400, Fault::BadMaxForwards),
        ("Max-Forwards: 69", "Max-Forwards: 69\nMax-Forwards: 0", 400, Fault::RepeatedHeader),
        ("To: <sip:bob@example.org>", "To: \"Bob <sip:bob@example.org>", 400, Fault::BadAddress),
        ("Content-Length: {length}", "Content-Length: 999", 400, Fault::BodyTooShort),
        ("Content-Length: {length}", "Content-Length: 1", 400, Fault::TrailingBytes),
        ("Content-Length: {length}", "Content-Length: -1", 400, Fault::BadContentLength),
        ("Content-Length: {length}", "Content-Length: 1\nl: 2", 400, Fault::ConflictingContentLength),
        ("SIP/2.0\n", "SIP/7.0\n", 505, Fault::BadVersion),
        ("MESSAGE sip:bob@example.org SIP", "MESSAGE <sip:bob@example.org> SIP", 400, Fault::BadStartLine),
        ("Supported: outbound", "Supported outbound", 400, Fault::BadHeaderLine),
    ] {
        let lines = JSSIP_MESSAGE.replacen(old, new, 1);
        assert_ne!(lines, JSSIP_MESSAGE, "{old}");
        let expected = Ruling::Answer { status, kind: Kind::Request(Method::Message), fault: Some(fault) };
        let warning = format!("Warning: 399 {} \"{}\"", client(1).sent_by, fault.text());
        check(&edge(), &sip(&lines), expected, &[&warning]);
        if fault == Fault::TrailingBytes {
            continue;
        }
        let ack = sip(&lines.replacen("MESSAGE", "ACK", 1).replace("2 MESSAGE", "2 ACK"));
        check(&edge(), &ack, Ruling::Drop(Reason::Malformed(fault)), &[]);
    }
}

#[test]
fn what_cannot_be_answered_is_dropped() {
    for (old, new, fault) in [
        ("Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK8164529\n", "", Fault::MissingHeader),
        ("Via: SIP/2.0/WSS", "Via: SMTP/2.0/WSS", Fault::BadVia),
        ("Call-ID: 0fm2qk5rvo7p7h9q7e1d\n", "", Fault::MissingHeader),
        ("CSeq: 2 MESSAGE\n", "", Fault::MissingHeader),
        ("To: <sip:bob@example.org>\n", "", Fault::MissingHeader),
        ("From: \"Alice", "Fro: \"Alice", Fault::MissingHeader),
    ] {
        let lines = JSSIP_MESSAGE.replacen(old, new, 1);
        assert_ne!(lines, JSSIP_MESSAGE, "{old}");
        check(&edge(), &sip(&lines), Ruling::Drop(Reason::Malformed(fault)), &[]);
    }
    for (bytes, fault) in [
        (&b""[..], Fault::NoEmptyLine),
        (b"\r\n\r\n", Fault::NoEmptyLine),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Fault::BadStartLine),
        (b"\x16\x03\x01\x02\x00\x01\x00", Fault::BadCharacter),
    ] {
        let (ruling, out) = from_client(&edge(), 1, bytes);
        assert!(matches!(ruling, Ruling::Drop(Reason::Malformed(_))), "{fault:?} {ruling:?}");
        assert!(out.is_empty());
    }
    // Nobody answers a response.
    let response = sip(&KAMAILIO_REGISTERED.replace("CSeq: 1 REGISTER", "CSeq: one"));
    check(&edge(), &response, Ruling::Drop(Reason::Malformed(Fault::BadCSeq)), &[]);
}

#[test]
fn a_flood_of_headers_is_refused_by_number_line_and_size() {
    let limits = Limits { message: 4000, head: 3000, headers: 20, line: 500 };
    let edge = Edge::new(EdgeSettings { limits, ..settings() });
    let with = |more: &str| sip(&JSSIP_MESSAGE.replace("Supported: outbound\n", more));
    let many = "X: y\n".repeat(20);
    let long = format!("X: {}\n", "y".repeat(500));
    let large = format!("X: {}\n", "y".repeat(400)).repeat(7);
    for (more, status, fault) in [
        (many, 400, Fault::TooManyHeaders),
        (long, 513, Fault::LineTooLong),
        (large, 513, Fault::HeadTooLarge),
    ] {
        let expected = Ruling::Answer { status, kind: Kind::Request(Method::Message), fault: Some(fault) };
        check(&edge, &with(&more), expected, &[]);
    }
    let huge = sip(&JSSIP_MESSAGE.replace("Hello", &"Hello".repeat(1000)));
    let fault = Some(Fault::MessageTooLarge);
    check(&edge, &huge, Ruling::Answer { status: 513, kind: Kind::Request(Method::Message), fault }, &[]);
}

#[test]
fn an_upstream_that_is_gone_is_told_to_the_sender_of_a_request_only() {
    let failure = Failure { status: Status::SERVICE_UNAVAILABLE, retry_after_s: Some(5) };
    let unavailable = |message: &[u8]| {
        let mut out = Vec::new();
        let ruling = edge().unavailable(message, &client(1), &failure, &mut out);
        (ruling, out)
    };
    let (ruling, out) = unavailable(&sip(JSSIP_INVITE));
    check_answer(&ruling, &out, answered(503, Method::Invite), &["Retry-After: 5"]);
    let (ruling, out) = unavailable(&sip(ACK_OF_BUSY));
    check_answer(&ruling, &out, Ruling::Drop(Reason::RefusedAck), &[]);
    let (ruling, out) = unavailable(&sip(SIPP_RINGING));
    check_answer(&ruling, &out, Ruling::Drop(Reason::Response), &[]);
}

#[test]
fn a_request_that_was_forwarded_can_still_be_answered() {
    let edge = edge();
    let kind = |status| Kind::Response(status);
    let (_, forwarded) = from_client(&edge, 1, &sip(JSSIP_INVITE));
    let mut out = Vec::new();
    let ruling = edge.undelivered(&forwarded, None, &Failure::UNAVAILABLE, &mut out);
    assert_eq!(ruling, Ruling::ToFlow { flow: client(1).flow, kind: kind(503) });
    let via = "SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK2960016;received=198.51.100.1;rport=50001";
    assert_eq!(values(&out, sip_proto::HeaderName::Via), [via]);

    let (_, forwarded) = from_server(&edge, &sip(&with_tokens(KAMAILIO_INVITE)));
    let mut out = Vec::new();
    let ruling = edge.flow_failed(&forwarded, &client(1).flow, &mut out);
    assert_eq!(ruling, Ruling::ToFlow { flow: server().flow, kind: kind(430) });
    assert_eq!(values(&out, sip_proto::HeaderName::Via).len(), 2);

    let (_, forwarded) = from_client(&edge, 1, &sip(ACK_OF_BUSY));
    let mut out = Vec::new();
    let ruling = edge.undelivered(&forwarded, None, &Failure::UNAVAILABLE, &mut out);
    check_answer(&ruling, &out, Ruling::Drop(Reason::RefusedAck), &[]);
}
