//! What a route has beside `sip`: frame logs, rates, rules, agents and webhooks, which see whole messages
//! of both directions.

use std::fs;
use std::time::Duration;

use serde_json::json;
use testkit::Side::Client;
use testkit::agent::{Agent, Say, Version, allow, frame as decided};
use testkit::backend::Backend;
use testkit::deadline::eventually;
use testkit::folder::Folder;
use testkit::frame::{BINARY, PING, PONG, TEXT, close, frame};
use testkit::head::Head;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::Rig;

use super::agents::said;
use super::sip::{Registrar, answer, header, hear, phone, request, say};

/// A route with `sip` and `beside` it, towards a server over UDP that can call phones; the webhook, if
/// there is one, is the first backend.
fn text(registrar: &Registrar, beside: &str, more: &str) -> String {
    format!(
        r#"
        listeners {{ listener "back" {{ address "127.0.0.1:0"; protocol "sip-udp" }} }}
        routes {{ route "sip" {{ matches {{ path "/sip" }}; upstream "sip"; websocket {{
            sip {{ listener "back" }}
            {beside}
        }} }} }}
        upstreams {{ upstream "sip" {{ target "udp://{}" }} }}
        {more}"#,
        registrar.address()
    )
}

fn rig(registrar: &Registrar, beside: &str) -> Rig {
    Rig::from_kdl([Backend::default()], &text(registrar, beside, ""))
}

/// The next question to the webhook, and what it is about.
#[track_caller]
fn asked(hook: &mut Peer) -> (Head, String) {
    let head = hook.read_head();
    let body = hook.read_body(&head);
    (head, String::from_utf8(body).expect("text"))
}

fn says(hook: &mut Peer, line: &str) {
    hook.send(&Message::new(&format!("HTTP/1.1 {line}")).sized("").to_bytes());
}

/// A phone that has registered, and the way to it: what stands in Route, and the gateway's socket.
#[track_caller]
fn registered(rig: &Rig, registrar: &Registrar) -> (Peer, Server) {
    let mut phone = phone(rig);
    say(&mut phone, &request("REGISTER", 1, "Supported: path\r\n", ""));
    let (got, gateway) = registrar.receive();
    registrar.send(&answer(&got, "200 OK"), gateway);
    assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
    (phone, Server { path: header(&got, "Path").to_owned(), gateway })
}

/// How a server reaches a phone.
struct Server {
    path: String,
    gateway: std::net::SocketAddr,
}

impl Server {
    fn call(&self, registrar: &Registrar, number: u32, body: &str) {
        let call = request("MESSAGE", number, &format!("Route: {}\r\n", self.path), body);
        let call = call.replace("SIP/2.0/WS a7.invalid", &format!("SIP/2.0/UDP {}", registrar.address()));
        registrar.send(&call, self.gateway);
    }
}

#[track_caller]
fn expect_closed(phone: &mut Peer, code: u16, reason: &str) {
    assert_eq!(phone.read_frame().close(), Some((code, reason)));
    let _gone_already = phone.try_send(&close(Client, code, ""));
}

const SCRIPT: &str = "<script>alert(1)</script>";

