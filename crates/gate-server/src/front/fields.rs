//! Header fields on their way through: what is of one hop only is taken out.
//!
//! `Expect` is of one hop too: hyper answers 100 to a client that waits for it as soon as the
//! body is asked for, so the upstream is not made to. `Via` is not sent, as no browser and few
//! backends look at it, and it tells clients of the upstream what stands before it; loops are
//! for the configuration to avoid. An absolute-form target's authority is the Host, which the
//! request has been held against, so that nothing is left to be done here.

use gate_config::model::HOP_BY_HOP;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::front::client::is_claim;

/// What a head belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An opening handshake, or the answer to one.
    Handshake,
    /// A plain request, or one whose upgrade to anything but WebSocket is not taken up.
    Request,
    /// The answer to a plain request.
    Answer,
}

/// Takes out what belongs to one hop: the fields that Connection names, and those that are
/// known to be such (RFC 9110 §7.6.1).
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap, kind: Kind) {
    let takes_trailers = kind == Kind::Request && takes_trailers(headers);
    let named: Vec<HeaderName> = members(headers, &header::CONNECTION)
        .filter_map(|name| HeaderName::from_bytes(name).ok())
        .filter(|name| !is_of_the_whole_way(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    match kind {
        Kind::Handshake => drop(headers.remove(header::TRAILER)),
        // What is announced there comes behind the body and passes.
        Kind::Request | Kind::Answer => {}
    }
    if takes_trailers {
        // RFC 9110 §10.1.4: TE is always of one hop, and Connection says so.
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Whether a body, if there is one, is coded in no way but in chunks. The coding is of one hop
/// and must be undone here, which is possible for that one (RFC 9112 §6.1).
pub(crate) fn knows_coding(headers: &HeaderMap) -> bool {
    let mut lines = headers.get_all(header::TRANSFER_ENCODING).into_iter();
    match (lines.next(), lines.next()) {
        (None, _) => true,
        (Some(line), None) => line.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// Whether it is certain where the body of an answer ends: a length beside chunks may be another
/// hop's view of it (RFC 9112 §6.3).
pub(crate) fn is_framed_once(headers: &HeaderMap) -> bool {
    let has_both =
        headers.contains_key(header::TRANSFER_ENCODING) && headers.contains_key(header::CONTENT_LENGTH);
    knows_coding(headers) && !has_both
}

/// Takes out of the fields behind a body those that must not stand there: receivers that mix
/// them with the head's would take them for what they are not (RFC 9110 §6.5.1).
pub(crate) fn clean_trailers(trailers: &mut HeaderMap) {
    let wrong: Vec<HeaderName> = trailers
        .keys()
        .filter(|name| is_of_the_whole_way(name) || HOP_BY_HOP.contains(name))
        .cloned()
        .collect();
    for name in wrong {
        trailers.remove(name);
    }
}

/// Whether the client understands fields behind a body. All else that TE can say is of
/// codings, which are this hop's business.
fn takes_trailers(headers: &HeaderMap) -> bool {
    members(headers, &header::TE).any(|member| member.eq_ignore_ascii_case(b"trailers"))
}

/// The members of a field that is a list.
fn members<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(name).into_iter();
    lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// Fields that no peer can have taken out by naming them in Connection: what tells where a
/// request goes, how long it is, and who sent it.
fn is_of_the_whole_way(name: &HeaderName) -> bool {
    *name == header::HOST || *name == header::CONTENT_LENGTH || is_claim(name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of a head of `name: value` lines, sorted.
    fn left(kind: Kind, lines: &[&str]) -> Vec<String> {
        let mut headers = head(lines);
        remove_hop_by_hop(&mut headers, kind);
        sorted(&headers)
    }

    fn head(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        headers
    }

    fn sorted(headers: &HeaderMap) -> Vec<String> {
        let mut lines: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        lines.sort_unstable();
        lines
    }

    const KINDS: [Kind; 3] = [Kind::Handshake, Kind::Request, Kind::Answer];

    #[test]
    fn row_13_what_connection_names_is_taken_out_of_every_head() {
        for kind in KINDS {
            let lines =
                ["host: a", "connection: X-Secret , upgrade,, x-b", "connection: close", "x-secret: 1"];
            let more = ["x-secret: 2", "x-b: 3", "close: 4", "cookie: kept", "x-secrets: kept"];
            let expected = ["cookie: kept", "host: a", "x-secrets: kept"];
            assert_eq!(left(kind, &[&lines[..], &more].concat()), expected, "{kind:?}");
        }
    }

    #[test]
    fn row_13_connection_cannot_take_out_host_length_and_identity() {
        let kept = [
            "content-length: 5",
            "forwarded: for=1.1.1.1",
            "host: a",
            "x-forwarded-for: 1.1.1.1",
            "x-forwarded-proto: https",
            "x-real-ip: 1.1.1.1",
            "x-request-id: 7",
        ];
        let names: Vec<_> = kept.iter().map(|line| line.split(':').next().unwrap()).collect();
        let connection = format!("connection: {}", names.join(", "));
        for kind in KINDS {
            assert_eq!(left(kind, &[&kept[..], &[&connection]].concat()), kept, "{kind:?}");
        }
    }

    #[test]
    fn row_13_names_beside_one_that_is_no_name_are_taken_out_as_well() {
        let mut headers = head(&["x-a: 1", "x-b: 2"]);
        headers.insert("connection", HeaderValue::from_bytes(b"x-a, \xff, a b, x-b").unwrap());
        remove_hop_by_hop(&mut headers, Kind::Request);
        assert!(headers.is_empty(), "{headers:?}");
    }

    #[test]
    fn row_6_upgrades_to_anything_but_websocket_are_stripped_with_their_settings() {
        let lines =
            ["connection: Upgrade, HTTP2-Settings", "upgrade: h2c", "http2-settings: AAMAAABkAAQ", "a: b"];
        assert_eq!(left(Kind::Request, &lines), ["a: b"]);
        // Also where Connection does not name them.
        assert_eq!(left(Kind::Request, &lines[1..]), ["a: b"]);
    }

    #[test]
    fn what_is_known_to_be_of_one_hop_goes_without_being_named() {
        let lines = [
            "keep-alive: timeout=5",
            "proxy-connection: keep-alive",
            "proxy-authorization: Basic eA==",
            "proxy-authenticate: Basic",
            "transfer-encoding: chunked",
            "upgrade: websocket",
            "expect: 100-continue",
            "te: gzip",
        ];
        for kind in KINDS {
            assert_eq!(left(kind, &lines), [""; 0], "{kind:?}");
        }
    }

    #[test]
    fn te_says_trailers_to_the_upstream_where_a_plain_request_said_it_and_nothing_else() {
        let passed = ["connection: te", "te: trailers"];
        for te in ["te: trailers", "te: Trailers", "te: gzip, trailers", "te: deflate;q=0.5 ,trailers "] {
            assert_eq!(left(Kind::Request, &["connection: TE", te]), passed, "{te}");
            assert_eq!(left(Kind::Handshake, &["connection: TE", te]), [""; 0], "{te}");
            assert_eq!(left(Kind::Answer, &["connection: TE", te]), [""; 0], "{te}");
        }
        assert_eq!(left(Kind::Request, &["te: gzip", "te: trailers"]), passed);
        for te in ["te: gzip", "te: trailers2", "te: "] {
            assert_eq!(left(Kind::Request, &["connection: TE", te]), [""; 0], "{te}");
        }
    }

    #[test]
    fn trailers_are_announced_where_there_is_a_body_that_they_can_follow() {
        let lines = ["trailer: x-checksum"];
        assert_eq!(left(Kind::Request, &lines), lines);
        assert_eq!(left(Kind::Answer, &lines), lines);
        assert_eq!(left(Kind::Handshake, &lines), [""; 0]);
    }

    #[test]
    fn row_8_a_body_is_in_chunks_or_in_no_coding_at_all() {
        let coding = |value: &str| format!("transfer-encoding: {value}");
        let plain = "content-length: 5".to_owned();
        let checks = [
            (vec![], true, true),
            (vec![plain.clone()], true, true),
            (vec![coding("chunked")], true, true),
            (vec![coding("Chunked")], true, true),
            (vec![coding("chunked"), plain.clone()], true, false),
            (vec![plain, coding("chunked")], true, false),
            (vec![coding("gzip, chunked")], false, false),
            (vec![coding("chunked, chunked")], false, false),
            (vec![coding("chunked"), coding("chunked")], false, false),
            (vec![coding("identity")], false, false),
            (vec![coding("")], false, false),
        ];
        for (lines, is_known, is_once) in checks {
            let headers = head(&lines.iter().map(|line| &**line).collect::<Vec<_>>());
            assert_eq!((knows_coding(&headers), is_framed_once(&headers)), (is_known, is_once), "{lines:?}");
        }
    }

    #[test]
    fn trailers_bring_no_fields_that_only_a_head_can_have() {
        let mut trailers = head(&[
            "x-checksum: 1",
            "host: b",
            "content-length: 3",
            "transfer-encoding: chunked",
            "connection: x-checksum",
            "x-forwarded-for: 6.6.6.6",
            "x_forwarded_for: 6.6.6.6",
            "x-request-id: 8",
        ]);
        clean_trailers(&mut trailers);
        assert_eq!(sorted(&trailers), ["x-checksum: 1"]);
    }
}
