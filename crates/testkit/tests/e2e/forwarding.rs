//! Which header fields go through: what is the client's reaches the upstream and the
//! other way round, what is of one hop does not, and what the gateway knows better it
//! says itself.

use serde_json::json;
use testkit::message::Message;
use testkit::records::assert_has;
use testkit::rig::Rig;

fn upgrade() -> Message {
    Message::upgrade("/chat")
}

#[test]
fn what_a_backend_decides_by_reaches_it_unchanged() {
    let rig = Rig::default();
    let request = upgrade()
        .replace("Host", "chat.example.org:8080")
        .with("Origin", "https://example.org")
        .with("Cookie", "session=\"a b\"; theme=dark")
        .with("Cookie", "second=line")
        .with("Authorization", "Bearer abc.def")
        .with("User-Agent", "a peer")
        .with("Accept-Language", "de, en;q=0.5")
        .with("X-Custom", "")
        .line(b"X-Latin: gr\xfc\xdfe");
    let session = rig.open_with(&request, |answer| answer);
    let head = &session.request;
    assert_eq!(head.first_line, "GET /chat HTTP/1.1");
    assert_eq!(head.get("Host"), Some("chat.example.org:8080"));
    assert_eq!(head.get("Origin"), Some("https://example.org"));
    assert_eq!(head.all("Cookie").collect::<Vec<_>>(), ["session=\"a b\"; theme=dark", "second=line"]);
    assert_eq!(head.get("Authorization"), Some("Bearer abc.def"));
    assert_eq!(head.get("User-Agent"), Some("a peer"));
    assert_eq!(head.get("Accept-Language"), Some("de, en;q=0.5"));
    assert_eq!(head.get("X-Custom"), Some(""));
    assert_eq!(head.get("X-Latin"), Some("grüße"));
    assert_eq!(head.get("Sec-WebSocket-Version"), Some("13"));
    session.close();
    rig.finish();
}

#[test]
fn the_target_goes_on_with_its_query() {
    let rig = Rig::default();
    for target in ["/", "/chat?room=1&x=%20", "/?", "//double", "/%2F/..%2f", "/a;b=c", "/*:@!$&'()+,"] {
        let session = rig.open_with(&Message::upgrade(target), |answer| answer);
        // In the normalised form.
        let forwarded = target.replace("%2f", "%2F");
        assert_eq!(session.request.first_line, format!("GET {forwarded} HTTP/1.1"));
        session.close();
    }
    rig.finish();
}

#[test]
fn row_13_what_is_of_one_hop_does_not_go_on() {
    let rig = Rig::default();
    let request = upgrade()
        .replace("Connection", "X-Hop, Upgrade, Host, Sec-WebSocket-Key, X-Forwarded-For")
        .with("X-Hop", "secret")
        .with("Keep-Alive", "timeout=5")
        .with("Proxy-Connection", "keep-alive")
        .with("TE", "trailers")
        .with("Trailer", "X-T")
        .with("HTTP2-Settings", "AAMAAABkAAQAAP__");
    let session = rig.open_with(&request, |answer| answer);
    let names = session.request.names();
    let expected = [
        "connection",
        "host",
        "sec-websocket-key",
        "sec-websocket-version",
        "upgrade",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-request-id",
    ];
    assert_eq!(names, expected);
    assert_eq!(session.request.get("Connection"), Some("Upgrade"));
    session.close();
    rig.finish();
}

#[test]
fn row_13_what_is_of_the_upstreams_hop_does_not_reach_the_client() {
    let rig = Rig::default();
    let session = rig.open_with(&upgrade(), |answer| {
        answer
            .replace("Connection", "upgrade, X-Hop")
            .with("X-Hop", "secret")
            .with("Keep-Alive", "timeout=5")
            .with("Set-Cookie", "a=1; HttpOnly")
            .with("Set-Cookie", "b=2")
            .with("Server", "backend/1")
            .with("X-Custom", "kept")
    });
    let head = &session.response;
    assert_eq!(head.all("Set-Cookie").collect::<Vec<_>>(), ["a=1; HttpOnly", "b=2"]);
    assert_eq!((head.get("Server"), head.get("X-Custom")), (Some("backend/1"), Some("kept")));
    assert_eq!((head.get("X-Hop"), head.get("Keep-Alive")), (None, None));
    assert_eq!(head.get("Connection"), Some("Upgrade"));
    assert_eq!(head.get("Upgrade"), Some("websocket"));
    assert_eq!((head.get("Content-Length"), head.get("Transfer-Encoding")), (None, None));
    session.close();
    rig.finish();
}

#[test]
fn row_14_what_a_client_says_of_itself_is_replaced() {
    let rig = Rig::default();
    let request = upgrade()
        .with("X-Forwarded-For", "6.6.6.6")
        .with("X-Forwarded-For", "7.7.7.7")
        .with("X-Forwarded-Proto", "https")
        .with("X-Forwarded-Host", "evil.example")
        .with("X-Forwarded-User", "root")
        .with("Forwarded", "for=6.6.6.6")
        .with("X-Real-IP", "6.6.6.6")
        .with("X-WsProxy-Target", "10.0.0.1")
        .with("X-Request-Id", "forged");
    let session = rig.open_with(&request, |answer| answer);
    let head = &session.request;
    assert_eq!(head.get("X-Forwarded-For"), Some("127.0.0.1"));
    assert_eq!(head.get("X-Forwarded-Proto"), Some("http"));
    assert_eq!(head.get("X-Forwarded-Host"), Some("example.org"));
    for forged in ["X-Forwarded-User", "Forwarded", "X-Real-IP", "X-WsProxy-Target"] {
        assert_eq!(head.get(forged), None, "{forged}");
    }
    let id = head.get("X-Request-Id").map(str::to_owned);
    session.close();
    assert_has(rig.finish().only("open"), &json!({"request_id": id}));
}

#[test]
fn each_request_has_an_id_of_its_own() {
    let rig = Rig::default();
    let mut ids: Vec<String> = (0..8)
        .map(|_| {
            let session = rig.open();
            let id = session.request.get("X-Request-Id").unwrap_or_default().to_owned();
            session.close();
            id
        })
        .collect();
    assert!(
        ids.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())),
        "{ids:?}"
    );
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 8);
    rig.finish();
}
