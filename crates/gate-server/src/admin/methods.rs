//! The methods of the management interface, under the names that OpenSIPS has for them, so that its
//! tools can ask: whether and what is traced, which TLS domains there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::to_raw_value;

use crate::admin::Desk;
use crate::admin::jsonrpc::{Call, Error, Outcome, Params};
use crate::admin::setting::Setting;
use crate::trace::switches::{Switch, Switchboard, Wire};

/// What can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Trace(Wire),
    Traces,
    TlsDomains,
    Which,
}

/// All of them, each by the names that it has.
const METHODS: [(&[&str], Method); 5] = [
    (&["wss_trace", "wss:trace"], Method::Trace(Wire::Tls)),
    (&["ws_trace", "ws:trace"], Method::Trace(Wire::Plain)),
    (&["trace_list"], Method::Traces),
    (&["tls_list", "tls_mgm:list"], Method::TlsDomains),
    (&["which"], Method::Which),
];

/// The only parameter of the methods for traces.
const TRACE_MODE: &str = "trace_mode";
/// The only parameter of `which`.
const COMMAND: &str = "command";

/// Carries out a call. What it came to is added to `told`, in words for records.
pub(super) fn carry_out(desk: &Desk, setting: &Setting, call: Call, told: &mut String) -> Outcome {
    let Call { method, params } = call;
    let outcome = match known(&method) {
        None => Err(Error::NO_METHOD),
        Some(Method::Trace(wire)) => trace(&desk.switchboard, wire, params),
        Some(Method::Traces) => params.of([]).and_then(|[]| answer(&Traces::of(&desk.switchboard))),
        Some(Method::TlsDomains) => params.of([]).map(|[]| setting.domains.clone()),
        Some(Method::Which) => which(params),
    };
    if told.len() < TOLD_MAX {
        told.push_str(if told.is_empty() { "" } else { "; " });
        told.extend(method.chars().take(NAME_TOLD_MAX));
        told.push_str(": ");
        match &outcome {
            Ok(result) => told.extend(result.get().chars().take(NAME_TOLD_MAX)),
            Err(error) => told.push_str(&error.code.to_string()),
        }
    }
    outcome
}

/// Bytes that records tell of a body, or a little more.
const TOLD_MAX: usize = 300;
/// Characters of a name, or of an answer, that they tell.
const NAME_TOLD_MAX: usize = 40;

fn known(name: &str) -> Option<Method> {
    METHODS.iter().find(|(names, _)| names.contains(&name)).map(|(_, method)| *method)
}

fn answer(result: &impl Serialize) -> Outcome {
    // Texts, lists and flags always have a form in JSON.
    to_raw_value(result).map_err(|_| Error::server("Internal error", "the answer has no form in JSON"))
}

/// Without a mode: whether anything is traced. With one: all traces are switched.
fn trace(switchboard: &Switchboard, wire: Wire, params: Params) -> Outcome {
    let [mode] = params.of([TRACE_MODE])?;
    let Some(mode) = mode else {
        return answer(&BTreeMap::from([(wire_key(wire), on_or_off(switchboard.is_any_on(wire)))]));
    };
    let Value::String(mode) = mode else { return Err(Error::params("trace_mode should be a string")) };
    // What begins with the word is the word, whatever its case.
    let begins = |word: &str| mode.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word));
    let on = match (begins("on"), begins("off")) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => {
            return Err(Error::server("Bad parameter value", "trace_mode should be 'on' or 'off'"));
        }
    };
    if switchboard.set_all(wire, on) == 0 && on {
        return Err(Error::server("Nothing to switch on", "the configuration has no trace"));
    }
    answer(&"OK")
}

const fn wire_key(wire: Wire) -> &'static str {
    match wire {
        Wire::Plain => "WS tracing",
        Wire::Tls => "WSS tracing",
    }
}

const fn on_or_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The traces one by one.
#[derive(Serialize)]
struct Traces {
    #[serde(rename = "Traces")]
    traces: Vec<BTreeMap<&'static str, String>>,
}

impl Traces {
    fn of(switchboard: &Switchboard) -> Self {
        let running = switchboard.running();
        let told = |(name, switch): (&Arc<str>, &Arc<Switch>)| {
            let position = |wire| (wire_key(wire), on_or_off(switch.is_on(wire)).to_owned());
            BTreeMap::from([("name", name.to_string()), position(Wire::Plain), position(Wire::Tls)])
        };
        Self { traces: running.iter().map(told).collect() }
    }
}

