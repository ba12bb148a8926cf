//! A key that its block does not know: what may have been meant.

use super::within;
use crate::nearest::{nearest, very_near};
use crate::report::{Code, Report};
use crate::schema::{Block, Form, Status, TOP};
use crate::syntax::Name;

/// Reports it. What this block knows under nearly the same name goes before what others know under the
/// very name, and that before what is merely like it.
pub(super) fn refuse(block: &'static Block, name: &Name, report: &mut Report) {
    let text = &*name.text;
    // Looking for what was meant takes time that a list of hundreds of mistakes is not worth.
    let is_counted_only = report.is_full();
    let finding =
        report.error(Code::UnknownKey, name.place, format!("unknown key `{text}` {}", within(block)));
    if is_counted_only {
        return;
    }
    let own = |near: &str| format!("did you mean `{near}`?");
    let help = very_near(text, names(block))
        .map(own)
        .or_else(|| home(text))
        .or_else(|| nearest(text, names(block)).map(own))
        .or_else(|| like_elsewhere(text))
        .unwrap_or_else(|| all_of(block));
    finding.label("not known here").help(help);
}

fn names(block: &'static Block) -> impl Iterator<Item = &'static str> {
    block.keys.iter().filter(|key| key.status != Status::Later).map(|key| key.name)
}

/// The blocks that know the very name.
fn home(text: &str) -> Option<String> {
    let homes: Vec<_> = blocks().into_iter().filter(|block| names(block).any(|name| name == text)).collect();
    let shown: Vec<_> = homes.iter().take(HOMES_SHOWN).map(|block| title(block)).collect();
    let more = match homes.len().saturating_sub(HOMES_SHOWN) {
        0 => String::new(),
        more => format!(", and of {more} other blocks"),
    };
    (!shown.is_empty()).then(|| format!("it is a key of {}{more}", shown.join(", ")))
}

/// A block that knows a like name.
fn like_elsewhere(text: &str) -> Option<String> {
    let near = nearest(text, blocks().into_iter().flat_map(names))?;
    let home = blocks().into_iter().find(|block| names(block).any(|name| name == near))?;
    Some(format!("did you mean `{near}`, a key of {}?", title(home)))
}

/// What the block knows; of many keys the page that lists them.
fn all_of(block: &'static Block) -> String {
    let all: Vec<_> = names(block).collect();
    if all.len() <= KEYS_SHOWN {
        return format!("there are: {}", all.join(", "));
    }
    let shown = all.iter().take(KEYS_SHOWN).copied().collect::<Vec<_>>().join(", ");
    let more = all.len() - KEYS_SHOWN;
    format!("there are: {shown}, and {more} others, all of them in docs/configuration.md")
}

/// All blocks that there are, each once.
fn blocks() -> Vec<&'static Block> {
    let mut found: Vec<&'static Block> = Vec::new();
    let mut waiting: Vec<&'static Block> = vec![&TOP];
    while let Some(block) = waiting.pop() {
        if found.iter().any(|other| std::ptr::eq(*other, block)) {
            continue;
        }
        found.push(block);
        // The last one is taken next: blocks come in the order of the tables.
        waiting.extend(block.keys.iter().rev().filter_map(|key| match key.form {
            Form::Block(below) | Form::Named(below) | Form::Other(_, Some(below)) => Some(below),
            Form::Flag
            | Form::Count
            | Form::Integer(..)
            | Form::Size(..)
            | Form::Duration
            | Form::DurationOrSeconds
            | Form::Seconds(_)
            | Form::Millis(_)
            | Form::Text(_)
            | Form::Texts(_)
            | Form::Word(_)
            | Form::Other(_, None) => None,
        }));
    }
    // Some have one name in several places.
    found.sort_by_key(|block| block.name);
    found.dedup_by_key(|block| block.name);
    found
}

fn title(block: &Block) -> String {
    if block.name.is_empty() { "the top level".to_owned() } else { format!("`{}`", block.name) }
}

/// Of blocks that know a key, those that are named.
const HOMES_SHOWN: usize = 4;

/// Of keys, those that are listed where nothing is like what was written.
const KEYS_SHOWN: usize = 12;
