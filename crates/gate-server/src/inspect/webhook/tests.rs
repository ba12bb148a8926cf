//! Calls to servers of webhooks that do as they should, and to others.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use gate_config::model::{At, HookOpcodes, HookSettings, LogTarget, Logging, Webhook};
use gate_config::typed;
use http::Method;

use super::*;
use crate::upstream::fake::{Fake, nobody, run};

const CLIENT: [u8; 4] = [192, 0, 2, 7];

fn speaker() -> Speaker {
    Speaker {
        session: "0-1".into(),
        request_id: "r1".into(),
        route: "chat".into(),
        client: Some(CLIENT.into()),
    }
}

fn message(opcode: Opcode, payload: &'static [u8]) -> Message {
    let payload = Bytes::from_static(payload);
    Message { from: Side::Client, opcode, index: 3, payload, token: None }
}

fn settings() -> HookSettings {
    HookSettings { timeout: Duration::from_secs(5), ..HookSettings::default() }
}

fn webhook(address: SocketAddr, settings: HookSettings) -> Webhook {
    let url = typed::http_url(&format!("http://{address}/scan?a=b")).unwrap();
    let headers = vec![("x-team".parse().unwrap(), "blue".parse().unwrap())];
    Webhook { from: Side::Client, url: At::nowhere(url), method: Method::POST, headers, settings }
}

fn webhooks() -> Webhooks {
    let logging = Logging { access: None, error: At::nowhere(LogTarget::Off), ..Logging::default() };
    Webhooks::new(Arc::default(), Records::open(&logging).unwrap())
}

fn kit(webhook: Webhook) -> Arc<Kit> {
    kit_at(webhook, &Origins::default())
}

fn kit_at(webhook: Webhook, origins: &Origins) -> Arc<Kit> {
    let credentials = Credentials::read(&webhook.settings).unwrap();
    Arc::new(Kit::pinned(webhook, Vec::new(), credentials, origins))
}

fn hook(address: SocketAddr, settings: HookSettings) -> Rc<Hook> {
    webhooks().get(&kit(webhook(address, settings)), &"chat".into())
}

