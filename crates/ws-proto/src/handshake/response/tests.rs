//! Facts about an upstream's answer: one good 101, and what is wrong with it changed in.

use super::{Agreement, ResponseFault, check};
use crate::{
    deflate::{AnswerFault, ClientWindow, Offer, WindowBits},
    handshake::{ClientHandshake, key::Key, subprotocol::Subprotocols, token::ListFault},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// A client that offers two subprotocols and permessage-deflate.
fn asked() -> ClientHandshake {
    let key = Key::parse(b"dGhlIHNhbXBsZSBub25jZQ==").unwrap();
    let protocols = [HeaderValue::from_static("chat, superchat")];
    let client_max_window_bits = ClientWindow::Limitable;
    ClientHandshake {
        key,
        accept: key.accept(),
        subprotocols: Subprotocols::parse(&protocols).unwrap(),
        deflate_offers: vec![Offer { client_max_window_bits, ..Offer::default() }],
    }
}

/// A client that offers nothing.
fn asked_for_nothing() -> ClientHandshake {
    let (subprotocols, deflate_offers) = (Subprotocols::default(), Vec::new());
    ClientHandshake { subprotocols, deflate_offers, ..asked() }
}

/// The fields of the 101 of RFC 6455 §1.2.
fn good() -> HeaderMap {
    let headers = with(HeaderMap::new(), "upgrade", &["websocket"]);
    let headers = with(headers, "connection", &["Upgrade"]);
    with(headers, "sec-websocket-accept", &["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="])
}

/// With these lines of the field in the place of those it had.
fn with(mut headers: HeaderMap, name: &'static str, lines: &[&str]) -> HeaderMap {
    let name = HeaderName::from_static(name);
    headers.remove(&name);
    for line in lines {
        headers.append(&name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    headers
}

fn check_101(headers: &HeaderMap, asked: &ClientHandshake) -> Result<Agreement, ResponseFault> {
    check(StatusCode::SWITCHING_PROTOCOLS, headers, asked)
}

fn fault(name: &'static str, lines: &[&str]) -> Option<ResponseFault> {
    check_101(&with(good(), name, lines), &asked()).err()
}

#[test]
fn the_answer_of_rfc_6455_is_believed() {
    assert_eq!(check_101(&good(), &asked()), Ok(Agreement::default()));
    assert_eq!(check_101(&good(), &asked_for_nothing()), Ok(Agreement::default()));

    let headers = with(good(), "sec-websocket-protocol", &["superchat"]);
    let line = "permessage-deflate;client_max_window_bits=10; server_no_context_takeover";
    let headers = with(headers, "sec-websocket-extensions", &[line]);
    let agreed = check_101(&headers, &asked()).unwrap();
    assert_eq!(agreed.subprotocol.as_deref(), Some("superchat"));
    let deflate = agreed.deflate.unwrap();
    assert!(deflate.server_no_context_takeover && !deflate.client_no_context_takeover);
    assert_eq!(deflate.client_max_window_bits.map(WindowBits::get), Some(10));
    assert_eq!(deflate.server_max_window_bits, None);
}

#[test]
fn what_servers_really_send_is_believed() {
    for (name, lines) in [
        ("upgrade", &["WebSocket"][..]),
        ("upgrade", &["WEBSOCKET "]),
        ("connection", &["upgrade"]),
        ("connection", &["keep-alive, Upgrade"]),
        ("connection", &["Upgrade", "keep-alive"]),
        ("content-length", &["0"]),
        ("sec-websocket-version", &["13"]),
    ] {
        assert_eq!(fault(name, lines), None, "{name}: {lines:?}");
    }
}

#[test]
fn row_2_another_status_switches_nothing() {
    for status in [100, 200, 204, 301, 400, 426, 500, 999] {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(check(status, &good(), &asked()), Err(ResponseFault::Status), "{status}");
    }
}

#[test]
fn row_2_a_101_to_something_else_is_not_believed() {
    for lines in [
        &[][..],
        &[""],
        &["h2c"],
        &["websockets"],
        &["websocket/13"],
        &["h2c, websocket"],
        &["websocket", "websocket"],
    ] {
        assert_eq!(fault("upgrade", lines), Some(ResponseFault::Upgrade), "{lines:?}");
    }
    for lines in [&[][..], &["close"], &["keep-alive"], &["upgrades"], &["\"upgrade\""]] {
        assert_eq!(fault("connection", lines), Some(ResponseFault::Connection), "{lines:?}");
    }
}

#[test]
fn row_4_the_accept_is_the_one_that_the_key_wants() {
    let right = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    for (lines, expected) in [
        (&[right][..], None),
        (&[], Some(ResponseFault::AcceptMissing)),
        (&[right, right], Some(ResponseFault::AcceptRepeated)),
        (&[""], Some(ResponseFault::AcceptWrong)),
        (&["s3pPLMBiTxaQ9kYGzzhZRbK+xOo"], Some(ResponseFault::AcceptWrong)),
        (&["S3PPLMBITXAQ9KYGZZHZRBK+XOO="], Some(ResponseFault::AcceptWrong)),
        (&["ICX+Yqv66kxgM0FcWaLWlFLwTAI="], Some(ResponseFault::AcceptWrong)),
        (&["dGhlIHNhbXBsZSBub25jZQ=="], Some(ResponseFault::AcceptWrong)),
    ] {
        assert_eq!(fault("sec-websocket-accept", lines), expected, "{lines:?}");
    }
}

#[test]
fn row_5_the_subprotocol_is_one_of_those_offered() {
    for (lines, expected) in [
        (&["chat"][..], None),
        (&["Chat"], Some(ResponseFault::SubprotocolNotOffered)),
        (&["other"], Some(ResponseFault::SubprotocolNotOffered)),
        (&["chat, superchat"], Some(ResponseFault::SubprotocolNotOffered)),
        (&[""], Some(ResponseFault::SubprotocolNotOffered)),
        (&["caf\u{e9}"], Some(ResponseFault::SubprotocolNotOffered)),
        (&["chat", "chat"], Some(ResponseFault::SubprotocolRepeated)),
    ] {
        assert_eq!(fault("sec-websocket-protocol", lines), expected, "{lines:?}");
    }
    for name in ["chat", ""] {
        let headers = with(good(), "sec-websocket-protocol", &[name]);
        let verdict = check_101(&headers, &asked_for_nothing());
        assert_eq!(verdict, Err(ResponseFault::SubprotocolNotOffered), "{name:?}");
    }
}

#[test]
fn row_5_the_extensions_are_an_answer_to_the_offers() {
    use ResponseFault::{ExtensionsBroken, ExtensionsNotOffered, ExtensionsRepeated};
    for (lines, expected) in [
        (&["permessage-deflate"][..], None),
        (&["permessage-deflate", "permessage-deflate"], Some(ExtensionsRepeated)),
        (&["permessage-deflate", ""], Some(ExtensionsRepeated)),
        (&[""], Some(ExtensionsBroken(ListFault::Empty))),
        (&["permessage-deflate;"], Some(ExtensionsBroken(ListFault::NotToken))),
        (&["foo"], Some(ExtensionsNotOffered(AnswerFault::Unknown))),
        (&["permessage-deflate, foo"], Some(ExtensionsNotOffered(AnswerFault::Several))),
        (
            &["permessage-deflate; server_max_window_bits=16"],
            Some(ExtensionsNotOffered(AnswerFault::Parameter)),
        ),
    ] {
        assert_eq!(fault("sec-websocket-extensions", lines), expected, "{lines:?}");
    }
    let headers = with(good(), "sec-websocket-extensions", &["permessage-deflate"]);
    let verdict = check_101(&headers, &asked_for_nothing());
    assert_eq!(verdict, Err(ExtensionsNotOffered(AnswerFault::Unknown)));
}

#[test]
fn the_client_is_told_what_was_agreed_and_nothing_else() {
    let upstream = with(good(), "connection", &["Upgrade, x-secret"]);
    let upstream = with(upstream, "sec-websocket-protocol", &["chat"]);
    let upstream =
        with(upstream, "sec-websocket-extensions", &["permessage-deflate;server_max_window_bits=\"9\""]);
    let upstream = with(upstream, "content-length", &["7"]);
    let mut headers = with(upstream, "transfer-encoding", &["chunked"]);
    let agreed = check_101(&headers, &asked()).unwrap();
    agreed.put(&asked(), &mut headers);
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            ("connection", "Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=9"),
            ("sec-websocket-protocol", "chat"),
            ("upgrade", "websocket"),
        ]
    );
    assert_eq!(check_101(&headers, &asked()), Ok(agreed));
}

#[test]
fn an_agreement_on_nothing_leaves_no_field_behind() {
    let stray = with(good(), "sec-websocket-protocol", &["stray\u{e9}"]);
    let mut headers = with(stray, "sec-websocket-extensions", &["stray"]);
    let unasked = Agreement { subprotocol: Some("un asked\n".into()), deflate: None };
    unasked.put(&asked(), &mut headers);
    assert_eq!(check_101(&headers, &asked()), Ok(Agreement::default()));
}