#[test]
fn a_frame_log_has_a_line_for_each_frame_and_message_of_the_client_and_to_it() {
    let (registrar, folder) = (Registrar::start(), Folder::new());
    let logs = format!(
        r#"frame-logs {{ frame-log "frames" {{ path "{}"
            open "OPEN $ws_subprotocol $upstream_addr $request"
            frame "F $ws_opcode_name $ws_payload_size/$ws_message_size $ws_packet_source $ws_close_code $ws_close_reason"
            message "M $ws_opcode_name $ws_message_size/$ws_fragments $ws_packet_source"
            close "C $ws_close_code $ws_close_reason by $ws_close_initiator $ws_client_messages $ws_upstream_messages"
        }} }}"#,
        folder.file("ws.log").display()
    );
    let rig = Rig::from_kdl([Backend::default()], &text(&registrar, "frame-log \"frames\"", &logs));
    let mut phone = phone(&rig);
    let sent = request("MESSAGE", 1, "", "hello");
    let (first, rest) = sent.as_bytes().split_at(100);
    phone.send(&frame(Client, 0x01, first));
    phone.send(
        &testkit::frame::large(Client, rest)
            .into_iter()
            .enumerate()
            .map(|(at, byte)| if at == 0 { 0x80 } else { byte })
            .collect::<Vec<_>>(),
    );
    let (got, gateway) = registrar.receive();
    registrar.send(&answer(&got, "200 OK"), gateway);
    let heard = hear(&mut phone);
    phone.send(&frame(Client, PING, b"abc"));
    assert_eq!(phone.read_frame().first, PONG);
    phone.send(&close(Client, 1000, "bye now"));
    assert_eq!(phone.read_frame().close(), Some((1000, "")));
    phone.expect_end(Ending::Fin);
    rig.finish();
    let (sent, heard) = (sent.len(), heard.len());
    let expected = [
        "OPEN sip sip GET /sip HTTP/1.1".to_owned(),
        "F text 100/100 client - -".to_owned(),
        format!("F continuation {}/{sent} client - -", sent - 100),
        format!("M text {sent}/2 client"),
        format!("F text {heard}/{heard} upstream - -"),
        format!("M text {heard}/1 upstream"),
        "F ping 3/3 client - -".to_owned(),
        "F close 9/9 client 1000 bye now".to_owned(),
        "C 1000 bye now by client 1 1".to_owned(),
    ];
    let log = fs::read_to_string(folder.file("ws.log")).expect("a log that can be read");
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_rule_ends_the_session_of_a_client_whose_request_goes_nowhere() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "inspect { }");
    let mut phone = phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", "hello"));
    assert!(registrar.receive().0.ends_with("hello"));
    say(&mut phone, &request("MESSAGE", 2, "", SCRIPT));
    assert!(hear(&mut phone).starts_with("SIP/2.0 403 "));
    expect_closed(&mut phone, 1008, "message blocked");
    let metrics = rig.metrics();
    assert_eq!(metrics.get("framegate_messages_judged_total{by=\"rules\",action=\"close\"}"), 1.0);
    assert_eq!(metrics.get("framegate_sip_dropped_total{reason=\"inspection\"}"), 1.0);
    assert_eq!(metrics.get("framegate_messages_blocked_total{route=\"sip\"}"), 1.0);
    let records = rig.finish();
    let expected =
        json!({ "from": "client", "message": 1, "by": "rules", "action": "close", "category": "xss" });
    for finding in records.of("finding") {
        assert_has(finding, &expected);
    }
    assert_has(records.only("close"), &json!({ "reason": "finding", "by": "client" }));
}

#[test]
fn a_request_that_is_dropped_is_answered_403_whoever_sent_it_and_the_session_goes_on() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "inspect { on-match \"drop\" }");
    let (mut phone, server) = registered(&rig, &registrar);
    say(&mut phone, &request("MESSAGE", 2, "", SCRIPT));
    assert!(hear(&mut phone).starts_with("SIP/2.0 403 Forbidden\r\n"));
    server.call(&registrar, 1001, SCRIPT);
    let (refused, _) = registrar.receive();
    assert!(refused.starts_with("SIP/2.0 403 Forbidden\r\n"), "{refused}");
    assert_eq!(header(&refused, "Call-ID"), "call-1001");
    // What answers nothing goes nowhere without a word.
    say(&mut phone, &answer(&request("MESSAGE", 3, "", ""), "200 <script>alert(1)</script>"));
    say(&mut phone, &request("ACK", 4, "Subject: <script>alert(1)</script>\r\n", ""));
    server.call(&registrar, 1002, "hello");
    assert!(hear(&mut phone).ends_with("hello"));
    say(&mut phone, &request("MESSAGE", 5, "", "hello"));
    assert!(registrar.receive().0.ends_with("hello"));
    let metrics = rig.metrics();
    assert_eq!(metrics.get("framegate_sip_dropped_total{reason=\"inspection\"}"), 4.0);
    assert_eq!(metrics.get("framegate_sip_answers_total{status=\"403\"}"), 2.0);
}

#[test]
fn a_servers_message_that_meets_a_rule_closes_the_client_and_nobody_else() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "inspect { direction \"upstream\"; close-code 4000 }");
    let (mut phone, server) = registered(&rig, &registrar);
    let (mut other, way) = registered(&rig, &registrar);
    say(&mut phone, &request("MESSAGE", 2, "", SCRIPT));
    assert!(registrar.receive().0.ends_with(SCRIPT), "clients are not looked at");
    server.call(&registrar, 1001, SCRIPT);
    assert!(registrar.receive().0.starts_with("SIP/2.0 403 "));
    expect_closed(&mut phone, 4000, "message blocked");
    way.call(&registrar, 1002, "hello");
    assert!(hear(&mut other).ends_with("hello"));
    server.call(&registrar, 1003, "hello");
    assert!(registrar.receive().0.starts_with("SIP/2.0 430 "));
}

