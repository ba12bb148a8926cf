//! Reads `webhook` of `websocket`, and what `hook` of `header-config` has in common with it.

use std::sync::Arc;

use gate_core::Side;
use http::{HeaderName, HeaderValue, Method, header};

use super::{Context, lifetime, matches, tls};
use crate::fields::{Field, Fields, get};
use crate::model::{Alpn, At, HOP_BY_HOP, HookOpcodes, HookSettings, Url, Webhook};
use crate::report::Code;
use crate::schema::{WEBHOOK, WEBSOCKET};
use crate::syntax::Value;
use crate::value::{Schemes, header_name, is_header_value, url};
use crate::words::{HookDirection, HookOpcode};

/// The webhooks of a route, in the order of the text. An answer may have a payload of so many bytes.
pub(super) fn read(websocket: &Fields<'_>, payload_max: u64, cx: &mut Context<'_>) -> Vec<Arc<Webhook>> {
    let hooks = websocket.all("webhook").iter();
    hooks.filter_map(|field| webhook(*field, payload_max, cx)).map(Arc::new).collect()
}

const HELP: &str = "write webhook \"inbound\" url=\"http://127.0.0.1:9000/scan\"";

fn webhook(field: Field<'_>, payload_max: u64, cx: &mut Context<'_>) -> Option<Webhook> {
    let direction = field.only_argument(HELP, cx.report);
    if direction.is_none() {
        cx.report
            .error(Code::MissingValue, field.name.place, "this `webhook` has no direction")
            .label("`inbound` or `outbound` belongs behind it")
            .help(HELP);
    }
    let from = direction.and_then(|value| direction_of(value, cx));
    let pieces: Vec<_> = field.node.into_iter().collect();
    let fields = Fields::of(&WEBHOOK, &pieces, cx.report);
    let url = url_of(&fields, cx);
    let method = method(&fields, cx);
    let (settings, headers) = settings(&fields, payload_max, cx);
    if let (Some(url), Some(block)) = (&url, fields.one("tls"))
        && !url.value.is_tls
    {
        cx.report
            .warn(Code::Useless, block.place(), "`tls` has no effect on a URL of http")
            .label("has no effect")
            .help("write https:// in the URL, or remove it");
    }
    Some(Webhook { from: from?, url: url?, method, headers, settings })
}

fn direction_of(value: &Value, cx: &mut Context<'_>) -> Option<Side> {
    let HookDirection(side) = get::word::<HookDirection>(WEBSOCKET.key("webhook")?, value, cx.report)?.value;
    Some(side)
}

