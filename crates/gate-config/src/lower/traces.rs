//! Reads `traces`: where connections are told of, and which.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use gate_core::ids::{RouteId, TraceId};

use super::peers::peers;
use super::{Context, Index, Names, arc, refuse_unknown, tls};
use crate::fields::{Entry, Field, Fields, block_node, get};
use crate::model::{
    Alpn, At, Secret, Trace, TraceAddress, TraceFilter, TraceForm, TraceRule, TraceTransport, TraceVerdict,
};
use crate::report::Code;
use crate::schema::{Key, TRACE_RULE};
use crate::syntax::{Scalar, Value};
use crate::value::{capture_address, port_range};
use crate::words::{Carrier, EventForm};

pub(super) fn read<'a>(top: &Fields<'a>, cx: &mut Context<'_>) -> Vec<Entry<'a>> {
    let Some(traces) = top.sub("traces", cx.report) else { return Vec::new() };
    traces.named("trace", cx.report)
}

/// `trace` of whoever names one.
pub(super) fn named(fields: &Fields<'_>, names: &Names<'_>, cx: &mut Context<'_>) -> Option<TraceId> {
    let name = fields.text("trace", cx.report)?;
    let index = names.traces.get(name.value);
    if index.is_none() {
        refuse_unknown("trace", name, &names.traces, cx.report);
    }
    index.copied().map(TraceId)
}

/// The routes that filters can name. A name that stands twice is told of elsewhere.
pub(super) fn routes<'a>(entries: &[Entry<'a>]) -> Index<'a> {
    let mut index = HashMap::new();
    for (entry, number) in entries.iter().zip(0..).filter(|(entry, _)| !entry.id.value.is_empty()) {
        index.entry(entry.id.value).or_insert(number);
    }
    index
}

pub(super) fn trace(entry: &Entry<'_>, routes: &Index<'_>, cx: &mut Context<'_>) -> Trace {
    let fields = &entry.fields;
    let nowhere = TraceAddress { host: String::new(), port: 0 };
    let defaults = Trace::new(entry.id.value, nowhere);
    let address = address(fields, cx);
    let transport = transport(fields, cx);
    let form = form(fields, cx);
    let auth_key = auth_key(fields, cx);
    let node_name = node_name(fields, cx);
    let filter = fields.sub("filter", cx.report).map(|fields| filter(&fields, routes, cx));
    let report = &mut *cx.report;
    let packet_size = fields.size("max-packet-size", report).and_then(|size| usize::try_from(size).ok());
    Trace {
        id: arc(entry.id),
        address: address.unwrap_or(defaults.address),
        transport,
        enabled: fields.flag("enabled", report).unwrap_or(defaults.enabled),
        capture_id: fields.number("capture-id", report).unwrap_or(defaults.capture_id),
        auth_key,
        node_name,
        form,
        protocol_type: fields.number("protocol-type", report).unwrap_or(defaults.protocol_type),
        sip_messages: fields.flag("sip-messages", report).unwrap_or(defaults.sip_messages),
        queue_size: fields.number("queue-size", report).unwrap_or(defaults.queue_size),
        packet_size_max: packet_size.unwrap_or(defaults.packet_size_max),
        filter: filter.unwrap_or_default(),
    }
}

