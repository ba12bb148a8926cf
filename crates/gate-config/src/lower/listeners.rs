//! Reads `listeners`: addresses, and which peers are trusted.

use super::{Context, arc, limits, names_of, tls};
use crate::fields::{Entry, Fields};
use crate::model::{At, ListenAddress, Listener, Peers};
use crate::report::Code;
use crate::value::{listen_address, mode, network};
use crate::words::Protocol;

pub(super) fn read(top: &Fields<'_>, cx: &mut Context<'_>) -> Vec<Listener> {
    let Some(listeners) = top.sub("listeners", cx.report) else { return Vec::new() };
    let entries = listeners.named("listener", cx.report);
    names_of(&entries, "listener", cx.report);
    entries.iter().filter_map(|entry| listener(entry, cx)).collect()
}

fn listener(entry: &Entry<'_>, cx: &mut Context<'_>) -> Option<Listener> {
    let fields = &entry.fields;
    let address = listen_on(fields, 0o660, cx);
    let protocol = fields.word::<Protocol>("protocol", cx.report);
    let tls = fields.sub("tls", cx.report);
    match (protocol.as_ref().map(|protocol| protocol.value), &tls) {
        (Some(Protocol::Https), None) if fields.one("tls").is_none() => {
            let place = protocol.map_or(fields.place, |protocol| protocol.place);
            cx.report
                .error(Code::Incomplete, place, "`protocol \"https\"` needs a `tls` block")
                .label("no certificate to show")
                .help("add tls { cert-file \"…\"; key-file \"…\" }");
        }
        (None | Some(Protocol::Http), Some(tls))
            if protocol.is_some() || fields.one("protocol").is_none() =>
        {
            cx.report
                .error(Code::Conflict, tls.place, "`tls` stands in a listener that is not `https`")
                .label("would have no effect")
                .help("write protocol \"https\", or remove the block");
        }
        _ => {}
    }
    let tls = tls.map(|fields| tls::server(&fields, cx));
    let defaults = Listener::new(entry.id.value, ListenAddress::Unix { path: "".into(), mode: 0 });
    let proxy_protocol = fields.sub("proxy-protocol", cx.report);
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
        address: address?,
        tls: tls.flatten(),
    };
    Some(listener)
}

/// `address` and `mode`; `default_mode` are the permissions of a unix socket.
pub(super) fn listen_on(
    fields: &Fields<'_>,
    default_mode: u32,
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
    let address = listen_address(text.value, mode, |path| cx.sources.resolve(text.place, path));
    match address {
        Ok(address) => {
            if let (ListenAddress::Tcp(_), Some(mode)) = (&address, permissions) {
                cx.report
                    .error(Code::Conflict, mode.place, "`mode` is for unix sockets only")
                    .label("this address is none")
                    .help("remove it");
            }
            Some(At { value: address, place: text.place })
        }
        Err(fault) => {
            cx.report
                .error(
                    Code::BadAddress,
                    text.place,
                    format!("`{}` cannot be listened on", text.value.escape_debug()),
                )
                .label(fault.why)
                .help(fault.help);
            None
        }
    }
}

/// Networks of peers.
pub(super) fn peers(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Peers {
    let mut peers = Peers::default();
    for text in fields.texts(name, cx.report) {
        match network(text.value) {
            Ok(Some(network)) => peers.networks.push(network),
            Ok(None) => peers.unix = true,
            Err(fault) => {
                cx.report
                    .error(
                        Code::BadNetwork,
                        text.place,
                        format!("`{}` is no network", text.value.escape_debug()),
                    )
                    .label(fault.why)
                    .help(fault.help);
            }
        }
    }
    peers
}
