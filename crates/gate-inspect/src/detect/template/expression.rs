//! Where an expression begins and ends, and whether it is mere arithmetic.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Expressions end sooner, unless they are made to pass by.
pub(super) const LENGTH_MAX: usize = 64 * 1024;

static OPENERS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let openers = ["{{", "${", "#{", "*{", "@{", "~{", "%{", "{%", "<%", "@(", "{@"];
    AhoCorasick::builder().kind(Some(AhoCorasickKind::DFA)).build(openers).ok()
});

/// Builds what is built once, before a message needs it.
pub(super) fn warm_up() {
    LazyLock::force(&OPENERS);
}

/// The next place at or behind `from` where an expression begins.
pub(super) fn next(lower: &[u8], from: usize) -> Option<usize> {
    let found = OPENERS.as_ref()?.find(lower.get(from..)?)?;
    Some(from + found.start())
}

/// What stands between the marks of the expression at `start`, and whether they are closed within so
/// many bytes.
pub(super) fn inside(lower: &[u8], start: usize, length_max: usize) -> (Range<usize>, bool) {
    let first = start + 2;
    let mut depth = 0_usize;
    let mut at = start;
    let end = lower.len().min(start + length_max);
    while at < end {
        match lower.get(at..).unwrap_or_default() {
            [b'%' | b'?', b'>', ..] if at >= first => return (first..at, true),
            [b'{' | b'(' | b'[', ..] => depth += 1,
            [b'}' | b')' | b']', ..] if depth > 1 => depth -= 1,
            [b'}' | b')' | b']', ..] if depth == 1 && at >= first => return (first..at, true),
            _ => {}
        }
        at += 1;
    }
    (first.min(end)..end, false)
}

/// Whether an expression does nothing but reckon with numbers, as nobody writes it who has a template in
/// mind: `7*7`, `'7'*7`, `=(1+1)*2`.
pub(super) fn is_arithmetic(expression: &[u8]) -> bool {
    let marks = |byte: &u8| {
        matches!(
            byte,
            b'{' | b'}' | b'(' | b')' | b'[' | b']' | b'=' | b'$' | b'%' | b'#' | b'\'' | b'"' | b' ' | b'@'
        )
    };
    let plain: Vec<u8> = expression.iter().copied().filter(|byte| !marks(byte)).take(64).collect();
    let plain = plain.strip_prefix(b"print").or_else(|| plain.strip_prefix(b"set")).unwrap_or(&plain);
    let is_operator = |byte: &u8| matches!(byte, b'*' | b'+' | b'/' | b'-');
    let numbers = || plain.split(is_operator).filter(|number| !number.is_empty());
    let all = numbers().all(|number| number.iter().all(u8::is_ascii_digit));
    // A product of numbers somewhere in a longer expression is as telling.
    let product = plain.split(|byte| *byte == b'*').collect::<Vec<_>>().windows(2).any(|pair| {
        let [left, right] = pair else { return false };
        left.last().is_some_and(u8::is_ascii_digit) && right.first().is_some_and(u8::is_ascii_digit)
    });
    (all && numbers().count() > 1 && plain.first().is_some_and(u8::is_ascii_digit)) || product
}
