//! The cookie that binds a client to a target. Its value names the target by a hash of its
//! address: order and number of targets can change, and the address is not spelt out. (It
//! is not a secret either: who knows which addresses there may be can try them.)

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gate_config::model::{SameSite, Sticky};
use http::{HeaderMap, HeaderValue, header};

/// What a cookie says: `<target>` or `<target>.<time>`, both hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    /// See [`crate::upstream::target::Target::stable`].
    pub(super) target: u64,
    /// When the client got it.
    pub(super) given_at: SystemTime,
}

impl Cookie {
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let value = str::from_utf8(value).ok()?;
        let (target, time) = value.split_once('.').unwrap_or((value, "0"));
        let target = u64::from_str_radix(target, 16).ok()?;
        let seconds = u64::from_str_radix(time, 16).ok()?;
        Some(Self { target, given_at: UNIX_EPOCH.checked_add(Duration::from_secs(seconds))? })
    }

    /// Whether it is to be given anew, so that a client that keeps coming keeps its target.
    pub(super) fn is_due(&self, sticky: &Sticky, now: SystemTime) -> bool {
        let age = now.duration_since(self.given_at).unwrap_or_default();
        !sticky.ttl.is_zero() && age >= sticky.ttl / 2
    }
}

/// The Set-Cookie field (RFC 6265 §4.1); `None` if the configured name or path cannot stand in one.
pub(super) fn set(sticky: &Sticky, cookie: &Cookie, is_secure: bool) -> Option<HeaderValue> {
    let mut text = format!("{}={:016x}", sticky.cookie_name, cookie.target);
    if !sticky.ttl.is_zero() {
        let time = cookie.given_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        text.push_str(&format!(".{:x}; Max-Age={}", time.as_secs(), sticky.ttl.as_secs().max(1)));
    }
    text.push_str(&format!("; Path={}; HttpOnly; SameSite=", sticky.path));
    text.push_str(match sticky.same_site {
        SameSite::Lax => "Lax",
        SameSite::Strict => "Strict",
        SameSite::None => "None",
    });
    if sticky.secure.unwrap_or(is_secure) {
        text.push_str("; Secure");
    }
    HeaderValue::try_from(text).ok()
}

/// The values of all cookies called `name`, in the order in which the client sent them.
pub(crate) fn cookies<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
    lines.flat_map(pairs).filter_map(move |pair| value_of(pair, name))
}

/// Takes the cookies called `name` out: they are between client and gateway.
pub(super) fn remove(headers: &mut HeaderMap, name: &str) {
    if cookies(headers, name).next().is_none() {
        return;
    }
    let mut kept = Vec::new();
    for line in headers.get_all(header::COOKIE) {
        for pair in pairs(line.as_bytes()).filter(|pair| value_of(pair, name).is_none()) {
            if !kept.is_empty() {
                kept.extend_from_slice(b"; ");
            }
            kept.extend_from_slice(pair);
        }
    }
    headers.remove(header::COOKIE);
    if let Some(kept) = HeaderValue::from_bytes(&kept).ok().filter(|kept| !kept.is_empty()) {
        headers.insert(header::COOKIE, kept);
    }
}

fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).filter(|pair| !pair.is_empty())
}

fn value_of<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sticky() -> Sticky {
        Sticky {
            cookie_name: "SERVERID".to_owned(),
            ttl: Duration::from_secs(3600),
            path: "/".to_owned(),
            secure: None,
            same_site: SameSite::Lax,
        }
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn headers(lines: &[&str]) -> HeaderMap {
        let lines = lines.iter().map(|line| (header::COOKIE, HeaderValue::from_str(line).unwrap()));
        lines.collect()
    }

    #[test]
    fn a_cookie_is_set_as_configured() {
        let cookie = Cookie { target: 0xcafe, given_at: at(0x10) };
        let lasting = "SERVERID=000000000000cafe.10; Max-Age=3600; Path=/; HttpOnly; SameSite=Lax";
        assert_eq!(set(&sticky(), &cookie, false).unwrap(), lasting);
        assert_eq!(set(&sticky(), &cookie, true).unwrap(), *format!("{lasting}; Secure"));
        let brief = Sticky {
            ttl: Duration::ZERO,
            path: "/a".to_owned(),
            secure: Some(true),
            same_site: SameSite::None,
            ..sticky()
        };
        let expected = "SERVERID=000000000000cafe; Path=/a; HttpOnly; SameSite=None; Secure";
        assert_eq!(set(&brief, &cookie, false).unwrap(), expected);
        assert_eq!(set(&Sticky { secure: Some(false), ..sticky() }, &cookie, true).unwrap(), lasting);
    }

    #[test]
    fn a_cookie_is_read_as_it_was_set() {
        for ttl in [0, 3600] {
            let sticky = Sticky { ttl: Duration::from_secs(ttl), ..sticky() };
            let cookie = Cookie { target: u64::MAX, given_at: at(if ttl == 0 { 0 } else { 1_800_000_000 }) };
            let field = set(&sticky, &cookie, false).unwrap();
            let pair = field.to_str().unwrap().split(';').next().unwrap();
            let fields = headers(&[pair]);
            let value = cookies(&fields, "SERVERID").next().unwrap();
            assert_eq!(Cookie::parse(value), Some(cookie));
        }
        for broken in
            [&b""[..], b".", b"x", b"1.", b"1.x", b"11111111111111111", b"\xff", b"1.ffffffffffffffff"]
        {
            assert_eq!(Cookie::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn a_cookie_is_given_anew_in_the_second_half_of_its_life() {
        let cookie = Cookie { target: 1, given_at: at(10_000) };
        for (now, due) in [(0, false), (10_000, false), (11_799, false), (11_800, true), (99_999, true)] {
            assert_eq!(cookie.is_due(&sticky(), at(now)), due, "{now}");
        }
        let brief = Sticky { ttl: Duration::ZERO, ..sticky() };
        assert!(!cookie.is_due(&brief, at(99_999)));
    }

    #[test]
    fn the_gateways_own_cookie_is_taken_out_and_no_other() {
        let cases: [(&[&str], &[&str]); 6] = [
            (&["a=1; SERVERID=x; b=2"], &["a=1; b=2"]),
            (&["SERVERID=x"], &[]),
            (&["SERVERID=x;a=1", "b=2 ;SERVERID=y"], &["a=1; b=2"]),
            (&["a=1", "b=2"], &["a=1", "b=2"]),
            (&["SERVERIDX=1; XSERVERID=2; serverid=3"], &["SERVERIDX=1; XSERVERID=2; serverid=3"]),
            (&["; ;"], &["; ;"]),
        ];
        for (before, after) in cases {
            let mut fields = headers(before);
            remove(&mut fields, "SERVERID");
            assert_eq!(fields, headers(after), "{before:?}");
        }
    }
}