/// The head and the body of a request, as long as the connection lives.
fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if !matches!(stream.read(&mut byte), Ok(1)) {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// A server that answers every request alike, for as long as it is asked.
fn answering(answer: impl Into<Vec<u8>>) -> Fake {
    let answer = answer.into();
    Fake::start(move |_, stream| {
        while read_request(stream).is_some() {
            stream.write_all(&answer).unwrap();
        }
    })
}

fn verdict(fake: &Fake, settings: HookSettings, asked: &Message) -> (Verdict, Cause) {
    let hook = hook(fake.address, settings);
    let opinion = run(hook.judge(&speaker(), asked));
    (opinion.verdict, opinion.cause)
}

fn closed(code: u16) -> impl Fn(&Verdict) -> bool {
    move |verdict| matches!(verdict, Verdict::Close { code: found, .. } if found.get() == code)
}

#[test]
fn the_status_of_the_answer_decides() {
    for (answer, expected) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", None),
        ("HTTP/1.1 204 No Content\r\n\r\n", None),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Some(1008)),
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", Some(1008)),
        ("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n", Some(1008)),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Some(1011)),
        ("not HTTP at all\r\n\r\n", Some(1011)),
        ("", Some(1011)),
    ] {
        let fake = Fake::start(move |_, stream| {
            read_request(stream).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let (verdict, _) = verdict(&fake, settings(), &message(Opcode::Text, b"hello"));
        match expected {
            None => assert_eq!(verdict, Verdict::Allow, "{answer}"),
            Some(code) => assert!(closed(code)(&verdict), "{answer}: {verdict:?}"),
        }
    }
}

#[test]
fn the_request_tells_of_the_message() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let fake = Fake::start({
        let seen = Arc::clone(&seen);
        move |_, stream| {
            seen.lock().unwrap().push(read_request(stream).unwrap());
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    assert_eq!(verdict(&fake, settings(), &message(Opcode::Text, b"hello")).0, Verdict::Allow);
    assert_eq!(verdict(&fake, settings(), &message(Opcode::Binary, b"\x00\xff")).0, Verdict::Allow);
    let seen = seen.lock().unwrap();
    let (head, body) = &seen[0];
    assert!(head.starts_with("POST /scan?a=b HTTP/1.1\r\n"), "{head}");
    assert_eq!(body, b"hello");
    for line in [
        &*format!("host: {}", fake.address),
        "content-type: text/plain; charset=utf-8",
        "content-length: 5",
        "x-team: blue",
        "x-framegate-connection-id: 0-1",
        "x-framegate-request-id: r1",
        "x-framegate-route: chat",
        "x-framegate-direction: inbound",
        "x-framegate-opcode: text",
        "x-framegate-sequence: 3",
        "x-framegate-client-address: 192.0.2.7",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} is not in {head}");
    }
    assert!(head.contains("\r\nx-framegate-timestamp: ") && !head.contains("x-framegate-signature"));
    let (head, body) = &seen[1];
    assert!(head.contains("\r\ncontent-type: application/octet-stream\r\n"), "{head}");
    assert_eq!(body, b"\x00\xff");
}

#[test]
fn answers_drop_and_rewrite_where_they_may() {
    let rewriting = HookSettings { rewrites: true, rewrite_size_max: 5, ..settings() };
    let answer = |action: &str, body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nX-Framegate-Action: {action}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let asked = message(Opcode::Text, b"hello");
    let of = |answer: String, settings: &HookSettings| {
        let (verdict, cause) = verdict(&answering(answer), settings.clone(), &asked);
        if let Verdict::Close { code, .. } = verdict { Err((code.get(), cause)) } else { Ok(verdict) }
    };
    let failed = Err((1011, Cause::WebhookFailed));
    assert_eq!(of(answer("drop", ""), &settings()), Ok(Verdict::Drop));
    assert_eq!(of(answer("rewrite", "12345"), &rewriting), Ok(Verdict::Rewrite(b"12345".to_vec())));
    assert_eq!(of(answer("rewrite", ""), &rewriting), Ok(Verdict::Rewrite(Vec::new())));
    assert_eq!(of(answer("rewrite", "123456"), &rewriting), failed);
    assert_eq!(of(answer("rewrite", "12345"), &settings()), failed);
    assert_eq!(of(answer("cut", ""), &rewriting), failed);
    // Without a length, too, and a body that only looks like text.
    let chunked = "HTTP/1.1 200 OK\r\nX-Framegate-Action: rewrite\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(
        of(format!("{chunked}3\r\nabc\r\n0\r\n\r\n"), &rewriting),
        Ok(Verdict::Rewrite(b"abc".to_vec()))
    );
    assert_eq!(of(format!("{chunked}6\r\nabcdef\r\n0\r\n\r\n"), &rewriting), failed);
    let fake = answering([answer("rewrite", "XX").replace("XX", "").as_bytes(), b"\xff\xff"].concat());
    let (verdict, _) = verdict(&fake, rewriting, &asked);
    assert!(closed(1011)(&verdict), "{verdict:?}");
}

#[test]
fn what_is_not_asked_about_closes_or_passes() {
    let fake = answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let text_only = HookSettings { opcodes: HookOpcodes { text: true, binary: false }, ..settings() };
    let (found, cause) = verdict(&fake, text_only.clone(), &message(Opcode::Binary, b"x"));
    assert!(closed(1003)(&found) && cause == Cause::Webhook, "{found:?}");
    let passing = HookSettings { on_other: OnOther::Pass, ..text_only };
    assert_eq!(verdict(&fake, passing, &message(Opcode::Binary, b"x")).0, Verdict::Allow);
    assert_eq!(fake.accepted(), 0);
}

#[test]
fn a_webhook_that_cannot_be_asked_lets_pass_only_where_that_is_said() {
    let silent = Fake::start(|_, stream| {
        let _until_it_hangs_up = stream.read_to_end(&mut Vec::new());
    });
    for (address, timeout) in [(nobody(), 5000), (silent.address, 50)] {
        for (mode, passes) in [(FailureMode::Closed, false), (FailureMode::Open, true)] {
            let timeout = Duration::from_millis(timeout);
            let hook = hook(address, HookSettings { timeout, failure_mode: mode, ..settings() });
            let opinion = run(hook.judge(&speaker(), &message(Opcode::Text, b"x")));
            assert_eq!(opinion.verdict == Verdict::Allow, passes, "{address} {mode:?}");
            assert!(passes || closed(1011)(&opinion.verdict), "{:?}", opinion.verdict);
        }
    }
}

#[test]
fn connections_are_used_again_and_a_lost_one_is_replaced() {
    // Each connection ends behind its third answer.
    let fake = Fake::start(|_, stream| {
        for _ in 0..3 {
            if read_request(stream).is_none() {
                return;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").unwrap();
        }
    });
    let hook = hook(fake.address, HookSettings { connections_max: 1, ..settings() });
    run(async {
        for index in 0..9 {
            let opinion = hook.judge(&speaker(), &message(Opcode::Text, b"x")).await;
            assert_eq!(opinion.verdict, Verdict::Allow, "{index}");
        }
    });
    assert_eq!(fake.accepted(), 3);
}

#[test]
fn calls_wait_for_a_connection_and_there_are_never_more_than_may_be() {
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let fake = Fake::start({
        let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
        move |_, stream| {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            while read_request(stream).is_some() {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            }
            at_once.fetch_sub(1, Ordering::SeqCst);
        }
    });
    let hook = hook(fake.address, HookSettings { connections_max: 2, ..settings() });
    run(async {
        let calls = (0..50).map(|_| {
            let hook = Rc::clone(&hook);
            tokio::task::spawn_local(async move {
                hook.judge(&speaker(), &message(Opcode::Text, b"x")).await.verdict
            })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), Verdict::Allow);
        }
    });
    assert!(fake.accepted() <= 2, "{}", fake.accepted());
    assert!(most.load(Ordering::SeqCst) <= 2);
}

#[test]
fn a_call_that_finds_no_connection_in_time_fails_as_busy() {
    let slow = Fake::start(|_, stream| {
        let _until_it_hangs_up = stream.read_to_end(&mut Vec::new());
    });
    let (all, origins) = (webhooks(), Origins::default());
    let hook = |timeout| {
        let settings =
            HookSettings { connections_max: 1, timeout: Duration::from_millis(timeout), ..settings() };
        all.get(&kit_at(webhook(slow.address, settings), &origins), &"chat".into())
    };
    run(async {
        let (patient, hasty) = (hook(60_000), hook(50));
        let (speaker, asked) = (speaker(), message(Opcode::Text, b"x"));
        tokio::select! {
            biased;
            answer = patient.call(&speaker, &asked) => panic!("{answer:?}"),
            answer = hasty.call(&speaker, &asked) => {
                assert_eq!(answer.map_err(|error| error.outcome()), Err(Outcome::Busy));
            }
        }
        // The place is free again when a call is given up.
        let answer = hasty.call(&speaker, &asked).await;
        assert_eq!(answer.map_err(|error| error.outcome()), Err(Outcome::Timeout));
    });
}

#[test]
fn workers_share_the_places_for_connections_and_give_up_what_lies_idle() {
    let fake = answering("HTTP/1.1 204 No Content\r\n\r\n");
    let kit = kit(webhook(fake.address, HookSettings { connections_max: 1, ..settings() }));
    let (one, other) = (webhooks(), webhooks());
    run(async {
        for _ in 0..3 {
            for webhooks in [&one, &other] {
                let hook = webhooks.get(&kit, &"chat".into());
                let opinion = hook.judge(&speaker(), &message(Opcode::Text, b"x")).await;
                assert_eq!(opinion.verdict, Verdict::Allow);
            }
        }
    });
    assert_eq!(fake.accepted(), 6);
}

#[test]
fn a_connection_to_where_the_name_led_before_makes_room() {
    // Of two addresses one port, which another may have on the second.
    let bind = |_| {
        let one = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind(("127.0.0.2", one.local_addr().unwrap().port())).ok()?;
        Some([one, other])
    };
    let listeners = (0..100).find_map(bind).unwrap();
    let port = listeners[0].local_addr().unwrap().port();
    for listener in listeners {
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            while read_request(&mut stream).is_some() {
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
            }
        });
    }
    let (all, origins) = (webhooks(), Origins::default());
    let at = |address: [u8; 4]| {
        let settings = HookSettings { connections_max: 1, ..settings() };
        let url = typed::http_url(&format!("http://hook.test:{port}/")).unwrap();
        let webhook =
            Webhook { url: At::nowhere(url), ..webhook(([127, 0, 0, 1], port).into(), settings.clone()) };
        let credentials = Credentials::read(&settings).unwrap();
        let kit = Kit::pinned(webhook, vec![address.into()], credentials, &origins);
        all.get(&Arc::new(kit), &"chat".into())
    };
    run(async {
        for address in [[127, 0, 0, 1], [127, 0, 0, 2]] {
            let opinion = at(address).judge(&speaker(), &message(Opcode::Text, b"x")).await;
            assert_eq!(opinion.verdict, Verdict::Allow, "{address:?}");
        }
    });
}

