//! Reads limits of connections, wherever they stand, and `rate-limit`.

use std::time::Duration;

use gate_core::rate::{Metered, Rate};

use crate::fields::{Field, Fields, block_node, get};
use crate::model::{At, ConnectionLimits, Place, RateKey, RateLimit};
use crate::report::{Code, Report};
use crate::schema::{Key, RATE_LIMIT};
use crate::syntax::{Scalar, Value};
use crate::value::{count_rate, header_name, size_rate, token};
use crate::words::Exceeding;

/// `max-connections` and the like; `defaults` hold where nothing stands.
pub(super) fn connections(
    fields: &Fields<'_>,
    defaults: ConnectionLimits,
    report: &mut Report,
) -> ConnectionLimits {
    let limits = ConnectionLimits {
        all: fields.number("max-connections", report).unwrap_or(defaults.all),
        per_address: fields.number("max-connections-per-ip", report).unwrap_or(defaults.per_address),
        rate: connection_rate(fields, "connection-rate", report),
        rate_per_address: connection_rate(fields, "connection-rate-per-ip", report),
    };
    let place = |name: &str| fields.one(name).map_or(fields.place, |field| field.place());
    if limits.all > 0 && limits.per_address > limits.all {
        report
            .warn(
                Code::Useless,
                place("max-connections-per-ip"),
                format!("`max-connections-per-ip` is above `max-connections`, which is {}", limits.all),
            )
            .label("is never reached")
            .help("make it smaller, or remove it");
    }
    if let (Some(all), Some(each)) = (limits.rate, limits.rate_per_address)
        && is_never_slower(each, all)
    {
        report
            .warn(
                Code::Useless,
                place("connection-rate-per-ip"),
                "`connection-rate-per-ip` allows all that `connection-rate` does",
            )
            .label("is never reached")
            .help("make it smaller, or remove it");
    }
    limits
}

/// Whether whatever `other` lets pass passes `rate` too.
fn is_never_slower(rate: Rate, other: Rate) -> bool {
    let in_a_time = |rate: Rate, per: Duration| u128::from(rate.tokens).saturating_mul(per.as_nanos());
    rate.burst >= other.burst && in_a_time(rate, other.per) >= in_a_time(other, rate.per)
}

/// `connection-rate "10/s" burst=20`; 0 is none.
fn connection_rate(fields: &Fields<'_>, name: &str, report: &mut Report) -> Option<Rate> {
    let field = fields.one(name)?;
    let key = fields.block.key(name)?;
    let value = field.only_argument("write connection-rate \"10/s\" burst=20", report);
    if value.is_none() {
        get::missing_value(key, field, report);
    }
    let burst = burst(key, field, report);
    rate(key, value?, Unit::Count, burst, report)
}

/// The only thing that may stand behind a rate.
fn burst(key: &Key, field: Field<'_>, report: &mut Report) -> Option<u64> {
    let node = field.node?;
    if node.children.is_some() {
        report
            .error(Code::WrongType, node.head(), format!("`{}` is no block", key.name))
            .label("a block stands behind it")
            .help("write burst= behind the rate");
    }
    let mut burst = None;
    for property in &node.properties {
        match (&*property.name.text, &property.value.scalar) {
            ("burst", Scalar::Integer(number)) => match u64::try_from(*number) {
                Ok(number @ 1..) => burst = Some(number),
                Ok(0) | Err(_) => {
                    report
                        .error(Code::OutOfRange, property.value.place, format!("`burst` cannot be {number}"))
                        .label("nothing would ever pass")
                        .help("it must be at least 1");
                }
            },
            ("burst", _) => {
                report
                    .error(Code::WrongType, property.value.place, "`burst` has a value of the wrong type")
                    .label("not a whole number")
                    .help("write burst=20");
            }
            (other, _) => {
                report
                    .error(Code::ExtraValue, property.name.place, format!("`{}` has no `{other}`", key.name))
                    .label("too much")
                    .help("there is: burst");
            }
        }
    }
    burst
}

/// What a rate counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Count,
    Bytes,
}

/// A number for each second, or a text; 0 is none. Without a burst it is what comes in one period.
fn rate(key: &Key, value: &Value, unit: Unit, burst: Option<u64>, report: &mut Report) -> Option<Rate> {
    let (tokens, per) = match &value.scalar {
        Scalar::Text(text) => {
            let read = match unit {
                Unit::Count => count_rate(text),
                Unit::Bytes => size_rate(text),
            };
            match read {
                Ok(read) => read,
                Err(fault) => {
                    let help = match unit {
                        Unit::Count => {
                            "a rate is like \"10/s\", \"600/m\", \"5/10s\", or a number for each second"
                        }
                        Unit::Bytes => {
                            "a rate of bytes is like \"1MB/s\", \"64KB/m\", or a size for each second"
                        }
                    };
                    report
                        .error(Code::BadRate, value.place, format!("`{}` is not a rate", text.escape_debug()))
                        .label(fault)
                        .help(help);
                    return None;
                }
            }
        }
        Scalar::Integer(_) => (get::number(key, value, report)?, Duration::from_secs(1)),
        Scalar::Float(_) | Scalar::Bool(_) | Scalar::Null => return get::wrong_type(key, value, report),
    };
    (tokens > 0).then(|| Rate { tokens, per, burst: burst.unwrap_or(tokens) })
}

