//! Who connects to a listener of SIP over TCP or TLS: how many may, and what they have time for.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gate_config::model::{Config, Level};
use serde_json::json;
use testkit::folder::Folder;
use testkit::peer::{Ending, Peer};
use testkit::records::assert_has;
use testkit::rig::Rig;
use testkit::tls::Authority;

use crate::sip::{Registrar, phone, request, text};

const ACTIVE: &str = "framegate_sip_connections_active";

/// A gateway with the listener `back` over TCP, with these settings.
fn rig(settings: &str, configure: impl FnOnce(&mut Config)) -> Rig {
    let registrar = Registrar::start();
    let back = format!(
        r#"listeners {{ listener "back" {{ address "127.0.0.1:0"; protocol "sip-tcp"; {settings} }} }}"#
    );
    let text = text(&format!("udp://{}", registrar.address()), "", &back);
    Rig::from_kdl_with([], &text, configure)
}

/// Changes what the listener `back` gives its peers time for.
fn patience(idle: Duration, message: Duration, send: Duration) -> impl FnOnce(&mut Config) {
    move |config| {
        let back = config.listeners.iter_mut().find(|listener| &*listener.id == "back").expect("it is there");
        back.sip.as_mut().expect("it carries SIP").idle_timeout = idle;
        back.head_timeout = message;
        back.send_timeout = send;
    }
}

/// One that has had an answer, so that it is let in.
#[track_caller]
fn caller(from: &str, to: SocketAddr) -> Peer {
    let from: IpAddr = from.parse().expect("an address");
    let mut caller = Peer::connect_from(from, to);
    caller.send(b"\r\n\r\n");
    caller.expect(b"\r\n");
    caller
}

#[test]
fn a_listener_takes_no_more_connections_than_it_may_and_says_so() {
    let rig = rig("max-connections 2", |_| {});
    let back = rig.listener("back");
    let first = caller("127.0.0.1", back);
    let _second = caller("127.0.0.1", back);
    Peer::connect(back).expect_end(Ending::Fin);
    assert!((rig.metrics().get(ACTIVE) - 2.0).abs() < 0.1);
    let failures = r#"framegate_handshake_failures_total{reason="max_connections_listener"}"#;
    rig.await_metric(failures, 1.0);
    drop(first);
    rig.await_metric(ACTIVE, 1.0);
    let _third = caller("127.0.0.1", back);
    let records = rig.finish();
    assert_has(records.only("refused"), &json!({ "reason": "max_connections_listener" }));
}

#[test]
fn an_address_takes_no_more_connections_than_it_may() {
    let rig = rig("max-connections-per-ip 1", |_| {});
    let back = rig.listener("back");
    let _first = caller("127.0.0.1", back);
    Peer::connect(back).expect_end(Ending::Fin);
    let _other = caller("127.0.0.2", back);
    let records = rig.finish();
    let detail = "all 1 connections of the listener's max-connections-per-ip are taken by this address";
    assert_has(
        records.only("refused"),
        &json!({ "reason": "max_connections_per_ip_listener", "detail": detail }),
    );
}

#[test]
fn phones_and_callers_have_the_seats_of_the_process_together() {
    let registrar = Registrar::start();
    let more = r#"server { max-connections 2 }
        listeners { listener "back" { address "127.0.0.1:0"; protocol "sip-tcp" } }"#;
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "", more));
    let _phone = phone(&rig);
    let caller = caller("127.0.0.1", rig.listener("back"));
    Peer::connect(rig.listener("back")).expect_end(Ending::Fin);
    drop(caller);
    rig.await_metric(ACTIVE, 0.0);
    let _phone = phone(&rig);
}

