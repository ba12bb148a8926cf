//! The settings of one block, sorted by its table. What is not in the table, stands too often,
//! or is missing, is reported here; what the values are is read by [`get`].

pub(crate) mod get;
mod unknown;

use crate::model::{At, Place};
use crate::report::{Code, Report};
use crate::schema::{Block, Fallback, Form, Key, Repeats, Status, TOP};
use crate::syntax::{Name, Node, Property, Scalar, Value};

/// The settings of one block.
pub(crate) struct Fields<'a> {
    pub(crate) block: &'static Block,
    /// The block's name and what stands behind it.
    pub(crate) place: Place,
    /// For each key of the table what was found.
    found: Vec<Vec<Field<'a>>>,
}

/// One setting: a node of its own, or a property on the block's line.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) name: &'a Name,
    pub(crate) arguments: &'a [Value],
    /// `None`: it is a property.
    pub(crate) node: Option<&'a Node>,
}

impl<'a> Field<'a> {
    /// The name and the values.
    pub(crate) fn place(&self) -> Place {
        self.node.map_or(self.name.place, Node::head)
    }

    /// The value behind the name, of which there may be one.
    pub(crate) fn only_argument(&self, help: &str, report: &mut Report) -> Option<&'a Value> {
        if let Some(extra) = self.arguments.get(1) {
            report
                .error(Code::ExtraValue, extra.place, format!("`{}` has one value", self.name.text))
                .label("too much")
                .help(help);
        }
        self.arguments.first()
    }
}

/// A block with a name of its own.
pub(crate) struct Entry<'a> {
    pub(crate) id: At<&'a str>,
    pub(crate) fields: Fields<'a>,
}

impl<'a> Fields<'a> {
    /// The settings at the top level.
    pub(crate) fn top(nodes: &'a [Node], report: &mut Report) -> Self {
        let mut fields = Self::empty(&TOP, Place::NOWHERE);
        fields.add_nodes(nodes, report);
        fields
    }

