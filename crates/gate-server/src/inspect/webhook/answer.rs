//! What the answer of a webhook says.
//!
//! 2xx lets the message go on, unless `X-Framegate-Action` says otherwise: `drop`, or `rewrite` of
//! a 200 whose body is the payload that goes on. Any other status refuses it.

use http::header::CONTENT_ENCODING;
use http::response::Parts;
use http::{HeaderName, StatusCode};
use ws_proto::Opcode;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Allow,
    Drop,
    /// This goes on in place of the payload.
    Rewrite(Vec<u8>),
    Refuse(StatusCode),
}

/// What the head of an answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Allow,
    Drop,
    /// The body goes on in place of the payload.
    Rewrite,
    Refuse(StatusCode),
}

/// Why an answer cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    #[error("its X-Framegate-Action is none of `allow`, `drop` and `rewrite`")]
    UnknownAction,
    #[error("it rewrites a message, for which the webhook has no `rewrite true`")]
    RewriteUnasked,
    #[error("it rewrites a message by a status other than 200")]
    RewriteStatus,
    #[error("the payload that it gives has a Content-Encoding")]
    Encoded,
    #[error("the payload that it gives is above {0} bytes")]
    TooLarge(u64),
    #[error("the payload that it gives for a text message is not UTF-8")]
    NotUtf8,
}

/// What the head of an answer says, where an answer may rewrite or may not.
pub(super) fn read(head: &Parts, rewrites: bool) -> Result<Said, Unusable> {
    if !head.status.is_success() {
        return Ok(Said::Refuse(head.status));
    }
    let mut lines = head.headers.get_all(ACTION).into_iter();
    let action = match (lines.next(), lines.next()) {
        (None, _) => return Ok(Said::Allow),
        (Some(action), None) => action.as_bytes().trim_ascii(),
        (Some(_), Some(_)) => return Err(Unusable::UnknownAction),
    };
    let is = |word: &str| action.eq_ignore_ascii_case(word.as_bytes());
    if is("allow") {
        Ok(Said::Allow)
    } else if is("drop") {
        Ok(Said::Drop)
    } else if !is("rewrite") {
        Err(Unusable::UnknownAction)
    } else if !rewrites {
        Err(Unusable::RewriteUnasked)
    } else if head.status != StatusCode::OK {
        Err(Unusable::RewriteStatus)
    } else if head.headers.contains_key(CONTENT_ENCODING) {
        Err(Unusable::Encoded)
    } else {
        Ok(Said::Rewrite)
    }
}

/// The payload that an answer gives for a message.
pub(super) fn payload(body: Vec<u8>, opcode: Opcode) -> Result<Answer, Unusable> {
    if opcode == Opcode::Text && str::from_utf8(&body).is_err() {
        return Err(Unusable::NotUtf8);
    }
    Ok(Answer::Rewrite(body))
}

const ACTION: HeaderName = HeaderName::from_static("x-framegate-action");

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn said(status: u16, actions: &[&str], rewrites: bool) -> Result<Said, Unusable> {
        let mut response = Response::builder().status(status);
        for action in actions {
            response = response.header("X-Framegate-Action", *action);
        }
        read(&response.body(()).unwrap().into_parts().0, rewrites)
    }

    #[test]
    fn the_status_decides() {
        for status in [200, 201, 202, 203, 204, 205, 226, 299] {
            assert_eq!(said(status, &[], false), Ok(Said::Allow), "{status}");
        }
        for status in [300, 301, 302, 304, 307, 400, 403, 404, 429, 500, 503, 599] {
            let refused = StatusCode::from_u16(status).unwrap();
            assert_eq!(said(status, &[], true), Ok(Said::Refuse(refused)), "{status}");
            assert_eq!(said(status, &["allow"], true), Ok(Said::Refuse(refused)), "{status}");
        }
    }

    #[test]
    fn an_action_says_more_than_the_status() {
        for (status, actions, rewrites, expected) in [
            (200, &["allow"][..], false, Ok(Said::Allow)),
            (204, &["drop"], false, Ok(Said::Drop)),
            (200, &[" Drop "], false, Ok(Said::Drop)),
            (200, &["rewrite"], true, Ok(Said::Rewrite)),
            (200, &["rewrite"], false, Err(Unusable::RewriteUnasked)),
            (201, &["rewrite"], true, Err(Unusable::RewriteStatus)),
            (200, &["close"], true, Err(Unusable::UnknownAction)),
            (200, &[""], true, Err(Unusable::UnknownAction)),
            (200, &["allow", "drop"], true, Err(Unusable::UnknownAction)),
        ] {
            assert_eq!(said(status, actions, rewrites), expected, "{status} {actions:?}");
        }
    }

    #[test]
    fn a_payload_under_an_encoding_is_none() {
        let response =
            Response::builder().header("X-Framegate-Action", "rewrite").header(CONTENT_ENCODING, "gzip");
        let head = response.body(()).unwrap().into_parts().0;
        assert_eq!(read(&head, true), Err(Unusable::Encoded));
    }

    #[test]
    fn the_payload_of_a_text_message_is_text() {
        assert_eq!(payload(b"\xc3\xa9".to_vec(), Opcode::Text), Ok(Answer::Rewrite(b"\xc3\xa9".to_vec())));
        assert_eq!(payload(b"\xc3".to_vec(), Opcode::Text), Err(Unusable::NotUtf8));
        assert_eq!(payload(b"\xc3".to_vec(), Opcode::Binary), Ok(Answer::Rewrite(b"\xc3".to_vec())));
    }
}