#[test]
fn what_is_redacted_goes_on_with_the_length_that_it_has() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "inspect { redact pattern=\"4111-[0-9]+\" }");
    let (mut phone, server) = registered(&rig, &registrar);
    let body = "pay with 4111-2222, please";
    say(&mut phone, &request("MESSAGE", 2, "Subject: 4111-3333\r\n", body));
    let (got, _) = registrar.receive();
    assert!(got.ends_with("\r\n\r\npay with ***, please"), "{got}");
    assert_eq!((header(&got, "Subject"), header(&got, "Content-Length")), ("***", "20"));
    server.call(&registrar, 1001, body);
    let heard = hear(&mut phone);
    assert!(heard.ends_with("\r\n\r\npay with ***, please"), "{heard}");
    assert_eq!(header(&heard, "Content-Length"), "20");
}

#[test]
fn neither_line_ends_before_a_message_nor_bytes_that_are_no_text_hide_what_is_redacted() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "inspect { redact pointer=\"/card\" }");
    let mut phone = phone(&rig);
    let body = r#"{"card":"4111"}"#;
    let plain = request("MESSAGE", 1, "", body);
    say(&mut phone, &format!("\r\n\r\n{plain}"));
    let latin: Vec<u8> = request("MESSAGE", 2, "Subject: caf?\r\n", body)
        .bytes()
        .map(|byte| if byte == b'?' { 0xe9 } else { byte })
        .collect();
    phone.send(&testkit::frame::large(Client, &latin));
    for _ in 0..2 {
        let (got, _) = registrar.receive();
        assert!(got.ends_with("\r\n\r\n{\"card\":\"***\"}"), "{got}");
        assert_eq!(header(&got, "Content-Length"), "14");
    }
}

#[test]
fn what_is_redacted_for_a_client_may_have_as_many_headers_as_forwarding_makes_of_it() {
    let registrar = Registrar::start();
    let beside = "inspect { redact pattern=\"4111-[0-9]+\" }";
    let text = text(&registrar, beside, "").replace("sip { listener", "sip { max-headers 8; listener");
    let rig = Rig::from_kdl([Backend::default()], &text);
    let (mut phone, server) = registered(&rig, &registrar);
    let call = request("INVITE", 1001, &format!("Route: {}\r\n", server.path), "4111-2222");
    let call = call.replace("SIP/2.0/WS a7.invalid", &format!("SIP/2.0/UDP {}", registrar.address()));
    registrar.send(&call, server.gateway);
    let heard = hear(&mut phone);
    assert!(heard.ends_with("\r\n\r\n***"), "{heard}");
    assert_eq!(header(&heard, "Content-Length"), "3");
}

#[test]
fn messages_go_on_in_their_order_once_the_webhook_has_agreed() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "webhook \"inbound\" url=\"http://$0/scan\"");
    let mut phone = phone(&rig);
    for number in 1..=3 {
        say(&mut phone, &request("MESSAGE", number, "", &format!("hello {number}")));
    }
    let mut hooks: Vec<Peer> = (0..3).map(|_| rig.backend().accept()).collect();
    let mut numbers = Vec::new();
    for (hook, place) in hooks.iter_mut().zip(0..) {
        let (head, body) = asked(hook);
        let number: usize =
            head.get("X-Framegate-Sequence").and_then(|text| text.parse().ok()).expect("a number");
        assert!(body.starts_with("MESSAGE ") && body.ends_with(&format!("hello {}", number + 1)), "{body}");
        assert_eq!(head.get("X-Framegate-Route"), Some("sip"));
        numbers.push((number, place));
    }
    numbers.sort_unstable();
    let places: Vec<usize> = numbers.into_iter().map(|(_, place)| place).collect();
    for (place, line) in [(2, "200 OK"), (1, "204 No Content"), (0, "200 OK")] {
        says(hooks.get_mut(places[place]).expect("three hooks"), line);
    }
    for number in 1..=3 {
        assert!(registrar.receive().0.ends_with(&format!("hello {number}")));
    }
}

