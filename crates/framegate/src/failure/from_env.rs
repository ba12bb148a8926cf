//! Values that environment variables gave: whoever set one wrote no flag, and is told the
//! variable's name.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};

/// The flag that `error` is about, as clap spells it, and the variable that gave its value;
/// `None`: the value was given on the command line.
pub(super) fn given_by(error: &clap::Error, command: &Command) -> Option<(String, String)> {
    let (Some(ContextValue::String(flag)), Some(ContextValue::String(value))) =
        (error.get(ContextKind::InvalidArg), error.get(ContextKind::InvalidValue))
    else {
        return None;
    };
    let long = flag.split_whitespace().next()?.strip_prefix("--")?;
    let name = arguments(command).find_map(|argument| {
        let name = argument.get_env()?.to_str()?;
        let is_it = argument.get_long() == Some(long) && std::env::var(name).is_ok_and(|set| set == *value);
        is_it.then(|| name.to_owned())
    })?;
    let is_flag = |word: String| {
        word.strip_prefix("--").and_then(|word| word.split('=').next().map(|word| word == long))
    };
    let stands_there = std::env::args().skip(1).any(|word| is_flag(word) == Some(true));
    (!stands_there).then(|| (flag.clone(), name))
}

fn arguments(command: &Command) -> Box<dyn Iterator<Item = &Arg> + '_> {
    Box::new(command.get_arguments().chain(command.get_subcommands().flat_map(arguments)))
}
