//! Both versions byte for byte: exchanges between a proxy and an agent of the protocol's makers (v1),
//! and the shapes that version 2 gives them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::borrow::Cow;

use agent_proto::v2::{self, FromAgent, ToAgent};
use agent_proto::{
    Answer, Audit, Configure, Decision, Event, Fault, Json, Metadata, Opcode, Payload, RequestHeaders,
    Version, WebSocketDecision, WebSocketFrame, sniff, v1,
};

const XSS: &str = r#"{"version":1,"event_type":"web_socket_frame","payload":{"correlation_id":"c-0001","opcode":"text","data":"eyJtZXNzYWdlIjogIjxzY3JpcHQ+YWxlcnQoMSk8L3NjcmlwdD4ifQ==","client_to_server":true,"frame_index":0,"fin":true,"route_id":"websocket","client_ip":"203.0.113.9"}}"#;
const XSS_SAYS: &[u8] = br#"{"message": "<script>alert(1)</script>"}"#;
const CONFIGURE: &str = r#"{"version":1,"event_type":"configure","payload":{"agent_id":"ws-inspector","config":{"block-mode":true,"max-text-frame-size":4096,"unknown-key":1}}}"#;
const HEADERS: &str = r#"{"version":1,"event_type":"request_headers","payload":{"metadata":{"correlation_id":"c-0001","request_id":"r-1","client_ip":"203.0.113.9","client_port":50123,"server_name":"localhost","protocol":"HTTP/1.1","tls_version":null,"tls_cipher":null,"route_id":"websocket","upstream_id":"ws-backend","timestamp":"2026-01-01T00:00:00Z"},"method":"GET","uri":"/ws","headers":{"upgrade":["websocket"]}}}"#;

fn frame(payload: &[u8]) -> WebSocketFrame<'_> {
    WebSocketFrame {
        correlation_id: "c-0001".into(),
        opcode: Opcode::Text,
        data: payload.into(),
        client_to_server: true,
        frame_index: 0,
        fin: true,
        route_id: Some("websocket".into()),
        client_ip: "203.0.113.9".into(),
    }
}

fn headers() -> RequestHeaders {
    RequestHeaders {
        metadata: Metadata {
            correlation_id: "c-0001".to_owned(),
            request_id: "r-1".to_owned(),
            client_ip: "203.0.113.9".to_owned(),
            client_port: 50123,
            server_name: Some("localhost".to_owned()),
            protocol: "HTTP/1.1".to_owned(),
            route_id: Some("websocket".to_owned()),
            upstream_id: Some("ws-backend".to_owned()),
            timestamp: "2026-01-01T00:00:00Z".to_owned(),
            ..Metadata::default()
        },
        method: "GET".to_owned(),
        uri: "/ws".to_owned(),
        headers: [("upgrade".to_owned(), vec!["websocket".to_owned()])].into(),
    }
}

