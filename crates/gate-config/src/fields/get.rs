//! Reads the values of settings by the forms of their tables. A value of the wrong form is
//! reported and counts as absent; nothing is guessed.

use std::time::Duration;

use super::{Field, Fields, refuse_later};
use crate::model::At;
use crate::report::{Code, Report};
use crate::schema::{Form, Key};
use crate::syntax::{Scalar, Value};
use crate::value::{self, DURATION_MAX, size};
use crate::words::{Meaning, Words, meaning, names};

impl<'a> Fields<'a> {
    /// A flag.
    pub(crate) fn flag(&self, name: &str, report: &mut Report) -> Option<bool> {
        let (key, value) = self.scalar(name, report)?;
        flag(key, value, report)
    }

    /// A count or an integer.
    pub(crate) fn number<T: TryFrom<u64>>(&self, name: &str, report: &mut Report) -> Option<T> {
        let (key, value) = self.scalar(name, report)?;
        T::try_from(number(key, value, report)?).ok()
    }

    /// A size in bytes.
    pub(crate) fn size(&self, name: &str, report: &mut Report) -> Option<u64> {
        let (key, value) = self.scalar(name, report)?;
        let Scalar::Text(text) = &value.scalar else { return number(key, value, report) };
        match size(text) {
            Ok(size) => in_range(key, i128::from(size), value, report),
            Err(fault) => {
                report
                    .error(Code::BadSize, value.place, format!("`{}` is not a size", text.escape_debug()))
                    .label(fault)
                    .help("a size is a number of bytes, or like \"64KB\", \"1MB\" or \"2GiB\"; KB and KiB are 1024 bytes");
                None
            }
        }
    }

    /// A duration in whatever unit the key has.
    pub(crate) fn duration(&self, name: &str, report: &mut Report) -> Option<Duration> {
        let (key, value) = self.scalar(name, report)?;
        duration(key, key.form, value, report)
    }

    /// A text.
    pub(crate) fn text(&self, name: &str, report: &mut Report) -> Option<At<&'a str>> {
        let (key, value) = self.scalar(name, report)?;
        text(key, value, report)
    }

    /// Texts; none if the setting does not stand.
    pub(crate) fn texts(&self, name: &str, report: &mut Report) -> Vec<At<&'a str>> {
        let Some((key, found)) = self.row(name) else { return Vec::new() };
        let mut texts = Vec::new();
        for field in found {
            refuse_more(*field, report);
            if field.arguments.is_empty() {
                missing_value(key, *field, report);
            }
            texts.extend(field.arguments.iter().filter_map(|value| text(key, value, report)));
        }
        texts
    }

    /// One of the words of a type.
    pub(crate) fn word<W: Words>(&self, name: &str, report: &mut Report) -> Option<At<W>> {
        let (key, value) = self.scalar(name, report)?;
        word(key, value, report)
    }

    /// The only value of a setting, without properties or a block.
    pub(crate) fn scalar(&self, name: &str, report: &mut Report) -> Option<(&'static Key, &'a Value)> {
        let (key, found) = self.row(name)?;
        let field = *found.first()?;
        refuse_more(field, report);
        if let Some(extra) = field.arguments.get(1) {
            report
                .error(Code::ExtraValue, extra.place, format!("`{name}` has one value"))
                .label("too much")
                .help(format!("it takes {}", wanted(key)));
        }
        let value = field.arguments.first();
        let has_block = field.node.is_some_and(|node| node.children.is_some());
        if value.is_none() && !has_block {
            missing_value(key, field, report);
        }
        Some((key, value?))
    }
}

/// A flag.
pub(crate) fn flag(key: &Key, value: &Value, report: &mut Report) -> Option<bool> {
    match value.scalar {
        Scalar::Bool(flag) => Some(flag),
        Scalar::Text(_) | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Null => {
            wrong_type(key, value, report)
        }
    }
}

