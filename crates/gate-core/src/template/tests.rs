//! What lines come of which templates, sessions and events.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ws_proto::Opcode;

use super::*;
use crate::session::Party;
use crate::side::Side;

/// The session of all tests, with these header fields.
fn bind(template: &Template, headers: &HeaderMap, redaction: &Redaction) -> Bound {
    let facts = Facts {
        remote_addr: "192.0.2.7",
        remote_port: Some(4711),
        remote_user: Some("ann"),
        server_addr: "10.0.0.1",
        server_port: Some(443),
        upstream_addr: "127.0.0.1:9101",
        method: &Method::GET,
        target: "/ch%61t/%22x?token=s3cret&room=1&tail=2;token=s3cret",
        protocol: "HTTP/1.1",
        path: "/chat/%22x",
        query: Some("token=s3cret&room=1&tail=2;token=s3cret"),
        host: "Chat.Example.org:8443",
        scheme: "https",
        headers,
        request_id: "00ff",
        route: "chat",
        listener: "public",
        session: "0-1",
        subprotocol: Some("chat.v1"),
        tls_version: Some("TLSv1.3"),
        tls_cipher: Some("TLS_AES_128_GCM_SHA256"),
        tls_server_name: Some("chat.example.org"),
        tls_client_subject: None,
    };
    template.bind(&facts, redaction)
}

fn headers(fields: &[(&str, &[u8])]) -> HeaderMap {
    let parse = |(name, value): &(&str, &[u8])| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::from_bytes(value).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().map(parse) {
        map.append(name, value);
    }
    map
}

const STAMP: Stamp<'_> = Stamp {
    local: "22/Nov/2026:05:00:00 +0000",
    iso8601: "2026-11-22T05:00:00+00:00",
    seconds: 1_795_323_600,
    millis: 7,
};

const OPEN: Event<'_> = Event {
    kind: Kind::Open,
    stamp: STAMP,
    age: Duration::ZERO,
    data: None,
    source: None,
    close: None,
    end: None,
};

const DATA: Data = Data {
    opcode: Opcode::Continuation,
    payload_size: 5,
    message_size: 13,
    fragments: 3,
    is_compressed: false,
};

const FRAME: Event<'_> = Event {
    kind: Kind::Frame,
    age: Duration::from_millis(61_042),
    data: Some(DATA),
    source: Some(Party::Peer(Side::Client)),
    ..OPEN
};

const TOTALS: [Totals; 2] = [
    Totals { frames: 1, messages: 2, payload_bytes: 3, bytes: 4 },
    Totals { frames: 5, messages: 6, payload_bytes: 7, bytes: u64::MAX },
];

const CLOSE: Event<'_> = Event {
    kind: Kind::Close,
    source: Some(Party::Gateway),
    close: Some(Close { code: 4001, reason: Some("Connection is Aged") }),
    end: Some(End {
        initiator: Party::Gateway,
        reason: "max_age",
        by: Party::Peer(Side::Upstream),
        totals: &TOTALS,
    }),
    ..FRAME
};

fn line_of(template: &Template, event: &Event<'_>, headers: &HeaderMap) -> String {
    let mut line = Vec::new();
    bind(template, headers, &Redaction::default()).render(event, &mut line);
    assert_eq!(line.pop(), Some(b'\n'));
    String::from_utf8(line).unwrap()
}

fn text(template: &str, event: &Event<'_>) -> String {
    line_of(&Template::text(template, Escape::Default).unwrap(), event, &HeaderMap::new())
}

