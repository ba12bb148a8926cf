//! What passes, and what is changed in it: all else is the same byte for byte.

use sip_proto::edge::{Edge, EdgeSettings, Hop, Method, Reason, Ruling, Source, Transport};
use sip_proto::{Fault, Limits};

use crate::recorded::*;
use crate::world::*;

const VIA_UP: &str = "Via: SIP/2.0/UDP gw.example.org:5060;rport;branch=z9hG4bK*.{back to client 1}\r\n";
const VIA_DOWN: &str = "Via: SIP/2.0/WSS gw.example.org:443;branch=z9hG4bK*.{back to server from 1}\r\n";
const RECORD_ROUTE: &str = "Record-Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>\r\n";
const PATH: &str = "Path: <sip:{client 1}@gw.example.org:5060;transport=udp;lr;ob>\r\n";
const SEEN: &str = ";received=198.51.100.1;rport=50001";

/// A request of the client's goes on with these changes only; what is inserted on top is told apart.
#[track_caller]
fn check_up(edge: &Edge, lines: &str, top: &[&str], changes: &[(&str, &str)]) -> Vec<u8> {
    let message = sip(&with_tokens(lines));
    let (ruling, out) = from_client(edge, 1, &message);
    assert!(matches!(ruling, Ruling::Forward { .. }), "{ruling:?}\n{}", text(&out));
    check(lines, &message, top, changes, &out);
    out
}

/// A request of the server's goes to the client with these changes only.
#[track_caller]
fn check_down(lines: &str, method: Method, top: &[&str], changes: &[(&str, &str)]) -> Vec<u8> {
    let message = sip(&with_tokens(lines));
    let (ruling, out) = from_server(&edge(), &message);
    assert_eq!(ruling, Ruling::ToFlow { flow: client(1).flow, kind: request(method) }, "{}", text(&out));
    check(lines, &message, top, changes, &out);
    out
}

#[track_caller]
fn check(lines: &str, message: &[u8], top: &[&str], changes: &[(&str, &str)], out: &[u8]) {
    let expected = changed(masked(message).as_bytes(), changes);
    let (start, rest) = expected.split_once("\r\n").unwrap();
    assert_eq!(masked(out), format!("{start}\r\n{}{rest}", top.concat()), "{lines}");
}

#[test]
fn a_registration_gets_a_via_and_a_path() {
    check_up(
        &edge(),
        JSSIP_REGISTER,
        &[VIA_UP, PATH],
        &[
            ("branch=z9hG4bK5372178", &format!("branch=z9hG4bK5372178{SEEN}")),
            ("Forwards: 69", "Forwards: 68"),
        ],
    );
}

#[test]
fn a_message_gets_a_via_and_nothing_for_later() {
    check_up(
        &edge(),
        JSSIP_MESSAGE,
        &[VIA_UP],
        &[
            ("branch=z9hG4bK8164529", &format!("branch=z9hG4bK8164529{SEEN}")),
            ("Forwards: 69", "Forwards: 68"),
        ],
    );
}

#[test]
fn what_begins_a_dialog_gets_a_record_route() {
    check_up(
        &edge(),
        JSSIP_INVITE,
        &[VIA_UP, RECORD_ROUTE],
        &[
            ("branch=z9hG4bK2960016", &format!("branch=z9hG4bK2960016{SEEN}")),
            ("Forwards: 69", "Forwards: 68"),
        ],
    );
    for (method, begins) in [
        ("SUBSCRIBE", true),
        ("REFER", true),
        ("NOTIFY", true),
        ("PUBLISH", false),
        ("UPDATE", false),
        ("INFO", false),
    ] {
        let message = JSSIP_MESSAGE.replace("MESSAGE sip", &format!("{method} sip"));
        let message = message.replace("2 MESSAGE", &format!("2 {method}"));
        let (_, out) = from_client(&edge(), 1, &sip(&message));
        assert_eq!(text(&out).contains("Record-Route:"), begins, "{method}");
    }
}

#[test]
fn our_own_route_comes_off_and_the_next_stays() {
    check_up(
        &edge(),
        SIPJS_ACK,
        &[VIA_UP],
        &[
            ("Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>\r\n", ""),
            ("branch=z9hG4bK733054", &format!("branch=z9hG4bK733054{SEEN}")),
            ("Forwards: 70", "Forwards: 69"),
        ],
    );
    check_up(
        &edge(),
        SIPJS_BYE,
        &[VIA_UP],
        &[
            ("<sip:{client 1}@gw.example.org:5060;transport=udp;lr>,", ""),
            ("branch=z9hG4bK1190022", &format!("branch=z9hG4bK1190022{SEEN}")),
            ("Forwards: 70", "Forwards: 69"),
        ],
    );
}

