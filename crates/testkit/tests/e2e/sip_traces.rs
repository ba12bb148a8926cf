//! What traces are told of connections to servers of SIP: those that clients share, those that are one
//! client's alone, and those that come to nothing.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Side::Upstream;
use testkit::backend::Backend;
use testkit::capture::{Capture, Packet};
use testkit::folder::Folder;
use testkit::frame::{close, large};
use testkit::message::Message;
use testkit::peer::Peer;
use testkit::records::assert_has;
use testkit::rig::Rig;
use testkit::tls::Authority;

use crate::sip::{answer, hear, phone, request, say};

/// How long nothing comes where nothing is to come.
const SILENCE: Duration = Duration::from_millis(150);

/// What a test has beside a gateway.
struct Stage {
    capture: Capture,
    authority: Authority,
    _folder: Folder,
}

impl Stage {
    fn new() -> Self {
        let folder = Folder::new();
        let authority = Authority::new(&folder, &["127.0.0.1"]);
        Self { capture: Capture::udp(), authority, _folder: folder }
    }

    /// A route to `target`, whose upstream, with `settings`, is traced as `trace` says.
    fn kdl(&self, target: &str, settings: &str, trace: &str) -> String {
        format!(
            r#"
            routes {{ route "phones" {{ matches {{ path "/sip" }}; upstream "sip"; websocket {{ sip }} }} }}
            upstreams {{ upstream "sip" {{ target "{target}"; trace "homer"; {settings} }} }}
            traces {{ trace "homer" {{ address "{}"; sip-messages false; {trace} }} }}"#,
            self.capture.address()
        )
    }

    /// Trust in the server, and a certificate of the gateway's own.
    fn tls(&self) -> String {
        let (cert, key) = (self.authority.cert_file.display(), self.authority.key_file.display());
        format!("tls {{ ca-file \"{cert}\"; client-cert \"{cert}\"; client-key \"{key}\" }}")
    }

    fn rig(&self, target: &str, settings: &str, trace: &str) -> Rig {
        self.rig_before(Backend::default(), target, settings, trace)
    }

    fn rig_before(&self, backend: Backend, target: &str, settings: &str, trace: &str) -> Rig {
        Rig::from_kdl([backend], &self.kdl(target, settings, trace))
    }

    /// The next packet, which is to tell this.
    #[track_caller]
    fn told(&self, wanted: &Value) -> (Packet, Value) {
        let packet = self.capture.packet();
        let event = packet.json();
        assert_has(&event, wanted);
        for key in event.as_object().expect("an object").keys().map(|key| key.to_lowercase()) {
            assert!(!key.contains("master") && !key.contains("secret"), "{key}");
        }
        (packet, event)
    }
}

/// Switches protocols with what the answer has more.
fn switch(server: &mut Peer, more: &[(&str, &str)]) {
    let head = server.read_head();
    let answer = Message::switching(&head).with("Sec-WebSocket-Protocol", "sip");
    server.send(&more.iter().fold(answer, |answer, (name, value)| answer.with(name, value)).to_bytes());
}

fn text_of(event: &Value, key: &str) -> String {
    let text = event[key].as_str();
    assert!(text.is_some(), "{key} in {event}");
    text.unwrap_or_default().to_owned()
}

