//! Webhooks: who is asked about the messages of a session, and what comes of the answers. The
//! hook's server is in the test's hands as the peers are.

use std::time::Duration;

use serde_json::json;
use testkit::Side::{self, Client, Upstream};
use testkit::backend::Backend;
use testkit::deadline::{Stopwatch, eventually};
use testkit::folder::Folder;
use testkit::frame::{BINARY, PING, PONG, TEXT, close, frame};
use testkit::head::Head;
use testkit::message::Message;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::{Rig, Session};
use testkit::tls::Authority;

/// The webhook of a gateway whose second backend is the webhook.
fn kdl(direction: &str, settings: &str) -> String {
    format!(
        r#"
        routes {{ route "all" {{ upstream "u"; websocket {{
            webhook "{direction}" url="http://$1/scan?v=1" {{ {settings} }}
        }} }} }}
        upstreams {{ upstream "u" {{ target "$0" }} }}"#
    )
}

#[track_caller]
fn rig_of(direction: &str, settings: &str) -> Rig {
    Rig::from_kdl([Backend::default(), Backend::default()], &kdl(direction, settings))
}

#[track_caller]
fn rig(settings: &str) -> Rig {
    rig_of("inbound", settings)
}

/// The next connection to the webhook.
#[track_caller]
fn hook(rig: &Rig) -> Peer {
    rig.backends().get(1).expect("the webhook is the second backend").accept()
}

/// What the webhook is asked: the head, and the payload.
#[track_caller]
fn asked(hook: &mut Peer) -> (Head, Vec<u8>) {
    let head = hook.read_head();
    let body = hook.read_body(&head);
    (head, body)
}

/// An answer without a body.
fn status(line: &str) -> Vec<u8> {
    Message::new(&format!("HTTP/1.1 {line}")).sized("").to_bytes()
}

/// Answers the next question.
#[track_caller]
fn answer(hook: &mut Peer, line: &str) -> (Head, Vec<u8>) {
    let asked = asked(hook);
    hook.send(&status(line));
    asked
}

/// Both peers are told the same, and the session ends.
#[track_caller]
fn expect_closed(mut session: Session, told: (u16, &str)) {
    for side in Side::BOTH {
        let farewell = session.peer(side).read_frame();
        assert_eq!(farewell.close(), Some(told), "{side}");
        session.peer(side).send(&close(side, told.0, ""));
    }
    session.end();
}

fn text(from: Side, payload: &str) -> Vec<u8> {
    frame(from, TEXT, payload.as_bytes())
}

