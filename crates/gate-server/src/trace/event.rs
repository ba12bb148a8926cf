//! What is told of one event, and the two forms that it is written in.
//!
//! The names and the order of what OpenSIPS tells are kept; what it does not tell stands behind. No
//! key stands twice, and nothing is told that would open a recording.

use std::borrow::Cow;
use std::fmt::Write;

use gate_config::model::TraceForm;
use gate_net::tls::PeerCertificate;
use sip_proto::hep::Cut;

/// What happened to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A peer has connected, or tried to.
    Accepted,
    /// The gateway has, or tried to.
    Connected,
    /// It is over.
    Closed,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Success,
    Failure,
}

/// What there is to be told of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Secured {
    /// `TLSv1.2` or `TLSv1.3`.
    pub(crate) version: &'static str,
    /// By its IANA name.
    pub(crate) cipher: &'static str,
    /// That the client asked for.
    pub(crate) server_name: Option<Box<str>>,
    pub(crate) client: Option<Shown>,
    pub(crate) server: Option<Shown>,
}

/// Whom a certificate names, and who has signed it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) subject: String,
    pub(crate) issuer: String,
}

impl From<&PeerCertificate> for Shown {
    fn from(certificate: &PeerCertificate) -> Self {
        Self { subject: certificate.subject.clone(), issuer: certificate.issuer.clone() }
    }
}

/// How a connection came to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closing<'a> {
    /// A stable name, as in the records of the access log; empty: it is of no interest.
    pub(crate) reason: &'a str,
    /// Whose doing it was: `client`, `upstream` or `gateway`.
    pub(crate) by: &'a str,
    /// What exactly was wrong, in words.
    pub(crate) detail: &'a str,
    /// Whether that was in order.
    pub(crate) is_orderly: bool,
    /// The codes of the Close frames, 1005 for one without.
    pub(crate) close_received: Option<u16>,
    pub(crate) close_sent: Option<u16>,
    /// What came from the peer, and went to it; `None`: nobody has counted.
    pub(crate) received: Option<Direction>,
    pub(crate) sent: Option<Direction>,
}

/// What has passed in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Direction {
    pub(crate) bytes: u64,
    pub(crate) messages: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Event<'a> {
    /// `WS`, `WSS`, `UDP`, `TCP` or `TLS`.
    pub(super) protocol: &'static str,
    pub(super) kind: Kind,
    pub(super) status: Status,
    /// In words.
    pub(super) message: Cow<'a, str>,
    pub(super) tls: Option<&'a Secured>,
    /// The heads of the opening handshake, where there was one.
    pub(super) request: Option<&'a str>,
    pub(super) reply: Option<&'a str>,
    /// What OpenSIPS does not tell.
    pub(super) more: Vec<(&'static str, Value<'a>)>,
}

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Flag(bool),
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Connected => "CONNECTED",
            Self::Closed => "CLOSED",
        }
    }
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failure => "FAILURE",
        }
    }
}

