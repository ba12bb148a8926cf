//! `framegate inspect`: what the rules would do to messages of a file.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use gate_config::model::Route;
use gate_core::session::Verdict;
use gate_inspect::{Inspection, Judgement, Mode, Scratch, Settings};

use super::configuration;
use crate::cli::inspect::{Format, InspectArgs};
use crate::failure::Failure;

mod message;

/// Why the rules could not be asked, or what they said.
#[derive(Debug)]
pub(crate) enum InspectError {
    /// Some messages would be blocked: the one kind that is no error.
    Blocked { blocked: u64, of: u64 },
    /// The configuration has mistakes, which have been shown.
    Configuration { mistakes: usize },
    /// There is no such route, or none has rules, or several have.
    Route(String),
    /// The messages could not be read.
    Read { path: PathBuf, source: io::Error },
    /// A line says that there is a message in it, which there is not.
    Line { number: u64, why: String },
    /// Standard output could not be written.
    Output(io::Error),
}

impl InspectError {
    /// The exit status that tells it.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Blocked { .. } => 1,
            Self::Configuration { .. }
            | Self::Route(_)
            | Self::Read { .. }
            | Self::Line { .. }
            | Self::Output(_) => 2,
        }
    }
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked { blocked, of } => write!(f, "{blocked} of {} would be blocked", messages(*of)),
            Self::Configuration { mistakes: 1 } => f.write_str("the configuration has a mistake"),
            Self::Configuration { mistakes } => write!(f, "the configuration has {mistakes} mistakes"),
            Self::Route(why) => f.write_str(why),
            Self::Read { path, .. } => write!(f, "{} could not be read", path.display()),
            Self::Line { number, why } => {
                write!(f, "line {number}: {why}; --raw takes every line as the message itself")
            }
            Self::Output(_) => f.write_str("standard output could not be written"),
        }
    }
}

impl Error for InspectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Output(source) => Some(source),
            Self::Blocked { .. } | Self::Configuration { .. } | Self::Route(_) | Self::Line { .. } => None,
        }
    }
}

/// Judges the messages and tells of them.
///
/// # Errors
/// When a file cannot be used, or a message would be blocked.
pub(crate) fn run(args: &InspectArgs) -> Result<(), Failure> {
    inspect(args).map_err(Failure::Inspect)
}

fn inspect(args: &InspectArgs) -> Result<(), InspectError> {
    let rules = rules(args)?;
    let mut tally = Tally::default();
    let mut scratch = Scratch::default();
    let mut lines = open(&args.file)?;
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = lines.read_until(b'\n', &mut line);
        if read.map_err(|source| InspectError::Read { path: args.file.clone(), source })? == 0 {
            break;
        }
        let text = line.trim_ascii_end();
        if text.is_empty() {
            continue;
        }
        let message = if args.raw { Ok(message::itself(text)) } else { message::of(text) };
        let message = message.map_err(|why| InspectError::Line { number, why })?;
        let judgement = rules.judge(message.subject(args.direction.side()), &mut scratch);
        tally.count(&judgement);
        if judgement.verdict != Verdict::Allow || !judgement.findings.is_empty() {
            tell(&told(number, &judgement, args.format))?;
        }
    }
    if args.format == Format::Text {
        tell(&tally.told())?;
    }
    match tally.closed + tally.dropped {
        0 => Ok(()),
        blocked => Err(InspectError::Blocked { blocked, of: tally.messages }),
    }
}

fn tell(text: &str) -> Result<(), InspectError> {
    match super::write(text) {
        Ok(()) => Ok(()),
        Err(error) => Err(InspectError::Output(error)),
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, InspectError> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path);
    let file = file.map_err(|source| InspectError::Read { path: path.to_owned(), source })?;
    Ok(Box::new(BufReader::new(file)))
}

/// The rules that were asked for.
fn rules(args: &InspectArgs) -> Result<Inspection, InspectError> {
    let compiled = match &args.config {
        None => Inspection::compile(Settings::default()).map_err(|faults| {
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            InspectError::Route(told.join("; "))
        })?,
        Some(path) => of_configuration(path, args.route.as_deref())?,
    };
    if !args.block || compiled.settings().mode == Mode::Block {
        return Ok(compiled);
    }
    let settings = Settings { mode: Mode::Block, ..compiled.settings().clone() };
    Ok(Inspection::compile(settings).unwrap_or(compiled))
}

