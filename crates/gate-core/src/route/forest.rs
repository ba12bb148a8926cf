//! Texts that are found by the keys that begin with them.
//!
//! The texts stand sorted, each with the longest other that it begins with. All texts that a
//! key begins with are then among the greatest one that is not above the key and those it
//! leads to: a binary search and a walk, however long the key is.

use std::collections::BTreeMap;
use std::iter;

use super::search::Rank;

/// Values by text.
#[derive(Debug)]
pub(super) struct Forest<T> {
    /// Sorted by text.
    nodes: Vec<Node<T>>,
}

/// One text and what is known about it.
#[derive(Debug)]
pub(super) struct Node<T> {
    pub(super) text: Box<[u8]>,
    pub(super) value: T,
    /// The best route of this node and of all that it leads to.
    pub(super) first: Option<Rank>,
    /// The longest other text that this one begins with.
    parent: Option<usize>,
}

impl<T> Forest<T> {
    /// `first` tells the best route of a value.
    pub(super) fn new(values: BTreeMap<Box<[u8]>, T>, first: impl Fn(&T) -> Option<Rank>) -> Self {
        let mut nodes: Vec<Node<T>> = Vec::with_capacity(values.len());
        for (text, value) in values {
            let mut parent = nodes.len().checked_sub(1);
            while let Some(node) = parent.and_then(|at| nodes.get(at))
                && !text.starts_with(&node.text)
            {
                parent = node.parent;
            }
            let inherited = parent.and_then(|at| nodes.get(at)).and_then(|node| node.first);
            let first = first(&value).into_iter().chain(inherited).min();
            nodes.push(Node { text, value, first, parent });
        }
        Self { nodes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Every text that `key` begins with, the longest first.
    pub(super) fn beginnings(&self, key: &[u8]) -> impl Iterator<Item = &Node<T>> {
        let mut nearest = self.nearest(key);
        let mut length = nearest.map_or(0, |node| shared(&node.text, key));
        if nearest.is_some_and(|node| node.text.len() > length) {
            // The texts that go on otherwise may be many. Looking once more with just what is
            // shared leads past them.
            let key = key.get(..length).unwrap_or_default();
            nearest = self.nearest(key);
            length = nearest.map_or(0, |node| shared(&node.text, key));
        }
        let parent = |node: &&Node<T>| node.parent.and_then(|at| self.nodes.get(at));
        iter::successors(nearest, parent).skip_while(move |node| node.text.len() > length)
    }

    /// The greatest text that is not above `key`.
    fn nearest(&self, key: &[u8]) -> Option<&Node<T>> {
        let at = self.nodes.partition_point(|node| *node.text <= *key).checked_sub(1);
        at.and_then(|at| self.nodes.get(at))
    }
}

/// How many octets two texts begin with in common.
fn shared(a: &[u8], b: &[u8]) -> usize {
    let blocks = a.chunks_exact(BLOCK).zip(b.chunks_exact(BLOCK));
    let whole = blocks.take_while(|(a, b)| a == b).count() * BLOCK;
    let octets = a.iter().zip(b).skip(whole);
    whole + octets.take_while(|(a, b)| a == b).count()
}

/// Octets that are compared at once.
const BLOCK: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_texts_that_a_key_begins_with_are_found_longest_first() {
        let texts = ["", "a", "ab", "abc", "abd", "b", "bcd", "c/d", "c/d/e"];
        let values = texts.iter().map(|text| (Box::from(text.as_bytes()), *text)).collect();
        let forest = Forest::new(values, |text| Some(10 - text.len()));
        for key in
            ["", "a", "aa", "ab", "abb", "abcz", "abe", "b", "bc", "bcd", "bce", "c/d/e/f", "c/d0", "z"]
        {
            let mut expected: Vec<_> = texts.iter().copied().filter(|text| key.starts_with(text)).collect();
            expected.reverse();
            let found: Vec<_> = forest.beginnings(key.as_bytes()).map(|node| node.value).collect();
            assert_eq!(found, expected, "{key}");
        }
    }

    #[test]
    fn a_node_knows_the_best_route_of_all_that_it_leads_to() {
        let ranks = [("a", 5), ("ab", 3), ("abc", 4), ("b", 7), ("bc", 1)];
        let values = ranks.iter().map(|(text, rank)| (Box::from(text.as_bytes()), *rank)).collect();
        let forest = Forest::new(values, |rank| Some(*rank));
        let firsts = |key: &[u8]| forest.beginnings(key).map(|node| node.first).collect::<Vec<_>>();
        assert_eq!(firsts(b"abcd"), [Some(3), Some(3), Some(5)]);
        assert_eq!(firsts(b"bcd"), [Some(1), Some(7)]);
    }

    #[test]
    fn texts_longer_than_a_block_are_compared_to_their_last_octet() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 5] {
            let text = vec![b'a'; length];
            let longer = [&text[..], b"bcd"].concat();
            assert_eq!((shared(&text, &longer), shared(&longer, &text)), (length, length));
            assert_eq!(shared(&longer, &[&text[..], b"bce"].concat()), length + 2);
        }
    }
}