#[test]
fn compact_folded_and_joined_headers_are_understood_and_left_as_they_are() {
    check_up(
        &edge(),
        COMPACT_SUBSCRIBE,
        &[VIA_UP, RECORD_ROUTE],
        &[
            ("z9hG4bKq1", &format!("z9hG4bKq1{SEEN}")),
            ("Max-Forwards:\r\n\t 12", "Max-Forwards:\r\n\t 11"),
            ("Route: <sip:pbx.example.net;lr>", "Route: <sip:pbx.example.net;lr>\r\nContent-Length: 0"),
        ],
    );
}

#[test]
fn requests_of_the_server_reach_the_client_that_the_route_names() {
    let seen = ";received=10.0.0.1;rport=5060";
    check_down(
        KAMAILIO_INVITE,
        Method::Invite,
        &[VIA_DOWN, RECORD_ROUTE],
        &[
            ("Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr;ob>\r\n", ""),
            ("5e1f.0a7b1c42d3e4f5.0", &format!("5e1f.0a7b1c42d3e4f5.0{seen}")),
            ("Forwards: 69", "Forwards: 68"),
        ],
    );
    check_down(
        KAMAILIO_BYE,
        Method::Bye,
        &[VIA_DOWN],
        &[
            ("Route: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>\r\n", ""),
            ("6e1f.1a7b1c42d3e4f5.0", &format!("6e1f.1a7b1c42d3e4f5.0{seen}")),
            ("Forwards: 69", "Forwards: 68"),
        ],
    );
}

#[test]
fn a_token_in_the_request_uri_is_as_good_as_one_in_a_route() {
    check_down(
        "OPTIONS sip:{client 1}@gw.example.org:5060;transport=udp SIP/2.0
         Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK5e1f.1
         From: <sip:pinger@example.org>;tag=p
         To: <sip:{client 1}@gw.example.org:5060>
         Call-ID: ping-1
         CSeq: 1 OPTIONS
         Max-Forwards: 1
         Content-Length: 0",
        Method::Options,
        &[VIA_DOWN],
        &[("5e1f.1", "5e1f.1;received=10.0.0.1;rport=5060"), ("Forwards: 1\r", "Forwards: 0\r")],
    );
}

#[test]
fn what_a_client_says_about_its_address_is_replaced() {
    let lies = ";received=10.0.0.1;rport=5060;branch=z9hG4bK8164529;received=10.0.0.2";
    check_up(
        &edge(),
        &JSSIP_MESSAGE.replace(";branch=z9hG4bK8164529", lies),
        &[VIA_UP],
        &[
            (lies, ";received=198.51.100.1;rport=50001;branch=z9hG4bK8164529"),
            ("Forwards: 69", "Forwards: 68"),
        ],
    );
    let asked = ";rport;branch=z9hG4bK8164529";
    check_up(
        &edge(),
        &JSSIP_MESSAGE.replace(";branch=z9hG4bK8164529", asked),
        &[VIA_UP],
        &[
            (asked, ";rport=50001;branch=z9hG4bK8164529;received=198.51.100.1"),
            ("Forwards: 69", "Forwards: 68"),
        ],
    );
}

#[test]
fn an_ipv4_address_on_a_socket_for_both_is_told_as_such() {
    let source = Source { address: "[::ffff:198.51.100.1]:50001".parse().unwrap(), ..client(1) };
    for (lines, parameters) in [
        (JSSIP_MESSAGE.to_owned(), format!("{SEEN}\r\n")),
        (JSSIP_MESSAGE.replace("Forwards: 69", "Forwards: 0"), ";received=198.51.100.1\r\n".to_owned()),
    ] {
        let mut out = Vec::new();
        let _ruling = edge().from_downstream(&sip(&lines), &source, &UP, &mut out);
        let expected = format!("branch=z9hG4bK8164529{parameters}");
        assert!(text(&out).contains(&expected), "{}", text(&out));
    }
}