#[test]
fn what_a_webhook_says_is_done_in_both_directions() {
    let registrar = Registrar::start();
    let hooks = "webhook \"inbound\" url=\"http://$0/scan\" { rewrite true }
        webhook \"outbound\" url=\"http://$0/scan\" { rewrite true }";
    let rig = rig(&registrar, hooks);
    let mut phone = phone(&rig);
    say(&mut phone, &request("REGISTER", 1, "Supported: path\r\n", ""));
    let mut hook = rig.backend().accept();
    asked(&mut hook);
    says(&mut hook, "200 OK");
    let (got, gateway) = registrar.receive();
    registrar.send(&answer(&got, "200 OK"), gateway);
    let (head, _) = asked(&mut hook);
    assert_eq!(head.get("X-Framegate-Direction"), Some("outbound"));
    says(&mut hook, "200 OK");
    assert!(hear(&mut phone).starts_with("SIP/2.0 200"));
    let server = Server { path: header(&got, "Path").to_owned(), gateway };

    let rewritten = |body: &str, from: &str, to: &str| {
        Message::new("HTTP/1.1 200 OK")
            .with("X-Framegate-Action", "rewrite")
            .sized(&body.replace(from, to))
            .to_bytes()
    };
    say(&mut phone, &request("MESSAGE", 2, "", "hello"));
    let (_, body) = asked(&mut hook);
    hook.send(&rewritten(&body, "hello", "hello, world"));
    let (got, _) = registrar.receive();
    assert!(got.ends_with("\r\n\r\nhello, world"), "{got}");
    server.call(&registrar, 1001, "hello");
    let (_, body) = asked(&mut hook);
    hook.send(&rewritten(&body, "hello", "hi"));
    let heard = hear(&mut phone);
    assert!(heard.ends_with("\r\n\r\nhi") && heard.contains("Content-Length: 2\r\n"), "{heard}");

    server.call(&registrar, 1002, "hello");
    asked(&mut hook);
    hook.send(&Message::new("HTTP/1.1 200 OK").with("X-Framegate-Action", "drop").sized("").to_bytes());
    assert!(registrar.receive().0.starts_with("SIP/2.0 403 "));
    say(&mut phone, &request("MESSAGE", 3, "", "hello"));
    asked(&mut hook);
    says(&mut hook, "403 Forbidden");
    assert!(hear(&mut phone).starts_with("SIP/2.0 403 "));
    expect_closed(&mut phone, 1008, "refused by webhook");
    assert_has(rig.finish().only("close"), &json!({ "reason": "webhook", "by": "client" }));
}

#[test]
fn a_message_that_was_sent_before_a_close_still_gets_its_verdict_and_goes_on() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "webhook \"inbound\" url=\"http://$0/scan\"");
    let mut phone = phone(&rig);
    say(&mut phone, &request("BYE", 1, "", ""));
    phone.send(&close(Client, 1000, ""));
    assert_eq!(phone.read_frame().close(), Some((1000, "")));
    phone.expect_end(Ending::Fin);
    drop(phone);
    let mut hook = rig.backend().accept();
    asked(&mut hook);
    says(&mut hook, "200 OK");
    assert!(registrar.receive().0.starts_with("BYE "));
    rig.finish();
}

#[test]
fn a_client_whose_messages_wait_is_not_read_on() {
    let registrar = Registrar::start();
    let beside = "max-in-flight 1; webhook \"inbound\" url=\"http://$0/scan\"";
    let rig = rig(&registrar, beside);
    let mut phone = phone(&rig);
    let messages: Vec<u8> = (1..=4)
        .flat_map(|number| testkit::frame::large(Client, request("MESSAGE", number, "", "hello").as_bytes()))
        .collect();
    phone.send(&messages);
    let mut hook = rig.backend().accept();
    for number in 1..=4 {
        let (_, body) = asked(&mut hook);
        assert_eq!(header(&body, "Call-ID"), format!("call-{number}"));
        hook.expect_silence(Duration::from_millis(20));
        says(&mut hook, "200 OK");
    }
    let labels = "route=\"sip\",direction=\"inbound\"";
    for number in 1..=4 {
        assert_eq!(header(&registrar.receive().0, "Call-ID"), format!("call-{number}"));
    }
    rig.await_metric(&format!("framegate_webhook_calls_total{{{labels},result=\"allow\"}}"), 4.0);
}