fn url_of(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<At<Url>> {
    let text = fields.text("url", cx.report)?;
    match url(text.value, Schemes::Http) {
        Ok(url) => Some(At { value: url, place: text.place }),
        Err(fault) => {
            cx.report
                .error(
                    Code::BadAddress,
                    text.place,
                    format!("`{}` is not the URL of a webhook", text.value.escape_debug()),
                )
                .label(fault.why)
                .help(fault.help);
            None
        }
    }
}

fn method(fields: &Fields<'_>, cx: &mut Context<'_>) -> Method {
    let Some(text) = fields.text("method", cx.report) else { return Method::POST };
    let method = Webhook::METHODS.into_iter().find(|method| method.as_str() == text.value);
    method.unwrap_or_else(|| {
        let known: Vec<_> = Webhook::METHODS.iter().map(Method::as_str).collect();
        cx.report
            .error(
                Code::UnknownWord,
                text.place,
                format!("a webhook is not asked by `{}`", text.value.escape_debug()),
            )
            .label("not a method that can be used")
            .help(format!("there are: {}", known.join(", ")));
        Method::POST
    })
}

/// Fields that are sent with each message.
type Headers = Vec<(HeaderName, HeaderValue)>;

/// What `webhook` and `hook` have in common.
pub(super) fn settings(
    fields: &Fields<'_>,
    payload_max: u64,
    cx: &mut Context<'_>,
) -> (HookSettings, Headers) {
    let defaults = HookSettings::default();
    let opcodes = opcodes(fields, cx).unwrap_or(defaults.opcodes);
    let on_other = fields.word("on-other", cx.report);
    if let (Some(on_other), HookOpcodes { text: true, binary: true }) = (&on_other, opcodes) {
        cx.report
            .warn(
                Code::Useless,
                on_other.place,
                "`on-other` has no effect: the webhook is asked of all messages",
            )
            .label("has no effect")
            .help("add opcodes \"text\" or opcodes \"binary\", or remove it");
    }
    let key_file = tls::file(fields, "hmac-key-file", cx);
    let tls = fields.sub("tls", cx.report).map(|fields| tls::client(Some(&fields), Alpn::Http, cx));
    let headers = headers(fields, cx);
    let report = &mut *cx.report;
    let settings = HookSettings {
        opcodes,
        on_other: on_other.map_or(defaults.on_other, |word| word.value),
        timeout: fields.duration("timeout-ms", report).unwrap_or(defaults.timeout),
        failure_mode: fields.word("failure-mode", report).map_or(defaults.failure_mode, |word| word.value),
        close_code: lifetime::close_code(fields, "close-code", report).unwrap_or(defaults.close_code),
        close_reason: lifetime::close_reason(fields, "close-reason", report).unwrap_or(defaults.close_reason),
        rewrites: fields.flag("rewrite", report).unwrap_or(defaults.rewrites),
        rewrite_size_max: if payload_max == 0 { defaults.rewrite_size_max } else { payload_max },
        connections_max: fields.number("max-connections", report).unwrap_or(defaults.connections_max),
        key_file,
        tls: tls.unwrap_or(defaults.tls),
    };
    (settings, headers)
}

fn opcodes(fields: &Fields<'_>, cx: &mut Context<'_>) -> Option<HookOpcodes> {
    let (field, key) = fields.one("opcodes").zip(fields.block.key("opcodes"))?;
    get::refuse_more(field, cx.report);
    if field.arguments.is_empty() {
        get::missing_value(key, field, cx.report);
    }
    let mut opcodes = HookOpcodes { text: false, binary: false };
    for value in field.arguments {
        match get::word::<HookOpcode>(key, value, cx.report)?.value {
            HookOpcode::Text => opcodes.text = true,
            HookOpcode::Binary => opcodes.binary = true,
        }
    }
    Some(opcodes)
}

fn headers(fields: &Fields<'_>, cx: &mut Context<'_>) -> Headers {
    let mut headers: Headers = Vec::new();
    for field in fields.all("header") {
        let Some((name, value)) = matches::pair(*field, cx) else { continue };
        let Some(value) = value else {
            cx.report
                .error(Code::MissingValue, field.place(), "this `header` has no value")
                .label("a value belongs behind the name")
                .help("write header \"Name\" \"value\"");
            continue;
        };
        let header = header_name(name.value);
        let fault = match &header {
            None => Some((name, "not the name of a field")),
            Some(header) if !Webhook::may_send(header) => {
                Some((name, "the gateway sends this field itself, or none"))
            }
            Some(header) if headers.iter().any(|(other, _)| other == header) => Some((name, "stands twice")),
            Some(_) if !is_header_value(value.value) => Some((value, "not allowed in HTTP")),
            Some(_) => None,
        };
        if let Some((at, why)) = fault {
            cx.report
                .error(
                    Code::BadField,
                    at.place,
                    format!("a webhook cannot be sent `{}`", at.value.escape_debug()),
                )
                .label(why)
                .help("write header \"Name\" \"value\"; Host, Content-Length, fields of one hop and X-Framegate-* are not for configurations");
            continue;
        }
        headers.extend(header.zip(HeaderValue::from_str(value.value).ok()));
    }
    // Tokens stand here: whatever prints them must not.
    for (_, value) in &mut headers {
        value.set_sensitive(true);
    }
    headers
}

impl Webhook {
    /// The methods by which a webhook can be asked.
    pub const METHODS: [Method; 7] = [
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::GET,
        Method::DELETE,
        Method::HEAD,
        Method::OPTIONS,
    ];

    /// Whether a field may be chosen that is sent with each message. What frames a request, leads
    /// it somewhere, is of one hop, or is told by the gateway may not, nor may what servers that
    /// know no `-` in names take for it.
    #[must_use]
    pub fn may_send(name: &HeaderName) -> bool {
        let name = name.as_str().replace('_', "-");
        let own = [header::HOST, header::CONTENT_LENGTH, header::TRAILER];
        let is_reserved = HOP_BY_HOP.iter().chain(&own).any(|reserved| *reserved == *name);
        !is_reserved && !name.starts_with("x-framegate-")
    }
}