fn of_configuration(path: &Path, name: Option<&str>) -> Result<Inspection, InspectError> {
    let mistakes = |failure: Failure| {
        if let Failure::Configuration { mistakes } = failure {
            InspectError::Configuration { mistakes }
        } else {
            InspectError::Route(failure.to_string())
        }
    };
    let loaded = configuration::load(path).map_err(mistakes)?;
    let route = route(&loaded.config.routes, name).map_err(InspectError::Route)?;
    match gate_server::rules_of(route) {
        Ok(Some(rules)) => Ok(rules),
        Ok(None) => Err(InspectError::Route(format!("the route {} has no `inspect`", route.id))),
        Err(objections) => {
            let refused = configuration::refuse(&objections, &loaded.sources);
            Err(InspectError::Route(refused.err().map_or_else(String::new, |failure| failure.to_string())))
        }
    }
}

/// The route of that name; without one, the only route with rules.
fn route<'a>(routes: &'a [Route], name: Option<&str>) -> Result<&'a Route, String> {
    let with_rules: Vec<&Route> = routes.iter().filter(|route| route.websocket.inspect.is_some()).collect();
    let names: Vec<&str> = with_rules.iter().map(|route| &*route.id).collect();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    match (name, &*with_rules) {
        (Some(name), _) => routes
            .iter()
            .find(|route| *route.id == *name)
            .ok_or_else(|| format!("there is no route {name}; with rules there are: {names}")),
        (None, [only]) => Ok(only),
        (None, _) => Err(format!("choose a route with --route NAME; with rules there are: {names}")),
    }
}

/// What is told of one message.
fn told(line: u64, judgement: &Judgement, format: Format) -> String {
    let verdict = verdict(judgement);
    match format {
        Format::Json => {
            let findings: Vec<_> = judgement
                .findings
                .iter()
                .map(|finding| {
                    serde_json::json!({
                        "rule": finding.rule.as_str(),
                        "category": finding.category.name(),
                        "score": finding.score,
                        "place": finding.place,
                        "excerpt": finding.excerpt,
                    })
                })
                .collect();
            let told = serde_json::json!({ "line": line, "verdict": verdict, "findings": findings });
            format!("{told}\n")
        }
        Format::Text if judgement.findings.is_empty() => format!("{line}: {verdict}\n"),
        Format::Text => {
            let mut text = String::new();
            for finding in &judgement.findings {
                let place =
                    if finding.place.is_empty() { String::new() } else { format!(" at {}", finding.place) };
                // Writing to a string cannot fail.
                let _infallible = writeln!(
                    text,
                    "{line}: {verdict} {} ({}, {}){place}: {}",
                    finding.rule.as_str(),
                    finding.category.name(),
                    finding.score,
                    finding.excerpt
                );
            }
            text
        }
    }
}

fn verdict(judgement: &Judgement) -> &'static str {
    match judgement.verdict {
        Verdict::Allow => "detect",
        Verdict::Rewrite(_) => "rewrite",
        Verdict::Drop => "drop",
        Verdict::Close { .. } => "close",
    }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// How many messages came to what.
#[derive(Debug, Default)]
struct Tally {
    messages: u64,
    closed: u64,
    dropped: u64,
    rewritten: u64,
    detected: u64,
}

impl Tally {
    fn count(&mut self, judgement: &Judgement) {
        self.messages += 1;
        match &judgement.verdict {
            Verdict::Allow => self.detected += u64::from(!judgement.findings.is_empty()),
            Verdict::Rewrite(_) => self.rewritten += 1,
            Verdict::Drop => self.dropped += 1,
            Verdict::Close { .. } => self.closed += 1,
        }
    }

    fn told(&self) -> String {
        let Self { messages: all, closed, dropped, rewritten, detected } = self;
        let all = messages(*all);
        format!(
            "{all}: {closed} would end their session, {dropped} be dropped, {rewritten} be \
             rewritten, {detected} be told of only\n"
        )
    }
}

#[cfg(test)]
mod tests;
