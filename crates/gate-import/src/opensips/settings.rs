//! Parameters of modules and settings of the core, and which of them have been looked at.

use std::cell::Cell;

use super::parser::{Says, Statement, Value};

/// `modparam("module", "name", value)`, for one module.
#[derive(Debug)]
pub(super) struct Parameter<'s> {
    pub(super) module: &'s str,
    pub(super) name: &'s str,
    pub(super) value: &'s str,
    pub(super) statement: &'s Statement,
    is_taken: Cell<bool>,
}

impl Parameter<'_> {
    /// As a number; `yes` and `no` are 1 and 0.
    pub(super) fn number(&self) -> Option<u64> {
        number(self.value)
    }

    pub(super) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }
}

/// `name = value …`
#[derive(Debug)]
pub(super) struct Setting<'s> {
    pub(super) name: &'s str,
    pub(super) values: &'s [Value],
    pub(super) statement: &'s Statement,
    is_taken: Cell<bool>,
}

impl Setting<'_> {
    /// Its only value, as a number.
    pub(super) fn number(&self) -> Option<u64> {
        self.values.first().and_then(|value| number(&value.text))
    }

    pub(super) fn is_taken(&self) -> bool {
        self.is_taken.get()
    }
}

/// All of them, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Settings<'s> {
    pub(super) parameters: Vec<Parameter<'s>>,
    pub(super) core: Vec<Setting<'s>>,
}

impl<'s> Settings<'s> {
    pub(super) fn of(statements: &'s [Statement]) -> Self {
        let mut settings = Self::default();
        for statement in statements {
            match &statement.says {
                Says::Parameter { modules, name, value } => {
                    settings.parameters.extend(modules.iter().map(|module| Parameter {
                        module,
                        name,
                        value,
                        statement,
                        is_taken: Cell::new(false),
                    }));
                }
                Says::Setting { name, values } => {
                    settings.core.push(Setting { name, values, statement, is_taken: Cell::new(false) });
                }
                Says::Module(_) | Says::Route { .. } | Says::Include | Says::Preprocessor | Says::Unknown => {
                }
            }
        }
        settings
    }

    /// All parameters of a name.
    pub(super) fn all(&self, module: &str, name: &str) -> Vec<&Parameter<'s>> {
        let found = self.parameters.iter().filter(|found| found.module == module && found.name == name);
        found.inspect(|found| found.is_taken.set(true)).collect()
    }

    /// The last one of a name, which is the one that holds.
    pub(super) fn last(&self, module: &str, name: &str) -> Option<&Parameter<'s>> {
        self.all(module, name).pop()
    }

    /// All parameters of a module.
    pub(super) fn of_module(&self, module: &str) -> impl Iterator<Item = &Parameter<'s>> {
        self.parameters.iter().filter(move |found| found.module == module)
    }

    /// Says that a parameter has been looked at.
    pub(super) fn take(parameter: &Parameter<'_>) {
        parameter.is_taken.set(true);
    }

    /// All settings of the core of a name.
    pub(super) fn all_core(&self, name: &str) -> Vec<&Setting<'s>> {
        let found = self.core.iter().filter(|found| found.name == name);
        found.inspect(|found| found.is_taken.set(true)).collect()
    }

    /// The last one of a name.
    pub(super) fn core(&self, name: &str) -> Option<&Setting<'s>> {
        self.all_core(name).pop()
    }
}

fn number(text: &str) -> Option<u64> {
    match text.trim() {
        "yes" | "true" | "on" => Some(1),
        "no" | "false" | "off" => Some(0),
        digits => digits.parse().ok(),
    }
}
