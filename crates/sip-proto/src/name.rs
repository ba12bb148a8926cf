//! The names of headers that a proxy looks at, long and compact.

/// A header that matters to whoever routes a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderName {
    /// `Via`, `v`.
    Via,
    /// `Route`.
    Route,
    /// `Record-Route`.
    RecordRoute,
    /// `Path` (RFC 3327).
    Path,
    /// `Service-Route` (RFC 3608).
    ServiceRoute,
    /// `Max-Forwards`.
    MaxForwards,
    /// `Content-Length`, `l`.
    ContentLength,
    /// `Content-Type`, `c`.
    ContentType,
    /// `Call-ID`, `i`.
    CallId,
    /// `CSeq`.
    CSeq,
    /// `From`, `f`.
    From,
    /// `To`, `t`.
    To,
    /// `Contact`, `m`.
    Contact,
    /// `Supported`, `k`.
    Supported,
    /// `Require`.
    Require,
    /// `Proxy-Require`.
    ProxyRequire,
    /// `Expires`.
    Expires,
    /// `Event`, `o` (RFC 6665).
    Event,
    /// `User-Agent`.
    UserAgent,
    /// Any other; [`Message::find`](crate::Message::find) looks by name.
    Other,
}

impl HeaderName {
    /// The header of that name, whatever its case.
    #[must_use]
    pub const fn of(name: &[u8]) -> Self {
        match name.len() {
            1 => Self::of_compact(name),
            2 => either(name, b"to", Self::To),
            3 => either(name, b"via", Self::Via),
            4 => match name.first() {
                Some(b'F' | b'f') => either(name, b"from", Self::From),
                Some(b'C' | b'c') => either(name, b"cseq", Self::CSeq),
                _ => either(name, b"path", Self::Path),
            },
            5 => match name.first() {
                Some(b'R' | b'r') => either(name, b"route", Self::Route),
                _ => either(name, b"event", Self::Event),
            },
            7 => match name.split_first() {
                Some((b'C' | b'c', [b'A' | b'a', ..])) => either(name, b"call-id", Self::CallId),
                Some((b'C' | b'c', _)) => either(name, b"contact", Self::Contact),
                Some((b'R' | b'r', _)) => either(name, b"require", Self::Require),
                _ => either(name, b"expires", Self::Expires),
            },
            9 => either(name, b"supported", Self::Supported),
            10 => either(name, b"user-agent", Self::UserAgent),
            12 => match name.first() {
                Some(b'M' | b'm') => either(name, b"max-forwards", Self::MaxForwards),
                Some(b'R' | b'r') => either(name, b"record-route", Self::RecordRoute),
                _ => either(name, b"content-type", Self::ContentType),
            },
            13 => match name.first() {
                Some(b'P' | b'p') => either(name, b"proxy-require", Self::ProxyRequire),
                _ => either(name, b"service-route", Self::ServiceRoute),
            },
            14 => either(name, b"content-length", Self::ContentLength),
            _ => Self::Other,
        }
    }

    /// How many there are.
    pub(crate) const COUNT: usize = 20;

    /// Its number, below [`COUNT`](Self::COUNT).
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::Via => 0,
            Self::Route => 1,
            Self::RecordRoute => 2,
            Self::Path => 3,
            Self::ServiceRoute => 4,
            Self::MaxForwards => 5,
            Self::ContentLength => 6,
            Self::ContentType => 7,
            Self::CallId => 8,
            Self::CSeq => 9,
            Self::From => 10,
            Self::To => 11,
            Self::Contact => 12,
            Self::Supported => 13,
            Self::Require => 14,
            Self::ProxyRequire => 15,
            Self::Expires => 16,
            Self::Event => 17,
            Self::UserAgent => 18,
            Self::Other => 19,
        }
    }

    const fn of_compact(name: &[u8]) -> Self {
        match name.first() {
            Some(b'v' | b'V') => Self::Via,
            Some(b'l' | b'L') => Self::ContentLength,
            Some(b'c' | b'C') => Self::ContentType,
            Some(b'i' | b'I') => Self::CallId,
            Some(b'f' | b'F') => Self::From,
            Some(b't' | b'T') => Self::To,
            Some(b'm' | b'M') => Self::Contact,
            Some(b'k' | b'K') => Self::Supported,
            Some(b'o' | b'O') => Self::Event,
            _ => Self::Other,
        }
    }
}

const fn either(name: &[u8], wanted: &[u8], header: HeaderName) -> HeaderName {
    if name.eq_ignore_ascii_case(wanted) { header } else { HeaderName::Other }
}

#[cfg(test)]
mod tests {
    use super::HeaderName::{self, *};

    const NAMES: [(HeaderName, &str, &str); 19] = [
        (Via, "Via", "v"),
        (Route, "Route", ""),
        (RecordRoute, "Record-Route", ""),
        (Path, "Path", ""),
        (ServiceRoute, "Service-Route", ""),
        (MaxForwards, "Max-Forwards", ""),
        (ContentLength, "Content-Length", "l"),
        (ContentType, "Content-Type", "c"),
        (CallId, "Call-ID", "i"),
        (CSeq, "CSeq", ""),
        (From, "From", "f"),
        (To, "To", "t"),
        (Contact, "Contact", "m"),
        (Supported, "Supported", "k"),
        (Require, "Require", ""),
        (ProxyRequire, "Proxy-Require", ""),
        (Expires, "Expires", ""),
        (Event, "Event", "o"),
        (UserAgent, "User-Agent", ""),
    ];

    #[test]
    fn names_are_known_long_and_compact_in_any_case() {
        for (number, (header, long, compact)) in NAMES.into_iter().enumerate() {
            assert_eq!(header.index(), number, "{long}");
            for name in [long, compact] {
                if !name.is_empty() {
                    assert_eq!(HeaderName::of(name.as_bytes()), header, "{name}");
                    assert_eq!(HeaderName::of(name.to_ascii_uppercase().as_bytes()), header, "{name}");
                    assert_eq!(HeaderName::of(name.to_ascii_lowercase().as_bytes()), header, "{name}");
                }
            }
        }
        assert_eq!(Other.index() + 1, HeaderName::COUNT);
    }

    #[test]
    fn names_that_are_nearly_one_are_others() {
        for (_, long, _) in NAMES {
            for near in [format!("{long}s"), format!("x{long}"), long.replace('-', "_") + "_"] {
                assert_eq!(HeaderName::of(near.as_bytes()), Other, "{near}");
            }
            for at in 0..long.len() {
                let mut near = long.as_bytes().to_vec();
                near[at] = b'#';
                assert_eq!(HeaderName::of(&near), Other, "{long} at {at}");
            }
        }
        for other in ["", "x", "b", "Date", "Call-Info", "Session-Expires"] {
            assert_eq!(HeaderName::of(other.as_bytes()), Other, "{other}");
        }
    }
}