/// A rate of things that are counted, with its `burst`; `None`: there is none.
pub(super) fn count_of(fields: &Fields<'_>, name: &str, report: &mut Report) -> Option<Rate> {
    let (key, value) = fields.scalar(name, report)?;
    let burst = fields.number("burst", report);
    rate(key, value, Unit::Count, burst, report)
}

/// All `rate-limit` blocks.
pub(super) fn rate_limits(fields: &Fields<'_>, report: &mut Report) -> Vec<RateLimit> {
    let mut limits = Vec::new();
    for field in fields.all("rate-limit") {
        let Some(node) = block_node(*field, report) else { continue };
        if let Some(value) = node.arguments.first() {
            report
                .error(Code::ExtraValue, value.place, "nothing stands between `rate-limit` and its block")
                .label("too much")
                .help("write rate-limit { messages 100 }");
        }
        limits.extend(rate_limit(&Fields::of(&RATE_LIMIT, &[node], report), report));
    }
    limits
}

const COUNTED: [(&str, Metered, Unit); 4] = [
    ("messages", Metered::Messages, Unit::Count),
    ("frames", Metered::Frames, Unit::Count),
    ("bytes", Metered::Bytes, Unit::Bytes),
    ("control-frames", Metered::ControlFrames, Unit::Count),
];

fn rate_limit(fields: &Fields<'_>, report: &mut Report) -> Option<RateLimit> {
    let (burst, burst_bytes) = (fields.number("burst", report), fields.size("burst-bytes", report));
    let mut rates = Vec::new();
    let mistakes = report.mistakes();
    for (name, of, unit) in COUNTED {
        let Some((key, value)) = fields.scalar(name, report) else { continue };
        let burst = if unit == Unit::Bytes { burst_bytes } else { burst };
        rates.extend(rate(key, value, unit, burst, report).map(|rate| (of, rate)));
    }
    let limit = RateLimit {
        per: per(fields, report).unwrap_or(RateKey::Connection),
        from: fields.word("from", report).map(|word| word.value).unwrap_or_default(),
        on_exceed: fields
            .word("on-exceed", report)
            .map(|At { value: Exceeding(word), .. }| word)
            .unwrap_or_default(),
        rates,
    };
    if limit.rates.is_empty() {
        if report.mistakes() == mistakes {
            report
                .error(Code::Incomplete, fields.place, "this `rate-limit` limits nothing")
                .label("no rate, or only 0")
                .help("add `messages`, `frames`, `bytes` or `control-frames`");
        }
        return None;
    }
    judge(&limit, fields, report);
    Some(limit)
}

/// Warns of what cannot have been meant.
fn judge(limit: &RateLimit, fields: &Fields<'_>, report: &mut Report) {
    let bytes = limit.rates.iter().find(|(of, _)| *of == Metered::Bytes);
    let counts = limit.rates.iter().any(|(of, _)| *of != Metered::Bytes);
    let mut is_useless = |name: &str, missing: &str| {
        if let Some(field) = fields.one(name) {
            report
                .warn(Code::Useless, field.place(), format!("`{name}` has no effect without {missing}"))
                .label("nothing to hold")
                .help(format!("add {missing}, or remove it"));
        }
    };
    if bytes.is_none() {
        is_useless("burst-bytes", "`bytes`");
    }
    if !counts {
        is_useless("burst", "`messages`, `frames` or `control-frames`");
    }
    if let Some((_, rate)) = bytes
        && rate.burst < SMALL
    {
        let place = fields
            .one("burst-bytes")
            .or_else(|| fields.one("bytes"))
            .map_or(fields.place, |field| field.place());
        report
            .warn(Code::Useless, place, format!("the bucket of `bytes` holds no more than {}", rate.burst))
            .label("nearly every message empties it")
            .help("a larger `burst-bytes` lets messages pass as fast as `bytes` says");
    }
}

/// The largest payload of a frame with the shortest header; many a message has as much.
const SMALL: u64 = 126;

fn per(fields: &Fields<'_>, report: &mut Report) -> Option<RateKey> {
    let text = fields.text("per", report)?;
    let key = match text.value.split_once(':') {
        None => match text.value {
            "connection" => Some(RateKey::Connection),
            "ip" | "client-ip" => Some(RateKey::Address),
            "route" => Some(RateKey::Route),
            _ => None,
        },
        Some(("header", name)) => header_name(name).map(RateKey::Header),
        Some(("cookie", name)) if token(name) => Some(RateKey::Cookie(name.to_owned())),
        Some(("query", name)) if !name.is_empty() => Some(RateKey::Query(name.to_owned())),
        Some(_) => None,
    };
    if key.is_none() {
        refuse_key(text, report);
    }
    key
}

fn refuse_key(text: At<&str>, report: &mut Report) {
    let place: Place = text.place;
    report
        .error(Code::UnknownWord, place, format!("`per` knows no `{}`", text.value.escape_debug()))
        .label("not something that sessions have in common")
        .help("there are: connection, ip, route, header:Name, query:name, cookie:name");
}
