//! The fields that tell where a request goes, and what they say. Each stands once; what is not
//! known, empty or malformed is refused, so that a slip of the pen lets nothing pass uninspected.

use std::time::Duration;

use gate_config::model::{HeaderConfig, Url, Webhook};
use gate_config::typed;
use gate_core::Side;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::by_header::fault::ByHeaderError;

/// How the names begin; `x-wsproxy` alone, or with something else behind it, is one of them, too.
const PREFIX: &str = "x-wsproxy";

pub(super) const UPSTREAM: &str = "x-wsproxy-upstream";
const COMPRESS: &str = "x-wsproxy-compress";
const IDLE_TIMEOUT: &str = "x-wsproxy-idletimeout";
const MESSAGE_SIZE: &str = "x-wsproxy-maxframesize";
const VALIDATE_UTF8: &str = "x-wsproxy-validateutf8";
pub(super) const SIGNATURE: &str = "x-wsproxy-signature";

/// The names of a webhook's fields.
struct HookNames {
    url: &'static str,
    method: &'static str,
    headers: &'static str,
}

const INBOUND: HookNames = HookNames {
    url: "x-wsproxy-inboundhook",
    method: "x-wsproxy-inboundhook-method",
    headers: "x-wsproxy-inboundhook-headers",
};
const OUTBOUND: HookNames = HookNames {
    url: "x-wsproxy-outboundhook",
    method: "x-wsproxy-outboundhook-method",
    headers: "x-wsproxy-outboundhook-headers",
};

const KNOWN: [&str; 12] = [
    UPSTREAM,
    INBOUND.url,
    INBOUND.method,
    INBOUND.headers,
    OUTBOUND.url,
    OUTBOUND.method,
    OUTBOUND.headers,
    COMPRESS,
    IDLE_TIMEOUT,
    MESSAGE_SIZE,
    VALIDATE_UTF8,
    SIGNATURE,
];

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Its path and query are of no account: those of the request are sent.
    pub(super) upstream: Url,
    pub(super) inbound: Option<HookWish>,
    pub(super) outbound: Option<HookWish>,
    pub(super) compress: bool,
    pub(super) idle: Duration,
    /// Of the client's messages.
    pub(super) message_size_max: u64,
    /// Of the upstream's.
    pub(super) ceiling: u64,
    pub(super) validate_utf8: bool,
}

/// A webhook that a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HookWish {
    pub(super) url: Url,
    pub(super) method: Method,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

/// Whether a head has any such field.
pub(super) fn has_any(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| name.as_str().starts_with(PREFIX))
}

/// All such fields, by name, in lower case and in order.
pub(super) fn all(headers: &HeaderMap) -> Vec<(&str, &HeaderValue)> {
    let mut all: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(name, _)| name.starts_with(PREFIX))
        .collect();
    all.sort_by_key(|(name, _)| *name);
    all
}

/// Takes them out.
pub(super) fn remove(headers: &mut HeaderMap) {
    let names: Vec<HeaderName> =
        headers.keys().filter(|name| name.as_str().starts_with(PREFIX)).cloned().collect();
    for name in names {
        headers.remove(name);
    }
}

/// The signature, if there is one.
pub(super) fn signature(headers: &HeaderMap) -> Result<Option<&str>, ByHeaderError> {
    value(headers, SIGNATURE)
}

impl Wanted {
    /// What the fields of a head say.
    pub(super) fn read(headers: &HeaderMap, config: &HeaderConfig) -> Result<Self, ByHeaderError> {
        if let Some((unknown, _)) = all(headers).into_iter().find(|(name, _)| !KNOWN.contains(name)) {
            return Err(refused(unknown, "there is no such field"));
        }
        let upstream = url(headers, UPSTREAM)?.ok_or(ByHeaderError::Missing(UPSTREAM))?;
        let upstream = typed::websocket_url(upstream).map_err(|why| refused(UPSTREAM, &why))?;
        let inbound = hook(headers, &INBOUND)?;
        let outbound = hook(headers, &OUTBOUND)?;
        for (side, hook, names) in
            [(Side::Client, &inbound, &INBOUND), (Side::Upstream, &outbound, &OUTBOUND)]
        {
            if hook.is_none() && config.required_hooks.contains(&side) {
                return Err(ByHeaderError::Missing(names.url));
            }
        }
        Ok(Self {
            upstream,
            inbound,
            outbound,
            compress: flag(headers, COMPRESS)?,
            idle: idle(headers, config.idle_max)?,
            message_size_max: message_size_max(headers, config.message_size_max)?,
            ceiling: config.message_size_max,
            validate_utf8: flag(headers, VALIDATE_UTF8)?,
        })
    }
}