#[test]
fn a_caller_that_is_silent_is_closed_and_one_that_sends_keepalives_is_not() {
    let (idle, long) = (Duration::from_millis(400), Duration::from_secs(60));
    let rig = rig("", patience(idle, long, long));
    let back = rig.listener("back");
    let mut lively = caller("127.0.0.1", back);
    let mut silent = caller("127.0.0.1", back);
    while rig.metrics().get(ACTIVE) > 1.5 {
        lively.send(b"\r\n\r\n");
        lively.expect(b"\r\n");
    }
    silent.expect_end(Ending::Fin);
    lively.send(b"\r\n\r\n");
    lively.expect(b"\r\n");
    rig.await_metric(r#"framegate_sip_connections_closed_total{reason="idle_timeout"}"#, 1.0);
}

#[test]
fn a_caller_that_has_never_said_anything_has_no_longer_than_a_message() {
    let long = Duration::from_secs(60);
    let rig = rig("", patience(long, Duration::from_millis(200), long));
    let back = rig.listener("back");
    let mut lively = caller("127.0.0.1", back);
    Peer::connect(back).expect_end(Ending::Fin);
    rig.await_metric(r#"framegate_sip_connections_closed_total{reason="message_timeout"}"#, 1.0);
    lively.send(b"\r\n\r\n");
    lively.expect(b"\r\n");
}

#[test]
fn a_message_that_does_not_come_to_its_end_closes_the_connection() {
    let long = Duration::from_secs(60);
    let rig = rig("", patience(long, Duration::from_millis(200), long));
    let mut caller = caller("127.0.0.1", rig.listener("back"));
    let message = request("OPTIONS", 1, "", "");
    let (part, _) = message.split_at(40);
    caller.send(part.as_bytes());
    caller.expect_end(Ending::Fin);
    rig.await_metric(r#"framegate_sip_connections_closed_total{reason="message_timeout"}"#, 1.0);
}

#[test]
fn a_caller_that_reads_no_answers_is_cut_off() {
    let long = Duration::from_secs(60);
    let rig = rig("", patience(long, long, Duration::from_millis(300)));
    let mut caller = caller("127.0.0.1", rig.listener("back"));
    // Each is answered 404, as it names no client.
    let message = request("OPTIONS", 1, "", "");
    while rig.metrics().get(ACTIVE) > 0.5 {
        let _until_it_is_cut_off = caller.try_send(message.repeat(500).as_bytes());
    }
    rig.await_metric(r#"framegate_sip_connections_closed_total{reason="send_timeout"}"#, 1.0);
    assert!(rig.metrics().get(r#"framegate_sip_answers_total{status="404"}"#) > 100.0);
}

#[test]
fn many_line_ends_at_once_are_answered_by_few() {
    let rig = rig("", |_| {});
    let mut caller = caller("127.0.0.1", rig.listener("back"));
    let mut sent = b"\n".repeat(10_000);
    sent.extend(request("OPTIONS", 1, "", "").as_bytes());
    caller.send(&sent);
    let mut heard = Vec::new();
    while !heard.ends_with(b"SIP/2.0 404 ") {
        heard.extend(caller.read(1));
    }
    assert!(heard.len() < 500, "{} bytes", heard.len());
}

#[test]
fn a_caller_that_reads_no_answers_is_not_read_on() {
    let long = Duration::from_secs(60);
    let rig = rig("", patience(long, long, long));
    let mut caller = caller("127.0.0.1", rig.listener("back"));
    // Each is answered 404, and the kernels of both ends keep some megabytes of that at most.
    let messages = request("OPTIONS", 1, "", "").repeat(200_000);
    let sent = caller.send_until_blocked(messages.as_bytes(), Duration::from_secs(1));
    assert!(sent < messages.len());
}

#[test]
fn behind_a_rate_that_closes_nothing_more_is_looked_at() {
    let rig = rig(r#"sip { rate-limit { messages 1; burst 1; on-exceed "close" } }"#, |_| {});
    let mut caller = caller("127.0.0.1", rig.listener("back"));
    caller.send(request("OPTIONS", 1, "", "").repeat(10).as_bytes());
    let (heard, _) = caller.read_to_end();
    assert!(heard.starts_with(b"SIP/2.0 404 "), "{}", String::from_utf8_lossy(&heard));
    rig.await_metric(r#"framegate_sip_connections_closed_total{reason="rate_limit"}"#, 1.0);
    rig.await_metric(r#"framegate_sip_dropped_total{reason="rate_limit"}"#, 1.0);
}

#[test]
fn what_breaks_a_stream_is_told_once() {
    let rig = rig("", |config| config.observability.logging.level = Level::Info);
    let mut caller = caller("127.0.0.1", rig.listener("back"));
    caller.send(request("OPTIONS", 1, "", "").replace("Content-Length: 0\r\n", "").as_bytes());
    let (heard, _) = caller.read_to_end();
    assert!(heard.starts_with(b"SIP/2.0 400 "), "{}", String::from_utf8_lossy(&heard));
    let answers = r#"framegate_sip_answers_total{status="400",fault="no_content_length"}"#;
    rig.await_metric(answers, 1.0);
    let records = rig.finish();
    assert_has(records.only("sip_malformed"), &json!({ "reason": "no_content_length", "status": 400 }));
}

#[test]
fn who_does_not_come_to_the_end_of_the_tls_handshake_is_closed() {
    let folder = Folder::new();
    let authority = Authority::new(&folder, &["localhost"]);
    let registrar = Registrar::start();
    let back = format!(
        r#"listeners {{ listener "back" {{
            address "127.0.0.1:0"; protocol "sip-tls"
            tls {{ cert-file "{}"; key-file "{}"; handshake-timeout-ms 200 }}
        }} }}"#,
        authority.cert_file.display(),
        authority.key_file.display()
    );
    let rig = Rig::from_kdl([], &text(&format!("udp://{}", registrar.address()), "", &back));
    let back = rig.listener("back");
    Peer::connect(back).expect_end(Ending::Fin);
    let mut caller = Peer::connect(back).secure(&authority, "localhost");
    caller.send(b"\r\n\r\n");
    caller.expect(b"\r\n");
    let records = rig.finish();
    assert_has(records.only("refused"), &json!({ "reason": "tls_handshake_timeout" }));
}
