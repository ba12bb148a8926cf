//! The targets of an upstream, in their several spellings.

use std::collections::HashMap;

use super::Context;
use crate::fields::{Entry, Field, Fields, get};
use crate::model::{At, Place, Target};
use crate::report::Code;
use crate::schema::TARGET;
use crate::value::{Speaks, target_address};

/// At least one, unless that is reported.
pub(super) fn targets(entry: &Entry<'_>, cx: &mut Context<'_>) -> Vec<Target> {
    let fields = &entry.fields;
    let mut targets = Vec::new();
    for text in fields.texts("address", cx.report) {
        targets.extend(at(text, 1, cx));
    }
    let inner = fields.sub("targets", cx.report);
    let inner = inner.as_ref().map(|inner| inner.all("target")).unwrap_or_default();
    let fields_of_targets: Vec<_> = fields.all("target").iter().chain(inner).copied().collect();
    for field in &fields_of_targets {
        targets.extend(target(*field, cx));
    }
    if fields_of_targets.is_empty() && fields.one("address").is_none() {
        let message = format!("the upstream `{}` has no target", entry.id.value);
        cx.report
            .error(Code::Incomplete, fields.place, message)
            .label("nothing to send requests to")
            .help("add target \"127.0.0.1:3000\"");
    }
    let mut seen: HashMap<_, (Place, _)> = HashMap::new();
    for target in &targets {
        let how = (target.tls, target.sip);
        let Some((first, other)) = seen.insert(target.address.value.clone(), (target.address.place, how))
        else {
            continue;
        };
        let message = format!("the target {} stands twice", target.address.value);
        let help = if how == other {
            "keep one of them, with `weight 2` if it is to get twice as much"
        } else {
            "keep one of them: of two ways to one server each needs an upstream of its own"
        };
        cx.report
            .error(Code::DuplicateValue, target.address.place, message)
            .label("for the second time")
            .help(help)
            .also(first, "for the first time");
    }
    judge_ways(&targets, cx);
    targets
}

/// Some of SIP without WebSocket, and some not: no route could go to both.
fn judge_ways(targets: &[Target], cx: &mut Context<'_>) {
    let of_sip = targets.iter().find(|target| target.sip.is_some());
    let of_http = targets.iter().find(|target| target.sip.is_none());
    let (Some(of_sip), Some(of_http)) = (of_sip, of_http) else { return };
    cx.report
        .warn(
            Code::Useless,
            of_http.address.place,
            "some targets of this upstream speak SIP by WebSocket, others without it",
        )
        .label("this one by WebSocket, should a route with `sip` go there")
        .help("write udp://, tcp:// or tls:// before the others too, or make it two upstreams")
        .also(of_sip.address.place, "this one without");
}

/// `target "a:1" weight=2`, `target { address "a:1"; weight 2 }`, `target address="a:1"`.
fn target(field: Field<'_>, cx: &mut Context<'_>) -> Option<Target> {
    let pieces: Vec<_> = field.node.into_iter().collect();
    let fields = Fields::of(&TARGET, &pieces, cx.report);
    let value = field.only_argument("each address is a `target` of its own", cx.report);
    let key = TARGET.key("address")?;
    let behind = value.map(|value| (get::text(key, value, cx.report), value.place));
    let within = fields.text("address", cx.report);
    let weight = fields.number("weight", cx.report).unwrap_or(1);
    let text = match (behind, fields.one("address")) {
        (Some((text, first)), Some(second)) => {
            cx.report
                .error(Code::RepeatedKey, second.place(), "`address` stands twice in `target`")
                .label("for the second time")
                .help("keep one of them")
                .also(first, "for the first time");
            text?
        }
        (Some((text, _)), None) => text?,
        (None, Some(_)) => within?,
        (None, None) => {
            cx.report
                .error(Code::MissingKey, field.place(), "`address` is missing in `target`")
                .help("write target \"127.0.0.1:3000\", or target { address \"127.0.0.1:3000\" }");
            return None;
        }
    };
    at(text, weight, cx)
}

fn at(text: At<&str>, weight: u16, cx: &mut Context<'_>) -> Option<Target> {
    match target_address(text.value, |path| cx.sources.resolve(text.place, path)) {
        Ok((address, Speaks { tls, sip })) => {
            Some(Target { address: At { value: address, place: text.place }, tls, sip, weight })
        }
        Err(fault) => {
            cx.report
                .error(
                    Code::BadAddress,
                    text.place,
                    format!("`{}` is not the address of a target", text.value.escape_debug()),
                )
                .label(fault.why)
                .help(fault.help);
            None
        }
    }
}