fn refused(name: &str, why: &str) -> ByHeaderError {
    ByHeaderError::Field { name: name.to_owned(), why: why.to_owned() }
}

/// The one value of a field.
fn value<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, ByHeaderError> {
    let mut lines = headers.get_all(name).into_iter();
    let Some(first) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(refused(name, "it stands more than once"));
    }
    match first.to_str().map(str::trim) {
        Ok("") => Err(refused(name, "it is empty")),
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(refused(name, "it is not ASCII")),
    }
}

/// The one URL of a field. A proxy that adds its own to what the client has sent makes one line of
/// both, with a comma between them: then it is the client's that stands first.
fn url<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, ByHeaderError> {
    let url = value(headers, name)?;
    let has_another = |text: &str| text.split(',').skip(1).any(|rest| rest.contains("://"));
    if url.is_some_and(has_another) {
        return Err(refused(name, "it has more than one URL; a comma within one is written %2C"));
    }
    Ok(url)
}

/// A flag, which is down where it does not stand.
fn flag(headers: &HeaderMap, name: &'static str) -> Result<bool, ByHeaderError> {
    match value(headers, name)? {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(refused(name, "it is either `true` or `false`")),
    }
}

/// A whole number above 0.
fn number(headers: &HeaderMap, name: &'static str) -> Result<Option<u64>, ByHeaderError> {
    let Some(text) = value(headers, name)? else { return Ok(None) };
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(number) if digits && number > 0 => Ok(Some(number)),
        _ => Err(refused(name, "it is a whole number above 0")),
    }
}

fn idle(headers: &HeaderMap, max: Duration) -> Result<Duration, ByHeaderError> {
    let name = IDLE_TIMEOUT;
    let Some(milliseconds) = number(headers, name)? else { return Ok(IDLE_DEFAULT.min(max)) };
    let idle = Duration::from_millis(milliseconds);
    let above = || ByHeaderError::AboveCeiling { name, max: format!("{} ms", max.as_millis()) };
    if idle > max { Err(above()) } else { Ok(idle) }
}

fn message_size_max(headers: &HeaderMap, max: u64) -> Result<u64, ByHeaderError> {
    let name = MESSAGE_SIZE;
    let Some(size) = number(headers, name)? else { return Ok(MESSAGE_SIZE_DEFAULT.min(max)) };
    let above = || ByHeaderError::AboveCeiling { name, max: format!("{max} bytes") };
    if size > max { Err(above()) } else { Ok(size) }
}

fn hook(headers: &HeaderMap, names: &HookNames) -> Result<Option<HookWish>, ByHeaderError> {
    let method = value(headers, names.method)?;
    let more = value(headers, names.headers)?;
    let Some(url) = url(headers, names.url)? else {
        // Whoever says how a webhook is asked means that one is.
        return match (method, more) {
            (None, None) => Ok(None),
            (Some(_), _) | (_, Some(_)) => Err(ByHeaderError::Missing(names.url)),
        };
    };
    let url = typed::http_url(url).map_err(|why| refused(names.url, &why))?;
    let method = match method {
        None => Method::POST,
        Some(text) => Webhook::METHODS
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                refused(names.method, "there are: post, put, patch, get, delete, head, options")
            })?,
    };
    let headers = more.map(hook_headers).transpose().map_err(|why| refused(names.headers, why))?;
    Ok(Some(HookWish { url, method, headers: headers.unwrap_or_default() }))
}

/// `a=1,b=2`.
fn hook_headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>, &'static str> {
    let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for item in text.split(',') {
        let (name, value) = item.split_once('=').ok_or("each item is `name=value`")?;
        if value.contains('=') {
            return Err("a value has no `=`");
        }
        let (name, value) = (name.trim(), value.trim());
        if value.is_empty() {
            return Err("a value is empty");
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a name is not one of a field")?;
        if !Webhook::may_send(&name) {
            return Err("it has a field that the gateway sends itself, or none");
        }
        if headers.iter().any(|(other, _)| *other == name) {
            return Err("a field stands twice");
        }
        let mut value = HeaderValue::from_str(value).map_err(|_| "a value is not one of a field")?;
        value.set_sensitive(true);
        headers.push((name, value));
    }
    Ok(headers)
}

