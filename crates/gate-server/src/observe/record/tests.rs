//! Records as they stand in the log.

use std::fs;

use gate_config::model::{At, Level, LogFormat, LogTarget, Logging};

use super::*;

/// The one record that `write` makes, as JSON without its time.
fn written(name: &str, write: impl FnOnce(&Records)) -> serde_json::Value {
    let path = std::env::temp_dir().join(format!("record-{}-{name}", std::process::id()));
    let logging = Logging {
        level: Level::Info,
        format: LogFormat::Json,
        access: Some(At::nowhere(LogTarget::File(path.clone()))),
        error: At::nowhere(LogTarget::Off),
        ..Logging::default()
    };
    let records = Records::open(&logging).unwrap();
    write(&records);
    records.sinks().finish();
    let text = fs::read_to_string(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    let mut record: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(record.as_object_mut().unwrap().remove("time").is_some());
    record
}

#[test]
fn a_request_is_told_with_all_that_is_known_of_it_but_no_query() {
    let user_agent = HeaderValue::from_bytes(b"curl\xff \"x\"").unwrap();
    let referer = HeaderValue::from_static("https://example.org/a?token=secret#b");
    let requested = Requested {
        secured: Secured { version: Some("TLSv1.3"), client_certificate: Some("CN=a") },
        client: "192.0.2.1:999",
        method: &Method::POST,
        path: "/a",
        host: "example.org",
        version: Version::HTTP_11,
        request_id: "cafe\"",
        user_agent: Some(&user_agent),
        referer: Some(&referer),
        route: Some("api"),
        upstream: Some("10.0.0.1:80"),
        status: Some(StatusCode::BAD_GATEWAY),
        fault: Some(("upstream_lost", "it went\naway")),
        request_bytes: 5,
        response_bytes: 17,
        duration: Duration::from_micros(1_500),
    };
    let record = written("request", |records| requested.record(records));
    let expected = serde_json::json!({
        "event": "request", "client": "192.0.2.1:999", "method": "POST", "path": "/a", "host": "example.org",
        "protocol": "HTTP/1.1", "tls": "TLSv1.3", "client_certificate": "CN=a", "status": 502, "reason": "upstream_lost", "detail": "it went\naway",
        "route": "api", "upstream": "10.0.0.1:80", "request_id": "cafe\"", "user_agent": "curl\u{fffd} \"x\"",
        "referer": "https://example.org/a", "request_bytes": 5, "response_bytes": 17, "duration_ms": 1.5,
    });
    assert_eq!(record, expected);

    let gone = Requested {
        secured: Secured::default(),
        status: None,
        fault: None,
        route: None,
        upstream: None,
        user_agent: None,
        referer: None,
        version: Version::HTTP_10,
        ..requested
    };
    let record = written("gone", |records| gone.record(records));
    let expected = serde_json::json!({
        "event": "request", "client": "192.0.2.1:999", "method": "POST", "path": "/a", "host": "example.org",
        "protocol": "HTTP/1.0", "request_id": "cafe\"", "request_bytes": 5, "response_bytes": 17,
        "duration_ms": 1.5,
    });
    assert_eq!(record, expected);
}

#[test]
fn a_refused_handshake_is_told_with_what_is_known() {
    let bare = Refused { client: "unix:", reason: "head_timeout", detail: "late", ..Refused::default() };
    let record = written("bare", |records| bare.record(records));
    let expected = serde_json::json!({"event": "refused", "client": "unix:", "reason": "head_timeout", "detail": "late"});
    assert_eq!(record, expected);

    let full = Refused {
        status: Some(StatusCode::FORBIDDEN),
        route: Some("chat"),
        upstream: Some("10.0.0.1:80"),
        path: Some("/c"),
        host: Some("a"),
        request_id: Some("7"),
        ..bare
    };
    let record = written("full", |records| full.record(records));
    let expected = serde_json::json!({
        "event": "refused", "client": "unix:", "status": 403, "reason": "head_timeout", "detail": "late",
        "route": "chat", "upstream": "10.0.0.1:80", "path": "/c", "host": "a", "request_id": "7",
    });
    assert_eq!(record, expected);
}

#[test]
fn an_open_session_is_told_with_its_route_and_target() {
    let began = crate::clock::now();
    let opened = Opened {
        id: SessionId::new(1, 2),
        client: "192.0.2.1:999".into(),
        upstream: "unix:/run/chat".into(),
        route: "chat".into(),
        request_id: "cafe".into(),
        path: "/c".into(),
        at: began + Duration::from_millis(3),
    };
    let negotiated = Negotiated {
        secured: Secured::default(),
        host: "example.org".into(),
        subprotocol: Some("v1".into()),
        deflate: true,
        began,
    };
    let record = written("open", |records| opened.record_open(records, &negotiated));
    let expected = serde_json::json!({
        "event": "open", "session": "1-2", "client": "192.0.2.1:999", "route": "chat",
        "upstream": "unix:/run/chat", "path": "/c", "request_id": "cafe", "host": "example.org",
        "subprotocol": "v1", "extensions": "permessage-deflate", "handshake_ms": 3.0,
    });
    assert_eq!(record, expected);
}
