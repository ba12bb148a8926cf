//! JSON-RPC 2.0: what of a body is a call, and how calls are answered. Which methods there are is
//! for whoever carries them out.
//!
//! An id is answered as it was written. A call without one is a notification, which is carried out
//! and not answered, whatever comes of it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Calls in one batch.
const BATCH_MAX: usize = 100;

/// A call that can be carried out.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    pub(super) params: Params,
}

/// What is said to a method.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Params {
    #[default]
    None,
    /// By their order.
    Ordered(Vec<Value>),
    Named(Map<String, Value>),
}

impl Params {
    /// The values of the parameters that a method has, each of which may be missing.
    ///
    /// # Errors
    /// There is one that the method has not.
    pub(super) fn of<const N: usize>(self, names: [&str; N]) -> Result<[Option<Value>; N], Error> {
        let mut values = names.map(|_| None);
        match self {
            Self::None => {}
            Self::Ordered(given) if given.len() > N => {
                return Err(Error::params("Too few or too many parameters"));
            }
            Self::Ordered(given) => {
                for (slot, value) in values.iter_mut().zip(given) {
                    *slot = Some(value);
                }
            }
            Self::Named(mut given) => {
                for (slot, name) in values.iter_mut().zip(names) {
                    *slot = given.remove(name);
                }
                if !given.is_empty() {
                    return Err(Error::params("Named parameters do not match"));
                }
            }
        }
        Ok(values)
    }
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Error {
    pub(super) code: i32,
    message: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'static str>,
}

impl Error {
    /// The body is no JSON.
    const PARSE: Self = Self { code: -32700, message: "Parse error", data: None };
    /// There is no method of that name.
    pub(super) const NO_METHOD: Self = Self { code: -32601, message: "Method not found", data: None };

    /// The parameters are not those of the method.
    pub(super) const fn params(data: &'static str) -> Self {
        Self { code: -32602, message: "Invalid params", data: Some(data) }
    }

    /// The method itself has something against it.
    pub(super) const fn server(message: &'static str, data: &'static str) -> Self {
        Self { code: 500, message, data: Some(data) }
    }

    const fn request(data: &'static str) -> Self {
        Self { code: -32600, message: "Invalid Request", data: Some(data) }
    }
}

/// What a method answers.
pub(super) type Outcome = Result<Box<RawValue>, Error>;

/// The answer to a body; `None`: there were notifications alone.
pub(super) fn answer(body: &[u8], mut carry_out: impl FnMut(Call) -> Outcome) -> Option<String> {
    let Ok(whole) = serde_json::from_slice::<&RawValue>(body) else {
        return Some(failed(&Error::PARSE, NULL));
    };
    if !whole.get().starts_with('[') {
        return one(whole.get(), &mut carry_out);
    }
    // That it is an array was seen, and that it is JSON before that.
    let calls: Vec<&RawValue> = serde_json::from_str(whole.get()).unwrap_or_default();
    let refused = match calls.len() {
        0 => Some("an empty batch asks for nothing"),
        1..=BATCH_MAX => None,
        _ => Some("a batch has at most 100 calls"),
    };
    if let Some(why) = refused {
        return Some(failed(&Error::request(why), NULL));
    }
    let answers: Vec<String> = calls.iter().filter_map(|call| one(call.get(), &mut carry_out)).collect();
    (!answers.is_empty()).then(|| format!("[{}]", answers.join(",")))
}

fn one(text: &str, carry_out: &mut impl FnMut(Call) -> Outcome) -> Option<String> {
    match read(text) {
        Err((error, id)) => Some(failed(&error, id)),
        Ok((call, id)) => {
            let outcome = carry_out(call);
            let id = id?.get();
            Some(match outcome {
                Ok(result) => format!("{{\"jsonrpc\":\"2.0\",\"result\":{},\"id\":{id}}}", result.get()),
                Err(error) => failed(&error, id),
            })
        }
    }
}

/// The id of whoever cannot be told one.
const NULL: &str = "null";

fn failed(error: &Error, id: &str) -> String {
    // Numbers and texts always have a form in JSON.
    let error = serde_json::to_string(error).unwrap_or_default();
    format!("{{\"jsonrpc\":\"2.0\",\"error\":{error},\"id\":{id}}}")
}

/// The members of a call as they are written; what else there is has no meaning.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default, deserialize_with = "as_written")]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    params: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "as_written")]
    id: Option<&'a RawValue>,
}

