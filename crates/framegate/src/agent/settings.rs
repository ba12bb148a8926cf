//! What the agent goes by at a time: the flags, with what a proxy has changed of them, compiled.

use std::fs;
use std::sync::Arc;

use gate_inspect::{
    Categories, Category, Directions, Fault, Inspection, Mode, Pattern, SchemaSource, Settings,
};

use crate::cli::agent::{InspectorArgs, SchemaDirection};

use super::{AgentError, patterns};

/// See the module.
#[derive(Debug)]
pub(super) struct Active {
    /// The flags as they are.
    pub(super) args: InspectorArgs,
    /// For whole messages.
    pub(super) whole: Inspection,
    /// For pieces of messages, which need not keep to a schema.
    pub(super) piece: Inspection,
    schema: Option<Arc<str>>,
}

impl Active {
    /// Reads the schema and compiles everything.
    ///
    /// # Errors
    /// Something of it is of no use.
    pub(super) fn new(args: InspectorArgs) -> Result<Self, AgentError> {
        let read = |path: &std::path::PathBuf| {
            let text = fs::read_to_string(path);
            text.map(Arc::from).map_err(|source| AgentError::SchemaFile { path: path.clone(), source })
        };
        let schema = args.json_schema.as_ref().map(read).transpose()?;
        Self::compile(args, schema)
    }

    /// The same with other flags. The schema stays the one that was read at the start.
    ///
    /// # Errors
    /// Something of it is of no use.
    pub(super) fn with(&self, args: InspectorArgs) -> Result<Self, AgentError> {
        Self::compile(args, self.schema.clone())
    }

    fn compile(args: InspectorArgs, schema: Option<Arc<str>>) -> Result<Self, AgentError> {
        let settings = settings(&args);
        let directions = match args.json_schema_direction {
            SchemaDirection::Client => Directions::CLIENT,
            SchemaDirection::Server => Directions::UPSTREAM,
            SchemaDirection::Both => Directions::BOTH,
        };
        let schemas = schema.iter().map(|text| SchemaSource { text: Arc::clone(text), directions }).collect();
        let categories = settings.categories.with(Category::JsonSchema);
        let whole = Settings { schemas, categories, ..settings.clone() };
        let fault = |faults: Vec<Fault>| error(&args, faults);
        Ok(Self {
            whole: Inspection::compile(whole).map_err(fault)?,
            piece: Inspection::compile(settings).map_err(fault)?,
            args,
            schema,
        })
    }
}

/// The agent decides itself what follows from findings, so the inspection only looks for them.
fn settings(args: &InspectorArgs) -> Settings {
    let switches = [
        (Category::Xss, args.xss_detection),
        (Category::Sqli, args.sqli_detection),
        (Category::CommandInjection, args.command_injection),
        (Category::PathTraversal, args.path_traversal),
        (Category::NoSql, args.nosql),
        (Category::TemplateInjection, args.template_injection),
        (Category::Xxe, args.xxe),
    ];
    let of_switches = switches.into_iter().filter(|(_, is_on)| *is_on);
    let always = Categories::NONE.with(Category::Custom).with(Category::Evasion);
    let pattern = |(at, regex): (usize, &str)| Pattern {
        id: format!("custom-{at}").into(),
        regex: regex.into(),
        score: PATTERN_SCORE,
    };
    Settings {
        categories: of_switches.fold(always, |all, (category, _)| all.with(category)),
        mode: Mode::Detect,
        patterns: patterns::split(&args.custom_patterns).into_iter().enumerate().map(pattern).collect(),
        exceptions: args.exceptions.iter().map(|id| Arc::from(&**id)).collect(),
        ..Settings::default()
    }
}

/// Enough for a match to be a finding by itself.
const PATTERN_SCORE: u16 = 5;

/// The first of the mistakes, by the flag that it is in.
fn error(args: &InspectorArgs, faults: Vec<Fault>) -> AgentError {
    let unknown = || AgentError::Exception(String::new());
    faults.into_iter().next().map_or_else(unknown, |fault| match fault {
        Fault::Pattern { index, message } => {
            let pattern = patterns::split(&args.custom_patterns).get(index).copied().unwrap_or_default();
            // The parser of expressions draws where the mistake is, and says last what it is.
            let message = message.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            AgentError::Pattern { pattern: pattern.to_owned(), message }
        }
        Fault::Schema { message, .. } | Fault::Redaction { message, .. } => {
            AgentError::Schema { path: args.json_schema.clone().unwrap_or_default(), message }
        }
        Fault::Exception { id, .. } => AgentError::Exception(id.as_ref().to_owned()),
    })
}
