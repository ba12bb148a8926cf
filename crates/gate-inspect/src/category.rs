//! Kinds of findings, each of which can be switched.

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Script that a browser would run.
    Xss,
    /// SQL where a value belongs.
    Sqli,
    /// Commands for a shell.
    CommandInjection,
    /// Paths out of where they belong, and to files of the system.
    PathTraversal,
    /// Operators of a document database where a value belongs.
    NoSql,
    /// Expressions for a template engine, or for a lookup as in log4shell.
    TemplateInjection,
    /// XML that names entities of its own.
    Xxe,
    /// A pattern of the operator's.
    Custom,
    /// The message is not as its schema says.
    JsonSchema,
    /// The message cannot be looked through within the limits of decoding.
    Evasion,
}

impl Category {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 10] = [
        Self::Xss,
        Self::Sqli,
        Self::CommandInjection,
        Self::PathTraversal,
        Self::NoSql,
        Self::TemplateInjection,
        Self::Xxe,
        Self::Custom,
        Self::JsonSchema,
        Self::Evasion,
    ];

    /// The name used in configurations, logs and metric labels.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Xss => "xss",
            Self::Sqli => "sqli",
            Self::CommandInjection => "command-injection",
            Self::PathTraversal => "path-traversal",
            Self::NoSql => "nosql",
            Self::TemplateInjection => "template-injection",
            Self::Xxe => "xxe",
            Self::Custom => "custom",
            Self::JsonSchema => "json-schema",
            Self::Evasion => "evasion",
        }
    }

    const fn bit(self) -> u16 {
        match self {
            Self::Xss => 0x001,
            Self::Sqli => 0x002,
            Self::CommandInjection => 0x004,
            Self::PathTraversal => 0x008,
            Self::NoSql => 0x010,
            Self::TemplateInjection => 0x020,
            Self::Xxe => 0x040,
            Self::Custom => 0x080,
            Self::JsonSchema => 0x100,
            Self::Evasion => 0x200,
        }
    }
}

/// A set of categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Categories(u16);

impl Categories {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(u16::MAX);

    /// The same with one more.
    #[must_use]
    pub const fn with(self, category: Category) -> Self {
        Self(self.0 | category.bit())
    }

    /// The same without one.
    #[must_use]
    pub const fn without(self, category: Category) -> Self {
        Self(self.0 & !category.bit())
    }

    /// Whether it has this one.
    #[must_use]
    pub const fn has(self, category: Category) -> bool {
        self.0 & category.bit() != 0
    }
}
