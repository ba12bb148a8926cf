//! Blocks within blocks: where a directive is looked for when an inner block has none.

use super::parser::Directive;

/// The directives of a block and of those around it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    /// From the outermost block to the innermost.
    levels: Vec<&'a [Directive]>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(levels: Vec<&'a [Directive]>) -> Self {
        Self { levels }
    }

    /// The scope of a block in this one.
    pub(super) fn inner(&self, block: &'a [Directive]) -> Self {
        let mut levels = self.levels.clone();
        levels.push(block);
        Self { levels }
    }

    /// The directives of the innermost block.
    pub(super) fn own(&self) -> &'a [Directive] {
        self.levels.last().copied().unwrap_or_default()
    }

    /// The directive of that name that holds: of the innermost block that has one the last.
    pub(super) fn find(&self, name: &str) -> Option<&'a Directive> {
        self.all(name).pop()
    }

    /// The directives of that name in the innermost block that has any.
    pub(super) fn all(&self, name: &str) -> Vec<&'a Directive> {
        self.all_of(&[name])
    }

    /// The directives of those names in the innermost block that has any of them.
    pub(super) fn all_of(&self, names: &[&str]) -> Vec<&'a Directive> {
        let levels = self.levels.iter().rev();
        let mut found = levels.map(|level| {
            level.iter().filter(|directive| names.contains(&&*directive.name.text)).collect::<Vec<_>>()
        });
        found.find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// The directives of that name in all blocks, from the outermost in.
    pub(super) fn everywhere(&self, name: &str) -> impl Iterator<Item = &'a Directive> {
        self.levels.iter().flat_map(|level| level.iter()).filter(move |directive| directive.is(name))
    }

    /// The names of all directives, each once.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names: Vec<&'a str> = Vec::new();
        for directive in self.levels.iter().flat_map(|level| level.iter()) {
            if !names.contains(&&*directive.name.text) {
                names.push(&directive.name.text);
            }
        }
        names
    }

    /// Whether the innermost block has the directive itself.
    pub(super) fn has_own(&self, name: &str) -> Option<&'a Directive> {
        self.own().iter().rev().find(|directive| directive.is(name))
    }
}