#[test]
fn a_message_goes_on_once_the_webhook_has_agreed() {
    let rig = rig("");
    let mut session = rig.open();
    session.client.send(&text(Client, "hello"));
    let mut hook = hook(&rig);
    let (head, body) = asked(&mut hook);
    session.upstream.expect_silence(Duration::from_millis(50));
    hook.send(&status("204 No Content"));
    session.upstream.expect(&text(Client, "hello"));
    assert_eq!((head.first_line.as_str(), body.as_slice()), ("POST /scan?v=1 HTTP/1.1", &b"hello"[..]));
    let expected = [
        ("Host", rig.backends()[1].to_string()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("X-Framegate-Route", "all".to_owned()),
        ("X-Framegate-Direction", "inbound".to_owned()),
        ("X-Framegate-Opcode", "text".to_owned()),
        ("X-Framegate-Sequence", "0".to_owned()),
        ("X-Framegate-Client-Address", "127.0.0.1".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(head.get(name), Some(&*value), "{name}");
    }
    let request_id = session.request.get("X-Request-Id").map(str::to_owned);
    assert_eq!(head.get("X-Framegate-Request-Id").map(str::to_owned), request_id);
    // The other direction is nobody's business, and the connection is used again.
    session.pass(Upstream, &text(Upstream, "back"));
    session.client.send(&frame(Client, BINARY, &[0, 255]));
    let (head, body) = answer(&mut hook, "200 OK");
    assert_eq!((head.get("X-Framegate-Sequence"), body.as_slice()), (Some("1"), &[0, 255][..]));
    assert_eq!(head.get("Content-Type"), Some("application/octet-stream"));
    session.upstream.expect(&frame(Client, BINARY, &[0, 255]));
    session.close();
    let labels = "route=\"all\",direction=\"inbound\"";
    let metrics = rig.settled();
    assert_eq!(metrics.get(&format!("framegate_webhook_calls_total{{{labels},result=\"allow\"}}")), 2.0);
    assert_eq!(metrics.get(&format!("framegate_webhook_in_flight{{{labels}}}")), 0.0);
    assert_eq!(metrics.get(&format!("framegate_webhook_latency_seconds_count{{{labels}}}")), 2.0);
    rig.finish();
}

#[test]
fn what_is_refused_closes_both_sides() {
    let own = "close-code 4403; close-reason \"not here\"";
    for (settings, line, told) in [
        ("", "403 Forbidden", (1008, "refused by webhook")),
        ("", "500 Internal Server Error", (1008, "refused by webhook")),
        ("", "302 Found\r\nLocation: http://127.0.0.1:1/other", (1008, "refused by webhook")),
        (own, "418 I'm a teapot", (4403, "not here")),
    ] {
        let rig = rig(settings);
        let mut session = rig.open();
        session.client.send(&[text(Client, "attack"), text(Client, "behind it")].concat());
        // Of the second message the webhook may or may not have been asked by then.
        answer(&mut hook(&rig), line);
        expect_closed(session, told);
        let records = rig.finish();
        assert_has(records.only("close"), &json!({"reason": "webhook"}));
        let status: u16 = line[..3].parse().unwrap();
        let refused = records.only("webhook_refused");
        assert_has(refused, &json!({"route": "all", "direction": "inbound", "index": 0, "status": status}));
    }
}

#[test]
fn a_webhook_that_fails_ends_the_session_unless_it_is_open() {
    type Deed = fn(&mut Peer);
    let deeds: [(&str, &str, Deed); 6] = [
        ("timeout", "timeout-ms 200", |hook| drop(asked(hook))),
        ("lost", "", |hook| {
            asked(hook);
            hook.finish();
        }),
        ("invalid", "", |hook| {
            asked(hook);
            hook.send(b"SIP/2.0 200 OK\r\n\r\n");
        }),
        ("invalid", "", |hook| drop(answer(hook, "101 Switching Protocols"))),
        ("invalid", "", |hook| drop(answer(hook, "200 OK\r\nX-Framegate-Action: maybe"))),
        ("timeout", "timeout-ms 200", |hook| {
            asked(hook);
            hook.send(b"HTTP/1.1 200 OK\r\nX-Slow: ");
        }),
    ];
    for (result, settings, deed) in deeds {
        for mode in ["closed", "open"] {
            let rig = rig(&format!("{settings}; failure-mode \"{mode}\""));
            let mut session = rig.open();
            session.client.send(&text(Client, "hello"));
            let mut hook = hook(&rig);
            deed(&mut hook);
            let labels = "route=\"all\",direction=\"inbound\"";
            if mode == "open" {
                session.upstream.expect(&text(Client, "hello"));
                session.close();
                rig.await_metric(&format!("framegate_webhook_fail_open_total{{{labels}}}"), 1.0);
            } else {
                expect_closed(session, (1011, "webhook failed"));
            }
            rig.await_metric(&format!("framegate_webhook_calls_total{{{labels},result=\"{result}\"}}"), 1.0);
            let records = rig.finish();
            assert_has(records.only("webhook_failed"), &json!({"route": "all", "result": result}));
        }
    }
}

#[test]
fn a_webhook_that_is_not_there_is_told_apart_from_one_that_is_slow() {
    let rig = rig("");
    rig.backends()[1].close();
    let mut session = rig.open();
    session.client.send(&text(Client, "hello"));
    expect_closed(session, (1011, "webhook failed"));
    let records = rig.finish();
    assert_has(records.only("webhook_failed"), &json!({"result": "connect"}));
    assert_has(records.only("close"), &json!({"reason": "webhook_failed"}));
}

#[test]
fn the_time_limit_is_kept() {
    let rig = rig("timeout-ms 300");
    let mut session = rig.open();
    let stopwatch = Stopwatch::start();
    session.client.send(&text(Client, "hello"));
    let _silent = hook(&rig);
    expect_closed(session, (1011, "webhook failed"));
    let took = stopwatch.read();
    assert!((Duration::from_millis(290)..Duration::from_millis(1500)).contains(&took), "{took:?}");
    rig.finish();
}

#[test]
fn messages_go_on_in_order_however_the_answers_come() {
    let rig = rig("");
    let mut session = rig.open();
    session.client.send(&[text(Client, "one"), text(Client, "two"), text(Client, "three")].concat());
    let mut hooks: Vec<(Peer, Vec<u8>)> = (0..3)
        .map(|_| {
            let mut hook = hook(&rig);
            let (_, body) = asked(&mut hook);
            (hook, body)
        })
        .collect();
    hooks.sort_by_key(|(_, body)| [&b"three"[..], b"two", b"one"].iter().position(|word| word == body));
    for (hook, body) in &mut hooks {
        session.upstream.expect_silence(Duration::from_millis(20));
        let drops = body.as_slice() == b"two";
        hook.send(&status(if drops {
            "204 No Content\r\nX-Framegate-Action: drop"
        } else {
            "204 No Content"
        }));
    }
    session.upstream.expect(&[text(Client, "one"), text(Client, "three")].concat());
    session.close();
    rig.finish();
}

#[test]
fn answers_rewrite_messages_where_that_is_allowed() {
    let rewrite = |body: &str| Message::ok(body).with("X-Framegate-Action", "rewrite").to_bytes();
    let rig = rig("rewrite true");
    let mut session = rig.open();
    session.client.send(&text(Client, "secret"));
    let mut hook = hook(&rig);
    asked(&mut hook);
    hook.send(&rewrite("******"));
    let rewritten = session.upstream.read_frame();
    assert_eq!((rewritten.first, rewritten.payload.as_slice()), (TEXT, &b"******"[..]));
    assert!(rewritten.mask.is_some());
    session.close();
    rig.finish();
    for (settings, body) in [("rewrite false", "x".to_owned()), ("rewrite true", "x".repeat((1 << 20) + 1))] {
        let rig = rig_of("inbound", settings);
        let mut session = rig.open();
        session.client.send(&text(Client, "secret"));
        let mut hook = rig.backends()[1].accept();
        asked(&mut hook);
        // The gateway may have hung up before it is all sent.
        let _taken = hook.try_send(&rewrite(&body));
        expect_closed(session, (1011, "webhook failed"));
        rig.finish();
    }
}

#[test]
fn what_comes_from_upstream_is_asked_about_where_that_is_said() {
    let rig = rig_of("outbound", "");
    let mut session = rig.open();
    session.pass(Client, &text(Client, "not asked"));
    session.upstream.send(&text(Upstream, "leak"));
    let (head, body) = answer(&mut hook(&rig), "403 Forbidden");
    assert_eq!((head.get("X-Framegate-Direction"), body.as_slice()), (Some("outbound"), &b"leak"[..]));
    expect_closed(session, (1008, "refused by webhook"));
    rig.finish();
}

#[test]
fn opcodes_that_are_not_asked_about_close_or_pass() {
    let refusing = rig("opcodes \"text\"");
    let mut session = refusing.open();
    session.client.send(&frame(Client, BINARY, b"hidden"));
    expect_closed(session, (1003, "messages of this type are not accepted"));
    refusing.backends()[1].assert_not_dialled();
    refusing.finish();
    let passing = rig("opcodes \"text\"; on-other \"pass\"");
    let mut session = passing.open();
    session.pass(Client, &frame(Client, BINARY, b"fine"));
    passing.backends()[1].assert_not_dialled();
    session.close();
    passing.finish();
}

#[test]
fn fragments_are_asked_about_as_the_message_that_they_are_and_go_on_as_they_came() {
    let rig = rig("");
    let mut session = rig.open();
    let pieces = [frame(Client, 0x01, b"in "), frame(Client, PING, b"?"), frame(Client, 0x80, b"two")];
    session.client.send(&pieces.concat());
    // The ping need not wait.
    session.upstream.expect(&pieces[1]);
    session.pass(Upstream, &frame(Upstream, PONG, b"?"));
    let (_, body) = answer(&mut hook(&rig), "200 OK");
    assert_eq!(body, b"in two");
    session.upstream.expect(&[&*pieces[0], &pieces[2]].concat());
    session.close();
    rig.finish();
}

#[test]
fn calls_wait_for_one_of_few_connections() {
    let rig = rig("max-connections 1");
    let mut session = rig.open();
    let words: Vec<String> = (0..20).map(|number| format!("message {number}")).collect();
    session.client.send(&words.iter().flat_map(|word| text(Client, word)).collect::<Vec<_>>());
    let mut hook = hook(&rig);
    for word in &words {
        let (_, body) = answer(&mut hook, "204 No Content");
        assert_eq!(body, word.as_bytes());
        session.upstream.expect(&text(Client, word));
    }
    rig.backends()[1].assert_not_dialled();
    session.close();
    rig.finish();
}

#[test]
fn a_call_that_finds_no_connection_fails_as_busy() {
    let rig = rig("max-connections 1; timeout-ms 300; failure-mode \"open\"");
    let (mut one, mut other) = (rig.open(), rig.open());
    one.client.send(&text(Client, "first"));
    let mut hook = hook(&rig);
    asked(&mut hook);
    other.client.send(&text(Client, "second"));
    // The first is over a moment earlier, and what it had is not used again.
    one.upstream.expect(&text(Client, "first"));
    other.upstream.expect(&text(Client, "second"));
    let labels = "route=\"all\",direction=\"inbound\"";
    rig.await_metric(&format!("framegate_webhook_fail_open_total{{{labels}}}"), 2.0);
    one.close();
    other.close();
    rig.finish();
}

#[test]
fn who_goes_while_the_webhook_thinks_takes_the_call_along() {
    let rig = rig("");
    let mut session = rig.open();
    session.client.send(&text(Client, "hello"));
    let mut hook = hook(&rig);
    asked(&mut hook);
    session.client.abort();
    session.upstream.expect_end(Ending::Reset);
    hook.expect_end(Ending::Fin);
    let labels = "route=\"all\",direction=\"inbound\"";
    rig.await_metric(&format!("framegate_webhook_calls_total{{{labels},result=\"abandoned\"}}"), 1.0);
    rig.await_metric(&format!("framegate_webhook_in_flight{{{labels}}}"), 0.0);
    rig.finish();
}

#[test]
fn webhooks_of_one_direction_are_asked_in_turn_about_what_is_left() {
    let text_of = r#"
        routes { route "all" { upstream "u"; websocket {
            webhook "inbound" url="http://$1/first" { rewrite true }
            webhook "inbound" url="http://$2/second" method="PUT" { header "Authorization" "Bearer t" }
        } } }
        upstreams { upstream "u" { target "$0" } }"#;
    let rig = Rig::from_kdl([Backend::default(), Backend::default(), Backend::default()], text_of);
    let mut session = rig.open();
    session.client.send(&text(Client, "a"));
    let mut first = rig.backends()[1].accept();
    asked(&mut first);
    first.send(&Message::ok("b").with("X-Framegate-Action", "rewrite").to_bytes());
    let mut second = rig.backends()[2].accept();
    let (head, body) = answer(&mut second, "200 OK");
    assert_eq!((head.first_line.as_str(), body.as_slice()), ("PUT /second HTTP/1.1", &b"b"[..]));
    assert_eq!(head.get("Authorization"), Some("Bearer t"));
    assert_eq!(session.upstream.read_frame().payload, b"b");
    session.close();
    rig.finish();
}

#[test]
fn a_connection_that_the_webhook_has_given_up_is_replaced() {
    let rig = rig("");
    let mut session = rig.open();
    session.client.send(&text(Client, "one"));
    let mut first = hook(&rig);
    answer(&mut first, "204 No Content");
    session.upstream.expect(&text(Client, "one"));
    // Taken, but not answered: the question is asked once more.
    session.client.send(&text(Client, "two"));
    let (_, body) = asked(&mut first);
    assert_eq!(body, b"two");
    drop(first);
    let (_, body) = answer(&mut hook(&rig), "204 No Content");
    assert_eq!(body, b"two");
    session.upstream.expect(&text(Client, "two"));
    session.close();
    rig.finish();
}

#[test]
fn webhooks_change_with_the_configuration_for_new_sessions() {
    let mut rig = rig("");
    let mut old = rig.open();
    rig.reload(&kdl("inbound", "close-code 4000")).unwrap();
    let mut new = rig.open();
    for (session, code) in [(&mut old, 1008), (&mut new, 4000)] {
        session.client.send(&text(Client, "x"));
        let mut hook = eventually("the webhook is asked", || rig.backends()[1].try_accept());
        answer(&mut hook, "403 Forbidden");
        // A connection may not be used again by the other.
        drop(hook);
        assert_eq!(session.client.read_frame().close().map(|(code, _)| code), Some(code));
    }
    old.client.abort();
    new.client.abort();
    rig.finish();
}

/// A gateway whose second backend is a webhook over TLS that `trusted` vouches for.
#[track_caller]
fn secure_rig(trusted: &Authority, settings: &str) -> Rig {
    let ca_file = trusted.cert_file.display();
    let settings = format!("tls {{ ca-file \"{ca_file}\" }}; {settings}");
    let text = kdl("inbound", &settings).replace("http://", "https://");
    Rig::from_kdl([Backend::default(), Backend::default()], &text)
}

#[test]
fn a_webhook_over_tls_is_asked_if_its_certificate_is_good() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, &["127.0.0.1"]);
    let rig = secure_rig(&authority, "");
    let mut session = rig.open();
    session.client.send(&text(Client, "first"));
    let mut hook = hook(&rig).serve_secured(&authority).expect("a handshake");
    let (head, body) = answer(&mut hook, "200 OK");
    assert_eq!((head.first_line.as_str(), body.as_slice()), ("POST /scan?v=1 HTTP/1.1", &b"first"[..]));
    assert_eq!(head.get("Host"), Some(&*rig.backends()[1].to_string()));
    session.upstream.expect(&text(Client, "first"));
    // The connection is used again; a large message goes in several records.
    let large = "x".repeat(60_000);
    session.client.send(&frame(Client, TEXT, large.as_bytes()));
    assert_eq!(answer(&mut hook, "204 No Content").1.len(), large.len());
    session.upstream.expect(&frame(Client, TEXT, large.as_bytes()));
    session.client.send(&text(Client, "bad"));
    answer(&mut hook, "403 Forbidden");
    expect_closed(session, (1008, "refused by webhook"));
    rig.finish();
}

