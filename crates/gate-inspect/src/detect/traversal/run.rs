//! One path within a text: how far it climbs and where it leads.

use super::canonical::{ODD, Unit, is_slash};

/// What the segments of a path come to.
#[derive(Debug, Default)]
pub(super) struct Climb {
    /// Segments `..`.
    pub(super) ups: usize,
    /// The most of them in a row.
    pub(super) chain: usize,
    /// Segments `.`.
    pub(super) selves: usize,
    /// The most segments of three dots or more in a row, `.` between them or not.
    pub(super) dots: usize,
    /// Whether one of these has four or more.
    pub(super) long_dots: bool,
    /// Segments of dots of which a dot was disguised, or a slash beside them more than once.
    pub(super) disguised: usize,
    /// Segments `..` beside a slash that was disguised once, as programs do to values in URLs.
    pub(super) escaped: usize,
    /// Slashes of both kinds stand beside each other.
    pub(super) mixed: bool,
    /// `.` stands behind such a segment: what is left of `..././` is a step up.
    pub(super) nested: usize,
    /// It begins at a root and climbs above it.
    pub(super) above_root: bool,
    /// All names behind the first segment of dots, with single slashes.
    pub(super) tail: Vec<u8>,
}

/// What a segment is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Segment {
    Empty,
    Dots(usize),
    Name,
}

impl Climb {
    /// Walks along a path without blanks and quotes.
    pub(super) fn of(path: &[Unit]) -> Self {
        let mut climb = Self::default();
        let rooted = path.first().is_some_and(|unit| is_slash(unit.byte));
        let (mut level, mut chain, mut dots) = (0_i64, 0, 0);
        climb.above_root = rooted && leaves_alias(path);
        let mut left: Option<&Unit> = None;
        let mut rest = path;
        loop {
            let end = rest.iter().position(|unit| is_slash(unit.byte)).unwrap_or(rest.len());
            let (segment, after) = rest.split_at_checked(end).unwrap_or_default();
            let right = after.first();
            climb.mixed |= segment.is_empty() && left.zip(right).is_some_and(|(a, b)| a.byte != b.byte);
            let beside = [left, right].into_iter().flatten().map(|slash: &Unit| slash.disguise).max();
            match (kind(segment), beside) {
                (Segment::Dots(count), Some(slash)) => {
                    climb.count(count, segment, slash);
                    level -= i64::from(count == 2);
                    chain += usize::from(count == 2);
                    climb.nested += usize::from(count == 1 && dots > 0);
                    dots = match count {
                        1 => dots,
                        2 => 0,
                        _ => dots + 1,
                    };
                }
                (Segment::Empty, _) => {}
                (Segment::Name | Segment::Dots(_), _) => {
                    (chain, dots) = (0, 0);
                    level += 1;
                    if climb.ups + climb.selves + climb.dots > 0 {
                        climb.tail.push(b'/');
                        climb.tail.extend(segment.iter().map(|unit| unit.byte));
                    }
                }
            }
            climb.chain = climb.chain.max(chain);
            climb.dots = climb.dots.max(dots);
            climb.above_root |= rooted && level < 0 && (right.is_some() || climb.ups > 1);
            let Some((slash, next)) = after.split_first() else { break };
            left = Some(slash);
            rest = next;
        }
        climb
    }

    fn count(&mut self, count: usize, segment: &[Unit], slash: u8) {
        self.ups += usize::from(count == 2);
        self.selves += usize::from(count == 1);
        self.long_dots |= count > 3;
        let dot = segment.iter().filter(|unit| unit.byte == b'.').map(|unit| unit.disguise).max();
        // `..;` is a step up to a server that cuts parameters off, and a name to the proxy before it.
        let is_named = count == 2 && segment.last().is_some_and(|unit| unit.byte == b';');
        if dot > Some(0) || slash >= 2 || slash == ODD || is_named {
            self.disguised += 1;
        } else if slash == 1 && count == 2 {
            self.escaped += 1;
        }
    }
}

/// Whether the first segment is a name with two dots behind it (`/static../x`): where a server puts
/// a directory in place of the name, the dots climb out of it.
fn leaves_alias(path: &[Unit]) -> bool {
    let mut segments = path.split(|unit| is_slash(unit.byte));
    let first = segments.nth(1).unwrap_or_default();
    let is_of_name = |unit: &Unit| unit.byte.is_ascii_alphanumeric() || b"-_".contains(&unit.byte);
    let named = first.iter().take_while(|unit| is_of_name(unit)).count();
    let is_left = first.len() == named + 2 && first.iter().skip(named).all(|unit| unit.byte == b'.');
    named > 0 && is_left && segments.next().is_some_and(|behind| !behind.is_empty())
}

/// Servers cut parameters off a segment (`..;x`), and a path may follow a scheme or a parameter (`file:..`).
fn kind(segment: &[Unit]) -> Segment {
    let is_mark = |unit: &Unit| matches!(unit.byte, b';' | b':');
    let first = segment.split(is_mark).next().unwrap_or_default();
    let last = segment.rsplit(is_mark).next().unwrap_or_default();
    let is_dots = |part: &&[Unit]| !part.is_empty() && part.iter().all(|unit| unit.byte == b'.');
    match [first, last].into_iter().find(is_dots) {
        Some(part) => Segment::Dots(part.len()),
        None if segment.is_empty() => Segment::Empty,
        None => Segment::Name,
    }
}