/// All names, or the sets of parameters that one method takes.
fn which(params: Params) -> Outcome {
    let [command] = params.of([COMMAND])?;
    match command {
        None => {
            let names: Vec<&str> = METHODS.iter().flat_map(|(names, _)| names.iter().copied()).collect();
            answer(&names)
        }
        Some(Value::String(name)) => {
            let sets: &[&[&str]] = match known(&name) {
                None => {
                    return Err(Error::server("Unknown command", "`which` without a parameter names all"));
                }
                Some(Method::Trace(_)) => &[&[], &[TRACE_MODE]],
                Some(Method::Which) => &[&[], &[COMMAND]],
                Some(Method::Traces | Method::TlsDomains) => &[&[]],
            };
            answer(&sets)
        }
        Some(_) => Err(Error::params("command should be a string")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::jsonrpc;

    fn board(traces: &[(&str, bool)]) -> Switchboard {
        let board = Switchboard::default();
        let named = traces.iter().map(|(name, on)| (Arc::from(*name), Arc::new(Switch::new(*on))));
        board.put_in_place(named.collect());
        board
    }

    /// What a body with `params` for one of the trace methods is answered.
    fn ask(board: &Switchboard, wire: Wire, params: &str) -> String {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"wss_trace"{params}}}"#);
        jsonrpc::answer(body.as_bytes(), |call| trace(board, wire, call.params)).unwrap()
    }

    fn ok(result: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","result":{result},"id":1}}"#)
    }

    fn refused(error: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","error":{error},"id":1}}"#)
    }

    #[test]
    fn a_trace_is_switched_and_tells_its_position() {
        let board = board(&[("homer", false)]);
        let status = r#"{"WSS tracing":"off"}"#;
        assert_eq!(ask(&board, Wire::Tls, ""), ok(status));
        for (params, after) in [
            (r#","params":{"trace_mode":"on"}"#, "on"),
            (r#","params":["off"]"#, "off"),
            (r#","params":["Onwards"]"#, "on"),
            (r#","params":{"trace_mode":"OFFSIDE"}"#, "off"),
            (r#","params":["ON"]"#, "on"),
        ] {
            assert_eq!(ask(&board, Wire::Tls, params), ok("\"OK\""), "{params}");
            for status in ["", r#","params":[]"#, r#","params":{}"#] {
                let expected = ok(&format!(r#"{{"WSS tracing":"{after}"}}"#));
                assert_eq!(ask(&board, Wire::Tls, status), expected, "{params}");
            }
        }
        assert_eq!(ask(&board, Wire::Plain, ""), ok(r#"{"WS tracing":"off"}"#), "that one is another switch");
    }

    #[test]
    fn what_is_no_mode_switches_nothing() {
        let board = board(&[("homer", true)]);
        let mode =
            r#"{"code":500,"message":"Bad parameter value","data":"trace_mode should be 'on' or 'off'"}"#;
        let names = r#"{"code":-32602,"message":"Invalid params","data":"Named parameters do not match"}"#;
        let count = r#"{"code":-32602,"message":"Invalid params","data":"Too few or too many parameters"}"#;
        let text = r#"{"code":-32602,"message":"Invalid params","data":"trace_mode should be a string"}"#;
        for (params, error) in [
            (r#"["maybe"]"#, mode),
            (r#"[""]"#, mode),
            (r#"["o"]"#, mode),
            (r#"["öff"]"#, mode),
            (r#"{"trace_mode":"0ff"}"#, mode),
            (r#"{"mode":"off"}"#, names),
            (r#"{"trace_mode":"off","more":"1"}"#, names),
            (r#"["off","off"]"#, count),
            ("[0]", text),
            (r#"{"trace_mode":false}"#, text),
            ("[null]", text),
        ] {
            assert_eq!(ask(&board, Wire::Tls, &format!(r#","params":{params}"#)), refused(error), "{params}");
        }
        assert!(board.is_any_on(Wire::Tls));
    }

    #[test]
    fn where_there_is_no_trace_none_is_switched_on() {
        let board = Switchboard::default();
        assert_eq!(ask(&board, Wire::Tls, ""), ok(r#"{"WSS tracing":"off"}"#));
        assert_eq!(ask(&board, Wire::Tls, r#","params":["off"]"#), ok("\"OK\""));
        let error =
            r#"{"code":500,"message":"Nothing to switch on","data":"the configuration has no trace"}"#;
        assert_eq!(ask(&board, Wire::Tls, r#","params":["on"]"#), refused(error));
    }

    #[test]
    fn one_trace_that_is_on_is_tracing() {
        let board = board(&[("a", false), ("b", true)]);
        assert_eq!(ask(&board, Wire::Plain, ""), ok(r#"{"WS tracing":"on"}"#));
        board.set_all(Wire::Tls, false);
        let listed = answer(&Traces::of(&board)).unwrap();
        assert_eq!(
            listed.get(),
            r#"{"Traces":[{"WS tracing":"off","WSS tracing":"off","name":"a"},{"WS tracing":"on","WSS tracing":"off","name":"b"}]}"#
        );
    }

    #[test]
    fn every_name_leads_to_its_method() {
        let of = |text: &str| which(Params::Ordered(vec![text.into()])).map(|sets| sets.get().to_owned());
        for (names, method) in METHODS {
            for name in names {
                assert_eq!(known(name), Some(method));
                assert!(of(name).is_ok(), "{name}");
            }
        }
        assert_eq!(of("wss:trace").unwrap(), r#"[[],["trace_mode"]]"#);
        assert_eq!(of("tls_list").unwrap(), "[[]]");
        assert_eq!(of("bye").unwrap_err().code, 500);
        assert_eq!(known("WSS_TRACE"), None);
    }
}
