//! `x-wsproxy-signature: KEY/EXPIRY/HMAC`: a proxy that is not trusted by its address says by a
//! key that the fields are its own.
//!
//! Signed are the time at which it is over, the request line, the handshake's key, and all
//! x-wsproxy fields but the signature: so it is good for that very request, again too, for a minute at most.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::header::SEC_WEBSOCKET_KEY;

use crate::by_header::Asking;
use crate::by_header::fields;
use crate::signing::Key;

/// What the field says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signed<'a> {
    key: &'a str,
    /// As it stands in the field: that is what is signed.
    expiry: &'a str,
    signature: &'a str,
}

impl<'a> Signed<'a> {
    /// Reads the field.
    ///
    /// # Errors
    /// It is not of that form.
    pub(super) fn read(text: &'a str) -> Result<Self, &'static str> {
        let mut parts = text.split('/');
        let (Some(key), Some(expiry), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err("it is KEY/EXPIRY/HMAC");
        };
        Ok(Self { key, expiry, signature })
    }

    /// Whether it is that of the request.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn judge(
        &self,
        asking: &Asking<'_>,
        keys: &[(Arc<str>, Key)],
        now: SystemTime,
    ) -> Result<(), &'static str> {
        let Some((_, key)) = keys.iter().find(|(id, _)| **id == *self.key) else {
            return Err("there is no such key");
        };
        if !key.has_signed(&[self.signed(asking).as_bytes()], self.signature) {
            return Err("it is not that of this request");
        }
        let digits = self.expiry.bytes().all(|byte| byte.is_ascii_digit());
        let expiry = self.expiry.parse().ok().filter(|_| digits).map(Duration::from_secs);
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        match expiry {
            None => Err("its expiry is no time"),
            Some(expiry) if expiry <= now => Err("it has expired"),
            Some(expiry) if expiry > now + LIFETIME_MAX => Err("it expires more than 60 seconds from now"),
            Some(_) => Ok(()),
        }
    }

    /// What is signed: lines, each with its end.
    fn signed(&self, asking: &Asking<'_>) -> String {
        let target = asking.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let key = asking.headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
        let mut lines = format!(
            "framegate-wsproxy-v1\n{}\n{} {target}\n{}\n",
            self.expiry,
            asking.method,
            key.unwrap_or_default().trim()
        );
        for (name, value) in fields::all(asking.headers) {
            if name == fields::SIGNATURE {
                continue;
            }
            lines.push_str(name);
            lines.push(':');
            // What is not text is refused where it is read.
            lines.push_str(&String::from_utf8_lossy(value.as_bytes().trim_ascii()));
            lines.push('\n');
        }
        lines
    }
}

/// How long a signature may be good for.
const LIFETIME_MAX: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Uri};

    use super::*;

    const EXPIRY: u64 = 1_700_000_030;

    struct Request {
        method: Method,
        uri: Uri,
        headers: HeaderMap,
    }

    impl Request {
        /// The request of the documentation.
        fn new() -> Self {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
                ("x-wsproxy-upstream", "ws://10.1.0.7:9001"),
                ("x-wsproxy-inboundhook", "http://10.1.0.9/scan"),
                ("cookie", "not=signed"),
            ] {
                headers.insert(name, value.parse().unwrap());
            }
            Self { method: Method::GET, uri: Uri::from_static("/chat?room=1"), headers }
        }

        fn judge(&self, text: &str, now: u64) -> Result<(), &'static str> {
            let keys = [("proxy".into(), Key::new(b"0123456789abcdef0123456789abcdef").unwrap())];
            let asking = Asking { peer: None, method: &self.method, uri: &self.uri, headers: &self.headers };
            Signed::read(text)?.judge(&asking, &keys, UNIX_EPOCH + Duration::from_secs(now))
        }
    }

    /// By `openssl dgst -sha256 -hmac`, of the text in the documentation.
    const SIGNATURE: &str = "ea35ab228584c0dd81394e738e23dadf94ddeab9d1d3c2a7a3db95bd980d1e18";

    #[test]
    fn the_example_of_the_documentation_is_valid() {
        let text = format!("proxy/{EXPIRY}/{SIGNATURE}");
        assert_eq!(Request::new().judge(&text, EXPIRY - 30), Ok(()));
    }

    #[test]
    fn whatever_is_changed_breaks_it() {
        let text = format!("proxy/{EXPIRY}/{SIGNATURE}");
        let changes: [fn(&mut Request); 6] = [
            |request| request.method = Method::POST,
            |request| request.uri = Uri::from_static("/chat?room=2"),
            |request| drop(request.headers.insert("sec-websocket-key", "x".parse().unwrap())),
            |request| drop(request.headers.insert("x-wsproxy-upstream", "ws://evil".parse().unwrap())),
            |request| drop(request.headers.remove("x-wsproxy-inboundhook")),
            |request| drop(request.headers.insert("x-wsproxy-compress", "true".parse().unwrap())),
        ];
        for change in changes {
            let mut request = Request::new();
            change(&mut request);
            assert_eq!(request.judge(&text, EXPIRY - 30), Err("it is not that of this request"));
        }
        let mut request = Request::new();
        request.headers.insert("cookie", "other=1".parse().unwrap());
        assert_eq!(request.judge(&text, EXPIRY - 30), Ok(()));
    }

    #[test]
    fn it_is_good_for_a_minute_at_most() {
        let text = format!("proxy/{EXPIRY}/{SIGNATURE}");
        let request = Request::new();
        assert_eq!(request.judge(&text, EXPIRY - 60), Ok(()));
        assert_eq!(request.judge(&text, EXPIRY - 61), Err("it expires more than 60 seconds from now"));
        assert_eq!(request.judge(&text, EXPIRY - 1), Ok(()));
        assert_eq!(request.judge(&text, EXPIRY), Err("it has expired"));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        for (text, why) in [
            ("".to_owned(), "it is KEY/EXPIRY/HMAC"),
            (format!("proxy/{EXPIRY}"), "it is KEY/EXPIRY/HMAC"),
            (format!("proxy/{EXPIRY}/{SIGNATURE}/x"), "it is KEY/EXPIRY/HMAC"),
            (format!("other/{EXPIRY}/{SIGNATURE}"), "there is no such key"),
            (format!("proxy/{}/{SIGNATURE}", EXPIRY + 1), "it is not that of this request"),
            (format!("proxy/{EXPIRY}/"), "it is not that of this request"),
        ] {
            assert_eq!(Request::new().judge(&text, EXPIRY - 30), Err(why), "{text}");
        }
    }
}
