//! Reads `upstreams`: how targets are chosen, watched and reached.

use std::sync::Arc;
use std::time::Duration;

use gate_core::balance::Algorithm;
use http::{HeaderValue, StatusCode};

use super::targets::targets;
use super::{Context, Names, arc, tls, traces};
use crate::fields::{Entry, Fields, get};
use crate::model::{
    Alpn, At, HashKey, HealthCheck, Passive, Pool, Probe, SameSite, SipTransport, Sticky, Target, Upstream,
    UpstreamTimeouts,
};
use crate::report::Code;
use crate::schema::{HEALTH_CHECK, PROBE};
use crate::syntax::Scalar;
use crate::value::{header_name, host_header, request_path, token};
use crate::words::{Balancing, ProbeType};

pub(super) fn read<'a>(top: &Fields<'a>, cx: &mut Context<'_>) -> Vec<Entry<'a>> {
    let upstreams = top.sub("upstreams", cx.report);
    upstreams.map(|upstreams| upstreams.named("upstream", cx.report)).unwrap_or_default()
}

pub(super) fn upstream(entry: &Entry<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Upstream {
    let fields = &entry.fields;
    let defaults = Upstream::new(entry.id.value, Vec::new());
    let targets = targets(entry, cx);
    let sticky = fields.sub("sticky", cx.report).map(|fields| sticky(&fields, cx));
    let algorithm = algorithm(fields, sticky.is_some(), cx);
    let health_check = fields.sub("health-check", cx.report).map(|fields| health(&fields, &targets, cx));
    let passive = fields.sub("passive-health", cx.report);
    let timeouts = fields.sub("timeouts", cx.report);
    let pool = fields.sub("connection-pool", cx.report);
    let tls = fields.sub("tls", cx.report);
    if let Some(tls) = &tls {
        judge_tls(tls, &targets, cx);
    }
    // SIP itself has a name in ALPN that few servers have heard of.
    let alpn = if targets.iter().any(|target| target.sip.is_some()) { Alpn::None } else { Alpn::Http };
    Upstream {
        id: arc(entry.id),
        targets,
        algorithm,
        hash_key: hash_key(fields, algorithm, cx).unwrap_or(HashKey::ClientIp),
        sticky,
        health_check,
        passive: passive.map(|fields| passive_health(&fields, cx)).unwrap_or_default(),
        slow_start: fields.duration("slow-start", cx.report).unwrap_or(defaults.slow_start),
        on_unhealthy: fields.word("on-unhealthy", cx.report).map_or(defaults.on_unhealthy, |word| word.value),
        tls: tls::client(tls.as_ref(), alpn, cx),
        timeouts: timeouts.map(|fields| upstream_timeouts(&fields, cx)).unwrap_or_default(),
        pool: pool.map(|fields| connection_pool(&fields, cx)).unwrap_or_default(),
        host: host(fields, cx),
        retries: fields.number("retries", cx.report).unwrap_or(defaults.retries),
        path: path(fields, cx),
        origin: origin(fields, cx),
        cert_check_on_reuse: fields
            .flag("cert-check-on-reuse", cx.report)
            .unwrap_or(defaults.cert_check_on_reuse),
        trace: traces::named(fields, names, cx),
    }
}

/// Others take this block for a wish to speak TLS, so it must not be passed over.
fn judge_tls(tls: &Fields<'_>, targets: &[Target], cx: &mut Context<'_>) {
    if !targets.is_empty() && targets.iter().all(|target| !target.tls) {
        cx.report
            .error(
                Code::Conflict,
                tls.place,
                "`tls` stands in an upstream whose targets are not spoken to by TLS",
            )
            .label("would have no effect")
            .help("write the addresses of the targets with `wss://`, `https://` or `tls://`, or remove the block");
    }
}

fn algorithm(fields: &Fields<'_>, has_sticky: bool, cx: &mut Context<'_>) -> Algorithm {
    let Some(balancing) = fields.word::<Balancing>("load-balancing", cx.report) else {
        return Algorithm::default();
    };
    match balancing.value {
        Balancing::By(algorithm) => algorithm,
        Balancing::Sticky => {
            if !has_sticky {
                cx.report
                    .error(
                        Code::Incomplete,
                        balancing.place,
                        "`load-balancing \"sticky\"` needs a `sticky` block",
                    )
                    .label("no cookie to go by")
                    .help("add sticky { cookie-name \"SERVERID\" }");
            }
            Algorithm::default()
        }
    }
}

fn hash_key(fields: &Fields<'_>, algorithm: Algorithm, cx: &mut Context<'_>) -> Option<HashKey> {
    let text = fields.text("hash-key", cx.report)?;
    if algorithm != Algorithm::ConsistentHash {
        cx.report
            .error(Code::Conflict, text.place, "`hash-key` is for `load-balancing \"consistent-hash\"` only")
            .label("would have no effect")
            .help("choose consistent-hash, or remove it");
    }
    let key = match text.value.split_once(':') {
        None if text.value == "client-ip" => Some(HashKey::ClientIp),
        None if text.value == "path" => Some(HashKey::Path),
        Some(("header", name)) => header_name(name).map(HashKey::Header),
        Some(("cookie", name)) if token(name) => Some(HashKey::Cookie(name.to_owned())),
        Some(("query", name)) if !name.is_empty() => Some(HashKey::Query(name.to_owned())),
        None | Some(_) => None,
    };
    if key.is_none() {
        cx.report
            .error(Code::UnknownWord, text.place, format!("`{}` cannot be hashed", text.value.escape_debug()))
            .label("not something that requests have")
            .help("there are: client-ip, path, header:Name, cookie:name, query:name");
    }
    key
}

fn sticky(fields: &Fields<'_>, cx: &mut Context<'_>) -> Sticky {
    let cookie_name = fields.text("cookie-name", cx.report);
    if let Some(name) = cookie_name.as_ref().filter(|name| !token(name.value)) {
        refuse_cookie(name, "the name of a cookie is a token, like \"SERVERID\"", cx);
    }
    let path = fields.text("cookie-path", cx.report);
    let is_good = |path: &str| request_path(path) && !path.contains(';');
    if let Some(path) = path.as_ref().filter(|path| !is_good(path.value)) {
        refuse_cookie(path, "the path of a cookie begins with `/` and has no `;`", cx);
    }
    let same_site = fields.word::<SameSite>("cookie-same-site", cx.report);
    let secure = fields.flag("cookie-secure", cx.report);
    if let (Some(At { value: SameSite::None, place }), None | Some(false)) = (&same_site, secure) {
        cx.report
            .error(Code::Conflict, *place, "`cookie-same-site \"none\"` needs `cookie-secure true`")
            .label("browsers refuse such a cookie")
            .help("add cookie-secure true");
    }
    Sticky {
        cookie_name: cookie_name.map_or("SERVERID", |name| name.value).to_owned(),
        ttl: fields.duration("cookie-ttl", cx.report).unwrap_or(Duration::from_secs(3600)),
        path: path.map_or("/", |path| path.value).to_owned(),
        secure,
        same_site: same_site.map_or(SameSite::Lax, |word| word.value),
    }
}

fn refuse_cookie(text: &At<&str>, help: &str, cx: &mut Context<'_>) {
    cx.report
        .error(
            Code::BadField,
            text.place,
            format!("`{}` cannot stand in a cookie", text.value.escape_debug()),
        )
        .label("not allowed in HTTP")
        .help(help);
}

fn health(fields: &Fields<'_>, targets: &[Target], cx: &mut Context<'_>) -> HealthCheck {
    HealthCheck {
        probe: probe(fields, targets, cx),
        interval: fields.duration("interval-secs", cx.report).unwrap_or(Duration::from_secs(10)),
        timeout: fields.duration("timeout-secs", cx.report).unwrap_or(Duration::from_secs(5)),
        healthy_threshold: fields.number("healthy-threshold", cx.report).unwrap_or(2),
        unhealthy_threshold: fields.number("unhealthy-threshold", cx.report).unwrap_or(3),
    }
}

/// `type "http" { … }`.
fn probe(check: &Fields<'_>, targets: &[Target], cx: &mut Context<'_>) -> Probe {
    let Some((field, key)) = check.one("type").zip(HEALTH_CHECK.key("type")) else {
        let has_udp = targets.iter().any(|target| target.sip == Some(SipTransport::Udp));
        return if has_udp { Probe::Sip } else { Probe::Tcp };
    };
    let Some(value) = field.only_argument("write type \"http\" { path \"/health\" }", cx.report) else {
        get::missing_value(key, field, cx.report);
        return Probe::Tcp;
    };
    let kind = get::word::<ProbeType>(key, value, cx.report);
    if let Some(kind) = &kind {
        judge_probe(kind, targets, cx);
    }
    let pieces: Vec<_> = field.node.into_iter().collect();
    let fields = Fields::of(&PROBE, &pieces, cx.report);
    let path = fields.text("path", cx.report);
    if let Some(path) = path.as_ref().filter(|path| !request_path(path.value)) {
        cx.report
            .error(Code::BadPath, path.place, format!("`{}` cannot be asked for", path.value.escape_debug()))
            .label("not a path")
            .help("paths begin with `/` and have neither blanks nor `#`");
    }
    let path = path.map_or("/", |path| path.value).to_owned();
    let (host, expected_status) = (host(&fields, cx), expected_status(&fields, cx));
    let refused: &[&str] = match kind.as_ref().map(|kind| kind.value) {
        Some(ProbeType::Tcp | ProbeType::Sip) => &["path", "host", "expected-status"],
        Some(ProbeType::WebSocket) => &["expected-status"],
        Some(ProbeType::Http) | None => &[],
    };
    for field in refused.iter().filter_map(|name| fields.one(name)) {
        let message = format!("`{}` is not for this type of check", field.name.text);
        cx.report
            .error(Code::Conflict, field.place(), message)
            .label("would have no effect")
            .help("remove it, or write type \"http\"");
    }
    match kind.map(|kind| kind.value) {
        Some(ProbeType::Http) => Probe::Http { path, host, expected_status },
        Some(ProbeType::WebSocket) => Probe::WebSocket { path, host },
        Some(ProbeType::Sip) => Probe::Sip,
        Some(ProbeType::Tcp) | None => Probe::Tcp,
    }
}

/// What a target does not speak would find it unhealthy for ever.
fn judge_probe(kind: &At<ProbeType>, targets: &[Target], cx: &mut Context<'_>) {
    let cannot_answer = |transport: SipTransport| match kind.value {
        ProbeType::Http | ProbeType::WebSocket => true,
        ProbeType::Tcp => transport == SipTransport::Udp,
        ProbeType::Sip => false,
    };
    let Some(target) = targets.iter().find(|target| target.sip.is_some_and(cannot_answer)) else { return };
    let scheme = target.sip.map_or("", SipTransport::scheme);
    let message = format!("a target with `{scheme}://` cannot be checked in this way");
    cx.report
        .error(Code::Conflict, kind.place, message)
        .label("the target would be found unhealthy for ever")
        .help("write type \"sip\": the target is asked with OPTIONS")
        .also(target.address.place, "it speaks SIP");
}

/// A number, or as other gateways read it, a text of digits.
fn expected_status(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<StatusCode> {
    let (key, value) = fields.scalar("expected-status", cx.report)?;
    let digits = match &value.scalar {
        Scalar::Text(text) => text.parse().ok().map(Scalar::Integer),
        Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => None,
    };
    let value =
        crate::syntax::Value { scalar: digits.unwrap_or_else(|| value.scalar.clone()), place: value.place };
    let status = get::number(key, &value, cx.report)?;
    StatusCode::from_u16(u16::try_from(status).ok()?).ok()
}

fn host(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<HeaderValue> {
    let text = fields.text("host", cx.report)?;
    let host = host_header(text.value);
    if host.is_none() {
        cx.report
            .error(
                Code::BadHost,
                text.place,
                format!("`{}` cannot be sent as Host", text.value.escape_debug()),
            )
            .label("not a host")
            .help("hosts are like \"example.org\" or \"example.org:8080\"");
    }
    host
}

fn path(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Arc<str>> {
    let text = fields.text("path", cx.report)?;
    if !request_path(text.value) {
        cx.report
            .error(Code::BadPath, text.place, format!("`{}` cannot be asked for", text.value.escape_debug()))
            .label("not a path")
            .help("paths begin with `/` and have neither blanks nor `#`");
    }
    Some(text.value.into())
}

/// Not always one of a page: some servers want what others would not send.
fn origin(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<HeaderValue> {
    let text = fields.text("origin", cx.report)?;
    let origin = HeaderValue::from_str(text.value).ok();
    if origin.is_none() {
        cx.report
            .error(
                Code::BadOrigin,
                text.place,
                format!("`{}` cannot be sent as Origin", text.value.escape_debug()),
            )
            .label("not allowed in HTTP")
            .help("write one like \"https://gw.example.org\"");
    }
    origin
}

fn passive_health(fields: &Fields<'_>, cx: &mut Context<'_>) -> Passive {
    let defaults = Passive::default();
    Passive {
        max_fails: fields.number("max-fails", cx.report).unwrap_or(defaults.max_fails),
        window: fields.duration("fail-window-secs", cx.report).unwrap_or(defaults.window),
        ejection: fields.duration("eject-secs", cx.report).unwrap_or(defaults.ejection),
    }
}

fn upstream_timeouts(fields: &Fields<'_>, cx: &mut Context<'_>) -> UpstreamTimeouts {
    let defaults = UpstreamTimeouts::default();
    UpstreamTimeouts {
        connect: fields.duration("connect", cx.report).unwrap_or(defaults.connect),
        handshake: fields.duration("handshake", cx.report).unwrap_or(defaults.handshake),
        request: fields.duration("request", cx.report).unwrap_or(defaults.request),
        read: fields.duration("read", cx.report).unwrap_or(defaults.read),
        write: fields.duration("write", cx.report).unwrap_or(defaults.write),
    }
}

fn connection_pool(fields: &Fields<'_>, cx: &mut Context<'_>) -> Pool {
    let defaults = Pool::default();
    Pool {
        max_idle: fields.number("max-idle", cx.report).unwrap_or(defaults.max_idle),
        idle_timeout: fields.duration("idle-timeout", cx.report).unwrap_or(defaults.idle_timeout),
    }
}