#[test]
fn text_and_variables_stand_in_any_order() {
    for (template, line) in [
        ("", ""),
        ("no variable", "no variable"),
        ("$ws_opcode", "0"),
        ("${ws_opcode}", "0"),
        ("$ws_opcode$ws_payload_size$ws_message_size", "0513"),
        ("<$ws_opcode> $ws_packet_source, $uri!", r"<0> client, /chat/\x22x!"),
        ("${ws_opcode}x$ws_opcode-x", "0x0-x"),
        ("$WS_Opcode", "0"),
        ("100$$ $$ws_opcode $$$ws_opcode", "100$ $ws_opcode $0"),
        ("X stays X", "X stays X"),
        ("\u{e4}$ws_opcode\u{e4}", "\u{e4}0\u{e4}"),
        ("$route$route ", "chatchat "),
        ("$request_id $request", "00ff GET /ch%61t/%22x?token=***&room=1&tail=2;token=*** HTTP/1.1"),
        ("line\none", "line\none"),
    ] {
        assert_eq!(text(template, &FRAME), line, "{template}");
    }
}

#[test]
fn each_variable_has_its_value_or_none() {
    let unset = "-";
    // Name, then what stands for it on the lines of an open, a frame and a close.
    for (name, open, frame, close) in [
        ("ws_event", "open", "frame", "close"),
        ("ws_opcode", unset, "0", "0"),
        ("ws_opcode_name", unset, "continuation", "continuation"),
        ("ws_payload_size", unset, "5", "5"),
        ("ws_message_size", unset, "13", "13"),
        ("ws_compressed_size", unset, unset, unset),
        ("ws_fragments", unset, "3", "3"),
        ("ws_packet_source", unset, "client", "gateway"),
        ("ws_conn_age", "0", "61", "61"),
        ("ws_duration", "0.000", "61.042", "61.042"),
        ("request_time", "0.000", "61.042", "61.042"),
        ("time_local", STAMP.local, STAMP.local, STAMP.local),
        ("time_iso8601", STAMP.iso8601, STAMP.iso8601, STAMP.iso8601),
        ("msec", "1795323600.007", "1795323600.007", "1795323600.007"),
        ("ws_close_code", unset, unset, "4001"),
        ("ws_close_reason", unset, unset, "Connection is Aged"),
        ("ws_close_initiator", unset, unset, "gateway"),
        ("ws_end_reason", unset, unset, "max_age"),
        ("ws_end_by", unset, unset, "upstream"),
        ("ws_client_frames", unset, unset, "1"),
        ("ws_client_messages", unset, unset, "2"),
        ("ws_client_payload_bytes", unset, unset, "3"),
        ("ws_client_bytes", unset, unset, "4"),
        ("ws_upstream_frames", unset, unset, "5"),
        ("ws_upstream_messages", unset, unset, "6"),
        ("ws_upstream_payload_bytes", unset, unset, "7"),
        ("ws_upstream_bytes", unset, unset, "18446744073709551615"),
        ("bytes_received", unset, unset, "4"),
        ("bytes_sent", unset, unset, "18446744073709551615"),
    ] {
        let template = format!("${name}");
        assert_eq!(text(&template, &OPEN), open, "{name} of an open");
        assert_eq!(text(&template, &FRAME), frame, "{name} of a frame");
        assert_eq!(text(&template, &CLOSE), close, "{name} of a close");
    }
    let target = "/ch%61t/%22x?token=***&room=1&tail=2;token=***";
    for (name, value) in [
        ("ws_session", "0-1"),
        ("connection", "0-1"),
        ("ws_subprotocol", "chat.v1"),
        ("route", "chat"),
        ("listener", "public"),
        ("remote_addr", "192.0.2.7"),
        ("remote_ip", "192.0.2.7"),
        ("remote_port", "4711"),
        ("remote_user", "ann"),
        ("server_addr", "10.0.0.1"),
        ("server_port", "443"),
        ("upstream_addr", "127.0.0.1:9101"),
        ("request", &format!("GET {target} HTTP/1.1")),
        ("request_method", "GET"),
        ("request_uri", target),
        ("uri", r"/chat/\x22x"),
        ("document_uri", r"/chat/\x22x"),
        ("args", "token=***&room=1&tail=2;token=***"),
        ("query_string", "token=***&room=1&tail=2;token=***"),
        ("server_protocol", "HTTP/1.1"),
        ("request_id", "00ff"),
        ("host", "chat.example.org"),
        ("scheme", "https"),
        ("tls_version", "TLSv1.3"),
        ("ssl_protocol", "TLSv1.3"),
        ("tls_cipher", "TLS_AES_128_GCM_SHA256"),
        ("tls_server_name", "chat.example.org"),
        ("tls_client_subject", unset),
        ("arg_token", "***"),
        ("arg_ROOM", "1"),
        ("arg_none", unset),
        ("http_user_agent", unset),
        ("cookie_none", unset),
    ] {
        for event in [&OPEN, &FRAME, &CLOSE] {
            assert_eq!(text(&format!("${name}"), event), value, "{name}");
        }
    }
}