/// A duration in the unit of `form`.
pub(crate) fn duration(key: &Key, form: Form, value: &Value, report: &mut Report) -> Option<Duration> {
    match (&value.scalar, form) {
        (Scalar::Integer(0), Form::Duration) => Some(Duration::ZERO),
        (Scalar::Text(text), Form::Duration | Form::DurationOrSeconds) => match value::duration(text) {
            Ok(duration) => Some(duration),
            Err(fault) => {
                report
                    .error(
                        Code::BadDuration,
                        value.place,
                        format!("`{}` is not a duration", text.escape_debug()),
                    )
                    .label(fault)
                    .help("durations are like \"500ms\", \"30s\", \"5m\", \"12h\", \"2d\" or \"1h30m\"");
                None
            }
        },
        (_, Form::Duration) => wrong_type(key, value, report),
        (_, Form::Millis(_)) => number(key, value, report).map(Duration::from_millis),
        _ => number(key, value, report).map(Duration::from_secs),
    }
}

/// A text.
pub(crate) fn text<'a>(key: &Key, value: &'a Value, report: &mut Report) -> Option<At<&'a str>> {
    match &value.scalar {
        Scalar::Text(text) => Some(At { value: text, place: value.place }),
        Scalar::Bool(_) | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Null => {
            wrong_type(key, value, report)
        }
    }
}

/// One of the words of a type.
pub(crate) fn word<W: Words>(key: &Key, value: &Value, report: &mut Report) -> Option<At<W>> {
    let text = text(key, value, report)?;
    match meaning(text.value) {
        Meaning::Value(meant) => return Some(At { value: meant, place: text.place }),
        Meaning::Later => {
            let what = format!("`{} \"{}\"`", key.name, text.value);
            refuse_later(&what, text.place, report).help(format!("there are: {}", names::<W>().join(", ")));
        }
        Meaning::Unknown => {
            let known = names::<W>();
            let near = crate::nearest::nearest(text.value, known.iter().copied());
            let near = near.map(|near| format!("did you mean \"{near}\"? ")).unwrap_or_default();
            report
                .error(
                    Code::UnknownWord,
                    text.place,
                    format!("`{}` knows no `{}`", key.name, text.value.escape_debug()),
                )
                .label("not a word that it knows")
                .help(format!("{near}there are: {}", known.join(", ")));
        }
    }
    None
}

/// A whole number within the bounds of the key.
pub(crate) fn number(key: &Key, value: &Value, report: &mut Report) -> Option<u64> {
    match value.scalar {
        Scalar::Integer(number) => in_range(key, number, value, report),
        Scalar::Text(_) | Scalar::Bool(_) | Scalar::Float(_) | Scalar::Null => wrong_type(key, value, report),
    }
}

fn in_range(key: &Key, number: i128, value: &Value, report: &mut Report) -> Option<u64> {
    let (least, most) = bounds(key.form);
    match u64::try_from(number) {
        Ok(number) if (least..=most).contains(&number) => Some(number),
        _ => {
            let upper = if most == u64::MAX { String::new() } else { format!(" and at most {most}") };
            report
                .error(Code::OutOfRange, value.place, format!("`{}` cannot be {number}", key.name))
                .label("out of range")
                .help(format!("it must be at least {least}{upper}"));
            None
        }
    }
}

fn bounds(form: Form) -> (u64, u64) {
    match form {
        Form::Integer(least, most) | Form::Size(least, most) => (least, most),
        Form::Seconds(least) => (least, DURATION_MAX.as_secs()),
        Form::DurationOrSeconds => (0, DURATION_MAX.as_secs()),
        Form::Millis(least) => (least, DURATION_MAX.as_secs() * 1000),
        Form::Flag
        | Form::Count
        | Form::Duration
        | Form::Text(_)
        | Form::Texts(_)
        | Form::Word(_)
        | Form::Block(_)
        | Form::Named(_)
        | Form::Other(..) => (0, u64::MAX),
    }
}

