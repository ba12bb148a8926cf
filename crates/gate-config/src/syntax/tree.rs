//! What was typed: nodes with their values, each with its place.

use crate::model::Place;

/// One node: `name argument property=value { children }`.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Its name.
    pub(crate) name: Name,
    /// Values without a name, in order.
    pub(crate) arguments: Vec<Value>,
    /// Values with a name, in order; a name may come twice.
    pub(crate) properties: Vec<Property>,
    /// `None`: there is no block at all.
    pub(crate) children: Option<Vec<Self>>,
}

impl Node {
    /// From the name to the last value, without the block.
    pub(crate) fn head(&self) -> Place {
        let (start, length) = self.name.place.span;
        let values = self.arguments.iter().chain(self.properties.iter().map(|property| &property.value));
        let end = values.map(|value| value.place.span.0 + value.place.span.1).max();
        let end = end.unwrap_or_default().max(start + length);
        Place { file: self.name.place.file, span: (start, end - start) }
    }
}

/// The name of a node or a property.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    /// Without quotes.
    pub(crate) text: String,
    /// Where it stands.
    pub(crate) place: Place,
}

/// `name=value`.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    /// Its name.
    pub(crate) name: Name,
    /// Its value.
    pub(crate) value: Value,
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    /// What it is.
    pub(crate) scalar: Scalar,
    /// Where it stands, quotes included.
    pub(crate) place: Place,
}

/// What a value can be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    /// A string, quoted or not.
    Text(String),
    /// A whole number.
    Integer(i128),
    /// A number with a point or an exponent, or infinite, or none.
    Float(f64),
    /// `true`, `#true`, `false`, `#false`.
    Bool(bool),
    /// `null`, `#null`.
    Null,
}