fn address(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<At<TraceAddress>> {
    let text = fields.text("address", cx.report)?;
    match capture_address(text.value) {
        Ok((host, port)) => Some(At { value: TraceAddress { host, port }, place: text.place }),
        Err(fault) => {
            cx.report
                .error(
                    Code::BadAddress,
                    text.place,
                    format!("`{}` is not the address of a server of HEP", text.value.escape_debug()),
                )
                .label(fault.why)
                .help(fault.help);
            None
        }
    }
}

fn transport(fields: &Fields<'_>, cx: &mut Context<'_>) -> TraceTransport {
    let carrier = fields.word::<Carrier>("transport", cx.report);
    let tls = fields.sub("tls", cx.report);
    let is_wrong = carrier.is_none() && fields.one("transport").is_some();
    match (carrier.map_or(Carrier::Udp, |carrier| carrier.value), tls) {
        (Carrier::Tls, tls) => {
            let tls = tls::client(tls.as_ref(), Alpn::None, cx);
            TraceTransport::Tls(Box::new(tls))
        }
        (carrier @ (Carrier::Udp | Carrier::Tcp), tls) => {
            if let Some(tls) = tls.filter(|_| !is_wrong) {
                cx.report
                    .error(Code::Conflict, tls.place, "`tls` stands in a trace that is not sent by TLS")
                    .label("would have no effect")
                    .help("write transport \"tls\", or remove the block");
            }
            if carrier == Carrier::Tcp { TraceTransport::Tcp } else { TraceTransport::Udp }
        }
    }
}

fn form(fields: &Fields<'_>, cx: &mut Context<'_>) -> TraceForm {
    let form = fields.word::<EventForm>("form", cx.report);
    let delimiter = fields.text("delimiter", cx.report);
    if let Some(delimiter) = delimiter.as_ref().filter(|delimiter| delimiter.value.is_empty()) {
        cx.report
            .error(Code::MissingValue, delimiter.place, "`delimiter` is empty")
            .label("nothing would tell the values apart")
            .help("`:` is what OpenSIPS has");
    }
    match form.map(|form| form.value) {
        Some(EventForm::Homer5) => {
            let delimiter = delimiter.map_or(":", |delimiter| delimiter.value).into();
            TraceForm::Homer5 { delimiter }
        }
        Some(EventForm::Json) | None => {
            if let Some(delimiter) = delimiter.filter(|_| form.is_some() || fields.one("form").is_none()) {
                cx.report
                    .error(Code::Conflict, delimiter.place, "`delimiter` is for `form \"homer5\"` only")
                    .label("would have no effect")
                    .help("write form \"homer5\", or remove it");
            }
            TraceForm::Json
        }
    }
}

fn auth_key(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Secret> {
    let text = fields.text("auth-key", cx.report)?;
    let key = Secret::new(text.value).filter(|_| text.value.len() <= NAME_MAX);
    if key.is_none() {
        cx.report
            .error(
                Code::BadField,
                text.place,
                format!("a key is of 1 to {NAME_MAX} visible characters of ASCII, without blanks"),
            )
            .label("not a key")
            .help("write what the server is configured with");
    }
    key
}

fn node_name(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<Arc<str>> {
    let text = fields.text("node-name", cx.report)?;
    if (1..=NAME_MAX).contains(&text.value.len()) {
        return Some(text.value.into());
    }
    cx.report
        .error(Code::OutOfRange, text.place, format!("`node-name` has {} bytes", text.value.len()))
        .label("too short or too long")
        .help(format!("it has 1 to {NAME_MAX}"));
    None
}

fn filter(fields: &Fields<'_>, routes: &Index<'_>, cx: &mut Context<'_>) -> TraceFilter {
    let allows = fields.all("allow").iter().map(|field| (TraceVerdict::Allow, *field));
    let denies = fields.all("deny").iter().map(|field| (TraceVerdict::Deny, *field));
    let mut all: Vec<_> = allows.chain(denies).collect();
    // A filter is one block, so that all of it stands in one file.
    all.sort_by_key(|(_, field)| field.place().span);
    let mistakes = cx.report.mistakes();
    let rules: Vec<_> =
        all.iter().filter_map(|(verdict, field)| rule(*verdict, *field, routes, cx)).collect();
    // What a rule that is wrong was to fit is not known.
    if cx.report.mistakes() == mistakes {
        judge_rules(fields, &rules, &all, cx);
    }
    TraceFilter { rules }
}

/// Rules that do nothing.
fn judge_rules(
    fields: &Fields<'_>,
    rules: &[TraceRule],
    written: &[(TraceVerdict, Field<'_>)],
    cx: &mut Context<'_>,
) {
    let last = rules.iter().position(TraceRule::is_unconditional);
    if let Some((_, unasked)) = last.and_then(|last| written.get(last + 1)) {
        cx.report
            .warn(Code::Useless, unasked.place(), "the rule before this one fits every connection")
            .label("is never asked")
            .help("put it before that, or remove it");
    }
    if rules.iter().all(|rule| rule.verdict == TraceVerdict::Allow) {
        cx.report
            .warn(
                Code::Useless,
                fields.place,
                "the filter denies nothing, so that all connections are traced",
            )
            .label("has no effect")
            .help("add `deny` behind the rules, for all others");
    }
}

fn rule(
    verdict: TraceVerdict,
    field: Field<'_>,
    routes: &Index<'_>,
    cx: &mut Context<'_>,
) -> Option<TraceRule> {
    let node = block_node(field, cx.report)?;
    if let Some(value) = field.arguments.first() {
        let name = &field.name.text;
        cx.report
            .error(Code::ExtraValue, value.place, format!("`{name}` has conditions, and no value"))
            .label("which condition is this?")
            .help(format!("write {name} peer=\"10.0.0.0/8\""));
    }
    let fields = Fields::of(&TRACE_RULE, &[node], cx.report);
    Some(TraceRule {
        verdict,
        peers: peers(&fields, "peer", cx),
        peer_ports: ports(&fields, "peer-port", cx),
        locals: peers(&fields, "local", cx),
        local_ports: ports(&fields, "local-port", cx),
        routes: route_ids(&fields, routes, cx),
    })
}

fn route_ids(fields: &Fields<'_>, routes: &Index<'_>, cx: &mut Context<'_>) -> Vec<RouteId> {
    let mut ids = Vec::new();
    for name in fields.texts("route", cx.report) {
        match routes.get(name.value) {
            Some(index) => ids.push(RouteId(*index)),
            None => refuse_unknown("route", name, routes, cx.report),
        }
    }
    ids
}

/// Numbers, and texts with two.
fn ports(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Vec<RangeInclusive<u16>> {
    let Some((field, key)) = fields.one(name).zip(TRACE_RULE.key(name)) else { return Vec::new() };
    get::refuse_more(field, cx.report);
    if field.arguments.is_empty() {
        get::missing_value(key, field, cx.report);
    }
    field.arguments.iter().filter_map(|value| range(key, value, cx)).collect()
}

fn range(key: &Key, value: &Value, cx: &mut Context<'_>) -> Option<RangeInclusive<u16>> {
    let (range, written) = match &value.scalar {
        Scalar::Text(text) => (port_range(text), text.escape_debug().to_string()),
        Scalar::Integer(number) => (u16::try_from(*number).ok().map(|port| port..=port), number.to_string()),
        Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => {
            return get::wrong_type(key, value, cx.report);
        }
    };
    if range.is_none() {
        cx.report
            .error(Code::OutOfRange, value.place, format!("`{}` knows no port `{written}`", key.name))
            .label("not a port")
            .help("ports are 0 to 65535, and ranges like \"1024-65535\"");
    }
    range
}

/// Bytes of a key or a name.
const NAME_MAX: usize = 255;