#[test]
fn a_connection_that_clients_share_is_told_of_from_its_handshake_to_its_end() {
    for (scheme, protocol) in [("ws", "WS"), ("wss", "WSS"), ("tcp", "TCP"), ("tls", "TLS")] {
        let stage = Stage::new();
        let (is_secure, is_websocket) = (matches!(scheme, "wss" | "tls"), scheme.starts_with("ws"));
        let tls = if is_secure { stage.tls() } else { String::new() };
        let path = if is_websocket { "path \"/sip?token=s3cret\"" } else { "" };
        let rig = stage.rig(&format!("{scheme}://$0"), &format!("{tls}; {path}"), "");
        let mut phone = phone(&rig);
        say(&mut phone, &request("MESSAGE", 1, "", ""));
        let mut server = rig.backend().accept();
        if is_secure {
            server = server.serve_secured(&stage.authority).expect("TLS");
        }
        if is_websocket {
            switch(&mut server, &[("Set-Cookie", "id=s3cret; Path=/")]);
        }
        let connected = json!({
            "Protocol": protocol, "Event": "CONNECTED", "Status": "SUCCESS",
            "Message": "Successfully connected...", "Upstream": "sip", "Route": "phones",
            "Peer": rig.backend().to_string(),
        });
        let (opened, event) = stage.told(&connected);
        assert_eq!(opened.destination(), rig.backend().address(), "who has connected is the source");
        assert_eq!(event["Local"], opened.source().to_string());
        assert!(!event.to_string().contains("s3cret"), "{event}");
        if is_websocket {
            let asked = text_of(&event, "Ws-Request");
            assert!(asked.starts_with("GET /sip?token=*** HTTP/1.1\r\n"), "{asked}");
            assert!(asked.contains("\r\nSec-WebSocket-Protocol: sip\r\n"), "{asked}");
            let reply = text_of(&event, "Ws-Reply");
            assert!(reply.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{reply}");
            assert!(reply.contains("\r\nSet-Cookie: id=***; Path=/\r\n"), "{reply}");
        } else {
            assert_eq!((&event["Ws-Request"], &event["Ws-Reply"]), (&Value::Null, &Value::Null));
        }
        assert_eq!(event["TLS-Version"], if is_secure { json!("TLSv1.3") } else { Value::Null });
        for whose in ["client-subject", "server-subject", "client-issuer", "server-issuer"] {
            assert_eq!(event[whose].is_string(), is_secure, "{whose} in {event}");
        }
        let (cause, by) = if is_websocket {
            let _message = server.read_frame();
            server.send(&close(Upstream, 1001, ""));
            let _close = server.read_frame();
            ("close", "upstream")
        } else {
            drop(server.read(1));
            ("fin", "upstream")
        };
        server.finish();
        let closed = json!({
            "Protocol": protocol, "Event": "CLOSED", "Status": "SUCCESS", "Reason": cause, "By": by,
            "Upstream": "sip", "Peer": rig.backend().to_string(),
        });
        let (end, event) = stage.told(&closed);
        assert_eq!(event["Messages-Sent"], 1, "{event}");
        assert!(event["Bytes-Sent"].as_u64().is_some_and(|bytes| bytes > 100), "{event}");
        assert_eq!(event["Messages-Received"], 0, "{event}");
        assert_eq!((end.source(), end.destination()), (opened.source(), opened.destination()));
        assert_eq!(end.correlation(), opened.correlation());
        drop((server, phone));
        rig.stop();
    }
}

/// What a server does with the gateway's connection, and what is told of that.
struct Case {
    scheme: &'static str,
    /// What is left of the connection then.
    behave: fn(Peer, &Authority) -> Option<Peer>,
    wanted: Value,
    /// The opening handshake has begun.
    is_asked: bool,
}

/// Those that have to do with the opening handshake.
fn wrong_answers() -> Vec<Case> {
    let refuses = Case {
        scheme: "ws",
        behave: |mut server, _| {
            let _head = server.read_head();
            server.send(b"HTTP/1.1 403 Forbidden\r\nSet-Cookie: id=s3cret\r\nContent-Length: 0\r\n\r\n");
            Some(server)
        },
        wanted: json!({
            "Protocol": "WS", "Reason": "upstream_refused", "Http-Status": 403,
            "Message": "the server answered the opening handshake with 403 Forbidden",
            "Ws-Reply": "HTTP/1.1 403 Forbidden\r\nSet-Cookie: id=***\r\nContent-Length: 0\r\n\r\n",
        }),
        is_asked: true,
    };
    let does_not_agree = Case {
        behave: |mut server, _| {
            let head = server.read_head();
            server.send(&Message::switching(&head).to_bytes());
            Some(server)
        },
        wanted: json!({ "Reason": "upstream_subprotocol", "Http-Status": 101 }),
        ..refuses
    };
    let does_not_accept = Case {
        behave: |mut server, _| {
            let head = server.read_head();
            server.send(&Message::switching(&head).replace("Sec-WebSocket-Accept", "nonsense").to_bytes());
            Some(server)
        },
        wanted: json!({ "Http-Status": 101 }),
        ..refuses
    };
    let leaves = Case {
        behave: |mut server, _| {
            let _head = server.read_head();
            None
        },
        wanted: json!({ "Reason": "upstream_lost", "Ws-Reply": null }),
        ..refuses
    };
    let says_nothing = Case {
        behave: |mut server, _| {
            let _head = server.read_head();
            Some(server)
        },
        wanted: json!({ "Reason": "upstream_handshake_timeout", "Ws-Reply": null }),
        ..refuses
    };
    let refuses_over_tls = Case {
        scheme: "wss",
        behave: |server, authority| {
            let mut server = server.serve_secured(authority).expect("TLS");
            let _head = server.read_head();
            server.send(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
            Some(server)
        },
        wanted: json!({ "Protocol": "WSS", "Http-Status": 503, "TLS-Version": "TLSv1.3" }),
        ..refuses
    };
    vec![refuses_over_tls, does_not_agree, does_not_accept, leaves, says_nothing, refuses]
}

/// Those that have to do with TLS.
fn no_tls() -> Vec<Case> {
    let stranger = Case {
        scheme: "wss",
        behave: |server, _| {
            // Nobody vouches for it.
            let folder = Folder::new();
            let told_so = server.serve_secured(&Authority::new(&folder, &["127.0.0.1"]));
            assert!(told_so.is_err(), "the gateway trusts anybody");
            None
        },
        wanted: json!({
            "Protocol": "WSS", "Reason": "upstream_tls", "TLS-Version": null,
            "server-subject": "CN=rcgen self signed cert", "client-subject": "CN=rcgen self signed cert",
        }),
        is_asked: false,
    };
    let speaks_none = Case {
        scheme: "tls",
        behave: |mut server, _| {
            server.send(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            Some(server)
        },
        wanted: json!({ "Protocol": "TLS", "Reason": "upstream_tls", "server-subject": null }),
        ..stranger
    };
    let says_nothing = Case {
        behave: |server, _| Some(server),
        wanted: json!({ "Protocol": "WSS", "Reason": "upstream_dial_timeout" }),
        ..stranger
    };
    vec![speaks_none, says_nothing, stranger]
}

#[test]
fn a_connection_that_comes_to_nothing_is_told_of_with_its_cause() {
    for Case { scheme, behave, wanted, is_asked } in wrong_answers().into_iter().chain(no_tls()) {
        let stage = Stage::new();
        let tls = if scheme == "ws" { String::new() } else { stage.tls() };
        let settings = format!("{tls}; timeouts {{ connect \"300ms\"; handshake \"300ms\" }}");
        let rig = stage.rig(&format!("{scheme}://$0"), &settings, "");
        let mut phone = phone(&rig);
        say(&mut phone, &request("MESSAGE", 1, "", ""));
        let accepted = rig.backend().accept();
        let ends = [accepted.peer_address(), rig.backend().address()];
        let kept = behave(accepted, &stage.authority);
        let failure = json!({ "Event": "CONNECTED", "Status": "FAILURE", "Upstream": "sip" });
        let (failed, event) = stage.told(&failure);
        has(&event, &wanted);
        assert_eq!([failed.source(), failed.destination()], ends, "{event}");
        assert_eq!(event["Target"], rig.backend().to_string());
        assert_eq!(event["Ws-Request"].is_string(), is_asked, "{event}");
        assert!(!event.to_string().contains("s3cret"), "{event}");
        assert!(hear(&mut phone).starts_with("SIP/2.0 503 "));
        drop((kept, phone));
        rig.stop();
    }
}

/// Fails unless the event tells this; null: nothing of it.
#[track_caller]
fn has(event: &Value, wanted: &Value) {
    for (key, value) in wanted.as_object().expect("an object") {
        assert_eq!(&event[key], value, "{key} of {event}");
    }
}

#[test]
fn a_server_that_is_not_there_is_told_of_at_each_attempt_and_then_that_it_is() {
    for (scheme, protocol) in [("tcp", "TCP"), ("ws", "WS")] {
        let stage = Stage::new();
        let rig = stage.rig_before(Backend::closed(), &format!("{scheme}://$0"), "", "");
        let mut phone = phone(&rig);
        say(&mut phone, &request("MESSAGE", 1, "", ""));
        let unreachable = json!({
            "Protocol": protocol, "Event": "CONNECTED", "Status": "FAILURE", "Reason": "upstream_unreachable",
        });
        let (first, event) = stage.told(&unreachable);
        assert_eq!(first.destination(), rig.backend().address());
        assert!(first.source().ip().is_unspecified(), "there was no connection");
        assert_eq!((&event["Peer"], &event["Local"]), (&json!(rig.backend().to_string()), &Value::Null));
        assert!(text_of(&event, "Message").contains("refused"), "{event}");
        let (second, _) = stage.told(&unreachable);
        assert_ne!(first.correlation(), second.correlation());
        rig.backend().open();
        let mut server = rig.backend().accept();
        if scheme == "ws" {
            switch(&mut server, &[]);
        }
        let connected = |packet: &Packet| packet.json()["Status"] == "SUCCESS";
        while !connected(&stage.capture.packet()) {}
        drop((server, phone));
        rig.stop();
    }
}

#[test]
fn a_filter_decides_before_the_first_event_of_a_connection_to_a_server() {
    for (filter, is_told) in [
        ("", true),
        ("allow route=\"phones\"; deny", true),
        ("deny route=\"phones\"", false),
        ("allow peer=\"127.0.0.1\" peer-port=$PORT; deny", true),
        ("deny peer=\"127.0.0.1\" peer-port=$PORT", false),
        ("allow peer=\"127.0.0.1\" peer-port=1; deny", false),
        ("allow local=\"127.0.0.1\"; deny", true),
        ("deny local=\"127.0.0.1\" local-port=\"1-65535\"", false),
    ] {
        let stage = Stage::new();
        let backend = Backend::default();
        let filter = filter.replace("$PORT", &backend.address().port().to_string());
        let trace = format!("filter {{ {filter} }}");
        let rig = stage.rig_before(backend, "ws://$0", "", &trace);
        let mut phone = phone(&rig);
        say(&mut phone, &request("MESSAGE", 1, "", ""));
        let mut server = rig.backend().accept();
        switch(&mut server, &[]);
        let _message = server.read_frame();
        rig.await_metric("framegate_sip_messages_total{from=\"client\",kind=\"MESSAGE\"}", 1.0);
        if is_told {
            stage.told(&json!({ "Event": "CONNECTED", "Status": "SUCCESS" }));
        } else {
            stage.capture.expect_silence(SILENCE);
        }
        drop((server, phone));
        rig.stop();
    }
}

#[test]
fn a_connection_of_one_clients_own_is_told_of_by_its_route() {
    let stage = Stage::new();
    let text = stage
        .kdl("ws://$0", "", "")
        .replace("trace \"homer\"; }", "}")
        .replace("websocket { sip }", "websocket { trace \"homer\"; sip { mode \"transparent\" } }");
    let rig = Rig::from_kdl([Backend::default()], &text);
    let handshake = Message::upgrade("/sip").with("Sec-WebSocket-Protocol", "sip").to_bytes();
    let mut client = rig.send(&handshake);
    let mut server = rig.backend().accept();
    switch(&mut server, &[]);
    assert_eq!(client.read_head().status(), 101);
    let opened = [(); 2].map(|()| stage.capture.packet());
    let of = |packets: &[Packet; 2], key: &str, value: &str| {
        packets.iter().find(|packet| packet.json()[key] == value).expect(value).clone()
    };
    let (accepted, connected) = (of(&opened, "Event", "ACCEPTED"), of(&opened, "Event", "CONNECTED"));
    let event = connected.json();
    assert_has(&event, &json!({ "Status": "SUCCESS", "Route": "phones", "Upstream": "sip" }));
    for key in ["Session", "Request-Id"] {
        assert_eq!(event[key], accepted.json()[key], "{key}");
        assert!(event[key].is_string(), "{key}");
    }
    drop(server);
    let closed = [(); 2].map(|()| stage.capture.packet());
    for (open, reason) in [(&accepted, "upstream_lost"), (&connected, "fin")] {
        let end = closed.iter().find(|packet| packet.correlation() == open.correlation()).expect("its end");
        assert_has(&end.json(), &json!({ "Event": "CLOSED", "Reason": reason }));
    }
    drop(client);

    rig.backend().close();
    let mut client = rig.send(&handshake);
    assert_eq!(client.read_head().status(), 502);
    let told = [(); 2].map(|()| stage.capture.packet());
    let failed = of(&told, "Event", "CONNECTED").json();
    let refused = of(&told, "Event", "ACCEPTED").json();
    assert_has(&failed, &json!({ "Status": "FAILURE", "Reason": "upstream_unreachable" }));
    assert_has(&refused, &json!({ "Status": "FAILURE", "Http-Status": 502 }));
    drop(client);
    rig.stop();
}

#[test]
fn in_reverse_the_connection_is_told_of_by_its_upstream_and_that_of_the_peer_by_the_listener() {
    let stage = Stage::new();
    let text = format!(
        r#"
        listeners {{ listener "front" {{ address "127.0.0.1:0" }}
            listener "sip" {{ address "127.0.0.1:0"; protocol "sip-tcp"; upstream "far"; trace "homer" }} }}
        routes {{ }}
        upstreams {{ upstream "far" {{ target "wss://$0"; path "/far"; trace "homer"; {} }} }}
        traces {{ trace "homer" {{ address "{}"; sip-messages false }} }}"#,
        stage.tls(),
        stage.capture.address()
    );
    let rig = Rig::from_kdl([Backend::default()], &text);
    let mut peer = Peer::connect(rig.listener("sip"));
    let message = request("MESSAGE", 1, "", "hi");
    peer.send(message.replace("SIP/2.0/WS a7.invalid", "SIP/2.0/TCP 127.0.0.1").as_bytes());
    stage.told(&json!({ "Protocol": "TCP", "Event": "ACCEPTED", "Listener": "sip" }));
    let mut server = rig.backend().accept().serve_secured(&stage.authority).expect("TLS");
    switch(&mut server, &[]);
    let (_, event) = stage.told(&json!({ "Protocol": "WSS", "Event": "CONNECTED", "Upstream": "far" }));
    assert!(text_of(&event, "Ws-Request").starts_with("GET /far HTTP/1.1\r\n"), "{event}");
    assert_eq!(event["Route"], Value::Null);
    assert!(event["server-subject"].is_string() && event["client-subject"].is_string(), "{event}");
    let got = String::from_utf8(server.read_frame().payload).expect("text");
    server.send(&large(Upstream, answer(&got, "200 OK").as_bytes()));
    assert!(peer.read_line().starts_with("SIP/2.0 200"));
    drop(peer);
    stage.told(&json!({ "Protocol": "TCP", "Event": "CLOSED", "Listener": "sip" }));
    drop(server);
    stage.told(&json!({ "Protocol": "WSS", "Event": "CLOSED", "Upstream": "far", "By": "upstream" }));
    rig.stop();
}

#[test]
fn who_connects_to_a_listener_of_sip_is_told_of_and_who_may_not() {
    let stage = Stage::new();
    let (cert, key) = (stage.authority.cert_file.display(), stage.authority.key_file.display());
    let text = format!(
        r#"
        listeners {{ listener "front" {{ address "127.0.0.1:0" }}
            listener "sip" {{
                address "127.0.0.1:0"; protocol "sip-tls"; trace "homer"; peers "127.0.0.0/30"
                tls {{ cert-file "{cert}"; key-file "{key}" }}
            }} }}
        routes {{ }}
        traces {{ trace "homer" {{ address "{}"; sip-messages false }} }}"#,
        stage.capture.address()
    );
    let rig = Rig::from_kdl([], &text);
    let listener = rig.listener("sip");
    let mut peer = Peer::connect(listener).secure(&stage.authority, "127.0.0.1");
    let accepted = json!({ "Protocol": "TLS", "Event": "ACCEPTED", "Listener": "sip" });
    let (packet, event) = stage.told(&accepted);
    assert_eq!((packet.source(), packet.destination()), (peer.address(), listener));
    has(&event, &json!({ "Status": "SUCCESS", "TLS-Version": "TLSv1.3", "client-subject": null }));
    assert!(event["server-subject"].is_string(), "{event}");
    peer.finish();
    let (end, _) =
        stage.told(&json!({ "Protocol": "TLS", "Event": "CLOSED", "Reason": "fin", "By": "client" }));
    assert_eq!(end.correlation(), packet.correlation());

    let stranger = Peer::connect_from([127, 0, 0, 9].into(), listener);
    let stranger = stranger.secure(&stage.authority, "127.0.0.1");
    let (_, event) = stage.told(&accepted);
    has(
        &event,
        &json!({ "Status": "FAILURE", "Reason": "peer_not_allowed", "Peer": stranger.address().to_string() }),
    );
    stage.told(&json!({ "Event": "CLOSED", "Reason": "refused" }));

    let mut plain = Peer::connect(listener);
    plain.send(b"OPTIONS sip:a SIP/2.0\r\n\r\n");
    let (_, event) = stage.told(&accepted);
    has(&event, &json!({ "Status": "FAILURE", "Reason": "tls_handshake", "TLS-Version": null }));
    stage.told(&json!({ "Protocol": "TLS", "Event": "CLOSED" }));
    drop((stranger, plain));
    rig.stop();
}