    /// The settings of a block that stands in one or several pieces. What stands behind the
    /// block's name is the caller's business.
    pub(crate) fn of(block: &'static Block, pieces: &[&'a Node], report: &mut Report) -> Self {
        let place = pieces.first().map_or(Place::NOWHERE, |node| node.head());
        let mut fields = Self::empty(block, place);
        for piece in pieces {
            for property in &piece.properties {
                fields.add_property(property, report);
            }
            fields.add_nodes(piece.children.as_deref().unwrap_or_default(), report);
        }
        fields.require(report);
        fields
    }

    fn empty(block: &'static Block, place: Place) -> Self {
        Self { block, place, found: block.keys.iter().map(|_| Vec::new()).collect() }
    }

    fn add_nodes(&mut self, nodes: &'a [Node], report: &mut Report) {
        for node in nodes {
            self.add(Field { name: &node.name, arguments: &node.arguments, node: Some(node) }, report);
        }
    }

    fn add_property(&mut self, property: &'a Property, report: &mut Report) {
        let arguments = std::slice::from_ref(&property.value);
        self.add(Field { name: &property.name, arguments, node: None }, report);
    }

    fn add(&mut self, field: Field<'a>, report: &mut Report) {
        let name = &*field.name.text;
        let position = self.block.position(name);
        let slot = position.and_then(|at| Some((self.block.keys.get(at)?, self.found.get_mut(at)?)));
        let Some((key, found)) = slot else {
            unknown::refuse(self.block, field.name, report);
            return;
        };
        match key.status {
            Status::Later => {
                refuse_later(&format!("`{name}`"), field.name.place, report).help(
                    if key.meaning.is_empty() {
                        "remove it".to_owned()
                    } else {
                        format!("remove it; {}", key.meaning)
                    },
                );
                return;
            }
            Status::Enforced | Status::Ignored => {}
        }
        if let (Repeats::Once, Some(first)) = (key.repeats, found.first()) {
            let message = format!("`{name}` stands twice {}", within(self.block));
            report
                .error(Code::RepeatedKey, field.place(), message)
                .label("for the second time")
                .help("keep one of them")
                .also(first.place(), "for the first time");
            return;
        }
        found.push(field);
    }

    fn require(&self, report: &mut Report) {
        for (key, found) in self.block.keys.iter().zip(&self.found) {
            if matches!(key.default, Fallback::Required) && found.is_empty() {
                report
                    .error(
                        Code::MissingKey,
                        self.place,
                        format!("`{}` is missing {}", key.name, within(self.block)),
                    )
                    .help(format!("add `{}`: {}", key.name, key.meaning));
            }
        }
    }

    /// A key of the table and what was found of it.
    fn row(&self, name: &str) -> Option<(&'static Key, &[Field<'a>])> {
        let at = self.block.position(name);
        debug_assert!(at.is_some(), "{name} is not in the table of {}", self.block.name);
        Some((self.block.keys.get(at?)?, self.found.get(at?)?))
    }

    /// All of a setting that may stand often.
    pub(crate) fn all(&self, name: &str) -> &[Field<'a>] {
        self.row(name).map(|(_, found)| found).unwrap_or_default()
    }

    /// A setting.
    pub(crate) fn one(&self, name: &str) -> Option<Field<'a>> {
        self.all(name).first().copied()
    }

    /// The settings of a block within this one.
    pub(crate) fn sub(&self, name: &str, report: &mut Report) -> Option<Self> {
        let (key, found) = self.row(name)?;
        let Form::Block(block) = key.form else {
            debug_assert!(false, "{name} is no block in the table of {}", self.block.name);
            return None;
        };
        let pieces: Vec<_> = found.iter().filter_map(|field| block_node(*field, report)).collect();
        for piece in &pieces {
            if let Some(value) = piece.arguments.first() {
                report
                    .error(
                        Code::ExtraValue,
                        value.place,
                        format!("nothing stands between `{}` and its block", piece.name.text),
                    )
                    .label("too much")
                    .help(format!("write {} {{ … }}", piece.name.text));
            }
        }
        (!pieces.is_empty()).then(|| Self::of(block, &pieces, report))
    }

    /// The blocks of a kind that have names of their own, which must differ.
    pub(crate) fn named(&self, name: &str, report: &mut Report) -> Vec<Entry<'a>> {
        let Some((Key { form: Form::Named(block), .. }, found)) = self.row(name) else { return Vec::new() };
        let nodes = found.iter().filter_map(|field| block_node(*field, report));
        let nodes: Vec<_> = nodes.collect();
        nodes
            .into_iter()
            .map(|node| {
                let id = id_of(node, report);
                Entry { id, fields: Self::of(block, &[node], report) }
            })
            .collect()
    }
}

/// The node of a setting that must be a block.
pub(crate) fn block_node<'a>(field: Field<'a>, report: &mut Report) -> Option<&'a Node> {
    if field.node.is_none() {
        let name = &field.name.text;
        report
            .error(Code::WrongType, field.place(), format!("`{name}` is a block"))
            .label("not a property")
            .help(format!("write {name} {{ … }} on a line of its own"));
    }
    field.node
}

/// The name that stands behind a node's; a wrong one is reported.
fn id_of<'a>(node: &'a Node, report: &mut Report) -> At<&'a str> {
    let kind = &node.name.text;
    let help = format!("write {kind} \"name\" {{ … }}");
    if let Some(extra) = node.arguments.get(1) {
        report
            .error(Code::ExtraValue, extra.place, format!("a `{kind}` has one name"))
            .label("too much")
            .help(&*help);
    }
    match node.arguments.first() {
        Some(Value { scalar: Scalar::Text(text), place }) if !text.is_empty() => {
            At { value: text, place: *place }
        }
        Some(value) => {
            let message = format!("the name of a `{kind}` is a text that is not empty");
            report.error(Code::WrongType, value.place, message).label("not a name").help(help);
            At { value: "", place: value.place }
        }
        None => {
            let message = format!("this `{kind}` has no name");
            report
                .error(Code::MissingValue, node.name.place, message)
                .label("a name belongs behind it")
                .help(help);
            At { value: "", place: node.name.place }
        }
    }
}

/// Refuses something whose feature does not exist.
pub(crate) fn refuse_later<'r>(
    what: &str,
    place: Place,
    report: &'r mut Report,
) -> &'r mut crate::report::Finding {
    report.error(Code::NotAvailable, place, format!("{what} is not available yet"))
}

/// Where a block's keys stand, in words.
pub(crate) fn within(block: &Block) -> String {
    if block.name.is_empty() { "at the top level".to_owned() } else { format!("in `{}`", block.name) }
}