#[test]
fn the_rest_of_an_answer_is_read_only_so_far() {
    // An endless one: the connection is not used again, nor does the message wait for it.
    let fake = Fake::start(|_, stream| {
        if read_request(stream).is_some() {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n").unwrap();
            while stream.write_all(&[b'x'; 65536]).is_ok() {}
        }
    });
    let hook = hook(fake.address, HookSettings { connections_max: 1, ..settings() });
    run(async {
        for _ in 0..2 {
            let opinion = hook.judge(&speaker(), &message(Opcode::Text, b"x")).await;
            assert_eq!(opinion.verdict, Verdict::Allow);
        }
    });
    assert_eq!(fake.accepted(), 2);
}

#[test]
fn a_signature_is_that_of_the_documentation() {
    let key = crate::signing::Key::new(KEY).unwrap();
    let head = "framegate-webhook-v1\nPOST /scan\n1700000000\n1-7\n4f2b\nchat\ninbound\ntext\n0\n192.0.2.7\n";
    let signature = key.sign(&[head.as_bytes(), b"hello"]);
    // By `openssl dgst -sha256 -hmac`.
    assert_eq!(signature, "0e9ba58edeb646821d572fd129f9c65580d2e3625db6fcaa570b49d09a306be9");
}

#[test]
fn what_is_sent_is_signed() {
    let seen = Arc::new(Mutex::new(String::new()));
    let fake = Fake::start({
        let seen = Arc::clone(&seen);
        move |_, stream| {
            *seen.lock().unwrap() = read_request(stream).unwrap().0;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
    let file = std::env::temp_dir().join(format!("framegate-webhook-{}.key", std::process::id()));
    std::fs::write(&file, KEY).unwrap();
    let settings = HookSettings { key_file: Some(At::nowhere(file.clone())), ..settings() };
    assert_eq!(verdict(&fake, settings, &message(Opcode::Text, b"hello")).0, Verdict::Allow);
    std::fs::remove_file(file).unwrap();
    let head = seen.lock().unwrap();
    let of = |name: &str| {
        let line = head.lines().find_map(|line| line.strip_prefix(&format!("x-framegate-{name}: ")));
        line.unwrap_or_else(|| panic!("{name} is not in {head}")).to_owned()
    };
    let mut signed = "framegate-webhook-v1\nPOST /scan?a=b\n".to_owned();
    for name in [
        "timestamp",
        "connection-id",
        "request-id",
        "route",
        "direction",
        "opcode",
        "sequence",
        "client-address",
    ] {
        signed.push_str(&of(name));
        signed.push('\n');
    }
    let expected = crate::signing::Key::new(KEY).unwrap().sign(&[signed.as_bytes(), b"hello"]);
    assert_eq!(of("signature"), format!("t={},v1={expected}", of("timestamp")));
}

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";