/// A member that stands, be it `null`.
fn as_written<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(from).map(Some)
}

/// A call and the id to answer it under, if it is to be answered. With an error there is always an
/// id, be it `null`.
fn read(text: &str) -> Result<(Call, Option<&RawValue>), (Error, &str)> {
    // An array would be taken for the members in their order.
    if !text.starts_with('{') {
        return Err((Error::request("a call is an object"), NULL));
    }
    let members: Members<'_> =
        serde_json::from_str(text).map_err(|_| (Error::request("a member of a call stands once"), NULL))?;
    let id = match members.id {
        // A number, a text, or null.
        Some(id) if id.get().starts_with(['{', '[', 't', 'f']) => {
            return Err((Error::request("an id is a text or a number"), NULL));
        }
        id => id,
    };
    let refused = |why| (Error::request(why), id.map_or(NULL, RawValue::get));
    if text_of(members.jsonrpc).as_deref() != Some("2.0") {
        return Err(refused("jsonrpc is \"2.0\""));
    }
    let Some(method) = text_of(members.method) else { return Err(refused("method is a text")) };
    let params = members.params.map_or("null", RawValue::get);
    let params = match serde_json::from_str(params) {
        Ok(Value::Null) => Params::None,
        Ok(Value::Array(ordered)) => Params::Ordered(ordered),
        Ok(Value::Object(named)) => Params::Named(named),
        Ok(Value::Bool(_) | Value::Number(_) | Value::String(_)) | Err(_) => {
            return Err(refused("params is an object or an array"));
        }
    };
    Ok((Call { method, params }, id))
}

