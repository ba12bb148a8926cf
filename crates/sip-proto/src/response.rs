//! Answers that are made from a request alone (RFC 3261 §8.2.6), by whoever keeps nothing of it.

use core::net::SocketAddr;

use crate::edit::Edits;
use crate::message::{Header, Message};
use crate::name::HeaderName;
use crate::status::Status;
use crate::syntax;

/// What an answer says.
#[derive(Clone, Copy, Debug)]
pub struct Reply<'a> {
    /// The status.
    pub status: Status,
    /// More headers, by name and value.
    pub headers: &'a [(&'a str, &'a str)],
    /// The tag that To gets if it has none: the same for the same request, since it may come again
    /// (RFC 3261 §8.2.7). A token.
    pub to_tag: &'a str,
    /// Where the request came from, for `received` and `rport` of its topmost Via (RFC 3261 §18.2.1, RFC
    /// 3581 §4); not needed where the answer goes back on the same connection.
    pub source: Option<SocketAddr>,
}

/// Writes the answer to `request` to the end of `out`: `true`, unless `request` is an ACK or a response, which
/// nothing answers.
#[must_use]
pub fn reply(request: &Message<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) -> bool {
    match request.method() {
        None | Some(b"ACK") => return false,
        Some(_) => {}
    }
    let Status { code, reason } = reply.status;
    line(out, &[b"SIP/2.0 ", code.to_string().as_bytes(), b" ", reason.as_bytes()]);
    for header in request.headers() {
        match header.name {
            HeaderName::Via => via(request, header, reply, out),
            HeaderName::To => to(request, header, reply, out),
            HeaderName::From | HeaderName::CallId | HeaderName::CSeq => {
                out.extend_from_slice(syntax::slice(request.bytes(), header.line.clone()));
            }
            HeaderName::Route
            | HeaderName::RecordRoute
            | HeaderName::Path
            | HeaderName::ServiceRoute
            | HeaderName::MaxForwards
            | HeaderName::ContentLength
            | HeaderName::ContentType
            | HeaderName::Contact
            | HeaderName::Supported
            | HeaderName::Require
            | HeaderName::ProxyRequire
            | HeaderName::Expires
            | HeaderName::Event
            | HeaderName::UserAgent
            | HeaderName::Other => {}
        }
    }
    for (name, value) in reply.headers {
        line(out, &[name.as_bytes(), b": ", value.as_bytes()]);
    }
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    true
}

fn via(request: &Message<'_>, header: &Header, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let mut edits = Edits::new();
    if let Some(source) = reply.source
        && let Ok(via) = request.top_via()
        && header.value.start <= via.range.start
        && via.range.end <= header.value.end
    {
        edits.set_via_parameter(&via, "received", &source.ip().to_string());
        if via.rport().is_some() {
            edits.set_via_parameter(&via, "rport", &source.port().to_string());
        }
    }
    // The edits are against the whole message, of which only this line is wanted.
    edits.remove(0..header.line.start);
    edits.remove(header.line.end..request.bytes().len());
    edits.apply(request.bytes(), out);
}

fn to(request: &Message<'_>, header: &Header, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let bytes = request.bytes();
    if request.to_tag().is_some() || reply.to_tag.is_empty() {
        out.extend_from_slice(syntax::slice(bytes, header.line.clone()));
        return;
    }
    out.extend_from_slice(syntax::slice(bytes, header.line.start..header.value.end));
    line(out, &[b";tag=", reply.to_tag.as_bytes()]);
}

