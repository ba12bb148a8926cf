//! Blocks whose keys belong to somebody else: read as JSON, whatever they are.

use serde_json::{Map, Number, Value as Json};

use super::Context;
use crate::report::Code;
use crate::syntax::{Node, Scalar, Value};

/// The object that the settings of a block are.
pub(super) fn object(node: &Node, cx: &mut Context<'_>) -> Json {
    let mut object = Map::new();
    for property in &node.properties {
        let value = scalar(&property.value, cx);
        put(&mut object, &property.name, value, cx);
    }
    for child in node.children.as_deref().unwrap_or_default() {
        let value = setting(child, cx);
        put(&mut object, &child.name, value, cx);
    }
    Json::Object(object)
}

/// Nothing behind a name is `true`, one value is itself, several are a list.
fn setting(node: &Node, cx: &mut Context<'_>) -> Json {
    let is_object = !node.properties.is_empty() || node.children.is_some();
    match (&*node.arguments, is_object) {
        ([], false) => Json::Bool(true),
        ([], true) => object(node, cx),
        ([value], false) => scalar(value, cx),
        (values, false) => Json::Array(values.iter().map(|value| scalar(value, cx)).collect()),
        ([first, ..], true) => {
            let message = format!("`{}` has both a value and settings of its own", node.name.text);
            cx.report
                .error(Code::ExtraValue, first.place, message)
                .label("a value")
                .help("keep one of them: it can be a value or an object, not both");
            Json::Null
        }
    }
}

fn scalar(value: &Value, cx: &mut Context<'_>) -> Json {
    let number = match &value.scalar {
        Scalar::Text(text) => return Json::String(text.clone()),
        Scalar::Bool(flag) => return Json::Bool(*flag),
        Scalar::Null => return Json::Null,
        Scalar::Integer(number) => Number::from_i128(*number),
        Scalar::Float(number) => Number::from_f64(*number),
    };
    number.map_or_else(
        || {
            cx.report
                .error(Code::OutOfRange, value.place, "JSON cannot have this number")
                .label("out of range")
                .help("whole numbers have 64 bits, others are finite; write it as a text");
            Json::Null
        },
        Json::Number,
    )
}

fn put(object: &mut Map<String, Json>, name: &crate::syntax::Name, value: Json, cx: &mut Context<'_>) {
    if object.insert(name.text.clone(), value).is_some() {
        cx.report
            .error(Code::RepeatedKey, name.place, format!("`{}` stands twice", name.text))
            .label("for the second time")
            .help("keep one of them; several values of one key stand behind one another");
    }
}