fn text_of(value: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(value?.get()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;

    use super::*;

    /// A method that tells what it was asked, but for `no`, which there is not.
    fn answer_of(body: &str) -> Option<String> {
        answer(body.as_bytes(), |Call { method, params }| match (&*method, params) {
            ("no", _) => Err(Error::NO_METHOD),
            (_, params) => Ok(to_raw_value(&format!("{method} {params:?}")).unwrap()),
        })
    }

    #[track_caller]
    fn check(body: &str, expected: &str) {
        assert_eq!(answer_of(body).as_deref(), Some(expected), "{body}");
    }

    #[test]
    fn a_call_is_answered_under_its_id_as_it_was_written() {
        for id in ["1", "\"a\\u0062\"", "null", "-1.50", "123456789012345678901234567890"] {
            check(
                &format!(r#"{{"jsonrpc": "2.0", "method": "m", "id": {id}}}"#),
                &format!(r#"{{"jsonrpc":"2.0","result":"m None","id":{id}}}"#),
            );
        }
        check(
            r#"  {"id":7,"params":["on"],"method":"m","jsonrpc":"2.0","more":{}}  "#,
            r#"{"jsonrpc":"2.0","result":"m Ordered([String(\"on\")])","id":7}"#,
        );
        check(
            r#"{"jsonrpc":"2.0","id":"7","method":"m","params":{}}"#,
            r#"{"jsonrpc":"2.0","result":"m Named({})","id":"7"}"#,
        );
        check(
            r#"{"jsonrpc":"2.0","id":1,"method":"no"}"#,
            r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":1}"#,
        );
    }

    #[test]
    fn a_notification_is_carried_out_and_not_answered() {
        let mut methods = Vec::new();
        let body = br#"[{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","method":"b"}]"#;
        let answered = answer(body, |call| {
            methods.push(call.method);
            Err(Error::NO_METHOD)
        });
        assert_eq!((answered, methods), (None, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(answer_of(r#"{"jsonrpc":"2.0","method":"no"}"#), None);
    }

    #[test]
    fn what_is_no_json_is_told_so() {
        for body in ["", "{", "[1", "nul", "{}{}", "{\"jsonrpc\": \"2.0\", \"method\"", "\u{0}"] {
            check(body, r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#);
        }
        assert!(answer(b"\"\xff\"", |_| unreachable!()).unwrap().contains("-32700"));
        // JSON may be nested deeper than anybody wants to look into.
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(answer_of(&deep).unwrap().contains("-32"), "{deep}");
    }

    #[test]
    fn what_is_json_and_no_call_is_told_so() {
        for (body, id, why) in [
            ("1", "null", "a call is an object"),
            ("null", "null", "a call is an object"),
            (r#"{"method":"m","id":1}"#, "1", r#"jsonrpc is \"2.0\""#),
            (r#"{"jsonrpc":2.0,"method":"m","id":1}"#, "1", r#"jsonrpc is \"2.0\""#),
            (r#"{"jsonrpc":"1.0","method":"m"}"#, "null", r#"jsonrpc is \"2.0\""#),
            (r#"{"jsonrpc":"2.0","id":"x"}"#, "\"x\"", "method is a text"),
            (r#"{"jsonrpc":"2.0","method":1}"#, "null", "method is a text"),
            (r#"{"jsonrpc":"2.0","method":"m","id":{}}"#, "null", "an id is a text or a number"),
            (r#"{"jsonrpc":"2.0","method":"m","id":true}"#, "null", "an id is a text or a number"),
            (r#"{"jsonrpc":"2.0","method":"m","params":"on"}"#, "null", "params is an object or an array"),
            (r#"{"jsonrpc":"2.0","method":"m","method":"n"}"#, "null", "a member of a call stands once"),
            ("[]", "null", "an empty batch asks for nothing"),
        ] {
            let data = format!(r#""data":"{why}""#);
            let error = format!(r#"{{"code":-32600,"message":"Invalid Request",{data}}}"#);
            check(body, &format!(r#"{{"jsonrpc":"2.0","error":{error},"id":{id}}}"#));
        }
    }

    #[test]
    fn each_call_of_a_batch_is_answered_by_itself() {
        let call = r#"{"jsonrpc":"2.0","method":"m","id":1}"#;
        let answered =
            answer_of(&format!(r#"[{call}, 5, ["2.0","m",null,2], {{"jsonrpc":"2.0","method":"m"}}]"#));
        let answers: Vec<Value> = serde_json::from_str(&answered.unwrap()).unwrap();
        let codes: Vec<_> = answers.iter().map(|answer| answer["error"]["code"].as_i64()).collect();
        assert_eq!(codes, [None, Some(-32600), Some(-32600)]);
        let many = |count| format!("[{}]", vec![call; count].join(","));
        let answers: Vec<Value> = serde_json::from_str(&answer_of(&many(BATCH_MAX)).unwrap()).unwrap();
        assert_eq!(answers.len(), BATCH_MAX);
        assert!(answer_of(&many(BATCH_MAX + 1)).unwrap().starts_with(r#"{"jsonrpc":"2.0","error":"#));
    }

    #[test]
    fn parameters_are_found_by_name_or_by_order() {
        let text = |text: &str| Some(Value::from(text));
        let named = |json: &str| Params::Named(serde_json::from_str(json).unwrap());
        let ordered = |given: &[&str]| Params::Ordered(given.iter().copied().map(Value::from).collect());
        assert_eq!(Params::None.of(["a"]), Ok([None]));
        assert_eq!(ordered(&[]).of(["a"]), Ok([None]));
        assert_eq!(ordered(&["1"]).of(["a", "b"]), Ok([text("1"), None]));
        assert_eq!(named(r#"{"b":"2"}"#).of(["a", "b"]), Ok([None, text("2")]));
        assert_eq!(ordered(&["1", "2"]).of(["a"]), Err(Error::params("Too few or too many parameters")));
        assert_eq!(
            named(r#"{"a":"1","c":"2"}"#).of(["a"]),
            Err(Error::params("Named parameters do not match"))
        );
    }
}