impl Event<'_> {
    /// The payload of a packet, of at most `size_max` bytes where it can be cut to that and still
    /// be read; else its reader has to do with the begin.
    pub(super) fn payload(&self, form: &TraceForm, size_max: usize) -> (String, Cut) {
        match form {
            TraceForm::Json => self.json_within(size_max),
            TraceForm::Homer5 { delimiter } => (self.values().join(delimiter), Cut::Whole),
        }
    }

    /// With the longest texts cut, if it must be.
    fn json_within(&self, size_max: usize) -> (String, Cut) {
        let mut pairs = self.pairs();
        let mut text = json(&pairs);
        if text.len() <= size_max {
            return (text, Cut::Whole);
        }
        pairs.push(("Cut", Value::Flag(true)));
        loop {
            let longest = pairs.iter_mut().filter_map(|(_, value)| value.as_text());
            let Some(longest) = longest.max_by_key(|text| text.len()).filter(|text| text.len() > TEXT_LEAST)
            else {
                return (text, Cut::Short);
            };
            let kept = longest.get(..longest.floor_char_boundary(longest.len() * 3 / 4)).unwrap_or_default();
            *longest = Cow::Owned(kept.to_owned());
            text = json(&pairs);
            if text.len() <= size_max {
                return (text, Cut::Short);
            }
        }
    }

    /// All keys, each once.
    fn pairs(&self) -> Vec<(&'static str, Value<'_>)> {
        let mut pairs = vec![("Protocol", text(self.protocol))];
        if let Some(tls) = self.tls {
            let certificates = [
                ("client-subject", "client-issuer", &tls.client),
                ("server-subject", "server-issuer", &tls.server),
            ];
            for (subject, issuer, shown) in certificates {
                if let Some(shown) = shown {
                    pairs.extend([(subject, text(&shown.subject)), (issuer, text(&shown.issuer))]);
                }
            }
        }
        pairs.extend([("Event", text(self.kind.name())), ("Status", text(self.status.name()))]);
        pairs.push(("Message", text(&self.message)));
        pairs.extend(self.request.map(|request| ("Ws-Request", text(request))));
        pairs.extend(self.reply.map(|reply| ("Ws-Reply", text(reply))));
        if let Some(tls) = self.tls {
            // Where the handshake has failed there are none.
            let agreed = [("TLS-Version", tls.version), ("TLS-Cipher", tls.cipher)];
            let agreed = agreed.into_iter().filter(|(_, value)| !value.is_empty());
            pairs.extend(agreed.map(|(key, value)| (key, text(value))));
            pairs.extend(tls.server_name.as_deref().map(|name| ("TLS-Server-Name", text(name))));
        }
        pairs.extend(self.more.iter().cloned());
        pairs
    }

    /// What OpenSIPS tells, in its order: of TLS first, then of the handshake over it.
    fn values(&self) -> Vec<&str> {
        let (event, status) = (self.kind.name(), self.status.name());
        let mut values = vec![self.protocol];
        let is_opening = self.kind != Kind::Closed;
        if let Some(tls) = self.tls.filter(|_| is_opening) {
            for shown in [&tls.client, &tls.server].into_iter().flatten() {
                values.extend([&*shown.subject, &*shown.issuer]);
            }
            if self.request.is_some() {
                values.extend([event, Status::Success.name(), self.kind.in_words(Status::Success)]);
            }
        }
        values.push(event);
        values.extend(self.request);
        values.push(status);
        values.extend(self.reply);
        values.push(&self.message);
        values
    }
}

impl Kind {
    /// What OpenSIPS says of it.
    pub(super) const fn in_words(self, status: Status) -> &'static str {
        match (self, status) {
            (Self::Accepted, Status::Success) => "Connection accepted...",
            (Self::Accepted, Status::Failure) => "Failed to accept connection...",
            (Self::Connected, Status::Success) => "Successfully connected...",
            (Self::Connected, Status::Failure) => "Failed to connect...",
            (Self::Closed, _) => "Closed",
        }
    }
}

impl<'a> Value<'a> {
    fn as_text(&mut self) -> Option<&mut Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Flag(_) => None,
        }
    }
}

impl<'a, T: Into<Cow<'a, str>>> From<T> for Value<'a> {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