#[test]
fn a_compressed_message_tells_its_size_on_the_wire() {
    let data = Some(Data { is_compressed: true, ..DATA });
    let event = Event { kind: Kind::Message, data, ..FRAME };
    assert_eq!(text("$ws_event $ws_message_size $ws_compressed_size", &event), "message 13 13");
}

#[test]
fn fields_and_cookies_are_found_by_name_and_lines_are_joined() {
    let headers = headers(&[
        ("X-Forwarded-For", b"1.1.1.1"),
        ("X-Forwarded-For", b"2.2.2.2"),
        ("Cookie", b"a=1; Session=xyz=="),
        ("Cookie", b"b= 2"),
        ("X-Empty", b""),
    ]);
    for (template, line) in [
        ("$http_x_forwarded_for", "1.1.1.1, 2.2.2.2"),
        ("$http_X_Forwarded_For", "1.1.1.1, 2.2.2.2"),
        ("$http_cookie", "a=1; Session=xyz==; b= 2"),
        ("$cookie_session $cookie_a $cookie_b $cookie_c", "xyz== 1 2 -"),
        ("$http_x_empty", "-"),
    ] {
        let template = Template::text(template, Escape::Default).unwrap();
        assert_eq!(line_of(&template, &FRAME, &headers), line);
    }
}

#[test]
fn row_62_no_value_can_end_a_line_or_forge_a_field() {
    let nasty = "a\"b\\c\r\nOPEN \u{1b}[31m\u{9b}2J\u{e9}\u{2028}\u{0}\t";
    let close = Some(Close { code: 1000, reason: Some(nasty) });
    let event = Event { close, ..FRAME };
    for (escape, value) in [
        (
            Escape::Default,
            r"a\x22b\x5Cc\x0D\x0AOPEN \x1B[31m\xC2\x9B2J\xC3\xA9\xE2\x80\xA8\x00\x09".to_owned(),
        ),
        (Escape::Json, "a\\\"b\\\\c\\r\\nOPEN \\u001b[31m\\u009b2J\u{e9}\\u2028\\u0000\\t".to_owned()),
        (Escape::None, nasty.replace('\r', r"\x0D").replace('\n', r"\x0A")),
    ] {
        let template = Template::text("<$ws_close_reason>", escape).unwrap();
        assert_eq!(line_of(&template, &event, &HeaderMap::new()), format!("<{value}>"));
    }
    let template = Template::json(["$ws_close_reason"]).unwrap();
    let line = line_of(&template, &event, &HeaderMap::new());
    assert_eq!(
        line,
        "{\"ws_close_reason\":\"a\\\"b\\\\c\\r\\nOPEN \\u001b[31m\\u009b2J\u{e9}\\u2028\\u0000\\t\"}"
    );
}

#[test]
fn octets_that_are_not_utf_8_break_no_line() {
    let headers = headers(&[("X-Bad", b"a\xff\xfeb\"")]);
    for (escape, value) in [(Escape::Default, r"a\xFF\xFEb\x22"), (Escape::Json, "a\u{fffd}\u{fffd}b\\\"")] {
        let template = Template::text("$http_x_bad", escape).unwrap();
        assert_eq!(line_of(&template, &FRAME, &headers), value);
    }
}

