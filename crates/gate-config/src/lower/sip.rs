//! Reads `sip`, and holds what carries SIP against what it is joined with.

use std::sync::Arc;

use gate_core::balance::Algorithm;
use gate_core::ids::UpstreamId;

use super::{Context, Names, limits, refuse_unknown};
use crate::fields::{Fields, block_node};
use crate::model::{
    Action, Config, HookOpcodes, HookSettings, ListenAddress, Listener, OnOther, Place, Route, Senders,
    SipListener, SipMode, SipOnExceed, SipRate, SipRateKey, SipSettings, SipTransport,
};
use crate::report::{Code, Report};
use crate::schema::SIP_RATE_LIMIT;
use crate::value::token;
use crate::words::MessageOpcode;

/// `sip` of a block that may have one.
pub(super) fn read(within: &Fields<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Option<Arc<SipSettings>> {
    let fields = within.sub("sip", cx.report)?;
    let defaults = SipSettings::default();
    let listener = listener(&fields, names, cx);
    let advertise = advertise(&fields, cx);
    let methods = methods(&fields, cx);
    let rates = rates(&fields, cx);
    let report = &mut *cx.report;
    Some(Arc::new(SipSettings {
        mode: fields.word::<SipMode>("mode", report).map_or(defaults.mode, |word| word.value),
        listener,
        advertise,
        chunks_max: fields.number("max-message-chunks", report).unwrap_or(defaults.chunks_max),
        mirrors_opcode: fields
            .word::<MessageOpcode>("message-opcode", report)
            .is_some_and(|word| word.value == MessageOpcode::Mirror),
        methods,
        headers_max: fields.number("max-headers", report).unwrap_or(defaults.headers_max),
        header_size_max: fields.size("max-header-size", report).unwrap_or(defaults.header_size_max),
        rates,
        answers_options: fields.flag("answer-options", report).unwrap_or(defaults.answers_options),
        keepalive: fields.duration("keepalive-interval-secs", report).unwrap_or(defaults.keepalive),
        tcp_above: fields.number("tcp-above-bytes", report).unwrap_or(defaults.tcp_above),
        udp_keepalive: fields
            .duration("udp-keepalive-interval-secs", report)
            .unwrap_or(defaults.udp_keepalive),
    }))
}

fn listener(fields: &Fields<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Option<usize> {
    let name = fields.text("listener", cx.report)?;
    let Some(index) = names.listeners.get(name.value) else {
        refuse_unknown("listener", name, &names.listeners, cx.report);
        return None;
    };
    usize::try_from(*index).ok()
}

fn advertise(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Arc<str>> {
    let text = fields.text("advertise", cx.report)?;
    if crate::value::host_header(text.value).is_none() {
        cx.report
            .error(Code::BadHost, text.place, format!("`{}` cannot stand in Via", text.value.escape_debug()))
            .label("not a host")
            .help("write a host like \"gw.example.org\" or \"gw.example.org:5060\"");
        return None;
    }
    Some(text.value.into())
}

fn methods(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<Arc<str>> {
    let mut methods = Vec::new();
    for text in fields.texts("methods", cx.report) {
        if token(text.value) {
            methods.push(text.value.into());
        } else {
            cx.report
                .error(Code::BadField, text.place, format!("`{}` is no method", text.value.escape_debug()))
                .label("not a token")
                .help("methods are like \"INVITE\", in upper case as a rule");
        }
    }
    methods
}

fn rates(fields: &Fields<'_>, cx: &mut Context<'_>) -> Vec<SipRate> {
    let mut rates = Vec::new();
    for field in fields.all("rate-limit") {
        let Some(node) = block_node(*field, cx.report) else { continue };
        let fields = Fields::of(&SIP_RATE_LIMIT, &[node], cx.report);
        let rate = limits::count_of(&fields, "messages", cx.report);
        let per =
            fields.word::<SipRateKey>("per", cx.report).map_or(SipRateKey::Connection, |word| word.value);
        let on_exceed =
            fields.word::<SipOnExceed>("on-exceed", cx.report).map_or(SipOnExceed::Reject, |word| word.value);
        match rate {
            Some(rate) => rates.push(SipRate { rate, per, on_exceed }),
            None if fields.one("messages").is_none() => {
                cx.report
                    .error(Code::Incomplete, fields.place, "this `rate-limit` limits nothing")
                    .label("no rate")
                    .help("add messages 50");
            }
            None => {}
        }
    }
    rates
}

/// Whatever belongs to one call goes to one server: upstreams of SIP choose by the Call-ID.
pub(super) fn keep_dialogs_together(config: &mut Config) {
    let of_routes = config.routes.iter().filter(|route| route.websocket.sip.is_some());
    let of_routes = of_routes.filter_map(|route| match route.action {
        Action::Proxy(upstream) => Some(upstream),
        Action::ByHeader | Action::Builtin(_) => None,
    });
    let of_listeners = config.listeners.iter().filter_map(|listener| listener.sip.as_ref()?.upstream);
    let used: Vec<UpstreamId> = of_routes.chain(of_listeners).collect();
    for upstream in used {
        let upstream = usize::try_from(upstream.0).ok().and_then(|index| config.upstreams.get_mut(index));
        if let Some(upstream) = upstream {
            upstream.algorithm = Algorithm::ConsistentHash;
        }
    }
}

/// What only both ends together can tell.
pub(super) fn judge(config: &Config, places: &Places, report: &mut Report) {
    for (route, place) in config.routes.iter().zip(&places.routes) {
        judge_route(config, route, *place, report);
    }
    for (listener, place) in config.listeners.iter().zip(&places.listeners) {
        let Some(sip) = &listener.sip else { continue };
        judge_name(listener, sip, report);
        let is_of_connections = |rate: &SipRate| rate.per == SipRateKey::Connection;
        if sip.transport == SipTransport::Udp && sip.settings.rates.iter().any(is_of_connections) {
            report
                .error(
                    Code::Conflict,
                    *place,
                    format!("a `rate-limit` of the listener `{}` counts by connection", listener.id),
                )
                .label("datagrams have none")
                .help("write per \"user\"");
        }
        if sip.settings.mode == SipMode::Transparent {
            report
                .error(
                    Code::Conflict,
                    *place,
                    format!("the listener `{}` cannot be transparent", listener.id),
                )
                .label("its clients share connections")
                .help("remove `mode`");
        }
    }
}

/// Datagrams do not tell at which of the machine's addresses they came in.
fn judge_name(listener: &Listener, sip: &SipListener, report: &mut Report) {
    let (ListenAddress::Udp(address) | ListenAddress::Tcp(address)) = &listener.address.value else { return };
    if address.ip().is_unspecified() && sip.settings.advertise.is_none() {
        report
            .error(
                Code::Incomplete,
                listener.address.place,
                format!("the listener `{}` has no address that servers could answer to", listener.id),
            )
            .label("stands for all of them")
            .help("write one address of the machine, or add sip { advertise \"gw.example.org:5060\" }");
    }
}

/// Where routes and listeners stand in the text, in their order.
pub(super) struct Places {
    pub(super) routes: Vec<Place>,
    pub(super) listeners: Vec<Place>,
}

fn judge_route(config: &Config, route: &Route, place: Place, report: &mut Report) {
    let Action::Proxy(upstream) = route.action else {
        if route.websocket.sip.is_some() {
            report
                .error(Code::Conflict, place, format!("the route `{}` has `sip`, but no upstream", route.id))
                .label("its messages would go nowhere")
                .help("add upstream \"…\", and remove `builtin-handler` or `header-config`");
        }
        return;
    };
    let targets = config.upstream(upstream).map(|upstream| &*upstream.targets).unwrap_or_default();
    let Some(sip) = &route.websocket.sip else {
        if let Some(target) = targets.iter().find(|target| target.sip.is_some()) {
            report
                .error(
                    Code::Conflict,
                    place,
                    format!("the route `{}` goes to a target that speaks SIP without WebSocket", route.id),
                )
                .label("it would be spoken to in HTTP")
                .help("add websocket { sip { } } to the route, or write the target with ws:// or wss://")
                .also(target.address.place, "this target");
        }
        return;
    };
    if sip.mode == SipMode::Transparent
        && let Some(target) = targets.iter().find(|target| target.sip == Some(SipTransport::Udp))
    {
        report
            .error(Code::Conflict, place, format!("the route `{}` is transparent over UDP", route.id))
            .label("a datagram has no connection")
            .help("write mode \"edge\", or the target with tcp://")
            .also(target.address.place, "this target");
    }
    if let Some(index) = sip.listener
        && config.listeners.get(index).is_some_and(|listener| listener.sip.is_none())
    {
        report
            .error(
                Code::Conflict,
                place,
                format!("the `listener` of `sip` in the route `{}` speaks HTTP", route.id),
            )
            .label("servers would send SIP there")
            .help("name one with protocol \"sip-udp\", \"sip-tcp\" or \"sip-tls\"");
    }
    judge_beside(route, place, report);
    judge_webhooks(route, report);
}

/// What looks at messages beside `sip`, and cannot.
fn judge_beside(route: &Route, place: Place, report: &mut Report) {
    let websocket = &route.websocket;
    let mut refuse = |name: &str, label: &str, help: &str| {
        report
            .error(
                Code::Conflict,
                place,
                format!("`{name}` cannot stand beside `sip`, in the route `{}`", route.id),
            )
            .label(label.to_owned())
            .help(help.to_owned());
    };
    if websocket.rate_limits.iter().any(|limit| limit.from != Senders::Client) {
        refuse(
            "rate-limit from",
            "what goes to a client comes from servers that all share",
            "write from \"client\", or nothing",
        );
    }
    let Some(inspect) = &websocket.inspect else { return };
    if !inspect.schemas.is_empty() {
        refuse("json-schema", "no message of SIP is JSON", "remove it, or ask a `webhook`");
    }
    if inspect.stream_above.is_some() {
        refuse(
            "stream-above",
            "messages of SIP go on whole",
            "remove it; `max-message-size` says how large messages may be",
        );
    }
}

/// Whoever sends a message of SIP chooses its opcode, which says nothing of what it is.
fn judge_webhooks(route: &Route, report: &mut Report) {
    for webhook in &route.websocket.webhooks {
        let HookSettings { opcodes, on_other, .. } = &webhook.settings;
        let name = match (opcodes, on_other) {
            (HookOpcodes { text: true, binary: true }, OnOther::Close) => continue,
            (HookOpcodes { text: true, binary: true }, OnOther::Pass) => "on-other",
            (HookOpcodes { .. }, OnOther::Close | OnOther::Pass) => "opcodes",
        };
        report
            .error(
                Code::Conflict,
                webhook.url.place,
                format!("`{name}` of a `webhook` cannot stand beside `sip`, in the route `{}`", route.id),
            )
            .label("asked here about every message of SIP")
            .help("remove `opcodes` and `on-other`: a message of SIP may come with either opcode");
    }
}
