//! What an operator has of SIP beside calls: checks of servers, figures, and who has sent what is wrong.

use std::net::SocketAddr;

use serde_json::json;
use testkit::Side::Client;
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::frame::close;
use testkit::message::Message;
use testkit::rig::Rig;

use crate::sip::{Registrar, answer, header, hear, phone, request, say, text};

#[test]
fn plain_http_never_gets_to_a_server_of_sip() {
    for target in ["udp://$0", "tcp://$0", "ws://$0"] {
        let rig = Rig::from_kdl([Backend::default()], &text(target, "", ""));
        let asked = [
            Message::get("/sip"),
            Message::request("POST", "/sip").sized("REGISTER sip:example.org SIP/2.0\r\n\r\n"),
            Message::request("INVITE", "/sip").sized("v=0\r\n"),
            Message::get("/sip").with("Connection", "upgrade").with("Upgrade", "h2c"),
        ];
        for message in &asked {
            let head = rig.send(&message.to_bytes()).read_head();
            let told = (head.status(), head.get("Upgrade"), head.get("Connection"));
            assert_eq!(told, (426, Some("websocket"), Some("upgrade")), "{target} {message:?}");
        }
        rig.assert_none_dialled();
        let records = rig.finish();
        let requests = records.of("request");
        assert_eq!(requests.len(), asked.len());
        for record in requests {
            testkit::records::assert_has(record, &json!({ "status": 426, "reason": "websocket_required" }));
        }
    }
}

#[test]
fn a_server_over_udp_is_asked_with_options_whether_it_lives() {
    let registrar = Registrar::start();
    let more = "upstreams { upstream \"other\" { target \"127.0.0.1:1\" } }";
    let kdl = text(&format!("udp://{}", registrar.address()), "", more).replace(
        "upstream \"sip\" { target",
        "upstream \"sip\" { health-check { interval-secs 1; healthy-threshold 1; unhealthy-threshold 1 }; target",
    );
    let rig = Rig::from_kdl([], &kdl);
    let healthy =
        format!("framegate_upstream_healthy{{upstream=\"sip\",target=\"{}\"}}", registrar.address());
    for (status, is_healthy) in [("503 Service Unavailable", 0.0), ("404 Not Found", 1.0)] {
        let (asked, from) = registrar.receive();
        assert!(asked.starts_with(&format!("OPTIONS sip:{} SIP/2.0\r\n", registrar.address())), "{asked}");
        registrar.send(&answer(&asked, status), from);
        rig.await_metric(&healthy, is_healthy);
    }
    // What is not for the checks goes on meanwhile.
    let mut phone = phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", "hello"));
    let from = eventually("the message comes among the checks", || {
        let (got, from) = registrar.receive();
        if got.starts_with("MESSAGE") {
            registrar.send(&answer(&got, "200 OK"), from);
            return Some(from);
        }
        registrar.send(&answer(&got, "200 OK"), from);
        None
    });
    assert_ne!(from, SocketAddr::from(([127, 0, 0, 1], 0)));
    assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
    let records = rig.stop();
    testkit::records::assert_has(
        records.only("target_unhealthy"),
        &json!({ "upstream": "sip", "detail": "it answered OPTIONS with 503" }),
    );
}

fn figure(count: usize) -> f64 {
    u32::try_from(count).map(f64::from).expect("a small number")
}

#[test]
fn what_clients_of_sip_say_and_hear_is_in_the_ordinary_figures() {
    let registrar = Registrar::start();
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "", ""));
    let mut phone = phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", "hello"));
    let (got, from) = registrar.receive();
    registrar.send(&answer(&got, "100 Trying"), from);
    registrar.send(&answer(&got, "200 OK"), from);
    let heard = hear(&mut phone).len() + hear(&mut phone).len();
    phone.send(&close(Client, 1000, ""));
    assert_eq!(phone.read_frame().close().map(|(code, _)| code), Some(1000));
    let said = request("MESSAGE", 1, "", "hello").len();
    let metrics = rig.settled();
    for (sample, expected) in [
        ("framegate_messages_total{from=\"client\",opcode=\"binary\"}", 1),
        ("framegate_messages_total{from=\"upstream\",opcode=\"text\"}", 2),
        ("sentinel_websocket_messages_total{direction=\"c2s\",opcode=\"binary\"}", 1),
        ("sentinel_websocket_messages_total{direction=\"s2c\",opcode=\"text\"}", 2),
        ("framegate_frames_total{from=\"client\",opcode=\"binary\"}", 1),
        ("framegate_frames_total{from=\"upstream\",opcode=\"text\"}", 2),
        ("framegate_frame_payload_bytes_total{from=\"client\",opcode=\"binary\"}", said),
        ("framegate_frame_payload_bytes_total{from=\"upstream\",opcode=\"text\"}", heard),
    ] {
        assert_eq!(metrics.get(sample), figure(expected), "{sample}");
    }
    // The frame's header with its mask, and a Close.
    assert_eq!(metrics.get("framegate_bytes_total{from=\"client\"}"), figure(said + 8 + 8));
    assert_eq!(metrics.get("framegate_bytes_total{from=\"upstream\"}"), figure(heard + 2 * 4));
    let _records = rig.finish();
}

#[test]
fn what_was_wrong_with_a_request_is_told_to_its_sender_counted_and_recorded() {
    let registrar = Registrar::start();
    let level = "observability { logging { level \"info\" } }";
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "max-headers 12", level));
    let mut phone = phone(&rig);
    let cases = [
        (request("MESSAGE", 1, &"X: 1\r\n".repeat(12), ""), 400, "too_many_headers"),
        (
            request("MESSAGE", 2, "", "").replace("Content-Length: 0", "Content-Length: 9"),
            400,
            "body_too_short",
        ),
        (request("MESSAGE", 3, "", "").replace("CSeq: 1", "CSeq: one"), 400, "bad_cseq"),
        (request("MESSAGE", 4, &format!("X: {}\r\n", "x".repeat(9000)), ""), 513, "line_too_long"),
    ];
    for (message, status, fault) in &cases {
        say(&mut phone, message);
        let heard = hear(&mut phone);
        assert!(heard.starts_with(&format!("SIP/2.0 {status} ")), "{heard}");
        assert!(header(&heard, "Warning").starts_with("399 "), "{heard}");
        let sample = format!("framegate_sip_answers_total{{status=\"{status}\",fault=\"{fault}\"}}");
        rig.await_metric(&sample, 1.0);
    }
    phone.send(&close(Client, 1000, ""));
    let _close = phone.read_frame();
    let records = rig.stop();
    let told = records.of("sip_malformed");
    assert_eq!(told.len(), cases.len());
    for (record, (_, status, fault)) in told.into_iter().zip(cases) {
        let expected = json!({ "level": "info", "transport": "ws", "reason": fault, "status": status });
        testkit::records::assert_has(record, &expected);
    }
}
