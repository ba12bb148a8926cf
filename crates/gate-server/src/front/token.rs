//! Tokens that browsers send as a subprotocol, because they cannot send a header: the pair
//! `access_token, TOKEN` in Sec-WebSocket-Protocol. Agents see it; upstreams and logs do not.

use http::header::{self, HeaderMap, HeaderValue};
use ws_proto::handshake::subprotocol::Subprotocols;

/// Takes the pair out of what a client offers; whether it was there. A name without a token behind
/// it goes as well.
pub(crate) fn strip(offered: &mut Subprotocols, name: &str) -> bool {
    let token = {
        let mut names = offered.iter();
        if !names.any(|offer| offer == name) {
            return false;
        }
        names.next().map(str::to_owned)
    };
    offered.retain(|offer| offer != name && Some(offer) != token.as_deref());
    true
}

/// Puts `***` in the place of the token of a head that is for logs.
pub(crate) fn hide(headers: &mut HeaderMap, name: &str) {
    let lines: Vec<&[u8]> =
        headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().map(HeaderValue::as_bytes).collect();
    let joined = lines.join(&b", "[..]);
    let mut is_behind_name = false;
    let told = joined.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).map(|offer| {
        let is_token = is_behind_name && !offer.is_empty();
        is_behind_name = offer == name.as_bytes() || (is_behind_name && offer.is_empty());
        if is_token { HIDDEN } else { offer }
    });
    let told: Vec<&[u8]> = told.collect();
    if told.contains(&HIDDEN)
        && let Ok(value) = HeaderValue::from_bytes(&told.join(&b", "[..]))
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
}

const HIDDEN: &[u8] = b"***";

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(&name, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    #[test]
    fn the_pair_is_taken_out_wherever_it_stands() {
        for (line, left, was_there) in [
            ("access_token, abc.def", "", true),
            ("access_token, abc, chat.v1, chat.v2", "chat.v1, chat.v2", true),
            ("chat.v1, access_token, abc", "chat.v1", true),
            ("chat.v1, access_token", "chat.v1", true),
            ("chat.v1, Access_Token, abc", "chat.v1, Access_Token, abc", false),
            ("chat.v1", "chat.v1", false),
        ] {
            let mut offered = Subprotocols::parse(&[HeaderValue::from_str(line).unwrap()]).unwrap();
            assert_eq!(strip(&mut offered, "access_token"), was_there, "{line}");
            assert_eq!(offered.iter().collect::<Vec<_>>().join(", "), left, "{line}");
        }
    }

    #[test]
    fn logs_do_not_have_the_token_however_it_is_written() {
        for lines in [
            &["access_token, abc, chat"][..],
            &["access_token", "abc", "chat"],
            &["access_token,abc,chat"],
            &["access_token,, abc", "chat"],
        ] {
            let mut headers = headers(header::SEC_WEBSOCKET_PROTOCOL, lines);
            hide(&mut headers, "access_token");
            let told: Vec<_> = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().collect();
            assert_eq!(told.len(), 1);
            let told = told[0].to_str().unwrap();
            assert!(told.contains("***") && told.ends_with("chat") && !told.contains("abc"), "{told}");
        }
        let mut others = headers(header::SEC_WEBSOCKET_PROTOCOL, &["chat, v2", "v3"]);
        let before = others.clone();
        hide(&mut others, "access_token");
        assert_eq!(others, before);
    }
}