#[test]
fn a_webhook_that_cannot_be_asked_closes_the_client_or_lets_it_pass() {
    for (mode, passes) in [("closed", false), ("open", true)] {
        let registrar = Registrar::start();
        let hook = format!("webhook \"inbound\" url=\"http://127.0.0.1:1/\" {{ failure-mode \"{mode}\" }}");
        let rig = rig(&registrar, &hook);
        let mut phone = phone(&rig);
        say(&mut phone, &request("MESSAGE", 1, "", "hello"));
        if passes {
            assert!(registrar.receive().0.ends_with("hello"));
        } else {
            assert!(hear(&mut phone).starts_with("SIP/2.0 403 "));
            expect_closed(&mut phone, 1011, "webhook failed");
            assert_has(rig.finish().only("close"), &json!({ "reason": "webhook_failed", "by": "gateway" }));
        }
    }
}

#[test]
fn requests_that_wait_when_the_client_goes_are_answered_430() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "webhook \"outbound\" url=\"http://$0/scan\"");
    let mut phone = phone(&rig);
    say(&mut phone, &request("REGISTER", 1, "Supported: path\r\n", ""));
    let (got, gateway) = registrar.receive();
    let server = Server { path: header(&got, "Path").to_owned(), gateway };
    server.call(&registrar, 1001, "hello");
    let mut hook = rig.backend().accept();
    asked(&mut hook);
    phone.send(&close(Client, 1000, ""));
    let (refused, _) = registrar.receive();
    assert!(refused.starts_with("SIP/2.0 430 "), "{refused}");
    assert_eq!(header(&refused, "Call-ID"), "call-1001");
}

#[test]
fn agents_are_asked_about_both_directions_of_a_transparent_route() {
    let folder = Folder::new();
    let by_word = |question: &serde_json::Value| -> Say {
        match said(question) {
            text if text.ends_with("drop") => decided(json!("drop")),
            text if text.ends_with("close") => {
                decided(json!({ "close": { "code": 4321, "reason": "enough" } }))
            }
            _ => allow(),
        }
    };
    let agent = Agent::start(Version::V1, &folder.file("agent.sock"), by_word);
    let kdl = format!(
        r#"
        agents {{ agent "judge" {{ unix-socket "{}"; events "websocket_frame" }} }}
        routes {{ route "sip" {{ matches {{ path "/sip" }}; upstream "sip"; agents "judge"
            websocket {{ sip {{ mode "transparent" }} }} }} }}
        upstreams {{ upstream "sip" {{ target "tcp://$0" }} }}"#,
        folder.file("agent.sock").display()
    );
    let rig = Rig::from_kdl([Backend::default()], &kdl);
    let mut client = rig.send(&Message::upgrade("/sip").with("Sec-WebSocket-Protocol", "sip").to_bytes());
    let mut server = rig.backend().accept();
    assert_eq!(client.read_head().status(), 101);
    let hello = request("MESSAGE", 1, "", "hello");
    say(&mut client, &hello);
    server.expect(hello.as_bytes());
    server.send(hello.as_bytes());
    assert_eq!(hear(&mut client), hello);
    say(&mut client, &request("MESSAGE", 2, "", "drop"));
    assert!(hear(&mut client).starts_with("SIP/2.0 403 "));
    server.send(request("MESSAGE", 3, "", "drop").as_bytes());
    let refused = server.read(16);
    assert_eq!(refused, b"SIP/2.0 403 Forb");
    server.send(request("MESSAGE", 4, "", "close").as_bytes());
    expect_closed(&mut client, 4321, "enough");
    assert_eq!(agent.questions().len(), 5);
    assert_has(rig.finish().only("close"), &json!({ "reason": "agent", "by": "upstream" }));
}