#[test]
fn a_request_to_a_sips_uri_is_routed_back_by_secure_hops() {
    let sips = JSSIP_INVITE.replace("INVITE sip:", "INVITE SIPS:");
    for (lines, transport, expected) in [
        (JSSIP_INVITE, Transport::Udp, "<sip:{client 1}@gw.example.org:5060;transport=udp;lr>"),
        (JSSIP_INVITE, Transport::Tcp, "<sip:{client 1}@gw.example.org:5060;transport=tcp;lr>"),
        (JSSIP_INVITE, Transport::Tls, "<sip:{client 1}@gw.example.org:5060;transport=tls;lr>"),
        (JSSIP_INVITE, Transport::Ws, "<sip:{client 1}@gw.example.org:5060;transport=ws;lr>"),
        (JSSIP_INVITE, Transport::Wss, "<sip:{client 1}@gw.example.org:5060;transport=ws;lr>"),
        (&sips, Transport::Tls, "<sips:{client 1}@gw.example.org:5060;transport=tcp;lr>"),
        (&sips, Transport::Wss, "<sips:{client 1}@gw.example.org:5060;transport=ws;lr>"),
        // Nobody could follow a secure URI there.
        (&sips, Transport::Udp, "<sip:{client 1}@gw.example.org:5060;transport=udp;lr>"),
    ] {
        let mut out = Vec::new();
        let up = Hop { transport, ..UP };
        let _ruling = edge().from_downstream(&sip(lines), &client(1), &up, &mut out);
        let routes = format!("\r\nRecord-Route: {expected}\r\n");
        assert!(masked(&out).contains(&routes), "{transport:?}: {}", masked(&out));
        let rport = if transport == Transport::Udp { ";rport" } else { "" };
        let via = format!("\r\nVia: SIP/2.0/{} gw.example.org:5060{rport};branch=", transport.in_via());
        assert!(text(&out).contains(&via), "{transport:?}: {}", masked(&out));
    }
}

#[test]
fn the_answer_to_what_was_just_within_the_limits_passes() {
    let limits = Limits { line: 300, ..Limits::default() };
    let edge = Edge::new(EdgeSettings { limits, ..settings() });
    let long = format!("Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;x={};branch=z9hG4bK8164529", "x".repeat(225));
    let lines = JSSIP_MESSAGE.replace("Via: SIP/2.0/WSS 2vhn7q8t1c0k.invalid;branch=z9hG4bK8164529", &long);
    crate::way_back::there_and_back(&edge, &sip(&lines), crate::way_back::Style::InOneLine);
    let longer = lines.replace(";x=", &format!(";y={};x=", "y".repeat(100)));
    let fault = Reason::Malformed(Fault::LineTooLong);
    assert_eq!(from_client(&edge, 1, &sip(&longer)).0, Ruling::Drop(fault), "nor can its Via be repeated");
}

#[test]
fn hops_that_are_not_counted_are_counted_from_seventy() {
    check_up(
        &edge(),
        &JSSIP_MESSAGE.replace("Max-Forwards: 69\n", ""),
        &[VIA_UP, "Max-Forwards: 70\r\n"],
        &[("branch=z9hG4bK8164529", &format!("branch=z9hG4bK8164529{SEEN}"))],
    );
}

#[test]
fn line_ends_around_a_message_are_let_go_of() {
    let message = sip(JSSIP_REGISTER);
    let (_, plain) = from_client(&edge(), 1, &message);
    let (_, padded) = from_client(&edge(), 1, &[b"\r\n\r\n", &*message, b"\r\n"].concat());
    assert_eq!(text(&padded), text(&plain));
}

#[test]
fn bytes_that_are_no_text_pass() {
    let mut message = sip(&JSSIP_MESSAGE.replace("Hello, Bob: \u{263a}", "x"));
    let end = message.len() - 3;
    message[end] = 0xff;
    let (ruling, out) = from_client(&edge(), 1, &message);
    assert!(matches!(ruling, Ruling::Forward { .. }));
    assert!(out.ends_with(b"\r\n\r\n\xff\r\n"));
}

#[test]
fn without_always_path_only_clients_that_know_paths_get_one() {
    let edge = Edge::new(EdgeSettings { always_path: false, ..settings() });
    let has_path = |lines: &str| text(&from_client(&edge, 1, &sip(lines)).1).contains("\r\nPath: ");
    assert!(has_path(JSSIP_REGISTER));
    assert!(has_path(&JSSIP_REGISTER.replace("Supported: path,gruu,outbound", "k: gruu , PATH")));
    assert!(!has_path(&JSSIP_REGISTER.replace("Supported: path,gruu,outbound", "Supported: xpath")));
    assert!(!has_path(&JSSIP_REGISTER.replace("Supported: path,gruu,outbound\n", "")));
}

