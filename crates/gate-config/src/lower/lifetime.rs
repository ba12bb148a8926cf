//! Reads what ends a session though nobody does anything wrong: its age, its rest, and peers
//! that do not answer.

use std::sync::Arc;
use std::time::Duration;

use gate_core::{Age, Keepalive, Timeouts};
use ws_proto::CloseCode;

use crate::fields::{Fields, get};
use crate::report::{Code, Report};
use crate::schema::{Form, Key, MAX_AGE};
use crate::words::Pinged;

/// Bytes of a Close frame that are left to the reason (RFC 6455 §5.5.1).
const REASON_MAX: usize = 123;

/// `max-age "12h" { … }`; 0 is none.
pub(super) fn age(websocket: &Fields<'_>, report: &mut Report) -> Age {
    let defaults = Age::default();
    let (Some(field), Some(key)) = (websocket.one("max-age"), websocket.block.key("max-age")) else {
        return defaults;
    };
    let value = field.only_argument("write max-age \"12h\", or max-age \"12h\" { … }", report);
    if value.is_none() {
        get::missing_value(key, field, report);
    }
    let key = &Key { form: Form::Duration, ..*key };
    let max = value.and_then(|value| get::duration(key, Form::Duration, value, report));
    let max = max.unwrap_or(defaults.max);
    let Some(node) = field.node else { return Age { max, ..defaults } };
    let fields = Fields::of(&MAX_AGE, &[node], report);
    let jitter = fields.duration("jitter", report).unwrap_or(defaults.jitter);
    if jitter >= max && !max.is_zero() {
        let place = fields.one("jitter").map_or(fields.place, |field| field.place());
        report
            .error(Code::Conflict, place, "`jitter` is not shorter than `max-age`")
            .label("sessions could end as they begin")
            .help("it is how much earlier than at `max-age` a session may end");
    }
    Age {
        max,
        jitter,
        code: close_code(&fields, "code", report).unwrap_or(defaults.code),
        reason: close_reason(&fields, "reason", report).unwrap_or(defaults.reason),
    }
}

/// `idle-timeout-secs` and what it counts.
pub(super) fn idle(fields: &Fields<'_>, defaults: &Timeouts, report: &mut Report) -> (Duration, bool) {
    let timeout = fields.duration("idle-timeout-secs", report).unwrap_or(defaults.idle);
    let name = "idle-counts-control-frames";
    let counts_control = fields.flag(name, report).unwrap_or(defaults.idle_counts_control);
    if timeout.is_zero() {
        refuse_without(fields, name, "idle-timeout-secs", report);
    }
    (timeout, counts_control)
}

/// `ping-interval-secs` and how its pings go, in sessions that are closed after so long a rest.
pub(super) fn keepalive(fields: &Fields<'_>, idle: Duration, report: &mut Report) -> Keepalive {
    let defaults = Keepalive::default();
    let keepalive = Keepalive {
        interval: fields.duration("ping-interval-secs", report).unwrap_or(defaults.interval),
        timeout: fields.duration("ping-timeout-secs", report).unwrap_or(defaults.timeout),
        to: fields.word("ping-to", report).map_or(defaults.to, |word| {
            let Pinged(to) = word.value;
            to
        }),
    };
    if !idle.is_zero() && keepalive.interval >= idle {
        let place = fields.one("ping-interval-secs").map_or(fields.place, |field| field.place());
        let warning = report.warn(
            Code::Useless,
            place,
            "where both peers are silent the session is closed as idle before the first ping",
        );
        warning.label("no less than `idle-timeout-secs`").help(
            "pings never keep a session from being idle: to keep silent sessions open, remove `idle-timeout-secs`; to find peers that are gone, ping more often",
        );
        if let Some(field) = fields.one("idle-timeout-secs") {
            warning.also(field.place(), "closes it");
        }
    }
    if keepalive.interval.is_zero() {
        for name in ["ping-timeout-secs", "ping-to"] {
            refuse_without(fields, name, "ping-interval-secs", report);
        }
    }
    keepalive
}

fn refuse_without(fields: &Fields<'_>, name: &str, other: &str, report: &mut Report) {
    if let Some(field) = fields.one(name) {
        report
            .warn(Code::Useless, field.place(), format!("`{name}` has no effect without `{other}`"))
            .label("has no effect")
            .help(format!("add `{other}`, or remove it"));
    }
}