#[test]
fn what_has_no_value_stands_as_in_nginx() {
    for (escape, line) in [(Escape::Default, "[-]"), (Escape::Json, "[]"), (Escape::None, "[]")] {
        let template = Template::text("[$ws_close_code]", escape).unwrap();
        assert_eq!(line_of(&template, &FRAME, &HeaderMap::new()), line);
    }
}

#[test]
fn a_long_value_is_cut() {
    let headers = headers(&[("X-Long", "x".repeat(9000).as_bytes())]);
    let template = Template::text("$http_x_long", Escape::Default).unwrap();
    assert_eq!(line_of(&template, &FRAME, &headers), "x".repeat(8192));
}

#[test]
fn json_has_typed_values_by_the_names_they_were_asked_for() {
    let fields =
        ["$ws_event", "${ws_opcode}", "$remote_ip", "$remote_port", "$ws_close_code", "$ws_duration"];
    let template = Template::json(fields).unwrap();
    assert_eq!(
        line_of(&template, &FRAME, &HeaderMap::new()),
        "{\"ws_event\":\"frame\",\"ws_opcode\":0,\"remote_ip\":\"192.0.2.7\",\"remote_port\":4711,\
         \"ws_close_code\":null,\"ws_duration\":61.042}"
    );
    let nothing = Template::json(["$http_x", "$tls_client_subject", "$arg_x"]).unwrap();
    assert_eq!(
        line_of(&nothing, &OPEN, &HeaderMap::new()),
        "{\"http_x\":null,\"tls_client_subject\":null,\"arg_x\":null}"
    );
    assert_eq!(line_of(&Template::json([]).unwrap(), &OPEN, &HeaderMap::new()), "{}");
}

#[test]
fn row_61_tokens_are_hidden_without_being_named() {
    let headers = headers(&[
        ("Authorization", b"Bearer s3cret"),
        ("Proxy-Authorization", b"Bearer s3cret"),
        ("Referer", b"https://example.org/?Access_Token=s3cret&room=1"),
    ]);
    for (template, line) in [
        ("$arg_token $arg_room", "*** 1"),
        ("$request_uri", "/ch%61t/%22x?token=***&room=1&tail=2;token=***"),
        ("$http_authorization $http_proxy_authorization", "*** ***"),
        ("$http_referer", "https://example.org/?Access_Token=***&room=1"),
    ] {
        let template = Template::text(template, Escape::Default).unwrap();
        let mut told = Vec::new();
        bind(&template, &headers, &Redaction::default()).render(&FRAME, &mut told);
        assert_eq!(String::from_utf8(told).unwrap(), format!("{line}\n"));
    }
}

#[test]
fn row_63_values_that_are_to_be_hidden_are_nowhere() {
    let headers = headers(&[
        ("Cookie", b"a=1; session=s3cret; SESSION = s3cret"),
        ("Authorization", b"Basic s3cret"),
        ("Referer", b"https://example.org/?x=1&token=s3cret"),
    ]);
    let redaction = Redaction {
        arguments: vec!["Token".to_owned()],
        cookies: vec!["session".to_owned()],
        headers: vec!["authorization".to_owned()],
    };
    for (template, line) in [
        ("$arg_token $arg_room $arg_tail", "*** 1 2;token=***"),
        ("$args", "token=***&room=1&tail=2;token=***"),
        ("$request_uri", "/ch%61t/%22x?token=***&room=1&tail=2;token=***"),
        ("$request", "GET /ch%61t/%22x?token=***&room=1&tail=2;token=*** HTTP/1.1"),
        ("$cookie_session $cookie_a", "*** 1"),
        ("$http_cookie", "a=1; session=***; SESSION =***"),
        ("$http_authorization", "***"),
        ("$http_referer", "https://example.org/?x=1&token=***"),
    ] {
        let template = Template::text(template, Escape::Default).unwrap();
        let mut told = Vec::new();
        bind(&template, &headers, &redaction).render(&FRAME, &mut told);
        assert_eq!(String::from_utf8(told).unwrap(), format!("{line}\n"));
    }
}

