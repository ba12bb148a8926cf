//! The rules of a route, held by its name: a live session judges each message by those of the
//! moment, so that a reload changes them under it.

use std::fs;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use gate_config::model::{Config, Inspect, Objection, Place, Route, SchemaFile};
use gate_inspect::{Fault, Inspection, SchemaSource, Settings};

/// Where the rules of one route are held. It lives as long as a configuration has the route, or a
/// session was opened on it; one whose route is gone keeps the last rules.
#[derive(Debug, Default)]
pub(crate) struct RuleCell(ArcSwapOption<Inspection>);

impl RuleCell {
    /// Those of the moment; `None`: the route has none any more.
    pub(crate) fn load(&self) -> Guard<Option<Arc<Inspection>>> {
        self.0.load()
    }

    /// Others hold from here on.
    fn set(&self, rules: Option<Arc<Inspection>>) {
        self.0.store(rules);
    }
}

/// The rules of a configuration, by route, and the cells that they are to be held in.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    routes: Vec<OfRoute>,
}

#[derive(Debug)]
struct OfRoute {
    name: Arc<str>,
    cell: Arc<RuleCell>,
    /// What goes into the cell.
    rules: Option<Arc<Inspection>>,
}

impl Rules {
    /// Reads the schemas and compiles the rules of all routes. The cells of the same names are those
    /// `before`, and keep what they hold until [`Self::put_in_place`]; what is the same is not
    /// compiled again.
    ///
    /// # Errors
    /// A schema cannot be read, or is none.
    pub(crate) fn build(config: &Config, before: Option<&Self>) -> Result<Self, Vec<Objection>> {
        let (mut built, mut objections) = (Self::default(), Vec::new());
        for route in &config.routes {
            let rules = match &route.websocket.inspect {
                None => Ok(None),
                Some(inspect) => built.rules_of(inspect, before).map(Some),
            };
            let rules = rules.unwrap_or_else(|found| {
                objections.extend(found);
                None
            });
            let cell = before.and_then(|before| before.cell(&route.id)).cloned().unwrap_or_default();
            built.routes.push(OfRoute { name: Arc::clone(&route.id), cell, rules });
        }
        if objections.is_empty() { Ok(built) } else { Err(objections) }
    }

    /// From here on live sessions follow these rules.
    pub(crate) fn put_in_place(&self) {
        for route in &self.routes {
            route.cell.set(route.rules.clone());
        }
    }

    /// Where the rules of the route at `index` are held.
    pub(crate) fn get(&self, index: usize) -> Option<&Arc<RuleCell>> {
        self.routes.get(index).map(|route| &route.cell)
    }

    fn cell(&self, name: &str) -> Option<&Arc<RuleCell>> {
        self.routes.iter().find(|route| *route.name == *name).map(|route| &route.cell)
    }

    fn rules_of(&self, inspect: &Inspect, before: Option<&Self>) -> Result<Arc<Inspection>, Vec<Objection>> {
        let settings = settings(inspect)?;
        let known = before.into_iter().chain([self]).flat_map(|rules| &rules.routes);
        let mut known = known.filter_map(|route| route.rules.as_ref());
        match known.find(|rules| *rules.settings() == settings) {
            Some(same) => Ok(Arc::clone(same)),
            None => compile_settings(settings, inspect).map(Arc::new),
        }
    }
}

/// Reads the schemas of one `inspect` and compiles it.
///
/// # Errors
/// A schema cannot be read, or is none.
pub(crate) fn compile(inspect: &Inspect) -> Result<Inspection, Vec<Objection>> {
    compile_settings(settings(inspect)?, inspect)
}

fn compile_settings(settings: Settings, inspect: &Inspect) -> Result<Inspection, Vec<Objection>> {
    Inspection::compile(settings)
        .map_err(|faults| faults.into_iter().map(|fault| objection(fault, inspect)).collect())
}

/// All of the settings, the texts of the schemas among them.
fn settings(inspect: &Inspect) -> Result<Settings, Vec<Objection>> {
    let (mut schemas, mut objections) = (Vec::new(), Vec::new());
    for SchemaFile { file, directions } in &inspect.schemas {
        match fs::read_to_string(&file.value) {
            Ok(text) => schemas.push(SchemaSource { text: text.into(), directions: *directions }),
            Err(error) => objections.push(Objection {
                place: file.place,
                message: format!("the schema {} cannot be read: {error}", file.value.display()),
                help: "name a file of UTF-8 that the gateway's user can read".to_owned(),
            }),
        }
    }
    if objections.is_empty() { Ok(Settings { schemas, ..inspect.settings.clone() }) } else { Err(objections) }
}

/// What the text of the configuration alone could not tell.
fn objection(fault: Fault, inspect: &Inspect) -> Objection {
    match fault {
        Fault::Schema { index, message } => {
            let file = inspect.schemas.get(index).map(|schema| &schema.file);
            let name = file.map(|file| file.value.display().to_string()).unwrap_or_default();
            Objection {
                place: file.map_or(Place::NOWHERE, |file| file.place),
                message: format!("{name} cannot be used as a JSON Schema: {message}"),
                help: "schemas are of draft 4 to 2020-12, refer to nothing outside themselves, and have patterns (`regex`) \
                       without look-around and back-references"
                    .to_owned(),
            }
        }
        fault @ (Fault::Pattern { .. } | Fault::Redaction { .. } | Fault::Exception { .. }) => Objection {
            place: Place::NOWHERE,
            message: fault.to_string(),
            help: "see `inspect` in docs/configuration.md".to_owned(),
        },
    }
}

/// The rules of a route, as its sessions are judged by them; `None`: it has none.
///
/// # Errors
/// A schema cannot be read, or is none.
pub fn of_route(route: &Route) -> Result<Option<Inspection>, Vec<Objection>> {
    route.websocket.inspect.as_ref().map(compile).transpose()
}