const IDLE_DEFAULT: Duration = Duration::from_secs(60);
const MESSAGE_SIZE_DEFAULT: u64 = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    fn read_with(config: &HeaderConfig, lines: &[(&str, &str)]) -> Result<Wanted, ByHeaderError> {
        let with_upstream = [&[("x-wsproxy-upstream", "ws://backend:9001/ignored?z=1")], lines].concat();
        Wanted::read(&head(&with_upstream), config)
    }

    fn read(lines: &[(&str, &str)]) -> Result<Wanted, ByHeaderError> {
        read_with(&HeaderConfig::new(), lines)
    }

    #[test]
    fn defaults_are_those_of_the_original() {
        let wanted = read(&[("cookie", "a=b")]).unwrap();
        assert_eq!(wanted.upstream.authority(), "backend:9001");
        assert_eq!((wanted.inbound, wanted.outbound), (None, None));
        assert_eq!((wanted.compress, wanted.validate_utf8), (false, false));
        assert_eq!((wanted.idle, wanted.message_size_max), (Duration::from_secs(60), 2048));
        let hook = read(&[("x-wsproxy-inboundhook", "http://h/scan?for=a,b")]).unwrap().inbound.unwrap();
        assert_eq!((hook.method, hook.headers.len(), &*hook.url.target), (Method::POST, 0, "/scan?for=a,b"));
    }

    #[test]
    fn each_field_is_read() {
        let wanted = read(&[
            ("x-wsproxy-outboundhook", "https://h"),
            ("x-wsproxy-outboundhook-method", "put"),
            ("x-wsproxy-outboundhook-headers", "a=1,B=two words"),
            ("x-wsproxy-compress", "true"),
            ("x-wsproxy-idletimeout", "1500"),
            ("x-wsproxy-maxframesize", "65536"),
            ("x-wsproxy-validateutf8", "true"),
        ])
        .unwrap();
        let hook = wanted.outbound.unwrap();
        let headers: Vec<_> = hook.headers.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        assert_eq!((hook.method, headers), (Method::PUT, vec![("a", "1"), ("b", "two words")]));
        assert!(hook.url.is_tls && wanted.inbound.is_none());
        assert_eq!((wanted.compress, wanted.validate_utf8), (true, true));
        assert_eq!((wanted.idle, wanted.message_size_max), (Duration::from_millis(1500), 65536));
    }

    #[test]
    fn what_cannot_be_understood_is_refused() {
        let hook = ("x-wsproxy-inboundhook", "http://h");
        for lines in [
            &[("x-wsproxy-upstream", "ws://other")][..],
            &[("x-wsproxy-compress", "TRUE")],
            &[("x-wsproxy-compress", "")],
            &[("x-wsproxy-compress", "true"), ("x-wsproxy-compress", "true")],
            &[("x-wsproxy-validateutf8", "1")],
            &[("x-wsproxy-idletimeout", "60s")],
            &[("x-wsproxy-idletimeout", "0")],
            &[("x-wsproxy-idletimeout", "-1")],
            &[("x-wsproxy-idletimeout", "+1")],
            &[("x-wsproxy-idletimeout", "99999999999999999999999")],
            &[("x-wsproxy-maxframesize", "2k")],
            &[("x-wsproxy-maxframesize", "0")],
            &[("x-wsproxy-maxframesize", "1, 2")],
            &[("x-wsproxy-inboundhook", "ftp://h")],
            &[("x-wsproxy-inboundhook", "http://me@h")],
            &[("x-wsproxy-inboundhook", "h:9000")],
            &[("x-wsproxy-inboundhook", "http://evil/,http://good/scan")],
            &[("x-wsproxy-inboundhook", "http://evil/?,http://good/scan")],
            &[hook, ("x-wsproxy-inboundhook-method", "connect")],
            &[hook, ("x-wsproxy-inboundhook-method", "")],
            &[hook, ("x-wsproxy-inboundhook-headers", "a")],
            &[hook, ("x-wsproxy-inboundhook-headers", "a=1,")],
            &[hook, ("x-wsproxy-inboundhook-headers", "=1")],
            &[hook, ("x-wsproxy-inboundhook-headers", "a=")],
            &[hook, ("x-wsproxy-inboundhook-headers", "b=2=3")],
            &[hook, ("x-wsproxy-inboundhook-headers", "a=1,A=2")],
            &[hook, ("x-wsproxy-inboundhook-headers", "host=evil")],
            &[hook, ("x-wsproxy-inboundhook-headers", "content-length=0")],
            &[hook, ("x-wsproxy-inboundhook-headers", "connection=close")],
            &[hook, ("x-wsproxy-inboundhook-headers", "transfer-encoding=chunked")],
            &[hook, ("x-wsproxy-inboundhook-headers", "x-framegate-route=a")],
            &[hook, ("x-wsproxy-inboundhook-headers", "X_Framegate_Route=a")],
            &[hook, ("x-wsproxy-inboundhook-headers", "content_length=0")],
            &[hook, ("x-wsproxy-inboundhook-headers", "a\u{e9}=1")],
            &[("x-wsproxy-inbound-hook", "http://h")],
            &[("x-wsproxyupstream", "ws://h")],
        ] {
            let refused = read(lines);
            assert!(matches!(refused, Err(ByHeaderError::Field { .. })), "{lines:?}: {refused:?}");
        }
    }

    #[test]
    fn upstreams_are_urls_of_websocket() {
        let config = HeaderConfig::new();
        assert_eq!(
            Wanted::read(&head(&[("x-wsproxy-compress", "true")]), &config),
            Err(ByHeaderError::Missing("x-wsproxy-upstream"))
        );
        for url in [
            "http://h",
            "h:80",
            "ws://me:pw@h",
            "ws://",
            "ws://h:0",
            "ws://h:70000",
            "ws://a b",
            "",
            "ws://evil/, ws://good",
            "ws://evil/,ws://good",
            "ws://evil,ws://good",
        ] {
            let refused = Wanted::read(&head(&[("x-wsproxy-upstream", url)]), &config);
            assert!(matches!(refused, Err(ByHeaderError::Field { .. })), "{url}: {refused:?}");
        }
    }

    #[test]
    fn a_webhook_that_is_only_described_or_that_is_required_is_missing() {
        let missing = |found: Result<Wanted, ByHeaderError>| match found {
            Err(ByHeaderError::Missing(name)) => name,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(read(&[("x-wsproxy-inboundhook-method", "put")])), "x-wsproxy-inboundhook");
        assert_eq!(missing(read(&[("x-wsproxy-outboundhook-headers", "a=1")])), "x-wsproxy-outboundhook");
        let config = HeaderConfig { required_hooks: vec![Side::Upstream], ..HeaderConfig::new() };
        let inbound = ("x-wsproxy-inboundhook", "http://h");
        assert_eq!(missing(read_with(&config, &[inbound])), "x-wsproxy-outboundhook");
        assert!(read_with(&config, &[("x-wsproxy-outboundhook", "http://h")]).is_ok());
    }

    #[test]
    fn nothing_goes_above_the_ceilings() {
        let config =
            HeaderConfig { message_size_max: 1000, idle_max: Duration::from_secs(10), ..HeaderConfig::new() };
        let defaults = read_with(&config, &[]).unwrap();
        assert_eq!((defaults.idle, defaults.message_size_max), (Duration::from_secs(10), 1000));
        for (name, at, above) in
            [("x-wsproxy-maxframesize", "1000", "1001"), ("x-wsproxy-idletimeout", "10000", "10001")]
        {
            assert!(read_with(&config, &[(name, at)]).is_ok(), "{name}");
            let refused = read_with(&config, &[(name, above)]);
            assert!(matches!(refused, Err(ByHeaderError::AboveCeiling { .. })), "{name}: {refused:?}");
        }
    }

    #[test]
    fn all_of_them_are_taken_out() {
        let mut headers = head(&[("x-wsproxy-upstream", "a"), ("x-wsproxyfoo", "b"), ("x-ws", "kept")]);
        assert!(has_any(&headers));
        remove(&mut headers);
        assert!(!has_any(&headers));
        assert_eq!(headers.len(), 1);
    }
}
