//! Who is let in: no page of another site, nobody who asks for a name that is not ours, and where
//! there is a token only who shows it.

use std::hint::black_box;

use gate_config::model::{Admin, ListenAddress, Secret};
use http::{HeaderMap, Request, header};

use crate::admin::fault::Fault;
use crate::site::audience::Audience;

/// See the module.
#[derive(Debug)]
pub(crate) struct Door {
    audience: Audience,
    /// Any of them will do; where there is none nothing has to be shown.
    tokens: Vec<Secret>,
}

impl Door {
    /// The door that a configuration asks for; `from_file` is what stands in its `token-file`.
    pub(crate) fn new(admin: &Admin, from_file: Option<Secret>) -> Self {
        let audience = match admin.address.value {
            ListenAddress::Tcp(_) => Audience::Named(admin.hosts.clone()),
            // No name leads to the file of a socket, and no request comes in datagrams.
            ListenAddress::Unix { .. } | ListenAddress::Udp(_) => Audience::NoOtherSite,
        };
        let tokens = admin.token.iter().map(|token| token.value.clone()).chain(from_file).collect();
        Self { audience, tokens }
    }

    /// Judges the head of a request.
    pub(super) fn judge<B>(&self, request: &Request<B>) -> Result<(), Fault> {
        self.audience.judge(request).map_err(Fault::Stranger)?;
        // Whether the gateway lives may be asked by who has no token: supervisors and balancers.
        if self.tokens.is_empty() || request.uri().path() == HEALTH {
            return Ok(());
        }
        let shown = shown(request.headers()).ok_or(Fault::NoToken)?;
        // All are compared, so that the time tells nothing of which one it was.
        let fits = self.tokens.iter().fold(false, |fits, token| fits | is_same(token.reveal(), shown));
        if fits { Ok(()) } else { Err(Fault::WrongToken) }
    }
}

/// The path that needs no token.
pub(super) const HEALTH: &str = "/health";

/// The token of a request (RFC 6750 §2.1). None is taken from the query, which ends up in logs.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares in a time that depends on nothing but the lengths.
fn is_same(token: &str, shown: &str) -> bool {
    let difference =
        token.bytes().zip(shown.bytes()).fold(0, |sum, (one, other)| black_box(sum | (one ^ other)));
    (token.len() == shown.len()) & (difference == 0)
}

#[cfg(test)]
mod tests {
    use gate_config::model::At;

    use super::*;

    fn door(address: &str, token: Option<&str>, from_file: Option<&str>) -> Door {
        let address = match address.strip_prefix("unix:") {
            Some(path) => ListenAddress::Unix { path: path.into(), mode: 0o600 },
            None => ListenAddress::Tcp(address.parse().unwrap()),
        };
        let secret = |text| Secret::new(text).unwrap();
        let admin = Admin {
            address: At::nowhere(address),
            token: token.map(|token| At::nowhere(secret(token))),
            token_file: None,
            hosts: vec!["admin.example.org".to_owned()],
        };
        Door::new(&admin, from_file.map(secret))
    }

    #[track_caller]
    fn status(door: &Door, path: &str, lines: &[(&str, &str)]) -> u16 {
        let request =
            lines.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value));
        door.judge(&request.body(()).unwrap()).map_or_else(|fault| fault.status().as_u16(), |()| 200)
    }

    #[test]
    fn row_72_who_has_no_token_is_not_let_in() {
        let door = door("10.0.0.1:9091", Some("a-token"), Some("another-token"));
        let host = ("host", "10.0.0.1:9091");
        for (shown, expected) in [
            ("Bearer a-token", 200),
            ("bearer a-token", 200),
            ("Bearer  a-token", 200),
            ("Bearer another-token", 200),
            ("Bearer a-toke", 401),
            ("Bearer a-token-", 401),
            ("Bearer A-token", 401),
            ("Bearer", 401),
            ("Bearer ", 401),
            ("a-token", 401),
            ("Basic a-token", 401),
            ("", 401),
        ] {
            assert_eq!(status(&door, "/v1/drain", &[host, ("authorization", shown)]), expected, "{shown}");
        }
        assert_eq!(status(&door, "/v1/drain", &[host]), 401);
        assert_eq!(status(&door, "/v1/stats?token=a-token", &[host]), 401);
        let twice = [host, ("authorization", "Bearer a-token"), ("authorization", "Bearer x")];
        assert_eq!(status(&door, "/v1/drain", &twice), 401);
        assert_eq!(status(&door, "/health", &[host]), 200);
        assert_eq!(status(&door, "/health/", &[host]), 401);
    }

    #[test]
    fn row_17_a_token_opens_no_door_for_strangers() {
        let token = ("authorization", "Bearer a-token");
        for address in ["127.0.0.1:9091", "0.0.0.0:9091"] {
            let door = door(address, Some("a-token"), None);
            for (host, expected) in [
                ("127.0.0.1:9091", 200),
                ("localhost", 200),
                ("admin.example.org", 200),
                ("evil.example", 421),
            ] {
                assert_eq!(status(&door, "/v1/drain", &[("host", host), token]), expected, "{host}");
                let evil = ("origin", "http://evil.example");
                let expected = if expected == 200 { 403 } else { expected };
                assert_eq!(status(&door, "/v1/drain", &[("host", host), token, evil]), expected, "{host}");
                assert_eq!(status(&door, "/health", &[("host", host), evil]), expected, "{host}");
            }
        }
    }

    #[test]
    fn over_a_unix_socket_any_name_does_but_no_page_of_another_site() {
        let door = door("unix:/run/admin.sock", None, None);
        assert_eq!(status(&door, "/v1/drain", &[("host", "gateway")]), 200);
        assert_eq!(
            status(&door, "/v1/drain", &[("host", "gateway"), ("origin", "http://evil.example")]),
            403
        );
    }
}