fn line(out: &mut Vec<u8>, texts: &[&[u8]]) {
    for text in texts {
        debug_assert!(!text.iter().any(|byte| matches!(byte, b'\r' | b'\n')), "one line at a time");
        out.extend_from_slice(text);
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    const REQUEST: &str = "INVITE sip:c@d SIP/2.0\r\n\
        Via: SIP/2.0/UDP x.invalid;rport;branch=1,\r\n SIP/2.0/UDP y\r\n\
        Record-Route: <sip:z;lr>\r\n\
        v: SIP/2.0/TCP z;rport\r\n\
        f: <sip:a@b>;tag=1\r\n\
        t: <sip:c@d>\r\n\
        Call-ID: 1\r\n\
        CSeq: 7 INVITE\r\n\
        l: 4\r\n\r\nbody";

    fn answered(request: &str, wanted: &Reply<'_>) -> Option<String> {
        let request = Message::parse(request.as_bytes(), &Limits::default()).unwrap();
        let mut out = Vec::new();
        let is_answered = reply(&request, wanted, &mut out);
        assert_eq!(is_answered, !out.is_empty());
        is_answered.then(|| String::from_utf8(out).unwrap())
    }

    const PLAIN: Reply<'_> =
        Reply { status: Status::TOO_MANY_HOPS, headers: &[], to_tag: "t1", source: None };

    #[test]
    fn an_answer_repeats_what_leads_back() {
        let expected = "SIP/2.0 483 Too Many Hops\r\n\
            Via: SIP/2.0/UDP x.invalid;rport;branch=1,\r\n SIP/2.0/UDP y\r\n\
            v: SIP/2.0/TCP z;rport\r\n\
            f: <sip:a@b>;tag=1\r\n\
            t: <sip:c@d>;tag=t1\r\n\
            Call-ID: 1\r\n\
            CSeq: 7 INVITE\r\n\
            Content-Length: 0\r\n\r\n";
        assert_eq!(answered(REQUEST, &PLAIN).as_deref(), Some(expected));
    }

    #[test]
    fn the_source_is_told_in_the_topmost_via_alone() {
        let source = "192.0.2.4:5062".parse().ok();
        let answer = answered(REQUEST, &Reply { source, headers: &[("Retry-After", "5")], ..PLAIN }).unwrap();
        let vias = "x.invalid;rport=5062;branch=1;received=192.0.2.4,\r\n SIP/2.0/UDP y\r\nv: SIP/2.0/TCP z;rport\r\n";
        assert!(answer.contains(vias), "{answer}");
        assert!(answer.ends_with("\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n"), "{answer}");
    }

    #[test]
    fn a_tag_that_is_there_stays() {
        let request = REQUEST.replace("t: <sip:c@d>", "t: <sip:c@d>;tag=old");
        let answer = answered(&request, &PLAIN).unwrap();
        assert!(answer.contains("t: <sip:c@d>;tag=old\r\n") && !answer.contains("t1"), "{answer}");
    }

    #[test]
    fn an_answer_can_be_read() {
        let answer = answered(REQUEST, &PLAIN).unwrap();
        let message = Message::parse(answer.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(message.essentials().unwrap().to.tag(), Some(&b"t1"[..]));
        assert_eq!(message.content_length(), Some(0));
    }

    #[test]
    fn nothing_answers_an_ack_or_a_response() {
        assert_eq!(answered(&REQUEST.replace("INVITE", "ACK"), &PLAIN), None);
        assert_eq!(answered(&REQUEST.replace("INVITE sip:c@d SIP/2.0", "SIP/2.0 200 OK"), &PLAIN), None);
    }

    #[test]
    fn a_request_that_cannot_be_parsed_is_answered_from_what_is_left() {
        let broken = REQUEST.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia").replace("l: 4", "l: 9");
        let error = Message::parse(broken.as_bytes(), &Limits::default()).expect_err("another version");
        let salvaged = Message::salvage(broken.as_bytes(), &Limits::default()).unwrap();
        let mut out = Vec::new();
        assert!(reply(&salvaged, &Reply { status: error.status(), ..PLAIN }, &mut out));
        assert!(out.starts_with(b"SIP/2.0 505 Version Not Supported\r\nVia: SIP/2.0/UDP x.invalid;"));
    }
}
