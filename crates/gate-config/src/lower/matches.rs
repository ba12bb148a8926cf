//! `matches`: the conditions of a route.

use gate_core::route::{Conditions, HeaderCondition, PathPattern, QueryCondition};

use super::Context;
use crate::fields::{Field, Fields};
use crate::model::At;
use crate::report::Code;
use crate::syntax::{Scalar, Value};
use crate::value::{header_name, host_pattern, is_header_value, method, path_pattern, regex, token};

pub(super) fn conditions(fields: &Fields<'_>, cx: &mut Context<'_>) -> Conditions {
    let mut conditions = Conditions::default();
    let exact = paths(fields, "path", cx);
    conditions.paths.extend(exact.into_iter().map(PathPattern::Exact));
    let prefixes = paths(fields, "path-prefix", cx);
    conditions.paths.extend(prefixes.into_iter().map(PathPattern::Prefix));
    for text in fields.texts("path-regex", cx.report) {
        match regex(text.value) {
            Ok(regex) => conditions.paths.push(PathPattern::Regex(regex)),
            Err(fault) => refuse_regex(text, &fault, cx),
        }
    }
    for text in fields.texts("host", cx.report) {
        match host_pattern(text.value) {
            Ok(host) => conditions.hosts.push(host),
            Err(fault) => {
                cx.report
                    .error(
                        Code::BadHost,
                        text.place,
                        format!("`{}` is not a host", text.value.escape_debug()),
                    )
                    .label(fault)
                    .help("hosts are like \"example.org\" or \"*.example.org\"");
            }
        }
    }
    for text in fields.texts("method", cx.report) {
        match method(text.value) {
            Ok(method) => conditions.methods.push(method),
            Err(meant) => {
                let help = match meant {
                    Some(meant) => format!("did you mean \"{meant}\"?"),
                    None => "methods are like \"GET\"".to_owned(),
                };
                cx.report
                    .error(
                        Code::BadField,
                        text.place,
                        format!("`{}` is not a method", text.value.escape_debug()),
                    )
                    .label("the case counts")
                    .help(help);
            }
        }
    }
    conditions.subprotocols.extend(tokens(fields, "subprotocol", cx));
    conditions.headers.extend(fields.all("header").iter().filter_map(|field| header(*field, cx)));
    let query = fields.all("query-param").iter().filter_map(|field| pair(*field, cx));
    conditions.query.extend(query.map(|(name, value)| QueryCondition {
        name: name.value.to_owned(),
        value: value.map(|value| value.value.to_owned()),
    }));
    conditions
}

/// Tokens of HTTP, each once.
pub(super) fn tokens(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    for text in fields.texts(name, cx.report) {
        if !token(text.value) {
            cx.report
                .error(Code::BadField, text.place, format!("`{}` is not a token", text.value.escape_debug()))
                .label("cannot stand in a list of HTTP")
                .help("tokens have letters of ASCII, digits, and !#$%&'*+-.^_`|~");
        } else if tokens.iter().any(|other| other == text.value) {
            cx.report
                .error(Code::DuplicateValue, text.place, format!("`{}` is named twice", text.value))
                .label("for the second time")
                .help("keep one of them");
        } else {
            tokens.push(text.value.to_owned());
        }
    }
    tokens
}

fn paths(fields: &Fields<'_>, name: &str, cx: &mut Context<'_>) -> Vec<String> {
    let mut paths = Vec::new();
    for text in fields.texts(name, cx.report) {
        match path_pattern(text.value) {
            Ok(path) => paths.push(path),
            Err((why, help)) => {
                cx.report
                    .error(Code::BadPath, text.place, format!("`{}` fits no path", text.value.escape_debug()))
                    .label(why)
                    .help(help);
            }
        }
    }
    paths
}

fn refuse_regex(text: At<&str>, fault: &regex::Error, cx: &mut Context<'_>) {
    let why = if let regex::Error::CompiledTooBig(limit) = fault {
        format!("it would need more than {limit} bytes when compiled")
    } else {
        fault.to_string()
    };
    cx.report.error(Code::BadRegex, text.place, "this regular expression cannot be used").help(why);
}

fn header(field: Field<'_>, cx: &mut Context<'_>) -> Option<HeaderCondition> {
    let (name, value) = pair(field, cx)?;
    if let Some(value) = value.as_ref().filter(|value| !is_header_value(value.value)) {
        cx.report
            .error(
                Code::BadField,
                value.place,
                format!("no field has the value `{}`", value.value.escape_debug()),
            )
            .label("not allowed in HTTP")
            .help("values of fields have no control characters");
    }
    match header_name(name.value) {
        Some(header) => {
            Some(HeaderCondition { name: header, value: value.map(|value| value.value.to_owned()) })
        }
        None => {
            cx.report
                .error(
                    Code::BadField,
                    name.place,
                    format!("`{}` is not the name of a field", name.value.escape_debug()),
                )
                .label("not allowed in HTTP")
                .help("names have letters of ASCII, digits, and !#$%&'*+-.^_`|~");
            None
        }
    }
}

/// A name and perhaps a value: two arguments, or `name=` and `value=`.
pub(super) fn pair<'a>(field: Field<'a>, cx: &mut Context<'_>) -> Option<(At<&'a str>, Option<At<&'a str>>)> {
    let kind = &field.name.text;
    let help =
        format!("write {kind} \"name\", {kind} \"name\" \"value\", or {kind} name=\"name\" value=\"value\"");
    let mut values: Vec<(&str, &Value)> = ["name", "value"].into_iter().zip(field.arguments).collect();
    if let Some(extra) = field.arguments.get(2) {
        cx.report
            .error(Code::ExtraValue, extra.place, format!("a `{kind}` has one name and one value"))
            .label("too much")
            .help(&*help);
    }
    for property in field.node.map(|node| &*node.properties).unwrap_or_default() {
        let name = &*property.name.text;
        if !matches!(name, "name" | "value") {
            cx.report
                .error(Code::UnknownKey, property.name.place, format!("unknown key `{name}` in `{kind}`"))
                .label("not known here")
                .help(&*help);
        } else if values.iter().any(|(other, _)| *other == name) {
            cx.report
                .error(Code::RepeatedKey, property.name.place, format!("`{name}` stands twice in `{kind}`"))
                .label("for the second time")
                .help(&*help);
        } else {
            values.push((name, &property.value));
        }
    }
    if let Some(node) = field.node.filter(|node| node.children.is_some()) {
        cx.report
            .error(Code::WrongType, node.head(), format!("`{kind}` is no block"))
            .label("a block stands behind it")
            .help(&*help);
    }
    let mut texts = HeldPair::default();
    for (which, value) in values {
        let Scalar::Text(text) = &value.scalar else {
            cx.report
                .error(Code::WrongType, value.place, format!("`{kind}` has a value of the wrong type"))
                .label("not a text")
                .help(&*help);
            return None;
        };
        let text = At { value: &**text, place: value.place };
        if which == "name" { texts.name = Some(text) } else { texts.value = Some(text) }
    }
    if texts.name.as_ref().is_none_or(|name| name.value.is_empty()) {
        cx.report
            .error(Code::MissingValue, field.place(), format!("this `{kind}` has no name"))
            .label("a name belongs behind it")
            .help(help);
        return None;
    }
    Some((texts.name?, texts.value))
}

#[derive(Default)]
struct HeldPair<'a> {
    name: Option<At<&'a str>>,
    value: Option<At<&'a str>>,
}