/// The code of a Close frame.
pub(super) fn close_code(fields: &Fields<'_>, name: &str, report: &mut Report) -> Option<CloseCode> {
    let number = fields.number(name, report)?;
    let code = CloseCode::new(number);
    if code.is_none() {
        let place = fields.one(name).map_or(fields.place, |field| field.place());
        report
            .error(Code::OutOfRange, place, format!("a Close frame cannot have the code {number}"))
            .label("reserved")
            .help(
                "codes are 1000 to 1003, 1007 to 1014 and 3000 to 4999; 4000 and above are for applications",
            );
    }
    code
}

/// The reason in a Close frame.
pub(super) fn close_reason(fields: &Fields<'_>, name: &str, report: &mut Report) -> Option<Arc<str>> {
    let reason = fields.text(name, report)?;
    if reason.value.len() > REASON_MAX {
        report
            .error(Code::OutOfRange, reason.place, format!("this reason has {} bytes", reason.value.len()))
            .label("too long for a Close frame")
            .help(format!("a reason has at most {REASON_MAX} bytes"));
    }
    Some(reason.value.into())
}

#[cfg(test)]
mod tests {
    use gate_core::PingTo;

    use super::*;
    use crate::parse;

    fn policy(websocket: &str) -> (Arc<gate_core::Policy>, Vec<String>) {
        let text = format!(
            "listeners {{ listener \"a\" {{ address \"127.0.0.1:80\" }} }}\n\
             routes {{ route \"a\" {{ builtin-handler \"echo\"; websocket {{ {websocket} }} }} }}"
        );
        let loaded = parse("a.kdl", &text).expect("it is right");
        let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        (Arc::clone(&loaded.config.routes[0].websocket.policy), warnings)
    }

    #[test]
    fn an_age_may_have_a_block_or_none() {
        let (plain, _) = policy("max-age \"12h\"");
        assert_eq!(plain.age, Age { max: Duration::from_secs(12 * 3600), ..Age::default() });
        let (full, _) = policy("max-age \"1h\" { jitter \"5m\"; code 1012; reason \"later\" }");
        let expected = Age {
            max: Duration::from_secs(3600),
            jitter: Duration::from_secs(300),
            code: CloseCode::SERVICE_RESTART,
            reason: "later".into(),
        };
        assert_eq!(full.age, expected);
        assert_eq!(policy("max-age 0").0.age, Age::default());
        assert_eq!(policy("validate-utf8 true").0.age, Age::default());
    }

    #[test]
    fn pings_go_to_both_unless_one_is_named() {
        let (both, warnings) = policy("ping-interval-secs 30");
        assert_eq!(both.keepalive.interval, Duration::from_secs(30));
        assert_eq!((both.keepalive.timeout, both.keepalive.to), (Duration::from_secs(10), PingTo::Both));
        assert_eq!(warnings, [""; 0]);
        for (word, to) in [("client", PingTo::Client), ("upstream", PingTo::Upstream), ("both", PingTo::Both)]
        {
            let (one, _) = policy(&format!("ping-interval-secs 1; ping-timeout-secs 0; ping-to \"{word}\""));
            assert_eq!((one.keepalive.timeout, one.keepalive.to), (Duration::ZERO, to));
        }
    }

    #[test]
    fn what_belongs_to_something_that_is_off_is_told() {
        let (idle, warnings) = policy("idle-timeout-secs 60; idle-counts-control-frames true");
        assert_eq!((idle.timeouts.idle, idle.timeouts.idle_counts_control), (Duration::from_secs(60), true));
        assert_eq!(warnings, [""; 0]);
        for (setting, missing) in [
            ("idle-counts-control-frames true", "idle-timeout-secs"),
            ("ping-interval-secs 0; ping-timeout-secs 5", "ping-interval-secs"),
            ("ping-to \"client\"", "ping-interval-secs"),
        ] {
            let (_, warnings) = policy(setting);
            assert!(warnings.len() == 1 && warnings[0].contains(missing), "{setting}: {warnings:?}");
        }
    }
}
