//! Entry points for fuzzing the handshake: arbitrary heads in, invariants out.
//!
//! What holds for every input: nothing panics, and whatever is accepted is a fixed point. The
//! fields made from it are accepted again and mean the same, so the next hop is never shown
//! something that this one would have refused.

use super::{Agreement, ClientHandshake, request, response};
use http::{
    HeaderMap, Method, StatusCode, Uri, Version,
    header::{HeaderName, HeaderValue},
};

/// Reads `data` as a request head, one line each, and checks it.
///
/// # Panics
/// An accepted handshake is not a fixed point: that is a bug to be found.
pub fn fuzz_request(data: &[u8]) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let Some((method, version, uri)) = lines.next().and_then(request_line) else { return };
    let headers = fields(lines);
    let Ok(asked) = request::check(&method, version, &uri, &headers) else { return };

    assert_eq!(asked.accept, asked.key.accept());
    let mut forwarded = headers;
    asked.put(&mut forwarded);
    assert_eq!(request::check(&method, version, &uri, &forwarded), Ok(asked));
}

/// Reads `data` as the fields of a 101 that answers a request with many offers, and checks them.
///
/// # Panics
/// An accepted answer is not a fixed point, or was never offered: that is a bug to be found.
pub fn fuzz_response(data: &[u8]) {
    let request = fields(FUZZED_REQUEST.split(|&byte| byte == b'\n'));
    let asked = request::check(&Method::GET, Version::HTTP_11, &Uri::default(), &request)
        .expect("the request is a good one");
    let headers = fields(data.split(|&byte| byte == b'\n'));
    let Ok(agreed) = check_101(&headers, &asked) else { return };

    assert!(agreed.subprotocol.as_deref().is_none_or(|name| asked.subprotocols.contains(name)));
    let permitted = |answer| asked.deflate_offers.iter().any(|offer| offer.permits(answer));
    assert!(agreed.deflate.as_ref().is_none_or(permitted));
    let mut forwarded = headers;
    agreed.put(&asked, &mut forwarded);
    assert_eq!(check_101(&forwarded, &asked), Ok(agreed));
}

fn check_101(headers: &HeaderMap, asked: &ClientHandshake) -> Result<Agreement, response::ResponseFault> {
    response::check(StatusCode::SWITCHING_PROTOCOLS, headers, asked)
}

/// `GET /path HTTP/1.1`; `None` for what an HTTP parser would not have let through.
fn request_line(line: &[u8]) -> Option<(Method, Version, Uri)> {
    let mut words = line.split(|&byte| byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let uri = Uri::try_from(words.next()?).ok()?;
    let version = match words.next()? {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        _ => return None,
    };
    Some((method, version, uri))
}

/// `name: value` lines; what an HTTP parser would not have let through is skipped. There is an end
/// to them as there is in any server.
fn fields<'d>(lines: impl Iterator<Item = &'d [u8]>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.take(FIELDS_MAX) {
        let mut parts = line.splitn(2, |&byte| byte == b':');
        let name = parts.next().and_then(|name| HeaderName::from_bytes(name).ok());
        let value = parts.next().and_then(|value| HeaderValue::from_bytes(value).ok());
        if let (Some(name), Some(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

const FIELDS_MAX: usize = 100;

/// The request that [`fuzz_response`] answers.
const FUZZED_REQUEST: &[u8] = b"Host: example.org
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Protocol: chat, superchat
Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10; client_max_window_bits
Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handshake::mutate::mutations;

    const REQUESTS: [&str; 3] = [
        "GET /chat?room=1 HTTP/1.1
Host: example.org:80
Upgrade: websocket
Connection: keep-alive, Upgrade
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "GET http://[::1]:8080/ HTTP/1.1
host:[::1]:8080
upgrade:h2c, WebSocket
connection:upgrade
content-length:0
sec-websocket-version:13
sec-websocket-key:AQIDBAUGBwgJCgsMDQ4PEA==
sec-websocket-protocol:v2.chat, v1.chat
sec-websocket-extensions:permessage-deflate; client_max_window_bits",
        "GET / HTTP/1.1
Host:a
Upgrade:websocket
Connection:upgrade
Sec-WebSocket-Version:13
Sec-WebSocket-Key://///////////////////w==
Sec-WebSocket-Protocol:a
Sec-WebSocket-Protocol:,b,
Sec-WebSocket-Extensions:foo;x=\"y\", permessage-deflate;server_max_window_bits=\"1\\0\"
Sec-WebSocket-Extensions:permessage-deflate;server_no_context_takeover",
    ];

    const RESPONSES: [&str; 2] = [
        "Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
Sec-WebSocket-Protocol: superchat
Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover",
        "upgrade:WebSocket
connection:keep-alive,upgrade
sec-websocket-accept:s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
content-length:0
sec-websocket-extensions:permessage-deflate;client_max_window_bits=9;server_max_window_bits=8",
    ];

    #[test]
    fn every_mutated_request_is_a_fixed_point_or_refused() {
        for seed in REQUESTS {
            fuzz_request(seed.as_bytes());
            mutations(seed.as_bytes(), fuzz_request);
        }
    }

    #[test]
    fn every_mutated_answer_is_a_fixed_point_or_a_fault() {
        for seed in RESPONSES {
            fuzz_response(seed.as_bytes());
            mutations(seed.as_bytes(), fuzz_response);
        }
    }

    #[test]
    fn the_seeds_are_accepted() {
        for seed in REQUESTS {
            let mut lines = seed.as_bytes().split(|&byte| byte == b'\n');
            let (method, version, uri) = lines.next().and_then(request_line).unwrap();
            let verdict = request::check(&method, version, &uri, &fields(lines));
            assert_eq!(verdict.err(), None, "{seed}");
        }
        let request = fields(FUZZED_REQUEST.split(|&byte| byte == b'\n'));
        let asked = request::check(&Method::GET, Version::HTTP_11, &Uri::default(), &request).unwrap();
        for seed in RESPONSES {
            let headers = fields(seed.as_bytes().split(|&byte| byte == b'\n'));
            assert_eq!(check_101(&headers, &asked).err(), None, "{seed}");
        }
    }
}