#[test]
fn a_registration_through_another_proxy_is_not_told_to_be_the_clients_own_flow() {
    let behind = "Via: SIP/2.0/UDP 192.0.2.4;branch=z9hG4bKbehind\n    Max-Forwards: 69";
    let (_, out) = from_client(&edge(), 1, &sip(&JSSIP_REGISTER.replace("Max-Forwards: 69", behind)));
    let path = "\r\nPath: <sip:{client 1}@gw.example.org:5060;transport=udp;lr>\r\n";
    assert!(masked(&out).contains(path), "{}", masked(&out));
}

#[test]
fn a_dialog_stays_with_one_server() {
    let affinity = |lines: &str| match from_client(&edge(), 1, &sip(&with_tokens(lines))).0 {
        Ruling::Forward { affinity, .. } => affinity,
        other @ (Ruling::ToFlow { .. } | Ruling::Answer { .. } | Ruling::Drop(_)) => panic!("{other:?}"),
    };
    let invite = affinity(JSSIP_INVITE);
    assert_eq!([affinity(SIPJS_ACK), affinity(SIPJS_BYE), affinity(SIPJS_CANCEL)], [invite; 3]);
    assert_ne!(affinity(JSSIP_MESSAGE), invite);
}

#[test]
fn repetition_cancel_and_ack_of_an_error_have_the_branch_of_their_invite() {
    let branch = |number, lines: &str| {
        let out = text(&from_client(&edge(), number, &sip(&with_tokens(lines))).1);
        let (_, behind) = out.split_once("rport;branch=").unwrap();
        behind.split_once("\r\n").unwrap().0.to_owned()
    };
    for old in ["", "z9hG4bK2960016"] {
        // Without the cookie, as RFC 2543 has it, all else must tell transactions apart.
        let lines = |lines: &str| if old.is_empty() { lines.to_owned() } else { lines.replace(old, "1") };
        let invite = branch(1, &lines(JSSIP_INVITE));
        assert_eq!(branch(1, &lines(JSSIP_INVITE)), invite);
        assert_eq!(branch(1, &lines(SIPJS_CANCEL)), invite);
        assert_eq!(branch(1, &lines(ACK_OF_BUSY)), invite);
        assert_ne!(branch(2, &lines(JSSIP_INVITE)), invite, "another client");
        assert_ne!(branch(1, &lines(JSSIP_INVITE).replace("4711", "4712")), invite, "another CSeq");
    }
    // A branch that is the cookie alone tells nothing: a BYE to one fork of a call is none to the other.
    let bye = SIPJS_BYE.replace("z9hG4bK1190022", "z9hG4bK");
    assert_ne!(branch(1, &bye), branch(1, &bye.replace("tag=a6c85cf", "tag=b6c85cf")), "another To");
    assert_ne!(branch(1, &bye), branch(1, &bye.replace("tag=ptv6r8ba2u", "tag=q")), "another From");
    let other = JSSIP_INVITE.replace("2960016", "2960017");
    assert_ne!(branch(1, &other), branch(1, JSSIP_INVITE), "another branch");
}

#[test]
fn responses_lose_our_via_and_nothing_else() {
    let branch = format!("z9hG4bK0123456789-0123456789_.{}", back_to_client(1));
    let joined = format!("SIP/2.0/UDP gw.example.org:5060;rport;branch={branch}, ");
    let whole =
        format!("Via: SIP/2.0/UDP gw.example.org:5060;received=10.0.0.9;rport=5060;branch={branch}\r\n");
    for (lines, ours, status) in [(KAMAILIO_REGISTERED, whole, 200), (SIPP_RINGING, joined, 180)] {
        let message = sip(&with_tokens(lines).replace("{branch}", &branch));
        let (ruling, out) = from_server(&edge(), &message);
        let kind = sip_proto::edge::Kind::Response(status);
        assert_eq!(ruling, Ruling::ToFlow { flow: client(1).flow, kind });
        assert_eq!(text(&out), changed(&message, &[(&ours, "")]));
    }
}

#[test]
fn a_response_that_does_not_tell_its_length_gets_it_told() {
    let branch = format!("z9hG4bK0123456789-0123456789_.{}", back_to_client(1));
    let lines = SIPP_RINGING.replace("l: 0", "Content-Type: text/plain\n\n    abc");
    let message = sip(&with_tokens(&lines).replace("{branch}", &branch));
    let (_, out) = from_server(&edge(), &message);
    assert!(
        text(&out).ends_with("Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nabc\r\n"),
        "{}",
        text(&out)
    );
}
