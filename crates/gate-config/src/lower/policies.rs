//! Reads `policies` of a route.

use http::{HeaderName, HeaderValue};

use super::Context;
use crate::fields::{Field, Fields};
use crate::model::{At, HeaderEdit};
use crate::report::Code;
use crate::syntax::{Node, Scalar};
use crate::value::{header_name, is_header_value};

/// `request-headers`: what is removed, then what is set, then what is added.
pub(super) fn request_headers(route: &Fields<'_>, cx: &mut Context<'_>) -> Vec<HeaderEdit> {
    let policies = route.sub("policies", cx.report);
    let Some(fields) = policies.and_then(|policies| policies.sub("request-headers", cx.report)) else {
        return Vec::new();
    };
    let mut edits = Vec::new();
    for text in fields.texts("remove", cx.report) {
        edits.extend(name(text, cx).map(HeaderEdit::Remove));
    }
    for field in fields.all("set") {
        edits.extend(pairs(*field, cx).into_iter().map(|(name, value)| HeaderEdit::Set(name, value)));
    }
    for field in fields.all("add") {
        edits.extend(pairs(*field, cx).into_iter().map(|(name, value)| HeaderEdit::Add(name, value)));
    }
    edits
}

/// The fields in the block of `set` or `add`: each a name and its value.
fn pairs(field: Field<'_>, cx: &mut Context<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let key = &field.name.text;
    let help = format!("write {key} {{ \"Name\" \"value\" }}");
    let has_values = field.node.is_none_or(|node| !node.properties.is_empty() || node.children.is_none())
        || !field.arguments.is_empty();
    if has_values {
        cx.report
            .error(Code::WrongType, field.place(), format!("`{key}` is a block of fields"))
            .label("not a block alone")
            .help(help);
        return Vec::new();
    }
    let nodes = field.node.and_then(|node| node.children.as_deref()).unwrap_or_default();
    nodes.iter().filter_map(|node| pair(node, &help, cx)).collect()
}

fn pair(node: &Node, help: &str, cx: &mut Context<'_>) -> Option<(HeaderName, HeaderValue)> {
    let name = name(At { value: &*node.name.text, place: node.name.place }, cx);
    let is_plain = node.properties.is_empty() && node.children.is_none();
    let value = match &*node.arguments {
        [value] if is_plain => match &value.scalar {
            Scalar::Text(text) => Some((text, value.place)),
            Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Null => None,
        },
        _ => None,
    };
    let Some((text, place)) = value else {
        cx.report
            .error(
                Code::WrongType,
                node.head(),
                format!("`{}` needs one text", node.name.text.escape_debug()),
            )
            .label("a value in quotes belongs behind the name")
            .help(help);
        return None;
    };
    if !is_header_value(text) {
        cx.report
            .error(Code::BadField, place, format!("no field has the value `{}`", text.escape_debug()))
            .label("not allowed in HTTP")
            .help("values of fields have no control characters");
        return None;
    }
    let mut value = HeaderValue::from_str(text).ok()?;
    // Tokens stand here: whatever prints them must not.
    value.set_sensitive(true);
    Some((name?, value))
}

fn name(text: At<&str>, cx: &mut Context<'_>) -> Option<HeaderName> {
    let (label, help) = match header_name(text.value) {
        Some(name) if HeaderEdit::may_change(&name) => return Some(name),
        Some(_) => (
            "the gateway sends this field itself, or none",
            "the Host is `host` of the upstream; fields of one hop, lengths and those of the handshake stay as they are",
        ),
        None => ("not allowed in HTTP", "names have letters of ASCII, digits, and !#$%&'*+-.^_`|~"),
    };
    cx.report
        .error(Code::BadField, text.place, format!("`{}` cannot be changed", text.value.escape_debug()))
        .label(label)
        .help(help);
    None
}
