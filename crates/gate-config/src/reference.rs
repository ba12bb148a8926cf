//! The reference page: every setting, printed from the tables that the readers use.

use std::fmt::{self, Write};

use crate::schema::{Block, Fallback, Form, Key, Repeats, Status, TOP};

/// The Markdown page of every setting: a section for each block, in the order of the tables.
#[must_use]
pub fn reference() -> String {
    let mut page = String::new();
    section(&TOP, &[], &mut Vec::new(), &mut page).expect("writing to a String does not fail");
    page
}

/// A block, then those within it. Blocks that stand in several places are told of once.
fn section(
    block: &'static Block,
    above: &[&str],
    told: &mut Vec<&'static Block>,
    page: &mut String,
) -> fmt::Result {
    if told.iter().any(|other| std::ptr::eq(*other, block)) {
        return Ok(());
    }
    told.push(block);
    let mut path = above.to_vec();
    if !block.name.is_empty() {
        path.push(block.name);
    }
    let title = if path.is_empty() { "Top level".to_owned() } else { format!("`{}`", path.join(" › ")) };
    writeln!(page, "### {title}\n\n{}\n", block.about)?;
    let keys: Vec<_> = block.keys.iter().filter(|key| key.status != Status::Later).collect();
    writeln!(page, "| key | type | default | meaning |\n|---|---|---|---|")?;
    for key in keys {
        writeln!(page, "| `{}` | {} | {} | {} |", key.name, form(key), default(key), meaning(key))?;
    }
    let later: Vec<_> = block.keys.iter().filter(|key| key.status == Status::Later).collect();
    if !later.is_empty() {
        let names: Vec<_> = later.iter().map(|key| format!("`{}`", key.name)).collect();
        writeln!(page, "\nNot available yet: {}.", names.join(", "))?;
    }
    writeln!(page)?;
    for key in block.keys {
        if let Form::Block(below) | Form::Named(below) | Form::Other(_, Some(below)) = key.form {
            section(below, &path, told, page)?;
        }
    }
    Ok(())
}

fn form(key: &Key) -> String {
    let least = |least: u64| if least == 0 { String::new() } else { format!(", at least {least}") };
    let form = match key.form {
        Form::Flag => "`true` or `false`".to_owned(),
        Form::Count => "integer".to_owned(),
        Form::Integer(_, 0xffff_ffff) => "integer".to_owned(),
        Form::Integer(least, most) => format!("integer, {least} to {most}"),
        Form::Size(0, u64::MAX) => "size".to_owned(),
        Form::Size(least, most) => format!("size, {least} to {most} bytes"),
        Form::Duration => "duration".to_owned(),
        Form::DurationOrSeconds => "duration, or integer seconds".to_owned(),
        Form::Seconds(from) => format!("integer seconds{}", least(from)),
        Form::Millis(from) => format!("integer milliseconds{}", least(from)),
        Form::Text(what) => what.to_owned(),
        Form::Texts(what) => format!("{what}, one or several"),
        Form::Word(names) => names().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        Form::Block(_) => "block".to_owned(),
        Form::Named(_) => "name, then a block".to_owned(),
        Form::Other(what, _) => what.to_owned(),
    };
    match key.repeats {
        Repeats::Often => format!("{form}; may repeat"),
        Repeats::Once | Repeats::Merged => form,
    }
}

fn default(key: &Key) -> String {
    match key.default {
        Fallback::Required => "**required**".to_owned(),
        Fallback::Value(value) => format!("`{value}`"),
        Fallback::Words(words) => words.to_owned(),
        Fallback::Nothing => "–".to_owned(),
    }
}

fn meaning(key: &Key) -> String {
    let alias = key.alias.map(|alias| format!(" Also `{alias}`.")).unwrap_or_default();
    format!("{}{alias}", key.meaning)
}