/// Reports a value of the wrong type.
pub(crate) fn wrong_type<T>(key: &Key, value: &Value, report: &mut Report) -> Option<T> {
    let found = match value.scalar {
        Scalar::Text(_) => "a text",
        Scalar::Integer(_) => "a whole number",
        Scalar::Float(_) => "a number that is not whole",
        Scalar::Bool(_) => "a flag",
        Scalar::Null => "null",
    };
    let help = match meant(key.form, &value.scalar) {
        Some(meant) => format!("write {} {meant}", key.name),
        None => format!("it takes {}", wanted(key)),
    };
    report
        .error(Code::WrongType, value.place, format!("`{}` has a value of the wrong type", key.name))
        .label(format!("this is {found}"))
        .help(help);
    None
}

/// The value that was meant, if only its spelling is that of another type.
fn meant(form: Form, scalar: &Scalar) -> Option<String> {
    match (form, scalar) {
        (Form::Flag, Scalar::Text(text)) => matches!(&**text, "true" | "false").then(|| text.clone()),
        (Form::Count | Form::Integer(..), Scalar::Text(text)) => {
            text.parse::<u64>().ok().map(|number| number.to_string())
        }
        (Form::Seconds(_), Scalar::Text(text)) => {
            value::duration(text).ok().map(|duration| duration.as_secs().to_string())
        }
        (Form::Millis(_), Scalar::Text(text)) => {
            value::duration(text).ok().map(|duration| duration.as_millis().to_string())
        }
        (Form::Duration, Scalar::Integer(number)) => Some(format!("\"{number}s\"")),
        (Form::Text(_) | Form::Texts(_) | Form::Word(_), Scalar::Integer(number)) => {
            Some(format!("\"{number}\""))
        }
        (Form::Text(_) | Form::Texts(_) | Form::Word(_), Scalar::Float(number)) => {
            Some(format!("\"{number}\""))
        }
        _ => None,
    }
}

/// Reports a setting without its value.
pub(crate) fn missing_value(key: &Key, field: Field<'_>, report: &mut Report) {
    report
        .error(Code::MissingValue, field.name.place, format!("`{}` has no value", key.name))
        .label("a value belongs behind it")
        .help(format!("it takes {}", wanted(key)));
}

/// Refuses properties and a block behind a setting that has values only.
pub(crate) fn refuse_more(field: Field<'_>, report: &mut Report) {
    let Some(node) = field.node else { return };
    let name = &node.name.text;
    if let Some(property) = node.properties.first() {
        report
            .error(Code::ExtraValue, property.name.place, format!("`{name}` has no `{}`", property.name.text))
            .label("too much")
            .help(format!("values stand behind `{name}` without names"));
    }
    if node.children.is_some() {
        report
            .error(Code::WrongType, node.head(), format!("`{name}` is no block"))
            .label("a block stands behind it")
            .help(format!("values stand behind `{name}` on the same line"));
    }
}

/// What a key needs, in words.
fn wanted(key: &Key) -> String {
    match key.form {
        Form::Flag => "true or false".to_owned(),
        Form::Count | Form::Integer(..) => "a whole number".to_owned(),
        Form::Size(..) => "a number of bytes, or a size like \"64KB\"".to_owned(),
        Form::Duration => "a duration like \"30s\"".to_owned(),
        Form::DurationOrSeconds => "a duration like \"30s\", or whole seconds".to_owned(),
        Form::Seconds(_) => "whole seconds".to_owned(),
        Form::Millis(_) => "whole milliseconds".to_owned(),
        Form::Text(what) => format!("a text ({what})"),
        Form::Texts(what) => format!("one text or several ({what})"),
        Form::Word(names) => format!("one of: \"{}\"", names().join("\", \"")),
        Form::Block(_) | Form::Named(_) => "a block".to_owned(),
        Form::Other(what, _) => what.replace('`', ""),
    }
}