fn configure() -> Configure {
    Configure {
        agent_id: "ws-inspector".to_owned(),
        config: Json::parse(r#"{"block-mode":true,"max-text-frame-size":4096,"unknown-key":1}"#).unwrap(),
        ..Configure::default()
    }
}

fn framed(prefix: &[u8], text: &str) -> Vec<u8> {
    [prefix, text.as_bytes()].concat()
}

#[test]
fn questions_of_version_1_are_written_as_their_own_proxy_writes_them() {
    for (event, prefix, text) in [
        (Event::WebSocketFrame(frame(XSS_SAYS)), [0, 0, 1, 9], XSS),
        (Event::Configure(configure()), [0, 0, 0, 0x94], CONFIGURE),
        (Event::RequestHeaders(headers()), [0, 0, 1, 0x89], HEADERS),
    ] {
        assert_eq!(v1::encode_request(&event).unwrap(), framed(&prefix, text), "{text}");
        assert_eq!(v1::decode_request(text.as_bytes()).unwrap(), event, "{text}");
    }
}

fn audit(tags: &[&str], rule_ids: &[&str], reason_codes: &[&str]) -> Audit {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Audit {
        tags: owned(tags),
        rule_ids: owned(rule_ids),
        reason_codes: owned(reason_codes),
        ..Audit::default()
    }
}

#[test]
fn answers_of_version_1_are_written_as_their_own_agent_writes_them() {
    let closed = |code, reason: &str| WebSocketDecision::Close { code, reason: reason.to_owned() };
    let block = Decision::Block {
        status: 500,
        body: Some("Invalid agent configuration: invalid type: integer `1`, expected a boolean".to_owned()),
        headers: None,
    };
    for (prefix, decision, audit, websocket_decision, parts) in [
        (
            [0, 0, 1, 0x35],
            Decision::Allow,
            audit(&["ws-xss"], &["xss-script-tag"], &[]),
            Some(WebSocketDecision::Drop),
            (r#""allow""#, r#"["ws-xss"]"#, r#"["xss-script-tag"]"#, "[]", r#""drop""#),
        ),
        (
            [0, 0, 1, 0x1e],
            Decision::Allow,
            Audit::default(),
            Some(WebSocketDecision::Allow),
            (r#""allow""#, "[]", "[]", "[]", r#""allow""#),
        ),
        ([0, 0, 1, 0x1b], Decision::Allow, Audit::default(), None, (r#""allow""#, "[]", "[]", "[]", "null")),
        (
            [0, 0, 1, 0x5a],
            Decision::Allow,
            audit(&["ws-size-limit"], &[], &[]),
            Some(closed(1009, "Message too large")),
            (
                r#""allow""#,
                r#"["ws-size-limit"]"#,
                "[]",
                "[]",
                r#"{"close":{"code":1009,"reason":"Message too large"}}"#,
            ),
        ),
        (
            [0, 0, 1, 0x35],
            Decision::Allow,
            audit(&["ws-error"], &[], &["decode-error"]),
            Some(WebSocketDecision::Drop),
            (r#""allow""#, r#"["ws-error"]"#, "[]", r#"["decode-error"]"#, r#""drop""#),
        ),
        (
            [0, 0, 1, 0x8f],
            block,
            Audit::default(),
            None,
            (
                r#"{"block":{"status":500,"body":"Invalid agent configuration: invalid type: integer `1`, expected a boolean","headers":null}}"#,
                "[]",
                "[]",
                "[]",
                "null",
            ),
        ),
    ] {
        let (decision_text, tags, rules, reasons, frame) = parts;
        let text = format!(
            r#"{{"version":1,"decision":{decision_text},"request_headers":[],"response_headers":[],"routing_metadata":{{}},"audit":{{"tags":{tags},"rule_ids":{rules},"confidence":null,"reason_codes":{reasons},"custom":{{}}}},"needs_more":false,"request_body_mutation":null,"response_body_mutation":null,"websocket_decision":{frame}}}"#
        );
        let answer = Answer { decision, audit, websocket_decision, ..Answer::default() };
        assert_eq!(v1::encode_answer(&answer).unwrap(), framed(&prefix, &text));
        assert_eq!(v1::decode_answer(text.as_bytes()).unwrap(), answer, "{text}");
    }
}

#[test]
fn an_answer_may_say_no_more_than_it_must() {
    let answer = v1::decode_answer(br#"{"future":[1],"decision":"allow","version":1}"#);
    assert_eq!(answer.unwrap(), Answer::default());
}

#[test]
fn a_question_may_come_with_more_keys_in_another_order_and_of_another_version() {
    let text = r#"{"payload":{"client_ip":"::1","fin":false,"frame_index":3,"client_to_server":false,"data":"aGk=","opcode":"reserved","correlation_id":"c","x":1},"event_type":"web_socket_frame","version":99,"y":{}}"#;
    let expected = WebSocketFrame {
        correlation_id: "c".into(),
        opcode: Opcode::Reserved,
        data: Payload::Bytes(Cow::Borrowed(b"hi")),
        client_to_server: false,
        frame_index: 3,
        fin: false,
        route_id: None,
        client_ip: "::1".into(),
    };
    assert_eq!(v1::decode_request(text.as_bytes()).unwrap(), Event::WebSocketFrame(expected));
}

#[test]
fn a_payload_that_is_not_base64_is_a_question_all_the_same() {
    for data in ["!!!not base64!!!", "aGk", "aGk=\\n", "a-k="] {
        let text = XSS.replace("eyJtZXNzYWdlIjogIjxzY3JpcHQ+YWxlcnQoMSk8L3NjcmlwdD4ifQ==", data);
        let Ok(Event::WebSocketFrame(frame)) = v1::decode_request(text.as_bytes()) else { panic!("{text}") };
        assert_eq!(frame.data, Payload::Undecodable, "{data}");
    }
}

#[test]
fn what_is_not_a_question_is_a_fault() {
    let without_fin = XSS.replace(r#""fin":true,"#, "");
    let misnamed = XSS.replace("web_socket_frame", "websocket_frame");
    let deep =
        format!(r#"{{"version":1,"event_type":"configure","payload":{{"config":{}1"#, "[".repeat(100_000));
    for (text, label) in [
        (&*misnamed, "garbage"),
        (&*without_fin, "garbage"),
        (&*deep, "garbage"),
        ("", "garbage"),
        ("hello", "garbage"),
        (r#"{"version":1,"event_type":"configure"}"#, "garbage"),
    ] {
        let fault = v1::decode_request(text.as_bytes()).expect_err(label);
        assert_eq!(fault.label(), label, "{fault}");
    }
    assert_eq!(
        v1::decode_request(misnamed.as_bytes()),
        Err(Fault::UnknownEvent("websocket_frame".to_owned()))
    );
}

#[test]
fn what_is_not_an_answer_is_a_fault() {
    let many =
        format!(r#"{{"version":1,"decision":"allow","audit":{{"tags":[{}""]}}}}"#, r#""","#.repeat(1024));
    let header = r#"{"version":1,"decision":"allow","request_headers":["#.to_owned()
        + &r#"{"remove":{"name":"a"}},"#.repeat(1024)
        + r#"{"remove":{"name":"a"}}]}"#;
    for (text, label) in [
        (r#"{"version":2,"decision":"allow"}"#, "version"),
        (r#"{"decision":"allow"}"#, "garbage"),
        (r#"{"version":1}"#, "garbage"),
        (r#"{"version":1,"decision":"alow"}"#, "garbage"),
        (r#"{"version":1,"decision":{"block":{}}}"#, "garbage"),
        (
            r#"{"version":1,"decision":"allow","websocket_decision":{"close":{"code":65536,"reason":""}}}"#,
            "garbage",
        ),
        (r#"{"version":1,"decision":"allow","decision":"allow"}"#, "garbage"),
        (r#"{"version":1,"version":1,"decision":"allow"}"#, "garbage"),
        (r#"{"version":1,"decision":"allow"} x"#, "garbage"),
        (&*many, "garbage"),
        (&*header, "garbage"),
        ("\u{0}", "garbage"),
    ] {
        let fault = v1::decode_answer(text.as_bytes()).expect_err(text);
        assert_eq!(fault.label(), label, "{text}: {fault}");
    }
}

#[test]
fn a_length_above_the_limit_is_a_fault_before_anything_of_the_message_has_come() {
    for (length, is_allowed) in [(10_485_760_u32, true), (10_485_761, false), (u32::MAX, false)] {
        let mut frames = v1::Frames::new();
        frames.feed(&length.to_be_bytes());
        assert_eq!(frames.next_message().is_ok(), is_allowed, "{length}");
    }
    for (length, is_allowed) in [(0_u32, false), (1, false), (16_777_216, true), (16_777_217, false)] {
        let mut frames = v2::Frames::new();
        frames.feed(&length.to_be_bytes());
        // Of two short messages the first has no type, the second one that does not exist.
        frames.feed(&[0xff; 1]);
        assert_eq!(frames.next_message().is_ok(), is_allowed, "{length}");
    }
    let mut frames = v1::Frames::with_limit(8);
    frames.feed(&[0, 0, 0, 9]);
    assert_eq!(frames.next_message(), Err(Fault::TooLarge { length: 9, max: 8 }));
}

#[test]
fn a_message_above_the_limit_is_not_written() {
    let most = vec![b'a'; v1::MESSAGE_MAX / 4 * 3];
    assert_eq!(
        v1::encode_request(&Event::WebSocketFrame(frame(&most))).expect_err("too large").label(),
        "too-large"
    );
    assert!(v1::encode_request(&Event::WebSocketFrame(frame(&most[..7_860_000]))).is_ok());
    let text = XSS.replace("ey", "!!");
    let Event::WebSocketFrame(undecodable) = v1::decode_request(text.as_bytes()).unwrap() else {
        panic!("a frame")
    };
    assert_eq!(
        v1::encode_request(&Event::WebSocketFrame(undecodable)).expect_err("nothing to write").label(),
        "garbage"
    );
}

#[test]
fn messages_are_found_behind_each_other_and_in_pieces() {
    let stream = [framed(&[0, 0, 1, 9], XSS), vec![0; 4], framed(&[0, 0, 0, 0x94], CONFIGURE)].concat();
    for size in [1, 3, 4, 5, 264, 265, 269, 270, stream.len()] {
        let (mut frames, mut found) = (v1::Frames::new(), Vec::new());
        assert!(frames.is_between_messages());
        for piece in stream.chunks(size) {
            frames.feed(piece);
            while let Some(message) = frames.next_message().unwrap() {
                found.push(String::from_utf8(message.to_vec()).unwrap());
            }
        }
        assert_eq!(found, [XSS, "", CONFIGURE], "pieces of {size}");
        assert!(frames.is_between_messages());
        frames.feed(&[0]);
        assert!(!frames.is_between_messages());
    }
}

const V2_HELLO: &str = r#"{"supported_versions":[2],"proxy_id":"zentinel-proxy","proxy_version":"0.6.45","config":null,"supported_encodings":["json"]}"#;
const V2_WELCOME: &str = r#"{"protocol_version":2,"capabilities":{"agent_id":"ws-inspector","name":"WS Inspector","version":"1.0.0","supported_events":[6,8],"features":{"streaming_body":false,"websocket":true,"guardrails":false,"config_push":false,"metrics_export":false,"concurrent_requests":100,"cancellation":false,"flow_control":false,"health_reporting":true},"limits":{"max_body_size":10485760,"max_concurrency":100,"preferred_chunk_size":65536}},"success":true,"error":null,"encoding":"json"}"#;
const V2_FRAME: &str = r#"{"correlation_id":"c-0001","opcode":"text","data":"eyJtZXNzYWdlIjogIjxzY3JpcHQ+YWxlcnQoMSk8L3NjcmlwdD4ifQ==","client_to_server":true,"frame_index":0,"fin":true,"route_id":"websocket","client_ip":"203.0.113.9"}"#;
const V2_ANSWER: &str = r#"{"version":2,"decision":"allow","request_headers":[],"response_headers":[],"routing_metadata":{},"audit":{"tags":["ws-xss"],"rule_ids":["xss-script-tag"],"confidence":null,"reason_codes":[],"custom":{"correlation_id":"c-0001"}},"needs_more":false,"request_body_mutation":null,"response_body_mutation":null,"websocket_decision":{"close":{"code":1008,"reason":"blocked"}}}"#;

fn capabilities() -> v2::Capabilities {
    v2::Capabilities {
        agent_id: "ws-inspector".to_owned(),
        name: "WS Inspector".to_owned(),
        version: "1.0.0".to_owned(),
        supported_events: vec![6, 8],
        features: v2::Features {
            websocket: true,
            concurrent_requests: 100,
            health_reporting: true,
            ..v2::Features::default()
        },
        limits: v2::Limits { max_body_size: 10_485_760, max_concurrency: 100, preferred_chunk_size: 65_536 },
    }
}

/// The one message of a stream.
#[track_caller]
fn only(stream: &[u8], look: impl FnOnce(v2::Message<'_>)) {
    let mut frames = v2::Frames::new();
    frames.feed(stream);
    look(frames.next_message().unwrap().expect("a whole message"));
    assert!(frames.is_between_messages());
}

#[test]
fn proxies_of_version_2_say_what_they_should() {
    let mut headers_text = HEADERS.replacen(
        r#"{"version":1,"event_type":"request_headers","payload":{"#,
        r#"{"correlation_id":"c-0001","#,
        1,
    );
    headers_text.pop();
    let cancel = v2::Cancel {
        correlation_id: "c".to_owned(),
        reason: v2::CancelReason::Timeout,
        timestamp_ms: 1_700_000_000_000,
    };
    let settings = Configure {
        agent_id: String::new(),
        correlation_id: "configure-1".to_owned(),
        config_version: Some("7".to_owned()),
        ..configure()
    };
    for (said, head, text) in [
        (
            ToAgent::Handshake(v2::HandshakeRequest::new("zentinel-proxy", "0.6.45")),
            [0, 0, 0, 0x7d, 0x01],
            V2_HELLO,
        ),
        (ToAgent::Event(Event::WebSocketFrame(frame(XSS_SAYS))), [0, 0, 0, 0xd2, 0x15], V2_FRAME),
        (ToAgent::Event(Event::RequestHeaders(headers())), [0, 0, 1, 0x6d, 0x10], &*headers_text),
        (
            ToAgent::Event(Event::Configure(settings)),
            [0, 0, 0, 0x7e, 0x17],
            r#"{"correlation_id":"configure-1","config":{"block-mode":true,"max-text-frame-size":4096,"unknown-key":1},"config_version":"7"}"#,
        ),
        (
            ToAgent::Cancel(cancel),
            [0, 0, 0, 0x3f, 0x40],
            r#"{"correlation_id":"c","reason":2,"timestamp_ms":1700000000000}"#,
        ),
        (
            ToAgent::Ping(v2::Ping { sequence: 3, timestamp_ms: 4 }),
            [0, 0, 0, 0x20, 0x41],
            r#"{"sequence":3,"timestamp_ms":4}"#,
        ),
    ] {
        let stream = v2::encode_to_agent(&said).unwrap();
        assert_eq!(stream, framed(&head, text), "{text}");
        only(&stream, |message| assert_eq!(v2::decode_to_agent(message).unwrap(), said));
    }
}

#[test]
fn agents_of_version_2_say_what_they_should() {
    let mut answer = Answer {
        audit: audit(&["ws-xss"], &["xss-script-tag"], &[]),
        websocket_decision: Some(WebSocketDecision::Close { code: 1008, reason: "blocked".to_owned() }),
        ..Answer::default()
    };
    answer.correlate("c-0001");
    for (said, head, text) in [
        (
            FromAgent::Handshake(v2::HandshakeResponse::accept(capabilities())),
            [0, 0, 1, 0xd7, 0x02],
            V2_WELCOME,
        ),
        (FromAgent::Answer { correlation_id: "c-0001".to_owned(), answer }, [0, 0, 1, 0x73, 0x20], V2_ANSWER),
        (
            FromAgent::Pong(v2::Ping { sequence: 3, timestamp_ms: 4 }),
            [0, 0, 0, 0x20, 0x42],
            r#"{"sequence":3,"timestamp_ms":4}"#,
        ),
        (
            FromAgent::Health(v2::HealthStatus { state: v2::HealthState::Draining }),
            [0, 0, 0, 0x0c, 0x30],
            r#"{"state":3}"#,
        ),
        (
            FromAgent::FlowControl(v2::FlowControl { action: v2::FlowAction::Pause }),
            [0, 0, 0, 0x0d, 0x33],
            r#"{"action":1}"#,
        ),
    ] {
        let stream = v2::encode_from_agent(&said).unwrap();
        assert_eq!(stream, framed(&head, text), "{text}");
        only(&stream, |message| assert_eq!(v2::decode_from_agent(message).unwrap(), said));
    }
}

#[test]
fn numbers_that_nobody_has_defined_are_kept() {
    let message =
        v2::Message { kind: v2::MessageType::HealthStatus, payload: br#"{"state":9,"load":{"x":[1]}}"# };
    let health = v2::HealthStatus { state: v2::HealthState::Unknown(9) };
    assert_eq!(v2::decode_from_agent(message), Ok(FromAgent::Health(health)));
}

#[test]
fn an_answer_of_version_2_says_which_event_it_is_for() {
    for text in [
        V2_ANSWER.replace(r#""correlation_id":"c-0001""#, ""),
        V2_ANSWER.replace(r#""correlation_id":"c-0001""#, r#""correlation_id":7"#),
    ] {
        let message = v2::Message { kind: v2::MessageType::AgentResponse, payload: text.as_bytes() };
        assert_eq!(v2::decode_from_agent(message), Err(Fault::Uncorrelated), "{text}");
    }
}

#[test]
fn a_message_of_the_wrong_side_is_a_fault() {
    for kind in v2::MessageType::ALL {
        let message = v2::Message { kind, payload: b"{}" };
        let unexpected = Fault::Unexpected(kind.byte());
        let is_foreign = |fault: Option<Fault>| fault == Some(unexpected.clone());
        let (to, from) = (
            is_foreign(v2::decode_to_agent(message).err()),
            is_foreign(v2::decode_from_agent(message).err()),
        );
        assert!(to != from, "{kind:?} belongs to one side");
    }
}

#[test]
fn a_handshake_is_refused_with_its_reason() {
    let mut request = v2::HandshakeRequest::new("p", "1");
    assert_eq!(request.check(), Ok(()));
    request.supported_versions = vec![1, 3];
    let fault = request.check().expect_err("2 is not among them");
    assert_eq!(fault, Fault::Version { found: 3, wanted: 2 });
    let refusal = v2::HandshakeResponse::refuse(capabilities(), &fault);
    assert_eq!(refusal.check().expect_err("refused").label(), "refused");
    for (text, label) in [
        (r#"{"protocol_version":2,"success":true}"#, None),
        (r#"{"protocol_version":1,"success":true}"#, Some("version")),
        (r#"{"protocol_version":2,"success":true,"encoding":"msgpack"}"#, Some("encoding")),
        (r#"{"protocol_version":2,"success":false,"error":null}"#, Some("refused")),
    ] {
        let message = v2::Message { kind: v2::MessageType::HandshakeResponse, payload: text.as_bytes() };
        let Ok(FromAgent::Handshake(response)) = v2::decode_from_agent(message) else { panic!("{text}") };
        assert_eq!(response.check().err().as_ref().map(Fault::label), label, "{text}");
    }
}

#[test]
fn a_ping_comes_back_byte_for_byte() {
    let odd = br#"{ "timestamp_ms":1,"sequence":2,"x":0 }"#;
    let stream = v2::encode_payload(v2::MessageType::Pong, odd).unwrap();
    only(&stream, |message| assert_eq!((message.kind, message.payload), (v2::MessageType::Pong, &odd[..])));
}

#[test]
fn the_versions_are_told_apart_by_their_beginning() {
    let (first, second) = (framed(&[0, 0, 1, 9], XSS), framed(&[0, 0, 0, 0x7d, 1], V2_HELLO));
    for length in 0..5 {
        assert_eq!((sniff(&first[..length]), sniff(&second[..length])), (None, None));
    }
    assert_eq!((sniff(&first), sniff(&second)), (Some(Version::V1), Some(Version::V2)));
}