#[test]
fn a_webhook_whose_certificate_is_not_good_hears_nothing_and_counts_as_failed() {
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let [first, second, third] = &folders;
    let (good, other) = (Authority::new(first, &["127.0.0.1"]), Authority::new(second, &["127.0.0.1"]));
    let named = Authority::new(third, &["localhost"]);
    for (what, trusted, shown) in
        [("of another authority", &good, &other), ("for another name", &named, &named)]
    {
        for mode in ["closed", "open"] {
            let rig = secure_rig(trusted, &format!("failure-mode \"{mode}\""));
            let mut session = rig.open();
            session.client.send(&text(Client, "secret"));
            let served = hook(&rig).serve_secured(shown);
            let asked = served.ok().and_then(|mut hook| hook.read_head_or_end());
            assert_eq!(asked.map(|head| head.first_line), None, "{what}: nothing is said to it");
            if mode == "closed" {
                expect_closed(session, (1011, "webhook failed"));
            } else {
                session.upstream.expect(&text(Client, "secret"));
                session.close();
            }
            let labels = "route=\"all\",direction=\"inbound\"";
            let metrics = rig.settled();
            let calls = format!("framegate_webhook_calls_total{{{labels},result=\"connect\"}}");
            assert_eq!(metrics.get(&calls), 1.0, "{what}");
            let passed = metrics.get(&format!("framegate_webhook_fail_open_total{{{labels}}}"));
            assert_eq!(passed, if mode == "open" { 1.0 } else { 0.0 });
            let records = rig.finish();
            assert_has(records.only("webhook_failed"), &json!({"result": "connect"}));
        }
    }
}