#[test]
fn what_a_transparent_server_has_sent_last_still_gets_its_verdict_and_is_delivered() {
    let kdl = r#"
        routes { route "sip" { matches { path "/sip" }; upstream "sip"
            websocket { sip { mode "transparent" }; webhook "outbound" url="http://$1/scan" } } }
        upstreams { upstream "sip" { target "tcp://$0" } }"#;
    let rig = Rig::from_kdl([Backend::default(), Backend::default()], kdl);
    let mut client = rig.send(&Message::upgrade("/sip").with("Sec-WebSocket-Protocol", "sip").to_bytes());
    let mut server = rig.backends().first().expect("it has two").accept();
    assert_eq!(client.read_head().status(), 101);
    let bye = request("BYE", 1, "", "");
    server.send(bye.as_bytes());
    drop(server);
    let mut hook = rig.backends().last().expect("it has two").accept();
    assert_eq!(asked(&mut hook).1, bye);
    client.expect_silence(Duration::from_millis(50));
    says(&mut hook, "200 OK");
    assert_eq!(hear(&mut client), bye);
    expect_closed(&mut client, 1012, "upstream lost");
    assert_has(rig.finish().only("close"), &json!({ "reason": "upstream_lost" }));
}

#[test]
fn rates_of_websocket_count_what_a_client_sends() {
    let registrar = Registrar::start();
    let rate = |on_exceed: &str| format!("rate-limit {{ messages 1; burst 2; on-exceed \"{on_exceed}\" }}");
    let three = |phone: &mut Peer| {
        for number in 1..=3 {
            say(phone, &request("MESSAGE", number, "", "hello"));
        }
    };
    let closing = rig(&registrar, &rate("close"));
    let mut client = phone(&closing);
    three(&mut client);
    expect_closed(&mut client, 1008, "rate_limit");
    assert_has(
        closing.finish().only("close"),
        &json!({ "reason": "rate_limit", "by": "client", "client_messages": 2 }),
    );
    let got: Vec<String> = (0..2).map(|_| registrar.receive().0).collect();
    assert!(got.iter().all(|message| message.ends_with("hello")));

    let dropping = rig(&registrar, &rate("drop"));
    let mut client = phone(&dropping);
    three(&mut client);
    dropping.await_metric("framegate_messages_dropped_total{from=\"client\"}", 1.0);
    assert_eq!(
        [registrar.receive().0, registrar.receive().0].map(|got| header(&got, "Call-ID").to_owned()),
        ["call-1", "call-2"]
    );
    drop(client);
    dropping.finish();

    let delaying = rig(&registrar, &rate("delay"));
    let mut client = phone(&delaying);
    three(&mut client);
    for number in 1..=3 {
        assert_eq!(header(&registrar.receive().0, "Call-ID"), format!("call-{number}"));
    }
    assert!(delaying.metrics().sum("framegate_frames_delayed_total", "from") >= 1.0);
}

#[test]
fn a_servers_message_that_is_no_utf8_goes_on_as_binary() {
    let registrar = Registrar::start();
    let rig = rig(&registrar, "");
    let (mut phone, server) = registered(&rig, &registrar);
    let call = request("MESSAGE", 1001, &format!("Route: {}\r\n", server.path), "caf?");
    let call = call.replace("SIP/2.0/WS a7.invalid", &format!("SIP/2.0/UDP {}", registrar.address()));
    let bytes: Vec<u8> = call.bytes().map(|byte| if byte == b'?' { 0xe9 } else { byte }).collect();
    registrar.send_bytes(&bytes, server.gateway);
    let heard = phone.read_frame();
    assert_eq!(heard.first, BINARY);
    assert!(heard.payload.ends_with(b"caf\xe9"));
    server.call(&registrar, 1002, "plain");
    assert_eq!(phone.read_frame().first, TEXT);
}

#[test]
fn a_reload_changes_the_rules_of_a_live_session() {
    let registrar = Registrar::start();
    let mut rig = rig(&registrar, "inspect { on-match \"drop\"; pattern \"t\" \"TK-[0-9]+\" }");
    let mut phone = phone(&rig);
    say(&mut phone, &request("MESSAGE", 1, "", "TK-1"));
    assert!(hear(&mut phone).starts_with("SIP/2.0 403 "));
    rig.reload(&text(&registrar, "inspect { on-match \"drop\"; pattern \"t\" \"XX-[0-9]+\" }", ""))
        .expect("it can be loaded");
    say(&mut phone, &request("MESSAGE", 2, "", "TK-1"));
    assert!(registrar.receive().0.ends_with("TK-1"));
    say(&mut phone, &request("MESSAGE", 3, "", "XX-1"));
    assert!(hear(&mut phone).starts_with("SIP/2.0 403 "));
    eventually("both are counted", || {
        (rig.metrics().get("framegate_sip_dropped_total{reason=\"inspection\"}") >= 2.0).then_some(())
    });
}