#[test]
fn no_spelling_of_a_parameter_brings_its_value_into_a_log() {
    let redaction =
        Redaction { arguments: ["token", "key[a]"].map(str::to_owned).into(), ..Redaction::default() };
    for (query, told) in [
        ("token=a", "token=***"),
        ("TOKEN=a&b=c", "TOKEN=***&b=c"),
        ("%74oken=a", "%74oken=***"),
        ("x=1;token=a;y=2&z=3", "x=1;token=***&z=3"),
        ("token=a;b&x=1", "token=***&x=1"),
        ("x=1;y;TOKEN=a", "x=1;y;TOKEN=***"),
        ("key[a]=b&KEY%5Ba%5D=b&key[b]=c", "key[a]=***&KEY%5Ba%5D=***&key[b]=c"),
        ("token[]=a&token[x]=b", "token[]=***&token[x]=***"),
        ("token%5B%5D=a", "token%5B%5D=***"),
        ("token=a=b&token=c", "token=***&token=***"),
        ("tokens=a&token", "tokens=a&token"),
        ("", ""),
    ] {
        assert_eq!(redaction.query(query), told);
    }
}

#[test]
fn each_mistake_is_told_with_its_place() {
    let unknown = |name: &str, at| Fault::Unknown { name: name.to_owned(), at };
    for (template, faults) in [
        ("$urix", vec![unknown("urix", 0..5)]),
        ("a $none b ${No} c", vec![unknown("none", 2..7), unknown("no", 10..15)]),
        ("\u{e4}$none", vec![unknown("none", 2..7)]),
        ("$http_", vec![unknown("http_", 0..6)]),
        ("5 $", vec![Fault::Nameless { at: 2..3 }]),
        ("$ x$-", vec![Fault::Nameless { at: 0..1 }, Fault::Nameless { at: 3..4 }]),
        ("${}", vec![Fault::Nameless { at: 0..3 }]),
        ("${a b}$ws_opcode", vec![Fault::Nameless { at: 0..6 }]),
        ("x${ws_opcode", vec![Fault::Unclosed { at: 1..12 }]),
    ] {
        assert_eq!(Template::text(template, Escape::Default).unwrap_err(), faults, "{template}");
        for fault in faults {
            assert!(fault.range().is_some_and(|range| template.get(range).is_some()), "{fault}");
        }
    }
    for (field, fault) in [
        ("a", Fault::NotOneVariable),
        ("", Fault::NotOneVariable),
        ("$route$route", Fault::NotOneVariable),
        ("$$", Fault::NotOneVariable),
        ("$rout", unknown("rout", 0..5)),
        ("${ws_opcode}", Fault::Repeated),
    ] {
        assert_eq!(Template::json(["$ws_opcode", field]).unwrap_err(), [(1, fault)]);
    }
}

#[test]
fn every_name_is_a_variable_and_has_a_test() {
    let tests = include_str!("tests.rs");
    let fixed: Vec<_> = names().filter(|name| !name.ends_with('_')).collect();
    for name in &fixed {
        assert!(Template::text(&format!("${name}"), Escape::Default).is_ok(), "{name}");
        assert!(tests.contains(&format!("(\"{name}\",")), "{name}");
    }
    let mut sorted = fixed.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), fixed.len(), "no name stands twice");
}

#[test]
fn numbers_are_written_in_full() {
    for number in [0, 1, 9, 10, 99, 100, 1 << 32, u64::MAX] {
        let data = Some(Data { payload_size: number, ..DATA });
        assert_eq!(text("$ws_payload_size", &Event { data, ..FRAME }), number.to_string());
    }
}

#[test]
fn who_needs_the_reason_says_so() {
    let wants = |template: &str| Template::text(template, Escape::Default).unwrap().wants_close_reason();
    assert!(wants("a ${ws_close_reason} b"));
    assert!(!wants("$ws_close_code"));
}