fn text(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

fn json(pairs: &[(&'static str, Value<'_>)]) -> String {
    let mut json = String::from("{");
    for (key, value) in pairs {
        if json.len() > 1 {
            json.push(',');
        }
        let _infallible = write!(json, "\"{key}\":");
        match value {
            // Every text can be written as JSON.
            Value::Text(text) => json.push_str(&serde_json::to_string(text).unwrap_or_default()),
            Value::Number(number) => {
                let _infallible = write!(json, "{number}");
            }
            Value::Flag(flag) => json.push_str(if *flag { "true" } else { "false" }),
        }
    }
    json.push('}');
    json
}

/// Texts of so many bytes are not cut further.
const TEXT_LEAST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn secured() -> Secured {
        let shown = |name: &str| Shown { subject: format!("CN={name}"), issuer: "CN=ca".to_owned() };
        Secured {
            version: "TLSv1.3",
            cipher: "TLS_AES_128_GCM_SHA256",
            server_name: Some("gw.example.org".into()),
            client: Some(shown("device")),
            server: Some(shown("gw")),
        }
    }

    fn accepted<'a>(tls: Option<&'a Secured>, request: &'a str) -> Event<'a> {
        Event {
            protocol: if tls.is_some() { "WSS" } else { "WS" },
            kind: Kind::Accepted,
            status: Status::Success,
            message: Kind::Accepted.in_words(Status::Success).into(),
            tls,
            request: Some(request),
            reply: Some("HTTP/1.1 101 Switching Protocols\r\n\r\n"),
            more: vec![("Route", "sip".into()), ("Duration-Ms", Value::Number(7))],
        }
    }

    fn homer5(event: &Event<'_>) -> String {
        event.payload(&TraceForm::Homer5 { delimiter: ":".into() }, 65_000).0
    }

    #[test]
    fn the_delimited_values_stand_in_opensips_order() {
        let request = "GET / HTTP/1.1\r\n\r\n";
        let reply = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
        let plain = format!("WS:ACCEPTED:{request}:SUCCESS:{reply}:Connection accepted...");
        assert_eq!(homer5(&accepted(None, request)), plain);
        let tls = secured();
        let told = homer5(&accepted(Some(&tls), request));
        let expected = format!(
            "WSS:CN=device:CN=ca:CN=gw:CN=ca:ACCEPTED:SUCCESS:Connection accepted...:ACCEPTED:{request}:SUCCESS:{reply}:Connection accepted..."
        );
        assert_eq!(told, expected);
        let closed = Event {
            kind: Kind::Closed,
            message: "EOF received".into(),
            request: None,
            reply: None,
            ..accepted(Some(&tls), "")
        };
        assert_eq!(homer5(&closed), "WSS:CLOSED:SUCCESS:EOF received");
        let failed = Event {
            status: Status::Failure,
            message: "no".into(),
            request: None,
            reply: None,
            ..accepted(None, "")
        };
        assert_eq!(homer5(&failed), "WS:ACCEPTED:FAILURE:no");
    }

    #[test]
    fn json_has_each_key_once() {
        let tls = secured();
        let event = accepted(Some(&tls), "GET /\"x\" HTTP/1.1\r\n\r\n");
        let (text, cut) = event.payload(&TraceForm::Json, 65_000);
        assert_eq!(cut, Cut::Whole);
        let expected = r#"{"Protocol":"WSS","client-subject":"CN=device","client-issuer":"CN=ca","server-subject":"CN=gw","server-issuer":"CN=ca","Event":"ACCEPTED","Status":"SUCCESS","Message":"Connection accepted...","Ws-Request":"GET /\"x\" HTTP/1.1\r\n\r\n","Ws-Reply":"HTTP/1.1 101 Switching Protocols\r\n\r\n","TLS-Version":"TLSv1.3","TLS-Cipher":"TLS_AES_128_GCM_SHA256","TLS-Server-Name":"gw.example.org","Route":"sip","Duration-Ms":7}"#;
        assert_eq!(text, expected);
        let keys: Vec<_> = event.pairs().into_iter().map(|(key, _)| key).collect();
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(keys.len(), distinct.len());
    }

    #[test]
    fn an_event_that_is_too_long_stays_json() {
        let request = format!("GET /{}é HTTP/1.1\r\n\r\n", "\u{1}".repeat(5000));
        let event = accepted(None, &request);
        for limit in [300, 1000, 5000] {
            let (text, cut) = event.payload(&TraceForm::Json, limit);
            assert!(text.len() <= limit && cut == Cut::Short, "{} of {limit}", text.len());
            let object: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!((&object["Route"], &object["Cut"]), (&"sip".into(), &true.into()));
            let told = object["Ws-Request"].as_str().unwrap();
            assert!(request.starts_with(told), "{told}");
        }
        let (text, cut) = event.payload(&TraceForm::Json, 10);
        assert!(cut == Cut::Short && text.len() < 400, "what cannot fit is told as short as can be");
    }
}
