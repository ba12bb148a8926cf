//! The kinds of mistakes, by the names that messages carry.

use std::fmt;

/// Declares the kinds with their names, and the list of all of them.
macro_rules! codes {
    ($($(#[$meaning:meta])* $variant:ident = $name:literal,)*) => {
        /// A kind of mistake or warning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Code {
            $($(#[$meaning])* $variant,)*
        }

        impl Code {
            /// All kinds.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name behind `config::`.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

codes! {
    /// The text is not in the language.
    Syntax = "syntax",
    /// A file cannot be read.
    Unreadable = "unreadable",
    /// An include that cannot be followed.
    Include = "include",
    /// An include with a `*` that no file fits.
    EmptyInclude = "empty_include",
    /// A name that is no setting of its block.
    UnknownKey = "unknown_key",
    /// A setting or value whose feature does not exist.
    NotAvailable = "not_available",
    /// A setting that stands twice.
    RepeatedKey = "repeated_key",
    /// A setting that must stand.
    MissingKey = "missing_key",
    /// A block without something that is no single setting.
    Incomplete = "incomplete",
    /// A setting without its value, or a block without its name.
    MissingValue = "missing_value",
    /// A value too many.
    ExtraValue = "extra_value",
    /// A value, or a block, of the wrong type.
    WrongType = "wrong_type",
    /// A number beyond its bounds.
    OutOfRange = "out_of_range",
    /// None of the words that a setting knows.
    UnknownWord = "unknown_word",
    /// A size that is none.
    BadSize = "bad_size",
    /// A duration that is none.
    BadDuration = "bad_duration",
    /// A rate that is none.
    BadRate = "bad_rate",
    /// An address that is none.
    BadAddress = "bad_address",
    /// A network that is none.
    BadNetwork = "bad_network",
    /// A host that is none.
    BadHost = "bad_host",
    /// An origin that is none.
    BadOrigin = "bad_origin",
    /// A path that no request can have.
    BadPath = "bad_path",
    /// A regular expression that is none.
    BadRegex = "bad_regex",
    /// A name or value that HTTP does not allow.
    BadField = "bad_field",
    /// A template with a variable that there is not.
    UnknownVariable = "unknown_variable",
    /// A template that is none.
    BadTemplate = "bad_template",
    /// A name that is given twice.
    DuplicateId = "duplicate_id",
    /// A value that stands twice in a list, or an address that is used twice.
    DuplicateValue = "duplicate_value",
    /// A name that is not defined.
    UnknownReference = "unknown_reference",
    /// Settings that contradict each other.
    Conflict = "conflict",
    /// A setting that does nothing beside the others.
    Useless = "useless",
    /// A setting that takes protection away.
    Insecure = "insecure",
    /// A configuration that does nothing.
    Empty = "empty",
    /// Mistakes that are only counted.
    TooMany = "too_many",
    /// What the world has against a value.
    Objection = "objection",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "config::{}", self.name())
    }
}
