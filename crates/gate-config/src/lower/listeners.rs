//! Reads `listeners`: addresses, and which peers are trusted.

use gate_core::ids::UpstreamId;

use super::peers::peers;
use super::{Context, Names, arc, limits, refuse_unknown, sip, tls, traces};
use crate::fields::{Entry, Fields};
use crate::model::{Alpn, At, ListenAddress, Listener, SipListener, SipTransport};
use crate::report::Code;
use crate::value::{Fault, listen_address, mode};
use crate::words::Protocol;

pub(super) fn read<'a>(top: &Fields<'a>, cx: &mut Context<'_>) -> Vec<Entry<'a>> {
    let listeners = top.sub("listeners", cx.report);
    listeners.map(|listeners| listeners.named("listener", cx.report)).unwrap_or_default()
}

pub(super) fn listener(entry: &Entry<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Listener> {
    let fields = &entry.fields;
    let protocol = fields.word::<Protocol>("protocol", cx.report);
    let spoken = protocol.as_ref().map_or(Protocol::Http, |protocol| protocol.value);
    let address = listen_on(fields, 0o660, Some(spoken.default_port()), cx);
    let tls = fields.sub("tls", cx.report);
    match (protocol.as_ref().map(|protocol| protocol.value), &tls) {
        (Some(secure @ (Protocol::Https | Protocol::Sip(SipTransport::Tls))), None)
            if fields.one("tls").is_none() =>
        {
            let place = protocol.as_ref().map_or(fields.place, |protocol| protocol.place);
            let word = if secure == Protocol::Https { "https" } else { "sip-tls" };
            cx.report
                .error(Code::Incomplete, place, format!("`protocol \"{word}\"` needs a `tls` block"))
                .label("no certificate to show")
                .help("add tls { cert-file \"…\"; key-file \"…\" }");
        }
        (
            spoken @ (None | Some(Protocol::Http | Protocol::Sip(SipTransport::Udp | SipTransport::Tcp))),
            Some(tls),
        ) if protocol.is_some() || fields.one("protocol").is_none() => {
            let secure = if matches!(spoken, Some(Protocol::Sip(_))) { "sip-tls" } else { "https" };
            cx.report
                .error(
                    Code::Conflict,
                    tls.place,
                    format!("`tls` stands in a listener that is not `{secure}`"),
                )
                .label("would have no effect")
                .help(format!("write protocol \"{secure}\", or remove the block"));
        }
        _ => {}
    }
    let speaks_sip = matches!(&protocol, Some(At { value: Protocol::Sip(_), .. }));
    let alpn = if speaks_sip { Alpn::None } else { Alpn::Http };
    let tls = tls.map(|fields| tls::server(&fields, alpn, cx));
    let defaults = Listener::new(entry.id.value, ListenAddress::Unix { path: "".into(), mode: 0 });
    let proxy_protocol = fields.sub("proxy-protocol", cx.report);
    let sip = sip(fields, protocol.as_ref().map(|protocol| protocol.value), names, cx);
    let address = address?;
    let is_udp = sip.as_ref().is_some_and(|sip| sip.transport == SipTransport::Udp);
    let address = match (address.value, is_udp) {
        (ListenAddress::Tcp(value), true) => At { value: ListenAddress::Udp(value), place: address.place },
        (value, _) => At { value, place: address.place },
    };
    if let (ListenAddress::Unix { .. }, Some(_)) = (&address.value, &sip) {
        cx.report
            .error(Code::Conflict, address.place, "SIP cannot be listened for on a unix socket")
            .label("servers could not name it")
            .help("write an address like \"10.0.0.5:5060\"");
    }
    let listener = Listener {
        id: arc(entry.id),
        trusted_proxies: peers(fields, "trusted-proxies", cx),
        connections: limits::connections(fields, defaults.connections, cx.report),
        proxy_protocol: proxy_protocol.map(|fields| peers(&fields, "from", cx)).unwrap_or_default(),
        head_timeout: fields.duration("request-head-timeout", cx.report).unwrap_or(defaults.head_timeout),
        keepalive_timeout: fields
            .duration("keepalive-timeout-secs", cx.report)
            .unwrap_or(defaults.keepalive_timeout),
        send_timeout: fields.duration("send-timeout-ms", cx.report).unwrap_or(defaults.send_timeout),
        sends_forwarded: fields.flag("forwarded", cx.report).unwrap_or(defaults.sends_forwarded),
        sends_real_ip: fields.flag("real-ip", cx.report).unwrap_or(defaults.sends_real_ip),
        address,
        tls: tls.flatten(),
        sip,
        trace: traces::named(fields, names, cx),
    };
    Some(listener)
}

/// What can be said of connections only.
const OF_CONNECTIONS: [&str; 5] = [
    "idle-timeout-secs",
    "max-connections",
    "max-connections-per-ip",
    "connection-rate",
    "connection-rate-per-ip",
];

/// What a listener with one of the protocols of SIP has, and others have not.
fn sip(
    fields: &Fields<'_>,
    protocol: Option<Protocol>,
    names: &Names<'_>,
    cx: &mut Context<'_>,
) -> Option<SipListener> {
    let Some(Protocol::Sip(transport)) = protocol else {
        for field in
            ["upstream", "peers", "sip", "idle-timeout-secs"].iter().filter_map(|name| fields.one(name))
        {
            cx.report
                .error(
                    Code::Conflict,
                    field.place(),
                    format!("`{}` is for listeners of SIP only", field.name.text),
                )
                .label("would have no effect")
                .help("write protocol \"sip-udp\", \"sip-tcp\" or \"sip-tls\"; SIP over WebSocket is `websocket { sip { } }` of a route");
        }
        return None;
    };
    let upstream = fields.text("upstream", cx.report).and_then(|name| {
        let found = names.upstreams.get(name.value).map(|index| UpstreamId(*index));
        if found.is_none() {
            refuse_unknown("upstream", name, &names.upstreams, cx.report);
        }
        found
    });
    let idle_timeout = fields.duration("idle-timeout-secs", cx.report);
    if transport == SipTransport::Udp {
        for field in OF_CONNECTIONS.iter().filter_map(|name| fields.one(name)) {
            cx.report
                .error(
                    Code::Conflict,
                    field.place(),
                    format!("`{}` is for listeners that are connected to", field.name.text),
                )
                .label("datagrams have no connection")
                .help(
                    "remove it; sip { rate-limit { messages 50; per \"user\" } } limits who sends datagrams",
                );
        }
    }
    Some(SipListener {
        transport,
        upstream,
        peers: peers(fields, "peers", cx),
        idle_timeout: idle_timeout.unwrap_or(SipListener::IDLE_TIMEOUT),
        settings: sip::read(fields, names, cx).unwrap_or_default(),
    })
}

/// `address` and `mode`; `default_mode` are the permissions of a unix socket.
pub(super) fn listen_on(
    fields: &Fields<'_>,
    default_mode: u32,
    default_port: Option<u16>,
    cx: &mut Context<'_>,
) -> Option<At<ListenAddress>> {
    let permissions = fields.text("mode", cx.report).and_then(|text| match mode(text.value) {
        Ok(mode) => Some(At { value: mode, place: text.place }),
        Err(fault) => {
            cx.report
                .error(
                    Code::OutOfRange,
                    text.place,
                    format!("`{}` are no permissions", text.value.escape_debug()),
                )
                .label(fault)
                .help("permissions are in octal, like \"660\"");
            None
        }
    });
    let text = fields.text("address", cx.report)?;
    let mode = permissions.as_ref().map_or(default_mode, |mode| mode.value);
    let address = listen_address(text.value, mode, default_port, |path| cx.sources.resolve(text.place, path));
    match address {
        Ok(address) => {
            if let (ListenAddress::Tcp(_) | ListenAddress::Udp(_), Some(mode)) = (&address, permissions) {
                cx.report
                    .error(Code::Conflict, mode.place, "`mode` is for unix sockets only")
                    .label("this address is none")
                    .help("remove it");
            }
            Some(At { value: address, place: text.place })
        }
        Err(fault) => {
            refuse_address(text, fault, cx);
            None
        }
    }
}

/// Tells why an address cannot be listened on.
pub(super) fn refuse_address(text: At<&str>, fault: Fault, cx: &mut Context<'_>) {
    let what = format!("`{}` cannot be listened on", text.value.escape_debug());
    cx.report.error(Code::BadAddress, text.place, what).label(fault.why).help(fault.help);
}
